/* SPDX-License-Identifier: Apache-2.0 */
/* The order of targets: a chain, with weighted groups drawn by weight. */
#include "gateway/select.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static struct config_target targets[20];

static struct config_model model(size_t count)
{
    for (size_t i = 0; i < 20; i++)
        targets[i].weight = 0;
    return (struct config_model){.target_count = count, .targets = targets};
}

static void without_weights_it_is_the_order_of_the_file(void **state)
{
    struct config_model m = model(4);
    uint8_t order[SELECT_TARGETS_MAX];

    (void)state;
    for (uint64_t draw = 0; draw < 50; draw++) {
        assert_int_equal(select_targets(order, &m, draw), 4);
        for (uint8_t i = 0; i < 4; i++)
            assert_int_equal(order[i], i);
    }
}

static void a_group_is_drawn_as_often_as_its_weights_say(void **state)
{
    struct config_model m = model(3);
    uint8_t order[SELECT_TARGETS_MAX];
    unsigned first[3] = {0};

    (void)state;
    targets[0].weight = 3;
    targets[1].weight = 1;
    for (uint64_t draw = 0; draw < 400; draw++) {
        assert_int_equal(select_targets(order, &m, draw), 3);
        first[order[0]]++;
        assert_int_equal(order[2], 2); /* the fallback stays behind the group */
    }
    assert_int_equal(first[0], 300);
    assert_int_equal(first[1], 100);
}

static void every_target_comes_once(void **state)
{
    struct config_model m = model(16);
    uint8_t order[SELECT_TARGETS_MAX];

    (void)state;
    for (size_t i = 0; i < 16; i++)
        targets[i].weight = i % 5 == 0 ? 0 : (unsigned)i;
    for (uint64_t draw = 0; draw < 1000; draw++) {
        unsigned seen = 0;

        assert_int_equal(select_targets(order, &m, draw * 7919), 16);
        for (size_t i = 0; i < 16; i++)
            seen |= 1u << order[i];
        assert_int_equal(seen, 0xffff);
    }
}

static void more_targets_than_the_limit_are_left_out(void **state)
{
    struct config_model m = model(20);
    uint8_t order[SELECT_TARGETS_MAX];

    (void)state;
    assert_int_equal(select_targets(order, &m, 0), SELECT_TARGETS_MAX);
    for (size_t i = 0; i < 20; i++)
        targets[i].weight = 1;
    assert_int_equal(select_targets(order, &m, 19), SELECT_TARGETS_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_weights_it_is_the_order_of_the_file),
        cmocka_unit_test(a_group_is_drawn_as_often_as_its_weights_say),
        cmocka_unit_test(every_target_comes_once),
        cmocka_unit_test(more_targets_than_the_limit_are_left_out),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
