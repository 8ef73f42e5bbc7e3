/* SPDX-License-Identifier: Apache-2.0 */
/* A metered call on its way in: which endpoint, what is sent, what it may cost. */
#include "gateway/metered.h"

#include "base/clock.h"
#include "base/codec.h"
#include "gateway/path.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

enum {
    WAITS_MAX = 40 /* 10 s */
};

/* ---- The endpoint ---- */

static bool method_fits(const struct config_endpoint *e, struct slice method)
{
    return strcmp(e->method, "ANY") == 0 || slice_equal_str(method, e->method) ||
           (strcmp(e->method, "GET") == 0 && slice_equal(method, SLICE("HEAD")));
}

enum rc metered_endpoint(const struct config_endpoint **out,
                         const struct config_data_api *api, struct slice method,
                         struct slice path)
{
    bool path_fits = false;

    for (size_t i = 0; i < api->endpoint_count; i++) {
        const struct config_endpoint *e = &api->endpoints[i];

        if (!path_match(NULL, 0, e->path, path))
            continue;
        path_fits = true;
        if (!method_fits(e, method))
            continue;
        *out = e;
        return RC_OK;
    }
    return path_fits ? RC_BAD_METHOD : RC_NOT_FOUND;
}

/* ---- What may be sent ---- */

static bool is_json_type(struct slice type)
{
    return type.len == 0 ||
           slice_starts_nocase(slice_trim(type), SLICE("application/json"));
}

static enum rc check_json(struct request *r)
{
    const struct slice body = request_body(r);
    const struct json_limits limits = {.any_value = true};
    struct json_fault fault = {0, ""};
    enum rc rc;

    if (!is_json_type(http_header(r->http, "content-type", NULL)))
        return RC_UNSUPPORTED_MEDIA;
    if (body.len == 0)
        return request_fault(r, RC_BAD_JSON, NULL,
                             "This endpoint takes a JSON text as its body.");
    rc = json_guard(body, &limits, NULL, 0, &fault, r->arena);
    if (rc == RC_BAD_JSON)
        return request_fault(r, rc, NULL, "The body is not JSON: %s at byte %zu.",
                             fault.what, fault.at);
    return rc;
}

/* Of an unpaid call the body has not come, but how long it will be may be known. */
static enum rc check_body(struct request *r, const struct config_endpoint *e)
{
    const bool is_in = r->state != REQUEST_READ;
    const uint64_t bytes = is_in ? request_body(r).len : r->http->content_length;

    if (r->http->has_body && slice_equal(r->http->method, SLICE("HEAD")))
        return request_fault(r, RC_BAD_INPUT, NULL, "A HEAD request has no body.");
    if (e->body == CONFIG_BODY_NONE && r->http->has_body && (is_in ? bytes > 0 : true))
        return request_fault(r, RC_BAD_INPUT, NULL, "This endpoint takes no body.");
    if (bytes > e->max_body_bytes)
        return request_fault(r, RC_TOO_BIG, NULL,
                             "The body of this endpoint has at most %llu bytes.",
                             (unsigned long long)e->max_body_bytes);
    return is_in && e->body == CONFIG_BODY_JSON ? check_json(r) : RC_OK;
}

/* Whether the client has a parameter of its own under the name of our key. */
static bool has_parameter(struct request *r, const char *name)
{
    struct slice rest = r->http->query;
    size_t from = 0;

    for (size_t i = 0; i <= rest.len; i++) {
        struct slice piece, decoded;

        if (i < rest.len && rest.bytes[i] != '&' && rest.bytes[i] != ';')
            continue;
        piece = slice_sub(rest, from, i - from);
        piece = slice_sub(piece, 0, slice_find(piece, '='));
        from = i + 1;
        if (path_decode(&decoded, piece, r->arena) != RC_OK)
            decoded = piece;
        if (slice_equal_nocase(slice_trim(decoded), slice_str(name)))
            return true;
    }
    return false;
}

static enum rc check_query(struct request *r, const struct metered *m)
{
    const struct config_endpoint *e = m->endpoint;

