/* SPDX-License-Identifier: Apache-2.0 */
/* The encodings of skills, their versions and offers: as record.c's. */
#include "skills/record.h"

#include "base/codec.h"
#include "base/field.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

enum { /* flag bits of the records */
    FLAG_SIGNED = 1,
    FLAG_SUSPICIOUS = 2,
    FLAG_MANY_TOOLS = 4,
    FLAG_PENDING = 1,
    FLAG_PER_CALL = 1,
    FLAG_DEFINITION = 2
};

/* States on disk; never renumbered. */
enum {
    STORED_PENDING = 1,
    STORED_LISTED = 2,
    STORED_WITHDRAWN = 3,
    STORED_QUARANTINED = 4
};

/* Where the hashes of a version stand: behind its version byte, flags, state, counts
 * and times. */
enum {
    HASHES_AT = 1 + 1 + 1 + 4 + 8 + 8 + 8,
    HASH_LEN = SHA256_LEN
};

/* A text whose length stands before it, in `size` bytes. */
static void put_text(struct field_out *o, const char *text, size_t size)
{
    const size_t len = strlen(text);

    field_put_uint(o, len, size);
    field_put_bytes(o, text, len);
}

static void take_text(struct field_in *i, char *out, size_t out_size, size_t size)
{
    const size_t len = (size_t)field_take_uint(i, size);

    field_take_exact(i, out, len, out_size);
}

/* ---- States ---- */

static unsigned stored(enum skill_state state)
{
    switch (state) {
    case SKILL_PENDING:
        return STORED_PENDING;
    case SKILL_LISTED:
        return STORED_LISTED;
    case SKILL_WITHDRAWN:
        return STORED_WITHDRAWN;
    case SKILL_QUARANTINED:
        break;
    }
    return STORED_QUARANTINED;
}

static enum skill_state take_state(struct field_in *i)
{
    switch (field_take_uint(i, 1)) {
    case STORED_PENDING:
        return SKILL_PENDING;
    case STORED_LISTED:
        return SKILL_LISTED;
    case STORED_WITHDRAWN:
        return SKILL_WITHDRAWN;
    case STORED_QUARANTINED:
        return SKILL_QUARANTINED;
    default:
        i->bad = true;
        return SKILL_QUARANTINED;
    }
}

/* ---- Names and keys ---- */

static void hash_names(uint8_t key[SKILLS__KEY_LEN], struct slice publisher,
                       struct slice slug, struct slice version)
{
    char text[SKILL_REF_SIZE];
    int len = snprintf(text, sizeof(text), "%.*s/%.*s", SLICE_FMT(publisher),
                       SLICE_FMT(slug));

    if (version.len > 0)
        len = snprintf(text, sizeof(text), "%.*s/%.*s@%.*s", SLICE_FMT(publisher),
                       SLICE_FMT(slug), SLICE_FMT(version));
    assert(len > 0 && (size_t)len < sizeof(text));
    sha256(key, slice_from(text, (size_t)len));
}

void skills__skill_key(uint8_t key[SKILLS__KEY_LEN], struct slice publisher,
                       struct slice slug)
{
    hash_names(key, publisher, slug, SLICE_NONE);
}

void skills__version_key(uint8_t key[SKILLS__KEY_LEN], struct slice publisher,
                         struct slice slug, struct slice version)
{
    hash_names(key, publisher, slug, version);
}

static void put_names(struct field_out *o, const struct skills__names *n)
{
    put_text(o, n->publisher, 1);
    put_text(o, n->slug, 1);
}

static void take_names(struct field_in *i, struct skills__names *n)
{
    take_text(i, n->publisher, sizeof(n->publisher), 1);
    take_text(i, n->slug, sizeof(n->slug), 1);
}

static bool names_ok(const struct skills__names *n)
{
    return skill_publisher_ok(slice_str(n->publisher)) &&
           skill_slug_ok(slice_str(n->slug));
}

