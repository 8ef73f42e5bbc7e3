/* SPDX-License-Identifier: Apache-2.0 */
/* An EVM node for the payment series of the benchmark, which must cost as little as
 * possible itself: `node PORT`. Of chain 84532; everybody is rich; every transaction is
 * mined at once, in a block of its own, and its receipt has the Transfer that its call
 * data asks for (transferWithAuthorization with v, r and s). Knows how octroi and viem
 * write JSON-RPC and nothing else; loopback only, and no test of anything. */
#include "base/codec.h"
#include "base/keccak.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum {
    REQUEST_MAX = 2 << 20,
    ANSWER_MAX = 4 << 20,
    EVENTS = 64,
    KEPT = 65536, /* receipts: they are asked for soon or never */
    RAW_MAX = 1024,
    HASH = 64, /* digits */
    WORD = 64
};

#define USDC     "0x036cbd53842c5426634e7929541ec2318f3dcf7e"
#define TRANSFER "0xddf252ad1be2c89b69c2b068fc378daa952ba7f163c4a11628f55a4df523b3ef"
#define USED     "0x98de503528ee59b575ef0c0a2576a82497bfc029a5685b209e9ec333479b10a5"
#define SELECTOR "e3ee160e"

static struct {
    char hash[HASH + 1];
    char from[WORD + 1], to[WORD + 1], value[WORD + 1], nonce[WORD + 1];
    unsigned long height;
} kept[KEPT];

static unsigned long height = 100;
static unsigned long sent;
static char answer[ANSWER_MAX];
static size_t answer_len;

static _Noreturn void fail(const char *what)
{
    perror(what);
    exit(1);
}

static void say(const char *format, ...) __attribute__((format(printf, 1, 2)));

static void say(const char *format, ...)
{
    va_list args;

    va_start(args, format);
    answer_len +=
        (size_t)vsnprintf(answer + answer_len, ANSWER_MAX - answer_len, format, args);
    va_end(args);
}

/* ---- The chain ---- */

/* "0x.." of a transaction: its hash, and what it moves. */
static void mine(const char *text)
{
    static uint8_t raw[RAW_MAX];
    const size_t digits = strspn(text + 2, "0123456789abcdef");
    const char *call = strstr(text, SELECTOR);
    uint8_t digest[32];
    const unsigned long slot = sent++ % KEPT;

    if (digits / 2 > RAW_MAX || call == NULL ||
        hex_decode(raw, digits / 2, slice_from(text + 2, digits)) != RC_OK)
        fail("a transaction of another kind");
    keccak256(digest, raw, digits / 2);
    hex_encode(kept[slot].hash, digest, sizeof(digest));
    call += strlen(SELECTOR);
    memcpy(kept[slot].from, call, WORD);
    memcpy(kept[slot].to, call + WORD, WORD);
    memcpy(kept[slot].value, call + 2 * WORD, WORD);
    memcpy(kept[slot].nonce, call + 5 * WORD, WORD);
    kept[slot].height = ++height;
    say("\"0x%s\"", kept[slot].hash);
}

static void tell_receipt(const char *hash)
{
    for (unsigned long back = 1; back <= KEPT && back <= sent; back++) {
        const unsigned long slot = (sent - back) % KEPT;

        if (memcmp(kept[slot].hash, hash, HASH) != 0)
            continue;
        say("{\"status\":\"0x1\",\"type\":\"0x2\",\"transactionHash\":\"0x%s\","
            "\"transactionIndex\":\"0x0\",\"blockHash\":\"0x%064lx\",\"blockNumber\":"
            "\"0x%lx\",\"gasUsed\":\"0x10b94\",\"effectiveGasPrice\":\"0xf4240\","
            "\"to\":\"" USDC "\",\"logs\":[{\"address\":\"" USDC
            "\",\"topics\":[\"" USED
            "\",\"0x%s\",\"0x%s\"],\"data\":\"0x\",\"logIndex\":"
            "\"0x0\",\"removed\":false,\"transactionHash\":\"0x%s\",\"blockNumber\":"
            "\"0x%lx\"},{\"address\":\"" USDC "\",\"topics\":[\"" TRANSFER
            "\",\"0x%s\",\"0x%s\"],\"data\":\"0x%s\","
            "\"logIndex\":\"0x1\",\"removed\":false,\"transactionHash\":\"0x%s\","
            "\"blockNumber\":\"0x%lx\"}]}",
            kept[slot].hash, kept[slot].height, kept[slot].height, kept[slot].from,
            kept[slot].nonce, kept[slot].hash, kept[slot].height, kept[slot].from,
            kept[slot].to, kept[slot].value, kept[slot].hash, kept[slot].height);
        return;
    }
    say("null");
}

