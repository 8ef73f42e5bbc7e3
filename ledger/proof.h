/* SPDX-License-Identifier: Apache-2.0 */
/* Proof and care: the book checked against its journal, exported for others to check,
 * copied, and counted. All of it works while serving. Others include ledger/ledger.h.
 */
#ifndef LEDGER_PROOF_H
#define LEDGER_PROOF_H

#include <stdio.h>

#include "ledger/command.h"

struct ledger;

struct ledger_report {
    bool ok;
    uint64_t entries;
    uint64_t accounts;
    uint64_t holds;
    uint8_t head[32]; /* hash of the last entry */
    unsigned fault_count;
    char faults[16][160]; /* the first ones, in words */
};
/* Replays the whole journal into an empty book in memory and compares every account,
 * hold, record, tag and sum with the store; checks every checksum and the hash chain.
 * Works while serving. Returns RC_OK when it could be done: see report->ok. */
MUST_CHECK enum rc ledger_verify(struct ledger *l, struct ledger_report *report);

/* Writes the journal and the accounts as JSON lines (docs/ledger.md has the format),
 * which ledger_audit() and others can check without the store. Works while serving. */
MUST_CHECK enum rc ledger_export(struct ledger *l, FILE *out);
/* A second implementation of the rules, which shares no code with the writer: reads an
 * export and re-derives everything from the raw entries. */
MUST_CHECK enum rc ledger_audit(FILE *in, struct ledger_report *report);

/* A consistent copy in the new folder dest; works while serving. RC_EXISTS. */
MUST_CHECK enum rc ledger_backup(struct ledger *l, const char *dest);

struct ledger_stats {
    uint64_t entries, accounts, holds, commits, batch_max;
    uint64_t map_size_bytes, map_used_bytes, disk_free_bytes;
    uint64_t queue_depth;
    uint64_t readers, oldest_reader_lag;
    bool refusing_holds;
    bool failing; /* the last commit failed: nothing is taken until one works */
};

void ledger_stats(struct ledger *l, struct ledger_stats *out);

#endif
