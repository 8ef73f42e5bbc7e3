/* SPDX-License-Identifier: Apache-2.0 */
/* From method and raw path to an api, with its params, over the apis that there are. */
#include "gateway/api.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static struct api_match match;

static enum rc route(const char *method, const char *path)
{
    memset(&match, 0, sizeof(match));
    return api_route(&match, slice_str(method), slice_str(path));
}

static void expect_api(const char *method, const char *path, const char *name)
{
    assert_int_equal(route(method, path), RC_OK);
    assert_string_equal(match.api->name, name);
}

static void expect_param(const char *value)
{
    if (!slice_equal_str(match.params[0], value))
        fail_msg("got \"%.*s\"", SLICE_FMT(match.params[0]));
}

static void every_path_of_the_manual_has_its_api(void **state)
{
    (void)state;
    expect_api("POST", "/v1/chat/completions", "chat");
    expect_api("POST", "/v1/embeddings", "embeddings");
    expect_api("GET", "/v1/models", "models");
    expect_api("GET", "/v1/models/gpt-5.4", "models");
    expect_api("GET", "/v1/wallet", "wallet");
    expect_api("GET", "/v1/wallet/statement", "wallet");
    expect_api("GET", "/healthz", "ops");
    expect_api("GET", "/readyz", "ops");
    expect_api("PUT", "/v1/data/files/a/b", "data");
    expect_api("GET", "/v1/data/open", "data");
}

static void what_takes_get_takes_head(void **state)
{
    (void)state;
    expect_api("HEAD", "/v1/models", "models");
    expect_api("HEAD", "/healthz", "ops");
    assert_int_equal(route("HEAD", "/v1/embeddings"), RC_BAD_METHOD);
}

static void params_are_pieces_of_the_path_as_it_came(void **state)
{
    (void)state;
    expect_api("GET", "/v1/models/org%20a/model%C3%A9", "models");
    expect_param("org%20a/model%C3%A9");
    expect_api("DELETE", "/v1/data/search/a/b;c=%20", "data");
    expect_param("search");
    assert_true(slice_equal_str(match.params[1], "a/b;c=%20"));
}

static void a_wrong_method_is_told_the_right_ones_once(void **state)
{
    (void)state;
    assert_int_equal(route("GET", "/v1/chat/completions"), RC_BAD_METHOD);
    assert_string_equal(match.allow, "POST");
    assert_int_equal(route("DELETE", "/v1/models"), RC_BAD_METHOD);
    assert_string_equal(match.allow, "GET");
    assert_null(match.api);
}

static void what_is_not_there_is_not_found(void **state)
{
    static const char *const paths[] = {
        "/",          "/v1",        "/v1/",
        "/v1/chat",   "/healthz/x", "/v1/chat/completions/x",
        "/V1/models", "/v1/data",   "/admin/v1/wallets",
        "/metrics",   "/dashboard/"};

    (void)state;
    for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
        if (route("GET", paths[i]) != RC_NOT_FOUND)
            fail_msg("%s", paths[i]);
        assert_string_equal(match.allow, "");
    }
}

static void paths_without_canonical_form_are_refused(void **state)
{
    static const char *const paths[] = {
        /* the data API refuses more: test_gateway_data */
        "/v1/./models",      "/v1/../models",      "/v1/%2e/models",
        "/v1/%2E%2e/models", "/v1//models",        "/v1/models/a%2fb/..",
        "/v1/data/a/b%00c",  "/v1/data/search/..", "/v1/data/search/%2e.",
        "/v1/data/a//b",     "/v1/data/a/b%",      "/v1/data/a/b%zz",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++)
        if (route("GET", paths[i]) != RC_BAD_INPUT)
            fail_msg("%s", paths[i]);
}

static void errors_are_told_in_the_dialect_of_the_path(void **state)
{
    (void)state;
    assert_int_equal(api_dialect(SLICE("/v1/chat/completions")), DIALECT_OPENAI);
    assert_int_equal(api_dialect(SLICE("/v1/anything")), DIALECT_OPENAI);
    assert_int_equal(api_dialect(SLICE("/v1/data/search/a")), DIALECT_PROBLEM);
    assert_int_equal(api_dialect(SLICE("/v1/publishers/acme")), DIALECT_PROBLEM);
    assert_int_equal(api_dialect(SLICE("/api/v1/skills/x")), DIALECT_TEXT);
    assert_int_equal(api_dialect(SLICE("/api/v1/models/x")), DIALECT_OPENAI);
    assert_int_equal(api_dialect(SLICE("/api/cli/telemetry/install")), DIALECT_TEXT);
    assert_int_equal(api_dialect(SLICE("/v1/wallet")), DIALECT_PROBLEM);
    assert_int_equal(api_dialect(SLICE("/v1/skills/a/b")), DIALECT_PROBLEM);
    assert_int_equal(api_dialect(SLICE("/healthz")), DIALECT_PROBLEM);
    assert_int_equal(api_dialect(SLICE("/")), DIALECT_PROBLEM);
    assert_int_equal(api_dialect(SLICE_NONE), DIALECT_PROBLEM);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_path_of_the_manual_has_its_api),
        cmocka_unit_test(what_takes_get_takes_head),
        cmocka_unit_test(params_are_pieces_of_the_path_as_it_came),
        cmocka_unit_test(a_wrong_method_is_told_the_right_ones_once),
        cmocka_unit_test(what_is_not_there_is_not_found),
        cmocka_unit_test(paths_without_canonical_form_are_refused),
        cmocka_unit_test(errors_are_told_in_the_dialect_of_the_path),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
