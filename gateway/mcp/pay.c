/* SPDX-License-Identifier: Apache-2.0 */
/* Payments in `_meta`. x402 and MPP say in headers of HTTP what MCP says in JSON: what
 * comes in becomes such a header of the inner request, and the headers of its answer
 * become JSON again. So a payment is read, checked and used up in one place,
 * gateway/payments/, however it came. */
#include "gateway/mcp/inner.h"

#include "base/codec.h"
#include "gateway/challenges.h"

#include <string.h>

#define X402_PAYMENT   "x402/payment"
#define X402_RESPONSE  "x402/payment-response"
#define X402_REQUIRED  "x402/error"
#define MPP_CREDENTIAL "org.paymentauth/credential"
#define MPP_RECEIPT    "org.paymentauth/receipt"
#define MPP_REQUIRED   "org.paymentauth/payment-required"

enum {
    REQUIRED_MAX = 64 * 1024,
    ERROR_MAX = 256 * 1024 /* with challenges and a problem beside it */
};

/* ---- In ---- */

/* The keys of x402: its own, and those of the package x402-mcp, which is told what
 * became of its payment as it has sent it. */
static const struct x402_keys {
    const char *payment, *response;
} x402_keys[] = {{X402_PAYMENT, X402_RESPONSE},
                 {"x402.payment", "x402.payment-response"}};

enum {
    X402_KEYS = sizeof(x402_keys) / sizeof(x402_keys[0])
};

/* A payment that says what it is for was meant for that. */
static bool is_for_another(struct mcp_inner *in, struct request *r,
                           struct slice payment)
{
    struct slice resource, url;
    const struct slice scheme = SLICE("mcp://tool/");

    return json_raw_member(&resource, payment, "resource") == JSON_OBJECT &&
           mcp_text(&url, resource, "url", r) && slice_starts(url, scheme) &&
           !slice_equal_str(slice_sub(url, scheme.len, url.len), in->tool);
}

/* Clients that know the header of HTTP send what would stand there: the object's base64
 * in a string. It is guarded like what came in the open. */
static bool open_x402(struct slice *payment, struct request *r)
{
    const struct json_limits limits = {.bytes = X402_HEADER_MAX};
    struct slice text, json;

    if (payment->len > X402_HEADER_MAX)
        return false;
    if (json_raw_type(*payment) == JSON_OBJECT)
        return true;
    if (json_raw_type(*payment) != JSON_STRING ||
        json_raw_string(&text, *payment, r->arena) != RC_OK ||
        base64_decode(&json, text, r->arena) != RC_OK ||
        json_guard(json, &limits, NULL, 0, NULL, r->arena) != RC_OK)
        return false;
    *payment = json;
    return true;
}

static enum rc read_x402(struct mcp_inner *in, struct mcp_error *error,
                         struct request *r, struct slice payment)
{
    struct slice version, header;

    if (!open_x402(&payment, r))
        return mcp_fail(error, r, MCP_BAD_PARAMS,
                        "'" X402_PAYMENT "' must be an object or its base64, and not "
                        "longer than a header.");
    if (is_for_another(in, r, payment))
        return mcp_fail(error, r, MCP_BAD_PARAMS,
                        "'" X402_PAYMENT "' names another tool as its resource.");
    header = base64_encode(r->arena, payment);
    if (header.bytes == NULL)
        return RC_NOMEM;
    if (json_raw_member(&version, payment, "x402Version") == JSON_NUMBER &&
        slice_equal(version, SLICE("1")))
        mcp_inner_header(in, "x-payment", header);
    else
        mcp_inner_header(in, "payment-signature", header);
    in->paid_by = MCP_BY_X402;
    return RC_OK;
}

static bool has_key(const struct mcp_inner *in)
{
    unsigned count;

    (void)http_header(&in->http, "authorization", &count);
    return count > 0;
}

static enum rc read_mpp(struct mcp_inner *in, struct mcp_error *error,
                        struct request *r, struct slice raw)
{
    struct mpp_credential credential;
    struct slice header;

    if (json_raw_type(raw) != JSON_OBJECT ||
        mpp_credential_read(&credential, raw, r->arena) != RC_OK ||
        mpp_credential_print(&header, &credential, r->arena) != RC_OK)
        return mcp_fail(error, r, MCP_BAD_PARAMS,
                        "'" MPP_CREDENTIAL "' is not a credential.");
    mcp_inner_header(in, has_key(in) ? "payment-authorization" : "authorization",
                     header);
    in->paid_by = MCP_BY_MPP;
    return RC_OK;
}

