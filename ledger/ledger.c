/* SPDX-License-Identifier: Apache-2.0 */
/* The life of a book, and the ways into it from other threads. What a command does is
 * rules.c; reading is view.c. */
#include "ledger/ledger_int.h"

#include "base/clock.h"

#include <assert.h>
#include <pthread.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

enum {
    RECOVER_ROUND = 256 /* holds voided at a time */
};

static enum rc open_engine(struct engine **out, const struct ledger_options *options)
{
    switch (options->kind) {
    case LEDGER_LMDB:
        return ledger__lmdb_open(out, options);
    case LEDGER_MEMORY:
        return ledger__mem_open(out);
    }
    return RC_BAD_INPUT;
}

/* Each start of a writer is a run of its own: holds tell by it who made them. */
static enum rc start(struct ledger *l, bool read_only)
{
    struct head head;
    uint64_t run;

    TRY(ledger__meta_check(&head, &run, l->engine));
    if (read_only)
        return RC_OK;
    TRY(ledger__meta_write_run(l->engine, run + 1));
    return ledger__writer_open(&l->writer, l->engine, &head, run + 1);
}

enum rc ledger_open(struct ledger **out, const struct ledger_options *options)
{
    struct ledger *l = calloc(1, sizeof(*l));
    enum rc rc;

    if (l == NULL)
        return RC_NOMEM;
    rc = open_engine(&l->engine, options);
    if (rc == RC_OK)
        rc = start(l, options->read_only);
    if (rc != RC_OK) {
        ledger_close(l);
        return rc;
    }
    *out = l;
    return RC_OK;
}

void ledger_close(struct ledger *l)
{
    if (l == NULL)
        return;
    ledger__writer_close(l->writer);
    if (l->engine != NULL)
        l->engine->ops->close(l->engine);
    free(l);
}

void ledger_submit(struct ledger *l, struct ledger_cmd *cmd)
{
    enum rc rc;

    assert(l->writer != NULL && cmd->done != NULL);
    cmd->result = (struct ledger_result){0};
    /* EXPIRE is the writer's own. */
    rc = cmd->verb == LEDGER_EXPIRE ? RC_BAD_INPUT : ledger__check(cmd);
    if (rc != RC_OK) {
        cmd->result.rc = rc;
        cmd->done(cmd);
        return;
    }
    ledger__writer_submit(l->writer, cmd);
}

/* ---- Waiting for commands ---- */

/* Counts down on the writer's thread while another thread waits: nothing a loop may do,
 * and so a lock of its own. */
struct latch {
    pthread_mutex_t lock;
    pthread_cond_t zero;
    unsigned count;
};

struct call {
    struct ledger_cmd cmd; /* first, so that done() finds the rest */
    struct latch *latch;
};

static void call_done(struct ledger_cmd *cmd)
{
    struct latch *latch = ((struct call *)cmd)->latch;

    pthread_mutex_lock(&latch->lock);
    if (--latch->count == 0)
        pthread_cond_signal(&latch->zero);
    pthread_mutex_unlock(&latch->lock);
}

static void submit_and_wait(struct ledger *l, struct call *calls, unsigned count)
{
    struct latch latch = {.lock = PTHREAD_MUTEX_INITIALIZER,
                          .zero = PTHREAD_COND_INITIALIZER,
                          .count = count};

    for (unsigned i = 0; i < count; i++) {
        calls[i].latch = &latch;
        calls[i].cmd.done = call_done;
        ledger_submit(l, &calls[i].cmd);
    }
    pthread_mutex_lock(&latch.lock);
    while (latch.count > 0)
        pthread_cond_wait(&latch.zero, &latch.lock);
    pthread_mutex_unlock(&latch.lock);
    pthread_cond_destroy(&latch.zero);
    pthread_mutex_destroy(&latch.lock);
}

enum rc ledger_call(struct ledger *l, struct ledger_cmd *cmd)
{
    struct call call = {.cmd = *cmd};

    submit_and_wait(l, &call, 1);
    cmd->result = call.cmd.result;
    return cmd->result.rc;
}

/* ---- Holds of earlier runs ---- */

struct recovery {
    uint64_t run;
    struct call *calls; /* RECOVER_ROUND of them */
    unsigned count;
    uint64_t faults; /* rows that cannot be read: verify names them */
    struct id from;
    bool more;
};

static bool recover_one(void *arg, struct slice key, struct slice value)
{
    struct recovery *r = arg;
    struct ledger_cmd *cmd = &r->calls[r->count].cmd;
    struct hold hold;

    if (r->count == RECOVER_ROUND) {
        r->more = true;
        return false;
    }
    if (ledger__hold_decode(&hold, key, value) != RC_OK) {
        r->faults++;
        return true;
    }
    if (hold.durable || hold.run == r->run)
        return true;
    *cmd = (struct ledger_cmd){.verb = LEDGER_VOID, .forgettable = hold.forgettable};
    memcpy(cmd->hold.bytes, key.bytes, ID_LEN);
    memcpy(cmd->tags, hold.tags, sizeof(cmd->tags));
    cmd->op = id_with_tail(cmd->hold, TAIL_RECOVER);
    r->from = cmd->hold;
    r->count++;
    return true;
}

static enum rc recover_round(struct ledger *l, struct recovery *r, uint64_t *count)
{
    const struct engine_ops *ops = l->engine->ops;
    struct snapshot *s;
    enum rc rc;

    r->count = 0;
    r->more = false;
    TRY(ops->snapshot(&s, l->engine));
    rc = ops->scan(s, TABLE_HOLD, ledger__id_slice(&r->from), false, recover_one, r);
    ops->release(s);
    if (rc != RC_OK || r->count == 0)
        return rc;
    submit_and_wait(l, r->calls, r->count);
    for (unsigned i = 0; i < r->count; i++) {
        enum rc one = r->calls[i].cmd.result.rc;

        /* It may have expired in between, which is as good. */
        if (one == RC_OK)
            (*count)++;
        else if (one != RC_ENDED && one != RC_NOT_FOUND)
            rc = one;
    }
    return rc;
}

enum rc ledger_recover(struct ledger *l, uint64_t *count)
{
    struct recovery r = {0};
    enum rc rc = RC_OK;

    assert(l->writer != NULL);
    r.run = ledger__writer_run(l->writer);
    r.calls = calloc(RECOVER_ROUND + 1, sizeof(*r.calls));
    if (r.calls == NULL)
        return RC_NOMEM;
    *count = 0;
    do {
        rc = recover_round(l, &r, count);
    } while (rc == RC_OK && r.more);
    free(r.calls);
    return rc == RC_OK && r.faults > 0 ? RC_CORRUPT : rc;
}

/* ---- */

uint64_t ledger_now_us(struct ledger *l)
{
    uint64_t now_us = clock_wall_us();
    uint64_t last_us = l->writer != NULL ? ledger__writer_last_us(l->writer) : 0;

    return now_us > last_us ? now_us : last_us;
}

void ledger_stats(struct ledger *l, struct ledger_stats *out)
{
    *out = (struct ledger_stats){0};
    l->engine->ops->stats(l->engine, out);
    if (l->writer != NULL)
        ledger__writer_stats(l->writer, out);
}
