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
    /* Whether the request carries this scheme's header. */
    bool (*mine)(const struct http_request *http);
    /* At the head, before the body is read: who is it? Cheap, no waiting. */
    enum rc (*identify)(struct request *r);
    /* Secure r->quote.worst. STEP_WAIT until done; then r->rc says how it went. Called
     * again after every wake-up. */
    enum step (*reserve)(struct request *r);
    /* Take r->cost (r->take) or give everything back; exactly once, may wait. */
    enum step (*settle)(struct request *r);
    /* Members of the 402 body ("accepts" and the like), as JSON without braces. */
    void (*offer)(struct buf *out, const struct request *r);
};

/* The scheme for a request; NULL: it carries none. */
const struct payment *payment_for(const struct http_request *http);
/* All offers, for a 402. */
void payment_offers(struct buf *out, const struct request *r);

#endif
