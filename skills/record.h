/* SPDX-License-Identifier: Apache-2.0 */
/* The ledger records of the catalogue and their encodings. docs/skills-store.md
 * describes the same for readers of a store. Private to skills/. */
#ifndef SKILLS_RECORD_H
#define SKILLS_RECORD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ledger/ledger.h"
#include "skills/catalog.h"
#include "skills/offer.h"
#include "skills/publisher.h"

/* Kinds of ledger records; 32 to 63 are this folder's. Never renumbered. */
enum {
    SKILLS__KIND_PUBLISHER = 32, /* handle -> struct skill_publisher */
    SKILLS__KIND_SKILL = 33,     /* hash of its names -> struct skills__skill_record */
    SKILLS__KIND_VERSION = 34,   /* and its number -> struct skills__version_record */
    SKILLS__KIND_OFFER = 35      /* hash of a skill's names -> struct skill_offer */
};

enum {
    SKILLS__PPM = 1000000,
    SKILLS__KEY_LEN = 32,   /* of a record's key that is made from names */
    SKILLS__TOOLS_MAX = 32, /* of a version that are kept; with more it has "many" */
    SKILLS__TOOL_LEN = 8,
    SKILLS__LICENSE_MAX = 64
};

/* The names of what a record is about. */
struct skills__names {
    char publisher[SKILL_PUBLISHER_MAX + 1];
    char slug[SKILL_SLUG_MAX + 1];
};

/* Which version is the latest, and what it says, follows from the versions. */
struct skills__skill_record {
    struct skills__names names;
    char display[SKILL_SLUG_MAX + 1];
    enum skill_state state;
    uint64_t created_us, updated_us;
};

struct skills__version_record {
    struct skills__names names;
    struct skill_version v;
    char summary[SKILL_DESCRIPTION_MAX + 1];
    char tags[SKILL_TAGS_MAX + 1];
    char license[SKILLS__LICENSE_MAX + 1];
    /* What it wants to be allowed: the first bytes of the SHA-256 of each word of
     * `allowed-tools`, sorted, none twice. */
    bool many_tools; /* more than are kept */
    unsigned tool_count;
    uint8_t tools[SKILLS__TOOLS_MAX][SKILLS__TOOL_LEN];
};

/* Encoders write to value (LEDGER_VALUE_MAX bytes of room) and return what they wrote;
 * they assert what the callers have checked. Decoders accept exactly what the encoders
 * write and nothing else: RC_CORRUPT. */
struct slice skills__publisher_encode(uint8_t *value, const struct skill_publisher *p);
/* version is not filled. */
MUST_CHECK enum rc skills__publisher_decode(struct skill_publisher *out,
                                            struct slice key, struct slice value);
/* Whether a publisher is one that may be kept. */
bool skills__publisher_ok(const struct skill_publisher *p);

void skills__skill_key(uint8_t key[SKILLS__KEY_LEN], struct slice publisher,
                       struct slice slug);
void skills__version_key(uint8_t key[SKILLS__KEY_LEN], struct slice publisher,
                         struct slice slug, struct slice version);
/* Whether a record with these names (version "": of a skill) belongs under key. */
bool skills__key_fits(struct slice key, const struct skills__names *n,
                      const char *version);
struct slice skills__skill_encode(uint8_t *value, const struct skills__skill_record *r);
MUST_CHECK enum rc skills__skill_decode(struct skills__skill_record *out,
                                        struct slice value);
struct slice skills__version_encode(uint8_t *value,
                                    const struct skills__version_record *r);
MUST_CHECK enum rc skills__version_decode(struct skills__version_record *out,
                                          struct slice value);
struct slice skills__offer_encode(uint8_t *value, const struct skills__names *names,
                                  const struct skill_offer *o);
/* version is not filled. */
MUST_CHECK enum rc skills__offer_decode(struct skills__names *names,
                                        struct skill_offer *out, struct slice value);

/* Of a version's record that was decoded once: all of it without looking again, and
 * (32 bytes each, in the value) the hashes alone. */
void skills__version_read(struct skills__version_record *out, struct slice value);
const uint8_t *skills__version_package(struct slice value);
const uint8_t *skills__version_manifest(struct slice value);
const uint8_t *skills__version_fingerprint(struct slice value);

/* UTF-8 without control characters (C0, DEL, C1), min to max bytes; `lines`: but with
 * line feeds and tabs. */
bool skills__text_ok(struct slice text, size_t min, size_t max, bool lines);
bool skills__is_zero(const uint8_t *bytes, size_t len);

#endif
