/* SPDX-License-Identifier: Apache-2.0 */
/* RLP: published encodings both ways, and no value with two of them. */
#include "x402/x402.h"

#include "tests/prng.h"
#include "tests/rlp_copy.h"
#include "tests/vectors.h"

#include <json-c/json.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static struct slice slice_of(const uint8_t *bytes, size_t len)
{
    return slice_from((const char *)bytes, len);
}

static void put_value(struct x402_rlp_out *o, struct json_object *value)
{
    size_t mark = x402_rlp_mark(o);

    if (json_object_get_type(value) == json_type_string) {
        struct vector_bytes b =
            vector_hex_text(slice_str(json_object_get_string(value)));

        x402_rlp_put(o, slice_of(b.bytes, b.len));
        return;
    }
    for (size_t i = json_array_count(value); i-- > 0;)
        put_value(o, json_array_at(value, i));
    x402_rlp_close(o, mark);
}

static void check_value(struct json_object *value, struct slice *rest)
{
    struct slice body;

    if (json_object_get_type(value) == json_type_string) {
        struct vector_bytes b =
            vector_hex_text(slice_str(json_object_get_string(value)));

        assert_int_equal(x402_rlp_next_string(&body, rest), RC_OK);
        assert_true(slice_equal(body, slice_of(b.bytes, b.len)));
        return;
    }
    assert_int_equal(x402_rlp_next_list(&body, rest), RC_OK);
    for (size_t i = 0; i < json_array_count(value); i++)
        check_value(json_array_at(value, i), &body);
    assert_int_equal(body.len, 0);
}

static void encodings_are_the_published_ones(void **state)
{
    struct json_object *o = vectors_open("x402.json");
    struct json_object *list = vector_list(o, "rlp");

    (void)state;
    for (size_t i = 0; i < json_array_count(list); i++) {
        struct json_object *v = json_array_at(list, i);
        struct vector_bytes expected = vector_hex(v, "rlp");
        struct slice rest = slice_of(expected.bytes, expected.len);
        struct json_object *value = NULL;
        uint8_t room[VECTOR_BYTES_MAX];
        struct x402_rlp_out out;

        assert_true(json_object_object_get_ex(v, "value", &value));
        x402_rlp_begin(&out, room, sizeof(room));
        put_value(&out, value);
        assert_true(slice_equal(x402_rlp_end(&out), rest));
        check_value(value, &rest);
        assert_int_equal(rest.len, 0);
    }
    json_put(o);
}

static void numbers_have_no_leading_zeros(void **state)
{
    static const struct {
        uint64_t value;
        struct slice expected;
    } cases[] = {{0, {"\x80", 1}},
                 {1, {"\x01", 1}},
                 {127, {"\x7f", 1}},
                 {128, {"\x81\x80", 2}},
                 {255, {"\x81\xff", 2}},
                 {256, {"\x82\x01\x00", 3}},
                 {84532, {"\x83\x01\x4a\x34", 4}},
                 {UINT64_MAX, {"\x88\xff\xff\xff\xff\xff\xff\xff\xff", 9}}};
    struct x402_u256 v;

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct slice rest = cases[i].expected;
        struct x402_rlp_out o;
        uint8_t room[16];
        uint64_t back;

        x402_rlp_begin(&o, room, sizeof(room));
        x402_rlp_put_u64(&o, cases[i].value);
        assert_true(slice_equal(x402_rlp_end(&o), rest));
        assert_int_equal(x402_rlp_next_number(&v, &rest), RC_OK);
        assert_true(x402_u256_to_u64(&back, v));
        assert_int_equal(back, cases[i].value);
        assert_int_equal(rest.len, 0);
    }
}

static void what_is_no_number_is_refused(void **state)
{
    static const struct slice bad[] = {
        {"\x00", 1},         /* zero is the empty string */
        {"\x82\x00\x01", 3}, /* a leading zero */
        {"\xc0", 1},         /* a list */
        {"\xa1\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01"
         "\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01",
         34}, /* 33 bytes */
        {"", 0}};
    struct x402_u256 v = x402_u256_from_u64(7);

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct slice rest = bad[i];

        assert_int_equal(x402_rlp_next_number(&v, &rest), RC_BAD_INPUT);
        assert_true(slice_equal(rest, bad[i]));
    }
    assert_int_equal(x402_u256_cmp(v, x402_u256_from_u64(7)), 0);
}

