/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of the catalogue share: the market in memory, and how it is locked.
 *
 * `lock` is over everything that is read on loops: it is held for microseconds, and
 * never while something is committed. So a change is: look (shared), commit, and then,
 * alone for a moment, bring memory to what was acknowledged. Publishers are never
 * freed before skills_close(). Private to skills/. */
#ifndef SKILLS_SKILLS_INT_H
#define SKILLS_SKILLS_INT_H

#include <pthread.h>
#include <stddef.h>

#include "skills/record.h"
#include "skills/skills.h"

/* Pointers in an order. */
struct skills__list {
    void **items;
    size_t count, size;
};

struct skills {
    struct ledger *ledger; /* borrowed, as the next one */
    struct wallet_book *book;
    pthread_rwlock_t lock;
    struct skills__list publishers; /* struct skill_publisher *, by handle */
    /* One new or changed publisher at a time: a name is looked at and taken in one go.
     * Held during commits; no loop takes it. */
    pthread_mutex_t naming;
};

/* Room for one more, so that skills__list_insert() cannot fail. RC_NOMEM. */
MUST_CHECK enum rc skills__list_reserve(struct skills__list *l);
void skills__list_insert(struct skills__list *l, size_t at, void *item);

void skills__read_lock(struct skills *s);
void skills__write_lock(struct skills *s);
void skills__unlock(struct skills *s);

/* With the lock. NULL: there is none. */
struct skill_publisher *skills__publisher_find(const struct skills *s,
                                               struct slice handle);
/* Reads all publishers; at open. */
MUST_CHECK enum rc skills__publishers_load(struct skills *s, struct ledger_view *v);

/* A command with an id of its own that only writes records. */
void skills__note_start(struct ledger_cmd *cmd, struct skills *s);
/* PUT where version is known, INSERT for a record that was absent (version 0). */
void skills__write(struct ledger_cmd *cmd, uint16_t kind, struct slice key,
                   struct slice value, uint64_t version);
/* The first 16 bytes of SHA-256(what || 0 || of). */
struct id skills__derived_id(const char *what, struct slice of);

#endif
