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
};
extern struct metrics metrics;

void metrics_open(void);
/* One request has ended. api: its name, a literal; status 499: the client left. */
void metrics_request(const char *api, unsigned status, uint64_t ms);

#endif
