/* SPDX-License-Identifier: Apache-2.0 */
/* A new version: what is asked of it, what becomes of it, and how it is kept. What may
 * keep it from being listed at once is review.c's. */
#include "skills/publish.h"

#include "skills/publish_int.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum {
    MANIFEST_MAX = 4 << 20
};

static enum rc fail(struct skills__publication *p, enum rc rc, const char *words)
{
    buf_append_str(p->why, words);
    return rc;
}

/* ---- What it says of itself ---- */

/* A copy without what no text of ours has: control characters, and what is not UTF-8.
 * out has size bytes; cut between characters. */
static void copy_text(char *out, size_t size, struct slice text, bool lines)
{
    size_t len = 0;

    while (text.len > 0) {
        size_t step = 1;

        for (size_t n = 1; n <= 4 && n <= text.len; n++)
            if (skills__text_ok(slice_sub(text, 0, n), 1, n, lines)) {
                step = n;
                break;
            }
        if (len + step >= size)
            break;
        if (skills__text_ok(slice_sub(text, 0, step), 1, step, lines)) {
            memcpy(out + len, text.bytes, step);
            len += step;
        } else if (text.bytes[0] != '\r') {
            out[len++] = ' ';
        }
        text = slice_sub(text, step, text.len);
    }
    out[len] = '\0';
}

static enum rc name_it(struct skills__publication *p)
{
    const struct skill_front *front = skill_package_front(p->what->package);
    const struct slice given = p->what->slug;

    if (given.len > 0 && !slice_equal(given, front->name)) {
        buf_printf(p->why, "SKILL.md has the name %.*s, not %.*s",
                   SLICE_FMT(front->name), SLICE_FMT(given));
        return RC_BAD_INPUT;
    }
    if (!skill_slug_ok(front->name))
        return fail(p, RC_BAD_INPUT,
                    "a name is 1 to 64 of a-z, 0-9 and single hyphens");
    p->slug = front->name;
    p->number = p->what->version.len > 0 ? p->what->version : front->version;
    if (p->number.len == 0)
        return fail(p, RC_BAD_INPUT, "there is no version, in SKILL.md or beside it");
    if (skill_semver_parse(&p->semver, p->number) != RC_OK)
        return fail(p, RC_BAD_INPUT, "the version is not one of SemVer (1.2.3)");
    return RC_OK;
}

static enum rc check_lengths(struct skills__publication *p)
{
    const struct skill_submission *what = p->what;

    if (what->changelog.len > SKILL_CHANGELOG_MAX)
        return fail(p, RC_BAD_INPUT, "the changelog is longer than 1,024 bytes");
    if (what->tags.len > SKILL_TAGS_MAX)
        return fail(p, RC_BAD_INPUT, "the tags are longer than 256 bytes");
    if (!skills__text_ok(what->display, 0, SKILL_SLUG_MAX, false))
        return fail(p, RC_BAD_INPUT,
                    "the display name is not a text of up to 64 bytes");
    return RC_OK;
}

static void describe(struct skills__publication *p)
{
    const struct skill_front *front = skill_package_front(p->what->package);
    struct skills__version_record *r = &p->record;

    memset(r, 0, sizeof(*r));
    memcpy(r->names.publisher, p->publisher.handle, sizeof(r->names.publisher));
    memcpy(r->names.slug, p->slug.bytes, p->slug.len);
    memcpy(r->v.version, p->number.bytes, p->number.len);
    copy_text(r->v.changelog, sizeof(r->v.changelog), p->what->changelog, true);
    copy_text(r->summary, sizeof(r->summary), front->description, true);
    copy_text(r->tags, sizeof(r->tags), p->what->tags, false);
    copy_text(r->license, sizeof(r->license), front->license, false);
    r->v.bytes = skill_package_bytes(p->what->package);
    r->v.file_count = (unsigned)skill_package_count(p->what->package);
    skill_package_fingerprint(r->v.fingerprint, p->what->package);
    skills__note_tools(r, front->allowed_tools);
}

/* ---- Whether it can be one ---- */

