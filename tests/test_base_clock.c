/* SPDX-License-Identifier: Apache-2.0 */
/* Clocks and calendar, compared with the C library's. */
#include "base/clock.h"

#include "tests/prng.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#define US_PER_SECOND    UINT64_C(1000000)
#define SECONDS_PER_DAY  UINT64_C(86400)
#define SECONDS_TO_10000 UINT64_C(253402300800)

static void set_clocks_stand_still_until_moved(void **state)
{
    (void)state;
    clock_set(1000000, 500);
    assert_true(clock_wall_us() == 1000000);
    assert_true(clock_mono_ms() == 500);
    assert_true(clock_wall_us() == 1000000);
    clock_advance_ms(7);
    assert_true(clock_wall_us() == 1007000);
    assert_true(clock_mono_ms() == 507);
    clock_real();
}

static void real_clocks_run_from_a_plausible_time(void **state)
{
    uint64_t mono_ms;

    (void)state;
    clock_real();
    mono_ms = clock_mono_ms();
    assert_true(clock_mono_ms() >= mono_ms);
    assert_true(clock_wall_us() > UINT64_C(1577836800) * US_PER_SECOND); /* 2020 */
    assert_true(clock_wall_us() < SECONDS_TO_10000 * US_PER_SECOND);
}

static struct tm library_date(uint64_t second)
{
    time_t t = (time_t)second;
    struct tm tm;

    assert_non_null(gmtime_r(&t, &tm));
    return tm;
}

static uint64_t library_seconds(int year, int month, int day)
{
    struct tm tm = {.tm_year = year - 1900, .tm_mon = month, .tm_mday = day};

    return (uint64_t)timegm(&tm);
}

/* Everything that the calendar says of one moment. */
static void check_moment(uint64_t us)
{
    uint64_t second = us / US_PER_SECOND;
    struct tm tm = library_date(second);
    uint64_t month = library_seconds(tm.tm_year + 1900, tm.tm_mon, 1);
    uint64_t next_month = library_seconds(tm.tm_year + 1900, tm.tm_mon + 1, 1);
    char text[CLOCK_TEXT_SIZE];
    char expected[64];
    uint64_t back = 0;

    (void)snprintf(expected, sizeof(expected), "%04d-%02d-%02dT%02d:%02d:%02d.%06uZ",
                   tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday, tm.tm_hour, tm.tm_min,
                   tm.tm_sec, (unsigned)(us % US_PER_SECOND));
    clock_print(text, us);
    assert_string_equal(text, expected);
    assert_int_equal(clock_parse(&back, slice_str(text)), RC_OK);
    assert_true(back == us);
    assert_true(clock_window_start(CLOCK_MONTH, us) == month * US_PER_SECOND);
    assert_true(clock_window_end(CLOCK_MONTH, us) == next_month * US_PER_SECOND);
    assert_true(clock_window_start(CLOCK_DAY, us) ==
                (second - second % SECONDS_PER_DAY) * US_PER_SECOND);
    assert_true(clock_window_start(CLOCK_HOUR, us) ==
                (second - second % 3600) * US_PER_SECOND);
}

static void every_day_is_that_of_the_library(void **state)
{
    struct prng prng = {1};

    (void)state;
    /* To 2400 all days, for a full cycle of leap years; then some, to the last one. */
    for (uint64_t day = 0; day * SECONDS_PER_DAY < SECONDS_TO_10000;
         day += day < 157054 ? 1 : 97) {
        uint64_t us = day * SECONDS_PER_DAY * US_PER_SECOND;

        check_moment(us);
        check_moment(us + SECONDS_PER_DAY * US_PER_SECOND - 1);
        check_moment(us + prng_below(&prng, SECONDS_PER_DAY * US_PER_SECOND));
    }
    check_moment(SECONDS_TO_10000 * US_PER_SECOND - 1);
}

static void windows_meet_without_gap(void **state)
{
    struct prng prng = {2};

    (void)state;
    for (unsigned i = 0; i < 100000; i++) {
        enum clock_window w = (enum clock_window)(i % 3);
        uint64_t us = prng_below(&prng, SECONDS_TO_10000 * US_PER_SECOND);
        uint64_t start = clock_window_start(w, us);
        uint64_t end = clock_window_end(w, us);

        assert_true(start <= us && us < end);
        assert_true(clock_window_start(w, start) == start);
        assert_true(clock_window_start(w, end - 1) == start);
        assert_true(clock_window_start(w, end) == end);
        assert_true(start == 0 || clock_window_end(w, start - 1) == start);
    }
}

