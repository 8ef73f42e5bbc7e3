/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/settle/rpc.h"

#include "base/codec.h"
#include "base/json.h"

#include <assert.h>
#include <stdlib.h>

enum {
    HTTP_OK = 200,
    DEPTH_MAX = 12,
    CONTAINERS_MAX = 60 * 1000, /* logs: two of them each */
    KEYS_MAX = 300 * 1000,
    DATA_MAX = 16 * 1024, /* bytes of what a revert carries */
    CODE_REVERTED = 3     /* what geth made the usual one */
};

struct rpc {
    struct loop *loop;
    struct upstream *upstream;
    const char *url;
    bool allow_private;
    uint64_t next_id;
};

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
                      .next_id = 1};
    *out = r;
    return RC_OK;
}

void rpc_close(struct rpc *r)
{
    free(r);
}

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

static enum rc read_answer(struct rpc_question *questions, size_t count,
                           uint64_t first_id, struct slice object, struct arena *a)
{
    struct rpc_question *q;
    struct slice raw;
    struct slice error;
    uint64_t id;

    if (json_raw_member(&raw, object, "jsonrpc") != JSON_STRING ||
        !is_text(raw, "2.0") || json_raw_member(&raw, object, "id") != JSON_NUMBER)
        return RC_BAD_INPUT;
    TRY(json_raw_u64(&id, raw));
    if (id < first_id || id - first_id >= count)
        return RC_BAD_INPUT;
    q = &questions[id - first_id];
    if (q->answer != RPC_SILENT)
        return RC_BAD_INPUT;
    switch (json_raw_member(&error, object, "error")) {
    case JSON_OBJECT:
        read_error(q, error, a);
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
    if (json_raw_member(&q->result, object, "result") == JSON_ABSENT)
        return RC_BAD_INPUT;
    q->answer = RPC_RESULT;
    return RC_OK;
}

static void forget(struct rpc_question *questions, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct rpc_question *q = &questions[i];

        q->answer = RPC_SILENT;
        q->result = q->message = q->data = SLICE_NONE;
        q->code = 0;
    }
}

static enum rc read_answers(struct rpc_question *questions, size_t count,
                            uint64_t first_id, struct slice body, struct arena *a)
{
    struct slice element;
    size_t at = 0;

    if (json_raw_type(body) == JSON_OBJECT)
        return count == 1 ? read_answer(questions, count, first_id, body, a)
                          : RC_BAD_INPUT;
    if (json_raw_type(body) != JSON_ARRAY)
        return RC_BAD_INPUT;
    while (json_raw_element(&element, body, &at) != JSON_ABSENT) {
        if (json_raw_type(element) != JSON_OBJECT)
            return RC_BAD_INPUT;
        TRY(read_answer(questions, count, first_id, element, a));
    }
    return arena_spent(a) ? RC_NOMEM : RC_OK;
}

enum rc rpc_read(struct rpc_question *questions, size_t count, uint64_t first_id,
                 struct slice body, struct arena *a)
{
    const struct json_limits limits = {.bytes = RPC_ANSWER_MAX,
                                       .depth = DEPTH_MAX,
                                       .containers = CONTAINERS_MAX,
                                       .keys = KEYS_MAX,
                                       .any_value = true};
    enum rc rc;

    forget(questions, count);
    TRY(json_guard(body, &limits, NULL, 0, NULL, a));
    rc = read_answers(questions, count, first_id, body, a);
    if (rc != RC_OK)
        forget(questions, count);
    return rc;
}

/* Calling ----------------------------------------------------------------------------
 */

/* The call's struct may be gone when done() returns: what it owned is kept here. */
static void finish(struct rpc_call *c, enum rpc_fail fail)
{
    struct buf request = c->request;
    struct buf answer = c->answer;
    struct arena *a = NULL;

    forget(c->questions, c->count);
    c->call = NULL;
    c->busy = false;
    c->fail = fail;
    buf_init(&c->request, 0);
    buf_init(&c->answer, 0);
    if (fail == RPC_FINE &&
        (c->status != HTTP_OK || arena_open(&a, RPC_MEMORY_MAX) != RC_OK ||
         rpc_read(c->questions, c->count, c->first_id, buf_slice(&answer), a) != RC_OK))
        c->fail = RPC_LOST;
    c->done(c);
    arena_close(a);
    buf_free(&answer);
    buf_free(&request);
}

