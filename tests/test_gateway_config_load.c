/* SPDX-License-Identifier: Apache-2.0 */
/* The file as a whole, and the sections `server` and `limits`: values, defaults,
 * faults. */
#include "gateway/config.h"

#include "base/codec.h"
#include "tests/conf_fixture.h"
#include "tests/config_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

enum {
    PATH_SIZE = 512,
    SAID_MAX = 64 * 1024
};

/* The whole
 * ----------------------------------------------------------------------------
 */

static void the_manuals_example_loads(void **state)
{
    (void)state;
    WARNINGS_OF(config_fixture_example,
                "warning: octroi.yaml:33: the key in a hex_file is not encrypted: use "
                "a keystore");
}

static void an_empty_mapping_is_all_defaults(void **state)
{
    const struct config *c = config_fixture_load("{}\n");
    const struct config_limits *l = &c->limits;
    char data_dir[PATH_SIZE];

    (void)state;
    (void)snprintf(data_dir, sizeof(data_dir), "%s/var", conf_fixture_dir());
    assert_string_equal(c->listen, "127.0.0.1:8402");
    assert_string_equal(c->admin_listen, "127.0.0.1:8403");
    assert_string_equal(c->data_dir, data_dir);
    assert_null(c->admin_token);
    assert_int_equal(c->loops, 0);
    assert_int_equal(c->trusted_proxy_count, 0);
    assert_int_equal(c->provider_count + c->model_count + c->data_api_count, 0);
    assert_int_equal(l->requests_per_minute, 600);
    assert_int_equal(l->tokens_per_minute, 300000);
    assert_int_equal(l->concurrent, 64);
    assert_int_equal(l->max_body_bytes, 8388608);
    assert_int_equal(l->max_response_bytes, 67108864);
    assert_int_equal(l->reference_tokens, 8192);
    assert_int_equal(l->connections, 16384);
    assert_int_equal(l->connections_per_address, 12288);
    assert_int_equal(l->auth_failures_per_minute, 10);
    assert_int_equal(l->refused_payments_per_minute, 600);
    assert_int_equal(l->call_timeout_ms, 600000);
    config_unref(c);
}

static void an_empty_file_is_a_fault(void **state)
{
    (void)state;
    FAULTS_OF("", "octroi.yaml: there is nothing in the file");
    FAULTS_OF("# nothing\n", "octroi.yaml: there is nothing in the file");
    FAULTS_OF("5\n", "octroi.yaml:1:1: expected a mapping, found a single value");
    FAULTS_OF("- 1\n", "octroi.yaml:1:1: expected a mapping, found a list");
}

static void all_faults_are_told_at_once(void **state)
{
    (void)state;
    FAULTS_OF("server:\n"
              "  lisen: 127.0.0.1:1\n"
              "  loops: many\n"
              "providers:\n"
              "  p: {kind: opnai}\n"
              "models:\n"
              "  m: {targets: [{provider: q, model: x}], price: {input: 1}}\n"
              "data_apis:\n"
              "  d: {endpoints: []}\n"
              "limits: {concurrent: -1}\n"
              "payments: {x402: {max_quote: lots}}\n"
              "skills: {platform_share: 10}\n"
              "webhooks: {}\n",
              "octroi.yaml:3:10: expected a whole number, not 'many'",
              "octroi.yaml:5:13: kind 'opnai' is not supported by this version "
              "(supported: {kinds}; did you mean 'openai'?)",
              "octroi.yaml:7:28: there is no provider 'q'",
              "octroi.yaml:7:43: a price without 'output' (\"0\" is free)",
              "octroi.yaml:11:30: expected an amount in USD such as 25 or 0.05, not "
              "'lots'",
              "octroi.yaml:9:3: 'base_url' is missing",
              "octroi.yaml:9:7: no endpoints: nothing is served",
              "octroi.yaml:10:22: expected a whole number, not '-1'",
              "octroi.yaml:12:26: expected a percentage such as 12.5%, not '10'",
              "octroi.yaml:2:3: unknown key 'lisen' (did you mean 'listen'?)",
              "octroi.yaml:13:1: unknown key 'webhooks'");
}

