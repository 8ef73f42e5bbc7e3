/* SPDX-License-Identifier: Apache-2.0 */
/* Views: the same on both engines. */
#include "ledger/ledger_int.h"

#include "base/clock.h"
#include "tests/ledger_fixture.h"
#include "tests/ledger_story.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

struct setting {
    struct ledger *ledger;
    struct ledger_view *view;
    char dir[DIR_SIZE];
};

static struct setting setting;

static int tell(void **state, struct ledger *l)
{
    setting.ledger = l;
    story(l);
    assert_int_equal(ledger_view_open(&setting.view, l), RC_OK);
    *state = &setting;
    return 0;
}

static int open_model(void **state)
{
    clock_set(TEST_TIME_US, 1000);
    setting.dir[0] = '\0';
    return tell(state, open_memory());
}

static int open_lmdb(void **state)
{
    clock_set(TEST_TIME_US, 1000);
    dir_make(setting.dir);
    return tell(state, open_store(setting.dir));
}

static int close_both(void **state)
{
    (void)state;
    ledger_view_close(setting.view);
    ledger_close(setting.ledger);
    if (setting.dir[0] != '\0')
        dir_remove(setting.dir);
    clock_real();
    return 0;
}

static struct ledger_entry entry(struct setting *s, uint64_t seq)
{
    struct ledger_entry e;

    assert_int_equal(ledger_view_entry(&e, s->view, seq), RC_OK);
    assert_int_equal(e.seq, seq);
    return e;
}

static void accounts_are_found(void **state)
{
    struct setting *s = *state;
    struct ledger_account a;

    assert_int_equal(ledger_view_account(&a, s->view, account_id(1)), RC_OK);
    assert_int_equal(amount_of(a.credits), 109);
    assert_int_equal(amount_of(a.debits), 100);
    assert_int_equal(amount_of(a.held), 3);
    assert_int_equal(a.number, USD);
    assert_int_equal(a.flags, LEDGER_NO_OVERDRAFT);
    assert_int_equal(ledger_view_account(&a, s->view, account_id(99)), RC_NOT_FOUND);
}

static void records_are_found(void **state)
{
    struct setting *s = *state;
    struct slice value;
    uint64_t version;
    static const char long_key[LEDGER_KEY_MAX + 1];

    assert_int_equal(ledger_view_record(&value, &version, s->view, 7, SLICE("alpha")),
                     RC_OK);
    assert_true(slice_equal_str(value, "two"));
    assert_int_equal(version, 2);
    assert_int_equal(ledger_view_record(&value, &version, s->view, 8, SLICE("alpha")),
                     RC_OK);
    assert_true(slice_equal_str(value, "other kind"));
    assert_int_equal(ledger_view_record(&value, &version, s->view, 7, SLICE("beta")),
                     RC_NOT_FOUND);
    assert_int_equal(ledger_view_record(&value, &version, s->view, 7,
                                        slice_from(long_key, sizeof(long_key))),
                     RC_NOT_FOUND);
}

struct names {
    char text[128];
    unsigned stop_after;
    unsigned count;
};

static bool add_name(void *arg, struct slice key, struct slice value, uint64_t version)
{
    struct names *n = arg;
    size_t used = strlen(n->text);

    (void)value;
    (void)snprintf(n->text + used, sizeof(n->text) - used, "%.*s%u ", SLICE_FMT(key),
                   (unsigned)version);
    return ++n->count != n->stop_after;
}

static void list(struct setting *s, const char *prefix, const char *from, unsigned stop,
                 const char *expected)
{
    struct names n = {.stop_after = stop};

    assert_int_equal(ledger_view_records(s->view, 7, slice_str(prefix), slice_str(from),
                                         add_name, &n),
                     RC_OK);
    assert_string_equal(n.text, expected);
}

static void records_are_listed_in_order(void **state)
{
    struct setting *s = *state;

    list(s, "", "", 0, "alpha2 alps1 gamma1 ");
    list(s, "al", "", 0, "alpha2 alps1 ");
    list(s, "al", "alpi", 0, "alps1 ");
    list(s, "al", "a", 0, "alpha2 alps1 "); /* from below the prefix */
    list(s, "al", "b", 0, "");
    list(s, "", "alps", 0, "alps1 gamma1 ");
    list(s, "", "", 2, "alpha2 alps1 ");
    list(s, "nothing", "", 0, "");
}

