/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of a model call share: model_call.c plans, model_try.c sends,
 * model_answer.c and model_stream.c take the answer, model_error.c its errors. */
#ifndef GATEWAY_MODEL_INT_H
#define GATEWAY_MODEL_INT_H

#include "gateway/model_call.h"

/* What the events of one message of the upstream were. */
enum {
    MODEL_NOW_BEGIN = 1,
    MODEL_NOW_CONTENT = 2,
    MODEL_NOW_STOP = 4,
    MODEL_NOW_USAGE = 8,
    MODEL_NOW_END = 16
};

/* Reads the fields of a body: the client's, or one that stands for it from here on (as
 * long as the call). */
MUST_CHECK enum rc model__scan(struct request *r, struct slice body);
/* The body in the common form: m->talk. RC_BAD_INPUT: *fault. */
MUST_CHECK enum rc model__read_talk(struct model_call *m, struct wire_fault *fault);
/* Opens m->memory, if it is not. */
MUST_CHECK enum rc model__memory(struct model_call *m);

/* A number for a choice, spread evenly over calls. One call draws for its target and
 * then for that one's key, so every second, third.. draw must be spread evenly too: the
 * multiples of the golden ratio are. */
uint64_t model__draw(struct worker *w);

/* What a wire refused, for the client. Returns RC_BAD_INPUT. */
enum rc model__refuse(struct request *r, const struct wire_fault *fault);

/* ---- model_answer.c ---- */

/* The sink of every answer: counts, and gives the event to the writer, if there is one.
 * arg: the request. */
enum rc model__take(void *arg, const struct answer_event *e);
/* Fresh for a try: drops what an earlier one left. */
void model__reset_answer(struct model_call *m);
/* m->answer_memory, for one try's answer; model__reset_answer() empties it. */
MUST_CHECK enum rc model__open_memory(struct model_call *m);
/* The writer of the client's wire, for a try on the long way. */
MUST_CHECK enum rc model__open_writer(struct request *r);
/* The writer could not say all of an event: the answer is broken. */
bool model__writer_failed(const struct request *r);
/* x-octroi-dropped, if something was. */
void model__tell_losses(struct request *r);
/* Appends a usage object with what the call cost as its last member, in the place of
 * what the upstream may have said of its own price. */
void model__put_usage(struct buf *out, const struct model_call *m, struct slice usage,
                      struct money cost);

/* ---- model_bond.c ---- */

/* Notes the ids of an event that begins an answer or a part. */
void model__note_made(struct request *r, const struct answer_event *e);
/* The key for a try at the present target. KEY_TURNS_NONE: none, or none is left. */
size_t model__take_key(struct request *r);

/* ---- model_stream.c: the streamed half ---- */

MUST_CHECK enum rc model__stream_open(struct request *r);
enum upstream_take model__stream_data(struct request *r, struct slice bytes);
enum rc model__stream_complete(struct request *r);
void model__stream_finish(struct request *r);

#endif
