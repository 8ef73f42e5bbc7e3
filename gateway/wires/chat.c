/* SPDX-License-Identifier: Apache-2.0 */
/* OpenAI's chat completions, which most vendors speak. */
#include "gateway/wires/chat_int.h"

const struct wire wire_chat = {
    .name = "chat",
    .signed_by = NULL, /* what its vendors sign names its maker */
    .framing = WIRE_SSE,
    .done = "[DONE]",
    .read = chat_read,
    .write = chat_write,
    .answer = chat_answer,
    .open = chat_open,
    .event = chat_event,
    .fields = chat_fields,
    .adapt = chat_adapt,
    .usage_at = chat_usage_at,
    .without_usage = chat_without_usage,
    .out_open = chat_out_open,
    .out_close = chat_out_close,
    .out_event = chat_out_event,
    .out_end = chat_out_end,
    .out_error = chat_out_error,
};
