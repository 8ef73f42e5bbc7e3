/* SPDX-License-Identifier: Apache-2.0 */
/* The store: LMDB with full sync. The only file that includes lmdb.h; its quirks stay
 * here: the map that must grow with nobody inside, readers that pin pages, one
 * environment per process and file, and a failed commit that leaves the environment
 * unusable.
 *
 * Files in the folder: ledger.mdb, ledger.mdb-lock (LMDB's readers), and folder.c's. */
#include "ledger/engine.h"

#include "base/clock.h"
#include "base/log.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <lmdb.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define LOCK_SUFFIX "-lock" /* LMDB's own */

/* Each of these trades acknowledged money, or the whole file, for speed. */
#define FLAGS_FORBIDDEN \
    (MDB_NOSYNC | MDB_NOMETASYNC | MDB_MAPASYNC | MDB_WRITEMAP | MDB_NOLOCK)
#define FLAGS_USED (MDB_NOSUBDIR | MDB_NOTLS | MDB_NORDAHEAD)
static_assert((FLAGS_USED & FLAGS_FORBIDDEN) == 0, "durable, always");

#define MAP_SIZE_MIN     ((size_t)1 << 20)
#define MAP_SIZE_DEFAULT ((size_t)256 << 20)
#define RESERVE_DEFAULT  ((uint64_t)64 << 20)
#define FILE_AHEAD       ((uint64_t)8 << 20)
#define READERS_MAX      510u

enum {
    FILE_MODE = 0600,
    GROW_PERCENT = 50, /* of the map is used: time to grow, with much left */
    FULL_PERCENT = 85, /* it could not grow: no new holds, the rest is for captures */
    GROW_WAIT_MS = 20, /* readers are held up for so long.. */
    GROW_EVERY_MS = 1000, /* ..and so often, if there is one that stays */
    GROW_MUST_MS = 1000,  /* when a commit cannot be without it */
    DISK_EVERY_MS = 1000,
    READERS_EVERY_MS = 60000,
    BLOCK_SIZE = 512 /* the unit of st_blocks */
};

struct view {
    struct snapshot snapshot;
    MDB_txn *txn;
    struct view *next; /* in the pool */
};

struct lmdb {
    struct engine engine;
    char *dir;
    char *path;
    int owner_fd;
    int file_fd; /* of the data file; LMDB locks only its lock file */
    bool read_only;
    uint64_t disk_reserve;

    /* A view holds it shared, for nothing may move the map or close the environment
     * below it; whoever does so holds it alone. A lock of its own because LMDB has none
     * here. */
    pthread_rwlock_t gate;
    MDB_env *env; /* NULL: it could not be opened again */
    MDB_dbi dbis[TABLE__COUNT];
    size_t page_size;

    /* Read transactions are kept and renewed: opening one takes a lock and memory. */
    pthread_mutex_t pool_lock;
    struct view *pool;

    /* The writer's. */
    MDB_txn *txn;
    uint64_t file_size;
    uint64_t grow_next_ms;
    uint64_t disk_next_ms;
    uint64_t readers_next_ms;
    atomic_uint_fast64_t disk_free;
};

static const char *const table_names[TABLE__COUNT] = {
    [TABLE_META] = "meta", [TABLE_ACCOUNT] = "account", [TABLE_HOLD] = "hold",
    [TABLE_SEEN] = "seen", [TABLE_RECORD] = "record",   [TABLE_JOURNAL] = "journal",
    [TABLE_TAG] = "tag",
};

static struct lmdb *lmdb_of(struct engine *e)
{
    return (struct lmdb *)e;
}

static struct view *view_of(struct snapshot *s)
{
    return (struct view *)s;
}

/* LMDB does not write through an MDB_val that it is given, but says void *. */
static MDB_val val_of(struct slice s)
{
    union {
        const char *in;
        void *out;
    } bytes = {s.bytes};

    return (MDB_val){s.len, bytes.out};
}

static struct slice slice_of(MDB_val v)
{
    return slice_from(v.mv_data, v.mv_size);
}

