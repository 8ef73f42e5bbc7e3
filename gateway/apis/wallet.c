/* SPDX-License-Identifier: Apache-2.0 */
/* The caller's own wallet: GET /v1/wallet and /v1/wallet/statement[?request_id=]. */
#include "gateway/api.h"
#include "gateway/path.h"
#include "gateway/receipts.h"
#include "gateway/request.h"
#include "gateway/wallet_json.h"

enum {
    BODY_MAX = 4 << 20,
    ROWS_MAX = 1000 /* of one statement page; `next` goes on */
};

static void fail(struct request *r, enum rc rc)
{
    r->rc = rc;
    r->fault.rc = rc;
    request_reply_fault(r);
}

static void serve_balance(struct request *r)
{
    struct wallet_balance balance;
    struct wallet w;
    struct json_out o;
    struct buf b;
    enum rc rc = wallet_caller_balance(&balance, r->worker->book, &r->caller);

    if (rc == RC_OK)
        rc = wallet_get(&w, r->worker->book, r->caller.wallet);
    if (rc != RC_OK) {
        fail(r, rc);
        return;
    }
    buf_init(&b, BODY_MAX);
    json_out_init(&o, &b);
    wallet_json_balance(&o, &w, &balance);
    request_reply(r, 200, "application/json", buf_slice(&b));
    buf_free(&b);
}

struct page {
    struct request *request;
    struct slice receipt; /* of the row, when one request is asked about */
    bool wants_receipt;
    struct json_out o;
    unsigned count;
    uint64_t next;
};

/* The same words as in the answer's own (gateway/request_answer.c); a transaction is
 * not told here, for the row is the wallet's and not the payment's. */
static void sign_row(struct page *p, const struct wallet_row *row)
{
    const struct receipt receipt = {.request = row->request,
                                    .wallet = row->wallet,
                                    .kind = row->kind,
                                    .subject = row->model,
                                    .cost = row->amount,
                                    .transfer = row->transfer,
                                    .transaction = ""};
    const struct receipts *signer = p->request->worker->receipts;

    if (signer == NULL || row->credit || money_is_zero(row->amount) ||
        receipts_sign(&p->receipt, signer, &receipt, p->request->arena) != RC_OK)
        p->receipt = SLICE_NONE;
}

static bool add_row(void *arg, const struct wallet_row *row)
{
    struct page *p = arg;

    if (p->count == ROWS_MAX || buf_room(p->o.to) < 65536) {
        p->next = row->seq;
        return false;
    }
    wallet_json_row(&p->o, row, false);
    if (p->wants_receipt)
        sign_row(p, row);
    p->count++;
    return true;
}

static enum rc read_rows(struct request *r, struct page *p)
{
    struct slice id = path_query_value(r->http->query, "request_id");
    struct slice after = path_query_value(r->http->query, "after");
    struct id request;
    uint64_t from = 0;

    if (id.len > 0) {
        if (wallet_id_parse(&request, 'r', id) != RC_OK)
            return request_fault(r, RC_BAD_INPUT, "request_id",
                                 "'request_id' is not a request's id.");
        p->wants_receipt = true;
        return wallet_statement_request(r->worker->book, r->caller.wallet, request,
                                        add_row, p);
    }
    if (after.len > 0 && slice_to_u64(&from, after) != RC_OK)
        return request_fault(r, RC_BAD_INPUT, "after",
                             "'after' is the 'next' of the page before.");
    return wallet_statement(r->worker->book, r->caller.wallet, from, add_row, p);
}

static void serve_statement(struct request *r)
{
    struct page p = {.request = r, .receipt = SLICE_NONE};
    struct buf b;
    enum rc rc;

    buf_init(&b, BODY_MAX);
    json_out_init(&p.o, &b);
    json_out_object(&p.o);
    json_out_key(&p.o, "items");
    json_out_array(&p.o);
    rc = read_rows(r, &p);
    json_out_end_array(&p.o);
    json_out_key(&p.o, "next");
    if (p.next != 0)
        json_out_str(&p.o, arena_printf(r->arena, "%llu", (unsigned long long)p.next));
    else
        json_out_null(&p.o);
    if (p.receipt.len > 0)
        json_out_kslice(&p.o, "receipt", p.receipt);
    json_out_end_object(&p.o);
    if (rc == RC_OK)
        request_reply(r, 200, "application/json", buf_slice(&b));
    else
        fail(r, rc);
    buf_free(&b);
}

static void serve(struct request *r)
{
    if (slice_equal(r->http->path, SLICE("/v1/wallet/statement")))
        serve_statement(r);
    else
        serve_balance(r);
}

static const struct api_route routes[] = {
    {"GET", "/v1/wallet"},
    {"GET", "/v1/wallet/statement"},
    {NULL, NULL},
};

extern const struct api api_wallet;
const struct api api_wallet = {
    .name = "wallet",
    .dialect = DIALECT_PROBLEM,
    .flags = API_NEEDS_KEY,
    .routes = routes,
    .serve = serve,
};
