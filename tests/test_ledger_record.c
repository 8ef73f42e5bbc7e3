/* SPDX-License-Identifier: Apache-2.0 */
/* Rows: what is encoded is decoded, and nothing else is. */
#include "ledger/ledger_int.h"

#include "tests/ledger_fixture.h"
#include "tests/prng.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static struct ledger_account some_account(void)
{
    return (struct ledger_account){
        .id = account_id(3),
        .number = 0x01020304,
        .flags = LEDGER_NO_OVERDRAFT,
        .debits = nano(0x1112131415161718),
        .credits = nano(0xf1f2f3f4f5f6f7f8),
        .held = nano(0x2122232425262728),
        .opened_us = 0x3132333435363738,
    };
}

static struct hold some_hold(unsigned legs, unsigned tags)
{
    struct hold h = {.seq = 5, .run = 6, .expires_us = 7, .durable = true};

    h.leg_count = legs;
    h.tag_count = tags;
    for (unsigned i = 0; i < legs; i++) {
        h.accounts[i] = account_id(i + 1);
        h.amounts[i] = nano(i * 1000);
    }
    for (unsigned i = 0; i < tags; i++)
        h.tags[i] = account_id(i + 100);
    return h;
}

static struct slice bytes_of(const uint8_t *bytes, size_t len)
{
    return slice_from((const char *)bytes, len);
}

static void accounts_come_back(void **state)
{
    struct ledger_account a = some_account();
    struct ledger_account b;
    uint8_t row[ACCOUNT_LEN];

    (void)state;
    ledger__account_encode(row, &a);
    assert_int_equal(
        ledger__account_decode(&b, ledger__id_slice(&a.id), bytes_of(row, sizeof(row))),
        RC_OK);
    assert_int_equal(id_cmp(a.id, b.id), 0);
    assert_int_equal(b.number, a.number);
    assert_int_equal(b.flags, a.flags);
    assert_int_equal(amount_of(b.debits), amount_of(a.debits));
    assert_int_equal(amount_of(b.credits), amount_of(a.credits));
    assert_int_equal(amount_of(b.held), amount_of(a.held));
    assert_int_equal(b.opened_us, a.opened_us);
}

/* The file must be read by every later version: the layout is written down here once
 * more, byte for byte. */
static void the_layout_of_an_account_is_fixed(void **state)
{
    static const uint8_t expected[ACCOUNT_LEN - 4] = {
        0x04, 0x03, 0x02, 0x01, 0x01, 0,    0,    0,    0,    0,    0,
        0,    0x18, 0x17, 0x16, 0x15, 0x14, 0x13, 0x12, 0x11, 0xf8, 0xf7,
        0xf6, 0xf5, 0xf4, 0xf3, 0xf2, 0xf1, 0x28, 0x27, 0x26, 0x25, 0x24,
        0x23, 0x22, 0x21, 0x38, 0x37, 0x36, 0x35, 0x34, 0x33, 0x32, 0x31};
    struct ledger_account a = some_account();
    uint8_t row[ACCOUNT_LEN];

    (void)state;
    ledger__account_encode(row, &a);
    assert_memory_equal(row + 4, expected, sizeof(expected));
}

static void holds_come_back(void **state)
{
    struct id op = op_id(1);

    (void)state;
    for (unsigned legs = 1; legs <= LEDGER_LEGS_MAX; legs++) {
        struct hold a = some_hold(legs, legs % (LEDGER_TAGS_MAX + 1));
        struct hold b;
        uint8_t row[HOLD_LEN_MAX];
        size_t len = ledger__hold_encode(row, &a, ledger__id_slice(&op));

        assert_int_equal(
            ledger__hold_decode(&b, ledger__id_slice(&op), bytes_of(row, len)), RC_OK);
        assert_memory_equal(&a, &b, sizeof(a));
    }
}

static void heads_runs_and_identities_come_back(void **state)
{
    struct head head = {.seq = 9, .time_us = 10, .hash = {1, 2, 3}};
    struct head head_again;
    struct id store = account_id(1);
    struct id store_again;
    uint8_t head_row[HEAD_LEN];
    uint8_t run_row[RUN_LEN];
    uint8_t identity_row[IDENTITY_LEN];
    uint64_t run;

    (void)state;
    ledger__head_encode(head_row, &head);
    assert_int_equal(ledger__head_decode(&head_again, bytes_of(head_row, HEAD_LEN)),
                     RC_OK);
    assert_memory_equal(&head, &head_again, sizeof(head));
    ledger__run_encode(run_row, 77);
    assert_int_equal(ledger__run_decode(&run, bytes_of(run_row, RUN_LEN)), RC_OK);
    assert_int_equal(run, 77);
    ledger__identity_encode(identity_row, store, 5);
    assert_int_equal(
        ledger__identity_decode(&store_again, bytes_of(identity_row, IDENTITY_LEN)),
        RC_OK);
    assert_int_equal(id_cmp(store, store_again), 0);
}

