/* SPDX-License-Identifier: Apache-2.0 */
/* One try of a model call: for which target, in whose words, with which of its keys. */
#include "gateway/model_int.h"

#include "base/clock.h"
#include "gateway/model_bond.h"

static struct wire_target describe(const struct model_call *m, unsigned quirks)
{
    return (struct wire_target){
        .model = slice_str(m->target->model),
        .quirks = quirks,
        .max_output_tokens = m->output_bound,
        .stream = m->up_stream,
        .bound_forced = m->bound_forced || (m->model->strict_hold && !m->bound_given),
        .output_bound = m->output_bound,
    };
}

/* The client's body, byte for byte, but for the fields that must change. */
static enum rc splice(struct model_call *m, const struct wire_changes *changes)
{
    buf_reset(&m->sent);
    if (changes->count == 0) {
        m->part = m->body;
        return RC_OK;
    }
    json_splice(&m->sent, m->body, changes->splices, changes->count);
    m->part = buf_slice(&m->sent);
    return buf_spent(&m->sent) ? RC_NOMEM : RC_OK;
}

static enum rc write_embeddings(struct request *r, struct model_call *m,
                                struct wire_fault *fault)
{
    const struct provider *p = m->target->provider->adapter;
    const struct slice model = slice_str(m->target->model);
    struct wire_changes changes = {.count = 0};

    if (p->embed != NULL) {
        buf_reset(&m->sent);
        TRY(p->embed->write(&m->sent, m->body, model, fault, r->arena));
        m->part = buf_slice(&m->sent);
        return buf_spent(&m->sent) ? RC_NOMEM : RC_OK;
    }
    if (!slice_equal(r->quote.subject, model))
        wire_change(&changes, m->fields, m->field_count, "model",
                    quoted_from(model, r->arena).json);
    return splice(m, &changes);
}

/* The body for the present target; how, is told in m->is_short. */
static enum rc write_body(struct request *r, struct model_call *m, unsigned quirks,
                          struct wire_fault *fault)
{
    const struct wire_target t = describe(m, quirks);
    struct wire_changes changes = {.count = 0};

    m->lost.count = 0;
    if (m->op == PROVIDER_EMBEDDINGS)
        return write_embeddings(r, m, fault);
    if (m->is_short) {
        TRY(m->wire->adapt(&changes, &t, m->fields, m->field_count, fault, r->arena));
        return splice(m, &changes);
    }
    if (m->talk == NULL) /* model_call_quote() saw no target that needs it */
        TRY(model__read_talk(m, fault));
    buf_reset(&m->sent);
    TRY(m->up_wire->write(&m->sent, m->talk, &t, &m->lost, fault, m->memory));
    m->part = buf_slice(&m->sent);
    if (m->lost.count > 0 && m->model->require_parameters)
        return wire_refuse(fault, r->arena, m->lost.names[0],
                           "'%s' can not be carried to the provider of this model.",
                           m->lost.names[0]);
    return buf_spent(&m->sent) || arena_spent(m->memory) ? RC_NOMEM : RC_OK;
}

static bool serves(const struct model_call *m, const struct provider *p)
{
    switch (m->op) {
    case PROVIDER_CHAT:
        return m->up_wire != NULL;
    case PROVIDER_EMBEDDINGS:
        return p->has_embeddings || p->embed != NULL;
    case PROVIDER_COUNT_TOKENS:
        return p->has_count_tokens && m->up_wire == m->wire;
    }
    return false;
}

/* In whose words the present target is asked, and whether the answer passes. */
static void choose_wire(struct model_call *m, unsigned quirks, bool another)
{
    const struct config_provider *p = m->target->provider;

    if (m->wire == NULL)
        m->up_wire = NULL;
    else if (another)
        m->up_wire = p->adapter->wires[0];
    else
        m->up_wire = provider_wire(p, slice_str(m->target->model), m->wire);
    m->up_stream = m->stream || (quirks & QUIRK_STREAM_ONLY) != 0;
    m->is_short =
        m->up_wire == m->wire && m->up_stream == m->stream && !m->ask->reframed;
}

