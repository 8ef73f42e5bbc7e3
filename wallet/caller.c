/* SPDX-License-Identifier: Apache-2.0 */
/* Who calls, and what binds the call: the wallet, those above it, and all their limits,
 * read in one view; and what can be spent under all of that. The hold itself is
 * hold.c's business. Runs on loops: no allocation, a dozen look-ups. */
#include "wallet/caller.h"

#include "wallet/wallet_int.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

/* ---- Scopes: the key, the wallet, its parents, in this order ---- */

struct scope {
    enum wallet_scope kind;
    struct id id;
    char text[WALLET_ID_TEXT_SIZE];
    struct wallet__limits limits;
};

enum {
    SCOPES_MAX = WALLET__PATH_MAX + 1
};

struct scopes {
    struct wallet__path path;
    unsigned count;
    struct scope list[SCOPES_MAX];
};

static enum rc read_key_scope(struct scope *s, struct ledger_view *v,
                              const char *key_id)
{
    s->kind = WALLET_SCOPE_KEY;
    s->id = wallet__key_scope(key_id);
    TRY(slice_to_cstr(s->text, sizeof(s->text), slice_str(key_id)));
    return wallet__read_limits(&s->limits, NULL, v, s->id);
}

/* key_id "": no key. */
static enum rc read_scopes(struct scopes *out, struct ledger_view *v, struct id wallet,
                           const char *key_id)
{
    out->count = 0;
    TRY(wallet__read_path(&out->path, v, wallet));
    if (key_id[0] != '\0')
        TRY(read_key_scope(&out->list[out->count++], v, key_id));
    for (unsigned i = 0; i < out->path.count; i++) {
        struct scope *s = &out->list[out->count++];

        s->kind = i == 0 ? WALLET_SCOPE_WALLET : WALLET_SCOPE_PARENT;
        s->id = out->path.wallets[i].id;
        wallet_id_print(s->text, 'w', s->id);
        TRY(wallet__read_limits(&s->limits, NULL, v, s->id));
    }
    return RC_OK;
}

/* ---- The caller ---- */

static void bind_per_call(struct wallet_caller *out, const struct scope *s)
{
    struct money amount = s->limits.slots[WALLET_PER_CALL].amount;

    if (out->has_per_call && money_cmp(out->per_call, amount) <= 0)
        return;
    out->has_per_call = true;
    out->per_call = amount;
    out->per_call_scope = s->kind;
    memcpy(out->per_call_id, s->text, sizeof(out->per_call_id));
}

static enum rc bind_windowed(struct wallet_caller *out, const struct scope *s,
                             enum wallet_per per)
{
    struct wallet_bound *bound = &out->bounds[out->bound_count];

    if (out->bound_count == WALLET_PATH_LIMITS_MAX)
        return RC_CORRUPT; /* setting so many was refused */
    bound->scope_id = s->id;
    bound->scope = s->kind;
    bound->per = per;
    bound->generation = s->limits.slots[per].generation;
    bound->limit = s->limits.slots[per].amount;
    memcpy(bound->id_text, s->text, sizeof(bound->id_text));
    out->bound_count++;
    return RC_OK;
}

static enum rc bind_scope(struct wallet_caller *out, const struct scope *s)
{
    for (unsigned per = 0; per < WALLET_PER__COUNT; per++) {
        if (!s->limits.slots[per].set)
            continue;
        if (per == WALLET_PER_CALL)
            bind_per_call(out, s);
        else
            TRY(bind_windowed(out, s, (enum wallet_per)per));
    }
    return RC_OK;
}

enum rc wallet__read_caller(struct wallet_caller *out, struct ledger_view *v,
                            struct id wallet, const char *key_id)
{
    struct scopes scopes;
    const struct wallet *own;
    bool frozen = false;

    TRY(wallet__read_epoch(&out->epoch, v));
    TRY(read_scopes(&scopes, v, wallet, key_id));
    own = &scopes.path.wallets[0];
    out->wallet = own->id;
    out->root = own->root;
    memcpy(out->wallet_name, own->name, sizeof(out->wallet_name));
    for (unsigned i = 0; i < scopes.count; i++)
        TRY(bind_scope(out, &scopes.list[i]));
    for (unsigned i = 0; i < scopes.path.count; i++)
        frozen = frozen || scopes.path.wallets[i].frozen;
    if (!frozen)
        return RC_OK;
    out->epoch = WALLET__EPOCH_NEVER;
    return RC_FROZEN;
}

static enum rc authenticate(struct wallet_caller *out, struct wallet_book *b,
                            struct ledger_view *v, struct slice key_text)
{
    struct wallet_key k;
    enum rc rc;

    TRY(wallet__key_prove(&k, b, v, key_text));
    memcpy(out->key_id, k.id, sizeof(out->key_id));
    memcpy(out->models, k.models, sizeof(out->models));
    rc = wallet__read_caller(out, v, k.wallet, k.id);
    return rc == RC_NOT_FOUND ? RC_CORRUPT : rc; /* wallets are never deleted */
}

enum rc wallet_authenticate(struct wallet_caller *out, struct wallet_book *b,
                            struct slice key_text)
{
    struct wallet_caller c = {0};
    struct ledger_view *v;
    enum rc rc;

    TRY(ledger_view_open(&v, b->ledger));
    rc = authenticate(&c, b, v, key_text);
    ledger_view_close(v);
    if (rc == RC_OK || rc == RC_FROZEN)
        *out = c;
    return rc;
}

enum rc wallet_caller(struct wallet_caller *out, struct wallet_book *b,
                      struct id wallet)
{
    struct wallet_caller c = {0};
    struct ledger_view *v;
    enum rc rc;

