/* SPDX-License-Identifier: Apache-2.0 */
/* How a call is paid: one const object per file in gateway/payments/, found through the
 * table that mkregistry prints. The first whose header is present takes the request. */
#ifndef GATEWAY_PAYMENT_H
#define GATEWAY_PAYMENT_H

#include <stdbool.h>

#include "base/buf.h"
#include "base/rc.h"
#include "gateway/server.h"

struct request;

/* What a state's function says: go on with the (new) state, or wait to be run again. */
enum step {
    STEP_ON,
    STEP_WAIT
};

struct payment {
    const char *name;
    bool is_key; /* an API key: also asked beside a payment */
    /* Whether the request carries this scheme's header. */
    bool (*mine)(const struct http_request *http);
    /* At the head, before the body is read: who is it? Cheap, no waiting. A scheme that
     * can not tell before it knows the price leaves r->identified false, and everything
     * that depends on the caller (r->caller, the Idempotency-Key) to reserve(). */
    enum rc (*identify)(struct request *r);
    /* Whether what came is no payment of this scheme at all: its sender is as much of a
     * stranger as who sent none. NULL: never. */
    bool (*unreadable)(const struct request *r);
    /* Secure r->quote.worst. STEP_WAIT until done; then r->rc says how it went; or it
     * was a repeat and has been answered (r->status). Called again after every
     * wake-up. */
    enum step (*reserve)(struct request *r);
    /* Take r->cost (r->take) or give everything back; exactly once, may wait. */
    enum step (*settle)(struct request *r);
    /* Members of the 402 body ("accepts" and the like), as JSON without braces, none at
     * all if there is nothing to offer; and headers of the answer. */
    void (*offer)(struct buf *out, struct request *r);
    /* The header that tells what became of the payment, once it is known; asked again
     * after settle. false: nothing to tell (yet). NULL: never. */
    bool (*receipt)(struct request *r, const char **name, struct slice *value);
    /* What of it belongs into x402's `extensions`: a JSON value under a name, or false.
     * NULL: nothing. */
    bool (*extension)(struct request *r, const char **name, struct slice *json);
};

/* The scheme for a request; NULL: it carries none. */
const struct payment *payment_for(const struct http_request *http);
/* All offers, for a 402. */
void payment_offers(struct buf *out, struct request *r);
/* The extensions of x402 that come with them, as one JSON object; SLICE_NONE: none. */
struct slice payment_extensions(struct request *r);
/* The key that a request carries beside a payment: 401 if it is wrong. Without one:
 * RC_OK, nothing happens. */
MUST_CHECK enum rc payment_key_beside(struct request *r);

#endif