/* The skill is claimed, or the lock is held. RC_OK with p->repeated: it is there. */
static enum rc check_versions(struct skills__publication *p,
                              const struct skills__skill *skill)
{
    const struct skills__version *same = skills__version_find(skill, p->number);
    struct skill_semver latest;

    if (same != NULL) {
        p->repeated =
            memcmp(skills__version_fingerprint(skills__version_value(same)),
                   p->record.v.fingerprint, sizeof(p->record.v.fingerprint)) == 0;
        if (p->repeated)
            return RC_OK;
        return fail(p, RC_EXISTS,
                    "this version is there with other files; versions never change");
    }
    if (skill->versions.count >= SKILLS__VERSIONS_MAX)
        return fail(p, RC_FULL, "a skill has at most 1,000 versions");
    if (skill->latest == NULL)
        return RC_OK;
    if (skill_semver_parse(&latest, skill->latest->number) != RC_OK)
        return RC_INTERNAL;
    if (skill_semver_cmp(&p->semver, &latest) > 0)
        return RC_OK;
    buf_printf(p->why, "%.*s is not above the latest version, %.*s",
               SLICE_FMT(p->number), SLICE_FMT(skill->latest->number));
    return RC_STALE;
}

static enum rc look_ahead(struct skills__publication *p)
{
    const struct skills__skill *skill;
    enum rc rc = RC_OK;

    skills__read_lock(p->s);
    skill = skills__skill_find(p->s, slice_str(p->publisher.handle), p->slug);
    if (skill != NULL)
        rc = check_versions(p, skill);
    skills__unlock(p->s);
    return rc;
}

static enum rc check_signature(struct skills__publication *p)
{
    const struct skill_signed what = {slice_str(p->publisher.handle), p->slug,
                                      p->number};
    struct skill_version *v = &p->record.v;
    struct buf text;
    enum rc rc;

    if (p->what->signature == NULL && !p->publisher.signature_required)
        return RC_OK;
    if (p->what->signature == NULL)
        return fail(p, RC_FORBIDDEN,
                    "the publisher signs its versions; this one is not");
    if (!p->publisher.has_key)
        return fail(p, RC_FORBIDDEN, "it is signed, but the publisher has no key");
    buf_init(&text, MANIFEST_MAX);
    skill_signed_text(&text, &what, p->what->package);
    rc = buf_spent(&text) ? RC_NOMEM
                          : skill_signature_check(p->publisher.key, p->what->signature,
                                                  buf_slice(&text));
    buf_free(&text);
    if (rc == RC_FORBIDDEN)
        buf_append_str(p->why, "the signature is not one of the publisher's key over "
                               "these files under this name and version");
    TRY(rc);
    v->is_signed = true;
    memcpy(v->key, p->publisher.key, sizeof(v->key));
    memcpy(v->signature, p->what->signature, sizeof(v->signature));
    return RC_OK;
}

/* ---- Keeping it ---- */

static enum rc keep_blobs(struct skills__publication *p)
{
    struct blobs *blobs = skills_blobs(p->s);
    struct skill_version *v = &p->record.v;
    struct buf zip, manifest;
    enum rc rc;

    buf_init(&zip, SKILL_ARCHIVE_BYTES_MAX);
    buf_init(&manifest, MANIFEST_MAX);
    rc = skill_package_zip(&zip, p->what->package);
    skill_package_manifest(&manifest, p->what->package);
    if (rc == RC_OK && buf_spent(&manifest))
        rc = RC_TOO_BIG;
    if (rc == RC_OK)
        rc = blobs_put(v->package, blobs, buf_slice(&zip));
    if (rc == RC_OK)
        rc = blobs_put(v->manifest, blobs, buf_slice(&manifest));
    v->zip_bytes = buf_len(&zip);
    buf_free(&zip);
    buf_free(&manifest);
    if (rc != RC_OK)
        buf_append_str(p->why, "the files cannot be kept");
    return rc;
}

static void describe_skill(struct skills__skill_record *out,
                           const struct skills__publication *p, uint64_t now_us)
{
    const bool is_first = p->skill->record_version == 0;
    const bool is_listed = p->record.v.state == SKILL_LISTED;

    if (is_first) {
        *out = (struct skills__skill_record){.created_us = now_us};
        skills__names_of(&out->names, p->skill);
        out->state = is_listed ? SKILL_LISTED : SKILL_PENDING;
        memcpy(out->display, p->skill->slug, strlen(p->skill->slug));
    } else {
        skills__record_of(out, p->skill);
    }
    /* What waits must not change how the skill looks. */
    if (p->what->display.len > 0 && (is_first || is_listed)) {
        memset(out->display, 0, sizeof(out->display));
        memcpy(out->display, p->what->display.bytes, p->what->display.len);
    }
    out->updated_us = now_us;
}

