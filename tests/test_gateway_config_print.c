/* SPDX-License-Identifier: Apache-2.0 */
/* Printing: complete, in the form that is read, and without a secret. */
#include "gateway/config.h"

#include "tests/conf_fixture.h"
#include "tests/config_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

enum {
    TEXT_MAX = 256 * 1024,
    TEXT_SIZE = 512
};

static const char rich[] =
    "server: {listen: \"[::1]:0\", admin_listen: off, data_dir: \"/a $${b} $$$$ c\",\n"
    "  admin_token: \"${file:./admin.token}\", loops: 3, trusted_proxies: [10.0.0.1, "
    "\"::1\"]}\n"
    "providers:\n"
    "  \"1\": {kind: openai, api_keys: [\"${OPENAI_API_KEY}\", sk-literal]}\n"
    "  p: {kind: compatible, vendor: v, base_url: \"http://10.0.0.1/x\", "
    "allow_private: true,\n"
    "    idle_timeout: 24h}\n"
    "  az: {kind: azure, base_url: \"https://az\", api_version: 2024-10-21}\n"
    "  aws: {kind: bedrock, region: us-east-1, access_key: sk-literal,\n"
    "    secret_key: sk-literal, session_token: sk-literal}\n"
    "models:\n"
    "  m/1:\n"
    "    targets: [{provider: \"1\", model: \"$${x}\", weight: 2}, {provider: p, model: "
    "\"a\\\\\\\"b\"}]\n"
    "    price: {input: \"0.000000001\", output: \"18446744073.709551615\"}\n"
    "    markup: 0.0001%\n"
    "    max_output_tokens: 1\n"
    "    strict_hold: true\n"
    "  known: {targets: [{provider: \"1\", model: gpt-4.1}], markup: 100000%}\n"
    "  tiers: {targets: [{provider: \"1\", model: gpt-4.1}],\n"
    "    price: {input: 5, cached_input: \"0.5\", output: 30, web_search: 1, request: "
    "2,\n"
    "      tiers: {batch: {output: 15}, priority: {input: 10, output: 60}},\n"
    "      above: [{tokens: 1000, input: 10, tiers: {flex: {input: 9}}},\n"
    "        {tokens: 2000, tiers: {priority: {image_output: 99}}}]}}\n"
    "  other: {targets: [{provider: \"1\", model: gpt-4.1}], markup: 12.5%}\n"
    "data_apis:\n"
    "  \"null\": {base_url: \"https://d/$x\", auth: {header: X-Key, value: "
    "\"${SEARCH_KEY}\"}, endpoints: [\n"
    "    {method: ANY, path: \"/$metadata/{id}/{r*}\", price: \"0.01\", markup: 10%,\n"
    "     charge: always, pass_headers: [X-A, x-b]},\n"
    "    {method: GET, path: /free, price: \"0\"}]}\n"
    "  paid: {base_url: \"https://p\", auth: {mpp: {}}, endpoints: [\n"
    "    {method: GET, path: /cost, markup: 10%, max_price: \"0.3\"},\n"
    "    {method: GET, path: /flat, price: \"0.2\", markup: 10%}]}\n"
    "  basic: {base_url: \"https://b\", auth: {basic: {user: u, password: "
    "\"${SEARCH_KEY}\"}}, endpoints: [\n"
    "    {method: GET, path: /all, price: \"0.2\", markup: 10%, unit: {of: /a/0, price: "
    "\"0.3\", per: 7, max: 9}, free: {calls: 3}, tiers: [{from: 2, price: 1}],\n"
    "     charge: [404, 2xx], max_query_bytes: 5, max_body_bytes: 6, body: json, cache: "
    "5m, description: \"$${x}\", input: {type: object, pattern: \"$${y}\\n\", a: [~, 1, "
    "\"1\"]}, example: {}}]}\n"
    "  query: {base_url: \"https://q\", auth: {query: k, value: \"${SEARCH_KEY}\"}, "
    "endpoints: [{method: GET, path: /, price: 1}]}\n"
    "payments: {x402: {buyer: {key: {keystore: k, passphrase_file: p}}}}\n"
    "limits: {concurrent: 0, call_timeout: 90m}\n";

/* The text stays in `out`, with a NUL. */
static const char *printed(struct buf *out, const struct config *c, bool json)
{
    buf_reset(out);
    config_print(out, c, json);
    buf_append_char(out, '\0');
    assert_false(buf_spent(out));
    return buf_slice(out).bytes;
}

