/* SPDX-License-Identifier: Apache-2.0 */
/* Records: one value, one encoding, and nothing else is read. */
#include "tests/strict_record.h"
#include "wallet/record.h"
#include "wallet/wallet_int.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static const struct id some_id = {
    {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16}};
static const struct id other_id = {{99, 2, 3}};

static enum rc recode_wallet(struct slice *again, uint8_t *room, struct slice value)
{
    struct wallet w;

    TRY(wallet__wallet_decode(&w, wallet__id_slice(&some_id), value));
    *again = wallet__wallet_encode(room, &w);
    return RC_OK;
}

static enum rc recode_name(struct slice *again, uint8_t *room, struct slice value)
{
    struct id id;

    TRY(wallet__name_decode(&id, value));
    *again = wallet__name_encode(room, id);
    return RC_OK;
}

static enum rc recode_key(struct slice *again, uint8_t *room, struct slice value)
{
    struct wallet_key k;

    TRY(wallet__key_decode(&k, SLICE("abcdefghij"), value));
    *again = wallet__key_encode(room, &k);
    return RC_OK;
}

static enum rc recode_limits(struct slice *again, uint8_t *room, struct slice value)
{
    struct wallet__limits l;

    TRY(wallet__limits_decode(&l, value));
    *again = wallet__limits_encode(room, &l);
    return RC_OK;
}

static enum rc recode_refund(struct slice *again, uint8_t *room, struct slice value)
{
    struct wallet__refunded r;

    TRY(wallet__refund_decode(&r, value));
    *again = wallet__refund_encode(room, &r);
    return RC_OK;
}

static enum rc recode_idem(struct slice *again, uint8_t *room, struct slice value)
{
    struct wallet__idem r;

    TRY(wallet__idem_decode(&r, value));
    *again = wallet__idem_encode(room, &r);
    return RC_OK;
}

static enum rc recode_once(struct slice *again, uint8_t *room, struct slice value)
{
    struct wallet__once r;

    TRY(wallet__once_decode(&r, value));
    *again = wallet__once_encode(room, &r);
    return RC_OK;
}

static enum rc recode_debt(struct slice *again, uint8_t *room, struct slice value)
{
    struct money owed;

    TRY(wallet__debt_decode(&owed, value));
    *again = wallet__debt_encode(room, owed);
    return RC_OK;
}

static const uint8_t payment_key[32] = {1, 2, 3};

static enum rc recode_payment(struct slice *again, uint8_t *room, struct slice value)
{
    static struct wallet_payment p;

    TRY(wallet__payment_decode(&p, slice_from((const char *)some_id.bytes, ID_LEN),
                               value));
    *again = wallet__payment_encode(room, &p);
    return RC_OK;
}

static enum rc recode_purchase(struct slice *again, uint8_t *room, struct slice value)
{
    struct wallet_purchase p;

    TRY(wallet__purchase_decode(&p, value));
    *again = wallet__purchase_encode(room, &p);
    return RC_OK;
}

static void wallets_are_read_strictly(void **state)
{
    struct wallet w = {.id = some_id,
                       .root = some_id,
                       .frozen = true,
                       .created_us = 1234567,
                       .name = "na\xc3\xafve"};
    uint8_t value[WALLET__VALUE_MAX];
    struct wallet back;

    (void)state;
    check_strict(wallet__wallet_encode(value, &w), recode_wallet);
    w.parent = other_id;
    w.root = other_id;
    w.depth = WALLET_DEPTH_MAX;
    memset(w.name, 'x', WALLET_NAME_MAX);
    check_strict(wallet__wallet_encode(value, &w), recode_wallet);
    assert_int_equal(
        wallet__wallet_decode(&back, SLICE("short"), wallet__wallet_encode(value, &w)),
        RC_CORRUPT);
}

static void a_wallets_bytes_are_as_documented(void **state)
{
    static const char expected[] = "\x01\x01\x01\x02"                 /* version .. */
                                   "\x88\x77\x66\x55\x44\x33\x22\x11" /* created_us */
                                   "\x63\x02\x03\0\0\0\0\0\0\0\0\0\0\0\0\0"
                                   "\x63\x02\x03\0\0\0\0\0\0\0\0\0\0\0\0\0"
                                   "ab";
    struct wallet w = {.id = some_id,
                       .parent = other_id,
                       .root = other_id,
                       .depth = 1,
                       .frozen = true,
                       .created_us = UINT64_C(0x1122334455667788),
                       .name = "ab"};
    uint8_t value[WALLET__VALUE_MAX];

    (void)state;
    assert_true(slice_equal(wallet__wallet_encode(value, &w),
                            slice_from(expected, sizeof(expected) - 1)));
}

