/* SPDX-License-Identifier: Apache-2.0 */
/* What can be asked of the book: accounts, commands with their legs and record writes,
 * and what becomes of them. Others include ledger/ledger.h. */
#ifndef LEDGER_COMMAND_H
#define LEDGER_COMMAND_H

#include <stdbool.h>
#include <stdint.h>

#include "base/money.h"
#include "base/random.h"
#include "base/rc.h"
#include "base/slice.h"

enum {
    LEDGER_LEGS_MAX = 16,
    LEDGER_WRITES_MAX = 4,
    LEDGER_TAGS_MAX = 4,
    LEDGER_MEMO_MAX = 1024,  /* bytes */
    LEDGER_KEY_MAX = 64,     /* bytes of a record's key */
    LEDGER_VALUE_MAX = 4096, /* bytes of a record's value */
    LEDGER_QUEUE_MAX = 65536 /* commands waiting; beyond: RC_BUSY */
};

/* An account. Its id, number and flags never change. */
enum {
    LEDGER_NO_OVERDRAFT = 1 /* credits - debits - held >= 0, always */
};

struct ledger_account {
    struct id id;
    uint32_t number; /* the ledger (asset) it is on: legs never cross numbers */
    uint32_t flags;
    struct money debits;  /* taken from it, ever */
    struct money credits; /* given to it, ever */
    struct money held;    /* set aside by holds that have not ended */
    uint64_t opened_us;
};
/* credits - debits - held; zero if that is negative (an account without the flag). */
struct money ledger_available(const struct ledger_account *a);

enum ledger_verb {
    LEDGER_NOTE,     /* no legs: only record writes and memo */
    LEDGER_TRANSFER, /* legs move at once */
    LEDGER_HOLD,     /* legs set `amount` aside on `debit`; `credit` is not used */
    LEDGER_CAPTURE,  /* ends a hold: legs move, the rest of the hold is released */
    LEDGER_VOID,     /* ends a hold: everything is released; no legs */
    LEDGER_EXPIRE    /* the writer's own VOID of a hold whose time came */
};

/* One move. An account that does not exist is opened by the first leg that names it,
 * with the flags that the leg states; if it exists, they must match (RC_CONFLICT). */
struct ledger_leg {
    struct id debit;
    struct id credit;
    struct money amount;
    uint32_t number;
    uint8_t debit_flags;
    uint8_t credit_flags;
    /* If this leg opens `debit`, then `grant` is first moved to it from `grant_from`
     * (no flags), in the same command. grant_from none: nothing is. */
    struct money grant;
    struct id grant_from;
};

enum ledger_write_op {
    LEDGER_INSERT, /* RC_EXISTS if present; version becomes 1 */
    LEDGER_PUT,    /* RC_STALE unless its version is `version` (LEDGER_ANY: whatever it
                      is, absent included); version grows by one */
    LEDGER_DELETE, /* the same condition; absent: RC_NOT_FOUND */
    LEDGER_EXPECT  /* writes nothing: RC_STALE unless its version is `version` (0:
                      absent) */
};

#define LEDGER_ANY UINT64_MAX

struct ledger_write {
    enum ledger_write_op op;
    uint16_t kind;
    struct slice key;
    struct slice value;
    uint64_t version;
};

struct ledger_result {
    enum rc rc;
    unsigned
        at; /* the leg (RC_NO_FUNDS, RC_CONFLICT..) or write (RC_EXISTS, RC_STALE) */
    bool replayed; /* the operation had been done before; this is its first outcome */
    uint64_t seq;  /* its journal entry */
    uint64_t time_us;
    struct money moved;   /* CAPTURE: what leg 0 moved in the end */
    struct money spilled; /* CAPTURE: what `spill` had to carry */
    /* What each leg's debit account could spend after the command. On RC_NO_FUNDS only
     * [at] is set: what there was. A replayed command leaves them zero. */
    struct money available[LEDGER_LEGS_MAX];
};

struct ledger_cmd {
    struct id op; /* chosen by the caller, time first; see id_new() */
    enum ledger_verb verb;
    bool forgettable; /* the op id may be forgotten after 24 h (calls); otherwise never
                       */
    bool durable;     /* HOLD: outlives its process; else voided by ledger_recover() */
    struct id hold;   /* CAPTURE, VOID: the op of the HOLD */
    uint64_t expires_us; /* HOLD: voided by the writer at this time; 0: never */

    unsigned leg_count;
    struct ledger_leg legs[LEDGER_LEGS_MAX];

    /* CAPTURE: a leg may ask for more than its account has on hold, all such legs by
     * the same excess, and only if `spill` names an account. As much of the excess as
     * every one of these accounts can spend moves with the legs (the same part in
     * each); the rest moves from `spill` to leg 0's credit account, on leg 0's number.
     * So the credit of leg 0 always gets the full amount and no account is overdrawn.
     */
    struct id spill;

    unsigned write_count;
    struct ledger_write writes[LEDGER_WRITES_MAX];

    /* The entry can be found under these by ledger_view_tagged(); none: unused. */
    struct id tags[LEDGER_TAGS_MAX];
    /* Kept in the journal, opaque here. */
    struct slice memo;

    struct ledger_result result;
    /* Called once, on the writer's thread: must not block and must not submit from
     * within another command's memory. After it returns the book does not touch cmd
     * again. */
    void (*done)(struct ledger_cmd *cmd);

    struct ledger_cmd *next; /* private while lent */
};

#endif
