/* SPDX-License-Identifier: Apache-2.0 */
/* Private keys decide no branch and no address in memory: valgrind is told that a key's
 * bytes are undefined, and then reports whatever depends on them. The program starts
 * itself again under valgrind; x402/curve.c is built into it with the marks for what is
 * no secret. Not a measurement of time, which this kind of machine cannot repeat. */
#include "x402/x402.h"

#include "base/slice.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#if defined(HAVE_VALGRIND_MEMCHECK_H) && !defined(OCTROI_SANITIZE)

#    include <valgrind/memcheck.h>

enum {
    ARENA_SIZE = 64 * 1024
};

static const uint8_t test_key[X402_KEY_LEN] = {
    0x4c, 0x08, 0x83, 0xa6, 0x91, 0x02, 0x93, 0x7d, 0x62, 0x31, 0x47,
    0x1b, 0x5d, 0xbb, 0x62, 0x04, 0xfe, 0x51, 0x29, 0x61, 0x70, 0x82,
    0x79, 0x2a, 0xe4, 0x68, 0xd0, 0x1a, 0x3f, 0x36, 0x23, 0x18};
static const char test_address[] = "0x2c7536E3605D9C16a7a3D7b1898e529396a65c23";

/* Not zero, when valgrind has seen something since `before`. */
static unsigned long seen_since(unsigned long before)
{
    return VALGRIND_COUNT_ERRORS - before;
}

static void poison_key(uint8_t key[X402_KEY_LEN])
{
    memcpy(key, test_key, X402_KEY_LEN);
    VALGRIND_MAKE_MEM_UNDEFINED(key, X402_KEY_LEN);
}

static int start(void **state)
{
    uint8_t seed[X402_KEY_LEN] = {7};

    (void)state;
    VALGRIND_MAKE_MEM_UNDEFINED(seed, sizeof(seed)); /* as secret as a key */
    return x402_curve_start(seed) == RC_OK ? 0 : -1;
}

static int stop(void **state)
{
    (void)state;
    x402_curve_stop();
    return 0;
}

static void a_branch_on_a_key_is_seen(void **state)
{
    unsigned long before = VALGRIND_COUNT_ERRORS;
    uint8_t key[X402_KEY_LEN];

    (void)state;
    if (!RUNNING_ON_VALGRIND)
        skip();
    poison_key(key);
    if (((volatile uint8_t *)key)[3] == 0xa6)
        (void)fputs("the report before this line is wanted\n", stderr);
    assert_true(seen_since(before) > 0);
}

static void signing_branches_on_nothing_secret(void **state)
{
    unsigned long before = VALGRIND_COUNT_ERRORS;
    struct x402_hash digest = {{1, 2, 3}};
    struct x402_signature s;
    struct x402_address signer;
    uint8_t key[X402_KEY_LEN];

    (void)state;
    if (!RUNNING_ON_VALGRIND)
        skip();
    poison_key(key);
    assert_int_equal(x402_curve_sign(&s, &digest, key), RC_OK);
    assert_int_equal(seen_since(before), 0);
    assert_int_equal(x402_address_parse(&signer, slice_str(test_address)), RC_OK);
    assert_true(x402_curve_signed_by(&digest, &s, &signer));
    assert_int_equal(seen_since(before), 0);
}

static void the_public_side_of_a_key_is_made_without_a_branch(void **state)
{
    unsigned long before = VALGRIND_COUNT_ERRORS;
    struct x402_address address;
    uint8_t key[X402_KEY_LEN];
    char text[X402_ADDRESS_TEXT_SIZE];

    (void)state;
    if (!RUNNING_ON_VALGRIND)
        skip();
    poison_key(key);
    assert_int_equal(x402_curve_address(&address, key), RC_OK);
    assert_int_equal(seen_since(before), 0);
    x402_address_print(text, &address);
    assert_string_equal(text, test_address);
}

static void a_payment_is_signed_without_a_branch(void **state)
{
    const struct x402_token *usdc = x402_token_usual(84532);
    const struct x402_hash nonce = {{1, 2, 3}};
    struct x402_offer offer = {.chain_id = 84532,
                               .asset = usdc->address,
                               .pay_to = usdc->address,
                               .amount = x402_u256_from_u64(1000),
                               .timeout_s = 60,
                               .name = slice_str(usdc->name),
                               .version = slice_str(usdc->version)};
    unsigned long before = VALGRIND_COUNT_ERRORS;
    struct x402_payment payment;
    struct x402_address signer;
    uint8_t key[X402_KEY_LEN];
    struct arena *a;

    (void)state;
    if (!RUNNING_ON_VALGRIND)
        skip();
    poison_key(key);
    assert_int_equal(arena_open(&a, ARENA_SIZE), RC_OK);
    assert_int_equal(x402_address_parse(&signer, slice_str(test_address)), RC_OK);
    for (int method = X402_EIP3009; method <= X402_PERMIT2; method++) {
        offer.method = (enum x402_method)method;
        assert_int_equal(x402_pay(&payment, &offer, &signer, &nonce, 1000000), RC_OK);
        assert_int_equal(x402_sign(&payment, &offer, key, a), RC_OK);
        assert_int_equal(x402_check_signature(&payment, &offer), X402_VALID);
    }
    arena_close(a);
    assert_int_equal(seen_since(before), 0);
}

static void secrets_are_compared_without_a_branch(void **state)
{
    unsigned long before = VALGRIND_COUNT_ERRORS;
    uint8_t key[X402_KEY_LEN];
    bool equal;

    (void)state;
    if (!RUNNING_ON_VALGRIND)
        skip();
    poison_key(key);
    equal = slice_equal_secret(slice_from((const char *)key, sizeof(key)),
                               slice_from((const char *)test_key, sizeof(test_key)));
    VALGRIND_MAKE_MEM_DEFINED(&equal, sizeof(equal));
    assert_true(equal);
    assert_int_equal(seen_since(before), 0);
}

/* Under valgrind from here on; returns where there is none. */
static void run_under_valgrind(const char *self)
{
    const char *top = getenv("srcdir");
    char suppressions[4096];
    int len = snprintf(suppressions, sizeof(suppressions),
                       "--suppressions=%s/tests/ct_key.supp", top == NULL ? "." : top);

    if (len > 0 && (size_t)len < sizeof(suppressions))
        (void)execlp("valgrind", "valgrind", "--quiet", "--leak-check=no", suppressions,
                     self, (char *)NULL);
    (void)fputs("skipped: valgrind is not installed\n", stderr);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_branch_on_a_key_is_seen),
        cmocka_unit_test(signing_branches_on_nothing_secret),
        cmocka_unit_test(the_public_side_of_a_key_is_made_without_a_branch),
        cmocka_unit_test(a_payment_is_signed_without_a_branch),
        cmocka_unit_test(secrets_are_compared_without_a_branch),
    };

    if (argc == 1 && !RUNNING_ON_VALGRIND)
        run_under_valgrind(argv[0]);
    return cmocka_run_group_tests(tests, start, stop);
}

#else

static void keys_are_watched_by_valgrind(void **state)
{
    (void)state;
    (void)fputs("skipped: no valgrind/memcheck.h, or a sanitizer that it cannot run\n",
                stderr);
    skip();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keys_are_watched_by_valgrind),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

#endif
