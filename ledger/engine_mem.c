/* SPDX-License-Identifier: Apache-2.0 */
/* The model: every table a skip list in memory, one lock around all. What LMDB is
 * compared with in the tests, and what ledger_verify() replays into. Nothing survives,
 * nothing is ever full. */
#include "ledger/engine.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

enum {
    LEVELS = 24
};

struct node {
    struct slice key;
    struct slice value;
    unsigned level_count;
    struct node *next[]; /* level_count of them */
};

struct skip_list {
    struct node *head[LEVELS];
    uint64_t count;
};

struct mem {
    struct engine engine;
    struct snapshot snapshot; /* the same for all: the lock makes it one */
    struct skip_list tables[TABLE__COUNT];
    uint64_t dice;
    /* Views read on any thread while the writer commits: a view holds it shared. */
    pthread_rwlock_t lock;
};

static struct mem *mem_of(struct engine *e)
{
    return (struct mem *)e;
}

/* Fills path with the links that lead to the first node whose key is not below `key`,
 * and returns that node or NULL. */
static struct node *find(struct skip_list *t, struct slice key,
                         struct node **path[LEVELS])
{
    struct node **links = t->head;

    for (unsigned level = LEVELS; level-- > 0;) {
        while (links[level] != NULL && slice_compare(links[level]->key, key) < 0)
            links = links[level]->next;
        path[level] = &links[level];
    }
    return *path[0];
}

static struct node *find_equal(struct skip_list *t, struct slice key,
                               struct node **path[LEVELS])
{
    struct node *n = find(t, key, path);

    return n != NULL && slice_equal(n->key, key) ? n : NULL;
}

static unsigned throw_dice(struct mem *m)
{
    unsigned level_count = 1;

    m->dice ^= m->dice << 13;
    m->dice ^= m->dice >> 7;
    m->dice ^= m->dice << 17;
    for (uint64_t d = m->dice; (d & 3) == 0 && level_count < LEVELS; d >>= 2)
        level_count++;
    return level_count;
}

/* The links, the key and the value of a node are one piece of memory. */
static struct node *new_node(struct mem *m, const struct change *c)
{
    unsigned level_count = throw_dice(m);
    size_t links_len = level_count * sizeof(void *);
    struct node *n = calloc(1, sizeof(*n) + links_len + c->key.len + c->value.len);
    char *bytes;

    if (n == NULL)
        return NULL;
    bytes = (char *)n->next + links_len;
    if (c->key.len > 0)
        memcpy(bytes, c->key.bytes, c->key.len);
    if (c->value.len > 0)
        memcpy(bytes + c->key.len, c->value.bytes, c->value.len);
    n->key = slice_from(bytes, c->key.len);
    n->value = slice_from(bytes + c->key.len, c->value.len);
    n->level_count = level_count;
    return n;
}

static void unlink_node(struct skip_list *t, struct node *n, struct node **path[LEVELS])
{
    for (unsigned level = 0; level < n->level_count; level++)
        *path[level] = n->next[level];
    t->count--;
    free(n);
}

static void link_node(struct skip_list *t, struct node *n, struct node **path[LEVELS])
{
    unsigned level = 0;

    do { /* at least the lowest */
        n->next[level] = *path[level];
        *path[level] = n;
    } while (++level < n->level_count);
    t->count++;
}

static enum rc change_row(struct mem *m, const struct change *c)
{
    struct skip_list *t = &m->tables[c->table];
    struct node **path[LEVELS];
    struct node *old = find_equal(t, c->key, path);
    struct node *n = NULL;

    if (!c->remove) {
        n = new_node(m, c);
        if (n == NULL)
            return RC_NOMEM;
    }
    if (old != NULL) {
        unlink_node(t, old, path);
        find(t, c->key, path);
    }
    if (n == NULL)
        return RC_OK;
    link_node(t, n, path);
    return RC_OK;
}

/* Only the writer changes rows, so that it may read without the lock. */
static enum rc mem_load(struct engine *e, struct batch *b)
{
    struct node **path[LEVELS];

    for (struct cell *c = b->fresh; c != NULL; c = c->next) {
        const struct node *n = find_equal(&mem_of(e)->tables[c->table], c->key, path);

        c->stored = n != NULL;
        if (n != NULL)
            c->value = n->value;
    }
    return RC_OK;
}

static enum rc mem_commit(struct engine *e, const struct change *changes)
{
    struct mem *m = mem_of(e);
    enum rc rc = RC_OK;

    pthread_rwlock_wrlock(&m->lock);
    for (const struct change *c = changes; c != NULL && rc == RC_OK; c = c->next)
        rc = change_row(m, c);
    pthread_rwlock_unlock(&m->lock);
    return rc;
}

