/* SPDX-License-Identifier: Apache-2.0 */
/* The demo's market: a publisher with a free skill, and one that is called for money.
 */
#ifndef CLI_DEMO_MARKET_H
#define CLI_DEMO_MARKET_H

#include <stdint.h>

#include "skills/skills.h"

#define DEMO_PUBLISHER "demo"
#define DEMO_SKILL     "market-watch"

/* Lists them, unless an earlier start did; their endpoint is the mock's, whose port is
 * new each time. */
MUST_CHECK enum rc demo_market_set_up(struct skills *s, uint16_t mock_port);

#endif
