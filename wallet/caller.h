/* SPDX-License-Identifier: Apache-2.0 */
/* Who pays for a call, and what binds it. Reached through wallet/wallet.h. */
#ifndef WALLET_CALLER_H
#define WALLET_CALLER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/money.h"
#include "wallet/book.h"
#include "wallet/limit.h"

/* What authenticating yields: everything a hold needs, as of one moment. Flat; copy
 * freely. If a key, a limit or a freeze changes between, the hold ends with RC_STALE
 * and the caller authenticates again. */
struct wallet_bound { /* a windowed limit that binds */
    struct id scope_id;
    enum wallet_scope scope;
    enum wallet_per per;
    uint32_t generation;
    struct money limit;
    char id_text[WALLET_ID_TEXT_SIZE];
};

struct wallet_caller {
    struct id wallet;
    struct id root;
    char key_id[WALLET_KEY_ID_LEN + 1]; /* "": no key (a payment, the CLI) */
    char wallet_name[WALLET_NAME_MAX + 1];
    char models[WALLET_GLOBS_MAX + 1];
    uint64_t epoch; /* version of everything above at that moment */
    bool has_per_call;
    struct money per_call; /* least of all per-call limits */
    enum wallet_scope per_call_scope;
    char per_call_id[WALLET_ID_TEXT_SIZE];
    unsigned bound_count;
    struct wallet_bound bounds[WALLET_PATH_LIMITS_MAX];
};

/* Reads only. RC_BAD_KEY: malformed, unknown, wrong, expired or revoked (one answer,
 * equal work, for all). RC_FROZEN: the wallet or one above; out is filled all the same.
 */
MUST_CHECK enum rc wallet_authenticate(struct wallet_caller *out, struct wallet_book *b,
                                       struct slice key_text);
/* The same for a wallet without a key. */
MUST_CHECK enum rc wallet_caller(struct wallet_caller *out, struct wallet_book *b,
                                 struct id wallet);
/* Whether the caller's key may use the model. */
bool wallet_model_allowed(const struct wallet_caller *c, struct slice model);
/* Balance and limits as this caller sees them, its key's included. */
MUST_CHECK enum rc wallet_caller_balance(struct wallet_balance *out,
                                         struct wallet_book *b,
                                         const struct wallet_caller *c);

#endif
