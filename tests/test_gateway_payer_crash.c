/* SPDX-License-Identifier: Apache-2.0 */
/* The process dies at each step that the book takes while a publisher is paid: ahead of
 * it and when it is durable. The next process pays him; the chain moves money once, and
 * what was due is paid once, by the laws of the book. Market, book and cashier are the
 * real ones, the chain and the signer are not. */
#include "gateway/settle/payer.h"

#include "gateway/metrics.h"
#include "gateway/settle/signer.h"
#include "tests/conf_fixture.h"
#include "tests/config_fixture.h"
#include "tests/till_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define PUBLISHER_ADDRESS "0x2222222222222222222222222222222222222222"

enum {
    DIED = 7,
    CAME_THROUGH = 42,
    STEPS_MAX = 40,
    /* Sent, claimed, noted, closed; and paid, which may be seen before it dies of it.
     */
    STEPS_MIN = 4,
    LOOKS_MAX = 20000
};

/* ---- The book, up to a step ---- */

static atomic_int steps_left; /* 0: it lives on */
static atomic_bool ahead;     /* it dies ahead of the step, not after it */

void __real_ledger_submit(struct ledger *l, struct ledger_cmd *cmd);
void __wrap_ledger_submit(struct ledger *l, struct ledger_cmd *cmd);
enum rc __real_ledger_call(struct ledger *l, struct ledger_cmd *cmd);
enum rc __wrap_ledger_call(struct ledger *l, struct ledger_cmd *cmd);

static void die(struct ledger_cmd *cmd)
{
    (void)cmd;
    _exit(DIED);
}

/* Whether this is the last one. */
static bool is_last(void)
{
    const bool last =
        atomic_load(&steps_left) > 0 && atomic_fetch_sub(&steps_left, 1) == 1;

    if (last && atomic_load(&ahead))
        _exit(DIED);
    return last;
}

void __wrap_ledger_submit(struct ledger *l, struct ledger_cmd *cmd)
{
    if (is_last())
        cmd->done = die;
    __real_ledger_submit(l, cmd);
}

enum rc __wrap_ledger_call(struct ledger *l, struct ledger_cmd *cmd)
{
    const bool last = is_last();
    const enum rc rc = __real_ledger_call(l, cmd);

    if (last)
        _exit(DIED);
    return rc;
}

/* ---- The signer ---- */

enum rc signer_open(struct signer **out, const struct config_key_file *keys,
                    size_t count, const struct signer_caps *caps, struct buf *faults)
{
    (void)keys;
    (void)count;
    (void)caps;
    (void)faults;
    *out = NULL;
    return RC_OK;
}

void signer_close(struct signer *s)
{
    (void)s;
}

void signer_submit(struct signer *s, struct signer_job *j)
{
    (void)s;
    j->payment->signature = SLICE("sixty-five bytes that nobody looks at here");
    j->rc = RC_OK;
    j->done(j);
}

/* ---- A market with something due ---- */

struct shop {
    struct till *till;
    struct skills *skills;
    struct skill_publisher publisher;
    struct skill_payout payout;
    struct payer *payer;
};

static void open_skills(struct shop *s)
{
    char dir[96];
    const struct skills_options options = {
        .ledger = s->till->f.ledger, .book = s->till->f.book, .dir = dir};

    (void)snprintf(dir, sizeof(dir), "%s/packages", s->till->f.dir);
    assert_int_equal(skills_open(&s->skills, &options), RC_OK);
}

static struct skill_earnings earnings(struct shop *s)
{
    struct skill_earnings e;

    assert_int_equal(skill_earnings_read(&e, s->skills, &s->publisher, 0,
                                         ledger_now_us(s->till->f.ledger)),
                     RC_OK);
    return e;
}

/* Somebody uses a skill for 2 USD, of which the publisher gets 1.8; 1.5 of it are to be
 * paid. */
static void earn(struct shop *s)
{
    struct fixture *f = &s->till->f;
    const struct id buyer = new_wallet(f, "buyer");
    const uint64_t now_us = ledger_now_us(f->ledger);
    const struct money part = usd("1.5");
    struct call *c = new_call(f);
    struct money moved;

    s->publisher = (struct skill_publisher){.handle = "acme",
                                            .network = "eip155:84532",
                                            .address = PUBLISHER_ADDRESS,
                                            .house_ppm = SKILL_SHARE_NONE};
    assert_int_equal(skill_publisher_create(&s->publisher, s->skills), RC_OK);
    fund(f, buyer, "2");
    c->hold.has_share = true;
    skill_share(&c->share, &s->publisher, 100000, SLICE("acme/weather@1.0.0"), now_us);
    assert_int_equal(hold_call(f, c, buyer, "2"), RC_OK);
    assert_int_equal(capture_shared(f, c, "2"), RC_OK);
    assert_int_equal(skill_mature(&moved, s->skills, &s->publisher, 0, now_us), RC_OK);
    assert_usd(moved, "1.8");
    assert_int_equal(skill_payout_open(&s->payout, s->skills, &s->publisher, ID_NONE,
                                       &part, 0, now_us),
                     RC_OK);
}

