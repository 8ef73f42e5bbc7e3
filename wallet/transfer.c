/* SPDX-License-Identifier: Apache-2.0 */
/* Money in: each top-up is one transfer from a house account to a root wallet, and what
 * a payer owes is paid out of it. Money back is refund.c's business. */
#include "wallet/transfer.h"

#include "base/codec.h"
#include "wallet/memo.h"
#include "wallet/payment_int.h"
#include "wallet/wallet_int.h"

#include <assert.h>
#include <string.h>

enum rc wallet__root_balance(struct money *out, struct wallet_book *b, struct id root)
{
    struct ledger_account account;
    struct ledger_view *v;
    enum rc rc;

    TRY(ledger_view_open(&v, b->ledger));
    rc = wallet__read_account(&account, v, root);
    ledger_view_close(v);
    TRY(rc);
    *out = ledger_available(&account);
    return RC_OK;
}

/* ---- Top-ups ---- */

/* A reference names one incoming payment: the operation's id comes from it alone, so
 * that the book itself refuses a second one, for ever. */
static enum rc topup_op(struct id *out, struct wallet_book *b, struct slice ref)
{
    uint8_t digest[SHA256_LEN];
    struct sha256_state s;

    if (ref.len == 0) {
        *out = id_new(ledger_now_us(b->ledger));
        return RC_OK;
    }
    TRY(sha256_start(&s));
    sha256_add(&s, SLICE("topup-ref"));
    sha256_add(&s, ref);
    sha256_end(digest, &s);
    memcpy(out->bytes, digest, ID_LEN);
    return RC_OK;
}

/* A command of its own: a repeated top-up must read as the first one, when the debt may
 * have been paid. */
static enum rc pay_debt_once(struct wallet_book *b, struct id wallet)
{
    struct ledger_cmd cmd = {.verb = LEDGER_TRANSFER, .leg_count = 1};
    uint8_t value[WALLET__DEBT_LEN];
    char memo[LEDGER_MEMO_MAX];
    struct ledger_account account;
    struct ledger_view *v;
    struct money owed, paid;
    uint64_t version;
    enum rc rc;

    TRY(ledger_view_open(&v, b->ledger));
    rc = wallet__read_debt(&owed, &version, v, wallet);
    if (rc == RC_OK)
        rc = wallet__read_account(&account, v, wallet);
    ledger_view_close(v);
    TRY(rc);
    paid = money_min(owed, ledger_available(&account));
    if (money_is_zero(paid))
        return RC_OK;
    cmd.op = id_new(ledger_now_us(b->ledger));
    cmd.legs[0] = (struct ledger_leg){
        .debit = wallet,
        .credit = wallet__bad_debt,
        .amount = paid,
        .number = WALLET__USD,
        .debit_flags = LEDGER_NO_OVERDRAFT,
    };
    wallet__write_debt(&cmd, value, &wallet, money_sub_floor(owed, paid), version);
    cmd.tags[0] = wallet;
    cmd.memo = wallet__memo_debt(memo, wallet);
    return ledger_call(b->ledger, &cmd);
}

/* What a payer owes comes first, whoever tops his wallet up. */
enum rc wallet__pay_debt(struct wallet_book *b, struct id wallet)
{
    for (unsigned i = 0; i < WALLET__TRIES_MAX; i++) {
        enum rc rc = pay_debt_once(b, wallet);

        if (!wallet__lost_race(rc) && rc != RC_NO_FUNDS && rc != RC_NOT_FOUND)
            return rc;
    }
    return RC_BUSY;
}

enum rc wallet_topup(struct wallet_topup *out, struct wallet_book *b, struct id id,
                     struct money amount, struct slice ref)
{
    struct wallet_topup t = {.amount = amount};
    struct ledger_cmd cmd = {.verb = LEDGER_TRANSFER, .leg_count = 1};
    char memo[LEDGER_MEMO_MAX];
    struct wallet w;

    if (money_is_zero(amount) || !wallet__text_ok(ref, 0, WALLET_REF_MAX))
        return RC_BAD_INPUT;
    TRY(wallet_get(&w, b, id));
    if (w.depth > 0)
        return RC_FORBIDDEN;
    TRY(topup_op(&cmd.op, b, ref));
    cmd.legs[0] = (struct ledger_leg){
        .debit = wallet__topups,
        .credit = w.id,
        .amount = amount,
        .number = WALLET__USD,
        .credit_flags = LEDGER_NO_OVERDRAFT,
    };
    cmd.tags[0] = w.id;
    /* No time and no name in it: a repeat must have the same content. */
    cmd.memo = wallet__memo_topup(memo, w.id, ref);
    TRY(ledger_call(b->ledger, &cmd));
    t.transfer = cmd.op;
    t.repeated = cmd.result.replayed;
    TRY(wallet__pay_debt(b, w.id));
    TRY(wallet__root_balance(&t.balance, b, w.id));
    *out = t;
    return RC_OK;
}
