/* SPDX-License-Identifier: Apache-2.0 */
/* Limits: what binds, when a window turns, and what a change does to the current one.
 */
#include "wallet/wallet_int.h"

#include "base/clock.h"
#include "tests/wallet_fixture.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static int open_memory(void **state)
{
    struct fixture *f = malloc(sizeof(*f));

    assert_non_null(f);
    fixture_open(f, LEDGER_MEMORY);
    clock_at("2026-11-21T12:00:00Z");
    *state = f;
    return 0;
}

static int close_book(void **state)
{
    fixture_close(*state);
    free(*state);
    return 0;
}

static struct id funded(struct fixture *f)
{
    struct id w = new_wallet(f, "w");

    fund(f, w, "1000");
    return w;
}

/* What a hold of this amount says. One that goes well is given back. */
static enum rc try_hold(struct fixture *f, struct id w, const char *amount)
{
    struct call c = {.hold = {.held = false}};
    enum rc rc = hold_call(f, &c, w, amount);

    if (rc == RC_OK)
        assert_int_equal(void_call(f, &c, false), RC_OK);
    return rc;
}

/* ---- What binds ---- */

static void names_of_windows_are_read_as_they_are_written(void **state)
{
    (void)state;
    for (unsigned per = 0; per < WALLET_PER__COUNT; per++) {
        enum wallet_per out;
        const char *name = wallet_per_name((enum wallet_per)per);

        assert_int_equal(wallet_per_parse(&out, slice_str(name)), RC_OK);
        assert_int_equal(out, per);
    }
    enum wallet_per out = WALLET_PER_DAY;

    assert_int_equal(wallet_per_parse(&out, SLICE("week")), RC_BAD_INPUT);
    assert_int_equal(wallet_per_parse(&out, SLICE("Day")), RC_BAD_INPUT);
    assert_int_equal(wallet_per_parse(&out, SLICE("")), RC_BAD_INPUT);
    assert_int_equal(out, WALLET_PER_DAY);
}

static void a_call_may_not_be_larger_than_the_least_limit_per_call(void **state)
{
    struct fixture *f = *state;
    struct id root = funded(f);
    struct id w = new_child(f, "child", root);
    struct call c = {.hold = {.held = false}};
    char id[WALLET_ID_TEXT_SIZE];

    limit(f, root, WALLET_PER_CALL, "2");
    limit(f, w, WALLET_PER_CALL, "3");
    assert_int_equal(try_hold(f, w, "2"), RC_OK);
    assert_int_equal(hold_call(f, &c, w, "2.000000001"), RC_LIMIT);
    assert_int_equal(c.hold.refusal.per, WALLET_PER_CALL);
    assert_int_equal(c.hold.refusal.scope, WALLET_SCOPE_PARENT);
    wallet_id_print(id, 'w', root);
    assert_string_equal(c.hold.refusal.id, id);
    assert_usd(c.hold.refusal.limit, "2");
    assert_int_equal(c.hold.refusal.resets_us, 0);
    assert_usd(balance_of(f, w), "1000");
}

static void a_window_counts_calls_and_holds(void **state)
{
    struct fixture *f = *state;
    struct id w = funded(f);
    struct call *first = new_call(f);
    struct call *second = new_call(f);
    struct wallet_limit l;

    limit(f, w, WALLET_PER_DAY, "10");
    pay(f, w, "5", "3");
    assert_int_equal(hold_call(f, first, w, "6"), RC_OK);
    l = limit_of(f, w, w, WALLET_PER_DAY);
    assert_usd(l.limit, "10");
    assert_usd(l.used, "3");
    assert_usd(l.held, "6");
    assert_usd(balance_of(f, w), "1");

    assert_int_equal(hold_call(f, second, w, "1.5"), RC_LIMIT);
    assert_int_equal(second->hold.refusal.per, WALLET_PER_DAY);
    assert_int_equal(second->hold.refusal.scope, WALLET_SCOPE_WALLET);
    assert_usd(second->hold.refusal.limit, "10");
    assert_usd(second->hold.refusal.left, "1");
    assert_int_equal(second->hold.refusal.resets_us, l.resets_us);

    assert_int_equal(capture_call(f, first, "0.5"), RC_OK);
    assert_usd(first->hold.balance, "6.5");
    assert_usd(limit_of(f, w, w, WALLET_PER_DAY).used, "3.5");
}

