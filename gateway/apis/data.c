/* SPDX-License-Identifier: Apache-2.0 */
/* ANY /v1/data/{api}/{path}: data APIs at a flat price per call. The raw path is
 * matched by segment and sent as it came; status, end-to-end headers and body pass
 * through. A short answer waits until it is booked, so that its head can say the cost;
 * a long or slow one streams. */
#include "gateway/api.h"
#include "gateway/data_buy.h"
#include "gateway/path.h"
#include "gateway/request.h"

#include <string.h>

enum {
    HEADERS_MAX = 64,
    WHOLE_MAX = 65536, /* up to this an answer may wait for its booking */
    WHOLE_WAIT_MS = 250
};

struct data_call {
    const struct config_data_api *api;
    const struct config_endpoint *endpoint;
    const char *url;
    struct data_buy buy; /* of a host that is paid */
    size_t header_count;
    struct http_header headers[HEADERS_MAX];
    struct http_header paid[HEADERS_MAX + 1]; /* the same, with a payment */
    struct slice body;

    unsigned status; /* of the upstream's answer; 0: none yet */
    size_t answer_count;
    struct http_header answer[HEADERS_MAX];
    const char *content_type;
    uint64_t content_length; /* UINT64_MAX: unknown */
    struct buf whole;
    bool begun;
};

/* ---- The request ---- */

static bool method_fits(const struct config_endpoint *e, struct slice method)
{
    return strcmp(e->method, "ANY") == 0 || slice_equal_str(method, e->method) ||
           (strcmp(e->method, "GET") == 0 && slice_equal(method, SLICE("HEAD")));
}

static enum rc find_endpoint(struct request *r, struct data_call *d, struct slice path)
{
    bool path_fits = false;

    for (size_t i = 0; i < d->api->endpoint_count; i++) {
        const struct config_endpoint *e = &d->api->endpoints[i];

        if (!path_match(NULL, 0, e->path, path))
            continue;
        path_fits = true;
        if (!method_fits(e, r->http->method))
            continue;
        d->endpoint = e;
        return e->priced ? RC_OK : RC_UNPRICED;
    }
    return path_fits ? RC_BAD_METHOD : RC_NOT_FOUND;
}

/* What of the client's goes to the upstream; nothing else does. */
static bool may_pass(const struct config_endpoint *e, struct slice name)
{
    static const char *const always[] = {
        "accept",          "accept-language",
        "accept-encoding", "content-type",
        "range",           "if-match",
        "if-none-match",   "if-modified-since",
        "if-range",        "if-unmodified-since",
        "traceparent",
    };

    for (size_t i = 0; i < sizeof(always) / sizeof(always[0]); i++)
        if (slice_equal_nocase(name, slice_str(always[i])))
            return true;
    for (size_t i = 0; i < e->pass_count; i++)
        if (slice_equal_nocase(name, slice_str(e->pass_headers[i])))
            return true;
    return false;
}

static void collect_headers(struct request *r, struct data_call *d)
{
    const struct config_data_api *api = d->api;

    for (size_t i = 0; i < r->http->header_count; i++) {
        const struct http_header *h = &r->http->headers[i];

        if (d->header_count < HEADERS_MAX - 1 && may_pass(d->endpoint, h->name) &&
            !(api->auth_header != NULL &&
              slice_equal_nocase(h->name, slice_str(api->auth_header))))
            d->headers[d->header_count++] = *h;
    }
    if (api->auth_header != NULL)
        d->headers[d->header_count++] = (struct http_header){
            slice_str(api->auth_header), secret_open(api->auth_value)};
}

static enum rc plan(struct request *r)
{
    struct data_call *d = arena_new(r->arena, struct data_call);
    struct slice name = r->match.params[0];
    struct slice path =
        slice_sub(r->http->path, SLICE("/v1/data/").len + name.len, r->http->path.len);

