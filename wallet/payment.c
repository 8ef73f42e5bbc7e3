/* SPDX-License-Identifier: Apache-2.0 */
/* Payments that came with a call: their ids and accounts, reading them, and as whom
 * their calls hold. How they go from state to state: payment_step.c. */
#include "wallet/payment.h"

#include "base/codec.h"
#include "wallet/payment_int.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const struct id wallet__receivable = {"house/receivable"};
const struct id wallet__chain = {"house/chain"};
const struct id wallet__bad_debt = {"house/bad-debt"};

#define PAYER_NAME_PREFIX "payer-"

/* ---- Ids ---- */

struct id wallet__hash_id(const char *what, struct slice of)
{
    uint8_t source[LEDGER_KEY_MAX + 256 + 1];
    uint8_t digest[SHA256_LEN];
    size_t what_len = strlen(what) + 1; /* its end marks where `of` begins */
    struct id id;

    assert(what_len + of.len <= sizeof(source));
    memcpy(source, what, what_len);
    if (of.len > 0)
        memcpy(source + what_len, of.bytes, of.len);
    sha256(digest, slice_from((const char *)source, what_len + of.len));
    memcpy(id.bytes, digest, ID_LEN);
    return id;
}

struct slice wallet__payment_key(const uint8_t key[32])
{
    return slice_from((const char *)key, 32);
}

struct id wallet_payer_id(const char *payer)
{
    return wallet__hash_id("payer", slice_str(payer));
}

void wallet__payer_wallet(struct wallet *out, const char *payer, uint64_t now_us)
{
    *out = (struct wallet){.id = wallet_payer_id(payer), .created_us = now_us};
    out->root = out->id;
    (void)snprintf(out->name, sizeof(out->name), PAYER_NAME_PREFIX "%s", payer);
}

bool wallet__payer_by_name(struct id *out, struct slice name)
{
    struct slice payer = slice_sub(name, strlen(PAYER_NAME_PREFIX), name.len);
    char text[WALLET_PAYER_TEXT_SIZE];

    if (!slice_starts(name, SLICE(PAYER_NAME_PREFIX)) ||
        slice_to_cstr(text, sizeof(text), payer) != RC_OK || !wallet__payer_ok(text))
        return false;
    *out = wallet_payer_id(text);
    return true;
}

struct id wallet__coin_account(const char *network)
{
    return wallet__hash_id("coin", slice_str(network));
}

struct id wallet__fees_account(const char *network)
{
    return wallet__hash_id("coin-fees", slice_str(network));
}

/* ---- Who calls ---- */

static enum rc read_payment_caller(struct wallet_caller *out, struct ledger_view *v,
                                   const struct wallet_payment *p)
{
    struct id id = wallet_payer_id(p->payer);
    enum rc rc = wallet__read_caller(out, v, id, "");

    if (rc == RC_NOT_FOUND) { /* the first payment of this payer: nothing binds it */
        struct wallet w;

        wallet__payer_wallet(&w, p->payer, 0);
        *out = (struct wallet_caller){.wallet = w.id};
        memcpy(out->wallet_name, w.name, sizeof(out->wallet_name));
        rc = wallet__read_epoch(&out->epoch, v);
    }
    out->root = p->id;
    return rc;
}

enum rc wallet_payment_caller(struct wallet_caller *out, struct wallet_book *b,
                              const struct wallet_payment *p)
{
    struct wallet_caller c = {0};
    struct ledger_view *v;
    enum rc rc;

    if (!wallet__payer_ok(p->payer))
        return RC_BAD_INPUT;
    TRY(ledger_view_open(&v, b->ledger));
    rc = read_payment_caller(&c, v, p);
    ledger_view_close(v);
    if (rc == RC_OK || rc == RC_FROZEN)
        *out = c;
    return rc;
}

enum rc wallet_payer_caller(struct wallet_caller *out, struct wallet_book *b,
                            const char *payer)
{
    if (!wallet__payer_ok(payer))
        return RC_BAD_INPUT;
    return wallet_caller(out, b, wallet_payer_id(payer));
}

/* ---- Reading ---- */

enum rc wallet__payment_id(struct id *out, struct ledger_view *v, const uint8_t key[32])
{
    struct slice value;
    uint64_t version;

    TRY(ledger_view_record(&value, &version, v, WALLET__KIND_PAYMENT_KEY,
                           wallet__payment_key(key)));
    return wallet__name_decode(out, value);
}

static enum rc read_by_id(struct wallet_payment *out, struct ledger_view *v,
                          struct id id)
{
    struct slice value;
    uint64_t version;

    TRY(ledger_view_record(&value, &version, v, WALLET__KIND_PAYMENT,
                           wallet__id_slice(&id)));
    TRY(wallet__payment_decode(out, wallet__id_slice(&id), value));
    out->version = version;
    return RC_OK;
}

enum rc wallet__read_payment(struct wallet_payment *out, struct ledger_view *v,
                             const uint8_t key[32])
{
    struct id id;
    enum rc rc;

    TRY(wallet__payment_id(&id, v, key));
    rc = read_by_id(out, v, id);
    if (rc == RC_NOT_FOUND || (rc == RC_OK && memcmp(out->key, key, 32) != 0))
        return RC_CORRUPT; /* neither is ever deleted, or another one's */
    return rc;
}

