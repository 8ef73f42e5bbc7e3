/* SPDX-License-Identifier: Apache-2.0 */
/* A call of somebody's host that costs by the call: of a data API, or of a skill's
 * endpoint. The raw path is matched by segment and sent as it came; status, end-to-end
 * headers and body pass through. A short answer waits until it is booked, so that its
 * head can say the cost; a long or slow one streams. Units are counted as they pass.
 *
 * An api's plan() opens the call, adds the ways to pay for it and quotes; all else is
 * the functions below, in the places of the same name of struct api. */
#ifndef GATEWAY_METERED_H
#define GATEWAY_METERED_H

#include "gateway/config_api.h"
#include "gateway/data_buy.h"
#include "gateway/data_cache.h"
#include "gateway/request.h"
#include "gateway/units.h"

enum {
    METERED_HEADERS_MAX = 64,
    METERED_WHOLE_MAX = 65536, /* up to this an answer may wait for its booking */
    METERED_RUNGS_MAX = 20 /* free, list price, tiers; or a month and what it covers */
};

/* One way to pay for the call. They are tried in order: the next one when a quota is
 * spent, or when another call has bought what this one would buy. While that call is
 * under way nobody knows whether it will: then the others wait for some seconds. */
struct metered_rung {
    struct money price; /* without units */
    const char *version;
    bool units_free;
    struct wallet_quota quota;
    struct wallet_once once; /* bought by this call; it is `purchase` */
};

struct metered {
    const struct config_data_api *api; /* as long as the call: see release() */
    const struct config_endpoint *endpoint;
    struct slice name;         /* in the books; and what calls are counted by */
    struct wallet_share share; /* present: the capture is shared */
    size_t rung, rung_count;
    unsigned waits; /* for another call that is buying the same */
    struct metered_rung rungs[METERED_RUNGS_MAX];
    void (*release)(void *held); /* at the end of the call; NULL: nothing is held */
    void *held;

    const char *url;
    struct data_buy buy; /* of a host that is paid */
    size_t header_count;
    struct http_header headers[METERED_HEADERS_MAX];
    struct http_header paid[METERED_HEADERS_MAX + 1]; /* the same, with a payment */
    struct slice body;

    unsigned status; /* of the upstream's answer; 0: none yet */
    size_t answer_count;
    struct http_header answer[METERED_HEADERS_MAX];
    const char *content_type;
    uint64_t content_length; /* UINT64_MAX: unknown */
    struct buf whole;
    bool begun;
    struct units units;

    bool may_cache; /* the request, and so far the answer */
    uint8_t cache_key[32];
    struct data_answer *hit;  /* it is given instead of a call */
    struct data_answer *fill; /* it is made of this answer */
};

/* ---- plan ---- */

/* First: a call that is nothing yet, as r->api_state. NULL: out of memory. */
struct metered *metered_new(struct request *r);
/* The endpoint of a raw path ("/a/b"), with its limits, URL and headers. On failure
 * r->fault may say more. The price is not looked at. */
MUST_CHECK enum rc metered_open(struct metered *m, struct request *r,
                                const struct config_data_api *api, struct slice name,
                                struct slice path);
/* The first endpoint that a method and a raw path fit. RC_NOT_FOUND, RC_BAD_METHOD. */
MUST_CHECK enum rc metered_endpoint(const struct config_endpoint **out,
                                    const struct config_data_api *api,
                                    struct slice method, struct slice path);
/* Adds the free calls of the endpoint, `price`, and its tiers: the first and the last
 * of these for callers with a key only. */
void metered_add_prices(struct metered *m, struct request *r, struct money price,
                        const char *version);
/* One more way; NULL if there are too many. */
struct metered_rung *metered_add(struct metered *m);
/* A header for the host, which no client's stands against. */
void metered_header(struct metered *m, struct slice name, struct slice value);
/* Last: fills r->quote for the first way. */
MUST_CHECK enum rc metered_quote(struct metered *m, struct request *r);

/* ---- As in struct api ---- */

enum hold_again metered_rehold(struct request *r, enum rc rc);
enum step metered_prepare(struct request *r);
enum rc metered_build(struct request *r, struct upstream_spec *spec);
bool metered_head(struct request *r, unsigned status, const struct http_header *headers,
                  size_t count);
enum upstream_take metered_data(struct request *r, struct slice bytes);
bool metered_may_retry(struct request *r, unsigned status, struct slice body);
enum rc metered_complete(struct request *r);
enum rc metered_cost(struct request *r, struct money *cost, struct wallet_call *call);
void metered_finish(struct request *r);
void metered_broken(struct request *r, enum rc rc);
void metered_explain(struct request *r, unsigned status, struct slice body);
void metered_close(struct request *r);

#define METERED_FUNCTIONS                                                         \
    .rehold = metered_rehold, .prepare = metered_prepare, .build = metered_build, \
    .head = metered_head, .data = metered_data, .may_retry = metered_may_retry,   \
    .complete = metered_complete, .cost = metered_cost, .finish = metered_finish, \
    .broken = metered_broken, .explain = metered_explain, .close = metered_close

/* ---- Inside of gateway/metered*.c ---- */

/* A copy of the answer for the cache, if it may be kept. At its head. */
void metered__cache_begin(struct metered *m, struct request *r,
                          const struct http_header *headers, size_t count);
void metered__cache_add(struct metered *m, struct slice bytes);
void metered__cache_end(struct metered *m, struct request *r);
/* Whether the request may be answered from the cache; and its key. */
void metered__cache_key(struct metered *m, struct request *r);
/* Looks; true: m->hit is the answer, and its units are counted. */
bool metered__cache_find(struct metered *m, struct request *r);

#endif
