/* SPDX-License-Identifier: Apache-2.0 */
/* Payouts: never more than is due, each once, and by nobody twice. */
#include "tests/skills_fixture.h"

#include "base/clock.h"
#include "skills/meter_int.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define NETWORK "eip155:84532"
#define ADDRESS "0x1111111111111111111111111111111111111111"

static int open_market(void **state)
{
    struct market *m = malloc(sizeof(*m));

    assert_non_null(m);
    market_open(m);
    clock_at("2026-11-21T12:00:00Z");
    *state = m;
    return 0;
}

static int close_market(void **state)
{
    market_close(*state);
    free(*state);
    return 0;
}

/* A publisher of whom so much is due. */
static struct skill_publisher publisher(struct market *m, const char *handle,
                                        const char *network, const char *due)
{
    struct skill_publisher p = {.house_ppm = 0};
    struct id w = new_wallet(&m->f, handle);
    struct call *c = new_call(&m->f);
    struct money moved;

    (void)snprintf(p.handle, sizeof(p.handle), "%s", handle);
    (void)snprintf(p.network, sizeof(p.network), "%s", network);
    (void)snprintf(p.address, sizeof(p.address), "%s", ADDRESS);
    assert_int_equal(skill_publisher_create(&p, m->skills), RC_OK);
    fund(&m->f, w, due);
    c->hold.has_share = true;
    skill_share(&c->share, &p, 0, SLICE("acme/weather@1.0.0"),
                ledger_now_us(m->f.ledger));
    assert_int_equal(hold_call(&m->f, c, w, due), RC_OK);
    assert_int_equal(capture_shared(&m->f, c, due), RC_OK);
    clock_advance_ms(UINT64_C(24) * 3600 * 1000);
    assert_int_equal(skill_mature(&moved, m->skills, &p, 0, ledger_now_us(m->f.ledger)),
                     RC_OK);
    assert_usd(moved, due);
    return p;
}

static enum rc open_some(struct skill_payout *out, struct market *m,
                         const struct skill_publisher *p, struct id id,
                         const char *amount)
{
    struct money some = amount != NULL ? usd(amount) : MONEY_ZERO;

    return skill_payout_open(out, m->skills, p, id, amount != NULL ? &some : NULL, 0,
                             ledger_now_us(m->f.ledger));
}

static struct skill_earnings earnings(struct market *m, const struct skill_publisher *p)
{
    struct skill_earnings e;

    assert_int_equal(
        skill_earnings_read(&e, m->skills, p, 0, ledger_now_us(m->f.ledger)), RC_OK);
    return e;
}

/* ---- By hand ---- */

static void a_payout_by_hand_is_held_then_paid_with_a_reference(void **state)
{
    struct market *m = *state;
    struct skill_publisher p = publisher(m, "acme", "", "5");
    struct skill_payout a, b;

    assert_int_equal(open_some(&a, m, &p, ID_NONE, "2"), RC_OK);
    assert_int_equal(a.state, SKILL_PAYOUT_OPEN);
    assert_usd(earnings(m, &p).underway, "2");
    assert_usd(earnings(m, &p).due, "3");
    assert_int_equal(skill_payout_sent(&a, m->skills), RC_CONFLICT);
    assert_int_equal(skill_payout_paid(&a, m->skills, SLICE_NONE), RC_BAD_INPUT);
    assert_int_equal(skill_payout_paid(&a, m->skills, SLICE("a\nb")), RC_BAD_INPUT);
    assert_int_equal(skill_payout_paid(&a, m->skills, SLICE("wire 17")), RC_OK);
    assert_usd(earnings(m, &p).paid, "2");
    assert_usd(earnings(m, &p).underway, "0");
    assert_usd(earnings(m, &p).earned, "5");
    assert_int_equal(skill_payout_read(&b, m->skills, a.id), RC_OK);
    assert_int_equal(b.state, SKILL_PAYOUT_PAID);
    assert_string_equal(b.reference, "wire 17");
    assert_true(b.ended_us > 0);

    /* Again, as it was read before and after: the same, or a conflict. */
    assert_int_equal(skill_payout_paid(&a, m->skills, SLICE("wire 17")), RC_OK);
    assert_int_equal(skill_payout_paid(&a, m->skills, SLICE("wire 18")), RC_CONFLICT);
    assert_int_equal(skill_payout_failed(&a, m->skills), RC_CONFLICT);
    assert_usd(earnings(m, &p).paid, "2");
}