static void a_wallet_out_of_place_is_refused(void **state)
{
    struct wallet w = {.id = some_id, .root = some_id, .name = "a"};
    uint8_t value[WALLET__VALUE_MAX];
    struct slice s;
    struct wallet back;

    (void)state;
    s = wallet__wallet_encode(value, &w);
    /* A root under another id is somebody else's root. */
    assert_int_equal(wallet__wallet_decode(&back, wallet__id_slice(&other_id), s),
                     RC_CORRUPT);
    w.depth = 1;
    w.parent = other_id;
    w.root = some_id; /* below another, but its own root */
    s = wallet__wallet_encode(value, &w);
    assert_int_equal(wallet__wallet_decode(&back, wallet__id_slice(&some_id), s),
                     RC_CORRUPT);
}

static void names_are_read_strictly(void **state)
{
    uint8_t value[WALLET__VALUE_MAX];

    (void)state;
    check_strict(wallet__name_encode(value, some_id), recode_name);
}

static void keys_are_read_strictly(void **state)
{
    struct wallet_key k = {.id = "abcdefghij",
                           .wallet = some_id,
                           .generation = 7,
                           .created_us = 5,
                           .expires_us = UINT64_MAX};
    uint8_t value[WALLET__VALUE_MAX];
    struct wallet_key back;

    (void)state;
    check_strict(wallet__key_encode(value, &k), recode_key);
    memset(k.name, 'n', WALLET_NAME_MAX);
    memset(k.models, 'm', WALLET_GLOBS_MAX);
    k.revoked = true;
    check_strict(wallet__key_encode(value, &k), recode_key);
    assert_int_equal(
        wallet__key_decode(&back, SLICE("ABCDEFGHIJ"), wallet__key_encode(value, &k)),
        RC_CORRUPT);
}

static void limits_are_read_strictly(void **state)
{
    struct wallet__limits l = {.slots = {[WALLET_PER_CALL] = {true, 1, {5}},
                                         [WALLET_PER_MONTH] = {true, 9, {UINT64_MAX}},
                                         [WALLET_PER_TOTAL] = {false, 3, {0}}}};
    uint8_t value[WALLET__VALUE_MAX];

    (void)state;
    check_strict(wallet__limits_encode(value, &l), recode_limits);
}

static void refunds_are_read_strictly(void **state)
{
    struct wallet__refunded whole = {.total = money_from_nano(UINT64_MAX)};
    struct wallet__refunded shared = {
        .total = money_from_nano(1000), .shared = true, .share = money_from_nano(1000)};
    uint8_t room[WALLET__VALUE_MAX];
    struct slice again;
    uint8_t value[WALLET__VALUE_MAX];

    (void)state;
    check_strict(wallet__refund_encode(value, &whole), recode_refund);
    check_strict(wallet__refund_encode(value, &shared), recode_refund);
    shared.share = money_from_nano(1001);
    assert_int_equal(recode_refund(&again, room, wallet__refund_encode(value, &shared)),
                     RC_CORRUPT);
}

static void idempotency_records_are_read_strictly(void **state)
{
    struct wallet__idem r = {.state = WALLET_IDEM_DONE,
                             .status = 504,
                             .boot = some_id,
                             .fingerprint = {1, 2, 3},
                             .request = other_id,
                             .transfer = some_id,
                             .cost = money_from_nano(17),
                             .created_us = 99};
    uint8_t value[WALLET__VALUE_MAX];

    (void)state;
    check_strict(wallet__idem_encode(value, &r), recode_idem);
    r.state = WALLET_IDEM_IN_FLIGHT;
    check_strict(wallet__idem_encode(value, &r), recode_idem);
}

