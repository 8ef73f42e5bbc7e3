/* SPDX-License-Identifier: Apache-2.0 */
/* The skills that sell calls, for the lists of what is sold. */
#include "gateway/apis/discovery.h"

#include <stdio.h>
#include <string.h>

enum {
    BATCH = 64,     /* taken from the catalogue at once */
    LOOK_MAX = 2048 /* skills that one answer looks at */
};

struct ref {
    char publisher[SKILL_PUBLISHER_MAX + 1];
    char slug[SKILL_SLUG_MAX + 1];
    char about[SKILL_DESCRIPTION_MAX + 1];
};

struct batch {
    size_t count;
    struct ref refs[BATCH];
};

static void take(struct ref *out, const struct skill *skill)
{
    memcpy(out->publisher, skill->publisher, sizeof(out->publisher));
    memcpy(out->slug, skill->slug, sizeof(out->slug));
    memcpy(out->about, skill->summary, sizeof(out->about));
}

static bool add_ref(void *arg, const struct skill *skill)
{
    struct batch *b = arg;

    take(&b->refs[b->count++], skill);
    return b->count < BATCH;
}

static bool may_be_called(struct skills *s, const struct ref *ref)
{
    const struct slice publisher = slice_str(ref->publisher);
    struct skill_publisher owner;
    struct skill skill;

    return skill_get(&skill, s, publisher, slice_str(ref->slug), SKILL_BY_ANYBODY) ==
               RC_OK &&
           skill.state == SKILL_LISTED && skill.latest[0] != '\0' &&
           skill_publisher_get(&owner, s, publisher) == RC_OK && !owner.suspended;
}

/* One whose offer has just changed is left out until it has been read. */
static bool tell(struct request *r, const struct ref *ref, discovery_skill_fn *each,
                 void *arg)
{
    struct discovery_skill skill;

    if (!may_be_called(r->worker->skills, ref) ||
        listings_get(&skill.listing, r->worker->listings, r->config,
                     slice_str(ref->publisher), slice_str(ref->slug)) != RC_OK)
        return true;
    skill.prefix =
        arena_printf(r->arena, "/v1/skills/%s/%s", ref->publisher, ref->slug);
    skill.name = arena_printf(r->arena, "%s/%s", ref->publisher, ref->slug);
    skill.about = arena_printf(r->arena, "%s", ref->about);
    if (!arena_spent(r->arena))
        return each(arg, &skill);
    listing_unref(skill.listing);
    return false;
}

static void tell_all(struct request *r, struct batch *b, discovery_skill_fn *each,
                     void *arg)
{
    char after[sizeof(struct ref)] = "";

    for (size_t looked = 0; looked < LOOK_MAX; looked += BATCH) {
        b->count = 0;
        if (skill_list(r->worker->skills, SLICE_NONE, slice_str(after),
                       SKILL_BY_ANYBODY, add_ref, b) != RC_OK)
            return;
        for (size_t i = 0; i < b->count; i++)
            if (!tell(r, &b->refs[i], each, arg))
                return;
        if (b->count < BATCH)
            return;
        (void)snprintf(after, sizeof(after), "%s/%s", b->refs[BATCH - 1].publisher,
                       b->refs[BATCH - 1].slug);
    }
}

static void tell_found(struct request *r, struct batch *b, struct slice words,
                       discovery_skill_fn *each, void *arg)
{
    const struct skill_query query = {.words = words, .limit = SKILL_HITS_MAX};
    struct skill_hits hits;

    if (skill_search(&hits, r->arena, r->worker->skills, &query) != RC_OK)
        return;
    for (size_t i = 0; i < hits.count; i++) {
        take(&b->refs[0], &hits.hits[i].skill);
        if (!tell(r, &b->refs[0], each, arg))
            return;
    }
}

void discovery_skills(struct request *r, struct slice words, discovery_skill_fn *each,
                      void *arg)
{
    struct batch *b = arena_new(r->arena, struct batch);

    if (r->worker->skills == NULL || r->worker->listings == NULL || b == NULL)
        return;
    if (words.len > 0)
        tell_found(r, b, words, each, arg);
    else
        tell_all(r, b, each, arg);
}

bool discovery_call_price(struct money *out, const struct config_endpoint *e,
                          const struct skill_terms *terms)
{
    struct money call;

    if (!listing_call_price(&call, e, terms))
        return false;
    return money_add(out, call, config_unit_price(e, UINT64_MAX));
}
