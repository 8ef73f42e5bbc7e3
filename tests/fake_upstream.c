/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/fake_upstream.h"

#include <arpa/inet.h>
#include <assert.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    CONNECTIONS_MAX = 1024
};

struct fake {
    fake_script *script;
    uint16_t port;
    pthread_t acceptor;
    pthread_mutex_t lock; /* for all that follows */
    int listen_fd;        /* -1: closed */
    pthread_cond_t changed;
    bool stopping;
    unsigned signals;
    unsigned connection_count;
    unsigned request_count;
    unsigned send_count;
    unsigned closed_count;
    struct fake_connection *connections[CONNECTIONS_MAX];
    pthread_t threads[CONNECTIONS_MAX];
    const char *given;
    size_t given_len;
    char last_head[FAKE_TEXT_SIZE];
    size_t last_len;
    uint64_t last_sum;
};

static void *serve(void *arg)
{
    struct fake_connection *c = arg;

    c->fake->script(c);
    /* The descriptor stays ours until fake_stop(), which may be about to cut it. */
    shutdown(c->fd, SHUT_RDWR);
    pthread_mutex_lock(&c->fake->lock);
    c->fake->closed_count++;
    pthread_mutex_unlock(&c->fake->lock);
    return NULL;
}

static void *accept_all(void *arg)
{
    struct fake *f = arg;
    int listen_fd;

    pthread_mutex_lock(&f->lock);
    listen_fd = f->listen_fd;
    pthread_mutex_unlock(&f->lock);
    for (;;) {
        const int fd = accept4(listen_fd, NULL, NULL, SOCK_CLOEXEC);
        struct fake_connection *c;

        if (fd < 0)
            return NULL;
        c = calloc(1, sizeof(*c));
        assert(c != NULL);
        c->fake = f;
        c->fd = fd;
        pthread_mutex_lock(&f->lock);
        assert(f->connection_count < CONNECTIONS_MAX);
        f->connections[f->connection_count] = c;
        c->number = f->connection_count + 1;
        if (f->stopping)
            shutdown(fd, SHUT_RDWR);
        if (pthread_create(&f->threads[f->connection_count], NULL, serve, c) != 0)
            abort();
        f->connection_count++;
        pthread_mutex_unlock(&f->lock);
    }
}

struct fake *fake_start(fake_script *script)
{
    struct fake *f = calloc(1, sizeof(*f));
    struct sockaddr_in a = {.sin_family = AF_INET};
    socklen_t len = sizeof(a);

    assert(f != NULL);
    f->script = script;
    a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    f->listen_fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (f->listen_fd < 0 || bind(f->listen_fd, (struct sockaddr *)&a, len) != 0 ||
        listen(f->listen_fd, CONNECTIONS_MAX) != 0 ||
        getsockname(f->listen_fd, (struct sockaddr *)&a, &len) != 0)
        abort();
    f->port = ntohs(a.sin_port);
    pthread_mutex_init(&f->lock, NULL);
    pthread_cond_init(&f->changed, NULL);
    if (pthread_create(&f->acceptor, NULL, accept_all, f) != 0)
        abort();
    return f;
}

void fake_refuse(struct fake *f)
{
    int fd;

    pthread_mutex_lock(&f->lock);
    fd = f->listen_fd;
    f->listen_fd = -1;
    pthread_mutex_unlock(&f->lock);
    if (fd < 0)
        return;
    shutdown(fd, SHUT_RDWR); /* accept() returns */
    pthread_join(f->acceptor, NULL);
    close(fd);
}

void fake_stop(struct fake *f)
{
    pthread_mutex_lock(&f->lock);
    f->stopping = true;
    for (unsigned i = 0; i < f->connection_count; i++)
        shutdown(f->connections[i]->fd, SHUT_RDWR);
    pthread_cond_broadcast(&f->changed);
    pthread_mutex_unlock(&f->lock);
    fake_refuse(f);
    for (unsigned i = 0; i < f->connection_count; i++) {
        pthread_join(f->threads[i], NULL);
        close(f->connections[i]->fd);
        free(f->connections[i]);
    }
    pthread_cond_destroy(&f->changed);
    pthread_mutex_destroy(&f->lock);
    free(f);
}

uint16_t fake_port(const struct fake *f)
{
    return f->port;
}

static unsigned locked(struct fake *f, const unsigned *count)
{
    unsigned value;

    pthread_mutex_lock(&f->lock);
    value = *count;
    pthread_mutex_unlock(&f->lock);
    return value;
}

