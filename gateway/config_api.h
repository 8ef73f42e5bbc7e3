/* SPDX-License-Identifier: Apache-2.0 */
/* A data API: a host whose paths are called for money, as an entry of `data_apis` or as
 * a publisher's definition (gateway/api_definition.h) says it. Part of a snapshot:
 * nothing in it is written after it was read. docs/data-apis.md is the manual. */
#ifndef GATEWAY_CONFIG_API_H
#define GATEWAY_CONFIG_API_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/money.h"
#include "base/secret.h"

enum config_flow {
    CONFIG_UPFRONT, /* settled before the work is done */
    CONFIG_AFTER    /* verified before, settled after: "authorization" */
};

enum config_charge {
    CONFIG_CHARGE_SUCCESS, /* on 2xx only */
    CONFIG_CHARGE_ALWAYS,  /* whenever the host was reached */
    CONFIG_CHARGE_LISTED   /* by `charges` */
};

struct config_statuses { /* both included */
    unsigned from, to;
};

enum config_body {
    CONFIG_BODY_ANY,
    CONFIG_BODY_NONE,
    CONFIG_BODY_JSON /* one JSON text, and its Content-Type says so if it is given */
};

enum config_unit_of {
    CONFIG_UNIT_NONE,
    CONFIG_UNIT_ROWS,  /* of a top-level JSON array, of ndjson, of CSV but its header */
    CONFIG_UNIT_BYTES, /* of the body as it is delivered */
    CONFIG_UNIT_POINTER /* a number in a JSON answer, or how long an array in it is */
};

/* Besides the price of the call: `price` for `per` units of the answer, in proportion
 * and rounded up once, of at most `max` units. */
struct config_unit {
    enum config_unit_of of;
    char *pointer;      /* RFC 6901; of CONFIG_UNIT_POINTER */
    struct money price; /* markup applied */
    uint64_t per, max;
};

/* Calls of a calendar window (UTC) that cost nothing, of each root wallet. */
struct config_free {
    uint64_t calls; /* 0: none */
    bool per_day;   /* else per month */
};

/* The price of a call, without its units, when `from` paid calls of this month came
 * before it. */
struct config_tier {
    uint64_t from;
    struct money price; /* markup applied */
    char version[24];
};

struct config_endpoint {
    char *method; /* upper case; "ANY": all */
    char *path;   /* "/markets/{id}", "/files/{rest*}" */
    bool priced;
    struct money price; /* of a call without units, markup applied; at cost: the most */
    struct money most;  /* what is held: with all units that may be charged */
    /* Of a host that is paid (`buys`): */
    bool at_cost;           /* no price: a call costs what was paid, and the markup */
    uint32_t markup_ppm;    /* at cost */
    struct money max_price; /* what it may ask for a call */
    enum config_charge charge;
    size_t charge_count;
    struct config_statuses *charges;
    size_t pass_count;
    char **pass_headers; /* lower case */
    char version[24];
    enum config_flow flow; /* when a payment for it is settled */

    char *description;  /* one paragraph for people and models; NULL: none */
    char *input_schema; /* JSON Schema of an object, as JSON text; NULL: none. A member
                         * that is a parameter of the path goes there; the others into
                         * the query of GET, HEAD and DELETE, else into a JSON body */
    char *example;      /* such an object, as JSON text; NULL: none */

    uint64_t max_query_bytes, max_body_bytes; /* UINT64_MAX: only what binds all */
    enum config_body body;
    uint64_t cache_ms; /* how long an answer is given again; 0: never */
    struct config_unit unit;
    struct config_free free;
    size_t tier_count;
    struct config_tier *tiers; /* by rising `from` */
};

struct config_data_api {
    char *name;
    char *base_url; /* without trailing slash; may have a path */
    bool allow_private;
    char *auth_header;         /* NULL: none; basic: "Authorization" */
    char *auth_query;          /* NULL: none; goes with every URL, and into no log */
    char *auth_user;           /* of basic, for people; NULL: another form */
    struct secret *auth_value; /* of the header or the parameter, as it is sent */
    bool buys; /* auth: {x402: ..} or {mpp: ..}: paid from the central wallet key */
    size_t endpoint_count;
    struct config_endpoint *endpoints; /* first match wins */
    uint64_t first_byte_timeout_ms, idle_timeout_ms;
};

const char *config_charge_name(enum config_charge charge); /* "success", .. */
const char *config_unit_name(const struct config_unit *u); /* "rows", .. */
/* Whether an answer of this status is charged. */
bool config_charges(const struct config_endpoint *e, unsigned status);
/* The price of so many units, of at most unit.max; zero without units. */
struct money config_unit_price(const struct config_endpoint *e, uint64_t units);

#endif
