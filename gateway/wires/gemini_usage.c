/* SPDX-License-Identifier: Apache-2.0 */
/* usageMetadata, both ways. Cached tokens are inside of the prompt's count, thoughts
 * stand beside the candidates', and what tools brought in is counted apart. */
#include "gateway/wires/gemini_int.h"
#include "gateway/wires/json_body.h"

enum count {
    COUNT_PROMPT,
    COUNT_CACHED,
    COUNT_TOOLS,
    COUNT_CANDIDATES,
    COUNT_THOUGHTS,
    COUNT_TOTAL,
    COUNT__NUMBERS,
    COUNT_PROMPT_DETAILS = COUNT__NUMBERS,
    COUNT_CACHE_DETAILS,
    COUNT_TOOL_DETAILS,
    COUNT_CANDIDATE_DETAILS,
    COUNT_TIER,
    COUNT_TRAFFIC,
    COUNT__COUNT
};

static const char *const names[COUNT__COUNT] = {
    [COUNT_PROMPT] = "promptTokenCount",
    [COUNT_CACHED] = "cachedContentTokenCount",
    [COUNT_TOOLS] = "toolUsePromptTokenCount",
    [COUNT_CANDIDATES] = "candidatesTokenCount",
    [COUNT_THOUGHTS] = "thoughtsTokenCount",
    [COUNT_TOTAL] = "totalTokenCount",
    [COUNT_PROMPT_DETAILS] = "promptTokensDetails",
    [COUNT_CACHE_DETAILS] = "cacheTokensDetails",
    [COUNT_TOOL_DETAILS] = "toolUsePromptTokensDetails",
    [COUNT_CANDIDATE_DETAILS] = "candidatesTokensDetails",
    [COUNT_TIER] = "serviceTier",
    [COUNT_TRAFFIC] = "trafficType",
};

struct modes {
    uint64_t image, audio;
};

/* [{"modality":"AUDIO","tokenCount":5}]. Video costs what text does. */
static struct modes read_modes(struct slice raw)
{
    static const char *const detail[] = {"modality", "tokenCount"};
    struct modes m = {0, 0};
    struct slice item, v[2];
    uint64_t count;
    size_t at = 0;

    while (json_raw_element(&item, raw, &at) != JSON_ABSENT) {
        json_body_pick(v, detail, 2, item);
        if (json_raw_u64(&count, v[1]) != RC_OK || count > USAGE_TOKENS_MAX)
            continue;
        if (json_body_is(v[0], "IMAGE"))
            m.image += count;
        else if (json_body_is(v[0], "AUDIO"))
            m.audio += count;
    }
    return m;
}

static uint64_t take(uint64_t *from, uint64_t most)
{
    const uint64_t n = *from < most ? *from : most;

    *from -= n;
    return n;
}

static enum usage_tier tier_of(const struct slice *v)
{
    if (json_body_is(v[COUNT_TIER], "flex") ||
        json_body_is(v[COUNT_TRAFFIC], "ON_DEMAND_FLEX"))
        return USAGE_FLEX;
    if (json_body_is(v[COUNT_TIER], "priority") ||
        json_body_is(v[COUNT_TRAFFIC], "ON_DEMAND_PRIORITY"))
        return USAGE_PRIORITY;
    return USAGE_STANDARD;
}

/* What is not cached of the prompt, by what it is made of. Without details of the cache
 * its tokens are taken for text first. */
static void split_prompt(struct usage *u, const struct slice *v, const uint64_t *n)
{
    const struct modes prompt = read_modes(v[COUNT_PROMPT_DETAILS]);
    const struct modes tools = read_modes(v[COUNT_TOOL_DETAILS]);
    const struct modes cached = read_modes(v[COUNT_CACHE_DETAILS]);
    uint64_t rest = n[COUNT_PROMPT] + n[COUNT_TOOLS] - n[COUNT_CACHED];
    uint64_t image = prompt.image + tools.image, audio = prompt.audio + tools.audio;

    (void)take(&image, cached.image);
    (void)take(&audio, cached.audio);
    u->in_image = take(&rest, image);
    u->in_audio = take(&rest, audio);
    u->in_uncached = rest;
    u->in_cache_read = n[COUNT_CACHED];
}

