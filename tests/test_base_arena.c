/* SPDX-License-Identifier: Apache-2.0 */
/* Arenas: pieces that are apart and zeroed, a limit that is exact, a mark that stays.
 */
#include "base/arena.h"

#include "tests/prng.h"

#include <setjmp.h>
#include <stdalign.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static struct arena *open_arena(size_t limit)
{
    struct arena *a = NULL;

    assert_int_equal(arena_open(&a, limit), RC_OK);
    assert_non_null(a);
    return a;
}

static void assert_zeroed(const unsigned char *bytes, size_t len)
{
    for (size_t i = 0; i < len; i++)
        assert_int_equal(bytes[i], 0);
}

static void a_new_arena_is_empty(void **state)
{
    struct arena *a = open_arena(100);

    (void)state;
    assert_false(arena_spent(a));
    assert_int_equal(arena_used(a), 0);
    arena_close(a);
    arena_close(NULL);
}

static void the_limit_is_exact(void **state)
{
    struct arena *a = open_arena(100);

    (void)state;
    assert_non_null(arena_alloc(a, 100));
    assert_int_equal(arena_used(a), 100);
    assert_false(arena_spent(a));
    assert_null(arena_copy(a, "", 0)); /* its NUL is the 101st byte */
    assert_true(arena_spent(a));
    arena_close(a);
}

static void padding_counts_against_the_limit(void **state)
{
    struct arena *a = open_arena(alignof(max_align_t) + 1);

    (void)state;
    assert_non_null(arena_alloc(a, 1));
    assert_non_null(arena_alloc(a, 1));
    assert_int_equal(arena_used(a), alignof(max_align_t) + 1);
    assert_null(arena_alloc(a, 1));
    arena_close(a);
}

static void a_spent_arena_stays_spent_until_reset(void **state)
{
    struct arena *a = open_arena(64);

    (void)state;
    assert_null(arena_alloc(a, 65));
    assert_true(arena_spent(a));
    assert_null(arena_alloc(a, 1));
    assert_null(arena_alloc(a, 0));
    assert_null(arena_copy(a, "a", 1));
    assert_null(arena_slice(a, SLICE("a")).bytes);
    assert_null(arena_printf(a, "%d", 1));
    assert_true(arena_spent(a));
    arena_reset(a);
    assert_false(arena_spent(a));
    assert_int_equal(arena_used(a), 0);
    assert_non_null(arena_alloc(a, 64));
    arena_close(a);
}

static void sizes_that_wrap_are_refused(void **state)
{
    struct arena *a = open_arena(SIZE_MAX);

    (void)state;
    assert_null(arena_alloc_array(a, SIZE_MAX / 2, 3));
    assert_true(arena_spent(a));
    arena_reset(a);
    assert_null(arena_copy(a, "", SIZE_MAX));
    assert_true(arena_spent(a));
    arena_reset(a);
    assert_null(arena_alloc(a, SIZE_MAX));
    assert_true(arena_spent(a));
    arena_close(a);
}

static void size_zero_gives_a_pointer(void **state)
{
    struct arena *a = open_arena(0);

    (void)state;
    assert_non_null(arena_alloc(a, 0));
    assert_non_null(arena_alloc_array(a, 0, 8));
    assert_non_null(arena_alloc_array(a, 8, 0));
    assert_false(arena_spent(a));
    arena_close(a);
}

static void typed_pieces_have_the_size_of_their_type(void **state)
{
    struct pair {
        uint64_t first;
        uint64_t second;
    };
    struct arena *a = open_arena(1000);
    struct pair *one = arena_new(a, struct pair);
    struct pair *ten = arena_new_array(a, struct pair, 10);

    (void)state;
    assert_non_null(one);
    assert_non_null(ten);
    assert_int_equal(arena_used(a), 11 * sizeof(struct pair));
    ten[9].second = 1;
    assert_int_equal(one->second, 0);
    arena_close(a);
}

