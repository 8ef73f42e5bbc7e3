/* SPDX-License-Identifier: Apache-2.0 */
/* Wallets, their keys and limits, on top of the book (ledger/ledger.h): who may spend,
 * how much, and what was spent. Only a wallet without parent (a root) holds money; a
 * child is a scope with limits of its own. A call holds on the root's balance and on
 * every limit between in one command, so that no two calls can pass one limit together.
 *
 * Everything here is kept as ledger records and accounts: there is no cache and no
 * second truth. Reads take a short view and are fit for a loop (microseconds).
 * Functions marked "waits" block for a durable commit: never call them on a loop.
 *
 * Other folders include this header only. Its parts: the book and ids (book.h), limits
 * and balances, keys, top-ups and refunds (transfer.h), who calls (caller.h), what the
 * call pays (hold.h) and its Idempotency-Key, and payments that came with
 * calls (payment.h, payment_step.h, once.h), what we buy ourselves (purchase.h), and
 * reports (statement.h). What a call's money may carry besides (share.h). */
#ifndef WALLET_WALLET_H
#define WALLET_WALLET_H

#include <stdbool.h>
#include <stdint.h>

#include "wallet/book.h"
#include "wallet/caller.h"
#include "wallet/hold.h"
#include "wallet/idem.h"
#include "wallet/key.h"
#include "wallet/limit.h"
#include "wallet/once.h"
#include "wallet/payment.h"
#include "wallet/payment_step.h"
#include "wallet/purchase.h"
#include "wallet/share.h"
#include "wallet/statement.h"
#include "wallet/transfer.h"

struct wallet {
    struct id id;
    struct id parent; /* none: a root */
    struct id root;   /* itself for a root */
    unsigned depth;   /* 0 for a root */
    bool frozen;      /* by itself; ancestors have their own mark */
    uint64_t created_us;
    char name[WALLET_NAME_MAX + 1];
};

/* Waits. RC_BAD_INPUT (name), RC_EXISTS (name taken), RC_NOT_FOUND (parent), RC_TOO_BIG
 * (deeper than WALLET_DEPTH_MAX). parent: none for a root. */
MUST_CHECK enum rc wallet_create(struct wallet *out, struct wallet_book *b,
                                 struct slice name, struct id parent);
/* By id text ("w_..") or unique name. RC_NOT_FOUND. */
MUST_CHECK enum rc wallet_find(struct wallet *out, struct wallet_book *b,
                               struct slice id_or_name);
MUST_CHECK enum rc wallet_get(struct wallet *out, struct wallet_book *b, struct id id);
typedef bool wallet_fn(void *arg, const struct wallet *w);
/* In order of their ids: that of creation, but for payers' wallets, whose ids are made
 * from their payers. From `from` on (none: the first), until each() returns false. */
MUST_CHECK enum rc wallet_list(struct wallet_book *b, struct id from, wallet_fn *each,
                               void *arg);
/* Waits. No hold of the wallet or of anything below it commits after freeze
 * returned. */
MUST_CHECK enum rc wallet_freeze(struct wallet_book *b, struct id id, bool frozen);

#endif
