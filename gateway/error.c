/* SPDX-License-Identifier: Apache-2.0 */
/* Error bodies per dialect. Knows no request: only codes, words and fields. */
#include "gateway/error.h"

#include "base/json.h"
#include "base/utf8.h"

#include <stdio.h>

unsigned fault_status(const struct fault *f)
{
    return f->status != 0 ? f->status : rc_http(f->rc);
}

const char *error_content_type(enum dialect d)
{
    switch (d) {
    case DIALECT_OPENAI:
    case DIALECT_ANTHROPIC:
    case DIALECT_GEMINI:
    case DIALECT_RPC:
        return "application/json";
    case DIALECT_PROBLEM:
        return "application/problem+json";
    case DIALECT_TEXT:
        return "text/plain; charset=utf-8";
    }
    return "application/json";
}

/* The words for codes that carry no detail of their own: what it is, and what to do. */
static const char *const sentences[RC__COUNT] = {
    [RC_BAD_INPUT] = "The request is not valid.",
    [RC_BAD_JSON] = "The body is not valid JSON.",
    [RC_TOO_BIG] = "The request is larger than this server accepts.",
    [RC_HEADERS_TOO_BIG] = "The request's headers are larger than this server accepts.",
    [RC_URL_TOO_LONG] = "The request's target is longer than this server accepts.",
    [RC_UNSUPPORTED_MEDIA] =
        "The body must be application/json without Content-Encoding.",
    [RC_EXPECTATION] = "The only expectation this server knows is 100-continue.",
    [RC_NOT_FOUND] = "There is nothing at this path.",
    [RC_BAD_METHOD] = "This path does not take this method.",
    [RC_BAD_VERSION] = "This server speaks HTTP/1.1.",
    [RC_CLIENT_TIMEOUT] = "The request did not arrive in time.",
    [RC_BAD_KEY] = "The API key is not valid: unknown, revoked or expired.",
    [RC_FORBIDDEN] = "This is not allowed.",
    [RC_FROZEN] = "The wallet is frozen; its operator can unfreeze it.",
    [RC_MODEL_DENIED] = "This key may not use this model.",
    [RC_MODEL_UNKNOWN] = "There is no such model; GET /v1/models lists them.",
    [RC_UNPRICED] = "This has no price yet, so it can not be called.",
    [RC_RATE] = "Too many requests; wait before the next.",
    [RC_PAYMENT_REQUIRED] =
        "This call costs: send an API key of a funded wallet as a Bearer token, or pay "
        "as an offer beside this error says.",
    [RC_PAYMENT_BAD] = "The payment is not good for this call.",
    [RC_USED] = "This payment has been used; sign a new one.",
    [RC_PENDING] = "The payment was sent and its outcome is not known yet: repeat the "
                   "call with the same payment, do not sign another.",
    [RC_OWING] = "An earlier call of this payer was delivered and never paid.",
    [RC_CHAIN_DOWN] = "Payments can not be settled at the moment; nothing was taken.",
    [RC_NO_FUNDS] =
        "The wallet does not cover the worst case of this call; top it up, or lower the "
        "output bound.",
    [RC_LIMIT] = "A spending limit does not cover the worst case of this call.",
    [RC_OVERFLOW] = "The amounts of this call are beyond what can be booked.",
    [RC_CONFLICT] = "This does not go with what was done before.",
    [RC_IDEM_IN_FLIGHT] = "A call with this Idempotency-Key is still running.",
    [RC_IDEM_MISMATCH] = "This Idempotency-Key was used for another request.",
    [RC_IDEM_GONE] =
        "A call with this Idempotency-Key has ended; its answer is no longer kept.",
    [RC_UPSTREAM] = "The upstream failed.",
    [RC_UPSTREAM_BLOCKED] = "The upstream's address is not one that may be called.",
    [RC_UPSTREAM_TIMEOUT] = "The upstream did not answer in time.",
    [RC_UPSTREAM_RATE] = "The upstream is rate limited.",
    [RC_UPSTREAM_REFUSED] = "The upstream refused the request.",
    [RC_NOMEM] = "The server is short of memory; try again.",
    [RC_BUSY] = "The server is overloaded; try again.",
    [RC_FULL] = "The server's storage is full; no new call is taken.",
    [RC_DRAINING] = "The server is shutting down; try again.",
    [RC_IO] = "The server's storage failed; nothing was charged.",
};

const char *error_sentence(enum rc rc)
{
    const char *s = rc < RC__COUNT ? sentences[rc] : NULL;

    return s != NULL ? s : "The server made a mistake.";
}

/* The broad class that SDKs of the OpenAI dialect read as `type`. */
static const char *openai_type(unsigned status)
{
    switch (status) {
    case 401:
        return "authentication_error";
    case 402:
        return "insufficient_quota";
    case 403:
        return "permission_error";
    case 404:
        return "not_found_error";
    case 429:
        return "rate_limit_error";
    default:
        return status >= 500 ? "api_error" : "invalid_request_error";
    }
}

