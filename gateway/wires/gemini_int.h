/* SPDX-License-Identifier: Apache-2.0 */
/* What the halves of the Gemini wire share. Rules: the GenerateContentRequest and
 * -Response of the Gemini API, v1beta, and what its JSON parser takes: every name in
 * camelCase or in snake_case, a lone object where a list of them is wanted. */
#ifndef GATEWAY_WIRES_GEMINI_INT_H
#define GATEWAY_WIRES_GEMINI_INT_H

#include "base/json.h"
#include "gateway/wire.h"

#define GEMINI_SIGNED_BY "google-gemini-v1"

enum {
    GEMINI_CHOICES_MAX = 8 /* candidateCount */
};

/* ---- Names and lists (gemini.c) ---- */

/* Which of the camelCase `names` a raw key is, in either spelling; count: none. */
size_t gemini__index(struct slice key, const char *const *names, size_t count);
/* values[i] becomes the raw value of names[i]; SLICE_NONE: absent, or null. */
void gemini__pick(struct slice *values, const char *const *names, size_t count,
                  struct slice object);
/* Next element of a repeated field, or the lone object itself. */
enum json_kind gemini__element(struct slice *out, struct slice raw, size_t *at);
/* Thinking by level and signed tool calls came with Gemini 3. */
bool gemini__is_before_3(struct slice model);
/* Known to think: others refuse any word about it. */
bool gemini__thinks(struct slice model);

/* ---- Requests ---- */

struct gemini_reader {
    struct conversation *c;
    struct wire_fault *fault;
    struct arena *a;
};

enum rc gemini__read(struct conversation *out, struct wire_fault *fault,
                     struct slice body, struct arena *a);
/* A string of the body, unescaped. RC_BAD_INPUT: it is none; refused at path. */
MUST_CHECK enum rc gemini__plain(struct gemini_reader *r, struct slice *out,
                                 struct slice raw, const char *path);
MUST_CHECK enum rc gemini__read_config(struct gemini_reader *r, struct slice raw);
MUST_CHECK enum rc gemini__read_tools(struct gemini_reader *r, struct slice raw);
MUST_CHECK enum rc gemini__read_choice(struct gemini_reader *r, struct slice raw);
/* A schema in Google's form (types in capitals, nullable, counts as strings) as a JSON
 * Schema; what already is one stays so. closes: of an answer, in which Google lets
 * nothing come that is not named; others want that said. */
MUST_CHECK enum rc gemini__schema(struct slice *out, struct slice raw, bool closes,
                                  struct arena *a);

struct gemini_writer {
    struct json_out o;
    const struct conversation *c;
    const struct wire_target *t;
    struct losses *lost;
    struct wire_fault *fault;
    struct arena *a;
    bool before_3;
    bool is_open;   /* a content object is being written */
    bool is_signed; /* one of its calls has a signature */
    enum role role; /* of it */
};

enum rc gemini__write(struct buf *out, const struct conversation *c,
                      const struct wire_target *t, struct losses *lost,
                      struct wire_fault *fault, struct arena *a);
/* Tools, toolConfig, generationConfig, and what else stands at the top. */
MUST_CHECK enum rc gemini__write_config(struct gemini_writer *w);

/* ---- Answers ---- */

/* Function arguments that come as JSON paths with pieces of values, as JSON text. */
enum {
    GEMINI_ARGS_DEPTH = 16,
    GEMINI_ARGS_NAMES = 512 /* bytes of all names of one path */
};

struct gemini_path {
    unsigned depth;

    struct {
        bool is_index;
        unsigned at; /* of the name in names; or the index */
        unsigned len;
    } steps[GEMINI_ARGS_DEPTH];

    unsigned names_len;
    char names[GEMINI_ARGS_NAMES];
};

struct gemini_args {
    bool is_open; /* a call's arguments are being received */
    unsigned choice, part;
    bool in_string; /* the value at `path` is a string without its end */
    struct gemini_path path;
};

/* Appends the text for one partial argument. RC_UPSTREAM: it does not follow on what
 * came before. */
MUST_CHECK enum rc gemini__args_add(struct gemini_args *s, struct buf *out,
                                    struct slice partial, struct arena *scratch);
/* Appends what closes the object. */
void gemini__args_end(struct gemini_args *s, struct buf *out);

enum rc gemini__answer(struct slice json, answer_sink *sink, void *arg,
                       struct arena *scratch);
void *gemini__open(struct arena *a);
enum rc gemini__event(void *state, const struct wire_event *e, answer_sink *sink,
                      void *arg, struct arena *scratch);
enum rc gemini__ended(void *state, answer_sink *sink, void *arg);

/* A usageMetadata object. RC_NOT_FOUND: it counts nothing. RC_BAD_INPUT: nonsense. */
MUST_CHECK enum rc gemini__usage(struct usage *out, struct slice json);
/* The same object, written with the cost. */
void gemini__put_usage(struct json_out *o, const struct wire_bill *bill,
                       bool cost_as_number);

void *gemini__out_open(const struct wire_answer *w, struct arena *a);
void gemini__out_close(void *state);
void gemini__out_event(void *state, struct buf *out, const struct answer_event *e);
void gemini__out_end(void *state, struct buf *out, const struct wire_bill *bill);
void gemini__out_error(void *state, struct buf *out, const struct fault *f,
                       const char *request_id);

#endif
