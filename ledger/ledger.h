/* SPDX-License-Identifier: Apache-2.0 */
/* The double-entry book. A command moves amounts between accounts, or sets them aside
 * (HOLD) until they are taken (CAPTURE) or given back (VOID); it may write small records
 * in the same act; it happens as a whole or not at all, and once. One writer thread owns
 * the store: every check and every reservation is made there, in the order of the journal.
 * Acknowledged means durable: `done` is called after the flush.
 *
 * The book knows nothing of wallets, HTTP or prices. Laws it keeps: the debits of each
 * ledger number equal its credits; an account opened with LEDGER_NO_OVERDRAFT never goes
 * below zero, holds counted; a hold ends once; one operation id has at most one effect;
 * the journal alone re-derives every account, hold and record, without a clock. */
#ifndef LEDGER_LEDGER_H
#define LEDGER_LEDGER_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "base/arena.h"
#include "base/money.h"
#include "base/random.h"
#include "base/rc.h"
#include "base/slice.h"

enum {
    LEDGER_LEGS_MAX = 16,
    LEDGER_WRITES_MAX = 4,
    LEDGER_TAGS_MAX = 3,
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

/* One move. An account that does not exist is opened by the first leg that names it, with
 * the flags that the leg states; if it exists, they must match (RC_CONFLICT). */
struct ledger_leg {
    struct id debit;
    struct id credit;
    struct money amount;
    uint32_t number;
    uint8_t debit_flags;
    uint8_t credit_flags;
    /* If this leg opens `debit`, then `grant` is first moved to it from `grant_from` (no
     * flags), in the same command. grant_from none: nothing is. */
    struct money grant;
    struct id grant_from;
};

enum ledger_write_op {
    LEDGER_INSERT, /* RC_EXISTS if present; version becomes 1 */
    LEDGER_PUT,    /* RC_STALE unless its version is `version` (LEDGER_ANY: whatever it
                      is, absent included); version grows by one */
    LEDGER_DELETE, /* the same condition; absent: RC_NOT_FOUND */
    LEDGER_EXPECT  /* writes nothing: RC_STALE unless its version is `version` (0: absent) */
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
    unsigned at;   /* the leg (RC_NO_FUNDS, RC_CONFLICT..) or write (RC_EXISTS, RC_STALE) */
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
    bool forgettable; /* the op id may be forgotten after 24 h (calls); otherwise never */
    bool durable;     /* HOLD: outlives its process; else voided by ledger_recover() */
    struct id hold;   /* CAPTURE, VOID: the op of the HOLD */
    uint64_t expires_us; /* HOLD: voided by the writer at this time; 0: never */

    unsigned leg_count;
    struct ledger_leg legs[LEDGER_LEGS_MAX];

    /* CAPTURE: a leg may ask for more than its account has on hold, all such legs by the
     * same excess, and only if `spill` names an account. As much of the excess as every
     * one of these accounts can spend moves with the legs (the same part in each); the
     * rest moves from `spill` to leg 0's credit account, on leg 0's number. So the credit
     * of leg 0 always gets the full amount and no account is overdrawn. */
    struct id spill;

    unsigned write_count;
    struct ledger_write writes[LEDGER_WRITES_MAX];

    /* The entry can be found under these by ledger_view_tagged(); none: unused. */
    struct id tags[LEDGER_TAGS_MAX];
    /* Kept in the journal, opaque here. */
    struct slice memo;

    struct ledger_result result;
    /* Called once, on the writer's thread: must not block and must not submit from within
     * another command's memory. After it returns the book does not touch cmd again. */
    void (*done)(struct ledger_cmd *cmd);

