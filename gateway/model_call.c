/* SPDX-License-Identifier: Apache-2.0 */
/* Model calls, but for the streamed half (model_stream.c) and the words of upstream
 * errors (model_error.c). Knows the OpenAI dialect's request; knows no vendor and no
 * wallet. */
#include "gateway/model_call.h"

#include "base/clock.h"
#include "base/json.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

/* ---- Planning ---- */

/* Fields that make other gateways call elsewhere or run things; never honoured here. */
static const char *const forbidden[] = {"api_base", "base_url", "custom_host",
                                        "callbacks", "command"};

enum {
    FORBIDDEN_COUNT = sizeof(forbidden) / sizeof(forbidden[0])
};

/* So that the guard's table of keys fits in the request's arena. */
enum {
    KEYS_MAX = 50000
};

static enum rc scan(struct request *r, struct model_call *m)
{
    struct json_limits limits = {.bytes = r->config->limits.max_body_bytes,
                                 .keys = KEYS_MAX};
    struct json_fault fault = {0, ""};
    enum rc rc;

    m->body = exchange_body(r->exchange);
    if (m->body.len == 0)
        return request_fault(r, RC_BAD_INPUT, NULL, "The body is empty.");
    rc = json_guard(m->body, &limits, m->fields, m->field_count, &fault, r->arena);
    if (rc == RC_BAD_JSON)
        return request_fault(r, rc, NULL, "The body is not valid JSON: %s at byte %zu.",
                             fault.what, fault.at);
    TRY(rc);
    for (size_t i = 0; i < FORBIDDEN_COUNT; i++)
        if (model_call_field(m, forbidden[i])->type != JSON_ABSENT)
            return request_fault(r, RC_BAD_INPUT, forbidden[i],
                                 "'%s' can not be set by a request.", forbidden[i]);
    return RC_OK;
}

/* A number for a choice, spread evenly over calls. One call draws for its target and
 * then for that one's key, so every second, third.. draw must be spread evenly too: the
 * multiples of the golden ratio are. */
static uint64_t draw(struct worker *w)
{
    return (w->turn++ * UINT64_C(0x9e3779b97f4a7c15)) >> 32;
}

static enum rc find_model(struct request *r, struct model_call *m)
{
    const struct json_field *f = &m->fields[0];
    struct slice name;

    if (f->type != JSON_STRING || json_raw_string(&name, f->raw, r->arena) != RC_OK ||
        name.len == 0 || name.len > 256)
        return request_fault(r, RC_BAD_INPUT, "model",
                             "'model' must be a string that names a model.");
    r->quote.subject = name;
    if (!wallet_model_allowed(&r->caller, name))
        return request_fault(r, RC_MODEL_DENIED, "model",
                             "This key may not use '%.*s'.", SLICE_FMT(name));
    m->model = config_model(r->config, name);
    if (m->model == NULL)
        return request_fault(r, RC_MODEL_UNKNOWN, "model",
                             "There is no model '%.*s'; GET /v1/models lists them.",
                             SLICE_FMT(name));
    if (!m->model->priced)
        return request_fault(r, RC_UNPRICED, "model",
                             "'%.*s' has no price yet, so it can not be called.",
                             SLICE_FMT(name));
    m->order_count = select_targets(m->order, m->model, draw(r->worker));
    return RC_OK;
}

enum rc model_call_begin(struct model_call **out, struct request *r,
                         enum provider_op op, const char *const *fields, size_t count)
{
    struct model_call *m = arena_new(r->arena, struct model_call);

    if (m == NULL)
        return RC_NOMEM;
    assert(count + FORBIDDEN_COUNT <= MODEL_FIELDS_MAX);
    r->api_state = m;
    m->op = op;
    m->choices = 1;
    buf_init(&m->sent, SIZE_MAX / 2);
    buf_init(&m->plain, r->config->limits.max_response_bytes);
    for (size_t i = 0; i < count; i++)
        m->fields[i].name = fields[i];
    for (size_t i = 0; i < FORBIDDEN_COUNT; i++)
        m->fields[count + i].name = forbidden[i];
    m->field_count = count + FORBIDDEN_COUNT;
    TRY(scan(r, m));
    TRY(find_model(r, m));
    *out = m;
    return RC_OK;
}

struct json_field *model_call_field(struct model_call *m, const char *name)
{
    size_t i = 0;

    while (i < m->field_count && strcmp(m->fields[i].name, name) != 0)
        i++;
    assert(i < m->field_count); /* the api scanned for every field that it asks for */
    return &m->fields[i];
}