enum rc mcp_pay_read(struct mcp_inner *in, struct mcp_error *error, struct request *r)
{
    const struct mcp_message *m = &in->message;
    struct slice x402 = SLICE_NONE, value, mpp;
    const bool has_mpp =
        json_raw_member(&mpp, m->meta, MPP_CREDENTIAL) != JSON_ABSENT ||
        json_raw_member(&mpp, m->root_meta, MPP_CREDENTIAL) != JSON_ABSENT;
    unsigned count = has_mpp;

    for (size_t i = 0; i < X402_KEYS; i++) {
        if (json_raw_member(&value, m->meta, x402_keys[i].payment) == JSON_ABSENT)
            continue;
        x402 = value;
        in->x402_response = x402_keys[i].response;
        count++;
    }
    if (count > 1)
        return mcp_fail(error, r, MCP_BAD_PARAMS, "Send one payment, not two.");
    if (in->x402_response != NULL)
        return read_x402(in, error, r, x402);
    return has_mpp ? read_mpp(in, error, r, mpp) : RC_OK;
}

/* ---- Out: what is asked ---- */

static void write_challenge(struct json_out *o, struct request *r,
                            const struct mpp_challenge *c)
{
    const struct {
        const char *name;
        struct slice value;
    } texts[] = {
        {"id", c->id},
        {"realm", c->realm},
        {"method", c->method},
        {"intent", c->intent},
        {"expires", c->expires},
        {"digest", c->digest},
        {"description", c->description},
        {"opaque", c->opaque},
        {"header", c->header},
    };
    struct slice request;

    if (base64url_decode(&request, c->request, r->arena) != RC_OK)
        return;
    json_out_object(o);
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        if (texts[i].value.len > 0)
            json_out_kslice(o, texts[i].name, texts[i].value);
    json_out_key(o, "request");
    json_out_raw(o, request);
    json_out_end_object(o);
}

static size_t count_challenges(const struct envelope *e)
{
    struct slice header;
    size_t at = 0, count = 0;

    while (envelope_next_header(&header, e, "WWW-Authenticate", &at))
        count += slice_starts_nocase(header, SLICE("payment "));
    return count;
}

static void write_challenges(struct json_out *o, struct request *r)
{
    struct slice header;
    size_t at = 0;

    json_out_key(o, "challenges");
    json_out_array(o);
    while (envelope_next_header(&header, r->envelope, "WWW-Authenticate", &at)) {
        struct mpp_challenge c;
        size_t count = 1;

        if (slice_starts_nocase(header, SLICE("payment ")) &&
            mpp_challenges_parse(&c, &count, header, r->arena) == RC_OK && count == 1)
            write_challenge(o, r, &c);
    }
    json_out_end_array(o);
}

/* The refusal in RFC 9457's words, without what stands beside it elsewhere. */
static void write_problem(struct json_out *o, struct request *r)
{
    struct fault f = r->fault;
    struct buf b;

    f.beside = SLICE_NONE;
    f.whole = SLICE_NONE;
    buf_init(&b, REQUIRED_MAX);
    error_print(&b, DIALECT_PROBLEM, &f, r->id_text);
    json_out_key(o, "problem");
    json_out_raw(o, buf_spent(&b) ? SLICE("{}") : buf_slice(&b));
    buf_free(&b);
}

/* PaymentRequired of x402; SLICE_NONE: it is not offered. */
static struct slice required_of(struct request *r)
{
    const struct slice header = envelope_header(r->envelope, "PAYMENT-REQUIRED");
    struct slice json;

    if (header.len == 0 || base64_decode(&json, header, r->arena) != RC_OK)
        return SLICE_NONE;
    return json;
}

/* Its `error` says why what was there did not pay: a key without funds, say. */
static struct slice with_reason(struct request *r, struct slice required)
{
    struct slice key, value, out;
    struct json_out o;
    struct buf b;
    size_t at = 0;