static void a_failed_payout_is_due_again(void **state)
{
    struct market *m = *state;
    struct skill_publisher p = publisher(m, "acme", "", "5");
    struct skill_payout a;

    assert_int_equal(open_some(&a, m, &p, ID_NONE, NULL), RC_OK);
    assert_usd(a.amount, "5");
    assert_int_equal(skill_payout_failed(&a, m->skills), RC_OK);
    assert_usd(earnings(m, &p).due, "5");
    assert_int_equal(skill_payout_failed(&a, m->skills), RC_OK);
    assert_int_equal(skill_payout_paid(&a, m->skills, SLICE("wire")), RC_CONFLICT);
    assert_int_equal(open_some(&a, m, &p, ID_NONE, NULL), RC_OK);
    assert_usd(a.amount, "5");
}

static void no_more_is_paid_than_is_due(void **state)
{
    struct market *m = *state;
    struct skill_publisher p = publisher(m, "acme", "", "5");
    struct skill_payout a;

    assert_int_equal(open_some(&a, m, &p, ID_NONE, "5.000000001"), RC_NO_FUNDS);
    assert_int_equal(open_some(&a, m, &p, ID_NONE, "0"), RC_BAD_INPUT);
    assert_int_equal(open_some(&a, m, &p, ID_NONE, "4"), RC_OK);
    assert_int_equal(open_some(&a, m, &p, ID_NONE, "1.000000001"), RC_NO_FUNDS);
    assert_int_equal(open_some(&a, m, &p, ID_NONE, NULL), RC_OK);
    assert_usd(a.amount, "1");
    assert_int_equal(open_some(&a, m, &p, ID_NONE, NULL), RC_NO_FUNDS);
}

static void a_chosen_id_is_one_payout(void **state)
{
    struct market *m = *state;
    struct skill_publisher p = publisher(m, "acme", "", "5");
    struct skill_publisher q = publisher(m, "zebra", "", "5");
    const struct id id = {"order of monday"};
    struct skill_payout a, b;

    assert_int_equal(open_some(&a, m, &p, id, "2"), RC_OK);
    assert_int_equal(open_some(&b, m, &p, id, "2"), RC_OK);
    assert_int_equal(a.version, b.version);
    assert_int_equal(open_some(&b, m, &p, id, NULL), RC_OK);
    assert_int_equal(open_some(&b, m, &p, id, "3"), RC_CONFLICT);
    assert_int_equal(open_some(&b, m, &q, id, "2"), RC_CONFLICT);
    assert_usd(earnings(m, &p).underway, "2");
    assert_int_equal(skill_payout_paid(&a, m->skills, SLICE("wire")), RC_OK);
    assert_int_equal(open_some(&b, m, &p, id, "2"), RC_OK);
    assert_int_equal(b.state, SKILL_PAYOUT_PAID);
    assert_usd(earnings(m, &p).due, "3");
}

/* ---- To a network ---- */

static void a_network_gets_whole_millionths(void **state)
{
    struct market *m = *state;
    struct skill_publisher p = publisher(m, "acme", NETWORK, "0.123456789");
    struct skill_payout a;

    assert_int_equal(open_some(&a, m, &p, ID_NONE, "0.0000015"), RC_BAD_INPUT);
    assert_int_equal(open_some(&a, m, &p, ID_NONE, NULL), RC_OK);
    assert_usd(a.amount, "0.123456");
    assert_string_equal(a.network, NETWORK);
    assert_string_equal(a.address, ADDRESS);
    assert_usd(earnings(m, &p).due, "0.000000789");
    assert_int_equal(open_some(&a, m, &p, ID_NONE, NULL), RC_NO_FUNDS);
}

static void a_second_driver_is_caught_by_the_version(void **state)
{
    struct market *m = *state;
    struct skill_publisher p = publisher(m, "acme", NETWORK, "1");
    struct skill_payout a, b;

    assert_int_equal(open_some(&a, m, &p, ID_NONE, NULL), RC_OK);
    b = a;
    a.details_len = 4;
    memcpy(a.details, "sign", 4);
    assert_int_equal(skill_payout_sent(&a, m->skills), RC_OK);
    assert_int_equal(skill_payout_sent(&b, m->skills), RC_STALE);
    assert_int_equal(skill_payout_failed(&b, m->skills), RC_STALE);
    assert_int_equal(skill_payout_paid(&b, m->skills, SLICE("0xabc")), RC_STALE);
    assert_int_equal(skill_payout_read(&b, m->skills, a.id), RC_OK);
    assert_int_equal(b.state, SKILL_PAYOUT_SENT);
    assert_int_equal(b.details_len, 4);
    assert_memory_equal(b.details, "sign", 4);
    memcpy(b.details, "more", 4);
    assert_int_equal(skill_payout_sent(&b, m->skills), RC_OK);
    assert_int_equal(skill_payout_paid(&a, m->skills, SLICE("0xabc")), RC_STALE);
    assert_int_equal(skill_payout_paid(&b, m->skills, SLICE("0xabc")), RC_OK);
    assert_int_equal(skill_payout_paid(&a, m->skills, SLICE("0xabc")), RC_OK);
    assert_int_equal(skill_payout_sent(&a, m->skills), RC_CONFLICT);
    assert_usd(earnings(m, &p).paid, "1");
}

