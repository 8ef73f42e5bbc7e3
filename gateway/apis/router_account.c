/* SPDX-License-Identifier: Apache-2.0 */
/* What OpenRouter's clients ask of their account: GET /api/v1/credits, /api/v1/key (and
 * its older name /api/v1/auth/key), /api/v1/generation?id=. Amounts are JSON numbers
 * there, USD with up to nine places; ours keep all of them. */
#include "gateway/api.h"
#include "gateway/path.h"
#include "gateway/request.h"

#include "base/json.h"

#include <stdio.h>
#include <string.h>

enum {
    BODY_MAX = 16384
};

static void put_amount(struct json_out *o, const char *name, struct money m)
{
    char text[MONEY_TEXT_SIZE];

    money_print_short(text, m);
    json_out_key(o, name);
    json_out_raw(o, slice_str(text));
}

static void put_null(struct json_out *o, const char *name)
{
    json_out_key(o, name);
    json_out_null(o);
}

static void put_nulls(struct json_out *o, const char *const *names)
{
    for (; *names != NULL; names++)
        put_null(o, *names);
}

/* Credits -----------------------------------------------------------------------------
 */

/* Their difference is what these clients show: what can be spent now. */
static void put_credits(struct json_out *o, const struct wallet_balance *b)
{
    struct money total = b->balance;

    if (!money_add(&total, b->balance, b->spent))
        total = b->balance;
    put_amount(o, "total_credits", total);
    put_amount(o, "total_usage", b->spent);
}

/* The key -----------------------------------------------------------------------------
 */

static const struct wallet_limit *find_limit(const struct wallet_balance *b,
                                             enum wallet_per per)
{
    for (unsigned i = 0; i < b->limit_count; i++)
        if (b->limits[i].scope == WALLET_SCOPE_KEY && b->limits[i].per == per)
            return &b->limits[i];
    return NULL;
}

static void put_used(struct json_out *o, const char *name,
                     const struct wallet_balance *b, enum wallet_per per)
{
    const struct wallet_limit *l = find_limit(b, per);

    put_amount(o, name, l != NULL ? l->used : MONEY_ZERO);
}

/* The limit of the longest time: a key of theirs has one. */
static void put_limit(struct json_out *o, const struct wallet_balance *b)
{
    static const struct {
        enum wallet_per per;
        const char *reset;
    } order[] = {{WALLET_PER_TOTAL, NULL},
                 {WALLET_PER_MONTH, "monthly"},
                 {WALLET_PER_DAY, "daily"}};

    for (size_t i = 0; i < sizeof(order) / sizeof(order[0]); i++) {
        const struct wallet_limit *l = find_limit(b, order[i].per);

        if (l == NULL)
            continue;
        put_amount(o, "limit", l->limit);
        put_amount(o, "limit_remaining",
                   money_sub_floor(money_sub_floor(l->limit, l->used), l->held));
        json_out_key(o, "limit_reset");
        json_out_str(o, order[i].reset);
        return;
    }
    put_null(o, "limit");
    put_null(o, "limit_remaining");
    put_null(o, "limit_reset");
}

static void put_key(struct json_out *o, const struct request *r,
                    const struct wallet_balance *b)
{
    char label[WALLET_KEY_ID_LEN + sizeof("sk-oct-...")];

    (void)snprintf(label, sizeof(label), "sk-oct-%s...", r->caller.key_id);
    json_out_kstr(o, "label", label);
    put_limit(o, b);
    json_out_kbool(o, "include_byok_in_limit", false);
    put_used(o, "usage", b, WALLET_PER_TOTAL);
    put_used(o, "usage_daily", b, WALLET_PER_DAY);
    put_amount(o, "usage_weekly", MONEY_ZERO);
    put_used(o, "usage_monthly", b, WALLET_PER_MONTH);
    put_amount(o, "byok_usage", MONEY_ZERO);
    put_amount(o, "byok_usage_daily", MONEY_ZERO);
    put_amount(o, "byok_usage_weekly", MONEY_ZERO);
    put_amount(o, "byok_usage_monthly", MONEY_ZERO);
    json_out_kbool(o, "is_free_tier", false);
    json_out_kbool(o, "is_management_key", false);
    json_out_kbool(o, "is_provisioning_key", false);
    put_null(o, "creator_user_id");
    put_null(o, "expires_at");
    json_out_key(o, "rate_limit");
    json_out_object(o);
    json_out_key(o, "requests");
    json_out_i64(o, -1);
    json_out_kstr(o, "interval", "60s");
    json_out_kstr(o, "note", "not counted in this place");
    json_out_end_object(o);
}

/* A generation ------------------------------------------------------------------------
 */

struct found_row {
    struct json_out *o;
    const char *id;
    bool found;
};

