/* SPDX-License-Identifier: Apache-2.0 */
/* ANY /v1/skills/{publisher}/{skill}/{path}: the endpoints that a publisher sells with
 * a skill. A call is the same as one of a data API; what is different is whose host it
 * is, who gets a part of what it costs, and that it may be covered by a month. */
#include "gateway/api.h"
#include "gateway/config_skills.h"
#include "gateway/listings.h"
#include "gateway/metered.h"
#include "gateway/path.h"

#include "base/clock.h"
#include "base/codec.h"

#include <stdio.h>
#include <string.h>

enum {
    CALLER_BYTES = 16, /* of the name under which a host sees a caller */
    LABEL_SIZE = SKILL_PUBLISHER_MAX + 64
};

/* A call as far as it is known in plan(). */
struct sold {
    struct request *r;
    struct slice publisher, slug, path;
    struct skill_publisher owner;
    struct skill skill;
    struct listing *listing;
    struct metered *m;
    uint64_t now_us;
    /* Of the endpoint, under the terms that count for it. */
    bool has_price;
    struct money price;
    const char *version;
};

/* ---- Whether it is sold ---- */

/* One answer for all that a stranger may not know the difference of. */
static enum rc not_found(struct sold *s)
{
    return request_fault(s->r, RC_NOT_FOUND, NULL,
                         "There is no skill '%.*s/%.*s' with endpoints.",
                         SLICE_FMT(s->publisher), SLICE_FMT(s->slug));
}

static void release_listing(void *held)
{
    listing_unref(held);
}

static enum rc find(struct sold *s)
{
    struct worker *w = s->r->worker;
    enum rc rc;

    if (w->skills == NULL || w->listings == NULL ||
        skill_publisher_get(&s->owner, w->skills, s->publisher) != RC_OK ||
        s->owner.suspended ||
        skill_get(&s->skill, w->skills, s->publisher, s->slug, SKILL_BY_ANYBODY) !=
            RC_OK ||
        s->skill.state != SKILL_LISTED || s->skill.latest[0] == '\0')
        return not_found(s);
    rc = listings_get(&s->listing, w->listings, s->r->config, s->publisher, s->slug);
    if (rc == RC_NOT_FOUND)
        return not_found(s);
    if (rc == RC_BUSY)
        return request_fault(s->r, rc, NULL,
                             "The offer of this skill has just changed: try again.");
    return rc;
}

/* ---- What it costs ---- */

/* What a call of e may cost under these terms. false: it has no price, or one beyond an
 * amount. */
static bool dearest(struct money *out, const struct config_endpoint *e,
                    const struct skill_terms *t)
{
    return listing_call_price(out, e, t) &&
           money_add(out, *out, config_unit_price(e, UINT64_MAX));
}

static void take_price(struct sold *s, const struct config_endpoint *e,
                       const struct skill_terms *t)
{
    s->has_price = listing_call_price(&s->price, e, t);
    s->version = arena_printf(s->r->arena, "%s-%llu", e->priced ? e->version : "call",
                              (unsigned long long)s->listing->offer.number);
}

/* For the life of a quote what was told before a change binds where it was lower (D26):
 * then the call is one of the endpoint as it was. */
static void choose_price(struct sold *s)
{
    const struct skill_offer *o = &s->listing->offer;
    const struct config_endpoint *e;
    struct money least, price;
    bool priced;

    take_price(s, s->m->endpoint, &o->now);
    priced = dearest(&least, s->m->endpoint, &o->now);
    for (unsigned i = 0; i < o->told_count; i++) {
        const struct skill_told *t = &o->told[i];

        if (s->listing->told[i] == NULL || !skill_told_binds(t, s->now_us) ||
            metered_endpoint(&e, api_definition_api(s->listing->told[i]),
                             s->r->http->method, s->path) != RC_OK ||
            !dearest(&price, e, &t->terms) || (priced && money_cmp(least, price) <= 0))
            continue;
        priced = true;
        least = price;
        s->m->endpoint = e;
        s->m->buy.endpoint = e;
        take_price(s, e, &t->terms);
    }
}

/* Whether the month was bought; else *once is what buys it. */
static enum rc look_at_month(bool *has, struct wallet_once *once, struct sold *s)
{
    struct wallet_once_seen seen;

    *once = (struct wallet_once){.present = true, .purchase = true};
    skill_month_key(once->key, &once->expires_us, s->r->caller.root, s->publisher,
                    s->slug, s->now_us);
    TRY(wallet_once_look(&seen, s->r->worker->book, once));
    if (seen.state == WALLET_ONCE_FAILED || seen.state == WALLET_ONCE_BROKEN)
        once->version = seen.version; /* it came to nothing */
    *has = seen.state == WALLET_ONCE_DONE;
    return RC_OK;
}

static struct metered_rung covered(void)
{
    return (struct metered_rung){.version = "month", .units_free = true};
}

/* Of a caller with a key: by the month if it is sold so, or was bought. */
static enum rc price_for_key(struct sold *s)
{
    const struct money month = skill_month_price(&s->listing->offer, s->now_us);
    struct wallet_once once;
    bool has;