static void tell_block(void)
{
    say("{\"number\":\"0x%lx\",\"hash\":\"0x%064lx\",\"parentHash\":\"0x%064lx\","
        "\"timestamp\":\"0x%lx\",\"baseFeePerGas\":\"0xf4240\",\"gasLimit\":"
        "\"0x1c9c380\",\"gasUsed\":\"0x0\",\"transactions\":[]}",
        height, height, height - 1, (unsigned long)time(NULL));
}

/* balanceOf() and allowance(): enough for everything. */
static void tell_call(const char *params)
{
    const bool rich =
        strstr(params, "0x70a08231") != NULL || strstr(params, "0xdd62ed3e") != NULL;

    say("\"0x%064lx\"", rich ? 1000000000000000UL : 0UL);
}

static void tell_code(const char *params)
{
    say("\"%s\"", strcasestr(params, USDC) != NULL ? "0x60" : "0x");
}

static void tell_constant(const char *method)
{
    static const char *const constants[][2] = {
        {"eth_chainId", "0x14a34"},
        {"eth_estimateGas", "0x15f90"},
        {"eth_maxPriorityFeePerGas", "0x3e8"},
        {"eth_gasPrice", "0xf4240"},
        {"eth_getBalance", "0x3635c9adc5dea00000"},
    };

    for (size_t i = 0; i < sizeof(constants) / sizeof(constants[0]); i++)
        if (strncmp(method, constants[i][0], strlen(constants[i][0])) == 0) {
            say("\"%s\"", constants[i][1]);
            return;
        }
    say("null");
}

/* ---- JSON-RPC ---- */

/* One call: ends at `end`. */
static void answer_call(char *call, char *end)
{
    const char *id = strstr(call, "\"id\":");
    const char *method = strstr(call, "\"method\":\"");
    const char *params = strstr(call, "\"params\":");
    const char saved = *end;

    *end = '\0';
    if (id == NULL || method == NULL)
        fail("a call of another form");
    if (params == NULL)
        params = "";
    method += strlen("\"method\":\"");
    say("{\"jsonrpc\":\"2.0\",\"id\":%ld,\"result\":", strtol(id + 5, NULL, 10));
    if (strncmp(method, "eth_sendRawTransaction", 22) == 0)
        mine(strstr(params, "0x"));
    else if (strncmp(method, "eth_getTransactionReceipt", 25) == 0)
        tell_receipt(strstr(params, "0x") + 2);
    else if (strncmp(method, "eth_getBlockByNumber", 20) == 0)
        tell_block();
    else if (strncmp(method, "eth_getTransactionCount", 23) == 0)
        say("\"0x%lx\"", sent);
    else if (strncmp(method, "eth_getCode", 11) == 0)
        tell_code(params);
    else if (strncmp(method, "eth_call", 8) == 0)
        tell_call(params);
    else
        tell_constant(method);
    say("}");
    *end = saved;
}

/* The end of a JSON object; texts of ours have no braces. */
static char *object_end(char *at)
{
    int depth = 0;

    for (; *at != '\0'; at++) {
        depth += (*at == '{') - (*at == '}');
        if (depth == 0)
            return at + 1;
    }
    fail("half a call");
}

