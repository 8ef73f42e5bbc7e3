/* SPDX-License-Identifier: Apache-2.0 */
/* An API that clients speak: one const object per file in gateway/apis/, found through
 * the table that mkregistry prints. It knows its dialect: how a request is read and
 * checked, what it may cost, how the upstream's answer becomes the client's. It does
 * not know who pays, and never waits: request.c calls it in the order of the functions
 * below. */
#ifndef GATEWAY_API_H
#define GATEWAY_API_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/money.h"
#include "base/rc.h"
#include "base/slice.h"
#include "gateway/error.h"
#include "gateway/payment.h"
#include "gateway/upstream.h"

struct request;
struct wallet_call;

enum {
    API_PRICED = 1, /* a call costs: needs a key or a payment, is held and captured */
    API_NEEDS_KEY = 2, /* free, or about the caller: 401 without a key */
    API_JSON_BODY = 4, /* Content-Type must be application/json when it is given */
    API_FLAT = 8,   /* plan() needs no body: an unpaid call is told its price at once */
    API_TOPUP = 16, /* no upstream: what is paid is the answer */
    API_LOCAL = 32, /* no upstream: finish() has the answer once it is paid, and of the
                       functions below only plan, cost, finish and close are called */
    API_ENVELOPE = 64 /* carries calls of others: plan() answers, or makes the request
                         such a call (gateway/request_envelope.h) */
};

struct api_route {
    const char *method; /* "*": any that the server lets through */
    const char *path;   /* "/v1/models/{model*}": {x} one segment, {x*} the rest,
                         * {x*}:verb the rest before a verb */
};

enum {
    API_PARAMS_MAX = 4
};

enum hold_again {
    HOLD_NOT, /* r->rc may have been set to say why */
    HOLD_NOW,
    HOLD_SOON /* in a quarter of a second: somebody else decides it first */
};

struct api {
    const char *name; /* the `kind` of its rows in the books: "chat", "data", .. */
    enum dialect dialect;
    unsigned flags;
    const struct api_route *routes; /* ended by a NULL method */
    /* Of a body that names its model, for who does not know the dialect: the other
     * members of a small one, as JSON. NULL: none, it is not advertised. */
    const char *example;

    /* Free APIs: answers (request_reply()) and that is all; the rest is NULL. */
    void (*serve)(struct request *r);
    /* Instead of it, one that waits: called again after every wake-up until it says
     * STEP_ON, and has answered. While r->money_busy is set it is not called, and the
     * request does not end, whoever has left. */
    enum step (*serve_wait)(struct request *r);
    /* At the head, the caller being known: the largest body that it may send, and its
     * refusal in r->fault. So much is set aside of what all bodies before a payment may
     * take together (RC_BUSY). NULL: 64 KiB of serve_wait, 16 KiB of serve. */
    enum rc (*body_max)(struct request *r, uint64_t *bytes);

    /* Priced ones. plan: the body is in: checks it, fills r->quote. On failure r->fault
     * has detail and param. It may answer (request_reply()): then it was free. May set
     * state of its own in r->api_state. */
    enum rc (*plan)(struct request *r);
    /* The hold met the end of a quota (RC_QUOTA_SPENT) or a purchase that another call
     * has made or is making (RC_USED), of a caller with a key: whether it is held once
     * more, for what r->quote and r->once say now. NULL: never. */
    enum hold_again (*rehold)(struct request *r, enum rc rc);
    /* API_TOPUP: the payment is settled and nobody was named whom it is for: sets
     * r->topup_target, or r->rc. Called again after every wake-up; what it has lent is
     * told by r->money_busy. */
    enum step (*open)(struct request *r);
    /* What can be made of this call for `most`: *bound is the largest output bound (of
     * each choice) whose worst case fits. RC_NO_FUNDS: not even one token does. NULL:
     * its price is what it is. */
    enum rc (*fit)(struct request *r, struct money most, uint64_t *bound);
    /* Then: bounds the output so, in what is sent, and lowers r->quote. */
    void (*bind)(struct request *r, uint64_t bound);
    /* Before each attempt, when that needs what takes time: a payment for the other
     * side. STEP_WAIT: it runs the request again when it is there, also if the client
     * has left meanwhile, so that nothing is given up half done. NULL: nothing. */
    enum step (*prepare)(struct request *r);
    /* The next attempt: fills *spec but for its callbacks. RC_NOT_FOUND: no target is
     * left. */
    enum rc (*build)(struct request *r, struct upstream_spec *spec);
    /* The upstream's head. true: its body is the answer: data() gets it. false: it is a
     * failure; request.c collects the body and asks classify(). */
    bool (*head)(struct request *r, unsigned status, const struct http_header *headers,
                 size_t count);
    enum upstream_take (*data)(struct request *r, struct slice bytes);
    /* After a failure: may another target be tried? */
    bool (*may_retry)(struct request *r, unsigned status, struct slice body);
    /* The upstream's answer is complete. Not RC_OK: it was garbage after all. */
    enum rc (*complete)(struct request *r);
    /* What was delivered costs this, however the call ended (r->outcome). */
    enum rc (*cost)(struct request *r, struct money *cost, struct wallet_call *call);
    /* The money is booked: give the rest of the answer and end it. */
    void (*finish)(struct request *r);
    /* The answer had begun and the upstream broke: say so in-band, then end it. */
    void (*broken)(struct request *r, enum rc rc);
    /* The upstream's error, for the client: fills r->fault from its body. */
    void (*explain)(struct request *r, unsigned status, struct slice body);
    /* The request ends: frees what is not in its arena. NULL: nothing is. Called only
     * if r->api_state was set. */
    void (*close)(struct request *r);
};

/* The API and its params for a raw path. RC_NOT_FOUND, RC_BAD_METHOD (allow filled),
 * RC_BAD_INPUT: a path that has no canonical form (dot segments, %2f, %5c, %00, //). */
struct api_match {
    const struct api *api;
    struct slice params[API_PARAMS_MAX]; /* raw pieces of the path */
    char allow[64];
};
MUST_CHECK enum rc api_route(struct api_match *out, struct slice method,
                             struct slice path);
/* The dialect in which a path's errors are told, matched or not. */
enum dialect api_dialect(struct slice path);

#endif
