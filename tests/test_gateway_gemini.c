/* SPDX-License-Identifier: Apache-2.0 */
/* The adapter of Gemini: URLs and keys, what a failure means, embeddings in OpenAI's
 * words. */
#include "gateway/provider.h"

#include "gateway/quirks.h"
#include "tests/wire_fixture.h"

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
    assert_int_equal(arena_open(&arena, 4 << 20), RC_OK);
    assert_int_equal(secret_new(&key, SLICE("google-key")), RC_OK);
    return 0;
}

static int close_all(void **state)
{
    (void)state;
    arena_close(arena);
    secret_unref(key);
    return 0;
}

static const struct provider *gemini(void)
{
    const struct provider *p = provider_find(SLICE("gemini"));

    assert_non_null(p);
    return p;
}

struct attempt {
    char url[128];
    struct config_provider config;
    struct http_request client;
    struct provider_call call;
    struct provider_wire wire;
};

static void prepare(struct attempt *t, const char *base_url, const char *model)
{
    *t = (struct attempt){.url = ""};
    assert_int_equal(slice_to_cstr(t->url, sizeof(t->url), slice_str(base_url)), RC_OK);
    t->config = (struct config_provider){.base_url = t->url};
    t->call = (struct provider_call){.provider = &t->config,
                                     .model = slice_str(model),
                                     .op = PROVIDER_CHAT,
                                     .wire = &wire_gemini,
                                     .client = &t->client,
                                     .api_key = key,
                                     .body = SLICE("{}")};
}

static const char *url_of(struct attempt *t)
{
    t->wire = (struct provider_wire){.url = NULL};
    assert_int_equal(gemini()->build(&t->wire, &t->call, arena), RC_OK);
    return t->wire.url;
}

static void urls_have_the_model_and_the_verb_and_never_the_key(void **state)
{
    struct attempt t;
    unsigned keys = 0;

    (void)state;
    prepare(&t, "https://generativelanguage.googleapis.com", "gemini-2.5-pro");
    assert_string_equal(url_of(&t), "https://generativelanguage.googleapis.com/v1beta/"
                                    "models/gemini-2.5-pro:generateContent");
    t.call.stream = true;
    assert_string_equal(url_of(&t),
                        "https://generativelanguage.googleapis.com/v1beta/models/"
                        "gemini-2.5-pro:streamGenerateContent?alt=sse");
    for (size_t i = 0; i < t.wire.header_count; i++)
        if (slice_equal(t.wire.headers[i].value, SLICE("google-key"))) {
            assert_true(slice_equal(t.wire.headers[i].name, SLICE("x-goog-api-key")));
            keys++;
        }
    assert_int_equal(keys, 1);
    t.call.op = PROVIDER_COUNT_TOKENS;
    assert_string_equal(url_of(&t), "https://generativelanguage.googleapis.com/v1beta/"
                                    "models/gemini-2.5-pro:countTokens");
    prepare(&t, "http://127.0.0.1:9/v1beta", "tunedModels/a b/../c");
    assert_string_equal(url_of(&t), "http://127.0.0.1:9/v1beta/tunedModels/"
                                    "a%20b%2F..%2Fc:generateContent");
}

static void a_bad_key_is_told_by_400_and_is_ours(void **state)
{
    const struct provider *p = gemini();
    struct slice rate = wire_file("gemini/ve-google-429-retry-info.response.json");

    (void)state;
    assert_int_equal(p->classify(400, SLICE("{\"error\":{\"code\":400,\"details\":[{"
                                            "\"reason\":\"API_KEY_INVALID\"}]}}")),
                     PROVIDER_NEXT);
    assert_int_equal(p->classify(400, SLICE("{\"error\":{\"code\":400,\"status\":"
                                            "\"FAILED_PRECONDITION\"}}")),
                     PROVIDER_NEXT);
    assert_int_equal(p->classify(400, SLICE("{\"error\":{\"code\":400,\"status\":"
                                            "\"INVALID_ARGUMENT\"}}")),
                     PROVIDER_FINAL);
    assert_int_equal(p->classify(429, rate), PROVIDER_NEXT);
    assert_int_equal(p->classify(503, SLICE("")), PROVIDER_NEXT);
    wire_free(rate);
}