static void a_limit_of_nothing_refuses_every_priced_call(void **state)
{
    struct fixture *f = *state;
    struct id w = funded(f);

    limit(f, w, WALLET_PER_TOTAL, "0");
    assert_int_equal(try_hold(f, w, "0.000000001"), RC_LIMIT);
    assert_int_equal(try_hold(f, w, "0"), RC_OK);
    assert_usd(balance_of(f, w), "0");
}

static void the_limits_of_parents_and_key_bind_together(void **state)
{
    struct fixture *f = *state;
    struct id root = funded(f);
    struct id middle = new_child(f, "middle", root);
    struct id w = new_child(f, "leaf", middle);
    struct id sister = new_child(f, "sister", middle);
    struct key_text key = new_key(f, w);
    struct money four = usd("4");
    struct call c = {.hold = {.held = false}};
    struct wallet_balance b;

    limit(f, middle, WALLET_PER_DAY, "10");
    limit(f, w, WALLET_PER_DAY, "8");
    assert_int_equal(
        wallet_key_limit_set(f->book, slice_str(key.id), WALLET_PER_DAY, &four), RC_OK);
    pay(f, sister, "5", "5");
    assert_usd(balance_of(f, w), "5");
    assert_int_equal(wallet_authenticate(&c.hold.caller, f->book, slice_str(key.text)),
                     RC_OK);
    assert_int_equal(wallet_caller_balance(&b, f->book, &c.hold.caller), RC_OK);
    assert_usd(b.balance, "4");
    assert_int_equal(b.limit_count, 3);
    assert_int_equal(b.limits[0].scope, WALLET_SCOPE_KEY);
    assert_string_equal(b.limits[0].id, key.id);

    assert_int_equal(hold_call(f, &c, w, "4.5"), RC_LIMIT);
    assert_int_equal(c.hold.refusal.scope, WALLET_SCOPE_KEY);
    assert_string_equal(c.hold.refusal.id, key.id);
    assert_int_equal(hold_call(f, &c, w, "4"), RC_OK);
    assert_int_equal(capture_call(f, &c, "4"), RC_OK);
    /* The key's limit is not the wallet's: there is one left of the parent's. */
    assert_usd(balance_of(f, w), "1");
    assert_usd(balance_of(f, sister), "1");
    assert_int_equal(try_hold(f, sister, "1.1"), RC_LIMIT);
}

static void a_key_shows_its_own_limits_and_no_others(void **state)
{
    struct fixture *f = *state;
    struct id w = funded(f);
    struct key_text key = new_key(f, w);
    struct key_text other = new_key(f, w);
    struct money half = usd("0.5"), four = usd("4");
    struct call c = {.hold = {.held = false}};
    struct wallet_key_limits l;

    limit(f, w, WALLET_PER_DAY, "8");
    assert_int_equal(wallet_key_limits(&l, f->book, slice_str(key.id)), RC_OK);
    assert_int_equal(l.count, 0);
    assert_int_equal(
        wallet_key_limit_set(f->book, slice_str(key.id), WALLET_PER_CALL, &four),
        RC_OK);
    assert_int_equal(
        wallet_key_limit_set(f->book, slice_str(key.id), WALLET_PER_DAY, &four), RC_OK);
    assert_int_equal(
        wallet_key_limit_set(f->book, slice_str(other.id), WALLET_PER_DAY, &half),
        RC_OK);
    assert_int_equal(wallet_authenticate(&c.hold.caller, f->book, slice_str(key.text)),
                     RC_OK);
    assert_int_equal(hold_call(f, &c, w, "3"), RC_OK);
    assert_int_equal(wallet_key_limits(&l, f->book, slice_str(key.id)), RC_OK);
    assert_int_equal(l.count, 2);
    assert_int_equal(l.list[0].per, WALLET_PER_CALL);
    assert_int_equal(l.list[1].per, WALLET_PER_DAY);
    assert_int_equal(l.list[1].scope, WALLET_SCOPE_KEY);
    assert_string_equal(l.list[1].id, key.id);
    assert_usd(l.list[1].limit, "4");
    assert_usd(l.list[1].held, "3");
    assert_int_equal(capture_call(f, &c, "1.5"), RC_OK);
    assert_int_equal(wallet_key_limits(&l, f->book, slice_str(key.id)), RC_OK);
    assert_usd(l.list[1].used, "1.5");
    assert_usd(l.list[1].held, "0");
    assert_int_equal(wallet_key_limits(&l, f->book, SLICE("short")), RC_BAD_INPUT);
}

