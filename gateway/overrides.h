/* SPDX-License-Identifier: Apache-2.0 */
/* DATA_DIR/prices.json, as `octroi price set` keeps it: reading, editing and replacing
 * its text. What it means is read with the configuration (config_sources.c). */
#ifndef GATEWAY_OVERRIDES_H
#define GATEWAY_OVERRIDES_H

#include <stdbool.h>

#include "base/buf.h"
#include "base/rc.h"
#include "base/slice.h"

enum {
    OVERRIDES_MAX = 1024 * 1024 /* bytes of the file */
};

/* Appends the file's text; nothing where there is none. RC_IO, RC_TOO_BIG. */
MUST_CHECK enum rc overrides_read(struct buf *out, const char *data_dir);

struct override {
    struct slice model; /* as clients name it */
    struct slice from;  /* RFC 3339; empty: since ever */
    struct slice price; /* JSON that the guard has passed; empty: drops all of model */
};

/* The text with that row in it, in place of one of the same model and date; every other
 * row stays byte for byte. *dropped: rows that are not there any more. RC_BAD_INPUT:
 * old is not as this makes it (somebody has edited it by hand). RC_TOO_BIG, RC_NOMEM.
 */
MUST_CHECK enum rc overrides_edit(struct buf *out, size_t *dropped, struct slice old,
                                  const struct override *o);

/* Puts the text in the file's place, at once and durably; empty: removes it. RC_IO. */
MUST_CHECK enum rc overrides_write(const char *data_dir, struct slice text);

#endif