static enum rc keep(struct skills__publication *p)
{
    struct skills__change change = {.skill = p->skill};
    const uint64_t now_us = ledger_now_us(p->s->ledger);
    char overview[sizeof(p->record.v.overview)];
    enum rc rc;

    TRY(keep_blobs(p));
    copy_text(overview, sizeof(overview), buf_slice(&p->words), true);
    memcpy(p->record.v.overview, overview, sizeof(overview));
    p->record.v.created_us = now_us;
    describe_skill(&change.record, p, now_us);
    TRY(skills__version_new(&change.version, &p->record, 1));
    rc = skills__change(p->s, &change);
    free(change.version);
    if (rc != RC_OK)
        buf_append_str(p->why, "the records cannot be kept");
    return rc;
}

/* ---- The order of it ---- */

static size_t skills_of(const struct skills *s, const struct skill_publisher *by)
{
    const size_t first = skills__by_names(s, slice_str(by->handle), SLICE_NONE);
    size_t i = first;

    while (i < s->skills.count &&
           ((const struct skills__skill *)s->skills.items[i])->by == by)
        i++;
    return i - first;
}

/* Its place in memory, made if there is none. */
static enum rc take_place(struct skills__publication *p)
{
    struct skills *s = p->s;
    const struct skill_publisher *by;
    enum rc rc = RC_OK;

    skills__write_lock(s);
    by = skills__publisher_find(s, slice_str(p->publisher.handle));
    assert(by != NULL); /* none ever goes */
    p->skill = skills__skill_find(s, slice_str(by->handle), p->slug);
    if (p->skill == NULL && skills_of(s, by) >= SKILLS__OF_PUBLISHER_MAX)
        rc = RC_FULL;
    else if (p->skill == NULL)
        rc = skills__add(&p->skill, s, by, p->slug);
    skills__unlock(s);
    return rc == RC_FULL ? fail(p, rc, "a publisher has at most 1,000 skills") : rc;
}

static enum rc publish_claimed(struct skills__publication *p)
{
    TRY(check_versions(p, p->skill));
    if (p->repeated)
        return RC_OK;
    TRY(skills__review(p));
    return keep(p);
}

static enum rc publish(struct skills__publication *p)
{
    enum rc rc;

    TRY(name_it(p));
    TRY(check_lengths(p));
    describe(p);
    TRY(look_ahead(p));
    if (p->repeated)
        return RC_OK;
    TRY(check_signature(p));
    skill_rules_run(&p->verdict, p->what->package);
    TRY(take_place(p));
    skills__claim(p->s, p->skill);
    rc = publish_claimed(p);
    skills__release(p->s, p->skill);
    return rc;
}

static enum rc read_back(struct skill_published *out, struct skills__publication *p)
{
    const struct slice handle = slice_str(p->publisher.handle);

    out->repeated = p->repeated;
    TRY(skill_get(&out->skill, p->s, handle, p->slug, SKILL_BY_OWNER));
    return skill_version_get(&out->version, p->s, handle, p->slug, p->number,
                             SKILL_BY_OWNER);
}

enum rc skill_publish(struct skill_published *out, struct skills *s,
                      const struct skill_submission *what, struct buf *why)
{
    struct skills__publication *p = calloc(1, sizeof(*p));
    enum rc rc;

    if (p == NULL)
        return RC_NOMEM;
    p->s = s;
    p->what = what;
    p->why = why;
    buf_init_lent(&p->words, p->words_room, sizeof(p->words_room));
    rc = skill_publisher_get(&p->publisher, s, what->publisher);
    if (rc != RC_OK)
        rc = fail(p, rc, "there is no such publisher");
    else if (p->publisher.suspended)
        rc = fail(p, RC_FORBIDDEN, "the publisher is suspended");
    else
        rc = publish(p);
    if (rc == RC_OK)
        rc = read_back(out, p);
    free(p);
    return rc;
}