static void a_row_under_another_key_is_refused(void **state)
{
    struct ledger_account a = some_account();
    struct ledger_account out;
    struct id other = account_id(4);
    uint8_t row[ACCOUNT_LEN];

    (void)state;
    ledger__account_encode(row, &a);
    assert_int_equal(ledger__account_decode(&out, ledger__id_slice(&other),
                                            bytes_of(row, ACCOUNT_LEN)),
                     RC_CORRUPT);
}

/* Even when its checksum was made to fit. */
static void an_account_below_zero_is_refused(void **state)
{
    struct ledger_account a = some_account();
    struct ledger_account out;
    uint8_t row[ACCOUNT_LEN];

    (void)state;
    a.held = a.credits;
    ledger__account_encode(row, &a);
    assert_int_equal(ledger__account_decode(&out, ledger__id_slice(&a.id),
                                            bytes_of(row, ACCOUNT_LEN)),
                     RC_CORRUPT);
}

typedef enum rc decode_fn(struct slice key, struct slice row);

static enum rc try_account(struct slice key, struct slice row)
{
    struct ledger_account out;

    return ledger__account_decode(&out, key, row);
}

static enum rc try_hold(struct slice key, struct slice row)
{
    struct hold out;

    return ledger__hold_decode(&out, key, row);
}

static enum rc try_seen(struct slice key, struct slice row)
{
    struct seen out;

    return ledger__seen_decode(&out, key, row);
}

static enum rc try_record(struct slice key, struct slice row)
{
    struct record out;

    return ledger__record_decode(&out, key, row);
}

static enum rc try_entry(struct slice key, struct slice row)
{
    struct entry out;

    (void)key;
    return ledger__entry_decode(&out, row);
}

/* Each single bit, and each shorter length. `sealed` bytes are under the checksum. */
static void refuse_all_damage(decode_fn *decode, struct slice key, uint8_t *row,
                              size_t len, size_t sealed)
{
    assert_int_equal(decode(key, bytes_of(row, len)), RC_OK);
    for (size_t bit = 0; bit < sealed * 8; bit++) {
        row[bit / 8] ^= (uint8_t)(1 << bit % 8);
        assert_int_equal(decode(key, bytes_of(row, len)), RC_CORRUPT);
        row[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    for (size_t shorter = 0; shorter < len; shorter++)
        assert_int_equal(decode(key, bytes_of(row, shorter)), RC_CORRUPT);
}

static void every_flipped_bit_is_seen(void **state)
{
    struct id op = op_id(1);
    struct slice key = ledger__id_slice(&op);
    struct ledger_account account = some_account();
    struct hold h = some_hold(3, 2);
    struct seen seen = {
        .seq = 1, .time_us = 2, .verb = LEDGER_HOLD, .forgettable = true};
    struct record record = {.version = 3, .value = SLICE("value")};
    struct ledger_cmd cmd = transfer(1, funding(account_id(1), 5));
    struct entry entry = {.seq = 1, .time_us = 2};
    uint8_t row[1024];
    size_t len;

    (void)state;
    ledger__account_encode(row, &account);
    refuse_all_damage(try_account, ledger__id_slice(&account.id), row, ACCOUNT_LEN,
                      ACCOUNT_LEN);
    len = ledger__hold_encode(row, &h, key);
    refuse_all_damage(try_hold, key, row, len, len);
    ledger__seen_encode(row, &seen, key);
    refuse_all_damage(try_seen, key, row, SEEN_LEN, SEEN_LEN);
    ledger__record_encode(row, &record, key);
    len = RECORD_HEAD_LEN + record.value.len;
    refuse_all_damage(try_record, key, row, len, len);

    len = ENTRY_HEAD_LEN + ledger__command_len(&cmd);
    ledger__command_encode(row + ENTRY_HEAD_LEN, &cmd);
    entry.command = bytes_of(row + ENTRY_HEAD_LEN, len - ENTRY_HEAD_LEN);
    ledger__entry_head_encode(row, &entry);
    memset(row + len, 0, SHA256_LEN);
    refuse_all_damage(try_entry, key, row, len + SHA256_LEN, len);
}

static void keys_sort_by_number(void **state)
{
    struct prng p = {1};

    (void)state;
    for (unsigned i = 0; i < 1000; i++) {
        uint64_t a = prng_any_size(&p);
        uint64_t b = prng_any_size(&p);
        uint8_t x[SEQ_KEY_LEN];
        uint8_t y[SEQ_KEY_LEN];
        int order;

        ledger__seq_key(x, a);
        ledger__seq_key(y, b);
        order = slice_compare(bytes_of(x, SEQ_KEY_LEN), bytes_of(y, SEQ_KEY_LEN));
        assert_int_equal((order > 0) - (order < 0), (a > b) - (a < b));
        assert_int_equal(ledger__seq_from_key(bytes_of(x, SEQ_KEY_LEN)), a);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(accounts_come_back),
        cmocka_unit_test(the_layout_of_an_account_is_fixed),
        cmocka_unit_test(holds_come_back),
        cmocka_unit_test(heads_runs_and_identities_come_back),
        cmocka_unit_test(a_row_under_another_key_is_refused),
        cmocka_unit_test(an_account_below_zero_is_refused),
        cmocka_unit_test(every_flipped_bit_is_seen),
        cmocka_unit_test(keys_sort_by_number),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
