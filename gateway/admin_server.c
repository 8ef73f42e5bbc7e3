/* SPDX-License-Identifier: Apache-2.0 */
/* The admin API over HTTP: on the data folder's socket, for our own user and root, and
 * on a TCP address, for who has the token. A call may wait for the book, so each
 * connection has a thread of its own (few are allowed); none of it touches a loop. What
 * the calls do is admin.c's business. */
#include "gateway/admin.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/metric.h"
#include "base/secret.h"
#include "gateway/error.h"
#include "gateway/limiter.h"
#include "gateway/server.h"

#include <errno.h>
#include <fcntl.h>
#include <microhttpd.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    CONNECTIONS_MAX = 32,
    IDLE_TIMEOUT_S = 10,
    BODY_QUICK_MAX = 1 << 20,
    BODY_DEADLINE_MS = 30000,
    PACKAGE_DEADLINE_MS = 300000, /* 70 MiB over a slow line */
    METRICS_MAX = 4 << 20,
    GUESSES_PER_MINUTE = 10,
    ADDRESS_SIZE = 64,
    URI_MAX = 32768
};

/* A way in. */
struct door {
    struct admin_server *server;
    struct MHD_Daemon *daemon; /* NULL: closed */
    bool local;                /* the socket */
};

struct admin_server {
    struct admin *admin;
    struct limiter *limiter;
    struct secret *token;   /* NULL: nobody has it */
    char own[ADDRESS_SIZE]; /* the host of the TCP address, as configured */
    struct door socket;
    struct door address;
};

/* One request, from its first line until it is answered. */
struct admin_exchange {
    char *uri; /* raw, with the query */
    size_t body_max;
    struct buf body;
    uint64_t body_until_ms;
    bool started;
};

/* ---- Answers ---- */

struct kept {
    size_t len;
    char bytes[];
};

static void free_wiped(void *arg)
{
    struct kept *k = arg;

    secret_wipe(k->bytes, k->len);
    free(k);
}

/* Takes body. It may hold a key: both copies are wiped, this one when it is sent. */
static struct MHD_Response *response_of(struct buf *body)
{
    struct slice bytes = buf_slice(body);
    struct kept *k = malloc(sizeof(*k) + bytes.len);
    struct MHD_Response *response = NULL;

    if (k != NULL) {
        k->len = bytes.len;
        if (bytes.len > 0)
            memcpy(k->bytes, bytes.bytes, bytes.len);
        response = MHD_create_response_from_buffer_with_free_callback_cls(
            k->len, k->bytes, free_wiped, k);
        if (response == NULL)
            free_wiped(k);
    }
    buf_wipe(body);
    return response;
}

static enum MHD_Result answer(struct MHD_Connection *connection,
                              struct MHD_Response *response, unsigned status,
                              const char *content_type)
{
    enum MHD_Result result = MHD_YES;

    if (response == NULL)
        return MHD_NO;
    result &= MHD_add_response_header(response, "Content-Type", content_type);
    result &= MHD_add_response_header(response, "Cache-Control", "no-store");
    result &= MHD_add_response_header(response, "X-Content-Type-Options", "nosniff");
    if (status == 401)
        result &= MHD_add_response_header(response, "WWW-Authenticate", "Bearer");
    if (status == 429)
        result &= MHD_add_response_header(response, "Retry-After", "60");
    if (result == MHD_YES)
        result = MHD_queue_response(connection, status, response);
    MHD_destroy_response(response);
    return result;
}

static enum MHD_Result refuse(struct MHD_Connection *connection, enum rc rc,
                              const char *detail)
{
    struct fault fault = {.rc = rc, .detail = detail};
    struct buf body;

    buf_init(&body, 8192);
    error_print(&body, DIALECT_PROBLEM, &fault, "");
    return answer(connection, response_of(&body), fault_status(&fault),
                  error_content_type(DIALECT_PROBLEM));
}

static enum MHD_Result send_reply(struct MHD_Connection *connection,
                                  struct admin_reply *reply)
{
    struct MHD_Response *response;
    struct stat st;

