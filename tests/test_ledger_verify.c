/* SPDX-License-Identifier: Apache-2.0 */
/* Verify: a book that was not touched is right; one that was touched anywhere is not,
 * be it one bit or a row that was made with care. */
#include "ledger/ledger_int.h"

#include "base/clock.h"
#include "tests/laws.h"
#include "tests/ledger_fixture.h"
#include "tests/ledger_story.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct ledger *book;

static int open_book(void **state)
{
    (void)state;
    clock_set(TEST_TIME_US, 1000);
    book = open_memory();
    story(book);
    return 0;
}

static int close_book(void **state)
{
    (void)state;
    ledger_close(book);
    clock_real();
    return 0;
}

static bool is_right(void)
{
    struct ledger_report report;

    assert_int_equal(ledger_verify(book, &report), RC_OK);
    assert_int_equal(report.ok, report.fault_count == 0);
    return report.ok;
}

/* The writer sleeps while a test changes rows behind its back. */
static void put(enum table table, struct slice key, struct slice value)
{
    struct change c = {.table = table, .key = key, .value = value};

    assert_int_equal(book->engine->ops->commit(book->engine, &c), RC_OK);
}

static void drop(enum table table, struct slice key)
{
    struct change c = {.table = table, .key = key, .remove = true};

    assert_int_equal(book->engine->ops->commit(book->engine, &c), RC_OK);
}

/* ---- All rows ---- */

struct row {
    enum table table;
    uint8_t key[RECORD_KEY_MAX];
    size_t key_len;
    uint8_t value[2048];
    size_t value_len;
};

struct rows {
    struct row *row;
    unsigned count;
    enum table table;
};

static bool copy_row(void *arg, struct slice key, struct slice value)
{
    struct rows *r = arg;
    struct row *row = &r->row[r->count++];

    row->table = r->table;
    row->key_len = key.len;
    row->value_len = value.len;
    memcpy(row->key, key.bytes, key.len);
    memcpy(row->value, value.bytes, value.len);
    return true;
}

static struct rows all_rows(void)
{
    const struct engine_ops *ops = book->engine->ops;
    struct rows r = {.row = calloc(400, sizeof(*r.row))};
    struct snapshot *s;

    assert_non_null(r.row);
    assert_int_equal(ops->snapshot(&s, book->engine), RC_OK);
    for (r.table = 0; r.table < TABLE__COUNT; r.table++)
        assert_int_equal(ops->scan(s, r.table, SLICE_NONE, false, copy_row, &r), RC_OK);
    ops->release(s);
    return r;
}

static struct slice key_of(const struct row *r)
{
    return slice_from((const char *)r->key, r->key_len);
}

static struct slice value_of(const struct row *r)
{
    return slice_from((const char *)r->value, r->value_len);
}

static void an_untouched_book_is_right(void **state)
{
    struct ledger_report report;

    (void)state;
    laws_check(book);
    assert_int_equal(ledger_verify(book, &report), RC_OK);
    assert_int_equal(report.entries, STORY_ENTRIES);
    assert_int_equal(report.holds, 2);
    assert_int_equal(report.accounts, 8);
}

static void an_empty_book_is_right(void **state)
{
    struct ledger *l = open_memory();

    (void)state;
    laws_check(l);
    ledger_close(l);
}

static void every_flipped_bit_is_found(void **state)
{
    struct rows rows = all_rows();
    unsigned flips = 0;

    (void)state;
    for (unsigned i = 0; i < rows.count; i++) {
        struct row *r = &rows.row[i];

        /* Each byte, and of each a bit of its own. */
        for (size_t at = 0; at < r->value_len; at++) {
            uint8_t bit = (uint8_t)(1 << (at + i) % 8);

            r->value[at] ^= bit;
            put(r->table, key_of(r), value_of(r));
            if (is_right())
                fail_msg("table %u row %u byte %zu", r->table, i, at);
            r->value[at] ^= bit;
            put(r->table, key_of(r), value_of(r));
            flips++;
        }
    }
    assert_true(flips > 3000);
    assert_true(is_right());
    free(rows.row);
}

