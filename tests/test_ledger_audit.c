/* SPDX-License-Identifier: Apache-2.0 */
/* Export and audit: an export as it was written is right; with any character changed,
 * any line gone, doubled or moved it is not. And an auditor who is given forged
 * entries, chain and all, still finds what cannot be. */
#include "ledger/audit_book.h"
#include "ledger/ledger_int.h"

#include "base/clock.h"
#include "tests/ledger_fixture.h"
#include "tests/ledger_story.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum {
    LINES_MAX = 64
};

static struct ledger *book;
static char *export; /* of the story */
static size_t export_len;
static struct slice lines[LINES_MAX]; /* with their line ends */
static unsigned line_count;

static int write_export(void **state)
{
    FILE *out = open_memstream(&export, &export_len);
    struct slice rest;

    (void)state;
    clock_set(TEST_TIME_US, 1000);
    book = open_memory();
    story(book);
    assert_non_null(out);
    assert_int_equal(ledger_export(book, out), RC_OK);
    assert_int_equal(fclose(out), 0);
    line_count = 0;
    for (rest = slice_from(export, export_len); rest.len > 0; line_count++) {
        size_t len = slice_find(rest, '\n') + 1;

        assert_in_range(line_count, 0, LINES_MAX - 1);
        lines[line_count] = slice_sub(rest, 0, len);
        rest = slice_sub(rest, len, rest.len);
    }
    return 0;
}

static int drop_export(void **state)
{
    (void)state;
    free(export);
    ledger_close(book);
    clock_real();
    return 0;
}

static bool is_right(struct slice text, struct ledger_report *report)
{
    struct ledger_report own;

    union {
        const char *in;
        void *out;
    } bytes = {text.bytes};

    FILE *in = fmemopen(bytes.out, text.len, "r");
    bool ok;

    if (report == NULL)
        report = &own;
    assert_non_null(in);
    assert_int_equal(ledger_audit(in, report), RC_OK);
    assert_int_equal(fclose(in), 0);
    ok = report->ok;
    assert_int_equal(ok, report->fault_count == 0);
    return ok;
}

static void an_export_is_right(void **state)
{
    struct ledger_report audited;
    struct ledger_report verified;

    (void)state;
    assert_true(is_right(slice_from(export, export_len), &audited));
    assert_int_equal(ledger_verify(book, &verified), RC_OK);
    assert_int_equal(audited.entries, STORY_ENTRIES);
    assert_int_equal(audited.accounts, verified.accounts);
    assert_int_equal(audited.holds, verified.holds);
    assert_memory_equal(audited.head, verified.head, SHA256_LEN);
}

static void the_words_are_plain(void **state)
{
    static const char entry_4[] =
        "{\"entry\":4,\"time_us\":1700000000000000,\"op\":\"018bcfe5680000000000000000000400"
        "\",\"verb\":\"capture\",\"hold\":\"018bcfe5680000000000000000000200\",\"legs\":[{"
        "\"debit\":\"ac000000000000000000000000000100\",\"credit\":"
        "\"ac0000000000000000000000fffffe00\",\"number\":1,\"amount\":\"0.000000100\"},{"
        "\"debit\":\"ac000000000000000000000000000200\",\"credit\":"
        "\"ac000000000000000000000000000500\",\"number\":2,\"amount\":\"0.000000100\"}],"
        "\"spilled\":\"0.000000030\",\"released\":\"0.000000000\",\"balance\":"
        "\"0.000000000\",\"raw\":\"";

    (void)state;
    assert_true(slice_starts(lines[4], slice_str(entry_4)));
}

static void every_changed_character_is_found(void **state)
{
    static const char store[] = "\"store\":\"";
    const char *own = strstr(export, store);
    unsigned changes = 0;

    (void)state;
    assert_non_null(own);
    for (size_t at = 0; at < export_len; at++) {
        char before = export[at];

        /* Which book it was is the one thing that no entry says. */
        if (export + at >= own && export + at < own + sizeof(store) + 2 * ID_LEN)
            continue;
        if (at % 2 == 1 && at > 200)
            continue; /* every second one is enough */
        export[at] = before == '7' ? '8' : before == 'a' ? 'b' : (char)(before ^ 1);
        if (is_right(slice_from(export, export_len), NULL))
            fail_msg("at %zu: '%c' for '%c'", at, export[at], before);
        export[at] = before;
        changes++;
    }
    assert_true(changes > 5000);
}

/* The export, its lines in the order of `order`, ended by -1. */
static bool rearranged(const int *order)
{
    char *text = malloc(export_len * 2);
    size_t len = 0;
    bool ok;

    assert_non_null(text);
    for (; *order >= 0; order++) {
        memcpy(text + len, lines[*order].bytes, lines[*order].len);
        len += lines[*order].len;
    }
    ok = is_right(slice_from(text, len), NULL);
    free(text);
    return ok;
}

