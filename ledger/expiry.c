/* SPDX-License-Identifier: Apache-2.0 */
/* Which hold ends next: a binary heap by time. Most holds end long before their time,
 * and are not searched for then; they are counted, and when most of the heap is dead
 * its owner fills it anew from the store. One thread. */
#include "ledger/writer.h"

#include <stdlib.h>

enum {
    STALE_MIN = 4096
};

struct due {
    uint64_t at_us;
    struct id hold;
};

struct expiry {
    struct due *heap; /* heap[0] is the next */
    size_t count;
    size_t room;
    size_t dead; /* at most so many of them have ended otherwise */
};

enum rc ledger__expiry_open(struct expiry **out)
{
    *out = calloc(1, sizeof(**out));
    return *out != NULL ? RC_OK : RC_NOMEM;
}

void ledger__expiry_close(struct expiry *x)
{
    if (x == NULL)
        return;
    free(x->heap);
    free(x);
}

enum rc ledger__expiry_add(struct expiry *x, struct id hold, uint64_t at_us)
{
    size_t i = x->count;

    if (x->count == x->room) {
        size_t room = x->room > 0 ? x->room * 2 : 64;
        struct due *heap = reallocarray(x->heap, room, sizeof(*heap));

        if (heap == NULL)
            return RC_NOMEM;
        x->heap = heap;
        x->room = room;
    }
    for (; i > 0 && x->heap[(i - 1) / 2].at_us > at_us; i = (i - 1) / 2)
        x->heap[i] = x->heap[(i - 1) / 2];
    x->heap[i] = (struct due){at_us, hold};
    x->count++;
    return RC_OK;
}

void ledger__expiry_ended(struct expiry *x)
{
    if (x->dead < x->count)
        x->dead++;
}

bool ledger__expiry_due(struct id *hold, struct expiry *x, uint64_t now_us)
{
    struct due last;
    size_t i = 0;

    if (x->count == 0 || x->heap[0].at_us > now_us)
        return false;
    *hold = x->heap[0].hold;
    last = x->heap[--x->count];
    for (size_t child = 1; child < x->count; child = 2 * i + 1) {
        if (child + 1 < x->count && x->heap[child + 1].at_us < x->heap[child].at_us)
            child++;
        if (x->heap[child].at_us >= last.at_us)
            break;
        x->heap[i] = x->heap[child];
        i = child;
    }
    x->heap[i] = last;
    if (x->dead > x->count)
        x->dead = x->count;
    return true;
}

uint64_t ledger__expiry_next_us(const struct expiry *x)
{
    return x->count > 0 ? x->heap[0].at_us : UINT64_MAX;
}

bool ledger__expiry_stale(const struct expiry *x)
{
    return x->dead >= STALE_MIN && x->dead > x->count / 2;
}

void ledger__expiry_clear(struct expiry *x)
{
    x->count = 0;
    x->dead = 0;
}
