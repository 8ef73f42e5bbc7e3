/* SPDX-License-Identifier: Apache-2.0 */
/* The doctor's look at a network, with others on sockets that say strange things. What
 * nodes and accounts can have wrong is tests/e2e/doctor.test.mjs's, on a real chain. */
#include "gateway/network_look.h"

#include "tests/fake_upstream.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static struct network_look look;
static const char *body;
static unsigned status;

static void answers(struct fake_connection *c)
{
    char head[256];

    if (!fake_read(c))
        return;
    (void)snprintf(head, sizeof(head),
                   "HTTP/1.1 %u X\r\nContent-Type: application/json\r\n"
                   "Location: http://127.0.0.1:1/\r\nContent-Length: %zu\r\n"
                   "Connection: close\r\n\r\n",
                   status, strlen(body));
    fake_say(c, head);
    fake_say(c, body);
}

static void breaks_off(struct fake_connection *c)
{
    if (fake_read(c))
        fake_say(c, "HTTP/1.1 200 X\r\nContent-Length: 100\r\n\r\n{\"kinds\":[");
}

static void talks_too_much(struct fake_connection *c)
{
    static char much[65536];

    if (!fake_read(c))
        return;
    memset(much, ' ', sizeof(much));
    fake_say(c, "HTTP/1.1 200 X\r\nConnection: close\r\n\r\n{\"kinds\":[]");
    for (int i = 0; i < 16; i++)
        fake_send(c, much, sizeof(much));
    fake_say(c, "}");
}

/* A facilitator of this kind is looked at; or, with `node`, a node beside it. */
static void look_at(fake_script *script, bool node, bool allow_private)
{
    struct fake *f = fake_start(script);
    char url[64];
    struct config_network n = {.chain_id = 84532,
                               .asset_symbol = (char[]){"USDC"},
                               .facilitator_url = url,
                               .allow_private = allow_private,
                               .rpc_url = node ? url : NULL,
                               .rpc_private = allow_private};

    (void)snprintf(url, sizeof(url), "http://127.0.0.1:%u/", fake_port(f));
    assert_int_equal(network_look(&look, &n), RC_OK);
    fake_stop(f);
}

static void expect(size_t index, enum network_state state, const char *text)
{
    assert_true(index < look.count);
    assert_string_equal(look.findings[index].text, text);
    assert_int_equal(look.findings[index].state, state);
}

static void facilitator_says(unsigned code, const char *text)
{
    status = code;
    body = text;
    look_at(answers, false, true);
    assert_int_equal(look.count, 1);
}

static void a_facilitator_settles_where_it_names_the_network_and_exact(void **state)
{
    static const char *const good[] = {
        "{\"kinds\":[{\"x402Version\":2,\"scheme\":\"exact\",\"network\":"
        "\"eip155:84532\"}]}",
        "{\"kinds\":[1,[],{},{\"scheme\":7},{\"scheme\":\"exact\",\"network\":"
        "\"base-sepolia\"}],\"extra\":{}}",
        "{\"kinds\":[{\"scheme\":\"exact\",\"network\":\"eip155:*\"}]}",
    };
    static const char *const elsewhere[] = {
        "{\"kinds\":[]}",
        "{\"kinds\":[null,{\"scheme\":\"exact\",\"network\":\"eip155:8453\"}]}",
        "{\"kinds\":[{\"scheme\":\"upto\",\"network\":\"eip155:84532\"}]}",
        "{\"kinds\":[{\"network\":\"eip155:84532\"}]}",
        "{\"kinds\":[{\"scheme\":\"exact\",\"network\":\"solana:*\"}]}",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        facilitator_says(200, good[i]);
        expect(0, NETWORK_FINE, "the facilitator settles there");
    }
    for (size_t i = 0; i < sizeof(elsewhere) / sizeof(elsewhere[0]); i++) {
        facilitator_says(200, elsewhere[i]);
        expect(0, NETWORK_BROKEN, "the facilitator does not settle there");
    }
}

static void what_is_no_list_is_said_so(void **state)
{
    static const char *const strange[] = {
        "",
        "[]",
        "{}",
        "{\"kinds\":7}",
        "{\"kinds\":[],\"kinds\":[{\"scheme\":\"exact\",\"network\":\"eip155:*\"}]}",
        "{\"kinds\":[[[[[[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]]]]]]}",
        "{\"kinds\":[",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(strange) / sizeof(strange[0]); i++) {
        facilitator_says(200, strange[i]);
        expect(0, NETWORK_BROKEN, "the facilitator does not say what it settles");
    }
}

static void another_status_is_told_and_no_redirect_followed(void **state)
{
    (void)state;
    facilitator_says(404, "{\"kinds\":[]}");
    expect(0, NETWORK_BROKEN, "GET /supported of the facilitator answers 404");
    facilitator_says(302, "");
    expect(0, NETWORK_BROKEN, "GET /supported of the facilitator answers 302");
}

static void an_answer_without_an_end_is_none(void **state)
{
    (void)state;
    look_at(breaks_off, false, true);
    expect(0, NETWORK_BROKEN, "the facilitator does not answer");
    look_at(talks_too_much, false, true);
    expect(0, NETWORK_BROKEN, "the facilitator does not answer");
}

static void a_private_address_is_not_called_without_leave(void **state)
{
    (void)state;
    status = 200;
    body = "{\"kinds\":[{\"scheme\":\"exact\",\"network\":\"eip155:*\"}]}";
    look_at(answers, true, false);
    assert_int_equal(look.count, 2);
    expect(0, NETWORK_BROKEN, "the facilitator does not answer");
    expect(1, NETWORK_BROKEN, "the node does not answer");
}

static void what_is_no_node_is_said_so_without_its_address(void **state)
{
    (void)state;
    status = 200;
    body = "{\"kinds\":[{\"scheme\":\"exact\",\"network\":\"eip155:*\"}]}";
    look_at(answers, true, true);
    assert_int_equal(look.count, 2);
    expect(0, NETWORK_FINE, "the facilitator settles there");
    assert_int_equal(look.findings[1].state, NETWORK_BROKEN);
    assert_null(strstr(look.findings[1].text, "127.0.0.1"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_facilitator_settles_where_it_names_the_network_and_exact),
        cmocka_unit_test(what_is_no_list_is_said_so),
        cmocka_unit_test(another_status_is_told_and_no_redirect_followed),
        cmocka_unit_test(an_answer_without_an_end_is_none),
        cmocka_unit_test(a_private_address_is_not_called_without_leave),
        cmocka_unit_test(what_is_no_node_is_said_so_without_its_address),
    };

    (void)signal(SIGPIPE, SIG_IGN);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
