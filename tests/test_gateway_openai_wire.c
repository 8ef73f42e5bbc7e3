/* SPDX-License-Identifier: Apache-2.0 */
/* The OpenAI wire and the two adapters that speak it: URLs, headers, usage, and what a
 * status means. */
#include "gateway/providers/openai_wire.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static struct arena *arena;
static struct secret *key;

static int open_all(void **state)
{
    (void)state;
    return arena_open(&arena, 1 << 20) == RC_OK &&
                   secret_new(&key, SLICE("sk-0123456789")) == RC_OK
               ? 0
               : -1;
}

static int close_all(void **state)
{
    (void)state;
    arena_close(arena);
    secret_unref(key);
    return 0;
}

static const struct provider *adapter(const char *kind)
{
    const struct provider *p = provider_find(slice_str(kind));

    assert_non_null(p);
    return p;
}

static struct provider_wire build(const char *kind, const char *base_url,
                                  const struct secret *secret, enum provider_op op,
                                  const struct http_request *client)
{
    char url[128];
    struct config_provider config = {.base_url = url};
    struct provider_wire wire = {.url = NULL};
    struct provider_call call;

    assert_int_equal(slice_to_cstr(url, sizeof(url), slice_str(base_url)), RC_OK);
    call = (struct provider_call){.provider = &config,
                                  .api_key = secret,
                                  .op = op,
                                  .wire = &wire_chat,
                                  .client = client};
    assert_int_equal(adapter(kind)->build(&wire, &call, arena), RC_OK);
    return wire;
}

static void expect_header(const struct provider_wire *w, size_t index, const char *name,
                          const char *value)
{
    assert_true(index < w->header_count);
    assert_true(slice_equal_str(w->headers[index].name, name));
    assert_true(slice_equal_str(w->headers[index].value, value));
}

static void both_kinds_are_registered(void **state)
{
    (void)state;
    assert_string_equal(adapter("openai")->default_url, "https://api.openai.com/v1");
    assert_null(adapter("compatible")->default_url);
    assert_null(provider_find(SLICE("")));
    assert_null(provider_find(SLICE("OpenAI")));
    assert_ptr_equal(provider_at(0), adapter("openai"));
}

static void the_operation_is_the_end_of_the_url(void **state)
{
    static const struct http_request none;

    (void)state;
    assert_string_equal(build("openai", "https://a/v1", key, PROVIDER_CHAT, &none).url,
                        "https://a/v1/chat/completions");
    assert_string_equal(
        build("compatible", "http://b:1/x", NULL, PROVIDER_EMBEDDINGS, &none).url,
        "http://b:1/x/embeddings");
}

static void the_key_is_a_bearer_token_or_not_sent(void **state)
{
    static const struct http_request none;
    struct provider_wire w = build("openai", "https://a", key, PROVIDER_CHAT, &none);

    (void)state;
    assert_int_equal(w.header_count, 2);
    expect_header(&w, 0, "Content-Type", "application/json");
    expect_header(&w, 1, "Authorization", "Bearer sk-0123456789");
    w = build("compatible", "https://a", NULL, PROVIDER_CHAT, &none);
    assert_int_equal(w.header_count, 1);
}

static void only_the_adapters_own_list_of_the_clients_headers_passes(void **state)
{
    static const struct http_request client = {
        .header_count = 5,
        .headers = {{SLICE("OpenAI-Beta"), SLICE("assistants=v2")},
                    {SLICE("TraceParent"), SLICE("00-1")},
                    {SLICE("Authorization"), SLICE("Bearer mine")},
                    {SLICE("OpenAI-Organization"), SLICE("org")},
                    {SLICE("User-Agent"), SLICE("me")}}};
    struct provider_wire w = build("openai", "https://a", key, PROVIDER_CHAT, &client);

    (void)state;
    assert_int_equal(w.header_count, 4);
    expect_header(&w, 2, "openai-beta", "assistants=v2");
    expect_header(&w, 3, "traceparent", "00-1");
    w = build("compatible", "https://a", NULL, PROVIDER_CHAT, &client);
    assert_int_equal(w.header_count, 2);
    expect_header(&w, 1, "traceparent", "00-1");
}

static void doubtful_headers_do_not_pass(void **state)
{
    static char large[1025];
    struct http_request client = {.header_count = 2,
                                  .headers = {{SLICE("traceparent"), SLICE("a")},
                                              {SLICE("traceparent"), SLICE("b")}}};

    (void)state;
    assert_int_equal(
        build("compatible", "https://a", NULL, PROVIDER_CHAT, &client).header_count, 1);
    client.header_count = 1;
    client.headers[0].value = SLICE("a\tb");
    assert_int_equal(
        build("compatible", "https://a", NULL, PROVIDER_CHAT, &client).header_count, 1);
    memset(large, 'x', sizeof(large));
    client.headers[0].value = slice_from(large, 1025);
    assert_int_equal(
        build("compatible", "https://a", NULL, PROVIDER_CHAT, &client).header_count, 1);
    client.headers[0].value = slice_from(large, 1024);
    assert_int_equal(
        build("compatible", "https://a", NULL, PROVIDER_CHAT, &client).header_count, 2);
}

static void without_memory_nothing_is_built(void **state)
{
    static const struct http_request none;
    static char base_url[] = "https://a.example/a/long/path/that/does/not/fit";
    struct config_provider config = {.base_url = base_url};
    const struct provider_call call = {.provider = &config,
                                       .api_key = key,
                                       .op = PROVIDER_CHAT,
                                       .wire = &wire_chat,
                                       .client = &none};
    struct provider_wire wire = {.url = NULL};
    struct arena *small;

    (void)state;
    for (size_t limit = 1; limit < 96; limit += 16) {
        enum rc rc;

        assert_int_equal(arena_open(&small, limit), RC_OK);
        rc = adapter("openai")->build(&wire, &call, small);
        assert_int_equal(rc, RC_NOMEM);
        arena_close(small);
    }
}

static void a_status_says_whether_another_target_may_do_it(void **state)
{
    static const unsigned next[] = {401, 402, 403, 404, 408, 409, 425, 429, 500,
                                    502, 503, 504, 529, 599, 200, 302, 304};
    static const unsigned final[] = {400, 405, 406, 410, 411, 413, 414,
                                     415, 418, 422, 431, 451, 499};

    (void)state;
    for (size_t i = 0; i < sizeof(next) / sizeof(next[0]); i++)
        assert_int_equal(openai_wire_classify(next[i], SLICE_NONE), PROVIDER_NEXT);
    for (size_t i = 0; i < sizeof(final) / sizeof(final[0]); i++)
        assert_int_equal(openai_wire_classify(final[i], SLICE_NONE), PROVIDER_FINAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(both_kinds_are_registered),
        cmocka_unit_test(the_operation_is_the_end_of_the_url),
        cmocka_unit_test(the_key_is_a_bearer_token_or_not_sent),
        cmocka_unit_test(only_the_adapters_own_list_of_the_clients_headers_passes),
        cmocka_unit_test(doubtful_headers_do_not_pass),
        cmocka_unit_test(without_memory_nothing_is_built),
        cmocka_unit_test(a_status_says_whether_another_target_may_do_it),
    };

    return cmocka_run_group_tests(tests, open_all, close_all);
}