enum rc wallet_payment_read(struct wallet_payment *out, struct wallet_book *b,
                            const uint8_t key[32])
{
    struct wallet_payment p;
    struct ledger_view *v;
    enum rc rc;

    TRY(ledger_view_open(&v, b->ledger));
    rc = wallet__read_payment(&p, v, key);
    ledger_view_close(v);
    TRY(rc);
    *out = p;
    return RC_OK;
}

/* Each by a view of its own: it may have closed since the page was read. */
static enum rc give_page(bool *go_on, const struct wallet__page *page,
                         struct wallet_book *b, wallet_payment_fn *each, void *arg)
{
    struct wallet_payment p;

    for (unsigned i = 0; i < page->count && *go_on; i++) {
        struct slice key = wallet__page_key(page, i);
        struct ledger_view *v;
        struct id id;
        enum rc rc;

        if (key.len != ID_LEN)
            return RC_CORRUPT;
        memcpy(id.bytes, key.bytes, ID_LEN);
        TRY(ledger_view_open(&v, b->ledger));
        rc = read_by_id(&p, v, id);
        ledger_view_close(v);
        TRY(rc);
        if (!p.closed)
            *go_on = each(arg, &p);
    }
    return RC_OK;
}

enum rc wallet_payment_open(struct wallet_book *b, const struct id *after,
                            wallet_payment_fn *each, void *arg)
{
    struct wallet__page *page = malloc(sizeof(*page));
    uint8_t from[LEDGER_KEY_MAX + 1];
    struct slice start = SLICE_NONE;
    bool go_on = true;
    enum rc rc;

    if (page == NULL)
        return RC_NOMEM;
    if (after != NULL) {
        memcpy(from, after->bytes, ID_LEN);
        from[ID_LEN] = 0; /* right behind it */
        start = slice_from((const char *)from, ID_LEN + 1);
    }
    do {
        rc = wallet__page_read(page, b, WALLET__KIND_OPEN, start);
        if (rc == RC_OK)
            rc = give_page(&go_on, page, b, each, arg);
        if (rc == RC_OK && page->more)
            start = wallet__page_next(page, from);
    } while (rc == RC_OK && go_on && page->more);
    free(page);
    return rc == RC_NOT_FOUND ? RC_CORRUPT : rc; /* payments are never deleted */
}

/* ---- What a payer owes ---- */

enum rc wallet__read_debt(struct money *owed, uint64_t *version, struct ledger_view *v,
                          struct id payer)
{
    struct slice value;
    enum rc rc = ledger_view_record(&value, version, v, WALLET__KIND_DEBT,
                                    wallet__id_slice(&payer));

    if (rc == RC_OK)
        return wallet__debt_decode(owed, value);
    *owed = MONEY_ZERO;
    *version = 0;
    return rc == RC_NOT_FOUND ? RC_OK : rc;
}

void wallet__write_debt(struct ledger_cmd *cmd, uint8_t value[WALLET__DEBT_LEN],
                        const struct id *payer, struct money owed, uint64_t version)
{
    if (money_is_zero(owed))
        wallet__delete(cmd, WALLET__KIND_DEBT, wallet__id_slice(payer), version);
    else
        wallet__write(cmd, WALLET__KIND_DEBT, wallet__id_slice(payer),
                      wallet__debt_encode(value, owed), version);
}

enum rc wallet_payer_debt(struct money *out, struct wallet_book *b, const char *payer)
{
    struct ledger_view *v;
    struct money owed;
    uint64_t version;
    enum rc rc;

    if (!wallet__payer_ok(payer))
        return RC_BAD_INPUT;
    TRY(ledger_view_open(&v, b->ledger));
    rc = wallet__read_debt(&owed, &version, v, wallet_payer_id(payer));
    ledger_view_close(v);
    TRY(rc);
    *out = owed;
    return RC_OK;
}

/* ---- The house ---- */

/* What an account of the house has given away, less what it got back. */
static enum rc read_given(struct money *out, struct ledger_view *v, struct id id)
{
    struct ledger_account account;

    TRY(wallet__read_account(&account, v, id));
    *out = money_sub_floor(account.debits, account.credits);
    return RC_OK;
}

enum rc wallet_payment_house(struct wallet_payment_house *out, struct wallet_book *b)
{
    struct wallet_payment_house h;
    struct ledger_view *v;
    enum rc rc;

    TRY(ledger_view_open(&v, b->ledger));
    rc = read_given(&h.receivable, v, wallet__receivable);
    if (rc == RC_OK)
        rc = read_given(&h.chain, v, wallet__chain);
    if (rc == RC_OK)
        rc = read_given(&h.bad_debt, v, wallet__bad_debt);
    ledger_view_close(v);
    TRY(rc);
    *out = h;
    return RC_OK;
}

enum rc wallet_payment_fees(struct money *out, struct wallet_book *b,
                            const char *network)
{
    struct ledger_view *v;
    struct money fees;
    enum rc rc;

    TRY(ledger_view_open(&v, b->ledger));
    rc = read_given(&fees, v, wallet__coin_account(network));
    ledger_view_close(v);
    TRY(rc);
    *out = fees;
    return RC_OK;
}
