/* SPDX-License-Identifier: Apache-2.0 */
/* Which of a provider's keys a call is made with: in turn, but for those that rest. A
 * key rests for a while after the vendor has refused it; if all do, the one that wakes
 * first is tried all the same, for our belief may be old. Keys are known by a keyed
 * hash of their bytes, so that a reload changes nothing; nothing outlives the process.
 * All loops share it: a lock, held for a handful of instructions, and none at all while
 * no key rests. */
#ifndef GATEWAY_KEY_TURNS_H
#define GATEWAY_KEY_TURNS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/rc.h"
#include "base/slice.h"
#include "gateway/config.h"

enum {
    KEY_TURNS_KEYS_MAX = 256, /* of a provider: the configuration takes no more */
    KEY_TURNS_TRIES_MAX = 4,  /* keys of one provider in one call */
    KEY_TURNS_NONE = KEY_TURNS_KEYS_MAX
};

struct key_turns;
MUST_CHECK enum rc key_turns_open(struct key_turns **out);
void key_turns_close(struct key_turns *t); /* NULL is fine */

/* What one call has tried of one provider. Zeroed: nothing. */
struct key_tries {
    uint64_t tried[KEY_TURNS_KEYS_MAX / 64];
    unsigned count;
};

/* The index of the key for the next try, noted in *tries. KEY_TURNS_NONE: the provider
 * has no keys, or none that this call may still try. */
size_t key_turns_take(struct key_turns *t, const struct config_provider *p,
                      struct key_tries *tries);
/* The same for a call that must have this very key: its first try only. */
size_t key_turns_take_this(const struct config_provider *p, size_t key,
                           struct key_tries *tries);
/* Whether key_turns_take() would give one. */
bool key_turns_more(const struct config_provider *p, const struct key_tries *tries);

/* How long the key rests after such an answer, in seconds; 0: it was not about the key.
 * retry_after_s: as the answer said; 0: it did not. */
unsigned key_turns_judge(unsigned status, struct slice body, unsigned retry_after_s);
void key_turns_rest(struct key_turns *t, const struct config_provider *p, size_t key,
                    unsigned seconds);

#endif
