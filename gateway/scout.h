/* SPDX-License-Identifier: Apache-2.0 */
/* The scout: one thread with a loop of its own that asks providers which models they
 * have (gateway/model_list.h), on a timer and when it is told to. What they say goes
 * into DATA_DIR/models.json (gateway/found.h); if that changed anything, the
 * configuration is read again as by a SIGHUP, which is how the models come into use:
 * calls under way keep the snapshot that they began with. A provider that fails keeps
 * its last good list.
 *
 * All that are due are asked at once, in one round: one file is written and one
 * snapshot made for all of them. Rounds do not overlap. */
#ifndef GATEWAY_SCOUT_H
#define GATEWAY_SCOUT_H

#include "base/buf.h"
#include "base/rc.h"
#include "base/slice.h"
#include "gateway/config.h"

struct scout;

enum {
    SCOUT_ASK_MS = 30000 /* for all pages of one provider */
};

/* Starts the thread. The cell is borrowed until scout_close(). */
MUST_CHECK enum rc scout_open(struct scout **out, struct config_cell *config);
/* Breaks off what runs and ends the thread; who waits gets RC_DRAINING. NULL is fine.
 */
void scout_stop(struct scout *s);
void scout_close(struct scout *s); /* after scout_stop(); NULL is fine */

/* Asks now, and waits for the end of the round: any thread but a loop's. provider:
 * which; empty: every one that discovers. Appends to out
 * {"items":[{"provider","ok","error","models","skipped","added":[..],"gone":[..],
 * "changed":[..]}],"reloaded":bool,"error":null|text}. RC_NOT_FOUND: there is no such
 * provider that discovers. RC_DRAINING. RC_BUSY: too many wait. */
MUST_CHECK enum rc scout_refresh(struct scout *s, struct slice provider,
                                 struct buf *out);

#endif
