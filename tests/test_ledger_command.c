/* SPDX-License-Identifier: Apache-2.0 */
/* Commands: one spelling each, and what is no command is refused. */
#include "ledger/ledger_int.h"

#include "tests/ledger_fixture.h"
#include "tests/prng.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum {
    TAPE = 20000,
    ROOM = 32768
};

static char text[LEDGER_VALUE_MAX];

static struct ledger_write any_write(struct prng *p)
{
    struct ledger_write w = {
        .op = (enum ledger_write_op)prng_below(p, 4),
        .kind = (uint16_t)prng_next(p),
        .key = slice_from(text, 1 + prng_below(p, LEDGER_KEY_MAX)),
        .value = slice_from(text, prng_below(p, 200)),
        .version = prng_below(p, 4),
    };

    if (w.op == LEDGER_INSERT)
        w.version = 0;
    if (w.op == LEDGER_DELETE || w.op == LEDGER_EXPECT)
        w.value = SLICE_NONE;
    return w;
}

static struct ledger_leg any_leg(struct prng *p, enum ledger_verb verb)
{
    struct ledger_leg l = {
        .debit = account_id(1 + (unsigned)prng_below(p, 3)),
        .credit = account_id(10 + (unsigned)prng_below(p, 3)),
        .amount = nano(prng_any_size(p)),
        .number = (uint32_t)prng_any_size(p),
        .debit_flags = (uint8_t)prng_below(p, 2),
        .credit_flags = (uint8_t)prng_below(p, 2),
    };

    if (verb == LEDGER_HOLD) {
        l.credit = ID_NONE;
        l.credit_flags = 0;
    }
    if (prng_below(p, 3) == 0) {
        l.grant = nano(prng_any_size(p));
        l.grant_from = account_id(20);
    }
    return l;
}

/* Any well-formed command, without what its verb does not use. */
static struct ledger_cmd any_command(struct prng *p)
{
    struct ledger_cmd cmd = {
        .op = op_id(1 + (unsigned)prng_below(p, 1000)),
        .verb = (enum ledger_verb)prng_below(p, 6),
        .forgettable = prng_below(p, 2) == 0,
        .write_count = (unsigned)prng_below(p, LEDGER_WRITES_MAX + 1),
        .memo = slice_from(text, prng_below(p, LEDGER_MEMO_MAX + 1)),
    };

    if (cmd.verb == LEDGER_TRANSFER || cmd.verb == LEDGER_HOLD ||
        cmd.verb == LEDGER_CAPTURE)
        cmd.leg_count = 1 + (unsigned)prng_below(p, LEDGER_LEGS_MAX);
    if (cmd.verb >= LEDGER_CAPTURE)
        cmd.hold = op_id(5000);
    if (cmd.verb == LEDGER_HOLD) {
        cmd.durable = prng_below(p, 2) == 0;
        cmd.expires_us = prng_below(p, 2) * 1234;
    }
    if (cmd.verb == LEDGER_CAPTURE && prng_below(p, 2) == 0)
        cmd.spill = account_id(30);
    for (unsigned i = 0; i < cmd.leg_count; i++)
        cmd.legs[i] = any_leg(p, cmd.verb);
    for (unsigned i = 0; i < cmd.write_count; i++)
        cmd.writes[i] = any_write(p);
    for (unsigned i = 0; i < prng_below(p, LEDGER_TAGS_MAX + 1); i++)
        cmd.tags[i] = account_id(40 + i);
    return cmd;
}

static void assert_same_slice(struct slice a, struct slice b)
{
    assert_int_equal(a.len, b.len);
    if (a.len > 0)
        assert_memory_equal(a.bytes, b.bytes, a.len);
}

