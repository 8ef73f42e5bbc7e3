/* SPDX-License-Identifier: Apache-2.0 */
/* The adapter of Bedrock: URLs, signatures and keys, what models take, what a failure
 * means. The signatures were computed by another program. */
#include "gateway/provider.h"

#include "gateway/wires/converse.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static struct arena *arena;
static struct secret *access_key, *secret_key, *token, *api_key;

static int open_all(void **state)
{
    (void)state;
    assert_int_equal(arena_open(&arena, 4 << 20), RC_OK);
    assert_int_equal(secret_new(&access_key, SLICE("AKIDEXAMPLE")), RC_OK);
    assert_int_equal(
        secret_new(&secret_key, SLICE("wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY")),
        RC_OK);
    assert_int_equal(secret_new(&token, SLICE("lent==")), RC_OK);
    assert_int_equal(secret_new(&api_key, SLICE("bedrock-api-key")), RC_OK);
    return 0;
}

static int close_all(void **state)
{
    (void)state;
    arena_close(arena);
    secret_unref(access_key);
    secret_unref(secret_key);
    secret_unref(token);
    secret_unref(api_key);
    return 0;
}

static const struct provider *bedrock(void)
{
    const struct provider *p = provider_find(SLICE("bedrock"));

    assert_non_null(p);
    return p;
}

struct attempt {
    char url[64];
    struct config_provider config;
    struct http_request client;
    struct provider_call call;
    struct provider_wire wire;
};

static void prepare(struct attempt *t, const char *base_url, const char *model)
{
    static char region[] = "us-east-1";

    *t = (struct attempt){.url = ""};
    assert_int_equal(slice_to_cstr(t->url, sizeof(t->url), slice_str(base_url)), RC_OK);
    t->config = (struct config_provider){.base_url = t->url, .region = region};
    t->call = (struct provider_call){.provider = &t->config,
                                     .model = slice_str(model),
                                     .op = PROVIDER_CHAT,
                                     .wire = &wire_converse,
                                     .client = &t->client,
                                     .body = SLICE("{}"),
                                     .now_us = UINT64_C(1440938160000000)};
}

static enum rc build(struct attempt *t)
{
    t->wire = (struct provider_wire){.url = NULL};
    return bedrock()->build(&t->wire, &t->call, arena);
}

/* NONE: it is not sent. */
static struct slice header(const struct attempt *t, const char *name)
{
    struct slice value = SLICE_NONE;

    for (size_t i = 0; i < t->wire.header_count; i++) {
        if (slice_equal_nocase(t->wire.headers[i].name, slice_str(name))) {
            assert_null(value.bytes);
            value = t->wire.headers[i].value;
        }
    }
    return value;
}

static void expect(struct slice got, const char *due)
{
    if (!slice_equal_str(got, due))
        fail_msg("%.*s is not %s", SLICE_FMT(got), due);
}

static void calls_are_signed(void **state)
{
    struct attempt t;

    (void)state;
    prepare(&t, "https://bedrock-runtime.us-east-1.amazonaws.com",
            "amazon.nova-micro-v1:0");
    t.config.access_key = access_key;
    t.config.secret_key = secret_key;
    t.call.api_key = api_key; /* of no use then */
    assert_int_equal(build(&t), RC_OK);
    assert_string_equal(t.wire.url,
                        "https://bedrock-runtime.us-east-1.amazonaws.com/model/"
                        "amazon.nova-micro-v1%3A0/converse");
    expect(header(&t, "X-Amz-Date"), "20150830T123600Z");
    expect(header(&t, "Content-Type"), "application/json");
    expect(
        header(&t, "Authorization"),
        "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/bedrock/"
        "aws4_request, SignedHeaders=content-type;host;x-amz-date, "
        "Signature=28dc81ed0d18040cc7c988e4aaa3b89279888905145f8e986856359ea73dae7d");
    assert_null(header(&t, "X-Amz-Security-Token").bytes);
}