    if (reply->file_fd < 0)
        return answer(connection, response_of(&reply->body), reply->status,
                      reply->content_type);
    buf_wipe(&reply->body);
    if (fstat(reply->file_fd, &st) != 0) {
        (void)close(reply->file_fd);
        return MHD_NO;
    }
    response = MHD_create_response_from_fd64((uint64_t)st.st_size, reply->file_fd);
    if (response == NULL)
        (void)close(reply->file_fd);
    return answer(connection, response, reply->status, reply->content_type);
}

/* ---- Who may ---- */

static int fd_of(struct MHD_Connection *connection)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);

    return info != NULL ? info->connect_fd : -1;
}

static bool peer_is_ours(struct MHD_Connection *connection)
{
    struct ucred peer;
    socklen_t len = sizeof(peer);

    if (getsockopt(fd_of(connection), SOL_SOCKET, SO_PEERCRED, &peer, &len) != 0)
        return false;
    return peer.uid == 0 || peer.uid == geteuid();
}

static void address_of(char out[ADDRESS_SIZE], struct MHD_Connection *connection)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
    socklen_t len = sizeof(struct sockaddr_in);

    out[0] = '\0';
    if (info == NULL || info->client_addr == NULL)
        return;
    if (info->client_addr->sa_family == AF_INET6)
        len = sizeof(struct sockaddr_in6);
    if (getnameinfo(info->client_addr, len, out, ADDRESS_SIZE, NULL, 0,
                    NI_NUMERICHOST) != 0)
        out[0] = '\0';
}

/* The only header of that name; SLICE_NONE if there is none, or more than one. */
struct lookup {
    const char *name;
    struct slice value;
    unsigned count;
};

static enum MHD_Result look(void *arg, enum MHD_ValueKind kind, const char *name,
                            const char *value)
{
    struct lookup *l = arg;

    (void)kind;
    if (slice_equal_nocase(slice_str(name), slice_str(l->name))) {
        l->value = slice_str(value);
        l->count++;
    }
    return MHD_YES;
}

static struct slice only_header(struct MHD_Connection *connection, const char *name)
{
    struct lookup l = {.name = name};

    (void)MHD_get_connection_values(connection, MHD_HEADER_KIND, look, &l);
    return l.count == 1 ? l.value : SLICE_NONE;
}

/* "name:port", "[::1]:port" without the port. */
static struct slice host_part(struct slice address)
{
    size_t end = slice_find(address, ']');

    if (address.len > 0 && address.bytes[0] == '[')
        return slice_sub(address, 0, end < address.len ? end + 1 : address.len);
    return slice_sub(address, 0, slice_find(address, ':'));
}

/* A page in a browser can make a name of its own point here (DNS rebinding); it cannot
 * make the browser send one of these. */
static bool host_is_ours(const struct admin_server *s, struct slice host)
{
    struct slice name = host_part(host);

    return slice_equal_nocase(name, SLICE("localhost")) ||
           slice_equal(name, SLICE("127.0.0.1")) || slice_equal(name, SLICE("[::1]")) ||
           (name.len > 0 && slice_equal_nocase(name, slice_str(s->own)));
}

static bool token_is_right(const struct admin_server *s, struct slice authorization)
{
    static const struct slice scheme = {"Bearer ", 7};
    struct slice token = slice_sub(authorization, scheme.len, authorization.len);

    return s->token != NULL && slice_starts_nocase(authorization, scheme) &&
           secret_open(s->token).len > 0 &&
           slice_equal_secret(secret_open(s->token), slice_trim(token));
}

/* RC_OK, or why not. *detail: words; NULL: the code's own. */
static enum rc admit_remote(const char **detail, struct admin_server *s,
                            struct MHD_Connection *connection)
{
    char address[ADDRESS_SIZE];
    unsigned retry_after_s;

    if (!host_is_ours(s, only_header(connection, MHD_HTTP_HEADER_HOST))) {
        *detail = "The admin API answers to its own address or a loopback name only.";
        return RC_FORBIDDEN;
    }
    address_of(address, connection);
    *detail = "Too many wrong tokens; wait a minute.";
    TRY(limiter_address(s->limiter, address, GUESSES_PER_MINUTE, &retry_after_s));
    if (token_is_right(s, only_header(connection, MHD_HTTP_HEADER_AUTHORIZATION)))
        return RC_OK;
    limiter_address_failed(s->limiter, address);
    log_event(LOG_WARN, "a call of the admin API without the right token",
              LOG_STR("address", address));
    *detail = s->token != NULL
                  ? "Send server.admin_token as a Bearer token."
                  : "No server.admin_token is configured; use the socket admin.sock.";
    return RC_BAD_KEY;
}

