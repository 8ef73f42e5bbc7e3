/* SPDX-License-Identifier: Apache-2.0 */
/* The section `data_apis`: endpoints, their paths and prices, and what goes with a
 * call. */
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
    TEXT_SIZE = 1024,
    TEXT_MAX = 64 * 1024
};

/* Line 1; the endpoints begin in line 2. */
#define API "data_apis: {d: {base_url: \"https://d.example\", endpoints: [\n"
#define END "]}}\n"

static void an_api_is_read(void **state)
{
    const struct config *c = config_fixture_load(
        "data_apis:\n"
        "  search.v1:\n"
        "    base_url: http://127.0.0.1:9/api/\n"
        "    allow_private: true\n"
        "    auth: {header: X-Api-Key, value: \"Bearer ${SEARCH_KEY}\"}\n"
        "    first_byte_timeout: 5s\n"
        "    idle_timeout: 7s\n"
        "    endpoints:\n"
        "      - {method: GET, path: /, price: \"0.005\"}\n"
        "      - {method: POST, path: \"/m/{id}/x/{rest*}\", price: \"0.001\", "
        "charge: always, markup: \"10%\", pass_headers: [X-Trace, Accept]}\n"
        "      - {method: ANY, path: \"/$metadata/\", price: \"0\", charge: success}\n");
    const struct config_data_api *api = config_data_api(c, SLICE("search.v1"));
    const struct config_endpoint *e;

    (void)state;
    assert_non_null(api);
    assert_string_equal(api->base_url, "http://127.0.0.1:9/api");
    assert_true(api->allow_private);
    assert_string_equal(api->auth_header, "X-Api-Key");
    assert_true(slice_equal(secret_open(api->auth_value), SLICE("Bearer search-key")));
    assert_int_equal(api->first_byte_timeout_ms, 5000);
    assert_int_equal(api->idle_timeout_ms, 7000);
    assert_int_equal(api->endpoint_count, 3);
    e = &api->endpoints[0];
    assert_string_equal(e->method, "GET");
    assert_string_equal(e->path, "/");
    assert_true(e->priced);
    assert_int_equal(money_to_nano(e->price), 5000000);
    assert_int_equal(e->charge, CONFIG_CHARGE_SUCCESS);
    assert_int_equal(e->pass_count, 0);
    e = &api->endpoints[1];
    assert_string_equal(e->method, "POST");
    assert_string_equal(e->path, "/m/{id}/x/{rest*}");
    assert_int_equal(money_to_nano(e->price), 1100000);
    assert_int_equal(e->charge, CONFIG_CHARGE_ALWAYS);
    assert_int_equal(e->pass_count, 2);
    assert_string_equal(e->pass_headers[0], "x-trace");
    assert_string_equal(e->pass_headers[1], "accept");
    e = &api->endpoints[2];
    assert_string_equal(e->method, "ANY");
    assert_string_equal(e->path, "/$metadata/");
    assert_true(e->priced);
    assert_true(money_is_zero(e->price));
    config_unref(c);
}

static void defaults_are_a_minute_and_no_auth(void **state)
{
    const struct config *c =
        config_fixture_load(API "{method: GET, path: /a, price: 1}" END);

    (void)state;
    assert_null(c->data_apis[0].auth_header);
    assert_null(c->data_apis[0].auth_value);
    assert_false(c->data_apis[0].allow_private);
    assert_int_equal(c->data_apis[0].first_byte_timeout_ms, 60000);
    assert_int_equal(c->data_apis[0].idle_timeout_ms, 60000);
    config_unref(c);
}

/* Prices ------------------------------------------------------------------------------
 */

static void no_price_is_not_free(void **state)
{
    const struct config *c = NULL;
    struct buf said;

    (void)state;
    buf_init(&said, TEXT_MAX);
    assert_int_equal(
        config_load(&c, config_fixture_write(API "{method: GET, path: /a}" END), &said),
        RC_OK);
    assert_false(c->data_apis[0].endpoints[0].priced);
    assert_string_equal(c->data_apis[0].endpoints[0].version, "");
    config_fixture_lines(
        buf_slice(&said),
        (const char *const[]){"warning: octroi.yaml:2: an endpoint without a price is "
                              "refused (price_missing)",
                              NULL});
    config_unref(c);
    buf_free(&said);
}

