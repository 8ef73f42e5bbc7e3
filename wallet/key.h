/* SPDX-License-Identifier: Apache-2.0 */
/* API keys. Reached through wallet/wallet.h. */
#ifndef WALLET_KEY_H
#define WALLET_KEY_H

#include <stdbool.h>
#include <stdint.h>

#include "base/money.h"
#include "wallet/book.h"
#include "wallet/limit.h"

struct wallet_key {
    char id[WALLET_KEY_ID_LEN + 1];
    struct id wallet;
    char name[WALLET_NAME_MAX + 1];
    char models[WALLET_GLOBS_MAX + 1]; /* comma-separated globs; "": every model */
    uint32_t generation;
    bool revoked;
    uint64_t created_us;
    uint64_t expires_us; /* 0: never */
};

struct wallet_key_options {
    struct slice name;
    struct slice models;
    uint64_t expires_us;
    const struct money *limits[WALLET_PER__COUNT]; /* NULL: none */
};

/* Waits. text gets the secret key, NUL-terminated; it is stored nowhere and can not be
 * had again: wipe it after use. RC_NOT_FOUND (wallet), RC_BAD_INPUT. */
MUST_CHECK enum rc wallet_key_create(struct wallet_key *out,
                                     char text[WALLET_KEY_TEXT_LEN + 1],
                                     struct wallet_book *b, struct id wallet,
                                     const struct wallet_key_options *options);
MUST_CHECK enum rc wallet_key_get(struct wallet_key *out, struct wallet_book *b,
                                  struct slice key_id);
typedef bool wallet_key_fn(void *arg, const struct wallet_key *k);
MUST_CHECK enum rc wallet_key_list(struct wallet_book *b, struct slice from,
                                   wallet_key_fn *each, void *arg);
/* Waits. No hold under the key commits after it returned. Again: RC_OK. */
MUST_CHECK enum rc wallet_key_revoke(struct wallet_book *b, struct slice key_id);
/* Waits. The old secret is worthless from then on. RC_GONE: revoked. */
MUST_CHECK enum rc wallet_key_rotate(struct wallet_key *out,
                                     char text[WALLET_KEY_TEXT_LEN + 1],
                                     struct wallet_book *b, struct slice key_id);

/* The secret text of a key once more, to check a proof that was made with it; it never
 * leaves the process. Reads only. RC_BAD_KEY: unknown, revoked or expired; text is
 * filled all the same, with what nobody was given, so that the check takes as long.
 * Wipe it after use. */
MUST_CHECK enum rc wallet_key_text(char text[WALLET_KEY_TEXT_LEN + 1],
                                   struct wallet_book *b, struct slice key_id);

#endif
