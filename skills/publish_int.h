/* SPDX-License-Identifier: Apache-2.0 */
/* A version on its way into the catalogue. Private to skills/. */
#ifndef SKILLS_PUBLISH_INT_H
#define SKILLS_PUBLISH_INT_H

#include "base/buf.h"
#include "skills/publish.h"
#include "skills/skills_int.h"

struct skills__publication {
    struct skills *s;
    const struct skill_submission *what;
    struct buf *why;
    struct skill_publisher publisher; /* as it was at the start */
    struct slice slug, number;
    struct skill_semver semver;
    bool repeated;
    struct skill_verdict verdict;
    struct skills__skill *skill; /* claimed */
    struct skills__version_record record;
    struct buf words; /* of the overview */
    char words_room[4096];
};

/* What the words of `allowed-tools` are in a record. */
void skills__note_tools(struct skills__version_record *r, struct slice allowed_tools);
/* Decides on the state of a new version, and says why in p->words. Waits for nothing.
 */
MUST_CHECK enum rc skills__review(struct skills__publication *p);

#endif
