/* SPDX-License-Identifier: Apache-2.0 */
/* In what vendors differ from the maker of the wire that they speak: flags that a
 * provider gives and a wire obeys, in both the short and the long way. */
#ifndef GATEWAY_QUIRKS_H
#define GATEWAY_QUIRKS_H

enum {
    QUIRK_SYSTEM_ROLE = 1 << 0,      /* knows no role "developer" */
    QUIRK_MAX_TOKENS = 1 << 1,       /* knows no "max_completion_tokens" */
    QUIRK_NO_SAMPLING = 1 << 2,      /* temperature, top_p, top_k are refused */
    QUIRK_RANDOM_SEED = 1 << 3,      /* "random_seed" for "seed" */
    QUIRK_CHOICE_ANY = 1 << 4,       /* tool_choice "any" for "required" */
    QUIRK_NO_REQUIRED = 1 << 5,      /* no tool_choice "required" nor a named one */
    QUIRK_NO_SCHEMA = 1 << 6,        /* response_format: json_object at most */
    QUIRK_ONE_CHOICE = 1 << 7,       /* n is 1 */
    QUIRK_SHORT_IDS = 1 << 8,        /* tool call ids: 9 letters and digits */
    QUIRK_REASONING_BACK = 1 << 9,   /* reasoning_content goes back in tool loops */
    QUIRK_THINKING_SWITCH = 1 << 10, /* thinking: {type: enabled|disabled} */
    QUIRK_ENABLE_THINKING = 1 << 11, /* enable_thinking, thinking_budget */
    QUIRK_THINKING_BUDGET = 1 << 12, /* thinking by a budget, not by effort */
    QUIRK_NO_STREAM_OPTIONS = 1 << 13,
    QUIRK_STREAM_ONLY = 1 << 14,       /* answers only in streams */
    QUIRK_NO_IMAGE_URL = 1 << 15,      /* images must come inline */
    QUIRK_NO_MAX_TOKENS = 1 << 16,     /* knows no "max_tokens" */
    QUIRK_OLD_BOUND = 1 << 17,         /* may know both: "max_tokens" is the surer */
    QUIRK_SYSTEM_FIRST = 1 << 18,      /* no system message between others */
    QUIRK_NO_THINKING = 1 << 19,       /* no word about reasoning is taken */
    QUIRK_TOP_K = 1 << 20,             /* chat: knows top_k */
    QUIRK_FEW_FIELDS = 1 << 21,        /* refuses user, service_tier, verbosity, and
                                          names in messages */
    QUIRK_NO_EFFORT = 1 << 22,         /* knows no reasoning_effort */
    QUIRK_FUNCTIONS_ONLY = 1 << 23,    /* knows no custom tools, and no refusals */
    QUIRK_CACHE_MARKS = 1 << 24,       /* takes cache_control on parts */
    QUIRK_STRING_CONTENT = 1 << 25,    /* content of text alone must be a string */
    QUIRK_REASONING_DETAILS = 1 << 26, /* OpenRouter's reasoning, both ways */
    QUIRK_NO_LOGPROBS = 1 << 27,       /* refuses logprobs and logit_bias */
    QUIRK_NO_STOP = 1 << 28            /* refuses stop and penalties */
};

#endif
