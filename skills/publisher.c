/* SPDX-License-Identifier: Apache-2.0 */
/* Publishers: their names, and their records. */
#include "skills/publisher.h"

#include "skills/skills_int.h"

#include <assert.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

/* Names that a reader takes for the operator's, for a part of an address, or for those
 * of whom he knows from elsewhere. */
static const char *const reserved[] = {
    "about",   "account",   "admin",    "administrator", "anthropic",  "api",
    "apis",    "app",       "auth",     "billing",       "claude",     "clawdbot",
    "clawhub", "clawd",     "cli",      "cursor",        "dashboard",  "discovery",
    "docs",    "download",  "gateway",  "github",        "google",     "help",
    "home",    "house",     "login",    "mcp",           "me",         "meta",
    "null",    "microsoft", "moltbot",  "npm",           "octroi",     "official",
    "openai",  "openclaw",  "platform", "publisher",     "publishers", "registry",
    "root",    "search",    "security", "skill",         "skills",     "staff",
    "status",  "stripe",    "support",  "system",        "team",       "undefined",
    "user",    "users",     "v1",       "verified",      "wallet",     "well-known",
    "www",
};

struct id skill_publisher_id(struct slice handle)
{
    return skills__derived_id("publisher", handle);
}

/* ---- In memory ---- */

