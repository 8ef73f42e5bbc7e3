/* SPDX-License-Identifier: Apache-2.0 */
/* GET /v1/models of Cohere: pages of {"name","endpoints":["chat",..],"context_length",
 * "features":["tools",..]}; no prices. What neither chats nor embeds is left out. */
#include "gateway/model_list.h"

static void read_model(struct model_page *page, struct slice json)
{
    static const char features[] = "features";
    const bool chat = model_has(json, "endpoints", "chat");
    const bool embed = model_has(json, "endpoints", "embed");
    struct found_model *m;
    struct slice unused;

    if ((!chat && !embed) || model_flag(json, "is_deprecated"))
        return;
    m = model_add(page, model_text(page, json, "name"));
    if (m == NULL)
        return;
    m->context_tokens = model_tokens(json, "context_length");
    m->endpoints = (chat ? MODEL_BY_CHAT : 0) | (embed ? MODEL_BY_EMBEDDINGS : 0);
    if (json_raw_member(&unused, json, features) != JSON_ARRAY)
        return;
    model_cap(m, MODEL_CAP_TOOLS, model_has(json, features, "tools"));
    model_cap(m, MODEL_CAP_JSON_SCHEMA,
              model_has(json, features, "structured_outputs"));
    model_cap(m, MODEL_CAP_REASONING, model_has(json, features, "reasoning"));
    model_cap(m, MODEL_CAP_VISION, model_has(json, features, "vision"));
}

static enum rc read(struct model_page *page, struct slice json)
{
    struct model_walk w;
    struct slice model;

    TRY(model_walk(&w, json, "models"));
    while (model_next(&w, &model))
        read_model(page, model);
    page->next = model_text(page, json, "next_page_token");
    return RC_OK;
}

static const struct model_list list = {
    .path = "/v1/models",
    .key_header = "Authorization",
    .query = "page_size=1000",
    .cursor = "page_token",
    .read = read,
};

const struct model_list *model_list_cohere(const struct config_provider *p)
{
    (void)p;
    return &list;
}
