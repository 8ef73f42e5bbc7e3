/* SPDX-License-Identifier: Apache-2.0 */
/* A publisher's key pair as two files: FILE, mode 0600, "ed25519-seed" and 64 hex
 * digits; FILE.pub, "ed25519" and 64 hex digits. The words are there so that nobody
 * hands out the wrong half. */
#ifndef CLI_KEY_FILE_H
#define CLI_KEY_FILE_H

#include <stdint.h>

#include "base/rc.h"
#include "skills/skills.h"

/* Makes both; hex: the public key. RC_EXISTS: one of them is there. RC_IO: errno. */
MUST_CHECK enum rc key_file_make(char hex[2 * SKILL_KEY_LEN + 1], const char *path);
/* The public key in hex. RC_FORBIDDEN: it is the private half. RC_NOT_FOUND, RC_IO;
 * RC_BAD_INPUT: it is neither. */
MUST_CHECK enum rc key_file_read_public(char hex[2 * SKILL_KEY_LEN + 1],
                                        const char *path);
/* The caller wipes seed. RC_FORBIDDEN: others can read the file; the rest as above. */
MUST_CHECK enum rc key_file_read_seed(uint8_t seed[SKILL_KEY_LEN], const char *path);

#endif
