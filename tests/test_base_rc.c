/* SPDX-License-Identifier: Apache-2.0 */
/* Result codes: every one can be shown to a client, and read back. */
#include "base/rc.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void every_code_has_a_reason_in_snake_case(void **state)
{
    (void)state;
    for (unsigned i = 0; i < RC__COUNT; i++) {
        const char *reason = rc_reason((enum rc)i);

        assert_non_null(reason);
        assert_true(reason[0] != '\0');
        assert_int_equal(strspn(reason, "abcdefghijklmnopqrstuvwxyz_"), strlen(reason));
    }
}

static void every_failure_has_an_error_status(void **state)
{
    (void)state;
    assert_int_equal(rc_http(RC_OK), 200);
    for (unsigned i = RC_OK + 1; i < RC__COUNT; i++) {
        assert_true(rc_http((enum rc)i) >= 400);
        assert_true(rc_http((enum rc)i) <= 599);
    }
}

static void every_reason_leads_back_to_its_code(void **state)
{
    (void)state;
    for (unsigned i = 0; i < RC__COUNT; i++)
        assert_int_equal(rc_from_reason(rc_reason((enum rc)i)), i);
}

static void unknown_reasons_are_internal_errors(void **state)
{
    (void)state;
    assert_int_equal(rc_from_reason(""), RC_INTERNAL);
    assert_int_equal(rc_from_reason("no_such_reason"), RC_INTERNAL);
    assert_int_equal(rc_from_reason("OK"), RC_INTERNAL);
}

static void unknown_codes_are_internal_errors(void **state)
{
    (void)state;
    assert_string_equal(rc_reason((enum rc)RC__COUNT), "internal_error");
    assert_string_equal(rc_reason((enum rc)UINT32_MAX), "internal_error");
    assert_int_equal(rc_http((enum rc)UINT32_MAX), 500);
    assert_false(rc_retryable((enum rc)UINT32_MAX));
}

static void what_passes_by_itself_may_be_retried(void **state)
{
    (void)state;
    assert_true(rc_retryable(RC_BUSY));
    assert_true(rc_retryable(RC_RATE));
    assert_false(rc_retryable(RC_OK));
    assert_false(rc_retryable(RC_NO_FUNDS));
    assert_false(rc_retryable(RC_CORRUPT));
}

static enum rc passes_on(enum rc inner)
{
    TRY(inner);
    return RC_EXISTS;
}

static void try_leaves_with_the_code_of_the_failed_call(void **state)
{
    (void)state;
    assert_int_equal(passes_on(RC_FROZEN), RC_FROZEN);
    assert_int_equal(passes_on(RC_OK), RC_EXISTS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_code_has_a_reason_in_snake_case),
        cmocka_unit_test(every_failure_has_an_error_status),
        cmocka_unit_test(every_reason_leads_back_to_its_code),
        cmocka_unit_test(unknown_reasons_are_internal_errors),
        cmocka_unit_test(unknown_codes_are_internal_errors),
        cmocka_unit_test(what_passes_by_itself_may_be_retried),
        cmocka_unit_test(try_leaves_with_the_code_of_the_failed_call),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
