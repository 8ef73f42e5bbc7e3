/* SPDX-License-Identifier: Apache-2.0 */
/* Answers kept in memory for the repeat of an Idempotency-Key: 1 MiB each, 64 MiB in
 * all, 24 hours; the oldest go first. Never on disk: prompts and answers are not
 * written. All loops share it, since a repeat may come in on any: a lock, held for a
 * copy. */
#ifndef GATEWAY_ANSWERS_H
#define GATEWAY_ANSWERS_H

#include <stdint.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/rc.h"
#include "base/slice.h"

enum {
    ANSWER_BYTES_MAX = 1048576
};

struct answers;
MUST_CHECK enum rc answers_open(struct answers **out, uint64_t limit_bytes);
void answers_close(struct answers *a); /* NULL is fine */

/* An answer as it is being given: filled by its request, then kept or dropped. */
struct answer_slot {
    unsigned status;
    char content_type[128];
    char cost[24];
    char request_id[40];
    struct buf body; /* spent: too large to keep */
};
struct answer_slot *answer_slot_new(void); /* NULL: out of memory: not kept */
void answer_slot_free(struct answer_slot *s);
/* Takes s. */
void answers_keep(struct answers *a, const uint8_t key[32], struct answer_slot *s);

/* A copy in the arena. RC_NOT_FOUND. */
struct answer {
    unsigned status;
    const char *content_type;
    const char *cost;
    const char *request_id;
    struct slice body;
};
MUST_CHECK enum rc answers_find(struct answer *out, struct answers *a,
                                const uint8_t key[32], struct arena *arena);

/* Who is about to be paid under a key claims it, as money that moves on a chain can not
 * be called back once the book says that another was first. `key` is lent until it is
 * released. In memory: it lasts the seconds until the book knows. RC_IDEM_IN_FLIGHT:
 * another has it; RC_BUSY: too many. */
MUST_CHECK enum rc answers_claim(struct answers *a, const uint8_t key[32]);
void answers_release(struct answers *a, const uint8_t key[32]);

#endif
