/* SPDX-License-Identifier: Apache-2.0 */
/* Limits of wallets and keys, and what they leave of a balance. Reached through
 * wallet/wallet.h. */
#ifndef WALLET_LIMIT_H
#define WALLET_LIMIT_H

#include <stdint.h>

#include "base/money.h"
#include "wallet/book.h"

enum wallet_per {
    WALLET_PER_CALL, /* no account: the hold itself may not be larger */
    WALLET_PER_HOUR,
    WALLET_PER_DAY,
    WALLET_PER_MONTH,
    WALLET_PER_TOTAL,
    WALLET_PER__COUNT
};

const char *wallet_per_name(enum wallet_per per); /* "call", "hour", .. */
MUST_CHECK enum rc wallet_per_parse(enum wallet_per *out, struct slice text);

enum wallet_scope {
    WALLET_SCOPE_KEY,
    WALLET_SCOPE_WALLET,
    WALLET_SCOPE_PARENT /* a wallet above the caller's */
};

struct wallet_limit {
    enum wallet_scope scope;
    char id[WALLET_ID_TEXT_SIZE]; /* the key's or wallet's */
    enum wallet_per per;
    struct money limit;
    struct money used;
    struct money held;
    uint64_t resets_us; /* 0: never */
};

/* Waits. amount NULL: clears. A change moves what the current window has left;
 * downwards no further than what is free. Usage counts from when a limit is first set.
 * RC_TOO_BIG: more than WALLET_PATH_LIMITS_MAX would bind one call. */
MUST_CHECK enum rc wallet_limit_set(struct wallet_book *b, struct id wallet,
                                    enum wallet_per per, const struct money *amount);
MUST_CHECK enum rc wallet_key_limit_set(struct wallet_book *b, struct slice key_id,
                                        enum wallet_per per,
                                        const struct money *amount);

struct wallet_balance {
    struct money balance; /* what can be spent now: least of money and every limit */
    struct money held;    /* on the root; for a child with windowed limits: on these */
    struct money spent;   /* ever, by a root and all below it; for a child: zero */
    unsigned limit_count;
    struct wallet_limit limits[WALLET_PATH_LIMITS_MAX + 8];
};
/* As the wallet sees it (no key's limits). */
MUST_CHECK enum rc wallet_balance(struct wallet_balance *out, struct wallet_book *b,
                                  struct id id);

struct wallet_key_limits {
    unsigned count;
    struct wallet_limit list[WALLET_PER__COUNT];
};
/* The key's own, without those of its wallet and above. A key that is not there, or
 * revoked, has what is left of it: none. RC_BAD_INPUT: that is no id. */
MUST_CHECK enum rc wallet_key_limits(struct wallet_key_limits *out,
                                     struct wallet_book *b, struct slice key_id);

#endif