bool skills__key_fits(struct slice key, const struct skills__names *n,
                      const char *version)
{
    uint8_t expected[SKILLS__KEY_LEN];

    hash_names(expected, slice_str(n->publisher), slice_str(n->slug),
               slice_str(version));
    return slice_equal(key, slice_from((const char *)expected, sizeof(expected)));
}

/* ---- Skills ---- */

static bool skill_ok(const struct skills__skill_record *r)
{
    return names_ok(&r->names) &&
           skills__text_ok(slice_str(r->display), 1, SKILL_SLUG_MAX, false);
}

struct slice skills__skill_encode(uint8_t *value, const struct skills__skill_record *r)
{
    struct field_out o;

    assert(skill_ok(r));
    field_put_start(&o, value, LEDGER_VALUE_MAX);
    field_put_uint(&o, FIELD_RECORD_VERSION, 1);
    field_put_uint(&o, stored(r->state), 1);
    field_put_uint(&o, r->created_us, 8);
    field_put_uint(&o, r->updated_us, 8);
    put_names(&o, &r->names);
    put_text(&o, r->display, 1);
    return field_put_end(&o);
}

enum rc skills__skill_decode(struct skills__skill_record *out, struct slice value)
{
    struct field_in i = field_take_start(value);
    struct skills__skill_record r = {.state = SKILL_PENDING};

    field_take_version(&i);
    r.state = take_state(&i);
    r.created_us = field_take_uint(&i, 8);
    r.updated_us = field_take_uint(&i, 8);
    take_names(&i, &r.names);
    take_text(&i, r.display, sizeof(r.display), 1);
    TRY(field_take_end(&i));
    if (!skill_ok(&r))
        return RC_CORRUPT;
    *out = r;
    return RC_OK;
}

/* ---- Versions ---- */

static bool tools_ok(const struct skills__version_record *r)
{
    if (r->tool_count > SKILLS__TOOLS_MAX ||
        (r->many_tools && r->tool_count != SKILLS__TOOLS_MAX))
        return false;
    for (unsigned i = 1; i < r->tool_count; i++)
        if (memcmp(r->tools[i - 1], r->tools[i], SKILLS__TOOL_LEN) >= 0)
            return false;
    return true;
}

static bool version_ok(const struct skills__version_record *r)
{
    struct skill_semver semver;

    return names_ok(&r->names) && tools_ok(r) && r->v.file_count > 0 &&
           skill_semver_parse(&semver, slice_str(r->v.version)) == RC_OK &&
           skills__text_ok(slice_str(r->license), 0, SKILLS__LICENSE_MAX, false) &&
           skills__text_ok(slice_str(r->tags), 0, SKILL_TAGS_MAX, false) &&
           skills__text_ok(slice_str(r->summary), 0, SKILL_DESCRIPTION_MAX, true) &&
           skills__text_ok(slice_str(r->v.changelog), 0, SKILL_CHANGELOG_MAX, true) &&
           skills__text_ok(slice_str(r->v.overview), 1, SKILL_OVERVIEW_MAX, true);
}

struct slice skills__version_encode(uint8_t *value,
                                    const struct skills__version_record *r)
{
    const struct skill_version *v = &r->v;
    struct field_out o;

    assert(version_ok(r));
    field_put_start(&o, value, LEDGER_VALUE_MAX);
    field_put_uint(&o, FIELD_RECORD_VERSION, 1);
    field_put_uint(&o,
                   (v->is_signed ? FLAG_SIGNED : 0U) |
                       (v->suspicious ? FLAG_SUSPICIOUS : 0U) |
                       (r->many_tools ? FLAG_MANY_TOOLS : 0U),
                   1);
    field_put_uint(&o, stored(v->state), 1);
    field_put_uint(&o, v->file_count, 4);
    field_put_uint(&o, v->zip_bytes, 8);
    field_put_uint(&o, v->bytes, 8);
    field_put_uint(&o, v->created_us, 8);
    assert(o.len == HASHES_AT);
    field_put_bytes(&o, v->package, sizeof(v->package));
    field_put_bytes(&o, v->manifest, sizeof(v->manifest));
    field_put_bytes(&o, v->fingerprint, sizeof(v->fingerprint));
    if (v->is_signed) {
        field_put_bytes(&o, v->key, sizeof(v->key));
        field_put_bytes(&o, v->signature, sizeof(v->signature));
    }
    put_names(&o, &r->names);
    put_text(&o, v->version, 1);
    field_put_uint(&o, r->tool_count, 1);
    field_put_bytes(&o, r->tools, (size_t)r->tool_count * SKILLS__TOOL_LEN);
    put_text(&o, r->license, 1);
    put_text(&o, r->tags, 2);
    put_text(&o, r->summary, 2);
    put_text(&o, v->changelog, 2);
    put_text(&o, v->overview, 2);
    return field_put_end(&o);
}

