/* SPDX-License-Identifier: Apache-2.0 */
/* The one thread that changes the books. It takes whatever waits as one batch, lets
 * rules.c do the commands in order, makes the batch durable with one flush, and
 * answers. While it flushes the next batch gathers by itself: no timer, no tuning. It
 * also ends holds whose time came, and forgets old operation ids. */
#include "ledger/writer.h"

#include "base/clock.h"
#include "base/log.h"

#include <assert.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

enum {
    BATCH_MAX = 512,
    EXPIRE_MAX = 64,   /* holds ended per batch */
    FORGET_MAX = 1024, /* ids forgotten per batch */
    IDLE_MS = 1000,    /* the wall clock may be set at any time: look again */
    RETRY_MS = 1000    /* between attempts to open a store that keeps failing */
};

struct writer {
    struct engine *engine;
    struct batch *batch;
    struct expiry *expiry;
    pthread_t thread;
    bool started;
    int wake_fd; /* an eventfd */

    /* Submitters push in front; the writer takes all and turns them round. */
    _Atomic(struct ledger_cmd *) inbox;
    atomic_bool asleep; /* or about to be: wake_fd must be written */
    atomic_bool stop;
    atomic_uint_fast64_t waiting;

    /* The rest belongs to the thread, but for what stats read. */
    struct ledger_cmd *pending; /* taken from the inbox, in order */
    struct ledger_cmd *pending_last;
    struct ledger_cmd *commands[BATCH_MAX + EXPIRE_MAX];
    unsigned command_count;
    struct ledger_cmd expire[EXPIRE_MAX];
    struct id forget[FORGET_MAX];
    unsigned forget_count;
    struct id forget_from; /* ids below it were looked at */
    uint64_t forget_at_us; /* not before */

    struct head head;
    struct head attempted; /* where the batch that failed would have led */
    uint64_t run;
    bool refill;       /* the expiry heap has lost count */
    bool broken;       /* the store must be opened anew before it is used */
    unsigned failures; /* in a row */
    uint64_t retry_ms; /* after two: not before */

    atomic_uint_fast64_t last_us;
    atomic_uint_fast64_t entries;
    atomic_uint_fast64_t commits;
    atomic_uint_fast64_t batch_max;
    atomic_bool refusing;
    atomic_bool failing;
};

/* ---- Submitting: any thread ---- */

static void wake(struct writer *w)
{
    uint64_t one = 1;

    /* The count cannot overflow: the writer is asleep, so nothing is in it. */
    if (atomic_exchange(&w->asleep, false))
        (void)!write(w->wake_fd, &one, sizeof(one));
}

void ledger__writer_submit(struct writer *w, struct ledger_cmd *cmd)
{
    if (atomic_fetch_add(&w->waiting, 1) >= LEDGER_QUEUE_MAX) {
        atomic_fetch_sub(&w->waiting, 1);
        cmd->result.rc = RC_BUSY;
        cmd->done(cmd);
        return;
    }
    cmd->next = atomic_load(&w->inbox);
    while (!atomic_compare_exchange_weak(&w->inbox, &cmd->next, cmd))
        ;
    wake(w);
}

/* ---- Gathering a batch ---- */

static void take_inbox(struct writer *w)
{
    struct ledger_cmd *newest = atomic_exchange(&w->inbox, NULL);
    struct ledger_cmd *oldest = NULL;
    struct ledger_cmd *last = newest;

    while (newest != NULL) {
        struct ledger_cmd *before = newest->next;

        newest->next = oldest;
        oldest = newest;
        newest = before;
    }
    if (oldest == NULL)
        return;
    if (w->pending == NULL)
        w->pending = oldest;
    else
        w->pending_last->next = oldest;
    w->pending_last = last;
}

struct refill {
    struct expiry *expiry;
    enum rc rc;
};

static bool refill_one(void *arg, struct slice key, struct slice value)
{
    struct refill *r = arg;
    struct hold hold;
    struct id op;

    if (ledger__hold_decode(&hold, key, value) != RC_OK || hold.expires_us == 0)
        return true; /* a bad row is for verify to name */
    memcpy(op.bytes, key.bytes, ID_LEN);
    r->rc = ledger__expiry_add(r->expiry, op, hold.expires_us);
    return r->rc == RC_OK;
}

static enum rc refill_expiry(struct writer *w)
{
    const struct engine_ops *ops = w->engine->ops;
    struct refill r = {.expiry = w->expiry, .rc = RC_OK};
    struct snapshot *s;
    enum rc rc;

