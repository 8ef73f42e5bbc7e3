/* SPDX-License-Identifier: Apache-2.0 */
/* Addresses: published texts, and that a slip of the finger is found. */
#include "x402/x402.h"

#include "tests/vectors.h"

#include <ctype.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static const char usdc[] = "0x833589fCD6eDb6E08f4c7C32D4f71b54bdA02913";

static void assert_goes_both_ways(struct slice text)
{
    struct x402_address a;
    char printed[X402_ADDRESS_TEXT_SIZE];

    assert_int_equal(x402_address_parse(&a, text), RC_OK);
    x402_address_print(printed, &a);
    assert_true(slice_equal_str(text, printed));
}

/* EIP-55's own, with those that happen to have letters of one case only. */
static void checksums_are_the_published_ones(void **state)
{
    static const char *const texts[] = {"0x52908400098527886E0F7030069857D2E4169EE7",
                                        "0x8617E340B3D01FA5F11F306F4090FD50E238070D",
                                        "0xde709f2102306220921060314715629080e2fb77",
                                        "0x27b1fdb04752bbc536007a920d24acb045561c26",
                                        "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed",
                                        "0xfB6916095ca1df60bB79Ce92cE3Ea74c37c5d359",
                                        "0xdbF03B407c01E7cD3CBea99509d93f8DDDC8C6FB",
                                        "0xD1220A0cf47c7B9Be7A2E6BA89F429762e7b9aDb"};
    struct json_object *o = vectors_open("x402.json");
    struct json_object *list = vector_list(o, "addresses");

    (void)state;
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        assert_goes_both_ways(slice_str(texts[i]));
    for (size_t i = 0; i < json_array_count(list); i++)
        assert_goes_both_ways(vector_text(json_array_at(list, i), "address"));
    json_put(o);
}

static void letters_of_one_case_carry_no_checksum(void **state)
{
    struct x402_address expected;
    struct x402_address a;
    char small[sizeof(usdc)];
    char large[sizeof(usdc)];

    (void)state;
    assert_int_equal(x402_address_parse(&expected, slice_str(usdc)), RC_OK);
    for (size_t i = 0; i < sizeof(usdc); i++) {
        small[i] = (char)tolower(usdc[i]);
        large[i] = (char)(i < 2 ? usdc[i] : toupper(usdc[i]));
    }
    assert_int_equal(x402_address_parse(&a, slice_str(small)), RC_OK);
    assert_true(x402_address_equal(&a, &expected));
    assert_int_equal(x402_address_parse(&a, slice_str(large)), RC_OK);
    assert_true(x402_address_equal(&a, &expected));
}

static void small_letters_are_printed_where_asked_for(void **state)
{
    struct x402_address a;
    char printed[X402_ADDRESS_TEXT_SIZE];

    (void)state;
    assert_int_equal(x402_address_parse(&a, slice_str(usdc)), RC_OK);
    x402_address_print_small(printed, &a);
    assert_string_equal(printed, "0x833589fcd6edb6e08f4c7c32d4f71b54bda02913");
}

static void a_wrong_checksum_is_refused(void **state)
{
    struct x402_address a;

    (void)state;
    for (size_t i = 2; i < sizeof(usdc) - 1; i++) {
        char text[sizeof(usdc)];

        memcpy(text, usdc, sizeof(usdc));
        if (isalpha(text[i])) {
            text[i] = (char)(text[i] ^ 0x20); /* the other case */
            assert_int_equal(x402_address_parse(&a, slice_str(text)), RC_BAD_INPUT);
        }
        text[i] = usdc[i] == '1' ? '2' : '1';
        assert_int_equal(x402_address_parse(&a, slice_str(text)), RC_BAD_INPUT);
    }
}

static void other_texts_are_refused(void **state)
{
    static const char *const bad[] = {
        "",
        "0x",
        "833589fcd6edb6e08f4c7c32d4f71b54bda02913",
        "0X833589fcd6edb6e08f4c7c32d4f71b54bda02913",
        "0x833589fcd6edb6e08f4c7c32d4f71b54bda0291",
        "0x833589fcd6edb6e08f4c7c32d4f71b54bda029131",
        "0x833589fcd6edb6e08f4c7c32d4f71b54bda02913 ",
        " 0x833589fcd6edb6e08f4c7c32d4f71b54bda02913",
        "0x833589fcd6edb6e08f4c7c32d4f71b54bda0291g",
        "0x0x3589fcd6edb6e08f4c7c32d4f71b54bda02913",
        "0x000000000000000000000000833589fcd6edb6e08f4c7c32d4f71b54bda02913"};
    struct x402_address a = {{7}};

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_int_equal(x402_address_parse(&a, slice_str(bad[i])), RC_BAD_INPUT);
    assert_int_equal(x402_address_parse(&a, SLICE_NONE), RC_BAD_INPUT);
    assert_int_equal(a.bytes[0], 7);
}

static void nobody_is_told_from_somebody(void **state)
{
    struct x402_address nobody = {{0}};
    struct x402_address somebody = {{0}};

    (void)state;
    assert_true(x402_address_is_zero(&nobody));
    somebody.bytes[X402_ADDRESS_LEN - 1] = 1;
    assert_false(x402_address_is_zero(&somebody));
    assert_false(x402_address_equal(&nobody, &somebody));
    assert_goes_both_ways(SLICE("0x0000000000000000000000000000000000000000"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(checksums_are_the_published_ones),
        cmocka_unit_test(letters_of_one_case_carry_no_checksum),
        cmocka_unit_test(small_letters_are_printed_where_asked_for),
        cmocka_unit_test(a_wrong_checksum_is_refused),
        cmocka_unit_test(other_texts_are_refused),
        cmocka_unit_test(nobody_is_told_from_somebody),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