static void the_first_of_two_spent_limits_is_named(void **state)
{
    struct fixture *f = *state;
    struct id root = funded(f);
    struct id w = new_child(f, "child", root);
    struct call c = {.hold = {.held = false}};

    limit(f, root, WALLET_PER_HOUR, "1");
    limit(f, w, WALLET_PER_MONTH, "1");
    assert_int_equal(hold_call(f, &c, w, "2"), RC_LIMIT);
    assert_int_equal(c.hold.refusal.scope, WALLET_SCOPE_WALLET);
    assert_int_equal(c.hold.refusal.per, WALLET_PER_MONTH);
}

static void a_child_shows_what_its_own_limits_hold(void **state)
{
    struct fixture *f = *state;
    struct id root = funded(f);
    struct id a = new_child(f, "a", root);
    struct id b = new_child(f, "b", root);
    struct call c = {.hold = {.held = false}};
    struct wallet_balance balance;

    limit(f, a, WALLET_PER_DAY, "50");
    assert_int_equal(hold_call(f, &c, b, "7"), RC_OK);
    assert_int_equal(wallet_balance(&balance, f->book, a), RC_OK);
    assert_usd(balance.held, "0");
    assert_int_equal(wallet_balance(&balance, f->book, b), RC_OK);
    assert_usd(balance.held, "7");
    assert_int_equal(wallet_balance(&balance, f->book, root), RC_OK);
    assert_usd(balance.held, "7");
    assert_int_equal(void_call(f, &c, false), RC_OK);
}

/* ---- Windows ---- */

static void check_turn(struct fixture *f, enum wallet_per per, const char *last,
                       const char *first)
{
    struct id w = new_wallet(f, wallet_per_name(per));

    fund(f, w, "100");
    limit(f, w, per, "10");
    clock_at(last);
    pay(f, w, "10", "10");
    assert_int_equal(try_hold(f, w, "1"), RC_LIMIT);
    clock_at(first);
    assert_usd(limit_of(f, w, w, per).used, "0");
    assert_usd(balance_of(f, w), "10");
    pay(f, w, "9", "9");
    assert_usd(balance_of(f, w), "1");
}

static void a_window_turns_at_its_last_microsecond(void **state)
{
    struct fixture *f = *state;

    check_turn(f, WALLET_PER_HOUR, "2026-11-21T12:59:59.999999Z",
               "2026-11-21T13:00:00Z");
    check_turn(f, WALLET_PER_DAY, "2026-11-21T23:59:59.999Z", "2026-11-22T00:00:00Z");
    check_turn(f, WALLET_PER_MONTH, "2026-11-30T23:59:59.999999Z",
               "2026-12-01T00:00:00Z");
}

static void months_end_when_the_calendar_says_so(void **state)
{
    struct fixture *f = *state;
    struct id w = funded(f);
    uint64_t march;

    clock_at("2028-02-28T23:59:59Z");
    limit(f, w, WALLET_PER_MONTH, "10");
    limit(f, w, WALLET_PER_DAY, "6");
    pay(f, w, "6", "6");
    assert_int_equal(try_hold(f, w, "1"), RC_LIMIT);
    /* 29 February: another day of the same month. */
    clock_at("2028-02-29T00:00:00Z");
    assert_usd(balance_of(f, w), "4");
    pay(f, w, "4", "4");
    assert_int_equal(try_hold(f, w, "1"), RC_LIMIT);
    assert_int_equal(clock_parse(&march, SLICE("2028-03-01T00:00:00Z")), RC_OK);
    assert_int_equal(limit_of(f, w, w, WALLET_PER_MONTH).resets_us, march);
    assert_int_equal(limit_of(f, w, w, WALLET_PER_DAY).resets_us, march);
    clock_at("2028-03-01T00:00:00Z");
    assert_usd(balance_of(f, w), "6");
}

