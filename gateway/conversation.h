/* SPDX-License-Identifier: Apache-2.0 */
/* What a client asks of a model, in one form for all dialects: the hub between those
 * that clients speak and those that providers do. A wire (gateway/wire.h) reads its own
 * dialect into it and writes it out of it; so N and M are added, not multiplied.
 *
 * Everything lives in one arena. Free text is never unescaped: it passes as the JSON
 * string that it was (struct quoted), so a translation copies bytes. Short names and
 * ids are plain. Raw JSON values (schemas, arguments) have passed the guard. */
#ifndef GATEWAY_CONVERSATION_H
#define GATEWAY_CONVERSATION_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/rc.h"
#include "base/slice.h"
#include "gateway/losses.h"
#include "gateway/media.h"
#include "gateway/quoted.h"

enum role {
    ROLE_SYSTEM, /* also "developer"; may come anywhere */
    ROLE_USER,   /* tool results are parts of it */
    ROLE_ASSISTANT
};

enum part_kind {
    PART_TEXT,
    PART_IMAGE,
    PART_AUDIO,
    PART_FILE,
    PART_TOOL_CALL,
    PART_TOOL_RESULT,
    PART_REASONING,
    PART_REFUSAL
};

struct part {
    struct part *next;
    enum part_kind kind;
    struct quoted text; /* TEXT, REFUSAL, REASONING */
    struct media media; /* IMAGE, AUDIO, FILE */
    struct slice id;    /* of the call: TOOL_CALL, TOOL_RESULT */
    struct slice name;  /* of the tool: TOOL_CALL; TOOL_RESULT: conversation_link() */
    struct slice arguments; /* TOOL_CALL: a raw JSON object */
    struct part *content;   /* TOOL_RESULT: TEXT, IMAGE, FILE parts */
    bool is_error;          /* TOOL_RESULT */
    bool is_custom;         /* TOOL_CALL: a custom tool's; text is its input */
    /* REASONING and TOOL_CALL: what its maker wants back unchanged. Whose it is, in
     * OpenRouter's words ("anthropic-claude-v1", "google-gemini-v1",
     * "openai-responses-v1"); it must not be shown to another. */
    struct quoted signature;
    struct slice signed_by; /* empty: nobody known */
    struct slice item_id;   /* REASONING of a Responses item; empty: none */
    bool is_encrypted;      /* REASONING: signature is all there is (redacted) */
    bool cached, cached_1h; /* a cache mark stands behind it */
    const char *path;       /* where it came from: "messages[2].content[0]" */
};

struct message {
    struct message *next;
    enum role role;
    bool developer; /* SYSTEM: was called so */
    struct slice name;
    struct part *parts, *last_part; /* in order; NULL: none */
    const char *path;               /* "messages[2]" */
};

enum tool_kind {
    TOOL_FUNCTION,
    TOOL_CUSTOM, /* free text in (OpenAI) */
    TOOL_HOSTED  /* run by the provider: only its own dialect can say it */
};

struct tool {
    struct tool *next;
    enum tool_kind kind;
    struct slice name;
    struct quoted description;
    struct slice schema; /* of the arguments: raw JSON object; empty: none */
    struct slice strict; /* raw true or false; empty: not told */
    struct slice raw;    /* HOSTED, CUSTOM: the whole as it came */
    bool cached, cached_1h;
    const char *path;
};

enum tool_choice {
    TOOL_CHOICE_ABSENT,
    TOOL_CHOICE_AUTO,
    TOOL_CHOICE_NONE,
    TOOL_CHOICE_REQUIRED,
    TOOL_CHOICE_NAMED
};

enum effort {
    EFFORT_ABSENT,
    EFFORT_NONE,
    EFFORT_MINIMAL,
    EFFORT_LOW,
    EFFORT_MEDIUM,
    EFFORT_HIGH,
    EFFORT_XHIGH,
    EFFORT_MAX
};

enum output_form {
    FORM_TEXT,
    FORM_JSON,  /* any JSON object */
    FORM_SCHEMA /* JSON by `schema` */
};

/* A member of the body that the form has no place for. */
struct extra {
    struct extra *next;
    struct slice name; /* plain */
    struct slice value;
};

struct conversation {
    struct message *messages, *last_message;
    struct tool *tools, *last_tool;
    enum tool_choice tool_choice;
    struct slice tool_name;      /* NAMED */
    struct slice parallel_calls; /* raw true or false; empty: not told */
    bool stream;
    bool has_output_bound;
    uint64_t output_bound;
    uint64_t choices;                       /* 1, or more */
    struct slice temperature, top_p, top_k; /* raw numbers; empty: not told */
    struct slice frequency_penalty, presence_penalty, seed, top_logprobs;
    struct slice logprobs;   /* raw true, false */
    struct slice logit_bias; /* raw object */
    size_t stop_count;
    struct quoted stop[16];
    struct quoted user;        /* an end user's id */
    struct slice metadata;     /* raw object */
    struct slice service_tier; /* plain */
    enum effort effort;
    bool has_thinking_budget; /* tokens; 0: none, as EFFORT_NONE */
    uint64_t thinking_budget;
    bool reasoning_shown;   /* the client wants to see it */
    struct slice verbosity; /* plain */
    enum output_form form;
    struct slice schema;      /* FORM_SCHEMA: raw JSON object */
    struct slice schema_name; /* plain; empty: none */
    struct quoted schema_description;
    struct slice schema_strict;        /* raw; empty: not told */
    struct extra *extras, *last_extra; /* in the order of the body */
};

/* ---- Building (all in the arena; NULL or ABSENT when it is spent) ---- */

struct message *conversation_add(struct conversation *c, enum role role,
                                 struct arena *a);
struct part *message_add(struct message *m, enum part_kind kind, struct arena *a);
struct tool *conversation_add_tool(struct conversation *c, struct arena *a);
void conversation_extra(struct conversation *c, struct slice name, struct slice value,
                        struct arena *a);
/* After reading: gives each TOOL_RESULT its tool's name. RC_BAD_INPUT: one answers no
 * call before it; *path says which. */
MUST_CHECK enum rc conversation_link(struct conversation *c, const char **path);

/* All extras of c, by name, as losses. */
void losses_extras(struct losses *l, const struct conversation *c, struct arena *a);

#endif
