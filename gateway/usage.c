/* SPDX-License-Identifier: Apache-2.0 */
/* Usage reports into the normal form. The sources of the rules: the OpenAI API
 * reference (usage object of chat completions) and recorded answers under
 * tests/recorded. */
#include "gateway/usage.h"

#include "base/json_guard.h"

/* A count that may be absent or null; everything else must be a sane integer. */
static enum rc take_count(uint64_t *out, struct slice raw)
{
    uint64_t value = 0;

    switch (json_raw_type(raw)) {
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

/* Counts by name. */
struct count {
    const char *name;
    uint64_t *out;
};

static const struct count *find_count(const struct count *counts, struct slice key)
{
    for (size_t i = 0; counts[i].name != NULL; i++)
        if (slice_equal_str(slice_sub(key, 1, key.len - 2), counts[i].name))
            return &counts[i];
    return NULL;
}

/* All counts of an object; nothing if it is none. */
static enum rc read_counts(const struct count *counts, struct slice object)
{
    struct slice key, value;
    size_t at = 0;

    while (json_raw_next(&key, &value, object, &at) != JSON_ABSENT) {
        const struct count *c = find_count(counts, key);

        if (c != NULL)
            TRY(take_count(c->out, value));
    }
    return RC_OK;
}

/* ---- Reported cost ---- */

enum {
    COST_DIGITS_MAX = 18 /* more than that is noise */
};

/* The digits of a JSON number as value * 10^*power. */
static enum rc read_digits(uint64_t *value, int64_t *power, struct slice digits)
{
    unsigned count = 0;
    bool behind = false;

    *value = 0;
    for (size_t i = 0; i < digits.len; i++) {
        const char c = digits.bytes[i];

        if (c == '.') {
            behind = true;
            continue;
        }
        if (c < '0' || c > '9')
            return RC_BAD_INPUT;
        if (count >= COST_DIGITS_MAX) {
            *power += !behind;
            continue;
        }
        *value = *value * 10 + (unsigned)(c - '0');
        *power -= behind;
        count += *value > 0;
    }
    return RC_OK;
}

/* A JSON number of 10^-unit USD, to the nearest nano-dollar: what vendors compute in
 * doubles has noise behind. */
static enum rc read_cost(struct money *out, struct slice raw, int unit)
{
    const size_t small = slice_find(raw, 'e'), large = slice_find(raw, 'E');
    const size_t e = small < large ? small : large;
    struct slice exponent = slice_sub(raw, e + 1, raw.len);
    int64_t power = 0;
    uint64_t value;

    if (slice_starts(exponent, SLICE("+")))
        exponent = slice_sub(exponent, 1, exponent.len);
    if (e < raw.len && (slice_to_i64(&power, exponent) != RC_OK || power > 30))
        return RC_BAD_INPUT;
    TRY(read_digits(&value, &power, slice_sub(raw, 0, e)));
    power += MONEY_DECIMALS - unit;
    for (; power > 0 && value > 0; power--) {
        if (value > UINT64_MAX / 10)
            return RC_BAD_INPUT;
        value *= 10;
    }
    for (; power < -1 && value > 0; power++)
        value /= 10;
    if (power == -1)
        value = value / 10 + (value % 10 >= 5);
    *out = money_from_nano(value);
    return RC_OK;
}

/* ---- OpenAI's form ---- */

/* As reported, before it is made disjoint. */
struct report {
    uint64_t prompt, completion, total;
    uint64_t cached, hit, written; /* cached: by one name or another */
    uint64_t in_audio, in_image, reasoning, out_audio, out_image;
    uint64_t searches;
};

static enum rc read_report(struct report *r, struct slice json)
{
    const struct count top[] = {
        {"prompt_tokens", &r->prompt},
        {"completion_tokens", &r->completion},
        {"total_tokens", &r->total},
        {"cached_tokens", &r->hit},           /* Moonshot */
        {"prompt_cache_hit_tokens", &r->hit}, /* DeepSeek */
        {"num_search_queries", &r->searches}, /* Perplexity */
        {NULL, NULL},
    };
    const struct count prompt[] = {
        {"cached_tokens", &r->cached},
        {"cache_write_tokens", &r->written},
        {"audio_tokens", &r->in_audio},
        {"image_tokens", &r->in_image},
        {NULL, NULL},
    };
    const struct count completion[] = {
        {"reasoning_tokens", &r->reasoning},
        {"audio_tokens", &r->out_audio},
        {"image_tokens", &r->out_image},
        {NULL, NULL},
    };
    const struct count tools[] = {{"web_search_requests", &r->searches}, {NULL, NULL}};
    struct slice raw;

    TRY(read_counts(top, json));
    if (json_raw_member(&raw, json, "prompt_tokens_details") == JSON_OBJECT)
        TRY(read_counts(prompt, raw));
    if (json_raw_member(&raw, json, "completion_tokens_details") == JSON_OBJECT)
        TRY(read_counts(completion, raw));
    if (json_raw_member(&raw, json, "server_tool_use") == JSON_OBJECT ||
        json_raw_member(&raw, json, "server_tool_use_details") == JSON_OBJECT)
        TRY(read_counts(tools, raw));
    if (r->cached == 0)
        r->cached = r->hit;
    return RC_OK;
}

/* Vendors that count reasoning beside the completion say so in the total, and one
 * (Gemini's OpenAI face) says it there only. */
static void settle_reasoning(struct report *r)
{
    const uint64_t said = r->prompt + r->completion;
    const uint64_t more = r->total > said ? r->total - said : 0;

    if (more > 0 && more == r->reasoning)
        r->completion += more;
    else if (more > 0 && r->reasoning == 0 && more != r->cached) {
        r->completion += more;
        r->reasoning = more;
    }
}

/* Takes at most what is left of a whole; a vendor may report more of a part than of the
 * whole (seen: 11 of 10). */
static uint64_t take_part(uint64_t *left, uint64_t part)
{
    if (part > *left)
        part = *left;
    *left -= part;
    return part;
}

/* OpenRouter: "cost" in USD. xAI: "cost_in_usd_ticks" of 10^-10 USD (recorded: 1466250
 * for what costs 0.000146625). */
static void read_reported(struct usage *u, struct slice json)
{
    struct slice raw;

    if (json_raw_member(&raw, json, "cost") == JSON_NUMBER)
        u->has_reported_cost = read_cost(&u->reported_cost, raw, 0) == RC_OK;
    else if (json_raw_member(&raw, json, "cost_in_usd_ticks") == JSON_NUMBER)
        u->has_reported_cost = read_cost(&u->reported_cost, raw, 10) == RC_OK;
}

/* Disjoint counts of what was reported. */
static enum rc settle(struct usage *out, struct report *r, struct slice json)
{
    struct usage u = {.known = true};
    uint64_t in, left;

    if (r->cached + r->written > r->prompt)
        return RC_BAD_INPUT;
    settle_reasoning(r);
    in = r->prompt - r->cached - r->written;
    u.in_cache_read = r->cached;
    u.in_cache_write = r->written;
    u.in_audio = take_part(&in, r->in_audio); /* of the rest: cached audio is cached */
    u.in_image = take_part(&in, r->in_image);
    u.in_uncached = in;
    left = r->completion;
    u.out_reasoning = take_part(&left, r->reasoning);
    u.out_audio = take_part(&left, r->out_audio);
    u.out_image = take_part(&left, r->out_image);
    u.out_text = left;
    u.web_searches = r->searches;
    read_reported(&u, json);
    *out = u;
    return RC_OK;
}

enum rc usage_from_openai(struct usage *out, struct slice json)
{
    struct report r = {.prompt = 0};
    struct slice raw;

    if (json_raw_type(json) != JSON_OBJECT)
        return RC_BAD_INPUT;
    if (json_raw_member(&raw, json, "prompt_tokens") != JSON_NUMBER)
        return RC_BAD_INPUT;
    TRY(read_report(&r, json));
    return settle(out, &r, json);
}

enum rc usage_from_responses(struct usage *out, struct slice json)
{
    struct report r = {.prompt = 0};
    const struct count top[] = {
        {"input_tokens", &r.prompt},
        {"output_tokens", &r.completion},
        {"total_tokens", &r.total},
        {NULL, NULL},
    };
    const struct count in[] = {
        {"cached_tokens", &r.cached},
        {"cache_write_tokens", &r.written},
        {"audio_tokens", &r.in_audio},
        {"image_tokens", &r.in_image},
        {NULL, NULL},
    };
    const struct count out_of[] = {
        {"reasoning_tokens", &r.reasoning},
        {"audio_tokens", &r.out_audio},
        {"image_tokens", &r.out_image},
        {NULL, NULL},
    };
    struct slice raw;

    if (json_raw_type(json) != JSON_OBJECT)
        return RC_BAD_INPUT;
    if (json_raw_member(&raw, json, "input_tokens") != JSON_NUMBER)
        return RC_BAD_INPUT;
    TRY(read_counts(top, json));
    if (json_raw_member(&raw, json, "input_tokens_details") == JSON_OBJECT)
        TRY(read_counts(in, raw));
    if (json_raw_member(&raw, json, "output_tokens_details") == JSON_OBJECT)
        TRY(read_counts(out_of, raw));
    return settle(out, &r, json);
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