    if (r->fault.rc == RC_PAYMENT_REQUIRED || r->payment_reason != NULL ||
        r->fault.detail == NULL)
        return required;
    buf_init(&b, REQUIRED_MAX);
    json_out_init(&o, &b);
    json_out_object(&o);
    while (json_raw_next(&key, &value, required, &at) != JSON_ABSENT) {
        struct slice name;
        char *text;

        if (json_raw_string(&name, key, r->arena) != RC_OK)
            continue;
        text = arena_copy(r->arena, name.bytes, name.len);
        json_out_key(&o, text != NULL ? text : "");
        if (slice_equal(name, SLICE("error")))
            json_out_str(&o, arena_printf(r->arena, "%s: %s", rc_reason(r->fault.rc),
                                          r->fault.detail));
        else
            json_out_raw(&o, value);
    }
    json_out_end_object(&o);
    out = buf_spent(&b) ? required : arena_slice(r->arena, buf_slice(&b));
    buf_free(&b);
    return out;
}

static void write_required(struct json_out *o, struct request *r)
{
    json_out_object(o);
    json_out_ku64(o, "httpStatus", fault_status(&r->fault));
    write_challenges(o, r);
    write_problem(o, r);
}

/* MPP's errors: -32042 for who has said that it understands it; -32043, -32602 and,
 * when it is not known what becomes of the payment, -32603 for who has paid in this
 * way. */
static void reply_error(struct request *r, const struct mcp_inner *in,
                        enum mcp_code code, struct slice x402)
{
    struct mcp_error error = {.code = code};
    struct json_out o;
    struct buf b;

    buf_init(&b, ERROR_MAX);
    json_out_init(&o, &b);
    write_required(&o, r);
    if (code == MCP_UNVERIFIED) {
        json_out_key(&o, "failure");
        json_out_object(&o);
        json_out_kstr(&o, "reason",
                      r->fault.code ? r->fault.code : rc_reason(r->fault.rc));
        json_out_kstr(&o, "detail",
                      r->fault.detail ? r->fault.detail : error_sentence(r->fault.rc));
        json_out_end_object(&o);
    }
    if (x402.len > 0) {
        json_out_key(&o, "x402");
        json_out_raw(&o, x402);
    }
    json_out_end_object(&o);
    error.text = r->fault.detail ? r->fault.detail : error_sentence(r->fault.rc);
    error.data = buf_spent(&b) ? SLICE_NONE : buf_slice(&b);
    mcp_reply_error(r, &in->message, &error);
    buf_free(&b);
}

/* What version 1 can pay: the `accepts` of the inner call's body. SLICE_NONE: none. */
static struct slice offers_v1(struct request *r)
{
    struct slice accepts, first;
    size_t at = 0;

    if (json_raw_member(&accepts, buf_slice(&r->envelope->answer), "accepts") !=
            JSON_ARRAY ||
        json_raw_element(&first, accepts, &at) == JSON_ABSENT)
        return SLICE_NONE;
    return accepts;
}

static void write_elements(struct json_out *o, struct slice array)
{
    struct slice element;
    size_t at = 0;

    while (json_raw_element(&element, array, &at) != JSON_ABSENT)
        json_out_raw(o, element);
}

/* A PaymentRequired with the offers of both arrays. */
static void write_offers(struct json_out *o, unsigned version, struct slice required,
                         struct slice offers, struct slice more)
{
    static const char *const names[] = {"error", "resource"};

    json_out_object(o);
    json_out_ku64(o, "x402Version", version);
    for (size_t i = 0; i < version; i++) {
        struct slice value;

        if (json_raw_member(&value, required, names[i]) == JSON_ABSENT)
            continue;
        json_out_key(o, names[i]);
        json_out_raw(o, value);
    }
    json_out_key(o, "accepts");
    json_out_array(o);
    write_elements(o, offers);
    write_elements(o, more);
    json_out_end_array(o);
    json_out_end_object(o);
}

/* Where the package agents of Cloudflare looks. Its releases of version 1 pick the
 * offer with their network's short name, or the first; those of version 2 leave out
 * what has no name of theirs. */
static void write_both(struct json_out *o, struct slice x402, struct slice v1)
{
    struct slice v2;

    if (json_raw_member(&v2, x402, "accepts") != JSON_ARRAY)
        return;
    json_out_key(o, X402_REQUIRED);
    write_offers(o, 2, x402, v1, v2);
}

static void write_text(struct json_out *o, struct slice text)
{
    json_out_object(o);
    json_out_kstr(o, "type", "text");
    json_out_kslice(o, "text", text);
    json_out_end_object(o);
}

