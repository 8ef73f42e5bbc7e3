/* SPDX-License-Identifier: Apache-2.0 */
/* A market for tests, on a book with wallets. */
#ifndef TESTS_SKILLS_FIXTURE_H
#define TESTS_SKILLS_FIXTURE_H

#include "skills/skills.h"
#include "tests/wallet_fixture.h"

struct market {
    struct fixture f;
    struct skills *skills;
};

/* An empty one, on a book in a folder of its own. */
void market_open(struct market *m);
/* The same in memory, which is fast. */
void market_open_memory(struct market *m);
/* As after a restart of the process. In memory calls that were under way go on. */
void market_restart(struct market *m);
/* Checks the laws of the money, then throws everything away. */
void market_close(struct market *m);

#endif
