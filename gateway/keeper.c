/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/keeper.h"

#include "gateway/request.h"

#include <pthread.h>
#include <stdlib.h>

struct keeper {
    pthread_t thread;
    pthread_mutex_t lock; /* guards what follows */
    pthread_cond_t more;
    struct keeper_job *first;
    struct keeper_job **last;
    unsigned waiting;
    bool closing;
};

static struct keeper_job *next_job(struct keeper *k)
{
    struct keeper_job *j;

    (void)pthread_mutex_lock(&k->lock);
    while (k->first == NULL && !k->closing)
        (void)pthread_cond_wait(&k->more, &k->lock);
    j = k->first;
    if (j != NULL) {
        k->first = j->next;
        if (k->first == NULL)
            k->last = &k->first;
        k->waiting--;
    }
    (void)pthread_mutex_unlock(&k->lock);
    return j;
}

static void *run(void *arg)
{
    struct keeper *k = arg;
    struct keeper_job *j;

    while ((j = next_job(k)) != NULL) {
        j->work(j);
        j->done(j);
    }
    return NULL;
}

enum rc keeper_open(struct keeper **out)
{
    struct keeper *k = calloc(1, sizeof(*k));

    if (k == NULL)
        return RC_NOMEM;
    k->last = &k->first;
    (void)pthread_mutex_init(&k->lock, NULL);
    (void)pthread_cond_init(&k->more, NULL);
    if (pthread_create(&k->thread, NULL, run, k) != 0) {
        (void)pthread_cond_destroy(&k->more);
        (void)pthread_mutex_destroy(&k->lock);
        free(k);
        return RC_NOMEM;
    }
    *out = k;
    return RC_OK;
}

void keeper_close(struct keeper *k)
{
    if (k == NULL)
        return;
    (void)pthread_mutex_lock(&k->lock);
    k->closing = true;
    (void)pthread_cond_signal(&k->more);
    (void)pthread_mutex_unlock(&k->lock);
    (void)pthread_join(k->thread, NULL);
    (void)pthread_cond_destroy(&k->more);
    (void)pthread_mutex_destroy(&k->lock);
    free(k);
}

void keeper_submit(struct keeper *k, struct keeper_job *j)
{
    bool full;

    j->next = NULL;
    (void)pthread_mutex_lock(&k->lock);
    full = k->waiting == KEEPER_JOBS_MAX;
    if (!full) {
        *k->last = j;
        k->last = &j->next;
        k->waiting++;
        (void)pthread_cond_signal(&k->more);
    }
    (void)pthread_mutex_unlock(&k->lock);
    if (full) {
        j->rc = RC_BUSY;
        j->done(j);
    }
}

/* ---- A request that waits for it ---- */

static void call_message(struct inbox_message *m)
{
    struct keeper_call *c =
        (struct keeper_call *)(void *)((char *)m -
                                       offsetof(struct keeper_call, message));

    c->request->money_busy = false;
    request_run(c->request);
}

/* On the keeper's thread, or on ours. */
static void call_done(struct keeper_job *j)
{
    struct keeper_call *c = (struct keeper_call *)(void *)j;

    inbox_post(loop_inbox(c->request->worker->loop), &c->message);
}

enum step keeper_call(struct keeper_call *c, struct keeper *k, struct request *r,
                      void (*work)(struct keeper_job *j))
{
    if (c->asked)
        return STEP_ON;
    if (k == NULL) {
        c->job.rc = RC_BUSY;
        return STEP_ON;
    }
    c->asked = true;
    c->request = r;
    c->job.work = work;
    c->job.done = call_done;
    c->message.run = call_message;
    r->money_busy = true;
    keeper_submit(k, &c->job);
    return STEP_WAIT;
}
