/* SPDX-License-Identifier: Apache-2.0 */
/* One request on its way in: the library's callbacks, the guard, the body, and what the
 * user is told. What the library makes us do:
 *
 * - An answer that is queued in its first call for a request closes the connection,
 * body or not. So without a body we wait for its last call.
 * - While a body comes in nothing can be queued at all: see exchange_answer.c.
 * - Resuming a connection that is not suspended lames its next suspension: only
 *   server__resume() resumes. */
#include "gateway/exchange_int.h"

#include "base/log.h"
#include "base/metric.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum {
    ARENA_MAX = 4 * 1024 * 1024,
    SPARE_MAX = 64,
    BODY_GRACE_MS = 30000,
    BODY_STEP_BYTES = 65536, /* that bring another second */
    BODY_STEP_MS = 1000
};

/* ---- Life ---- */

static struct exchange *take(struct server *s)
{
    struct exchange *x = s->spare;
    struct arena *arena = NULL;

    if (x != NULL) {
        s->spare = x->next;
        s->spare_count--;
        arena = x->arena;
        memset(x, 0, sizeof(*x));
    } else {
        x = calloc(1, sizeof(*x));
        if (x == NULL || arena_open(&arena, ARENA_MAX) != RC_OK) {
            free(x);
            return NULL;
        }
    }
    x->server = s;
    x->arena = arena;
    x->headers_end = &x->headers;
    x->length_left = UINT64_MAX;
    buf_init(&x->body, 0);
    buf_init(&x->out, HTTP_OUT_HIGH);
    return x;
}

static void drop(struct exchange *x)
{
    arena_close(x->arena);
    free(x);
}

/* When nobody refers to it any more. */
static void give_back(struct exchange *x)
{
    struct server *s = x->server;

    if (x->conn != NULL || x->known || x->to_be_told)
        return;
    if (x->response != NULL)
        MHD_destroy_response(x->response);
    buf_free(&x->body);
    buf_free(&x->out);
    if (s->spare_count == SPARE_MAX) {
        drop(x);
        return;
    }
    arena_reset(x->arena);
    x->next = s->spare;
    s->spare = x;
    s->spare_count++;
}

void exchange__free_spare(struct server *s)
{
    while (s->spare != NULL) {
        struct exchange *x = s->spare;

        s->spare = x->next;
        drop(x);
    }
}

void exchange_finish(struct exchange *x)
{
    assert(x->known && (x->ended || x->gone));
    x->known = false;
    x->server->exchange_count--;
    give_back(x);
}

/* ---- Telling the user ---- */

void exchange__tell_later(struct exchange *x)
{
    struct server *s = x->server;

    if (x->to_be_told)
        return;
    x->to_be_told = true;
    x->next = NULL;
    if (s->events == NULL)
        s->events = x;
    else
        s->events_last->next = x;
    s->events_last = x;
}

static void tell(struct exchange *x)
{
    const struct server_user *u = &x->server->user;
    const bool failed = x->tell_failed && x->known && !x->ended;
    const bool writable = x->tell_writable && x->known && !x->ended;

    x->to_be_told = false;
    x->tell_failed = false;
    x->tell_writable = false;
    if (failed)
        u->failed(u->arg, x, x->failed); /* may finish x */
    else if (writable)
        u->writable(u->arg, x);
    else
        give_back(x);
}

/* Those that come while we tell wait for the next round. */
void exchange__tell_all(struct server *s)
{
    struct exchange *x = s->events;

    s->events = NULL;
    s->events_last = NULL;
    while (x != NULL) {
        struct exchange *next = x->next;

        tell(x);
        x = next;
    }
}

static void fail(struct exchange *x, enum rc rc)
{
    x->failed = rc;
    x->tell_failed = true;
    exchange__tell_later(x);
}

void exchange__gone(struct exchange *x)
{
    x->cut = true;
    if (x->gone || x->ended)
        return;
    x->gone = true;
    if (x->known)
        fail(x, RC_GONE);
}

bool exchange__ended(const struct exchange *x)
{
    return x->ended;
}

/* ---- The head ---- */

static void split_target(struct exchange *x, const char *uri)
{
    size_t len, mark;

    x->target_at = uri;
    x->target_len = strlen(uri);
    len = x->target_len < HTTP_URL_MAX ? x->target_len : HTTP_URL_MAX;
    x->target = arena_slice(x->arena, slice_from(uri, len));
    mark = slice_find(x->target, '?');
    x->q.path = slice_sub(x->target, 0, mark);
    x->q.has_query = mark < x->target.len;
    x->q.query = slice_sub(x->target, mark + 1, x->target.len);
}

/* Right after the first line, whose target the library will cut to pieces. */
void *exchange__uri(void *arg, const char *uri, struct MHD_Connection *mhd)
{
    struct conn *c = server__conn(mhd);
    struct exchange *x = take(c->server);

    (void)arg;
    assert(c->x == NULL);
    if (c->phase == CONN_IDLE)
        server__phase(c, CONN_HEAD, 0);
    if (x == NULL)
        return NULL;
    x->conn = c;
    c->x = x;
    if (uri != NULL)
        split_target(x, uri);
    return x;
}

