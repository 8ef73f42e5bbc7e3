/* SPDX-License-Identifier: Apache-2.0 */
/* The admin API's keys. A key's secret is in exactly one answer: the one that made it.
 */
#include "gateway/admin_int.h"

#include "base/clock.h"
#include "base/secret.h"
#include "gateway/wallet_json.h"

#include <stdio.h>
#include <string.h>

/* ---- List and show ---- */

struct list {
    struct admin_page page;
    struct id wallet; /* none: of all */
    enum rc rc;
};

static enum rc put_key(struct admin_call *c, const struct wallet_key *k)
{
    struct wallet_key_limits limits;

    TRY(wallet_key_limits(&limits, c->admin->book, slice_str(k->id)));
    wallet_json_key(&c->out, k, &limits);
    return RC_OK;
}

static bool list_key(void *arg, const struct wallet_key *k)
{
    struct list *l = arg;

    if (!id_is_none(l->wallet) && id_cmp(l->wallet, k->wallet) != 0)
        return true;
    if (!admin__page_room(&l->page)) {
        (void)snprintf(l->page.next, sizeof(l->page.next), "%s", k->id);
        return false;
    }
    l->rc = put_key(l->page.call, k);
    return l->rc == RC_OK;
}

static enum rc serve_list(struct admin_call *c)
{
    struct list l = {.wallet = ID_NONE};
    struct slice after = SLICE_NONE;
    struct slice name;
    struct wallet w;
    enum rc rc = admin__query(&name, c, "wallet");

    if (rc == RC_OK) {
        TRY(admin__find_wallet(&w, c, name));
        l.wallet = w.id;
    } else if (rc != RC_NOT_FOUND) {
        return rc;
    }
    rc = admin__query(&after, c, "after");
    if (rc != RC_OK && rc != RC_NOT_FOUND)
        return rc;
    TRY(admin__page_start(&l.page, c));
    rc = wallet_key_list(c->admin->book, after, list_key, &l);
    if (rc == RC_BAD_INPUT)
        return admin__refuse(c, rc, "after",
                             "'after' must be the 'next' of the page before");
    TRY(rc);
    TRY(l.rc);
    admin__page_end(&l.page);
    return RC_OK;
}

static enum rc explain_id(struct admin_call *c, enum rc rc)
{
    struct slice id = slice_sub(c->params[0], 0, WALLET_KEY_ID_LEN);

    if (rc == RC_NOT_FOUND && slice_starts(c->params[0], SLICE("sk-")))
        return admin__refuse(
            c, rc, "key",
            "name a key by its id, the ten characters behind \"sk-oct-\", "
            "never by its secret");
    if (rc == RC_NOT_FOUND)
        return admin__refuse(c, rc, "key", "there is no key '%.*s'", SLICE_FMT(id));
    if (rc == RC_GONE)
        return admin__refuse(c, rc, "key", "key '%.*s' has been revoked",
                             SLICE_FMT(id));
    return rc;
}

static enum rc answer_key(struct admin_call *c)
{
    struct wallet_key k;

    TRY(explain_id(c, wallet_key_get(&k, c->admin->book, c->params[0])));
    return put_key(c, &k);
}

/* ---- Create ---- */

static const char *const limit_members[WALLET_PER__COUNT] = {
    [WALLET_PER_CALL] = "limit_per_call", [WALLET_PER_HOUR] = "limit_per_hour",
    [WALLET_PER_DAY] = "limit_per_day",   [WALLET_PER_MONTH] = "limit_per_month",
    [WALLET_PER_TOTAL] = "limit_total",
};

static enum rc read_limits(struct wallet_key_options *options,
                           struct money amounts[WALLET_PER__COUNT],
                           struct admin_call *c)
{
    for (unsigned per = 0; per < WALLET_PER__COUNT; per++) {
        const char *name = limit_members[per];
        struct slice given = SLICE_NONE;

        TRY(admin__body_text(&given, c, name, false));
        if (given.bytes == NULL)
            continue;
        TRY(admin__body_money(&amounts[per], c, name));
        options->limits[per] = &amounts[per];
    }
    return RC_OK;
}

static enum rc read_expiry(uint64_t *out, struct admin_call *c)
{
    struct slice text = SLICE_NONE;

