/* SPDX-License-Identifier: Apache-2.0 */
/* POST /v1/embeddings in the OpenAI dialect: strings, arrays of strings, token arrays;
 * float and base64 answers pass as they come. */
#include "gateway/api.h"
#include "gateway/model_call.h"

static const char *const fields[] = {"model", "input", "encoding_format", "dimensions",
                                     NULL};

static const struct model_ask ask = {
    .op = PROVIDER_EMBEDDINGS,
    .fields = fields,
};

enum {
    DIMENSIONS_MAX = 1000000
};

/* A token array has up to seven bytes for a token but may have two ("1,"): the bound of
 * half the body's bytes holds for it too. */
static enum rc check_input(struct request *r, struct model_call *m)
{
    const struct json_field *f = model_call_field(m, "input");
    struct slice first;
    size_t at = 0;

    if (f->type != JSON_STRING && f->type != JSON_ARRAY)
        return request_fault(r, RC_BAD_INPUT, "input",
                             "'input' must be a string or an array.");
    if (slice_equal(f->raw, SLICE("\"\"")) ||
        (f->type == JSON_ARRAY && json_raw_element(&first, f->raw, &at) == JSON_ABSENT))
        return request_fault(r, RC_BAD_INPUT, "input", "'input' is empty.");
    return RC_OK;
}

static enum rc check_format(struct request *r, struct model_call *m)
{
    const struct json_field *f = model_call_field(m, "encoding_format");

    if (f->type == JSON_ABSENT || f->type == JSON_NULL ||
        slice_equal(f->raw, SLICE("\"float\"")) ||
        slice_equal(f->raw, SLICE("\"base64\"")))
        return RC_OK;
    return request_fault(r, RC_BAD_INPUT, "encoding_format",
                         "'encoding_format' must be \"float\" or \"base64\".");
}

static enum rc plan(struct request *r)
{
    struct model_call *m;
    uint64_t dimensions;
    bool given;

    TRY(model_call_begin(&m, r, &ask));
    TRY(check_input(r, m));
    TRY(check_format(r, m));
    TRY(model_call_u64(r, "dimensions", &dimensions, &given, 1, DIMENSIONS_MAX));
    return model_call_quote(r);
}

static const struct api_route routes[] = {
    {"POST", "/v1/embeddings"},
    {NULL, NULL},
};

extern const struct api api_embeddings;
const struct api api_embeddings = {
    .name = "embeddings",
    .dialect = DIALECT_OPENAI,
    .flags = API_PRICED | API_JSON_BODY,
    .routes = routes,
    .example = "\"input\":\"hello\"",
    .plan = plan,
    MODEL_CALL_FUNCTIONS,
};
