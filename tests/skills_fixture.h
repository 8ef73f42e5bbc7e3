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
/* On a book that is there, which stays its owner's: skills_close() ends the market. */
void market_open_on(struct market *m, const struct fixture *f);
/* As after a restart of the process. In memory only the market is opened again, and
 * calls that were under way go on. */
void market_restart(struct market *m);
/* Checks the laws of the money, then throws everything away. */
void market_close(struct market *m);

/* A publisher without a wallet; it must go well. */
void new_publisher(struct market *m, const char *handle);

/* A version of a skill as its publisher has it; what is NULL is left out. */
struct goods {
    const char *publisher, *slug, *version;
    const char *description; /* "A skill." */
    const char *body;        /* of SKILL.md */
    const char *tools, *license, *tags, *display, *changelog;
    enum skill_review review;
    const uint8_t *signature;
    const uint8_t *seed; /* signs with it */
};

/* Its package; the caller frees it. It must go well. */
struct skill_package *package_of(const struct goods *g);
enum rc publish(struct skill_published *out, struct market *m, const struct goods *g,
                struct buf *why);
/* PUBLISHER/SLUG@VERSION, listed: it must go well. */
void list_skill(struct market *m, const char *publisher, const char *slug,
                const char *version, const char *description);

#endif
