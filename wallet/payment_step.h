/* SPDX-License-Identifier: Apache-2.0 */
/* How a payment (wallet/payment.h) goes from state to state: each step is one command,
 * its money and its record. Reached through wallet/wallet.h. */
#ifndef WALLET_PAYMENT_STEP_H
#define WALLET_PAYMENT_STEP_H

#include "wallet/payment.h"

/* One step of a payment. Zero it, fill p and what the step needs. done() comes on the
 * writer's thread (or, when refused at once, on the caller's). On RC_OK p is as the
 * record is now. RC_STALE, RC_EXISTS: another was faster: read again. A step that
 * failed otherwise may be repeated as it was. */
struct wallet_payment_step {
    struct wallet_payment p;
    struct money fee; /* settled: what it cost us, in 10^-9 of the chain's coin */
    enum rc rc;
    struct money left;    /* closed: what was credited. failed, reverted: the loss */
    struct money balance; /* closed: of the wallet that was credited */
    void (*done)(struct wallet_payment_step *s);
    /* private */
    struct wallet_book *book;
    struct ledger_cmd cmd;
    unsigned step;
    unsigned debt_at; /* its place among the writes of a claim */
    enum wallet_payment_state next;
    bool next_closed;
    uint64_t next_version;
    struct id account, wallet, payer;
    uint8_t wallet_value[128], debt_value[16], id_value[32];
    uint8_t value[LEDGER_VALUE_MAX];
    char memo[LEDGER_MEMO_MAX];
};

/* All but the claim take from p: key, payer, version, reference, details, and settle
 * while it is not settled; the rest stays as it was claimed (and is in p afterwards).
 * RC_CONFLICT: not in this state. */

/* NEW or RELEASED -> RESERVED, or, when p.state says so, SUBMITTED (with the details of
 * what is about to be sent); p is filled but for id and version (which are as they were
 * read). RC_EXISTS or RC_STALE: somebody has it. RC_FORBIDDEN: this payer owes for
 * a call that was delivered and never paid. RC_NOT_FOUND: no such target. RC_TOO_BIG:
 * above WALLET_PAYMENT_VALUE_MAX. */
void wallet_payment_claim(struct wallet_book *b, struct wallet_payment_step *s);
/* Writes p (state, details, reference, settle); no money moves. RESERVED, SUBMITTED and
 * UNKNOWN may become one another; what is SETTLED stays so, closed or not. Of a SETTLED
 * one that is not closed p.target counts too: a top-up's wallet may be opened then. */
void wallet_payment_note(struct wallet_book *b, struct wallet_payment_step *s);
/* RESERVED, SUBMITTED, UNKNOWN -> SETTLED: `p.settle` has come in by the chain, and the
 * coin's account of p.network paid `fee`. */
void wallet_payment_settled(struct wallet_book *b, struct wallet_payment_step *s);
/* Both in one, for what has served already, or serves nothing: RESERVED, SUBMITTED,
 * UNKNOWN -> SETTLED, closed. p.target counts as with a note. RC_CONFLICT: a call still
 * holds on the account. */
void wallet_payment_finish(struct wallet_book *b, struct wallet_payment_step *s);
/* RESERVED, SUBMITTED, UNKNOWN -> FAILED, closed: what the account has goes back; what
 * was captured is bad debt, a mark on the payer. RC_CONFLICT: a call still holds on the
 * account. */
void wallet_payment_failed(struct wallet_book *b, struct wallet_payment_step *s);
/* RESERVED -> RELEASED, closed: all of the account goes back. Only when nothing was
 * captured there (else RC_CONFLICT). */
void wallet_payment_release(struct wallet_book *b, struct wallet_payment_step *s);
/* SETTLED -> closed: value - settle goes back to house/receivable, the rest to the
 * target's root, or, less what the payer owes, to his wallet, which is opened by it.
 * RC_CONFLICT: a call still holds on the account. */
void wallet_payment_close(struct wallet_book *b, struct wallet_payment_step *s);
/* SETTLED and closed -> REVERTED: taken from the wallet that was credited as far as it
 * has it; the rest (`left`) is house/bad-debt and a mark on the payer, and the wallet
 * is frozen. */
void wallet_payment_revert(struct wallet_book *b, struct wallet_payment_step *s);

#endif
