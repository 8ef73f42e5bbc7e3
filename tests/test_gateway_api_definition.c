/* SPDX-License-Identifier: Apache-2.0 */
/* What a publisher says of its endpoints is read, and not trusted. */
#include "gateway/api_definition.h"

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
    SAID_MAX = 65536
};

#define GET_A "endpoints: [{method: GET, path: /a, price: \"0.01\"}]\n"

static struct api_definition *parsed(const char *text, const char *config)
{
    const struct config *c = config_fixture_load(config);
    struct api_definition *d = NULL;
    struct buf said;
    enum rc rc;

    buf_init(&said, SAID_MAX);
    rc = api_definition_parse(&d, slice_str(text), c, &said);
    if (rc != RC_OK)
        print_message("%.*s", SLICE_FMT(buf_slice(&said)));
    assert_int_equal(rc, RC_OK);
    assert_int_equal(buf_len(&said), 0);
    buf_free(&said);
    config_unref(c); /* the definition keeps nothing of it */
    return d;
}

/* All that it says, in lines. */
static void refused(const char *text, const char *expected)
{
    const struct config *c = config_fixture_load("{}\n");
    struct api_definition *d = NULL;
    struct buf said;

    buf_init(&said, SAID_MAX);
    assert_int_equal(api_definition_parse(&d, slice_str(text), c, &said),
                     RC_BAD_CONFIG);
    assert_null(d);
    buf_append_char(&said, '\0');
    assert_string_equal(buf_slice(&said).bytes, expected);
    buf_free(&said);
    config_unref(c);
}

static void a_definition_is_an_entry_of_data_apis_in_yaml_or_json(void **state)
{
    static const char *const texts[] = {
        "base_url: https://a.example/v1/\n"
        "endpoints:\n"
        "  - {method: GET, path: \"/q/{id}\", price: \"0.01\", cache: 5s}\n"
        "  - {method: POST, path: /all}\n",
        "{\"base_url\":\"https://a.example/v1/\",\"endpoints\":[{\"method\":\"GET\","
        "\"path\":\"/q/{id}\",\"price\":\"0.01\",\"cache\":\"5s\"},{\"method\":\"POST\","
        "\"path\":\"/all\"}]}",
    };

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct api_definition *d = parsed(texts[i], "{}\n");
        const struct config_data_api *api = api_definition_api(d);

        assert_string_equal(api->base_url, "https://a.example/v1");
        assert_int_equal(api->endpoint_count, 2);
        assert_int_equal(money_to_nano(api->endpoints[0].price), 10000000);
        assert_int_equal(api->endpoints[0].cache_ms, 5000);
        assert_false(api->endpoints[1].priced);
        assert_false(api->allow_private);
        api_definition_unref(api_definition_ref(d));
        api_definition_unref(d);
    }
}

static void its_token_goes_where_it_says(void **state)
{
    struct api_definition *d = parsed("base_url: https://a.example\n" GET_A, "{}\n");

    (void)state;
    assert_int_equal(api_definition_set_token(d, SLICE("oct-up-x")), RC_OK);
    assert_string_equal(api_definition_api(d)->auth_header, "Authorization");
    assert_true(slice_equal(secret_open(api_definition_api(d)->auth_value),
                            SLICE("Bearer oct-up-x")));
    api_definition_unref(d);
    d = parsed("base_url: https://a.example\nauth: {header: X-Key}\n" GET_A, "{}\n");
    assert_int_equal(api_definition_set_token(d, SLICE("oct-up-x")), RC_OK);
    assert_string_equal(api_definition_api(d)->auth_header, "X-Key");
    assert_true(
        slice_equal(secret_open(api_definition_api(d)->auth_value), SLICE("oct-up-x")));
    api_definition_unref(d);
}

static void nothing_of_ours_is_expanded_or_read(void **state)
{
    struct api_definition *d = parsed(
        "base_url: https://a.example\nendpoints: [{method: GET, path: /a, price: "
        "1, description: \"${SEARCH_KEY} ${file:/etc/passwd} $$\"}]\n",
        "{}\n");

    (void)state;
    assert_string_equal(api_definition_api(d)->endpoints[0].description,
                        "${SEARCH_KEY} ${file:/etc/passwd} $$");
    api_definition_unref(d);
}