enum rc model_call_u64(struct request *r, const char *name, uint64_t *out, bool *given,
                       uint64_t min, uint64_t max)
{
    const struct json_field *f = model_call_field(r->api_state, name);
    uint64_t value;

    *given = false;
    if (f->type == JSON_ABSENT || f->type == JSON_NULL)
        return RC_OK;
    if (f->type != JSON_NUMBER || json_raw_u64(&value, f->raw) != RC_OK ||
        value < min || value > max)
        return request_fault(r, RC_BAD_INPUT, name,
                             "'%s' must be an integer from %llu to %llu.", name,
                             (unsigned long long)min, (unsigned long long)max);
    *given = true;
    *out = value;
    return RC_OK;
}

enum rc model_call_bool(struct request *r, const char *name, bool *out)
{
    const struct json_field *f = model_call_field(r->api_state, name);

    if (f->type == JSON_ABSENT || f->type == JSON_NULL)
        return RC_OK;
    if (json_raw_bool(out, f->raw) != RC_OK)
        return request_fault(r, RC_BAD_INPUT, name, "'%s' must be true or false.",
                             name);
    return RC_OK;
}

enum rc model_call_quote(struct request *r)
{
    struct model_call *m = r->api_state;
    uint64_t prompt = price_prompt_bound(m->model, m->body.len, m->references,
                                         r->config->limits.reference_tokens);

    m->prompt_bound = prompt;
    if (!m->bound_given)
        m->output_bound =
            m->op == PROVIDER_EMBEDDINGS ? 0 : m->model->hold_output_tokens;
    if (price_worst(&r->quote.worst, m->model, prompt, m->choices, m->output_bound) !=
        RC_OK)
        return request_fault(r, RC_OVERFLOW, NULL,
                             "The worst case of this call is more than can be booked.");
    /* Both factors are small enough by now: the product was checked by the price. */
    r->quote.tokens = prompt + m->choices * m->output_bound;
    return RC_OK;
}

static bool fits(const struct model_call *m, uint64_t bound, struct money most)
{
    struct money worst;

    return price_worst(&worst, m->model, m->prompt_bound, m->choices, bound) == RC_OK &&
           money_cmp(worst, most) <= 0;
}

enum rc model_call_fit(struct request *r, struct money most, uint64_t *bound)
{
    const struct model_call *m = r->api_state;
    uint64_t good = 0, bad = m->output_bound + 1;

    if (m->op != PROVIDER_CHAT || !fits(m, 1, most))
        return RC_NO_FUNDS;
    while (bad - good > 1) {
        const uint64_t middle = good + (bad - good) / 2;

        *(fits(m, middle, most) ? &good : &bad) = middle;
    }
    *bound = good;
    return RC_OK;
}

void model_call_bind(struct request *r, uint64_t bound)
{
    struct model_call *m = r->api_state;

    if (bound >= m->output_bound)
        return;
    m->output_bound = bound;
    m->bound_forced = true;
    (void)!price_worst(&r->quote.worst, m->model, m->prompt_bound, m->choices, bound);
    r->quote.tokens = m->prompt_bound + m->choices * bound;
}

/* ---- A try ---- */

static struct slice json_quote(struct request *r, struct slice text)
{
    struct slice quoted;
    struct json_out o;
    struct buf b;

    buf_init(&b, 4096);
    json_out_init(&o, &b);
    json_out_slice(&o, text);
    quoted = arena_slice(r->arena, buf_slice(&b));
    buf_free(&b);
    return quoted;
}

/* A key may be written with escapes. */
static bool is_named(struct request *r, struct slice raw_key, struct slice name)
{
    struct slice key;

    return json_raw_string(&key, raw_key, r->arena) == RC_OK && slice_equal(key, name);
}

/* {"include_usage":true} with whatever else the client had in stream_options. */
static struct slice forced_options(struct request *r, const struct json_field *f)
{
    struct slice key, value, forced;
    struct buf b;
    size_t at = 0;

    buf_init(&b, 65536);
    buf_append_str(&b, "{\"include_usage\":true");
    while (f->type == JSON_OBJECT &&
           json_raw_next(&key, &value, f->raw, &at) != JSON_ABSENT) {
        if (is_named(r, key, SLICE("include_usage")))
            continue;
        buf_append_char(&b, ',');
        buf_append(&b, key);
        buf_append_char(&b, ':');
        buf_append(&b, value);
    }
    buf_append_char(&b, '}');
    forced = buf_spent(&b) ? SLICE_NONE : arena_slice(r->arena, buf_slice(&b));
    buf_free(&b);
    return forced;
}

/* Both names of the output bound may stand in one body: each one that is there is
 * lowered, and if there is none, the adapter's is added. Returns how many. */
static size_t splice_bound(struct request *r, struct model_call *m,
                           struct json_splice changes[2])
{
    static const char *const names[] = {"max_tokens", "max_completion_tokens"};
    const struct slice value =
        slice_str(arena_printf(r->arena, "%llu", (unsigned long long)m->output_bound));
    size_t count = 0;

