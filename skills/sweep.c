/* SPDX-License-Identifier: Apache-2.0 */
/* Removing the blobs that nothing names any more, or never came to name. */
#include "base/codec.h"
#include "skills/skills_int.h"

#include <stdlib.h>
#include <string.h>

enum {
    SKILLS_AT_ONCE = 256 /* looked at in one go of the lock */
};

/* What was put in the meantime, and is not in the list, is too young to be removed. */
#define GRACE_US       (UINT64_C(3600) * 1000000)
#define SWEEP_EVERY_US (UINT64_C(3600) * 1000000)

struct needed {
    size_t count, size;
    uint8_t (*hashes)[SHA256_LEN];
    bool no_memory;
};

static void need(struct needed *n, const uint8_t *hash)
{
    if (n->count == n->size && !n->no_memory) {
        const size_t size = n->size == 0 ? 1024 : 2 * n->size;
        void *hashes = realloc(n->hashes, size * SHA256_LEN);

        n->no_memory = hashes == NULL;
        if (n->no_memory)
            return;
        n->hashes = hashes;
        n->size = size;
    }
    if (!n->no_memory)
        memcpy(n->hashes[n->count++], hash, SHA256_LEN);
}

static void need_terms(struct needed *n, const struct skill_terms *t)
{
    if (t->has_definition)
        need(n, t->definition);
}

static void need_skill(struct needed *n, const struct skills__skill *skill)
{
    for (size_t i = 0; i < skill->versions.count; i++) {
        const struct slice value = skills__version_value(skill->versions.items[i]);

        need(n, skills__version_package(value));
        need(n, skills__version_manifest(value));
    }
    if (skill->offer == NULL)
        return;
    need_terms(n, &skill->offer->now);
    need_terms(n, &skill->offer->next);
    for (unsigned i = 0; i < skill->offer->told_count; i++)
        need_terms(n, &skill->offer->told[i].terms);
}

static int compare(const void *a, const void *b)
{
    return memcmp(a, b, SHA256_LEN);
}

static enum rc collect(struct needed *n, struct skills *s)
{
    size_t count = SKILLS_AT_ONCE;

    for (size_t i = 0; i < count && !n->no_memory; i += SKILLS_AT_ONCE) {
        skills__read_lock(s);
        count = s->numbered.count;
        for (size_t k = i; k < i + SKILLS_AT_ONCE && k < count; k++)
            need_skill(n, s->numbered.items[k]);
        skills__unlock(s);
    }
    if (n->count > 0)
        qsort(n->hashes, n->count, SHA256_LEN, compare);
    return n->no_memory ? RC_NOMEM : RC_OK;
}

static bool is_needed(void *arg, const uint8_t sha256[32])
{
    const struct needed *n = arg;

    return n->count > 0 &&
           bsearch(sha256, n->hashes, n->count, SHA256_LEN, compare) != NULL;
}

enum rc skills_tend(struct skills *s, uint64_t now_us, unsigned *removed)
{
    struct needed n = {.count = 0};
    enum rc rc;

    *removed = 0;
    if (now_us < s->sweep_due_us || now_us < GRACE_US)
        return RC_OK;
    s->sweep_due_us = now_us + SWEEP_EVERY_US;
    rc = collect(&n, s);
    if (rc == RC_OK)
        rc = blobs_sweep(s->blobs, now_us - GRACE_US, is_needed, &n, removed);
    free(n.hashes);
    return rc;
}
