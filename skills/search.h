/* SPDX-License-Identifier: Apache-2.0 */
/* Finding skills: words of a query against names, tags, summaries and publishers, by
 * BM25 with fields of different weight; the last word also as a beginning. An index in
 * memory, kept with the catalogue; a query takes well below a millisecond among 10,000
 * (docs/performance.md). Only listed skills of publishers that are not suspended. */
#ifndef SKILLS_SEARCH_H
#define SKILLS_SEARCH_H

#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/rc.h"
#include "base/slice.h"
#include "skills/catalog.h"

enum skill_sort {
    SKILL_BY_RANK, /* without a query: by installs */
    SKILL_BY_CREATED,
    SKILL_BY_UPDATED,
    SKILL_BY_NAME
};

enum {
    SKILL_HITS_MAX = 100 /* of one page */
};

struct skill_query {
    struct slice words;     /* none: all */
    bool exact;             /* only a skill whose slug is the words */
    struct slice publisher; /* none: all */
    enum skill_sort sort;
    size_t offset, limit; /* limit 0: 25 */
};

struct skill_hit {
    struct skill skill;
    uint32_t score_milli; /* 1000: the best of this query */
};

struct skill_hits {
    size_t count, total;
    struct skill_hit *hits; /* in the arena */
};

MUST_CHECK enum rc skill_search(struct skill_hits *out, struct arena *a,
                                struct skills *s, const struct skill_query *q);

#endif