struct header_walk {
    struct http_request *q;
    size_t count;
};

static enum MHD_Result add_header(void *arg, enum MHD_ValueKind kind, const char *name,
                                  size_t name_len, const char *value, size_t value_len)
{
    struct header_walk *walk = arg;
    struct http_request *q = walk->q;

    (void)kind;
    walk->count++;
    if (q->header_count < HTTP_HEADERS_MAX)
        q->headers[q->header_count++] = (struct http_header){
            slice_from(name, name_len), slice_from(value, value_len)};
    return MHD_YES;
}

static enum rc judge(struct exchange *x, const char *method, const char *version,
                     const char **detail)
{
    struct MHD_Connection *mhd = x->conn->mhd;
    struct header_walk walk = {.q = &x->q};
    struct guard_head h = {
        .method = method,
        .target = x->target_at,
        .target_len = x->target_len,
        .version = version,
        .in_place = x->server->in_place,
    };

    x->q.method = slice_str(method);
    MHD_get_connection_values_n(mhd, MHD_HEADER_KIND, add_header, &walk);
    h.header_count = walk.count;
    h.head_len = MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_REQUEST_HEADER_SIZE)
                     ->header_size;
    return guard_check(&x->q, &h, detail);
}

/* The library's memory lasts as long as the request there; ours may last longer. */
static enum rc keep_head(struct exchange *x)
{
    struct http_request *q = &x->q;

    q->method = arena_slice(x->arena, q->method);
    for (size_t i = 0; i < q->header_count; i++) {
        q->headers[i].name = arena_slice(x->arena, q->headers[i].name);
        q->headers[i].value = arena_slice(x->arena, q->headers[i].value);
    }
    peer_client(q, &x->conn->peer, &x->server->trust);
    return arena_spent(x->arena) ? RC_NOMEM : RC_OK;
}

/* ---- The body ---- */

static uint64_t body_deadline(const struct exchange *x, uint64_t bytes)
{
    const uint64_t at_ms =
        x->body_start_ms + BODY_GRACE_MS + bytes / BODY_STEP_BYTES * BODY_STEP_MS;

    return x->body_end_ms != 0 && x->body_end_ms < at_ms ? x->body_end_ms : at_ms;
}

void exchange_accept(struct exchange *x, uint64_t max_bytes, uint64_t timeout_ms)
{
    if (x->gone)
        return;
    assert(x->stage == EXCHANGE_HEAD && !x->accepted && !x->answered);
    x->accepted = true;
    x->body_start_ms = loop_now_ms(x->server->loop);
    x->body_end_ms = timeout_ms == 0 ? 0 : x->body_start_ms + timeout_ms;
    buf_init(&x->body, max_bytes < SIZE_MAX ? (size_t)max_bytes : SIZE_MAX);
    server__resume(x->conn);
}

struct slice exchange_body(const struct exchange *x)
{
    return buf_slice(&x->body);
}

/* The user is told, and may still answer; until it does, what comes is thrown away. */
static void give_up_body(struct exchange *x, enum rc rc)
{
    x->stage = EXCHANGE_DISCARD;
    server__phase(x->conn, CONN_DISCARD, 0);
    fail(x, rc);
}

void exchange__body_late(struct exchange *x)
{
    give_up_body(x, RC_CLIENT_TIMEOUT);
}

static enum MHD_Result discard(struct exchange *x, size_t len)
{
    struct conn *c = x->conn;

    c->discarded_bytes += len;
    return c->discarded_bytes > SERVER_DISCARD_MAX ? MHD_NO : MHD_YES;
}

/* What is chunked announces no length: each step that has come brings its second. */
static void more_time(struct exchange *x, size_t before)
{
    const size_t now = buf_len(&x->body);

    if (x->q.chunked && before / BODY_STEP_BYTES != now / BODY_STEP_BYTES)
        server__phase(x->conn, CONN_BODY, body_deadline(x, now));
}

static enum MHD_Result take_body(struct exchange *x, struct slice piece)
{
    const size_t before = buf_len(&x->body);

    if (x->stage == EXCHANGE_DISCARD)
        return discard(x, piece.len);
    assert(x->stage == EXCHANGE_BODY);
    if (piece.len > buf_room(&x->body)) {
        give_up_body(x, RC_TOO_BIG);
        return discard(x, piece.len);
    }
    buf_append(&x->body, piece);
    if (buf_spent(&x->body)) {
        give_up_body(x, RC_NOMEM);
        return discard(x, piece.len);
    }
    more_time(x, before);
    return MHD_YES;
}

/* ---- The library's handler ---- */

/* A client that left while the library did not look is not waited for. */
static enum MHD_Result wait_for_user(struct exchange *x)
{
    struct conn *c = x->conn;

    if (c->peer_left) {
        exchange__gone(x);
        return MHD_NO;
    }
    server__phase(c, CONN_WORK, 0);
    server__suspend(c);
    return MHD_YES;
}

