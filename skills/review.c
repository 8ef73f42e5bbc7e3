/* SPDX-License-Identifier: Apache-2.0 */
/* Whether a new version is listed at once: what the rules found, how much its name
 * looks like another's, whether it wants to be allowed more than before, whose key
 * signed it, and what the operator wants to see himself. */
#include "base/codec.h"
#include "skills/publish_int.h"

#include <stdlib.h>
#include <string.h>

/* ---- Tools ---- */

/* Where the hash is, or belongs. */
static unsigned tool_place(const struct skills__version_record *r, const uint8_t *hash,
                           bool *found)
{
    unsigned at = 0;
    int order = 1;

    while (at < r->tool_count &&
           (order = memcmp(r->tools[at], hash, SKILLS__TOOL_LEN)) < 0)
        at++;
    *found = at < r->tool_count && order == 0;
    return at;
}

void skills__note_tools(struct skills__version_record *r, struct slice allowed_tools)
{
    struct slice rest = allowed_tools;
    struct slice word;

    r->many_tools = false;
    r->tool_count = 0;
    while (slice_next(&word, &rest, ' ')) {
        uint8_t hash[SHA256_LEN];
        unsigned at;
        bool found;

        if (word.len == 0)
            continue;
        sha256(hash, word);
        at = tool_place(r, hash, &found);
        if (found)
            continue;
        r->many_tools = r->tool_count == SKILLS__TOOLS_MAX;
        if (r->many_tools)
            return;
        memmove(r->tools[at + 1], r->tools[at],
                (size_t)(r->tool_count - at) * SKILLS__TOOL_LEN);
        memcpy(r->tools[at], hash, SKILLS__TOOL_LEN);
        r->tool_count++;
    }
}

static bool wants_more(const struct skills__version_record *r,
                       const struct skills__version_record *before)
{
    if (r->many_tools)
        return true; /* than can be told */
    for (unsigned i = 0; i < r->tool_count; i++) {
        bool found;

        (void)tool_place(before, r->tools[i], &found);
        if (!found)
            return true;
    }
    return false;
}

/* ---- Names ---- */

static bool is_rival(struct skills *s, const struct skills__skill *mine,
                     const struct skills__skill *other)
{
    if (other->by == mine->by)
        return false;
    if (other->record_version == 0)
        return skills__is_claimed(s, other); /* comes in at this moment, as ours does */
    return !other->by->suspended &&
           (other->state == SKILL_LISTED || other->state == SKILL_WITHDRAWN);
}

/* Comparing names takes longer than a lock should be held: it is done on a copy of the
 * list. Skills are never freed, and their names never change. */
static enum rc rivals(struct skills__skill ***out, size_t *count, struct skills *s,
                      const struct skills__skill *mine)
{
    struct skills__skill **found;
    size_t n = 0;

    skills__read_lock(s);
    found = malloc((s->numbered.count + 1) * sizeof(struct skills__skill *));
    for (size_t i = 0; found != NULL && i < s->numbered.count; i++)
        if (is_rival(s, mine, s->numbered.items[i]))
            found[n++] = s->numbered.items[i];
    skills__unlock(s);
    *out = found;
    *count = n;
    return found == NULL ? RC_NOMEM : RC_OK;
}

static void say_waits(struct skills__publication *p)
{
    buf_append_str(&p->words, "It waits for the operator: ");
}

static enum rc look_at_names(struct skills__publication *p, bool *waits)
{
    struct skills__skill **others;
    size_t count;

    TRY(rivals(&others, &count, p->s, p->skill));
    for (size_t i = 0; i < count; i++) {
        const struct slice name = slice_str(others[i]->slug);
        const bool same = slice_equal(name, p->slug);

        if (!same && !skill_names_close(name, p->slug))
            continue;
        say_waits(p);
        buf_printf(&p->words, "its name %s that of %s/%s. ",
                   same ? "is" : "can be taken for", others[i]->by->handle,
                   others[i]->slug);
        *waits = true;
        break;
    }
    free(others);
    return RC_OK;
}

/* ---- Against the version before ---- */

static bool look_at_latest(struct skills__publication *p)
{
    struct skills__version_record before;
    const struct skill_version *v = &p->record.v;
    bool waits = false;

    if (p->skill->latest == NULL)
        return false;
    skills__version_read(&before, skills__version_value(p->skill->latest));
    if (wants_more(&p->record, &before)) {
        say_waits(p);
        buf_printf(&p->words, "it wants to be allowed more tools than %s. ",
                   before.v.version);
        waits = true;
    }
    if (before.v.is_signed &&
        (!v->is_signed || memcmp(v->key, before.v.key, sizeof(v->key)) != 0)) {
        say_waits(p);
        buf_printf(&p->words, "%s was signed %s. ", before.v.version,
                   v->is_signed ? "with another key" : "and it is not");
        waits = true;
    }
    return waits;
}

/* ---- The operator's wishes ---- */

static bool look_at_wishes(struct skills__publication *p)
{
    const enum skill_review review = p->what->review;
    const bool is_first = p->skill->record_version == 0;

    if (!is_first && p->skill->state != SKILL_LISTED &&
        p->skill->state != SKILL_WITHDRAWN) {
        say_waits(p);
        buf_printf(&p->words, "the skill is %s. ", skill_state_word(p->skill->state));
        return true;
    }
    if (review == SKILL_REVIEW_FINDINGS || (review == SKILL_REVIEW_NEW && !is_first))
        return false;
    say_waits(p);
    buf_append_str(&p->words, review == SKILL_REVIEW_ALL
                                  ? "every version is looked at here. "
                                  : "every new skill is looked at here. ");
    return true;
}

enum rc skills__review(struct skills__publication *p)
{
    struct skill_version *v = &p->record.v;
    bool waits = p->verdict.worst == SKILL_SUSPICIOUS;

    if (p->skill->record_version == 0)
        TRY(look_at_names(p, &waits));
    waits = look_at_latest(p) || waits;
    waits = look_at_wishes(p) || waits;
    skill_verdict_words(&p->words, &p->verdict, p->what->package);
    v->suspicious = p->verdict.worst != SKILL_NOTE;
    v->state = waits ? SKILL_PENDING : SKILL_LISTED;
    if (p->verdict.worst == SKILL_MALICIOUS)
        v->state = SKILL_QUARANTINED;
    return RC_OK;
}
