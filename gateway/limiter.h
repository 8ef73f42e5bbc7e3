/* SPDX-License-Identifier: Apache-2.0 */
/* Rates: requests and tokens per minute and concurrency per key, failed authentications
 * per address. Not money (that is the book's): bounded tables in memory, forgotten at a
 * restart. All loops share them, since one key may come in on any: a lock, held for a
 * handful of instructions. Token buckets that refill evenly. */
#ifndef GATEWAY_LIMITER_H
#define GATEWAY_LIMITER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/rc.h"
#include "base/slice.h"

struct limiter;
MUST_CHECK enum rc limiter_open(struct limiter **out);
void limiter_close(struct limiter *l); /* NULL is fine */

/* One more request of this key. RC_RATE: *retry_after_s says when to try again. On
 * RC_OK it counts in the key's concurrency until limiter_leave(). Limits of 0 do not
 * bind. */
MUST_CHECK enum rc limiter_enter(struct limiter *l, struct slice key,
                                 uint64_t per_minute, uint64_t concurrent,
                                 unsigned *retry_after_s);
void limiter_leave(struct limiter *l, struct slice key);
/* Takes `tokens` (worst case); a call larger than a whole minute's worth passes when
 * the bucket is full. limiter_give_back() returns what was not used. */
MUST_CHECK enum rc limiter_tokens(struct limiter *l, struct slice key, uint64_t tokens,
                                  uint64_t per_minute, unsigned *retry_after_s);
void limiter_give_back(struct limiter *l, struct slice key, uint64_t tokens);

/* Addresses that guess keys. RC_RATE while one is barred. */
MUST_CHECK enum rc limiter_address(struct limiter *l, const char *address,
                                   uint64_t per_minute, unsigned *retry_after_s);
void limiter_address_failed(struct limiter *l, const char *address);

#endif
