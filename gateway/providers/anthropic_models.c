/* SPDX-License-Identifier: Apache-2.0 */
/* GET /v1/models of Anthropic: pages of {"id","max_input_tokens","max_tokens",
 * "capabilities":{"thinking":{"supported":true},..}}. It says limits and capabilities,
 * and no prices. Hosts that copy only its names are read too. */
#include "gateway/model_list.h"

static void read_model(struct model_page *page, struct slice json)
{
    struct found_model *m = model_add(page, model_text(page, json, "id"));
    struct slice told;

    if (m == NULL)
        return;
    m->context_tokens = model_tokens(json, "max_input_tokens");
    m->max_output_tokens = model_tokens(json, "max_tokens");
    if (json_raw_member(&told, json, "capabilities") != JSON_OBJECT)
        return;
    m->endpoints = MODEL_BY_CHAT;
    model_cap(m, MODEL_CAP_JSON_SCHEMA, model_flag(told, "structured_outputs"));
    model_cap(m, MODEL_CAP_REASONING, model_flag(told, "thinking"));
    model_cap(m, MODEL_CAP_VISION, model_flag(told, "image_input"));
    model_cap(m, MODEL_CAP_PDF, model_flag(told, "pdf_input"));
}

static enum rc read(struct model_page *page, struct slice json)
{
    struct model_walk w;
    struct slice model;

    TRY(model_walk(&w, json, "data"));
    while (model_next(&w, &model))
        read_model(page, model);
    if (model_flag(json, "has_more"))
        page->next = model_text(page, json, "last_id");
    return RC_OK;
}

static const struct model_list list = {
    .path = "/v1/models",
    .key_header = "x-api-key",
    .extra_header = "anthropic-version",
    .extra_value = "2023-06-01",
    .query = "limit=1000",
    .cursor = "after_id",
    .read = read,
};

const struct model_list *model_list_anthropic(const struct config_provider *p)
{
    (void)p;
    return &list;
}
