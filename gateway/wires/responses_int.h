/* SPDX-License-Identifier: Apache-2.0 */
/* The halves of wire_responses, one file each: responses_read.c (a client's body),
 * responses_write.c (a vendor's body), responses_in.c (a vendor's answers),
 * responses_out.c (a client's answers). Source of the rules: OpenAI's API reference for
 * POST /responses (spec 2.3.0), the types of its SDK, and recorded answers. */
#ifndef GATEWAY_WIRES_RESPONSES_INT_H
#define GATEWAY_WIRES_RESPONSES_INT_H

#include "base/json.h"
#include "gateway/wire.h"

/* Whose reasoning items are: encrypted_content that OpenAI has made. */
#define RESPONSES_SIGNED_BY "openai-responses-v1"

/* Signatures of others travel in encrypted_content behind this, so that they come back
 * with the history and go to whom they belong: PREFIX KIND MAKER ':' SIGNATURE, where
 * KIND is 't' (of the summary beside it; without a MAKER it is nobody's), 'e'
 * (encrypted: without text) or 'c' (of a call: CALL_ID ':' stands before the
 * signature). */
#define RESPONSES_SEAL "octroi:"

enum rc responses__read(struct conversation *out, struct wire_fault *fault,
                        struct slice body, struct arena *a);

/* One element of `input`: responses_items.c. */
struct responses_reader {
    struct conversation *c;
    struct wire_fault *fault;
    struct arena *a;
};
enum rc responses__read_item(struct responses_reader *r, struct slice item,
                             unsigned index);

enum rc responses__write(struct buf *out, const struct conversation *c,
                         const struct wire_target *t, struct losses *lost,
                         struct wire_fault *fault, struct arena *a);
/* Also for the response object, which repeats what was asked. false: a hosted tool of
 * somebody else; nothing is written. */
bool responses__put_tool(struct json_out *o, const struct tool *t);
void responses__put_choice(struct json_out *o, const struct conversation *c);
void responses__put_format(struct json_out *o, const struct conversation *c);
const char *responses__effort(const struct conversation *c); /* NULL: not told */

enum rc responses__answer(struct slice json, answer_sink *sink, void *arg,
                          struct arena *scratch);
void *responses__open(struct arena *a);
enum rc responses__event(void *state, const struct wire_event *e, answer_sink *sink,
                         void *arg, struct arena *scratch);

void *responses__out_open(const struct wire_answer *w, struct arena *a);
void responses__out_close(void *state);
void responses__out_event(void *state, struct buf *out, const struct answer_event *e);
void responses__out_end(void *state, struct buf *out, const struct wire_bill *bill);
void responses__out_error(void *state, struct buf *out, const struct fault *f,
                          const char *request_id);

#endif