unsigned fake_connections(struct fake *f)
{
    return locked(f, &f->connection_count);
}

unsigned fake_requests(struct fake *f)
{
    return locked(f, &f->request_count);
}

unsigned fake_sends(struct fake *f)
{
    return locked(f, &f->send_count);
}

unsigned fake_closed(struct fake *f)
{
    return locked(f, &f->closed_count);
}

void fake_last(struct fake *f, char head[FAKE_TEXT_SIZE], size_t *len, uint64_t *sum)
{
    pthread_mutex_lock(&f->lock);
    memcpy(head, f->last_head, FAKE_TEXT_SIZE);
    *len = f->last_len;
    *sum = f->last_sum;
    pthread_mutex_unlock(&f->lock);
}

/* Reads until the empty line; false: the peer is gone, or sends too much. */
static bool read_head(struct fake_connection *c)
{
    for (;;) {
        const char *end = memmem(c->text, c->held, "\r\n\r\n", 4);
        ssize_t got;

        if (end != NULL) {
            c->head_len = (size_t)(end - c->text) + 4;
            return true;
        }
        got = recv(c->fd, c->text + c->held, sizeof(c->text) - c->held, 0);
        if (got <= 0)
            return false;
        c->held += (size_t)got;
    }
}

static size_t announced(const struct fake_connection *c)
{
    static const char name[] = "\r\nContent-Length: ";
    const char *at = memmem(c->text, c->head_len, name, sizeof(name) - 1);

    return at == NULL ? 0 : (size_t)strtoull(at + sizeof(name) - 1, NULL, 10);
}

bool fake_read(struct fake_connection *c)
{
    char piece[4096];
    uint64_t sum = 0;
    size_t seen = 0;

    if (!read_head(c))
        return false;
    c->body_len = announced(c);
    for (; seen < c->body_len && c->head_len + seen < c->held; seen++)
        sum += (seen + 1) * (unsigned char)c->text[c->head_len + seen];
    while (seen < c->body_len) {
        const size_t left = c->body_len - seen;
        const ssize_t got =
            recv(c->fd, piece, left < sizeof(piece) ? left : sizeof(piece), 0);

        if (got <= 0)
            return false;
        for (ssize_t i = 0; i < got; i++, seen++)
            sum += (seen + 1) * (unsigned char)piece[i];
    }
    pthread_mutex_lock(&c->fake->lock);
    memset(c->fake->last_head, 0, sizeof(c->fake->last_head));
    memcpy(c->fake->last_head, c->text, c->head_len);
    c->fake->last_len = c->body_len;
    c->fake->last_sum = sum;
    c->fake->request_count++;
    pthread_mutex_unlock(&c->fake->lock);
    /* One request at a time is all that a client without pipelining sends. */
    c->held = 0;
    return true;
}

void fake_send(struct fake_connection *c, const void *bytes, size_t len)
{
    const char *at = bytes;

    while (len > 0) {
        const ssize_t done = send(c->fd, at, len, MSG_NOSIGNAL);

        if (done <= 0)
            return;
        at += done;
        len -= (size_t)done;
    }
    pthread_mutex_lock(&c->fake->lock);
    c->fake->send_count++;
    pthread_mutex_unlock(&c->fake->lock);
}

void fake_say(struct fake_connection *c, const char *text)
{
    fake_send(c, text, strlen(text));
}

void fake_give(struct fake *f, const char *text, size_t len)
{
    pthread_mutex_lock(&f->lock);
    f->given = text;
    f->given_len = len;
    pthread_mutex_unlock(&f->lock);
}

const char *fake_given(struct fake_connection *c, size_t *len)
{
    const char *text;

    pthread_mutex_lock(&c->fake->lock);
    text = c->fake->given;
    *len = c->fake->given_len;
    pthread_mutex_unlock(&c->fake->lock);
    return text;
}

void fake_wait_closed(struct fake_connection *c)
{
    char piece[4096];

    while (recv(c->fd, piece, sizeof(piece), 0) > 0)
        ;
}

void fake_wait_signal(struct fake_connection *c)
{
    struct fake *f = c->fake;

    pthread_mutex_lock(&f->lock);
    while (f->signals == 0 && !f->stopping)
        pthread_cond_wait(&f->changed, &f->lock);
    if (f->signals > 0)
        f->signals--;
    pthread_mutex_unlock(&f->lock);
}

void fake_signal(struct fake *f)
{
    pthread_mutex_lock(&f->lock);
    f->signals++;
    pthread_cond_broadcast(&f->changed);
    pthread_mutex_unlock(&f->lock);
}