static void a_markup_is_rounded_up_once(void **state)
{
    const struct config *c = config_fixture_load(
        API "{method: GET, path: /a, price: \"0.000000001\", markup: \"0.0001%\"}" END);

    (void)state;
    assert_int_equal(money_to_nano(c->data_apis[0].endpoints[0].price), 2);
    config_unref(c);
    FAULTS_OF(API "{method: GET, path: /a, price: \"18446744073.709551615\", "
                  "markup: \"0.0001%\"}" END,
              "octroi.yaml:2:32: the price with its markup is more than an amount can "
              "hold");
}

static void version_of(char out[24], const char *price, const char *markup)
{
    const struct config *c;
    char text[TEXT_SIZE];

    (void)snprintf(text, sizeof(text),
                   API "{method: GET, path: /a, price: \"%s\", markup: \"%s\"}" END,
                   price, markup);
    c = config_fixture_load(text);
    memcpy(out, c->data_apis[0].endpoints[0].version, 24);
    config_unref(c);
}

static void a_price_is_its_version(void **state)
{
    char a[24], b[24];

    (void)state;
    version_of(a, "0.005", "0%");
    assert_string_equal(a, "ffc335645fdd2e45"); /* stands in books: never changes */
    version_of(b, "0.004", "25%");
    assert_string_equal(a, b); /* the caller pays the same */
    version_of(b, "0.005", "25%");
    assert_string_not_equal(a, b);
}

/* Paths -------------------------------------------------------------------------------
 */

static void path_faults(const char *path, const char *problem)
{
    char text[TEXT_SIZE], fault[TEXT_SIZE];

    (void)snprintf(text, sizeof(text), API "{method: GET, price: 1, path: '%s'}" END,
                   path);
    (void)snprintf(fault, sizeof(fault), "octroi.yaml:2:31: %s", problem);
    FAULTS_OF(text, fault);
}

static void paths_are_what_clients_can_send(void **state)
{
    static const char *const bad[] = {"",       "a",      "//",    "/a//b",    "/a?b",
                                      "/a#b",   "/a b",   "/../a", "/a/.",     "/%2e",
                                      "/a%2fb", "/a%5cb", "/a\\b", "/a%",      "/a%00",
                                      "/a|b",   "/a^b",   "/\"a",  "/\xc3\xa9"};

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        path_faults(bad[i], "expected a path that begins with '/', without a query, "
                            "empty or dot segments, at most 256 bytes");
    LOADS(API "{method: GET, price: 1, path: \"/a-b._~!$&'()*+,;=:@%20/c/\"}" END);
}

static void parameters_are_whole_segments(void **state)
{
    static const char whole[] = "a path parameter is a whole segment: /{name}/";
    static const char form[] =
        "the name of a path parameter has 1 to 64 letters, digits and '-_', and begins "
        "with a letter or digit";

    (void)state;
    path_faults("/x{a}", whole);
    path_faults("/{a}x", whole);
    path_faults("/{a", whole);
    path_faults("/a}", whole);
    path_faults("/{", whole);
    path_faults("/{a}{b}", whole);
    path_faults("/{a{b}}", whole);
    path_faults("/{}", form);
    path_faults("/{*}", form);
    path_faults("/{a.b}", form);
    path_faults("/{a**}", form);
    path_faults("/{a}/b/{a}", "the path has two parameters 'a'");
    path_faults("/{a}/{a*}", "the path has two parameters 'a'");
    path_faults("/{a*}/b", "{a*} takes the rest of the path: nothing may follow it");
    path_faults("/{a*}/", "{a*} takes the rest of the path: nothing may follow it");
    path_faults("/{a}/{b}/{c}/{d}/{e}/{f}/{g}/{h}/{i}/{j}/{k}/{l}/{m}/{n}/{o}/{p}/{q}",
                "the path has more than 16 parameters");
    LOADS(API "{method: GET, price: 1, path: \"/{a}/{b-1}/{c_2*}\"}" END);
}

static void what_is_never_reached_is_refused(void **state)
{
    (void)state;
    FAULTS_OF(API "{method: GET, price: 1, path: \"/a/{x}\"},\n"
                  "{method: GET, price: 1, path: \"/a/{long-name}\"},\n"
                  "{method: POST, price: 1, path: \"/a/{x}\"},\n"
                  "{method: GET, price: 1, path: \"/a/{x*}\"},\n"
                  "{method: GET, price: 1, path: \"/a/{y*}\"},\n"
                  "{method: GET, price: 1, path: /a/b},\n"
                  "{method: GET, price: 1, path: /a/b/},\n"
                  "{method: GET, price: 1, path: /a/b}" END,
              "octroi.yaml:3:1: never reached: GET /a/{x} comes before it",
              "octroi.yaml:6:1: never reached: GET /a/{x*} comes before it",
              "octroi.yaml:9:1: never reached: GET /a/b comes before it");
}

