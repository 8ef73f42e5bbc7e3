/* SPDX-License-Identifier: Apache-2.0 */
/* The double-entry book. A command moves amounts between accounts, or sets them aside
 * (HOLD) until they are taken (CAPTURE) or given back (VOID); it may write small
 * records in the same act; it happens as a whole or not at all, and once. One writer
 * thread owns the store: every check and every reservation is made there, in the order
 * of the journal. Acknowledged means durable: `done` is called after the flush.
 *
 * The book knows nothing of wallets, HTTP or prices. Laws it keeps: the debits of each
 * ledger number equal its credits; an account opened with LEDGER_NO_OVERDRAFT never
 * goes below zero, holds counted; a hold ends once; one operation id has at most one
 * effect; the journal alone re-derives every account, hold and record, without a clock.
 * * Other folders include this header only. Its parts: commands (command.h), reading
 * (view.h), proof and care (proof.h). */
#ifndef LEDGER_LEDGER_H
#define LEDGER_LEDGER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/rc.h"
#include "ledger/command.h"
#include "ledger/proof.h"
#include "ledger/view.h"

struct ledger;

enum ledger_kind {
    LEDGER_LMDB,
    LEDGER_MEMORY /* the model: for tests; nothing survives */
};

struct ledger_options {
    enum ledger_kind kind;
    const char *dir;             /* LMDB: the folder that holds "ledger.mdb" */
    uint64_t map_size_bytes;     /* first map size; 0: 256 MiB. Grows online */
    uint64_t disk_reserve_bytes; /* below it new HOLDs get RC_FULL; 0: 64 MiB */
    bool read_only;              /* no writer thread: views, verify, export only */
};

/* Makes an empty book in dir: created under a temporary name, flushed, renamed.
 * RC_EXISTS: there is one. RC_IO. */
MUST_CHECK enum rc ledger_create(const char *dir);

/* Opens a book that ledger_create() made and starts the writer. RC_NO_STORE: missing or
 * empty. RC_CORRUPT: not one of ours, another version, or its head does not match.
 * RC_LOCKED: another process has it. */
MUST_CHECK enum rc ledger_open(struct ledger **out,
                               const struct ledger_options *options);
/* Waits for everything submitted; NULL is fine. */
void ledger_close(struct ledger *l);

/* Lends cmd, and what its slices point to, until done(). Never blocks. Refusals
 * (RC_BUSY for a full queue, RC_BAD_INPUT for a malformed command) come through done()
 * as well, possibly on the caller's own thread and before this returns. */
void ledger_submit(struct ledger *l, struct ledger_cmd *cmd);
/* Submits and waits; cmd->done is not used. Never on a loop. Returns cmd->result.rc. */
MUST_CHECK enum rc ledger_call(struct ledger *l, struct ledger_cmd *cmd);

/* Voids, by journaled commands, every hold that is not durable and was made by an
 * earlier run of the writer. Call once after open, before anything else. *count: how
 * many. */
MUST_CHECK enum rc ledger_recover(struct ledger *l, uint64_t *count);

/* The book's time: the wall clock, but never before the last entry. */
uint64_t ledger_now_us(struct ledger *l);

#endif
