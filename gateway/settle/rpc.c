/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/settle/rpc.h"

#include "base/codec.h"
#include "base/json.h"
#include "base/log.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum {
    HTTP_OK = 200,
    HTTP_TOO_MANY = 429,
    DEPTH_MAX = 12,
    CONTAINERS_MAX = 60 * 1000, /* logs: two of them each */
    KEYS_MAX = 300 * 1000,
    DATA_MAX = 16 * 1024,        /* bytes of what a revert carries */
    CODE_REVERTED = 3,           /* what geth made the usual one */
    QUESTION_ROOM = 80,          /* bytes of a question beside method and params */
    SPARE_MAX = 4,               /* batches whose memory is kept.. */
    SPARE_BYTES_MAX = 256 * 1024 /* ..unless it is more */
};

TAILQ_HEAD(rpc_calls, rpc_call);

/* One HTTP call, with the questions of one call or of several. */
struct rpc_batch {
    struct rpc *rpc;
    struct upstream_call *call; /* NULL: not begun, or over */
    struct rpc_calls calls;
    size_t call_count; /* as it went out */
    bool alone;        /* not one of those that others wait for */
    struct buf request;
    struct buf answer;
    struct slice part;
    uint64_t first_id;
    unsigned status;
    struct rpc_batch *next; /* spare */
    size_t count;
    /* Each is the first of those who ask the same; NULL: nobody waits for it now. */
    struct rpc_question *asked[RPC_QUESTIONS_MAX];
};

struct rpc {
    struct loop *loop;
    struct upstream *upstream;
    const char *url;
    bool allow_private;
    uint64_t next_id;
    struct rpc_calls waiting; /* for others to share with, the oldest first */
    struct rpc_calls apart;   /* each goes alone, at once */
    struct loop_timer go;
    unsigned shared;   /* batches under way that are not alone */
    uint64_t begun_ms; /* the last of them */
    uint64_t apart_until_ms;
    struct arena *arena; /* of the answer that is being read */
    struct rpc_batch *spare;
    unsigned spare_count;
};

/* Reading ----------------------------------------------------------------------------
 */

static bool is_text(struct slice raw, const char *text)
{
    return json_raw_type(raw) == JSON_STRING && raw.len >= 2 &&
           slice_equal_str(slice_sub(raw, 1, raw.len - 2), text);
}

/* The revert's bytes, if that is what stands there: some nodes put a sentence there, or
 * an object. */
static struct slice read_data(struct slice error, struct arena *a)
{
    struct slice raw;
    struct slice text;
    uint8_t *bytes;

    if (json_raw_member(&raw, error, "data") != JSON_STRING ||
        json_raw_string(&text, raw, a) != RC_OK || !slice_starts(text, SLICE("0x")))
        return SLICE_NONE;
    text = slice_sub(text, 2, text.len);
    if (text.len % 2 != 0 || text.len / 2 > DATA_MAX)
        return SLICE_NONE;
    bytes = arena_alloc(a, text.len / 2);
    if (bytes == NULL || hex_decode(bytes, text.len / 2, text) != RC_OK)
        return SLICE_NONE;
    return slice_from((const char *)bytes, text.len / 2);
}

bool rpc_says(const struct rpc_question *q, const char *words)
{
    const struct slice needle = slice_str(words);

    for (size_t i = 0; i + needle.len <= q->message.len; i++)
        if (slice_equal_nocase(slice_sub(q->message, i, needle.len), needle))
            return true;
    return false;
}

static void read_error(struct rpc_question *q, struct slice error, struct arena *a)
{
    struct slice raw;

    q->answer = RPC_REFUSED;
    if (json_raw_member(&raw, error, "code") != JSON_NUMBER ||
        slice_to_i64(&q->code, raw) != RC_OK)
        q->code = 0;
    if (json_raw_member(&raw, error, "message") == JSON_STRING &&
        json_raw_string(&q->message, raw, a) == RC_OK)
        q->message = slice_sub(q->message, 0, RPC_MESSAGE_MAX);
    q->data = read_data(error, a);
    if (q->code == CODE_REVERTED || rpc_says(q, "revert"))
        q->answer = RPC_REVERTED;
}

