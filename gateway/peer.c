/* SPDX-License-Identifier: Apache-2.0 */
/* Addresses of the server's side: listening, who a connection comes from, whom a
 * trusted proxy speaks for, and how many connections there are in all and per address.
 * Not for the addresses that we call: those are in address.c. */
#include "gateway/peer.h"

#include "base/map.h"
#include "base/metric.h"

#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    BACKLOG = 1024,
    ADDRESS_LEN = 16,
    MAPPED_BITS = 96,   /* of ::ffff:0:0/96, where the addresses of IPv4 lie */
    NETWORK6_BITS = 64, /* what one customer of IPv6 has at least: counts as one */
    FORWARDED_HOPS_MAX = 16
};

/* ---- Listening ---- */

static enum rc parse_port(uint16_t *port, struct slice text)
{
    uint64_t number;

    TRY(slice_to_u64(&number, text));
    if (number > UINT16_MAX)
        return RC_BAD_INPUT;
    *port = (uint16_t)number;
    return RC_OK;
}

static enum rc parse_listen(struct sockaddr_storage *out, socklen_t *len,
                            const char *address)
{
    struct slice text = slice_str(address);
    struct sockaddr_in *in = (struct sockaddr_in *)out;
    struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)out;
    const char *colon = address == NULL ? NULL : strrchr(address, ':');
    char host[INET6_ADDRSTRLEN];
    uint16_t port;
    size_t host_len;

    if (colon == NULL)
        return RC_BAD_INPUT;
    host_len = (size_t)(colon - address);
    TRY(parse_port(&port, slice_sub(text, host_len + 1, text.len)));
    memset(out, 0, sizeof(*out));
    if (host_len >= 2 && address[0] == '[' && colon[-1] == ']') {
        TRY(slice_to_cstr(host, sizeof(host), slice_sub(text, 1, host_len - 2)));
        in6->sin6_family = AF_INET6;
        in6->sin6_port = htons(port);
        *len = sizeof(*in6);
        return inet_pton(AF_INET6, host, &in6->sin6_addr) == 1 ? RC_OK : RC_BAD_INPUT;
    }
    TRY(slice_to_cstr(host, sizeof(host), slice_sub(text, 0, host_len)));
    in->sin_family = AF_INET;
    in->sin_port = htons(port);
    *len = sizeof(*in);
    return inet_pton(AF_INET, host, &in->sin_addr) == 1 ? RC_OK : RC_BAD_INPUT;
}

static enum rc rc_of_bind(void)
{
    switch (errno) {
    case EADDRINUSE:
        return RC_CONFLICT;
    case EACCES:
        return RC_FORBIDDEN;
    case EMFILE:
    case ENFILE:
    case ENOBUFS:
    case ENOMEM:
        return RC_BUSY;
    default: /* no such address here, family not supported */
        return RC_BAD_INPUT;
    }
}

/* SO_REUSEADDR does not let two listeners on one port; it only forgives what is left of
 * the connections of the process before us. */
static enum rc bind_and_listen(int fd, struct sockaddr_storage *at, socklen_t *len)
{
    const int on = 1;

    if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) != 0 ||
        bind(fd, (struct sockaddr *)at, *len) != 0 || listen(fd, BACKLOG) != 0 ||
        getsockname(fd, (struct sockaddr *)at, len) != 0)
        return rc_of_bind();
    return RC_OK;
}

enum rc server_listen(int *fd, uint16_t *port, const char *address)
{
    struct sockaddr_storage at;
    socklen_t len;
    enum rc rc;
    int s;

    TRY(parse_listen(&at, &len, address));
    s = socket(at.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (s < 0)
        return rc_of_bind();
    rc = bind_and_listen(s, &at, &len);
    if (rc != RC_OK) {
        close(s);
        return rc;
    }
    *port = ntohs(at.ss_family == AF_INET6 ? ((struct sockaddr_in6 *)&at)->sin6_port
                                           : ((struct sockaddr_in *)&at)->sin_port);
    *fd = s;
    return RC_OK;
}

/* ---- Trusted proxies ---- */

static void map_address4(uint8_t out[ADDRESS_LEN], const struct in_addr *in)
{
    memset(out, 0, 10);
    out[10] = 0xff;
    out[11] = 0xff;
    memcpy(out + 12, in, 4);
}

/* An address alone. */
static enum rc parse_address(uint8_t out[ADDRESS_LEN], bool *is4, struct slice text)
{
    char copy[INET6_ADDRSTRLEN];
    struct in_addr in;

    TRY(slice_to_cstr(copy, sizeof(copy), text));
    *is4 = inet_pton(AF_INET, copy, &in) == 1;
    if (*is4) {
        map_address4(out, &in);
        return RC_OK;
    }
    return inet_pton(AF_INET6, copy, out) == 1 ? RC_OK : RC_BAD_INPUT;
}

/* "ADDR" or "ADDR/BITS". */
static enum rc parse_range(struct peer_range *r, struct slice text)
{
    size_t slash = slice_find(text, '/');
    uint64_t bits;
    bool is4;

