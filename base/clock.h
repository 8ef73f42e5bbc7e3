/* SPDX-License-Identifier: Apache-2.0 */
/* Time. Two clocks: monotonic for deadlines, wall (UTC) for what people and ledgers
 * read. Tests set both; nothing else calls clock_gettime(). Safe from any thread. */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include <stdint.h>

#include "base/slice.h"

/* Milliseconds since some start; counts on while the machine sleeps (CLOCK_BOOTTIME).
 */
uint64_t clock_mono_ms(void);
/* Microseconds since 1970-01-01T00:00:00Z. */
uint64_t clock_wall_us(void);

/* Tests: from now on both clocks stand still at these values, until clock_advance_ms()
 * moves both or clock_real() sets them free. */
void clock_set(uint64_t wall_us, uint64_t mono_ms);
void clock_advance_ms(uint64_t ms);
void clock_real(void);

enum {
    CLOCK_TEXT_SIZE = 32
};

/* "2026-11-21T01:25:05.123456Z" (RFC 3339). Years 1970..9999; what is later prints as
 * the last microsecond of 9999. */
void clock_print(char out[CLOCK_TEXT_SIZE], uint64_t wall_us);
/* RFC 3339 with Z or a numeric offset; of a fraction, digits behind the sixth are
 * dropped. RC_BAD_INPUT: not such a text, a leap second, or not in the years
 * 1970..9999. */
MUST_CHECK enum rc clock_parse(uint64_t *wall_us, struct slice text);

enum clock_window {
    CLOCK_HOUR,
    CLOCK_DAY,
    CLOCK_MONTH
};

/* Start of the UTC window that holds wall_us, and of the one after it (UINT64_MAX when
 * there is none). */
uint64_t clock_window_start(enum clock_window w, uint64_t wall_us);
uint64_t clock_window_end(enum clock_window w, uint64_t wall_us);

#endif