static enum rc admit(const char **detail, const struct door *d,
                     struct MHD_Connection *connection)
{
    if (!d->local)
        return admit_remote(detail, d->server, connection);
    if (peer_is_ours(connection))
        return RC_OK;
    *detail = "The admin socket is for the daemon's own user and root.";
    return RC_FORBIDDEN;
}

/* ---- Serving ---- */

static enum MHD_Result serve_metrics(struct MHD_Connection *connection)
{
    struct buf body;

    buf_init(&body, METRICS_MAX);
    metric_print(&body);
    if (buf_spent(&body)) {
        buf_free(&body);
        return refuse(connection, RC_INTERNAL, NULL);
    }
    return answer(connection, response_of(&body), 200,
                  "text/plain; version=0.0.4; charset=utf-8");
}

/* Who changed something is asked later. Paths hold names and ids; should somebody put a
 * secret there, it is not repeated. */
static void log_change(const struct admin_request *q, unsigned status, bool local)
{
    bool secret = slice_search(q->path, SLICE("sk-")) < q->path.len;

    if (slice_equal(q->method, SLICE("GET")))
        return;
    log_event(LOG_INFO, "admin", LOG_SLICE("method", q->method),
              LOG_SLICE("path", secret ? SLICE("***") : q->path),
              LOG_U64("status", status), LOG_STR("by", local ? "socket" : "token"));
}

/* The call may take long (a proof of the whole book); that is not the client's
 * idleness. */
static enum MHD_Result serve(const struct door *d, struct MHD_Connection *connection,
                             const struct admin_exchange *x, const char *method)
{
    struct slice uri = slice_str(x->uri);
    size_t path_len = slice_find(uri, '?');
    struct admin_request q = {
        .method = slice_str(method),
        .path = slice_sub(uri, 0, path_len),
        .query = slice_sub(uri, path_len + 1, uri.len),
        .body = buf_slice(&x->body),
    };
    struct admin_reply reply;

    if (!d->local && slice_equal(q.path, SLICE("/metrics")) &&
        slice_equal(q.method, SLICE("GET")))
        return serve_metrics(connection);
    (void)MHD_set_connection_option(connection, MHD_CONNECTION_OPTION_TIMEOUT, 0U);
    admin_handle(&reply, d->server->admin, &q);
    (void)MHD_set_connection_option(connection, MHD_CONNECTION_OPTION_TIMEOUT,
                                    (unsigned)IDLE_TIMEOUT_S);
    log_change(&q, reply.status, d->local);
    return send_reply(connection, &reply);
}

/* ---- The library's callbacks ---- */

/* First with the head, then with each piece of the body, then once more. */
/* NOLINTNEXTLINE(readability-function-size): libmicrohttpd says what it looks like */
static enum MHD_Result take(void *arg, struct MHD_Connection *connection,
                            const char *url, const char *method, const char *version,
                            const char *bytes, size_t *len, void **exchange)
{
    const struct door *d = arg;
    struct admin_exchange *x = *exchange;
    const char *detail = NULL;
    enum rc rc;

    (void)url;
    (void)version;
    if (x == NULL)
        return MHD_NO; /* out of memory when it began */
    if (!x->started) {
        x->started = true;
        x->body_until_ms =
            clock_mono_ms() +
            (x->body_max > BODY_QUICK_MAX ? PACKAGE_DEADLINE_MS : BODY_DEADLINE_MS);
        rc = admit(&detail, d, connection);
        return rc == RC_OK ? MHD_YES : refuse(connection, rc, detail);
    }
    if (*len > 0) {
        buf_append(&x->body, slice_from(bytes, *len)); /* too much leaves its mark */
        *len = 0;
        return clock_mono_ms() < x->body_until_ms ? MHD_YES : MHD_NO;
    }
    if (buf_spent(&x->body))
        return refuse(connection, RC_TOO_BIG, NULL);
    return serve(d, connection, x, method);
}

