/* SPDX-License-Identifier: Apache-2.0 */
/* What a model answers, as events in one form for all dialects: a wire reads its own
 * stream, or whole answer, into them; another makes its dialect's of them.
 *
 * Order: BEGIN once and first. A part (of a choice) is begun, grows, and ends; parts of
 * one choice are numbered from 0 without gaps in the order in which they begin; several
 * may be open at once. STOP once for each choice after its last part. USAGE any time
 * after BEGIN, each one more complete than the last: only the last counts. END once and
 * last: the terminal event of the vendor has come. An end of the bytes without it is a
 * cut, whatever else came. ERROR: the vendor says that it failed; nothing follows. */
#ifndef GATEWAY_ANSWER_H
#define GATEWAY_ANSWER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/rc.h"
#include "base/slice.h"
#include "gateway/conversation.h"
#include "gateway/usage.h"

enum answer_kind {
    ANSWER_BEGIN, /* id, model */
    ANSWER_PART,  /* a part begins: kind; TOOL_CALL: id, name */
    ANSWER_DELTA, /* text: a piece of TEXT, REASONING, REFUSAL, or of the arguments */
    ANSWER_SIGNATURE, /* text: the part's signature (a piece); signed_by */
    ANSWER_CITATION,  /* citation: of a TEXT part */
    ANSWER_LOGPROBS,  /* raw: an array as chat's logprobs.content has, of the last text
                       */
    ANSWER_MEDIA,     /* media: the whole of an IMAGE or AUDIO part */
    ANSWER_PART_END,
    ANSWER_STOP,
    ANSWER_USAGE,
    ANSWER_END,
    ANSWER_ERROR
};

enum stop_reason {
    STOP_END,
    STOP_SEQUENCE,
    STOP_LENGTH,
    STOP_TOOLS,
    STOP_FILTER, /* refusal, content filter, safety */
    STOP_PAUSE   /* the vendor wants the turn sent back to go on */
};

struct citation {
    struct quoted url, title, text;
    bool has_span;
    uint64_t from, to; /* characters of the part's text */
};

/* Valid during the call only. */
struct answer_event {
    enum answer_kind kind;
    unsigned choice;
    unsigned part;
    enum part_kind part_kind; /* PART, DELTA, PART_END, MEDIA, SIGNATURE */
    struct slice id;          /* BEGIN: the answer's; PART: the call's, or an item's */
    struct slice item_id;     /* PART: of a Responses item; empty: none */
    struct slice model;       /* BEGIN: as the vendor names it */
    struct slice name;        /* PART: the tool's */
    bool is_custom;    /* PART: TOOL_CALL of a custom tool: deltas are its input */
    bool is_encrypted; /* PART: REASONING without text */
    struct quoted text;
    struct slice signed_by;
    struct citation citation;
    struct media media;
    struct slice raw;
    enum stop_reason stop;
    struct quoted stop_text; /* SEQUENCE: which; FILTER: why, in words; else absent */
    struct usage usage;
    /* ERROR */
    unsigned status;   /* as HTTP would have said it; 0: not told */
    struct slice code; /* the vendor's word for it */
};

/* Takes an event. Not RC_OK: stop reading, and return it. */
typedef enum rc answer_sink(void *arg, const struct answer_event *e);

#endif
