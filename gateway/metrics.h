/* SPDX-License-Identifier: Apache-2.0 */
/* The gateway's own series. Registered once, before the loops start. */
#ifndef GATEWAY_METRICS_H
#define GATEWAY_METRICS_H

#include <stdint.h>

struct metric;

struct metrics {
    struct metric *requests_live;
    struct metric *upstream_failures;
    struct metric *config_reload_success;
    struct metric *payments_moving;   /* that the cashier works on, or a call has */
    struct metric *payments_dead;     /* that could not be brought to an end */
    struct metric *payments_reverted; /* that the chain took back */
    struct metric *payments_disputed; /* about which two nodes did not agree */
};
extern struct metrics metrics;

void metrics_open(void);
/* One request has ended. api: its name, a literal; status 499: the client left. */
void metrics_request(const char *api, unsigned status, uint64_t ms);
/* The cashier has answered a job. outcome: "paid", "good", "refused", "used",
 * "credited", "in_use", "pending", "down", "owing"; a literal. */
void metrics_payment(const char *outcome);

#endif