enum {
    MEMBER_VERSION,
    MEMBER_ID,
    MEMBER_ERROR,
    MEMBER_RESULT,
    MEMBER__COUNT
};

/* The answer to a batch. */
struct reading {
    struct rpc_question *const *asked;
    size_t count;
    uint64_t first_id;
    struct arena *arena;
    bool heard[RPC_QUESTIONS_MAX];
};

static enum rc find_question(struct rpc_question **out, struct reading *r,
                             const struct slice *members)
{
    uint64_t id;

    if (!is_text(members[MEMBER_VERSION], "2.0") ||
        json_raw_type(members[MEMBER_ID]) != JSON_NUMBER)
        return RC_BAD_INPUT;
    TRY(json_raw_u64(&id, members[MEMBER_ID]));
    if (id < r->first_id || id - r->first_id >= r->count || r->heard[id - r->first_id])
        return RC_BAD_INPUT;
    r->heard[id - r->first_id] = true;
    *out = r->asked[id - r->first_id];
    return RC_OK;
}

static enum rc read_result(struct rpc_question *q, const struct slice *members,
                           struct arena *a)
{
    switch (json_raw_type(members[MEMBER_ERROR])) {
    case JSON_OBJECT:
        read_error(q, members[MEMBER_ERROR], a);
        return RC_OK;
    case JSON_ABSENT:
    case JSON_NULL:
        break;
    case JSON_TRUE:
    case JSON_FALSE:
    case JSON_NUMBER:
    case JSON_STRING:
    case JSON_ARRAY:
        return RC_BAD_INPUT;
    }
    if (members[MEMBER_RESULT].len == 0)
        return RC_BAD_INPUT;
    q->result = members[MEMBER_RESULT];
    q->answer = RPC_RESULT;
    return RC_OK;
}

static void tell_the_same(const struct rpc_question *q)
{
    for (struct rpc_question *s = q->same; s != NULL; s = s->same) {
        s->answer = q->answer;
        s->result = q->result;
        s->code = q->code;
        s->message = q->message;
        s->data = q->data;
    }
}

static enum rc read_answer(struct reading *r, struct slice object)
{
    static const char *const names[MEMBER__COUNT] = {"jsonrpc", "id", "error",
                                                     "result"};
    struct slice members[MEMBER__COUNT];
    struct rpc_question unwanted = {0};
    struct rpc_question *q;

    json_raw_members(members, object, names, MEMBER__COUNT);
    TRY(find_question(&q, r, members));
    if (q == NULL)
        q = &unwanted;
    TRY(read_result(q, members, r->arena));
    tell_the_same(q);
    return RC_OK;
}

static void forget(struct rpc_question *q)
{
    q->answer = RPC_SILENT;
    q->result = q->message = q->data = SLICE_NONE;
    q->code = 0;
}

static void forget_all(const struct reading *r)
{
    for (size_t i = 0; i < r->count; i++)
        for (struct rpc_question *q = r->asked[i]; q != NULL; q = q->same)
            forget(q);
}

static enum rc read_answers(struct reading *r, struct slice body)
{
    struct slice element;
    size_t at = 0;

    if (json_raw_type(body) == JSON_OBJECT)
        return r->count == 1 ? read_answer(r, body) : RC_BAD_INPUT;
    if (json_raw_type(body) != JSON_ARRAY)
        return RC_BAD_INPUT;
    while (json_raw_element(&element, body, &at) != JSON_ABSENT) {
        if (json_raw_type(element) != JSON_OBJECT)
            return RC_BAD_INPUT;
        TRY(read_answer(r, element));
    }
    return arena_spent(r->arena) ? RC_NOMEM : RC_OK;
}

/* When it fails, every question is silent. */
static enum rc read_body(struct reading *r, struct slice body)
{
    const struct json_limits limits = {.bytes = RPC_ANSWER_MAX,
                                       .depth = DEPTH_MAX,
                                       .containers = CONTAINERS_MAX,
                                       .keys = KEYS_MAX,
                                       .any_value = true};
    enum rc rc;

