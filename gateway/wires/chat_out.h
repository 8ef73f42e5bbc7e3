/* SPDX-License-Identifier: Apache-2.0 */
/* The writer of answers to clients of chat completions, and of completions, which wants
 * the text alone. */
#ifndef GATEWAY_WIRES_CHAT_OUT_H
#define GATEWAY_WIRES_CHAT_OUT_H

#include "base/json.h"
#include "gateway/wire.h"
#include "gateway/wires/chat_int.h"

/* A part of the answer; in a stream only while it is open. */
struct chat_out_part {
    struct chat_out_part *next; /* in the order in which they began */
    unsigned choice, part;
    enum part_kind kind;
    struct slice id, name;
    bool is_custom, is_encrypted;
    unsigned number;      /* among the calls, thoughts or images of its choice */
    struct slice signer;  /* whose the signature is */
    struct slice type;    /* of media */
    struct buf text;      /* whole answers: the deltas' insides; media: its data */
    struct buf signature; /* likewise */
    bool is_url;          /* media: text is one */
};

/* Elements of arrays, with commas between. */
struct chat_out_lists {
    struct buf citations, logprobs;
};

struct chat_out_choice {
    bool used, role_sent, stopped;
    enum stop_reason stop;
    unsigned calls, thoughts, images;
    struct chat_out_lists *lists; /* whole answers, where there is something */
};

struct chat_out {
    struct wire_answer w;
    struct arena *a;
    bool is_completions;
    size_t limit;        /* of the buffers */
    struct slice prefix; /* of every chunk, up to the choices */
    struct slice id;     /* quoted */
    struct chat_out_part *parts, *last, *recent, *spare;
    struct chat_out_choice choices[CHAT_CHOICES_MAX];
};

/* Marks the answer as broken for want of room: the arena is spent, and stays so. */
void chat_out_fail(struct chat_out *s);
/* Why a choice ended; completions know no calls. */
const char *chat_out_reason(const struct chat_out *s, enum stop_reason stop);
/* The value of "usage". */
void chat_put_usage(struct json_out *o, const struct chat_out *s,
                    const struct wire_bill *bill);
/* chat_out_whole.c: a whole answer, in pieces and then at once. */
void chat_whole_event(struct chat_out *s, struct chat_out_part *p,
                      const struct answer_event *e);
void chat_whole_end(struct chat_out *s, struct buf *out, const struct wire_bill *bill);
/* Shared by both. */
void chat_put_citation(struct json_out *o, const struct citation *c);

#endif
