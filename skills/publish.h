/* SPDX-License-Identifier: Apache-2.0 */
/* A new version of a skill: everything that is checked before it is kept. */
#ifndef SKILLS_PUBLISH_H
#define SKILLS_PUBLISH_H

#include <stdbool.h>

#include "base/buf.h"
#include "base/rc.h"
#include "base/slice.h"
#include "skills/catalog.h"
#include "skills/package.h"
#include "skills/rules.h"

struct skills;

enum skill_review {
    SKILL_REVIEW_FINDINGS, /* only what the rules or the names make suspicious waits */
    SKILL_REVIEW_NEW,      /* and a publisher's first version of each skill */
    SKILL_REVIEW_ALL
};

struct skill_submission {
    struct slice publisher;
    struct slice slug;    /* none: the front matter's name; else it must be equal */
    struct slice display; /* none: the slug */
    struct slice version; /* none: the front matter's */
    struct slice changelog;
    struct slice tags;
    const uint8_t *signature;            /* NULL: none */
    const struct skill_package *package; /* sealed */
    enum skill_review review;
};

struct skill_published {
    struct skill skill;
    struct skill_version version;
    bool repeated; /* the same files under the same version were there: no change */
};

/* Waits. Writes the blobs, then one command with the records. RC_OK also for what is
 * now pending or quarantined (out->version.state, .overview). Otherwise `why` has a
 * line: RC_BAD_INPUT; RC_NOT_FOUND: no such publisher; RC_EXISTS: the version is there
 * with other files; RC_STALE: a version that is not above the latest (downgrade);
 * RC_FORBIDDEN: the signature is wrong or missing, or the publisher is suspended;
 * RC_FULL. */
MUST_CHECK enum rc skill_publish(struct skill_published *out, struct skills *s,
                                 const struct skill_submission *what, struct buf *why);

#endif