    forget_all(r);
    TRY(json_guard(body, &limits, NULL, 0, NULL, r->arena));
    rc = read_answers(r, body);
    if (rc != RC_OK)
        forget_all(r);
    return rc;
}

enum rc rpc_read(struct rpc_question *questions, size_t count, uint64_t first_id,
                 struct slice body, struct arena *a)
{
    struct rpc_question *asked[RPC_QUESTIONS_MAX];
    struct reading r = {
        .asked = asked, .count = count, .first_id = first_id, .arena = a};

    assert(count <= RPC_QUESTIONS_MAX);
    for (size_t i = 0; i < count; i++) {
        asked[i] = &questions[i];
        asked[i]->same = NULL;
    }
    return read_body(&r, body);
}

/* Whether all that a call asked in a batch of several was answered, and the batch is
 * not what the node had against it. Some nodes answer the first questions and refuse
 * the rest, or refuse one for all. */
static bool is_heard(const struct rpc_call *c)
{
    for (size_t i = 0; i < c->count; i++) {
        const struct rpc_question *q = &c->questions[i];

        if (q->answer == RPC_SILENT ||
            (q->answer == RPC_REFUSED &&
             (rpc_says(q, "batch") || rpc_says(q, "response too large"))))
            return false;
    }
    return true;
}

/* Batches ----------------------------------------------------------------------------
 */

static struct rpc_batch *take_batch(struct rpc *r)
{
    struct rpc_batch *b = r->spare;

    if (b != NULL) {
        r->spare = b->next;
        r->spare_count--;
    } else {
        b = calloc(1, sizeof(*b));
        if (b == NULL)
            return NULL;
        b->rpc = r;
        buf_init(&b->request, RPC_REQUEST_MAX);
        buf_init(&b->answer, RPC_ANSWER_MAX);
    }
    TAILQ_INIT(&b->calls);
    b->call = NULL;
    b->call_count = b->count = 0;
    b->status = 0;
    b->alone = false;
    b->first_id = r->next_id;
    return b;
}

static void free_batch(struct rpc_batch *b)
{
    buf_free(&b->request);
    buf_free(&b->answer);
    free(b);
}

static void give_batch(struct rpc_batch *b)
{
    struct rpc *r = b->rpc;

    if (r->spare_count == SPARE_MAX ||
        buf_len(&b->request) + buf_len(&b->answer) > SPARE_BYTES_MAX) {
        free_batch(b);
        return;
    }
    buf_reset(&b->request);
    buf_reset(&b->answer);
    b->next = r->spare;
    r->spare = b;
    r->spare_count++;
}

/* Behind the one that ends now, never from within rpc_start(). */
static void go_soon(struct rpc *r)
{
    if (!TAILQ_EMPTY(&r->apart) || !TAILQ_EMPTY(&r->waiting))
        loop_timer_set(r->loop, &r->go, loop_now_ms(r->loop));
}

/* Its HTTP call has ended, or was cancelled. */
static void drop_batch(struct rpc_batch *b)
{
    struct rpc *r = b->rpc;

    r->shared -= !b->alone;
    give_batch(b);
    go_soon(r);
}

static void take_out(struct rpc_batch *b, const struct rpc_question *q)
{
    struct rpc_question **link = &b->asked[q->place];

    while (*link != q)
        link = &(*link)->same;
    *link = q->same;
}

/* Takes the call out of where it is. A batch that nobody waits for is cancelled. */
static void leave(struct rpc_call *c)
{
    struct rpc_batch *b = c->batch;

    c->busy = false;
    c->batch = NULL;
    loop_timer_clear(c->rpc->loop, &c->late);
    if (b == NULL) {
        TAILQ_REMOVE(c->is_apart ? &c->rpc->apart : &c->rpc->waiting, c, calls);
        return;
    }
    TAILQ_REMOVE(&b->calls, c, calls);
    if (b->call == NULL) /* all is said */
        return;
    for (size_t i = 0; i < c->count; i++)
        take_out(b, &c->questions[i]);
    if (TAILQ_EMPTY(&b->calls)) {
        upstream_cancel(b->call);
        drop_batch(b);
    }
}

