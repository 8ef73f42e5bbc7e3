/* SPDX-License-Identifier: Apache-2.0 */
/* The fate of an Idempotency-Key. Reached through wallet/wallet.h. */
#ifndef WALLET_IDEM_H
#define WALLET_IDEM_H

#include <stdbool.h>
#include <stdint.h>

#include "base/money.h"
#include "wallet/book.h"
#include "wallet/caller.h"

/* An Idempotency-Key's fate, durable for 24 h, scoped to the wallet. */
struct wallet_idem {
    bool present;
    uint8_t key[32];         /* SHA-256 of wallet id and key */
    uint8_t fingerprint[32]; /* of method, path, query and body */
};

enum wallet_idem_state {
    WALLET_IDEM_NEW,
    WALLET_IDEM_IN_FLIGHT,
    WALLET_IDEM_DONE,  /* the answer is known: status, cost, request */
    WALLET_IDEM_BROKEN /* the process died in between: not charged, not known */
};

struct wallet_idem_seen {
    enum wallet_idem_state state;
    bool same; /* fingerprint equal */
    unsigned status;
    struct money cost;
    struct id request;
    struct id transfer;
};

void wallet_idem_key(struct wallet_idem *out, const struct wallet_caller *c,
                     struct slice key_header, const uint8_t fingerprint[32]);
MUST_CHECK enum rc wallet_idem_look(struct wallet_idem_seen *out, struct wallet_book *b,
                                    const struct wallet_idem *idem);

/* Deletes Idempotency-Keys older than 24 h whose call has ended, at most `max`.
 * Waits. */
MUST_CHECK enum rc wallet_sweep(struct wallet_book *b, unsigned max, unsigned *deleted);

#endif
