/* SPDX-License-Identifier: Apache-2.0 */
/* The clocks and the calendar. The calendar is computed here and not by gmtime_r() and
 * timegm(): these take glibc's lock around the time zone, and every call that is paid
 * asks for its windows. No leap seconds, as POSIX time has none. */
#include "base/clock.h"

#include <assert.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define US_PER_SECOND UINT64_C(1000000)
#define US_PER_HOUR   (3600 * US_PER_SECOND)
#define US_PER_DAY    (24 * US_PER_HOUR)
/* 10000-01-01T00:00:00Z */
#define US_END_OF_9999 (UINT64_C(253402300800) * US_PER_SECOND)

/* Set by tests. Two clocks that stand still are read one at a time, so that they need
 * no lock between them. */
static atomic_bool standing;
static _Atomic uint64_t standing_wall_us;
static _Atomic uint64_t standing_mono_ms;

static struct timespec read_clock(clockid_t id)
{
    struct timespec now;
    int failed = clock_gettime(id, &now);

    assert(failed == 0 && now.tv_sec >= 0);
    return now;
}

uint64_t clock_mono_ms(void)
{
    struct timespec now;

    if (atomic_load(&standing))
        return atomic_load(&standing_mono_ms);
    now = read_clock(CLOCK_BOOTTIME);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

uint64_t clock_wall_us(void)
{
    struct timespec now;

    if (atomic_load(&standing))
        return atomic_load(&standing_wall_us);
    now = read_clock(CLOCK_REALTIME);
    return (uint64_t)now.tv_sec * US_PER_SECOND + (uint64_t)now.tv_nsec / 1000;
}

void clock_set(uint64_t wall_us, uint64_t mono_ms)
{
    atomic_store(&standing_wall_us, wall_us);
    atomic_store(&standing_mono_ms, mono_ms);
    atomic_store(&standing, true);
}

void clock_advance_ms(uint64_t ms)
{
    assert(atomic_load(&standing));
    atomic_fetch_add(&standing_wall_us, ms * 1000);
    atomic_fetch_add(&standing_mono_ms, ms);
}

void clock_real(void)
{
    atomic_store(&standing, false);
}

struct date {
    uint64_t year;
    unsigned month; /* 1..12 */
    unsigned day;   /* 1..31 */
};

static bool is_leap_year(uint64_t year)
{
    return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

static unsigned days_in_month(uint64_t year, unsigned month)
{
    static const unsigned char days[] = {31, 28, 31, 30, 31, 30,
                                         31, 31, 30, 31, 30, 31};

    return month == 2 && is_leap_year(year) ? 29 : days[month - 1];
}

/* Days from 0000-01-01 (of our calendar, extended backwards) to January 1st of a year
 * that is not 0. */
static uint64_t days_before_year(uint64_t year)
{
    uint64_t before = year - 1;

    return year * 365 + before / 4 - before / 100 + before / 400 + 1; /* 0 was leap */
}

#define DAYS_BEFORE_1970 719528

/* Days from 1970-01-01; the year is 1970 or later. */
static uint64_t date_to_days(struct date date)
{
    uint64_t days = days_before_year(date.year) - DAYS_BEFORE_1970 + date.day - 1;

    for (unsigned month = 1; month < date.month; month++)
        days += days_in_month(date.year, month);
    return days;
}

static struct date date_from_days(uint64_t days)
{
    /* 146097 days are 400 years. The guess is at most one year off. */
    struct date date = {(days + DAYS_BEFORE_1970) * 400 / 146097, 1, 1};
    uint64_t left;

    while (days_before_year(date.year) > days + DAYS_BEFORE_1970)
        date.year--;
    while (days_before_year(date.year + 1) <= days + DAYS_BEFORE_1970)
        date.year++;
    left = days + DAYS_BEFORE_1970 - days_before_year(date.year);
    while (left >= days_in_month(date.year, date.month)) {
        left -= days_in_month(date.year, date.month);
        date.month++;
    }
    date.day = (unsigned)left + 1;
    return date;
}

void clock_print(char out[CLOCK_TEXT_SIZE], uint64_t wall_us)
{
    uint64_t us = wall_us < US_END_OF_9999 ? wall_us : US_END_OF_9999 - 1;
    struct date date = date_from_days(us / US_PER_DAY);
    unsigned second = (unsigned)(us % US_PER_DAY / US_PER_SECOND);
    int len = snprintf(out, CLOCK_TEXT_SIZE, "%04u-%02u-%02uT%02u:%02u:%02u.%06uZ",
                       (unsigned)date.year, date.month, date.day, second / 3600,
                       second / 60 % 60, second % 60, (unsigned)(us % US_PER_SECOND));

    assert(len > 0 && len < CLOCK_TEXT_SIZE);
}

/* Cuts a number of exactly `len` digits in min..max off the front of *rest. */
static bool cut_number(unsigned *out, struct slice *rest, size_t len, unsigned min,
                       unsigned max)
{
    struct slice digits = slice_sub(*rest, 0, len);
    uint64_t value;

    if (digits.len != len || slice_to_u64(&value, digits) != RC_OK || value < min ||
        value > max)
        return false;
    *out = (unsigned)value;
    *rest = slice_sub(*rest, len, rest->len);
    return true;
}

/* Cuts one letter or sign; letters of either case (RFC 3339 section 5.6). */
static bool cut_mark(struct slice *rest, struct slice mark)
{
    if (!slice_starts_nocase(*rest, mark))
        return false;
    *rest = slice_sub(*rest, mark.len, rest->len);
    return true;
}

static bool cut_date(struct date *out, struct slice *rest)
{
    unsigned year;

    if (!cut_number(&year, rest, 4, 1970, 9999) || !cut_mark(rest, SLICE("-")) ||
        !cut_number(&out->month, rest, 2, 1, 12) || !cut_mark(rest, SLICE("-")) ||
        !cut_number(&out->day, rest, 2, 1, days_in_month(year, out->month)))
        return false;
    out->year = year;
    return true;
}

/* hh:mm, in minutes. */
static bool cut_minutes(unsigned *minutes, struct slice *rest)
{
    unsigned hour;
    unsigned minute;

    if (!cut_number(&hour, rest, 2, 0, 23) || !cut_mark(rest, SLICE(":")) ||
        !cut_number(&minute, rest, 2, 0, 59))
        return false;
    *minutes = hour * 60 + minute;
    return true;
}

/* A point and digits, in microseconds; or nothing, which is 0. */
static bool cut_fraction(unsigned *us, struct slice *rest)
{
    unsigned weight = 100000;
    size_t len = 0;

    *us = 0;
    if (!cut_mark(rest, SLICE(".")))
        return true;
    for (; len < rest->len && rest->bytes[len] >= '0' && rest->bytes[len] <= '9';
         len++) {
        *us += weight * (unsigned)(rest->bytes[len] - '0');
        weight /= 10;
    }
    *rest = slice_sub(*rest, len, rest->len);
    return len > 0;
}

/* Z or +hh:mm or -hh:mm: how far local time is ahead of UTC. */
static bool cut_offset(int *minutes, struct slice *rest)
{
    unsigned size;
    bool behind;

    *minutes = 0;
    if (cut_mark(rest, SLICE("Z")))
        return true;
    behind = cut_mark(rest, SLICE("-"));
    if ((!behind && !cut_mark(rest, SLICE("+"))) || !cut_minutes(&size, rest))
        return false;
    *minutes = behind ? -(int)size : (int)size;
    return true;
}

enum rc clock_parse(uint64_t *wall_us, struct slice text)
{
    struct slice rest = text;
    struct date date;
    unsigned minutes;
    unsigned second;
    unsigned us;
    int offset_minutes;
    int64_t total_us;

    if (!cut_date(&date, &rest) || !cut_mark(&rest, SLICE("T")) ||
        !cut_minutes(&minutes, &rest) || !cut_mark(&rest, SLICE(":")) ||
        !cut_number(&second, &rest, 2, 0, 59) || !cut_fraction(&us, &rest) ||
        !cut_offset(&offset_minutes, &rest) || rest.len != 0)
        return RC_BAD_INPUT;
    /* At most 2.6 * 10^17: the year has four digits. */
    total_us = (int64_t)(date_to_days(date) * US_PER_DAY) +
               ((int64_t)minutes - offset_minutes) * 60 * (int64_t)US_PER_SECOND +
               (int64_t)(second * US_PER_SECOND) + us;
    if (total_us < 0 || (uint64_t)total_us >= US_END_OF_9999)
        return RC_BAD_INPUT;
    *wall_us = (uint64_t)total_us;
    return RC_OK;
}

static uint64_t month_start(struct date date)
{
    date.day = 1;
    return date_to_days(date) * US_PER_DAY;
}

uint64_t clock_window_start(enum clock_window w, uint64_t wall_us)
{
    switch (w) {
    case CLOCK_HOUR:
        return wall_us - wall_us % US_PER_HOUR;
    case CLOCK_DAY:
        return wall_us - wall_us % US_PER_DAY;
    case CLOCK_MONTH:
        return month_start(date_from_days(wall_us / US_PER_DAY));
    }
    abort(); /* a window that there is not */
}

static uint64_t add_or_end_of_time(uint64_t start_us, uint64_t length_us)
{
    uint64_t end_us;

    return __builtin_add_overflow(start_us, length_us, &end_us) ? UINT64_MAX : end_us;
}

uint64_t clock_window_end(enum clock_window w, uint64_t wall_us)
{
    uint64_t start_us = clock_window_start(w, wall_us);
    struct date date;

    switch (w) {
    case CLOCK_HOUR:
        return add_or_end_of_time(start_us, US_PER_HOUR);
    case CLOCK_DAY:
        return add_or_end_of_time(start_us, US_PER_DAY);
    case CLOCK_MONTH:
        date = date_from_days(start_us / US_PER_DAY);
        return add_or_end_of_time(start_us,
                                  days_in_month(date.year, date.month) * US_PER_DAY);
    }
    abort(); /* a window that there is not */
}
