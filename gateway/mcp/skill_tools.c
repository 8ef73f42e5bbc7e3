/* SPDX-License-Identifier: Apache-2.0 */
/* Tools that skills bring: their endpoints, `alice--weather_get_forecast`. A
 * publisher's handle and a skill's name have no two hyphens in a row, so the name says
 * which skill; where it is cut to fit, the skills of that publisher are tried. */
#include "gateway/mcp/tools.h"

#include "base/clock.h"
#include "gateway/listings.h"

#include <string.h>

enum {
    BATCH = 64,     /* skills that are taken from the catalogue at once */
    LOOK_MAX = 512, /* skills that one answer looks at: about a millisecond */
    ABOUT_MAX = 400 /* bytes of what a skill says of itself */
};

struct ref {
    char publisher[SKILL_PUBLISHER_MAX + 1];
    char slug[SKILL_SLUG_MAX + 1];
    bool listed;
    char about[ABOUT_MAX + 1];
};

struct batch {
    size_t count;
    struct ref refs[BATCH];
};

/* A cut does not go through a character. */
static void copy_about(char out[ABOUT_MAX + 1], const char *text)
{
    size_t len = strlen(text);

    if (len > ABOUT_MAX) {
        len = ABOUT_MAX;
        while (len > 0 && ((unsigned char)text[len] & 0xc0) == 0x80)
            len--;
    }
    memcpy(out, text, len);
    out[len] = '\0';
}

static void take_ref(struct ref *ref, const struct skill *skill)
{
    memcpy(ref->publisher, skill->publisher, sizeof(ref->publisher));
    memcpy(ref->slug, skill->slug, sizeof(ref->slug));
    ref->listed = skill->state == SKILL_LISTED && skill->latest[0] != '\0';
    copy_about(ref->about, skill->summary);
}

static bool add_ref(void *arg, const struct skill *skill)
{
    struct batch *b = arg;

    take_ref(&b->refs[b->count], skill);
    return ++b->count < BATCH;
}

static bool may_be_called(struct request *r, const struct ref *ref)
{
    struct skill_publisher owner;

    return ref->listed &&
           skill_publisher_get(&owner, r->worker->skills, slice_str(ref->publisher)) ==
               RC_OK &&
           !owner.suspended;
}

/* RC_NOT_FOUND: it sells no calls. */
static enum rc open_host(struct mcp_host *h, struct listing **l, struct request *r,
                         const struct ref *ref)
{
    const struct config_data_api *api;

    if (!may_be_called(r, ref))
        return RC_NOT_FOUND;
    TRY(listings_get(l, r->worker->listings, r->config, slice_str(ref->publisher),
                     slice_str(ref->slug)));
    api = api_definition_api((*l)->now);
    *h = (struct mcp_host){
        .prefix = arena_printf(r->arena, "/v1/skills/%s/%s", ref->publisher, ref->slug),
        .name = arena_printf(r->arena, "%s/%s", ref->publisher, ref->slug),
        .owner = arena_printf(r->arena, "%s--%s", ref->publisher, ref->slug),
        .about = arena_printf(r->arena, "%s", ref->about),
        .endpoints = api->endpoints,
        .count = api->endpoint_count,
        .terms = &(*l)->offer.now,
        .month = skill_month_price(&(*l)->offer, clock_wall_us()),
    };
    if (!arena_spent(r->arena))
        return RC_OK;
    listing_unref(*l);
    return RC_NOMEM;
}

static bool are_sold(const struct request *r)
{
    return r->worker->skills != NULL && r->worker->listings != NULL;
}

/* ---- All ---- */

/* One whose offer has just changed is left out until it has been read. */
static void tell(struct request *r, const struct ref *ref, mcp_tool_fn *each, void *arg)
{
    struct mcp_host *h = arena_new(r->arena, struct mcp_host);
    struct listing *l;

    if (h == NULL || open_host(h, &l, r, ref) != RC_OK)
        return;
    (void)mcp_host_each(h, each, arg);
    listing_unref(l);
}

static struct slice name_of(struct request *r, const struct ref *ref)
{
    return slice_str(arena_printf(r->arena, "%s/%s", ref->publisher, ref->slug));
}

