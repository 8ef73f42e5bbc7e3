/* SPDX-License-Identifier: Apache-2.0 */
/* Planning a model call: what is asked of which model, and what it may cost. Knows no
 * vendor and no wallet. */
#include "gateway/model_call.h"

#include "base/clock.h"
#include "gateway/catalog.h"
#include "gateway/model_bond.h"
#include "gateway/model_int.h"

#include <assert.h>
#include <string.h>

/* Fields that make other gateways call elsewhere or run things; never honoured here. */
static const char *const forbidden[] = {"api_base", "base_url", "custom_host",
                                        "callbacks", "command"};

enum {
    FORBIDDEN_COUNT = sizeof(forbidden) / sizeof(forbidden[0])
};

/* So that the guard's table of keys fits in the request's arena. */
enum {
    KEYS_MAX = 50000,
    OUT_MORE = 1 << 20,
    LEAD_MAX = 2 << 20, /* twice of what is kept back */
    TALK_MAX = 64 << 20 /* of what is made of a body: ten times the largest */
};

/* Some dozens are compared with each other in every call. */
static bool is_name(const char *a, const char *b)
{
    return a[0] == b[0] && strcmp(a, b) == 0;
}

enum rc model__scan(struct request *r, struct slice body)
{
    struct model_call *m = r->api_state;
    struct json_limits limits = {.bytes = r->config->limits.max_body_bytes,
                                 .keys = KEYS_MAX};
    struct json_fault fault = {0, ""};
    enum rc rc;

    m->body = body;
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

uint64_t model__draw(struct worker *w)
{
    return (w->turn++ * UINT64_C(0x9e3779b97f4a7c15)) >> 32;
}

static enum rc read_name(struct request *r, struct model_call *m, struct slice *name)
{
    const struct json_field *f = &m->fields[0];

    if (m->ask->model.bytes != NULL)
        *name = m->ask->model;
    else if (f->type != JSON_STRING || json_raw_string(name, f->raw, r->arena) != RC_OK)
        *name = SLICE_NONE;
    if (name->len == 0 || name->len > 256)
        return request_fault(r, RC_BAD_INPUT, "model",
                             "'model' must be a string that names a model.");
    return RC_OK;
}

static enum rc find_model(struct request *r, struct model_call *m)
{
    struct slice name;

    TRY(read_name(r, m, &name));
    r->quote.subject = name;
    if (!wallet_model_allowed(&r->caller, name))
        return request_fault(r, RC_MODEL_DENIED, "model",
                             "This key may not use '%.*s'.", SLICE_FMT(name));
    m->model = config_model(r->config, name);
    if (m->model == NULL)
        return request_fault(r, RC_MODEL_UNKNOWN, "model",
                             "There is no model '%.*s'; GET /v1/models lists them.",
                             SLICE_FMT(name));
    m->price = price_at(m->model, clock_wall_us());
    if (m->price == NULL)
        return request_fault(r, RC_UNPRICED, "model",
                             "'%.*s' has no price yet, so it can not be called.",
                             SLICE_FMT(name));
    m->order_count = select_targets(m->order, m->model, model__draw(r->worker));
    return RC_OK;
}

static void add_field(struct model_call *m, const char *name)
{
    for (size_t i = 0; i < m->field_count; i++)
        if (is_name(m->fields[i].name, name))
            return;
    assert(m->field_count < MODEL_FIELDS_MAX);
    m->fields[m->field_count++].name = name;
}

/* "model" is the first, whatever the lists say. */
static void list_fields(struct model_call *m)
{
    add_field(m, "model");
    add_field(m, "service_tier");
    for (size_t i = 0; m->ask->fields[i] != NULL; i++)
        add_field(m, m->ask->fields[i]);
    for (size_t i = 0; m->wire != NULL && m->wire->fields[i] != NULL; i++)
        add_field(m, m->wire->fields[i]);
    for (size_t i = 0; i < FORBIDDEN_COUNT; i++)
        add_field(m, forbidden[i]);
}

enum rc model_call_begin(struct model_call **out, struct request *r,
                         const struct model_ask *ask)
{
    struct model_call *m = arena_new(r->arena, struct model_call);

    if (m == NULL)
        return RC_NOMEM;
    r->api_state = m;
    m->ask = ask;
    m->wire = ask->wire;
    m->op = ask->op;
    m->choices = 1;
    buf_init(&m->sent, SIZE_MAX / 2);
    buf_init(&m->plain, r->config->limits.max_response_bytes);
    /* Other words for the same may be longer; that they do not fit is seen only when
     * the money is booked, so they must. */
    buf_init(&m->out, 2 * r->config->limits.max_response_bytes + OUT_MORE);
    buf_init(&m->lead, LEAD_MAX);
    if (ask->refers) {
        m->bond = arena_new(r->arena, struct model_bond);
        if (m->bond == NULL)
            return RC_NOMEM;
    }
    list_fields(m);
    TRY(model__scan(r, request_body(r)));
    TRY(find_model(r, m));
    *out = m;
    return RC_OK;
}

struct json_field *model_call_field(struct model_call *m, const char *name)
{
    size_t i = 0;

    while (i < m->field_count && !is_name(m->fields[i].name, name))
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

enum rc model_call_image(struct request *r, const char *param)
{
    const struct model_call *m = r->api_state;

