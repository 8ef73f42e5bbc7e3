/* SPDX-License-Identifier: Apache-2.0 */
/* The admin API's wallets: creating, funding, freezing, limiting them, and refunds. */
#include "gateway/admin_int.h"

#include "gateway/wallet_json.h"

#include <string.h>

enum rc admin__find_wallet(struct wallet *out, struct admin_call *c,
                           struct slice id_or_name)
{
    enum rc rc = wallet_find(out, c->admin->book, id_or_name);

    if (rc == RC_NOT_FOUND)
        return admin__refuse(c, rc, "wallet", "there is no wallet '%.*s'",
                             SLICE_FMT(slice_sub(id_or_name, 0, WALLET_NAME_MAX)));
    return rc;
}

static enum rc put_wallet(struct admin_call *c, const struct wallet *w)
{
    struct wallet_balance balance;

    TRY(wallet_balance(&balance, c->admin->book, w->id));
    wallet_json_balance(&c->out, w, &balance);
    return RC_OK;
}

/* The wallet as it is now, after a change to it. */
static enum rc answer_wallet(struct admin_call *c, struct id id)
{
    struct wallet w;

    TRY(wallet_get(&w, c->admin->book, id));
    return put_wallet(c, &w);
}

/* ---- List, show, create ---- */

struct list {
    struct admin_page page;
    enum rc rc;
};

static bool list_wallet(void *arg, const struct wallet *w)
{
    struct list *l = arg;

    if (!admin__page_room(&l->page)) {
        wallet_id_print(l->page.next, 'w', w->id);
        return false;
    }
    l->rc = put_wallet(l->page.call, w);
    return l->rc == RC_OK;
}

static enum rc serve_list(struct admin_call *c)
{
    struct list l = {.rc = RC_OK};
    struct id from = ID_NONE;
    struct slice after;
    enum rc rc = admin__query(&after, c, "after");

    if (rc == RC_OK && wallet_id_parse(&from, 'w', after) != RC_OK)
        return admin__refuse(c, RC_BAD_INPUT, "after",
                             "'after' must be the 'next' of the page before");
    if (rc != RC_OK && rc != RC_NOT_FOUND)
        return rc;
    TRY(admin__page_start(&l.page, c));
    TRY(wallet_list(c->admin->book, from, list_wallet, &l));
    TRY(l.rc);
    admin__page_end(&l.page);
    return RC_OK;
}

static enum rc serve_show(struct admin_call *c)
{
    struct wallet w;

    TRY(admin__find_wallet(&w, c, c->params[0]));
    return put_wallet(c, &w);
}

static enum rc explain_create(struct admin_call *c, enum rc rc, struct slice name)
{
    if (rc == RC_EXISTS)
        return admin__refuse(c, rc, "name", "there is a wallet '%.*s' already",
                             SLICE_FMT(slice_sub(name, 0, WALLET_NAME_MAX)));
    if (rc == RC_TOO_BIG)
        return admin__refuse(
            c, RC_BAD_INPUT, "parent",
            "a wallet may have at most %d wallets above it, and at most "
            "%d limits in all may bind one call",
            WALLET_DEPTH_MAX, WALLET_PATH_LIMITS_MAX);
    if (rc == RC_BAD_INPUT)
        return admin__refuse(
            c, rc, "name",
            "a wallet's name is 1 to %d bytes of UTF-8 without control "
            "characters, not '.' or '..', and nothing like a wallet's id",
            WALLET_NAME_MAX);
    return rc;
}

/* Dot segments are refused in paths, encoded or not: such a name could not be called.
 */
static bool in_path(struct slice name)
{
    return !slice_equal(name, SLICE(".")) && !slice_equal(name, SLICE(".."));
}

static enum rc serve_create(struct admin_call *c)
{
    struct slice parent_text = SLICE_NONE;
    struct slice name = SLICE_NONE;
    struct wallet parent = {.id = ID_NONE};
    struct wallet w;
    enum rc rc;

    TRY(admin__body_text(&name, c, "name", true));
    TRY(admin__body_text(&parent_text, c, "parent", false));
    if (parent_text.bytes != NULL)
        TRY(admin__find_wallet(&parent, c, parent_text));
    rc = in_path(name) ? wallet_create(&w, c->admin->book, name, parent.id)
                       : RC_BAD_INPUT;
    TRY(explain_create(c, rc, name));
    c->reply->status = 201;
    json_out_object(&c->out);
    admin__put_id(&c->out, "id", 'w', w.id);
    json_out_kstr(&c->out, "name", w.name);
    admin__put_id(&c->out, "parent", 'w', w.parent);
    json_out_end_object(&c->out);
    return RC_OK;
}

/* ---- Money ---- */

static void answer_moved(struct admin_call *c, struct id transfer, struct id wallet,
                         struct money amount, struct money balance)
{
    json_out_object(&c->out);
    admin__put_id(&c->out, "transfer", 't', transfer);
    admin__put_id(&c->out, "wallet", 'w', wallet);
    json_out_kmoney(&c->out, "amount", amount);
    json_out_kmoney(&c->out, "balance", balance);
    json_out_end_object(&c->out);
}

static enum rc refuse_child(struct admin_call *c, const struct wallet *w)
{
    struct wallet root;

    TRY(wallet_get(&root, c->admin->book, w->root));
    return admin__refuse(c, RC_FORBIDDEN, "wallet",
                         "wallet '%s' has no money of its own: top up its root '%s'",
                         w->name, root.name);
}