/* "openai/gpt-5.4": the provider is what stands before the first slash. */
static void put_provider(struct json_out *o, struct slice target)
{
    if (target.len > 0)
        json_out_kslice(o, "provider_name",
                        slice_sub(target, 0, slice_find(target, '/')));
    else
        put_null(o, "provider_name");
}

static bool put_row(void *arg, const struct wallet_row *row)
{
    static const char *const unknown[] = {"upstream_id",
                                          "cache_discount",
                                          "app_id",
                                          "streamed",
                                          "cancelled",
                                          "latency",
                                          "generation_time",
                                          "moderation_latency",
                                          "finish_reason",
                                          "native_finish_reason",
                                          "num_media_prompt",
                                          "num_input_audio_prompt",
                                          "num_media_completion",
                                          "num_search_results",
                                          "num_fetches",
                                          "native_tokens_completion_images",
                                          "external_user",
                                          "router",
                                          "provider_responses",
                                          "http_referer",
                                          "user_agent",
                                          "session_id",
                                          "preset_id",
                                          "service_tier",
                                          "web_search_engine",
                                          "response_cache_source_id",
                                          "upstream_inference_cost",
                                          NULL};
    struct found_row *f = arg;
    struct json_out *o = f->o;

    if (row->credit || f->found)
        return true;
    f->found = true;
    json_out_kstr(o, "id", f->id);
    json_out_kstr(o, "request_id", f->id);
    put_amount(o, "total_cost", row->amount);
    put_amount(o, "usage", row->amount);
    json_out_key(o, "created_at");
    json_out_time(o, row->time_us);
    json_out_kslice(o, "model", row->model);
    put_provider(o, row->target);
    json_out_ku64(o, "tokens_prompt", row->prompt_tokens);
    json_out_ku64(o, "tokens_completion", row->completion_tokens);
    json_out_ku64(o, "native_tokens_prompt", row->prompt_tokens);
    json_out_ku64(o, "native_tokens_completion", row->completion_tokens);
    json_out_ku64(o, "native_tokens_reasoning", row->reasoning_tokens);
    json_out_ku64(o, "native_tokens_cached", row->cached_tokens);
    json_out_kstr(o, "origin", "");
    json_out_kbool(o, "is_byok", false);
    json_out_kstr(o, "api_type",
                  strcmp(row->kind, "embeddings") == 0 ? "embeddings" : "completions");
    put_nulls(o, unknown);
    return true;
}

static enum rc put_generation(struct json_out *o, struct request *r)
{
    const struct slice text = path_query_value(r->http->query, "id");
    struct found_row f = {.o = o};
    char id_text[WALLET_ID_TEXT_SIZE];
    struct id id;

    if (wallet_id_parse(&id, 'r', text) != RC_OK)
        return request_fault(r, RC_NOT_FOUND, "id",
                             "'id' is no request's: it is the x-request-id of an "
                             "answer.");
    wallet_id_print(id_text, 'r', id);
    f.id = id_text;
    TRY(wallet_statement_request(r->worker->book, r->caller.wallet, id, put_row, &f));
    return f.found ? RC_OK : RC_NOT_FOUND;
}

/* All of them -------------------------------------------------------------------------
 */

static enum rc put_data(struct json_out *o, struct request *r)
{
    struct wallet_balance balance;

    if (slice_equal(r->http->path, SLICE("/api/v1/generation")))
        return put_generation(o, r);
    TRY(wallet_caller_balance(&balance, r->worker->book, &r->caller));
    if (slice_equal(r->http->path, SLICE("/api/v1/credits")))
        put_credits(o, &balance);
    else
        put_key(o, r, &balance);
    return RC_OK;
}

static void serve(struct request *r)
{
    struct json_out o;
    struct buf b;
    enum rc rc;

    buf_init(&b, BODY_MAX);
    json_out_init(&o, &b);
    json_out_object(&o);
    json_out_key(&o, "data");
    json_out_object(&o);
    rc = put_data(&o, r);
    json_out_end_object(&o);
    json_out_end_object(&o);
    if (rc == RC_OK && buf_spent(&b))
        rc = RC_NOMEM;
    if (rc == RC_OK) {
        request_reply(r, 200, "application/json", buf_slice(&b));
    } else {
        r->rc = rc;
        r->fault.rc = rc;
        request_reply_fault(r);
    }
    buf_free(&b);
}

static const struct api_route routes[] = {
    {"GET", "/api/v1/credits"},    {"GET", "/api/v1/key"}, {"GET", "/api/v1/auth/key"},
    {"GET", "/api/v1/generation"}, {NULL, NULL},
};

extern const struct api api_router_account;
const struct api api_router_account = {
    .name = "wallet",
    .dialect = DIALECT_OPENAI,
    .flags = API_NEEDS_KEY,
    .routes = routes,
    .serve = serve,
};
