/* SPDX-License-Identifier: Apache-2.0 */
/* The process dies at each step that the book takes while earnings mature, a fraud is
 * clawed back and payouts are made by hand. Whoever does it all again afterwards, as an
 * operator would, ends where nobody died: nothing is given back, matured or paid twice,
 * and nothing is forgotten. */
#include "tests/skills_fixture.h"

#include "base/clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

enum {
    DIED = 7,
    CAME_THROUGH = 42,
    STEPS_MAX = 40,
    STEPS_MIN = 8 /* a day, three uses, two payouts with two steps each */
};

#define DAY_US (UINT64_C(86400) * 1000000)

/* ---- The book, up to a step ---- */

static int steps_left; /* 0: it lives on */
static bool ahead;     /* it dies ahead of the step, not after it */

enum rc __real_ledger_call(struct ledger *l, struct ledger_cmd *cmd);
enum rc __wrap_ledger_call(struct ledger *l, struct ledger_cmd *cmd);

enum rc __wrap_ledger_call(struct ledger *l, struct ledger_cmd *cmd)
{
    bool last = steps_left > 0 && --steps_left == 0;
    enum rc rc;

    if (last && ahead)
        _exit(DIED);
    rc = __real_ledger_call(l, cmd);
    if (last)
        _exit(DIED);
    return rc;
}

/* ---- A market with good and bad skills ---- */

struct shop {
    struct market m;
    struct id buyer, victim;
    struct skill_publisher publisher;
};

static struct call *sell(struct shop *s, struct id wallet, const char *price,
                         const char *what)
{
    struct fixture *f = &s->m.f;
    struct call *c = new_call(f);

    c->hold.has_share = true;
    skill_share(&c->share, &s->publisher, 100000, slice_str(what),
                ledger_now_us(f->ledger));
    assert_int_equal(hold_call(f, c, wallet, price), RC_OK);
    assert_int_equal(capture_shared(f, c, price), RC_OK);
    return c;
}

static void set_up(struct shop *s)
{
    struct fixture *f = &s->m.f;
    char request[WALLET_ID_TEXT_SIZE];
    struct money part = usd("0.1");
    struct wallet_refund refund;

    market_open(&s->m);
    clock_at("2026-11-21T12:00:00Z");
    s->buyer = new_wallet(f, "buyer");
    s->victim = new_wallet(f, "victim");
    fund(f, s->buyer, "5");
    fund(f, s->victim, "5");
    s->publisher =
        (struct skill_publisher){.handle = "acme", .house_ppm = SKILL_SHARE_NONE};
    assert_int_equal(skill_publisher_create(&s->publisher, s->m.skills), RC_OK);
    (void)sell(s, s->buyer, "1", "acme/good@1.0.0");
    (void)sell(s, s->victim, "0.5", "acme/bad@1.0.0");
    wallet_id_print(request, 'r',
                    sell(s, s->victim, "0.25", "acme/bad@1.0.0")->hold.request);
    assert_int_equal(wallet_refund(&refund, f->book, slice_str(request), &part), RC_OK);
    clock_at("2026-11-23T12:00:00Z");
    (void)sell(s, s->victim, "0.2", "acme/bad@1.0.0");
}

static void shut(struct shop *s)
{
    skills_close(s->m.skills);
    wallet_book_close(s->m.f.book);
    ledger_close(s->m.f.ledger);
    s->m.skills = NULL;
    s->m.f.book = NULL;
    s->m.f.ledger = NULL;
}

/* All of an operator's day; may be done again from any point on. */
static void work(struct shop *s)
{
    static const struct id first = {"first payout"}, second = {"second payout"};
    struct skills *skills = s->m.skills;
    uint64_t now_us = ledger_now_us(s->m.f.ledger);
    struct skill_payout payout;
    struct skill_clawback claw;
    struct money some = usd("0.5"), moved;

    assert_int_equal(skill_mature(&moved, skills, &s->publisher, DAY_US, now_us),
                     RC_OK);
    assert_int_equal(skill_claw_back(&claw, skills, &s->publisher, SLICE("bad"), 0),
                     RC_OK);
    assert_int_equal(
        skill_payout_open(&payout, skills, &s->publisher, first, &some, DAY_US, now_us),
        RC_OK);
    assert_int_equal(skill_payout_paid(&payout, skills, SLICE("wire 17")), RC_OK);
    assert_int_equal(
        skill_payout_open(&payout, skills, &s->publisher, second, NULL, DAY_US, now_us),
        RC_OK);
    assert_int_equal(skill_payout_failed(&payout, skills), RC_OK);
}

static void check_end(struct shop *s)
{
    struct skill_earnings e;
    struct wallet_house h;

    assert_int_equal(skill_earnings_read(&e, s->m.skills, &s->publisher, DAY_US,
                                         ledger_now_us(s->m.f.ledger)),
                     RC_OK);
    assert_usd(e.earned, "0.9");
    assert_usd(e.paid, "0.5");
    assert_usd(e.due, "0.4");
    assert_usd(e.underway, "0");
    assert_usd(e.waiting, "0");
    assert_usd(e.clawed, "0.765"); /* 0.45, 0.135 and 0.18 */
    assert_usd(balance_of(&s->m.f, s->victim), "5");
    assert_usd(balance_of(&s->m.f, s->buyer), "4");
    assert_int_equal(wallet_house(&h, s->m.f.book), RC_OK);
    assert_usd(h.revenue, "0.1");
}

/* ---- Processes ---- */

/* In a process of its own. Whether it died at that step; false: it has fewer. */
static bool dies_at(struct shop *s, int step)
{
    int status = 0;
    pid_t pid = fork();

    assert_true(pid >= 0);
    if (pid == 0) {
        market_restart(&s->m);
        steps_left = step;
        work(s);
        _exit(CAME_THROUGH);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    assert_true(WEXITSTATUS(status) == DIED || WEXITSTATUS(status) == CAME_THROUGH);
    return WEXITSTATUS(status) == DIED;
}

static int die_everywhere(unsigned deaths)
{
    bool died = true;
    int step = 0;

    while (died) {
        struct shop *s = calloc(1, sizeof(*s));

        assert_non_null(s);
        assert_true(++step < STEPS_MAX);
        set_up(s);
        shut(s);
        died = dies_at(s, step);
        for (unsigned i = 1; i < deaths; i++)
            (void)dies_at(s, (step + (int)i) % 3 + 1);
        market_restart(&s->m);
        work(s);
        check_end(s);
        market_close(&s->m); /* and the laws */
        free(s);
    }
    return step - 1;
}

static void a_death_ahead_of_a_step_changes_nothing_in_the_end(void **state)
{
    (void)state;
    ahead = true;
    assert_true(die_everywhere(1) >= STEPS_MIN);
}

static void a_death_after_a_step_changes_nothing_in_the_end(void **state)
{
    (void)state;
    ahead = false;
    assert_true(die_everywhere(1) >= STEPS_MIN);
}

static void nor_do_three_deaths(void **state)
{
    (void)state;
    ahead = false;
    assert_true(die_everywhere(3) >= STEPS_MIN);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_death_ahead_of_a_step_changes_nothing_in_the_end),
        cmocka_unit_test(a_death_after_a_step_changes_nothing_in_the_end),
        cmocka_unit_test(nor_do_three_deaths),
    };

    return cmocka_run_group_tests_name("skills crash", tests, NULL, NULL);
}
