/* SPDX-License-Identifier: Apache-2.0 */
/* Finding skills: what the index scores, or all of them, and the best of that. */
#include "skills/search.h"

#include "skills/skills_int.h"

#include <stdlib.h>
#include <string.h>

enum {
    LIMIT_DEFAULT = 25,
    MILLI = 1000
};

struct candidate {
    const struct skills__skill *skill;
    uint64_t rank; /* what counts first: the larger the better; then, of equals: */
    uint64_t installs;
};

static struct candidate candidate_of(const struct skills__skill *skill,
                                     enum skill_sort sort, uint64_t score)
{
    struct candidate c = {skill, 0, 0};

    if (sort == SKILL_BY_CREATED)
        c.rank = skill->created_us;
    else if (sort == SKILL_BY_UPDATED)
        c.rank = skill->updated_us;
    else if (sort == SKILL_BY_RANK)
        c.rank = score;
    if (sort == SKILL_BY_RANK)
        c.installs = atomic_load(&skill->installs);
    return c;
}

/* < 0: a comes first. Never 0 for two skills, so that pages fit together. */
static int compare(const struct candidate *a, const struct candidate *b)
{
    int order = (a->rank < b->rank) - (a->rank > b->rank);

    if (order == 0)
        order = (a->installs < b->installs) - (a->installs > b->installs);
    if (order == 0)
        order = strcmp(a->skill->slug, b->skill->slug);
    return order != 0 ? order : strcmp(a->skill->by->handle, b->skill->by->handle);
}

static int sort_compare(const void *a, const void *b)
{
    return compare(a, b);
}

/* ---- The best of many: a heap with the worst on top ---- */

struct best {
    size_t wanted, count;
    size_t total; /* offered */
    uint64_t top_score;
    struct candidate *heap;
};

static void sink(struct best *b, size_t i)
{
    for (;;) {
        size_t worst = i;

        for (size_t child = 2 * i + 1; child <= 2 * i + 2 && child < b->count; child++)
            if (compare(&b->heap[child], &b->heap[worst]) > 0)
                worst = child;
        if (worst == i)
            return;
        struct candidate moved = b->heap[i];

        b->heap[i] = b->heap[worst];
        b->heap[worst] = moved;
        i = worst;
    }
}

static void rise(struct best *b, size_t i)
{
    while (i > 0 && compare(&b->heap[i], &b->heap[(i - 1) / 2]) > 0) {
        struct candidate moved = b->heap[i];

        b->heap[i] = b->heap[(i - 1) / 2];
        b->heap[(i - 1) / 2] = moved;
        i = (i - 1) / 2;
    }
}

static void offer(struct best *b, const struct candidate *c)
{
    b->total++;
    if (b->count < b->wanted) {
        b->heap[b->count] = *c;
        rise(b, b->count++);
    } else if (b->wanted > 0 && compare(c, &b->heap[0]) < 0) {
        b->heap[0] = *c;
        sink(b, 0);
    }
}

/* ---- What is looked at ---- */

static bool fits(const struct skills__skill *skill, const struct skill_query *q)
{
    return skills__is_open(skill) &&
           (q->publisher.len == 0 || slice_equal_str(q->publisher, skill->by->handle));
}

static void look_at_all(struct best *b, const struct skills *s,
                        const struct skill_query *q)
{
    for (size_t i = 0; i < s->numbered.count; i++) {
        const struct skills__skill *skill = s->numbered.items[i];

        if (fits(skill, q)) {
            const struct candidate c = candidate_of(skill, q->sort, 0);

            offer(b, &c);
        }
    }
}

static void look_at_slug(struct best *b, const struct skills *s,
                         const struct skill_query *q)
{
    for (size_t i = skills__by_slug(s, q->words); i < s->by_slug.count; i++) {
        const struct skills__skill *skill = s->by_slug.items[i];

        if (!slice_equal_str(q->words, skill->slug))
            return;
        if (fits(skill, q)) {
            const struct candidate c = candidate_of(skill, q->sort, 0);

            offer(b, &c);
        }
    }
}

static enum rc look_in_index(struct best *b, const struct skills *s,
                             const struct skill_query *q)
{
    struct skills__match *matches;
    size_t count;

    TRY(skills__index_find(&matches, &count, s->index, q->words));
    for (size_t i = 0; i < count; i++) {
        const struct skills__skill *skill = s->numbered.items[matches[i].document];

        if (fits(skill, q)) {
            const struct candidate c = candidate_of(skill, q->sort, matches[i].score);

            if (matches[i].score > b->top_score)
                b->top_score = matches[i].score;
            offer(b, &c);
        }
    }
    free(matches);
    return RC_OK;
}

static enum rc look(struct best *b, const struct skills *s, const struct skill_query *q)
{
    if (q->exact) {
        look_at_slug(b, s, q);
        return RC_OK;
    }
    if (slice_trim(q->words).len > 0)
        return look_in_index(b, s, q);
    look_at_all(b, s, q);
    return RC_OK;
}

/* ---- What is told ---- */

static enum rc tell(struct skill_hits *out, struct arena *a, const struct best *b,
                    const struct skill_query *q)
{
    out->total = b->total;
    if (b->count <= q->offset)
        return RC_OK;
    out->hits = arena_new_array(a, struct skill_hit, b->count - q->offset);
    if (out->hits == NULL)
        return RC_NOMEM;
    for (size_t i = q->offset; i < b->count; i++) {
        struct skill_hit *hit = &out->hits[out->count++];
        const struct candidate *c = &b->heap[i];

        skills__fill(&hit->skill, c->skill);
        hit->score_milli = MILLI;
        if (q->sort == SKILL_BY_RANK && b->top_score > 0)
            hit->score_milli = (uint32_t)(c->rank * MILLI / b->top_score);
    }
    return RC_OK;
}

static enum rc search(struct skill_hits *out, struct arena *a, const struct skills *s,
                      const struct skill_query *q)
{
    struct best b = {.wanted = q->offset + q->limit};
    enum rc rc;

    if (b.wanted > s->numbered.count)
        b.wanted = s->numbered.count;
    b.heap = malloc((b.wanted + 1) * sizeof(*b.heap));
    if (b.heap == NULL)
        return RC_NOMEM;
    rc = look(&b, s, q);
    if (rc == RC_OK) {
        qsort(b.heap, b.count, sizeof(*b.heap), sort_compare);
        rc = tell(out, a, &b, q);
    }
    free(b.heap);
    return rc;
}

enum rc skill_search(struct skill_hits *out, struct arena *a, struct skills *s,
                     const struct skill_query *q)
{
    struct skill_query query = *q;
    enum rc rc;

    *out = (struct skill_hits){.count = 0};
    if (query.limit == 0)
        query.limit = LIMIT_DEFAULT;
    if (query.limit > SKILL_HITS_MAX)
        query.limit = SKILL_HITS_MAX;
    if (query.offset > SKILLS__MAX)
        query.offset = SKILLS__MAX;
    skills__read_lock(s);
    rc = search(out, a, s, &query);
    skills__unlock(s);
    return rc;
}