/* Faults ------------------------------------------------------------------------------
 */

static void faults_of_apis_are_placed(void **state)
{
    (void)state;
    FAULTS_OF("data_apis:\n"
              "  a b:\n"
              "  c: {base_url: \"https://c\", endpoints: {}}\n"
              "  d: {base_url: \"https://d\", endpoints: []}\n"
              "  e: [1]\n"
              "  f: {base_url: \"http://10.0.0.1\", allow_privat: true,\n"
              "      endpoints: [{method: GET, path: /, price: 1}]}\n",
              "octroi.yaml:2:3: the name of a data API has 1 to 64 letters, digits and "
              "'-_.', and begins with a letter or digit",
              "octroi.yaml:2:3: 'base_url' is missing",
              "octroi.yaml:2:3: no endpoints: nothing is served",
              "octroi.yaml:3:30: expected a list, found a mapping",
              "octroi.yaml:4:30: no endpoints: nothing is served",
              "octroi.yaml:5:3: expected a mapping, found a list",
              "octroi.yaml:6:36: unknown key 'allow_privat' (did you mean "
              "'allow_private'?)",
              "warning: octroi.yaml:6: base_url is on a private or loopback address: "
              "calls are refused until 'allow_private: true' is set");
}

static void faults_of_endpoints_are_placed(void **state)
{
    (void)state;
    FAULTS_OF(
        API "{},\n"
            "5,\n"
            "{method: get, path: /a, price: free},\n"
            "{method: TRACE, path: /b, price: 1, charge: sucess},\n"
            "{method: GET, path: /c, prise: 1, markup: 5}" END,
        "octroi.yaml:2:1: an endpoint without 'method' (ANY: all)",
        "octroi.yaml:2:1: an endpoint without 'path'",
        "octroi.yaml:3:1: expected a mapping, found a single value",
        "octroi.yaml:4:10: expected one of GET, HEAD, POST, PUT, PATCH, DELETE, "
        "OPTIONS, ANY, not 'get'",
        "octroi.yaml:4:32: expected an amount in USD such as 25 or 0.05, not "
        "'free'",
        "octroi.yaml:5:10: expected one of GET, HEAD, POST, PUT, PATCH, DELETE, "
        "OPTIONS, ANY, not 'TRACE'",
        "octroi.yaml:5:45: expected one of success, always, not 'sucess' (did you "
        "mean 'success'?)",
        "octroi.yaml:6:43: expected a percentage such as 12.5%, not '5'",
        "octroi.yaml:6:25: unknown key 'prise' (did you mean 'price'?)",
        "warning: octroi.yaml:2: an endpoint without a price is refused "
        "(price_missing)",
        "warning: octroi.yaml:6: an endpoint without a price is refused "
        "(price_missing)");
}

static void auth_is_one_clean_header(void **state)
{
    (void)state;
    FAULTS_OF(
        "data_apis:\n"
        "  a: {base_url: \"https://a\", auth: {header: \"a b\", value: \"x\\ny\"},\n"
        "      endpoints: [{method: GET, path: /, price: 1}]}\n"
        "  b: {base_url: \"https://b\", auth: {header: Host, value: \"\"},\n"
        "      endpoints: [{method: GET, path: /, price: 1}]}\n"
        "  c: {base_url: \"https://c\", auth: {header: X-Key},\n"
        "      endpoints: [{method: GET, path: /, price: 1}]}\n"
        "  d: {base_url: \"https://d\", auth: Bearer x,\n"
        "      endpoints: [{method: GET, path: /, price: 1}]}\n",
        "octroi.yaml:2:45: expected the name of a header, not 'a b'",
        "octroi.yaml:2:59: the value of auth holds a line end or another control "
        "character",
        "octroi.yaml:4:45: header 'host' belongs to the connection",
        "octroi.yaml:4:58: the value of auth is empty",
        "octroi.yaml:6:30: auth needs 'value' with one of 'header' and 'query', or "
        "'basic', or one of 'x402' and 'mpp'",
        "octroi.yaml:8:36: expected a mapping, found a single value");
}

