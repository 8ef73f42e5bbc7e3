/* SPDX-License-Identifier: Apache-2.0 */
/* Rows from a disk that lies: no decoder may fail but by saying so, what is accepted is
 * spelt in that one way, and the auditor's decoder reads the same as the writer's. The
 * first byte says which row; checksums are made to fit, or nothing would get far. */
#include "ledger/audit_book.h"
#include "ledger/ledger_int.h"

#include <assert.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct id some_key = {{1, 2, 3}};

/* The row with a checksum that fits. */
static struct slice sealed(uint8_t *row, size_t len, enum table table, struct slice key)
{
    uint8_t name = (uint8_t)table;
    uint32_t sum = crc32c(0, &name, 1);

    if (len < 4)
        return slice_from((const char *)row, len);
    sum = crc32c(sum, key.bytes, key.len);
    sum = crc32c(sum, row + 4, len - 4);
    for (unsigned i = 0; i < 4; i++)
        row[i] = (uint8_t)(sum >> (8 * i));
    return slice_from((const char *)row, len);
}

static void try_account(uint8_t *row, size_t len)
{
    struct slice key = ledger__id_slice(&some_key);
    struct ledger_account a;
    struct money left;

    if (ledger__account_decode(&a, key, sealed(row, len, TABLE_ACCOUNT, key)) != RC_OK)
        return;
    if ((a.flags & LEDGER_NO_OVERDRAFT) == 0)
        return;
    assert(money_sub(&left, a.credits, a.debits));
    assert(money_sub(&left, left, a.held));
}

static void try_hold(uint8_t *row, size_t len)
{
    struct slice key = ledger__id_slice(&some_key);
    uint8_t again[HOLD_LEN_MAX];
    struct hold h;

    if (ledger__hold_decode(&h, key, sealed(row, len, TABLE_HOLD, key)) == RC_OK)
        assert(ledger__hold_encode(again, &h, key) == len);
}

static void try_others(uint8_t *row, size_t len)
{
    struct slice key = ledger__id_slice(&some_key);
    struct seen seen;
    struct record record;
    struct head head;
    struct id store;
    uint64_t run;

    (void)!ledger__seen_decode(&seen, key, sealed(row, len, TABLE_SEEN, key));
    if (ledger__record_decode(&record, key, sealed(row, len, TABLE_RECORD, key)) ==
        RC_OK)
        assert(record.value.len == len - RECORD_HEAD_LEN);
    (void)!ledger__head_decode(&head, sealed(row, len, TABLE_META, META_HEAD));
    (void)!ledger__run_decode(&run, sealed(row, len, TABLE_META, META_RUN));
    (void)!ledger__identity_decode(&store, sealed(row, len, TABLE_META, META_IDENTITY));
}

static void compare_leg(const struct ledger_leg *a, const struct audit_leg *b)
{
    assert(id_cmp(a->debit, b->debit) == 0 && id_cmp(a->credit, b->credit) == 0);
    assert(money_to_nano(a->amount) == b->asked && a->number == b->number);
    assert(a->debit_flags == b->debit_flags && a->credit_flags == b->credit_flags);
    assert(id_is_none(a->grant_from) == !b->has_grant);
    assert(!b->has_grant || money_to_nano(a->grant) == b->grant);
}

static void compare_write(const struct ledger_write *a, const struct audit_write *b)
{
    uint8_t key[RECORD_KEY_MAX];
    size_t len = ledger__record_key(key, a->kind, a->key);

    assert((unsigned)a->op == b->op && a->version == b->version);
    assert(len == b->key_len && memcmp(key, b->key, len) == 0);
    assert(slice_equal(a->value, b->value));
}

static void compare(const struct ledger_cmd *cmd, const struct audit_entry *e)
{
    assert(id_cmp(cmd->op, e->op) == 0 && (unsigned)cmd->verb == (unsigned)e->verb);
    assert(cmd->forgettable == e->forgettable && cmd->durable == e->durable);
    assert(id_cmp(cmd->hold, e->hold) == 0 && id_cmp(cmd->spill, e->spill) == 0);
    assert(cmd->expires_us == e->expires_us);
    assert(cmd->leg_count == e->leg_count && cmd->write_count == e->write_count);
    for (unsigned i = 0; i < cmd->leg_count; i++)
        compare_leg(&cmd->legs[i], &e->legs[i]);
    for (unsigned i = 0; i < cmd->write_count; i++)
        compare_write(&cmd->writes[i], &e->writes[i]);
}

static void try_command(struct slice bytes, const struct audit_entry *audited)
{
    struct ledger_cmd cmd;
    uint8_t *again;

    if (ledger__command_decode(&cmd, bytes) != RC_OK)
        return;
    assert(ledger__check(&cmd) == RC_OK);
    assert(ledger__command_len(&cmd) == bytes.len);
    again = malloc(bytes.len);
    assert(again != NULL);
    ledger__command_encode(again, &cmd);
    assert(memcmp(again, bytes.bytes, bytes.len) == 0);
    free(again);
    assert(audited != NULL);
    compare(&cmd, audited);
}

static void try_entry(uint8_t *row, size_t len)
{
    struct audit_entry audited;
    struct entry e;
    struct slice raw;
    bool readable;

    if (len < SHA256_LEN)
        return;
    raw = sealed(row, len - SHA256_LEN, TABLE_JOURNAL, SLICE_NONE);
    readable = ledger__audit_decode(&audited, raw);
    if (ledger__entry_decode(&e, slice_from((const char *)row, len)) == RC_OK)
        try_command(e.command, readable ? &audited : NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint8_t *row = malloc(size + 1);

    assert(row != NULL);
    if (size > 0) {
        memcpy(row, data + 1, size - 1);
        switch (data[0] % 4) {
        case 0:
            try_account(row, size - 1);
            break;
        case 1:
            try_hold(row, size - 1);
            break;
        case 2:
            try_others(row, size - 1);
            break;
        default:
            try_entry(row, size - 1);
        }
    }
    free(row);
    return 0;
}
