/* SPDX-License-Identifier: Apache-2.0 */
/* Signed receipts: what a call has cost, told so that a third party can check it. A
 * compact JWS (RFC 7515) with EdDSA over Ed25519 (RFC 8037), made by a key in the data
 * folder; its public half is a JWK set at /.well-known/octroi-receipts.json. A
 * signature takes 20 to 30 us, half of what a paid call takes: so a receipt is made
 * when somebody asks for it, from what the book says, and says the same each time. Any
 * thread. */
#ifndef GATEWAY_RECEIPTS_H
#define GATEWAY_RECEIPTS_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/money.h"
#include "wallet/wallet.h"

struct receipts;

/* Reads the key, 32 bytes that must be their owner's only, or makes a new one there.
 * RC_FORBIDDEN: others can read it. RC_CORRUPT: it is not a key. RC_IO. */
MUST_CHECK enum rc receipts_open(struct receipts **out, const char *path);
void receipts_close(struct receipts *s); /* NULL is fine */
/* {"keys":[{..}]}: the public key with its kid. */
struct slice receipts_key_set(const struct receipts *s);

struct receipt {
    struct id request;
    struct id wallet; /* who paid: the payer's, when no key did */
    const char *kind; /* "chat", "data", .. */
    struct slice subject;
    struct money cost;
    struct id transfer;      /* in the book */
    const char *transaction; /* on a chain, when a payment came with the call; "" */
};

/* RC_NOMEM: the arena is spent, or there is no memory; or the subject is longer than
 * 2,000 bytes. */
MUST_CHECK enum rc receipts_sign(struct slice *out, const struct receipts *s,
                                 const struct receipt *r, struct arena *a);

#endif