/* The text with something in place of each "***", which no file may have. */
static const char *with_secrets(struct buf *out, const char *text)
{
    const struct slice hidden = SLICE("\"***\"");
    struct slice rest = slice_str(text);
    size_t at;

    buf_reset(out);
    while ((at = slice_search(rest, hidden)) < rest.len) {
        buf_append(out, slice_sub(rest, 0, at));
        buf_append_str(out, "\"any secret, long enough\"");
        rest = slice_sub(rest, at + hidden.len, rest.len);
    }
    buf_append(out, rest);
    buf_append_char(out, '\0');
    return buf_slice(out).bytes;
}

static void what_is_printed_loads_as_the_same(void **state)
{
    static const char *const texts[] = {"{}\n", rich};
    struct buf text, again;

    (void)state;
    buf_init(&text, TEXT_MAX);
    buf_init(&again, TEXT_MAX);
    for (size_t i = 0; i < 4; i++) {
        bool json = i % 2 == 1;
        const struct config *c = config_fixture_load(texts[i / 2]);
        const struct config *copy =
            config_fixture_load(with_secrets(&again, printed(&text, c, json)));

        assert_string_equal(printed(&text, c, json), printed(&again, copy, json));
        assert_string_equal(c->hash, copy->hash);
        config_unref(c);
        config_unref(copy);
    }
    buf_free(&text);
    buf_free(&again);
}

static void no_secret_is_printed(void **state)
{
    static const char *const secrets[] = {"a token that is long enough", "sk-upstream",
                                          "sk-literal", "search-key"};
    const struct config *c = config_fixture_load(rich);
    struct buf text;

    (void)state;
    buf_init(&text, TEXT_MAX);
    for (size_t i = 0; i < sizeof(secrets) / sizeof(secrets[0]); i++) {
        assert_null(strstr(printed(&text, c, true), secrets[i]));
        assert_null(strstr(printed(&text, c, false), secrets[i]));
    }
    buf_free(&text);
    config_unref(c);
}

static void a_printed_secret_is_not_taken_for_one(void **state)
{
    (void)state;
    FAULTS_OF(
        "server:\n"
        "  admin_token: \"***\"\n"
        "providers: {p: {kind: openai, api_keys: [\"***\"]}}\n",
        "octroi.yaml:2:16: admin_token is ***, which stands for a secret that was "
        "not shown",
        "octroi.yaml:3:42: api key is ***, which stands for a secret that was not "
        "shown");
}

static const char plain[] =
    "server: {data_dir: /d, admin_token: aaaaaaaaaaaaaaaaaaaa, trusted_proxies: "
    "[10.0.0.1]}\n"
    "providers: {p: {kind: openai, api_keys: [k]}}\n"
    "models: {m: {targets: [{provider: p, model: x, weight: 1}, {provider: p, "
    "model: y}], price: {input: 1, output: \"2.50\"}, markup: 12.50%}}\n"
    "data_apis: {d: {base_url: \"https://d\", endpoints: [{method: GET, path: /, "
    "price: 0.10, pass_headers: [a]}]}}\n";
static const char plain_yaml[] = "server:\n"
                                 "  listen: \"127.0.0.1:8402\"\n"
                                 "  admin_listen: \"127.0.0.1:8403\"\n"
                                 "  data_dir: \"/d\"\n"
                                 "  admin_token: \"***\"\n"
                                 "  loops: \"auto\"\n"
                                 "  trusted_proxies:\n"
                                 "    - \"10.0.0.1\"\n"
                                 "providers:\n"
                                 "  \"p\":\n"
                                 "    kind: \"openai\"\n"
                                 "    base_url: \"https://api.openai.com/v1\"\n"
                                 "    allow_private: false\n"
                                 "    api_keys:\n"
                                 "      - \"***\"\n"
                                 "    first_byte_timeout: \"60s\"\n"
                                 "    idle_timeout: \"60s\"\n"
                                 "models:\n"
                                 "  \"m\":\n"
                                 "    targets:\n"
                                 "      - provider: \"p\"\n"
                                 "        model: \"x\"\n"
                                 "        weight: 1\n"
                                 "      - provider: \"p\"\n"
                                 "        model: \"y\"\n"
                                 "    price:\n"
                                 "      input: \"1\"\n"
                                 "      cached_input: \"1\"\n"
                                 "      cache_write: \"1\"\n"
                                 "      cache_write_1h: \"1\"\n"
                                 "      audio_input: \"1\"\n"
                                 "      image_input: \"1\"\n"
                                 "      output: \"2.5\"\n"
                                 "      reasoning_output: \"2.5\"\n"
                                 "      audio_output: \"2.5\"\n"
                                 "      image_output: \"2.5\"\n"
                                 "      web_search: \"0.035\"\n"
                                 "      request: \"0\"\n"
                                 "    markup: \"12.5%\"\n"
                                 "    context_tokens: 131072\n"
                                 "    max_output_tokens: 8192\n"
                                 "    hold_output_tokens: 8192\n"
                                 "    strict_hold: false\n"
                                 "    require_parameters: false\n"
                                 "data_apis:\n"
                                 "  \"d\":\n"
                                 "    base_url: \"https://d\"\n"
                                 "    allow_private: false\n"
                                 "    first_byte_timeout: \"60s\"\n"
                                 "    idle_timeout: \"60s\"\n"
                                 "    endpoints:\n"
                                 "      - method: \"GET\"\n"
                                 "        path: \"/\"\n"
                                 "        price: \"0.1\"\n"
                                 "        charge: \"success\"\n"
                                 "        payment_flow: \"upfront\"\n"
                                 "        pass_headers:\n"
                                 "          - \"a\"\n"
                                 "skills:\n"
                                 "  platform_share: \"10%\"\n"
                                 "  payout_delay: \"604800s\"\n"
                                 "  allow_private: false\n"
                                 "  review: \"findings\"\n"
                                 "  registration: \"operator\"\n"
                                 "  max_upload_bytes: 67108864\n"
                                 "limits:\n"
                                 "  requests_per_minute: 600\n"
                                 "  tokens_per_minute: 300000\n"
                                 "  concurrent: 64\n"
                                 "  max_body_bytes: 8388608\n"
                                 "  max_response_bytes: 67108864\n"
                                 "  reference_tokens: 8192\n"
                                 "  connections: 16384\n"
                                 "  connections_per_address: 12288\n"
                                 "  auth_failures_per_minute: 10\n"
                                 "  refused_payments_per_minute: 600\n"
                                 "  call_timeout: \"600s\"\n";