    ledger__expiry_clear(w->expiry);
    TRY(ops->snapshot(&s, w->engine));
    rc = ops->scan(s, TABLE_HOLD, SLICE_NONE, false, refill_one, &r);
    ops->release(s);
    return rc == RC_OK ? r.rc : rc;
}

/* Holds whose time came go first: from then on a capture is too late. */
static void gather_due(struct writer *w, uint64_t now_us)
{
    struct id hold;

    if (w->failures > 0 && clock_mono_ms() < w->retry_ms)
        return; /* or a store that fails to end them would be tried without a pause */
    if (w->refill || ledger__expiry_stale(w->expiry))
        w->refill = refill_expiry(w) != RC_OK;
    while (w->command_count < EXPIRE_MAX &&
           ledger__expiry_due(&hold, w->expiry, now_us)) {
        struct ledger_cmd *cmd = &w->expire[w->command_count];

        *cmd = (struct ledger_cmd){
            .op = id_with_tail(hold, TAIL_EXPIRE),
            .verb = LEDGER_EXPIRE,
            .hold = hold,
        };
        w->commands[w->command_count++] = cmd;
    }
}

static void gather_pending(struct writer *w)
{
    for (unsigned i = 0; i < BATCH_MAX && w->pending != NULL; i++) {
        struct ledger_cmd *cmd = w->pending;

        w->pending = cmd->next;
        w->commands[w->command_count++] = cmd;
    }
}

struct forgetting {
    struct writer *writer;
    uint64_t now_us;
    unsigned looked_at;
    bool young; /* met an id that is not old enough */
};

static uint64_t id_time_us(struct slice id)
{
    return ledger__seq_from_key(slice_sub(id, 0, 6)) * 1000;
}

static bool forget_one(void *arg, struct slice key, struct slice value)
{
    struct forgetting *f = arg;
    struct writer *w = f->writer;
    struct seen seen;

    f->young = id_time_us(key) + FORGET_AFTER_US > f->now_us;
    if (f->young || f->looked_at++ == FORGET_MAX)
        return false;
    memcpy(w->forget_from.bytes, key.bytes, ID_LEN);
    if (ledger__seen_decode(&seen, key, value) == RC_OK &&
        ledger__forgotten(&seen, f->now_us))
        w->forget[w->forget_count++] = w->forget_from;
    return true;
}

/* Ids sort by time: the old ones are in front. What was looked at once is passed by; an
 * id that cannot be forgotten does not come up again before the next start. */
static void gather_forgettable(struct writer *w)
{
    uint64_t now_us = w->head.time_us;
    const struct engine_ops *ops = w->engine->ops;
    struct forgetting f = {.writer = w, .now_us = now_us};
    struct snapshot *s;
    struct id from = w->forget_from;

    if (now_us < w->forget_at_us || ops->snapshot(&s, w->engine) != RC_OK)
        return;
    if (ops->scan(s, TABLE_SEEN, ledger__id_slice(&from), false, forget_one, &f) !=
        RC_OK)
        w->forget_count = 0;
    ops->release(s);
    if (f.young || f.looked_at <= FORGET_MAX)
        w->forget_at_us = now_us + (uint64_t)IDLE_MS * 1000;
}

/* ---- Doing it ---- */

/* An EXPIRE is found under the tags of its hold, and is forgotten like it. */
static void inherit(struct writer *w, struct ledger_cmd *cmd)
{
    const struct cell *c =
        ledger__batch_find(w->batch, TABLE_HOLD, ledger__id_slice(&cmd->hold));

    if (cmd->verb != LEDGER_EXPIRE || c == NULL || !c->present)
        return;
    cmd->forgettable = c->now.hold->forgettable;
    memcpy(cmd->tags, c->now.hold->tags, sizeof(cmd->tags));
}

static void forget(struct writer *w)
{
    for (unsigned i = 0; i < w->forget_count; i++) {
        struct cell *c =
            ledger__batch_find(w->batch, TABLE_SEEN, ledger__id_slice(&w->forget[i]));

        if (c == NULL || !c->present ||
            !ledger__forgotten(&c->now.seen, w->head.time_us))
            continue;
        c->present = false;
        c->dirty = true;
    }
}

static void keep_expiry(struct writer *w, const struct ledger_cmd *cmd)
{
    const struct cell *c;

    if (cmd->result.rc != RC_OK || cmd->result.replayed)
        return;
    if (cmd->verb == LEDGER_HOLD && cmd->expires_us != 0) {
        if (ledger__expiry_add(w->expiry, cmd->op, cmd->expires_us) != RC_OK)
            w->refill = true;
    } else if (cmd->verb == LEDGER_CAPTURE || cmd->verb == LEDGER_VOID) {
        c = ledger__batch_find(w->batch, TABLE_HOLD, ledger__id_slice(&cmd->hold));
        if (c->now.hold->expires_us != 0)
            ledger__expiry_ended(w->expiry);
    }
}

