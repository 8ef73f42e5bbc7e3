/* SPDX-License-Identifier: Apache-2.0 */
/* Vendors' words, as tables. */
#include "gateway/wires/chat_words.h"

struct reason {
    const char *word;
    enum stop_reason stop;
};

static const struct reason reasons[] = {
    {"stop", STOP_END},
    {"length", STOP_LENGTH},
    {"tool_calls", STOP_TOOLS},
    {"content_filter", STOP_FILTER},
    {"function_call", STOP_TOOLS},
    {"model_length", STOP_LENGTH}, /* Mistral */
    {"max_tokens", STOP_LENGTH},
    {"sensitive", STOP_FILTER}, /* Z.ai */
    {"tool_use", STOP_TOOLS},
    {"stop_sequence", STOP_SEQUENCE},
    {"refusal", STOP_FILTER},
    {"safety", STOP_FILTER},
    {"pause_turn", STOP_PAUSE},
};

static const char *const failures[] = {
    "insufficient_system_resource", /* DeepSeek */
    "network_error",                /* Z.ai */
    "error",
};

enum stop_reason chat_reason(struct slice reason)
{
    for (size_t i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++)
        if (slice_equal_str(reason, reasons[i].word))
            return reasons[i].stop;
    return STOP_END;
}

bool chat_reason_failed(struct slice reason)
{
    for (size_t i = 0; i < sizeof(failures) / sizeof(failures[0]); i++)
        if (slice_equal_str(reason, failures[i]))
            return true;
    return false;
}

const char *chat_reason_word(enum stop_reason stop)
{
    switch (stop) {
    case STOP_END:
    case STOP_SEQUENCE:
    case STOP_PAUSE:
        break;
    case STOP_LENGTH:
        return "length";
    case STOP_TOOLS:
        return "tool_calls";
    case STOP_FILTER:
        return "content_filter";
    }
    return "stop";
}

enum usage_tier chat_tier(struct slice tier)
{
    if (slice_equal_str(tier, "priority") || slice_equal_str(tier, "fast"))
        return USAGE_PRIORITY;
    if (slice_equal_str(tier, "flex"))
        return USAGE_FLEX;
    if (slice_equal_str(tier, "batch"))
        return USAGE_BATCH;
    return USAGE_STANDARD;
}

static const char *const efforts[] = {
    [EFFORT_NONE] = "none",     [EFFORT_MINIMAL] = "minimal", [EFFORT_LOW] = "low",
    [EFFORT_MEDIUM] = "medium", [EFFORT_HIGH] = "high",       [EFFORT_XHIGH] = "xhigh",
    [EFFORT_MAX] = "max",
};

enum rc chat_effort(enum effort *out, struct slice word)
{
    for (int i = EFFORT_NONE; i <= EFFORT_MAX; i++)
        if (slice_equal_str(word, efforts[i])) {
            *out = (enum effort)i;
            return RC_OK;
        }
    return RC_BAD_INPUT;
}

const char *chat_effort_word(enum effort effort)
{
    return effort == EFFORT_ABSENT ? NULL : efforts[effort];
}
