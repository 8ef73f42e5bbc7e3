/* SPDX-License-Identifier: Apache-2.0 */
/* Another seller's 402: whatever it says, no payment above the cap, to a token that is
 * not in the table, or without an end, is made for it. The input is PAYMENT-REQUIRED as
 * JSON, WWW-Authenticate and the body, each ended by a NUL. */
#include "gateway/settle/buyer.h"

#include "base/codec.h"

#include <assert.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

enum {
    ROOM = 4 << 20
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct slice next(struct slice *rest)
{
    struct slice piece;

    return slice_next(&piece, rest, '\0') ? piece : SLICE("");
}

static void check(struct buyer_deal *d, const struct buyer_terms *t, struct arena *a)
{
    const struct x402_address payer = {{1}};
    const struct x402_token *token =
        x402_token_find(d->offer.chain_id, &d->offer.asset);
    static const char signature[X402_SIGNATURE_LEN];
    struct http_header h;

    assert(token != NULL && slice_equal_str(d->offer.name, token->name));
    assert(money_cmp(d->amount, t->max) <= 0 && !money_is_zero(d->amount));
    assert(buyer_pay(d, &payer, t->now_us) == RC_OK);
    if (d->payment.method == X402_EIP3009) {
        const uint64_t end_s = t->now_us / 1000000 + BUYER_CHALLENGE_S;

        assert(x402_u256_cmp(d->payment.transfer.value, d->offer.amount) == 0);
        assert(x402_u256_cmp(d->payment.transfer.valid_before,
                             x402_u256_from_u64(end_s)) <= 0);
    }
    d->payment.signature = slice_from(signature, sizeof(signature));
    (void)!buyer_print(&h, d, a);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct config_payments payments = {
        .buyer = {.max_per_payment = {1000000000}}}; /* raw: a constant */
    static struct arena *a;
    struct slice rest = slice_from((const char *)data, size);
    const struct buyer_terms terms = {.payments = &payments,
                                      .max = money_from_nano(1000000000),
                                      .url = SLICE("https://seller.example/"),
                                      .now_us = 1800000000000000};
    struct http_header headers[2] = {{SLICE("payment-required"), SLICE_NONE},
                                     {SLICE("www-authenticate"), SLICE_NONE}};
    struct buyer_asked asked = {headers, 2, SLICE_NONE};
    struct buyer_deal deal;
    struct buyer_receipt receipt;

    if (a == NULL && arena_open(&a, ROOM) != RC_OK)
        return 0;
    arena_reset(a);
    headers[0].value = base64_encode(a, next(&rest));
    headers[1].value = next(&rest);
    asked.body = next(&rest);
    if (buyer_choose(&deal, &asked, &terms, a) != RC_OK)
        return 0;
    check(&deal, &terms, a);
    headers[0].name = SLICE("payment-response");
    headers[1].name = SLICE("payment-receipt");
    buyer_receipt(&receipt, &deal, headers, 2, a);
    return 0;
}
