/* SPDX-License-Identifier: Apache-2.0 */
/* Buffers: what goes in comes out, in order, and never more than the limit waits. */
#include "base/buf.h"

#include "tests/prng.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void assert_holds(const struct buf *b, const char *expected)
{
    assert_true(slice_equal_str(buf_slice(b), expected));
    assert_int_equal(buf_len(b), strlen(expected));
}

static void a_new_buffer_is_empty(void **state)
{
    struct buf b;

    (void)state;
    buf_init(&b, 10);
    assert_holds(&b, "");
    assert_int_equal(buf_room(&b), 10);
    assert_false(buf_spent(&b));
    buf_free(&b);
}

static void appends_of_all_kinds_follow_each_other(void **state)
{
    struct buf b;

    (void)state;
    buf_init(&b, 100);
    buf_append(&b, SLICE("ab"));
    buf_append(&b, SLICE_NONE);
    buf_append_str(&b, "cd");
    buf_append_str(&b, NULL);
    buf_append_char(&b, 'e');
    buf_printf(&b, "%d%s", 12, "f");
    buf_printf(&b, "%s", "");
    assert_holds(&b, "abcde12f");
    buf_free(&b);
}

static void the_limit_is_exact(void **state)
{
    struct buf b;

    (void)state;
    buf_init(&b, 4);
    buf_append(&b, SLICE("abcd"));
    assert_false(buf_spent(&b));
    assert_int_equal(buf_room(&b), 0);
    buf_append_char(&b, 'e');
    assert_true(buf_spent(&b));
    assert_holds(&b, "abcd");
    buf_free(&b);

    buf_init(&b, 4);
    buf_printf(&b, "%s", "abcd");
    assert_false(buf_spent(&b));
    buf_printf(&b, "%s", "e");
    assert_true(buf_spent(&b));
    assert_holds(&b, "abcd");
    buf_free(&b);
}

static void a_spent_buffer_takes_nothing_until_reset(void **state)
{
    struct buf b;

    (void)state;
    buf_init(&b, 4);
    buf_append(&b, SLICE("abc"));
    buf_append(&b, SLICE("toolong"));
    assert_true(buf_spent(&b));
    buf_append_char(&b, 'x'); /* would fit */
    assert_holds(&b, "abc");
    assert_int_equal(buf_room(&b), 0);
    buf_consume(&b, 1);
    buf_append_char(&b, 'x');
    assert_holds(&b, "bc");
    buf_reset(&b);
    assert_false(buf_spent(&b));
    assert_holds(&b, "");
    buf_append(&b, SLICE("abcd"));
    assert_holds(&b, "abcd");
    buf_free(&b);
}

/* Whatever is left of the room, also none: the sanitizer build sees a NUL behind it. */
/* Whatever is free behind what waits: none, too little, just enough, plenty. */
static void printf_fits_any_free_room(void **state)
{
    char text[300];

    (void)state;
    memset(text, 'x', sizeof(text));
    for (int before = 0; before < 280; before += 7) {
        for (int len = 0; len < (int)sizeof(text); len++) {
            struct buf b;

            buf_init(&b, 500);
            buf_append(&b, slice_from(text, (size_t)before));
            buf_printf(&b, "%.*s", len, text);
            assert_int_equal(buf_spent(&b), before + len > 500);
            if (!buf_spent(&b)) {
                assert_int_equal(buf_len(&b), before + len);
                assert_int_equal(
                    memcmp(buf_slice(&b).bytes + before, text, (size_t)len), 0);
            }
            buf_free(&b);
        }
    }
}

static void printf_has_room_for_its_nul(void **state)
{
    (void)state;
    for (size_t left = 0; left < 16; left++) {
        char filler[256];
        struct buf b;

        memset(filler, 'x', sizeof(filler));
        buf_init(&b, 1000);
        buf_append(&b, slice_from(filler, sizeof(filler) - left));
        buf_printf(&b, "%s", "12345678");
        assert_int_equal(buf_len(&b), sizeof(filler) - left + 8);
        assert_true(slice_ends(buf_slice(&b), SLICE("x12345678")));
        buf_free(&b);
    }
}

static void a_limit_of_zero_takes_nothing(void **state)
{
    struct buf b;

    (void)state;
    buf_init(&b, 0);
    buf_append(&b, SLICE_NONE);
    assert_false(buf_spent(&b));
    buf_append_char(&b, 'x');
    assert_true(buf_spent(&b));
    buf_free(&b);
}

static void a_freed_buffer_can_be_used_again(void **state)
{
    struct buf b;

    (void)state;
    buf_init(&b, 4);
    buf_append(&b, SLICE("abcde"));
    buf_free(&b);
    assert_false(buf_spent(&b));
    buf_append(&b, SLICE("abcd"));
    assert_holds(&b, "abcd");
    buf_wipe(&b);
    assert_holds(&b, "");
    buf_append(&b, SLICE("efgh"));
    assert_holds(&b, "efgh");
    buf_wipe(&b);
    buf_wipe(&b);
}

