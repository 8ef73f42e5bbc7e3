/* SPDX-License-Identifier: Apache-2.0 */
/* The mock's HTTP: routes, bodies, answers whole or event by event. What they say is
 * the business of mock_chat.c, mock_embeddings.c and mock_data.c. */
#include "cli/mock.h"

#include "base/clock.h"
#include "base/codec.h"
#include "base/random.h"
#include "cli/mock_int.h"

#include <arpa/inet.h>
#include <assert.h>
#include <microhttpd.h>
#include <netinet/in.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum {
    BODY_MAX = 8 << 20,
    ANSWER_MAX = 64 << 20,
    ARENA_MAX = 16 << 20,
    CONNECTIONS_MAX = 256,
    IDLE_S = 75,
    EVENT_GAP_MS = 20
};

struct mock {
    struct MHD_Daemon *daemon;
};

/* A request that is coming in. */
struct incoming {
    struct buf body;
};

/* ---- What the answers share ---- */

bool mock__fail(struct mock_call *c, unsigned status, const char *param,
                const char *code, const char *format, ...)
{
    char message[512];
    struct json_out o;
    va_list args;

    va_start(args, format);
    (void)vsnprintf(message, sizeof(message), format, args);
    va_end(args);
    c->status = status;
    c->stream = false;
    buf_reset(&c->out);
    json_out_init(&o, &c->out);
    json_out_object(&o);
    json_out_key(&o, "error");
    json_out_object(&o);
    json_out_kstr(&o, "message", message);
    json_out_kstr(&o, "type", status < 500 ? "invalid_request_error" : "server_error");
    json_out_kstr(&o, "param", param);
    json_out_kstr(&o, "code", code);
    json_out_end_object(&o);
    json_out_end_object(&o);
    return false;
}

bool mock__scan(struct mock_call *c, struct json_field *fields, size_t count)
{
    const struct json_limits limits = {.depth = 0}; /* the usual ones */
    struct json_fault fault = {0};
    const enum rc rc = json_guard(c->body, &limits, fields, count, &fault, c->arena);

    if (rc == RC_BAD_JSON)
        return mock__fail(c, 400, NULL, NULL,
                          "We could not parse the JSON body of your request: %s at "
                          "byte %zu.",
                          fault.what, fault.at);
    return rc == RC_OK ||
           mock__fail(c, 500, NULL, NULL, "The request takes too much memory.");
}

static bool is_given(const struct json_field *f)
{
    return f->type != JSON_ABSENT && f->type != JSON_NULL;
}

bool mock__text(struct mock_call *c, struct slice *out, const struct json_field *f)
{
    if (!is_given(f))
        return mock__fail(c, 400, f->name, "missing_required_parameter",
                          "Missing required parameter: '%s'.", f->name);
    if (json_raw_string(out, f->raw, c->arena) != RC_OK || out->len == 0)
        return mock__fail(c, 400, f->name, "invalid_type",
                          "Invalid type for '%s': expected a non-empty string.",
                          f->name);
    return true;
}

bool mock__integer(struct mock_call *c, uint64_t *out, const struct json_field *f,
                   uint64_t min, uint64_t max)
{
    uint64_t value;

    if (!is_given(f))
        return true;
    if (json_raw_u64(&value, f->raw) != RC_OK || value < min || value > max)
        return mock__fail(c, 400, f->name, "invalid_value",
                          "Invalid value for '%s': expected an integer from %llu to "
                          "%llu.",
                          f->name, (unsigned long long)min, (unsigned long long)max);
    *out = value;
    return true;
}

bool mock__bool(struct mock_call *c, bool *out, const struct json_field *f)
{
    if (!is_given(f) || json_raw_bool(out, f->raw) == RC_OK)
        return true;
    return mock__fail(c, 400, f->name, "invalid_type",
                      "Invalid type for '%s': expected a boolean.", f->name);
}

uint64_t mock__tokens(uint64_t bytes)
{
    return (bytes + 3) / 4;
}