static enum rc rc_of(int code)
{
    switch (code) {
    case MDB_SUCCESS:
        return RC_OK;
    case MDB_NOTFOUND:
        return RC_NOT_FOUND;
    case MDB_MAP_FULL:
    case ENOSPC:
    case EDQUOT:
    case EFBIG:
        return RC_FULL;
    case MDB_READERS_FULL:
        return RC_BUSY;
    case ENOMEM:
        return RC_NOMEM;
    case MDB_CORRUPTED:
    case MDB_PAGE_NOTFOUND:
    case MDB_INVALID:
    case MDB_VERSION_MISMATCH:
    case MDB_KEYEXIST: /* the journal would go backwards */
        return RC_CORRUPT;
    default:
        return RC_IO;
    }
}

static enum rc fail(const char *what, int code)
{
    log_event(LOG_ERROR, "ledger: LMDB failed", LOG_STR("what", what),
              LOG_STR("why", mdb_strerror(code)));
    return rc_of(code);
}

/* ---- The environment ---- */

static uint64_t used_bytes(const struct lmdb *m)
{
    MDB_envinfo info;

    mdb_env_info(m->env, &info);
    return ((uint64_t)info.me_last_pgno + 1) * m->page_size;
}

static uint64_t map_bytes(const struct lmdb *m)
{
    MDB_envinfo info;

    mdb_env_info(m->env, &info);
    return info.me_mapsize;
}

/* A page beyond the end of the file would be a SIGBUS, not an error: a file that was
 * cut must be found out before anything is read. (That is also why the file is kept
 * longer than what is used: LMDB need not have written its last pages.) */
static enum rc check_length(struct lmdb *m)
{
    MDB_stat stat;
    struct stat file;
    uint64_t there;

    mdb_env_stat(m->env, &stat);
    m->page_size = stat.ms_psize;
    if (fstat(m->file_fd, &file) != 0)
        return RC_IO;
    /* A length without blocks is no room on a full disk: it counts as not there. */
    there = (uint64_t)file.st_blocks * BLOCK_SIZE;
    m->file_size = (uint64_t)file.st_size;
    if (m->file_size < used_bytes(m))
        return RC_CORRUPT;
    m->file_size = there < m->file_size ? there : m->file_size;
    return RC_OK;
}

static enum rc open_tables(struct lmdb *m, unsigned flags)
{
    MDB_txn *txn;
    int code = mdb_txn_begin(m->env, NULL, flags != 0 ? 0 : MDB_RDONLY, &txn);

    if (code != 0)
        return fail("begin", code);
    for (unsigned i = 0; i < TABLE__COUNT && code == 0; i++)
        code = mdb_dbi_open(txn, table_names[i], flags, &m->dbis[i]);
    if (code != 0) {
        mdb_txn_abort(txn);
        return code == MDB_NOTFOUND ? RC_CORRUPT : fail("tables", code);
    }
    code = mdb_txn_commit(txn);
    return code != 0 ? fail("tables", code) : RC_OK;
}

static void close_env(struct lmdb *m)
{
    while (m->pool != NULL) {
        struct view *v = m->pool;

        m->pool = v->next;
        mdb_txn_abort(v->txn);
        free(v);
    }
    if (m->env != NULL)
        mdb_env_close(m->env);
    m->env = NULL;
    if (m->file_fd >= 0)
        close(m->file_fd);
    m->file_fd = -1;
}

static enum rc open_env_at(struct lmdb *m, const char *path, size_t map_size,
                           bool create)
{
    unsigned flags = FLAGS_USED | (m->read_only ? MDB_RDONLY : 0);
    unsigned flags_now = 0;
    int code = mdb_env_create(&m->env);

    if (code != 0) {
        m->env = NULL;
        return fail("create", code);
    }
    code = mdb_env_set_maxdbs(m->env, TABLE__COUNT);
    if (code == 0)
        code = mdb_env_set_maxreaders(m->env, READERS_MAX);
    if (code == 0)
        code = mdb_env_set_mapsize(m->env, map_size);
    if (code == 0)
        code = mdb_env_open(m->env, path, flags, FILE_MODE);
    if (code != 0)
        return fail("open", code);
    mdb_env_get_flags(m->env, &flags_now);
    assert((flags_now & FLAGS_FORBIDDEN) == 0);
    m->file_fd = open(path, (m->read_only ? O_RDONLY : O_RDWR) | O_CLOEXEC);
    if (m->file_fd < 0)
        return RC_IO;
    TRY(check_length(m));
    return open_tables(m, create ? MDB_CREATE : 0);
}

static enum rc get_in(struct slice *value, MDB_txn *txn, MDB_dbi dbi, struct slice key)
{
    MDB_val k = val_of(key);
    MDB_val v;
    int code = mdb_get(txn, dbi, &k, &v);