static void records_of_what_is_used_up_are_read_strictly(void **state)
{
    static const enum wallet_once_state states[] = {
        WALLET_ONCE_SERVING, WALLET_ONCE_DONE, WALLET_ONCE_FAILED};

    uint8_t value[WALLET__VALUE_MAX];

    (void)state;
    for (unsigned i = 0; i < 3; i++) {
        struct wallet__once r = {.state = states[i],
                                 .status = 504,
                                 .boot = some_id,
                                 .fingerprint = {7, 8, 9},
                                 .request = other_id,
                                 .transfer = some_id,
                                 .cost = money_from_nano(17),
                                 .expires_us = 99};

        check_strict(wallet__once_encode(value, &r), recode_once);
    }
}

static void debts_are_read_strictly(void **state)
{
    uint8_t value[WALLET__DEBT_LEN];
    struct money owed;

    (void)state;
    check_strict(wallet__debt_encode(value, money_from_nano(3)), recode_debt);
    memset(value + 1, 0, 8);
    assert_int_equal(
        wallet__debt_decode(&owed, slice_from((const char *)value, WALLET__DEBT_LEN)),
        RC_CORRUPT);
}

static struct wallet_payment some_payment(void)
{
    struct wallet_payment p = {.payer = "0x0123456789abcdef0123456789abcdef01234567",
                               .method = "x402",
                               .value = money_from_nano(5),
                               .settle = money_from_nano(5),
                               .state = WALLET_PAYMENT_SETTLED,
                               .closed = true,
                               .after = true,
                               .target = some_id,
                               .created_us = 12,
                               .expires_us = 13,
                               .network = "eip155:1",
                               .reference = "0xabc",
                               .details_len = 5,
                               .details = {1, 2, 3, 0, 5}};

    memcpy(p.key, payment_key, sizeof(p.key));
    return p;
}

static void payments_are_read_strictly(void **state)
{
    struct wallet_payment p = some_payment();
    uint8_t value[LEDGER_VALUE_MAX];

    (void)state;
    check_strict(wallet__payment_encode(value, &p), recode_payment);
    p.closed = false;
    p.state = WALLET_PAYMENT_RESERVED;
    p.reference[0] = p.network[0] = '\0';
    p.details_len = 0;
    check_strict(wallet__payment_encode(value, &p), recode_payment);
    memset(p.method, 'x', sizeof(p.method) - 1);
    memset(p.network, 'n', sizeof(p.network) - 1);
    memset(p.reference, 'r', sizeof(p.reference) - 1);
    p.details_len = WALLET_PAYMENT_DETAILS_MAX;
    assert_true(wallet__payment_encode(value, &p).len <= LEDGER_VALUE_MAX);
    check_strict(wallet__payment_encode(value, &p), recode_payment);
}

static void a_payment_that_cannot_be_is_refused(void **state)
{
    const struct wallet_payment good = some_payment();
    struct wallet_payment p = good;

    (void)state;
    assert_true(wallet__payment_ok(&p));
    p.settle = money_from_nano(6);
    assert_false(wallet__payment_ok(&p));
    p = good;
    p.value = p.settle = MONEY_ZERO; /* somebody else's */
    assert_true(wallet__payment_ok(&p));
    p = good;
    p.state = WALLET_PAYMENT_SUBMITTED; /* and closed */
    assert_false(wallet__payment_ok(&p));
    p = good;
    p.state = WALLET_PAYMENT_REVERTED;
    assert_true(wallet__payment_ok(&p));
    p.closed = false;
    assert_false(wallet__payment_ok(&p));
    p = good;
    p.state = WALLET_PAYMENT_NEW;
    assert_false(wallet__payment_ok(&p));
    p = good;
    p.payer[10] = 'G';
    assert_false(wallet__payment_ok(&p));
    p = good;
    p.payer[41] = '\0';
    assert_false(wallet__payment_ok(&p));
    p = good;
    memset(p.reference, 'r', sizeof(p.reference));
    assert_false(wallet__payment_ok(&p));
}