/* Where it is, or would be. */
static size_t place_of(const struct skills *s, struct slice handle, bool *found)
{
    size_t low = 0;
    size_t high = s->publishers.count;

    *found = false;
    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        const struct skill_publisher *p = s->publishers.items[middle];
        const int order = slice_compare(slice_str(p->handle), handle);

        if (order == 0) {
            *found = true;
            return middle;
        }
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

struct skill_publisher *skills__publisher_find(const struct skills *s,
                                               struct slice handle)
{
    bool found;
    const size_t at = place_of(s, handle, &found);

    return found ? s->publishers.items[at] : NULL;
}

/* Before a commit, so that what was committed is never missing in memory. */
static enum rc make_room(struct skill_publisher **out, struct skills *s)
{
    struct skill_publisher *room = malloc(sizeof(*room));
    enum rc rc = room == NULL ? RC_NOMEM : skills__list_reserve(&s->publishers);

    if (rc == RC_OK)
        *out = room;
    else
        free(room);
    return rc;
}

static void add(struct skills *s, struct skill_publisher *room,
                const struct skill_publisher *p)
{
    bool found;

    *room = *p;
    skills__list_insert(&s->publishers, place_of(s, slice_str(p->handle), &found),
                        room);
}

struct loading {
    struct skills *s;
    enum rc rc;
};

static bool load_one(void *arg, struct slice key, struct slice value, uint64_t version)
{
    struct loading *l = arg;
    struct skill_publisher *room;
    struct skill_publisher p;

    l->rc = skills__publisher_decode(&p, key, value);
    if (l->rc == RC_OK)
        l->rc = make_room(&room, l->s);
    if (l->rc != RC_OK)
        return false;
    p.version = version;
    add(l->s, room, &p);
    return true;
}

enum rc skills__publishers_load(struct skills *s, struct ledger_view *v)
{
    struct loading l = {s, RC_OK};

    TRY(ledger_view_records(v, SKILLS__KIND_PUBLISHER, SLICE_NONE, SLICE_NONE, load_one,
                            &l));
    return l.rc;
}

/* ---- Names ---- */

static enum rc check_name(struct skills *s, struct slice handle)
{
    enum rc rc = RC_OK;
    bool found;

    for (size_t i = 0; i < sizeof(reserved) / sizeof(reserved[0]); i++)
        if (slice_equal_str(handle, reserved[i]) ||
            skill_names_alike(handle, slice_str(reserved[i])))
            return RC_FORBIDDEN;
    skills__read_lock(s);
    (void)place_of(s, handle, &found);
    if (found)
        rc = RC_EXISTS;
    for (size_t i = 0; rc == RC_OK && i < s->publishers.count; i++) {
        const struct skill_publisher *other = s->publishers.items[i];

        if (skill_names_close(handle, slice_str(other->handle)))
            rc = RC_CONFLICT;
    }
    skills__unlock(s);
    return rc;
}

static enum rc check_wallet(struct skills *s, struct id id)
{
    struct wallet w;
    enum rc rc;

    if (id_is_none(id))
        return RC_OK;
    rc = wallet_get(&w, s->book, id);
    return rc == RC_NOT_FOUND ? RC_BAD_INPUT : rc;
}

/* ---- Changes ---- */

static enum rc commit(struct skill_publisher *p, struct skills *s)
{
    uint8_t value[LEDGER_VALUE_MAX];
    struct ledger_cmd cmd;

    skills__note_start(&cmd, s);
    skills__write(&cmd, SKILLS__KIND_PUBLISHER, slice_str(p->handle),
                  skills__publisher_encode(value, p), p->version);
    TRY(ledger_call(s->ledger, &cmd));
    p->version++;
    return RC_OK;
}

static enum rc create(struct skill_publisher *p, struct skills *s)
{
    struct skill_publisher *room;
    enum rc rc;

    TRY(check_name(s, slice_str(p->handle)));
    TRY(check_wallet(s, p->wallet));
    skills__write_lock(s);
    rc = make_room(&room, s);
    skills__unlock(s);
    TRY(rc);
    rc = commit(p, s);
    if (rc != RC_OK) {
        free(room);
        return rc;
    }
    skills__write_lock(s);
    add(s, room, p);
    skills__unlock(s);
    return RC_OK;
}

/* What is not given is as it is kept. */
static void tidy(struct skill_publisher *p)
{
    if (p->display[0] == '\0')
        memcpy(p->display, p->handle, sizeof(p->handle));
    if (!p->has_key)
        memset(p->key, 0, sizeof(p->key));
}

enum rc skill_publisher_create(struct skill_publisher *p, struct skills *s)
{
    struct skill_publisher made = *p;
    enum rc rc;

    tidy(&made);
    made.suspended = false;
    made.version = 0;
    if (!skills__publisher_ok(&made))
        return RC_BAD_INPUT;
    made.id = skill_publisher_id(slice_str(made.handle));
    made.created_us = ledger_now_us(s->ledger);
    made.changed_us = made.created_us;
    (void)pthread_mutex_lock(&s->naming);
    rc = create(&made, s);
    (void)pthread_mutex_unlock(&s->naming);
    TRY(rc);
    *p = made;
    return RC_OK;
}

static bool is_paid_elsewhere(const struct skill_publisher *a,
                              const struct skill_publisher *b)
{
    return a->has_key != b->has_key || memcmp(a->key, b->key, sizeof(a->key)) != 0 ||
           strcmp(a->network, b->network) != 0 || strcmp(a->address, b->address) != 0;
}

/* The handle stays as it is, and is read without the lock. */
static void replace(struct skill_publisher *place, const struct skill_publisher *p)
{
    const size_t from = offsetof(struct skill_publisher, display);

    memcpy((char *)place + from, (const char *)p + from, sizeof(*p) - from);
}

static enum rc change(struct skill_publisher *p, struct skills *s)
{
    struct skill_publisher *place;
    struct skill_publisher before;

    TRY(skill_publisher_get(&before, s, slice_str(p->handle)));
    if (p->version != before.version)
        return RC_STALE;
    p->id = before.id;
    p->created_us = before.created_us;
    p->changed_us =
        is_paid_elsewhere(p, &before) ? ledger_now_us(s->ledger) : before.changed_us;
    if (id_cmp(p->wallet, before.wallet) != 0)
        TRY(check_wallet(s, p->wallet));
    TRY(commit(p, s));
    skills__write_lock(s);
    place = skills__publisher_find(s, slice_str(p->handle));
    assert(place != NULL); /* none ever goes */
    replace(place, p);
    skills__unlock(s);
    return RC_OK;
}

enum rc skill_publisher_change(struct skill_publisher *p, struct skills *s)
{
    struct skill_publisher changed = *p;
    enum rc rc;

    tidy(&changed);
    if (!skills__publisher_ok(&changed))
        return RC_BAD_INPUT;
    (void)pthread_mutex_lock(&s->naming);
    rc = change(&changed, s);
    (void)pthread_mutex_unlock(&s->naming);
    TRY(rc);
    *p = changed;
    return RC_OK;
}

/* ---- Reading ---- */

enum rc skill_publisher_get(struct skill_publisher *out, struct skills *s,
                            struct slice handle)
{
    const struct skill_publisher *p;

    skills__read_lock(s);
    p = skills__publisher_find(s, handle);
    if (p != NULL)
        *out = *p;
    skills__unlock(s);
    return p != NULL ? RC_OK : RC_NOT_FOUND;
}

void skill_publisher_list(struct skills *s, struct slice after,
                          skill_publisher_fn *each, void *arg)
{
    bool found;
    size_t at;

    skills__read_lock(s);
    at = place_of(s, after, &found);
    if (found)
        at++;
    while (at < s->publishers.count && each(arg, s->publishers.items[at]))
        at++;
    skills__unlock(s);
}

bool skill_publisher_owned(const struct skill_publisher *p, const struct id *path,
                           size_t count)
{
    if (id_is_none(p->wallet))
        return false;
    for (size_t i = 0; i < count; i++)
        if (id_cmp(p->wallet, path[i]) == 0)
            return true;
    return false;
}