    if (d == NULL)
        return RC_NOMEM;
    r->api_state = d;
    buf_init(&d->whole, WHOLE_MAX);
    r->quote.subject = name;
    if (path_check(r->http->path, true) != RC_OK)
        return request_fault(r, RC_BAD_INPUT, NULL,
                             "The path is not in canonical form.");
    if (r->http->has_body && slice_equal(r->http->method, SLICE("HEAD")))
        return request_fault(r, RC_BAD_INPUT, NULL, "A HEAD request has no body.");
    d->api = config_data_api(r->config, name);
    if (d->api == NULL)
        return request_fault(r, RC_NOT_FOUND, NULL, "There is no data API '%.*s'.",
                             SLICE_FMT(name));
    TRY(find_endpoint(r, d, path.len > 0 ? path : SLICE("/")));
    d->url =
        arena_printf(r->arena, "%s%.*s%s%.*s", d->api->base_url, (int)path.len,
                     path.bytes, r->http->has_query ? "?" : "", (int)r->http->query.len,
                     r->http->query.len ? r->http->query.bytes : "");
    d->body = request_body(r);
    d->buy = (struct data_buy){.request = r,
                               .endpoint = d->endpoint,
                               .url = slice_str(d->url),
                               .body = d->body};
    collect_headers(r, d);
    r->quote.worst = d->endpoint->price;
    r->quote.flow = d->endpoint->flow;
    return arena_spent(r->arena) ? RC_NOMEM : RC_OK;
}

/* RFC 9110 section 9.2.2 */
static bool may_repeat(struct slice method)
{
    return !slice_equal(method, SLICE("POST")) && !slice_equal(method, SLICE("PATCH"));
}

/* A payment beside the rest; it stands for a credential in the same header. */
static size_t add_payment(struct data_call *d, const struct http_header *payment)
{
    size_t count = 0;

    for (size_t i = 0; i < d->header_count; i++)
        if (!slice_equal_nocase(d->headers[i].name, payment->name))
            d->paid[count++] = d->headers[i];
    if (payment->name.bytes != NULL)
        d->paid[count++] = *payment;
    return count;
}

static enum rc build(struct request *r, struct upstream_spec *spec)
{
    struct data_call *d = r->api_state;
    struct http_header payment;
    size_t count;

    /* One upstream, one try: it may not be safe to repeat. But for a payment. */
    TRY(data_buy_next(&payment, &d->buy));
    count = add_payment(d, &payment);
    *spec = (struct upstream_spec){
        .method = arena_copy(r->arena, r->http->method.bytes, r->http->method.len),
        .url = d->url,
        .header_count = count,
        .headers = d->paid,
        .part_count = d->body.len > 0,
        .parts = &d->body,
        .has_body = r->http->has_body,
        .send_once = !may_repeat(r->http->method),
        .allow_private = d->api->allow_private,
        .pool_key = d->api->auth_value ? secret_open(d->api->auth_value) : SLICE_NONE,
        .first_byte_timeout_ms = d->api->first_byte_timeout_ms,
        .idle_timeout_ms = d->api->idle_timeout_ms,
        .max_response_bytes = r->config->limits.max_response_bytes,
    };
    return RC_OK;
}

static enum step prepare(struct request *r)
{
    struct data_call *d = r->api_state;

    return data_buy_prepare(&d->buy);
}

/* ---- The answer ---- */

/* Headers between two hops, and those that would speak for us. */
static bool is_ours(struct slice name)
{
    static const char *const drop[] = {
        "connection",
        "keep-alive",
        "te",
        "trailer",
        "upgrade",
        "transfer-encoding",
        "content-length",
        "set-cookie",
        "set-cookie2",
        "www-authenticate",
        "location",
        "date",
        "server",
        "x-request-id",
        "retry-after-ms",
        "strict-transport-security",
        "alt-svc",
        "x-content-type-options",
        "x-should-retry",
        "idempotent-replayed",
    };

    for (size_t i = 0; i < sizeof(drop) / sizeof(drop[0]); i++)
        if (slice_equal_nocase(name, slice_str(drop[i])))
            return true;
    return slice_starts_nocase(name, SLICE("proxy-")) ||
           slice_starts_nocase(name, SLICE("x-octroi-")) ||
           buyer_is_payment_header(name);
}

