/* SPDX-License-Identifier: Apache-2.0 */
/* Paying a publisher what is due: what has matured (meter.h). One payout is one record
 * and one durable hold on the publisher's due account: OPEN (held, nothing was sent) ->
 * SENT (may have been sent; on a chain: an EIP-3009 authorization of ours whose nonce
 * follows from the payout's id, so that it can count once only, however often it is
 * sent) -> PAID (captured to the publisher's account of what was paid) or FAILED
 * (voided: it can never count). By hand: OPEN -> PAID with a reference. Whoever drives
 * one (gateway/settle/) is caught by the record's version if he is a second one.
 * Suspending a publisher stops new payouts, not those that may have been sent. */
#ifndef SKILLS_PAYOUT_H
#define SKILLS_PAYOUT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/money.h"
#include "base/random.h"
#include "base/rc.h"
#include "base/slice.h"
#include "skills/publisher.h"

struct skills;

enum skill_payout_state {
    SKILL_PAYOUT_OPEN,
    SKILL_PAYOUT_SENT,
    SKILL_PAYOUT_PAID,
    SKILL_PAYOUT_FAILED
};

const char *skill_payout_word(enum skill_payout_state s);

enum {
    SKILL_REFERENCE_MAX = 200,
    SKILL_PAYOUT_DETAILS_MAX = 2048
};

struct skill_payout {
    struct id id;
    char publisher[SKILL_PUBLISHER_MAX + 1];
    struct money amount;
    char network[SKILL_PAYOUT_MAX + 1]; /* "": by hand */
    char address[SKILL_PAYOUT_MAX + 1];
    char reference[SKILL_REFERENCE_MAX + 1]; /* transaction, or the operator's words */
    enum skill_payout_state state;
    uint64_t created_us, ended_us;
    uint16_t details_len; /* opaque: what was signed and sent */
    uint8_t details[SKILL_PAYOUT_DETAILS_MAX];
    uint64_t version;
};

/* Waits. Sets `amount` of what is due aside (NULL: all of it, rounded down to 10^-6 USD
 * when it goes to a network). id ID_NONE: a new one; else a repeat is the same payout
 * (RC_CONFLICT: for another publisher or amount). Network and address are those of the
 * publisher's record at this moment. RC_NO_FUNDS: less is due, or nothing;
 * RC_BAD_INPUT: zero, or parts of 10^-6 USD to a network; RC_FORBIDDEN: the publisher
 * is suspended, or its key or address has changed less than `delay_us` ago (if never:
 * since it was made). */
MUST_CHECK enum rc skill_payout_open(struct skill_payout *out, struct skills *s,
                                     const struct skill_publisher *p, struct id id,
                                     const struct money *amount, uint64_t delay_us,
                                     uint64_t now_us);
/* The next three take a payout as it was read, and change it and its version. RC_STALE:
 * it has changed since; RC_CONFLICT: its state does not allow the step. */
/* Waits. Notes that it may be sent from here on, with `details`, for which it may be
 * called again. RC_CONFLICT also for one by hand. */
MUST_CHECK enum rc skill_payout_sent(struct skill_payout *p, struct skills *s);
/* Waits. Ends it; a repeat with the same reference is RC_OK. RC_BAD_INPUT: no
 * reference. */
MUST_CHECK enum rc skill_payout_paid(struct skill_payout *p, struct skills *s,
                                     struct slice reference);
/* Waits. What was held is due again. Only when it can never count any more. */
MUST_CHECK enum rc skill_payout_failed(struct skill_payout *p, struct skills *s);

MUST_CHECK enum rc skill_payout_read(struct skill_payout *out, struct skills *s,
                                     struct id id);
/* In the order of ids (that of time, where they were not chosen), from `from` on (none:
 * the first), until each() returns false; publisher none: all. Short views; each() may
 * call back. */
typedef bool skill_payout_fn(void *arg, const struct skill_payout *p);
MUST_CHECK enum rc skill_payout_list(struct skills *s, struct slice publisher,
                                     struct id from, skill_payout_fn *each, void *arg);

#endif
