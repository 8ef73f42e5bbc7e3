/* SPDX-License-Identifier: Apache-2.0 */
/* The books as JSON lines, for people and for programs that are not ours: every entry
 * in words and as the bytes that the chain of hashes covers, then what all entries
 * together came to. docs/ledger.md has the format. Nothing here needs escapes: bytes
 * are hex. */
#include "ledger/ledger_int.h"

#include <inttypes.h>
#include <stdlib.h>

static const char *const verb_names[] = {
    [LEDGER_NOTE] = "note", [LEDGER_TRANSFER] = "transfer",
    [LEDGER_HOLD] = "hold", [LEDGER_CAPTURE] = "capture",
    [LEDGER_VOID] = "void", [LEDGER_EXPIRE] = "expire",
};

struct writing {
    FILE *out;
    enum rc rc;
    uint64_t line_count;
};

static void put_hex(FILE *out, const char *name, struct slice bytes)
{
    char text[2 * 256 + 1];

    (void)fprintf(out, "\"%s\":\"", name);
    while (bytes.len > 0) {
        struct slice piece = slice_sub(bytes, 0, 256);

        hex_encode(text, (const uint8_t *)piece.bytes, piece.len);
        (void)fwrite(text, 1, 2 * piece.len, out);
        bytes = slice_sub(bytes, piece.len, bytes.len);
    }
    (void)fputc('"', out);
}

static void put_id(FILE *out, const char *name, struct id id)
{
    put_hex(out, name, ledger__id_slice(&id));
}

static void put_money(FILE *out, const char *name, struct money m)
{
    char text[MONEY_TEXT_SIZE];

    money_print(text, m);
    (void)fprintf(out, "\"%s\":\"%s\"", name, text);
}

static void put_u64(FILE *out, const char *name, uint64_t v)
{
    (void)fprintf(out, "\"%s\":%" PRIu64, name, v);
}

static void end_line(struct writing *w)
{
    (void)fputs("}\n", w->out);
    w->line_count++;
    if (ferror(w->out))
        w->rc = RC_IO;
}

static void put_leg(FILE *out, const struct ledger_leg *leg, struct money amount)
{
    (void)fputc('{', out);
    put_id(out, "debit", leg->debit);
    if (!id_is_none(leg->credit)) {
        (void)fputc(',', out);
        put_id(out, "credit", leg->credit);
    }
    (void)fputc(',', out);
    put_u64(out, "number", leg->number);
    (void)fputc(',', out);
    put_money(out, "amount", amount);
    (void)fputc('}', out);
}

static void put_legs(FILE *out, const struct entry *e, const struct ledger_cmd *cmd)
{
    (void)fputs(",\"legs\":[", out);
    for (unsigned i = 0; i < cmd->leg_count; i++) {
        struct money amount = cmd->legs[i].amount;

        if ((e->cut & UINT32_C(1) << i) != 0)
            amount = money_sub_floor(amount, e->spilled);
        if (i > 0)
            (void)fputc(',', out);
        put_leg(out, &cmd->legs[i], amount);
    }
    (void)fputc(']', out);
}

static bool put_entry(void *arg, struct slice key, struct slice row)
{
    struct writing *w = arg;
    struct ledger_cmd cmd;
    struct entry e;

    (void)key;
    w->rc = ledger__entry_decode(&e, row);
    if (w->rc == RC_OK)
        w->rc = ledger__command_decode(&cmd, e.command);
    if (w->rc != RC_OK)
        return false;
    (void)fputc('{', w->out);
    put_u64(w->out, "entry", e.seq);
    (void)fputc(',', w->out);
    put_u64(w->out, "time_us", e.time_us);
    (void)fputc(',', w->out);
    put_id(w->out, "op", cmd.op);
    (void)fprintf(w->out, ",\"verb\":\"%s\"", verb_names[cmd.verb]);
    if (!id_is_none(cmd.hold)) {
        (void)fputc(',', w->out);
        put_id(w->out, "hold", cmd.hold);
    }
    put_legs(w->out, &e, &cmd);
    (void)fputc(',', w->out);
    put_money(w->out, "spilled", e.spilled);
    (void)fputc(',', w->out);
    put_money(w->out, "released", e.released);
    (void)fputc(',', w->out);
    put_money(w->out, "balance", e.balance);
    (void)fputc(',', w->out);
    put_hex(w->out, "raw", slice_sub(row, 0, row.len - SHA256_LEN));
    (void)fputc(',', w->out);
    put_hex(w->out, "hash", slice_from((const char *)e.hash, SHA256_LEN));
    end_line(w);
    return w->rc == RC_OK;
}

