/* SPDX-License-Identifier: Apache-2.0 */
/* "acme/pdf@1.2.3": how a line names a skill, and one version of it. */
#ifndef CLI_SKILL_REF_H
#define CLI_SKILL_REF_H

#include "cli/client.h"
#include "skills/skills.h"

struct skill_ref {
    char publisher[SKILL_PUBLISHER_MAX + 1];
    char slug[SKILL_SLUG_MAX + 1];
    char version[SKILL_VERSION_MAX + 1]; /* "": none */
};

/* CLI_OK, or CLI_USAGE with words. */
int skill_ref_parse(struct skill_ref *out, const struct cli *c, const char *text,
                    bool with_version);
/* A call of "/admin/v1/skills/acme/pdf", and of what is behind it (NULL: nothing). */
void skill_ref_start(struct client_request *q, const char *method,
                     const struct skill_ref *ref, const char *behind);
/* Fails with the words of `why`, or of rc where there are none. */
int skill_ref_fail(const struct cli *c, enum rc rc, const struct buf *why);

#endif
