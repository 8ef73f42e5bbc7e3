/* SPDX-License-Identifier: Apache-2.0 */
/* The ledger records of this folder and their encodings. docs/wallet.md describes the
 * same for readers of a store. Private to wallet/. */
#ifndef WALLET_RECORD_H
#define WALLET_RECORD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "wallet/wallet.h"

/* Kinds of ledger records; 1 to 31 are this folder's. Never renumbered. */
enum {
    WALLET__KIND_WALLET = 1,    /* wallet id -> struct wallet */
    WALLET__KIND_NAME = 2,      /* name -> wallet id */
    WALLET__KIND_KEY = 3,       /* key id -> struct wallet_key */
    WALLET__KIND_LIMITS = 4,    /* scope id -> struct wallet__limits */
    WALLET__KIND_EPOCH = 5,     /* "epoch": only its version counts */
    WALLET__KIND_REFUND = 6,    /* transfer id -> sum of its refunds */
    WALLET__KIND_IDEM = 7,      /* hash of an Idempotency-Key -> struct wallet__idem */
    WALLET__KIND_IDEM_DUE = 8,  /* time and the same hash: the order of sweeping */
    WALLET__KIND_ONCE = 9,      /* what a call used up -> struct wallet__once */
    WALLET__KIND_PAYMENT = 10,  /* its id -> struct wallet_payment */
    WALLET__KIND_OPEN = 11,     /* id of a payment that is not closed */
    WALLET__KIND_DEBT = 12,     /* wallet id of a payer -> what he owes */
    WALLET__KIND_PURCHASE = 13, /* its id -> struct wallet_purchase */
    WALLET__KIND_CAP =
        14, /* window of a cap that was changed: only its version counts */
    WALLET__KIND_PAYMENT_KEY = 15 /* key of a payment -> its id, for ever */
};

enum {
    WALLET__VALUE_MAX = 1024, /* bytes of any record of ours */
    WALLET__DUE_KEY_LEN = 40
};

/* All limits of one scope (a wallet or a key) in one record. */
struct wallet__slot {
    bool set;
    uint32_t generation; /* raised when a cleared limit is set again */
    struct money amount;
};

struct wallet__limits {
    struct wallet__slot slots[WALLET_PER__COUNT];
};

/* What has been given back of a call or a top-up. */
struct wallet__refunded {
    struct money total;
    bool shared;        /* of a shared call: */
    struct money share; /* the payee's part of total */
};

struct wallet__idem {
    enum wallet_idem_state state; /* IN_FLIGHT or DONE */
    unsigned status;
    struct id boot;
    uint8_t fingerprint[32];
    struct id request;
    struct id transfer;
    struct money cost;
    uint64_t created_us;
};

struct wallet__once {
    enum wallet_once_state state; /* SERVING, DONE or FAILED */
    unsigned status;
    struct id boot;
    uint8_t fingerprint[32];
    struct id request;
    struct id transfer;
    struct money cost;
    uint64_t expires_us;
};

/* Encoders write to value (WALLET__VALUE_MAX bytes of room) and return what they wrote;
 * they assert what the callers have checked. Decoders accept exactly what the encoders
 * write and nothing else: RC_CORRUPT. */
struct slice wallet__wallet_encode(uint8_t *value, const struct wallet *w);
MUST_CHECK enum rc wallet__wallet_decode(struct wallet *out, struct slice key,
                                         struct slice value);
struct slice wallet__name_encode(uint8_t *value, struct id wallet);
MUST_CHECK enum rc wallet__name_decode(struct id *out, struct slice value);
struct slice wallet__key_encode(uint8_t *value, const struct wallet_key *k);
MUST_CHECK enum rc wallet__key_decode(struct wallet_key *out, struct slice key,
                                      struct slice value);
struct slice wallet__limits_encode(uint8_t *value, const struct wallet__limits *l);
MUST_CHECK enum rc wallet__limits_decode(struct wallet__limits *out,
                                         struct slice value);
struct slice wallet__refund_encode(uint8_t *value, const struct wallet__refunded *r);
MUST_CHECK enum rc wallet__refund_decode(struct wallet__refunded *out,
                                         struct slice value);

enum {
    WALLET__IDEM_LEN = 100
};
struct slice wallet__idem_encode(uint8_t *value, const struct wallet__idem *r);
MUST_CHECK enum rc wallet__idem_decode(struct wallet__idem *out, struct slice value);
struct slice wallet__due_encode(uint8_t key[WALLET__DUE_KEY_LEN], uint64_t created_us,
                                const uint8_t idem_key[32]);
MUST_CHECK enum rc wallet__due_decode(uint64_t *created_us, struct slice *idem_key,
                                      struct slice key);

enum {
    WALLET__ONCE_LEN = 100,
    WALLET__DEBT_LEN = 9
};
struct slice wallet__once_encode(uint8_t *value, const struct wallet__once *r);
MUST_CHECK enum rc wallet__once_decode(struct wallet__once *out, struct slice value);
struct slice wallet__debt_encode(uint8_t *value, struct money owed);
MUST_CHECK enum rc wallet__debt_decode(struct money *out, struct slice value);
/* LEDGER_VALUE_MAX bytes of room. */
struct slice wallet__payment_encode(uint8_t *value, const struct wallet_payment *p);
MUST_CHECK enum rc wallet__payment_decode(struct wallet_payment *out, struct slice key,
                                          struct slice value);
/* Whether a payment is one that may be kept. */
bool wallet__payment_ok(const struct wallet_payment *p);
bool wallet__payer_ok(const char *payer); /* "0x" and 40 hex digits, lower case */
struct slice wallet__purchase_encode(uint8_t *value, const struct wallet_purchase *p);
MUST_CHECK enum rc wallet__purchase_decode(struct wallet_purchase *out,
                                           struct slice value);
bool wallet__purchase_ok(const struct wallet_purchase *p);
/* The value of records that consist of their key and version. */
#define WALLET__MARK SLICE("\1")

/* UTF-8 without control characters (C0, DEL, C1), min to max bytes. */
bool wallet__text_ok(struct slice text, size_t min, size_t max);
bool wallet__key_id_ok(struct slice key_id); /* ten of [0-9a-z] */
bool wallet__models_ok(struct slice models); /* comma-separated, none empty */

#endif
