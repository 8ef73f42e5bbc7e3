/* SPDX-License-Identifier: Apache-2.0 */
/* Skills and versions as callers see them, and the words that are said on them: which
 * state may follow which, and what else a word of the operator lets in. */
#include "skills/catalog.h"

#include "skills/skills_int.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

const char *skill_state_word(enum skill_state s)
{
    static const char *const words[] = {[SKILL_PENDING] = "pending",
                                        [SKILL_LISTED] = "listed",
                                        [SKILL_WITHDRAWN] = "withdrawn",
                                        [SKILL_QUARANTINED] = "quarantined"};

    assert((unsigned)s < sizeof(words) / sizeof(words[0]));
    return words[s];
}

/* ---- Who sees what ---- */

static bool skill_seen(const struct skills__skill *skill, enum skill_viewer viewer)
{
    return skill->record_version > 0 &&
           (viewer == SKILL_BY_OWNER || skills__is_open(skill));
}

/* Whether somebody may have had versions of it. */
static bool skill_had(const struct skills__skill *skill, enum skill_viewer viewer)
{
    if (skill->record_version == 0)
        return false;
    return viewer == SKILL_BY_OWNER ||
           (!skill->by->suspended &&
            (skill->state == SKILL_LISTED || skill->state == SKILL_WITHDRAWN));
}

static bool version_had(const struct skills__version *v, enum skill_viewer viewer)
{
    return viewer == SKILL_BY_OWNER || v->state == SKILL_LISTED ||
           v->state == SKILL_WITHDRAWN;
}

typedef bool seen_fn(const struct skills__skill *skill, enum skill_viewer viewer);

static enum rc pick_any(struct skills__skill **out, const struct skills *s,
                        struct slice slug, seen_fn *seen, enum skill_viewer viewer)
{
    enum rc rc = RC_NOT_FOUND;

    for (size_t i = skills__by_slug(s, slug); i < s->by_slug.count; i++) {
        struct skills__skill *skill = s->by_slug.items[i];

        if (!slice_equal_str(slug, skill->slug))
            break;
        if (!seen(skill, viewer))
            continue;
        if (rc == RC_OK)
            return RC_CONFLICT;
        *out = skill;
        rc = RC_OK;
    }
    return rc;
}

static enum rc pick(struct skills__skill **out, const struct skills *s,
                    struct slice publisher, struct slice slug, seen_fn *seen,
                    enum skill_viewer viewer)
{
    struct skills__skill *skill;

    if (publisher.len == 0)
        return pick_any(out, s, slug, seen, viewer);
    skill = skills__skill_find(s, publisher, slug);
    if (skill == NULL || !seen(skill, viewer))
        return RC_NOT_FOUND;
    *out = skill;
    return RC_OK;
}

/* ---- Reading ---- */

enum rc skill_get(struct skill *out, struct skills *s, struct slice publisher,
                  struct slice slug, enum skill_viewer viewer)
{
    struct skills__skill *skill;
    enum rc rc;

    skills__read_lock(s);
    rc = pick(&skill, s, publisher, slug, skill_seen, viewer);
    if (rc == RC_OK)
        skills__fill(out, skill);
    skills__unlock(s);
    return rc;
}

static void give_version(struct skill_version *out, const struct skills__version *v)
{
    struct skills__version_record r;

    skills__version_read(&r, skills__version_value(v));
    *out = r.v;
}

static enum rc get_version(struct skill_version *out, struct skills *s,
                           struct slice publisher, struct slice slug,
                           struct slice number, enum skill_viewer viewer)
{
    const bool by_number = number.len > 0 && !slice_equal_str(number, "latest");
    const struct skills__version *v;
    struct skills__skill *skill;

    TRY(pick(&skill, s, publisher, slug, by_number ? skill_had : skill_seen, viewer));
    v = by_number ? skills__version_find(skill, number) : skill->latest;
    if (v == NULL || !version_had(v, viewer))
        return RC_NOT_FOUND;
    give_version(out, v);
    return RC_OK;
}

enum rc skill_version_get(struct skill_version *out, struct skills *s,
                          struct slice publisher, struct slice slug,
                          struct slice version, enum skill_viewer viewer)
{
    enum rc rc;

    skills__read_lock(s);
    rc = get_version(out, s, publisher, slug, version, viewer);
    skills__unlock(s);
    return rc;
}

