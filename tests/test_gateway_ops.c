/* SPDX-License-Identifier: Apache-2.0 */
/* What probes are told. A store that fails is tests/fault_ledger.c's to make; here the
 * writer has no trouble. */
#include "tests/cashier_double.h"
#include "tests/gateway_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static struct exchange *probe(const char *method, const char *target)
{
    return ask(method, target, "", NULL);
}

static void health_says_that_the_process_turns(void **state)
{
    struct exchange *x = probe("GET", "/healthz");

    (void)state;
    expect_status(x, 200);
    expect_body(x, "{\"status\":\"ok\"}");
    expect_header(x, "Content-Type", "application/json");
    assert_non_null(client_header(x, "x-request-id"));
    expect_whole(probe("HEAD", "/healthz"));
}

static void readiness_tells_the_configuration_in_force(void **state)
{
    const struct config *c = config_cell_get(gate.worker.config);
    struct exchange *x = probe("GET", "/readyz");
    char text[256];

    (void)state;
    expect_status(x, 200);
    (void)snprintf(text, sizeof(text),
                   "{\"ready\":true,\"ledger\":\"ok\",\"draining\":false,\"config\":{"
                   "\"generation\":%llu,\"loaded_at\":\"2026-11-21T12:00:00.000000Z\","
                   "\"hash\":\"%s\"}}",
                   (unsigned long long)c->generation, c->hash);
    expect_body(x, text);
    config_unref(c);
}

static void readiness_ends_when_draining_begins(void **state)
{
    struct exchange *x;

    (void)state;
    gate.worker.draining = true;
    x = probe("GET", "/readyz");
    expect_status(x, 503);
    expect_says(x, "{\"ready\":false,\"ledger\":\"ok\",\"draining\":true,");
    expect_status(probe("GET", "/healthz"), 200);
}

/* Base Sepolia with two tokens, Polygon with one. */
static const char networks[] =
    "payments: {x402: {networks: [\n"
    "  {network: \"eip155:84532\", asset: USDC, facilitator: \"https://f.example\",\n"
    "   pay_to: \"0x1111111111111111111111111111111111111111\"},\n"
    "  {network: \"eip155:137\", asset: USDC, facilitator: \"https://f.example\",\n"
    "   pay_to: \"0x1111111111111111111111111111111111111111\"},\n"
    "  {network: \"eip155:84532\", facilitator: \"https://f.example\",\n"
    "   asset: \"0x808456652fdb597867f38412077A9182bf77359F\",\n"
    "   asset_name: EURC, asset_version: \"2\", decimals: 6,\n"
    "   pay_to: \"0x1111111111111111111111111111111111111111\"}]}}\n";

static void readiness_tells_where_payments_are_taken(void **state)
{
    struct exchange *x;

    (void)state;
    gate_config(networks);
    gate.worker.cashier = cashier_double(gate.worker.book);
    x = probe("GET", "/readyz");
    expect_status(x, 200);
    expect_says(x, ",\"payments\":{\"eip155:84532\":\"up\",\"eip155:137\":\"up\"}}");
}

static void a_chain_of_which_one_token_is_down_is_down(void **state)
{
    const struct config *c;
    struct exchange *x;

    (void)state;
    gate_config(networks);
    c = config_cell_get(gate.worker.config);
    gate.worker.cashier = cashier_double(gate.worker.book);
    gate.worker.cashier->only_down = c->payments->networks[2].asset;
    x = probe("GET", "/readyz");
    expect_says(x, ",\"payments\":{\"eip155:84532\":\"down\",\"eip155:137\":\"up\"}}");
    config_unref(c);
}

static void without_settlement_prepaid_calls_are_still_taken(void **state)
{
    struct exchange *x;

    (void)state;
    gate_config(networks);
    gate.worker.cashier = cashier_double(gate.worker.book);
    gate.worker.cashier->down = true;
    x = probe("GET", "/readyz");
    expect_status(x, 200);
    expect_says(x, "{\"ready\":true,");
    expect_says(x,
                ",\"payments\":{\"eip155:84532\":\"down\",\"eip155:137\":\"down\"}}");
}

static void probes_need_no_key_and_refuse_a_wrong_one(void **state)
{
    (void)state;
    expect_status(get("/healthz"), 200);
    expect_error(ask("GET", "/healthz", "x-api-key: nope\n", NULL), 401,
                 "invalid_api_key", NULL);
    expect_error(probe("POST", "/healthz"), 405, "method_not_allowed", NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        GATE_TEST(health_says_that_the_process_turns),
        GATE_TEST(readiness_tells_the_configuration_in_force),
        GATE_TEST(readiness_ends_when_draining_begins),
        GATE_TEST(readiness_tells_where_payments_are_taken),
        GATE_TEST(a_chain_of_which_one_token_is_down_is_down),
        GATE_TEST(without_settlement_prepaid_calls_are_still_taken),
        GATE_TEST(probes_need_no_key_and_refuse_a_wrong_one),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
