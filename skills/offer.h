/* SPDX-License-Identifier: Apache-2.0 */
/* What a skill costs, apart from its versions: the registry's own record, never what a
 * package says of itself. */
#ifndef SKILLS_OFFER_H
#define SKILLS_OFFER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/money.h"
#include "base/random.h"
#include "base/rc.h"
#include "base/slice.h"
#include "skills/name.h"

struct skills;

/* For so long after a change a buyer still pays the old price where it is lower: a
 * price that was told binds for the life of a quote (D26). */
#define SKILL_QUOTE_LIFE_US (UINT64_C(300) * 1000000)

/* Zero everywhere: free. */
struct skill_terms {
    struct money per_install; /* once per wallet, skill and major version */
    struct money per_month;   /* of the calendar (UTC): all calls of the skill */
    struct money per_call;    /* of endpoints that state no price of their own */
    bool has_per_call;
    bool has_definition;
    uint8_t definition[32]; /* blob: endpoints, in the words of `data_apis` */
};

enum {
    SKILL_TOLD_MAX = 4 /* changes of the endpoints within the life of a quote */
};

/* Terms that are not in force any more, and still bind. */
struct skill_told {
    struct skill_terms terms;
    uint64_t until_us;
};

struct skill_offer {
    struct skill_terms now; /* in force since since_us */
    uint64_t since_us;
    unsigned told_count; /* the oldest first; those that have ended go with a change */
    struct skill_told told[SKILL_TOLD_MAX];
    bool pending;            /* `next` waits for the operator (D24) */
    struct skill_terms next; /* while pending */
    char base_url[256];      /* of now's definition; "": no endpoints */
    char next_base_url[256];
    uint64_t number;  /* grows with every change; in the books */
    uint64_t version; /* of the record; 0: there is none */
};

/* Waits. Sets *terms, at once or, when the origin of its endpoints is another than
 * before (or there were none) and `review` says so, as pending; of a skill that is
 * itself pending always at once. base_url: none, or that of the definition.
 * RC_BAD_INPUT: one without the other; RC_NOT_FOUND: no such skill. RC_FORBIDDEN:
 * quarantined. RC_BUSY: more than SKILL_TOLD_MAX other endpoints would bind. */
MUST_CHECK enum rc skill_offer_set(struct skill_offer *out, struct skills *s,
                                   struct slice publisher, struct slice slug,
                                   const struct skill_terms *terms,
                                   struct slice base_url, bool review);
/* Waits. The operator lets `next` take effect, or drops it. seen: the base_url that he
 * looked at, as a publisher may change what waits (none: any). RC_CONFLICT: there is
 * none, or it is another. RC_BUSY: as above. */
MUST_CHECK enum rc skill_offer_decide(struct skill_offer *out, struct skills *s,
                                      struct slice publisher, struct slice slug,
                                      struct slice seen, bool accept);
/* From memory. A skill without an offer is free and has no endpoints (version 0). */
MUST_CHECK enum rc skill_offer_get(struct skill_offer *out, struct skills *s,
                                   struct slice publisher, struct slice slug);
/* Whether what was told still binds. */
bool skill_told_binds(const struct skill_told *t, uint64_t now_us);
/* What an install, or a month, costs now: the lowest of all that bind. */
struct money skill_install_price(const struct skill_offer *o, uint64_t now_us);
struct money skill_month_price(const struct skill_offer *o, uint64_t now_us);

/* Keys of `struct wallet_once` (wallet/once.h): what a root wallet has bought for good,
 * and for the month that holds now_us; *expires_us: when that ends. */
void skill_install_key(uint8_t key[32], struct id root, struct slice publisher,
                       struct slice slug, uint64_t major);
void skill_month_key(uint8_t key[32], uint64_t *expires_us, struct id root,
                     struct slice publisher, struct slice slug, uint64_t now_us);

#endif