enum rc gemini__usage(struct usage *out, struct slice json)
{
    struct slice v[COUNT__COUNT];
    uint64_t n[COUNT__NUMBERS] = {0};
    struct usage u = {.known = true};
    struct modes made;
    uint64_t rest;

    json_body_pick(v, names, COUNT__COUNT, json);
    if (v[COUNT_PROMPT].len == 0 && v[COUNT_TOTAL].len == 0 &&
        v[COUNT_CANDIDATES].len == 0)
        return RC_NOT_FOUND;
    for (size_t i = 0; i < COUNT__NUMBERS; i++)
        if (v[i].len > 0 &&
            (json_raw_u64(&n[i], v[i]) != RC_OK || n[i] > USAGE_TOKENS_MAX))
            return RC_BAD_INPUT;
    if (n[COUNT_CACHED] > n[COUNT_PROMPT])
        return RC_BAD_INPUT;
    /* Where thoughts are counted inside of the candidates, the total says so. */
    rest = n[COUNT_CANDIDATES];
    if (n[COUNT_TOTAL] == n[COUNT_PROMPT] + n[COUNT_TOOLS] + rest &&
        n[COUNT_THOUGHTS] <= rest)
        rest -= n[COUNT_THOUGHTS];
    made = read_modes(v[COUNT_CANDIDATE_DETAILS]);
    u.out_image = take(&rest, made.image);
    u.out_audio = take(&rest, made.audio);
    u.out_text = rest;
    u.out_reasoning = n[COUNT_THOUGHTS];
    u.tier = tier_of(v);
    split_prompt(&u, v, n);
    *out = u;
    return RC_OK;
}

static void put_mode(struct json_out *o, const char *name, uint64_t count)
{
    if (count == 0)
        return;
    json_out_object(o);
    json_out_kstr(o, "modality", name);
    json_out_ku64(o, "tokenCount", count);
    json_out_end_object(o);
}

static void put_modes(struct json_out *o, const char *key, uint64_t all, uint64_t image,
                      uint64_t audio)
{
    json_out_key(o, key);
    json_out_array(o);
    put_mode(o, "TEXT", all - image - audio);
    put_mode(o, "IMAGE", image);
    put_mode(o, "AUDIO", audio);
    json_out_end_array(o);
}

void gemini__put_usage(struct json_out *o, const struct wire_bill *bill,
                       bool cost_as_number)
{
    const struct usage *u = bill->usage;
    const uint64_t made = u->out_text + u->out_image + u->out_audio;
    char cost[MONEY_TEXT_SIZE];

    json_out_object(o);
    json_out_ku64(o, "promptTokenCount", usage_prompt(u));
    json_out_ku64(o, "candidatesTokenCount", made);
    json_out_ku64(o, "totalTokenCount", usage_prompt(u) + made + u->out_reasoning);
    if (u->in_cache_read > 0)
        json_out_ku64(o, "cachedContentTokenCount", u->in_cache_read);
    put_modes(o, "promptTokensDetails", usage_prompt(u), u->in_image, u->in_audio);
    put_modes(o, "candidatesTokensDetails", made, u->out_image, u->out_audio);
    if (u->out_reasoning > 0)
        json_out_ku64(o, "thoughtsTokenCount", u->out_reasoning);
    if (u->tier == USAGE_FLEX || u->tier == USAGE_PRIORITY)
        json_out_kstr(o, "serviceTier", u->tier == USAGE_FLEX ? "flex" : "priority");
    json_out_key(o, "cost");
    if (cost_as_number) {
        money_print(cost, bill->cost);
        json_out_raw(o, slice_str(cost));
    } else {
        json_out_money(o, bill->cost);
    }
    json_out_end_object(o);
}
