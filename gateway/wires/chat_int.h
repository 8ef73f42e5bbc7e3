/* SPDX-License-Identifier: Apache-2.0 */
/* The halves of the chat wire, which completions shares in part. */
#ifndef GATEWAY_WIRES_CHAT_INT_H
#define GATEWAY_WIRES_CHAT_INT_H

#include "gateway/wire.h"

enum {
    CHAT_CHOICES_MAX = 128 /* what "n" may be; indices of an answer are below it */
};

/* chat_in.c: both take completions too, where a choice has a "text". */
enum rc chat_answer(struct slice json, answer_sink *sink, void *arg,
                    struct arena *scratch);
void *chat_open(struct arena *a);
enum rc chat_event(void *state, const struct wire_event *e, answer_sink *sink,
                   void *arg, struct arena *scratch);

/* chat_read.c, chat_write.c, chat_out.c */
enum rc chat_read(struct conversation *out, struct wire_fault *fault, struct slice body,
                  struct arena *a);
enum rc chat_write(struct buf *out, const struct conversation *c,
                   const struct wire_target *t, struct losses *lost,
                   struct wire_fault *fault, struct arena *a);

void *chat_out_open(const struct wire_answer *w, struct arena *a);
void *chat_out_open_completions(const struct wire_answer *w, struct arena *a);
void chat_out_close(void *state);
void chat_out_event(void *state, struct buf *out, const struct answer_event *e);
void chat_out_end(void *state, struct buf *out, const struct wire_bill *bill);
void chat_out_error(void *state, struct buf *out, const struct fault *f,
                    const char *request_id);

/* chat_adapt.c */
extern const char *const chat_fields[];
extern const char *const chat_completions_fields[];
enum rc chat_adapt(struct wire_changes *out, const struct wire_target *t,
                   struct json_field *fields, size_t count, struct wire_fault *fault,
                   struct arena *a);
enum rc chat_adapt_completions(struct wire_changes *out, const struct wire_target *t,
                               struct json_field *fields, size_t count,
                               struct wire_fault *fault, struct arena *a);
/* The name under which a vendor with these quirks is told the output bound. */
const char *chat_bound_name(unsigned quirks);
struct slice chat_usage_at(struct slice json);
bool chat_without_usage(struct buf *out, struct slice json);

#endif