static void more_faults_than_anyone_reads_are_cut(void **state)
{
    const struct config *c = NULL;
    struct buf text, said;
    struct slice line, rest, last = SLICE_NONE;
    size_t count = 0;

    (void)state;
    buf_init(&text, SAID_MAX);
    buf_init(&said, SAID_MAX);
    for (int i = 0; i < 200; i++)
        buf_printf(&text, "key%d: 1\n", i);
    buf_append_char(&text, '\0');
    assert_int_equal(
        config_load(&c, config_fixture_write(buf_slice(&text).bytes), &said),
        RC_BAD_CONFIG);
    for (rest = buf_slice(&said); slice_next(&line, &rest, '\n'); last = line)
        count++;
    assert_int_equal(count, 100);
    assert_true(slice_equal(last, SLICE("and more: only the first faults are shown")));
    buf_free(&text);
    buf_free(&said);
}

static void the_hash_is_of_what_is_in_force(void **state)
{
    const struct config *plain = config_fixture_load("{}\n");
    const struct config *spelled = config_fixture_load(
        "# the same\nlimits: {concurrent: 64}\nserver: {listen: \"127.0.0.1:8402\"}\n");
    const struct config *other = config_fixture_load("limits: {concurrent: 65}\n");

    (void)state;
    assert_string_equal(plain->hash, spelled->hash);
    assert_string_not_equal(plain->hash, other->hash);
    config_unref(plain);
    config_unref(spelled);
    config_unref(other);
}

static void the_hash_knows_no_secret(void **state)
{
    const struct config *one =
        config_fixture_load("server: {admin_token: aaaaaaaaaaaaaaaaaaaa}\n");
    const struct config *two =
        config_fixture_load("server: {admin_token: bbbbbbbbbbbbbbbbbbbbbbbb}\n");
    uint8_t digest[SHA256_LEN];
    char hex[2 * SHA256_LEN + 1];
    struct buf text;

    (void)state;
    assert_string_equal(one->hash, two->hash);
    buf_init(&text, SAID_MAX);
    config_print(&text, one, true);
    sha256(digest, buf_slice(&text));
    hex_encode(hex, digest, sizeof(digest));
    assert_string_equal(one->hash, hex);
    buf_free(&text);
    config_unref(one);
    config_unref(two);
}

/* server
 * --------------------------------------------------------------------------------
 */

static void the_server_section_is_read(void **state)
{
    const struct config *c =
        config_fixture_load("server:\n"
                            "  listen: \"[::1]:0\"\n"
                            "  admin_listen: \"\"\n"
                            "  data_dir: /srv//octroi/./data/\n"
                            "  admin_token: ${file:./admin.token}\n"
                            "  loops: 64\n"
                            "  trusted_proxies: [10.0.0.1, \"2001:DB8:0::1\", unix, "
                            "10.0.0.0/8, \"::/0\"]\n");

    (void)state;
    assert_string_equal(c->listen, "[::1]:0");
    assert_null(c->admin_listen);
    assert_string_equal(c->data_dir, "/srv/octroi/data");
    assert_true(
        slice_equal(secret_open(c->admin_token), SLICE("a token that is long enough")));
    assert_int_equal(c->loops, 64);
    assert_int_equal(c->trusted_proxy_count, 5);
    assert_string_equal(c->trusted_proxies[0], "10.0.0.1");
    assert_string_equal(c->trusted_proxies[1], "2001:db8::1");
    assert_string_equal(c->trusted_proxies[2], "unix");
    assert_string_equal(c->trusted_proxies[3], "10.0.0.0/8");
    assert_string_equal(c->trusted_proxies[4], "::/0");
    config_unref(c);
}

static void admin_listen_can_be_switched_off(void **state)
{
    const struct config *c = config_fixture_load("server: {admin_listen: off}\n");

    (void)state;
    assert_null(c->admin_listen);
    config_unref(c);
    c = config_fixture_load("server: {admin_listen: ~, loops: auto, data_dir: .}\n");
    assert_string_equal(c->admin_listen, "127.0.0.1:8403");
    assert_int_equal(c->loops, 0);
    assert_string_equal(c->data_dir, conf_fixture_dir());
    config_unref(c);
}

static void addresses_have_a_host_and_a_port(void **state)
{
    static const char *const bad[] = {
        "localhost:80",    "127.0.0.1",      ":80",           "127.0.0.1:",
        "127.0.0.1:65536", "127.0.0.1:0x50", "127.0.0.1:80 ", "::1:80",
        "[127.0.0.1]:80",  "[::1]",          "[::1:80",       "127.0.0.1:+80",
        "1.2.3:80"};
    char text[PATH_SIZE], fault[PATH_SIZE];

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        (void)snprintf(text, sizeof(text), "server: {listen: \"%s\"}\n", bad[i]);
        (void)snprintf(fault, sizeof(fault),
                       "octroi.yaml:1:18: expected an IP address and a port such as "
                       "127.0.0.1:8402 or [::1]:8402, not '%s'",
                       bad[i]);
        FAULTS_OF(text, fault);
    }
    LOADS("server: {listen: \"0.0.0.0:65535\", admin_listen: \"[::]:1\"}\n");
}

