/* SPDX-License-Identifier: Apache-2.0 */
/* Ids: sorted by time, never twice, in the form of a UUIDv7 with a free last byte. */
#include "base/random.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define THREADS        ((size_t)4)
#define IDS_PER_THREAD ((size_t)5000)

/* Ids of one process only grow: each test begins at a later time than those before. */
static uint64_t test_us = UINT64_C(1795224305000000);

static uint64_t id_ms(struct id id)
{
    uint64_t ms = 0;

    for (unsigned i = 0; i < 6; i++)
        ms = ms << 8 | id.bytes[i];
    return ms;
}

static void bytes_are_filled_to_the_end_and_no_further(void **state)
{
    uint8_t seen[1001] = {0};

    (void)state;
    random_bytes(seen, 0);
    assert_int_equal(seen[0], 0);
    /* Every byte changes in one of 50 draws, but for a chance of 2^-390. */
    for (unsigned draw = 0; draw < 50; draw++) {
        uint8_t bytes[1001] = {0};

        random_bytes(bytes, 1000);
        assert_int_equal(bytes[1000], 0);
        for (unsigned i = 0; i < 1000; i++)
            seen[i] |= bytes[i];
    }
    for (unsigned i = 0; i < 1000; i++)
        assert_int_not_equal(seen[i], 0);
}

static void an_id_has_time_version_variant_and_a_free_tail(void **state)
{
    struct id id;

    (void)state;
    test_us += 1000000;
    id = id_new(test_us);
    assert_true(id_ms(id) == test_us / 1000);
    assert_int_equal(id.bytes[6] >> 4, 7);
    assert_int_equal(id.bytes[8] >> 6, 2);
    assert_int_equal(id.bytes[15], 0);
    assert_false(id_is_none(id));
    assert_true(id_is_none(ID_NONE));
}

static void ids_of_one_millisecond_grow(void **state)
{
    struct id last = ID_NONE;

    (void)state;
    test_us += 1000000;
    for (unsigned i = 0; i < 100000; i++) {
        struct id id = id_new(test_us);

        assert_int_equal(id_cmp(last, id), -1);
        assert_int_equal(id.bytes[6] >> 4, 7);
        assert_int_equal(id.bytes[8] >> 6, 2);
        assert_int_equal(id.bytes[15], 0);
        last = id;
    }
}

static void ids_grow_when_the_clock_goes_back(void **state)
{
    struct id before;
    struct id after;

    (void)state;
    test_us += 1000000;
    before = id_new(test_us);
    after = id_new(test_us - 999999);
    assert_int_equal(id_cmp(before, after), -1);
    after = id_new(0);
    assert_int_equal(id_cmp(before, after), -1);
    test_us += 1000;
    after = id_new(test_us);
    assert_true(id_ms(after) == test_us / 1000);
}

static void *make_ids(void *argument)
{
    struct id *ids = argument;

    for (size_t i = 0; i < IDS_PER_THREAD; i++)
        ids[i] = id_new(test_us);
    return NULL;
}

static int compare_ids(const void *a, const void *b)
{
    return id_cmp(*(const struct id *)a, *(const struct id *)b);
}

static void threads_never_make_the_same_id(void **state)
{
    static struct id ids[THREADS * IDS_PER_THREAD];
    pthread_t threads[THREADS];

    (void)state;
    test_us += 1000000;
    for (size_t i = 0; i < THREADS; i++)
        assert_int_equal(
            pthread_create(&threads[i], NULL, make_ids, ids + i * IDS_PER_THREAD), 0);
    for (size_t i = 0; i < THREADS; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    for (size_t i = 0; i < THREADS * IDS_PER_THREAD; i++)
        if (i % IDS_PER_THREAD != 0)
            assert_int_equal(id_cmp(ids[i - 1], ids[i]), -1);
    qsort(ids, THREADS * IDS_PER_THREAD, sizeof(ids[0]), compare_ids);
    for (size_t i = 1; i < THREADS * IDS_PER_THREAD; i++)
        assert_int_equal(id_cmp(ids[i - 1], ids[i]), -1);
}

static void a_tail_changes_the_last_byte_only(void **state)
{
    struct id id = id_new(test_us);
    struct id derived = id_with_tail(id, 9);

    (void)state;
    assert_memory_equal(derived.bytes, id.bytes, ID_LEN - 1);
    assert_int_equal(derived.bytes[ID_LEN - 1], 9);
    assert_int_equal(id_cmp(id, derived), -1);
    assert_int_equal(id_cmp(derived, id), 1);
    assert_int_equal(id_cmp(id_with_tail(derived, 0), id), 0);
}

/* Last: after it, all ids of the process have the largest time. */
static void a_time_beyond_48_bits_is_cut_to_the_largest(void **state)
{
    (void)state;
    assert_true(id_ms(id_new(UINT64_MAX)) == (UINT64_C(1) << 48) - 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bytes_are_filled_to_the_end_and_no_further),
        cmocka_unit_test(an_id_has_time_version_variant_and_a_free_tail),
        cmocka_unit_test(ids_of_one_millisecond_grow),
        cmocka_unit_test(ids_grow_when_the_clock_goes_back),
        cmocka_unit_test(threads_never_make_the_same_id),
        cmocka_unit_test(a_tail_changes_the_last_byte_only),
        cmocka_unit_test(a_time_beyond_48_bits_is_cut_to_the_largest),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
