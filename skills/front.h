/* SPDX-License-Identifier: Apache-2.0 */
/* The front matter of a SKILL.md (agentskills.io, and what ClawHub adds to it): YAML
 * between two lines of "---" at the very start. Strict: UTF-8, one mapping, no anchors,
 * aliases or tags, no duplicate key; a "$" is a letter. Unknown keys are let through:
 * other tools have theirs. Texts lose the white space around them and have no control
 * characters but line ends and tabs. Pure. */
#ifndef SKILLS_FRONT_H
#define SKILLS_FRONT_H

#include <stdbool.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/rc.h"
#include "base/slice.h"

enum {
    SKILL_DESCRIPTION_MAX = 1024, /* bytes, as are the others */
    SKILL_LICENSE_MAX = 64,
    SKILL_COMPATIBILITY_MAX = 500,
    SKILL_FRONT_MAX = 65536 /* bytes of YAML */
};

struct skill_front {
    struct slice name;                   /* 1..64, skill_slug_ok() */
    struct slice description;            /* 1..1024 */
    struct slice license, compatibility; /* SLICE_NONE: not given; so the next three */
    struct slice version;  /* as written: maybe no SemVer; else metadata's */
    struct slice homepage; /* "https://.." or "http://..", else as if not given; also
                              from metadata.openclaw */
    struct slice allowed_tools; /* space separated */
    struct slice body;          /* what follows the front matter */
};

/* Slices are in the arena, the body is in `text`. RC_BAD_INPUT: `why` has a line for
 * people, with the faults that were found first. RC_NOMEM. */
MUST_CHECK enum rc skill_front_parse(struct skill_front *out, struct arena *a,
                                     struct slice text, struct buf *why);

#endif