static enum rc match_version(struct skill_version *out, struct skills *s,
                             struct slice publisher, struct slice slug,
                             const uint8_t fingerprint[32])
{
    struct skills__skill *skill;

    TRY(pick(&skill, s, publisher, slug, skill_had, SKILL_BY_ANYBODY));
    for (size_t i = 0; i < skill->versions.count; i++) {
        const struct skills__version *v = skill->versions.items[i];
        const struct slice value = skills__version_value(v);

        if (version_had(v, SKILL_BY_ANYBODY) &&
            memcmp(skills__version_fingerprint(value), fingerprint, 32) == 0) {
            give_version(out, v);
            return RC_OK;
        }
    }
    return RC_NOT_FOUND;
}

enum rc skill_version_match(struct skill_version *out, struct skills *s,
                            struct slice publisher, struct slice slug,
                            const uint8_t fingerprint[32])
{
    enum rc rc;

    skills__read_lock(s);
    rc = match_version(out, s, publisher, slug, fingerprint);
    skills__unlock(s);
    return rc;
}

static void list_versions(const struct skills__skill *skill, enum skill_viewer viewer,
                          skill_version_fn *each, void *arg)
{
    for (size_t i = 0; i < skill->versions.count; i++) {
        const struct skills__version *v = skill->versions.items[i];
        struct skill_version out;

        if (viewer == SKILL_BY_ANYBODY && v->state != SKILL_LISTED)
            continue;
        give_version(&out, v);
        if (!each(arg, &out))
            return;
    }
}

enum rc skill_version_list(struct skills *s, struct slice publisher, struct slice slug,
                           enum skill_viewer viewer, skill_version_fn *each, void *arg)
{
    struct skills__skill *skill;
    enum rc rc;

    skills__read_lock(s);
    rc = pick(&skill, s, publisher, slug, skill_seen, viewer);
    if (rc == RC_OK)
        list_versions(skill, viewer, each, arg);
    skills__unlock(s);
    return rc;
}

/* Where a list begins: behind `after`, and not before the publisher's first. */
static size_t list_start(const struct skills *s, struct slice publisher,
                         struct slice after)
{
    const size_t slash = slice_find(after, '/');
    const struct slice handle = slice_sub(after, 0, slash);
    const struct slice slug = slice_sub(after, slash + 1, after.len);
    const size_t first = skills__by_names(s, publisher, SLICE_NONE);
    size_t i;

    if (after.len == 0)
        return first;
    i = skills__by_names(s, handle, slug);
    if (skills__skill_find(s, handle, slug) != NULL)
        i++;
    return i > first ? i : first;
}

enum rc skill_list(struct skills *s, struct slice publisher, struct slice after,
                   enum skill_viewer viewer, skill_list_fn *each, void *arg)
{
    struct skill out;

    skills__read_lock(s);
    for (size_t i = list_start(s, publisher, after); i < s->skills.count; i++) {
        const struct skills__skill *skill = s->skills.items[i];

        if (publisher.len > 0 && !slice_equal_str(publisher, skill->by->handle))
            break;
        if (!skill_seen(skill, viewer))
            continue;
        skills__fill(&out, skill);
        if (!each(arg, &out))
            break;
    }
    skills__unlock(s);
    return RC_OK;
}

void skill_installed(struct skills *s, struct slice publisher, struct slice slug)
{
    struct skills__skill *skill;

    skills__read_lock(s);
    skill = skills__skill_find(s, publisher, slug);
    if (skill != NULL)
        atomic_fetch_add(&skill->installs, 1);
    skills__unlock(s);
}

/* ---- Changing ---- */

static enum rc submit(struct skills *s, const struct skills__change *change)
{
    const struct skills__skill *skill = change->skill;
    uint8_t skill_key[SKILLS__KEY_LEN], version_key[SKILLS__KEY_LEN];
    uint8_t skill_value[LEDGER_VALUE_MAX];
    const struct slice handle = slice_str(skill->by->handle);
    const struct slice slug = slice_str(skill->slug);
    struct ledger_cmd cmd;

    skills__note_start(&cmd, s);
    skills__skill_key(skill_key, handle, slug);
    skills__write(&cmd, SKILLS__KIND_SKILL,
                  slice_from((const char *)skill_key, sizeof(skill_key)),
                  skills__skill_encode(skill_value, &change->record),
                  skill->record_version);
    if (change->version != NULL) {
        skills__version_key(version_key, handle, slug, change->version->number);
        skills__write(&cmd, SKILLS__KIND_VERSION,
                      slice_from((const char *)version_key, sizeof(version_key)),
                      skills__version_value(change->version),
                      change->version->record_version - 1);
    }
    return ledger_call(s->ledger, &cmd);
}

static void apply(struct skills *s, struct skills__change *change, char *display)
{
    struct skills__skill *skill = change->skill;

    free(skill->display);
    skill->display = display;
    skill->state = change->record.state;
    skill->created_us = change->record.created_us;
    skill->updated_us = change->record.updated_us;
    skill->record_version++;
    if (change->version != NULL)
        skills__version_set(skill, change->version);
    change->version = NULL;
    skills__settle(s, skill);
}

