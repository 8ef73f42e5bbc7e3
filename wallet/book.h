/* SPDX-License-Identifier: Apache-2.0 */
/* The wallet book: a ledger and the master key of its API keys; and ids as text.
 * Reached through wallet/wallet.h. */
#ifndef WALLET_BOOK_H
#define WALLET_BOOK_H

#include "base/random.h"
#include "base/rc.h"
#include "base/slice.h"
#include "ledger/ledger.h"

enum {
    WALLET_NAME_MAX = 64,        /* bytes: UTF-8 without control characters */
    WALLET_DEPTH_MAX = 4,        /* parents above a wallet */
    WALLET_PATH_LIMITS_MAX = 15, /* windowed limits that bind one call; more: refused */
    WALLET_REF_MAX = 200,        /* bytes of a top-up's reference */
    WALLET_GLOBS_MAX = 512,      /* bytes of a key's model list */
    WALLET_KEY_ID_LEN = 10,
    WALLET_KEY_TEXT_LEN = 61, /* "sk-oct-" id "-" 43 characters */
    WALLET_ID_TEXT_SIZE = 40  /* any id as text, with its prefix and a NUL */
};

struct wallet_book;

/* Reads the 32-byte master key (mode 0600 is required) and serves from l, which stays
 * the caller's. RC_NO_STORE: no such file. RC_FORBIDDEN: others can read it. */
MUST_CHECK enum rc wallet_book_open(struct wallet_book **out, struct ledger *l,
                                    const char *master_key_path);
void wallet_book_close(struct wallet_book *b); /* NULL is fine */
/* A secret that follows from the master key and `label`, and tells nothing of the key:
 * for what must be the same after a restart and is stored nowhere. */
void wallet_book_derive(uint8_t out[32], const struct wallet_book *b,
                        struct slice label);
/* Makes a new random master key file. RC_EXISTS. */
MUST_CHECK enum rc wallet_master_create(const char *path);

/* Ids as people see them: prefix and 32 hex digits. 'w' wallets, 't' transfers
 * ("t_.."), 'r' requests ("req_.."), 'p' who has a share ("p_.."), 'o' payouts
 * ("pay_.."), 'b' what we bought ("buy_.."). */
void wallet_id_print(char out[WALLET_ID_TEXT_SIZE], char kind, struct id id);
MUST_CHECK enum rc wallet_id_parse(struct id *out, char kind, struct slice text);

#endif