struct walk {
    struct request *r;
    mcp_tool_fn *each;
    bool (*enough)(void *arg);
    void *arg;
    struct slice after;
    size_t looked;
};

/* false: it was enough before the end. */
static bool tell_batch(struct walk *w, const struct batch *b)
{
    for (size_t i = 0; i < b->count; i++) {
        if (w->enough(w->arg) || ++w->looked > LOOK_MAX)
            return false;
        tell(w->r, &b->refs[i], w->each, w->arg);
        w->after = name_of(w->r, &b->refs[i]);
    }
    return true;
}

void mcp_skills_each(struct request *r, struct slice after, mcp_tool_fn *each,
                     bool (*enough)(void *arg), void *arg, struct slice *next)
{
    struct walk w = {
        .r = r, .each = each, .enough = enough, .arg = arg, .after = after};
    struct batch *b = arena_new(r->arena, struct batch);

    *next = SLICE_NONE;
    if (!are_sold(r) || b == NULL)
        return;
    do {
        b->count = 0;
        if (skill_list(r->worker->skills, SLICE_NONE, w.after, SKILL_BY_ANYBODY,
                       add_ref, b) != RC_OK)
            return;
        if (!tell_batch(&w, b)) {
            *next = w.after.len > 0 ? w.after : SLICE("/");
            return;
        }
    } while (b->count == BATCH);
}

/* ---- One ---- */

struct search {
    struct slice name;
    struct mcp_tool *out;
    bool found;
};

static bool is_it(void *arg, const struct mcp_tool *t)
{
    struct search *s = arg;

    if (!slice_equal_str(s->name, t->name))
        return true;
    *s->out = *t;
    s->found = true;
    return false;
}

static enum rc search_skill(struct search *s, struct request *r, const struct ref *ref)
{
    struct mcp_host *h = arena_new(r->arena, struct mcp_host);
    struct listing *l;

    if (h == NULL)
        return RC_NOMEM;
    TRY(open_host(h, &l, r, ref));
    (void)mcp_host_each(h, is_it, s);
    if (s->found)
        s->out->listing = l;
    else
        listing_unref(l);
    return s->found ? RC_OK : RC_NOT_FOUND;
}

/* Of a name that was cut: the skills whose slugs begin with what is left, which stand
 * together. */
static enum rc search_cut(struct search *s, struct request *r, struct slice publisher,
                          struct slice slug)
{
    struct batch *b = arena_new(r->arena, struct batch);
    const struct slice after =
        slice_str(arena_printf(r->arena, "%.*s/%.*s", (int)publisher.len,
                               publisher.bytes, (int)slug.len, slug.bytes));

    if (b == NULL || after.len == 0)
        return RC_NOMEM;
    TRY(skill_list(r->worker->skills, publisher, after, SKILL_BY_ANYBODY, add_ref, b));
    for (size_t i = 0; i < b->count; i++) {
        enum rc rc = RC_NOT_FOUND;

        if (!slice_starts(slice_str(b->refs[i].slug), slug))
            break;
        rc = search_skill(s, r, &b->refs[i]);
        if (rc != RC_NOT_FOUND)
            return rc;
    }
    return RC_NOT_FOUND;
}

enum rc mcp_skill_find(struct mcp_tool *out, struct request *r, struct slice name)
{
    struct search s = {.name = name, .out = out};
    const size_t at = slice_search(name, SLICE("--"));
    const struct slice publisher = slice_sub(name, 0, at);
    const struct slice rest = slice_sub(name, at + 2, name.len);
    const struct slice slug = slice_sub(rest, 0, slice_find(rest, '_'));
    struct ref ref;
    struct skill skill;
    enum rc rc;

    if (!are_sold(r) || name.len > MCP_NAME_MAX || publisher.len == 0 || slug.len == 0)
        return RC_NOT_FOUND;
    rc = skill_get(&skill, r->worker->skills, publisher, slug, SKILL_BY_ANYBODY);
    if (rc == RC_OK) {
        take_ref(&ref, &skill);
        rc = search_skill(&s, r, &ref);
    }
    return rc == RC_NOT_FOUND ? search_cut(&s, r, publisher, slug) : rc;
}