static void it_cannot_ask_for_more_than_its_header(void **state)
{
    (void)state;
    refused("base_url: https://a.example\nallow_private: true\n" GET_A,
            "definition:2:1: unknown key 'allow_private'\n");
    refused("base_url: https://a.example\nauth: {header: X, value: y}\n" GET_A,
            "definition:2:19: unknown key 'value'\n");
    refused("base_url: https://a.example\nauth: {x402: {}}\n" GET_A,
            "definition:2:1: auth of a published host is {header: NAME}\n"
            "definition:2:8: unknown key 'x402'\n");
    refused("base_url: https://a.example\nauth: {header: Host}\n" GET_A,
            "definition:2:16: header 'host' belongs to the connection\n");
    refused("base_url: https://a.example\npayment_flow: after\n" GET_A,
            "definition:2:1: unknown key 'payment_flow'\n");
    refused("base_url: https://a.example\nendpoints: [{method: GET, path: /a, "
            "pass_headers: [authorization]}]\n",
            "definition:2:52: header 'authorization' is never passed on\n");
    refused("", "definition: there is nothing in it\n");
}

/* D1, D2: in whatever way a private address is written. */
static void d1_d2_private_hosts_are_refused_when_they_are_offered(void **state)
{
    static const char *const hosts[] = {
        "127.0.0.1",  "[::1]",           "0.0.0.0",           "10.1.2.3",
        "172.16.0.1", "192.168.1.1",     "100.64.0.1",        "169.254.169.254",
        "[fc00::1]",  "[fe80::1]",       "224.0.0.1",         "255.255.255.255",
        "localhost",  "2130706433",      "0177.0.0.1",        "0x7f.1",
        "127.1",      "[::ffff:7f00:1]", "[64:ff9b::7f00:1]", "a.localhost"};
    char text[TEXT_SIZE];

    (void)state;
    for (size_t i = 0; i < sizeof(hosts) / sizeof(hosts[0]); i++) {
        struct api_definition *d;

        (void)snprintf(text, sizeof(text), "base_url: \"http://%s\"\n" GET_A, hosts[i]);
        refused(text,
                "definition:1:11: base_url is on a private or loopback address\n");
        d = parsed(text, "skills: {allow_private: true}\n");
        assert_true(api_definition_api(d)->allow_private);
        api_definition_unref(d);
    }
    refused("base_url: \"https://user:word@a.example\"\n" GET_A,
            "definition:1:11: base_url may not hold a user name or password\n");
}

static void d5_ports_are_those_of_the_web(void **state)
{
    (void)state;
    refused("base_url: \"https://a.example:22\"\n" GET_A,
            "definition:1:11: base_url is on a port other than 80 and 443\n");
    refused("base_url: \"http://[2606:4700::1]:6379/x\"\n" GET_A,
            "definition:1:11: base_url is on a port other than 80 and 443\n");
    api_definition_unref(
        parsed("base_url: \"https://a.example:443/b:c\"\n" GET_A, "{}\n"));
    api_definition_unref(
        parsed("base_url: \"https://[2606:4700::1]\"\n" GET_A, "{}\n"));
    api_definition_unref(parsed("base_url: \"https://a.example:22\"\n" GET_A,
                                "skills: {allow_private: true}\n"));
}

static void a_long_text_is_not_read(void **state)
{
    const struct config *c = config_fixture_load("{}\n");
    struct api_definition *d = NULL;
    struct buf text, said;

    (void)state;
    buf_init(&text, 2 * API_DEFINITION_MAX);
    buf_init(&said, SAID_MAX);
    buf_append_str(&text, "base_url: https://a.example\n" GET_A "#");
    while (buf_len(&text) <= API_DEFINITION_MAX)
        buf_append_char(&text, 'x');
    assert_int_equal(api_definition_parse(&d, buf_slice(&text), c, &said), RC_TOO_BIG);
    buf_free(&text);
    buf_free(&said);
    config_unref(c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_definition_is_an_entry_of_data_apis_in_yaml_or_json),
        cmocka_unit_test(its_token_goes_where_it_says),
        cmocka_unit_test(nothing_of_ours_is_expanded_or_read),
        cmocka_unit_test(it_cannot_ask_for_more_than_its_header),
        cmocka_unit_test(d1_d2_private_hosts_are_refused_when_they_are_offered),
        cmocka_unit_test(d5_ports_are_those_of_the_web),
        cmocka_unit_test(a_long_text_is_not_read),
    };

    return cmocka_run_group_tests(tests, config_fixture_open, conf_fixture_close);
}
