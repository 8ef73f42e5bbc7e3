/* SPDX-License-Identifier: Apache-2.0 */
/* What probes are told. A store that fails is tests/fault_ledger.c's to make; here the
 * writer has no trouble. */
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
        GATE_TEST(probes_need_no_key_and_refuse_a_wrong_one),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