/* ---- Who is paid ---- */

static void the_suspended_are_not_paid_but_what_was_sent_ends(void **state)
{
    struct market *m = *state;
    struct skill_publisher p = publisher(m, "acme", NETWORK, "2");
    struct skill_payout a, b;

    assert_int_equal(open_some(&a, m, &p, ID_NONE, "1"), RC_OK);
    assert_int_equal(skill_payout_sent(&a, m->skills), RC_OK);
    p.suspended = true;
    assert_int_equal(skill_publisher_change(&p, m->skills), RC_OK);
    assert_int_equal(open_some(&b, m, &p, ID_NONE, "1"), RC_FORBIDDEN);
    assert_int_equal(skill_payout_paid(&a, m->skills, SLICE("0xabc")), RC_OK);
    assert_usd(earnings(m, &p).due, "1");
}

static void a_new_address_waits_for_the_delay(void **state)
{
    const uint64_t delay_us = UINT64_C(3600) * 1000000;
    struct market *m = *state;
    struct skill_publisher p = publisher(m, "acme", NETWORK, "2");
    struct skill_payout a;

    p.address[41] = '2';
    assert_int_equal(skill_publisher_change(&p, m->skills), RC_OK);
    assert_int_equal(skill_payout_open(&a, m->skills, &p, ID_NONE, NULL, delay_us,
                                       ledger_now_us(m->f.ledger)),
                     RC_FORBIDDEN);
    clock_advance_ms(3600 * 1000);
    assert_int_equal(skill_payout_open(&a, m->skills, &p, ID_NONE, NULL, delay_us,
                                       ledger_now_us(m->f.ledger)),
                     RC_OK);
    assert_string_equal(a.address, p.address);
}

/* ---- Reading ---- */

struct listed {
    unsigned count, stop_at;
    struct id ids[64];
};

static bool add_listed(void *arg, const struct skill_payout *p)
{
    struct listed *l = arg;

    assert_true(l->count < 64);
    l->ids[l->count++] = p->id;
    return l->count != l->stop_at;
}

static void payouts_are_listed_in_order_and_from_anywhere(void **state)
{
    struct market *m = *state;
    struct skill_publisher p = publisher(m, "acme", "", "1");
    struct skill_publisher q = publisher(m, "zebra", "", "1");
    struct listed all = {.count = 0}, some = {.count = 0}, first = {.stop_at = 5};
    struct skill_payout a;

    for (unsigned i = 0; i < 40; i++)
        assert_int_equal(open_some(&a, m, i % 4 == 0 ? &q : &p, ID_NONE, "0.01"),
                         RC_OK);
    assert_int_equal(
        skill_payout_list(m->skills, SLICE_NONE, ID_NONE, add_listed, &all), RC_OK);
    assert_int_equal(all.count, 40);
    for (unsigned i = 1; i < all.count; i++)
        assert_true(id_cmp(all.ids[i - 1], all.ids[i]) < 0);
    assert_int_equal(
        skill_payout_list(m->skills, SLICE("zebra"), all.ids[4], add_listed, &some),
        RC_OK);
    assert_int_equal(some.count, 9);
    assert_int_equal(id_cmp(some.ids[0], all.ids[4]), 0);
    assert_int_equal(
        skill_payout_list(m->skills, SLICE_NONE, ID_NONE, add_listed, &first), RC_OK);
    assert_int_equal(first.count, 5);
    assert_int_equal(skill_payout_read(&a, m->skills, p.id), RC_NOT_FOUND);
}