static void a_token_is_signed_and_sent(void **state)
{
    struct attempt t;

    (void)state;
    prepare(&t, "http://127.0.0.1:8080/aws", "m");
    t.config.access_key = access_key;
    t.config.secret_key = secret_key;
    t.config.session_token = token;
    t.call.stream = true;
    t.call.body = SLICE("{\"messages\":[]}");
    assert_int_equal(build(&t), RC_OK);
    assert_string_equal(t.wire.url,
                        "http://127.0.0.1:8080/aws/model/m/converse-stream");
    expect(header(&t, "X-Amz-Security-Token"), "lent==");
    expect(
        header(&t, "Authorization"),
        "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/bedrock/"
        "aws4_request, SignedHeaders=content-type;host;x-amz-date;"
        "x-amz-security-token, "
        "Signature=a3a2eb01294217f04799bc2e7b71181bd2d0883bea8027ad1b8355e5e50900f0");
}

/* As curl sends it. */
static void the_usual_port_is_not_part_of_the_host(void **state)
{
    struct slice first;
    struct attempt t;

    (void)state;
    prepare(&t, "https://a", "m");
    t.config.access_key = access_key;
    t.config.secret_key = secret_key;
    assert_int_equal(build(&t), RC_OK);
    first = header(&t, "Authorization");
    prepare(&t, "https://a:443", "m");
    t.config.access_key = access_key;
    t.config.secret_key = secret_key;
    assert_int_equal(build(&t), RC_OK);
    assert_true(slice_equal(first, header(&t, "Authorization")));
    prepare(&t, "https://a:80", "m");
    t.config.access_key = access_key;
    t.config.secret_key = secret_key;
    assert_int_equal(build(&t), RC_OK);
    assert_false(slice_equal(first, header(&t, "Authorization")));
}

static void a_key_of_bedrock_is_a_bearer_token(void **state)
{
    struct attempt t;

    (void)state;
    prepare(&t, "https://a", "arn:aws:bedrock:eu-west-1:1:inference-profile/eu.x");
    t.call.api_key = api_key;
    assert_int_equal(build(&t), RC_OK);
    assert_string_equal(t.wire.url,
                        "https://a/model/arn%3Aaws%3Abedrock%3Aeu-west-1%3A1%3A"
                        "inference-profile%2Feu.x/converse");
    expect(header(&t, "Authorization"), "Bearer bedrock-api-key");
    assert_null(header(&t, "X-Amz-Date").bytes);
}

static void only_conversations_are_carried(void **state)
{
    static char long_name[4096];
    struct attempt t;

    (void)state;
    prepare(&t, "https://a", "m");
    t.call.op = PROVIDER_EMBEDDINGS;
    assert_int_equal(build(&t), RC_BAD_INPUT);
    t.call.op = PROVIDER_COUNT_TOKENS;
    assert_int_equal(build(&t), RC_BAD_INPUT);
    t.call.op = PROVIDER_CHAT;
    memset(long_name, '/', sizeof(long_name));
    t.call.model = slice_from(long_name, 2048);
    assert_int_equal(build(&t), RC_OK);
    t.call.model = slice_from(long_name, 2049);
    assert_int_equal(build(&t), RC_BAD_INPUT);
}