static void leap_years_have_29_days_in_february(void **state)
{
    static const struct {
        const char *start;
        const char *end;
    } months[] = {{"2024-02-01T00:00:00Z", "2024-03-01T00:00:00Z"},
                  {"2023-02-01T00:00:00Z", "2023-03-01T00:00:00Z"},
                  {"2000-02-01T00:00:00Z", "2000-03-01T00:00:00Z"},
                  {"2100-02-01T00:00:00Z", "2100-03-01T00:00:00Z"},
                  {"2026-12-01T00:00:00Z", "2027-01-01T00:00:00Z"}};

    static const unsigned days[] = {29, 28, 29, 28, 31};

    (void)state;
    for (size_t i = 0; i < sizeof(days) / sizeof(days[0]); i++) {
        uint64_t start = 0;
        uint64_t end = 0;

        assert_int_equal(clock_parse(&start, slice_str(months[i].start)), RC_OK);
        assert_int_equal(clock_parse(&end, slice_str(months[i].end)), RC_OK);
        assert_true(end - start == days[i] * SECONDS_PER_DAY * US_PER_SECOND);
        assert_true(clock_window_end(CLOCK_MONTH, start) == end);
        assert_true(clock_window_start(CLOCK_MONTH, end - 1) == start);
    }
}

static void windows_hold_to_the_end_of_time(void **state)
{
    (void)state;
    for (unsigned i = CLOCK_HOUR; i <= CLOCK_MONTH; i++) {
        enum clock_window w = (enum clock_window)i;

        assert_true(clock_window_start(w, UINT64_MAX) > UINT64_MAX / 2);
        assert_true(clock_window_end(w, UINT64_MAX) == UINT64_MAX);
    }
}

static void times_after_9999_print_as_the_last_one(void **state)
{
    char text[CLOCK_TEXT_SIZE];

    (void)state;
    clock_print(text, SECONDS_TO_10000 * US_PER_SECOND);
    assert_string_equal(text, "9999-12-31T23:59:59.999999Z");
    clock_print(text, UINT64_MAX);
    assert_string_equal(text, "9999-12-31T23:59:59.999999Z");
}

static void rfc_3339_forms_are_read(void **state)
{
    static const struct {
        const char *text;
        uint64_t us;
    } good[] = {{"1970-01-01T00:00:00Z", 0},
                {"1970-01-01t00:00:01z", 1000000},
                {"1970-01-01T00:00:00.5Z", 500000},
                {"1970-01-01T00:00:00.000001Z", 1},
                {"1970-01-01T00:00:00.123456999999999999999999999Z", 123456},
                {"1970-01-01T02:00:00+02:00", 0},
                {"1970-01-01T00:00:00-00:30", 1800000000},
                {"1970-01-01T00:00:00-00:00", 0},
                {"2026-11-21T01:25:05.123456Z", UINT64_C(1795224305123456)},
                {"2026-11-21T06:55:05.123456+05:30", UINT64_C(1795224305123456)},
                {"9999-12-31T23:59:59.999999Z", SECONDS_TO_10000 * US_PER_SECOND - 1}};

    (void)state;
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        uint64_t us = 42;

        if (clock_parse(&us, slice_str(good[i].text)) != RC_OK || us != good[i].us)
            fail_msg("'%s' is %llu", good[i].text, (unsigned long long)us);
    }
}

static void other_forms_are_refused(void **state)
{
    static const char *const bad[] = {"",
                                      "2026",
                                      "2026-11-21",
                                      "2026-11-21T01:25:05",
                                      "2026-11-21 01:25:05Z",
                                      "2026-11-21T01:25Z",
                                      "2026-11-21T01:25:05.Z",
                                      "2026-11-21T01:25:05,5Z",
                                      "2026-11-21T01:25:05Zx",
                                      " 2026-11-21T01:25:05Z",
                                      "2026-11-21T01:25:05+1:00",
                                      "2026-11-21T01:25:05+0100",
                                      "2026-11-21T01:25:05+24:00",
                                      "2026-11-21T01:25:05+01:60",
                                      "2026-13-21T01:25:05Z",
                                      "2026-00-21T01:25:05Z",
                                      "2026-11-31T01:25:05Z",
                                      "2026-11-00T01:25:05Z",
                                      "2026-02-29T01:25:05Z",
                                      "2100-02-29T01:25:05Z",
                                      "2026-11-21T24:00:00Z",
                                      "2026-11-21T01:60:05Z",
                                      "2026-11-21T01:25:60Z",
                                      "2026-1-21T01:25:05Z",
                                      "+026-11-21T01:25:05Z",
                                      "12026-11-21T01:25:05Z",
                                      "1969-12-31T23:59:59Z",
                                      "1970-01-01T00:00:00+00:01",
                                      "9999-12-31T23:59:00-00:01"};
    uint64_t us = 42;

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        if (clock_parse(&us, slice_str(bad[i])) != RC_BAD_INPUT)
            fail_msg("took '%s'", bad[i]);
    assert_int_equal(clock_parse(&us, SLICE("2026-11-21T01:25:05Z\0")), RC_BAD_INPUT);
    assert_true(us == 42);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(set_clocks_stand_still_until_moved),
        cmocka_unit_test(real_clocks_run_from_a_plausible_time),
        cmocka_unit_test(every_day_is_that_of_the_library),
        cmocka_unit_test(windows_meet_without_gap),
        cmocka_unit_test(leap_years_have_29_days_in_february),
        cmocka_unit_test(windows_hold_to_the_end_of_time),
        cmocka_unit_test(times_after_9999_print_as_the_last_one),
        cmocka_unit_test(rfc_3339_forms_are_read),
        cmocka_unit_test(other_forms_are_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