static void what_is_longer_than_it_must_be_is_refused(void **state)
{
    static const struct slice bad[] = {
        {"\x81\x00", 2},                             /* stands for itself */
        {"\x81\x7f", 2},                             /* so does this */
        {"\xb8\x00", 2},                             /* a long length of 0 */
        {"\xb8\x01\xff", 3},                         /* of 1 */
        {"\xb8\x37", 2},                             /* of 55, and nothing there */
        {"\xb9\x00\x38", 3},                         /* with a leading zero */
        {"\xf8\x01\xc0", 3},                         /* a list so */
        {"\xf9\x00\x38", 3},                         /* and so */
        {"\x81", 1},                                 /* cut off */
        {"\x83\x64\x6f", 3},                         /* cut off */
        {"\xb8", 1},                                 /* without its length */
        {"\xb9\x01", 2},                             /* with half of it */
        {"\xc1", 1},                                 /* a list cut off */
        {"\xf8", 1},                                 /* and so */
        {"\xbf\xff\xff\xff\xff\xff\xff\xff\xff", 9}, /* 2^64 - 1 bytes */
        {"\xff\xff\xff\xff\xff\xff\xff\xff\xff", 9},
        {"\xbf\x80\x00\x00\x00\x00\x00\x00\x00", 9}};
    struct x402_rlp_item item;

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct slice rest = bad[i];

        assert_int_equal(x402_rlp_next(&item, &rest), RC_BAD_INPUT);
        assert_true(slice_equal(rest, bad[i]));
    }
}

static void the_end_is_told_from_a_fault(void **state)
{
    struct slice rest = SLICE_NONE;
    struct x402_rlp_item item;
    struct slice body;

    (void)state;
    assert_int_equal(x402_rlp_next(&item, &rest), RC_NOT_FOUND);
    assert_int_equal(x402_rlp_next_string(&body, &rest), RC_BAD_INPUT);
    assert_int_equal(x402_rlp_next_list(&body, &rest), RC_BAD_INPUT);
    rest = SLICE("\xc0");
    assert_int_equal(x402_rlp_next_string(&body, &rest), RC_BAD_INPUT);
    assert_int_equal(x402_rlp_next_list(&body, &rest), RC_OK);
    rest = SLICE("\x80");
    assert_int_equal(x402_rlp_next_list(&body, &rest), RC_BAD_INPUT);
    assert_int_equal(x402_rlp_next_string(&body, &rest), RC_OK);
}

static void nothing_is_written_past_the_room(void **state)
{
    static const char text[] = "0123456789012345678901234567890123456789"
                               "0123456789012345678901234567890123456789";
    uint8_t room[100];

    (void)state;
    for (size_t size = 0; size <= 85; size++) {
        struct x402_rlp_out o;
        size_t mark;

        memset(room, 0xa5, sizeof(room));
        x402_rlp_begin(&o, room, size);
        mark = x402_rlp_mark(&o);
        x402_rlp_put(&o, slice_from(text, 80));
        x402_rlp_close(&o, mark);
        /* 80 bytes, and two heads of two bytes */
        assert_int_equal(x402_rlp_end(&o).len, size < 84 ? 0 : 84);
        assert_int_equal(room[size], 0xa5);
    }
}

/* Every text of up to two bytes, and many longer ones made of heads. */
static void what_is_read_is_written_again(void **state)
{
    static const uint8_t heads[] = {0x00, 0x01, 0x7f, 0x80, 0x81, 0x82, 0xb7, 0xb8,
                                    0xb9, 0xbf, 0xc0, 0xc1, 0xc2, 0xf7, 0xf8, 0xff};
    struct prng p = {0x726c70};
    unsigned taken = 0;
    uint8_t room[64];
    uint8_t text[64];

    (void)state;
    for (unsigned i = 0; i < 0x10000 + 200000; i++) {
        size_t len = i < 0x10000 ? 2 : prng_below(&p, sizeof(text));
        struct x402_rlp_out o;

        text[0] = (uint8_t)(i >> 8);
        text[1] = (uint8_t)i;
        for (size_t j = 0; i >= 0x10000 && j < len; j++)
            text[j] = heads[prng_below(&p, sizeof(heads))];
        x402_rlp_begin(&o, room, len);
        if (!rlp_copy(&o, slice_of(text, len)))
            continue;
        taken++;
        assert_int_equal(x402_rlp_end(&o).len, len);
        assert_memory_equal(x402_rlp_end(&o).bytes, text, len);
    }
    assert_true(taken > 20000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(encodings_are_the_published_ones),
        cmocka_unit_test(numbers_have_no_leading_zeros),
        cmocka_unit_test(what_is_no_number_is_refused),
        cmocka_unit_test(what_is_longer_than_it_must_be_is_refused),
        cmocka_unit_test(the_end_is_told_from_a_fault),
        cmocka_unit_test(nothing_is_written_past_the_room),
        cmocka_unit_test(what_is_read_is_written_again),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
