/* SPDX-License-Identifier: Apache-2.0 */
/* The static rules that a package must pass before it is listed, and the verdict in
 * words. A table of patterns, each with the incident or case that taught it (ClawHavoc,
 * D25): a pipe from the net into a shell, credentials or .env read and sent, base64
 * into a shell, webhooks of known drop sites, persistence, "prerequisite" downloads,
 * text that is addressed to the model to hide what it does, zero-width characters.
 *
 * They prove nothing: a clean verdict says that nothing known was found, and no more.
 * Pure; time is linear in the package. */
#ifndef SKILLS_RULES_H
#define SKILLS_RULES_H

#include <stddef.h>

#include "base/buf.h"
#include "base/slice.h"
#include "skills/package.h"

enum skill_severity {
    SKILL_NOTE,       /* told, changes nothing */
    SKILL_SUSPICIOUS, /* it waits for the operator (pending) */
    SKILL_MALICIOUS   /* it is kept and never served (quarantined) */
};

struct skill_finding {
    const char *rule; /* stable: "pipe-to-shell" */
    enum skill_severity severity;
    const char *words; /* for people, without its place */
    struct slice path; /* in the package */
    unsigned line;     /* from 1; 0: the whole file */
};

enum {
    SKILL_FINDINGS_MAX = 64
};

struct skill_verdict {
    enum skill_severity worst; /* SKILL_NOTE when there is none */
    size_t count;              /* more than MAX are not kept */
    struct skill_finding findings[SKILL_FINDINGS_MAX];
};

void skill_rules_run(struct skill_verdict *out, const struct skill_package *p);
/* One paragraph, never empty, at most 1,000 bytes: "3 files, 2 KB. No known bad
 * pattern." or what was found where. */
void skill_verdict_words(struct buf *out, const struct skill_verdict *v,
                         const struct skill_package *p);

#endif