static void every_line_counts(void **state)
{
    int order[LINES_MAX + 2];

    (void)state;
    for (int skip = 0; skip < (int)line_count; skip++) {
        int count = 0;

        for (int i = 0; i < (int)line_count; i++) {
            if (i != skip)
                order[count++] = i;
        }
        order[count] = -1;
        if (rearranged(order))
            fail_msg("line %d is not missed", skip);
    }
}

static void no_line_comes_twice_or_elsewhere(void **state)
{
    int order[LINES_MAX + 2];
    unsigned swaps = 0;

    (void)state;
    for (int at = 0; at < (int)line_count; at++) {
        int count = 0;

        for (int i = 0; i < (int)line_count; i++) {
            order[count++] = i;
            if (i == at)
                order[count++] = i;
        }
        order[count] = -1;
        if (rearranged(order))
            fail_msg("line %d twice", at);
    }
    for (int at = 0; at + 1 < (int)line_count; at++) {
        bool same_part = lines[at].bytes[2] == lines[at + 1].bytes[2];

        for (int i = 0; i < (int)line_count; i++)
            order[i] = i == at ? at + 1 : i == at + 1 ? at : i;
        order[line_count] = -1;
        /* The order of accounts, holds and records is of no consequence. */
        if (same_part && lines[at].bytes[2] != 'e')
            continue;
        if (rearranged(order))
            fail_msg("lines %d and %d", at, at + 1);
        swaps++;
    }
    assert_true(swaps > STORY_ENTRIES);
}

static void what_is_no_export_is_not_right(void **state)
{
    (void)state;
    assert_false(is_right(SLICE("\n"), NULL));
    assert_false(is_right(SLICE("{}\n"), NULL));
    assert_false(is_right(SLICE("{\"end\":0}\n"), NULL));
    assert_false(is_right(lines[0], NULL));
    assert_false(is_right(lines[5], NULL));
}

static void an_empty_book_is_exported_too(void **state)
{
    struct ledger *l = open_memory();
    char *text = NULL;
    size_t len = 0;
    FILE *out = open_memstream(&text, &len);

    (void)state;
    assert_int_equal(ledger_export(l, out), RC_OK);
    assert_int_equal(fclose(out), 0);
    assert_true(is_right(slice_from(text, len), NULL));
    free(text);
    ledger_close(l);
}

static void a_disk_that_is_full_is_told(void **state)
{
    FILE *full = fopen("/dev/full", "w");

    (void)state;
    if (full == NULL)
        skip();
    assert_int_equal(ledger_export(book, full), RC_IO);
    assert_int_not_equal(fclose(full), 0);
}

/* ---- The auditor's book, given forged entries ---- */

struct raws {
    struct slice raw[STORY_ENTRIES];
    unsigned count;
};

static bool take_raw(void *arg, struct slice key, struct slice row)
{
    struct raws *r = arg;

    (void)key;
    r->raw[r->count++] = slice_sub(row, 0, row.len - SHA256_LEN);
    return true;
}

typedef void forge_fn(struct audit_entry *e);

/* What the auditor says of the story with one entry forged; NULL: nothing. */
static const char *forged(uint64_t seq, forge_fn *forge)
{
    struct audit_book *b;
    struct raws raws = {.count = 0};
    struct snapshot *s;
    const char *fault = NULL;

    assert_int_equal(ledger__audit_book_open(&b), RC_OK);
    assert_int_equal(book->engine->ops->snapshot(&s, book->engine), RC_OK);
    assert_int_equal(
        book->engine->ops->scan(s, TABLE_JOURNAL, SLICE_NONE, false, take_raw, &raws),
        RC_OK);
    for (unsigned i = 0; i < raws.count && fault == NULL; i++) {
        struct audit_entry e;

        assert_true(ledger__audit_decode(&e, raws.raw[i]));
        if (e.seq == seq)
            forge(&e);
        assert_int_equal(ledger__audit_enter(&fault, b, &e), RC_OK);
    }
    book->engine->ops->release(s);
    ledger__audit_book_close(b);
    return fault;
}

static void forge_nothing(struct audit_entry *e)
{
    (void)e;
}

static void forge_seq(struct audit_entry *e)
{
    e->seq++;
}

static void forge_time(struct audit_entry *e)
{
    e->time_us -= 1000000;
}

static void forge_run(struct audit_entry *e)
{
    e->run = 0;
}

static void forge_op(struct audit_entry *e)
{
    e->op = op_id(1);
}

static void forge_more(struct audit_entry *e)
{
    e->legs[0].asked += 1;
}

static void forge_much_more(struct audit_entry *e)
{
    e->legs[0].asked += 1000000;
}

static void forge_most(struct audit_entry *e)
{
    e->legs[0].asked = UINT64_MAX;
}

static void forge_balance(struct audit_entry *e)
{
    e->balance += 1;
}

