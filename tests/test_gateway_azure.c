/* SPDX-License-Identifier: Apache-2.0 */
/* The adapter of Azure: its two faces, its key, what a failure means. What it answers
 * is chat or Responses: its recordings are read in the tests of those wires. */
#include "gateway/provider.h"

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
    assert_int_equal(arena_open(&arena, 1 << 20), RC_OK);
    return secret_new(&key, SLICE("azure-key")) == RC_OK ? 0 : -1;
}

static int close_all(void **state)
{
    (void)state;
    arena_close(arena);
    secret_unref(key);
    return 0;
}

static const struct provider *azure(void)
{
    const struct provider *p = provider_find(SLICE("azure"));

    assert_non_null(p);
    return p;
}

struct attempt {
    char url[64], version[16];
    struct config_provider config;
    struct http_request client;
    struct provider_call call;
    struct provider_wire wire;
};

static void prepare(struct attempt *t, const char *version, const char *model)
{
    *t = (struct attempt){.url = "https://r.openai.azure.com"};
    assert_int_equal(slice_to_cstr(t->version, sizeof(t->version), slice_str(version)),
                     RC_OK);
    t->config = (struct config_provider){.base_url = t->url, .api_version = t->version};
    t->call = (struct provider_call){.provider = &t->config,
                                     .model = slice_str(model),
                                     .api_key = key,
                                     .op = PROVIDER_CHAT,
                                     .wire = &wire_chat,
                                     .client = &t->client};
}

static enum rc build(struct attempt *t)
{
    t->wire = (struct provider_wire){.url = NULL};
    return azure()->build(&t->wire, &t->call, arena);
}

static void the_newer_face_has_the_model_in_the_body(void **state)
{
    struct attempt t;

    (void)state;
    prepare(&t, "v1", "my gpt");
    assert_int_equal(build(&t), RC_OK);
    assert_string_equal(t.wire.url,
                        "https://r.openai.azure.com/openai/v1/chat/completions");
    t.call.wire = &wire_responses;
    assert_int_equal(build(&t), RC_OK);
    assert_string_equal(t.wire.url, "https://r.openai.azure.com/openai/v1/responses");
    t.call.op = PROVIDER_EMBEDDINGS;
    t.call.wire = NULL;
    assert_int_equal(build(&t), RC_OK);
    assert_string_equal(t.wire.url, "https://r.openai.azure.com/openai/v1/embeddings");
}

static void the_older_face_has_the_model_in_the_path(void **state)
{
    struct attempt t;

    (void)state;
    prepare(&t, "2024-10-21", "my/gpt");
    assert_int_equal(build(&t), RC_OK);
    assert_string_equal(t.wire.url,
                        "https://r.openai.azure.com/openai/deployments/my%2Fgpt/"
                        "chat/completions?api-version=2024-10-21");
    t.call.op = PROVIDER_EMBEDDINGS;
    t.call.wire = NULL;
    assert_int_equal(build(&t), RC_OK);
    assert_string_equal(t.wire.url,
                        "https://r.openai.azure.com/openai/deployments/my%2Fgpt/"
                        "embeddings?api-version=2024-10-21");
}

static void what_azure_does_not_have_is_refused(void **state)
{
    static char long_name[257];
    struct attempt t;

    (void)state;
    prepare(&t, "v1", "m");
    t.call.op = PROVIDER_COUNT_TOKENS;
    assert_int_equal(build(&t), RC_BAD_INPUT);
    prepare(&t, "2024-10-21", "m");
    memset(long_name, '%', sizeof(long_name));
    t.call.model = slice_from(long_name, 256);
    assert_int_equal(build(&t), RC_OK);
    t.call.model = slice_from(long_name, 257);
    assert_int_equal(build(&t), RC_BAD_INPUT);
}

static void the_key_has_a_header_of_its_own(void **state)
{
    struct attempt t;
    unsigned keys = 0;

    (void)state;
    prepare(&t, "v1", "m");
    assert_int_equal(build(&t), RC_OK);
    for (size_t i = 0; i < t.wire.header_count; i++) {
        assert_false(
            slice_equal_nocase(t.wire.headers[i].name, SLICE("authorization")));
        if (slice_equal_str(t.wire.headers[i].name, "api-key")) {
            assert_true(slice_equal_str(t.wire.headers[i].value, "azure-key"));
            keys++;
        }
    }
    assert_int_equal(keys, 1);
}

static void a_filtered_prompt_is_the_clients_matter(void **state)
{
    struct slice filtered =
        wire_file("azure/tl-prompt_content_filtering.response.json");
    struct slice unknown = wire_file("azure/tl-chat_reasoning.2.response.json");

    (void)state;
    assert_int_equal(azure()->classify(400, filtered), PROVIDER_FINAL);
    assert_int_equal(azure()->classify(404, unknown), PROVIDER_NEXT);
    wire_free(unknown);
    wire_free(filtered);
}

/* Most dated versions have no Responses: then those are written as chat. */
static void responses_need_the_newer_face(void **state)
{
    const struct slice model = SLICE("m");
    struct attempt t;

    (void)state;
    assert_true(azure()->has_embeddings);
    prepare(&t, "v1", "m");
    t.config.adapter = azure();
    assert_ptr_equal(provider_wire(&t.config, model, &wire_chat), &wire_chat);
    assert_ptr_equal(provider_wire(&t.config, model, &wire_responses), &wire_responses);
    assert_ptr_equal(provider_wire(&t.config, model, &wire_messages), &wire_chat);
    prepare(&t, "2024-10-21", "m");
    t.config.adapter = azure();
    assert_ptr_equal(provider_wire(&t.config, model, &wire_chat), &wire_chat);
    assert_ptr_equal(provider_wire(&t.config, model, &wire_responses), &wire_chat);
    t.call.wire = &wire_responses;
    assert_int_equal(build(&t), RC_BAD_INPUT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_newer_face_has_the_model_in_the_body),
        cmocka_unit_test(the_older_face_has_the_model_in_the_path),
        cmocka_unit_test(what_azure_does_not_have_is_refused),
        cmocka_unit_test(the_key_has_a_header_of_its_own),
        cmocka_unit_test(a_filtered_prompt_is_the_clients_matter),
        cmocka_unit_test(responses_need_the_newer_face),
    };

    return cmocka_run_group_tests(tests, open_all, close_all);
}
