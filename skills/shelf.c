/* SPDX-License-Identifier: Apache-2.0 */
/* The catalogue in memory: skills in two orders, their versions as the records that
 * they are, offers; and reading all of it from the book. */
#include "base/log.h"
#include "skills/skills_int.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum {
    WEIGHT_SLUG = 6,
    WEIGHT_DISPLAY = 4,
    WEIGHT_TAGS = 3,
    WEIGHT_PUBLISHER = 2,
    WEIGHT_SUMMARY = 1
};

/* ---- Orders ---- */

static struct skills__skill *at(const struct skills__list *l, size_t i)
{
    return l->items[i];
}

static int compare_names(const struct skills__skill *a, struct slice publisher,
                         struct slice slug)
{
    const int order = slice_compare(slice_str(a->by->handle), publisher);

    return order != 0 ? order : slice_compare(slice_str(a->slug), slug);
}

static int compare_slugs(const struct skills__skill *a, struct slice publisher,
                         struct slice slug)
{
    const int order = slice_compare(slice_str(a->slug), slug);

    return order != 0 ? order : slice_compare(slice_str(a->by->handle), publisher);
}

typedef int compare_fn(const struct skills__skill *a, struct slice publisher,
                       struct slice slug);

/* The first that is not below. */
static size_t place(const struct skills__list *l, compare_fn *compare,
                    struct slice publisher, struct slice slug)
{
    size_t low = 0;
    size_t high = l->count;