static void a_clients_standing_is_never_passed_on(void **state)
{
    static const char *const never[] = {"authorization",
                                        "Cookie",
                                        "HOST",
                                        "content-length",
                                        "Connection",
                                        "keep-alive",
                                        "te",
                                        "Trailer",
                                        "upgrade",
                                        "transfer-encoding",
                                        "expect",
                                        "X-Api-Key",
                                        "x-goog-api-key",
                                        "proxy-authorization",
                                        "Proxy-",
                                        "idempotency-key",
                                        "x-payment",
                                        "payment-signature",
                                        "Sign-In-With-X"};
    char text[TEXT_SIZE], fault[TEXT_SIZE], lower[64];

    (void)state;
    for (size_t i = 0; i < sizeof(never) / sizeof(never[0]); i++) {
        size_t len = strlen(never[i]);

        for (size_t k = 0; k <= len; k++)
            lower[k] = (char)(never[i][k] >= 'A' && never[i][k] <= 'Z'
                                  ? never[i][k] - 'A' + 'a'
                                  : never[i][k]);
        (void)snprintf(text, sizeof(text),
                       API "{method: GET, path: /, price: 1, pass_headers: [%s]}" END,
                       never[i]);
        (void)snprintf(fault, sizeof(fault),
                       "octroi.yaml:2:49: header '%s' is never passed on", lower);
        FAULTS_OF(text, fault);
    }
    FAULTS_OF(API "{method: GET, path: /, price: 1, pass_headers: [\"a:\"]}" END,
              "octroi.yaml:2:49: expected the name of a header, not 'a:'");
}

static void lists_have_an_end(void **state)
{
    struct buf text;

    (void)state;
    buf_init(&text, TEXT_MAX);
    buf_append_str(&text, API "{method: GET, path: /a, price: 1, pass_headers: [a");
    for (int i = 1; i < 257; i++)
        buf_append_str(&text, ",a");
    buf_append_str(&text, "]}");
    for (int i = 1; i < 257; i++)
        buf_printf(&text, ",\n{method: GET, path: /%d, price: 1}", i);
    buf_append_str(&text, END);
    buf_append_char(&text, '\0');
    FAULTS_OF(buf_slice(&text).bytes, "octroi.yaml:1:48: more than 256 endpoints");
    buf_reset(&text);
    buf_append_str(&text, API "{method: GET, path: /a, price: 1, pass_headers: [a");
    for (int i = 1; i < 257; i++)
        buf_append_str(&text, ",a");
    buf_append_str(&text, "]}" END);
    buf_append_char(&text, '\0');
    FAULTS_OF(buf_slice(&text).bytes, "octroi.yaml:2:35: more than 256 headers");
    buf_free(&text);
}

/* ---- Hosts that are paid ---- */

#define BUYER \
    "payments: {x402: {buyer: {key: {keystore: k, passphrase_file: p}, max_per_payment: \"0.5\"}}}\n"
#define SHOP                                                                    \
    BUYER "data_apis: {d: {base_url: \"https://d.example\", auth: {x402: {}}, " \
          "endpoints: [\n"

static struct money usd(const char *text)
{
    struct money out;

    assert_int_equal(money_parse(&out, slice_str(text)), RC_OK);
    return out;
}

static void expect_prices(const char *endpoint, bool at_cost, const char *price,
                          const char *max_price)
{
    char whole[TEXT_SIZE];
    const struct config *c;
    const struct config_endpoint *e;

    (void)snprintf(whole, sizeof(whole), SHOP "{method: GET, path: /a%s}" END,
                   endpoint);
    c = config_fixture_load(whole);
    e = &c->data_apis[0].endpoints[0];
    assert_true(e->priced);
    assert_int_equal(e->at_cost, at_cost);
    assert_int_equal(money_cmp(e->price, usd(price)), 0);
    assert_int_equal(money_cmp(e->max_price, usd(max_price)), 0);
    config_unref(c);
}

static void what_a_paid_host_may_ask_is_bounded_by_the_price(void **state)
{
    (void)state;
    expect_prices(", price: \"0.2\"", false, "0.2", "0.2");
    expect_prices(", price: \"0.2\", markup: 50%", false, "0.3", "0.2");
    expect_prices(", price: \"0.2\", max_price: \"0.1\"", false, "0.2", "0.1");
    expect_prices("", true, "0.5", "0.5");
    expect_prices(", markup: 10%", true, "0.55", "0.5");
    expect_prices(", markup: 10%, max_price: \"0.1\"", true, "0.11", "0.1");
}