static void a_call_counts_in_the_window_of_its_hold(void **state)
{
    struct fixture *f = *state;
    struct id w = funded(f);
    struct call c = {.hold = {.held = false}};

    limit(f, w, WALLET_PER_DAY, "10");
    clock_at("2026-11-21T23:59:59Z");
    assert_int_equal(hold_call(f, &c, w, "10"), RC_OK);
    clock_at("2026-11-22T00:00:05Z");
    /* The new window is whole while the old one's call still runs .. */
    assert_int_equal(try_hold(f, w, "10"), RC_OK);
    assert_int_equal(capture_call(f, &c, "10"), RC_OK);
    /* .. and after it. */
    assert_usd(limit_of(f, w, w, WALLET_PER_DAY).used, "0");
    assert_usd(balance_of(f, w), "10");
}

static void a_clock_that_goes_back_opens_no_second_window(void **state)
{
    struct fixture *f = *state;
    struct id w = funded(f);

    limit(f, w, WALLET_PER_HOUR, "10");
    clock_at("2026-11-21T13:00:01Z");
    pay(f, w, "10", "10");
    clock_at("2026-11-21T12:00:01Z");
    assert_int_equal(try_hold(f, w, "1"), RC_LIMIT);
    assert_usd(balance_of(f, w), "0");
    clock_at("2026-11-21T14:00:00Z");
    assert_int_equal(try_hold(f, w, "1"), RC_OK);
}

static void a_total_never_resets(void **state)
{
    struct fixture *f = *state;
    struct id w = funded(f);

    limit(f, w, WALLET_PER_TOTAL, "10");
    pay(f, w, "10", "10");
    clock_at("2036-11-21T12:00:00Z");
    assert_int_equal(try_hold(f, w, "1"), RC_LIMIT);
    assert_int_equal(limit_of(f, w, w, WALLET_PER_TOTAL).resets_us, 0);
}

/* ---- Changes ---- */

static void a_raised_limit_leaves_what_was_used(void **state)
{
    struct fixture *f = *state;
    struct id w = funded(f);

    limit(f, w, WALLET_PER_DAY, "10");
    pay(f, w, "10", "4");
    limit(f, w, WALLET_PER_DAY, "15");
    assert_usd(limit_of(f, w, w, WALLET_PER_DAY).used, "4");
    assert_usd(balance_of(f, w), "11");
}

static void a_lowered_limit_leaves_what_was_used(void **state)
{
    struct fixture *f = *state;
    struct id w = funded(f);

    limit(f, w, WALLET_PER_DAY, "10");
    pay(f, w, "10", "4");
    limit(f, w, WALLET_PER_DAY, "5");
    assert_usd(limit_of(f, w, w, WALLET_PER_DAY).limit, "5");
    assert_usd(limit_of(f, w, w, WALLET_PER_DAY).used, "4");
    assert_usd(balance_of(f, w), "1");
    limit(f, w, WALLET_PER_DAY, "10");
    assert_usd(limit_of(f, w, w, WALLET_PER_DAY).used, "4");
    assert_usd(balance_of(f, w), "6");
}

static void a_limit_lowered_below_its_use_leaves_nothing(void **state)
{
    struct fixture *f = *state;
    struct id w = funded(f);
    struct call c = {.hold = {.held = false}};

    limit(f, w, WALLET_PER_DAY, "10");
    pay(f, w, "4", "4");
    assert_int_equal(hold_call(f, &c, w, "3"), RC_OK);
    limit(f, w, WALLET_PER_DAY, "2");
    assert_usd(balance_of(f, w), "0");
    assert_usd(limit_of(f, w, w, WALLET_PER_DAY).used, "4");
    assert_int_equal(try_hold(f, w, "0.000000001"), RC_LIMIT);
    /* What was on hold may be taken: it was granted before. */
    assert_int_equal(capture_call(f, &c, "3"), RC_OK);
    assert_usd(limit_of(f, w, w, WALLET_PER_DAY).used, "7");
    /* Up again: 9 - 7. */
    limit(f, w, WALLET_PER_DAY, "9");
    assert_usd(balance_of(f, w), "2");
    clock_at("2026-11-22T00:00:00Z");
    assert_usd(balance_of(f, w), "9");
}

static void a_limit_changed_before_its_first_call_has_the_new_amount(void **state)
{
    struct fixture *f = *state;
    struct id up = new_wallet(f, "up");
    struct id down = new_wallet(f, "down");

    fund(f, up, "100");
    fund(f, down, "100");
    limit(f, up, WALLET_PER_DAY, "10");
    limit(f, up, WALLET_PER_DAY, "12");
    limit(f, down, WALLET_PER_DAY, "10");
    limit(f, down, WALLET_PER_DAY, "3");
    assert_usd(balance_of(f, up), "12");
    assert_usd(balance_of(f, down), "3");
    pay(f, up, "12", "12");
    pay(f, down, "3", "3");
    assert_int_equal(try_hold(f, up, "1"), RC_LIMIT);
    assert_int_equal(try_hold(f, down, "1"), RC_LIMIT);
}

