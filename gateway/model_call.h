/* SPDX-License-Identifier: Apache-2.0 */
/* What the model apis of one dialect share: finding the model and its targets, the
 * worst case, the body with its few spliced fields, the answer plain or streamed, the
 * usage, the upstream's errors. The api's own file says which fields its requests have.
 */
#ifndef GATEWAY_MODEL_CALL_H
#define GATEWAY_MODEL_CALL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/json_guard.h"
#include "gateway/price.h"
#include "gateway/provider.h"
#include "gateway/request.h"
#include "gateway/select.h"
#include "gateway/sse.h"
#include "gateway/usage.h"

enum {
    MODEL_FIELDS_MAX = 24
};

struct model_call {
    const struct config_model *model;
    enum provider_op op;
    uint8_t order[SELECT_TARGETS_MAX];
    size_t order_count;
    size_t order_next;
    const struct config_target *target; /* of the present try */

    /* The request. */
    struct slice body;
    size_t field_count;
    struct json_field fields[MODEL_FIELDS_MAX];
    bool stream;
    bool usage_asked; /* the client wants the usage chunk */
    uint64_t choices;
    uint64_t output_bound;
    bool bound_given;
    bool bound_forced; /* by what was paid: spliced in whatever was given */
    uint64_t prompt_bound;
    uint64_t references; /* images, files and the like, for the prompt bound */
    struct buf sent;     /* the body of the present try */
    struct slice part;

    /* The answer. */
    struct usage usage;
    uint64_t text_bytes; /* of generated text, where the usage is to be estimated */
    uint64_t text_pieces;
    struct buf plain; /* a whole answer */
    char content_type[128];
    struct sse_reader sse;
    bool sse_open;
    bool begun;               /* the stream's head went out */
    bool done;                /* its terminal event came in */
    struct slice usage_chunk; /* kept back until the cost is known */
    enum rc stream_rc;        /* why the stream is to be broken off */
};

/* In plan(): scans the body for `fields` (the first must be "model"), finds the model
 * and whether the caller may use it, and its targets. Allocates r->api_state. */
MUST_CHECK enum rc model_call_begin(struct model_call **out, struct request *r,
                                    enum provider_op op, const char *const *fields,
                                    size_t count);
/* A field of the scan; never NULL. */
struct json_field *model_call_field(struct model_call *m, const char *name);
/* Integer in a range, or absent (*out untouched, *given false). */
MUST_CHECK enum rc model_call_u64(struct request *r, const char *name, uint64_t *out,
                                  bool *given, uint64_t min, uint64_t max);
/* A boolean, or absent. */
MUST_CHECK enum rc model_call_bool(struct request *r, const char *name, bool *out);
/* At the end of plan(): the worst case. */
MUST_CHECK enum rc model_call_quote(struct request *r);

enum rc model_call_fit(struct request *r, struct money most, uint64_t *bound);
void model_call_bind(struct request *r, uint64_t bound);

/* The rest of struct api, for every model api of the OpenAI dialect. */
enum rc model_call_build(struct request *r, struct upstream_spec *spec);
bool model_call_head(struct request *r, unsigned status,
                     const struct http_header *headers, size_t count);
enum upstream_take model_call_data(struct request *r, struct slice bytes);
bool model_call_may_retry(struct request *r, unsigned status, struct slice body);
enum rc model_call_complete(struct request *r);
enum rc model_call_cost(struct request *r, struct money *cost,
                        struct wallet_call *call);
void model_call_finish(struct request *r);
void model_call_broken(struct request *r, enum rc rc);
void model_call_explain(struct request *r, unsigned status, struct slice body);
/* Frees what is not in the arena; the api's close(). */
void model_call_close(struct request *r);

/* All of them, for the api's const object; it adds its name, routes and plan. */
#define MODEL_CALL_FUNCTIONS                                                           \
    .fit = model_call_fit, .bind = model_call_bind, .build = model_call_build,         \
    .head = model_call_head, .data = model_call_data,                                  \
    .may_retry = model_call_may_retry, .complete = model_call_complete,                \
    .cost = model_call_cost, .finish = model_call_finish, .broken = model_call_broken, \
    .explain = model_call_explain, .close = model_call_close

/* model_stream.c: the streamed half. */
enum upstream_take model_stream_data(struct request *r, struct slice bytes);
enum rc model_stream_complete(struct request *r);
void model_stream_finish(struct request *r);

#endif