    if (!m->model->caps_known || (m->model->caps & MODEL_CAP_VISION) != 0)
        return RC_OK;
    return request_fault(r, RC_BAD_INPUT, param, "The model '%.*s' takes no images.",
                         SLICE_FMT(r->quote.subject));
}

void model_call_hosted(struct model_call *m, struct slice kind)
{
    m->references++;
    if (slice_search(kind, SLICE("search")) < kind.len ||
        slice_search(kind, SLICE("Search")) < kind.len)
        m->searches += MODEL_SEARCHES_MAX;
}

/* Whether a call for t would have to be written anew. */
static bool is_foreign(const struct model_call *m, const struct config_target *t)
{
    const struct provider *p = t->provider->adapter;

    return provider_wire(t->provider, slice_str(t->model), m->wire) != m->wire ||
           m->ask->reframed ||
           (!m->stream && p->quirks != NULL &&
            (p->quirks(t->provider, slice_str(t->model)) & QUIRK_STREAM_ONLY) != 0);
}

enum rc model__refuse(struct request *r, const struct wire_fault *fault)
{
    (void)request_fault(r, RC_BAD_INPUT, fault->param, "%s",
                        fault->detail != NULL ? fault->detail : "not valid");
    r->fault.extra = fault->extra;
    return RC_BAD_INPUT;
}

enum rc model__memory(struct model_call *m)
{
    return m->memory != NULL ? RC_OK : arena_open(&m->memory, TALK_MAX);
}

enum rc model__read_talk(struct model_call *m, struct wire_fault *fault)
{
    TRY(model__memory(m));
    m->talk = arena_new(m->memory, struct conversation);
    if (m->talk == NULL)
        return RC_NOMEM;
    TRY(m->wire->read(m->talk, fault, m->body, m->memory));
    m->talk->stream = m->stream;
    return RC_OK;
}

/* The body in the common form, if any target needs it: so that what cannot be read is
 * refused before anything is held. */
static enum rc read_talk(struct request *r, struct model_call *m)
{
    struct wire_fault fault = {.param = NULL};
    bool needed = false;
    enum rc rc;

    for (size_t i = 0; i < m->order_count; i++)
        needed = needed || is_foreign(m, &m->model->targets[m->order[i]]);
    if (!needed || m->wire == NULL || m->op != PROVIDER_CHAT)
        return RC_OK;
    rc = model__read_talk(m, &fault);
    return rc == RC_BAD_INPUT ? model__refuse(r, &fault) : rc;
}

/* A dearer service that has no price here would be sold at a loss. */
static enum rc read_tier(struct request *r, struct model_call *m)
{
    const struct json_field *f =
        m->tier != NULL ? m->tier : model_call_field(m, "service_tier");
    struct slice tier = SLICE_NONE;

    if (f->type != JSON_ABSENT && f->type != JSON_NULL &&
        (f->type != JSON_STRING || json_raw_string(&tier, f->raw, r->arena) != RC_OK))
        return request_fault(r, RC_BAD_INPUT, f->name, "'%s' must be a string.",
                             f->name);
    if (!price_sells(m->price, tier))
        return request_fault(r, RC_BAD_INPUT, f->name,
                             "'%.*s' has no price for the service tier '%.*s'.",
                             SLICE_FMT(r->quote.subject), SLICE_FMT(tier));
    m->tiers = price_tiers(tier);
    m->tier_asked = price_tier_asked(tier);
    return RC_OK;
}

static enum rc worst_case(struct money *out, const struct model_call *m,
                          uint64_t output_bound)
{
    const struct price_bounds b = {
        .prompt = m->prompt_bound,
        .choices = m->choices,
        .output = output_bound,
        .searches = m->searches,
        .tiers = m->tiers,
    };

    return price_bound(out, m->price, &b);
}

enum rc model_call_quote(struct request *r)
{
    struct model_call *m = r->api_state;
    uint64_t prompt = price_prompt_bound(m->model, m->body.len, m->references,
                                         r->config->limits.reference_tokens);

    TRY(read_talk(r, m));
    if (m->bond != NULL)
        prompt = m->bond->kept_tokens < m->model->context_tokens - prompt
                     ? prompt + m->bond->kept_tokens
                     : m->model->context_tokens;
    m->prompt_bound = prompt;
    if (m->op == PROVIDER_COUNT_TOKENS) { /* free of charge */
        r->quote.tokens = prompt;
        return RC_OK;
    }
    TRY(read_tier(r, m));
    if (!m->bound_given)
        m->output_bound =
            m->op == PROVIDER_EMBEDDINGS ? 0 : m->model->hold_output_tokens;
    if (worst_case(&r->quote.worst, m, m->output_bound) != RC_OK)
        return request_fault(r, RC_OVERFLOW, NULL,
                             "The worst case of this call is more than can be booked.");
    /* Both factors are small enough by now: the product was checked by the price. */
    r->quote.tokens = prompt + m->choices * m->output_bound;
    return RC_OK;
}

static bool fits(const struct model_call *m, uint64_t bound, struct money most)
{
    struct money worst;

    return worst_case(&worst, m, bound) == RC_OK && money_cmp(worst, most) <= 0;
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
    (void)!worst_case(&r->quote.worst, m, bound);
    r->quote.tokens = m->prompt_bound + m->choices * bound;
}
