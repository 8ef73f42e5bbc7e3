/* SPDX-License-Identifier: Apache-2.0 */
/* The words of chat completions and its relatives for what all dialects know. */
#ifndef GATEWAY_WIRES_CHAT_WORDS_H
#define GATEWAY_WIRES_CHAT_WORDS_H

#include "gateway/answer.h"
#include "gateway/conversation.h"
#include "gateway/usage.h"

/* Any vendor's finish reason; an unknown one is an end. */
enum stop_reason chat_reason(struct slice reason);
/* Whether it says that the vendor broke off for a reason of its own. */
bool chat_reason_failed(struct slice reason);
/* OpenAI's word for it. */
const char *chat_reason_word(enum stop_reason stop);
/* service_tier in an answer: what was served. */
enum usage_tier chat_tier(struct slice tier);
/* reasoning_effort. RC_BAD_INPUT: no such word. */
MUST_CHECK enum rc chat_effort(enum effort *out, struct slice word);
const char *chat_effort_word(enum effort effort); /* ABSENT: NULL */

#endif