static void models_are_known_by_their_names(void **state)
{
    static const struct {
        const char *model;
        enum converse_family family;
        unsigned version;
    } models[] = {
        {"us.anthropic.claude-3-7-sonnet-20250219-v1:0", CONVERSE_CLAUDE, 307},
        {"anthropic.claude-3-sonnet-20240229-v1:0", CONVERSE_CLAUDE, 300},
        {"anthropic.claude-sonnet-4-20250514-v1:0", CONVERSE_CLAUDE, 400},
        {"global.anthropic.claude-haiku-4-5-20251001-v1:0", CONVERSE_CLAUDE, 405},
        {"anthropic.claude-opus-5", CONVERSE_CLAUDE, 500},
        {"anthropic.claude-v2:1", CONVERSE_CLAUDE, 0},
        {"eu.amazon.nova-pro-v1:0", CONVERSE_NOVA, 0},
        {"amazon.nova-2-lite-v1:0", CONVERSE_NOVA_2, 0},
        {"openai.gpt-oss-120b-1:0", CONVERSE_GPT_OSS, 0},
        {"meta.llama4-scout-17b-instruct-v1:0", CONVERSE_OTHER, 0},
        {"arn:aws:bedrock:us-east-1:1:application-inference-profile/a1b2",
         CONVERSE_OTHER, 0},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(models) / sizeof(models[0]); i++) {
        assert_int_equal(converse_family(slice_str(models[i].model)), models[i].family);
        assert_int_equal(converse_claude_version(slice_str(models[i].model)),
                         models[i].version);
    }
}

static unsigned quirks(const char *model)
{
    return bedrock()->quirks(NULL, slice_str(model)) &
           ~(unsigned)(QUIRK_ONE_CHOICE | QUIRK_NO_IMAGE_URL);
}

static void models_have_their_quirks(void **state)
{
    (void)state;
    assert_int_equal(quirks("anthropic.claude-3-7-sonnet-20250219-v1:0"),
                     QUIRK_NO_SCHEMA | QUIRK_THINKING_BUDGET);
    assert_int_equal(quirks("anthropic.claude-sonnet-4-5-20250929-v1:0"),
                     QUIRK_THINKING_BUDGET);
    assert_int_equal(quirks("anthropic.claude-opus-4-6-v1"), 0);
    assert_int_equal(quirks("anthropic.claude-opus-4-7"), QUIRK_NO_SAMPLING);
    assert_int_equal(quirks("anthropic.claude-sonnet-5"), QUIRK_NO_SAMPLING);
    assert_int_equal(quirks("amazon.nova-lite-v1:0"), QUIRK_NO_SCHEMA);
    assert_int_equal(quirks("openai.gpt-oss-20b-1:0"), 0);
}

static void a_failure_that_another_may_not_have_goes_on(void **state)
{
    static const struct {
        unsigned status;
        const char *body;
        enum provider_verdict verdict;
    } cases[] = {
        {400, "{\"message\":\"The provided model identifier is invalid.\"}",
         PROVIDER_NEXT},
        {400,
         "{\"message\":\"Invocation of model ID x with on-demand throughput isn't "
         "supported. Retry your request with the ID or ARN of an inference profile\"}",
         PROVIDER_NEXT},
        {400, "{\"message\":\"messages: text content blocks must be non-empty\"}",
         PROVIDER_FINAL},
        {403,
         "{\"message\":\"The security token included in the request is invalid.\"}",
         PROVIDER_NEXT},
        {404, "{}", PROVIDER_NEXT},
        {408, "{}", PROVIDER_NEXT},
        {413, "{}", PROVIDER_FINAL},
        {424, "{}", PROVIDER_NEXT},
        {429, "{}", PROVIDER_NEXT},
        {500, "{}", PROVIDER_NEXT},
        {503, "{}", PROVIDER_NEXT},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        assert_int_equal(bedrock()->classify(cases[i].status, slice_str(cases[i].body)),
                         cases[i].verdict);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(calls_are_signed),
        cmocka_unit_test(a_token_is_signed_and_sent),
        cmocka_unit_test(the_usual_port_is_not_part_of_the_host),
        cmocka_unit_test(a_key_of_bedrock_is_a_bearer_token),
        cmocka_unit_test(only_conversations_are_carried),
        cmocka_unit_test(models_are_known_by_their_names),
        cmocka_unit_test(models_have_their_quirks),
        cmocka_unit_test(a_failure_that_another_may_not_have_goes_on),
    };

    return cmocka_run_group_tests(tests, open_all, close_all);
}
