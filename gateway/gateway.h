/* SPDX-License-Identifier: Apache-2.0 */
/* The program behind `octroi serve`: opens the data folder, the book and the listeners,
 * runs a loop per core, reloads on SIGHUP, drains on SIGTERM. */
#ifndef GATEWAY_GATEWAY_H
#define GATEWAY_GATEWAY_H

#include <stdint.h>

#include "base/buf.h"
#include "base/rc.h"
#include "gateway/admin.h"
#include "gateway/config.h"
#include "gateway/config_diff.h"
#include "gateway/datadir.h"
#include "gateway/network_look.h"

struct gateway_options {
    const char *config_path;
    const char *listen; /* overrides the configuration's; NULL: does not */
    /* Called once, when calls are taken: the ports that were bound (admin 0: none). */
    void (*ready)(void *arg, uint16_t port, uint16_t admin_port);
    void *arg;
};

/* Serves until SIGTERM or SIGINT, then drains. Must be called on the main thread,
 * before other threads that could take its signals. On failure `faults` says in words
 * what to do. RC_BAD_CONFIG, RC_NO_STORE (octroi init), RC_LOCKED (another one runs),
 * RC_CONFLICT (the port is in use), RC_CORRUPT, .. */
MUST_CHECK enum rc gateway_run(const struct gateway_options *options,
                               struct buf *faults);

/* x402_curve_start() with a seed of its own, before there are threads, which all share
 * it; gateway_run() does it itself. RC_NOMEM. */
MUST_CHECK enum rc gateway_start_curve(void);

#endif
