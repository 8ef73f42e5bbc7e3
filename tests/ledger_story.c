/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/ledger_story.h"

#include "base/clock.h"
#include "tests/ledger_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

struct id story_tag(void)
{
    return account_id(500);
}

/* Entries 1 to 5: money comes, is held with a limit, and more than that is taken. */
static void spend_too_much(struct ledger *l)
{
    struct ledger_cmd t = transfer(1, funding(account_id(1), 100));
    struct ledger_cmd h = hold(2, account_id(1), 40);
    struct ledger_cmd c = capture(4, 2, account_id(1), 130);

    t.tags[0] = story_tag();
    t.memo = SLICE("top-up");
    must(l, t);
    h.tags[0] = story_tag();
    h.tags[1] = account_id(501);
    h.leg_count = 2;
    h.legs[1] = guarded(account_id(2), ID_NONE, 40);
    h.legs[1].number = USD + 1;
    h.legs[1].grant = nano(200);
    h.legs[1].grant_from = account_id(3);
    must(l, h);
    must(l, transfer(3, funding(account_id(4), 10)));
    c.tags[2] = story_tag();
    c.leg_count = 2;
    c.legs[1] = guarded(account_id(2), account_id(5), 130);
    c.legs[1].number = USD + 1;
    c.spill = account_id(6);
    c.memo = SLICE("a call");
    must(l, c);
    t = transfer(5, guarded(account_id(4), account_id(1), 9));
    t.legs[0].credit_flags = LEDGER_NO_OVERDRAFT;
    t.tags[0] = story_tag();
    t.tags[1] = story_tag();
    must(l, t);
}

/* Entries 6 to 12: holds that live on, are voided, expire. */
static void hold_some(struct ledger *l)
{
    struct ledger_cmd h = hold(6, account_id(1), 1);

    h.durable = true;
    must(l, h);
    h = hold(7, account_id(1), 2);
    h.forgettable = true;
    h.tags[0] = account_id(502);
    must(l, h);
    h = hold(8, account_id(1), 3);
    h.expires_us = TEST_TIME_US + 5000;
    h.forgettable = true;
    must(l, h);
    h = hold(9, account_id(1), 1);
    h.expires_us = TEST_TIME_US + 3600000000;
    h.leg_count = 2;
    h.legs[1] = guarded(account_id(1), ID_NONE, 1);
    must(l, h);
    must(l, void_of(10, 7));
    clock_advance_ms(6);
    must(l, note(11)); /* 11 is the expiry of 8, 12 the note */
}

/* Entries 13 to 17. */
static void keep_records(struct ledger *l)
{
    struct ledger_cmd n = note(12);

    n.write_count = 3;
    n.writes[0] = write_of(LEDGER_INSERT, "alpha", "one", 0);
    n.writes[1] = write_of(LEDGER_INSERT, "beta", "", 0);
    n.writes[2] = write_of(LEDGER_INSERT, "alps", "three", 0);
    must(l, n);
    n = note(13);
    n.write_count = 4;
    n.writes[0] = write_of(LEDGER_PUT, "alpha", "two", 1);
    n.writes[1] = write_of(LEDGER_DELETE, "beta", NULL, 1);
    n.writes[2] = write_of(LEDGER_EXPECT, "alps", NULL, 1);
    n.writes[3] = write_of(LEDGER_PUT, "gamma", "any", LEDGER_ANY);
    n.forgettable = true;
    must(l, n);
    n = transfer(14, leg(bank(), revenue(), 7));
    n.write_count = 1;
    n.writes[0] = write_of(LEDGER_INSERT, "alpha", "other kind", 0);
    n.writes[0].kind = 8;
    must(l, n);
    must(l, hold(15, account_id(4), 0));
    must(l, capture(16, 15, account_id(4), 0));
}

void story(struct ledger *l)
{
    spend_too_much(l);
    hold_some(l);
    keep_records(l);
}