    for (size_t i = 0; i < 2; i++) {
        const struct json_field *f = model_call_field(m, names[i]);

        if (f->type == JSON_NUMBER)
            changes[count++] = (struct json_splice){f, value};
    }
    if (count == 0)
        changes[count++] = (struct json_splice){
            model_call_field(m, m->target->provider->adapter->output_bound_field),
            value};
    return count;
}

/* The client's body, byte for byte, but for the fields that must change. */
static enum rc splice_body(struct request *r, struct model_call *m)
{
    struct json_splice changes[4];
    size_t count = 0;

    if (!slice_equal_str(r->quote.subject, m->target->model))
        changes[count++] = (struct json_splice){
            &m->fields[0], json_quote(r, slice_str(m->target->model))};
    if (m->stream && !m->usage_asked) {
        const struct json_field *f = model_call_field(m, "stream_options");

        changes[count++] = (struct json_splice){f, forced_options(r, f)};
    }
    if (m->bound_forced ||
        (m->model->strict_hold && m->op == PROVIDER_CHAT && !m->bound_given))
        count += splice_bound(r, m, &changes[count]);
    for (size_t i = 0; i < count; i++)
        if (changes[i].value.len == 0)
            return RC_TOO_BIG;
    buf_reset(&m->sent);
    if (count == 0) {
        m->part = m->body;
        return RC_OK;
    }
    json_splice(&m->sent, m->body, changes, count);
    m->part = buf_slice(&m->sent);
    return buf_spent(&m->sent) ? RC_NOMEM : RC_OK;
}

static void reset_answer(struct request *r, struct model_call *m)
{
    m->usage = (struct usage){0};
    m->text_bytes = 0;
    m->text_pieces = 0;
    m->done = false;
    m->usage_chunk = SLICE_NONE;
    m->stream_rc = RC_OK;
    m->content_type[0] = '\0';
    buf_reset(&m->plain);
    if (m->sse_open)
        sse_reader_free(&m->sse);
    m->sse_open = false;
    (void)r;
}

enum rc model_call_build(struct request *r, struct upstream_spec *spec)
{
    struct model_call *m = r->api_state;
    const struct config_provider *p;
    const struct secret *key = NULL;
    struct provider_wire *wire;

    if (m->order_next >= m->order_count)
        return RC_NOT_FOUND;
    m->target = &m->model->targets[m->order[m->order_next++]];
    p = m->target->provider;
    if (p->key_count > 0)
        key = p->api_keys[draw(r->worker) % p->key_count];
    wire = arena_new(r->arena, struct provider_wire);
    if (wire == NULL)
        return RC_NOMEM;
    reset_answer(r, m);
    TRY(splice_body(r, m));
    TRY(p->adapter->build(wire,
                          &(struct provider_call){
                              .provider = p,
                              .model = slice_str(m->target->model),
                              .api_key = key,
                              .op = m->op,
                              .stream = m->stream,
                              .client = r->http,
                              .body = m->part,
                              .now_us = clock_wall_us(),
                          },
                          r->arena));
    *spec = (struct upstream_spec){
        .method = "POST",
        .url = wire->url,
        .header_count = wire->header_count,
        .headers = wire->headers,
        .part_count = 1,
        .parts = &m->part,
        .has_body = true,
        .allow_private = p->allow_private,
        .pool_key = key != NULL ? secret_open(key) : SLICE_NONE,
        .first_byte_timeout_ms = p->first_byte_timeout_ms,
        .idle_timeout_ms = p->idle_timeout_ms,
        .max_response_bytes = r->config->limits.max_response_bytes,
    };
    return arena_spent(r->arena) ? RC_NOMEM : RC_OK;
}

/* ---- The answer ---- */

bool model_call_head(struct request *r, unsigned status,
                     const struct http_header *headers, size_t count)
{
    struct model_call *m = r->api_state;
    struct slice type = SLICE_NONE;

    for (size_t i = 0; i < count; i++) {
        if (slice_equal_nocase(headers[i].name, SLICE("content-type")))
            type = headers[i].value;
        if (slice_equal_nocase(headers[i].name, SLICE("content-encoding")) &&
            !slice_equal_nocase(slice_trim(headers[i].value), SLICE("identity")))
            return false; /* we asked for none: garbage */
    }
    if (status < 200 || status > 299)
        return false;
    if (slice_to_cstr(m->content_type, sizeof(m->content_type), type) != RC_OK)
        m->content_type[0] = '\0';
    if (!m->stream)
        return true;
    /* A body that is no stream, where one was asked for, is an error with a 200 on it.
     */
    if (type.len > 0 && !slice_starts_nocase(type, SLICE("text/event-stream")))
        return false;
    sse_reader_init(&m->sse, 0);
    m->sse_open = true;
    return true;
}

enum upstream_take model_call_data(struct request *r, struct slice bytes)
{
    struct model_call *m = r->api_state;

