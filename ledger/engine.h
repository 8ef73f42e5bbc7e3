/* SPDX-License-Identifier: Apache-2.0 */
/* Where rows are kept. An engine knows tables, keys and bytes, and takes a whole batch
 * at a time; what rows mean is above it. LMDB is the store, the other one the model. */
#ifndef LEDGER_ENGINE_H
#define LEDGER_ENGINE_H

#include "ledger/batch.h"

struct snapshot;

/* key and value are good until the snapshot is released. false: stop. */
typedef bool row_fn(void *arg, struct slice key, struct slice value);

struct engine_ops {
    void (*close)(struct engine *e);
    /* After a commit that failed: from what the store has now. RC_IO, RC_CORRUPT. */
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

    /* A whole file, of one moment. RC_BAD_INPUT: the model has none. */
    enum rc (*copy)(struct engine *e, int fd);
    void (*stats)(struct engine *e, struct ledger_stats *out); /* its part of it */
};

struct engine {
    const struct engine_ops *ops;
};

struct snapshot {
    struct engine *engine;
};

/* ---- The engines ---- */
/* An empty book with the rows that ledger__meta_check() looks for. */
MUST_CHECK enum rc ledger__mem_open(struct engine **out);
MUST_CHECK enum rc ledger__lmdb_open(struct engine **out,
                                     const struct ledger_options *o);
MUST_CHECK enum rc ledger__lmdb_fill(const char *fresh); /* makes an empty book */

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

#endif