    struct ledger_cmd *next; /* private while lent */
};

struct ledger;

enum ledger_kind {
    LEDGER_LMDB,
    LEDGER_MEMORY /* the model: for tests; nothing survives */
};

struct ledger_options {
    enum ledger_kind kind;
    const char *dir;         /* LMDB: the folder that holds "ledger.mdb" */
    uint64_t map_size_bytes; /* first map size; 0: 256 MiB. Grows online */
    uint64_t disk_reserve_bytes; /* below it new HOLDs get RC_FULL; 0: 64 MiB */
    bool read_only; /* no writer thread: views, verify, export only */
};

/* Makes an empty book in dir: created under a temporary name, flushed, renamed. RC_EXISTS:
 * there is one. RC_IO. */
MUST_CHECK enum rc ledger_create(const char *dir);

/* Opens a book that ledger_create() made and starts the writer. RC_NO_STORE: missing or
 * empty. RC_CORRUPT: not one of ours, another version, or its head does not match.
 * RC_LOCKED: another process has it. */
MUST_CHECK enum rc ledger_open(struct ledger **out, const struct ledger_options *options);
/* Waits for everything submitted; NULL is fine. */
void ledger_close(struct ledger *l);

/* Lends cmd, and what its slices point to, until done(). Never blocks. Refusals (RC_BUSY
 * for a full queue, RC_BAD_INPUT for a malformed command) come through done() as well,
 * possibly on the caller's own thread and before this returns. */
void ledger_submit(struct ledger *l, struct ledger_cmd *cmd);
/* Submits and waits; cmd->done is not used. Never on a loop. Returns cmd->result.rc. */
MUST_CHECK enum rc ledger_call(struct ledger *l, struct ledger_cmd *cmd);

/* Voids, by journaled commands, every hold that is not durable and was made by an earlier
 * run of the writer. Call once after open, before anything else. *count: how many. */
MUST_CHECK enum rc ledger_recover(struct ledger *l, uint64_t *count);

/* The book's time: the wall clock, but never before the last entry. */
uint64_t ledger_now_us(struct ledger *l);

/* ---- Reading. A view is a consistent picture of some moment. Open it, read, close it
 * within the same function: a view that stays open makes the store grow. Any thread. ---- */
struct ledger_view;
MUST_CHECK enum rc ledger_view_open(struct ledger_view **out, struct ledger *l);
void ledger_view_close(struct ledger_view *v);

/* RC_NOT_FOUND. RC_CORRUPT: its checksum is wrong. */
MUST_CHECK enum rc ledger_view_account(struct ledger_account *out, struct ledger_view *v,
                                       struct id id);
/* value points into the view. */
MUST_CHECK enum rc ledger_view_record(struct slice *value, uint64_t *version,
                                      struct ledger_view *v, uint16_t kind,
                                      struct slice key);
/* Calls each() for the records of a kind whose key starts with prefix and is not below
 * from (both may be empty), in key order, until it returns false. */
typedef bool ledger_record_fn(void *arg, struct slice key, struct slice value,
                              uint64_t version);
MUST_CHECK enum rc ledger_view_records(struct ledger_view *v, uint16_t kind,
                                       struct slice prefix, struct slice from,
                                       ledger_record_fn *each, void *arg);

/* A journal entry, decoded. Slices point into the view. */
struct ledger_entry {
    uint64_t seq;
    uint64_t time_us;
    struct id op;
    enum ledger_verb verb;
    struct id hold;
    unsigned leg_count;
    struct ledger_leg legs[LEDGER_LEGS_MAX]; /* CAPTURE: amounts as they moved */
    struct money spilled;
    struct money released; /* CAPTURE, VOID, EXPIRE: given back on the hold's first leg */
    struct money balance;  /* available on leg 0's own side after the entry: its debit
                              account, for a TRANSFER to a NO_OVERDRAFT credit that one */
    struct slice memo;
    uint8_t hash[32];
};
MUST_CHECK enum rc ledger_view_entry(struct ledger_entry *out, struct ledger_view *v,
                                     uint64_t seq);
/* The entry of an operation. RC_NOT_FOUND: never done, or forgotten. */
MUST_CHECK enum rc ledger_view_find(uint64_t *seq, struct ledger_view *v, struct id op);
uint64_t ledger_view_head(struct ledger_view *v); /* seq of the last entry; 0: none */

/* Entries with this tag, from `from` on (0: the first), forwards or backwards, until
 * each() returns false. */
typedef bool ledger_entry_fn(void *arg, const struct ledger_entry *e);
MUST_CHECK enum rc ledger_view_tagged(struct ledger_view *v, struct id tag, uint64_t from,
                                      bool backwards, ledger_entry_fn *each, void *arg);

/* ---- Proof and care ---- */
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

/* Writes the journal and the accounts as JSON lines (docs/ledger.md has the format), which
 * ledger_audit() and others can check without the store. Works while serving. */
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
