/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of the catalogue share: the market in memory, and how it is locked.
 *
 * `lock` is over everything that is read on loops: it is held for microseconds (by a
 * search: for less than a millisecond), and never while something is committed. So a
 * change is: look (shared), commit, and then, alone for a moment, bring memory to what
 * was acknowledged. Publishers and skills are never freed before skills_close(), so
 * that pointers to them and their names hold without the lock; what else is in them
 * needs it. Whoever changes a skill claims it first: one change at a time, others wait.
 * Private to skills/. */
#ifndef SKILLS_SKILLS_INT_H
#define SKILLS_SKILLS_INT_H

#include <pthread.h>
#include <stdatomic.h>
#include <stddef.h>

#include "skills/index.h"
#include "skills/record.h"
#include "skills/skills.h"

enum {
    SKILLS__OF_PUBLISHER_MAX = 1000, /* skills */
    SKILLS__VERSIONS_MAX = 1000,     /* of one skill */
    SKILLS__MAX = 1000000            /* skills in all: the index counts with them */
};

/* Pointers in an order. */
struct skills__list {
    void **items;
    size_t count, size;
};

/* A version is kept as its record. */
struct skills__version {
    uint64_t record_version;
    enum skill_state state;
    struct slice number; /* in value */
    size_t value_len;
    char value[];
};

struct skills__skill {
    const struct skill_publisher *by;
    char *display;
    struct skills__list versions;   /* struct skills__version *, the highest first */
    struct skills__version *latest; /* NULL: none is listed */
    struct skill_offer *offer;      /* NULL: none */
    enum skill_state state;
    uint32_t number; /* from 0 in the order in which memory learned of them */
    bool claimed;    /* with `turn`, not `lock` */
    uint64_t created_us, updated_us;
    uint64_t record_version; /* 0: its first version is being published */
    atomic_uint_fast64_t installs;
    char slug[];
};

struct skills {
    struct ledger *ledger; /* borrowed, as the next one */
    struct wallet_book *book;
    struct blobs *blobs;
    uint64_t sweep_due_us; /* one thread's: of skills_tend() */
    pthread_rwlock_t lock;
    struct skills__list publishers; /* struct skill_publisher *, by handle */
    struct skills__list skills;     /* struct skills__skill *, by publisher and slug */
    struct skills__list by_slug;    /* the same, by slug and publisher */
    struct skills__list numbered;   /* the same, by number: documents of the index */
    struct skills__index *index;    /* of what everybody may see */
    pthread_mutex_t turn;           /* over all `claimed` */
    pthread_cond_t turned;
    /* One new or changed publisher at a time: a name is looked at and taken in one go.
     * Held during commits; no loop takes it. */
    pthread_mutex_t naming;
};

/* ---- skills.c ---- */

/* Room for one more, so that skills__list_insert() cannot fail. RC_NOMEM. */
MUST_CHECK enum rc skills__list_reserve(struct skills__list *l);
void skills__list_insert(struct skills__list *l, size_t at, void *item);

void skills__read_lock(struct skills *s);
void skills__write_lock(struct skills *s);
void skills__unlock(struct skills *s);
void skills__claim(struct skills *s, struct skills__skill *skill);
void skills__release(struct skills *s, struct skills__skill *skill);
bool skills__is_claimed(struct skills *s, const struct skills__skill *skill);

/* A command with an id of its own that only writes records. */
void skills__note_start(struct ledger_cmd *cmd, struct skills *s);
/* PUT where version is known, INSERT for a record that was absent (version 0). */
void skills__write(struct ledger_cmd *cmd, uint16_t kind, struct slice key,
                   struct slice value, uint64_t version);
/* The first 16 bytes of SHA-256(what || 0 || of). */
struct id skills__derived_id(const char *what, struct slice of);

/* ---- publisher.c ---- */

/* With the lock. NULL: there is none. */
struct skill_publisher *skills__publisher_find(const struct skills *s,
                                               struct slice handle);
/* Reads all publishers; at open. */
MUST_CHECK enum rc skills__publishers_load(struct skills *s, struct ledger_view *v);

/* ---- shelf.c: the catalogue in memory. With the lock, unless the skill is claimed and
 * only read. ---- */

/* Reads skills, versions and offers; at open, behind the publishers. */
MUST_CHECK enum rc skills__shelf_load(struct skills *s, struct ledger_view *v);
void skills__shelf_close(struct skills *s);
/* With a record version of 0 too. NULL: there is none. */
struct skills__skill *skills__skill_find(const struct skills *s, struct slice publisher,
                                         struct slice slug);
/* Where in by_slug those with this slug begin. */
size_t skills__by_slug(const struct skills *s, struct slice slug);
/* Where in skills the first stands that is not below these names. */
size_t skills__by_names(const struct skills *s, struct slice publisher,
                        struct slice slug);
/* A new one without versions, which nobody sees. RC_NOMEM; RC_FULL. */
MUST_CHECK enum rc skills__add(struct skills__skill **out, struct skills *s,
                               const struct skill_publisher *by, struct slice slug);
/* A version in memory; free() or skills__version_set() takes it. */
MUST_CHECK enum rc skills__version_new(struct skills__version **out,
                                       const struct skills__version_record *r,
                                       uint64_t record_version);
/* Puts it in the place of the one with its number, or in its own, for which there must
 * be room; what becomes the latest is looked at by skills__settle(). */
void skills__version_set(struct skills__skill *skill, struct skills__version *version);
/* NULL: there is none. */
struct skills__version *skills__version_find(const struct skills__skill *skill,
                                             struct slice number);
struct slice skills__version_value(const struct skills__version *version);
/* Looks anew for the latest version and brings the index to it. */
void skills__settle(struct skills *s, struct skills__skill *skill);
/* Whether everybody sees it. */
bool skills__is_open(const struct skills__skill *skill);
/* What callers are given. */
void skills__fill(struct skill *out, const struct skills__skill *skill);
void skills__names_of(struct skills__names *out, const struct skills__skill *skill);
void skills__record_of(struct skills__skill_record *out,
                       const struct skills__skill *skill);

/* ---- catalog.c ---- */

/* Of a claimed skill: what its record shall be, and one version, new or (with the
 * number of one that is there) in its place. */
struct skills__change {
    struct skills__skill *skill;
    struct skills__skill_record record;
    struct skills__version *version; /* NULL: none. NULL again when memory has it */
};
/* Commits it as one command, and brings memory to it. */
MUST_CHECK enum rc skills__change(struct skills *s, struct skills__change *change);

#endif