static void print_members(struct buf *out, struct slice members)
{
    if (members.len == 0)
        return;
    buf_append_char(out, ',');
    buf_append(out, members);
}

static void print_openai(struct buf *out, const struct fault *f, const char *request_id)
{
    struct json_out o;

    json_out_init(&o, out);
    buf_append_str(out, "{\"error\":");
    json_out_object(&o);
    json_out_kstr(&o, "message", f->detail ? f->detail : error_sentence(f->rc));
    json_out_kstr(&o, "type", f->type ? f->type : openai_type(fault_status(f)));
    json_out_kstr(&o, "param", f->param);
    json_out_kstr(&o, "code", f->code ? f->code : rc_reason(f->rc));
    if (request_id[0] != '\0')
        json_out_kstr(&o, "request_id", request_id);
    print_members(out, f->extra);
    json_out_end_object(&o);
    print_members(out, f->beside);
    buf_append_char(out, '}');
}

/* Anthropic's kinds of errors, by status. */
static const char *anthropic_type(unsigned status)
{
    switch (status) {
    case 401:
        return "authentication_error";
    case 402:
        return "billing_error";
    case 403:
        return "permission_error";
    case 404:
        return "not_found_error";
    case 413:
        return "request_too_large";
    case 429:
        return "rate_limit_error";
    case 504:
        return "timeout_error";
    case 529:
        return "overloaded_error";
    default:
        return status >= 500 ? "api_error" : "invalid_request_error";
    }
}

/* The stable code and the field stand where their clients find unknown members. */
static void print_anthropic(struct buf *out, const struct fault *f,
                            const char *request_id)
{
    struct json_out o;

    json_out_init(&o, out);
    buf_append_str(out, "{\"type\":\"error\",\"error\":");
    json_out_object(&o);
    json_out_kstr(&o, "type", anthropic_type(fault_status(f)));
    json_out_kstr(&o, "message", f->detail ? f->detail : error_sentence(f->rc));
    json_out_kstr(&o, "code", f->code ? f->code : rc_reason(f->rc));
    if (f->param != NULL)
        json_out_kstr(&o, "param", f->param);
    print_members(out, f->extra);
    json_out_end_object(&o);
    if (request_id[0] != '\0')
        buf_printf(out, ",\"request_id\":\"%s\"", request_id);
    print_members(out, f->beside);
    buf_append_char(out, '}');
}

/* google.rpc.Code in words, by status. */
static const char *gemini_status(unsigned status)
{
    switch (status) {
    case 401:
        return "UNAUTHENTICATED";
    case 402:
        return "FAILED_PRECONDITION";
    case 403:
        return "PERMISSION_DENIED";
    case 404:
        return "NOT_FOUND";
    case 409:
        return "ABORTED";
    case 429:
        return "RESOURCE_EXHAUSTED";
    case 503:
        return "UNAVAILABLE";
    case 504:
        return "DEADLINE_EXCEEDED";
    default:
        return status >= 500 ? "INTERNAL" : "INVALID_ARGUMENT";
    }
}

/* google.rpc.Status; the stable code is the reason of an ErrorInfo, as Google's own
 * are, the field is a BadRequest's. */
static void print_gemini(struct buf *out, const struct fault *f, const char *request_id)
{
    struct json_out o;

    json_out_init(&o, out);
    buf_append_str(out, "{\"error\":");
    json_out_object(&o);
    json_out_ku64(&o, "code", fault_status(f));
    json_out_kstr(&o, "message", f->detail ? f->detail : error_sentence(f->rc));
    json_out_kstr(&o, "status", gemini_status(fault_status(f)));
    json_out_key(&o, "details");
    json_out_array(&o);
    json_out_object(&o);
    json_out_kstr(&o, "@type", "type.googleapis.com/google.rpc.ErrorInfo");
    json_out_kstr(&o, "reason", f->code ? f->code : rc_reason(f->rc));
    json_out_kstr(&o, "domain", "octroi");
    json_out_end_object(&o);
    if (f->param != NULL) {
        json_out_object(&o);
        json_out_kstr(&o, "@type", "type.googleapis.com/google.rpc.BadRequest");
        json_out_key(&o, "fieldViolations");
        json_out_array(&o);
        json_out_object(&o);
        json_out_kstr(&o, "field", f->param);
        json_out_end_object(&o);
        json_out_end_array(&o);
        json_out_end_object(&o);
    }
    json_out_end_array(&o);
    if (request_id[0] != '\0')
        json_out_kstr(&o, "request_id", request_id);
    print_members(out, f->extra);
    json_out_end_object(&o);
    print_members(out, f->beside);
    buf_append_char(out, '}');
}