    if (r->http->query.len > e->max_query_bytes)
        return request_fault(r, RC_URL_TOO_LONG, NULL,
                             "The query of this endpoint has at most %llu bytes.",
                             (unsigned long long)e->max_query_bytes);
    if (m->api->auth_query != NULL && has_parameter(r, m->api->auth_query))
        return request_fault(r, RC_BAD_INPUT, NULL,
                             "The parameter '%s' is set by the gateway.",
                             m->api->auth_query);
    return RC_OK;
}

/* ---- What is sent ---- */

static const char *make_url(struct request *r, const struct metered *m,
                            struct slice path)
{
    const struct slice query = r->http->query;
    const char *url = arena_printf(r->arena, "%s%.*s%s%.*s", m->api->base_url,
                                   (int)path.len, path.bytes != NULL ? path.bytes : "",
                                   r->http->has_query ? "?" : "", (int)query.len,
                                   query.len > 0 ? query.bytes : "");
    struct buf b;

    if (m->api->auth_query == NULL || url == NULL)
        return url;
    buf_init(&b, 4 * HTTP_URL_MAX);
    buf_printf(&b, "%s%s%s=", url,
               !r->http->has_query ? "?"
               : query.len > 0     ? "&"
                                   : "",
               m->api->auth_query);
    percent_encode(&b, secret_open(m->api->auth_value));
    url = buf_spent(&b) ? NULL : arena_copy(r->arena, buf_slice(&b).bytes, buf_len(&b));
    buf_free(&b);
    return url;
}

/* An encoded answer, or a part of one, cannot be counted. */
static bool hides_units(const struct config_endpoint *e, struct slice name)
{
    if (e->unit.of != CONFIG_UNIT_ROWS && e->unit.of != CONFIG_UNIT_POINTER)
        return false;
    return slice_equal_nocase(name, SLICE("accept-encoding")) ||
           slice_equal_nocase(name, SLICE("range")) ||
           slice_equal_nocase(name, SLICE("if-range"));
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

    if (hides_units(e, name))
        return false;
    for (size_t i = 0; i < sizeof(always) / sizeof(always[0]); i++)
        if (slice_equal_nocase(name, slice_str(always[i])))
            return true;
    for (size_t i = 0; i < e->pass_count; i++)
        if (slice_equal_nocase(name, slice_str(e->pass_headers[i])))
            return true;
    return false;
}

void metered_header(struct metered *m, struct slice name, struct slice value)
{
    size_t count = 0;

    for (size_t i = 0; i < m->header_count; i++)
        if (!slice_equal_nocase(m->headers[i].name, name))
            m->headers[count++] = m->headers[i];
    if (count == METERED_HEADERS_MAX)
        count--; /* rather one of the client's is missing */
    m->headers[count++] = (struct http_header){name, value};
    m->header_count = count;
}

static void collect_headers(struct request *r, struct metered *m)
{
    const struct config_data_api *api = m->api;

    for (size_t i = 0; i < r->http->header_count; i++) {
        const struct http_header *h = &r->http->headers[i];

        if (m->header_count < METERED_HEADERS_MAX - 1 && may_pass(m->endpoint, h->name))
            m->headers[m->header_count++] = *h;
    }
    if (api->auth_header != NULL)
        metered_header(m, slice_str(api->auth_header), secret_open(api->auth_value));
}

struct metered *metered_new(struct request *r)
{
    struct metered *m = arena_new(r->arena, struct metered);

    if (m == NULL)
        return NULL;
    r->api_state = m;
    buf_init(&m->whole, METERED_WHOLE_MAX);
    return m;
}

enum rc metered_open(struct metered *m, struct request *r,
                     const struct config_data_api *api, struct slice name,
                     struct slice path)
{
    m->api = api;
    m->name = name;
    TRY(metered_endpoint(&m->endpoint, api, r->http->method,
                         path.len > 0 ? path : SLICE("/")));
    TRY(check_query(r, m));
    TRY(check_body(r, m->endpoint));
    m->url = make_url(r, m, path);
    m->body = request_body(r);
    m->buy = (struct data_buy){.request = r,
                               .endpoint = m->endpoint,
                               .url = slice_str(m->url),
                               .body = m->body};
    collect_headers(r, m);
    metered__cache_key(m, r);
    return arena_spent(r->arena) ? RC_NOMEM : RC_OK;
}

