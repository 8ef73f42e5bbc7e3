/* SPDX-License-Identifier: Apache-2.0 */
/* Private keys in files: the Web3 Secret Storage Definition, version 3 (scrypt or
 * PBKDF2 with HMAC-SHA-256; AES-128-CTR; MAC by Keccak-256), and bare hex digits. For
 * the signer's thread: reading one takes a second of work and 256 MiB. */
#ifndef GATEWAY_SETTLE_KEYSTORE_H
#define GATEWAY_SETTLE_KEYSTORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/slice.h"
#include "gateway/config_payments.h"
#include "gateway/settle/scrypt.h"
#include "x402/x402.h"

enum {
    KEYSTORE_TEXT_MAX = 16 * 1024,
    KEYSTORE_SALT_MAX = 64,
    KEYSTORE_IV_LEN = 16,
    KEYSTORE_MAC_LEN = 32,
    KEYSTORE_ROUNDS_MAX = 10 * 1000 * 1000, /* of PBKDF2; seconds */
    KEYSTORE_PASSPHRASE_MAX = 1024
};

/* What such a file says; nothing in it is secret. */
struct keystore {
    bool is_scrypt;
    struct scrypt_cost cost; /* scrypt */
    unsigned rounds;         /* PBKDF2 */
    uint8_t salt[KEYSTORE_SALT_MAX];
    size_t salt_len;
    uint8_t iv[KEYSTORE_IV_LEN];
    uint8_t ciphertext[X402_KEY_LEN]; /* zeros in front of a key may be left out */
    size_t ciphertext_len;
    uint8_t mac[KEYSTORE_MAC_LEN];
    bool has_address;
    struct x402_address address; /* not proven by the MAC */
};

/* RC_BAD_INPUT: *why is a literal that says what is wrong. RC_NOMEM. */
MUST_CHECK enum rc keystore_parse(struct keystore *out, const char **why,
                                  struct slice json);
/* The caller wipes the key. RC_BAD_KEY: the passphrase is wrong, or the file was
 * changed. RC_NOMEM. */
MUST_CHECK enum rc keystore_unlock(uint8_t key[X402_KEY_LEN], const struct keystore *k,
                                   struct slice passphrase);

/* Reads a key as it is configured, and whose it is. A file with a bare key must be
 * closed to group and others, one with a passphrase to others; a keystore may be open.
 * One line end at the end of a passphrase is not part of it. The address that a
 * keystore names must be the key's. RC_BAD_CONFIG: a line in faults says which file and
 * why, and nothing of what is in it. RC_NOMEM. The caller wipes the key. */
MUST_CHECK enum rc keystore_read(uint8_t key[X402_KEY_LEN],
                                 struct x402_address *address,
                                 const struct config_key_file *file,
                                 struct buf *faults);

#endif
