/* SPDX-License-Identifier: Apache-2.0 */
/* Anthropic's arithmetic of usage: what came from the cache and what was written to it
 * stands beside input_tokens, thinking is part of output_tokens. Streams say it several
 * times, each member cumulative; what is not said again stays. */
#include "gateway/wires/messages_int.h"

#include "gateway/wires/json_body.h"

enum {
    INPUT,
    CACHE_READ,
    CACHE_WRITE,
    OUTPUT,
    SPLIT,
    OUTPUT_DETAILS,
    SERVER_TOOLS,
    TIER,
    ITERATIONS,
    MEMBER_COUNT
};

static const char *const names[MEMBER_COUNT] = {
    [INPUT] = "input_tokens",
    [CACHE_READ] = "cache_read_input_tokens",
    [CACHE_WRITE] = "cache_creation_input_tokens",
    [OUTPUT] = "output_tokens",
    [SPLIT] = "cache_creation",
    [OUTPUT_DETAILS] = "output_tokens_details",
    [SERVER_TOOLS] = "server_tool_use",
    [TIER] = "service_tier",
    [ITERATIONS] = "iterations",
};

enum {
    ITERATIONS_MAX = 1024
};

/* A count that was not said stays as it is. */
static enum rc count(uint64_t *out, struct slice raw)
{
    uint64_t n;

    if (raw.len == 0 || json_raw_type(raw) == JSON_NULL)
        return RC_OK;
    TRY(json_raw_u64(&n, raw));
    if (n > USAGE_TOKENS_MAX)
        return RC_BAD_INPUT;
    *out = n;
    return RC_OK;
}

static enum rc count_in(uint64_t *out, struct slice object, const char *name)
{
    struct slice raw;

    if (json_raw_member(&raw, object, name) == JSON_ABSENT)
        return RC_OK;
    return count(out, raw);
}

static enum rc read_tokens(struct messages_usage *u, struct slice *v, struct slice json)
{
    json_body_pick(v, names, MEMBER_COUNT, json);
    TRY(count(&u->input, v[INPUT]));
    TRY(count(&u->cache_read, v[CACHE_READ]));
    TRY(count(&u->cache_write, v[CACHE_WRITE]));
    TRY(count(&u->output, v[OUTPUT]));
    TRY(count_in(&u->cache_write_5m, v[SPLIT], "ephemeral_5m_input_tokens"));
    TRY(count_in(&u->cache_write_1h, v[SPLIT], "ephemeral_1h_input_tokens"));
    return count_in(&u->thinking, v[OUTPUT_DETAILS], "thinking_tokens");
}

static uint64_t larger(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

/* A turn that the vendor made of several (compaction of the history, advice by another
 * model, a fallback): the counts above are not all that it charges for, the sum of the
 * list is. Another model's tokens are counted with the rest: a call has one price. */
static enum rc add_iterations(struct messages_usage *u, struct slice list)
{
    struct messages_usage sum = {.known = true};
    struct slice v[MEMBER_COUNT], one;
    unsigned n = 0;
    size_t at = 0;

    while (n++ < ITERATIONS_MAX && json_raw_element(&one, list, &at) == JSON_OBJECT) {
        struct messages_usage part = {.known = true};

        TRY(read_tokens(&part, v, one));
        sum.input += part.input;
        sum.cache_read += part.cache_read;
        sum.cache_write +=
            larger(part.cache_write, part.cache_write_5m + part.cache_write_1h);
        sum.cache_write_5m += part.cache_write_5m;
        sum.cache_write_1h += part.cache_write_1h;
        sum.output += part.output;
        sum.thinking += part.thinking;
    }
    u->input = larger(u->input, sum.input);
    u->cache_read = larger(u->cache_read, sum.cache_read);
    u->cache_write = larger(u->cache_write, sum.cache_write);
    u->cache_write_5m = larger(u->cache_write_5m, sum.cache_write_5m);
    u->cache_write_1h = larger(u->cache_write_1h, sum.cache_write_1h);
    u->output = larger(u->output, sum.output);
    u->thinking = larger(u->thinking, sum.thinking);
    return RC_OK;
}

static enum rc read_usage(struct messages_usage *u, struct slice json)
{
    struct slice v[MEMBER_COUNT];

    TRY(read_tokens(u, v, json));
    TRY(count_in(&u->searches, v[SERVER_TOOLS], "web_search_requests"));
    if (json_raw_type(v[ITERATIONS]) == JSON_ARRAY)
        TRY(add_iterations(u, v[ITERATIONS]));
    if (v[TIER].len > 0)
        u->tier = json_body_is(v[TIER], "priority") ? USAGE_PRIORITY
                  : json_body_is(v[TIER], "batch")  ? USAGE_BATCH
                                                    : USAGE_STANDARD;
    u->known = true;
    return RC_OK;
}

void messages__usage_add(struct messages_usage *u, struct slice json)
{
    struct messages_usage next = *u;

    if (json_raw_type(json) == JSON_OBJECT && read_usage(&next, json) == RC_OK)
        *u = next;
}

struct usage messages__usage(const struct messages_usage *u)
{
    const uint64_t split = u->cache_write_5m + u->cache_write_1h;
    const uint64_t written = larger(u->cache_write, split);
    const uint64_t thinking = u->thinking < u->output ? u->thinking : u->output;

    return (struct usage){
        .known = u->known,
        .tier = u->tier,
        .in_uncached = u->input,
        .in_cache_read = u->cache_read,
        .in_cache_write = written - u->cache_write_1h,
        .in_cache_write_1h = u->cache_write_1h,
        .out_text = u->output - thinking,
        .out_reasoning = thinking,
        .web_searches = u->searches,
    };
}
