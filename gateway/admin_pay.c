/* SPDX-License-Identifier: Apache-2.0 */
/* The admin API's purchases: GET /admin/v1/purchases lists what was bought, by calls
 * too; POST /admin/v1/pay calls another seller once and pays it if it asks for that,
 * within the buyer's caps. */
#include "gateway/admin_int.h"

#include "base/codec.h"
#include "gateway/settle/buy.h"

#include <string.h>

enum {
    KEY_FAULTS_MAX = 4096
};

/* What is asked -----------------------------------------------------------------------
 */

static bool is_token(struct slice name)
{
    static const char marks[] = "!#$%&'*+-.^_`|~";

    for (size_t i = 0; i < name.len; i++) {
        const char ch = name.bytes[i];

        if (!((ch >= 'a' && ch <= 'z') || (ch >= 'A' && ch <= 'Z') ||
              (ch >= '0' && ch <= '9') || memchr(marks, ch, sizeof(marks) - 1) != NULL))
            return false;
    }
    return name.len > 0;
}

static enum rc read_header(struct buy_call *p, struct admin_call *c,
                           struct json_object *member)
{
    struct http_header h;

    if (json_get_string(&h.name, member, "name") != RC_OK ||
        json_get_string(&h.value, member, "value") != RC_OK || !is_token(h.name) ||
        slice_has_ctl(h.value) || buyer_is_payment_header(h.name))
        return admin__refuse(c, RC_BAD_INPUT, "headers",
                             "a header has a 'name' and a 'value', and is none that "
                             "carries a payment");
    if (p->header_count == BUY_HEADERS_MAX)
        return admin__refuse(c, RC_BAD_INPUT, "headers", "at most %d headers",
                             BUY_HEADERS_MAX);
    p->headers[p->header_count++] = h;
    return RC_OK;
}

static enum rc read_headers(struct buy_call *p, struct admin_call *c)
{
    struct json_object *list = NULL;
    const enum rc rc = json_get_array(&list, c->body, "headers");

    if (rc != RC_OK && rc != RC_NOT_FOUND)
        return admin__refuse(c, RC_BAD_INPUT, "headers", "'headers' must be a list");
    for (size_t i = 0; i < json_array_count(list); i++)
        TRY(read_header(p, c, json_array_at(list, i)));
    return RC_OK;
}

static enum rc read_text(const char **out, struct admin_call *c, const char *name,
                         struct slice text)
{
    const char *copy = arena_copy(c->arena, text.bytes, text.len);

    if (copy == NULL)
        return RC_NOMEM;
    if (slice_has_ctl(text))
        return admin__refuse(c, RC_BAD_INPUT, name, "'%s' has control characters",
                             name);
    *out = copy;
    return RC_OK;
}

/* `max` unless given: what the buyer may pay at all. */
static enum rc read_call(struct buy_call *p, struct admin_call *c,
                         const struct config_buyer *buyer)
{
    struct slice method = SLICE_NONE;
    struct slice url;
    struct slice max;

    TRY(admin__body_text(&url, c, "url", true));
    TRY(read_text(&p->url, c, "url", url));
    TRY(admin__body_text(&method, c, "method", false));
    TRY(admin__body_text(&p->body, c, "body", false));
    p->has_body = p->body.bytes != NULL;
    if (method.bytes == NULL)
        method = p->has_body ? SLICE("POST") : SLICE("GET");
    if (!is_token(method))
        return admin__refuse(c, RC_BAD_INPUT, "method", "that is no method");
    TRY(read_text(&p->method, c, "method", method));
    p->max = buyer->max_per_payment;
    if (json_get_string(&max, c->body, "max") != RC_NOT_FOUND)
        TRY(admin__body_money(&p->max, c, "max"));
    return read_headers(p, c);
}

/* What became of it -------------------------------------------------------------------
 */

static const char *way_text(enum buyer_way way)
{
    switch (way) {
    case BUYER_X402_V2:
        return "x402 v2";
    case BUYER_X402_V1:
        return "x402 v1";
    case BUYER_MPP:
        break;
    }
    return "mpp";
}

static void put_text(struct json_out *o, const char *name, const char *text)
{
    json_out_key(o, name);
    if (text != NULL && text[0] != '\0')
        json_out_str(o, text);
    else
        json_out_null(o);
}

