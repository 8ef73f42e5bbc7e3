/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of ledger/ share, and nobody else sees. A command goes this way:
 *
 *   ledger_submit -> writer.c: takes the queue as one batch
 *                 -> batch.c:  which rows does it need? engine->load() brings them
 *                 -> rules.c:  pure; changes the batch's rows, makes journal entries
 *                 -> batch.c:  which rows changed? engine->commit() makes them last
 *                 -> writer.c: cmd->done()
 *
 * An engine knows tables, keys and bytes; record.c and command.c know what the bytes
 * mean; rules.c knows what may happen to them. */
#ifndef LEDGER_LEDGER_INT_H
#define LEDGER_LEDGER_INT_H

#include "ledger/engine.h"
#include "ledger/writer.h"

/* A view is an engine's snapshot under a public name: see view.c. */
struct ledger {
    struct engine *engine;
    struct writer *writer; /* NULL: read only */
};

#endif