static void setting_the_same_limit_again_changes_nothing(void **state)
{
    struct fixture *f = *state;
    struct id w = funded(f);

    limit(f, w, WALLET_PER_DAY, "10");
    pay(f, w, "4", "4");
    limit(f, w, WALLET_PER_DAY, "10");
    assert_usd(balance_of(f, w), "6");
    assert_usd(limit_of(f, w, w, WALLET_PER_DAY).used, "4");
}

static void a_cleared_limit_binds_no_more_and_begins_anew(void **state)
{
    struct fixture *f = *state;
    struct id w = funded(f);

    limit(f, w, WALLET_PER_DAY, NULL);
    limit(f, w, WALLET_PER_DAY, "10");
    pay(f, w, "10", "10");
    limit(f, w, WALLET_PER_DAY, NULL);
    assert_usd(balance_of(f, w), "990");
    pay(f, w, "20", "20");
    limit(f, w, WALLET_PER_DAY, "10");
    assert_usd(limit_of(f, w, w, WALLET_PER_DAY).used, "0");
    assert_usd(balance_of(f, w), "10");
}

static void a_call_on_a_cleared_limit_ends_where_it_began(void **state)
{
    struct fixture *f = *state;
    struct id w = funded(f);
    struct call c = {.hold = {.held = false}};

    limit(f, w, WALLET_PER_DAY, "10");
    assert_int_equal(hold_call(f, &c, w, "5"), RC_OK);
    limit(f, w, WALLET_PER_DAY, NULL);
    limit(f, w, WALLET_PER_DAY, "7");
    assert_int_equal(capture_call(f, &c, "5"), RC_OK);
    assert_usd(limit_of(f, w, w, WALLET_PER_DAY).used, "0");
    assert_usd(balance_of(f, w), "7");
}

static void a_changed_limit_makes_older_callers_stale(void **state)
{
    struct fixture *f = *state;
    struct id w = funded(f);
    struct call c = {.hold = {.held = false}};

    assert_int_equal(wallet_caller(&c.hold.caller, f->book, w), RC_OK);
    limit(f, w, WALLET_PER_DAY, "10");
    assert_int_equal(hold_call(f, &c, w, "20"), RC_STALE);
    assert_int_equal(wallet_caller(&c.hold.caller, f->book, w), RC_OK);
    assert_int_equal(hold_call(f, &c, w, "20"), RC_LIMIT);
}

/* A hold whose window is computed just after midnight must not open it with the amount
 * that a change, prepared just before, has replaced. */
static void a_change_just_before_midnight_counts_after_it(void **state)
{
    struct fixture *f = *state;
    struct id w = funded(f);
    struct call c = {.hold = {.held = false}};
    struct wallet_caller before;

    limit(f, w, WALLET_PER_DAY, "10");
    clock_at("2026-11-21T23:59:59.9Z");
    assert_int_equal(wallet_caller(&before, f->book, w), RC_OK);
    clock_at("2026-11-22T00:00:00.1Z");
    c.hold.caller = before;
    assert_int_equal(hold_call(f, &c, w, "1"), RC_OK); /* opens the new window: 10 */
    assert_int_equal(void_call(f, &c, false), RC_OK);
    limit(f, w, WALLET_PER_DAY, "3");
    assert_usd(balance_of(f, w), "3");

    clock_at("2026-11-22T23:59:59.9Z");
    limit(f, w, WALLET_PER_DAY, "5"); /* adjusts the next window as well */
    clock_at("2026-11-23T00:00:00Z");
    assert_usd(balance_of(f, w), "5");
    pay(f, w, "5", "5");
    assert_int_equal(try_hold(f, w, "0.1"), RC_LIMIT);
}