static void yaml_reads_like_the_manual(void **state)
{
    const struct config *c = config_fixture_load(plain);
    struct buf out;

    (void)state;
    buf_init(&out, TEXT_MAX);
    assert_string_equal(printed(&out, c, false), plain_yaml);
    buf_free(&out);
    config_unref(c);
}

static void json_is_one_line_of_it(void **state)
{
    static const char expected[] =
        "{\"server\":{\"listen\":\"127.0.0.1:8402\",\"admin_listen\":\"off\","
        "\"data_dir\":\"/d\",\"loops\":2},\"skills\":{\"platform_share\":\"10%\","
        "\"payout_delay\":\"604800s\",\"allow_private\":false,\"review\":\"findings\","
        "\"registration\":\"operator\",\"max_upload_bytes\":67108864},"
        "\"limits\":{\"requests_per_minute\":600,"
        "\"tokens_per_minute\":300000,\"concurrent\":64,\"max_body_bytes\":8388608,"
        "\"max_response_bytes\":67108864,\"reference_tokens\":8192,"
        "\"connections\":16384,\"connections_per_address\":12288,"
        "\"auth_failures_per_minute\":10,\"refused_payments_per_minute\":600,\"call_timeout\":\"600s\"}}";
    const struct config *c =
        config_fixture_load("server: {admin_listen: off, data_dir: /d, loops: 2}\n");
    struct buf out;

    (void)state;
    buf_init(&out, TEXT_MAX);
    assert_string_equal(printed(&out, c, true), expected);
    buf_free(&out);
    config_unref(c);
}

static void percentages_come_back_exactly(void **state)
{
    static const char *const texts[] = {"0%",     "1%",       "10%",    "0.0001%",
                                        "0.001%", "12.3456%", "99.99%", "100000%"};
    struct buf out;
    char text[TEXT_SIZE], expected[TEXT_SIZE];

    (void)state;
    buf_init(&out, TEXT_MAX);
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        const struct config *c;

        (void)snprintf(text, sizeof(text),
                       "providers: {p: {kind: openai}}\n"
                       "models: {m: {targets: [{provider: p, model: gpt-4.1}], markup: "
                       "\"%s\"}}\n",
                       texts[i]);
        (void)snprintf(expected, sizeof(expected), "\"markup\":\"%s\"", texts[i]);
        c = config_fixture_load(text);
        assert_non_null(strstr(printed(&out, c, true), expected));
        config_unref(c);
    }
    buf_free(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_printed_loads_as_the_same),
        cmocka_unit_test(no_secret_is_printed),
        cmocka_unit_test(a_printed_secret_is_not_taken_for_one),
        cmocka_unit_test(yaml_reads_like_the_manual),
        cmocka_unit_test(json_is_one_line_of_it),
        cmocka_unit_test(percentages_come_back_exactly),
    };

    return cmocka_run_group_tests(tests, config_fixture_open, conf_fixture_close);
}
