/* SPDX-License-Identifier: Apache-2.0 */
/* The front matter of a SKILL.md (agentskills.io, and what ClawHub adds to it): YAML
 * between two lines of "---" at the very start. Strict: UTF-8, one mapping, no anchors,
 * aliases or tags, no duplicate key; unknown keys are let through (other tools have
 * theirs) but counted. Pure. */
#ifndef SKILLS_FRONT_H
#define SKILLS_FRONT_H

#include <stdbool.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/rc.h"
#include "base/slice.h"

enum {
    SKILL_DESCRIPTION_MAX = 1024,
    SKILL_COMPATIBILITY_MAX = 500,
    SKILL_FRONT_MAX = 65536 /* bytes of YAML */
};

struct skill_front {
    struct slice name;                                      /* 1..64, skill_slug_ok() */
    struct slice description;                               /* 1..1024 */
    struct slice license, compatibility, version, homepage; /* SLICE_NONE: not given */
    struct slice allowed_tools; /* space separated, as written */
    struct slice body;          /* what follows the front matter */
};

/* Slices are in the arena or in `text`. RC_BAD_INPUT: `why` has one line for people. */
MUST_CHECK enum rc skill_front_parse(struct skill_front *out, struct arena *a,
                                     struct slice text, struct buf *why);

#endif