static enum rc put_answer(struct admin_call *c, const struct buy_call *p)
{
    struct json_out *o = &c->out;
    const struct slice body = base64_encode(c->arena, buf_slice(&p->answer));

    if (body.bytes == NULL)
        return RC_TOO_BIG;
    json_out_object(o);
    json_out_ku64(o, "status", p->status);
    put_text(o, "content_type", p->content_type);
    json_out_kmoney(o, "paid", p->paid ? p->amount : MONEY_ZERO);
    put_text(o, "protocol", p->paid ? way_text(p->way) : NULL);
    put_text(o, "network", p->network);
    put_text(o, "transaction", p->receipt.reference);
    json_out_kslice(o, "body_base64", body);
    json_out_end_object(o);
    return RC_OK;
}

static enum rc explain_limit(struct admin_call *c, const struct buy_call *p)
{
    char asked[MONEY_TEXT_SIZE];
    char max[MONEY_TEXT_SIZE];

    if (money_is_zero(p->least))
        return admin__refuse(c, RC_LIMIT, NULL,
                             "a limit of payments.x402.buyer is reached");
    money_print_short(asked, p->least);
    money_print_short(max, p->max);
    return admin__refuse(c, RC_LIMIT, "max",
                         "the seller asks for %s USD, more than %s USD (or than "
                         "payments.x402.buyer allows)",
                         asked, max);
}

static enum rc explain(struct admin_call *c, const struct buy_call *p, enum rc rc)
{
    const char *known = p->paid ? "; the payment may have been taken" : "";

    switch (rc) {
    case RC_OK:
        return put_answer(c, p);
    case RC_LIMIT:
        return explain_limit(c, p);
    case RC_NOT_FOUND:
        return admin__refuse(c, RC_UPSTREAM, "url",
                             "the seller asks to be paid in a way that is not possible "
                             "here, or not allowed");
    case RC_BAD_INPUT:
        return admin__refuse(c, rc, "url",
                             "cannot be called: https, or http on this machine, is");
    case RC_UPSTREAM_BLOCKED:
        return admin__refuse(c, rc, "url", "its address is private: not called");
    case RC_TOO_BIG:
        return admin__refuse(c, RC_UPSTREAM, "url", "the answer is too large%s", known);
    case RC_UPSTREAM_TIMEOUT:
        return admin__refuse(c, rc, "url", "the seller did not answer in time%s",
                             known);
    default:
        break;
    }
    if (p->asked_again && strstr(p->receipt.reason, "insufficient") != NULL)
        return admin__refuse(
            c, RC_NO_FUNDS, NULL,
            "the account of payments.x402.buyer has not enough of what "
            "the seller takes: %s",
            p->receipt.reason);
    if (p->asked_again)
        return admin__refuse(c, rc, "url", "the seller was paid and asks again%s%s",
                             p->receipt.reason[0] != '\0' ? ": " : "",
                             p->receipt.reason);
    return rc == RC_UPSTREAM
               ? admin__refuse(c, rc, "url", "the seller cannot be reached%s", known)
               : rc;
}

/* With what ---------------------------------------------------------------------------
 */

static enum rc run(struct admin_call *c, struct buy_call *p,
                   const struct config_payments *payments)
{
    struct buyer own = {.book = c->admin->book};
    struct signer *signer = NULL;
    struct buf faults;
    enum rc rc;

    if (c->admin->buyer != NULL)
        return buy_run(p, c->admin->buyer, payments);
    /* No daemon: the key is read for this one call. */
    buf_init(&faults, KEY_FAULTS_MAX);
    rc = buyer_signer_open(&signer, payments, &faults);
    if (rc == RC_OK) {
        own.signer = signer;
        rc = buy_run(p, &own, payments);
        signer_close(signer);
    } else {
        rc = admin__refuse(c, RC_BAD_CONFIG, NULL,
                           "the buyer's key cannot be read: %.*s",
                           SLICE_FMT(buf_slice(&faults)));
    }
    buf_free(&faults);
    return rc;
}

static enum rc pay_with(struct admin_call *c, const struct config *config)
{
    const struct config_payments *payments = config->payments;
    struct buy_call p = {.status = 0};
    enum rc rc;

