/* SPDX-License-Identifier: Apache-2.0 */
/* Snapshots of the configuration: their memory, who holds them, the current one, and
 * what is found in them. Reading them from a file is config_load.c. */
#include "gateway/config_int.h"

#include <assert.h>
#include <pthread.h>
#include <stdlib.h>

enum {
    ARENA_SIZE = 64 * 1024 * 1024
};

/* Snapshots ---------------------------------------------------------------------------
 */

enum rc config__snapshot_new(struct config__snapshot **out)
{
    struct config__snapshot *s = calloc(1, sizeof(*s));
    enum rc rc;

    if (s == NULL)
        return RC_NOMEM;
    rc = arena_open(&s->arena, ARENA_SIZE);
    if (rc != RC_OK) {
        free(s);
        return rc;
    }
    s->config.snapshot = s;
    atomic_init(&s->references, 1);
    *out = s;
    return RC_OK;
}

static void free_secrets(const struct config *c)
{
    secret_unref(c->admin_token);
    for (size_t i = 0; i < c->provider_count; i++) {
        for (size_t k = 0; k < c->providers[i].key_count; k++)
            secret_unref(c->providers[i].api_keys[k]);
        secret_unref(c->providers[i].access_key);
        secret_unref(c->providers[i].secret_key);
        secret_unref(c->providers[i].session_token);
    }
    for (size_t i = 0; i < c->data_api_count; i++)
        secret_unref(c->data_apis[i].auth_value);
    config__free_payments(c->payments);
    config__free_skills(c->skills);
}

void config__snapshot_free(struct config__snapshot *s)
{
    if (s == NULL)
        return;
    free_secrets(&s->config);
    arena_close(s->arena);
    free(s);
}

const struct config *config_ref(const struct config *c)
{
    size_t before =
        atomic_fetch_add_explicit(&c->snapshot->references, 1, memory_order_relaxed);

    assert(before > 0 && before < SIZE_MAX / 2);
    return c;
}

void config_unref(const struct config *c)
{
    size_t before;

    if (c == NULL)
        return;
    /* What any holder did with the snapshot happens before the last one frees it. */
    before =
        atomic_fetch_sub_explicit(&c->snapshot->references, 1, memory_order_acq_rel);
    assert(before > 0);
    if (before == 1)
        config__snapshot_free(c->snapshot);
}

/* The current one ---------------------------------------------------------------------
 */

struct config_cell {
    /* A lock, because "read the pointer" and "count me in" must be one step: between
     * them a reload could drop the last reference. It is held for those two
     * instructions only, never while a file is read. */
    pthread_mutex_t lock;
    const struct config *current;
    /* One reload at a time, else the older of two files could win. */
    pthread_mutex_t reload_lock;
};

/* Plain mutexes fail only when they are misused, which is our bug. */
static void lock(pthread_mutex_t *m)
{
    int error = pthread_mutex_lock(m);

    assert(error == 0);
}

static void unlock(pthread_mutex_t *m)
{
    int error = pthread_mutex_unlock(m);

    assert(error == 0);
}

enum rc config_cell_open(struct config_cell **out, const struct config *first)
{
    struct config_cell *cell = calloc(1, sizeof(*cell));

    if (cell == NULL)
        return RC_NOMEM;
    if (pthread_mutex_init(&cell->lock, NULL) != 0) {
        free(cell);
        return RC_NOMEM;
    }
    if (pthread_mutex_init(&cell->reload_lock, NULL) != 0) {
        (void)pthread_mutex_destroy(&cell->lock);
        free(cell);
        return RC_NOMEM;
    }
    cell->current = config_ref(first);
    *out = cell;
    return RC_OK;
}

void config_cell_close(struct config_cell *cell)
{
    if (cell == NULL)
        return;
    config_unref(cell->current);
    (void)pthread_mutex_destroy(&cell->reload_lock);
    (void)pthread_mutex_destroy(&cell->lock);
    free(cell);
}

const struct config *config_cell_get(struct config_cell *cell)
{
    const struct config *c;

    lock(&cell->lock);
    c = config_ref(cell->current);
    unlock(&cell->lock);
    return c;
}

enum rc config_cell_reload(struct config_cell *cell, struct buf *faults)
{
    const struct config *old;
    const struct config *new;
    enum rc rc;

    lock(&cell->reload_lock);
    old = cell->current; /* only a reload changes it */
    rc = config__load(&new, old->path, old, faults);
    if (rc == RC_OK) {
        lock(&cell->lock);
        cell->current = new;
        unlock(&cell->lock);
        config_unref(old);
    }
    unlock(&cell->reload_lock);
    return rc;
}

/* Looking things up -------------------------------------------------------------------
 */

const struct config_model *config_model(const struct config *c, struct slice name)
{
    size_t from = 0;
    size_t to = c->model_count;

    while (from < to) {
        size_t middle = from + (to - from) / 2;
        int order = slice_compare(name, slice_str(c->models[middle].name));

        if (order == 0)
            return &c->models[middle];
        if (order < 0)
            to = middle;
        else
            from = middle + 1;
    }
    return NULL;
}

const struct config_data_api *config_data_api(const struct config *c, struct slice name)
{
    for (size_t i = 0; i < c->data_api_count; i++)
        if (slice_equal_str(name, c->data_apis[i].name))
            return &c->data_apis[i];
    return NULL;
}