/* "As good as none" must not add up to a sum that does not fit. */
static void the_largest_limits_of_many_wallets_bind_nobody_else(void **state)
{
    struct fixture *f = *state;
    struct id root = funded(f);

    for (unsigned i = 0; i < 5; i++) {
        char name[2] = {(char)('a' + i), '\0'};
        struct id w = new_child(f, name, root);

        limit(f, w, WALLET_PER_HOUR, "18446744073.709551615");
        limit(f, w, WALLET_PER_TOTAL, "18446744073.709551615");
        pay(f, w, "1", "1");
        limit(f, w, WALLET_PER_TOTAL, "5");
        pay(f, w, "1", "1");
        assert_usd(limit_of(f, w, w, WALLET_PER_TOTAL).used, "2");
    }
    clock_at("2026-11-21T13:00:00Z");
    assert_usd(balance_of(f, root), "990");
}

static void limits_of_what_is_not_there_are_refused(void **state)
{
    struct fixture *f = *state;
    struct money one = usd("1");
    struct id nobody = id_new(clock_wall_us());

    assert_int_equal(wallet_limit_set(f->book, nobody, WALLET_PER_DAY, &one),
                     RC_NOT_FOUND);
    assert_int_equal(wallet_limit_set(f->book, nobody, WALLET_PER_DAY, NULL),
                     RC_NOT_FOUND);
    assert_int_equal(
        wallet_key_limit_set(f->book, SLICE("abcdefghij"), WALLET_PER_DAY, &one),
        RC_NOT_FOUND);
    assert_int_equal(
        wallet_key_limit_set(f->book, SLICE("short"), WALLET_PER_DAY, &one),
        RC_NOT_FOUND);
}

/* ---- At most fifteen ---- */

static void set_all_windows(struct fixture *f, struct id w)
{
    for (unsigned per = 0; per < WALLET_PER__COUNT; per++)
        limit(f, w, (enum wallet_per)per, "100");
}

static void no_path_has_more_limits_than_a_command_has_legs(void **state)
{
    struct fixture *f = *state;
    struct money one = usd("1");
    struct wallet_key_options options = {.limits = {[WALLET_PER_DAY] = &one}};
    char text[WALLET_KEY_TEXT_LEN + 1];
    struct id root = funded(f);
    struct id a = new_child(f, "a", root);
    struct id b = new_child(f, "b", a);
    struct id c = new_child(f, "c", b);
    struct id d = new_child(f, "d", c);
    struct key_text key = new_key(f, d);
    struct wallet_key k;
    struct call *call = new_call(f);
    struct wallet_balance balance;

    set_all_windows(f, root);
    set_all_windows(f, b);
    set_all_windows(f, d);
    limit(f, c, WALLET_PER_DAY, "100");
    limit(f, c, WALLET_PER_HOUR, "100");
    limit(f, c, WALLET_PER_CALL, "100");
    /* 14 bind d. One for its key makes 15, and then nothing above may have another. */
    assert_int_equal(
        wallet_key_limit_set(f->book, slice_str(key.id), WALLET_PER_DAY, &one), RC_OK);
    assert_int_equal(
        wallet_key_limit_set(f->book, slice_str(key.id), WALLET_PER_HOUR, &one),
        RC_TOO_BIG);
    assert_int_equal(wallet_limit_set(f->book, a, WALLET_PER_DAY, &one), RC_TOO_BIG);
    assert_int_equal(wallet_limit_set(f->book, a, WALLET_PER_CALL, &one), RC_OK);
    assert_int_equal(wallet_key_create(&k, text, f->book, d, &options), RC_OK);
    options.limits[WALLET_PER_HOUR] = &one;
    assert_int_equal(wallet_key_create(&k, text, f->book, d, &options), RC_TOO_BIG);

    assert_int_equal(
        wallet_authenticate(&call->hold.caller, f->book, slice_str(key.text)), RC_OK);
    assert_int_equal(call->hold.caller.bound_count, WALLET_PATH_LIMITS_MAX);
    assert_int_equal(wallet_caller_balance(&balance, f->book, &call->hold.caller),
                     RC_OK);
    assert_int_equal(balance.limit_count, 15 + 5);
    assert_int_equal(hold_call(f, call, d, "1"), RC_OK);
    assert_int_equal(capture_call(f, call, "1"), RC_OK);

    /* A revoked key counts no more; a free path has room. */
    assert_int_equal(wallet_key_revoke(f->book, slice_str(key.id)), RC_OK);
    assert_int_equal(wallet_key_revoke(f->book, slice_str(k.id)), RC_OK);
    assert_int_equal(wallet_limit_set(f->book, a, WALLET_PER_DAY, &one), RC_OK);
    assert_int_equal(wallet_limit_set(f->book, a, WALLET_PER_HOUR, &one), RC_TOO_BIG);
}

