/* SPDX-License-Identifier: Apache-2.0 */
/* The table of vendors, and of those models that differ from their vendor's others. */
#include "gateway/providers/vendors.h"

#include "gateway/quirks.h"

#include <string.h>

/* What nearly all have in common: the roles, the bound and the tools of the first
 * years. */
#define PLAIN (QUIRK_SYSTEM_ROLE | QUIRK_MAX_TOKENS | QUIRK_FUNCTIONS_ONLY)
/* For servers that may be of any age, and know both names of the bound, or one. */
#define ANY_AGE   (QUIRK_SYSTEM_ROLE | QUIRK_OLD_BOUND | QUIRK_FUNCTIONS_ONLY)

#define DASHSCOPE (PLAIN | QUIRK_ENABLE_THINKING | QUIRK_NO_EFFORT | QUIRK_TOP_K)
#define MOONSHOT                                                                \
    (PLAIN | QUIRK_NO_REQUIRED | QUIRK_REASONING_BACK | QUIRK_THINKING_SWITCH | \
     QUIRK_NO_EFFORT)
#define GLM                                                                     \
    (PLAIN | QUIRK_THINKING_SWITCH | QUIRK_REASONING_BACK | QUIRK_NO_REQUIRED | \
     QUIRK_NO_SCHEMA | QUIRK_ONE_CHOICE)
#define MINIMAX    (PLAIN | QUIRK_NO_EFFORT | QUIRK_ONE_CHOICE)
#define SELFHOSTED (ANY_AGE | QUIRK_TOP_K)

static const struct vendor vendors[] = {
    {"cerebras", NULL, "https://api.cerebras.ai/v1",
     QUIRK_SYSTEM_ROLE | QUIRK_FUNCTIONS_ONLY | QUIRK_STRING_CONTENT |
         QUIRK_ONE_CHOICE | QUIRK_FEW_FIELDS | QUIRK_NO_LOGPROBS},
    {"dashscope", NULL, "https://dashscope-intl.aliyuncs.com/compatible-mode/v1",
     DASHSCOPE},
    {"dashscope-cn", "dashscope", "https://dashscope.aliyuncs.com/compatible-mode/v1",
     DASHSCOPE},
    {"dashscope-us", "dashscope",
     "https://dashscope-us.aliyuncs.com/compatible-mode/v1", DASHSCOPE},
    {"deepseek", NULL, "https://api.deepseek.com/v1",
     PLAIN | QUIRK_NO_SCHEMA | QUIRK_ONE_CHOICE | QUIRK_THINKING_SWITCH |
         QUIRK_REASONING_BACK | QUIRK_STRING_CONTENT},
    {"fireworks", "fireworks_ai", "https://api.fireworks.ai/inference/v1", SELFHOSTED},
    {"fireworks_ai", NULL, "https://api.fireworks.ai/inference/v1", SELFHOSTED},
    {"groq", NULL, "https://api.groq.com/openai/v1",
     QUIRK_SYSTEM_ROLE | QUIRK_FUNCTIONS_ONLY | QUIRK_ONE_CHOICE | QUIRK_NO_LOGPROBS},
    {"huggingface", NULL, "https://router.huggingface.co/v1", PLAIN},
    {"jina", NULL, "https://api.jina.ai/v1", PLAIN},
    {"llama.cpp", NULL, NULL, SELFHOSTED},
    {"minimax", NULL, "https://api.minimax.io/v1", MINIMAX},
    {"minimax-cn", "minimax", "https://api.minimaxi.com/v1", MINIMAX},
    {"mistral", NULL, "https://api.mistral.ai/v1",
     PLAIN | QUIRK_RANDOM_SEED | QUIRK_CHOICE_ANY | QUIRK_SHORT_IDS |
         QUIRK_SYSTEM_FIRST | QUIRK_FEW_FIELDS | QUIRK_NO_LOGPROBS |
         QUIRK_NO_STREAM_OPTIONS | QUIRK_NO_EFFORT},
    {"moonshot", NULL, "https://api.moonshot.ai/v1", MOONSHOT},
    {"moonshot-cn", "moonshot", "https://api.moonshot.cn/v1", MOONSHOT},
    {"nvidia", NULL, "https://integrate.api.nvidia.com/v1",
     PLAIN | QUIRK_STRING_CONTENT},
    {"ollama", NULL, NULL, PLAIN | QUIRK_NO_IMAGE_URL},
    {"openrouter", NULL, "https://openrouter.ai/api/v1",
     QUIRK_OLD_BOUND | QUIRK_FUNCTIONS_ONLY | QUIRK_REASONING_DETAILS |
         QUIRK_CACHE_MARKS | QUIRK_TOP_K},
    {"perplexity", NULL, "https://api.perplexity.ai",
     PLAIN | QUIRK_TOP_K | QUIRK_SYSTEM_FIRST | QUIRK_FEW_FIELDS | QUIRK_NO_LOGPROBS |
         QUIRK_ONE_CHOICE},
    {"sambanova", NULL, "https://api.sambanova.ai/v1", PLAIN | QUIRK_STRING_CONTENT},
    {"together", "together_ai", "https://api.together.xyz/v1", PLAIN | QUIRK_TOP_K},
    {"together_ai", NULL, "https://api.together.xyz/v1", PLAIN | QUIRK_TOP_K},
    {"vllm", NULL, NULL, SELFHOSTED},
    {"voyage", NULL, "https://api.voyageai.com/v1", PLAIN},
    {"xai", NULL, "https://api.x.ai/v1", QUIRK_SYSTEM_ROLE | QUIRK_FUNCTIONS_ONLY},
    {"zai", NULL, "https://api.z.ai/api/paas/v4", GLM},
    {"zhipu", "zai", "https://open.bigmodel.cn/api/paas/v4", GLM},
};

