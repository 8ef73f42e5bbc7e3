/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/clerk.h"

#include "base/secret.h"

#include <pthread.h>
#include <stdlib.h>

struct clerk {
    struct wallet_book *book;
    pthread_t thread;
    pthread_mutex_t lock; /* guards what follows */
    pthread_cond_t more;
    struct clerk_job *first;
    struct clerk_job **last;
    unsigned waiting;
    bool closing;
};

/* A wallet without a key is nobody's: it stays empty. */
static enum rc open_wallet(struct clerk *c, struct clerk_job *j)
{
    const struct wallet_key_options options = {.name = slice_str(j->name)};
    struct wallet_key key;

    TRY(wallet_create(&j->wallet, c->book, slice_str(j->name), ID_NONE));
    return wallet_key_create(&key, j->key, c->book, j->wallet.id, &options);
}

static struct clerk_job *next_job(struct clerk *c)
{
    struct clerk_job *j;

    (void)pthread_mutex_lock(&c->lock);
    while (c->first == NULL && !c->closing)
        (void)pthread_cond_wait(&c->more, &c->lock);
    j = c->first;
    if (j != NULL) {
        c->first = j->next;
        if (c->first == NULL)
            c->last = &c->first;
        c->waiting--;
    }
    (void)pthread_mutex_unlock(&c->lock);
    return j;
}

static void *run(void *arg)
{
    struct clerk *c = arg;
    struct clerk_job *j;

    while ((j = next_job(c)) != NULL) {
        j->rc = open_wallet(c, j);
        if (j->rc != RC_OK)
            secret_wipe(j->key, sizeof(j->key));
        j->done(j);
    }
    return NULL;
}

enum rc clerk_open(struct clerk **out, struct wallet_book *b)
{
    struct clerk *c = calloc(1, sizeof(*c));

    if (c == NULL)
        return RC_NOMEM;
    c->book = b;
    c->last = &c->first;
    (void)pthread_mutex_init(&c->lock, NULL);
    (void)pthread_cond_init(&c->more, NULL);
    if (pthread_create(&c->thread, NULL, run, c) != 0) {
        (void)pthread_cond_destroy(&c->more);
        (void)pthread_mutex_destroy(&c->lock);
        free(c);
        return RC_NOMEM;
    }
    *out = c;
    return RC_OK;
}

void clerk_close(struct clerk *c)
{
    if (c == NULL)
        return;
    (void)pthread_mutex_lock(&c->lock);
    c->closing = true;
    (void)pthread_cond_signal(&c->more);
    (void)pthread_mutex_unlock(&c->lock);
    (void)pthread_join(c->thread, NULL);
    (void)pthread_cond_destroy(&c->more);
    (void)pthread_mutex_destroy(&c->lock);
    free(c);
}

void clerk_submit(struct clerk *c, struct clerk_job *j)
{
    bool full;

    j->next = NULL;
    (void)pthread_mutex_lock(&c->lock);
    full = c->waiting == CLERK_JOBS_MAX;
    if (!full) {
        *c->last = j;
        c->last = &j->next;
        c->waiting++;
        (void)pthread_cond_signal(&c->more);
    }
    (void)pthread_mutex_unlock(&c->lock);
    if (full) {
        j->rc = RC_BUSY;
        j->done(j);
    }
}