static void two_listeners_need_two_addresses(void **state)
{
    (void)state;
    FAULTS_OF("server:\n"
              "  listen: 127.0.0.1:8403\n",
              "octroi.yaml:1:1: listen and admin_listen are the same address");
    FAULTS_OF("server:\n"
              "  listen: 127.0.0.1:1\n"
              "  admin_listen: 127.0.0.1:1\n",
              "octroi.yaml:3:17: listen and admin_listen are the same address");
    LOADS("server: {listen: \"127.0.0.1:0\", admin_listen: \"127.0.0.1:0\"}\n");
}

static void faults_of_the_server_are_placed(void **state)
{
    (void)state;
    FAULTS_OF(
        "server:\n"
        "  data_dir: \"\"\n"
        "  admin_token: \"\"\n"
        "  loops: 65\n"
        "  trusted_proxies: [10.0.0.0/33, proxy.example, \"::1/129\", 1.2.3.4/]\n",
        "octroi.yaml:2:13: expected a path", "octroi.yaml:3:16: admin_token is empty",
        "octroi.yaml:4:10: must be from 1 to 64",
        "octroi.yaml:5:21: expected an IP address, a range such as 10.0.0.0/8, or "
        "'unix', not '10.0.0.0/33'",
        "octroi.yaml:5:34: expected an IP address, a range such as 10.0.0.0/8, or "
        "'unix', not 'proxy.example'",
        "octroi.yaml:5:49: expected an IP address, a range such as 10.0.0.0/8, or "
        "'unix', not '::1/129'",
        "octroi.yaml:5:60: expected an IP address, a range such as 10.0.0.0/8, or "
        "'unix', not '1.2.3.4/'");
    FAULTS_OF("server:\n"
              "  data_dir: \"a\\tb\"\n"
              "  admin_token: \"a\\nb\"\n"
              "  loops: 0\n"
              "  trusted_proxies: 10.0.0.1\n",
              "octroi.yaml:2:13: the path holds a control character",
              "octroi.yaml:3:16: admin_token holds a line end or another control "
              "character",
              "octroi.yaml:4:10: must be from 1 to 64",
              "octroi.yaml:5:20: expected a list, found a single value");
    FAULTS_OF("server: [1]\n", "octroi.yaml:1:1: expected a mapping, found a list");
}

static void an_empty_variable_is_not_a_secret(void **state)
{
    (void)state;
    FAULTS_OF("server: {admin_token: \"${EMPTY}\"}\n",
              "octroi.yaml:1:23: admin_token is empty: is what its ${..} form names "
              "set?");
}

/* A value that came from elsewhere may be a secret that was put in the wrong place. */
static void what_was_expanded_is_not_shown(void **state)
{
    (void)state;
    FAULTS_OF(
        "server:\n"
        "  listen: ${SEARCH_KEY}\n"
        "  trusted_proxies: [\"${SEARCH_KEY}\"]\n"
        "  loops: ${SEARCH_KEY}\n"
        "providers:\n"
        "  p: {kind: \"${SEARCH_KEY}\"}\n"
        "models:\n"
        "  m: {targets: [{provider: \"${SEARCH_KEY}\", model: x}]}\n",
        "octroi.yaml:2:11: expected an IP address and a port such as "
        "127.0.0.1:8402 or [::1]:8402, not what its ${..} form yields",
        "octroi.yaml:4:10: expected a whole number, not what its ${..} form "
        "yields",
        "octroi.yaml:3:21: expected an IP address, a range such as 10.0.0.0/8, or "
        "'unix', not what its ${..} form yields",
        "octroi.yaml:6:13: kind what its ${..} form yields is not supported by "
        "this version (supported: {kinds})",
        "octroi.yaml:8:28: there is no provider what its ${..} form yields");
}

static void a_guessable_token_is_warned_of(void **state)
{
    (void)state;
    WARNINGS_OF("server: {admin_token: admin}\n",
                "warning: octroi.yaml:1: admin_token is shorter than 16 bytes: it can "
                "be guessed");
}

