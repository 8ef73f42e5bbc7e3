/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of ledger/ share, and nobody else sees. A command goes this way:
 *
 *   ledger_submit -> writer.c: takes the queue as one batch
 *                 -> batch.c:  which rows does it need?  engine->load() brings them
 *                 -> rules.c:  pure; changes the batch's rows, makes journal entries
 *                 -> batch.c:  which rows changed?       engine->commit() makes them
 * last
 *                 -> writer.c: cmd->done()
 *
 * An engine knows tables, keys and bytes; record.c knows what the bytes mean; rules.c
 * knows what may happen to them. */
#ifndef LEDGER_LEDGER_INT_H
#define LEDGER_LEDGER_INT_H

#include "base/codec.h"
#include "ledger/ledger.h"

/* ---- Tables. Keys are compared bytewise; numbers in keys are big endian. ---- */
enum table {
    TABLE_META,    /* name -> see record.c */
    TABLE_ACCOUNT, /* id -> account */
    TABLE_HOLD,    /* op of the HOLD -> hold that has not ended */
    TABLE_SEEN,    /* op -> what it became */
    TABLE_RECORD,  /* kind, key -> version, value */
    TABLE_JOURNAL, /* seq -> entry */
    TABLE_TAG,     /* tag, seq -> nothing */
    TABLE__COUNT
};

enum {
    SEQ_KEY_LEN = 8,
    TAG_KEY_LEN = ID_LEN + SEQ_KEY_LEN,
    RECORD_KEY_MAX = 2 + LEDGER_KEY_MAX,
    ACCOUNT_LEN = 48,
    SEEN_LEN = 24,
    HEAD_LEN = 56,
    RUN_LEN = 16,
    IDENTITY_LEN = 48,
    HOLD_LEN_MAX = 40 + LEDGER_LEGS_MAX * (ID_LEN + 8) + LEDGER_TAGS_MAX * ID_LEN,
    ENTRY_HEAD_LEN = 64,
    SCHEMA_VERSION = 1
};

/* The last byte of the op ids that the book itself makes from a hold's op. */
enum {
    TAIL_RECOVER = 0xed,
    TAIL_EXPIRE = 0xee
};

/* A forgettable op counts as never done from this age on. A rule, not a clean-up: when
 * the row goes is of no consequence. */
#define FORGET_AFTER_US (UINT64_C(24) * 3600 * 1000000)

struct hold {
    uint64_t seq; /* of its HOLD */
    uint64_t run; /* of the writer that made it */
    uint64_t expires_us;
    bool durable;
    bool forgettable;
    unsigned leg_count;
    unsigned tag_count;
    struct id accounts[LEDGER_LEGS_MAX];
    struct money amounts[LEDGER_LEGS_MAX];
    struct id tags[LEDGER_TAGS_MAX];
};

struct seen {
    uint64_t seq;
    uint64_t time_us;
    enum ledger_verb verb;
    bool forgettable;
};

struct record {
    uint64_t version;
    struct slice value;
};

/* The end of the journal. */
struct head {
    uint64_t seq; /* 0: no entry yet */
    uint64_t time_us;
    uint8_t hash[SHA256_LEN];
};

/* A journal entry as it is stored: the outcome, then the command as it was asked. */
struct entry {
    uint64_t seq;
    uint64_t time_us;
    uint64_t run;
    struct money spilled;
    struct money released;
    struct money balance;
    uint32_t cut;    /* bit i: leg i asked for more than its account had on hold */
    uint32_t opened; /* bit 2i, 2i + 1: leg i opened its debit, its credit account */
    struct slice command;
    uint8_t hash[SHA256_LEN];
};

/* ---- record.c: rows as bytes. Decoders take anything and answer RC_CORRUPT; the
 * slices in what they give point into `row`. ---- */
struct slice ledger__id_slice(const struct id *id);
void ledger__seq_key(uint8_t out[SEQ_KEY_LEN], uint64_t seq);
uint64_t ledger__seq_from_key(struct slice key);
void ledger__tag_key(uint8_t out[TAG_KEY_LEN], struct id tag, uint64_t seq);
/* Returns the length of the key; key.len <= LEDGER_KEY_MAX. */
size_t ledger__record_key(uint8_t out[RECORD_KEY_MAX], uint16_t kind, struct slice key);

void ledger__account_encode(uint8_t out[ACCOUNT_LEN], const struct ledger_account *a);
MUST_CHECK enum rc ledger__account_decode(struct ledger_account *out, struct slice key,
                                          struct slice row);
size_t ledger__hold_encode(uint8_t out[HOLD_LEN_MAX], const struct hold *h,
                           struct slice key);
MUST_CHECK enum rc ledger__hold_decode(struct hold *out, struct slice key,
                                       struct slice row);
void ledger__seen_encode(uint8_t out[SEEN_LEN], const struct seen *s, struct slice key);
MUST_CHECK enum rc ledger__seen_decode(struct seen *out, struct slice key,
                                       struct slice row);

enum {
    RECORD_HEAD_LEN = 16
};

/* out has RECORD_HEAD_LEN + r->value.len bytes. */
void ledger__record_encode(uint8_t *out, const struct record *r, struct slice key);
MUST_CHECK enum rc ledger__record_decode(struct record *out, struct slice key,
                                         struct slice row);
void ledger__head_encode(uint8_t out[HEAD_LEN], const struct head *h);
MUST_CHECK enum rc ledger__head_decode(struct head *out, struct slice row);
void ledger__run_encode(uint8_t out[RUN_LEN], uint64_t run);
MUST_CHECK enum rc ledger__run_decode(uint64_t *out, struct slice row);
void ledger__identity_encode(uint8_t out[IDENTITY_LEN], struct id store,
                             uint64_t created_us);
