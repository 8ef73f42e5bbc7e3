/* SPDX-License-Identifier: Apache-2.0 */
/* Pays publishers on a chain. A payout (skills/payout.h) becomes an EIP-3009
 * authorization from the payout key's account to the publisher's address, whose nonce
 * is derived from the payout's id: so it can count once only, however often it is
 * signed and sent. The order, each step durable before the next:
 *
 *   OPEN  signed (the payer has a signer of its own, with the payout key alone and
 *         caps of its own)
 *   SENT  what was signed is in payout.details; only now may it leave this process
 *   PAID  by the cashier, as it settles for others: the transaction is the reference
 *
 * It goes out as the same bytes every time; the cashier's record of it says what became
 * of it, restarts included. What was not paid stays SENT and is tried again, by a
 * thread of its own, every PAYER_SWEEP_MS and at the next start: the account may lack
 * tokens, the node may be away. It is FAILED, and due again, only when an hour has
 * passed since the authorization ended and the chain says then that its nonce is
 * unused: it can never count any more. What cannot be told stays SENT, with its reason.
 *
 * An OPEN one whose publisher is suspended meanwhile, or paid elsewhere now, is FAILED
 * without having been signed. A SENT one of a suspended publisher is not sent again:
 * what is out already counts or ends by itself. */
#ifndef GATEWAY_SETTLE_PAYER_H
#define GATEWAY_SETTLE_PAYER_H

#include "base/buf.h"
#include "gateway/config_skills.h"
#include "gateway/settle/cashier.h"
#include "skills/skills.h"

struct payer;

enum {
    PAYER_SWEEP_MS = 15000,
    PAYER_WINDOW_S = 86400, /* for which a payout may be sent */
    PAYER_MARGIN_S = 3600,  /* past its end, before it is given back */
    PAYER_REASON_SIZE = 96
};

/* config is referenced: skills->payout_network is set. It goes on with what an earlier
 * process left. RC_BAD_CONFIG: the key cannot be read, in words in `faults`. After
 * x402_curve_start(). */
MUST_CHECK enum rc payer_open(struct payer **out, struct skills *s, struct cashier *c,
                              const struct config *config, struct buf *faults);
/* Before the cashier is closed, which is told to drain. NULL is fine. */
void payer_close(struct payer *p);

/* Looks at all payouts that are open, now. Does not wait. Any thread. */
void payer_pay(struct payer *p);
/* Why the payout is not paid yet, in words; "": nothing is known, or it was not tried
 * since the start. Any thread. */
void payer_reason(char out[PAYER_REASON_SIZE], struct payer *p, struct id payout);

/* The nonce under which a payout is signed. */
void payer_nonce(struct x402_hash *out, struct id payout);

#endif
