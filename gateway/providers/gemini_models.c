/* SPDX-License-Identifier: Apache-2.0 */
/* GET /v1beta/models of Gemini: pages of {"name":"models/ID","inputTokenLimit",
 * "outputTokenLimit","supportedGenerationMethods":[..],"thinking"}; no prices. What
 * neither generates content nor embeds is not served here and left out. */
#include "gateway/config.h"
#include "gateway/model_list.h"

static struct slice id_of(struct slice name)
{
    const struct slice prefix = SLICE("models/");

    return slice_starts(name, prefix) ? slice_sub(name, prefix.len, name.len) : name;
}

static void read_model(struct model_page *page, struct slice json)
{
    static const char methods[] = "supportedGenerationMethods";
    const bool text = model_has(json, methods, "generateContent");
    const bool embeds = model_has(json, methods, "embedContent");
    struct found_model *m;
    struct slice unused;

    if (!text && !embeds)
        return;
    m = model_add(page, id_of(model_text(page, json, "name")));
    if (m == NULL)
        return;
    m->context_tokens = model_tokens(json, "inputTokenLimit");
    m->max_output_tokens = model_tokens(json, "outputTokenLimit");
    m->endpoints = (text ? MODEL_BY_CHAT : 0) | (embeds ? MODEL_BY_EMBEDDINGS : 0);
    if (json_raw_member(&unused, json, "thinking") != JSON_ABSENT)
        model_cap(m, MODEL_CAP_REASONING, model_flag(json, "thinking"));
}

static enum rc read(struct model_page *page, struct slice json)
{
    struct model_walk w;
    struct slice model;

    TRY(model_walk(&w, json, "models"));
    while (model_next(&w, &model))
        read_model(page, model);
    page->next = model_text(page, json, "nextPageToken");
    return RC_OK;
}

#define LIST_AT(where)                                                             \
    {                                                                              \
        .path = (where), .key_header = "x-goog-api-key", .query = "pageSize=1000", \
        .cursor = "pageToken", .read = read                                        \
    }

static const struct model_list list = LIST_AT("/v1beta/models");
/* Of a base that ends with a version of its own. */
static const struct model_list versioned = LIST_AT("/models");

const struct model_list *model_list_gemini(const struct config_provider *p)
{
    const struct slice base = slice_str(p->base_url);

    return slice_ends(base, SLICE("/v1beta")) || slice_ends(base, SLICE("/v1"))
               ? &versioned
               : &list;
}
