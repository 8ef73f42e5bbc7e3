/* SPDX-License-Identifier: Apache-2.0 */
/* Payments that came with a call (x402, MPP), as the book sees them. Reached through
 * wallet/wallet.h.
 *
 * Each authorization is known by its key, a hash over network, token, payer and nonce.
 * Its claim gives it an id that begins with the time, as all ids do: under it are its
 * record, and an account of its own, so that it buys at most its own value and nothing
 * else spends it. The claim moves the value from house/receivable to that account; the
 * call holds and captures there; when the chain has paid, house/chain pays
 * house/receivable; in the end what was not used goes to the payer's wallet (or the
 * wallet that a top-up names). If the chain never pays, the account's rest goes back to
 * house/receivable, and what was delivered on it is house/bad-debt, a mark on the payer
 * until it is paid.
 *
 * One thread drives a payment (gateway/settle/cashier.h); the versions of its record
 * catch whoever would be a second one. */
#ifndef WALLET_PAYMENT_H
#define WALLET_PAYMENT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/money.h"
#include "ledger/ledger.h"
#include "wallet/book.h"
#include "wallet/caller.h"

enum {
    WALLET_PAYMENT_DETAILS_MAX = 3000, /* bytes that are opaque here */
    WALLET_PAYER_TEXT_SIZE = 44        /* "0x" and 40 hex digits, lower case */
};

/* No payment is larger, so that no sum of all of them comes near to what fits. */
#define WALLET_PAYMENT_VALUE_MAX money_from_nano(UINT64_C(1000000) * 1000000000)

enum wallet_payment_state {
    WALLET_PAYMENT_NEW,       /* never seen */
    WALLET_PAYMENT_RESERVED,  /* claimed; nothing was sent */
    WALLET_PAYMENT_SUBMITTED, /* may have been sent */
    WALLET_PAYMENT_UNKNOWN,   /* was sent; the other side does not say how it went */
    WALLET_PAYMENT_SETTLED,
    WALLET_PAYMENT_RELEASED, /* nothing was sent and nothing delivered: may be claimed
                                again */
    WALLET_PAYMENT_FAILED,   /* definite: it will never be paid */
    WALLET_PAYMENT_REVERTED  /* the chain took it back */
};

struct wallet_payment {
    uint8_t key[32];
    struct id id; /* and of the account that pays for its calls; none: never claimed */
    char payer[WALLET_PAYER_TEXT_SIZE];
    char method[16];     /* "x402", "mpp": the `kind` of its rows */
    struct money value;  /* authorized: at most this; zero: to somebody else, and only
                          * its states are kept */
    struct money settle; /* to be settled, or was: at most value */
    bool after;          /* served before it is settled */
    bool closed;         /* the rest has been credited: the end */
    enum wallet_payment_state state;
    struct id target; /* a top-up's wallet; none: the payer's own */
    uint64_t created_us;
    uint64_t expires_us;  /* when the authorization ends by itself */
    char network[32];     /* "eip155:84532", for the accounts' names and rows */
    char reference[72];   /* transaction hash; "" */
    uint16_t details_len; /* how to go on with it, opaque */
    uint8_t details[WALLET_PAYMENT_DETAILS_MAX];
    uint64_t version; /* of the record; 0: none */
};

/* The wallet of a payer, whether it exists or not: a root, opened by the end of the
 * payer's first payment under the name "payer-0x..": no other can have such a name. */
struct id wallet_payer_id(const char *payer);
/* As whom a call on this payment holds: root = its account (before the claim: none),
 * wallet = the payer's, whose limits bind. RC_FROZEN: filled all the same, and no hold
 * can come of it. */
MUST_CHECK enum rc wallet_payment_caller(struct wallet_caller *out,
                                         struct wallet_book *b,
                                         const struct wallet_payment *p);
/* As whom a payer spends what was credited before: RC_NOT_FOUND: it has no wallet. */
MUST_CHECK enum rc wallet_payer_caller(struct wallet_caller *out, struct wallet_book *b,
                                       const char *payer);
/* RC_NOT_FOUND. */
MUST_CHECK enum rc wallet_payment_read(struct wallet_payment *out,
                                       struct wallet_book *b, const uint8_t key[32]);
/* All that are not closed, in the order of their ids, after `after` (NULL: from the
 * first), until each() returns false. Short views; the picture may change meanwhile. */
typedef bool wallet_payment_fn(void *arg, const struct wallet_payment *p);
MUST_CHECK enum rc wallet_payment_open(struct wallet_book *b, const struct id *after,
                                       wallet_payment_fn *each, void *arg);

/* The transfer that closed it, as statements name it; ID_NONE: there is none. */
struct id wallet_payment_credit(const struct wallet_payment *p);

/* House accounts of payments, for reports and the laws: receivable is what was promised
 * and has not come; chain what came in; bad_debt what never will. */
struct wallet_payment_house {
    struct money receivable, chain, bad_debt;
};
MUST_CHECK enum rc wallet_payment_house(struct wallet_payment_house *out,
                                        struct wallet_book *b);
/* What settling on a network has cost, in 10^-9 of its coin. */
MUST_CHECK enum rc wallet_payment_fees(struct money *out, struct wallet_book *b,
                                       const char *network);
/* What a payer owes. A top-up of his wallet pays it, and so does a payment's end.
 * RC_BAD_INPUT: not such a text. */
MUST_CHECK enum rc wallet_payer_debt(struct money *out, struct wallet_book *b,
                                     const char *payer);

#endif