static void a_secret_in_a_public_file_is_warned_of(void **state)
{
    static const char text[] =
        "server: {admin_token: aaaaaaaaaaaaaaaaaaaa}\n"
        "providers:\n"
        "  p: {kind: openai, api_keys: [\"${OPENAI_API_KEY}\", sk-literal]}\n";
    const char *path = config_fixture_write(text);
    const struct config *c = NULL;
    struct buf said;

    (void)state;
    buf_init(&said, SAID_MAX);
    assert_int_equal(chmod(path, 0644), 0);
    assert_int_equal(config_load(&c, path, &said), RC_OK);
    config_fixture_lines(
        buf_slice(&said),
        (const char *const[]){
            "warning: octroi.yaml:1: admin_token is written in a file that everyone on "
            "this machine may read: use ${file:..} or chmod o-r",
            "warning: octroi.yaml:3: api key is written in a file that everyone on "
            "this machine may read: use ${file:..} or chmod o-r",
            NULL});
    config_unref(c);
    buf_free(&said);
    LOADS(text);
}

/* limits
 * -------------------------------------------------------------------------------
 */

static void limits_are_read(void **state)
{
    const struct config *c = config_fixture_load("limits:\n"
                                                 "  requests_per_minute: 0\n"
                                                 "  tokens_per_minute: 0\n"
                                                 "  concurrent: 0\n"
                                                 "  max_body_bytes: 1024\n"
                                                 "  max_response_bytes: 2048\n"
                                                 "  reference_tokens: 1\n"
                                                 "  connections: 2\n"
                                                 "  connections_per_address: 0\n"
                                                 "  auth_failures_per_minute: 0\n"
                                                 "  call_timeout: 2m\n");
    const struct config_limits *l = &c->limits;

    (void)state;
    assert_int_equal(l->requests_per_minute, 0);
    assert_int_equal(l->tokens_per_minute, 0);
    assert_int_equal(l->concurrent, 0);
    assert_int_equal(l->max_body_bytes, 1024);
    assert_int_equal(l->max_response_bytes, 2048);
    assert_int_equal(l->reference_tokens, 1);
    assert_int_equal(l->connections, 2);
    assert_int_equal(l->connections_per_address, 0);
    assert_int_equal(l->auth_failures_per_minute, 0);
    assert_int_equal(l->call_timeout_ms, 120000);
    config_unref(c);
}

static void limits_have_limits(void **state)
{
    (void)state;
    FAULTS_OF("limits:\n"
              "  requests_per_minute: 1000000001\n"
              "  max_body_bytes: 1023\n"
              "  max_response_bytes: 0\n"
              "  reference_tokens: 0\n"
              "  connections: 0\n"
              "  call_timeout: 0s\n",
              "octroi.yaml:2:24: must be from 0 to 1000000000",
              "octroi.yaml:3:19: must be from 1024 to 1073741824",
              "octroi.yaml:4:23: must be from 1024 to 68719476736",
              "octroi.yaml:5:21: must be from 1 to 10000000",
              "octroi.yaml:6:16: must be from 1 to 1000000",
              "octroi.yaml:7:17: must be from 1s to 24h");
    FAULTS_OF("limits: {call_timeout: 25h}\n",
              "octroi.yaml:1:24: must be from 1s to 24h");
    FAULTS_OF("limits: {call_timeout: 600}\n",
              "octroi.yaml:1:24: expected a time span such as 90s, 15m, 12h or 7d, not "
              "'600'");
    LOADS("limits: {call_timeout: 24h}\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_manuals_example_loads),
        cmocka_unit_test(an_empty_mapping_is_all_defaults),
        cmocka_unit_test(an_empty_file_is_a_fault),
        cmocka_unit_test(all_faults_are_told_at_once),
        cmocka_unit_test(more_faults_than_anyone_reads_are_cut),
        cmocka_unit_test(the_hash_is_of_what_is_in_force),
        cmocka_unit_test(the_hash_knows_no_secret),
        cmocka_unit_test(the_server_section_is_read),
        cmocka_unit_test(admin_listen_can_be_switched_off),
        cmocka_unit_test(addresses_have_a_host_and_a_port),
        cmocka_unit_test(two_listeners_need_two_addresses),
        cmocka_unit_test(faults_of_the_server_are_placed),
        cmocka_unit_test(an_empty_variable_is_not_a_secret),
        cmocka_unit_test(what_was_expanded_is_not_shown),
        cmocka_unit_test(a_guessable_token_is_warned_of),
        cmocka_unit_test(a_secret_in_a_public_file_is_warned_of),
        cmocka_unit_test(limits_are_read),
        cmocka_unit_test(limits_have_limits),
    };

    return cmocka_run_group_tests(tests, config_fixture_open, conf_fixture_close);
}
