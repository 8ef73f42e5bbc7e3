/* SPDX-License-Identifier: Apache-2.0 */
/* The headers of MPP: what is read can be printed, and reads the same again. */
#include "x402/mpp_method.h"

#include <assert.h>
#include <stddef.h>
#include <stdint.h>

enum {
    ROOM = 1 << 20,
    CHALLENGES = 4
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void challenges(struct slice text, struct arena *a)
{
    struct mpp_challenge c[CHALLENGES];
    struct mpp_challenge back;
    size_t count = CHALLENGES;
    struct buf b;

    if (mpp_challenges_parse(c, &count, text, a) != RC_OK)
        return;
    assert(count <= CHALLENGES);
    for (size_t i = 0; i < count; i++) {
        size_t one = 1;

        buf_init(&b, ROOM);
        mpp_challenge_print(&b, &c[i]);
        assert(!buf_spent(&b));
        if (buf_len(&b) <= MPP_CHALLENGE_MAX) {
            assert(mpp_challenges_parse(&back, &one, buf_slice(&b), a) == RC_OK);
            assert(one == 1 && slice_equal(back.method, c[i].method));
        }
        buf_free(&b);
    }
}

static void credential(struct slice text, struct arena *a)
{
    struct mpp_credential c;
    struct mpp_credential back;
    struct slice printed;

    if (mpp_credential_parse(&c, text, a) != RC_OK ||
        mpp_credential_print(&printed, &c, a) != RC_OK || printed.len > MPP_HEADER_MAX)
        return;
    assert(mpp_credential_parse(&back, printed, a) == RC_OK);
    assert(slice_equal(back.challenge.id, c.challenge.id));
    assert(slice_equal(back.challenge.request, c.challenge.request));
    assert(slice_equal(back.payload, c.payload));
}

/* Nobody here has a key: nothing may be proven. The curve is not started, so that only
 * what comes before it runs. */
static void methods(const struct mpp_credential *c, struct arena *a)
{
    const struct mpp_terms terms = {.secret = SLICE("secret"), .now_us = 1};
    struct mpp_request r;
    struct mpp_ledger l;
    struct mpp_evm e;

    assert(mpp_check(c, &terms, a) == MPP_INVALID_CHALLENGE);
    if (mpp_request_decode(&r, c->challenge.request, a) == RC_OK) {
        struct slice text;

        if (mpp_request_encode(&text, &r, a) == RC_OK)
            assert(mpp_request_decode(&r, text, a) == RC_OK);
    }
    if (mpp_ledger_read(&l, c, a) == MPP_NONE)
        assert(mpp_ledger_verify(&l, c, SLICE("secret")) == MPP_VERIFICATION_FAILED);
    if (mpp_evm_read(&e, c, a) == MPP_NONE)
        assert(e.payment.method == X402_EIP3009 && e.payment.signature.bytes != NULL);
}

/* JSON as it is: base64 is much for a fuzzer to guess. */
static void credential_json(struct slice text, struct arena *a)
{
    const struct json_limits limits = {.depth = 16};
    struct mpp_credential c;

    if (json_guard(text, &limits, NULL, 0, NULL, a) != RC_OK ||
        mpp_credential_read(&c, text, a) != RC_OK)
        return;
    assert(c.challenge.id.len > 0 && c.challenge.method.len > 0);
    assert(json_raw_type(c.payload) == JSON_OBJECT);
    (void)!mpp_challenge_is_ours(&c.challenge, SLICE("secret"), a);
    methods(&c, a);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct arena *a;
    const struct slice text = slice_from((const char *)data, size);
    struct mpp_receipt r;
    unsigned weight;

    if (a == NULL && arena_open(&a, ROOM) != RC_OK)
        return 0;
    arena_reset(a);
    challenges(text, a);
    credential(text, a);
    credential_json(text, a);
    (void)!mpp_receipt_parse(&r, text, a);
    weight = mpp_accept_weight(text, SLICE("evm"), SLICE("charge"));
    assert(weight <= 1000);
    return 0;
}