static bool put_account(void *arg, struct slice key, struct slice row)
{
    struct writing *w = arg;
    struct ledger_account a;

    w->rc = ledger__account_decode(&a, key, row);
    if (w->rc != RC_OK)
        return false;
    (void)fputc('{', w->out);
    put_id(w->out, "account", a.id);
    (void)fprintf(w->out, ",\"number\":%" PRIu32 ",\"flags\":%" PRIu32 ",", a.number,
                  a.flags);
    put_u64(w->out, "opened_us", a.opened_us);
    (void)fputc(',', w->out);
    put_money(w->out, "debits", a.debits);
    (void)fputc(',', w->out);
    put_money(w->out, "credits", a.credits);
    (void)fputc(',', w->out);
    put_money(w->out, "held", a.held);
    end_line(w);
    return w->rc == RC_OK;
}

static bool put_hold(void *arg, struct slice key, struct slice row)
{
    struct writing *w = arg;
    struct hold h;

    w->rc = ledger__hold_decode(&h, key, row);
    if (w->rc != RC_OK)
        return false;
    (void)fputc('{', w->out);
    put_hex(w->out, "holds", key);
    (void)fputc(',', w->out);
    put_u64(w->out, "since", h.seq);
    (void)fputc(',', w->out);
    put_u64(w->out, "expires_us", h.expires_us);
    (void)fprintf(w->out, ",\"durable\":%s,\"on\":[", h.durable ? "true" : "false");
    for (unsigned i = 0; i < h.leg_count; i++) {
        (void)fputs(i > 0 ? ",{" : "{", w->out);
        put_id(w->out, "account", h.accounts[i]);
        (void)fputc(',', w->out);
        put_money(w->out, "amount", h.amounts[i]);
        (void)fputc('}', w->out);
    }
    (void)fputc(']', w->out);
    end_line(w);
    return w->rc == RC_OK;
}

static bool put_record(void *arg, struct slice key, struct slice row)
{
    struct writing *w = arg;
    struct record r;

    w->rc = ledger__record_decode(&r, key, row);
    if (w->rc != RC_OK)
        return false;
    (void)fputc('{', w->out);
    put_u64(w->out, "record", ledger__seq_from_key(slice_sub(key, 0, 2)));
    (void)fputc(',', w->out);
    put_hex(w->out, "key", slice_sub(key, 2, key.len));
    (void)fputc(',', w->out);
    put_u64(w->out, "version", r.version);
    (void)fputc(',', w->out);
    put_hex(w->out, "value", r.value);
    end_line(w);
    return w->rc == RC_OK;
}

static enum rc put_first_line(struct writing *w, struct snapshot *s)
{
    const struct engine_ops *ops = s->engine->ops;
    struct slice row;
    struct id store;

    TRY(ops->get(&row, s, TABLE_META, META_IDENTITY));
    TRY(ledger__identity_decode(&store, row));
    (void)fprintf(w->out, "{\"octroi_ledger\":1,");
    put_id(w->out, "store", store);
    (void)fputc(',', w->out);
    put_u64(w->out, "entries", ops->count(s, TABLE_JOURNAL));
    (void)fputc(',', w->out);
    put_u64(w->out, "accounts", ops->count(s, TABLE_ACCOUNT));
    (void)fputc(',', w->out);
    put_u64(w->out, "hold_count", ops->count(s, TABLE_HOLD));
    (void)fputc(',', w->out);
    put_u64(w->out, "records", ops->count(s, TABLE_RECORD));
    end_line(w);
    return w->rc;
}

static enum rc put_all(struct writing *w, struct snapshot *s)
{
    static const struct {
        enum table table;
        row_fn *put;
    } parts[] = {
        {TABLE_JOURNAL, put_entry},
        {TABLE_ACCOUNT, put_account},
        {TABLE_HOLD, put_hold},
        {TABLE_RECORD, put_record},
    };

    TRY(put_first_line(w, s));
    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
        TRY(s->engine->ops->scan(s, parts[i].table, SLICE_NONE, false, parts[i].put,
                                 w));
        TRY(w->rc);
    }
    (void)fputc('{', w->out);
    put_u64(w->out, "end", w->line_count);
    end_line(w);
    return fflush(w->out) == 0 ? w->rc : RC_IO;
}

enum rc ledger_export(struct ledger *l, FILE *out)
{
    struct writing w = {.out = out, .rc = RC_OK};
    struct snapshot *s;
    enum rc rc;

    TRY(l->engine->ops->snapshot(&s, l->engine));
    rc = put_all(&w, s);
    l->engine->ops->release(s);
    return rc;
}
