/* SPDX-License-Identifier: Apache-2.0 */
/* Prepaid: an API key names a wallet; the worst case is held in the book before the
 * call and the true cost captured after it. The only place where a request meets its
 * wallet. */
#include "gateway/payment_hold.h"
#include "gateway/request.h"

/* Authorization: Bearer, x-api-key (Anthropic's clients), x-goog-api-key (Gemini's). */
static struct slice key_of(const struct http_request *http, bool *several)
{
    unsigned n1, n2, n3;
    struct slice bearer = http_header(http, "authorization", &n1);
    struct slice anthropic = http_header(http, "x-api-key", &n2);
    struct slice google = http_header(http, "x-goog-api-key", &n3);
    struct slice key = SLICE_NONE;

    if (n1 == 1 && slice_starts_nocase(bearer, SLICE("payment ")))
        n1 = 0; /* MPP's, beside a key in another header */
    *several = n1 + n2 + n3 > 1;
    if (n1 > 0 && slice_starts_nocase(bearer, SLICE("bearer ")))
        key = slice_trim(slice_sub(bearer, 7, bearer.len));
    else if (n1 > 0)
        key = bearer;
    else if (n2 > 0)
        key = slice_trim(anthropic);
    else if (n3 > 0)
        key = slice_trim(google);
    if (!*several)
        return key;
    /* Some SDKs send one key twice; two different ones are nobody's honest mistake. */
    *several = (n1 > 1 || n2 > 1 || n3 > 1) ||
               (n2 > 0 && !slice_equal_secret(slice_trim(anthropic), key)) ||
               (n3 > 0 && !slice_equal_secret(slice_trim(google), key));
    return key;
}

static bool mine(const struct http_request *http)
{
    static const char *const names[] = {"authorization", "x-api-key", "x-goog-api-key"};
    unsigned count;

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        struct slice value = http_header(http, names[i], &count);

        if (count > 1 ||
            (count == 1 && !(i == 0 && slice_starts_nocase(value, SLICE("payment ")))))
            return true;
    }
    return false;
}

/* A wrong key, once more: an address may do that so often, then it is told to wait. Who
 * has a right key passes all the same: an address may be shared, and a key of 256 bits
 * is not guessed by luck. */
static enum rc refuse_key(struct request *r)
{
    TRY(limiter_address(r->worker->limiter, r->http->address,
                        r->config->limits.auth_failures_per_minute,
                        &r->fault.retry_after_s));
    limiter_address_failed(r->worker->limiter, r->http->address);
    return RC_BAD_KEY;
}

static enum rc identify(struct request *r)
{
    bool several;
    struct slice key = key_of(r->http, &several);
    enum rc rc;

    if (several)
        return request_fault(r, RC_BAD_KEY, NULL, "Send one API key, in one header.");
    rc = wallet_authenticate(&r->caller, r->worker->book, key);
    if (rc == RC_BAD_KEY)
        return refuse_key(r);
    if (rc == RC_FROZEN && !(r->match.api->flags & API_PRICED))
        rc = RC_OK; /* a frozen wallet may still be looked at */
    r->identified = rc == RC_OK;
    return rc;
}

static enum step reserve(struct request *r)
{
    if (r->match.api->flags & API_TOPUP) { /* a wallet does not top itself up */
        r->rc = RC_PAYMENT_REQUIRED;
        return STEP_ON;
    }
    return payment_hold(r, identify);
}

/* The prepaid offer is words: how to get a key that has money behind it. */
static void offer(struct buf *out, struct request *r)
{
    buf_append_str(out, "\"prepaid\":{\"header\":\"Authorization: Bearer sk-oct-..\","
                        "\"balance\":\"/v1/wallet\"");
    if (r->worker->cashier != NULL)
        buf_append_str(out, ",\"topup\":\"POST /v1/wallet/topup?amount=\"");
    buf_append_char(out, '}');
}

extern const struct payment payment_prepaid;
const struct payment payment_prepaid = {
    .name = "prepaid",
    .is_key = true,
    .mine = mine,
    .identify = identify,
    .reserve = reserve,
    .settle = payment_capture,
    .offer = offer,
};
