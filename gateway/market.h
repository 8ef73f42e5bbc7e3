/* SPDX-License-Identifier: Apache-2.0 */
/* What the registry's apis share: finding what a request is about and whether its
 * caller owns it, and the answers in the words of ClawHub's clients. All from memory
 * and fit for a loop. Refusals are in r->fault. */
#ifndef GATEWAY_MARKET_H
#define GATEWAY_MARKET_H

#include "base/json.h"
#include "gateway/request.h"
#include "skills/skills.h"

enum {
    MARKET_BODY_MAX = 4 << 20,
    MARKET_PAGE_MAX = 100,
    MARKET_PRICE_SIZE = 96
};

/* A skill as one caller sees it. */
struct market_skill {
    struct skill skill;
    struct skill_publisher publisher;
    struct skill_offer offer;
    bool owned; /* the caller may act for its publisher */
};

/* A parameter of the query, decoded ("+" is a space); SLICE_NONE: none, or garbage. */
struct slice market_query(struct request *r, const char *name);
/* A number in it, from 1 to most; otherwise `none`. */
size_t market_query_size(struct request *r, const char *name, size_t none, size_t most);

/* RC_NOT_FOUND; RC_CONFLICT: several publishers have such a one, and the words name
 * them. owner SLICE_NONE: whoever has it. */
MUST_CHECK enum rc market_find(struct market_skill *out, struct request *r,
                               struct slice owner, struct slice slug);
/* The publisher that the caller may act for: this one, or SLICE_NONE: the first.
 * RC_BAD_KEY: no key; RC_NOT_FOUND; RC_FORBIDDEN: it is another's. */
MUST_CHECK enum rc market_publisher(struct skill_publisher *out, struct request *r,
                                    struct slice handle);
/* Fills the rest beside .skill. */
MUST_CHECK enum rc market_complete(struct market_skill *s, struct request *r);
/* A version of it, as far as the caller may see it. SLICE_NONE, "latest": the latest,
 * for the owner the newest. RC_NOT_FOUND. */
MUST_CHECK enum rc market_version(struct skill_version *out, struct request *r,
                                  const struct market_skill *s, struct slice version);
/* What was said of the skill as a whole is said of its versions; market_version() has
 * done it. */
void market_judge(struct skill_version *v, const struct market_skill *s);
/* Whether it may be had at all: listed, or withdrawn. */
bool market_available(const struct skill_version *v);

/* "0.05 USD per install, 0.001 USD per call"; "" when it is free. */
void market_price(char out[MARKET_PRICE_SIZE], const struct skill_offer *o,
                  uint64_t now_us);
/* In r->fault: what installing this version costs who has not bought it, and how to
 * pay, as a person reads it in a terminal. false: it is free. */
bool market_tell_price(struct request *r, const struct market_skill *s,
                       const struct skill_version *v);
/* Without zeros that say nothing: "0.05", "1.00". */
void market_amount(char out[MONEY_TEXT_SIZE], struct money m);

/* Answers. */
void market_reply(struct request *r, struct buf *body); /* JSON; frees body */
void market_fail(struct request *r, enum rc rc);
/* Our address with this path, and behind it "?slug=..&ownerHandle=..&version=..". */
const char *market_url(struct request *r, const char *path,
                       const struct market_skill *s, const char *version);

/* ---- Values; times are in milliseconds ---- */

void market_put_search(struct json_out *o, const struct market_skill *s,
                       uint32_t score_milli);
void market_put_trending(struct json_out *o, const struct market_skill *s);
void market_put_item(struct json_out *o, struct request *r,
                     const struct market_skill *s);
void market_put_detail(struct json_out *o, struct request *r,
                       const struct market_skill *s);
void market_put_moderation(struct json_out *o, const struct skill_version *v);
/* Members of an object that has begun. */
void market_put_verdict(struct json_out *o, struct request *r,
                        const struct market_skill *s, const struct skill_version *v);
void market_put_verify(struct json_out *o, struct request *r,
                       const struct market_skill *s, const struct skill_version *v);

#endif