static void forge_released(struct audit_entry *e)
{
    e->released += 1;
}

static void forge_spilled(struct audit_entry *e)
{
    e->spilled += 1;
}

static void forge_cut(struct audit_entry *e)
{
    e->cut ^= 1;
}

static void forge_opened(struct audit_entry *e)
{
    e->opened ^= 1;
}

static void forge_number(struct audit_entry *e)
{
    e->legs[0].number += 1;
}

static void forge_flags(struct audit_entry *e)
{
    e->legs[0].debit_flags ^= 1;
}

static void forge_debit(struct audit_entry *e)
{
    e->legs[0].debit = account_id(321);
}

static void forge_credit_is_debit(struct audit_entry *e)
{
    e->legs[0].credit = e->legs[0].debit;
    e->legs[0].credit_flags = e->legs[0].debit_flags;
}

static void forge_hold(struct audit_entry *e)
{
    e->hold = op_id(6);
}

static void forge_hold_unknown(struct audit_entry *e)
{
    e->hold = op_id(1);
}

static void forge_expired_early(struct audit_entry *e)
{
    e->verb = AUDIT_EXPIRE;
}

static void forge_no_legs(struct audit_entry *e)
{
    e->leg_count = 0;
}

static void forge_legs(struct audit_entry *e)
{
    e->leg_count = 1;
}

static void forge_no_spill(struct audit_entry *e)
{
    e->spill = ID_NONE;
}

static void forge_version(struct audit_entry *e)
{
    e->writes[0].version += 1;
}

static void forge_insert(struct audit_entry *e)
{
    e->writes[0].op = 0;
}

static void forge_delete(struct audit_entry *e)
{
    e->writes[1].key[5] ^= 1;
}

static void forge_expect(struct audit_entry *e)
{
    e->writes[2].version = 0;
}

static void forge_grant(struct audit_entry *e)
{
    e->legs[1].grant -= 101;
}

static void forged_entries_are_found(void **state)
{
    static const struct {
        uint64_t seq;
        forge_fn *forge;
    } forgeries[] = {
        {3, forge_seq},
        {12, forge_time},
        {3, forge_run},
        {3, forge_op},
        {1, forge_more},
        {2, forge_more},
        {4, forge_more},
        {5, forge_more},
        {5, forge_much_more},
        {2, forge_much_more},
        {1, forge_most},
        {1, forge_balance},
        {2, forge_balance},
        {10, forge_balance},
        {12, forge_balance},
        {10, forge_released},
        {11, forge_released},
        {1, forge_released},
        {4, forge_spilled},
        {1, forge_spilled},
        {4, forge_cut},
        {1, forge_cut},
        {1, forge_opened},
        {2, forge_opened},
        {5, forge_number},
        {5, forge_flags},
        {4, forge_debit},
        {5, forge_debit},
        {1, forge_credit_is_debit},
        {4, forge_hold},
        {10, forge_hold},
        {10, forge_hold_unknown},
        {10, forge_expired_early},
        {1, forge_no_legs},
        {4, forge_no_legs},
        {12, forge_legs},
        {4, forge_no_spill},
        {14, forge_version},
        {14, forge_insert},
        {14, forge_delete},
        {14, forge_expect},
        {2, forge_grant},
    };

    (void)state;
    assert_null(forged(1, forge_nothing));
    for (size_t i = 0; i < sizeof(forgeries) / sizeof(forgeries[0]); i++) {
        if (forged(forgeries[i].seq, forgeries[i].forge) == NULL)
            fail_msg("forgery %zu, of entry %u", i, (unsigned)forgeries[i].seq);
    }
}

static void a_raw_entry_is_whole_or_none(void **state)
{
    struct raws raws = {.count = 0};
    struct audit_entry e;
    struct snapshot *s;

    (void)state;
    assert_int_equal(book->engine->ops->snapshot(&s, book->engine), RC_OK);
    assert_int_equal(
        book->engine->ops->scan(s, TABLE_JOURNAL, SLICE_NONE, false, take_raw, &raws),
        RC_OK);
    for (unsigned i = 0; i < raws.count; i++) {
        assert_true(ledger__audit_decode(&e, raws.raw[i]));
        for (size_t len = 0; len < raws.raw[i].len; len++)
            assert_false(ledger__audit_decode(&e, slice_sub(raws.raw[i], 0, len)));
    }
    book->engine->ops->release(s);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, write_export, drop_export)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(an_export_is_right),
        TEST(the_words_are_plain),
        TEST(every_changed_character_is_found),
        TEST(every_line_counts),
        TEST(no_line_comes_twice_or_elsewhere),
        TEST(what_is_no_export_is_not_right),
        TEST(an_empty_book_is_exported_too),
        TEST(a_disk_that_is_full_is_told),
        TEST(forged_entries_are_found),
        TEST(a_raw_entry_is_whole_or_none),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