/* The next target that can be asked, with its body. RC_NOT_FOUND: none is left.
 * RC_BAD_INPUT: none can be, and *fault says why the last could not. */
static enum rc next_target(struct request *r, struct model_call *m)
{
    struct wire_fault fault = {.param = NULL};
    enum rc rc = RC_NOT_FOUND;
    bool another = m->another_wire;

    m->another_wire = false;
    m->order_next -= another; /* the same target, asked otherwise */
    for (; m->order_next < m->order_count; another = false) {
        const struct provider *p;
        unsigned quirks;

        m->target = &m->model->targets[m->order[m->order_next++]];
        p = m->target->provider->adapter;
        quirks = p->quirks == NULL
                     ? 0
                     : p->quirks(m->target->provider, slice_str(m->target->model));
        choose_wire(m, quirks, another);
        if (!serves(m, p))
            continue;
        rc = write_body(r, m, quirks, &fault);
        if (rc != RC_BAD_INPUT)
            return rc;
    }
    if (rc == RC_NOT_FOUND || r->attempts > 0)
        return r->attempts > 0 ? RC_NOT_FOUND
                               : request_fault(r, RC_BAD_INPUT, "model",
                                               "'%.*s' can not be called at this path.",
                                               SLICE_FMT(r->quote.subject));
    return model__refuse(r, &fault);
}

static enum rc build_wire(struct request *r, struct model_call *m,
                          const struct secret *key, struct provider_wire *out)
{
    const struct provider_call call = {
        .provider = m->target->provider,
        .model = slice_str(m->target->model),
        .api_key = key,
        .op = m->op,
        .wire = m->up_wire,
        .stream = m->up_stream,
        .client = r->http,
        .body = m->part,
        .now_us = clock_wall_us(),
    };

    return call.provider->adapter->build(out, &call, r->arena);
}

/* The target of the next try: the same one with another key, if the last was refused
 * for its key, and its body stands. */
static enum rc choose_target(struct request *r, struct model_call *m)
{
    if (m->another_key) {
        m->another_key = false;
        return RC_OK;
    }
    m->keys = (struct key_tries){.count = 0};
    return next_target(r, m);
}

/* Hosts that are told to speak OpenAI's dialect often have its chat only: where a path
 * of another of its wires is not there, the same call is put as a chat. */
static bool lacks_wire(const struct model_call *m, unsigned status)
{
    const struct wire *first = m->wire == NULL || m->op != PROVIDER_CHAT
                                   ? m->up_wire
                                   : m->target->provider->adapter->wires[0];

    return (status == 404 || status == 405 || status == 501) && m->up_wire != first &&
           first->write != NULL && !(m->bond != NULL && m->bond->only);
}

bool model_call_may_retry(struct request *r, unsigned status, struct slice body)
{
    struct model_call *m = r->api_state;
    const struct config_provider *p = m->target->provider;

    if (m->key != KEY_TURNS_NONE) {
        const unsigned rest_s = key_turns_judge(status, body, r->retry_after_s);

        key_turns_rest(r->worker->key_turns, p, m->key, rest_s);
        m->another_key = rest_s > 0 && !(m->bond != NULL && m->bond->only) &&
                         key_turns_more(p, &m->keys);
    }
    m->another_wire = !m->another_key && lacks_wire(m, status);
    return m->another_key || m->another_wire ||
           p->adapter->classify(status, body) == PROVIDER_NEXT;
}

enum rc model_call_build(struct request *r, struct upstream_spec *spec)
{
    struct model_call *m = r->api_state;
    const struct config_provider *p;
    const struct secret *key = NULL;
    struct provider_wire *wire = arena_new(r->arena, struct provider_wire);

    if (wire == NULL)
        return RC_NOMEM;
    TRY(choose_target(r, m));
    p = m->target->provider;
    m->key = model__take_key(r);
    if (m->key != KEY_TURNS_NONE)
        key = p->api_keys[m->key];
    model__reset_answer(m);
    TRY(build_wire(r, m, key, wire));
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
