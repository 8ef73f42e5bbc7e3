/* SPDX-License-Identifier: Apache-2.0 */
/* POST /v1/messages, streamed and not, in Anthropic's dialect: what Claude Code and
 * Anthropic's SDKs speak. Reads only what routing, pricing and billing need. */
#include "gateway/api.h"
#include "gateway/apis/messages_check.h"
#include "gateway/wires/json_body.h"

enum {
    OUTPUT_TOKENS_MAX = 100000000 /* beyond any model: "max_tokens" is a mistake then */
};

static const char *const fields[] = {"model", "max_tokens",    "stream",
                                     "speed", "inference_geo", MESSAGES_CHECK_FIELDS,
                                     NULL};

static const struct model_ask ask = {
    .wire = &wire_messages,
    .op = PROVIDER_CHAT,
    .fields = fields,
};

/* Anthropic serves these at a multiple of its prices, which no price here knows: such a
 * call would be sold at a loss. */
static enum rc check_surcharges(struct request *r, struct model_call *m)
{
    static const struct {
        const char *name;
        const char *plain[2]; /* what costs nothing more */
    } dear[] = {
        {"speed", {"standard", "standard"}},
        {"inference_geo", {"global", "not_available"}},
    };

    for (size_t i = 0; i < sizeof(dear) / sizeof(dear[0]); i++) {
        const struct json_field *f = model_call_field(m, dear[i].name);

        if (f->type > JSON_NULL && !json_body_is(f->raw, dear[i].plain[0]) &&
            !json_body_is(f->raw, dear[i].plain[1]))
            return request_fault(r, RC_BAD_INPUT, dear[i].name,
                                 "'%s' may be '%s' only: all else has a surcharge that "
                                 "has no price here.",
                                 dear[i].name, dear[i].plain[0]);
    }
    return RC_OK;
}

static enum rc plan(struct request *r)
{
    struct model_call *m;

    TRY(model_call_begin(&m, r, &ask));
    TRY(check_surcharges(r, m));
    TRY(messages_check(r, m));
    TRY(model_call_bool(r, "stream", &m->stream));
    m->usage_asked = true; /* this dialect always tells it */
    TRY(model_call_u64(r, "max_tokens", &m->output_bound, &m->bound_given, 1,
                       OUTPUT_TOKENS_MAX));
    if (!m->bound_given)
        return request_fault(r, RC_BAD_INPUT, "max_tokens",
                             "'max_tokens' is needed: the most tokens of the answer.");
    return model_call_quote(r);
}

static const struct api_route routes[] = {
    {"POST", "/v1/messages"},
    {NULL, NULL},
};

extern const struct api api_messages;
const struct api api_messages = {
    .name = "messages",
    .dialect = DIALECT_ANTHROPIC,
    .flags = API_PRICED | API_JSON_BODY,
    .routes = routes,
    .example = "\"max_tokens\":16,\"messages\":[{\"role\":\"user\",\"content\":"
               "\"Say hello.\"}]",
    .plan = plan,
    MODEL_CALL_FUNCTIONS,
};
