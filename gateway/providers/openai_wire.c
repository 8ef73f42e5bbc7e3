/* SPDX-License-Identifier: Apache-2.0 */
/* The OpenAI wire, for the adapters that speak it. */
#include "gateway/providers/openai_wire.h"

#include <string.h>

enum rc openai_wire_url(struct provider_wire *out, const struct config_provider *p,
                        enum provider_op op, const struct wire *wire, struct arena *a)
{
    const char *path = NULL;

    switch (op) {
    case PROVIDER_CHAT:
        path = "/chat/completions";
        if (wire == &wire_responses)
            path = "/responses";
        else if (wire == &wire_completions)
            path = "/completions";
        break;
    case PROVIDER_EMBEDDINGS:
        path = "/embeddings";
        break;
    case PROVIDER_COUNT_TOKENS:
        return RC_BAD_INPUT;
    }
    out->url = arena_printf(a, "%s%s", p->base_url, path);
    return out->url != NULL ? RC_OK : RC_NOMEM;
}

static void add(struct provider_wire *out, struct slice name, struct slice value)
{
    if (out->header_count < PROVIDER_HEADERS_MAX)
        out->headers[out->header_count++] = (struct http_header){name, value};
}

void openai_wire_headers(struct provider_wire *out, const struct secret *api_key,
                         struct arena *a)
{
    add(out, SLICE("Content-Type"), SLICE("application/json"));
    if (api_key != NULL) {
        struct slice key = secret_open(api_key);
        char *value = arena_alloc(a, key.len + 8);

        if (value == NULL)
            return;
        memcpy(value, "Bearer ", 7);
        memcpy(value + 7, key.bytes, key.len);
        add(out, SLICE("Authorization"), slice_from(value, key.len + 7));
    }
}

void openai_wire_pass(struct provider_wire *out, const struct http_request *client,
                      const char *const *names)
{
    for (size_t i = 0; names[i] != NULL; i++) {
        unsigned count;
        struct slice value = http_header(client, names[i], &count);

        if (count == 1 && value.len <= 1024 && !slice_has_ctl(value))
            add(out, slice_str(names[i]), value);
    }
}

/* Words of vendors for what is not the request's fault although the status says so: an
 * unknown model, our key, our account, or a call of a tool that the model got wrong. */
static const char *const next_words[] = {
    "model_not_found",
    "not_found_error",
    "model_not_supported",
    "invalid_api_key",
    "authentication_error",
    "insufficient_quota",
    "billing_not_active",
    "account_deactivated",
    "exceeded_current_quota_error", /* Moonshot */
    "Arrearage",                    /* DashScope: the account owes */
    "tool_use_failed",              /* Groq */
    "1113",
    "1112", /* Z.ai: no balance; account locked */
};

static bool is_next_word(struct slice raw)
{
    const struct slice word =
        json_raw_type(raw) == JSON_STRING ? slice_sub(raw, 1, raw.len - 2) : raw;

    for (size_t i = 0; i < sizeof(next_words) / sizeof(next_words[0]); i++)
        if (slice_equal_str(word, next_words[i]))
            return true;
    return false;
}

/* {"error":{"code":..,"type":..}}, or the same without what is around it. */
static bool says_next(struct slice body)
{
    const struct json_limits limits = {.bytes = 65536};
    struct slice error, code;
    struct arena *a;
    bool next = false;

    if (body.len == 0 || arena_open(&a, 262144) != RC_OK)
        return false;
    if (json_guard(body, &limits, NULL, 0, NULL, a) == RC_OK) {
        if (json_raw_member(&error, body, "error") != JSON_OBJECT)
            error = body;
        next = (json_raw_member(&code, error, "code") != JSON_ABSENT &&
                is_next_word(code)) ||
               (json_raw_member(&code, error, "type") == JSON_STRING &&
                is_next_word(code));
    }
    arena_close(a);
    return next;
}

/* 401, 402 and 403 are about our key, so another target may do; 404 is about a model
 * that this target lacks; 434 is Z.ai's for an account without the right. Everything
 * else below 500 is the request's own fault, unless the body says otherwise. */
enum provider_verdict openai_wire_classify(unsigned status, struct slice body)
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
    case 434:
        return PROVIDER_NEXT;
    default:
        break;
    }
    if (status >= 500 || status < 400)
        return PROVIDER_NEXT;
    return says_next(body) ? PROVIDER_NEXT : PROVIDER_FINAL;
}