/* ---- What it may cost ---- */

struct metered_rung *metered_add(struct metered *m)
{
    return m->rung_count < METERED_RUNGS_MAX ? &m->rungs[m->rung_count++] : NULL;
}

/* The account of so many calls in a window, by what they are calls of, for whom, and
 * from which one on. Another number is another account: a changed configuration counts
 * anew. */
static struct id quota_account(const struct metered *m, const struct request *r,
                               const char *which, uint64_t grant, const char *window)
{
    char text[2 * 256 + 128];
    uint8_t digest[SHA256_LEN];
    struct sha256_state s;
    struct id id = ID_NONE;
    int len = snprintf(
        text, sizeof(text), "octroi calls 1\n%s\n%.*s\n%s %s\n%s %llu\n%s\n",
        r->match.api->name, (int)m->name.len, m->name.bytes, m->endpoint->method,
        m->endpoint->path, which, (unsigned long long)grant, window);

    if (len < 0 || (size_t)len >= sizeof(text) || sha256_start(&s) != RC_OK)
        return id;
    sha256_add(&s, slice_from(text, (size_t)len));
    sha256_add(&s, slice_from((const char *)r->caller.root.bytes, ID_LEN));
    sha256_end(digest, &s);
    memcpy(id.bytes, digest, ID_LEN);
    return id;
}

/* The calendar day or month of now, in UTC. */
static void window_name(char out[16], bool day)
{
    const time_t now = (time_t)(clock_wall_us() / 1000000);
    struct tm tm;

    out[0] = '\0';
    if (gmtime_r(&now, &tm) == NULL ||
        strftime(out, 16, day ? "%Y-%m-%d" : "%Y-%m", &tm) == 0)
        out[0] = '\0';
}

/* A rung of `grant` calls; which is its place among the others. */
static void add_counted(struct metered *m, struct request *r, const char *which,
                        uint64_t grant, bool day)
{
    struct metered_rung *rung = metered_add(m);
    char window[16];

    if (rung == NULL)
        return;
    window_name(window, day);
    rung->quota =
        (struct wallet_quota){true, quota_account(m, r, which, grant, window), grant};
}

static bool counts_calls(const struct request *r)
{
    return r->identified && r->payment != NULL && r->payment->is_key;
}

void metered_add_prices(struct metered *m, struct request *r, struct money price,
                        const char *version)
{
    const struct config_endpoint *e = m->endpoint;
    uint64_t from = 0;

    if (counts_calls(r) && e->free.calls > 0) {
        add_counted(m, r, "free", e->free.calls, e->free.per_day);
        m->rungs[m->rung_count - 1].units_free = true;
        m->rungs[m->rung_count - 1].version = "free";
    }
    for (size_t i = 0; counts_calls(r) && i < e->tier_count; i++) {
        char which[32];

        (void)snprintf(which, sizeof(which), "from %llu", (unsigned long long)from);
        add_counted(m, r, which, e->tiers[i].from - from, false);
        m->rungs[m->rung_count - 1].price = price;
        m->rungs[m->rung_count - 1].version = version;
        from = e->tiers[i].from;
        price = e->tiers[i].price;
        version = e->tiers[i].version;
    }
    if (m->rung_count < METERED_RUNGS_MAX)
        m->rungs[m->rung_count++] =
            (struct metered_rung){.price = price, .version = version};
}

/* What is held for the present rung. */
static enum rc apply(struct metered *m, struct request *r)
{
    const struct metered_rung *rung = &m->rungs[m->rung];
    struct money units = config_unit_price(m->endpoint, UINT64_MAX);

    if (rung->units_free)
        units = MONEY_ZERO;
    if (!money_add(&r->quote.worst, rung->price, units))
        return RC_OVERFLOW;
    r->quote.quota = rung->quota;
    if (counts_calls(r))
        r->once = rung->once;
    return RC_OK;
}

