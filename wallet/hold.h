/* SPDX-License-Identifier: Apache-2.0 */
/* One call's money: hold, then capture or void. Reached through wallet/wallet.h. */
#ifndef WALLET_HOLD_H
#define WALLET_HOLD_H

#include <stdbool.h>
#include <stdint.h>

#include "base/money.h"
#include "ledger/ledger.h"
#include "wallet/book.h"
#include "wallet/caller.h"
#include "wallet/idem.h"
#include "wallet/limit.h"
#include "wallet/once.h"
#include "wallet/share.h"

/* What the journal keeps of a call, and statements and usage show. */
struct wallet_call {
    const char *kind;    /* "chat", "embeddings", "data", .. literal */
    struct slice model;  /* or api; as the client named it */
    struct slice target; /* "provider/model" that answered */
    struct slice price_version;
    uint64_t prompt_tokens; /* all of them; the next two are parts of it */
    uint64_t cached_tokens;
    uint64_t cache_write_tokens;
    uint64_t completion_tokens; /* reasoning included */
    uint64_t reasoning_tokens;
    unsigned status; /* of the answer */
    bool estimated;  /* the upstream never said the usage */
    bool is_reported;
    bool unsold;           /* nothing was: its quota and its purchase are free again */
    struct money reported; /* is_reported: what the upstream says that it charges */
    struct wallet_share share; /* who gets a part of it; with hold.has_share only */
};

struct wallet_refusal { /* which limit said no */
    enum wallet_scope scope;
    enum wallet_per per;
    char id[WALLET_ID_TEXT_SIZE];
    struct money limit;
    struct money left;
    uint64_t resets_us;
};

/* One call's money. Zero it, fill the inputs, keep it where it is until it has ended (a
 * successful hold must be captured or voided exactly once). */
struct wallet_hold {
    /* in */
    struct id request;
    struct wallet_caller caller;
    struct money amount;
    uint64_t expires_us; /* the call's absolute deadline plus 60 s */
    struct wallet_idem idem;
    struct wallet_once once;   /* RC_USED: another call has used it up */
    struct wallet_quota quota; /* RC_QUOTA_SPENT: there is none left */
    bool has_share;            /* the capture may have a share: keeps room for it */
    /* Once per operation: on the writer's thread, or, when it is refused at once, on
     * the caller's own before the function returns. Must not block; may free h. */
    void (*done)(struct wallet_hold *h);

    /* out */
    enum rc rc;                    /* of the last operation */
    struct wallet_refusal refusal; /* with RC_LIMIT */
    struct money captured;         /* taken from the wallet, the share included */
    /* What the caller can spend after a hold or a capture; after a void: as after the
     * hold, and what it gave back. With RC_NO_FUNDS: what there is. */
    struct money balance;
    struct money shortfall; /* carried by house/shortfall */
    struct id transfer;     /* the capture's */

    /* private */
    struct wallet_book *book;
    struct ledger_cmd cmd;
    struct id window_ids[WALLET_PATH_LIMITS_MAX];
    uint64_t hold_us;
    bool held;
    struct money late_amount;  /* of the capture under way */
    struct wallet_share share; /* of the same; its text is in the memo */
    unsigned idem_status;
    bool idem_executed;
    bool unsold;
    uint8_t idem_value[128];
    uint8_t idem_due[40];
    unsigned once_at; /* its place among the writes of the hold */
    uint8_t once_value[128];
    char memo[LEDGER_MEMO_MAX];
};

/* RC_OK: the amount is set aside, durably. RC_NO_FUNDS; RC_LIMIT (refusal says which);
 * RC_STALE (authenticate and hold again); RC_IDEM_IN_FLIGHT (somebody else has this
 * Idempotency-Key: wallet_idem_look()); RC_USED (wallet_once_look());
 * RC_QUOTA_SPENT; RC_TOO_BIG (so many limits bind the call that a share or a quota has
 * no room beside them); RC_CONFLICT (h->request was used before); RC_FULL, RC_BUSY,
 * RC_IO. Lends h until done(). */
void wallet_hold(struct wallet_book *b, struct wallet_hold *h);
/* Takes `amount`, which may be above the hold: what the wallet and its limits can carry
 * is taken, the rest goes to house/shortfall. (With a share: at most the hold.) Frees
 * the rest of the hold. `call` is copied. A hold that has expired meanwhile is booked
 * to the shortfall whole (RC_ENDED: the caller paid nothing). Lends h until done(). */
void wallet_capture(struct wallet_book *b, struct wallet_hold *h, struct money amount,
                    const struct wallet_call *call);
/* Frees everything. executed: some upstream may have done the work, so that the
 * Idempotency-Key stays used (with `status`), and `once`; else they are free again.
 * RC_ENDED: the hold had expired by itself; the key is dealt with all the same. Lends h
 * until done(). A capture or void that failed otherwise may be tried again, with the
 * same arguments.
 */
void wallet_void(struct wallet_book *b, struct wallet_hold *h, bool executed,
                 unsigned status);

#endif