static void faults_of_paid_hosts_are_placed(void **state)
{
    (void)state;
    FAULTS_OF(
        API "{method: GET, path: /a, price: 1, max_price: 1}" END,
        "octroi.yaml:2:46: max_price is for hosts that are paid: auth: {x402: {}}");
    FAULTS_OF(SHOP "{method: GET, path: /a, price: \"0.1\", max_price: \"0.2\"}" END,
              "octroi.yaml:3:50: max_price is more than the price of a call");
    FAULTS_OF(SHOP
              "{method: GET, path: /a, max_price: 18446744073, markup: 100000%}" END,
              "octroi.yaml:3:1: max_price with its markup is more than an amount can "
              "hold");
}

/* What a call is ----------------------------------------------------------------------
 */

static void an_endpoint_says_what_it_takes_and_charges(void **state)
{
    const struct config *c = config_fixture_load(
        API
        "{method: GET, path: /a, price: \"0.01\", markup: 10%,\n"
        " unit: {of: rows, price: \"0.001\", per: 3, max: 100},\n"
        " free: {calls: 5, per: day},\n"
        " tiers: [{from: 10, price: \"0.02\"}, {from: 20, price: 0}],\n"
        " charge: [200, 4xx], cache: 60s, max_query_bytes: 7, body: json,\n"
        " max_body_bytes: 9, description: 'What it is', \n"
        " input: {type: object, properties: {n: {type: integer, default: 5},\n"
        "   s: {enum: [\"5\", true, ~, -1.5e3]}}}, example: {n: 5}},\n"
        "{method: GET, path: /b, price: 1, unit: {of: /a/0, price: 1, max: 2}}" END);
    const struct config_endpoint *e = &c->data_apis[0].endpoints[0];

    (void)state;
    assert_int_equal(e->unit.of, CONFIG_UNIT_ROWS);
    assert_int_equal(money_to_nano(e->unit.price), 1100000);
    assert_int_equal(money_to_nano(config_unit_price(e, 0)), 0);
    assert_int_equal(money_to_nano(config_unit_price(e, 1)), 366667);
    assert_int_equal(money_to_nano(config_unit_price(e, 1000)), 36666667);
    assert_int_equal(money_to_nano(e->most), 11000000 + 36666667);
    assert_int_equal(e->free.calls, 5);
    assert_true(e->free.per_day);
    assert_int_equal(e->tier_count, 2);
    assert_int_equal(e->tiers[0].from, 10);
    assert_int_equal(money_to_nano(e->tiers[0].price), 22000000);
    assert_true(money_is_zero(e->tiers[1].price));
    assert_string_not_equal(e->tiers[0].version, e->version);
    assert_true(config_charges(e, 200) && config_charges(e, 404));
    assert_false(config_charges(e, 201) || config_charges(e, 500));
    assert_int_equal(e->cache_ms, 60000);
    assert_int_equal(e->max_query_bytes, 7);
    assert_int_equal(e->max_body_bytes, 9);
    assert_int_equal(e->body, CONFIG_BODY_JSON);
    assert_string_equal(e->description, "What it is");
    assert_string_equal(e->input_schema,
                        "{\"type\":\"object\",\"properties\":{\"n\":{\"type\":"
                        "\"integer\",\"default\":5},\"s\":{\"enum\":[\"5\",true,null,"
                        "-1.5e3]}}}");
    assert_string_equal(e->example, "{\"n\":5}");
    e++;
    assert_int_equal(e->unit.of, CONFIG_UNIT_POINTER);
    assert_string_equal(e->unit.pointer, "/a/0");
    assert_int_equal(e->unit.per, 1);
    assert_int_equal(e->max_body_bytes, UINT64_MAX);
    assert_null(e->input_schema);
    config_unref(c);
}

