/* SPDX-License-Identifier: Apache-2.0 */
/* The data APIs of docs/examples/apis are configurations as they stand. */
#include "gateway/config.h"

#include "tests/conf_fixture.h"
#include "tests/config_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum {
    TEXT_SIZE = 65536
};

static void expect_example(const char *name)
{
    static char text[TEXT_SIZE];
    const char *top = getenv("srcdir"); /* make sets it; by hand: at the top */
    const struct config *c;
    char path[512];
    size_t len;
    FILE *f;

    (void)snprintf(path, sizeof(path), "%s/docs/examples/apis/%s.yaml",
                   top != NULL ? top : ".", name);
    f = fopen(path, "r");
    if (f == NULL)
        fail_msg("%s cannot be read", path);
    len = fread(text, 1, sizeof(text) - 1, f);
    (void)fclose(f);
    text[len] = '\0';
    assert_non_null(strstr(text, "\n# Documentation: https://"));
    assert_non_null(strstr(text, "it was not run here"));
    c = config_fixture_load(text); /* without a warning */
    assert_int_equal(c->data_api_count, 1);
    for (size_t i = 0; i < c->data_apis[0].endpoint_count; i++) {
        const struct config_endpoint *e = &c->data_apis[0].endpoints[i];

        assert_true(e->priced);
        assert_non_null(e->description);
        assert_int_equal(e->input_schema == NULL, e->example == NULL);
    }
    config_unref(c);
}

static void examples_of_four_kinds_load_without_a_warning(void **state)
{
    (void)state;
    assert_int_equal(setenv("BRAVE_API_KEY", "brave-key", 1), 0);
    assert_int_equal(setenv("ALPHAVANTAGE_API_KEY", "alpha-key", 1), 0);
    expect_example("search");
    expect_example("prediction");
    expect_example("social");
    expect_example("finance");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(examples_of_four_kinds_load_without_a_warning),
    };

    return cmocka_run_group_tests(tests, config_fixture_open, conf_fixture_close);
}