static bool same_head(const struct head *a, const struct head *b)
{
    return a->seq == b->seq && memcmp(a->hash, b->hash, SHA256_LEN) == 0;
}

/* After a failure the store may be where it was or where the batch led; anything else
 * is not our store any more. */
static enum rc reopen(struct writer *w)
{
    struct head head;
    uint64_t run;

    TRY(w->engine->ops->reopen(w->engine));
    TRY(ledger__meta_check(&head, &run, w->engine));
    if (run != w->run ||
        (!same_head(&head, &w->head) && !same_head(&head, &w->attempted)))
        return RC_CORRUPT;
    TRY(ledger__meta_write_run(w->engine, run));
    w->head = head;
    w->refill = true;
    return RC_OK;
}

static void note_failure(struct writer *w, enum rc rc, const char *what)
{
    w->broken = true;
    w->failures++;
    w->retry_ms = clock_mono_ms() + RETRY_MS;
    w->refill = true;
    log_event(LOG_ERROR, "ledger: the store failed", LOG_STR("what", what),
              LOG_STR("code", rc_reason(rc)), LOG_U64("failures", w->failures),
              LOG_U64("seq", w->head.seq));
}

static enum rc prepare(struct writer *w, uint64_t now_us)
{
    struct batch *b = w->batch;

    ledger__batch_begin(b, &w->head, w->command_count + w->forget_count);
    b->time_us = now_us;
    b->run = w->run;
    b->refuse_holds = atomic_load(&w->refusing);
    for (unsigned i = 0; i < w->command_count; i++)
        ledger__batch_want(b, w->commands[i]);
    for (unsigned i = 0; i < w->forget_count; i++)
        ledger__batch_add(b, TABLE_SEEN, ledger__id_slice(&w->forget[i]));
    return ledger__batch_load(b, w->engine);
}

static enum rc do_batch(struct writer *w, uint64_t now_us)
{
    const struct engine_ops *ops = w->engine->ops;
    struct change *changes = NULL;
    enum rc rc = prepare(w, now_us);

    if (rc == RC_OK) {
        forget(w);
        for (unsigned i = 0; i < w->command_count; i++) {
            inherit(w, w->commands[i]);
            ledger__apply(w->batch, w->commands[i]);
        }
        rc = ledger__batch_changes(&changes, w->batch);
    }
    if (rc != RC_OK || changes == NULL) {
        ops->abandon(w->engine);
        return rc;
    }
    w->attempted = w->batch->head;
    TRY(ops->commit(w->engine, changes));
    w->head = w->batch->head;
    atomic_fetch_add(&w->commits, 1);
    if (w->command_count > atomic_load(&w->batch_max))
        atomic_store(&w->batch_max, w->command_count);
    for (unsigned i = 0; i < w->command_count; i++)
        keep_expiry(w, w->commands[i]);
    return RC_OK;
}

/* A store that failed is opened anew before it is used again; one that keeps failing is
 * tried once a second, and everything is refused in between. */
static bool usable(struct writer *w)
{
    enum rc rc;

    if (!w->broken)
        return true;
    if (w->failures >= 2 && clock_mono_ms() < w->retry_ms)
        return false;
    rc = reopen(w);
    if (rc != RC_OK)
        note_failure(w, rc, "reopen");
    else
        w->broken = false;
    return !w->broken;
}

static enum rc attempt(struct writer *w, uint64_t now_us)
{
    enum rc rc = do_batch(w, now_us);

    if (rc == RC_OK)
        w->failures = 0;
    else if (rc == RC_FULL || rc == RC_NOMEM)
        w->refill = true; /* nothing happened, and the store is as good as before */
    else
        note_failure(w, rc, "commit");
    return rc == RC_CORRUPT ? RC_IO : rc;
}

static void answer(struct writer *w, enum rc rc)
{
    for (unsigned i = 0; i < w->command_count; i++) {
        struct ledger_cmd *cmd = w->commands[i];

        if (rc != RC_OK)
            cmd->result = (struct ledger_result){.rc = rc};
        if (cmd->done != NULL) {
            atomic_fetch_sub(&w->waiting, 1);
            cmd->done(cmd);
        } else if (rc == RC_OK && cmd->result.rc != RC_OK &&
                   cmd->result.rc != RC_ENDED && cmd->result.rc != RC_NOT_FOUND) {
            log_event(LOG_ERROR, "ledger: a hold could not be expired",
                      LOG_STR("code", rc_reason(cmd->result.rc)));
        }
    }
}

