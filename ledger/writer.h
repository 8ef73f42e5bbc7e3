/* SPDX-License-Identifier: Apache-2.0 */
/* The one thread that changes the books (writer.c), and its list of holds by their time
 * (expiry.c). */
#ifndef LEDGER_WRITER_H
#define LEDGER_WRITER_H

#include "ledger/engine.h"

/* ---- writer.c ---- */
struct writer;

/* Starts the thread, which goes on from head. */
MUST_CHECK enum rc ledger__writer_open(struct writer **out, struct engine *e,
                                       const struct head *head, uint64_t run);
void ledger__writer_close(struct writer *w); /* waits for all; NULL is fine */
void ledger__writer_submit(struct writer *w, struct ledger_cmd *cmd);
uint64_t ledger__writer_last_us(struct writer *w); /* time of the last entry */
uint64_t ledger__writer_run(const struct writer *w);
void ledger__writer_stats(struct writer *w, struct ledger_stats *out);

/* ---- expiry.c: which hold ends next. ---- */
struct expiry;
MUST_CHECK enum rc ledger__expiry_open(struct expiry **out);
void ledger__expiry_close(struct expiry *x); /* NULL is fine */
MUST_CHECK enum rc ledger__expiry_add(struct expiry *x, struct id hold, uint64_t at_us);
/* A hold that was added has ended otherwise. */
void ledger__expiry_ended(struct expiry *x);
/* Takes out the next that is due; false: none. It may have ended long ago. */
bool ledger__expiry_due(struct id *hold, struct expiry *x, uint64_t now_us);
uint64_t ledger__expiry_next_us(const struct expiry *x); /* UINT64_MAX: none */
/* So many have ended that it should be emptied and filled again. */
bool ledger__expiry_stale(const struct expiry *x);
void ledger__expiry_clear(struct expiry *x);

#endif
