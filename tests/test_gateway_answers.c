/* SPDX-License-Identifier: Apache-2.0 */
/* Kept answers: found again as they were, within their limits. */
#include "gateway/answers.h"

#include "base/clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static struct answers *answers;
static struct arena *arena;

static int setup(void **state)
{
    (void)state;
    clock_set(1700000000000000u, 1000);
    return answers_open(&answers, 4 << 20) == RC_OK &&
                   arena_open(&arena, 16 << 20) == RC_OK
               ? 0
               : -1;
}

static int teardown(void **state)
{
    (void)state;
    answers_close(answers);
    arena_close(arena);
    clock_real();
    return 0;
}

static void key_of(uint8_t key[32], unsigned n)
{
    memset(key, 0, 32);
    memcpy(key, &n, sizeof(n));
}

static void keep(unsigned n, size_t bytes)
{
    struct answer_slot *s = answer_slot_new();
    uint8_t key[32];

    assert_non_null(s);
    s->status = 200;
    (void)snprintf(s->content_type, sizeof(s->content_type), "text/plain");
    (void)snprintf(s->cost, sizeof(s->cost), "0.000000001");
    for (size_t i = 0; i < bytes; i++)
        buf_append_char(&s->body, (char)('a' + n % 26));
    key_of(key, n);
    answers_keep(answers, key, s);
}

static enum rc find(struct answer *out, unsigned n)
{
    uint8_t key[32];

    key_of(key, n);
    return answers_find(out, answers, key, arena);
}

static void what_was_kept_is_found_as_it_was(void **state)
{
    struct answer a;

    (void)state;
    keep(1, 3);
    assert_int_equal(find(&a, 1), RC_OK);
    assert_int_equal(a.status, 200);
    assert_string_equal(a.content_type, "text/plain");
    assert_string_equal(a.cost, "0.000000001");
    assert_true(slice_equal(a.body, SLICE("bbb")));
    assert_int_equal(find(&a, 2), RC_NOT_FOUND);
}

static void the_oldest_go_when_room_is_needed(void **state)
{
    struct answer a;

    (void)state;
    for (unsigned n = 0; n < 9; n++)
        keep(n, 512 << 10);
    assert_int_equal(find(&a, 0), RC_NOT_FOUND);
    assert_int_equal(find(&a, 1), RC_NOT_FOUND);
    assert_int_equal(find(&a, 8), RC_OK);
    arena_reset(arena);
    assert_int_equal(find(&a, 2), RC_OK);
}

static void a_second_answer_for_a_key_replaces_the_first(void **state)
{
    struct answer a;

    (void)state;
    keep(1, 3);
    keep(1, 5);
    assert_int_equal(find(&a, 1), RC_OK);
    assert_int_equal(a.body.len, 5);
}

static void after_a_day_they_are_gone(void **state)
{
    struct answer a;

    (void)state;
    keep(1, 3);
    clock_advance_ms(24 * 3600 * 1000 + 1);
    keep(2, 3);
    assert_int_equal(find(&a, 1), RC_NOT_FOUND);
    assert_int_equal(find(&a, 2), RC_OK);
}

static void a_claim_is_one_persons_until_it_is_released(void **state)
{
    uint8_t mine[32], same[32], other[32];

    (void)state;
    key_of(mine, 1);
    key_of(same, 1);
    key_of(other, 2);
    assert_int_equal(answers_claim(answers, mine), RC_OK);
    assert_int_equal(answers_claim(answers, same), RC_IDEM_IN_FLIGHT);
    assert_int_equal(answers_claim(answers, other), RC_OK);
    answers_release(answers, mine);
    assert_int_equal(answers_claim(answers, same), RC_OK);
    answers_release(answers, other);
    answers_release(answers, same);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_was_kept_is_found_as_it_was, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(the_oldest_go_when_room_is_needed, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_second_answer_for_a_key_replaces_the_first,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(after_a_day_they_are_gone, setup, teardown),
        cmocka_unit_test_setup_teardown(a_claim_is_one_persons_until_it_is_released,
                                        setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
