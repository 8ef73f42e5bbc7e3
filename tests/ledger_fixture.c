/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/ledger_fixture.h"

#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

struct id account_id(unsigned n)
{
    struct id id = {{0xac}};

    id.bytes[12] = (uint8_t)(n >> 16);
    id.bytes[13] = (uint8_t)(n >> 8);
    id.bytes[14] = (uint8_t)n;
    return id;
}

struct id op_id(unsigned n)
{
    uint64_t ms = TEST_TIME_US / 1000;
    struct id id = ID_NONE;

    for (unsigned i = 0; i < 6; i++)
        id.bytes[i] = (uint8_t)(ms >> (8 * (5 - i)));
    id.bytes[11] = (uint8_t)(n >> 24);
    id.bytes[12] = (uint8_t)(n >> 16);
    id.bytes[13] = (uint8_t)(n >> 8);
    id.bytes[14] = (uint8_t)n;
    return id;
}

struct id revenue(void)
{
    return account_id(0xfffffe);
}

struct id bank(void)
{
    return account_id(0xffffff);
}

struct money nano(uint64_t n)
{
    return money_from_nano(n);
}

uint64_t amount_of(struct money m)
{
    return money_to_nano(m);
}

struct ledger_leg leg(struct id debit, struct id credit, uint64_t amount)
{
    return (struct ledger_leg){
        .debit = debit, .credit = credit, .amount = nano(amount), .number = USD};
}

struct ledger_leg guarded(struct id debit, struct id credit, uint64_t amount)
{
    struct ledger_leg l = leg(debit, credit, amount);

    l.debit_flags = LEDGER_NO_OVERDRAFT;
    return l;
}

struct ledger_leg funding(struct id credit, uint64_t amount)
{
    struct ledger_leg l = leg(bank(), credit, amount);

    l.credit_flags = LEDGER_NO_OVERDRAFT;
    return l;
}

struct ledger_cmd transfer(unsigned op, struct ledger_leg l)
{
    return (struct ledger_cmd){
        .op = op_id(op), .verb = LEDGER_TRANSFER, .leg_count = 1, .legs = {l}};
}

struct ledger_cmd hold(unsigned op, struct id account, uint64_t amount)
{
    return (struct ledger_cmd){.op = op_id(op),
                               .verb = LEDGER_HOLD,
                               .leg_count = 1,
                               .legs = {guarded(account, ID_NONE, amount)}};
}

struct ledger_cmd capture(unsigned op, unsigned of, struct id account, uint64_t amount)
{
    return (struct ledger_cmd){.op = op_id(op),
                               .verb = LEDGER_CAPTURE,
                               .hold = op_id(of),
                               .leg_count = 1,
                               .legs = {guarded(account, revenue(), amount)}};
}

struct ledger_cmd void_of(unsigned op, unsigned of)
{
    return (struct ledger_cmd){.op = op_id(op), .verb = LEDGER_VOID, .hold = op_id(of)};
}

struct ledger_cmd note(unsigned op)
{
    return (struct ledger_cmd){.op = op_id(op), .verb = LEDGER_NOTE};
}

struct ledger_write write_of(enum ledger_write_op op, const char *key,
                             const char *value, uint64_t version)
{
    return (struct ledger_write){.op = op,
                                 .kind = 7,
                                 .key = slice_str(key),
                                 .value = slice_str(value),
                                 .version = version};
}

void dir_make(char dir[DIR_SIZE])
{
    const char *base = getenv("TMPDIR");
    int len = snprintf(dir, DIR_SIZE, "%s/ledger-XXXXXX", base != NULL ? base : "/tmp");

    assert_in_range(len, 1, DIR_SIZE - 1);
    assert_non_null(mkdtemp(dir));
}

void dir_file(char out[DIR_SIZE], const char *dir, const char *name)
{
    int len = snprintf(out, DIR_SIZE, "%s/%s", dir, name);

    assert_in_range(len, 1, DIR_SIZE - 1);
}

void dir_remove(const char *dir)
{
    DIR *d = opendir(dir);
    struct dirent *entry;

    assert_non_null(d);
    while ((entry = readdir(d)) != NULL) {
        char path[1024]; /* what a store put there has longer names than ours */
        int len;

        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        len = snprintf(path, sizeof(path), "%s/%s", dir, entry->d_name);
        assert_in_range(len, 1, sizeof(path) - 1);
        if (entry->d_type == DT_DIR)
            dir_remove(path);
        else
            assert_int_equal(unlink(path), 0);
    }
    assert_int_equal(closedir(d), 0);
    assert_int_equal(rmdir(dir), 0);
}

struct ledger *open_memory(void)
{
    struct ledger_options options = {.kind = LEDGER_MEMORY};
    struct ledger *l = NULL;

    assert_int_equal(ledger_open(&l, &options), RC_OK);
    return l;
}

struct ledger *open_store(const char *dir)
{
    struct ledger_options options = {.kind = LEDGER_LMDB, .dir = dir};
    struct ledger *l = NULL;
    enum rc rc = ledger_create(dir);

    assert_true(rc == RC_OK || rc == RC_EXISTS);
    assert_int_equal(ledger_open(&l, &options), RC_OK);
    return l;
}

void must(struct ledger *l, struct ledger_cmd cmd)
{
    assert_int_equal(ledger_call(l, &cmd), RC_OK);
}

struct ledger_account account_in(struct ledger *l, struct id id)
{
    struct ledger_account a = {0};
    struct ledger_view *v = NULL;

    assert_int_equal(ledger_view_open(&v, l), RC_OK);
    assert_int_equal(ledger_view_account(&a, v, id), RC_OK);
    ledger_view_close(v);
    return a;
}

uint64_t available_in(struct ledger *l, struct id id)
{
    struct ledger_account a = account_in(l, id);

    return amount_of(ledger_available(&a));
}