static void assert_same(const struct ledger_cmd *a, const struct ledger_cmd *b)
{
    assert_memory_equal(&a->op, &b->op, ID_LEN);
    assert_int_equal(a->verb, b->verb);
    assert_int_equal(a->forgettable, b->forgettable);
    assert_int_equal(a->durable, b->durable);
    assert_int_equal(a->expires_us, b->expires_us);
    assert_memory_equal(&a->hold, &b->hold, ID_LEN);
    assert_memory_equal(&a->spill, &b->spill, ID_LEN);
    assert_memory_equal(a->tags, b->tags, sizeof(a->tags));
    assert_int_equal(a->leg_count, b->leg_count);
    assert_memory_equal(a->legs, b->legs, sizeof(a->legs));
    assert_int_equal(a->write_count, b->write_count);
    for (unsigned i = 0; i < a->write_count; i++) {
        assert_int_equal(a->writes[i].op, b->writes[i].op);
        assert_int_equal(a->writes[i].kind, b->writes[i].kind);
        assert_int_equal(a->writes[i].version, b->writes[i].version);
        assert_same_slice(a->writes[i].key, b->writes[i].key);
        assert_same_slice(a->writes[i].value, b->writes[i].value);
    }
    assert_same_slice(a->memo, b->memo);
}

static void every_command_comes_back(void **state)
{
    static uint8_t bytes[ROOM];
    struct prng p = {42};

    (void)state;
    for (unsigned i = 0; i < TAPE; i++) {
        struct ledger_cmd cmd = any_command(&p);
        struct ledger_cmd again;
        size_t len = ledger__command_len(&cmd);

        assert_int_equal(ledger__check(&cmd), RC_OK);
        assert_in_range(len, 1, ROOM);
        ledger__command_encode(bytes, &cmd);
        assert_int_equal(
            ledger__command_decode(&again, slice_from((const char *)bytes, len)),
            RC_OK);
        assert_same(&cmd, &again);
    }
}

/* A journal of a build that knew three tags: what it wrote must be read for ever. */
static void a_command_with_three_tags_is_spelt_as_ever(void **state)
{
    static const char bytes[] = /* op, verb, bits, legs, writes, tags, 0, memo length */
        "0123456789abcdef\0\0\0\0\3\0\2\0"
        "tag-one.........tag-two.........tag-three.......{}";
    struct slice spelt = slice_from(bytes, sizeof(bytes) - 1);
    struct ledger_cmd cmd;
    uint8_t again[128];

    (void)state;
    assert_int_equal(ledger__command_decode(&cmd, spelt), RC_OK);
    assert_memory_equal(cmd.tags[2].bytes, "tag-three.......", ID_LEN);
    assert_true(id_is_none(cmd.tags[3]));
    assert_int_equal(ledger__command_len(&cmd), spelt.len);
    ledger__command_encode(again, &cmd);
    assert_memory_equal(again, bytes, spelt.len);
}

/* Whatever is changed: it is refused, or it is another command, spelt just so. */
static void a_spelling_is_the_only_one(void **state)
{
    static uint8_t bytes[ROOM];
    static uint8_t again[ROOM];
    struct prng p = {43};
    unsigned accepted = 0;

    (void)state;
    for (unsigned i = 0; i < TAPE; i++) {
        struct ledger_cmd cmd = any_command(&p);
        struct ledger_cmd read;
        size_t len = ledger__command_len(&cmd);
        size_t at = prng_below(&p, len < 200 ? len : 200);

        ledger__command_encode(bytes, &cmd);
        bytes[at] ^= (uint8_t)(1 << prng_below(&p, 8));
        if (ledger__command_decode(&read, slice_from((const char *)bytes, len)) !=
            RC_OK)
            continue;
        accepted++;
        assert_int_equal(ledger__command_len(&read), len);
        ledger__command_encode(again, &read);
        assert_memory_equal(again, bytes, len);
    }
    assert_in_range(accepted, 1, TAPE - 1);
}

static void a_cut_or_longer_command_is_refused(void **state)
{
    static uint8_t bytes[ROOM];
    struct prng p = {44};

    (void)state;
    for (unsigned i = 0; i < 50; i++) {
        struct ledger_cmd cmd = any_command(&p);
        struct ledger_cmd read;
        size_t len = ledger__command_len(&cmd);

        ledger__command_encode(bytes, &cmd);
        for (size_t cut = 0; cut < len; cut++)
            assert_int_equal(
                ledger__command_decode(&read, slice_from((const char *)bytes, cut)),
                RC_CORRUPT);
        bytes[len] = 0;
        assert_int_equal(
            ledger__command_decode(&read, slice_from((const char *)bytes, len + 1)),
            RC_CORRUPT);
    }
}

