/* SPDX-License-Identifier: Apache-2.0 */
/* Result codes: what a function that can fail returns. Expected failures only; our own
 * bugs are assert()s, which stay on in release builds. */
#ifndef BASE_RC_H
#define BASE_RC_H

#include <stdbool.h>

#define MUST_CHECK __attribute__((warn_unused_result))

enum rc {
#define RC(name, reason, http, retry) RC_##name,
#include "base/rc.def"
#undef RC
    RC__COUNT
};

/* Leaves the function with the code of a call that failed; for functions that hold
 * nothing that must be released. */
#define TRY(call)                 \
    do {                          \
        enum rc try_rc_ = (call); \
        if (try_rc_ != RC_OK)     \
            return try_rc_;       \
    } while (0)

/* The stable code that a client sees, for instance "insufficient_funds". Never NULL. */
const char *rc_reason(enum rc rc);

/* The HTTP status that goes with it. */
unsigned rc_http(enum rc rc);

/* Whether the same call may succeed later without a change. */
bool rc_retryable(enum rc rc);

/* The code whose reason is the NUL-terminated `reason`; RC_INTERNAL if there is none.
 */
enum rc rc_from_reason(const char *reason);

#endif