static enum MHD_Result after_head(struct exchange *x)
{
    struct conn *c = x->conn;

    if (exchange__ready(x)) {
        if (x->q.has_body)
            return exchange__queue(x);
        x->stage = EXCHANGE_WORK; /* the answer is queued in the last call */
        return MHD_YES;
    }
    if (!x->accepted || x->failed != RC_OK)
        return wait_for_user(x);
    if (x->q.content_length > buf_room(&x->body)) {
        fail(x, RC_TOO_BIG);
        return wait_for_user(x);
    }
    x->stage = EXCHANGE_BODY;
    if (x->q.has_body)
        server__phase(c, CONN_BODY, body_deadline(x, x->q.content_length));
    return MHD_YES;
}

static enum MHD_Result begin(struct exchange *x, const char *method,
                             const char *version)
{
    struct server *s = x->server;
    const char *detail = NULL;
    enum rc rc = judge(x, method, version, &detail);

    if (rc == RC_OK)
        rc = keep_head(x);
    if (rc != RC_OK) {
        metric_add(server_shared_metrics(s->shared)->refused, 1);
        return exchange__refuse(x, rc, detail);
    }
    x->stage = EXCHANGE_HEAD;
    x->http11 = strcmp(version, "HTTP/1.1") == 0;
    x->known = true;
    s->exchange_count++;
    server__phase(x->conn, CONN_WORK, 0);
    s->user.head(s->user.arg, x);
    return after_head(x);
}

static enum MHD_Result last_call(struct exchange *x)
{
    if (x->stage == EXCHANGE_DISCARD && x->ended)
        return MHD_NO; /* answered past the library */
    if (x->stage == EXCHANGE_BODY) {
        x->stage = EXCHANGE_WORK;
        server__phase(x->conn, CONN_WORK, 0);
        x->server->user.body(x->server->user.arg, x);
    }
    x->stage = EXCHANGE_WORK;
    return exchange__ready(x) ? exchange__queue(x) : wait_for_user(x);
}

/* Called when the head is in, for each piece of body, when all is in, and again after
 * each resume. */
enum MHD_Result exchange__handle(void *arg, struct MHD_Connection *mhd, const char *url,
                                 const char *method, const char *version,
                                 const char *upload, size_t *upload_len, void **state)
{
    struct exchange *x = *state;
    const size_t len = *upload_len;

    (void)arg;
    (void)url;
    (void)server__conn(mhd); /* counts */
    if (x == NULL || x->cut)
        return MHD_NO;
    if (len > 0) {
        *upload_len = 0;
        return take_body(x, slice_from(upload, len));
    }
    switch (x->stage) {
    case EXCHANGE_NEW:
        return begin(x, method, version);
    case EXCHANGE_HEAD:
        return after_head(x);
    case EXCHANGE_BODY:
    case EXCHANGE_DISCARD:
    case EXCHANGE_WORK:
        return last_call(x);
    case EXCHANGE_QUEUED:
        break;
    }
    return MHD_NO;
}

void exchange__completed(void *arg, struct MHD_Connection *mhd, void **state,
                         enum MHD_RequestTerminationCode why)
{
    struct conn *c = server__conn(mhd);
    struct exchange *x = *state;

    (void)arg;
    *state = NULL;
    if (why == MHD_REQUEST_TERMINATED_WITH_ERROR)
        c->linger = true; /* it may have answered by itself, and not read on */
    c->suspended = false;
    server__answered(c);
    if (x == NULL)
        return;
    assert(c->x == x);
    if (x->known && !x->ended)
        exchange__gone(x);
    c->x = NULL;
    x->conn = NULL;
    give_back(x);
}

/* ---- What the user asks ---- */

const struct http_request *exchange_request(const struct exchange *x)
{
    return &x->q;
}

struct arena *exchange_arena(struct exchange *x)
{
    return x->arena;
}

void exchange_set_user(struct exchange *x, void *user)
{
    x->user = user;
}

void *exchange_user(const struct exchange *x)
{
    return x->user;
}

bool exchange_gone(const struct exchange *x)
{
    return x->gone;
}

bool exchange_peer_uid(const struct exchange *x, uint32_t *uid)
{
    struct ucred who;
    socklen_t len = sizeof(who);

    if (x->conn == NULL || !x->conn->peer.local ||
        getsockopt(x->conn->watch.fd, SOL_SOCKET, SO_PEERCRED, &who, &len) != 0)
        return false;
    *uid = who.uid;
    return true;
}

struct slice http_header(const struct http_request *q, const char *name,
                         unsigned *count)
{
    struct slice found = SLICE_NONE;
    unsigned n = 0;

    for (size_t i = 0; i < q->header_count; i++) {
        if (!slice_equal_nocase(q->headers[i].name, slice_str(name)))
            continue;
        if (n++ == 0)
            found = q->headers[i].value;
    }
    if (count != NULL)
        *count = n;
    return found;
}
