/* SPDX-License-Identifier: Apache-2.0 */
/* The headers of x402, as base64 and as JSON: what is read can be printed, and reads
 * the same again. */
#include "x402/batch.h"
#include "x402/header_v1.h"
#include "x402/header_v2.h"

#include <assert.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

enum {
    ROOM = 1 << 20
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What is signed must survive, whatever else the texts say. */
static void same_payment(const struct x402_payment *x, const struct x402_payment *y)
{
    assert(x->method == y->method && x->chain_id == y->chain_id);
    assert(slice_equal(x->signature, y->signature));
    assert(memcmp(&x->transfer, &y->transfer, sizeof(x->transfer)) == 0);
    assert(x402_u256_cmp(x->permit.amount, y->permit.amount) == 0);
    assert(x402_address_equal(&x->permit.to, &y->permit.to));
}

static void payment(struct slice json, struct arena *a)
{
    struct x402_payment p;
    struct x402_payment back;
    struct slice header;

    if (x402_v2_payment_read(&p, json, a) == RC_OK &&
        x402_v2_payment_print(&header, &p, a) == RC_OK) {
        assert(x402_v2_payment_parse(&back, header, a) == RC_OK);
        same_payment(&p, &back);
    }
    if (x402_v1_payment_read(&p, json, a) == RC_OK &&
        x402_v1_payment_print(&header, &p, a) == RC_OK) {
        assert(x402_v1_payment_parse(&back, header, a) == RC_OK);
        same_payment(&p, &back);
    }
}

/* A body that was read is written as one that reads the same. */
static void same_bodies(const struct x402_required *r, struct arena *a)
{
    struct x402_required back;
    struct json_out o;
    struct buf b;

    buf_init(&b, ROOM);
    json_out_init(&o, &b);
    json_out_object(&o);
    x402_v1_required_write(&o, r);
    json_out_end_object(&o);
    if (!buf_spent(&b) && x402_v1_required_read(&back, buf_slice(&b), a) == RC_OK)
        for (size_t i = 0; i < back.offer_count && back.offer_count == r->offer_count;
             i++) {
            assert(x402_u256_cmp(back.offers[i].amount, r->offers[i].amount) == 0);
            assert(x402_address_equal(&back.offers[i].pay_to, &r->offers[i].pay_to));
            assert(x402_address_equal(&back.offers[i].asset, &r->offers[i].asset));
        }
    buf_free(&b);
}

static void answers(struct slice json, struct arena *a)
{
    struct x402_required r;
    struct x402_receipt receipt;
    struct slice header;

    if (x402_v2_required_read(&r, json, a) == RC_OK &&
        x402_v2_required_print(&header, &r, a) == RC_OK)
        assert(x402_v2_required_parse(&r, header, a) == RC_OK);
    if (x402_v1_required_read(&r, json, a) == RC_OK)
        same_bodies(&r, a);
    if (x402_v1_receipt_read(&receipt, json, a) == RC_OK && receipt.chain_id != 0) {
        assert(x402_v1_receipt_print(&header, &receipt, a) == RC_OK);
        assert(x402_v1_receipt_parse(&receipt, header, a) == RC_OK);
    }
    if (x402_v2_receipt_read(&receipt, json, a) == RC_OK)
        assert(x402_v2_receipt_print(&header, &receipt, a) == RC_OK);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct arena *a;
    const struct json_limits limits = {.bytes = X402_HEADER_MAX, .depth = 16};
    const struct slice text = slice_from((const char *)data, size);
    struct x402_batch_payment batch;
    struct x402_payment p;

    if (a == NULL && arena_open(&a, ROOM) != RC_OK)
        return 0;
    arena_reset(a);
    (void)!x402_v1_payment_parse(&p, text, a);
    (void)!x402_v2_payment_parse(&p, text, a);
    if (json_guard(text, &limits, NULL, 0, NULL, a) != RC_OK)
        return 0;
    payment(text, a);
    answers(text, a);
    if (x402_batch_read(&batch, text, a) == RC_OK)
        assert(batch.signature.len <= X402_SIGNATURE_MAX);
    return 0;
}