/* For models that pay by version 1 themselves, with the tools of the package x402-mcp:
 * they read all texts. */
static void write_text_v1(struct json_out *o, struct slice x402, struct slice v1)
{
    struct json_out inner;
    struct buf b;

    buf_init(&b, REQUIRED_MAX);
    json_out_init(&inner, &b);
    write_offers(&inner, 1, x402, v1, SLICE_NONE);
    if (!buf_spent(&b))
        write_text(o, buf_slice(&b));
    buf_free(&b);
}

/* One result for clients of all kinds. */
static void reply_result(struct request *r, const struct mcp_inner *in,
                         struct slice x402, size_t challenges)
{
    const struct slice v1 = offers_v1(r);
    const struct slice said = x402.len > 0 ? x402 : buf_slice(&r->envelope->answer);
    struct json_out o;
    struct buf b;

    mcp_result_begin(&o, &b, &in->message);
    json_out_key(&o, "content");
    json_out_array(&o);
    write_text(&o, said);
    if (v1.len > 0)
        write_text_v1(&o, x402, v1);
    json_out_end_array(&o);
    json_out_key(&o, "structuredContent");
    json_out_raw(&o, said);
    json_out_kbool(&o, "isError", true);
    json_out_key(&o, "_meta");
    json_out_object(&o);
    mcp_answer_meta(&o, r, in);
    write_both(&o, x402, v1);
    if (challenges > 0) {
        json_out_key(&o, MPP_REQUIRED);
        write_required(&o, r);
        json_out_end_object(&o);
    }
    json_out_end_object(&o);
    mcp_result_end(&o, r, &in->message);
}

static enum mcp_code code_of(const struct request *r)
{
    const bool is_malformed = r->fault.problem == MPP_MALFORMED_CREDENTIAL ||
                              r->fault.problem == MPP_INVALID_PAYLOAD ||
                              r->fault.problem == MPP_BAD_REQUEST;

    return is_malformed ? MCP_BAD_PARAMS : MCP_UNVERIFIED;
}

static bool is_refused(const struct request *r)
{
    switch (r->fault.rc) {
    case RC_PAYMENT_REQUIRED:
    case RC_PAYMENT_BAD:
    case RC_USED:
    case RC_NO_FUNDS:
        return true;
    default:
        return r->fault.problem != MPP_NONE;
    }
}

/* The payment may be good: it could not be settled. */
static bool is_unsettled(const struct request *r)
{
    return r->fault.rc == RC_PENDING || r->fault.rc == RC_CHAIN_DOWN;
}

bool mcp_pay_answer(struct request *r, const struct mcp_inner *in)
{
    const size_t challenges = count_challenges(r->envelope);
    struct slice x402;

    if (is_unsettled(r) && in->paid_by == MCP_BY_MPP) {
        reply_error(r, in, MCP_INTERNAL, SLICE_NONE);
        return true;
    }
    if (!is_refused(r))
        return false;
    x402 = required_of(r);
    if (x402.len > 0)
        x402 = with_reason(r, x402);
    if (in->paid_by == MCP_BY_MPP)
        reply_error(r, in, code_of(r), SLICE_NONE);
    else if (in->message.takes_errors && challenges > 0)
        reply_error(r, in, MCP_PAYMENT, x402);
    else
        reply_result(r, in, x402, challenges);
    return true;
}

/* ---- Out: what became of it ---- */

static void write_decoded(struct json_out *o, const char *key, struct slice json)
{
    json_out_key(o, key);
    json_out_raw(o, json);
}

void mcp_pay_meta(struct json_out *o, struct request *r, const struct mcp_inner *in)
{
    const struct envelope *e = &in->envelope;
    struct slice x402 = envelope_header(e, "PAYMENT-RESPONSE");
    const struct slice mpp = envelope_header(e, "Payment-Receipt");
    struct slice json;

    if (x402.len == 0)
        x402 = envelope_header(e, "X-PAYMENT-RESPONSE");
    if (x402.len > 0 && base64_decode(&json, x402, r->arena) == RC_OK)
        write_decoded(o, in->x402_response ? in->x402_response : X402_RESPONSE, json);
    if (mpp.len > 0 && base64url_decode(&json, mpp, r->arena) == RC_OK)
        write_decoded(o, MPP_RECEIPT, json);
}