char *mock__id(struct mock_call *c, const char *prefix)
{
    const struct id id = id_new(clock_wall_us());
    char hex[2 * ID_LEN + 1];

    hex_encode(hex, id.bytes, sizeof(id.bytes));
    return arena_printf(c->arena, "%s%s", prefix, hex);
}

uint64_t mock__seed(struct slice text)
{
    uint8_t digest[SHA256_LEN];
    uint64_t seed;

    sha256(digest, text);
    memcpy(&seed, digest, sizeof(seed));
    return seed;
}

/* ---- Answering ---- */

/* A stream that is going out. */
struct outgoing {
    size_t len;
    size_t event_end; /* of the event that is under way; 0: none yet */
    char bytes[];
};

static void wait_ms(long ms)
{
    const struct timespec time = {.tv_nsec = ms * 1000000};

    (void)nanosleep(&time, NULL);
}

/* libmicrohttpd's content reader, in the connection's own thread. */
static ssize_t next_piece(void *arg, uint64_t position, char *out, size_t size)
{
    struct outgoing *s = arg;
    const size_t at = (size_t)position;
    size_t len;

    if (at == s->len)
        return MHD_CONTENT_READER_END_OF_STREAM;
    if (at == s->event_end) {
        const struct slice rest = slice_from(s->bytes + at, s->len - at);

        if (at > 0)
            wait_ms(EVENT_GAP_MS);
        s->event_end = at + slice_search(rest, SLICE("\n\n")) + 2;
        assert(s->event_end <= s->len);
    }
    len = s->event_end - at;
    if (len > size)
        len = size;
    memcpy(out, s->bytes + at, len);
    return (ssize_t)len;
}

/* NULL: out of memory. */
static struct MHD_Response *stream_of(struct slice events)
{
    struct outgoing *s = malloc(sizeof(*s) + events.len);
    struct MHD_Response *response;

    if (s == NULL)
        return NULL;
    s->len = events.len;
    s->event_end = 0;
    memcpy(s->bytes, events.bytes, events.len);
    response =
        MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, 4096, next_piece, s, free);
    if (response == NULL)
        free(s);
    return response;
}

static struct MHD_Response *whole_of(struct slice body)
{
    union {
        const char *in;
        void *out; /* libmicrohttpd copies, but does not say const */
    } bytes = {.in = body.len > 0 ? body.bytes : ""};

    return MHD_create_response_from_buffer(body.len, bytes.out, MHD_RESPMEM_MUST_COPY);
}

static enum MHD_Result send_answer(struct MHD_Connection *connection,
                                   struct mock_call *c)
{
    const struct slice body = buf_slice(&c->out);
    struct MHD_Response *response = c->stream ? stream_of(body) : whole_of(body);
    const char *type =
        c->stream ? "text/event-stream; charset=utf-8" : "application/json";
    const char *id = mock__id(c, "req_");
    enum MHD_Result result = MHD_NO;

    if (response == NULL)
        return MHD_NO;
    if (id != NULL &&
        MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, type) ==
            MHD_YES &&
        MHD_add_response_header(response, "x-request-id", id) == MHD_YES)
        result = MHD_queue_response(connection, c->status, response);
    MHD_destroy_response(response);
    return result;
}

/* ---- Routes ---- */

static const struct route {
    const char *method;
    const char *path; /* ending with "/": one segment more */
    void (*answer)(struct mock_call *c);
} routes[] = {
    {"POST", "/v1/chat/completions", mock__chat},
    {"POST", "/v1/embeddings", mock__embeddings},
    {"GET", "/search", mock__search},
    {"GET", "/markets/", mock__market},
};

static bool fits(const struct route *r, struct slice path)
{
    const struct slice pattern = slice_str(r->path);

    if (!slice_ends(pattern, SLICE("/")))
        return slice_equal(path, pattern);
    return slice_starts(path, pattern) && path.len > pattern.len;
}

