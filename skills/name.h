/* SPDX-License-Identifier: Apache-2.0 */
/* Names and versions in the market: what is one, and which are so close to each other
 * that a reader would take one for the other. Pure. */
#ifndef SKILLS_NAME_H
#define SKILLS_NAME_H

#include <stdbool.h>
#include <stdint.h>

#include "base/rc.h"
#include "base/slice.h"

enum {
    SKILL_PUBLISHER_MAX = 39, /* bytes of a publisher's handle */
    SKILL_SLUG_MAX = 64,      /* bytes of a skill's name (agentskills.io) */
    SKILL_VERSION_MAX = 64,
    SKILL_REF_SIZE = SKILL_PUBLISHER_MAX + SKILL_SLUG_MAX + SKILL_VERSION_MAX + 3
};

/* [a-z0-9-], not at an end and not twice in a row a hyphen; the first for handles (2 to
 * 39), the second for skills (1 to 64, agentskills.io's `name`). */
bool skill_publisher_ok(struct slice handle);
bool skill_slug_ok(struct slice slug);

/* SemVer 2.0.0: "1.2.3", "1.2.3-rc.1+build". No range, no "latest", no leading "v". */
struct skill_semver {
    uint64_t major, minor, patch;
    struct slice pre; /* "rc.1"; none: a release */
};
MUST_CHECK enum rc skill_semver_parse(struct skill_semver *out, struct slice text);
/* SemVer's precedence (section 11); build metadata does not count. */
int skill_semver_cmp(const struct skill_semver *a, const struct skill_semver *b);

/* Whether a reader may take `a` for `b`: they differ, and at most two edits (insert,
 * delete, replace, swap of neighbours; one edit when the shorter is below 5 bytes) make
 * one of the other, or they are equal when look-alikes (0 o, 1 l i, 5 s, rn m, vv w)
 * and hyphens are set aside. (D23) */
bool skill_names_close(struct slice a, struct slice b);
/* The second half of it: equal when look-alikes and hyphens are set aside. */
bool skill_names_alike(struct slice a, struct slice b);

#endif
