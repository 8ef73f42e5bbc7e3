/* SPDX-License-Identifier: Apache-2.0 */
/* Books and commands for tests of the ledger: small names for accounts, operations and
 * amounts, a folder of its own for each store, and commands in one line. */
#ifndef TESTS_LEDGER_FIXTURE_H
#define TESTS_LEDGER_FIXTURE_H

#include "ledger/ledger.h"

enum {
    USD = 1,                  /* the ledger number of most tests */
    TEST_TIME_S = 1700000000, /* where the clock stands when a test sets it */
    DIR_SIZE = 512
};

#define TEST_TIME_US ((uint64_t)TEST_TIME_S * 1000000)

/* The same every time; `n` tells them apart. Operations carry the test's time. */
struct id account_id(unsigned n);
struct id op_id(unsigned n);
struct money nano(uint64_t n);
uint64_t amount_of(struct money m);

/* Legs on USD. The debit side of hold and capture may not be overdrawn. */
struct ledger_leg leg(struct id debit, struct id credit, uint64_t amount);
struct ledger_leg guarded(struct id debit, struct id credit, uint64_t amount);
/* Money from outside: `credit` may not be overdrawn. */
struct ledger_leg funding(struct id credit, uint64_t amount);

struct ledger_cmd transfer(unsigned op, struct ledger_leg l);
struct ledger_cmd hold(unsigned op, struct id account, uint64_t amount);
struct ledger_cmd capture(unsigned op, unsigned of, struct id account, uint64_t amount);
struct ledger_cmd void_of(unsigned op, unsigned of);
struct ledger_cmd note(unsigned op);
struct ledger_write write_of(enum ledger_write_op op, const char *key,
                             const char *value, uint64_t version);
/* Where captures go, and where money comes from. */
struct id revenue(void);
struct id bank(void);

/* A folder below TMPDIR, and all that is in it. */
void dir_make(char dir[DIR_SIZE]);
void dir_remove(const char *dir);
/* dir/name. */
void dir_file(char out[DIR_SIZE], const char *dir, const char *name);

struct ledger *open_memory(void);
struct ledger *open_store(const char *dir); /* created if it is not there */
/* Both must go well. */
void must(struct ledger *l, struct ledger_cmd cmd);
struct ledger_account account_in(struct ledger *l, struct id id);
uint64_t available_in(struct ledger *l, struct id id);

#endif
