/* SPDX-License-Identifier: Apache-2.0 */
/* A call inside a call: an api that carries calls of other apis in its bodies (MCP's
 * tools/call) makes the inner request, and the request layer goes on as if that had
 * come: routing, key, payment, limits, hold, tries, capture, log and metrics are the
 * inner call's. Only its answer does not reach the client as it is: it is collected
 * whole, and the outer api says it in its own words. There is no second exchange and no
 * second request. */
#ifndef GATEWAY_REQUEST_ENVELOPE_H
#define GATEWAY_REQUEST_ENVELOPE_H

#include "gateway/request.h"

enum {
    ENVELOPE_HEADERS_MAX = 96,       /* of the inner answer; more are left out */
    ENVELOPE_UPSTREAM_MAX = 1 << 20, /* bytes of an upstream's: more is a failure, and
                                      * costs nothing */
    ENVELOPE_ANSWER_MAX = 5 << 20    /* of what we make of it, or say ourselves */
};

/* In the request's arena. */
struct envelope {
    const struct http_request *http; /* the inner request; has_body and length filled */
    struct slice body;
    struct buf made; /* what of the body was made for it; freed with the request */
    struct slice resource; /* what offers of x402 say is sold */
    /* The inner answer is whole: answers the client, with request_outer_reply(). */
    void (*answered)(struct request *r);
    void *user;

    unsigned status;
    const char *content_type; /* "": none */
    struct buf answer;        /* spent: it was longer than ENVELOPE_ANSWER_MAX */
    size_t header_count;
    struct http_header headers[ENVELOPE_HEADERS_MAX];
};

/* From the outer api's plan(), which has allocated nothing in r->api_state: from here
 * on r is the inner request. RC_OK: it is admitted (r->planned: its plan() has run, and
 * it is to be refused: RC_PAYMENT_REQUIRED was said). Otherwise r->fault may have words
 * for the code. */
MUST_CHECK enum rc request_enclose(struct request *r, struct envelope *e);

/* A header of the inner answer; SLICE_NONE: it has none. */
struct slice envelope_header(const struct envelope *e, const char *name);
/* Each of the same name: start with *at = 0. false: there are no more. */
bool envelope_next_header(struct slice *value, const struct envelope *e,
                          const char *name, size_t *at);

/* The client's answer, in JSON. */
void request_outer_reply(struct request *r, unsigned status, struct slice json);

/* For request*.c: what takes the place of the exchange. */
void envelope__add_header(struct request *r, const char *name, struct slice value);
void envelope__begin(struct request *r, unsigned status, const char *content_type);
/* The end of a streamed answer. A broken one becomes the refusal that r->fault says,
 * since nothing of it was shown. */
void envelope__end(struct request *r, bool complete);
void envelope__free(struct request *r);

#endif