    if (m->stream)
        return model_stream_data(r, bytes);
    buf_append(&m->plain, bytes);
    return buf_spent(&m->plain) ? UPSTREAM_STOP : UPSTREAM_TOOK;
}

bool model_call_may_retry(struct request *r, unsigned status, struct slice body)
{
    const struct model_call *m = r->api_state;

    return m->target->provider->adapter->classify(status, body) == PROVIDER_NEXT;
}

/* Counts the text of a whole answer, for an upstream that says no usage. */
static void count_text(struct model_call *m, struct slice json)
{
    struct slice choices, choice, message, content;
    size_t at = 0;

    if (json_raw_member(&choices, json, "choices") != JSON_ARRAY)
        return;
    while (json_raw_element(&choice, choices, &at) != JSON_ABSENT) {
        if (json_raw_member(&message, choice, "message") != JSON_OBJECT)
            continue;
        if (json_raw_member(&content, message, "content") == JSON_STRING)
            m->text_bytes += content.len - 2;
        if (json_raw_member(&content, message, "tool_calls") == JSON_ARRAY)
            m->text_bytes += content.len;
        m->text_pieces++;
    }
}

enum rc model_call_complete(struct request *r)
{
    struct model_call *m = r->api_state;
    struct json_field fields[] = {{.name = "error"}, {.name = "usage"}};
    struct json_limits limits = {.containers = 1000000, .keys = 4000000};
    struct slice body = buf_slice(&m->plain);
    struct arena *scratch;
    enum rc rc;

    if (m->stream)
        return model_stream_complete(r);
    TRY(arena_open(&scratch, 64u << 20));
    rc = json_guard(body, &limits, fields, 2, NULL, scratch);
    if (rc == RC_OK && (fields[0].type == JSON_OBJECT || fields[0].type == JSON_STRING))
        rc = RC_UPSTREAM; /* an error with a 200 on it */
    if (rc == RC_OK) {
        if (m->target->provider->adapter->usage(&m->usage, body) != RC_OK)
            count_text(m, body);
    } else {
        rc = RC_UPSTREAM;
    }
    arena_close(scratch);
    return rc;
}

/* ---- Cost ---- */

static void describe(struct request *r, struct wallet_call *call, const struct usage *u)
{
    const struct model_call *m = r->api_state;

    call->model = r->quote.subject;
    call->target = slice_str(
        arena_printf(r->arena, "%s/%s", m->target->provider->name, m->target->model));
    call->price_version = slice_str(m->model->price.version);
    call->prompt_tokens = usage_prompt(u);
    call->cached_tokens = u->in_cache_read;
    call->cache_write_tokens = u->in_cache_write;
    call->completion_tokens = usage_completion(u);
    call->reasoning_tokens = u->out_reasoning;
    call->estimated = u->estimated;
    call->status = r->outcome == OUTCOME_GONE ? 499 : 200;
}

enum rc model_call_cost(struct request *r, struct money *cost, struct wallet_call *call)
{
    struct model_call *m = r->api_state;
    struct usage u = m->usage;

    if (m->target == NULL)
        return RC_OK;
    /* Nothing reached the caller: it costs nothing (law 8). */
    if (r->outcome != OUTCOME_OK && !m->begun)
        u = (struct usage){.known = true};
    else if (!u.known)
        u = usage_estimate(m->body.len, m->text_bytes, m->text_pieces);
    describe(r, call, &u);
    TRY(price_exact(cost, &m->model->price, &u));
    if (u.estimated) /* never more than was agreed on a guess */
        *cost = money_min(*cost, r->quote.worst);
    r->tokens_used = usage_prompt(&u) + usage_completion(&u);
    return RC_OK;
}

/* ---- The end ---- */

void model_call_finish(struct request *r)
{
    struct model_call *m = r->api_state;

    if (m->stream) {
        model_stream_finish(r);
        return;
    }
    request_money_headers(r);
    request_reply(r, 200, m->content_type[0] ? m->content_type : "application/json",
                  buf_slice(&m->plain));
}

void model_call_broken(struct request *r, enum rc rc)
{
    struct buf b;

    buf_init(&b, 65536);
    r->fault.rc = rc == RC_OK ? RC_UPSTREAM : rc;
    buf_append_str(&b, "data: ");
    error_print(&b, r->match.api->dialect, &r->fault, r->id_text);
    buf_append_str(&b, "\n\n");
    request_write(r, buf_slice(&b));
    request_end(r,
                true); /* well framed: the error is said in-band, no [DONE] follows */
    buf_free(&b);
}

void model_call_close(struct request *r)
{
    struct model_call *m = r->api_state;

    buf_free(&m->sent);
    buf_free(&m->plain);
    if (m->sse_open)
        sse_reader_free(&m->sse);
}
