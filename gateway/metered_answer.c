/* SPDX-License-Identifier: Apache-2.0 */
/* A metered call on its way out: the answer, and what of it is owed. */
#include "gateway/metered.h"

#include <string.h>

enum {
    WHOLE_WAIT_MS = 250
};

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

static void keep_header(struct request *r, struct metered *m,
                        const struct http_header *h)
{
    struct http_header copy = {arena_slice(r->arena, h->name),
                               arena_slice(r->arena, h->value)};

    if (slice_equal_nocase(h->name, SLICE("content-type")) && m->content_type == NULL)
        m->content_type = copy.value.bytes;
    else if (m->answer_count < METERED_HEADERS_MAX)
        m->answer[m->answer_count++] = copy;
}

static const char *type_of(const struct metered *m)
{
    return m->content_type != NULL ? m->content_type : "";
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

/* Of a redirect, which is not followed; of a refusal of our own credential, which is
 * not the caller's. */
static bool is_no_answer(const struct metered *m, unsigned status)
{
    return (status >= 300 && status < 400 && status != 304) ||
           (m->api->auth_value != NULL && (status == 401 || status == 407));
}

bool metered_head(struct request *r, unsigned status, const struct http_header *headers,
                  size_t count)
{
    struct metered *m = r->api_state;

    if (m->api->buys && data_buy_head(&m->buy, status, headers, count))
        return false;
    if (is_no_answer(m, status))
        return false;
    m->status = status;
    m->content_length = UINT64_MAX;
    for (size_t i = 0; i < count; i++) {
        if (slice_equal_nocase(headers[i].name, SLICE("content-length")) &&
            slice_to_u64(&m->content_length, slice_trim(headers[i].value)) != RC_OK)
            m->content_length = UINT64_MAX;
        if (!is_ours(headers[i].name) &&
            !named_by_connection(headers[i].name, headers, count))
            keep_header(r, m, &headers[i]);
    }
    units_init(&m->units, &m->endpoint->unit, slice_str(type_of(m)));
    metered__cache_begin(m, r, headers, count);
    if (!slice_equal(r->http->method, SLICE("HEAD")))
        request_tick_in(r, WHOLE_WAIT_MS, waited_enough);
    return true;
}

static void pass_headers(struct request *r, const struct http_header *headers,
                         size_t count, bool page)
{
    for (size_t i = 0; i < count; i++) {
        const struct http_header *h = &headers[i];
        char *name = arena_copy(r->arena, h->name.bytes, h->name.len);

        if (name != NULL &&
            !(page && slice_equal_nocase(h->name, SLICE("content-disposition"))))
            request_header(r, name, h->value);
    }
}

/* A page from elsewhere must not be shown under our name. */
static void answer_headers(struct request *r, struct metered *m)
{
    const bool page = slice_starts_nocase(slice_str(type_of(m)), SLICE("text/html"));
    const struct data_answer *hit = m->hit;

    if (hit != NULL)
        pass_headers(r, hit->headers, hit->header_count, page);
    else
        pass_headers(r, m->answer, m->answer_count, page);
    if (hit != NULL) {
        const uint64_t age_s =
            hit->age_s + (loop_now_ms(r->worker->loop) - hit->stored_ms) / 1000;

        request_header(
            r, "Age",
            slice_str(arena_printf(r->arena, "%llu", (unsigned long long)age_s)));
        request_header(r, "x-octroi-cache", SLICE("hit"));
    }
    request_header(r, "X-Content-Type-Options", SLICE("nosniff"));
    if (page)
        request_header(r, "Content-Disposition", SLICE("attachment"));
}

/* From here on it streams: what had waited goes out. */
static void begin(struct request *r)
{
    struct metered *m = r->api_state;

    m->begun = true;
    answer_headers(r, m);
    request_stream_begin(r, m->status, type_of(m), m->content_length);
    request_write(r, buf_slice(&m->whole));
    buf_reset(&m->whole);
}

enum upstream_take metered_data(struct request *r, struct slice bytes)
{
    struct metered *m = r->api_state;

    units_add(&m->units, bytes);
    metered__cache_add(m, bytes);
    if (!m->begun &&
        (bytes.len > buf_room(&m->whole) ||
         (m->content_length != UINT64_MAX && m->content_length > METERED_WHOLE_MAX) ||
         live_type(m->content_type)))
        begin(r);
    if (m->begun)
        request_write(r, bytes);
    else
        buf_append(&m->whole, bytes);
    return UPSTREAM_TOOK;
}

/* Only with the payment that was asked for. */
bool metered_may_retry(struct request *r, unsigned status, struct slice body)
{
    const struct metered *m = r->api_state;

    (void)status;
    (void)body;
    return m->buy.state == DATA_BUY_ASKED;
}

enum rc metered_complete(struct request *r)
{
    metered__cache_end(r->api_state, r);
    return RC_OK; /* whatever it is, it is the answer */
}

/* ---- The money ---- */

/* Whether the call is to be paid, however it ended. `good`: the host did its work. */
static bool is_owed(const struct request *r, const struct metered *m, bool good)
{
    const bool at_cost = m->endpoint->at_cost;
    const bool charged = config_charges(m->endpoint, m->status);

    switch (r->outcome) {
    case OUTCOME_OK:
        return data_buy_taken(&m->buy, good) || (!at_cost && charged);
    case OUTCOME_GONE: /* the caller left: the upstream did its work all the same */
        if (at_cost || (m->api->buys && !charged))
            return r->contacted && data_buy_sent(&m->buy);
        return r->contacted && (m->status == 0 || charged);
    case OUTCOME_OPEN:
    case OUTCOME_FAILED:
    case OUTCOME_BROKEN:
        break;
    }
    return false;
}

/* At most what was quoted, whatever has changed since. */
static struct money owed(const struct request *r, const struct metered *m)
{
    const struct metered_rung *rung = &m->rungs[m->rung];
    struct money units = MONEY_ZERO;
    struct money sum;

    if (m->endpoint->at_cost)
        return data_buy_cost(&m->buy);
    if (!rung->units_free)
        units = config_unit_price(m->endpoint, units_count(&m->units));
    if (!money_add(&sum, rung->price, units))
        return r->quote.worst;
    return money_min(sum, r->quote.worst);
}

enum rc metered_cost(struct request *r, struct money *cost, struct wallet_call *call)
{
    struct metered *m = r->api_state;
    const struct metered_rung *rung = &m->rungs[m->rung];
    const bool good = m->status >= 200 && m->status < 300;

    call->model = r->quote.subject;
    call->target = slice_str(m->endpoint->path);
    call->price_version = slice_str(rung->version);
    call->status = r->outcome == OUTCOME_GONE ? 499 : m->status;
    call->share = m->share;
    if (rung->once.present)
        call->kind = "month";
    *cost = MONEY_ZERO;
    call->unsold = !is_owed(r, m, good);
    if (!call->unsold)
        *cost = owed(r, m);
    data_buy_end(&m->buy, good);
    return RC_OK;
}

/* ---- The end ---- */

void metered_finish(struct request *r)
{
    struct metered *m = r->api_state;
    struct slice body = buf_slice(&m->whole);

    if (m->begun) {
        request_end(r, true);
        return;
    }
    if (m->hit != NULL)
        body = buf_slice(&m->hit->body);
    answer_headers(r, m);
    request_money_headers(r);
    if (slice_equal(r->http->method, SLICE("HEAD")))
        request_reply_head(r, m->status, type_of(m), m->content_length);
    else
        request_reply(r, m->status, type_of(m), body);
}

/* There is no in-band place for words in somebody else's format: the connection is cut,
 * so that nobody takes a part for the whole. */
void metered_broken(struct request *r, enum rc rc)
{
    (void)rc;
    request_end(r, false);
}

void metered_explain(struct request *r, unsigned status, struct slice body)
{
    struct metered *m = r->api_state;

    (void)body;
    if (m->api->buys && status == 402) {
        data_buy_explain(&m->buy);
        return;
    }
    r->fault = (struct fault){.rc = RC_UPSTREAM};
    if (status >= 300 && status < 400)
        r->fault.detail =
            "The upstream answered with a redirect, which is not followed.";
    else
        r->fault.detail = "The upstream refused the gateway's own credentials.";
}

void metered_close(struct request *r)
{
    struct metered *m = r->api_state;

    data_buy_end(&m->buy, m->status >= 200 && m->status < 300);
    buf_free(&m->whole);
    data_answer_unref(m->hit);
    data_answer_unref(m->fill);
    if (m->release != NULL)
        m->release(m->held);
}