/* What MPP calls a failure that has to do with paying. */
static enum mpp_problem problem_of(const struct fault *f)
{
    if (f->problem != MPP_NONE)
        return f->problem;
    switch (f->rc) {
    case RC_PAYMENT_REQUIRED:
        return MPP_PAYMENT_REQUIRED;
    case RC_PAYMENT_BAD:
        return MPP_VERIFICATION_FAILED;
    case RC_USED:
        return MPP_INVALID_CHALLENGE;
    case RC_NO_FUNDS:
        return MPP_PAYMENT_INSUFFICIENT;
    default:
        return MPP_NONE;
    }
}

/* RFC 9457. `type` is a URN where MPP names no better one. */
static void print_problem(struct buf *out, const struct fault *f,
                          const char *request_id)
{
    const char *code = f->code ? f->code : rc_reason(f->rc);
    const enum mpp_problem problem = problem_of(f);
    struct json_out o;
    char type[96];

    json_out_init(&o, out);
    json_out_object(&o);
    (void)snprintf(type, sizeof(type), "urn:octroi:problem:%s", rc_reason(f->rc));
    json_out_kstr(&o, "type", problem != MPP_NONE ? mpp_problem_type(problem) : type);
    json_out_kstr(&o, "title",
                  problem != MPP_NONE ? mpp_problem_title(problem)
                                      : error_sentence(f->rc));
    json_out_ku64(&o, "status", fault_status(f));
    json_out_kstr(&o, "detail", f->detail ? f->detail : error_sentence(f->rc));
    json_out_kstr(&o, "code", code);
    if (f->param != NULL)
        json_out_kstr(&o, "param", f->param);
    if (request_id[0] != '\0')
        json_out_kstr(&o, "request_id", request_id);
    print_members(out, f->extra);
    print_members(out, f->beside);
    json_out_end_object(&o);
}

/* What a terminal would obey, and what is no UTF-8, is a "?": a detail may have words
 * of somebody else, and clients print it as it is. */
static void put_plain(struct buf *out, struct slice text)
{
    while (text.len > 0) {
        const uint8_t c = (uint8_t)text.bytes[0];
        const size_t len = c < 0x80 ? 1 : utf8_length(text);
        const bool obeyed = (c < 0x20 && c != '\n') || c == 0x7f ||
                            (c == 0xC2 && len == 2 && (uint8_t)text.bytes[1] < 0xA0);

        if (len == 0 || obeyed)
            buf_append_char(out, '?');
        else
            buf_append(out, slice_sub(text, 0, len));
        text = slice_sub(text, len == 0 ? 1 : len, text.len);
    }
}

/* No line end: clients add their own. */
static void print_text(struct buf *out, const struct fault *f)
{
    put_plain(out, slice_str(f->detail ? f->detail : error_sentence(f->rc)));
    buf_printf(out, " (%s)", f->code ? f->code : rc_reason(f->rc));
}

static int rpc_code(enum rc rc)
{
    switch (rc) {
    case RC_BAD_JSON:
        return -32700;
    case RC_NOT_FOUND:
        return -32601;
    case RC_BAD_INPUT:
    case RC_BAD_METHOD:
    case RC_UNSUPPORTED_MEDIA:
    case RC_TOO_BIG:
        return -32600;
    default:
        return -32000; /* the server's own: `data` says what */
    }
}

static void print_rpc(struct buf *out, const struct fault *f, const char *request_id)
{
    struct json_out o;

    json_out_init(&o, out);
    json_out_object(&o);
    json_out_kstr(&o, "jsonrpc", "2.0");
    json_out_key(&o, "id");
    json_out_null(&o);
    json_out_key(&o, "error");
    json_out_object(&o);
    json_out_key(&o, "code");
    json_out_i64(&o, rpc_code(f->rc));
    json_out_kstr(&o, "message", f->detail ? f->detail : error_sentence(f->rc));
    json_out_key(&o, "data");
    json_out_object(&o);
    json_out_kstr(&o, "code", f->code ? f->code : rc_reason(f->rc));
    json_out_ku64(&o, "status", fault_status(f));
    if (request_id[0] != '\0')
        json_out_kstr(&o, "request_id", request_id);
    print_members(out, f->extra);
    json_out_end_object(&o);
    json_out_end_object(&o);
    json_out_end_object(&o);
}

void error_print(struct buf *out, enum dialect d, const struct fault *f,
                 const char *request_id)
{
    if (f->whole.len > 0) {
        buf_append(out, f->whole);
        return;
    }
    switch (d) {
    case DIALECT_OPENAI:
        print_openai(out, f, request_id);
        return;
    case DIALECT_ANTHROPIC:
        print_anthropic(out, f, request_id);
        return;
    case DIALECT_GEMINI:
        print_gemini(out, f, request_id);
        return;
    case DIALECT_PROBLEM:
        print_problem(out, f, request_id);
        return;
    case DIALECT_RPC:
        print_rpc(out, f, request_id);
        return;
    case DIALECT_TEXT:
        print_text(out, f);
        return;
    }
}

void error_print_event(struct buf *out, enum dialect d, const struct fault *f)
{
    error_print(out, d, f, "");
}