static void every_missing_row_is_found(void **state)
{
    struct rows rows = all_rows();

    (void)state;
    for (unsigned i = 0; i < rows.count; i++) {
        const struct row *r = &rows.row[i];

        drop(r->table, key_of(r));
        if (is_right())
            fail_msg("table %u row %u", r->table, i);
        put(r->table, key_of(r), value_of(r));
    }
    assert_true(is_right());
    free(rows.row);
}

static void every_row_under_another_key_is_found(void **state)
{
    struct rows rows = all_rows();

    (void)state;
    for (unsigned i = 0; i < rows.count; i++) {
        struct row *r = &rows.row[i];

        if (r->table == TABLE_META)
            continue; /* rows that nobody asks for */
        r->key[r->key_len - 1] ^= 0x40;
        put(r->table, key_of(r), value_of(r)); /* one too many */
        if (is_right())
            fail_msg("table %u row %u", r->table, i);
        drop(r->table, key_of(r));
        r->key[r->key_len - 1] ^= 0x40;
    }
    assert_true(is_right());
    free(rows.row);
}

/* ---- Rows made with care: every checksum is right ---- */

static struct ledger_account read_account(unsigned n)
{
    return account_in(book, account_id(n));
}

static void write_account(const struct ledger_account *a)
{
    uint8_t row[ACCOUNT_LEN] = {0};

    ledger__account_encode(row, a);
    put(TABLE_ACCOUNT, ledger__id_slice(&a->id),
        slice_from((const char *)row, sizeof(row)));
}

static void money_from_nowhere_is_found(void **state)
{
    struct ledger_account a = read_account(1);
    struct ledger_account other = read_account(4);

    (void)state;
    assert_true(money_add(&a.credits, a.credits, nano(5)));
    write_account(&a);
    assert_false(is_right());
    /* Even when the sums agree. */
    assert_true(money_add(&other.debits, other.debits, nano(1)));
    assert_true(money_sub(&a.credits, a.credits, nano(4)));
    write_account(&a);
    write_account(&other);
    assert_false(is_right());
}

static void a_hold_for_more_is_found(void **state)
{
    struct ledger_account a = read_account(1);
    struct id op = op_id(6);
    struct hold h;
    struct slice row;
    struct snapshot *s;
    uint8_t bytes[HOLD_LEN_MAX] = {0};
    size_t len;

    (void)state;
    assert_int_equal(book->engine->ops->snapshot(&s, book->engine), RC_OK);
    assert_int_equal(book->engine->ops->get(&row, s, TABLE_HOLD, ledger__id_slice(&op)),
                     RC_OK);
    assert_int_equal(ledger__hold_decode(&h, ledger__id_slice(&op), row), RC_OK);
    book->engine->ops->release(s);
    assert_true(money_add(&h.amounts[0], h.amounts[0], nano(1)));
    assert_true(money_add(&a.held, a.held, nano(1)));
    len = ledger__hold_encode(bytes, &h, ledger__id_slice(&op));
    put(TABLE_HOLD, ledger__id_slice(&op), slice_from((const char *)bytes, len));
    write_account(&a);
    assert_false(is_right());
}

typedef void rewrite_fn(struct entry *e);

static void another_balance(struct entry *e)
{
    if (e->seq == 4)
        e->balance = nano(1); /* it was zero */
}

static void an_earlier_run(struct entry *e)
{
    if (e->seq == 15)
        e->run--;
}

