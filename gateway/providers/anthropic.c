/* SPDX-License-Identifier: Apache-2.0 */
/* Anthropic's own API (base https://api.anthropic.com), and hosts that speak as it
 * does: messages, and the count of their tokens. */
#include "gateway/model_list.h"
#include "gateway/provider.h"

#include <string.h>

enum {
    BETA_MAX = 2048, /* bytes of anthropic-beta, all of them together */
    VERSION_MAX = 32
};

static void add(struct provider_wire *out, const char *name, struct slice value)
{
    if (value.len > 0 && out->header_count < PROVIDER_HEADERS_MAX)
        out->headers[out->header_count++] =
            (struct http_header){slice_str(name), value};
}

/* Whether the client speaks this dialect itself: then its version and its betas are
 * about the body that goes on. */
static bool is_own(const struct http_request *client)
{
    return slice_starts(client->path, SLICE("/v1/messages"));
}

/* Under later versions the sampling fields are refused whatever the model: what was
 * translated keeps to the first. */
static struct slice version_for(const struct http_request *client)
{
    unsigned count;
    const struct slice v = http_header(client, "anthropic-version", &count);

    if (is_own(client) && count == 1 && v.len > 0 && v.len <= VERSION_MAX &&
        !slice_has_ctl(v))
        return v;
    return SLICE("2023-06-01");
}

/* One list of all that the client sent, in however many lines. */
static struct slice betas_of(const struct http_request *client, struct arena *a)
{
    char *text = arena_alloc(a, BETA_MAX);
    size_t len = 0;

    for (size_t i = 0; text != NULL && i < client->header_count; i++) {
        const struct http_header *h = &client->headers[i];
        const struct slice v = slice_trim(h->value);

        if (!slice_equal_nocase(h->name, SLICE("anthropic-beta")) || v.len == 0 ||
            slice_has_ctl(v) || v.len + 1 > BETA_MAX - len)
            continue;
        if (len > 0)
            text[len++] = ',';
        memcpy(text + len, v.bytes, v.len);
        len += v.len;
    }
    return slice_from(text, len);
}

static bool asks_for_beta(const struct http_request *client)
{
    struct slice rest = client->query, piece;

    while (slice_next(&piece, &rest, '&'))
        if (slice_equal(piece, SLICE("beta=true")))
            return true;
    return false;
}

static enum rc build(struct provider_wire *out, const struct provider_call *c,
                     struct arena *a)
{
    const bool own = is_own(c->client);

    if (c->op == PROVIDER_EMBEDDINGS)
        return RC_BAD_INPUT;
    out->url = arena_printf(a, "%s/v1/messages%s%s", c->provider->base_url,
                            c->op == PROVIDER_COUNT_TOKENS ? "/count_tokens" : "",
                            own && asks_for_beta(c->client) ? "?beta=true" : "");
    add(out, "Content-Type", SLICE("application/json"));
    add(out, "anthropic-version", version_for(c->client));
    if (own)
        add(out, "anthropic-beta", betas_of(c->client, a));
    if (c->api_key != NULL)
        add(out, "x-api-key", secret_open(c->api_key));
    return arena_spent(a) ? RC_NOMEM : RC_OK;
}

/* ---- What a model is like ---- */

static bool is_short_number(struct slice s, unsigned *out)
{
    uint64_t n;

    if (s.len == 0 || s.len > 2 || slice_to_u64(&n, s) != RC_OK)
        return false;
    *out = (unsigned)n;
    return true;
}

/* "claude-opus-4-7", "claude-3-5-sonnet-20241022": 407, 305; 0: no such name. */
static unsigned version_of(struct slice model)
{
    unsigned major, minor = 0;
    struct slice piece;

    if (!slice_starts(model, SLICE("claude-")))
        return 0;
    while (slice_next(&piece, &model, '-')) {
        if (!is_short_number(piece, &major))
            continue;
        if (slice_next(&piece, &model, '-') && !is_short_number(piece, &minor))
            minor = 0;
        return 100 * major + minor;
    }
    return 0;
}

/* By the families' own notes. Of others' models that are served in this dialect
 * nothing is known: they get what the dialect has had for longest. */
static unsigned quirks(const struct config_provider *p, struct slice model)
{
    const unsigned version = version_of(model);
    unsigned q = 0;

    (void)p;
    if (version == 0)
        return QUIRK_SYSTEM_FIRST | QUIRK_THINKING_BUDGET | QUIRK_NO_SCHEMA;
    if (version < 307)
        q |= QUIRK_NO_THINKING;
    else if (version <= 406)
        q |= QUIRK_THINKING_BUDGET;
    if (version >= 407)
        q |= QUIRK_NO_SAMPLING;
    if (version < 408)
        q |= QUIRK_SYSTEM_FIRST;
    if (version < 401)
        q |= QUIRK_NO_SCHEMA;
    return q;
}

/* 401 to 403 are about our key, 404 is about a model that this target lacks, 529 says
 * that all of Anthropic is busy. An account without money is told with a 400. */
static enum provider_verdict classify(unsigned status, struct slice body)
{
    switch (status) {
    case 401:
    case 402:
    case 403:
    case 404:
    case 408:
    case 409:
    case 425:
    case 429:
        return PROVIDER_NEXT;
    case 400:
        return slice_search(body, SLICE("credit balance is too low")) < body.len
                   ? PROVIDER_NEXT
                   : PROVIDER_FINAL;
    default:
        return status >= 500 || status < 400 ? PROVIDER_NEXT : PROVIDER_FINAL;
    }
}

static const char *const base_ends[] = {"/v1", NULL};

static const struct wire *const wires[] = {&wire_messages, NULL};

extern const struct provider provider_anthropic;
const struct provider provider_anthropic = {
    .kind = "anthropic",
    .default_url = "https://api.anthropic.com",
    .base_ends = base_ends,
    .wires = wires,
    .models = model_list_anthropic,
    .has_count_tokens = true,
    .quirks = quirks,
    .build = build,
    .classify = classify,
};
