/* SPDX-License-Identifier: Apache-2.0 */
/* The other ends of the benchmark, which must cost as little as possible themselves:
 *
 *   peer port                        prints a port that is free now
 *   peer upstream PORT               answers requests: see answer()
 *   peer hold PORT COUNT FILE MODE   opens connections, sends FILE on each and keeps
 *                                    them: MODE "open" does not wait for answers,
 * "idle" reads one each. Says "held" when it is so far.
 *
 * Loopback only, and no test of anything: what it is sent is known. */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    REQUEST_MAX = 262144,
    EVENTS = 256,
    CHUNKS = 50,
    TEXT_LEN = 900,
    ANSWER_MAX = 2048,
    SOURCES = 200, /* addresses that connections come from: each has its own ports */
    BACKLOG = 4096
};

static _Noreturn void fail(const char *what)
{
    perror(what);
    exit(1);
}

static void no_delay(int fd)
{
    const int on = 1;

    if (setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)) != 0)
        fail("setsockopt");
}

static void raise_files(void)
{
    struct rlimit files;

    if (getrlimit(RLIMIT_NOFILE, &files) != 0)
        fail("getrlimit");
    files.rlim_cur = files.rlim_max;
    if (setrlimit(RLIMIT_NOFILE, &files) != 0)
        fail("setrlimit");
}

static struct sockaddr_in local(uint32_t host, const char *port)
{
    return (struct sockaddr_in){
        .sin_family = AF_INET,
        .sin_port = htons((uint16_t)strtoul(port, NULL, 10)),
        .sin_addr.s_addr = htonl(host),
    };
}

/* A send that cannot be finished is a client that does not read: not in this play. */
static void send_all(int fd, const char *bytes, size_t len)
{
    while (len > 0) {
        const ssize_t n = send(fd, bytes, len, MSG_NOSIGNAL);

        if (n < 0 && errno != EINTR)
            return; /* the connection's end is seen where it is read */
        if (n > 0) {
            bytes += n;
            len -= (size_t)n;
        }
    }
}

/* ---- The upstream ---- */

/* What one dialect answers: a whole answer of about 1 KB, and a stream in pieces. */
struct dialect {
    char whole[ANSWER_MAX];
    size_t whole_len;
    char begin[ANSWER_MAX];
    size_t begin_len;
    char chunk[ANSWER_MAX];
    size_t chunk_len;
    char end[ANSWER_MAX];
    size_t end_len;
};

static struct dialect chat, messages;

static size_t http_chunk(char *out, const char *data)
{
    const int n = snprintf(out, ANSWER_MAX, "%zx\r\n%s\r\n", strlen(data), data);

    return (size_t)n;
}

static size_t http_whole(char *out, const char *body)
{
    const int n = snprintf(out, ANSWER_MAX,
                           "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
                           "Content-Length: %zu\r\n\r\n%s",
                           strlen(body), body);

    return (size_t)n;
}

static void end_stream(struct dialect *d)
{
    memcpy(d->end + d->end_len, "0\r\n\r\n", 5);
    d->end_len += 5;
}

static void make_chat(const char *text)
{
    char body[ANSWER_MAX];

    (void)snprintf(body, sizeof(body),
                   "{\"id\":\"x\",\"object\":\"chat.completion\",\"created\":1,"
                   "\"model\":\"m\",\"choices\":[{\"index\":0,\"message\":{\"role\":"
                   "\"assistant\",\"content\":\"%s\"},\"finish_reason\":\"stop\"}],"
                   "\"usage\":{\"prompt_tokens\":200,\"completion_tokens\":225,"
                   "\"total_tokens\":425}}",
                   text);
    chat.whole_len = http_whole(chat.whole, body);
    chat.chunk_len = http_chunk(
        chat.chunk,
        "data: {\"id\":\"x\",\"object\":\"chat.completion.chunk\",\"created\":1,"
        "\"model\":\"m\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"word \"},"
        "\"finish_reason\":null}]}\n\n");
    chat.end_len = http_chunk(
        chat.end,
        "data: {\"id\":\"x\",\"object\":\"chat.completion.chunk\",\"created\":1,"
        "\"model\":\"m\",\"choices\":[],\"usage\":{\"prompt_tokens\":200,"
        "\"completion_tokens\":50,\"total_tokens\":250}}\n\ndata: [DONE]\n\n");
    end_stream(&chat);
}

