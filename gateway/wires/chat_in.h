/* SPDX-License-Identifier: Apache-2.0 */
/* The reader of chat completions: chat_in.c takes chunks and choices, chat_parts.c what
 * is in a message. */
#ifndef GATEWAY_WIRES_CHAT_IN_H
#define GATEWAY_WIRES_CHAT_IN_H

#include "gateway/wire.h"
#include "gateway/wires/chat_int.h"
#include "gateway/wires/json_fields.h"

enum {
    CHAT_CALLS_MAX = 64 /* open at once; the oldest is ended for one more */
};

struct chat_choice {
    bool used, called, open, sealed, cited, has_text, stopped;
    enum part_kind kind; /* of the open part that is no call */
    enum stop_reason stop;
    unsigned part;      /* the open one */
    unsigned text_part; /* the last that is TEXT */
    unsigned parts;     /* begun so far */
    uint64_t detail;    /* index of the open part in reasoning_details */
};

/* A tool call that may still grow. */
struct chat_call {
    bool used;
    unsigned choice, part;
    uint64_t index; /* as the vendor numbers it; CHAT_NO_INDEX */
    uint64_t id;    /* a hash of its id; 0: none */
};

#define CHAT_NO_INDEX UINT64_MAX

struct chat_reader {
    bool begun, failed;
    enum usage_tier tier;
    uint64_t seed; /* for ids that the vendor does not give */
    size_t next_call;
    struct chat_choice choices[CHAT_CHOICES_MAX];
    struct chat_call calls[CHAT_CALLS_MAX];
    /* For the present event. */
    answer_sink *sink;
    void *arg;
    struct arena *scratch;
    unsigned at; /* the choice */
};

/* Gives an event of the present choice. */
enum rc chat_give(struct chat_reader *r, struct answer_event *e);
/* A piece of a text part, which is begun where it must be. */
enum rc chat_give_text(struct chat_reader *r, enum part_kind kind,
                       const struct json_field *f);
/* A message, or a piece of one. */
enum rc chat_take_message(struct chat_reader *r, struct slice message);
/* Perplexity's lists, which stand beside the choices of every chunk. */
enum rc chat_take_sources(struct chat_reader *r, const struct json_field *results,
                          const struct json_field *urls);
/* Ends all that is open in the present choice. */
enum rc chat_close_choice(struct chat_reader *r);
/* A string, or nothing. */
struct quoted chat_quoted(const struct json_field *f);

#endif