static void end_call(struct rpc_call *c, enum rpc_fail fail)
{
    leave(c);
    for (size_t i = 0; i < c->count && fail != RPC_FINE; i++)
        forget(&c->questions[i]);
    c->fail = fail == RPC_UNSENT && c->again ? RPC_LOST : fail;
    c->done(c);
}

static void put_apart(struct rpc_call *c, struct rpc_calls *from)
{
    TAILQ_REMOVE(from, c, calls);
    c->batch = NULL;
    c->is_apart = true;
    TAILQ_INSERT_TAIL(&c->rpc->apart, c, calls);
}

static void share_no_more(struct rpc_batch *refused)
{
    struct rpc *r = refused->rpc;
    struct rpc_call *c;

    log_event(LOG_WARN, "a node did not answer a batch: none are sent for a while",
              LOG_U64("questions", refused->count), LOG_U64("status", refused->status));
    r->apart_until_ms = loop_now_ms(r->loop) + RPC_APART_MS;
    while ((c = TAILQ_FIRST(&r->waiting)) != NULL)
        put_apart(c, &r->waiting);
}

/* Ends b's calls, those that were not heard among many excepted, and b. */
static void end_batch(struct rpc_batch *b, enum rpc_fail fail, bool refused)
{
    struct rpc_call *c;
    bool again = false;

    b->call = NULL;
    while ((c = TAILQ_FIRST(&b->calls)) != NULL) {
        if (refused || (fail == RPC_FINE && b->call_count > 1 && !is_heard(c))) {
            again = c->again = true;
            put_apart(c, &b->calls);
        } else {
            end_call(c, fail);
        }
    }
    if (again)
        share_no_more(b);
    drop_batch(b);
}

/* The HTTP call ---------------------------------------------------------------------
 */

static enum upstream_take on_head(void *arg, unsigned status,
                                  const struct http_header *headers, size_t count)
{
    struct rpc_batch *b = arg;

    (void)headers;
    (void)count;
    b->status = status;
    return UPSTREAM_TOOK;
}

static enum upstream_take on_data(void *arg, struct slice bytes)
{
    struct rpc_batch *b = arg;

    buf_append(&b->answer, bytes);
    return buf_spent(&b->answer) ? UPSTREAM_STOP : UPSTREAM_TOOK;
}

static bool was_read(struct rpc_batch *b)
{
    struct rpc *r = b->rpc;
    struct reading reading = {.asked = b->asked,
                              .count = b->count,
                              .first_id = b->first_id,
                              .arena = r->arena};

    arena_reset(r->arena);
    return b->status == HTTP_OK && read_body(&reading, buf_slice(&b->answer)) == RC_OK;
}

static void on_end(void *arg, enum upstream_fail fail, const char *detail)
{
    struct rpc_batch *b = arg;

    (void)detail;
    switch (fail) {
    case UPSTREAM_FINE:
        if (was_read(b))
            end_batch(b, RPC_FINE, false);
        else /* who asks too often must not ask more often */
            end_batch(b, RPC_LOST, b->call_count > 1 && b->status != HTTP_TOO_MANY);
        return;
    case UPSTREAM_CONNECT:
    case UPSTREAM_BLOCKED:
        end_batch(b, RPC_UNSENT, false);
        return;
    case UPSTREAM_SLOW:
        end_batch(b, RPC_LOST, false);
        return;
    case UPSTREAM_CUT:
    case UPSTREAM_TOO_BIG:
    case UPSTREAM_STOPPED:
        end_batch(b, RPC_LOST, b->call_count > 1);
        return;
    }
}

static void write_question(struct buf *out, const struct rpc_question *q, uint64_t id)
{
    buf_printf(out, "{\"jsonrpc\":\"2.0\",\"id\":%llu,\"method\":\"%s\",\"params\":",
               (unsigned long long)id, q->method);
    buf_append(out, q->params);
    buf_append_char(out, '}');
}