    if (!payments->buyer.key.present)
        return admin__refuse(c, RC_BAD_CONFIG, NULL,
                             "there is no key to pay with: payments.x402.buyer");
    if (c->body == NULL)
        return admin__refuse(c, RC_BAD_INPUT, "url", "'url' is missing");
    TRY(read_call(&p, c, &payments->buyer));
    rc = run(c, &p, payments);
    if (rc != RC_BAD_CONFIG)
        rc = explain(c, &p, rc);
    buf_free(&p.answer);
    return rc;
}

static enum rc serve_pay(struct admin_call *c)
{
    const struct config *config;
    enum rc rc;

    if (c->admin->config == NULL)
        return RC_NOT_FOUND;
    config = config_cell_get(c->admin->config);
    rc = pay_with(c, config);
    config_unref(config);
    return rc;
}

/* What was bought ---------------------------------------------------------------------
 */

static const char *const purchase_words[] = {
    [WALLET_PURCHASE_OPEN] = "open",
    [WALLET_PURCHASE_PAID] = "paid",
    [WALLET_PURCHASE_LAPSED] = "lapsed",
};

struct bought {
    struct admin_page page;
    uint64_t since_us, until_us;
    struct slice state; /* none: any */
};

static bool list_purchase(void *arg, struct id id, const struct wallet_purchase *p)
{
    struct bought *l = arg;
    struct json_out *o = &l->page.call->out;
    const char *state = purchase_words[p->state];

    if (p->begun_us < l->since_us || p->begun_us >= l->until_us ||
        (l->state.len > 0 && !slice_equal_str(l->state, state)))
        return true;
    if (!admin__page_room(&l->page)) {
        wallet_id_print(l->page.next, 'b', id);
        return false;
    }
    json_out_object(o);
    admin__put_id(o, "id", 'b', id);
    json_out_key(o, "time");
    json_out_time(o, p->begun_us);
    json_out_kstr(o, "host", p->host);
    json_out_kmoney(o, "amount", p->amount);
    json_out_kstr(o, "state", state);
    put_text(o, "network", p->network);
    put_text(o, "transaction", p->reference);
    admin__put_id(o, "wallet", 'w', p->wallet);
    admin__put_id(o, "request_id", 'r', p->request);
    json_out_end_object(o);
    return true;
}

static enum rc read_state(struct slice *out, struct admin_call *c)
{
    enum rc rc = admin__query(out, c, "state");

    if (rc == RC_NOT_FOUND)
        return RC_OK;
    for (size_t i = 0; i < sizeof(purchase_words) / sizeof(purchase_words[0]); i++)
        if (rc == RC_OK && slice_equal_str(*out, purchase_words[i]))
            return RC_OK;
    return rc != RC_OK ? rc
                       : admin__refuse(c, RC_BAD_INPUT, "state",
                                       "'state' is open, paid or lapsed");
}

static enum rc serve_purchases(struct admin_call *c)
{
    struct bought l = {.until_us = UINT64_MAX, .state = SLICE_NONE};
    struct id from = ID_NONE;
    struct slice after;
    enum rc rc;

    TRY(admin__query_time(&l.since_us, c, "since"));
    TRY(admin__query_time(&l.until_us, c, "until"));
    TRY(read_state(&l.state, c));
    rc = admin__query(&after, c, "after");
    if (rc == RC_OK && wallet_id_parse(&from, 'b', after) != RC_OK)
        return admin__refuse(c, RC_BAD_INPUT, "after",
                             "'after' must be the 'next' of the page before");
    if (rc != RC_OK && rc != RC_NOT_FOUND)
        return rc;
    TRY(admin__page_start(&l.page, c));
    TRY(wallet_purchase_list(c->admin->book, from, list_purchase, &l));
    admin__page_end(&l.page);
    return RC_OK;
}

/* clang-format off */
const struct admin_route admin__pay_routes[] = {
    {"GET", "/admin/v1/purchases", serve_purchases, NULL},
    {"POST", "/admin/v1/pay", serve_pay, "url,method,headers,body,max"},
    {NULL, NULL, NULL, NULL},
};
/* clang-format on */