static void answer_body(char *body)
{
    const bool batch = *body == '[';
    bool first = true;

    answer_len = 0;
    if (batch)
        say("[");
    for (char *at = strchr(body, '{'); at != NULL; at = strchr(at, '{')) {
        char *end = object_end(at);

        if (!first)
            say(",");
        first = false;
        answer_call(at, end);
        at = end;
    }
    if (batch)
        say("]");
}

/* ---- HTTP ---- */

struct client {
    int fd;
    size_t len;
    char bytes[REQUEST_MAX + 1];
};

static void send_all(int fd, const char *bytes, size_t len)
{
    while (len > 0) {
        const ssize_t n = send(fd, bytes, len, MSG_NOSIGNAL);

        if (n < 0 && errno != EINTR)
            return;
        if (n > 0) {
            bytes += n;
            len -= (size_t)n;
        }
    }
}

/* Answers the first request, if all of it is here. Its length, or 0. */
static size_t answer_first(struct client *c)
{
    char *end = strstr(c->bytes, "\r\n\r\n");
    const char *length = strcasestr(c->bytes, "\r\ncontent-length:");
    char head[128];
    size_t len;
    char saved;

    if (end == NULL || length == NULL)
        return 0;
    end += 4;
    len = (size_t)(end - c->bytes) + strtoul(length + 17, NULL, 10);
    if (c->len < len)
        return 0;
    saved = c->bytes[len];
    c->bytes[len] = '\0';
    answer_body(end);
    c->bytes[len] = saved;
    send_all(c->fd, head,
             (size_t)snprintf(head, sizeof(head),
                              "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
                              "Content-Length: %zu\r\n\r\n",
                              answer_len));
    send_all(c->fd, answer, answer_len);
    return len;
}

static void client_ready(struct client *c)
{
    const ssize_t n =
        recv(c->fd, c->bytes + c->len, REQUEST_MAX - c->len, MSG_DONTWAIT);
    size_t len;

    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (n <= 0) {
        close(c->fd);
        free(c);
        return;
    }
    c->len += (size_t)n;
    c->bytes[c->len] = '\0';
    while ((len = answer_first(c)) > 0) {
        c->len -= len;
        memmove(c->bytes, c->bytes + len, c->len + 1);
    }
}

static void take_client(int epoll_fd, int listen_fd)
{
    const int fd = accept4(listen_fd, NULL, NULL, SOCK_CLOEXEC);
    struct client *c = calloc(1, sizeof(*c));
    struct epoll_event e = {.events = EPOLLIN, .data.ptr = c};
    const int on = 1;

    if (fd < 0 || c == NULL ||
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)) != 0)
        fail("accept");
    c->fd = fd;
    if (epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &e) != 0)
        fail("epoll_ctl");
}

int main(int argc, char **argv)
{
    const struct sockaddr_in at = {
        .sin_family = AF_INET,
        .sin_port = htons((uint16_t)strtoul(argc == 2 ? argv[1] : "0", NULL, 10)),
        .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    const int listen_fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const int epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    const int on = 1;
    struct epoll_event events[EVENTS];
    struct epoll_event e = {.events = EPOLLIN, .data.ptr = NULL};

    if (argc != 2 ||
        setsockopt(listen_fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) != 0 ||
        bind(listen_fd, (const struct sockaddr *)&at, sizeof(at)) != 0 ||
        listen(listen_fd, EVENTS) != 0 ||
        epoll_ctl(epoll_fd, EPOLL_CTL_ADD, listen_fd, &e) != 0)
        fail("node PORT");
    puts("listening");
    if (fflush(stdout) != 0)
        fail("stdout");
    for (;;) {
        const int n = epoll_wait(epoll_fd, events, EVENTS, -1);

        for (int i = 0; i < n; i++) {
            if (events[i].data.ptr == NULL)
                take_client(epoll_fd, listen_fd);
            else
                client_ready(events[i].data.ptr);
        }
    }
}