/* ---- Processes ---- */

static void shop_close(struct shop *s)
{
    payer_close(s->payer);
    s->payer = NULL;
    skills_close(s->skills);
    till_stop(s->till);
    wallet_book_close(s->till->f.book);
    ledger_close(s->till->f.ledger);
}

static void shop_open(struct shop *s)
{
    struct fixture *f = &s->till->f;
    struct ledger_options options = {.kind = LEDGER_LMDB, .dir = f->dir};
    uint64_t voided;

    assert_int_equal(ledger_open(&f->ledger, &options), RC_OK);
    assert_int_equal(ledger_recover(f->ledger, &voided), RC_OK);
    assert_int_equal(wallet_book_open(&f->book, f->ledger, f->master), RC_OK);
    till_start(s->till);
    open_skills(s);
}

static void start_payer(struct shop *s)
{
    struct buf faults;

    buf_init(&faults, 4096);
    assert_int_equal(
        payer_open(&s->payer, s->skills, s->till->cashier, s->till->config, &faults),
        RC_OK);
    buf_free(&faults);
}

/* Until the payout has ended. */
static void pay_out(struct shop *s)
{
    start_payer(s);
    for (unsigned i = 0; i < LOOKS_MAX; i++) {
        assert_int_equal(skill_payout_read(&s->payout, s->skills, s->payout.id), RC_OK);
        if (s->payout.state == SKILL_PAYOUT_PAID ||
            s->payout.state == SKILL_PAYOUT_FAILED)
            return;
        payer_pay(s->payer);
        (void)usleep(1000);
    }
}

/* In a process of its own. Whether it died at that step; false: it has fewer. */
static bool dies_at(struct shop *s, int step)
{
    int status = 0;
    pid_t pid = fork();

    assert_true(pid >= 0);
    if (pid == 0) {
        shop_open(s);
        atomic_store(&steps_left, step);
        pay_out(s);
        _exit(CAME_THROUGH);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    assert_true(WEXITSTATUS(status) == DIED || WEXITSTATUS(status) == CAME_THROUGH);
    return WEXITSTATUS(status) == DIED;
}

static void check_end(struct shop *s)
{
    const struct chain_count chain = chain_double_count();
    const struct skill_earnings e = earnings(s);
    struct money value;

    assert_int_equal(s->payout.state, SKILL_PAYOUT_PAID);
    assert_int_equal(strlen(s->payout.reference), 66);
    assert_int_equal(chain.moved, 1);
    assert_int_equal(x402_u256_to_money(&value, chain.last_amount, 6, X402_EXACT),
                     RC_OK);
    assert_usd(value, "1.5");
    assert_usd(e.paid, "1.5");
    assert_usd(e.due, "0.3");
    assert_usd(e.underway, "0");
    till_house(s->till, "0", "0", "0"); /* none of it is a customer's payment */
}

/* Each round in a book of its own. Returns how many steps there were. */
static int die_everywhere(unsigned deaths)
{
    bool died = true;
    int step = 0;

    while (died) {
        struct shop s = {.payer = NULL};
        void *state;

        assert_true(++step < STEPS_MAX);
        assert_int_equal(till_open(&state), 0);
        s.till = state;
        open_skills(&s);
        earn(&s);
        shop_close(&s);
        died = dies_at(&s, step);
        for (unsigned i = 1; i < deaths; i++)
            (void)dies_at(&s, (step + (int)i) % 4 + 1);
        shop_open(&s);
        pay_out(&s);
        check_end(&s);
        payer_close(s.payer);
        skills_close(s.skills);
        assert_int_equal(till_close(&state), 0); /* and the laws */
    }
    return step - 1;
}

static void a_payout_outlives_a_death_ahead_of_every_step(void **state)
{
    (void)state;
    atomic_store(&ahead, true);
    assert_true(die_everywhere(1) >= STEPS_MIN);
}

static void a_payout_outlives_a_death_after_every_step(void **state)
{
    (void)state;
    atomic_store(&ahead, false);
    assert_true(die_everywhere(1) >= STEPS_MIN);
}

static void a_payout_outlives_three_deaths(void **state)
{
    (void)state;
    atomic_store(&ahead, false);
    assert_true(die_everywhere(3) >= STEPS_MIN);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_payout_outlives_a_death_ahead_of_every_step),
        cmocka_unit_test(a_payout_outlives_a_death_after_every_step),
        cmocka_unit_test(a_payout_outlives_three_deaths),
    };

    metrics_open();
    return cmocka_run_group_tests_name("gateway/settle/payer_crash", tests,
                                       config_fixture_open, conf_fixture_close);
}