/* The request line: the only place where the path is still raw. */
static void *begin(void *arg, const char *uri, struct MHD_Connection *connection)
{
    struct admin_exchange *x = calloc(1, sizeof(*x));

    (void)arg;
    (void)connection;
    if (x == NULL)
        return NULL;
    x->body_max = admin_body_max(slice_str(uri));
    buf_init(&x->body, x->body_max);
    x->uri = strndup(uri, URI_MAX);
    if (x->uri == NULL) {
        free(x);
        return NULL;
    }
    return x;
}

static void end(void *arg, struct MHD_Connection *connection, void **exchange,
                enum MHD_RequestTerminationCode how)
{
    struct admin_exchange *x = *exchange;

    (void)arg;
    (void)connection;
    (void)how;
    if (x == NULL)
        return;
    buf_wipe(&x->body);
    free(x->uri);
    free(x);
    *exchange = NULL;
}

static size_t leave_raw(void *arg, struct MHD_Connection *connection, char *text)
{
    (void)arg;
    (void)connection;
    return strlen(text);
}

/* ---- Open and close ---- */

/* Takes fd. */
static bool open_door(struct door *d, int fd)
{
    d->daemon = MHD_start_daemon(
        MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_THREAD_PER_CONNECTION | MHD_USE_POLL |
            MHD_USE_ITC,
        0, NULL, NULL, take, d, MHD_OPTION_LISTEN_SOCKET, fd,
        MHD_OPTION_CONNECTION_LIMIT, (unsigned)CONNECTIONS_MAX,
        MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)IDLE_TIMEOUT_S,
        MHD_OPTION_URI_LOG_CALLBACK, begin, d, MHD_OPTION_NOTIFY_COMPLETED, end, d,
        MHD_OPTION_UNESCAPE_CALLBACK, leave_raw, d, MHD_OPTION_END);
    if (d->daemon == NULL)
        (void)close(fd);
    return d->daemon != NULL;
}

static enum rc open_socket(struct admin_server *s, int socket_fd, struct buf *faults)
{
    /* The library closes what it is given. */
    int fd = fcntl(socket_fd, F_DUPFD_CLOEXEC, 0);

    s->socket = (struct door){.server = s, .local = true};
    if (fd >= 0 && open_door(&s->socket, fd))
        return RC_OK;
    buf_append_str(faults, "cannot serve the admin socket: out of memory or threads\n");
    return RC_NOMEM;
}

static enum rc open_address(struct admin_server *s, uint16_t *port, const char *address,
                            struct buf *faults)
{
    int fd = -1;
    enum rc rc = slice_to_cstr(s->own, sizeof(s->own), host_part(slice_str(address)));

    s->address = (struct door){.server = s};
    if (rc == RC_OK)
        rc = server_listen(&fd, port, address);
    if (rc == RC_OK && !open_door(&s->address, fd))
        rc = RC_NOMEM;
    if (rc == RC_CONFLICT)
        buf_printf(faults,
                   "%s is in use: another program listens there; choose another "
                   "server.admin_listen\n",
                   address);
    else if (rc != RC_OK)
        buf_printf(faults, "cannot listen on %s: %s\n", address, rc_reason(rc));
    return rc;
}

enum rc admin_server_open(struct admin_server **out, uint16_t *port, struct admin *a,
                          const struct admin_server_options *options,
                          struct buf *faults)
{
    struct admin_server *s = calloc(1, sizeof(*s));
    enum rc rc;

    *port = 0;
    if (s == NULL)
        return RC_NOMEM;
    s->admin = a;
    rc = limiter_open(&s->limiter);
    if (rc == RC_OK && options->token != NULL)
        rc = secret_new(&s->token, secret_open(options->token));
    if (rc == RC_OK)
        rc = open_socket(s, options->socket_fd, faults);
    if (rc == RC_OK && options->address != NULL)
        rc = open_address(s, port, options->address, faults);
    if (rc != RC_OK) {
        admin_server_close(s);
        return rc;
    }
    *out = s;
    return RC_OK;
}

void admin_server_close(struct admin_server *s)
{
    if (s == NULL)
        return;
    if (s->address.daemon != NULL)
        MHD_stop_daemon(s->address.daemon); /* waits for calls under way */
    if (s->socket.daemon != NULL)
        MHD_stop_daemon(s->socket.daemon);
    limiter_close(s->limiter);
    secret_unref(s->token);
    free(s);
}
