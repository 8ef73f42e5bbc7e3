/* SPDX-License-Identifier: Apache-2.0 */
/* A wire: one dialect in which models are called, as pure functions from bytes to the
 * common forms (conversation.h, answer.h) and back. An api says which wire its clients
 * speak, a provider which ones it takes; is one of them the client's, its bytes pass as
 * they came (the short way), else they go through the common form. A wire knows no
 * request, no money, no socket and no clock.
 *
 * The halves: read() and out: the side of a server (clients speak to us). write(), in:
 * the side of a client (we speak to a vendor). A wire may lack either pair. */
#ifndef GATEWAY_WIRE_H
#define GATEWAY_WIRE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/json_guard.h"
#include "gateway/answer.h"
#include "gateway/conversation.h"
#include "gateway/error.h"
#include "gateway/quirks.h"
#include "gateway/usage.h"

enum wire_framing {
    WIRE_SSE,
    WIRE_EVENT_STREAM /* application/vnd.amazon.eventstream */
};

/* Where a request was bad. param: the field's path, "messages[1].content[0].type". */
struct wire_fault {
    const char *param;
    const char *detail;
    struct slice extra; /* members for struct fault's; SLICE_NONE: none */
};
/* Fills param and detail; detail is cut at 300 bytes. Returns RC_BAD_INPUT. */
enum rc wire_refuse(struct wire_fault *f, struct arena *a, const char *param,
                    const char *format, ...) __attribute__((format(printf, 4, 5)));

/* For whom a body is written. */
struct wire_target {
    struct slice model; /* as the provider names it */
    unsigned quirks;
    uint64_t max_output_tokens; /* of the model: for wires that must name a bound */
    bool stream;                /* asked of the vendor, whatever the client asked */
    bool bound_forced;          /* output_bound below goes in, whatever was asked */
    uint64_t output_bound;
};

enum {
    WIRE_CHANGES_MAX = 16
};

struct wire_changes {
    size_t count;
    struct json_splice splices[WIRE_CHANGES_MAX];
};

/* Sets the member `name` to raw JSON (SLICE_NONE: removes it, if it is there). */
void wire_change(struct wire_changes *c, struct json_field *fields, size_t count,
                 const char *name, struct slice value);

/* One message of a stream, taken out of its framing. */
struct wire_event {
    struct slice name; /* SSE's event; :event-type; empty: none */
    struct slice data; /* JSON that the guard has passed; or the wire's `done` word */
    bool is_exception; /* of an event stream; name is its type */
};

/* For the side of a server. */
struct wire_answer {
    bool stream;
    bool json_array;     /* gemini: the stream is one JSON array, not events */
    bool usage_asked;    /* chat: the client wants the usage chunk */
    bool cost_as_number; /* usage.cost: a number, as OpenRouter's clients read it */
    struct slice model;  /* as the client named it */
    const char *id;      /* of the request: for ids that the vendor does not give */
    uint64_t created_s;  /* Unix time */
    bool reasoning_shown;
    const struct conversation *asked; /* NULL: not known */
};

/* What was used, when the money is booked. */
struct wire_bill {
    const struct usage *usage;
    struct money cost;
};

struct wire {
    const char *name; /* "chat": also in docs and logs */
    const char
        *signed_by; /* whose reasoning signatures it makes and takes; NULL: none */
    enum wire_framing framing;
    const char *done; /* data of an event that is no JSON: "[DONE]"; NULL: none */

    /* ---- Requests ---- */

    /* A client's body, which the guard has passed. RC_BAD_INPUT: *fault. RC_NOMEM. */
    enum rc (*read)(struct conversation *out, struct wire_fault *fault,
                    struct slice body, struct arena *a);
    /* Appends the body for a vendor. What has no place goes into *lost by the client's
     * name for it. RC_BAD_INPUT: *fault: cannot be said at all. RC_NOMEM. */
    enum rc (*write)(struct buf *out, const struct conversation *c,
                     const struct wire_target *t, struct losses *lost,
                     struct wire_fault *fault, struct arena *a);

    /* ---- A vendor's answers ---- */

    /* A whole answer, guarded, as events, END included. RC_UPSTREAM: it is none. Memory
     * of `scratch` is for this call. */
    enum rc (*answer)(struct slice json, answer_sink *sink, void *arg,
                      struct arena *scratch);
    /* The state of one stream's reader, in a, which lives as long as the stream; it may
     * not grow with it. NULL: no memory. */
    void *(*open)(struct arena *a);
    /* One event of it. Unknown ones give nothing and are RC_OK. RC_UPSTREAM: it can not
     * be one of this wire. */
    enum rc (*event)(void *state, const struct wire_event *e, answer_sink *sink,
                     void *arg, struct arena *scratch);
    /* The bytes have ended: for wires without a terminal event, which give END here if
     * they have seen what an answer ends with. NULL: nothing to do. */
    enum rc (*ended)(void *state, answer_sink *sink, void *arg);

    /* ---- The short way ---- */

    /* Top-level members of a client's body that adapt() looks at, NULL at the end: the
     * api's scan must have them all. */
    const char *const *fields;
    /* Changes to a client's body of this very wire for this target: the model's name,
     * usage asked for where the vendor must be told, the bound if it is forced, the
     * target's quirks. Everything else stays byte for byte. RC_BAD_INPUT: *fault. */
    enum rc (*adapt)(struct wire_changes *out, const struct wire_target *t,
                     struct json_field *fields, size_t count, struct wire_fault *fault,
                     struct arena *a);

    /* The raw usage object inside an answer or an event, to which the cost is added;
     * SLICE_NONE: none there. */
    struct slice (*usage_at)(struct slice json);
    /* An event for a client that did not ask for usage. false: it needs no change;
     * true: what is left of it was appended, maybe nothing. NULL: no event of this wire
     * does. */
    bool (*without_usage)(struct buf *out, struct slice json);

    /* ---- Answers to a client ---- */

    /* The state of one answer's writer; what it borrows besides a is given back by
     * out_close(). NULL: no memory. */
    void *(*out_open)(const struct wire_answer *w, struct arena *a);
    void (*out_close)(void *state); /* NULL: nothing to do */
    /* Appends what the client gets of an event, framed; whole answers append nothing
     * yet. USAGE and END too: what must wait for the bill is kept in the state. */
    void (*out_event)(void *state, struct buf *out, const struct answer_event *e);
    /* The money is booked: the rest of the stream, or the whole answer. */
    void (*out_end)(void *state, struct buf *out, const struct wire_bill *bill);
    /* In a stream that broke after its first byte: the error, framed, in the dialect's
     * own form; nothing follows. state NULL: the short way. NULL: an event without a
     * name, its data the error's body. */
    void (*out_error)(void *state, struct buf *out, const struct fault *f,
                      const char *request_id);
};

extern const struct wire wire_chat;        /* OpenAI chat completions */
extern const struct wire wire_completions; /* OpenAI completions; no write() */
extern const struct wire wire_responses;   /* OpenAI responses */
extern const struct wire wire_messages;    /* Anthropic messages */
extern const struct wire wire_gemini;      /* Gemini generateContent */

/* ---- For wires ---- */

/* Gives a whole text part (PART, DELTA, PART_END) to the sink, with what `e` has set
 * besides kind. */
MUST_CHECK enum rc answer_give_part(answer_sink *sink, void *arg,
                                    struct answer_event *e);

#endif