static enum rc explain_topup(struct admin_call *c, enum rc rc, const struct wallet *w)
{
    if (rc == RC_FORBIDDEN)
        return refuse_child(c, w);
    if (rc == RC_CONFLICT)
        return admin__refuse(c, rc, "ref",
                             "this ref was used before, for another amount or wallet");
    if (rc == RC_OVERFLOW)
        return admin__refuse(c, rc, "amount",
                             "the balance would be beyond what can be "
                             "booked");
    if (rc == RC_BAD_INPUT)
        return admin__refuse(c, rc, NULL,
                             "a top-up is more than zero, its ref at most %d bytes of "
                             "UTF-8 without control characters",
                             WALLET_REF_MAX);
    return rc;
}

static enum rc serve_topup(struct admin_call *c)
{
    struct wallet_topup t;
    struct slice ref = SLICE_NONE;
    struct money amount;
    struct wallet w;
    enum rc rc;

    TRY(admin__find_wallet(&w, c, c->params[0]));
    TRY(admin__body_money(&amount, c, "amount"));
    TRY(admin__body_text(&ref, c, "ref", false));
    rc = wallet_topup(&t, c->admin->book, w.id, amount, ref);
    TRY(explain_topup(c, rc, &w));
    answer_moved(c, t.transfer, w.id, t.amount, t.balance);
    return RC_OK;
}

static enum rc explain_refund(struct admin_call *c, enum rc rc)
{
    if (rc == RC_NOT_FOUND)
        return admin__refuse(c, rc, "transfer",
                             "there is no call or top-up with this id");
    if (rc == RC_CONFLICT)
        return admin__refuse(c, rc, "amount",
                             "that is more than is left to refund; a publisher's part "
                             "of a call is left until its payout delay has passed");
    if (rc == RC_NO_FUNDS)
        return admin__refuse(c, rc, "amount",
                             "the wallet no longer has that much of the top-up");
    if (rc == RC_BAD_INPUT)
        return admin__refuse(c, rc, "transfer",
                             "a refund names a transfer (t_..) or a request (req_..), "
                             "and is more than zero");
    return rc;
}

static enum rc serve_refund(struct admin_call *c)
{
    struct wallet_refund r;
    struct slice transfer = SLICE_NONE;
    struct slice given = SLICE_NONE;
    struct money amount;
    bool part;
    enum rc rc;

    TRY(admin__body_text(&transfer, c, "transfer", true));
    TRY(admin__body_text(&given, c, "amount", false));
    part = given.bytes != NULL;
    if (part)
        TRY(admin__body_money(&amount, c, "amount"));
    rc = wallet_refund(&r, c->admin->book, transfer, part ? &amount : NULL);
    TRY(explain_refund(c, rc));
    answer_moved(c, r.transfer, r.wallet, r.amount, r.balance);
    return RC_OK;
}

/* ---- Freeze and limits ---- */

static enum rc set_frozen(struct admin_call *c, bool frozen)
{
    struct wallet w;

    TRY(admin__find_wallet(&w, c, c->params[0]));
    TRY(wallet_freeze(c->admin->book, w.id, frozen));
    return answer_wallet(c, w.id);
}

static enum rc serve_freeze(struct admin_call *c)
{
    return set_frozen(c, true);
}

static enum rc serve_unfreeze(struct admin_call *c)
{
    return set_frozen(c, false);
}

enum rc admin__limit(enum wallet_per *per, struct money *amount, struct admin_call *c,
                     bool amount_wanted)
{
    if (wallet_per_parse(per, c->params[1]) != RC_OK)
        return admin__refuse(c, RC_BAD_INPUT, "per",
                             "a limit is per call, hour, day, month or total");
    return amount_wanted ? admin__body_money(amount, c, "amount") : RC_OK;
}

static enum rc change_limit(struct admin_call *c, bool set)
{
    struct money amount;
    enum wallet_per per;
    struct wallet w;
    enum rc rc;

    TRY(admin__find_wallet(&w, c, c->params[0]));
    TRY(admin__limit(&per, &amount, c, set));
    rc = wallet_limit_set(c->admin->book, w.id, per, set ? &amount : NULL);
    if (rc == RC_TOO_BIG)
        return admin__refuse(c, RC_BAD_INPUT, NULL,
                             "more than %d limits would bind one call",
                             WALLET_PATH_LIMITS_MAX);
    TRY(rc);
    return answer_wallet(c, w.id);
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
const struct admin_route admin__wallet_routes[] = {
    {"GET", "/admin/v1/wallets", serve_list, NULL},
    {"POST", "/admin/v1/wallets", serve_create, "name,parent"},
    {"GET", "/admin/v1/wallets/{wallet}", serve_show, NULL},
    {"POST", "/admin/v1/wallets/{wallet}/topup", serve_topup, "amount,ref"},
    {"POST", "/admin/v1/wallets/{wallet}/freeze", serve_freeze, ""},
    {"POST", "/admin/v1/wallets/{wallet}/unfreeze", serve_unfreeze, ""},
    {"PUT", "/admin/v1/wallets/{wallet}/limits/{per}", serve_limit_set, "amount"},
    {"DELETE", "/admin/v1/wallets/{wallet}/limits/{per}", serve_limit_clear, NULL},
    {"POST", "/admin/v1/refunds", serve_refund, "transfer,amount"},
    {NULL, NULL, NULL, NULL},
};
/* clang-format on */
