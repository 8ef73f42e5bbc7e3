/* SPDX-License-Identifier: Apache-2.0 */
/* In what vendors differ from the maker of the wire that they speak: flags that a
 * provider gives and a wire obeys, in both the short and the long way. */
#ifndef GATEWAY_QUIRKS_H
#define GATEWAY_QUIRKS_H

enum {
    QUIRK_SYSTEM_ROLE = 1,        /* knows no role "developer" */
    QUIRK_MAX_TOKENS = 2,         /* knows no "max_completion_tokens" */
    QUIRK_NO_SAMPLING = 4,        /* temperature, top_p, top_k are refused */
    QUIRK_RANDOM_SEED = 8,        /* "random_seed" for "seed" */
    QUIRK_CHOICE_ANY = 16,        /* tool_choice "any" for "required" */
    QUIRK_NO_REQUIRED = 32,       /* no tool_choice "required" nor a named one */
    QUIRK_NO_SCHEMA = 64,         /* response_format: json_object at most */
    QUIRK_ONE_CHOICE = 128,       /* n is 1 */
    QUIRK_SHORT_IDS = 256,        /* tool call ids: 9 letters and digits */
    QUIRK_REASONING_BACK = 512,   /* reasoning_content goes back in tool loops */
    QUIRK_THINKING_SWITCH = 1024, /* thinking: {type: enabled|disabled} */
    QUIRK_ENABLE_THINKING = 2048, /* enable_thinking, thinking_budget */
    QUIRK_THINKING_BUDGET = 4096, /* thinking by a budget, not by effort */
    QUIRK_NO_STREAM_OPTIONS = 8192,
    QUIRK_STREAM_ONLY = 16384,   /* answers only in streams */
    QUIRK_NO_IMAGE_URL = 32768,  /* images must come inline */
    QUIRK_NO_MAX_TOKENS = 65536, /* knows no "max_tokens" */
    QUIRK_OLD_BOUND = 131072,    /* may know both: "max_tokens" is the surer one */
    QUIRK_SYSTEM_FIRST = 262144, /* no system message between others */
    QUIRK_NO_THINKING = 524288   /* no word about reasoning is taken */
};

#endif
