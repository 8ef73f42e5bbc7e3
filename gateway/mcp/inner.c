/* SPDX-License-Identifier: Apache-2.0 */
/* From tools/call to the request that it is. */
#include "gateway/mcp/inner.h"

#include <stdio.h>
#include <string.h>

void mcp_inner_header(struct mcp_inner *in, const char *name, struct slice value)
{
    struct http_request *q = &in->http;

    if (q->header_count < HTTP_HEADERS_MAX)
        q->headers[q->header_count++] =
            (struct http_header){.name = slice_str(name), .value = value};
}

/* Who calls, and where we are. A payment of the outer request is not for this. */
static void copy_headers(struct mcp_inner *in, const struct http_request *outer)
{
    static const char *const names[] = {
        "authorization",   "x-api-key",      "x-goog-api-key",   "host",
        "idempotency-key", "accept-payment", "x-octroi-receipt", "x-skill"};

    for (size_t i = 0; i < outer->header_count; i++)
        for (size_t k = 0; k < sizeof(names) / sizeof(names[0]); k++) {
            const struct http_header *h = &outer->headers[i];

            if (slice_equal_nocase(h->name, slice_str(names[k])) &&
                !(k == 0 && slice_starts_nocase(h->value, SLICE("payment "))))
                mcp_inner_header(in, names[k], h->value);
        }
}

/* The name of the call for its repeats, where a client can not set a header. */
static enum rc read_idempotency(struct mcp_inner *in, struct mcp_error *error,
                                struct request *r)
{
    struct slice raw, key;
    unsigned count;

    if (json_raw_member(&raw, in->message.meta, "octroi/idempotency-key") ==
        JSON_ABSENT)
        return RC_OK;
    (void)http_header(r->http, "idempotency-key", &count);
    if (count > 0 || json_raw_type(raw) != JSON_STRING ||
        json_raw_string(&key, raw, r->arena) != RC_OK)
        return mcp_fail(error, r, MCP_BAD_PARAMS,
                        "'octroi/idempotency-key' must be a string, and come without "
                        "the header Idempotency-Key.");
    mcp_inner_header(in, "idempotency-key", key);
    return RC_OK;
}

static void make_request(struct mcp_inner *in, const struct mcp_call *call,
                         const struct http_request *outer)
{
    struct http_request *q = &in->http;

    q->method = slice_str(call->method);
    q->path = slice_str(call->path);
    q->query = call->query;
    q->has_query = call->query.len > 0;
    q->has_body = call->has_body;
    q->content_length = call->body.len;
    memcpy(q->address, outer->address, sizeof(q->address));
    copy_headers(in, outer);
    mcp_inner_header(in, "accept", SLICE("application/json, text/*;q=0.9, */*;q=0.5"));
    if (call->has_body)
        mcp_inner_header(in, "content-type", slice_str(call->content_type));
}

/* ---- Quotes ---- */

static void reply_quote(struct request *r, const struct mcp_inner *in)
{
    struct json_out o;
    struct buf b;

    buf_init(&b, 8192);
    json_out_init(&o, &b);
    json_out_object(&o);
    json_out_kstr(&o, "tool", in->tool);
    json_out_kstr(&o, "currency", "USD");
    json_out_kmoney(&o, "most", r->quote.worst);
    json_out_kslice(&o, "subject", slice_sub(r->quote.subject, 0, 256));
    json_out_kstr(&o, "charged",
                  r->match.api->fit != NULL ? "what was used" : "as the tool says");
    if (r->quote.tokens > 0)
        json_out_ku64(&o, "tokens", r->quote.tokens);
    json_out_end_object(&o);
    request_reply(r, 200, "application/json", buf_slice(&b));
    buf_free(&b);
}