    while (low < high) {
        const size_t middle = low + (high - low) / 2;

        if (compare(at(l, middle), publisher, slug) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

size_t skills__by_slug(const struct skills *s, struct slice slug)
{
    return place(&s->by_slug, compare_slugs, SLICE_NONE, slug);
}

size_t skills__by_names(const struct skills *s, struct slice publisher,
                        struct slice slug)
{
    return place(&s->skills, compare_names, publisher, slug);
}

struct skills__skill *skills__skill_find(const struct skills *s, struct slice publisher,
                                         struct slice slug)
{
    const size_t i = skills__by_names(s, publisher, slug);

    if (i == s->skills.count || compare_names(at(&s->skills, i), publisher, slug) != 0)
        return NULL;
    return at(&s->skills, i);
}

/* ---- Skills ---- */

static struct skills__skill *skill_new(const struct skills *s,
                                       const struct skill_publisher *by,
                                       struct slice slug)
{
    struct skills__skill *skill = calloc(1, sizeof(*skill) + slug.len + 1);

    if (skill == NULL)
        return NULL;
    skill->by = by;
    skill->number = (uint32_t)s->numbered.count;
    skill->state = SKILL_PENDING;
    memcpy(skill->slug, slug.bytes, slug.len);
    return skill;
}

static void skill_free(struct skills__skill *skill)
{
    for (size_t i = 0; i < skill->versions.count; i++)
        free(skill->versions.items[i]);
    free(skill->versions.items);
    free(skill->display);
    free(skill->offer);
    free(skill);
}

static enum rc make_room(struct skills *s)
{
    if (s->numbered.count == SKILLS__MAX)
        return RC_FULL;
    TRY(skills__list_reserve(&s->skills));
    TRY(skills__list_reserve(&s->by_slug));
    return skills__list_reserve(&s->numbered);
}

enum rc skills__add(struct skills__skill **out, struct skills *s,
                    const struct skill_publisher *by, struct slice slug)
{
    const struct slice handle = slice_str(by->handle);
    struct skills__skill *skill;

    TRY(make_room(s));
    skill = skill_new(s, by, slug);
    if (skill == NULL)
        return RC_NOMEM;
    skills__list_insert(&s->numbered, s->numbered.count, skill);
    skills__list_insert(&s->skills, skills__by_names(s, handle, slug), skill);
    skills__list_insert(&s->by_slug, place(&s->by_slug, compare_slugs, handle, slug),
                        skill);
    *out = skill;
    return RC_OK;
}

bool skills__is_open(const struct skills__skill *skill)
{
    return skill->state == SKILL_LISTED && skill->latest != NULL &&
           !skill->by->suspended;
}

void skills__names_of(struct skills__names *out, const struct skills__skill *skill)
{
    memcpy(out->publisher, skill->by->handle, sizeof(out->publisher));
    memset(out->slug, 0, sizeof(out->slug));
    memcpy(out->slug, skill->slug, strlen(skill->slug));
}

void skills__record_of(struct skills__skill_record *out,
                       const struct skills__skill *skill)
{
    *out = (struct skills__skill_record){.state = skill->state,
                                         .created_us = skill->created_us,
                                         .updated_us = skill->updated_us};
    skills__names_of(&out->names, skill);
    memcpy(out->display, skill->display, strlen(skill->display));
}

/* Before anything is listed it says what its highest version says. */
static const struct skills__version *speaker(const struct skills__skill *skill)
{
    if (skill->latest != NULL || skill->versions.count == 0)
        return skill->latest;
    return skill->versions.items[0];
}

void skills__fill(struct skill *out, const struct skills__skill *skill)
{
    const struct skills__version *says = speaker(skill);
    struct skills__version_record r;

    memset(out, 0, sizeof(*out));
    memcpy(out->publisher, skill->by->handle, sizeof(out->publisher));
    memcpy(out->slug, skill->slug, strlen(skill->slug));
    memcpy(out->display, skill->display, strlen(skill->display));
    out->state = skill->state;
    out->created_us = skill->created_us;
    out->updated_us = skill->updated_us;
    out->installs = atomic_load(&skill->installs);
    out->version = skill->record_version;
    if (says == NULL)
        return;
    skills__version_read(&r, skills__version_value(says));
    memcpy(out->summary, r.summary, sizeof(out->summary));
    memcpy(out->tags, r.tags, sizeof(out->tags));
    memcpy(out->license, r.license, sizeof(out->license));
    if (skill->latest != NULL)
        memcpy(out->latest, r.v.version, sizeof(out->latest));
}

/* ---- Versions ---- */

struct slice skills__version_value(const struct skills__version *version)
{
    return slice_from(version->value, version->value_len);
}

static enum rc version_from(struct skills__version **out, struct slice value,
                            const struct skills__version_record *r,
                            uint64_t record_version)
{
    struct skills__version *v = malloc(sizeof(*v) + value.len);
    const struct slice number = slice_str(r->v.version);

    if (v == NULL)
        return RC_NOMEM;
    v->record_version = record_version;
    v->state = r->v.state;
    v->value_len = value.len;
    memcpy(v->value, value.bytes, value.len);
    v->number = slice_sub(skills__version_value(v),
                          slice_search(skills__version_value(v), number), number.len);
    *out = v;
    return RC_OK;
}

enum rc skills__version_new(struct skills__version **out,
                            const struct skills__version_record *r,
                            uint64_t record_version)
{
    uint8_t value[LEDGER_VALUE_MAX];

    return version_from(out, skills__version_encode(value, r), r, record_version);
}

struct skills__version *skills__version_find(const struct skills__skill *skill,
                                             struct slice number)
{
    for (size_t i = 0; i < skill->versions.count; i++) {
        struct skills__version *v = skill->versions.items[i];

        if (slice_equal(v->number, number))
            return v;
    }
    return NULL;
}

static struct skill_semver semver_of(const struct skills__version *v)
{
    struct skill_semver semver;
    const enum rc rc = skill_semver_parse(&semver, v->number);

    assert(rc == RC_OK); /* so it was written */
    (void)rc;
    return semver;
}

/* The first that is not above. */
static size_t version_place(const struct skills__skill *skill,
                            const struct skills__version *version)
{
    const struct skill_semver wanted = semver_of(version);
    size_t low = 0;
    size_t high = skill->versions.count;

    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        const struct skill_semver other = semver_of(skill->versions.items[middle]);

        if (skill_semver_cmp(&other, &wanted) > 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

void skills__version_set(struct skills__skill *skill, struct skills__version *version)
{
    for (size_t i = 0; i < skill->versions.count; i++) {
        struct skills__version *old = skill->versions.items[i];

        if (slice_equal(old->number, version->number)) {
            skill->versions.items[i] = version;
            if (skill->latest == old)
                skill->latest = version;
            free(old);
            return;
        }
    }
    skills__list_insert(&skill->versions, version_place(skill, version), version);
}

/* The highest listed release; of a skill that has none the highest listed one. */
static struct skills__version *find_latest(const struct skills__skill *skill)
{
    struct skills__version *first = NULL;

    for (size_t i = 0; i < skill->versions.count; i++) {
        struct skills__version *v = skill->versions.items[i];

        if (v->state != SKILL_LISTED)
            continue;
        if (semver_of(v).pre.len == 0)
            return v;
        if (first == NULL)
            first = v;
    }
    return first;
}

static enum rc index_it(struct skills *s, const struct skills__skill *skill)
{
    struct skills__version_record r;
    struct skills__text texts[5];

    if (skill->state != SKILL_LISTED || skill->latest == NULL) {
        skills__index_remove(s->index, skill->number);
        return RC_OK;
    }
    skills__version_read(&r, skills__version_value(skill->latest));
    texts[0] = (struct skills__text){slice_str(skill->slug), WEIGHT_SLUG};
    texts[1] = (struct skills__text){slice_str(skill->display), WEIGHT_DISPLAY};
    texts[2] = (struct skills__text){slice_str(r.tags), WEIGHT_TAGS};
    texts[3] = (struct skills__text){slice_str(skill->by->handle), WEIGHT_PUBLISHER};
    texts[4] = (struct skills__text){slice_str(r.summary), WEIGHT_SUMMARY};
    return skills__index_put(s->index, skill->number, texts, 5);
}

void skills__settle(struct skills *s, struct skills__skill *skill)
{
    skill->latest = find_latest(skill);
    if (index_it(s, skill) != RC_OK)
        log_event(LOG_WARN, "a skill cannot be found until a restart: no memory",
                  LOG_STR("publisher", skill->by->handle),
                  LOG_STR("skill", skill->slug));
}

/* ---- Reading the book ---- */

struct loading {
    struct skills *s;
    enum rc rc;
};

static enum rc load_skill(struct skills *s, struct slice key, struct slice value,
                          uint64_t version)
{
    struct skills__skill_record r;
    struct skills__skill *skill;
    const struct skill_publisher *by;

    TRY(skills__skill_decode(&r, value));
    by = skills__publisher_find(s, slice_str(r.names.publisher));
    if (by == NULL || !skills__key_fits(key, &r.names, ""))
        return RC_CORRUPT;
    TRY(make_room(s));
    skill = skill_new(s, by, slice_str(r.names.slug));
    if (skill == NULL)
        return RC_NOMEM;
    /* In the order of their keys; put in order when all are there. */
    skills__list_insert(&s->numbered, s->numbered.count, skill);
    skills__list_insert(&s->skills, s->skills.count, skill);
    skills__list_insert(&s->by_slug, s->by_slug.count, skill);
    skill->state = r.state;
    skill->created_us = r.created_us;
    skill->updated_us = r.updated_us;
    skill->record_version = version;
    skill->display = strdup(r.display);
    return skill->display == NULL ? RC_NOMEM : RC_OK;
}

static bool load_skills(void *arg, struct slice key, struct slice value,
                        uint64_t version)
{
    struct loading *l = arg;

    l->rc = load_skill(l->s, key, value, version);
    return l->rc == RC_OK;
}

static enum rc load_version(struct skills *s, struct slice key, struct slice value,
                            uint64_t record_version)
{
    struct skills__version_record r;
    struct skills__version *version;
    struct skills__skill *skill;

    TRY(skills__version_decode(&r, value));
    skill =
        skills__skill_find(s, slice_str(r.names.publisher), slice_str(r.names.slug));
    if (skill == NULL || !skills__key_fits(key, &r.names, r.v.version))
        return RC_CORRUPT;
    TRY(skills__list_reserve(&skill->versions));
    TRY(version_from(&version, value, &r, record_version));
    skills__version_set(skill, version);
    return RC_OK;
}

static bool load_versions(void *arg, struct slice key, struct slice value,
                          uint64_t version)
{
    struct loading *l = arg;

    l->rc = load_version(l->s, key, value, version);
    return l->rc == RC_OK;
}

static enum rc load_offer(struct skills *s, struct slice key, struct slice value,
                          uint64_t version)
{
    struct skills__names names;
    struct skills__skill *skill;
    struct skill_offer offer;

    TRY(skills__offer_decode(&names, &offer, value));
    skill = skills__skill_find(s, slice_str(names.publisher), slice_str(names.slug));
    if (skill == NULL || skill->offer != NULL || !skills__key_fits(key, &names, ""))
        return RC_CORRUPT;
    skill->offer = malloc(sizeof(*skill->offer));
    if (skill->offer == NULL)
        return RC_NOMEM;
    offer.version = version;
    *skill->offer = offer;
    return RC_OK;
}

static bool load_offers(void *arg, struct slice key, struct slice value,
                        uint64_t version)
{
    struct loading *l = arg;

    l->rc = load_offer(l->s, key, value, version);
    return l->rc == RC_OK;
}

static int sort_names(const void *a, const void *b)
{
    const struct skills__skill *x = *(struct skills__skill *const *)a;
    const struct skills__skill *y = *(struct skills__skill *const *)b;

    return compare_names(x, slice_str(y->by->handle), slice_str(y->slug));
}

static int sort_slugs(const void *a, const void *b)
{
    const struct skills__skill *x = *(struct skills__skill *const *)a;
    const struct skills__skill *y = *(struct skills__skill *const *)b;

    return compare_slugs(x, slice_str(y->by->handle), slice_str(y->slug));
}

static enum rc load_kind(struct skills *s, struct ledger_view *v, uint16_t kind,
                         ledger_record_fn *each)
{
    struct loading l = {s, RC_OK};

    TRY(ledger_view_records(v, kind, SLICE_NONE, SLICE_NONE, each, &l));
    return l.rc;
}

enum rc skills__shelf_load(struct skills *s, struct ledger_view *v)
{
    TRY(skills__index_open(&s->index));
    TRY(load_kind(s, v, SKILLS__KIND_SKILL, load_skills));
    if (s->skills.count > 0) {
        qsort(s->skills.items, s->skills.count, sizeof(void *), sort_names);
        qsort(s->by_slug.items, s->by_slug.count, sizeof(void *), sort_slugs);
    }
    TRY(load_kind(s, v, SKILLS__KIND_VERSION, load_versions));
    TRY(load_kind(s, v, SKILLS__KIND_OFFER, load_offers));
    for (size_t i = 0; i < s->numbered.count; i++)
        skills__settle(s, at(&s->numbered, i));
    return RC_OK;
}

void skills__shelf_close(struct skills *s)
{
    for (size_t i = 0; i < s->numbered.count; i++)
        skill_free(at(&s->numbered, i));
    free(s->numbered.items);
    free(s->skills.items);
    free(s->by_slug.items);
    skills__index_close(s->index);
}