/* Whether one of the Connection headers names this header as meant for us only. */
static bool named_by_connection(struct slice name, const struct http_header *headers,
                                size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct slice rest = headers[i].value;
        struct slice piece;

        if (!slice_equal_nocase(headers[i].name, SLICE("connection")))
            continue;
        while (slice_next(&piece, &rest, ','))
            if (slice_equal_nocase(slice_trim(piece), name))
                return true;
    }
    return false;
}

static void keep_header(struct request *r, struct data_call *d,
                        const struct http_header *h)
{
    struct http_header copy = {arena_slice(r->arena, h->name),
                               arena_slice(r->arena, h->value)};

    if (slice_equal_nocase(h->name, SLICE("content-type")) && d->content_type == NULL)
        d->content_type = copy.value.bytes;
    else if (d->answer_count < HEADERS_MAX)
        d->answer[d->answer_count++] = copy;
}

static void begin(struct request *r);

static void waited_enough(struct request *r)
{
    if (r->state == REQUEST_SEND && r->upcall != NULL)
        begin(r);
}

/* A type that is read as it comes must not wait for its end. */
static bool live_type(const char *type)
{
    struct slice s = slice_str(type);

    if (slice_starts_nocase(s, SLICE("application/octet-stream")))
        return false;
    return slice_search(s, SLICE("ndjson")) < s.len ||
           slice_search(s, SLICE("stream")) < s.len;
}

static bool head(struct request *r, unsigned status, const struct http_header *headers,
                 size_t count)
{
    struct data_call *d = r->api_state;

    if (d->api->buys && data_buy_head(&d->buy, status, headers, count))
        return false;
    /* A redirect is not followed; a refusal of our own credential is not the caller's.
     */
    if ((status >= 300 && status < 400 && status != 304) ||
        (d->api->auth_header != NULL && (status == 401 || status == 407)))
        return false;
    d->status = status;
    d->content_length = UINT64_MAX;
    for (size_t i = 0; i < count; i++) {
        if (slice_equal_nocase(headers[i].name, SLICE("content-length")) &&
            slice_to_u64(&d->content_length, slice_trim(headers[i].value)) != RC_OK)
            d->content_length = UINT64_MAX;
        if (!is_ours(headers[i].name) &&
            !named_by_connection(headers[i].name, headers, count))
            keep_header(r, d, &headers[i]);
    }
    if (!slice_equal(r->http->method, SLICE("HEAD")))
        request_tick_in(r, WHOLE_WAIT_MS, waited_enough);
    return true;
}

/* A page from elsewhere must not be shown under our name. */
static void answer_headers(struct request *r, struct data_call *d)
{
    bool page = d->content_type != NULL &&
                slice_starts_nocase(slice_str(d->content_type), SLICE("text/html"));

    for (size_t i = 0; i < d->answer_count; i++) {
        const struct http_header *h = &d->answer[i];
        char *name = arena_copy(r->arena, h->name.bytes, h->name.len);

        if (name != NULL &&
            !(page && slice_equal_nocase(h->name, SLICE("content-disposition"))))
            request_header(r, name, h->value);
    }
    request_header(r, "X-Content-Type-Options", SLICE("nosniff"));
    if (page)
        request_header(r, "Content-Disposition", SLICE("attachment"));
}

/* From here on it streams: what had waited goes out. */
static void begin(struct request *r)
{
    struct data_call *d = r->api_state;

    d->begun = true;
    answer_headers(r, d);
    request_stream_begin(r, d->status, d->content_type ? d->content_type : "",
                         d->content_length);
    request_write(r, buf_slice(&d->whole));
    buf_reset(&d->whole);
}

static enum upstream_take data(struct request *r, struct slice bytes)
{
    struct data_call *d = r->api_state;

    if (!d->begun &&
        (bytes.len > buf_room(&d->whole) ||
         (d->content_length != UINT64_MAX && d->content_length > WHOLE_MAX) ||
         live_type(d->content_type)))
        begin(r);
    if (d->begun)
        request_write(r, bytes);
    else
        buf_append(&d->whole, bytes);
    return UPSTREAM_TOOK;
}

