/* SPDX-License-Identifier: Apache-2.0 */
/* A call of a data API whose host asks for money: the first try is unpaid; a 402 is
 * answered with one purchase (settle/purchase.h), sent once more when no answer came to
 * it, and never signed a second time. Part of gateway/apis/data.c, which owns the call;
 * lives in the request's arena. */
#ifndef GATEWAY_DATA_BUY_H
#define GATEWAY_DATA_BUY_H

#include "gateway/request.h"
#include "gateway/settle/purchase.h"

enum data_buy_state {
    DATA_BUY_IDLE,    /* nobody has asked for money */
    DATA_BUY_ASKED,   /* its 402 is being read */
    DATA_BUY_WORKING, /* booked, signed */
    DATA_BUY_READY,   /* nobody has seen it yet */
    DATA_BUY_SENT,
    DATA_BUY_REFUSED /* by us */
};

struct data_buy {
    struct request *request;
    const struct config_endpoint *endpoint;
    struct slice url;
    struct slice body;
    enum data_buy_state state;
    size_t header_count; /* of the 402 */
    struct http_header *headers;
    struct purchase *purchase;
    struct money amount;
    struct money least; /* with RC_LIMIT: what it would have cost; else zero */
    enum rc rc;         /* REFUSED */
    unsigned sent;      /* how often the payment went out */
    bool asked_again;   /* after it was paid */
    struct buyer_receipt receipt;
};

/* The head of an answer. true: it asks for money, and is no answer. */
bool data_buy_head(struct data_buy *b, unsigned status,
                   const struct http_header *headers, size_t count);
/* Between two tries, as api->prepare. */
enum step data_buy_prepare(struct data_buy *b);
/* The next try. RC_OK: it goes out, with *header unless its name is SLICE_NONE.
 * RC_NOT_FOUND: there is none; else it is told in r->fault. */
enum rc data_buy_next(struct http_header *header, struct data_buy *b);
/* What became of a 402 that was no answer, in r->fault. */
void data_buy_explain(struct data_buy *b);

/* Whether a payment went out, and whether the seller has surely taken it: it served the
 * call (`good`), or says so. */
bool data_buy_sent(const struct data_buy *b);
bool data_buy_taken(const struct data_buy *b, bool good);
/* What the caller pays at cost: what was paid, and the markup. */
struct money data_buy_cost(const struct data_buy *b);
/* The purchase is over; may be called again. */
void data_buy_end(struct data_buy *b, bool good);

#endif
