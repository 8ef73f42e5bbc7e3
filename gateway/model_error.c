/* SPDX-License-Identifier: Apache-2.0 */
/* An upstream's failure in the client's words: what is the client's fault passes with
 * the vendor's message, everything else becomes ours. No message passes that could hold
 * a secret of ours. */
#include "gateway/model_call.h"

#include "base/json.h"

enum {
    MESSAGE_MAX = 2000,
    RETRY_DELAY_MAX_S = 3600
};

/* Whether text holds a secret, or its beginning (vendors cut them). */
static bool holds(struct slice text, const struct secret *secret)
{
    const struct slice head = slice_sub(secret_open(secret), 0, 12);

    return head.len >= 6 && slice_search(text, head) < text.len;
}

static bool holds_secret(const struct config_provider *p, struct slice text)
{
    for (size_t i = 0; i < p->key_count; i++)
        if (holds(text, p->api_keys[i]))
            return true;
    return holds(text, p->access_key) || holds(text, p->secret_key) ||
           holds(text, p->session_token);
}

/* A string member of the upstream's error, copied; NULL: absent, odd, or not for
 * others. */
static const char *member(struct request *r, struct slice error, const char *name)
{
    const struct model_call *m = r->api_state;
    struct slice raw, text;

    if (json_raw_member(&raw, error, name) != JSON_STRING ||
        json_raw_string(&text, raw, r->arena) != RC_OK || text.len == 0)
        return NULL;
    if (holds_secret(m->target->provider, text))
        return NULL;
    return arena_copy(r->arena, text.bytes,
                      text.len > MESSAGE_MAX ? MESSAGE_MAX : text.len);
}

/* {"error":{..}} as OpenAI has it; {"error":"text"}, {"message":..}, {"detail":..} as
 * its relatives do. */
static void read_error(struct request *r, struct slice body)
{
    struct json_limits limits = {0};
    struct json_field f[] = {{.name = "error"}, {.name = "message"}};
    struct slice error = body;

    if (json_guard(body, &limits, f, 2, NULL, r->arena) != RC_OK)
        return;
    if (f[0].type == JSON_OBJECT)
        error = f[0].raw;
    r->fault.detail = member(r, error, f[0].type == JSON_STRING ? "error" : "message");
    r->fault.param = member(r, error, "param");
    r->fault.code = member(r, error, "code");
    r->fault.type = member(r, error, "type");
}

/* Anthropic's own clients look into its errors, whatever is in them: on the short way
 * they get them as they came, but for what is about our key or our account. */
static bool passes_whole(struct request *r, unsigned status, struct slice body)
{
    const struct model_call *m = r->api_state;
    struct json_limits limits = {0};

    if (r->match.api->dialect != DIALECT_ANTHROPIC || !m->is_short || status < 400 ||
        (status >= 401 && status <= 403) ||
        json_guard(body, &limits, NULL, 0, NULL, r->arena) != RC_OK ||
        holds_secret(m->target->provider, body))
        return false;
    r->fault.whole = arena_slice(r->arena, body);
    r->fault.status = status;
    return r->fault.whole.len > 0;
}

/* Google says how long to wait in the body: {"error":{"details":[{"retryDelay":
 * "34.4s"}]}}. Rounded up; 0: not said, or not believable. */
static unsigned retry_delay(struct request *r, struct slice body)
{
    struct json_limits limits = {0};
    struct json_field error = {.name = "error"};
    struct slice details, item, raw;
    uint64_t seconds = 0;
    size_t at = 0;

    if (json_guard(body, &limits, &error, 1, NULL, r->arena) != RC_OK ||
        json_raw_member(&details, error.raw, "details") != JSON_ARRAY)
        return 0;
    while (json_raw_element(&item, details, &at) != JSON_ABSENT) {
        if (json_raw_member(&raw, item, "retryDelay") != JSON_STRING)
            continue;
        raw = slice_sub(raw, 1, raw.len - 2);
        if (!slice_ends(raw, SLICE("s")) ||
            slice_to_u64(&seconds, slice_sub(raw, 0,
                                             slice_find(raw, '.') < raw.len
                                                 ? slice_find(raw, '.')
                                                 : raw.len - 1)) != RC_OK)
            return 0;
        seconds += slice_find(raw, '.') < raw.len;
    }
    return seconds > RETRY_DELAY_MAX_S ? 0 : (unsigned)seconds;
}

/* What the vendor's status means to the caller. */
static enum rc map_status(unsigned status)
{
    switch (status) {
    case 400:
    case 413:
    case 422:
        return RC_UPSTREAM_REFUSED;
    case 408:
    case 504:
        return RC_UPSTREAM_TIMEOUT;
    case 429:
        return RC_UPSTREAM_RATE;
    default:
        return RC_UPSTREAM;
    }
}

void model_call_explain(struct request *r, unsigned status, struct slice body)
{
    enum rc rc = map_status(status);

    r->fault = (struct fault){.rc = rc};
    if (passes_whole(r, status, body))
        return;
    switch (rc) {
    case RC_UPSTREAM_REFUSED:
        r->fault.status = status;
        read_error(r, body);
        if (r->fault.code == NULL)
            r->fault.code = rc_reason(RC_BAD_INPUT);
        return;
    case RC_UPSTREAM_RATE:
        r->fault.code = rc_reason(RC_RATE);
        r->fault.retry_after_s = retry_delay(r, body);
        return;
    default:
        break;
    }
    if (status == 401 || status == 402 || status == 403)
        r->fault.detail = "The upstream refused the gateway's own credentials.";
    else if (status < 300)
        r->fault.detail = "The upstream's answer is not what was asked for.";
    else if (rc == RC_UPSTREAM)
        r->fault.detail = arena_printf(
            r->arena, "The upstream failed with status %u; nothing was charged.",
            status);
}