static void other_wallets_limits_do_not_count(void **state)
{
    struct fixture *f = *state;
    struct id root = funded(f);
    struct id a = new_child(f, "a", root);
    struct id aa = new_child(f, "aa", a);
    struct id b = new_child(f, "b", root);
    struct id bb = new_child(f, "bb", b);

    set_all_windows(f, root);
    set_all_windows(f, a);
    set_all_windows(f, aa);
    set_all_windows(f, b);
    set_all_windows(f, bb);
    assert_int_equal(try_hold(f, aa, "1"), RC_OK);
}

/* ---- Changed while calls run ---- */

struct traffic {
    struct fixture *f;
    struct id wallet;
    atomic_bool stop;
    unsigned odd;
    unsigned paid;
};

static void *keep_paying(void *arg)
{
    struct traffic *t = arg;

    while (!atomic_load(&t->stop)) {
        struct call c = {.hold = {.held = false}};
        enum rc rc = hold_call(t->f, &c, t->wallet, "0.02");

        if (rc == RC_OK) {
            rc = capture_call(t->f, &c, "0.01");
            t->paid += rc == RC_OK;
        }
        if (rc != RC_OK && rc != RC_STALE && rc != RC_LIMIT)
            t->odd++;
    }
    return NULL;
}

static void changes_amid_calls_keep_used_exact(void **state)
{
    static const char *const amounts[] = {"5", "3", "9", "0", "2.5", "7"};
    struct fixture *f = *state;
    struct traffic t = {.f = f, .wallet = funded(f)};
    struct money paid;
    pthread_t thread;
    enum rc rc = RC_OK;

    limit(f, t.wallet, WALLET_PER_TOTAL, "5");
    assert_int_equal(pthread_create(&thread, NULL, keep_paying, &t), 0);
    for (unsigned i = 0; rc == RC_OK && i < 300; i++) {
        struct money amount = usd(amounts[i % 6]);

        rc = wallet_limit_set(f->book, t.wallet, WALLET_PER_TOTAL, &amount);
    }
    atomic_store(&t.stop, true);
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_int_equal(rc, RC_OK);
    assert_int_equal(t.odd, 0);
    assert_true(money_mul(&paid, usd("0.01"), t.paid));
    assert_int_equal(
        money_to_nano(limit_of(f, t.wallet, t.wallet, WALLET_PER_TOTAL).used),
        money_to_nano(paid));
}

#define TEST(claim) cmocka_unit_test_setup_teardown(claim, open_memory, close_book)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_of_windows_are_read_as_they_are_written),
        TEST(a_call_may_not_be_larger_than_the_least_limit_per_call),
        TEST(a_window_counts_calls_and_holds),
        TEST(a_limit_of_nothing_refuses_every_priced_call),
        TEST(the_limits_of_parents_and_key_bind_together),
        TEST(a_key_shows_its_own_limits_and_no_others),
        TEST(the_first_of_two_spent_limits_is_named),
        TEST(a_child_shows_what_its_own_limits_hold),
        TEST(a_window_turns_at_its_last_microsecond),
        TEST(months_end_when_the_calendar_says_so),
        TEST(a_call_counts_in_the_window_of_its_hold),
        TEST(a_clock_that_goes_back_opens_no_second_window),
        TEST(a_total_never_resets),
        TEST(a_raised_limit_leaves_what_was_used),
        TEST(a_lowered_limit_leaves_what_was_used),
        TEST(a_limit_lowered_below_its_use_leaves_nothing),
        TEST(a_limit_changed_before_its_first_call_has_the_new_amount),
        TEST(setting_the_same_limit_again_changes_nothing),
        TEST(a_cleared_limit_binds_no_more_and_begins_anew),
        TEST(a_call_on_a_cleared_limit_ends_where_it_began),
        TEST(a_changed_limit_makes_older_callers_stale),
        TEST(a_change_just_before_midnight_counts_after_it),
        TEST(the_largest_limits_of_many_wallets_bind_nobody_else),
        TEST(limits_of_what_is_not_there_are_refused),
        TEST(no_path_has_more_limits_than_a_command_has_legs),
        TEST(other_wallets_limits_do_not_count),
        TEST(changes_amid_calls_keep_used_exact),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