    TRY(parse_address(r->first, &is4, slice_sub(text, 0, slash)));
    r->bits = ADDRESS_LEN * 8;
    if (slash == text.len)
        return RC_OK;
    TRY(slice_to_u64(&bits, slice_sub(text, slash + 1, text.len)));
    if (bits > (is4 ? 32 : 128))
        return RC_BAD_INPUT;
    r->bits = (unsigned)bits + (is4 ? MAPPED_BITS : 0);
    return RC_OK;
}

enum rc trust_open(struct trust *t, const char *const *texts, size_t count)
{
    memset(t, 0, sizeof(*t));
    if (count == 0)
        return RC_OK;
    t->ranges = calloc(count, sizeof(t->ranges[0]));
    if (t->ranges == NULL)
        return RC_NOMEM;
    for (size_t i = 0; i < count; i++) {
        if (strcmp(texts[i], "unix") == 0) {
            t->local = true;
            continue;
        }
        if (parse_range(&t->ranges[t->count], slice_str(texts[i])) != RC_OK) {
            trust_close(t);
            return RC_BAD_INPUT;
        }
        t->count++;
    }
    return RC_OK;
}

void trust_close(struct trust *t)
{
    free(t->ranges);
    memset(t, 0, sizeof(*t));
}

static bool in_range(const uint8_t address[ADDRESS_LEN], const struct peer_range *r)
{
    const unsigned whole = r->bits / 8;
    const unsigned rest = r->bits % 8;

    return memcmp(address, r->first, whole) == 0 &&
           (rest == 0 || (address[whole] ^ r->first[whole]) >> (8 - rest) == 0);
}

static bool is_trusted(const uint8_t address[ADDRESS_LEN], const struct trust *t)
{
    for (size_t i = 0; i < t->count; i++) {
        if (in_range(address, &t->ranges[i]))
            return true;
    }
    return false;
}

/* ---- Peers ---- */

static void print_address(char *out, size_t size, const uint8_t address[ADDRESS_LEN])
{
    const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};
    const bool is4 = memcmp(address, mapped, sizeof(mapped)) == 0;

    if (inet_ntop(is4 ? AF_INET : AF_INET6, is4 ? address + 12 : address, out,
                  (socklen_t)size) == NULL)
        out[0] = '\0';
}

void peer_read(struct peer *p, const struct sockaddr_storage *from,
               const struct trust *t)
{
    memset(p, 0, sizeof(*p));
    switch (from->ss_family) {
    case AF_INET:
        map_address4(p->address, &((const struct sockaddr_in *)from)->sin_addr);
        break;
    case AF_INET6:
        memcpy(p->address, &((const struct sockaddr_in6 *)from)->sin6_addr,
               ADDRESS_LEN);
        break;
    default:
        p->local = true;
        p->trusted = t->local;
        memcpy(p->text, "unix", sizeof("unix"));
        return;
    }
    p->trusted = is_trusted(p->address, t);
    print_address(p->text, sizeof(p->text), p->address);
}

/* One entry of X-Forwarded-For. Some proxies add the port. */
static enum rc parse_hop(uint8_t out[ADDRESS_LEN], struct slice text)
{
    bool is4;
    size_t end;

    text = slice_trim(text);
    if (text.len > 0 && text.bytes[0] == '[') {
        end = slice_find(text, ']');
        return end == text.len ? RC_BAD_INPUT
                               : parse_address(out, &is4, slice_sub(text, 1, end - 1));
    }
    if (parse_address(out, &is4, text) == RC_OK)
        return RC_OK;
    return parse_address(out, &is4, slice_sub(text, 0, slice_find(text, ':')));
}

/* Cuts the last entry off the end of *list. */
static struct slice last_hop(struct slice *list)
{
    size_t start = list->len;
    struct slice hop;

    while (start > 0 && list->bytes[start - 1] != ',')
        start--;
    hop = slice_sub(*list, start, list->len);
    *list = slice_sub(*list, 0, start > 0 ? start - 1 : 0);
    return hop;
}

/* From the end, where our own proxy wrote, as far as those who wrote are trusted. The
 * beginning is whatever the client made up. Returns false to stop. */
static bool walk_hops(struct http_request *q, struct slice list, const struct trust *t,
                      unsigned *left)
{
    uint8_t address[ADDRESS_LEN];

    while (list.len > 0) {
        if ((*left)-- == 0 || parse_hop(address, last_hop(&list)) != RC_OK)
            return false; /* the hop behind it is the last that we know of */
        print_address(q->address, sizeof(q->address), address);
        if (!is_trusted(address, t))
            return false;
    }
    return true;
}

void peer_client(struct http_request *q, const struct peer *p, const struct trust *t)
{
    unsigned left = FORWARDED_HOPS_MAX;

    memcpy(q->address, p->text, sizeof(q->address));
    if (!p->trusted)
        return;
    for (size_t i = q->header_count; i > 0; i--) {
        const struct http_header *f = &q->headers[i - 1];

        if (slice_equal_nocase(f->name, SLICE("x-forwarded-for")) &&
            !walk_hops(q, f->value, t, &left))
            return;
    }
}