enum rc skills__change(struct skills *s, struct skills__change *change)
{
    char *display = strdup(change->record.display);
    enum rc rc = RC_NOMEM;

    if (display != NULL) {
        skills__write_lock(s);
        rc = skills__list_reserve(&change->skill->versions);
        skills__unlock(s);
    }
    if (rc == RC_OK)
        rc = submit(s, change);
    if (rc != RC_OK) {
        free(display);
        return rc;
    }
    skills__write_lock(s);
    apply(s, change, display);
    skills__unlock(s);
    return RC_OK;
}

/* ---- States ---- */

static bool may_follow(enum skill_state from, enum skill_state to)
{
    switch (to) {
    case SKILL_LISTED:
        return from != SKILL_LISTED;
    case SKILL_WITHDRAWN:
        return from == SKILL_LISTED;
    case SKILL_QUARANTINED:
        return from != SKILL_QUARANTINED;
    case SKILL_PENDING:
        break;
    }
    return false;
}

/* Of a publisher's own word. */
static bool may_own(enum skill_state from, enum skill_state to)
{
    return (from == SKILL_LISTED && to == SKILL_WITHDRAWN) ||
           (from == SKILL_WITHDRAWN && to == SKILL_LISTED);
}

typedef bool follow_fn(enum skill_state from, enum skill_state to);

static enum rc change_version(struct skills__change *change, struct skills__version *v,
                              enum skill_state to)
{
    struct skills__version_record r;

    skills__version_read(&r, skills__version_value(v));
    r.v.state = to;
    return skills__version_new(&change->version, &r, v->record_version + 1);
}

/* The one that waits for the same word as its skill does: none of it is listed yet. */
static struct skills__version *waiting(const struct skills__skill *skill)
{
    struct skills__version *first = NULL;

    for (size_t i = 0; i < skill->versions.count; i++) {
        struct skills__version *v = skill->versions.items[i];

        if (v->state == SKILL_LISTED)
            return NULL;
        if (v->state == SKILL_PENDING && first == NULL)
            first = v;
    }
    return first;
}

static enum rc plan_skill(struct skills__change *change, enum skill_state to,
                          follow_fn *may)
{
    struct skills__version *v = waiting(change->skill);

    if (!may(change->skill->state, to))
        return RC_CONFLICT;
    change->record.state = to;
    if (to == SKILL_LISTED && may == may_follow && v != NULL)
        return change_version(change, v, SKILL_LISTED);
    return RC_OK;
}

static enum rc plan_version(struct skills__change *change, struct slice number,
                            enum skill_state to, follow_fn *may)
{
    struct skills__version *v = skills__version_find(change->skill, number);

    if (v == NULL)
        return RC_NOT_FOUND;
    if (!may(v->state, to))
        return RC_CONFLICT;
    if (to == SKILL_LISTED && may == may_follow &&
        change->skill->state == SKILL_PENDING)
        change->record.state = SKILL_LISTED;
    return change_version(change, v, to);
}

static enum rc set_state(struct skills *s, struct skills__skill *skill,
                         struct slice number, enum skill_state to, follow_fn *may)
{
    struct skills__change change = {.skill = skill};
    enum rc rc;

    if (skill->record_version == 0)
        return RC_NOT_FOUND;
    skills__record_of(&change.record, skill);
    change.record.updated_us = ledger_now_us(s->ledger);
    rc = number.len == 0 ? plan_skill(&change, to, may)
                         : plan_version(&change, number, to, may);
    if (rc == RC_OK)
        rc = skills__change(s, &change);
    free(change.version);
    return rc;
}

static enum rc find_and_set(struct skills *s, struct slice publisher, struct slice slug,
                            struct slice version, enum skill_state to, follow_fn *may)
{
    struct skills__skill *skill;
    enum rc rc;

    skills__read_lock(s);
    skill = skills__skill_find(s, publisher, slug);
    skills__unlock(s);
    if (skill == NULL)
        return RC_NOT_FOUND;
    skills__claim(s, skill);
    rc = set_state(s, skill, version, to, may);
    skills__release(s, skill);
    return rc;
}

enum rc skill_state_set(struct skills *s, struct slice publisher, struct slice slug,
                        struct slice version, enum skill_state state)
{
    return find_and_set(s, publisher, slug, version, state, may_follow);
}

enum rc skill_withdraw(struct skills *s, struct slice publisher, struct slice slug,
                       struct slice version, bool back)
{
    return find_and_set(s, publisher, slug, version,
                        back ? SKILL_LISTED : SKILL_WITHDRAWN, may_own);
}