static void write_request(struct rpc_batch *b)
{
    if (b->count > 1)
        buf_append_char(&b->request, '[');
    for (size_t i = 0; i < b->count; i++) {
        if (i > 0)
            buf_append_char(&b->request, ',');
        write_question(&b->request, b->asked[i], b->first_id + i);
    }
    if (b->count > 1)
        buf_append_char(&b->request, ']');
}

/* The last of those who wait. */
static uint64_t latest_end_ms(const struct rpc_batch *b)
{
    const struct rpc_call *c;
    uint64_t latest = 0;

    TAILQ_FOREACH (c, &b->calls, calls)
        latest = c->end_ms > latest ? c->end_ms : latest;
    return latest;
}

static enum rc send_batch(struct rpc_batch *b)
{
    static const struct http_header headers[] = {
        {SLICE("Content-Type"), SLICE("application/json")},
        {SLICE("Accept"), SLICE("application/json")}};
    const struct rpc *r = b->rpc;
    const struct upstream_spec spec = {.method = "POST",
                                       .url = r->url,
                                       .headers = headers,
                                       .header_count =
                                           sizeof(headers) / sizeof(headers[0]),
                                       .parts = &b->part,
                                       .part_count = 1,
                                       .has_body = true,
                                       .allow_private = r->allow_private,
                                       .decode = true,
                                       .deadline_ms = latest_end_ms(b),
                                       .max_response_bytes = RPC_ANSWER_MAX,
                                       .arg = b,
                                       .head = on_head,
                                       .data = on_data,
                                       .end = on_end};

    write_request(b);
    if (buf_spent(&b->request))
        return RC_TOO_BIG;
    b->part = buf_slice(&b->request);
    return upstream_start(&b->call, r->upstream, &spec);
}

/* Sharing ----------------------------------------------------------------------------
 */

static size_t request_room(const struct rpc_call *c)
{
    size_t sum = 0;

    for (size_t i = 0; i < c->count; i++)
        sum +=
            QUESTION_ROOM + strlen(c->questions[i].method) + c->questions[i].params.len;
    return sum;
}

/* Where the same is asked; b->count: nowhere. */
static size_t find_same(const struct rpc_batch *b, const struct rpc_question *q)
{
    size_t i = 0;

    while (i < b->count &&
           !(b->asked[i]->common && slice_equal(b->asked[i]->params, q->params) &&
             strcmp(b->asked[i]->method, q->method) == 0))
        i++;
    return i;
}

static void add_question(struct rpc_batch *b, struct rpc_question *q)
{
    q->place = q->common ? find_same(b, q) : b->count;
    if (q->place == b->count)
        b->asked[b->count++] = NULL;
    q->same = b->asked[q->place];
    b->asked[q->place] = q;
}

static void add_call(struct rpc_batch *b, struct rpc_calls *from, struct rpc_call *c)
{
    TAILQ_REMOVE(from, c, calls);
    TAILQ_INSERT_TAIL(&b->calls, c, calls);
    c->batch = b;
    for (size_t i = 0; i < c->count; i++)
        add_question(b, &c->questions[i]);
    b->call_count++;
}

/* As many as fit of those that wait, but of `apart` the first alone. false: nothing can
 * be sent now. */
static bool send_some(struct rpc *r, struct rpc_calls *from)
{
    struct rpc_batch *b = take_batch(r);
    size_t room = RPC_REQUEST_MAX;
    struct rpc_call *c = TAILQ_FIRST(from);

    if (b == NULL) {
        end_call(c, RPC_UNSENT);
        return false;
    }
    b->alone = from == &r->apart;
    r->shared += !b->alone;
    do {
        const size_t takes = request_room(c);

        room = takes < room ? room - takes : 0;
        add_call(b, from, c);
        c = TAILQ_FIRST(from);
    } while (!b->alone && c != NULL && b->count + c->count <= RPC_QUESTIONS_MAX &&
             request_room(c) < room);
    r->next_id += b->count;
    if (send_batch(b) == RC_OK)
        return true;
    end_batch(b, RPC_UNSENT, false);
    return false;
}