    TRY(ledger_view_open(&v, b->ledger));
    rc = wallet__read_caller(&c, v, wallet, "");
    ledger_view_close(v);
    if (rc == RC_OK || rc == RC_FROZEN)
        *out = c;
    return rc;
}

bool wallet_model_allowed(const struct wallet_caller *c, struct slice model)
{
    struct slice rest = slice_str(c->models);
    struct slice glob;

    if (rest.len == 0)
        return true;
    while (slice_next(&glob, &rest, ','))
        if (slice_glob(slice_trim(glob), model))
            return true;
    return false;
}

/* ---- Balance ---- */

/* One limit of the list, and how it bears on the sums. */
static enum rc add_limit(struct wallet_balance *out, struct ledger_view *v,
                         const struct scope *s, enum wallet_per per, uint64_t now_us)
{
    const struct wallet__slot *slot = &s->limits.slots[per];
    struct wallet_limit *limit = &out->limits[out->limit_count];
    struct wallet__limit_of of = {s->id, per, slot->generation};
    struct ledger_account window, source;
    struct id id;

    assert(out->limit_count < sizeof(out->limits) / sizeof(out->limits[0]));
    *limit = (struct wallet_limit){.scope = s->kind, .per = per, .limit = slot->amount};
    memcpy(limit->id, s->text, sizeof(limit->id));
    out->limit_count++;
    if (per == WALLET_PER_CALL)
        return RC_OK; /* bounds one call, not what can be spent in all */
    limit->resets_us = wallet__window_end_us(per, now_us);
    id = wallet__window_account(&of, wallet__window_start_us(per, now_us));
    TRY(wallet__read_account(&window, v, id));
    if (window.number == 0) { /* no call in this window yet */
        out->balance = money_min(out->balance, slot->amount);
        return RC_OK;
    }
    TRY(wallet__read_account(&source, v, wallet__window_source(id)));
    limit->used = money_sub_floor(window.debits, source.credits);
    limit->held = window.held;
    out->balance = money_min(out->balance, ledger_available(&window));
    return RC_OK;
}

/* `held` of a child is what its own limits have on hold; a root, and a child that has
 * none, shows the root's. All its windowed limits hold the same calls, but a window may
 * have begun after some of them: the largest one tells. */
static struct money own_held(const struct wallet_balance *b, bool is_root,
                             struct money root_held)
{
    struct money held = MONEY_ZERO;
    bool any = false;

    for (unsigned i = 0; i < b->limit_count; i++) {
        const struct wallet_limit *l = &b->limits[i];

        if (l->scope != WALLET_SCOPE_WALLET || l->per == WALLET_PER_CALL)
            continue;
        any = true;
        held = money_max(held, l->held);
    }
    return any && !is_root ? held : root_held;
}

static enum rc add_limits(struct wallet_balance *out, struct ledger_view *v,
                          const struct scope *s, uint64_t now_us)
{
    for (unsigned per = 0; per < WALLET_PER__COUNT; per++)
        if (s->limits.slots[per].set)
            TRY(add_limit(out, v, s, (enum wallet_per)per, now_us));
    return RC_OK;
}

static enum rc read_balance(struct wallet_balance *out, struct ledger_view *v,
                            const struct scopes *scopes, uint64_t now_us)
{
    const struct wallet *own = &scopes->path.wallets[0];
    struct ledger_account root;

    TRY(wallet__read_account(&root, v, own->root));
    out->balance = ledger_available(&root);
    out->spent = own->depth == 0 ? root.debits : MONEY_ZERO;
    for (unsigned i = 0; i < scopes->count; i++)
        TRY(add_limits(out, v, &scopes->list[i], now_us));
    out->held = own_held(out, own->depth == 0, root.held);
    return RC_OK;
}

static enum rc balance_of(struct wallet_balance *out, struct wallet_book *b,
                          struct id wallet, const char *key_id)
{
    struct wallet_balance balance = {0};
    struct scopes scopes;
    struct ledger_view *v;
    enum rc rc;

    TRY(ledger_view_open(&v, b->ledger));
    rc = read_scopes(&scopes, v, wallet, key_id);
    if (rc == RC_OK)
        rc = read_balance(&balance, v, &scopes, ledger_now_us(b->ledger));
    ledger_view_close(v);
    TRY(rc);
    *out = balance;
    return RC_OK;
}

enum rc wallet_balance(struct wallet_balance *out, struct wallet_book *b, struct id id)
{
    return balance_of(out, b, id, "");
}

enum rc wallet_caller_balance(struct wallet_balance *out, struct wallet_book *b,
                              const struct wallet_caller *c)
{
    return balance_of(out, b, c->wallet, c->key_id);
}

enum rc wallet_key_limits(struct wallet_key_limits *out, struct wallet_book *b,
                          struct slice key_id)
{
    struct wallet_balance all = {0}; /* only its list counts */
    char text[WALLET_KEY_ID_LEN + 1];
    struct scope s = {0};
    struct ledger_view *v;
    enum rc rc;

    if (!wallet__key_id_ok(key_id))
        return RC_BAD_INPUT;
    TRY(slice_to_cstr(text, sizeof(text), key_id));
    TRY(ledger_view_open(&v, b->ledger));
    rc = read_key_scope(&s, v, text);
    if (rc == RC_OK)
        rc = add_limits(&all, v, &s, ledger_now_us(b->ledger));
    ledger_view_close(v);
    TRY(rc);
    out->count = all.limit_count;
    memcpy(out->list, all.limits, all.limit_count * sizeof(all.limits[0]));
    return RC_OK;
}
