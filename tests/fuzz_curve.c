/* SPDX-License-Identifier: Apache-2.0 */
/* Signatures: what is taken has one form and one signer. The input is a digest and then
 * a signature. */
#include "x402/x402.h"

#include <assert.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerInitialize(int *argc, char ***argv);

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    static const uint8_t seed[X402_KEY_LEN] = {1};
    enum rc rc = x402_curve_start(seed);

    (void)argc;
    (void)argv;
    assert(rc == RC_OK);
    return 0;
}

static void check_signature(const struct x402_hash *digest, struct slice bytes)
{
    struct x402_signature s;
    struct x402_address signer;
    struct x402_address other;
    uint8_t written[X402_SIGNATURE_LEN];

    if (x402_signature_read(&s, bytes, X402_V_PROOF) != RC_OK) {
        assert(x402_signature_read(&s, bytes, X402_V_PAYMENT) != RC_OK);
        return;
    }
    x402_signature_write(written, &s);
    assert(memcmp(written, bytes.bytes, X402_SIGNATURE_LEN - 1) == 0);
    assert(written[X402_SIGNATURE_LEN - 1] % 27 ==
           (uint8_t)bytes.bytes[X402_SIGNATURE_LEN - 1] % 27);
    if (x402_curve_recover(&signer, digest, &s) != RC_OK)
        return;
    assert(x402_curve_signed_by(digest, &s, &signer));
    s.y_parity ^= 1;
    assert(x402_curve_recover(&other, digest, &s) != RC_OK ||
           !x402_address_equal(&other, &signer));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice text = slice_from((const char *)data, size);
    struct x402_signature s;
    struct x402_hash digest;

    if (size > sizeof(digest.bytes)) {
        memcpy(digest.bytes, data, sizeof(digest.bytes));
        check_signature(&digest, slice_sub(text, sizeof(digest.bytes), size));
    }
    if (x402_signature_parse(&s, text, X402_V_PAYMENT) == RC_OK)
        assert(size == 2 + 2 * X402_SIGNATURE_LEN);
    return 0;
}
