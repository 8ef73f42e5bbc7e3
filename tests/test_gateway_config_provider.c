/* SPDX-License-Identifier: Apache-2.0 */
/* The section `providers`. */
#include "gateway/config.h"

#include "gateway/provider.h"
#include "tests/conf_fixture.h"
#include "tests/config_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void adapters_are_found_by_kind(void **state)
{
    size_t count = 0;
    const struct provider *p;

    (void)state;
    for (; (p = provider_at(count)) != NULL; count++)
        assert_ptr_equal(provider_find(slice_str(p->kind)), p);
    assert_true(count >= 2);
    assert_null(provider_at(count + 1));
    assert_null(provider_at(SIZE_MAX));
    assert_null(provider_find(SLICE("")));
    assert_null(provider_find(SLICE("OpenAI")));
}

static void a_provider_is_read(void **state)
{
    const struct config *c = config_fixture_load(
        "providers:\n"
        "  open_ai.2: {kind: openai, api_keys: [\"${OPENAI_API_KEY}\", second]}\n"
        "  vllm: {kind: compatible, vendor: vllm, allow_private: true,\n"
        "    base_url: \"http://127.0.0.1:8000/v1//\", first_byte_timeout: 90s,\n"
        "    idle_timeout: 5m}\n");
    const struct config_provider *p = &c->providers[0];

    (void)state;
    assert_int_equal(c->provider_count, 2);
    assert_string_equal(p->name, "open_ai.2");
    assert_string_equal(p->kind, "openai");
    assert_ptr_equal(p->adapter, provider_find(SLICE("openai")));
    assert_null(p->vendor);
    assert_string_equal(p->base_url, "https://api.openai.com/v1");
    assert_false(p->allow_private);
    assert_int_equal(p->key_count, 2);
    assert_true(slice_equal(secret_open(p->api_keys[0]), SLICE("sk-upstream")));
    assert_true(slice_equal(secret_open(p->api_keys[1]), SLICE("second")));
    assert_int_equal(p->first_byte_timeout_ms, 60000);
    assert_int_equal(p->idle_timeout_ms, 60000);
    p = &c->providers[1];
    assert_string_equal(p->vendor, "vllm");
    assert_string_equal(p->base_url, "http://127.0.0.1:8000/v1");
    assert_true(p->allow_private);
    assert_int_equal(p->key_count, 0);
    assert_int_equal(p->first_byte_timeout_ms, 90000);
    assert_int_equal(p->idle_timeout_ms, 300000);
    config_unref(c);
}

static void a_kind_that_is_not_there_is_one_fault(void **state)
{
    (void)state;
    FAULTS_OF("providers:\n"
              "  delphi:\n"
              "    kind: delphi\n"
              "  dodona1: {kind: dodona1, base_url: nowhere, region: us-east-1,\n"
              "    access_key: a, nested: {deep: [1, {b: 2}]}}\n"
              "models:\n"
              "  m: {targets: [{provider: delphi, model: x}]}\n",
              "octroi.yaml:3:11: kind 'delphi' is not supported by this version "
              "(supported: {kinds})",
              "octroi.yaml:4:19: kind 'dodona1' is not supported by this version "
              "(supported: {kinds})");
}

static void a_mistyped_kind_gets_a_hint(void **state)
{
    (void)state;
    FAULTS_OF("providers: {p: {kind: compatble}}\n",
              "octroi.yaml:1:23: kind 'compatble' is not supported by this version "
              "(supported: {kinds}; did you mean 'compatible'?)");
}

static void what_is_missing_is_named(void **state)
{
    (void)state;
    FAULTS_OF("providers:\n"
              "  a:\n"
              "  b: {kind: compatible}\n"
              "  c: {kind: openai, api_keys: [\"${EMPTY}\", ~, \"\"]}\n"
              "  d: 5\n",
              "octroi.yaml:2:3: 'kind' is missing (supported: {kinds})",
              "octroi.yaml:3:3: 'base_url' is missing: kind 'compatible' has none of "
              "its own",
              "octroi.yaml:4:32: api key is empty: is what its ${..} form names set?",
              "octroi.yaml:4:44: api key is empty",
              "octroi.yaml:4:47: api key is empty",
              "octroi.yaml:5:6: expected a mapping, found a single value");
}

static void an_unset_variable_is_named(void **state)
{
    (void)state;
    FAULTS_OF("providers:\n"
              "  p: {kind: openai, api_keys: [\"${NO_SUCH_VARIABLE}\"]}\n",
              "octroi.yaml:2:32: the environment has no variable NO_SUCH_VARIABLE (a "
              "default is written ${NO_SUCH_VARIABLE:-..})",
              "octroi.yaml:2:32: api key is empty: is what its ${..} form names set?");
}