    if (code == MDB_NOTFOUND)
        return RC_NOT_FOUND;
    if (code != 0)
        return fail("get", code);
    *value = slice_of(v);
    return RC_OK;
}

/* ---- Room ---- */

static bool lock_gate(struct lmdb *m, unsigned wait_ms)
{
    struct timespec until;

    if (clock_gettime(CLOCK_REALTIME, &until) !=
        0) /* allow: what timedwrlock counts in */
        return false;
    until.tv_nsec += (long)(wait_ms % 1000) * 1000000;
    until.tv_sec += wait_ms / 1000 + until.tv_nsec / 1000000000;
    until.tv_nsec %= 1000000000;
    return pthread_rwlock_timedwrlock(&m->gate, &until) == 0;
}

/* Whether so much address space can be had: mdb_env_set_mapsize() unmaps first and
 * cannot go back. */
static bool can_map(size_t size)
{
    void *probe =
        mmap(NULL, size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

    if (probe == MAP_FAILED)
        return false;
    munmap(probe, size);
    return true;
}

/* Doubles the map. No transaction of the writer is open. */
static bool grow(struct lmdb *m, unsigned wait_ms)
{
    size_t size = (size_t)map_bytes(m);
    int code;

    if (size > SIZE_MAX / 4 || !can_map(size * 2) || !lock_gate(m, wait_ms))
        return false;
    code = mdb_env_set_mapsize(m->env, size * 2);
    if (code != 0) {
        /* Nothing is mapped any more. */
        (void)fail("grow", code);
        close_env(m);
    }
    pthread_rwlock_unlock(&m->gate);
    return code == 0;
}

/* Keeps the file longer than what is used: see check_length(). Blocks that are there
 * already also make a commit's flush shorter. */
static void extend_file(struct lmdb *m, uint64_t used)
{
    bool plenty = atomic_load(&m->disk_free) > m->disk_reserve;

    if (m->file_size < used + FILE_AHEAD / 2 &&
        ledger__extend(m->file_fd, used, FILE_AHEAD, plenty))
        m->file_size = used + FILE_AHEAD;
}

static void lmdb_tend(struct engine *e)
{
    struct lmdb *m = lmdb_of(e);
    uint64_t now_ms = clock_mono_ms();
    uint64_t used;

    if (m->env == NULL)
        return;
    used = used_bytes(m);
    if (used > map_bytes(m) / 100 * GROW_PERCENT && now_ms >= m->grow_next_ms &&
        !grow(m, GROW_WAIT_MS)) {
        if (m->env == NULL)
            return;
        m->grow_next_ms = now_ms + GROW_EVERY_MS;
    }
    if (now_ms >= m->disk_next_ms) {
        m->disk_next_ms = now_ms + DISK_EVERY_MS;
        atomic_store(&m->disk_free, ledger__disk_free(m->dir));
    }
    if (now_ms >= m->readers_next_ms) {
        m->readers_next_ms = now_ms + READERS_EVERY_MS;
        (void)mdb_reader_check(m->env, NULL);
    }
    extend_file(m, used);
}

static bool lmdb_has_room(struct engine *e)
{
    struct lmdb *m = lmdb_of(e);

    if (m->env == NULL || atomic_load(&m->disk_free) < m->disk_reserve)
        return false;
    return used_bytes(m) < map_bytes(m) / 100 * FULL_PERCENT;
}

/* ---- Batches: the writer's thread ---- */

static int begin(struct lmdb *m)
{
    int code;

    if (m->env == NULL)
        return EIO;
    if (m->txn != NULL)
        return 0;
    code = mdb_txn_begin(m->env, NULL, 0, &m->txn);
    if (code != 0)
        m->txn = NULL;
    return code;
}

static enum rc lmdb_load(struct engine *e, struct batch *b)
{
    struct lmdb *m = lmdb_of(e);
    int code = begin(m);

    if (code != 0)
        return fail("begin", code);
    for (struct cell *c = b->fresh; c != NULL; c = c->next) {
        enum rc rc = get_in(&c->value, m->txn, m->dbis[c->table], c->key);

        if (rc != RC_OK && rc != RC_NOT_FOUND)
            return rc;
        c->stored = rc == RC_OK;
    }
    return RC_OK;
}

static void lmdb_abandon(struct engine *e)
{
    struct lmdb *m = lmdb_of(e);

    if (m->txn != NULL)
        mdb_txn_abort(m->txn);
    m->txn = NULL;
}

static int write_change(struct lmdb *m, const struct change *c)
{
    MDB_val key = val_of(c->key);
    MDB_val value = val_of(c->value);
    int code;

    if (!c->remove)
        return mdb_put(m->txn, m->dbis[c->table], &key, &value,
                       c->table == TABLE_JOURNAL ? MDB_APPEND : 0);
    code = mdb_del(m->txn, m->dbis[c->table], &key, NULL);
    return code != MDB_NOTFOUND ? code : MDB_CORRUPTED; /* load() saw it */
}

static int write_all(struct lmdb *m, const struct change *changes)
{
    int code = 0;

    for (const struct change *c = changes; c != NULL && code == 0; c = c->next)
        code = write_change(m, c);
    if (code == 0)
        code = mdb_txn_commit(m->txn);
    else
        mdb_txn_abort(m->txn);
    m->txn = NULL;
    return code;
}

static enum rc lmdb_commit(struct engine *e, const struct change *changes)
{
    struct lmdb *m = lmdb_of(e);
    int code = begin(m);

    code = code == 0 ? write_all(m, changes) : code;
    if (code == MDB_MAP_FULL && grow(m, GROW_MUST_MS)) {
        /* The rows are in the batch's memory; only this thread could have changed what
         * they were made from. */
        code = begin(m);
        code = code == 0 ? write_all(m, changes) : code;
    }
    if (code != 0)
        return fail("commit", code);
    if (used_bytes(m) > m->file_size)
        extend_file(m, used_bytes(m));
    return RC_OK;
}

static enum rc lmdb_reopen(struct engine *e)
{
    struct lmdb *m = lmdb_of(e);
    size_t map_size;
    enum rc rc;

    assert(m->txn == NULL);
    if (!lock_gate(m, GROW_MUST_MS))
        return RC_BUSY;
    map_size = m->env != NULL ? (size_t)map_bytes(m) : MAP_SIZE_DEFAULT;
    close_env(m);
    rc = open_env_at(m, m->path, map_size, false);
    if (rc != RC_OK)
        close_env(m);
    pthread_rwlock_unlock(&m->gate);
    return rc;
}

/* ---- Snapshots: any thread ---- */

static enum rc begin_view(struct view **out, struct lmdb *m)
{
    struct view *v;
    int code;

    pthread_mutex_lock(&m->pool_lock);
    v = m->pool;
    if (v != NULL)
        m->pool = v->next;
    pthread_mutex_unlock(&m->pool_lock);
    if (v != NULL) {
        code = mdb_txn_renew(v->txn);
        if (code == 0) {
            *out = v;
            return RC_OK;
        }
        mdb_txn_abort(v->txn);
        free(v);
        return fail("renew", code);
    }
    v = calloc(1, sizeof(*v));
    if (v == NULL)
        return RC_NOMEM;
    v->snapshot.engine = &m->engine;
    code = mdb_txn_begin(m->env, NULL, MDB_RDONLY, &v->txn);
    if (code != 0) {
        free(v);
        return code == MDB_READERS_FULL ? RC_BUSY : fail("begin", code);
    }
    *out = v;
    return RC_OK;
}

static enum rc lmdb_snapshot(struct snapshot **out, struct engine *e)
{
    struct lmdb *m = lmdb_of(e);
    struct view *v = NULL;
    enum rc rc;

    pthread_rwlock_rdlock(&m->gate);
    rc = m->env != NULL ? begin_view(&v, m) : RC_IO;
    if (rc != RC_OK) {
        pthread_rwlock_unlock(&m->gate);
        return rc;
    }
    *out = &v->snapshot;
    return RC_OK;
}

static void lmdb_release(struct snapshot *s)
{
    struct lmdb *m = lmdb_of(s->engine);
    struct view *v = view_of(s);

    mdb_txn_reset(v->txn);
    pthread_mutex_lock(&m->pool_lock);
    v->next = m->pool;
    m->pool = v;
    pthread_mutex_unlock(&m->pool_lock);
    pthread_rwlock_unlock(&m->gate);
}

static enum rc lmdb_get(struct slice *value, struct snapshot *s, enum table table,
                        struct slice key)
{
    return get_in(value, view_of(s)->txn, lmdb_of(s->engine)->dbis[table], key);
}

static int seek(MDB_cursor *cursor, struct slice from, bool backwards, MDB_val *key,
                MDB_val *value)
{
    int code;

    *key = val_of(from);
    if (from.len == 0)
        return mdb_cursor_get(cursor, key, value, backwards ? MDB_LAST : MDB_FIRST);
    code = mdb_cursor_get(cursor, key, value, MDB_SET_RANGE);
    if (!backwards)
        return code;
    if (code == MDB_NOTFOUND)
        return mdb_cursor_get(cursor, key, value, MDB_LAST);
    if (code == 0 && !slice_equal(slice_of(*key), from))
        return mdb_cursor_get(cursor, key, value, MDB_PREV);
    return code;
}

static enum rc lmdb_scan(struct snapshot *s, enum table table, struct slice from,
                         bool backwards, row_fn *each, void *arg)
{
    MDB_cursor *cursor;
    MDB_val key;
    MDB_val value;
    int code =
        mdb_cursor_open(view_of(s)->txn, lmdb_of(s->engine)->dbis[table], &cursor);

    if (code != 0)
        return fail("cursor", code);
    code = seek(cursor, from, backwards, &key, &value);
    while (code == 0 && each(arg, slice_of(key), slice_of(value)))
        code = mdb_cursor_get(cursor, &key, &value, backwards ? MDB_PREV : MDB_NEXT);
    mdb_cursor_close(cursor);
    return code == 0 || code == MDB_NOTFOUND ? RC_OK : fail("scan", code);
}

static uint64_t count_in(MDB_txn *txn, MDB_dbi dbi)
{
    MDB_stat stat;

    return mdb_stat(txn, dbi, &stat) == 0 ? stat.ms_entries : 0;
}

static uint64_t lmdb_count(struct snapshot *s, enum table table)
{
    return count_in(view_of(s)->txn, lmdb_of(s->engine)->dbis[table]);
}

/* ---- Statistics ---- */

struct readers {
    uint64_t count;
    uint64_t oldest;
};

/* LMDB tells of readers only in print: "pid thread txnid", one a line, "-" when idle.
 */
static int read_reader(const char *line, void *arg)
{
    struct readers *r = arg;
    const char *last = strrchr(line, ' ');
    uint64_t txn_id;

    if (last == NULL)
        return 0;
    txn_id = strtoull(last, NULL, 10);
    if (txn_id == 0)
        return 0;
    r->count++;
    if (txn_id < r->oldest)
        r->oldest = txn_id;
    return 0;
}

static void lmdb_stats(struct engine *e, struct ledger_stats *out)
{
    struct lmdb *m = lmdb_of(e);
    struct readers readers = {.oldest = UINT64_MAX};
    struct snapshot *s;
    struct head head;
    struct slice row = SLICE_NONE;
    MDB_envinfo info;

    if (lmdb_snapshot(&s, e) != RC_OK)
        return;
    mdb_env_info(m->env, &info);
    out->accounts = lmdb_count(s, TABLE_ACCOUNT);
    out->holds = lmdb_count(s, TABLE_HOLD);
    if (lmdb_get(&row, s, TABLE_META, META_HEAD) == RC_OK &&
        ledger__head_decode(&head, row) == RC_OK)
        out->entries = head.seq;
    out->map_size_bytes = info.me_mapsize;
    out->map_used_bytes = used_bytes(m);
    out->disk_free_bytes = atomic_load(&m->disk_free);
    (void)mdb_reader_list(m->env, read_reader, &readers);
    /* The reader that counts them is one of them. */
    out->readers = readers.count > 0 ? readers.count - 1 : 0;
    if (readers.count > 0 && info.me_last_txnid > readers.oldest)
        out->oldest_reader_lag = info.me_last_txnid - readers.oldest;
    lmdb_release(s);
}

/* ---- Making, copying ---- */

static enum rc fill_fresh(struct lmdb *m, const char *fresh)
{
    uint8_t identity[IDENTITY_LEN] = {0};
    uint8_t run[RUN_LEN] = {0};
    uint64_t now_us = clock_wall_us();
    struct change second = {.table = TABLE_META,
                            .key = META_RUN,
                            .value = slice_from((const char *)run, RUN_LEN)};
    struct change first = {.next = &second,
                           .table = TABLE_META,
                           .key = META_IDENTITY,
                           .value = slice_from((const char *)identity, IDENTITY_LEN)};

    ledger__identity_encode(identity, id_new(now_us), now_us);
    ledger__run_encode(run, 0);
    TRY(open_env_at(m, fresh, MAP_SIZE_DEFAULT, true));
    return lmdb_commit(&m->engine, &first);
}

enum rc ledger__lmdb_fill(const char *fresh)
{
    struct lmdb m = {.file_fd = -1, .owner_fd = -1};
    enum rc rc = fill_fresh(&m, fresh);

    close_env(&m);
    return rc;
}

/* A transaction of its own inside; the gate keeps the map where it is. */
static enum rc lmdb_copy(struct engine *e, int fd)
{
    struct lmdb *m = lmdb_of(e);
    enum rc rc = RC_IO;
    int code;

    pthread_rwlock_rdlock(&m->gate);
    if (m->env != NULL) {
        code = mdb_env_copyfd2(m->env, fd, MDB_CP_COMPACT);
        rc = code != 0 ? fail("copy", code) : RC_OK;
    }
    pthread_rwlock_unlock(&m->gate);
    return rc;
}

/* ---- Opening ---- */

static void lmdb_close(struct engine *e)
{
    struct lmdb *m = lmdb_of(e);

    lmdb_abandon(e);
    close_env(m);
    if (m->owner_fd >= 0)
        close(m->owner_fd);
    pthread_mutex_destroy(&m->pool_lock);
    pthread_rwlock_destroy(&m->gate);
    free(m->path);
    free(m->dir);
    free(m);
}

static const struct engine_ops lmdb_ops = {
    .close = lmdb_close,
    .reopen = lmdb_reopen,
    .load = lmdb_load,
    .commit = lmdb_commit,
    .abandon = lmdb_abandon,
    .tend = lmdb_tend,
    .has_room = lmdb_has_room,
    .snapshot = lmdb_snapshot,
    .release = lmdb_release,
    .get = lmdb_get,
    .scan = lmdb_scan,
    .count = lmdb_count,
    .copy = lmdb_copy,
    .stats = lmdb_stats,
};

/* Writers first, or views that come without a break would keep the map from growing. */
static bool init_locks(struct lmdb *m)
{
    pthread_rwlockattr_t attr;
    bool ok;

    if (pthread_rwlockattr_init(&attr) != 0)
        return false;
    ok = pthread_rwlockattr_setkind_np(
             &attr, PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP) == 0 &&
         pthread_rwlock_init(&m->gate, &attr) == 0 &&
         pthread_mutex_init(&m->pool_lock, NULL) == 0;
    pthread_rwlockattr_destroy(&attr);
    return ok;
}

static enum rc open_store(struct lmdb *m, const struct ledger_options *o)
{
    uint64_t map_size = o->map_size_bytes > 0 ? o->map_size_bytes : MAP_SIZE_DEFAULT;
    struct stat file;

    if (stat(m->path, &file) != 0)
        return errno == ENOENT || errno == ENOTDIR ? RC_NO_STORE : RC_IO;
    if (file.st_size == 0)
        return RC_NO_STORE;
    TRY(ledger__own(&m->owner_fd, m->dir, o->read_only));
    if (map_size < MAP_SIZE_MIN)
        map_size = MAP_SIZE_MIN;
    TRY(open_env_at(m, m->path, (size_t)map_size, false));
    atomic_store(&m->disk_free, ledger__disk_free(m->dir));
    return RC_OK;
}

enum rc ledger__lmdb_open(struct engine **out, const struct ledger_options *o)
{
    struct lmdb *m = calloc(1, sizeof(*m));
    enum rc rc;

    if (m == NULL)
        return RC_NOMEM;
    m->engine.ops = &lmdb_ops;
    m->owner_fd = -1;
    m->file_fd = -1;
    m->read_only = o->read_only;
    m->disk_reserve =
        o->disk_reserve_bytes > 0 ? o->disk_reserve_bytes : RESERVE_DEFAULT;
    m->dir = strdup(o->dir);
    m->path = ledger__path(o->dir, STORE_NAME);
    if (!init_locks(m)) {
        free(m->path);
        free(m->dir);
        free(m);
        return RC_NOMEM;
    }
    rc = m->dir != NULL && m->path != NULL ? open_store(m, o) : RC_NOMEM;
    if (rc != RC_OK) {
        lmdb_close(&m->engine);
        return rc;
    }
    *out = &m->engine;
    return RC_OK;
}