static void run_batch(struct writer *w)
{
    uint64_t now_us = clock_wall_us();
    bool ready = usable(w);
    enum rc rc = RC_IO;

    if (now_us < w->head.time_us)
        now_us = w->head.time_us;
    w->command_count = 0;
    w->forget_count = 0;
    if (ready) {
        w->engine->ops->tend(w->engine);
        /* Also when nothing is to be done: who asks whether we are ready must learn
         * that room has come back without a call to try it. */
        atomic_store(&w->refusing, !w->engine->ops->has_room(w->engine));
        gather_due(w, now_us);
        gather_forgettable(w);
    }
    gather_pending(w);
    if (w->command_count == 0 && w->forget_count == 0)
        return;
    if (ready)
        rc = attempt(w, now_us);
    atomic_store(&w->last_us, w->head.time_us);
    atomic_store(&w->entries, w->head.seq);
    atomic_store(&w->failing, w->failures > 0);
    answer(w, rc);
}

/* ---- The thread ---- */

static int idle_ms(const struct writer *w)
{
    uint64_t next_us = ledger__expiry_next_us(w->expiry);
    uint64_t now_us = clock_wall_us();

    if (w->failures > 0 || next_us >= now_us + (uint64_t)IDLE_MS * 1000)
        return IDLE_MS;
    return next_us > now_us ? (int)((next_us - now_us) / 1000) + 1 : 0;
}

static void sleep_until_needed(struct writer *w)
{
    struct pollfd p = {.fd = w->wake_fd, .events = POLLIN};
    uint64_t count;

    atomic_store(&w->asleep, true);
    /* Whoever pushed before it could see us asleep has not woken us. */
    if (atomic_load(&w->inbox) == NULL && !atomic_load(&w->stop))
        (void)poll(&p, 1, idle_ms(w));
    atomic_store(&w->asleep, false);
    (void)!read(w->wake_fd, &count, sizeof(count));
}

static void *writer_main(void *arg)
{
    struct writer *w = arg;

    for (;;) {
        bool stop = atomic_load(&w->stop);

        take_inbox(w);
        run_batch(w);
        if (w->pending != NULL || atomic_load(&w->inbox) != NULL)
            continue;
        if (stop)
            return NULL;
        sleep_until_needed(w);
    }
}

enum rc ledger__writer_open(struct writer **out, struct engine *e,
                            const struct head *head, uint64_t run)
{
    struct writer *w = calloc(1, sizeof(*w));
    enum rc rc;

    if (w == NULL)
        return RC_NOMEM;
    w->engine = e;
    w->head = *head;
    w->attempted = *head;
    w->run = run;
    w->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    rc = w->wake_fd >= 0 ? RC_OK : RC_IO;
    if (rc == RC_OK)
        rc = ledger__batch_open(&w->batch);
    if (rc == RC_OK)
        rc = ledger__expiry_open(&w->expiry);
    if (rc == RC_OK)
        rc = refill_expiry(w);
    if (rc == RC_OK) {
        atomic_store(&w->last_us, w->head.time_us);
        atomic_store(&w->entries, w->head.seq);
        w->started = pthread_create(&w->thread, NULL, writer_main, w) == 0;
        rc = w->started ? RC_OK : RC_NOMEM;
    }
    if (rc != RC_OK) {
        ledger__writer_close(w);
        return rc;
    }
    *out = w;
    return RC_OK;
}

void ledger__writer_close(struct writer *w)
{
    if (w == NULL)
        return;
    if (w->started) {
        atomic_store(&w->stop, true);
        atomic_store(&w->asleep, true);
        wake(w);
        pthread_join(w->thread, NULL);
    }
    ledger__expiry_close(w->expiry);
    ledger__batch_close(w->batch);
    if (w->wake_fd >= 0)
        close(w->wake_fd);
    free(w);
}

uint64_t ledger__writer_last_us(struct writer *w)
{
    return atomic_load(&w->last_us);
}

uint64_t ledger__writer_run(const struct writer *w)
{
    return w->run;
}

void ledger__writer_stats(struct writer *w, struct ledger_stats *out)
{
    out->entries = atomic_load(&w->entries);
    out->commits = atomic_load(&w->commits);
    out->batch_max = atomic_load(&w->batch_max);
    out->queue_depth = atomic_load(&w->waiting);
    out->refusing_holds = atomic_load(&w->refusing);
    out->failing = atomic_load(&w->failing);
}
