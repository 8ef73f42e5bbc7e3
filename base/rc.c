/* SPDX-License-Identifier: Apache-2.0 */
/* The tables behind rc.h, built from rc.def. No texts for people: those are in the log.
 */
#include "base/rc.h"

#include <string.h>

static const struct {
    const char *reason;
    unsigned http;
    bool retryable;
} outcomes[RC__COUNT] = {

#define RC(name, reason_, http_, retry_) \
    [RC_##name] = {.reason = (reason_), .http = (http_), .retryable = (retry_)},
#include "base/rc.def"
#undef RC
};

/* A code may have been read from a disk or another process: one that this program does
 * not know is shown as an internal error, not looked up outside of the table. */
static enum rc known(enum rc rc)
{
    return (unsigned)rc < RC__COUNT ? rc : RC_INTERNAL;
}

const char *rc_reason(enum rc rc)
{
    return outcomes[known(rc)].reason;
}

unsigned rc_http(enum rc rc)
{
    return outcomes[known(rc)].http;
}

bool rc_retryable(enum rc rc)
{
    return outcomes[known(rc)].retryable;
}

enum rc rc_from_reason(const char *reason)
{
    for (unsigned i = 0; i < RC__COUNT; i++)
        if (strcmp(outcomes[i].reason, reason) == 0)
            return (enum rc)i;
    return RC_INTERNAL;
}