static void models_before_gemini_3_think_by_a_budget(void **state)
{
    const struct config_provider config = {.base_url = NULL};

    (void)state;
    assert_true(gemini()->quirks(&config, SLICE("gemini-2.5-flash")) &
                QUIRK_THINKING_BUDGET);
    assert_false(gemini()->quirks(&config, SLICE("gemini-3-pro-preview")) &
                 QUIRK_THINKING_BUDGET);
}

static void embeddings_are_asked_for_in_googles_words(void **state)
{
    struct wire_fault fault = {.param = NULL};
    struct buf out;

    (void)state;
    buf_init(&out, 1 << 20);
    assert_int_equal(gemini()->embed->write(&out,
                                            SLICE("{\"input\":[\"a\",\"b\\n\"],"
                                                  "\"dimensions\":8}"),
                                            SLICE("gemini-embedding-001"), &fault,
                                            arena),
                     RC_OK);
    assert_true(slice_equal(
        buf_slice(&out),
        SLICE(
            "{\"requests\":[{\"model\":\"models/gemini-embedding-001\",\"content\":{"
            "\"parts\":[{\"text\":\"a\"}]},\"outputDimensionality\":8},{\"model\":"
            "\"models/gemini-embedding-001\",\"content\":{\"parts\":[{\"text\":\"b\\n\"}"
            "]},\"outputDimensionality\":8}]}")));
    assert_int_equal(gemini()->embed->write(&out, SLICE("{\"input\":[[1,2]]}"),
                                            SLICE("m"), &fault, arena),
                     RC_BAD_INPUT);
    assert_string_equal(fault.param, "input");
    buf_free(&out);
}

static void vectors_come_as_numbers_or_as_base64_of_floats(void **state)
{
    static const char json[] =
        "{\"embeddings\":[{\"values\":[1,-0.5]},{\"values\":[2e0,"
        "0]}],\"usageMetadata\":{\"promptTokenCount\":7}}";
    struct usage usage = {.known = false};
    struct buf out;

    (void)state;
    buf_init(&out, 1 << 20);
    assert_int_equal(
        gemini()->embed->answer(&out, &usage, SLICE(json), SLICE("m"), false, arena),
        RC_OK);
    assert_int_equal(usage.in_uncached, 7);
    assert_true(slice_equal(
        buf_slice(&out),
        SLICE("{\"object\":\"list\",\"data\":[{\"object\":\"embedding\",\"index\":0,"
              "\"embedding\":[1,-0.5]},{\"object\":\"embedding\",\"index\":1,"
              "\"embedding\":[2e0,0]}],\"model\":\"m\",\"usage\":{\"prompt_tokens\":7,"
              "\"total_tokens\":7}}")));
    buf_reset(&out);
    assert_int_equal(
        gemini()->embed->answer(&out, &usage, SLICE(json), SLICE("m"), true, arena),
        RC_OK);
    /* 0000803f 000000bf; 00000040 00000000 */
    assert_true(slice_search(buf_slice(&out), SLICE("\"AACAPwAAAL8=\"")) <
                buf_len(&out));
    assert_true(slice_search(buf_slice(&out), SLICE("\"AAAAQAAAAAA=\"")) <
                buf_len(&out));
    buf_reset(&out);
    assert_int_equal(
        gemini()->embed->answer(&out, &usage,
                                SLICE("{\"embeddings\":[{\"values\":[\"x\"]"
                                      "}]}"),
                                SLICE("m"), true, arena),
        RC_UPSTREAM);
    assert_int_equal(
        gemini()->embed->answer(&out, &usage, SLICE("{}"), SLICE("m"), true, arena),
        RC_UPSTREAM);
    buf_free(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(urls_have_the_model_and_the_verb_and_never_the_key),
        cmocka_unit_test(a_bad_key_is_told_by_400_and_is_ours),
        cmocka_unit_test(models_before_gemini_3_think_by_a_budget),
        cmocka_unit_test(embeddings_are_asked_for_in_googles_words),
        cmocka_unit_test(vectors_come_as_numbers_or_as_base64_of_floats),
    };

    return cmocka_run_group_tests(tests, open_all, close_all);
}
