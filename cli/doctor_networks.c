/* SPDX-License-Identifier: Apache-2.0 */
/* The doctor's look at where payments are settled. */
#include "cli/doctor_int.h"

#include "x402/x402.h"

#include <signal.h>
#include <stdio.h>

static void look_at_network(struct doctor *d, const struct config_network *n)
{
    static const enum doctor_state states[] = {
        [NETWORK_FINE] = DOCTOR_OK,
        [NETWORK_DOUBTFUL] = DOCTOR_WARN,
        [NETWORK_BROKEN] = DOCTOR_FAIL,
    };

    char name[X402_NETWORK_TEXT_SIZE];
    struct network_look look;
    enum rc rc = network_look(&look, n);

    x402_network_print(name, n->chain_id);
    if (rc != RC_OK)
        doctor_add(d, DOCTOR_FAIL, NULL, name, "cannot be looked at: %s",
                   rc_reason(rc));
    for (size_t i = 0; rc == RC_OK && i < look.count; i++)
        doctor_add(d, states[look.findings[i].state], look.findings[i].advice, name,
                   "%s", look.findings[i].text);
}

void doctor_look_at_networks(struct doctor *d)
{
    const struct config_payments *p = d->config->payments;

    if (p->network_count == 0)
        return;
    if (gateway_start_curve() != RC_OK) {
        d->lost = true;
        return;
    }
    (void)signal(SIGPIPE, SIG_IGN); /* for who hangs up on us */
    for (size_t i = 0; i < p->network_count; i++)
        look_at_network(d, &p->networks[i]);
    x402_curve_stop();
}
