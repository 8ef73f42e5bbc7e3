/* SPDX-License-Identifier: Apache-2.0 */
/* A publisher's signature over one version: Ed25519 (RFC 8032) over
 *
 *   "octroi-skill-v1\n" PUBLISHER "/" SLUG "@" VERSION "\n"
 *   SHA256HEX "  " PATH "\n"   for each file, sorted by the bytes of the paths
 *
 * So it is good for this skill, this version and these files only: neither a file nor a
 * name nor an older signature can be put in its place. Pure. */
#ifndef SKILLS_SIGNATURE_H
#define SKILLS_SIGNATURE_H

#include <stdint.h>

#include "base/buf.h"
#include "base/rc.h"
#include "base/slice.h"
#include "skills/package.h"

enum {
    SKILL_KEY_LEN = 32, /* of a public key, and of the seed of a private one */
    SKILL_SIGNATURE_LEN = 64
};

struct skill_signed { /* what is signed, besides the files */
    struct slice publisher, slug, version;
};

void skill_signed_text(struct buf *out, const struct skill_signed *what,
                       const struct skill_package *p);
/* RC_FORBIDDEN: not by this key, or the key is one that takes anything. */
MUST_CHECK enum rc skill_signature_check(const uint8_t public_key[SKILL_KEY_LEN],
                                         const uint8_t signature[SKILL_SIGNATURE_LEN],
                                         struct slice text);
MUST_CHECK enum rc skill_sign(uint8_t signature[SKILL_SIGNATURE_LEN],
                              const uint8_t seed[SKILL_KEY_LEN], struct slice text);
MUST_CHECK enum rc skill_public_key(uint8_t out[SKILL_KEY_LEN],
                                    const uint8_t seed[SKILL_KEY_LEN]);

#endif