    TRY(look_at_month(&has, &once, s));
    if (has) {
        *metered_add(s->m) = covered();
        return RC_OK;
    }
    if (money_is_zero(month)) {
        if (s->has_price)
            metered_add_prices(s->m, s->r, s->price, s->version);
        return RC_OK;
    }
    *metered_add(s->m) = (struct metered_rung){
        .price = month,
        .version = arena_printf(s->r->arena, "month-%llu",
                                (unsigned long long)s->listing->offer.number),
        .units_free = true,
        .once = once};
    *metered_add(s->m) = covered(); /* when another call has bought it */
    return RC_OK;
}

static enum rc set_prices(struct sold *s)
{
    choose_price(s);
    if (s->r->payment != NULL && s->r->payment->is_key && s->r->identified)
        return price_for_key(s);
    if (s->has_price)
        metered_add_prices(s->m, s->r, s->price, s->version);
    else if (!money_is_zero(skill_month_price(&s->listing->offer, s->now_us)))
        return request_fault(s->r, RC_BAD_KEY, NULL,
                             "This skill is sold by the month: call it with an API "
                             "key, whose wallet buys the month with its first call.");
    return RC_OK;
}

/* ---- Whose it is ---- */

/* "publisher/slug@version" of the version that the caller has, if it says so
 * ("X-Skill: publisher/slug@version"), else of the latest. */
static enum rc name_use(struct slice *what, struct sold *s)
{
    const struct slice said = slice_trim(http_header(s->r->http, "x-skill", NULL));
    const struct slice name = slice_str(
        arena_printf(s->r->arena, "%s/%s@", s->listing->publisher, s->listing->slug));
    struct slice version = slice_str(s->skill.latest);
    struct skill_version known;

    if (name.len > 0 && slice_starts(said, name)) {
        version = slice_sub(said, name.len, said.len);
        if (skill_version_get(&known, s->r->worker->skills, s->publisher, s->slug,
                              version, SKILL_BY_ANYBODY) != RC_OK)
            return request_fault(s->r, RC_BAD_INPUT, "X-Skill",
                                 "There is no such version of this skill.");
    }
    *what = slice_str(
        arena_printf(s->r->arena, "%.*s%.*s", SLICE_FMT(name), SLICE_FMT(version)));
    return RC_OK;
}

/* A name for the caller that a publisher can tell from others, and that no other
 * publisher has for him. */
static void tell_caller(struct sold *s)
{
    char label[LABEL_SIZE], hex[2 * CALLER_BYTES + 1];
    uint8_t mac[SHA256_LEN];
    int len;

    if (!s->r->identified)
        return;
    len = snprintf(label, sizeof(label), "caller%c%s%c", 0, s->listing->publisher, 0);
    memcpy(label + len, s->r->caller.root.bytes, ID_LEN);
    wallet_book_derive(mac, s->r->worker->book,
                       slice_from(label, (size_t)len + ID_LEN));
    hex_encode(hex, mac, CALLER_BYTES);
    metered_header(s->m, SLICE("X-Octroi-Caller"),
                   arena_slice(s->r->arena, slice_str(hex)));
}

static enum rc plan_sold(struct sold *s)
{
    struct request *r = s->r;
    struct slice what;

    TRY(find(s));
    s->m->held = s->listing; /* until the call ends, whatever becomes of the offer */
    s->m->release = release_listing;
    TRY(metered_open(s->m, r, api_definition_api(s->listing->now), r->quote.subject,
                     s->path));
    TRY(name_use(&what, s));
    TRY(set_prices(s));
    tell_caller(s);
    skill_share(&s->m->share, &s->owner, r->config->skills->platform_ppm, what,
                s->now_us);
    return metered_quote(s->m, r);
}

static enum rc plan(struct request *r)
{
    struct sold *s = arena_new(r->arena, struct sold);
    const struct slice publisher = r->match.params[0];
    const struct slice slug = r->match.params[1];
    const size_t before = SLICE("/v1/skills/").len + publisher.len + 1 + slug.len;

    if (s == NULL)
        return RC_NOMEM;
    *s = (struct sold){.r = r,
                       .publisher = publisher,
                       .slug = slug,
                       .path = slice_sub(r->http->path, before, r->http->path.len),
                       .m = metered_new(r),
                       .now_us = clock_wall_us()};
    r->quote.subject = slice_str(
        arena_printf(r->arena, "%.*s/%.*s", SLICE_FMT(publisher), SLICE_FMT(slug)));
    if (arena_spent(r->arena))
        return RC_NOMEM;
    if (path_check(r->http->path, true) != RC_OK)
        return request_fault(r, RC_BAD_INPUT, NULL,
                             "The path is not in canonical form.");
    return plan_sold(s);
}

static const struct api_route routes[] = {
    {"*", "/v1/skills/{publisher}/{skill}/{path*}"},
    {NULL, NULL},
};

extern const struct api api_skill_calls;
const struct api api_skill_calls = {
    .name = "skill",
    .dialect = DIALECT_PROBLEM,
    .flags = API_PRICED | API_FLAT,
    .routes = routes,
    .plan = plan,
    METERED_FUNCTIONS,
};
