/* SPDX-License-Identifier: Apache-2.0 */
/* A skill's files in a folder: reading them into a package, and writing a package's
 * files into a new folder. Links are followed in neither direction. */
#ifndef CLI_PACKAGE_DIR_H
#define CLI_PACKAGE_DIR_H

#include "base/buf.h"
#include "base/rc.h"
#include "skills/skills.h"

/* Adds every plain file below dir. Names that begin with a dot (".git") are left out,
 * and told on stderr. RC_BAD_INPUT: a link or a device is there, or what
 * skill_package_add() refuses; RC_IO, RC_TOO_BIG. `why` has a line for people. */
MUST_CHECK enum rc package_dir_read(struct skill_package *p, const char *dir,
                                    struct buf *why);
/* Writes a sealed package to dir/name, which must not be there (RC_EXISTS); dir is made
 * if it is not. Nothing outside of dir/name is touched, whatever the paths say. RC_IO;
 * what was written until then stays. */
MUST_CHECK enum rc package_dir_write(const struct skill_package *p, const char *dir,
                                     const char *name, struct buf *why);

#endif