/* A queue of numbered bytes: what comes out must be the next numbers. */
struct queue {
    struct buf buf;
    size_t waiting;
    uint8_t next_in;
    uint8_t next_out;
};

static void push(struct queue *q, size_t len)
{
    char chunk[300];

    for (size_t i = 0; i < len; i++)
        chunk[i] = (char)q->next_in++;
    buf_append(&q->buf, slice_from(chunk, len));
    q->waiting += len;
}

static void pull(struct queue *q, size_t len)
{
    struct slice s = buf_slice(&q->buf);

    for (size_t i = 0; i < len; i++)
        assert_int_equal((uint8_t)s.bytes[i], q->next_out++);
    buf_consume(&q->buf, len);
    q->waiting -= len;
}

static size_t at_most(size_t len, size_t most)
{
    return len < most ? len : most;
}

static void run_queue(size_t limit, size_t step_max, uint64_t seed)
{
    struct prng prng = {seed};
    struct queue q = {0};

    buf_init(&q.buf, limit);
    for (unsigned turn = 0; turn < 20000; turn++) {
        size_t len = (size_t)prng_below(&prng, step_max + 1);

        if (prng_below(&prng, 2) == 0)
            push(&q, at_most(len, limit - q.waiting));
        else
            pull(&q, at_most(len, q.waiting));
        assert_int_equal(buf_len(&q.buf), q.waiting);
        assert_int_equal(buf_room(&q.buf), limit - q.waiting);
        assert_false(buf_spent(&q.buf));
    }
    buf_free(&q.buf);
}

static void a_queue_keeps_its_order(void **state)
{
    (void)state;
    run_queue(1, 1, 1);
    run_queue(7, 7, 2);
    run_queue(300, 300, 3);
    run_queue(1000, 30, 4);
    run_queue(5000, 300, 5);
    run_queue(1 << 20, 300, 6);
}

/* A full queue that moves on byte by byte: its room must stay bounded. */
static void the_room_is_bounded_by_the_limit(void **state)
{
    const size_t limit = 1000;
    struct buf b;

    (void)state;
    buf_init(&b, limit);
    for (size_t i = 0; i < limit; i++)
        buf_append_char(&b, (char)i);
    for (size_t i = limit; i < 100 * limit; i++) {
        assert_int_equal((uint8_t)buf_slice(&b).bytes[0], (uint8_t)(i - limit));
        buf_consume(&b, 1);
        buf_append_char(&b, (char)i);
        assert_int_equal(buf_len(&b), limit);
    }
    assert_false(buf_spent(&b));
    assert_true(b.size <= limit + limit / 4 + 1);
    buf_free(&b);
}

/* It takes what fits with a NUL, moves its run down instead of growing, and leaves the
 * room to its owner. */
static void a_lent_room_is_all_there_is(void **state)
{
    char room[8];
    struct buf b;

    (void)state;
    buf_init_lent(&b, room, sizeof(room));
    buf_append_str(&b, "1234567");
    assert_false(buf_spent(&b));
    for (unsigned i = 0; i < 20; i++) {
        buf_consume(&b, 1);
        buf_append_char(&b, (char)('8' + i));
        assert_ptr_equal(b.bytes, room);
        assert_int_equal(buf_len(&b), 7);
    }
    buf_append_char(&b, 'x');
    assert_true(buf_spent(&b));
    buf_free(&b);
    assert_false(buf_spent(&b));
    buf_printf(&b, "%u", 1234567U);
    assert_memory_equal(room, "1234567", 8);

    buf_init_lent(&b, NULL, 8);
    buf_append_char(&b, 'x');
    buf_reset(&b);
    assert_true(buf_spent(&b) && buf_len(&b) == 0);
}

static void a_field_of_csv_is_in_quotes_and_its_quotes_are_doubled(void **state)
{
    struct buf b;

    (void)state;
    buf_init(&b, 64);
    buf_append_field(&b, SLICE("wire 17, \"June\""));
    buf_append_char(&b, ',');
    buf_append_field(&b, SLICE_NONE);
    assert_true(slice_equal_str(buf_slice(&b), "\"wire 17, \"\"June\"\"\","));
    buf_free(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_new_buffer_is_empty),
        cmocka_unit_test(appends_of_all_kinds_follow_each_other),
        cmocka_unit_test(the_limit_is_exact),
        cmocka_unit_test(a_spent_buffer_takes_nothing_until_reset),
        cmocka_unit_test(printf_fits_any_free_room),
        cmocka_unit_test(printf_has_room_for_its_nul),
        cmocka_unit_test(a_limit_of_zero_takes_nothing),
        cmocka_unit_test(a_freed_buffer_can_be_used_again),
        cmocka_unit_test(a_queue_keeps_its_order),
        cmocka_unit_test(the_room_is_bounded_by_the_limit),
        cmocka_unit_test(a_lent_room_is_all_there_is),
        cmocka_unit_test(a_field_of_csv_is_in_quotes_and_its_quotes_are_doubled),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
