/* SPDX-License-Identifier: Apache-2.0 */
/* Usage reports into the normal form. The sources of the rules: the OpenAI API
 * reference (usage object of chat completions) and recorded answers under
 * tests/recorded. */
#include "gateway/usage.h"

#include "base/json_guard.h"

/* A count that may be absent or null; everything else must be a sane integer. */
static enum rc read_count(uint64_t *out, struct slice object, const char *name)
{
    struct slice raw;
    uint64_t value = 0;

    switch (json_raw_member(&raw, object, name)) {
    case JSON_ABSENT:
    case JSON_NULL:
        *out = 0;
        return RC_OK;
    case JSON_NUMBER:
        break;
    case JSON_TRUE:
    case JSON_FALSE:
    case JSON_STRING:
    case JSON_ARRAY:
    case JSON_OBJECT:
        return RC_BAD_INPUT;
    }
    TRY(json_raw_u64(&value, raw));
    if (value > USAGE_TOKENS_MAX)
        return RC_BAD_INPUT;
    *out = value;
    return RC_OK;
}

/* The count `name` inside the sub-object `details`; zero when there is none. */
static enum rc read_detail(uint64_t *out, struct slice object, const char *details,
                           const char *name)
{
    struct slice raw;

    *out = 0;
    if (json_raw_member(&raw, object, details) != JSON_OBJECT)
        return RC_OK;
    return read_count(out, raw, name);
}

enum rc usage_from_openai(struct usage *out, struct slice json)
{
    uint64_t prompt, completion, total, cached, written, reasoning;
    struct slice raw;

    if (json_raw_type(json) != JSON_OBJECT)
        return RC_BAD_INPUT;
    if (json_raw_member(&raw, json, "prompt_tokens") != JSON_NUMBER)
        return RC_BAD_INPUT;
    TRY(read_count(&prompt, json, "prompt_tokens"));
    TRY(read_count(&completion, json, "completion_tokens"));
    TRY(read_count(&total, json, "total_tokens"));
    TRY(read_detail(&cached, json, "prompt_tokens_details", "cached_tokens"));
    TRY(read_detail(&written, json, "prompt_tokens_details", "cache_write_tokens"));
    TRY(read_detail(&reasoning, json, "completion_tokens_details", "reasoning_tokens"));
    if (cached + written > prompt)
        return RC_BAD_INPUT;
    /* Vendors that report reasoning beside the completion say so in the total; one that
     * merely reports more reasoning than output is capped (seen: 11 of 10). */
    if (total == prompt + completion + reasoning && reasoning > 0)
        completion += reasoning;
    if (reasoning > completion)
        reasoning = completion;
    *out = (struct usage){
        .known = true,
        .in_uncached = prompt - cached - written,
        .in_cache_read = cached,
        .in_cache_write = written,
        .out_text = completion - reasoning,
        .out_reasoning = reasoning,
    };
    return RC_OK;
}

static uint64_t bytes_to_tokens(uint64_t bytes)
{
    return bytes / 4 + (bytes % 4 != 0);
}

struct usage usage_estimate(uint64_t prompt_bytes, uint64_t output_bytes,
                            uint64_t output_pieces)
{
    uint64_t out = bytes_to_tokens(output_bytes);

    return (struct usage){
        .estimated = true,
        .in_uncached = bytes_to_tokens(prompt_bytes),
        .out_text = out > output_pieces ? out : output_pieces,
    };
}

uint64_t usage_prompt(const struct usage *u)
{
    return u->in_uncached + u->in_cache_read + u->in_cache_write +
           u->in_cache_write_1h + u->in_audio + u->in_image;
}

uint64_t usage_completion(const struct usage *u)
{
    return u->out_text + u->out_reasoning + u->out_audio + u->out_image;
}