static void purchases_are_read_strictly(void **state)
{
    struct wallet_purchase p = {.request = some_id,
                                .wallet = other_id,
                                .host = "seller.example",
                                .network = "eip155:1",
                                .reference = "0xabc",
                                .amount = money_from_nano(5),
                                .begun_us = 12,
                                .state = WALLET_PURCHASE_PAID};
    uint8_t value[WALLET__VALUE_MAX];

    (void)state;
    check_strict(wallet__purchase_encode(value, &p), recode_purchase);
    p.state = WALLET_PURCHASE_LAPSED;
    p.reference[0] = '\0';
    check_strict(wallet__purchase_encode(value, &p), recode_purchase);
    p.state = WALLET_PURCHASE_OPEN;
    memset(p.host, 'h', sizeof(p.host) - 1);
    check_strict(wallet__purchase_encode(value, &p), recode_purchase);
}

static void due_keys_sort_by_time(void **state)
{
    static const uint64_t times[] = {0, 1, 255, 256, UINT64_C(1) << 40, UINT64_MAX};
    uint8_t a[WALLET__DUE_KEY_LEN], b[WALLET__DUE_KEY_LEN];
    uint8_t high[32], low[32] = {0};
    struct slice key;
    uint64_t back;

    (void)state;
    memset(high, 0xFF, sizeof(high));
    for (size_t i = 1; i < sizeof(times) / sizeof(times[0]); i++) {
        struct slice earlier = wallet__due_encode(a, times[i - 1], high);
        struct slice later = wallet__due_encode(b, times[i], low);

        assert_true(slice_compare(earlier, later) < 0);
        assert_int_equal(wallet__due_decode(&back, &key, later), RC_OK);
        assert_int_equal(back, times[i]);
        assert_memory_equal(key.bytes, low, 32);
    }
    assert_int_equal(wallet__due_decode(&back, &key, SLICE("short")), RC_CORRUPT);
}

static void texts_are_clean_utf8(void **state)
{
    (void)state;
    assert_true(wallet__text_ok(SLICE("a\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80"), 1, 64));
    assert_true(wallet__text_ok(SLICE_NONE, 0, 64));
    assert_false(wallet__text_ok(SLICE_NONE, 1, 64));
    assert_true(wallet__text_ok(SLICE("abc"), 3, 3));
    assert_false(wallet__text_ok(SLICE("abc"), 4, 9));
    assert_false(wallet__text_ok(SLICE("abc"), 0, 2));
    assert_false(wallet__text_ok(SLICE("a\x1b[31m"), 1, 64));
    assert_false(wallet__text_ok(SLICE("a\xc2\x9b"), 1, 64)); /* CSI as C1 */
    assert_true(wallet__text_ok(SLICE("a\xc2\xa0"), 1, 64));
    assert_false(wallet__text_ok(SLICE("\xc0\x80"), 1, 64));
    assert_false(wallet__text_ok(SLICE("\xed\xa0\x80"), 1, 64));
    assert_false(wallet__text_ok(SLICE("\xe2\x82"), 1, 64));
}

static void key_ids_are_ten_small_letters_and_digits(void **state)
{
    (void)state;
    assert_true(wallet__key_id_ok(SLICE("09azmmmmm5")));
    assert_false(wallet__key_id_ok(SLICE("09azmmmmm")));
    assert_false(wallet__key_id_ok(SLICE("09azmmmmm55")));
    assert_false(wallet__key_id_ok(SLICE("09azmmmmmA")));
    assert_false(wallet__key_id_ok(SLICE("09azmmmm-5")));
    assert_false(wallet__key_id_ok(SLICE("09azmmmm\0"
                                         "5")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(wallets_are_read_strictly),
        cmocka_unit_test(a_wallets_bytes_are_as_documented),
        cmocka_unit_test(a_wallet_out_of_place_is_refused),
        cmocka_unit_test(names_are_read_strictly),
        cmocka_unit_test(keys_are_read_strictly),
        cmocka_unit_test(limits_are_read_strictly),
        cmocka_unit_test(refunds_are_read_strictly),
        cmocka_unit_test(idempotency_records_are_read_strictly),
        cmocka_unit_test(records_of_what_is_used_up_are_read_strictly),
        cmocka_unit_test(debts_are_read_strictly),
        cmocka_unit_test(payments_are_read_strictly),
        cmocka_unit_test(a_payment_that_cannot_be_is_refused),
        cmocka_unit_test(purchases_are_read_strictly),
        cmocka_unit_test(due_keys_sort_by_time),
        cmocka_unit_test(texts_are_clean_utf8),
        cmocka_unit_test(key_ids_are_ten_small_letters_and_digits),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
