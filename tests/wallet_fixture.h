/* SPDX-License-Identifier: Apache-2.0 */
/* A book with wallets for tests, and its operations as plain calls that wait. */
#ifndef TESTS_WALLET_FIXTURE_H
#define TESTS_WALLET_FIXTURE_H

#include <semaphore.h>
#include <stdbool.h>
#include <stdint.h>

#include "wallet/wallet.h"

struct call;

struct fixture {
    struct ledger *ledger;
    struct wallet_book *book;
    enum ledger_kind kind;
    char dir[64];
    char master[96];
    struct call *calls; /* of new_call() */
};

/* A new book in memory, or in a folder of its own. */
void fixture_open(struct fixture *f, enum ledger_kind kind);
/* LEDGER_LMDB: as after a restart of the process; recovered. */
void fixture_restart(struct fixture *f);
/* LEDGER_MEMORY too: another process on the same ledger. */
void fixture_reboot_book(struct fixture *f);
/* Checks the laws of the money, then throws everything away. Sets the clock free. */
void fixture_close(struct fixture *f);

void clock_at(const char *rfc3339); /* both clocks stand still there */

struct money usd(const char *decimal);
void assert_usd(struct money m, const char *decimal);

struct id new_wallet(struct fixture *f, const char *name);
struct id new_child(struct fixture *f, const char *name, struct id parent);
void fund(struct fixture *f, struct id wallet, const char *amount);
/* Sets or (amount NULL) clears a limit; it must go well. */
void limit(struct fixture *f, struct id wallet, enum wallet_per per,
           const char *amount);

struct key_text {
    char id[WALLET_KEY_ID_LEN + 1];
    char text[WALLET_KEY_TEXT_LEN + 1];
};
struct key_text new_key(struct fixture *f, struct id wallet);
struct money balance_of(struct fixture *f, struct id wallet);
/* The one limit of the wallet that has this scope's id and this window. */
struct wallet_limit limit_of(struct fixture *f, struct id wallet, struct id scope,
                             enum wallet_per per);

/* One call. Zero it, or take one from new_call(): they are large. */
struct call {
    struct wallet_hold hold; /* first */
    sem_t done;
    struct call *next;
    struct wallet_share share; /* of capture_shared() */
};
/* Zeroed; good until fixture_close(). Not for threads. */
struct call *new_call(struct fixture *f);
/* hold.request, .expires_us, .done and, unless .root is set, .caller are filled in. */
enum rc hold_call(struct fixture *f, struct call *c, struct id wallet,
                  const char *amount);
/* As the caller stands in c->hold.caller. */
enum rc hold_again(struct fixture *f, struct call *c);
enum rc capture_call(struct fixture *f, struct call *c, const char *amount);
/* The same, with c->share. */
enum rc capture_shared(struct fixture *f, struct call *c, const char *amount);
enum rc void_call(struct fixture *f, struct call *c, bool executed);
/* Hold and capture, which must go well. */
void pay(struct fixture *f, struct id wallet, const char *held, const char *taken);

#endif
