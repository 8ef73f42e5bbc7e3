/* SPDX-License-Identifier: Apache-2.0 */
/* Google's Gemini API (base https://generativelanguage.googleapis.com), v1beta. Not
 * Vertex AI, whose keys are service accounts. The key goes in a header, never in the
 * URL. */
#include "base/buf.h"
#include "base/codec.h"
#include "base/json.h"
#include "gateway/model_list.h"
#include "gateway/provider.h"
#include "gateway/providers/openai_wire.h"
#include "gateway/providers/vectors.h"
#include "gateway/wires/gemini_int.h"
#include "gateway/wires/json_body.h"

enum {
    MODEL_MAX = 256,
    PATH_SIZE = 3 * MODEL_MAX + 64,
    INPUTS_MAX = 2048 /* texts of one embeddings call */
};

static void add(struct provider_wire *out, struct slice name, struct slice value)
{
    if (out->header_count < PROVIDER_HEADERS_MAX)
        out->headers[out->header_count++] = (struct http_header){name, value};
}

static const char *verb_of(const struct provider_call *c)
{
    switch (c->op) {
    case PROVIDER_CHAT:
        return c->stream ? ":streamGenerateContent?alt=sse" : ":generateContent";
    case PROVIDER_EMBEDDINGS:
        return ":batchEmbedContents";
    case PROVIDER_COUNT_TOKENS:
        return ":countTokens";
    }
    return "";
}

/* "models/" and "tunedModels/" are collections, everything else is one segment. */
static struct slice path_of(const struct provider_call *c, struct arena *a)
{
    static const struct slice collections[] = {{"models/", 7}, {"tunedModels/", 12}};
    struct slice model = c->model, collection = collections[0];
    struct buf path;

    for (size_t i = 0; i < sizeof(collections) / sizeof(collections[0]); i++)
        if (slice_starts(model, collections[i])) {
            collection = collections[i];
            model = slice_sub(model, collection.len, model.len);
            break;
        }
    buf_init_lent(&path, arena_alloc(a, PATH_SIZE), PATH_SIZE);
    buf_append(&path, collection);
    percent_encode(&path, model);
    buf_append_str(&path, verb_of(c));
    return buf_spent(&path) ? SLICE_NONE : buf_slice(&path);
}

static enum rc build(struct provider_wire *out, const struct provider_call *c,
                     struct arena *a)
{
    static const char *const pass[] = {"traceparent", NULL};
    const struct slice base = slice_str(c->provider->base_url);
    const bool versioned =
        slice_ends(base, SLICE("/v1beta")) || slice_ends(base, SLICE("/v1"));
    struct slice path;

    if (c->model.len > MODEL_MAX)
        return RC_BAD_INPUT;
    path = path_of(c, a);
    if (path.bytes == NULL)
        return RC_NOMEM;
    out->url = arena_printf(a, "%s%s/%.*s", c->provider->base_url,
                            versioned ? "" : "/v1beta", (int)path.len, path.bytes);
    openai_wire_headers(out, NULL, a);
    if (c->api_key != NULL)
        add(out, SLICE("x-goog-api-key"), secret_open(c->api_key));
    openai_wire_pass(out, c->client, pass);
    return arena_spent(a) ? RC_NOMEM : RC_OK;
}

static unsigned quirks(const struct config_provider *p, struct slice model)
{
    (void)p;
    return gemini__is_before_3(model) ? QUIRK_THINKING_BUDGET : 0;
}

/* Google answers 400 where it means that our key, project or place is not good. */
static enum provider_verdict classify(unsigned status, struct slice body)
{
    static const char *const ours[] = {"API_KEY_INVALID", "API_KEY_EXPIRED",
                                       "API key not valid", "API key expired",
                                       "FAILED_PRECONDITION"};

    if (status == 400)
        for (size_t i = 0; i < sizeof(ours) / sizeof(ours[0]); i++)
            if (slice_search(body, slice_str(ours[i])) < body.len)
                return PROVIDER_NEXT;
    return openai_wire_classify(status, body);
}

/* ---- Embeddings ---- */

static void put_request(struct json_out *o, struct slice name, struct slice text,
                        struct slice dimensions)
{
    json_out_object(o);
    json_out_kslice(o, "model", name);
    json_out_key(o, "content");
    json_out_object(o);
    json_out_key(o, "parts");
    json_out_array(o);
    json_out_object(o);
    json_out_key(o, "text");
    json_out_raw(o, text);
    json_out_end_object(o);
    json_out_end_array(o);
    json_out_end_object(o);
    if (dimensions.len > 0) {
        json_out_key(o, "outputDimensionality");
        json_out_raw(o, dimensions);
    }
    json_out_end_object(o);
}

static enum rc write_embeddings(struct buf *out, struct slice body, struct slice model,
                                struct wire_fault *fault, struct arena *a)
{
    static const char *const names[] = {"input", "dimensions"};
    const bool full = slice_find(model, '/') < model.len;
    const struct slice name =
        full ? model : slice_str(arena_printf(a, "models/%.*s", SLICE_FMT(model)));
    struct slice v[2], item;
    struct json_out o;
    unsigned count = 0;
    size_t at = 0;

    json_body_pick(v, names, 2, body);
    json_out_init(&o, out);
    json_out_object(&o);
    json_out_key(&o, "requests");
    json_out_array(&o);
    if (json_raw_type(v[0]) == JSON_STRING)
        put_request(&o, name, v[0], v[1]);
    while (json_raw_type(v[0]) == JSON_ARRAY &&
           json_raw_element(&item, v[0], &at) != JSON_ABSENT) {
        if (json_raw_type(item) != JSON_STRING)
            return wire_refuse(fault, a, "input",
                               "The provider of this model takes texts, not tokens.");
        if (count++ == INPUTS_MAX)
            return wire_refuse(fault, a, "input",
                               "The provider of this model takes at most %d texts.",
                               INPUTS_MAX);
        put_request(&o, name, item, v[1]);
    }
    json_out_end_array(&o);
    json_out_end_object(&o);
    return RC_OK;
}

/* Older versions of the API count nothing: then the core guesses. */
static enum rc read_embeddings(struct buf *out, struct usage *usage, struct slice json,
                               struct slice model, bool base64, struct arena *scratch)
{
    static const char *const names[] = {"embeddings", "usageMetadata"};
    struct slice v[2], item, values;
    struct vectors list;
    size_t at = 0;

    json_body_pick(v, names, 2, json);
    if (json_raw_type(v[0]) != JSON_ARRAY)
        return RC_UPSTREAM;
    if (json_raw_type(v[1]) == JSON_OBJECT)
        (void)!gemini__usage(usage, v[1]);
    vectors_begin(&list, out, base64);
    while (json_raw_element(&item, v[0], &at) != JSON_ABSENT) {
        if (json_raw_member(&values, item, "values") != JSON_ARRAY)
            return RC_UPSTREAM;
        TRY(vectors_add(&list, values, scratch));
    }
    vectors_end(&list, model, usage);
    return RC_OK;
}

static const struct provider_embed embed = {
    .write = write_embeddings,
    .answer = read_embeddings,
};

static const struct wire *const wires[] = {&wire_gemini, NULL};

extern const struct provider provider_gemini;
const struct provider provider_gemini = {
    .kind = "gemini",
    .default_url = "https://generativelanguage.googleapis.com",
    .wires = wires,
    .models = model_list_gemini,
    .has_count_tokens = true,
    .embed = &embed,
    .quirks = quirks,
    .build = build,
    .classify = classify,
};