/* When those who wait go out, if nothing ends before. */
static uint64_t due_ms(const struct rpc *r)
{
    const uint64_t patience_ms = TAILQ_FIRST(&r->waiting)->start_ms + RPC_SHARE_MS;
    const uint64_t gap_ms = r->begun_ms + RPC_GAP_MS;

    return r->shared < RPC_SHARED_AT_ONCE && gap_ms < patience_ms ? gap_ms
                                                                  : patience_ms;
}

/* What could not be sent ended calls, which may have begun others: those come in the
 * next turn. */
static void on_go(struct loop_timer *t)
{
    struct rpc *r = (struct rpc *)(void *)((char *)t - offsetof(struct rpc, go));
    const uint64_t now_ms = loop_now_ms(r->loop);
    uint64_t begun_ms = r->begun_ms;
    bool sends = true;

    while (sends && !TAILQ_EMPTY(&r->apart))
        sends = send_some(r, &r->apart);
    while (sends && !TAILQ_EMPTY(&r->waiting) && now_ms >= due_ms(r)) {
        sends = send_some(r, &r->waiting);
        begun_ms = now_ms;
    }
    r->begun_ms = begun_ms;
    if (!sends)
        go_soon(r);
    else if (!TAILQ_EMPTY(&r->waiting))
        loop_timer_set(r->loop, &r->go, due_ms(r));
}

/* Calls ------------------------------------------------------------------------------
 */

enum rc rpc_open(struct rpc **out, struct loop *l, struct upstream *u, const char *url,
                 bool allow_private)
{
    struct rpc *r = calloc(1, sizeof(*r));

    if (r == NULL)
        return RC_NOMEM;
    *r = (struct rpc){.loop = l,
                      .upstream = u,
                      .url = url,
                      .allow_private = allow_private,
                      .next_id = 1,
                      .go = {.fire = on_go}};
    TAILQ_INIT(&r->waiting);
    TAILQ_INIT(&r->apart);
    if (arena_open(&r->arena, RPC_MEMORY_MAX) != RC_OK) {
        free(r);
        return RC_NOMEM;
    }
    *out = r;
    return RC_OK;
}

void rpc_close(struct rpc *r)
{
    struct rpc_batch *b;

    if (r == NULL)
        return;
    assert(TAILQ_EMPTY(&r->waiting) && TAILQ_EMPTY(&r->apart));
    loop_timer_clear(r->loop, &r->go);
    while ((b = r->spare) != NULL) {
        r->spare = b->next;
        free_batch(b);
    }
    arena_close(r->arena);
    free(r);
}

static void on_late(struct loop_timer *t)
{
    struct rpc_call *c =
        (struct rpc_call *)(void *)((char *)t - offsetof(struct rpc_call, late));

    end_call(c, c->batch == NULL ? RPC_UNSENT : RPC_LOST);
}

void rpc_start(struct rpc *r, struct rpc_call *c)
{
    const uint64_t now_ms = loop_now_ms(r->loop);
    const uint64_t latest_ms = now_ms + RPC_TIMEOUT_MS;

    assert(!c->busy && c->count > 0 && c->count <= RPC_QUESTIONS_MAX);
    c->rpc = r;
    c->batch = NULL;
    c->busy = true;
    c->again = false;
    c->start_ms = now_ms;
    c->end_ms =
        c->deadline_ms != 0 && c->deadline_ms < latest_ms ? c->deadline_ms : latest_ms;
    c->late.fire = on_late;
    loop_timer_set(r->loop, &c->late, c->end_ms);
    c->is_apart = c->alone || now_ms < r->apart_until_ms;
    TAILQ_INSERT_TAIL(c->is_apart ? &r->apart : &r->waiting, c, calls);
    if (c->is_apart || !loop_timer_armed(&r->go))
        go_soon(r);
}

void rpc_cancel(struct rpc_call *c)
{
    if (c->busy)
        leave(c);
}

bool rpc_is_busy(const struct rpc_call *c)
{
    return c->busy;
}
