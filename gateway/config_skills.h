/* SPDX-License-Identifier: Apache-2.0 */
/* The section `skills`: the market. Absent: as if it were empty. */
#ifndef GATEWAY_CONFIG_SKILLS_H
#define GATEWAY_CONFIG_SKILLS_H

#include <stdbool.h>
#include <stdint.h>

#include "gateway/config_payments.h"
#include "skills/skills.h"

struct config_skills {
    uint32_t platform_ppm;     /* `platform_share`, of every use; default 10% */
    uint64_t payout_delay_us;  /* `payout_delay`; default 7 days */
    bool allow_private;        /* endpoints of publishers on private addresses; false */
    enum skill_review review;  /* `review`: findings (default), new (default where
                                  registration is open), all */
    bool registration_open;    /* `registration`: operator (default), open */
    uint64_t max_upload_bytes; /* `max_upload_bytes` of one publisher's files that wait
                                  for their version; default 64 MiB */

    /* `payout: {network: "eip155:84532", key: {..}, max_per_payout: "1000"}`: who pays
     * publishers there. Read once: a reload that changes it needs a restart. */
    const struct config_network *payout_network; /* of payments, builtin, with at least
                                                    6 decimals; NULL: by hand only */
    struct config_key_file payout_key;
    struct money payout_max;
};

#endif
