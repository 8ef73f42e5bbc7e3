/* SPDX-License-Identifier: Apache-2.0 */
/* Whatever stands in a record of this folder is refused or has exactly the encoding
 * that was read; memos and key ids that are refused are refused without a fault. */
#include "wallet/memo.h"
#include "wallet/wallet_int.h"

#include <stdlib.h>

static void must(bool ok)
{
    if (!ok)
        abort();
}

static void check_wallet(struct slice key, struct slice value)
{
    uint8_t room[WALLET__VALUE_MAX];
    struct wallet w;

    if (wallet__wallet_decode(&w, key, value) == RC_OK)
        must(slice_equal(wallet__wallet_encode(room, &w), value));
}

static void check_key(struct slice value)
{
    uint8_t room[WALLET__VALUE_MAX];
    struct wallet_key k;

    if (wallet__key_decode(&k, SLICE("abcdefghij"), value) == RC_OK)
        must(slice_equal(wallet__key_encode(room, &k), value));
}

static void check_small(struct slice value)
{
    uint8_t room[WALLET__VALUE_MAX];
    struct wallet__limits limits;
    struct wallet__idem idem;
    struct wallet__refunded refunded;
    struct id id;

    if (wallet__limits_decode(&limits, value) == RC_OK)
        must(slice_equal(wallet__limits_encode(room, &limits), value));
    if (wallet__idem_decode(&idem, value) == RC_OK)
        must(slice_equal(wallet__idem_encode(room, &idem), value));
    if (wallet__refund_decode(&refunded, value) == RC_OK)
        must(slice_equal(wallet__refund_encode(room, &refunded), value));
    if (wallet__name_decode(&id, value) == RC_OK)
        must(slice_equal(wallet__name_encode(room, id), value));
}

static void check_payments(struct slice input)
{
    static struct wallet_payment payment;
    uint8_t room[LEDGER_VALUE_MAX];
    struct wallet_purchase purchase;
    struct wallet__once once;
    struct money owed;

    if (wallet__payment_decode(&payment, slice_sub(input, 0, 32),
                               slice_sub(input, 32, input.len)) == RC_OK)
        must(slice_equal(wallet__payment_encode(room, &payment),
                         slice_sub(input, 32, input.len)));
    if (wallet__purchase_decode(&purchase, input) == RC_OK)
        must(slice_equal(wallet__purchase_encode(room, &purchase), input));
    if (wallet__once_decode(&once, input) == RC_OK)
        must(slice_equal(wallet__once_encode(room, &once), input));
    if (wallet__debt_decode(&owed, input) == RC_OK)
        must(slice_equal(wallet__debt_encode(room, owed), input));
}

static void check_memo(struct slice memo)
{
    struct wallet_row row = {.seq = 0};
    struct json_object *tree;

    if (wallet__memo_read(&row, &tree, memo) == RC_OK)
        json_put(tree);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice input = slice_from((const char *)data, size);
    struct slice idem_key;
    uint64_t created_us;

    check_wallet(slice_sub(input, 0, ID_LEN), slice_sub(input, ID_LEN, size));
    check_key(input);
    check_small(input);
    check_payments(input);
    check_memo(input);
    (void)!wallet__due_decode(&created_us, &idem_key, input);
    (void)wallet__models_ok(input);
    return 0;
}
