/* SPDX-License-Identifier: Apache-2.0 */
/* Amazon Bedrock (base https://bedrock-runtime.REGION.amazonaws.com): Converse and
 * ConverseStream. Calls are signed with an access key, or carry one of Bedrock's own
 * API keys. Not InvokeModel: its bodies are each model's own. */
#include "base/buf.h"
#include "base/codec.h"
#include "gateway/provider.h"
#include "gateway/providers/openai_wire.h"
#include "gateway/providers/sigv4.h"
#include "gateway/wires/converse.h"

#include <string.h>

enum {
    MODEL_MAX = 2048, /* bytes of a model's id, which may be an ARN */
    PATH_SIZE = 3 * MODEL_MAX + 64
};

/* "https://HOST/PREFIX" taken apart. Host as it is sent: without the usual port. */
struct base {
    struct slice host;
    struct slice prefix;
};

static struct base split_base(const char *base_url)
{
    const struct slice url = slice_str(base_url);
    const struct slice usual =
        slice_starts_nocase(url, SLICE("https:")) ? SLICE(":443") : SLICE(":80");
    const size_t scheme_len = slice_search(url, SLICE("://")) + 3;
    const struct slice rest = slice_sub(url, scheme_len, url.len);
    const size_t host_len = slice_find(rest, '/');
    struct base b = {.host = slice_sub(rest, 0, host_len),
                     .prefix = slice_sub(rest, host_len, rest.len)};

    if (slice_ends(b.host, usual))
        b.host.len -= usual.len;
    return b;
}

/* The id is one segment: what an ARN has of ":" and "/" is encoded. */
static struct slice path_of(const struct provider_call *c, struct slice prefix,
                            struct arena *a)
{
    const size_t size = prefix.len + PATH_SIZE;
    struct buf path;

    buf_init_lent(&path, arena_alloc(a, size), size);
    buf_append(&path, prefix);
    buf_append_str(&path, "/model/");
    percent_encode(&path, c->model);
    buf_append_str(&path, c->stream ? "/converse-stream" : "/converse");
    return buf_spent(&path) ? SLICE_NONE : buf_slice(&path);
}

static void add(struct provider_wire *out, struct slice name, struct slice value)
{
    if (out->header_count < PROVIDER_HEADERS_MAX)
        out->headers[out->header_count++] = (struct http_header){name, value};
}

static enum rc sign(struct provider_wire *out, const struct provider_call *c,
                    struct slice host, struct slice path, struct arena *a)
{
    const struct config_provider *p = c->provider;
    const struct http_header headers[] = {
        {SLICE("Content-Type"), SLICE("application/json")}, {SLICE("Host"), host}};
    const struct sigv4_request request = {.method = SLICE("POST"),
                                          .path = path,
                                          .headers = headers,
                                          .header_count =
                                              sizeof(headers) / sizeof(headers[0]),
                                          .body = c->body};
    const struct sigv4_key key = {.access_key = secret_open(p->access_key),
                                  .secret_key = p->secret_key,
                                  .session_token = p->session_token,
                                  .region = slice_str(p->region),
                                  .service = SLICE("bedrock")};
    struct sigv4_signature signature;

    TRY(sigv4_sign(&signature, &request, &key, c->now_us, a));
    add(out, SLICE("X-Amz-Date"), arena_slice(a, slice_str(signature.time)));
    if (p->session_token != NULL)
        add(out, SLICE("X-Amz-Security-Token"), secret_open(p->session_token));
    add(out, SLICE("Authorization"), signature.authorization);
    return RC_OK;
}

static enum rc build(struct provider_wire *out, const struct provider_call *c,
                     struct arena *a)
{
    static const char *const pass[] = {"traceparent", NULL};
    const struct config_provider *p = c->provider;
    const struct base b = split_base(p->base_url);
    struct slice path;

    if (c->op != PROVIDER_CHAT || c->model.len > MODEL_MAX)
        return RC_BAD_INPUT;
    path = path_of(c, b.prefix, a);
    if (path.bytes == NULL)
        return RC_NOMEM;
    out->url = arena_printf(a, "%.*s%.*s", (int)(strlen(p->base_url) - b.prefix.len),
                            p->base_url, (int)path.len, path.bytes);
    openai_wire_headers(out, p->access_key == NULL ? c->api_key : NULL, a);
    if (p->access_key != NULL)
        TRY(sign(out, c, b.host, path, a));
    openai_wire_pass(out, c->client, pass);
    return arena_spent(a) ? RC_NOMEM : RC_OK;
}

static unsigned quirks(const struct config_provider *p, struct slice model)
{
    const unsigned version = converse_claude_version(model);
    unsigned all = QUIRK_ONE_CHOICE | QUIRK_NO_IMAGE_URL;

    (void)p;
    switch (converse_family(model)) {
    case CONVERSE_CLAUDE:
        if (version < CONVERSE_CLAUDE_HAS_SCHEMA)
            all |= QUIRK_NO_SCHEMA;
        if (version < CONVERSE_CLAUDE_THINKS_FREELY)
            all |= QUIRK_THINKING_BUDGET;
        if (version >= CONVERSE_CLAUDE_UNSAMPLED)
            all |= QUIRK_NO_SAMPLING;
        break;
    case CONVERSE_NOVA:
    case CONVERSE_NOVA_2:
        all |= QUIRK_NO_SCHEMA;
        break;
    case CONVERSE_GPT_OSS:
    case CONVERSE_OTHER:
        break;
    }
    return all;
}

/* Not the request's fault although it is a 400: this account or region has no such
 * model, has not been given it, or its keys have run out. */
static bool is_about_us(struct slice body)
{
    static const char *const words[] = {"model identifier is invalid",
                                        "on-demand throughput isn", "inference profile",
                                        "security token", "ExpiredToken"};

    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
        if (slice_search(body, slice_str(words[i])) < body.len)
            return true;
    return false;
}

/* 424: the model failed, which another may not. */
static enum provider_verdict classify(unsigned status, struct slice body)
{
    if (status == 424 || (status == 400 && is_about_us(body)))
        return PROVIDER_NEXT;
    return openai_wire_classify(status, body);
}

static const struct wire *const wires[] = {&wire_converse, NULL};

extern const struct provider provider_bedrock;
const struct provider provider_bedrock = {
    .kind = "bedrock",
    .default_url = "https://bedrock-runtime.{region}.amazonaws.com",
    .wires = wires,
    .quirks = quirks,
    .build = build,
    .classify = classify,
};