MUST_CHECK enum rc ledger__identity_decode(struct id *store, struct slice row);
/* Keys of the three rows of TABLE_META. */
#define META_IDENTITY SLICE("identity")
#define META_HEAD     SLICE("head")
#define META_RUN      SLICE("run")

/* A command as it was asked: the same command always becomes the same bytes. What the
 * verb does not use is left out. */
size_t ledger__command_len(const struct ledger_cmd *cmd);
void ledger__command_encode(uint8_t *out, const struct ledger_cmd *cmd);
MUST_CHECK enum rc ledger__command_decode(struct ledger_cmd *out, struct slice bytes);

/* out has ENTRY_HEAD_LEN bytes, and e->command stands right behind it. */
void ledger__entry_head_encode(uint8_t *out, const struct entry *e);
/* Checks the checksum, not the chain. */
MUST_CHECK enum rc ledger__entry_decode(struct entry *out, struct slice row);
/* SHA-256 of the hash before and the entry without its own hash. */
MUST_CHECK enum rc ledger__entry_hash(uint8_t out[SHA256_LEN],
                                      const uint8_t before[SHA256_LEN],
                                      struct slice row);

/* ---- batch.c: the rows that a series of commands works on. ---- */
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
    bool refuse_holds; /* no room: HOLD and NOTE get RC_FULL */
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
/* RC_BAD_INPUT, cmd->result.at: which leg or write. Looks at nothing but cmd. */
MUST_CHECK enum rc ledger__check(struct ledger_cmd *cmd);
/* Does the command to the batch's rows and fills cmd->result; a failed command changes
 * nothing. The order of its checks: malformed, seen before, no room, state of the hold,
 * writes in order, legs in order. */
void ledger__apply(struct batch *b, struct ledger_cmd *cmd);
bool ledger__forgotten(const struct seen *s, uint64_t now_us);

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

/* ---- Engines ---- */
struct snapshot;

/* key and value are good until the snapshot is released. false: stop. */
typedef bool row_fn(void *arg, struct slice key, struct slice value);

struct engine_ops {
    void (*close)(struct engine *e);
    /* After a commit that failed: start from what the store has now. RC_IO, RC_CORRUPT.
     */
    enum rc (*reopen)(struct engine *e);

    /* Fills b->fresh and those behind it: stored, value. Values are good until commit()
     * or abandon(), one of which must follow. */
    enum rc (*load)(struct engine *e, struct batch *b);
    /* All of it durable, or (any other code) perhaps nothing: then reopen(). RC_FULL
     * and RC_NOMEM: nothing. Without a load() before it, a commit of its own. */
    enum rc (*commit)(struct engine *e, const struct change *changes);
    void (*abandon)(struct engine *e);
    /* Once in a while, on the writer's thread, between batches. */
    void (*tend)(struct engine *e);
    bool (*has_room)(struct engine *e); /* for new holds */

    /* Any thread. RC_IO; RC_BUSY: too many at once. */
    enum rc (*snapshot)(struct snapshot **out, struct engine *e);
    void (*release)(struct snapshot *s);
    enum rc (*get)(struct slice *value, struct snapshot *s, enum table table,
                   struct slice key); /* RC_NOT_FOUND */
    /* From the first row that is not below `from`; backwards: the last not above it,
     * and an empty `from` is the end. */
    enum rc (*scan)(struct snapshot *s, enum table table, struct slice from,
                    bool backwards, row_fn *each, void *arg);
    uint64_t (*count)(struct snapshot *s, enum table table);

    enum rc (*copy)(struct engine *e,
                    int fd); /* a whole file; RC_BAD_INPUT: has none */
    void (*stats)(struct engine *e, struct ledger_stats *out); /* its part of it */
};

struct engine {
    const struct engine_ops *ops;
};

struct snapshot {
    struct engine *engine;
};

/* ---- meta.c ---- */
/* RC_CORRUPT: not a book, another version, or the head does not match the journal. */
MUST_CHECK enum rc ledger__meta_check(struct head *head, uint64_t *run,
                                      struct engine *e);
/* A commit of its own. After a commit that failed it also settles what the last durable
 * state is: what this one makes last takes the place of the doubtful one. */
MUST_CHECK enum rc ledger__meta_write_run(struct engine *e, uint64_t run);

/* ---- folder.c ---- */
#define STORE_NAME "ledger.mdb"
char *ledger__path(const char *dir, const char *name); /* free(); NULL: no memory */
/* Until *fd is closed the folder is ours. RC_LOCKED: somebody has it. */
MUST_CHECK enum rc ledger__own(int *fd, const char *dir, bool shared);
uint64_t ledger__disk_free(const char *dir); /* bytes; unknown: a lot */
/* Makes the file `from + len` long, with blocks behind it where that can be had. */
bool ledger__extend(int fd, uint64_t from, uint64_t len, bool allocate);

/* ---- The engines ---- */
/* An empty book with the rows that ledger__meta_check() looks for. */
MUST_CHECK enum rc ledger__mem_open(struct engine **out);
MUST_CHECK enum rc ledger__lmdb_open(struct engine **out,
                                     const struct ledger_options *o);
MUST_CHECK enum rc ledger__lmdb_fill(const char *fresh); /* makes an empty book */

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

/* ---- ledger.c ---- */
struct ledger {
    struct engine *engine;
    struct writer *writer; /* NULL: read only */
};

#endif
