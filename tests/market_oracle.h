/* SPDX-License-Identifier: Apache-2.0 */
/* What the money of a small market should be: plain sums in plain integers, by rules of
 * its own. It is told what happens and says what must come of it; it calls nothing of
 * what it is compared with. */
#ifndef TESTS_MARKET_ORACLE_H
#define TESTS_MARKET_ORACLE_H

#include "tests/prng.h"
#include "tests/skills_fixture.h"

enum {
    WALLETS = 5, /* 0 and 1 are roots, 2 is below 0, 3 below 2, 4 below 1 */
    ROOTS = 2,
    PUBLISHERS = 4,
    SLUGS = 2,
    QUOTAS = 3,
    CALLS = 10, /* under way at once */
    USES = 1024,
    PAYOUTS = 128,
    DAYS = 128,
    DELAY_DAYS = 2,
    PPM = 1000000
};

#define DAY_US (UINT64_C(86400) * 1000000)

/* One limit for each wallet: of all time, or of each day. */
struct limit_model {
    enum wallet_per per; /* WALLET_PER__COUNT: none */
    int64_t amount;
    int64_t used[DAYS], held[DAYS]; /* all time: in the first */
};

struct wallet_model {
    struct id id;
    int64_t money, held; /* of a root */
    struct limit_model limit;
};

struct publisher_model {
    struct skill_publisher record;
    int64_t days[DAYS];
    int64_t due, underway, paid, clawed;
    int64_t shares, returned; /* ever */
};

struct quota_model {
    struct id account;
    int64_t grant, used, held;
};

enum call_state {
    CALL_NONE,
    CALL_LIVE,
    CALL_EXPIRED
};

struct call_model {
    enum call_state state;
    struct call *call;
    int wallet, publisher, slug, quota; /* publisher and quota: -1: none */
    int64_t ppm, amount;
    unsigned day, held_day;
    uint64_t expires_us;
    char what[64];
};

struct use_model {
    struct id request, transfer;
    int root, publisher, slug;
    bool late;
    unsigned day;
    uint64_t time_us;
    int64_t house_left, share_left;
};

struct payout_model {
    struct skill_payout payout;
    int publisher;
    int64_t amount;
};

struct model {
    struct market m;
    struct prng prng;
    uint64_t start_us, now_us;
    struct wallet_model wallets[WALLETS];
    struct publisher_model publishers[PUBLISHERS];
    struct quota_model quotas[QUOTAS];
    struct call_model calls[CALLS];
    struct use_model uses[USES];
    unsigned use_count;
    struct payout_model payouts[PAYOUTS];
    unsigned payout_count;
    int64_t revenue, topups, shortfall;
};

extern const int oracle_parents[WALLETS]; /* -1: a root */
int oracle_root_of(int wallet);
unsigned oracle_today(const struct model *m);
unsigned oracle_slot(const struct limit_model *l, unsigned day);

enum rc oracle_hold(struct model *m, struct call_model *c);
/* Frees what was held, and takes `cost` of it. */
void oracle_end(struct model *m, struct call_model *c, int64_t cost, bool counts);
/* A use that was booked, by the buyer or (late) by the house. */
void oracle_use(struct model *m, const struct call_model *c, int64_t cost);
enum rc oracle_refund(struct model *m, struct use_model *u, int64_t amount);

struct clawed {
    uint64_t uses;
    int64_t to_buyers, to_house, left;
};

void oracle_claw(struct model *m, struct use_model *u, struct clawed *out);
/* *amount: what is asked for; becomes all that can be paid if `all`. */
enum rc oracle_payout(const struct model *m, const struct publisher_model *p,
                      int64_t *amount, bool all);

#endif
