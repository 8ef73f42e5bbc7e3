/* SPDX-License-Identifier: Apache-2.0 */
/* JSON forms of what the wallet module reports. */
#include "gateway/wallet_json.h"

#include <string.h>

static void print_id(struct json_out *o, const char *key, char kind, struct id id)
{
    char text[WALLET_ID_TEXT_SIZE];

    json_out_key(o, key);
    if (id_is_none(id)) {
        json_out_null(o);
        return;
    }
    wallet_id_print(text, kind, id);
    json_out_str(o, text);
}

static void print_limit(struct json_out *o, const struct wallet_limit *l)
{
    static const char *const scopes[] = {
        [WALLET_SCOPE_KEY] = "key",
        [WALLET_SCOPE_WALLET] = "wallet",
        [WALLET_SCOPE_PARENT] = "parent",
    };

    json_out_object(o);
    json_out_kstr(o, "scope", scopes[l->scope]);
    json_out_kstr(o, "id", l->id);
    json_out_kstr(o, "per", wallet_per_name(l->per));
    json_out_kmoney(o, "limit", l->limit);
    json_out_kmoney(o, "used", l->used);
    json_out_kmoney(o, "held", l->held);
    json_out_key(o, "resets_at");
    json_out_time(o, l->resets_us);
    json_out_end_object(o);
}

static void print_limits(struct json_out *o, const struct wallet_limit *list,
                         unsigned count)
{
    json_out_key(o, "limits");
    json_out_array(o);
    for (unsigned i = 0; i < count; i++)
        print_limit(o, &list[i]);
    json_out_end_array(o);
}

void wallet_json_balance(struct json_out *o, const struct wallet *w,
                         const struct wallet_balance *balance)
{
    json_out_object(o);
    print_id(o, "id", 'w', w->id);
    json_out_kstr(o, "name", w->name);
    print_id(o, "parent", 'w', w->parent);
    json_out_kstr(o, "currency", "USD");
    json_out_kmoney(o, "balance", balance->balance);
    json_out_kmoney(o, "held", balance->held);
    json_out_kbool(o, "frozen", w->frozen);
    json_out_key(o, "created_at");
    json_out_time(o, w->created_us);
    print_limits(o, balance->limits, balance->limit_count);
    json_out_end_object(o);
}

static void print_tokens(struct json_out *o, const struct wallet_row *row)
{
    json_out_ku64(o, "prompt_tokens", row->prompt_tokens);
    json_out_ku64(o, "cached_tokens", row->cached_tokens);
    json_out_ku64(o, "completion_tokens", row->completion_tokens);
    json_out_ku64(o, "reasoning_tokens", row->reasoning_tokens);
}

static void print_text(struct json_out *o, const char *key, struct slice text)
{
    if (text.len > 0)
        json_out_kslice(o, key, text);
}

void wallet_json_row(struct json_out *o, const struct wallet_row *row, bool to_operator)
{
    bool data = strcmp(row->kind, "data") == 0;

    json_out_object(o);
    print_id(o, "request_id", 'r', row->request);
    print_id(o, "transfer", 't', row->transfer);
    json_out_key(o, "time");
    json_out_time(o, row->time_us);
    json_out_kstr(o, "kind", row->kind);
    json_out_kstr(o, "wallet", row->wallet_name);
    json_out_kstr(o, "key", row->key_id[0] ? row->key_id : NULL);
    if (row->skill.len > 0)
        json_out_kslice(o, "skill", row->skill);
    else if (row->model.len > 0)
        json_out_kslice(o, data ? "api" : "model", row->model);
    json_out_kmoney(o, "amount", row->amount);
    json_out_kstr(o, "direction", row->credit ? "in" : "out");
    json_out_kmoney(o, "balance", row->balance);
    if (row->by_payment) /* whose own balance that is */
        json_out_kbool(o, "by_payment", true);
    print_text(o, "ref", row->ref);
    print_text(o, "target", row->target);
    print_text(o, "price_version", row->price_version);
    if (row->prompt_tokens + row->completion_tokens > 0)
        print_tokens(o, row);
    if (row->status != 0)
        json_out_ku64(o, "status", row->status);
    if (row->estimated)
        json_out_kbool(o, "estimated", true);
    if (to_operator && row->is_reported)
        json_out_kmoney(o, "reported_cost", row->reported);
    if (!money_is_zero(row->shortfall))
        json_out_kmoney(o, "shortfall", row->shortfall);
    json_out_end_object(o);
}

void wallet_json_key(struct json_out *o, const struct wallet_key *k,
                     const struct wallet_key_limits *limits)
{
    json_out_object(o);
    json_out_kstr(o, "id", k->id);
    print_id(o, "wallet", 'w', k->wallet);
    json_out_kstr(o, "name", k->name);
    json_out_kstr(o, "models", k->models);
    json_out_ku64(o, "generation", k->generation);
    json_out_kbool(o, "revoked", k->revoked);
    json_out_key(o, "created_at");
    json_out_time(o, k->created_us);
    json_out_key(o, "expires_at");
    json_out_time(o, k->expires_us);
    print_limits(o, limits->list, limits->count);
    json_out_end_object(o);
}
