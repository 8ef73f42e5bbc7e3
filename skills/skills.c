/* SPDX-License-Identifier: Apache-2.0 */
/* The market: opening it from its records, its locks, and how commands are begun. */
#include "skills/skills.h"

#include "base/codec.h"
#include "skills/skills_int.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum {
    LIST_FIRST = 4
};

/* ---- Lists ---- */

enum rc skills__list_reserve(struct skills__list *l)
{
    const size_t size = l->size == 0 ? LIST_FIRST : 2 * l->size;
    void **items;

    if (l->count < l->size)
        return RC_OK;
    items = realloc(l->items, size * sizeof(*items));
    if (items == NULL)
        return RC_NOMEM;
    l->items = items;
    l->size = size;
    return RC_OK;
}

void skills__list_insert(struct skills__list *l, size_t at, void *item)
{
    assert(l->count < l->size && at <= l->count);
    memmove(l->items + at + 1, l->items + at, (l->count - at) * sizeof(*l->items));
    l->items[at] = item;
    l->count++;
}

static void list_free(struct skills__list *l)
{
    for (size_t i = 0; i < l->count; i++)
        free(l->items[i]);
    free(l->items);
}

/* ---- Locks ---- */

void skills__read_lock(struct skills *s)
{
    int failed = pthread_rwlock_rdlock(&s->lock);

    assert(failed == 0);
    (void)failed;
}

void skills__write_lock(struct skills *s)
{
    int failed = pthread_rwlock_wrlock(&s->lock);

    assert(failed == 0);
    (void)failed;
}

void skills__unlock(struct skills *s)
{
    int failed = pthread_rwlock_unlock(&s->lock);

    assert(failed == 0);
    (void)failed;
}

static void turn_lock(struct skills *s)
{
    int failed = pthread_mutex_lock(&s->turn);

    assert(failed == 0);
    (void)failed;
}

void skills__claim(struct skills *s, struct skills__skill *skill)
{
    turn_lock(s);
    while (skill->claimed)
        (void)pthread_cond_wait(&s->turned, &s->turn);
    skill->claimed = true;
    (void)pthread_mutex_unlock(&s->turn);
}

void skills__release(struct skills *s, struct skills__skill *skill)
{
    turn_lock(s);
    skill->claimed = false;
    (void)pthread_cond_broadcast(&s->turned);
    (void)pthread_mutex_unlock(&s->turn);
}

bool skills__is_claimed(struct skills *s, const struct skills__skill *skill)
{
    bool claimed;

    turn_lock(s);
    claimed = skill->claimed;
    (void)pthread_mutex_unlock(&s->turn);
    return claimed;
}

/* Writers go first: they are few and hold it briefly, and readers never end. */
static enum rc open_lock(pthread_rwlock_t *lock)
{
    pthread_rwlockattr_t kind;
    int failed;

    if (pthread_rwlockattr_init(&kind) != 0)
        return RC_NOMEM;
    (void)pthread_rwlockattr_setkind_np(&kind,
                                        PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP);
    failed = pthread_rwlock_init(lock, &kind);
    (void)pthread_rwlockattr_destroy(&kind);
    return failed == 0 ? RC_OK : RC_NOMEM;
}

/* ---- Commands ---- */

void skills__note_start(struct ledger_cmd *cmd, struct skills *s)
{
    *cmd = (struct ledger_cmd){.verb = LEDGER_NOTE,
                               .op = id_new(ledger_now_us(s->ledger))};
}

void skills__write(struct ledger_cmd *cmd, uint16_t kind, struct slice key,
                   struct slice value, uint64_t version)
{
    assert(cmd->write_count < LEDGER_WRITES_MAX);
    cmd->writes[cmd->write_count++] = (struct ledger_write){
        .op = version == 0 ? LEDGER_INSERT : LEDGER_PUT,
        .kind = kind,
        .key = key,
        .value = value,
        .version = version,
    };
}

struct id skills__derived_id(const char *what, struct slice of)
{
    char origin[128];
    uint8_t digest[SHA256_LEN];
    const size_t what_len = strlen(what) + 1;
    struct id id;

    assert(what_len + of.len <= sizeof(origin));
    memcpy(origin, what, what_len);
    memcpy(origin + what_len, of.bytes, of.len);
    sha256(digest, slice_from(origin, what_len + of.len));
    memcpy(id.bytes, digest, ID_LEN);
    return id;
}

/* ---- Open and close ---- */

static enum rc load(struct skills *s)
{
    struct ledger_view *v;
    enum rc rc;

    TRY(ledger_view_open(&v, s->ledger));
    rc = skills__publishers_load(s, v);
    if (rc == RC_OK)
        rc = skills__shelf_load(s, v);
    ledger_view_close(v);
    return rc;
}

enum rc skills_open(struct skills **out, const struct skills_options *options)
{
    struct skills *s = calloc(1, sizeof(*s));
    enum rc rc;

    if (s == NULL)
        return RC_NOMEM;
    s->ledger = options->ledger;
    s->book = options->book;
    if (open_lock(&s->lock) != RC_OK) {
        free(s);
        return RC_NOMEM;
    }
    /* These cannot fail without attributes. */
    (void)pthread_mutex_init(&s->naming, NULL);
    (void)pthread_mutex_init(&s->turn, NULL);
    (void)pthread_cond_init(&s->turned, NULL);
    rc = blobs_open(&s->blobs, options->dir);
    if (rc == RC_OK)
        rc = load(s);
    if (rc != RC_OK) {
        skills_close(s);
        return rc;
    }
    *out = s;
    return RC_OK;
}

void skills_close(struct skills *s)
{
    if (s == NULL)
        return;
    skills__shelf_close(s);
    list_free(&s->publishers);
    blobs_close(s->blobs);
    (void)pthread_cond_destroy(&s->turned);
    (void)pthread_mutex_destroy(&s->turn);
    (void)pthread_mutex_destroy(&s->naming);
    (void)pthread_rwlock_destroy(&s->lock);
    free(s);
}

struct blobs *skills_blobs(struct skills *s)
{
    return s->blobs;
}