/* Entries rewritten, and the chain behind them, and the head. */
static void rewrite(rewrite_fn *change)
{
    struct rows rows = all_rows();
    struct head head = {.seq = 0};
    uint8_t head_row[HEAD_LEN] = {0};

    for (unsigned i = 0; i < rows.count; i++) {
        struct row *r = &rows.row[i];
        struct entry e;

        if (r->table != TABLE_JOURNAL)
            continue;
        assert_int_equal(ledger__entry_decode(&e, value_of(r)), RC_OK);
        change(&e);
        ledger__entry_head_encode(r->value, &e);
        assert_int_equal(ledger__entry_hash(head.hash, head.hash, value_of(r)), RC_OK);
        memcpy(r->value + r->value_len - SHA256_LEN, head.hash, SHA256_LEN);
        head.seq = e.seq;
        head.time_us = e.time_us;
        put(TABLE_JOURNAL, key_of(r), value_of(r));
    }
    ledger__head_encode(head_row, &head);
    put(TABLE_META, META_HEAD, slice_from((const char *)head_row, HEAD_LEN));
    free(rows.row);
}

static void a_rewritten_journal_is_found(void **state)
{
    (void)state;
    rewrite(another_balance);
    assert_false(is_right());
}

static void runs_do_not_go_back(void **state)
{
    (void)state;
    rewrite(an_earlier_run); /* of a transfer: no row tells of it */
    assert_false(is_right());
}

static void the_end_of_the_journal_cannot_be_cut_off(void **state)
{
    uint8_t key[SEQ_KEY_LEN];
    uint8_t head_row[HEAD_LEN] = {0};
    struct head head = {.seq = STORY_ENTRIES - 1};
    struct rows rows = all_rows();

    (void)state;
    for (unsigned i = 0; i < rows.count; i++) {
        struct entry e;

        if (rows.row[i].table != TABLE_JOURNAL)
            continue;
        assert_int_equal(ledger__entry_decode(&e, value_of(&rows.row[i])), RC_OK);
        if (e.seq == head.seq) {
            head.time_us = e.time_us;
            memcpy(head.hash, e.hash, SHA256_LEN);
        }
    }
    ledger__seq_key(key, STORY_ENTRIES);
    drop(TABLE_JOURNAL, slice_from((const char *)key, SEQ_KEY_LEN));
    ledger__head_encode(head_row, &head);
    put(TABLE_META, META_HEAD, slice_from((const char *)head_row, HEAD_LEN));
    assert_false(is_right()); /* accounts and ids are ahead of the journal */
    free(rows.row);
}

static void faults_are_counted_and_the_first_are_named(void **state)
{
    struct ledger_report report;
    uint8_t row[SEEN_LEN] = {0};
    struct seen seen = {.seq = 1, .time_us = TEST_TIME_US, .verb = LEDGER_NOTE};

    (void)state;
    for (unsigned i = 0; i < 20; i++) {
        struct id op = op_id(7000 + i);

        ledger__seen_encode(row, &seen, ledger__id_slice(&op));
        put(TABLE_SEEN, ledger__id_slice(&op), slice_from((const char *)row, SEEN_LEN));
    }
    assert_int_equal(ledger_verify(book, &report), RC_OK);
    assert_false(report.ok);
    assert_int_equal(report.fault_count, 20);
    assert_non_null(strstr(report.faults[15], "operation "));
}

/* A year of calls, most of them forgotten by the book: verify forgets as it goes. */
static void forgotten_operations_are_not_missed(void **state)
{
    (void)state;
    for (unsigned day = 0; day < 40; day++) {
        for (unsigned i = 0; i < 500; i++) {
            struct ledger_cmd n = note(i + 1000 + day * 500);

            n.op = id_new(clock_wall_us());
            n.forgettable = true;
            must(book, n);
            clock_advance_ms(86400);
        }
        clock_advance_ms(43200000);
    }
    assert_true(is_right());
    laws_check(book);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, open_book, close_book)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(an_untouched_book_is_right),
        TEST(an_empty_book_is_right),
        TEST(every_flipped_bit_is_found),
        TEST(every_missing_row_is_found),
        TEST(every_row_under_another_key_is_found),
        TEST(money_from_nowhere_is_found),
        TEST(a_hold_for_more_is_found),
        TEST(a_rewritten_journal_is_found),
        TEST(runs_do_not_go_back),
        TEST(the_end_of_the_journal_cannot_be_cut_off),
        TEST(faults_are_counted_and_the_first_are_named),
        TEST(forgotten_operations_are_not_missed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