static void make_messages(const char *text)
{
    char body[ANSWER_MAX];

    (void)snprintf(body, sizeof(body),
                   "{\"id\":\"msg_1\",\"type\":\"message\",\"role\":\"assistant\","
                   "\"model\":\"m\",\"content\":[{\"type\":\"text\",\"text\":\"%s\"}],"
                   "\"stop_reason\":\"end_turn\",\"stop_sequence\":null,"
                   "\"usage\":{\"input_tokens\":200,\"output_tokens\":225}}",
                   text);
    messages.whole_len = http_whole(messages.whole, body);
    messages.begin_len = http_chunk(
        messages.begin,
        "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"id\":"
        "\"msg_1\",\"type\":\"message\",\"role\":\"assistant\",\"model\":\"m\","
        "\"content\":[],\"stop_reason\":null,\"stop_sequence\":null,\"usage\":{"
        "\"input_tokens\":200,\"output_tokens\":1}}}\n\n"
        "event: content_block_start\ndata: {\"type\":\"content_block_start\",\"index\":"
        "0,\"content_block\":{\"type\":\"text\",\"text\":\"\"}}\n\n");
    messages.chunk_len = http_chunk(
        messages.chunk,
        "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":"
        "0,\"delta\":{\"type\":\"text_delta\",\"text\":\"word \"}}\n\n");
    messages.end_len = http_chunk(
        messages.end,
        "event: content_block_stop\ndata: {\"type\":\"content_block_stop\",\"index\":0}"
        "\n\nevent: message_delta\ndata: {\"type\":\"message_delta\",\"delta\":{"
        "\"stop_reason\":\"end_turn\",\"stop_sequence\":null},\"usage\":{"
        "\"output_tokens\":50}}\n\nevent: message_stop\ndata: {\"type\":"
        "\"message_stop\"}\n\n");
    end_stream(&messages);
}

static void make_answers(void)
{
    char text[TEXT_LEN + 1];

    memset(text, 'x', TEXT_LEN);
    text[TEXT_LEN] = '\0';
    make_chat(text);
    make_messages(text);
}

/* "/slow": never. "/sse": CHUNKS events, a packet each. All others: one whole answer.
 * What ends in "/messages" is answered as Anthropic does.
 */
static void answer(int fd, const char *request)
{
    static const char head[] = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
                               "Transfer-Encoding: chunked\r\n\r\n";
    const char *path = strchr(request, ' ');
    const char *version = strstr(request, " HTTP/1.1");
    const struct dialect *d = &chat;

    if (path == NULL || version == NULL || strncmp(path, " /slow", 6) == 0)
        return;
    if (version - path > 9 && strncmp(version - 9, "/messages", 9) == 0)
        d = &messages;
    if (strncmp(path, " /sse", 5) != 0) {
        send_all(fd, d->whole, d->whole_len);
        return;
    }
    send_all(fd, head, sizeof(head) - 1);
    if (d->begin_len > 0)
        send_all(fd, d->begin, d->begin_len);
    for (unsigned i = 0; i < CHUNKS; i++)
        send_all(fd, d->chunk, d->chunk_len);
    send_all(fd, d->end, d->end_len);
}

struct client {
    int fd;
    size_t len;
    char bytes[REQUEST_MAX + 1];
};

/* The length of the request at the start, or 0: not all of it is here. */
static size_t request_len(const struct client *c)
{
    const char *end = strstr(c->bytes, "\r\n\r\n");
    const char *length = strcasestr(c->bytes, "\r\ncontent-length:");
    size_t len;

    if (end == NULL)
        return 0;
    len = (size_t)(end - c->bytes) + 4;
    if (length != NULL && length < end)
        len += strtoul(length + strlen("\r\ncontent-length:"), NULL, 10);
    return c->len >= len ? len : 0;
}

static void client_close(struct client *c)
{
    close(c->fd);
    free(c);
}