/* Many pieces of all sizes, beyond the size of the largest block. Each is filled with
 * its number, and all are looked at in the end. */
static void pieces_are_zeroed_aligned_and_apart(void **state)
{
    enum {
        PIECES = 400
    };
    struct arena *a = open_arena(64 << 20);
    unsigned char *pieces[PIECES];
    size_t sizes[PIECES];
    struct prng prng = {1};

    (void)state;
    for (unsigned round = 0; round < 3; round++) {
        for (unsigned i = 0; i < PIECES; i++) {
            sizes[i] = (size_t)(prng_any_size(&prng) % 600000);
            if (i % 3 == 0)
                sizes[i] %= 50;
            pieces[i] = arena_alloc(a, sizes[i]);
            assert_non_null(pieces[i]);
            assert_int_equal((uintptr_t)pieces[i] % alignof(max_align_t), 0);
            assert_zeroed(pieces[i], sizes[i]);
            memset(pieces[i], (int)(i % 255) + 1, sizes[i]);
            assert_non_null(arena_copy(a, "odd", i % 4)); /* ends at odd addresses */
        }
        for (unsigned i = 0; i < PIECES; i++)
            for (size_t j = 0; j < sizes[i]; j++)
                if (pieces[i][j] != i % 255 + 1)
                    fail_msg("piece %u was written over", i);
        arena_reset(a);
    }
    arena_close(a);
}

/* Whatever is left of the first block, the pieces that come then lie within one: were
 * they not, so many would reach the end of the heap. */
static void no_block_is_overrun(void **state)
{
    const size_t first_size = (size_t)16 * 1024;
    struct arena *a = open_arena(4 << 20);

    (void)state;
    for (size_t left = 0; left < 32; left++) {
        arena_reset(a);
        assert_non_null(arena_alloc(a, first_size - left));
        assert_non_null(arena_copy(a, "", 0));
        for (unsigned i = 0; i < 20000; i++)
            assert_non_null(arena_alloc(a, 1 + i % 64)); /* writes zeros */
    }
    arena_close(a);
}

static void copies_end_with_a_nul(void **state)
{
    struct arena *a = open_arena(100);
    char *copy = arena_copy(a, "abcdef", 3);
    struct slice slice = arena_slice(a, SLICE("x\0y"));
    struct slice empty = arena_slice(a, SLICE_NONE);

    (void)state;
    assert_string_equal(copy, "abc");
    assert_true(slice_equal(slice, SLICE("x\0y")));
    assert_int_equal(slice.bytes[3], 0);
    assert_non_null(empty.bytes); /* SLICE_NONE would say: spent */
    assert_int_equal(empty.len, 0);
    assert_string_equal(arena_copy(a, NULL, 0), "");
    arena_close(a);
}

static void printf_takes_what_it_needs(void **state)
{
    struct arena *a = open_arena(12);

    (void)state;
    assert_string_equal(arena_printf(a, "%s-%d", "ab", 42), "ab-42");
    assert_int_equal(arena_used(a), 6);
    assert_string_equal(arena_printf(a, "%s", "12345"), "12345");
    assert_null(arena_printf(a, "%s", ""));
    assert_true(arena_spent(a));
    arena_close(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_new_arena_is_empty),
        cmocka_unit_test(the_limit_is_exact),
        cmocka_unit_test(padding_counts_against_the_limit),
        cmocka_unit_test(a_spent_arena_stays_spent_until_reset),
        cmocka_unit_test(sizes_that_wrap_are_refused),
        cmocka_unit_test(size_zero_gives_a_pointer),
        cmocka_unit_test(typed_pieces_have_the_size_of_their_type),
        cmocka_unit_test(pieces_are_zeroed_aligned_and_apart),
        cmocka_unit_test(no_block_is_overrun),
        cmocka_unit_test(copies_end_with_a_nul),
        cmocka_unit_test(printf_takes_what_it_needs),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
