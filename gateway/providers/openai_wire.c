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
        path = wire == &wire_responses ? "/responses" : "/chat/completions";
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

/* 401, 402 and 403 are about our key, so another target may do; 404 is about a model
 * that this target lacks. Everything else below 500 is the request's own fault. */
enum provider_verdict openai_wire_classify(unsigned status, struct slice body)
{
    (void)body;
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
    default:
        return status >= 500 || status < 400 ? PROVIDER_NEXT : PROVIDER_FINAL;
    }
}
