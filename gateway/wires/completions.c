/* SPDX-License-Identifier: Apache-2.0 */
/* OpenAI's completions, the elder of chat: a text goes on. Nothing is translated into
 * it. */
#include "gateway/wires/chat_int.h"

const struct wire wire_completions = {
    .name = "completions",
    .framing = WIRE_SSE,
    .done = "[DONE]",
    .answer = chat_answer,
    .open = chat_open,
    .event = chat_event,
    .fields = chat_completions_fields,
    .adapt = chat_adapt_completions,
    .usage_at = chat_usage_at,
    .without_usage = chat_without_usage,
    .out_open = chat_out_open_completions,
    .out_close = chat_out_close,
    .out_event = chat_out_event,
    .out_end = chat_out_end,
    .out_error = chat_out_error,
};