static void a_restart_finds_payouts_as_they_were(void **state)
{
    struct market *m = *state;
    struct skill_publisher p = publisher(m, "acme", NETWORK, "2");
    struct skill_payout open, sent;

    assert_int_equal(open_some(&open, m, &p, ID_NONE, "0.5"), RC_OK);
    assert_int_equal(open_some(&sent, m, &p, ID_NONE, "1"), RC_OK);
    assert_int_equal(skill_payout_sent(&sent, m->skills), RC_OK);
    market_restart(m); /* whose recovery ends the holds of calls, and not these */
    assert_usd(earnings(m, &p).underway, "1.5");
    assert_int_equal(skill_payout_read(&open, m->skills, open.id), RC_OK);
    assert_int_equal(skill_payout_failed(&open, m->skills), RC_OK);
    assert_int_equal(skill_payout_read(&sent, m->skills, sent.id), RC_OK);
    assert_int_equal(skill_payout_paid(&sent, m->skills, SLICE("0xabc")), RC_OK);
    assert_usd(earnings(m, &p).paid, "1");
    assert_usd(earnings(m, &p).due, "1");
}

/* ---- The record ---- */

static struct skill_payout some_payout(void)
{
    struct skill_payout p = {.id = {"a payout"},
                             .publisher = "acme",
                             .amount = {1500000},
                             .network = NETWORK,
                             .address = ADDRESS,
                             .reference = "0xabc",
                             .state = SKILL_PAYOUT_PAID,
                             .created_us = 1,
                             .ended_us = 2,
                             .details_len = 3,
                             .details = {1, 2, 3}};

    return p;
}

static void records_are_read_strictly(void **state)
{
    uint8_t value[SKILLS__PAYOUT_LEN_MAX], again[SKILLS__PAYOUT_LEN_MAX];
    struct skill_payout p = some_payout(), out;
    struct slice key = skills__id_slice(&p.id);
    struct slice row = skills__payout_encode(value, &p);

    (void)state;
    assert_int_equal(skills__payout_decode(&out, key, row), RC_OK);
    assert_true(slice_equal(skills__payout_encode(again, &out), row));
    for (size_t len = 0; len < row.len; len++)
        assert_int_equal(skills__payout_decode(&out, key, slice_sub(row, 0, len)),
                         RC_CORRUPT);
    for (size_t i = 0; i < 8 * row.len; i++) {
        value[i / 8] ^= (uint8_t)(1u << i % 8);
        if (skills__payout_decode(&out, key, row) == RC_OK)
            assert_true(slice_equal(skills__payout_encode(again, &out), row));
        value[i / 8] ^= (uint8_t)(1u << i % 8);
    }
    assert_int_equal(skills__payout_decode(&out, SLICE("short"), row), RC_CORRUPT);
}

static void the_longest_record_fits(void **state)
{
    uint8_t value[SKILLS__PAYOUT_LEN_MAX];
    struct skill_payout p = some_payout(), out;
    char memo[SKILLS__MEMO_MAX];

    (void)state;
    memset(p.publisher, 'a', SKILL_PUBLISHER_MAX);
    memset(p.network, 'n', SKILL_PAYOUT_MAX);
    memset(p.address, 'a', SKILL_PAYOUT_MAX);
    memset(p.reference, '"', SKILL_REFERENCE_MAX);
    p.details_len = SKILL_PAYOUT_DETAILS_MAX;
    assert_int_equal(skills__payout_decode(&out, skills__id_slice(&p.id),
                                           skills__payout_encode(value, &p)),
                     RC_OK);
    assert_string_equal(out.reference, p.reference);
    assert_true(skills__memo_payout(memo, &p).len > SKILL_REFERENCE_MAX);
}

#define MARKET(t) cmocka_unit_test_setup_teardown(t, open_market, close_market)

int main(void)
{
    const struct CMUnitTest tests[] = {
        MARKET(a_payout_by_hand_is_held_then_paid_with_a_reference),
        MARKET(a_failed_payout_is_due_again),
        MARKET(no_more_is_paid_than_is_due),
        MARKET(a_chosen_id_is_one_payout),
        MARKET(a_network_gets_whole_millionths),
        MARKET(a_second_driver_is_caught_by_the_version),
        MARKET(the_suspended_are_not_paid_but_what_was_sent_ends),
        MARKET(a_new_address_waits_for_the_delay),
        MARKET(payouts_are_listed_in_order_and_from_anywhere),
        MARKET(a_restart_finds_payouts_as_they_were),
        cmocka_unit_test(records_are_read_strictly),
        cmocka_unit_test(the_longest_record_fits),
    };

    return cmocka_run_group_tests_name("skills payout", tests, NULL, NULL);
}