static void mem_abandon(struct engine *e)
{
    (void)e;
}

static void mem_tend(struct engine *e)
{
    (void)e;
}

static bool mem_has_room(struct engine *e)
{
    (void)e;
    return true;
}

static enum rc mem_reopen(struct engine *e)
{
    (void)e;
    return RC_IO;
}

static enum rc mem_snapshot(struct snapshot **out, struct engine *e)
{
    struct mem *m = mem_of(e);

    pthread_rwlock_rdlock(&m->lock);
    *out = &m->snapshot;
    return RC_OK;
}

static void mem_release(struct snapshot *s)
{
    pthread_rwlock_unlock(&mem_of(s->engine)->lock);
}

static enum rc mem_get(struct slice *value, struct snapshot *s, enum table table,
                       struct slice key)
{
    struct node **path[LEVELS];
    const struct node *n = find_equal(&mem_of(s->engine)->tables[table], key, path);

    if (n == NULL)
        return RC_NOT_FOUND;
    *value = n->value;
    return RC_OK;
}

/* The last node that is not above `key` (an empty key: the last of all), or NULL. */
static struct node *find_back(struct skip_list *t, struct slice key, bool below)
{
    struct node **links = t->head;
    struct node *at = NULL;

    for (unsigned level = LEVELS; level-- > 0;) {
        while (links[level] != NULL) {
            int order = key.len == 0 ? -1 : slice_compare(links[level]->key, key);

            if (order > 0 || (below && order == 0))
                break;
            at = links[level];
            links = at->next;
        }
    }
    return at;
}

static enum rc mem_scan(struct snapshot *s, enum table table, struct slice from,
                        bool backwards, row_fn *each, void *arg)
{
    struct skip_list *t = &mem_of(s->engine)->tables[table];
    struct node **path[LEVELS];
    const struct node *n = backwards ? find_back(t, from, false) : find(t, from, path);

    while (n != NULL && each(arg, n->key, n->value))
        n = backwards ? find_back(t, n->key, true) : n->next[0];
    return RC_OK;
}

static uint64_t mem_count(struct snapshot *s, enum table table)
{
    return mem_of(s->engine)->tables[table].count;
}

static enum rc mem_copy(struct engine *e, int fd)
{
    (void)e;
    (void)fd;
    return RC_BAD_INPUT;
}

static void mem_stats(struct engine *e, struct ledger_stats *out)
{
    struct snapshot *s;

    if (mem_snapshot(&s, e) != RC_OK)
        return;
    out->accounts = mem_count(s, TABLE_ACCOUNT);
    out->holds = mem_count(s, TABLE_HOLD);
    mem_release(s);
}

static void mem_close(struct engine *e)
{
    struct mem *m = mem_of(e);

    for (unsigned i = 0; i < TABLE__COUNT; i++) {
        struct node *n = m->tables[i].head[0];

        while (n != NULL) {
            struct node *next = n->next[0];

            free(n);
            n = next;
        }
    }
    pthread_rwlock_destroy(&m->lock);
    free(m);
}

static const struct engine_ops mem_ops = {
    .close = mem_close,
    .reopen = mem_reopen,
    .load = mem_load,
    .commit = mem_commit,
    .abandon = mem_abandon,
    .tend = mem_tend,
    .has_room = mem_has_room,
    .snapshot = mem_snapshot,
    .release = mem_release,
    .get = mem_get,
    .scan = mem_scan,
    .count = mem_count,
    .copy = mem_copy,
    .stats = mem_stats,
};

static enum rc put_identity(struct mem *m)
{
    uint8_t row[IDENTITY_LEN] = {0};
    struct change change = {.table = TABLE_META,
                            .key = META_IDENTITY,
                            .value = slice_from((const char *)row, IDENTITY_LEN)};

    ledger__identity_encode(row, ID_NONE, 0);
    TRY(change_row(m, &change));
    return ledger__meta_write_run(&m->engine, 0);
}

enum rc ledger__mem_open(struct engine **out)
{
    struct mem *m = calloc(1, sizeof(*m));
    enum rc rc;

    if (m == NULL)
        return RC_NOMEM;
    m->engine.ops = &mem_ops;
    m->snapshot.engine = &m->engine;
    m->dice = UINT64_C(0x9e3779b97f4a7c15);
    if (pthread_rwlock_init(&m->lock, NULL) != 0) {
        free(m);
        return RC_NOMEM;
    }
    rc = put_identity(m);
    if (rc != RC_OK) {
        mem_close(&m->engine);
        return rc;
    }
    *out = &m->engine;
    return RC_OK;
}
