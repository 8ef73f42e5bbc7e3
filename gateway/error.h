/* SPDX-License-Identifier: Apache-2.0 */
/* Errors as each dialect's clients expect them, always with the stable code of
 * base/rc.def inside. Texts come from us or are cleaned before (no secret, no control
 * character). */
#ifndef GATEWAY_ERROR_H
#define GATEWAY_ERROR_H

#include "base/buf.h"
#include "base/rc.h"
#include "base/slice.h"
#include "x402/x402.h"

enum dialect {
    DIALECT_OPENAI,
    DIALECT_ANTHROPIC,
    DIALECT_GEMINI,
    DIALECT_PROBLEM, /* RFC 9457: data, skills, wallet, everything else */
    DIALECT_RPC,     /* JSON-RPC 2.0, of what is refused before its id is known */
    DIALECT_TEXT     /* a sentence and the code: registry clients print it as it is */
};

struct fault {
    enum rc rc;
    unsigned status;          /* 0: the code's own */
    const char *detail;       /* NULL: a sentence for the code */
    const char *param;        /* the field at fault; NULL: none */
    const char *code;         /* an upstream's own code, passed on; NULL: the rc's */
    const char *type;         /* likewise */
    enum mpp_problem problem; /* RFC 9457: the type; MPP_NONE: the code's own */
    struct slice extra;  /* JSON members inside the error, `"x":1`; SLICE_NONE: none */
    struct slice beside; /* JSON members beside it, in the body's top object */
    struct slice whole;  /* an upstream's own body, told instead of all this */
    unsigned retry_after_s; /* 0: none said */
};

unsigned fault_status(const struct fault *f);
/* Appends the body. request_id "" : none. instance: the path. */
void error_print(struct buf *out, enum dialect d, const struct fault *f,
                 const char *request_id);
const char *error_content_type(enum dialect d);
/* The OpenAI error alone, as a stream's in-band event data: {"error":{..}}. */
void error_print_event(struct buf *out, enum dialect d, const struct fault *f);
/* The sentence that a code gets when nobody has a better one. */
const char *error_sentence(enum rc rc);

#endif
