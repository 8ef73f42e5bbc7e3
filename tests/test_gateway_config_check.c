/* SPDX-License-Identifier: Apache-2.0 */
/* The forms of values: base URLs above all, for they decide where keys are sent. */
#include "gateway/config.h"

#include "tests/conf_fixture.h"
#include "tests/config_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

enum {
    TEXT_SIZE = 1024
};

static void url_faults(const char *url, const char *problem)
{
    char text[TEXT_SIZE], fault[TEXT_SIZE];

    (void)snprintf(text, sizeof(text),
                   "providers: {p: {kind: openai, base_url: '%s'}}\n", url);
    (void)snprintf(fault, sizeof(fault), "octroi.yaml:1:41: base_url %s", problem);
    FAULTS_OF(text, fault);
}

static void url_is_taken_as(const char *url, bool allow_private, const char *expected)
{
    const struct config *c;
    char text[TEXT_SIZE];

    (void)snprintf(
        text, sizeof(text),
        "providers: {p: {kind: openai, allow_private: %s, base_url: '%s'}}\n",
        allow_private ? "true" : "false", url);
    c = config_fixture_load(text);
    assert_string_equal(c->providers[0].base_url, expected);
    config_unref(c);
}

static void urls_lose_their_trailing_slash_only(void **state)
{
    (void)state;
    url_is_taken_as("https://h", false, "https://h");
    url_is_taken_as("https://h/", false, "https://h");
    url_is_taken_as("https://h/v1/", false, "https://h/v1");
    url_is_taken_as("HTTPS://Host.Example:8443/A/b%20c", false,
                    "HTTPS://Host.Example:8443/A/b%20c");
    url_is_taken_as("https://[2606:4700::1]:1/x", false, "https://[2606:4700::1]:1/x");
}

static void urls_have_a_scheme_we_speak(void **state)
{
    static const char problem[] = "must begin with https:// or http://";

    (void)state;
    url_faults("", problem);
    url_faults("api.example.com/v1", problem);
    url_faults("ftp://h/", problem);
    url_faults("file:///etc/passwd", problem);
    url_faults("https:/h", problem);
    url_faults("https:", problem);
    url_faults(" https://h", problem);
}

static void urls_have_a_host_and_nothing_of_a_caller(void **state)
{
    (void)state;
    url_faults("https:///v1", "has no host");
    url_faults("https://h?x=1", "may not have a query or a fragment");
    url_faults("https://h/v1?", "may not have a query or a fragment");
    url_faults("https://h/#f", "may not have a query or a fragment");
    url_faults("https://user@h/", "may not hold a user name or password");
    url_faults("https://user:secret@h/", "may not hold a user name or password");
    url_faults("https://h:99999/", "is not a URL");
    url_faults("https://h:x/", "is not a URL");
    url_faults("https://[::1/", "is not a URL");
}

static void urls_have_clean_paths(void **state)
{
    static const char problem[] =
        "has spaces, empty or dot segments, or malformed escapes";

    (void)state;
    url_faults("https://h/a//b", problem);
    url_faults("https://h/a/../b", problem);
    url_faults("https://h/%2e%2E/b", problem);
    url_faults("https://h/a%2", problem);
    url_faults("https://h/a%00b", problem);
    url_faults("https://h/a b", problem);
    url_faults("https://h\\@other/", problem);
    url_faults("https://h\xc3\xa9/", problem);
}

static void private_hosts_that_are_not_allowed_are_warned_of(void **state)
{
    static const char *const urls[] = {
        "http://127.0.0.1:8000", "http://[::1]:80/v1",
        "https://10.1.2.3",      "https://192.168.0.1",
        "http://localhost",      "https://LOCALHOST.:1",
        "https://a.localhost",   "http://0x7f.1",
        "http://2130706433",     "https://0",
        "https://[fe80::1]",     "https://[::ffff:8.8.8.8]",
        "http://169.254.169.254"};

    (void)state;
    for (size_t i = 0; i < sizeof(urls) / sizeof(urls[0]); i++) {
        char text[TEXT_SIZE];

        (void)snprintf(text, sizeof(text),
                       "providers: {p: {kind: openai, base_url: '%s'}}\n", urls[i]);
        WARNINGS_OF(text,
                    "warning: octroi.yaml:1: base_url is on a private or loopback "
                    "address: calls are refused until 'allow_private: true' is set");
        url_is_taken_as(urls[i], true, urls[i]);
    }
    url_is_taken_as("https://8.8.8.8", false, "https://8.8.8.8");
    url_is_taken_as("https://localhost.example", false, "https://localhost.example");
    url_is_taken_as("https://notlocalhost", false, "https://notlocalhost");
}

static void plain_http_to_strangers_is_warned_of(void **state)
{
    static const char warning[] =
        "warning: octroi.yaml:1: base_url is plain http: keys "
        "and texts travel unencrypted";

    (void)state;
    WARNINGS_OF(
        "providers: {p: {kind: openai, base_url: \"http://api.example.com\"}}\n",
        warning);
    WARNINGS_OF("providers: {p: {kind: openai, base_url: \"HTTP://8.8.8.8\"}}\n",
                warning);
    WARNINGS_OF("data_apis: {d: {base_url: \"http://d.example\", endpoints: "
                "[{method: GET, path: /, price: \"0\"}]}}\n",
                warning);
    /* A name of the local network. */
    LOADS("providers: {p: {kind: openai, base_url: \"http://vllm:8000/v1\"}}\n");
}

static void names_have_a_form_and_a_length(void **state)
{
    static const char fault[] =
        "octroi.yaml:1:13: the name of a provider has 1 to 64 letters, digits and "
        "'-_.', and begins with a letter or digit";
    static const char *const bad[] = {"-a", ".", "..", "a/b", "a b", "\xc3\xa9", "a:b"};
    char text[TEXT_SIZE], name[70];

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        (void)snprintf(text, sizeof(text), "providers: {\"%s\": {kind: openai}}\n",
                       bad[i]);
        FAULTS_OF(text, fault);
    }
    for (size_t i = 0; i < sizeof(name); i++)
        name[i] = 'a';
    (void)snprintf(text, sizeof(text), "providers: {%.64s: {kind: openai}}\n", name);
    LOADS(text);
    (void)snprintf(text, sizeof(text), "providers: {%.65s: {kind: openai}}\n", name);
    FAULTS_OF(text, fault);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(urls_lose_their_trailing_slash_only),
        cmocka_unit_test(urls_have_a_scheme_we_speak),
        cmocka_unit_test(urls_have_a_host_and_nothing_of_a_caller),
        cmocka_unit_test(urls_have_clean_paths),
        cmocka_unit_test(private_hosts_that_are_not_allowed_are_warned_of),
        cmocka_unit_test(plain_http_to_strangers_is_warned_of),
        cmocka_unit_test(names_have_a_form_and_a_length),
    };

    return cmocka_run_group_tests(tests, config_fixture_open, conf_fixture_close);
}
