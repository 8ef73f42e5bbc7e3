/* SPDX-License-Identifier: Apache-2.0 */
/* Skills and their versions. A slug is its publisher's own: two publishers may have the
 * same one only if the operator lets the second in (it is pending until then). */
#ifndef SKILLS_CATALOG_H
#define SKILLS_CATALOG_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/rc.h"
#include "base/slice.h"
#include "skills/front.h"
#include "skills/name.h"
#include "skills/signature.h"

struct skills;

enum skill_state {
    SKILL_PENDING,    /* waits for the operator; its publisher sees it */
    SKILL_LISTED,     /* found, installed, called */
    SKILL_WITHDRAWN,  /* by its publisher: not found; who bought it still gets it */
    SKILL_QUARANTINED /* by the rules or the operator: nobody gets it */
};

const char *skill_state_word(enum skill_state s); /* "pending", .. */

enum {
    SKILL_CHANGELOG_MAX = 1024,
    SKILL_OVERVIEW_MAX = 1024,
    SKILL_TAGS_MAX = 256 /* bytes: comma separated */
};

struct skill_version {
    char version[SKILL_VERSION_MAX + 1];
    enum skill_state state;
    uint8_t package[32];  /* blob: the zip */
    uint8_t manifest[32]; /* blob: skill_package_manifest() */
    uint8_t fingerprint[32];
    uint64_t zip_bytes, bytes; /* packed, unpacked */
    unsigned file_count;
    bool is_signed; /* by the publisher's key */
    uint8_t key[SKILL_KEY_LEN];
    uint8_t signature[SKILL_SIGNATURE_LEN];
    char changelog[SKILL_CHANGELOG_MAX + 1];
    char overview[SKILL_OVERVIEW_MAX + 1]; /* the verdict in words, never empty */
    bool suspicious;                       /* the rules had something to say */
    uint64_t created_us;
};

struct skill {
    char publisher[SKILL_PUBLISHER_MAX + 1];
    char slug[SKILL_SLUG_MAX + 1];
    char display[SKILL_SLUG_MAX + 1];
    char summary[SKILL_DESCRIPTION_MAX + 1]; /* of the newest listed version */
    char tags[SKILL_TAGS_MAX + 1];
    char license[65];
    enum skill_state state;
    char latest[SKILL_VERSION_MAX + 1]; /* the highest listed release; "": none */
    uint64_t created_us, updated_us;
    uint64_t installs; /* since the start of the process: for ranking only */
    uint64_t version;  /* of the record */
};

/* All from memory and fit for a loop. Only what `viewer` may see: others' pending,
 * withdrawn and quarantined ones are RC_NOT_FOUND; the operator and the publisher see
 * all. */
enum skill_viewer {
    SKILL_BY_ANYBODY,
    SKILL_BY_OWNER
};

/* publisher SLICE_NONE: whoever has the slug; RC_CONFLICT: more than one. */
MUST_CHECK enum rc skill_get(struct skill *out, struct skills *s,
                             struct slice publisher, struct slice slug,
                             enum skill_viewer viewer);
/* Every skill that the viewer may see, of one publisher or (SLICE_NONE) of all, in the
 * order of publishers and slugs, behind `after` ("publisher/slug"; SLICE_NONE: from the
 * first), until each() returns false; each() must not call back. */
typedef bool skill_list_fn(void *arg, const struct skill *skill);
MUST_CHECK enum rc skill_list(struct skills *s, struct slice publisher,
                              struct slice after, enum skill_viewer viewer,
                              skill_list_fn *each, void *arg);
/* version SLICE_NONE or "latest": the latest listed one. A withdrawn version is given
 * to who asks for it by number (so that a buyer gets it again). */
MUST_CHECK enum rc skill_version_get(struct skill_version *out, struct skills *s,
                                     struct slice publisher, struct slice slug,
                                     struct slice version, enum skill_viewer viewer);
/* The version with this fingerprint. */
MUST_CHECK enum rc skill_version_match(struct skill_version *out, struct skills *s,
                                       struct slice publisher, struct slice slug,
                                       const uint8_t fingerprint[32]);
/* Newest first, until each() returns false; each() must not call back. */
typedef bool skill_version_fn(void *arg, const struct skill_version *v);
MUST_CHECK enum rc skill_version_list(struct skills *s, struct slice publisher,
                                      struct slice slug, enum skill_viewer viewer,
                                      skill_version_fn *each, void *arg);

/* Waits. The operator's word on one version; version SLICE_NONE: on the skill as a
 * whole. Legal: PENDING -> LISTED, QUARANTINED; LISTED -> WITHDRAWN, QUARANTINED;
 * WITHDRAWN -> LISTED, QUARANTINED; QUARANTINED -> LISTED. Else RC_CONFLICT. A version
 * that is let in lets in its pending skill; a skill of which nothing is listed lets in
 * the highest of its versions that wait. */
MUST_CHECK enum rc skill_state_set(struct skills *s, struct slice publisher,
                                   struct slice slug, struct slice version,
                                   enum skill_state state);
/* Waits. The publisher's own word: LISTED -> WITHDRAWN, or `back`. Else RC_CONFLICT. */
MUST_CHECK enum rc skill_withdraw(struct skills *s, struct slice publisher,
                                  struct slice slug, struct slice version, bool back);
/* Counts an install, for ranking. Self-dealing (a buyer whose wallet is the
 * publisher's) is not to be told here (D27). */
void skill_installed(struct skills *s, struct slice publisher, struct slice slug);

#endif
