/* SPDX-License-Identifier: Apache-2.0 */
/* The gateway's own series, as requests make them grow. */
#include "gateway/metrics.h"

#include "base/metric.h"
#include "tests/gateway_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static const char alone[] =
    "{\"model\":\"alone\",\"messages\":[{\"role\":\"user\",\"content\":\"hello\"}]}";

extern const struct api *const api_table[];

static bool shows(const char *line)
{
    struct buf all;
    bool found;

    buf_init(&all, 4 << 20);
    metric_print(&all);
    assert_false(buf_spent(&all));
    found = slice_search(buf_slice(&all), slice_str(line)) < buf_len(&all);
    if (!found)
        print_error("%.*s\n", SLICE_FMT(buf_slice(&all)));
    buf_free(&all);
    return found;
}

static void every_api_and_class_is_there_from_the_start(void **state)
{
    static const char *const apis[] = {"chat",   "embeddings", "models", "data",
                                       "wallet", "ops",        "none"};
    char line[128];

    (void)state;
    for (size_t i = 0; i < sizeof(apis) / sizeof(apis[0]); i++) {
        (void)snprintf(line, sizeof(line),
                       "octroi_requests_total{api=\"%s\",status=\"4xx\"} 0\n", apis[i]);
        assert_true(shows(line));
    }
    assert_true(shows("octroi_config_reload_success 1\n"));
}

/* A new api that the list of metrics.c lacks would count nowhere. */
static void no_api_of_the_build_is_forgotten(void **state)
{
    char line[128];

    (void)state;
    for (size_t i = 0; api_table[i] != NULL; i++) {
        (void)snprintf(line, sizeof(line),
                       "octroi_requests_total{api=\"%s\",status=\"5xx\"}",
                       api_table[i]->name);
        assert_true(shows(line));
    }
}

static void requests_count_by_api_and_class(void **state)
{
    struct exchange *x;

    (void)state;
    (void)post("/v1/chat/completions", alone);
    answers_json(upstream_last(), "{}");
    x = post("/v1/chat/completions", alone);
    leave(x);
    (void)get("/v1/data/search/search");
    ends(upstream_last(), UPSTREAM_CUT);
    (void)get("/nothing");
    assert_true(shows("octroi_requests_total{api=\"chat\",status=\"2xx\"} 1\n"));
    /* Who left is a 499. */
    assert_true(shows("octroi_requests_total{api=\"chat\",status=\"4xx\"} 1\n"));
    assert_true(shows("octroi_requests_total{api=\"data\",status=\"5xx\"} 1\n"));
    assert_true(shows("octroi_requests_total{api=\"none\",status=\"4xx\"} 1\n"));
    assert_true(shows("octroi_upstream_failures_total 1\n"));
    assert_true(shows("octroi_request_duration_seconds_count{api=\"chat\"} 2\n"));
    assert_true(shows("octroi_requests_live 0\n"));
}

static void what_runs_is_live(void **state)
{
    struct exchange *x = post("/v1/chat/completions", alone);

    (void)state;
    assert_int_equal(metric_value(metrics.requests_live), 1);
    leave(x);
    assert_int_equal(metric_value(metrics.requests_live), 0);
}

static void no_status_and_no_api_count_nowhere(void **state)
{
    uint64_t before = metric_value(metrics.requests_live);

    (void)state;
    metrics_request("chat", 0, 1);
    metrics_request("chat", 100, 1);
    metrics_request("chat", 600, 1);
    metrics_request("other", 200, 1);
    assert_int_equal(metric_value(metrics.requests_live), before);
    assert_true(shows("octroi_requests_total{api=\"chat\",status=\"2xx\"} 1\n"));
}

static int open_group(void **state)
{
    (void)state;
    metrics_open();
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        GATE_TEST(every_api_and_class_is_there_from_the_start),
        GATE_TEST(no_api_of_the_build_is_forgotten),
        GATE_TEST(requests_count_by_api_and_class),
        GATE_TEST(what_runs_is_live),
        GATE_TEST(no_status_and_no_api_count_nowhere),
    };

    return cmocka_run_group_tests(tests, open_group, NULL);
}