/* Models by pattern: the first that fits. */
struct special {
    const char *vendor; /* as the catalogue has it */
    const char *models;
    unsigned more, less; /* quirks added and taken away */
};

static const struct special specials[] = {
    /* They think, and answer in streams only. */
    {"dashscope", "qwq*", QUIRK_STREAM_ONLY, 0},
    {"dashscope", "qvq*", QUIRK_STREAM_ONLY, 0},
    {"dashscope", "qwen3-?b", QUIRK_STREAM_ONLY, 0}, /* the open ones */
    {"dashscope", "qwen3-??b", QUIRK_STREAM_ONLY, 0},
    {"dashscope", "qwen3-*b-a??b", QUIRK_STREAM_ONLY, 0},
    {"dashscope", "qwen3-*b-a?b", QUIRK_STREAM_ONLY, 0},
    {"dashscope", "qwen3-*-thinking-*", QUIRK_STREAM_ONLY, 0},
    {"dashscope", "*-omni-*", QUIRK_STREAM_ONLY, 0},
    /* They do not think, and refuse to be told about it. */
    {"moonshot", "moonshot-v1*", QUIRK_NO_THINKING,
     QUIRK_THINKING_SWITCH | QUIRK_REASONING_BACK},
    {"moonshot", "kimi-k2-0*", QUIRK_NO_THINKING,
     QUIRK_THINKING_SWITCH | QUIRK_REASONING_BACK},
    {"moonshot", "kimi-k2-turbo*", QUIRK_NO_THINKING,
     QUIRK_THINKING_SWITCH | QUIRK_REASONING_BACK},
    /* They think, at one temperature. */
    {"moonshot", "kimi-*", QUIRK_NO_SAMPLING, 0},
    {"zai", "glm-4-*", QUIRK_NO_THINKING, QUIRK_THINKING_SWITCH | QUIRK_REASONING_BACK},
    {"xai", "grok-3-mini*", QUIRK_NO_STOP, 0},
    {"xai", "grok-4*", QUIRK_NO_EFFORT | QUIRK_NO_STOP, 0},
    {"xai", "grok-code*", QUIRK_NO_EFFORT | QUIRK_NO_STOP, 0},
};

const struct vendor *vendor_at(size_t index)
{
    return index < sizeof(vendors) / sizeof(vendors[0]) ? &vendors[index] : NULL;
}

const struct vendor *vendor_find(const char *name)
{
    const struct vendor *v;

    for (size_t i = 0; name != NULL && (v = vendor_at(i)) != NULL; i++)
        if (strcmp(v->name, name) == 0)
            return v;
    return NULL;
}

const char *vendor_catalog(const char *name)
{
    const struct vendor *v = vendor_find(name);

    return v != NULL && v->catalog != NULL ? v->catalog : name;
}

unsigned vendor_quirks(const char *name, struct slice model)
{
    const struct vendor *v = vendor_find(name);
    const char *catalog = vendor_catalog(name);

    if (v == NULL)
        return ANY_AGE;
    for (size_t i = 0; i < sizeof(specials) / sizeof(specials[0]); i++)
        if (strcmp(specials[i].vendor, catalog) == 0 &&
            slice_glob(slice_str(specials[i].models), model))
            return (v->quirks | specials[i].more) & ~specials[i].less;
    return v->quirks;
}