static void entries_tell_what_moved(void **state)
{
    struct setting *s = *state;
    struct ledger_entry e = entry(s, 4);

    assert_int_equal(e.verb, LEDGER_CAPTURE);
    assert_int_equal(id_cmp(e.hold, op_id(2)), 0);
    assert_int_equal(e.leg_count, 2);
    assert_int_equal(amount_of(e.legs[0].amount), 100); /* asked 130: 30 spilled */
    assert_int_equal(amount_of(e.legs[1].amount), 100);
    assert_int_equal(amount_of(e.spilled), 30);
    assert_int_equal(amount_of(e.released), 0);
    assert_int_equal(amount_of(e.balance), 0);
    assert_true(slice_equal_str(e.memo, "a call"));

    e = entry(s, 1);
    assert_int_equal(e.verb, LEDGER_TRANSFER);
    assert_int_equal(amount_of(e.balance), 100); /* of the wallet that was funded */
    assert_int_equal(e.time_us, TEST_TIME_US);
    assert_true(slice_equal_str(e.memo, "top-up"));
    e = entry(s, 10);
    assert_int_equal(e.verb, LEDGER_VOID);
    assert_int_equal(amount_of(e.released), 2);
    e = entry(s, 11);
    assert_int_equal(e.verb, LEDGER_EXPIRE);
    assert_int_equal(amount_of(e.released), 3);
    assert_int_equal(ledger_view_entry(&e, s->view, 0), RC_NOT_FOUND);
    assert_int_equal(ledger_view_entry(&e, s->view, STORY_ENTRIES + 1), RC_NOT_FOUND);
}

static void operations_are_found(void **state)
{
    struct setting *s = *state;
    uint64_t seq;

    assert_int_equal(ledger_view_head(s->view), STORY_ENTRIES);
    assert_int_equal(ledger_view_find(&seq, s->view, op_id(16)), RC_OK);
    assert_int_equal(seq, STORY_ENTRIES);
    assert_int_equal(ledger_view_find(&seq, s->view, op_id(999)), RC_NOT_FOUND);
}

struct seqs {
    uint64_t seq[16];
    unsigned count;
    unsigned stop_after;
};

static bool add_seq(void *arg, const struct ledger_entry *e)
{
    struct seqs *s = arg;

    s->seq[s->count++] = e->seq;
    return s->count != s->stop_after;
}

static void tagged(struct setting *s, uint64_t from, bool backwards, unsigned stop,
                   const char *expected)
{
    struct seqs found = {.stop_after = stop};
    char text[64] = "";

    assert_int_equal(
        ledger_view_tagged(s->view, story_tag(), from, backwards, add_seq, &found),
        RC_OK);
    for (unsigned i = 0; i < found.count; i++) {
        size_t used = strlen(text);

        (void)snprintf(text + used, sizeof(text) - used, "%u ", (unsigned)found.seq[i]);
    }
    assert_string_equal(text, expected);
}

static void tags_lead_to_their_entries(void **state)
{
    struct setting *s = *state;
    struct seqs none = {.count = 0};

    tagged(s, 0, false, 0, "1 2 4 5 ");
    tagged(s, 2, false, 0, "2 4 5 ");
    tagged(s, 3, false, 0, "4 5 ");
    tagged(s, 6, false, 0, "");
    tagged(s, 0, true, 0, "5 4 2 1 ");
    tagged(s, 4, true, 0, "4 2 1 ");
    tagged(s, 3, true, 0, "2 1 ");
    tagged(s, 0, false, 2, "1 2 ");
    assert_int_equal(
        ledger_view_tagged(s->view, account_id(499), 0, true, add_seq, &none), RC_OK);
    assert_int_equal(none.count, 0);
}

static void a_hold_without_the_flag_may_show_nothing_to_spend(void **state)
{
    struct ledger_account a = {.credits = nano(1), .debits = nano(5)};

    (void)state;
    assert_int_equal(amount_of(ledger_available(&a)), 0);
    a = (struct ledger_account){.credits = nano(5), .debits = nano(1), .held = nano(5)};
    assert_int_equal(amount_of(ledger_available(&a)), 0);
    a.held = nano(3);
    assert_int_equal(amount_of(ledger_available(&a)), 1);
}

#define BOTH(f)                                       \
    {#f " (model)", f, open_model, close_both, NULL}, \
    {                                                 \
#        f " (lmdb)", f, open_lmdb, close_both, NULL  \
    }

int main(void)
{
    const struct CMUnitTest tests[] = {
        BOTH(accounts_are_found),
        BOTH(records_are_found),
        BOTH(records_are_listed_in_order),
        BOTH(entries_tell_what_moved),
        BOTH(operations_are_found),
        BOTH(tags_lead_to_their_entries),
        cmocka_unit_test(a_hold_without_the_flag_may_show_nothing_to_spend),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