static void faults_of_what_a_call_is_are_placed(void **state)
{
    (void)state;
    FAULTS_OF(
        API "{method: POST, path: /a, price: 1, cache: 5s,\n"
            "unit: {of: lines, price: 1},\n"
            "free: {per: week},\n"
            "tiers: [{from: 5, price: 1}, {from: 5, price: 1}, {from: 6}],\n"
            "charge: [99, 6xx], body: xml, input: {type: array},\n"
            "description: \"\", max_query_bytes: 99999999}" END,
        "octroi.yaml:6:10: expected a status from 200 to 599, or a class such as 2xx",
        "octroi.yaml:6:14: expected a status from 200 to 599, or a class such as 2xx",
        "octroi.yaml:3:1: a unit needs 'of', 'price' and 'max'",
        "octroi.yaml:3:12: expected rows, bytes or a JSON pointer such as "
        "/meta/count, of at most 256 bytes and 16 steps",
        "octroi.yaml:4:1: free needs 'calls': how many",
        "octroi.yaml:4:13: expected one of day, month, not 'week'",
        "octroi.yaml:5:37: tiers begin one after the other: 'from' must rise",
        "octroi.yaml:5:51: a tier needs 'from' and 'price'",
        "octroi.yaml:7:35: must be from 0 to 16384",
        "octroi.yaml:6:26: expected one of any, none, json, not 'xml'",
        "octroi.yaml:2:43: only answers to GET are kept",
        "octroi.yaml:7:14: a description has 1 to 1024 bytes, without control "
        "characters",
        "octroi.yaml:6:31: the schema of an input says 'type: object'");
    FAULTS_OF(API "{method: GET, path: /a, free: {calls: 1}}" END,
              "octroi.yaml:2:1: units, free calls and tiers need a 'price'",
              "warning: octroi.yaml:2: an endpoint without a price is refused "
              "(price_missing)");
    FAULTS_OF(API "{method: GET, path: /a, price: 18446744073, unit: {of: bytes, "
                  "price: 1, max: 2}}" END,
              "octroi.yaml:2:1: the dearest call is more than an amount can hold");
}

#define AUTH(auth)                                                   \
    "data_apis:\n  a: {base_url: \"https://a\", auth: {" auth "},\n" \
    "      endpoints: [{method: GET, path: /, price: 1}]}\n"

static void keys_also_go_into_the_query_or_as_a_password(void **state)
{
    const struct config *c =
        config_fixture_load(AUTH("query: api_key, value: \"${SEARCH_KEY}\""));

    (void)state;
    assert_null(c->data_apis[0].auth_header);
    assert_string_equal(c->data_apis[0].auth_query, "api_key");
    assert_true(
        slice_equal(secret_open(c->data_apis[0].auth_value), SLICE("search-key")));
    config_unref(c);
    c = config_fixture_load(AUTH("basic: {user: Aladdin, password: \"open sesame\"}"));
    assert_string_equal(c->data_apis[0].auth_header, "Authorization");
    assert_string_equal(c->data_apis[0].auth_user, "Aladdin");
    assert_true(slice_equal(secret_open(c->data_apis[0].auth_value),
                            SLICE("Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==")));
    config_unref(c);
    FAULTS_OF(AUTH("basic: {user: \"a:b\"}"),
              "octroi.yaml:2:37: basic needs both 'user' and 'password'",
              "octroi.yaml:2:51: a user's name has no colon");
    FAULTS_OF(AUTH("query: \"a&b\", value: v"),
              "octroi.yaml:2:44: the name of a query parameter has 1 to 64 letters, "
              "digits and '-_.~', and begins with a letter or digit");
    FAULTS_OF(
        AUTH("query: k, header: X-K, value: v"),
        "octroi.yaml:2:30: auth needs 'value' with one of 'header' and 'query', or "
        "'basic', or one of 'x402' and 'mpp'");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_api_is_read),
        cmocka_unit_test(defaults_are_a_minute_and_no_auth),
        cmocka_unit_test(no_price_is_not_free),
        cmocka_unit_test(a_markup_is_rounded_up_once),
        cmocka_unit_test(a_price_is_its_version),
        cmocka_unit_test(paths_are_what_clients_can_send),
        cmocka_unit_test(parameters_are_whole_segments),
        cmocka_unit_test(what_is_never_reached_is_refused),
        cmocka_unit_test(faults_of_apis_are_placed),
        cmocka_unit_test(faults_of_endpoints_are_placed),
        cmocka_unit_test(auth_is_one_clean_header),
        cmocka_unit_test(a_clients_standing_is_never_passed_on),
        cmocka_unit_test(lists_have_an_end),
        cmocka_unit_test(what_a_paid_host_may_ask_is_bounded_by_the_price),
        cmocka_unit_test(faults_of_paid_hosts_are_placed),
        cmocka_unit_test(an_endpoint_says_what_it_takes_and_charges),
        cmocka_unit_test(faults_of_what_a_call_is_are_placed),
        cmocka_unit_test(keys_also_go_into_the_query_or_as_a_password),
    };

    return cmocka_run_group_tests(tests, config_fixture_open, conf_fixture_close);
}