static void answer(struct mock_call *c, const char *method)
{
    const char *as = strcmp(method, "HEAD") == 0 ? "GET" : method;
    bool is_path = false;

    for (size_t i = 0; i < sizeof(routes) / sizeof(routes[0]); i++) {
        if (!fits(&routes[i], c->path))
            continue;
        is_path = true;
        if (strcmp(routes[i].method, as) == 0) {
            routes[i].answer(c);
            return;
        }
    }
    if (is_path)
        (void)mock__fail(c, 405, NULL, "method_not_supported",
                         "Not allowed to %s on %.*s.", method, SLICE_FMT(c->path));
    else
        (void)mock__fail(c, 404, NULL, NULL, "Invalid URL (%s %.*s)", method,
                         SLICE_FMT(c->path));
}

static enum MHD_Result respond(struct MHD_Connection *connection,
                               const struct incoming *in, const char *method,
                               const char *path)
{
    struct mock_call c = {.status = 200, .body = buf_slice(&in->body)};
    enum MHD_Result result;

    if (arena_open(&c.arena, ARENA_MAX) != RC_OK)
        return MHD_NO;
    buf_init(&c.out, ANSWER_MAX);
    c.path = slice_str(path);
    c.query = MHD_lookup_connection_value(connection, MHD_GET_ARGUMENT_KIND, "q");
    if (buf_spent(&in->body))
        (void)mock__fail(&c, 413, NULL, NULL, "The body is too large.");
    else
        answer(&c, method);
    if (buf_spent(&c.out) || arena_spent(c.arena)) {
        arena_reset(c.arena);
        (void)mock__fail(&c, 500, NULL, NULL, "The answer takes too much memory.");
    }
    result = send_answer(connection, &c);
    buf_free(&c.out);
    arena_close(c.arena);
    return result;
}

/* ---- Libmicrohttpd's calls ---- */

/* NOLINTNEXTLINE(readability-function-size): libmicrohttpd says what it looks like */
static enum MHD_Result take(void *arg, struct MHD_Connection *connection,
                            const char *path, const char *method, const char *version,
                            const char *bytes, size_t *len, void **request)
{
    struct incoming *in = *request;

    (void)arg, (void)version;
    if (in == NULL) {
        in = calloc(1, sizeof(*in));
        if (in == NULL)
            return MHD_NO;
        buf_init(&in->body, BODY_MAX);
        *request = in;
        return MHD_YES;
    }
    if (*len > 0) {
        buf_append(&in->body, slice_from(bytes, *len));
        *len = 0;
        return MHD_YES;
    }
    return respond(connection, in, method, path);
}

static void forget(void *arg, struct MHD_Connection *connection, void **request,
                   enum MHD_RequestTerminationCode why)
{
    struct incoming *in = *request;

    (void)arg, (void)connection, (void)why;
    if (in == NULL)
        return;
    buf_free(&in->body);
    free(in);
    *request = NULL;
}

enum rc mock_start(struct mock **out, uint16_t *port)
{
    const struct sockaddr_in address = {.sin_family = AF_INET,
                                        .sin_addr = {htonl(INADDR_LOOPBACK)}};
    struct mock *m = calloc(1, sizeof(*m));
    const union MHD_DaemonInfo *info;

    if (m == NULL)
        return RC_NOMEM;
    m->daemon = MHD_start_daemon(
        MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_THREAD_PER_CONNECTION | MHD_USE_POLL |
            MHD_USE_ITC,
        0, NULL, NULL, take, NULL, MHD_OPTION_SOCK_ADDR,
        (const struct sockaddr *)&address, MHD_OPTION_CONNECTION_LIMIT,
        (unsigned)CONNECTIONS_MAX, MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)IDLE_S,
        MHD_OPTION_NOTIFY_COMPLETED, forget, NULL, MHD_OPTION_END);
    if (m->daemon == NULL) {
        free(m);
        return RC_BUSY;
    }
    info = MHD_get_daemon_info(m->daemon, MHD_DAEMON_INFO_BIND_PORT);
    assert(info != NULL);
    *port = info->port;
    *out = m;
    return RC_OK;
}

void mock_stop(struct mock *m)
{
    if (m == NULL)
        return;
    MHD_stop_daemon(m->daemon);
    free(m);
}
