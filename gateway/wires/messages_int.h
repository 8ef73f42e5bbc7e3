/* SPDX-License-Identifier: Apache-2.0 */
/* The halves of the Messages wire, for each other. */
#ifndef GATEWAY_WIRES_MESSAGES_INT_H
#define GATEWAY_WIRES_MESSAGES_INT_H

#include "gateway/wire.h"

/* In OpenRouter's words. */
#define MESSAGES_SIGNED_BY "anthropic-claude-v1"

/* Reasoning that another vendor signed is shown to a client of this dialect in a
 * signature of this form, so that it finds its maker when the client sends it back:
 * "octroi:SIGNED_BY:ITEM_ID:SIGNATURE" (all three may be empty). Anthropic itself is
 * never shown one. */
#define MESSAGES_FOREIGN "octroi:"

/* messages_read.c */
enum rc messages__read(struct conversation *out, struct wire_fault *fault,
                       struct slice body, struct arena *a);

/* messages_write.c */
enum rc messages__write(struct buf *out, const struct conversation *c,
                        const struct wire_target *t, struct losses *lost,
                        struct wire_fault *fault, struct arena *a);

/* messages_in.c */
enum rc messages__answer(struct slice json, answer_sink *sink, void *arg,
                         struct arena *scratch);
void *messages__open(struct arena *a);
enum rc messages__event(void *state, const struct wire_event *e, answer_sink *sink,
                        void *arg, struct arena *scratch);

/* messages_out.c */
void *messages__out_open(const struct wire_answer *w, struct arena *a);
void messages__out_close(void *state);
void messages__out_event(void *state, struct buf *out, const struct answer_event *e);
void messages__out_end(void *state, struct buf *out, const struct wire_bill *bill);
void messages__out_error(void *state, struct buf *out, const struct fault *f,
                         const char *request_id);

/* messages_usage.c: the counts that a vendor has said so far, each the last it said. */
struct messages_usage {
    bool known;
    uint64_t input, cache_read, cache_write, cache_write_5m, cache_write_1h;
    uint64_t output, thinking, searches;
    enum usage_tier tier;
};

/* Takes what a raw usage object says. One with impossible counts is left out whole. */
void messages__usage_add(struct messages_usage *u, struct slice json);
struct usage messages__usage(const struct messages_usage *u);

#endif
