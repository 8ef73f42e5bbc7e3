/* SPDX-License-Identifier: Apache-2.0 */
/* The other side of a call without a network: stands in for gateway/upstream.h under
 * the request layer. It records what is to be sent, and the test says what comes back,
 * when, and in which pieces. */
#ifndef TESTS_UPSTREAM_DOUBLE_H
#define TESTS_UPSTREAM_DOUBLE_H

#include "base/buf.h"
#include "gateway/upstream.h"

struct upstream_call {
    struct upstream_spec spec;
    /* As they were at the start: the spec must stay what it was until the end. */
    char *method;
    char *url;
    struct buf headers; /* "name: value\n" each */
    struct buf body;

    bool unsent; /* the test says that not a byte went out yet */
    bool paused;
    bool cancelled;
    bool ended;
    unsigned resumes;
    struct buf rest; /* what the call has not taken yet */
    struct upstream_call *next;
};

/* RC_OK, or what upstream_start() says the next time. */
extern enum rc upstream_refuses;

unsigned upstream_count(void);                      /* calls so far */
struct upstream_call *upstream_last(void);          /* which must be there */
struct upstream_call *upstream_nth(unsigned index); /* the first is 0 */
/* The value of a header that would be sent; NULL: none. Until the next call. */
const char *upstream_header(const struct upstream_call *c, const char *name);

/* What comes. headers: "Name: value\n" each. Bytes are cut at 16 KiB, as the manual
 * says; what is not taken waits for upstream_goes_on(). */
void upstream_says_head(struct upstream_call *c, unsigned status, const char *headers);
void upstream_says(struct upstream_call *c, struct slice bytes);
void upstream_goes_on(struct upstream_call *c);
/* Not if head or data stopped it, which ends it. */
void upstream_ends(struct upstream_call *c, enum upstream_fail fail);

/* Asserts that each call has ended or was cancelled; frees them. */
void upstreams_close(void);

#endif
