/* SPDX-License-Identifier: Apache-2.0 */
/* What skills sell by the call, ready to be called: of every offer with a definition
 * the compiled text, in memory, for any thread. The text itself is a blob, so a change
 * is read where one may wait: by who made it (listings_refresh()), or by the keeper
 * when a call meets it first. */
#ifndef GATEWAY_LISTINGS_H
#define GATEWAY_LISTINGS_H

#include <stdbool.h>

#include "base/rc.h"
#include "base/slice.h"
#include "gateway/api_definition.h"
#include "skills/skills.h"

struct keeper;
struct listings;

/* Reference counted, not written once it is shared. */
struct listing {
    char publisher[SKILL_PUBLISHER_MAX + 1];
    char slug[SKILL_SLUG_MAX + 1];
    struct skill_offer offer;
    /* now is never NULL in what listings_get() gives. told: as in offer.told; NULL:
     * there was none, or it can no longer be read. */
    struct api_definition *now, *told[SKILL_TOLD_MAX];
};

/* Waits: reads every offer that there is. The keeper may be NULL: then only who changes
 * an offer makes it known. */
MUST_CHECK enum rc listings_open(struct listings **out, struct skills *s,
                                 struct wallet_book *book, struct config_cell *config,
                                 struct keeper *keeper);
void listings_close(struct listings *l); /* after the keeper; NULL is fine */

/* Fit for a loop. RC_NOT_FOUND: no endpoints are sold under this name. RC_BUSY: the
 * offer has just changed and is being read. Whether the skill is listed is the caller's
 * to ask. */
MUST_CHECK enum rc listings_get(struct listing **out, struct listings *l,
                                const struct config *c, struct slice publisher,
                                struct slice slug);
void listing_unref(struct listing *l); /* NULL is fine */

/* Waits. After skill_offer_set() and skill_offer_decide(), from any thread but a loop.
 * The offer stands whatever this says: RC_IO, RC_CORRUPT, RC_NOMEM; RC_BAD_CONFIG: its
 * definition is no longer allowed. */
MUST_CHECK enum rc listings_refresh(struct listings *l, struct slice publisher,
                                    struct slice slug);

/* The price of a call of e, without units, under these terms. false: it has none. */
bool listing_call_price(struct money *out, const struct config_endpoint *e,
                        const struct skill_terms *t);
/* The first endpoint that could not be called under these terms, because neither it,
 * nor a call, nor a month has a price. NULL: there is none. */
const struct config_endpoint *listing_unpriced(const struct config_data_api *api,
                                               const struct skill_terms *t);

enum {
    LISTING_TOKEN_SIZE = 64
};

/* What we send to the host of a skill so that it knows us: "oct-up-..". It follows from
 * the master key and the skill's name; nothing is stored. */
void listing_token(char out[LISTING_TOKEN_SIZE], const struct wallet_book *b,
                   struct slice publisher, struct slice slug);

#endif