/* Only with the payment that was asked for. */
static bool may_retry(struct request *r, unsigned status, struct slice body)
{
    const struct data_call *d = r->api_state;

    (void)status;
    (void)body;
    return d->buy.state == DATA_BUY_ASKED;
}

static enum rc complete(struct request *r)
{
    (void)r;
    return RC_OK; /* whatever it is, it is the answer */
}

/* Whether the call is to be paid, however it ended. */
static bool is_owed(const struct request *r, const struct data_call *d, bool good)
{
    const bool at_cost = d->endpoint->at_cost;

    switch (r->outcome) {
    case OUTCOME_OK:
        return data_buy_taken(&d->buy, good) ||
               (!at_cost && (good || d->endpoint->charge == CONFIG_CHARGE_ALWAYS));
    case OUTCOME_GONE: /* the caller left: the upstream did its work all the same */
        if (at_cost || (d->api->buys && !good))
            return r->contacted && data_buy_sent(&d->buy);
        return r->contacted &&
               (good || d->status == 0 || d->endpoint->charge == CONFIG_CHARGE_ALWAYS);
    case OUTCOME_OPEN:
    case OUTCOME_FAILED:
    case OUTCOME_BROKEN:
        break;
    }
    return false;
}

static enum rc cost(struct request *r, struct money *out, struct wallet_call *call)
{
    struct data_call *d = r->api_state;
    const bool good = d->status >= 200 && d->status < 300;

    call->model = r->quote.subject;
    call->target = slice_str(d->endpoint->path);
    call->price_version = slice_str(d->endpoint->version);
    call->status = r->outcome == OUTCOME_GONE ? 499 : d->status;
    *out = MONEY_ZERO;
    if (is_owed(r, d, good))
        *out = d->endpoint->at_cost ? data_buy_cost(&d->buy) : d->endpoint->price;
    data_buy_end(&d->buy, good);
    return RC_OK;
}

static void finish(struct request *r)
{
    struct data_call *d = r->api_state;

    if (d->begun) {
        request_end(r, true);
        return;
    }
    answer_headers(r, d);
    request_money_headers(r);
    if (slice_equal(r->http->method, SLICE("HEAD")))
        request_reply_head(r, d->status, d->content_type ? d->content_type : "",
                           d->content_length);
    else
        request_reply(r, d->status, d->content_type ? d->content_type : "",
                      buf_slice(&d->whole));
}

/* There is no in-band place for words in somebody else's format: the connection is cut,
 * so that nobody takes a part for the whole. */
static void broken(struct request *r, enum rc rc)
{
    (void)rc;
    request_end(r, false);
}

static void explain(struct request *r, unsigned status, struct slice body)
{
    struct data_call *d = r->api_state;

    (void)body;
    if (d->api->buys && status == 402) {
        data_buy_explain(&d->buy);
        return;
    }
    r->fault = (struct fault){.rc = RC_UPSTREAM};
    if (status >= 300 && status < 400)
        r->fault.detail =
            "The upstream answered with a redirect, which is not followed.";
    else
        r->fault.detail = "The upstream refused the gateway's own credentials.";
}

static void close_call(struct request *r)
{
    struct data_call *d = r->api_state;

    data_buy_end(&d->buy, d->status >= 200 && d->status < 300);
    buf_free(&d->whole);
}

static const struct api_route routes[] = {
    {"*", "/v1/data/{api}/{path*}"},
    {"*", "/v1/data/{api}"},
    {NULL, NULL},
};

extern const struct api api_data;
const struct api api_data = {
    .name = "data",
    .dialect = DIALECT_PROBLEM,
    .flags = API_PRICED | API_FLAT,
    .routes = routes,
    .plan = plan,
    .prepare = prepare,
    .build = build,
    .head = head,
    .data = data,
    .may_retry = may_retry,
    .complete = complete,
    .cost = cost,
    .finish = finish,
    .broken = broken,
    .explain = explain,
    .close = close_call,
};