enum rc metered_quote(struct metered *m, struct request *r)
{
    if (m->rung_count == 0)
        return RC_UNPRICED;
    r->quote.flow = m->endpoint->flow;
    r->quote.shared = m->share.present;
    m->rung = 0;
    return apply(m, r);
}

/* Another call was first. It has bought what this one would, or will, or has failed. */
static enum hold_again after_other(struct metered *m, struct request *r)
{
    struct wallet_once *once = &m->rungs[m->rung].once;
    struct wallet_once_seen seen;

    if (wallet_once_look(&seen, r->worker->book, once) != RC_OK)
        return HOLD_NOT;
    switch (seen.state) {
    case WALLET_ONCE_DONE:
        m->rung++;
        return apply(m, r) == RC_OK ? HOLD_NOW : HOLD_NOT;
    case WALLET_ONCE_NEW:
    case WALLET_ONCE_FAILED:
    case WALLET_ONCE_BROKEN:
        once->version = seen.version;
        r->once = *once;
        break;
    case WALLET_ONCE_SERVING:
        break;
    }
    if (m->waits++ < WAITS_MAX)
        return HOLD_SOON;
    r->rc = request_fault(r, RC_BUSY, NULL,
                          "Another call of this wallet is buying the same: try again.");
    return HOLD_NOT;
}

enum hold_again metered_rehold(struct request *r, enum rc rc)
{
    struct metered *m = r->api_state;
    const struct metered_rung *rung = &m->rungs[m->rung];

    if (m->rung + 1 >= m->rung_count ||
        (rc == RC_QUOTA_SPENT ? !rung->quota.present : !rung->once.present))
        return HOLD_NOT;
    if (rc == RC_USED)
        return after_other(m, r);
    m->rung++;
    return apply(m, r) == RC_OK ? HOLD_NOW : HOLD_NOT;
}

/* ---- A try ---- */

enum step metered_prepare(struct request *r)
{
    struct metered *m = r->api_state;

    if (m->may_cache && r->attempts == 0 && metered__cache_find(m, r)) {
        r->up_ended = true;
        r->up_accepted = true;
        r->up_fail = UPSTREAM_FINE;
        r->up_status = m->status;
        return STEP_ON;
    }
    return data_buy_prepare(&m->buy);
}

/* RFC 9110 section 9.2.2 */
static bool may_repeat(struct slice method)
{
    return !slice_equal(method, SLICE("POST")) && !slice_equal(method, SLICE("PATCH"));
}

/* A payment beside the rest; it stands for a credential in the same header. */
static size_t add_payment(struct metered *m, const struct http_header *payment)
{
    size_t count = 0;

    for (size_t i = 0; i < m->header_count; i++)
        if (!slice_equal_nocase(m->headers[i].name, payment->name))
            m->paid[count++] = m->headers[i];
    if (payment->name.bytes != NULL)
        m->paid[count++] = *payment;
    return count;
}

enum rc metered_build(struct request *r, struct upstream_spec *spec)
{
    struct metered *m = r->api_state;
    struct http_header payment;
    size_t count;

    /* One upstream, one try: it may not be safe to repeat. But for a payment. */
    TRY(data_buy_next(&payment, &m->buy));
    count = add_payment(m, &payment);
    *spec = (struct upstream_spec){
        .method = arena_copy(r->arena, r->http->method.bytes, r->http->method.len),
        .url = m->url,
        .header_count = count,
        .headers = m->paid,
        .part_count = m->body.len > 0,
        .parts = &m->body,
        .has_body = r->http->has_body,
        .send_once = !may_repeat(r->http->method),
        .allow_private = m->api->allow_private,
        .pool_key = m->api->auth_value ? secret_open(m->api->auth_value) : SLICE_NONE,
        .first_byte_timeout_ms = m->api->first_byte_timeout_ms,
        .idle_timeout_ms = m->api->idle_timeout_ms,
        .max_response_bytes = r->config->limits.max_response_bytes,
    };
    return RC_OK;
}