static enum upstream_take on_head(void *arg, unsigned status,
                                  const struct http_header *headers, size_t count)
{
    struct rpc_call *c = arg;

    (void)headers;
    (void)count;
    c->status = status;
    return UPSTREAM_TOOK;
}

static enum upstream_take on_data(void *arg, struct slice bytes)
{
    struct rpc_call *c = arg;

    buf_append(&c->answer, bytes);
    return buf_spent(&c->answer) ? UPSTREAM_STOP : UPSTREAM_TOOK;
}

static void on_end(void *arg, enum upstream_fail fail, const char *detail)
{
    struct rpc_call *c = arg;

    (void)detail;
    switch (fail) {
    case UPSTREAM_FINE:
        finish(c, RPC_FINE);
        return;
    case UPSTREAM_CONNECT:
    case UPSTREAM_BLOCKED:
        finish(c, RPC_UNSENT);
        return;
    case UPSTREAM_SLOW:
    case UPSTREAM_CUT:
    case UPSTREAM_TOO_BIG:
    case UPSTREAM_STOPPED:
        finish(c, RPC_LOST);
        return;
    }
}

static void on_refused(struct loop_timer *t)
{
    struct rpc_call *c =
        (struct rpc_call *)(void *)((char *)t - offsetof(struct rpc_call, refused));

    finish(c, RPC_UNSENT);
}

static void write_question(struct json_out *o, const struct rpc_question *q,
                           uint64_t id)
{
    json_out_object(o);
    json_out_kstr(o, "jsonrpc", "2.0");
    json_out_ku64(o, "id", id);
    json_out_kstr(o, "method", q->method);
    json_out_key(o, "params");
    json_out_raw(o, q->params);
    json_out_end_object(o);
}

static void write_request(struct rpc_call *c)
{
    struct json_out o;

    json_out_init(&o, &c->request);
    if (c->count > 1)
        json_out_array(&o);
    for (size_t i = 0; i < c->count; i++)
        write_question(&o, &c->questions[i], c->first_id + i);
    if (c->count > 1)
        json_out_end_array(&o);
}

static enum rc send_request(struct rpc_call *c)
{
    static const struct http_header headers[] = {
        {SLICE("Content-Type"), SLICE("application/json")},
        {SLICE("Accept"), SLICE("application/json")}};
    const struct rpc *r = c->rpc;
    const uint64_t latest = loop_now_ms(r->loop) + RPC_TIMEOUT_MS;
    struct upstream_spec spec = {.method = "POST",
                                 .url = r->url,
                                 .headers = headers,
                                 .header_count = sizeof(headers) / sizeof(headers[0]),
                                 .parts = &c->part,
                                 .part_count = 1,
                                 .has_body = true,
                                 .allow_private = r->allow_private,
                                 .decode = true,
                                 .max_response_bytes = RPC_ANSWER_MAX,
                                 .arg = c,
                                 .head = on_head,
                                 .data = on_data,
                                 .end = on_end};

    if (buf_spent(&c->request))
        return RC_TOO_BIG;
    c->part = buf_slice(&c->request);
    spec.deadline_ms =
        c->deadline_ms != 0 && c->deadline_ms < latest ? c->deadline_ms : latest;
    return upstream_start(&c->call, r->upstream, &spec);
}

void rpc_start(struct rpc *r, struct rpc_call *c)
{
    assert(!c->busy && c->count > 0 && c->count <= RPC_QUESTIONS_MAX);
    c->rpc = r;
    c->call = NULL;
    c->busy = true;
    c->status = 0;
    c->refused.fire = on_refused;
    c->first_id = r->next_id;
    r->next_id += c->count;
    buf_init(&c->request, RPC_REQUEST_MAX);
    buf_init(&c->answer, RPC_ANSWER_MAX);
    write_request(c);
    if (send_request(c) != RC_OK)
        loop_timer_set(r->loop, &c->refused, loop_now_ms(r->loop));
}

void rpc_cancel(struct rpc_call *c)
{
    if (!c->busy)
        return;
    c->busy = false;
    if (c->call != NULL)
        upstream_cancel(c->call);
    c->call = NULL;
    loop_timer_clear(c->rpc->loop, &c->refused);
    buf_free(&c->request);
    buf_free(&c->answer);
}

bool rpc_is_busy(const struct rpc_call *c)
{
    return c->busy;
}