static void client_ready(struct client *c)
{
    const ssize_t n =
        recv(c->fd, c->bytes + c->len, REQUEST_MAX - c->len, MSG_DONTWAIT);
    size_t len;

    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (n <= 0) {
        client_close(c);
        return;
    }
    c->len += (size_t)n;
    c->bytes[c->len] = '\0';
    while ((len = request_len(c)) > 0) {
        answer(c->fd, c->bytes);
        c->len -= len;
        memmove(c->bytes, c->bytes + len, c->len + 1);
    }
}

static void take_client(int epoll_fd, int listen_fd)
{
    const int fd = accept4(listen_fd, NULL, NULL, SOCK_CLOEXEC);
    struct client *c = calloc(1, sizeof(*c));
    struct epoll_event e = {.events = EPOLLIN, .data.ptr = c};

    if (fd < 0 || c == NULL)
        fail("accept");
    c->fd = fd;
    no_delay(fd);
    if (epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &e) != 0)
        fail("epoll_ctl");
}

static _Noreturn void upstream(const char *port)
{
    const struct sockaddr_in at = local(INADDR_LOOPBACK, port);
    const int listen_fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const int epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    const int on = 1;
    struct epoll_event events[EVENTS];
    struct epoll_event e = {.events = EPOLLIN, .data.ptr = NULL};

    make_answers();
    if (setsockopt(listen_fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) != 0 ||
        bind(listen_fd, (const struct sockaddr *)&at, sizeof(at)) != 0 ||
        listen(listen_fd, BACKLOG) != 0 ||
        epoll_ctl(epoll_fd, EPOLL_CTL_ADD, listen_fd, &e) != 0)
        fail("listen");
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

/* ---- Clients that hold ---- */

static size_t read_file(char *out, size_t size, const char *path)
{
    FILE *f = fopen(path, "r");
    size_t len;

    if (f == NULL)
        fail(path);
    len = fread(out, 1, size, f);
    (void)fclose(f);
    return len;
}

static int connect_from(unsigned index, const char *port)
{
    const struct sockaddr_in from = local(INADDR_LOOPBACK + index % SOURCES, "0");
    const struct sockaddr_in to = local(INADDR_LOOPBACK, port);
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (fd < 0 || bind(fd, (const struct sockaddr *)&from, sizeof(from)) != 0 ||
        connect(fd, (const struct sockaddr *)&to, sizeof(to)) != 0)
        fail("connect");
    no_delay(fd);
    return fd;
}

static void hold(const char *port, unsigned count, const char *path, bool answered)
{
    static char request[REQUEST_MAX];
    static char answers[REQUEST_MAX];
    const size_t len = read_file(request, sizeof(request), path);

    raise_files();
    for (unsigned i = 0; i < count; i++) {
        const int fd = connect_from(i, port);

        send_all(fd, request, len);
        if (answered && recv(fd, answers, sizeof(answers), 0) <= 0)
            fail("recv");
    }
    puts("held");
    if (fflush(stdout) != 0)
        fail("stdout");
    (void)pause(); /* the sockets close with the process */
}

static void print_free_port(void)
{
    struct sockaddr_in at = local(INADDR_LOOPBACK, "0");
    socklen_t len = sizeof(at);
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (fd < 0 || bind(fd, (const struct sockaddr *)&at, sizeof(at)) != 0 ||
        getsockname(fd, (struct sockaddr *)&at, &len) != 0)
        fail("bind");
    printf("%u\n", ntohs(at.sin_port));
}

int main(int argc, char **argv)
{
    if (argc == 2 && strcmp(argv[1], "port") == 0) {
        print_free_port();
        return 0;
    }
    if (argc == 3 && strcmp(argv[1], "upstream") == 0)
        upstream(argv[2]);
    if (argc == 6 && strcmp(argv[1], "hold") == 0) {
        hold(argv[2], (unsigned)strtoul(argv[3], NULL, 10), argv[4],
             strcmp(argv[5], "idle") == 0);
        return 0;
    }
    fputs("peer port | peer upstream PORT | peer hold PORT COUNT FILE open|idle\n",
          stderr);
    return 1;
}
