/* SPDX-License-Identifier: Apache-2.0 */
/* What a use of a skill earns. The money moves in the capture of the call itself
 * (wallet/hold.h, struct wallet_share): buyer -> publisher's earnings of the day, and
 * buyer -> house, in one command, with the skill and its version in the entry. A day's
 * earnings (UTC) lie on an account of their own until the payout delay has passed; then
 * they may be moved to what is due (mature) and paid out (payout.h). A refund takes
 * each part back from where it went, as long as it is there. */
#ifndef SKILLS_METER_H
#define SKILLS_METER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/money.h"
#include "base/random.h"
#include "base/rc.h"
#include "skills/publisher.h"
#include "wallet/wallet.h"

struct skills;

/* Fills what a capture needs to share `what` ("publisher/slug@version", which must live
 * as long as the call) at this moment. default_ppm: the configuration's part of the
 * house. */
void skill_share(struct wallet_share *out, const struct skill_publisher *p,
                 uint32_t default_ppm, struct slice what, uint64_t now_us);

struct skill_earnings {
    struct money earned;   /* ever, what was given back taken off: the sum of
                              waiting, ready, due, underway and paid */
    struct money waiting;  /* on days whose delay has not passed */
    struct money ready;    /* could be matured now */
    struct money due;      /* matured, and not in a payout */
    struct money underway; /* held by payouts that have not ended */
    struct money paid;     /* ever */
    struct money clawed;   /* taken back by the operator */
};
MUST_CHECK enum rc skill_earnings_read(struct skill_earnings *out, struct skills *s,
                                       const struct skill_publisher *p,
                                       uint64_t delay_us, uint64_t now_us);

/* One row for each use, refund, clawback and payout of a publisher, oldest first, from
 * seq on, until each() returns false. Reads in short views; each() may call back. A
 * payout is a row when it was paid. */
struct skill_usage {
    uint64_t seq, time_us;
    char kind[24]; /* "data", "install", .., "refund", "clawback", "payout" */
    struct id request, transfer;
    struct slice what;  /* "publisher/slug@version", of a payout its reference; valid
                           during the call */
    bool credit;        /* to the publisher */
    struct money price; /* what the buyer paid, or got back; of a payout: what it was */
    struct money share; /* the publisher's part of it */
    bool late;          /* the house paid the share: the hold had ended */
    unsigned status;
    bool self; /* the buyer is the publisher: not in ratings (D27) */
};

typedef bool skill_usage_fn(void *arg, const struct skill_usage *row);
MUST_CHECK enum rc skill_usage_list(struct skills *s, const struct skill_publisher *p,
                                    uint64_t from_seq, skill_usage_fn *each, void *arg);

/* Waits. Moves every day that is `delay_us` past (0: today's as well) to what is due:
 * from then on a refund cannot take it back, so the delay is the window for refunds.
 * Safe to repeat, and beside calls. *moved: how much, also when it fails. RC_FORBIDDEN:
 * the publisher is suspended. */
MUST_CHECK enum rc skill_mature(struct money *moved, struct skills *s,
                                const struct skill_publisher *p, uint64_t delay_us,
                                uint64_t now_us);

/* Waits. Gives every buyer back what he paid for uses of this skill (slug none: of this
 * publisher) since `since_us`, as far as the publisher's part is still there, on its
 * day or due; the house's part always. Stops at nothing: *left is what could not be
 * taken back. May be repeated. */
struct skill_clawback {
    uint64_t uses;           /* of which something was given back now */
    struct money given_back; /* to buyers */
    struct money to_house;   /* of late uses, which the house had paid */
    struct money left;
};
MUST_CHECK enum rc skill_claw_back(struct skill_clawback *out, struct skills *s,
                                   const struct skill_publisher *p, struct slice slug,
                                   uint64_t since_us);

#endif