/* The call is planned and goes no further. */
static enum rc quote(struct request *r, const struct mcp_inner *in, enum rc rc)
{
    if (rc == RC_PAYMENT_REQUIRED && r->planned)
        rc = RC_OK;
    else if (rc == RC_OK)
        rc = r->match.api->plan(r);
    TRY(rc);
    if (r->status == 0)
        reply_quote(r, in);
    return RC_OK;
}

/* ---- The call ---- */

static enum rc enclose(struct request *r, struct mcp_inner *in, struct mcp_call *call)
{
    struct envelope *e = &in->envelope;
    enum rc rc;

    e->http = &in->http;
    e->body = call->body;
    e->made = call->made;
    e->resource = slice_str(arena_printf(r->arena, "mcp://tool/%s", in->tool));
    e->answered = mcp_answer;
    e->user = in;
    rc = request_enclose(r, e);
    return call->is_quote ? quote(r, in, rc) : rc;
}

static enum rc find_tool(struct mcp_tool *tool, struct mcp_error *error,
                         struct request *r, struct slice params,
                         struct slice *arguments)
{
    struct slice name;
    enum rc rc;

    if (!mcp_text(&name, params, "name", r))
        return mcp_fail(error, r, MCP_BAD_PARAMS, "'name' must be a string.");
    if (json_raw_member(arguments, params, "arguments") == JSON_ABSENT)
        *arguments = SLICE_NONE;
    else if (json_raw_type(*arguments) != JSON_OBJECT)
        return mcp_fail(error, r, MCP_BAD_PARAMS, "'arguments' must be an object.");
    rc = mcp_tool_find(tool, r, name);
    if (rc == RC_OK)
        return RC_OK;
    if (rc != RC_NOT_FOUND)
        return mcp_fail(error, r, MCP_SERVER, "%s Try again.", error_sentence(rc));
    return mcp_fail(error, r, MCP_BAD_PARAMS,
                    "There is no tool '%.*s': tools/list has them.",
                    SLICE_FMT(slice_sub(name, 0, 128)));
}

/* What the endpoint has passed on of its caller's headers. */
static void pass_headers(struct mcp_inner *in, const struct config_endpoint *e,
                         struct request *r)
{
    for (size_t i = 0; e != NULL && i < e->pass_count; i++) {
        const char *name = e->pass_headers[i]; /* may go with the tool */
        unsigned count;
        const struct slice value = http_header(r->http, name, &count);

        if (count == 1 && http_header(&in->http, name, NULL).len == 0)
            mcp_inner_header(in, arena_copy(r->arena, name, strlen(name)), value);
    }
}

static enum rc begin(struct mcp_inner *in, struct mcp_call *call,
                     struct mcp_error *error, struct request *r)
{
    struct slice arguments = SLICE_NONE;
    struct mcp_tool tool;
    enum rc rc;

    TRY(find_tool(&tool, error, r, in->message.params, &arguments));
    rc = mcp_tool_call(call, error, r, &tool, arguments);
    if (rc == RC_OK) {
        make_request(in, call, r->http);
        pass_headers(in, tool.endpoint, r);
    }
    mcp_tool_release(&tool);
    TRY(rc);
    in->builtin = tool.builtin;
    in->tool = call->sold;
    if (read_idempotency(in, error, r) == RC_OK && mcp_pay_read(in, error, r) == RC_OK)
        return RC_OK;
    buf_free(&call->made);
    return RC_BAD_INPUT;
}

enum rc mcp_call_tool(struct request *r, const struct mcp_message *m)
{
    struct mcp_inner *in = arena_new(r->arena, struct mcp_inner);
    struct mcp_error error = {.code = 0};
    struct mcp_call call;

    if (in == NULL)
        return RC_NOMEM;
    in->message = *m;
    if (begin(in, &call, &error, r) == RC_OK)
        return enclose(r, in, &call);
    if (error.code == 0)
        (void)mcp_fail(&error, r, MCP_INTERNAL, "The server is short of memory.");
    mcp_reply_error(r, m, &error);
    return RC_OK;
}