static void refuse(struct ledger_cmd cmd, unsigned at)
{
    assert_int_equal(ledger__check(&cmd), RC_BAD_INPUT);
    assert_int_equal(cmd.result.at, at);
}

static void malformed_commands_are_refused(void **state)
{
    struct ledger_cmd good = transfer(1, funding(account_id(1), 5));
    struct ledger_cmd bad = good;

    (void)state;
    assert_int_equal(ledger__check(&good), RC_OK);
    bad.op = ID_NONE;
    refuse(bad, 0);
    bad = good;
    bad.leg_count = 0;
    refuse(bad, 0);
    bad.leg_count = LEDGER_LEGS_MAX + 1;
    refuse(bad, 0);
    bad = good;
    bad.verb = (enum ledger_verb)17;
    refuse(bad, 0);
    bad = good;
    bad.leg_count = 2; /* the second has no accounts */
    refuse(bad, 1);
    bad = good;
    bad.legs[0].credit = bad.legs[0].debit;
    refuse(bad, 0);
    bad = good;
    bad.legs[0].debit_flags = 2;
    refuse(bad, 0);
    bad = good;
    bad.legs[0].grant_from = bad.legs[0].debit;
    refuse(bad, 0);
    bad = good;
    bad.memo = slice_from(text, LEDGER_MEMO_MAX + 1);
    refuse(bad, 0);
    bad.memo = slice_from(NULL, 1);
    refuse(bad, 0);
}

static void malformed_ends_are_refused(void **state)
{
    struct ledger_cmd c = capture(2, 1, account_id(1), 5);
    struct ledger_cmd v = void_of(2, 1);
    struct ledger_cmd n = note(1);

    (void)state;
    assert_int_equal(ledger__check(&c), RC_OK);
    assert_int_equal(ledger__check(&v), RC_OK);
    assert_int_equal(ledger__check(&n), RC_OK);
    c.spill = c.legs[0].credit;
    refuse(c, 0);
    c.spill = ID_NONE;
    c.hold = ID_NONE;
    refuse(c, 0);
    v.leg_count = 1;
    v.legs[0] = leg(bank(), revenue(), 1);
    refuse(v, 0);
    v = void_of(2, 2);
    refuse(v, 0);
    n.leg_count = 1;
    n.legs[0] = leg(bank(), revenue(), 1);
    refuse(n, 0);
}

static void malformed_writes_are_refused(void **state)
{
    struct ledger_cmd cmd = note(1);

    (void)state;
    cmd.write_count = 2;
    cmd.writes[0] = write_of(LEDGER_INSERT, "a", "1", 0);
    cmd.writes[1] = write_of(LEDGER_EXPECT, "b", NULL, 0);
    assert_int_equal(ledger__check(&cmd), RC_OK);
    cmd.writes[1].version = LEDGER_ANY;
    refuse(cmd, 1);
    cmd.writes[1] = write_of(LEDGER_PUT, "", "1", 0);
    refuse(cmd, 1);
    cmd.writes[1].key = slice_from(text, LEDGER_KEY_MAX + 1);
    refuse(cmd, 1);
    cmd.writes[1] = write_of(LEDGER_PUT, "b", "1", 0);
    cmd.writes[1].value = slice_from(text, LEDGER_VALUE_MAX + 1);
    refuse(cmd, 1);
    cmd.writes[1].op = (enum ledger_write_op)9;
    refuse(cmd, 1);
    cmd.write_count = LEDGER_WRITES_MAX + 1;
    refuse(cmd, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_command_comes_back),
        cmocka_unit_test(a_command_with_three_tags_is_spelt_as_ever),
        cmocka_unit_test(a_spelling_is_the_only_one),
        cmocka_unit_test(a_cut_or_longer_command_is_refused),
        cmocka_unit_test(malformed_commands_are_refused),
        cmocka_unit_test(malformed_ends_are_refused),
        cmocka_unit_test(malformed_writes_are_refused),
    };

    for (size_t i = 0; i < sizeof(text); i++)
        text[i] = (char)('a' + i % 26);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