static void only_compatible_hosts_have_a_vendor(void **state)
{
    (void)state;
    FAULTS_OF("providers:\n"
              "  a: {kind: openai, vendor: groq}\n"
              "  b: {kind: compatible, vendor: \"a b\", base_url: \"https://b\"}\n",
              "octroi.yaml:2:29: only a provider of kind 'compatible' has a vendor",
              "octroi.yaml:3:33: the name of a vendor has 1 to 64 letters, digits and "
              "'-_.', and begins with a letter or digit");
}

static void forms_are_checked(void **state)
{
    (void)state;
    FAULTS_OF("providers:\n"
              "  Open AI: {kind: openai}\n"
              "  b: {kind: openai, api_keys: key, allow_private: yes, colour: x}\n"
              "  c: {kind: openai, idle_timeout: 10, first_byte_timeout: 0s}\n"
              "  d: {kind: openai, api_keys: [\"a\\r\\nb\"]}\n"
              "  e: {kind: [openai]}\n",
              "octroi.yaml:2:3: the name of a provider has 1 to 64 letters, digits and "
              "'-_.', and begins with a letter or digit",
              "octroi.yaml:3:51: expected true or false, not 'yes'",
              "octroi.yaml:3:31: expected a list, found a single value",
              "octroi.yaml:4:59: must be from 1s to 24h",
              "octroi.yaml:4:35: expected a time span such as 90s, 15m, 12h or 7d, not "
              "'10'",
              "octroi.yaml:5:32: api key holds a line end or another control character",
              "octroi.yaml:6:7: expected a single value, found a list",
              "octroi.yaml:3:56: unknown key 'colour'");
    FAULTS_OF("providers: [openai]\n",
              "octroi.yaml:1:1: expected a mapping, found a list");
}

static void azure_has_a_version_of_its_api(void **state)
{
    const struct config *c = config_fixture_load(
        "providers:\n"
        "  new: {kind: azure, base_url: \"https://r.openai.azure.com/\", api_keys: [k]}\n"
        "  old: {kind: azure, base_url: \"https://r.openai.azure.com\",\n"
        "    api_version: 2024-10-21, api_keys: [k]}\n");

    (void)state;
    assert_string_equal(c->providers[0].api_version, "v1");
    assert_string_equal(c->providers[0].base_url, "https://r.openai.azure.com");
    assert_string_equal(c->providers[1].api_version, "2024-10-21");
    config_unref(c);
    FAULTS_OF(
        "providers:\n"
        "  a: {kind: azure, api_version: \"a&b\"}\n",
        "octroi.yaml:2:33: the name of a version of an API has 1 to 64 letters, digits "
        "and '-.', and begins with a letter or digit",
        "octroi.yaml:2:3: 'base_url' is missing: kind 'azure' has none of its own");
}

/* As their own SDKs have it, or as other gateways do. */
static void a_base_may_have_the_path_that_the_adapter_adds(void **state)
{
    const struct config *c = config_fixture_load(
        "providers:\n"
        "  a: {kind: anthropic, base_url: \"https://a.example/v1/\", api_keys: [k]}\n"
        "  b: {kind: anthropic, base_url: \"https://a.example/x\", api_keys: [k]}\n"
        "  c: {kind: cohere, base_url: \"https://c.example/v2\", api_keys: [k]}\n"
        "  d: {kind: azure, base_url: \"https://r.example/openai\", api_keys: [k]}\n"
        "  e: {kind: azure, base_url: \"https://r.example/openai/v1\", api_keys: [k]}\n"
        "  f: {kind: openai, base_url: \"https://o.example/v1\", api_keys: [k]}\n");
    const struct config_provider *p = c->providers;

    (void)state;
    assert_string_equal(p[0].base_url, "https://a.example");
    assert_string_equal(p[1].base_url, "https://a.example/x");
    assert_string_equal(p[2].base_url, "https://c.example");
    assert_string_equal(p[3].base_url, "https://r.example");
    assert_string_equal(p[4].base_url, "https://r.example");
    assert_string_equal(p[5].base_url, "https://o.example/v1");
    config_unref(c);
}