static enum rc take_version(struct skills__version_record *r, struct slice value)
{
    struct field_in i = field_take_start(value);
    struct skill_version *v = &r->v;
    unsigned flags;

    memset(r, 0, sizeof(*r));
    field_take_version(&i);
    flags = field_take_flags(&i, FLAG_SIGNED | FLAG_SUSPICIOUS | FLAG_MANY_TOOLS);
    v->is_signed = (flags & FLAG_SIGNED) != 0;
    v->suspicious = (flags & FLAG_SUSPICIOUS) != 0;
    r->many_tools = (flags & FLAG_MANY_TOOLS) != 0;
    v->state = take_state(&i);
    v->file_count = (unsigned)field_take_uint(&i, 4);
    v->zip_bytes = field_take_uint(&i, 8);
    v->bytes = field_take_uint(&i, 8);
    v->created_us = field_take_uint(&i, 8);
    field_take_bytes(&i, v->package, sizeof(v->package));
    field_take_bytes(&i, v->manifest, sizeof(v->manifest));
    field_take_bytes(&i, v->fingerprint, sizeof(v->fingerprint));
    if (v->is_signed) {
        field_take_bytes(&i, v->key, sizeof(v->key));
        field_take_bytes(&i, v->signature, sizeof(v->signature));
    }
    take_names(&i, &r->names);
    take_text(&i, v->version, sizeof(v->version), 1);
    r->tool_count = (unsigned)field_take_uint(&i, 1);
    if (r->tool_count > SKILLS__TOOLS_MAX)
        return RC_CORRUPT;
    field_take_bytes(&i, r->tools, (size_t)r->tool_count * SKILLS__TOOL_LEN);
    take_text(&i, r->license, sizeof(r->license), 1);
    take_text(&i, r->tags, sizeof(r->tags), 2);
    take_text(&i, r->summary, sizeof(r->summary), 2);
    take_text(&i, v->changelog, sizeof(v->changelog), 2);
    take_text(&i, v->overview, sizeof(v->overview), 2);
    return field_take_end(&i);
}

enum rc skills__version_decode(struct skills__version_record *out, struct slice value)
{
    TRY(take_version(out, value));
    return version_ok(out) ? RC_OK : RC_CORRUPT;
}

void skills__version_read(struct skills__version_record *out, struct slice value)
{
    enum rc rc = take_version(out, value);

    assert(rc == RC_OK);
    (void)rc;
}

static const uint8_t *hash_at(struct slice value, size_t index)
{
    assert(value.len >= HASHES_AT + 3 * HASH_LEN);
    return (const uint8_t *)value.bytes + HASHES_AT + index * HASH_LEN;
}

const uint8_t *skills__version_package(struct slice value)
{
    return hash_at(value, 0);
}

const uint8_t *skills__version_manifest(struct slice value)
{
    return hash_at(value, 1);
}

const uint8_t *skills__version_fingerprint(struct slice value)
{
    return hash_at(value, 2);
}

/* ---- Offers ---- */

static bool terms_ok(const struct skill_terms *t)
{
    return (t->has_per_call || money_is_zero(t->per_call)) &&
           (t->has_definition || skills__is_zero(t->definition, sizeof(t->definition)));
}

static bool terms_empty(const struct skill_terms *t)
{
    return terms_ok(t) && money_is_zero(t->per_install) &&
           money_is_zero(t->per_month) && !t->has_per_call && !t->has_definition;
}

