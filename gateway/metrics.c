/* SPDX-License-Identifier: Apache-2.0 */
/* The gateway's own series: requests by api and class of status, their duration, what
 * is in flight, failed tries at upstreams, payments by outcome. */
#include "gateway/metrics.h"

#include "base/metric.h"

#include <stdio.h>
#include <string.h>

static const char *const apis[] = {
    "chat",        "embeddings", "models",       "data",     "wallet",      "topup",
    "facilitator", "ops",        "discovery",    "receipts", "completions", "responses",
    "messages",    "gemini",     "count_tokens", "mcp",      "skill",       "registry",
    "install",     "publishers", "bazaar",       "none"};
static const char *const classes[] = {"2xx", "3xx", "4xx", "5xx"};

static const char *const outcomes[] = {"paid",    "good",     "refused",
                                       "used",    "credited", "in_use",
                                       "pending", "down",     "owing"};

enum {
    OUTCOME_COUNT = sizeof(outcomes) / sizeof(outcomes[0]),
    API_COUNT = sizeof(apis) / sizeof(apis[0]),
    CLASS_COUNT = sizeof(classes) / sizeof(classes[0])
};

struct metrics metrics;
static struct metric *requests[API_COUNT][CLASS_COUNT];
static struct metric *durations[API_COUNT];
static char labels[API_COUNT][CLASS_COUNT][64];
static char api_labels[API_COUNT][32];
static struct metric *payments[OUTCOME_COUNT];
static char outcome_labels[OUTCOME_COUNT][32];

static void open_payments(void)
{
    for (size_t i = 0; i < OUTCOME_COUNT; i++) {
        (void)snprintf(outcome_labels[i], sizeof(outcome_labels[i]), "outcome=\"%s\"",
                       outcomes[i]);
        payments[i] = metric_counter("octroi_payments_total", outcome_labels[i],
                                     "Answers to payments that came with a call.");
    }
    metrics.payments_moving =
        metric_gauge("octroi_payments_moving", NULL, "Payments that are worked on.");
    metrics.payments_dead =
        metric_gauge("octroi_payments_dead", NULL,
                     "Payments that could not be brought to an end within a day.");
    metrics.payments_reverted = metric_counter("octroi_payments_reverted_total", NULL,
                                               "Payments that the chain took back.");
    metrics.payments_disputed =
        metric_counter("octroi_payments_disputed_total", NULL,
                       "Payments about which two nodes did not agree.");
}

void metrics_open(void)
{
    for (size_t a = 0; a < API_COUNT; a++)
        for (size_t c = 0; c < CLASS_COUNT; c++) {
            (void)snprintf(labels[a][c], sizeof(labels[a][c]),
                           "api=\"%s\",status=\"%s\"", apis[a], classes[c]);
            requests[a][c] =
                metric_counter("octroi_requests_total", labels[a][c],
                               "Requests answered, by api and status class.");
        }
    for (size_t a = 0; a < API_COUNT; a++) {
        (void)snprintf(api_labels[a], sizeof(api_labels[a]), "api=\"%s\"", apis[a]);
        durations[a] =
            metric_histogram_ms("octroi_request_duration_seconds", api_labels[a],
                                "From a request's head to its end, by api.");
    }
    metrics.requests_live =
        metric_gauge("octroi_requests_live", NULL, "Requests that have not ended.");
    metrics.upstream_failures = metric_counter("octroi_upstream_failures_total", NULL,
                                               "Tries at an upstream that failed.");
    metrics.config_reload_success =
        metric_gauge("octroi_config_reload_success", NULL,
                     "1 if the last reload of the configuration worked, else 0.");
    metric_set(metrics.config_reload_success, 1);
    open_payments();
}

void metrics_payment(const char *outcome)
{
    for (size_t i = 0; i < OUTCOME_COUNT; i++)
        if (strcmp(outcomes[i], outcome) == 0)
            metric_add(payments[i], 1);
}

void metrics_request(const char *api, unsigned status, uint64_t ms)
{
    unsigned class = status / 100;

    if (class < 2 || class > 5)
        return;
    for (size_t a = 0; a < API_COUNT; a++)
        if (strcmp(apis[a], api) == 0) {
            metric_add(requests[a][class - 2], 1);
            metric_observe_ms(durations[a], ms);
        }
}