static void bedrock_has_a_region_and_keys_of_its_own(void **state)
{
    const struct config *c = config_fixture_load(
        "providers:\n"
        "  signed: {kind: bedrock, region: eu-west-3, access_key: AKIA,\n"
        "    secret_key: \"${OPENAI_API_KEY}\", session_token: lent}\n"
        "  bearer: {kind: bedrock, region: us-east-1, api_keys: [k]}\n"
        "  proxied: {kind: bedrock, base_url: \"https://p/x\", api_keys: [k]}\n"
        "  placed: {kind: bedrock, base_url: \"https://p\", region: r, access_key: a,\n"
        "    secret_key: s}\n");
    const struct config_provider *p = c->providers;

    (void)state;
    assert_string_equal(p[0].base_url,
                        "https://bedrock-runtime.eu-west-3.amazonaws.com");
    assert_string_equal(p[0].region, "eu-west-3");
    assert_true(slice_equal(secret_open(p[0].access_key), SLICE("AKIA")));
    assert_true(slice_equal(secret_open(p[0].secret_key), SLICE("sk-upstream")));
    assert_true(slice_equal(secret_open(p[0].session_token), SLICE("lent")));
    assert_string_equal(p[1].base_url,
                        "https://bedrock-runtime.us-east-1.amazonaws.com");
    assert_null(p[1].access_key);
    assert_string_equal(p[2].base_url, "https://p/x");
    assert_string_equal(p[3].base_url, "https://p");
    assert_string_equal(p[3].region, "r");
    config_unref(c);
}

static void keys_of_bedrock_are_whole_and_nobody_elses(void **state)
{
    (void)state;
    FAULTS_OF(
        "providers:\n"
        "  a: {kind: openai, region: x, access_key: a, secret_key: b,\n"
        "    session_token: c, api_version: v1}\n"
        "  b: {kind: bedrock, api_keys: [k]}\n"
        "  c: {kind: bedrock, access_key: a, secret_key: s}\n"
        "  d: {kind: bedrock, region: us, access_key: a}\n"
        "  e: {kind: bedrock, region: us, session_token: t}\n"
        "  f: {kind: bedrock, region: us, access_key: a, secret_key: s,\n"
        "    api_keys: [k]}\n"
        "  g: {kind: bedrock, region: \"a/b\", api_keys: [k]}\n"
        "  h: {kind: bedrock, region: us, access_key: \"***\", secret_key: \"\"}\n",
        "octroi.yaml:3:36: only a provider of kind 'azure' has api_version",
        "octroi.yaml:2:44: only a provider of kind 'bedrock' has access_key",
        "octroi.yaml:2:59: only a provider of kind 'bedrock' has secret_key",
        "octroi.yaml:3:20: only a provider of kind 'bedrock' has session_token",
        "octroi.yaml:2:29: only a provider of kind 'bedrock' has region",
        "octroi.yaml:4:3: 'region' is missing: kind 'bedrock' has a host for each",
        "octroi.yaml:5:3: 'region' is missing: a signature names it",
        "octroi.yaml:6:3: 'access_key' and 'secret_key' come together",
        "octroi.yaml:7:49: a session token belongs to an access key",
        "octroi.yaml:8:3: either 'access_key' or 'api_keys', not both",
        "octroi.yaml:10:30: the name of a region has 1 to 64 letters, digits and '-', and begins with a letter or digit",
        "octroi.yaml:11:46: access key is ***, which stands for a secret that was not shown",
        "octroi.yaml:11:65: secret key is empty");
}

static void a_list_of_keys_has_an_end(void **state)
{
    struct buf text;

    (void)state;
    buf_init(&text, 64 * 1024);
    buf_append_str(&text, "providers: {p: {kind: openai, api_keys: [k");
    for (int i = 1; i < 256; i++)
        buf_append_str(&text, ",k");
    buf_append_str(&text, "]}}\n");
    buf_append_char(&text, '\0');
    LOADS(buf_slice(&text).bytes);
    buf_reset(&text);
    buf_append_str(&text, "providers: {p: {kind: openai, api_keys: [k");
    for (int i = 1; i < 257; i++)
        buf_append_str(&text, ",k");
    buf_append_str(&text, "]}}\n");
    buf_append_char(&text, '\0');
    FAULTS_OF(buf_slice(&text).bytes, "octroi.yaml:1:31: more than 256 keys");
    buf_free(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(adapters_are_found_by_kind),
        cmocka_unit_test(a_provider_is_read),
        cmocka_unit_test(a_kind_that_is_not_there_is_one_fault),
        cmocka_unit_test(a_mistyped_kind_gets_a_hint),
        cmocka_unit_test(what_is_missing_is_named),
        cmocka_unit_test(an_unset_variable_is_named),
        cmocka_unit_test(only_compatible_hosts_have_a_vendor),
        cmocka_unit_test(forms_are_checked),
        cmocka_unit_test(azure_has_a_version_of_its_api),
        cmocka_unit_test(a_base_may_have_the_path_that_the_adapter_adds),
        cmocka_unit_test(bedrock_has_a_region_and_keys_of_its_own),
        cmocka_unit_test(keys_of_bedrock_are_whole_and_nobody_elses),
        cmocka_unit_test(a_list_of_keys_has_an_end),
    };

    return cmocka_run_group_tests(tests, config_fixture_open, conf_fixture_close);
}