/* ---- Counts ---- */

struct address_count {
    uint8_t key[ADDRESS_LEN];
    uint64_t count;
};

/* A lock, and not a message to one loop, because the verdict is needed before the
 * socket is kept; it is taken twice in a connection's life and held for one look-up. */
struct server_shared {
    uint64_t limit, per_address;
    _Atomic uint64_t count;
    pthread_mutex_t lock;
    struct map *addresses; /* of struct address_count; NULL: not counted */
    struct server_metrics metrics;
};

static void open_metrics(struct server_metrics *m)
{
    m->connections =
        metric_gauge("octroi_connections", NULL, "Open client connections.");
    m->turned_away = metric_counter("octroi_connections_turned_away_total", NULL,
                                    "Connections closed at once: a limit was reached.");
    m->evicted = metric_counter("octroi_connections_evicted_total", NULL,
                                "Idle connections closed to make room for new ones.");
    m->refused = metric_counter("octroi_requests_malformed_total", NULL,
                                "Requests that the guard refused.");
    m->cut = metric_counter("octroi_connections_cut_total", NULL,
                            "Connections cut because a deadline had passed.");
}

enum rc server_shared_open(struct server_shared **out, uint64_t connections,
                           uint64_t per_address)
{
    struct server_shared *s = calloc(1, sizeof(*s));

    if (s == NULL)
        return RC_NOMEM;
    s->limit = connections;
    s->per_address = per_address;
    if (per_address > 0 && map_open(&s->addresses, connections) != RC_OK) {
        free(s);
        return RC_NOMEM;
    }
    pthread_mutex_init(&s->lock, NULL);
    open_metrics(&s->metrics);
    *out = s;
    return RC_OK;
}

void server_shared_close(struct server_shared *s)
{
    if (s == NULL)
        return;
    assert(s->count == 0);
    assert(s->addresses == NULL || map_count(s->addresses) == 0);
    map_close(s->addresses);
    pthread_mutex_destroy(&s->lock);
    free(s);
}

const struct server_metrics *server_shared_metrics(const struct server_shared *s)
{
    return &s->metrics;
}

/* A proxy brings the connections of many. */
static bool counts_by_address(const struct server_shared *s, const struct peer *p)
{
    return s->addresses != NULL && !p->local && !p->trusted;
}

static struct slice address_key(uint8_t key[ADDRESS_LEN], const struct peer *p)
{
    const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};

    memcpy(key, p->address, ADDRESS_LEN);
    if (memcmp(key, mapped, sizeof(mapped)) != 0)
        memset(key + NETWORK6_BITS / 8, 0, ADDRESS_LEN - NETWORK6_BITS / 8);
    return slice_from((const char *)key, ADDRESS_LEN);
}

static enum rc new_address(struct map *m, const uint8_t key[ADDRESS_LEN])
{
    struct address_count *a = calloc(1, sizeof(*a));
    enum rc rc;

    if (a == NULL)
        return RC_NOMEM;
    memcpy(a->key, key, ADDRESS_LEN);
    a->count = 1;
    rc = map_put(m, slice_from((const char *)a->key, ADDRESS_LEN), a);
    if (rc != RC_OK)
        free(a);
    return rc;
}

static enum rc address_in(struct server_shared *s, const struct peer *p)
{
    uint8_t key[ADDRESS_LEN];
    struct address_count *a;
    struct slice k = address_key(key, p);
    enum rc rc = RC_OK;

    pthread_mutex_lock(&s->lock);
    a = map_get(s->addresses, k);
    if (a == NULL)
        rc = new_address(s->addresses, key);
    else if (a->count >= s->per_address)
        rc = RC_RATE;
    else
        a->count++;
    pthread_mutex_unlock(&s->lock);
    return rc;
}

static void address_out(struct server_shared *s, const struct peer *p)
{
    uint8_t key[ADDRESS_LEN];
    struct address_count *a;
    struct slice k = address_key(key, p);

    pthread_mutex_lock(&s->lock);
    a = map_get(s->addresses, k);
    assert(a != NULL && a->count > 0);
    a->count--;
    if (a->count == 0) {
        map_remove(s->addresses, k);
        free(a);
    }
    pthread_mutex_unlock(&s->lock);
}

enum rc peer_count_in(struct server_shared *s, const struct peer *p)
{
    enum rc rc = RC_OK;

    if (atomic_fetch_add(&s->count, 1) >= s->limit) {
        atomic_fetch_sub(&s->count, 1);
        return RC_BUSY;
    }
    if (counts_by_address(s, p))
        rc = address_in(s, p);
    if (rc != RC_OK) {
        atomic_fetch_sub(&s->count, 1);
        return rc;
    }
    metric_add(s->metrics.connections, 1);
    return RC_OK;
}

void peer_count_out(struct server_shared *s, const struct peer *p)
{
    if (counts_by_address(s, p))
        address_out(s, p);
    atomic_fetch_sub(&s->count, 1);
    metric_sub(s->metrics.connections, 1);
}