    TRY(admin__body_text(&text, c, "expires_at", false));
    if (text.bytes == NULL)
        return RC_OK;
    if (clock_parse(out, text) != RC_OK || *out <= clock_wall_us())
        return admin__refuse(c, RC_BAD_INPUT, "expires_at",
                             "'expires_at' must be a time to come, like "
                             "2030-01-31T00:00:00Z");
    return RC_OK;
}

static void answer_secret(struct admin_call *c, const struct wallet_key *k,
                          const char *text)
{
    struct json_out *o = &c->out;

    json_out_object(o);
    json_out_kstr(o, "id", k->id);
    json_out_kstr(o, "key", text);
    admin__put_id(o, "wallet", 'w', k->wallet);
    json_out_kstr(o, "name", k->name);
    json_out_kstr(o, "models", k->models);
    json_out_key(o, "expires_at");
    json_out_time(o, k->expires_us);
    json_out_end_object(o);
}

static enum rc explain_create(struct admin_call *c, enum rc rc)
{
    if (rc == RC_TOO_BIG)
        return admin__refuse(c, RC_BAD_INPUT, NULL,
                             "more than %d limits would bind one call",
                             WALLET_PATH_LIMITS_MAX);
    if (rc == RC_BAD_INPUT)
        return admin__refuse(
            c, rc, NULL,
            "a key's name is at most %d bytes of UTF-8 without control "
            "characters; its models are globs with commas between, at "
            "most %d bytes",
            WALLET_NAME_MAX, WALLET_GLOBS_MAX);
    return rc;
}

static enum rc serve_create(struct admin_call *c)
{
    struct wallet_key_options options = {.expires_us = 0};
    struct money amounts[WALLET_PER__COUNT];
    char text[WALLET_KEY_TEXT_LEN + 1];
    struct slice wallet = SLICE_NONE;
    struct wallet_key k;
    struct wallet w;

    TRY(admin__body_text(&wallet, c, "wallet", true));
    TRY(admin__find_wallet(&w, c, wallet));
    TRY(admin__body_text(&options.name, c, "name", false));
    TRY(admin__body_text(&options.models, c, "models", false));
    TRY(read_expiry(&options.expires_us, c));
    TRY(read_limits(&options, amounts, c));
    TRY(explain_create(c, wallet_key_create(&k, text, c->admin->book, w.id, &options)));
    c->reply->status = 201;
    answer_secret(c, &k, text);
    secret_wipe(text, sizeof(text));
    return RC_OK;
}

/* ---- Change ---- */

static enum rc serve_revoke(struct admin_call *c)
{
    TRY(explain_id(c, wallet_key_revoke(c->admin->book, c->params[0])));
    return answer_key(c);
}

static enum rc serve_rotate(struct admin_call *c)
{
    char text[WALLET_KEY_TEXT_LEN + 1];
    struct wallet_key k;

    TRY(explain_id(c, wallet_key_rotate(&k, text, c->admin->book, c->params[0])));
    answer_secret(c, &k, text);
    secret_wipe(text, sizeof(text));
    return RC_OK;
}

static enum rc change_limit(struct admin_call *c, bool set)
{
    struct money amount;
    enum wallet_per per;
    enum rc rc;

    TRY(admin__limit(&per, &amount, c, set));
    rc = wallet_key_limit_set(c->admin->book, c->params[0], per, set ? &amount : NULL);
    TRY(explain_id(c, explain_create(c, rc)));
    return answer_key(c);
}

static enum rc serve_limit_set(struct admin_call *c)
{
    return change_limit(c, true);
}

static enum rc serve_limit_clear(struct admin_call *c)
{
    return change_limit(c, false);
}

/* clang-format off */
const struct admin_route admin__key_routes[] = {
    {"GET", "/admin/v1/keys", serve_list, NULL},
    {"POST", "/admin/v1/keys", serve_create, 
     "wallet,name,models,expires_at,limit_per_call,limit_per_hour,limit_per_day,"
     "limit_per_month,limit_total"},
    {"GET", "/admin/v1/keys/{key}", answer_key, NULL},
    {"POST", "/admin/v1/keys/{key}/revoke", serve_revoke, ""},
    {"POST", "/admin/v1/keys/{key}/rotate", serve_rotate, ""},
    {"PUT", "/admin/v1/keys/{key}/limits/{per}", serve_limit_set, "amount"},
    {"DELETE", "/admin/v1/keys/{key}/limits/{per}", serve_limit_clear, NULL},
    {NULL, NULL, NULL, NULL},
};
/* clang-format on */
