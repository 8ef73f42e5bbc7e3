/* SPDX-License-Identifier: Apache-2.0 */
/* The rows that a series of commands works on (batch.c), and what the commands do to
 * them (rules.c). */
#ifndef LEDGER_BATCH_H
#define LEDGER_BATCH_H

#include "ledger/row.h"

union row_state {
    struct ledger_account account;
    const struct hold *hold; /* never changes; in the arena */
    struct seen seen;
    struct record record;
};

struct cell {
    struct cell *next;
    struct slice key;
    struct slice value; /* TABLE_JOURNAL: the row; else only until it is decoded */
    enum table table;
    bool stored;  /* set by load(): the store has it */
    bool corrupt; /* it could not be decoded: nothing may touch it */
    bool present; /* there, as far as this batch is done */
    bool dirty;
    bool touched; /* by the command that runs now; before_* is what it found */
    bool before_present;
    union row_state now;
    union row_state before;
};

/* One entry that the batch made. */
struct made {
    struct made *next;
    uint64_t seq;
    struct slice row;
    unsigned tag_count;
    struct id tags[LEDGER_TAGS_MAX];
};

/* One row to write or to remove. */
struct change {
    struct change *next;
    enum table table;
    bool remove;
    struct slice key;
    struct slice value;
};

enum {
    TOUCHED_MAX = 5 * LEDGER_LEGS_MAX
};

struct batch {
    struct arena *arena;
    struct cell *cells; /* in the order in which they were wanted */
    struct cell *last;
    struct cell *fresh;  /* the first that load() has not seen */
    struct cell **slots; /* open addressing over all cells */
    size_t slot_count;
    size_t cell_count;

    uint64_t time_us; /* of the commands */
    uint64_t run;
    bool refuse_holds; /* no room: HOLD gets RC_FULL */
    struct head start; /* what the store has */
    struct head head;  /* with the entries of this batch */
    struct made *made;
    struct made *made_last;

    unsigned touched_count;
    struct cell *touched[TOUCHED_MAX];
};

struct engine;

MUST_CHECK enum rc ledger__batch_open(struct batch **out);
void ledger__batch_close(struct batch *b); /* NULL is fine */
/* Empties it; what comes follows on head. */
void ledger__batch_begin(struct batch *b, const struct head *head, size_t commands);
/* Notes which rows the command needs. Its memory is not kept. */
void ledger__batch_want(struct batch *b, const struct ledger_cmd *cmd);
struct cell *ledger__batch_add(struct batch *b, enum table table, struct slice key);
/* Loads and decodes what is wanted, and what follows from it (the accounts of a hold,
 * the entry of an op seen before). */
MUST_CHECK enum rc ledger__batch_load(struct batch *b, struct engine *e);
/* NULL: never wanted. */
struct cell *ledger__batch_find(const struct batch *b, enum table table,
                                struct slice key);
/* Before a cell is changed: remembers it for undo. */
void ledger__batch_touch(struct batch *b, struct cell *c);
void ledger__batch_undo(struct batch *b); /* all since the last keep or undo */
void ledger__batch_keep(struct batch *b);
/* The list of what must be written; *out NULL: nothing. RC_NOMEM. */
MUST_CHECK enum rc ledger__batch_changes(struct change **out, struct batch *b);

/* ---- rules.c: pure. No clock, no I/O, no memory but the batch's. ---- */

/* Does the command to the batch's rows and fills cmd->result; a failed command changes
 * nothing. The order of its checks: malformed, seen before, no room, state of the hold,
 * writes in order, legs in order. */
void ledger__apply(struct batch *b, struct ledger_cmd *cmd);
bool ledger__forgotten(const struct seen *s, uint64_t now_us);

#endif
