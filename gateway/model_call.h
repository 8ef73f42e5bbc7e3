/* SPDX-License-Identifier: Apache-2.0 */
/* What all model apis share: finding the model and its targets, the worst case, the
 * body of a try (the client's own with a few spliced fields where the target speaks the
 * same wire, else written anew in the target's), the answer plain or streamed on the
 * same two ways, the usage, the upstream's errors. The api's own file says which wire
 * its clients speak and which fields its requests have. */
#ifndef GATEWAY_MODEL_CALL_H
#define GATEWAY_MODEL_CALL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/json_guard.h"
#include "gateway/key_turns.h"
#include "gateway/price.h"
#include "gateway/provider.h"
#include "gateway/providers/event_stream.h"
#include "gateway/request.h"
#include "gateway/select.h"
#include "gateway/sse.h"
#include "gateway/usage.h"
#include "gateway/wire.h"

enum {
    MODEL_SEARCHES_MAX = 16, /* for a tool of the vendor's that names no bound */
    MODEL_FIELDS_MAX = 64,
    MODEL_KEPT_MAX = 16
};

struct model_bond;

/* What an api says of its calls. */
struct model_ask {
    const struct wire *wire; /* NULL: embeddings */
    enum provider_op op;
    const char *const
        *fields;        /* that it reads, besides the wire's own; NULL at the end */
    struct slice model; /* from the path; SLICE_NONE: the body's "model" */
    bool reframed;      /* the answer's framing is not the wire's: never short */
    bool refers;        /* later calls may name its answers: model_call_refer() */
    const char *stream_type; /* NULL: "text/event-stream" */
};

/* An event of the short way that waits for the money to be booked. */
struct model_kept {
    struct slice name, data; /* copies */
    struct slice raw;        /* NONE: to be written anew, in the usual form */
    bool has_usage;
};

struct model_call {
    const struct config_model *model;
    const struct config_price *price; /* in force when the call began */
    const struct model_ask *ask;
    const struct wire *wire; /* of the client; NULL: embeddings */
    enum provider_op op;
    uint8_t order[SELECT_TARGETS_MAX];
    size_t order_count;
    size_t order_next;
    const struct config_target *target; /* of the present try */
    struct key_tries keys;              /* of its provider, in this call */
    size_t key;                         /* of the present try; KEY_TURNS_NONE: none */
    bool another_key, another_wire;     /* the next try is this target once more */
    struct model_bond *bond;            /* ask->refers: model_bond.h; else NULL */
    const struct wire *up_wire;         /* of the present try */
    bool is_short;                      /* the answer passes as it comes */
    bool up_stream;                     /* asked of the upstream */

    /* The request. */
    struct slice body;
    size_t field_count;
    struct json_field fields[MODEL_FIELDS_MAX];
    struct arena *memory;      /* of what is made of the body; NULL: nothing */
    struct conversation *talk; /* read if some target needs it; else NULL */
    bool stream;
    bool usage_asked;    /* the client wants the usage told in the stream */
    bool cost_as_number; /* in it */
    uint64_t choices, output_bound;
    bool bound_given;
    bool bound_forced; /* by what was paid: spliced in whatever was given */
    uint64_t prompt_bound;
    uint64_t references; /* images, files and the like, for the prompt bound */
    uint64_t searches;   /* that the vendor may run */
    const struct json_field *tier; /* that asks for one; NULL: "service_tier" */
    unsigned tiers;                /* that it may serve: price_tiers() */
    enum usage_tier tier_asked;
    struct buf sent; /* the body of the present try */
    struct slice part;
    struct losses lost; /* what the present try could not say */

    /* The answer. */
    struct usage usage;
    uint64_t text_bytes; /* of generated text, where the usage is to be estimated */
    uint64_t text_pieces;
    unsigned stops;   /* choices that have ended */
    bool has_content; /* something to show has come */
    bool failed;      /* the upstream says so itself */
    bool done;        /* its terminal event came in */
    bool begun;       /* the stream's head went out */
    enum rc stream_rc;
    unsigned now;     /* MODEL_NOW_* of the present event */
    struct buf plain; /* a whole answer */
    struct buf out;   /* what the writer made and nobody has seen */
    struct buf lead;  /* the short way: what came before any content */
    size_t kept_count;
    struct model_kept kept[MODEL_KEPT_MAX];
    struct arena *answer_memory; /* of what is kept, or of the writer; NULL: none */
    char content_type[128];
    enum wire_framing framing; /* of the reader that is open: a try's, maybe past */
    struct sse_reader sse;
    struct event_stream_reader frames;
    bool framing_open;
    void *reader; /* the up_wire's, of a stream */
    void *writer; /* the wire's; NULL on the short way */
};

/* In plan(): scans the body, finds the model and whether the caller may use it, and its
 * targets. Allocates r->api_state. `ask` lives as long as the request. */
MUST_CHECK enum rc model_call_begin(struct model_call **out, struct request *r,
                                    const struct model_ask *ask);
/* A field of the scan; never NULL. */
struct json_field *model_call_field(struct model_call *m, const char *name);
/* Integer in a range, or absent (*out untouched, *given false). */
MUST_CHECK enum rc model_call_u64(struct request *r, const char *name, uint64_t *out,
                                  bool *given, uint64_t min, uint64_t max);
/* A boolean, or absent. */
MUST_CHECK enum rc model_call_bool(struct request *r, const char *name, bool *out);
/* An image at `param`: RC_BAD_INPUT if the model is known to see none. */
MUST_CHECK enum rc model_call_image(struct request *r, const char *param);
/* The request has a tool that the vendor runs: it brings text of its own into the
 * prompt; one whose kind speaks of a search costs a fee for each. */
void model_call_hosted(struct model_call *m, struct slice kind);
/* At the end of plan(): reads the whole conversation if a target needs it, and the
 * worst case. */
MUST_CHECK enum rc model_call_quote(struct request *r);

enum rc model_call_fit(struct request *r, struct money most, uint64_t *bound);
void model_call_bind(struct request *r, uint64_t bound);

/* The rest of struct api, for every model api. */
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

#endif
