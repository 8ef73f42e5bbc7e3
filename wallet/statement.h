/* SPDX-License-Identifier: Apache-2.0 */
/* Reports: what moved, as rows. Reached through wallet/wallet.h. */
#ifndef WALLET_STATEMENT_H
#define WALLET_STATEMENT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/money.h"
#include "wallet/book.h"

struct wallet_row {
    struct id request; /* a refund's: of the call it refunds; none for top-ups */
    struct id transfer;
    uint64_t time_us;
    char kind[24]; /* "topup", "refund", "x402", "chat", .. */
    struct id wallet;
    char wallet_name[WALLET_NAME_MAX + 1];
    char key_id[WALLET_KEY_ID_LEN + 1];
    struct slice model; /* or api; valid during the call */
    struct slice target;
    struct slice price_version;
    struct slice ref;    /* a top-up's; a payment's transaction */
    struct slice skill;  /* of a shared call, or of what was taken back of it */
    struct id shared_by; /* its tag; none: it was not shared */
    bool credit;         /* money came in */
    struct money amount; /* all that the wallet paid, or got */
    struct money share;  /* the payee's part of amount, or of a late call's shortfall */
    struct money balance; /* of the root, after; holds not taken off */
    bool by_payment;      /* a call that a payment paid, whose own balance that is */
    struct money shortfall;
    uint64_t prompt_tokens, cached_tokens, completion_tokens, reasoning_tokens;
    unsigned status;
    bool estimated;
    bool is_reported;
    struct money reported; /* is_reported: what the upstream said that it charges */
    uint64_t seq;          /* the journal entry's: go on from seq + 1 */
};

typedef bool wallet_row_fn(void *arg, const struct wallet_row *row);
/* What moved on a wallet (a root: by everything below it too), oldest first, from seq
 * on. Reads in short views: the picture may grow while it runs. */
MUST_CHECK enum rc wallet_statement(struct wallet_book *b, struct id wallet,
                                    uint64_t from_seq, wallet_row_fn *each, void *arg);
/* The row of one request, if it is this wallet's (or below). RC_NOT_FOUND. */
MUST_CHECK enum rc wallet_statement_request(struct wallet_book *b, struct id wallet,
                                            struct id request, wallet_row_fn *each,
                                            void *arg);
/* Every call of every wallet, oldest first. */
MUST_CHECK enum rc wallet_usage(struct wallet_book *b, uint64_t from_seq,
                                wallet_row_fn *each, void *arg);

/* An entry that was read elsewhere (under a share's tag, say) as a row, if it is one.
 * each() must not keep what it is given, nor open a view. */
void wallet_entry_row(struct ledger_view *v, const struct ledger_entry *e,
                      wallet_row_fn *each, void *arg);

/* House accounts, for reports and tests: what was earned, topped up, and lost. The
 * first two are what is left after refunds; revenue is without the parts of others
 * (share.h). All wallets, accounts of payments and accounts that got shares, with what
 * was paid out of those, together have, holds included, topups - revenue + shortfall
 * and what the house's accounts of payments have given (payment.h). */
struct wallet_house {
    struct money revenue, topups, shortfall, refunds;
};
MUST_CHECK enum rc wallet_house(struct wallet_house *out, struct wallet_book *b);

#endif
