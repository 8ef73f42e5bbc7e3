/* SPDX-License-Identifier: Apache-2.0 */
/* Wallets as records: creating, finding, listing, freezing. Their money is in
 * transfer.c and hold.c, their limits in limit.c. A wallet is never deleted. */
#include "wallet/wallet.h"

#include "wallet/payment_int.h"
#include "wallet/wallet_int.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

/* ---- Creating ---- */

/* A name that reads like an id, or like a payer's wallet, would make wallet_find()
 * ambiguous. */
static enum rc check_name(struct slice name)
{
    struct id id;

    if (!wallet__text_ok(name, 1, WALLET_NAME_MAX) ||
        slice_trim(name).len != name.len || wallet_id_parse(&id, 'w', name) == RC_OK ||
        wallet__payer_by_name(&id, name))
        return RC_BAD_INPUT;
    return RC_OK;
}

static enum rc place_below(struct wallet *w, struct wallet_book *b, struct id parent)
{
    struct wallet above;

    TRY(wallet_get(&above, b, parent));
    if (above.depth == WALLET_DEPTH_MAX)
        return RC_TOO_BIG;
    w->parent = above.id;
    w->root = above.root;
    w->depth = above.depth + 1;
    return RC_OK;
}

enum rc wallet_create(struct wallet *out, struct wallet_book *b, struct slice name,
                      struct id parent)
{
    struct wallet w = {.created_us = ledger_now_us(b->ledger)};
    struct ledger_cmd cmd = {.verb = LEDGER_NOTE};
    uint8_t wallet_value[WALLET__VALUE_MAX];
    uint8_t name_value[WALLET__VALUE_MAX];

    TRY(check_name(name));
    TRY(slice_to_cstr(w.name, sizeof(w.name), name));
    w.id = id_new(w.created_us);
    w.root = w.id;
    /* What is read of the parent here never changes: it needs no condition below. */
    if (!id_is_none(parent))
        TRY(place_below(&w, b, parent));
    cmd.op = id_with_tail(w.id, 1);
    wallet__write(&cmd, WALLET__KIND_NAME, name, wallet__name_encode(name_value, w.id),
                  0);
    wallet__write(&cmd, WALLET__KIND_WALLET, wallet__id_slice(&w.id),
                  wallet__wallet_encode(wallet_value, &w), 0);
    TRY(ledger_call(b->ledger, &cmd));
    *out = w;
    return RC_OK;
}

/* ---- Finding ---- */

enum rc wallet_get(struct wallet *out, struct wallet_book *b, struct id id)
{
    struct ledger_view *v;
    enum rc rc;

    TRY(ledger_view_open(&v, b->ledger));
    rc = wallet__read_wallet(out, NULL, v, id);
    ledger_view_close(v);
    return rc;
}

static enum rc read_by_name(struct wallet *out, struct ledger_view *v,
                            struct slice name)
{
    struct slice value;
    uint64_t version;
    struct id id;
    enum rc rc;

    if (!wallet__text_ok(name, 1, WALLET_NAME_MAX))
        return RC_NOT_FOUND;
    if (wallet__payer_by_name(&id, name))
        return wallet__read_wallet(out, NULL, v, id);
    TRY(ledger_view_record(&value, &version, v, WALLET__KIND_NAME, name));
    TRY(wallet__name_decode(&id, value));
    rc = wallet__read_wallet(out, NULL, v, id);
    return rc == RC_NOT_FOUND ? RC_CORRUPT : rc;
}

enum rc wallet_find(struct wallet *out, struct wallet_book *b, struct slice id_or_name)
{
    struct ledger_view *v;
    struct id id;
    enum rc rc;

    if (wallet_id_parse(&id, 'w', id_or_name) == RC_OK)
        return wallet_get(out, b, id);
    TRY(ledger_view_open(&v, b->ledger));
    rc = read_by_name(out, v, id_or_name);
    ledger_view_close(v);
    return rc;
}

enum rc wallet_list(struct wallet_book *b, struct id from, wallet_fn *each, void *arg)
{
    struct wallet__page *page = malloc(sizeof(*page));
    uint8_t next[LEDGER_KEY_MAX + 1];
    struct slice start = wallet__id_slice(&from);
    bool go_on = true;
    enum rc rc;

    if (page == NULL)
        return RC_NOMEM;
    do {
        rc = wallet__page_read(page, b, WALLET__KIND_WALLET, start);
        for (unsigned i = 0; rc == RC_OK && go_on && i < page->count; i++) {
            struct wallet w;

            rc = wallet__wallet_decode(&w, wallet__page_key(page, i),
                                       wallet__page_value(page, i));
            if (rc == RC_OK)
                go_on = each(arg, &w);
        }
        if (rc == RC_OK && page->more)
            start = wallet__page_next(page, next);
    } while (rc == RC_OK && go_on && page->more);
    free(page);
    return rc;
}

/* ---- Freezing ---- */

static enum rc freeze_once(struct wallet_book *b, struct id id, bool frozen)
{
    struct ledger_cmd cmd = {.verb = LEDGER_NOTE};
    uint8_t value[WALLET__VALUE_MAX];
    struct ledger_view *v;
    uint64_t version = 0;
    struct wallet w;
    enum rc rc;

    TRY(ledger_view_open(&v, b->ledger));
    rc = wallet__read_wallet(&w, &version, v, id);
    ledger_view_close(v);
    TRY(rc);
    if (w.frozen == frozen)
        return RC_OK;
    w.frozen = frozen;
    cmd.op = id_new(ledger_now_us(b->ledger));
    wallet__write(&cmd, WALLET__KIND_WALLET, wallet__id_slice(&id),
                  wallet__wallet_encode(value, &w), version);
    wallet__write_epoch(&cmd, LEDGER_ANY);
    return ledger_call(b->ledger, &cmd);
}

enum rc wallet_freeze(struct wallet_book *b, struct id id, bool frozen)
{
    for (unsigned i = 0; i < WALLET__TRIES_MAX; i++) {
        enum rc rc = freeze_once(b, id, frozen);

        if (!wallet__lost_race(rc))
            return rc;
    }
    return RC_BUSY;
}