static bool offer_ok(const struct skill_offer *o)
{
    for (unsigned i = 0; i < o->told_count; i++)
        if (!terms_ok(&o->told[i].terms))
            return false;
    return terms_ok(&o->now) && terms_ok(&o->next) &&
           (o->pending || (terms_empty(&o->next) && o->next_base_url[0] == '\0')) &&
           skills__text_ok(slice_str(o->base_url), 0, sizeof(o->base_url) - 1, false) &&
           skills__text_ok(slice_str(o->next_base_url), 0, sizeof(o->next_base_url) - 1,
                           false);
}

static void put_terms(struct field_out *o, const struct skill_terms *t)
{
    field_put_uint(o,
                   (t->has_per_call ? FLAG_PER_CALL : 0U) |
                       (t->has_definition ? FLAG_DEFINITION : 0U),
                   1);
    field_put_uint(o, money_to_nano(t->per_install), 8);
    field_put_uint(o, money_to_nano(t->per_month), 8);
    field_put_uint(o, money_to_nano(t->per_call), 8);
    field_put_bytes(o, t->definition, sizeof(t->definition));
}

static void take_terms(struct field_in *i, struct skill_terms *t)
{
    const unsigned flags = field_take_flags(i, FLAG_PER_CALL | FLAG_DEFINITION);

    t->has_per_call = (flags & FLAG_PER_CALL) != 0;
    t->has_definition = (flags & FLAG_DEFINITION) != 0;
    t->per_install = money_from_nano(field_take_uint(i, 8));
    t->per_month = money_from_nano(field_take_uint(i, 8));
    t->per_call = money_from_nano(field_take_uint(i, 8));
    field_take_bytes(i, t->definition, sizeof(t->definition));
}

struct slice skills__offer_encode(uint8_t *value, const struct skills__names *names,
                                  const struct skill_offer *offer)
{
    struct field_out o;

    assert(names_ok(names) && offer_ok(offer));
    field_put_start(&o, value, LEDGER_VALUE_MAX);
    field_put_uint(&o, FIELD_RECORD_VERSION, 1);
    field_put_uint(&o, offer->pending ? FLAG_PENDING : 0U, 1);
    field_put_uint(&o, offer->number, 8);
    field_put_uint(&o, offer->since_us, 8);
    put_terms(&o, &offer->now);
    put_terms(&o, &offer->next);
    field_put_uint(&o, offer->told_count, 1);
    for (unsigned i = 0; i < offer->told_count; i++) {
        field_put_uint(&o, offer->told[i].until_us, 8);
        put_terms(&o, &offer->told[i].terms);
    }
    put_names(&o, names);
    put_text(&o, offer->base_url, 1);
    put_text(&o, offer->next_base_url, 1);
    return field_put_end(&o);
}

enum rc skills__offer_decode(struct skills__names *names, struct skill_offer *out,
                             struct slice value)
{
    struct field_in i = field_take_start(value);
    struct skill_offer o = {.version = 0};
    struct skills__names n;

    field_take_version(&i);
    o.pending = field_take_flags(&i, FLAG_PENDING) != 0;
    o.number = field_take_uint(&i, 8);
    o.since_us = field_take_uint(&i, 8);
    take_terms(&i, &o.now);
    take_terms(&i, &o.next);
    o.told_count = (unsigned)field_take_uint(&i, 1);
    if (o.told_count > SKILL_TOLD_MAX)
        return RC_CORRUPT;
    for (unsigned t = 0; t < o.told_count; t++) {
        o.told[t].until_us = field_take_uint(&i, 8);
        take_terms(&i, &o.told[t].terms);
    }
    take_names(&i, &n);
    take_text(&i, o.base_url, sizeof(o.base_url), 1);
    take_text(&i, o.next_base_url, sizeof(o.next_base_url), 1);
    TRY(field_take_end(&i));
    if (!names_ok(&n) || !offer_ok(&o))
        return RC_CORRUPT;
    *names = n;
    *out = o;
    return RC_OK;
}
