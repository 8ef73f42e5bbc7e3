/* SPDX-License-Identifier: Apache-2.0 */
/* Proof from the outside: reads an export line by line, follows the chain of hashes,
 * does every raw entry by the auditor's own rules (audit_book.c), and compares what is
 * written in words with what the bytes say. Of this folder it uses the struct of the
 * report and nothing else. */
#include "ledger/audit_book.h"

#include "base/arena.h"
#include "base/codec.h"
#include "base/json_guard.h"
#include "base/money.h"
#include "ledger/ledger.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    LINE_MAX_BYTES = 1 << 18,
    ARENA_BYTES = 1 << 20,
    TEXT_SIZE = 32 /* of a number or an amount with its quotes */
};

/* Every member that a line may have. */
enum field {
    F_VERSION,
    F_STORE,
    F_ENTRIES,
    F_ACCOUNTS,
    F_HOLDS_COUNT,
    F_RECORDS,
    F_ENTRY,
    F_TIME,
    F_OP,
    F_VERB,
    F_HOLD,
    F_LEGS,
    F_SPILLED,
    F_RELEASED,
    F_BALANCE,
    F_RAW,
    F_HASH,
    F_ACCOUNT,
    F_NUMBER,
    F_FLAGS,
    F_OPENED,
    F_DEBITS,
    F_CREDITS,
    F_HELD,
    F_HOLDS,
    F_SINCE,
    F_EXPIRES,
    F_DURABLE,
    F_ON,
    F_RECORD,
    F_KEY,
    F_RECORD_VERSION,
    F_VALUE,
    F_END,
    F__COUNT
};

static const char *const field_names[F__COUNT] = {
    [F_VERSION] = "octroi_ledger",
    [F_STORE] = "store",
    [F_ENTRIES] = "entries",
    [F_ACCOUNTS] = "accounts",
    [F_HOLDS_COUNT] = "hold_count",
    [F_RECORDS] = "records",
    [F_ENTRY] = "entry",
    [F_TIME] = "time_us",
    [F_OP] = "op",
    [F_VERB] = "verb",
    [F_HOLD] = "hold",
    [F_LEGS] = "legs",
    [F_SPILLED] = "spilled",
    [F_RELEASED] = "released",
    [F_BALANCE] = "balance",
    [F_RAW] = "raw",
    [F_HASH] = "hash",
    [F_ACCOUNT] = "account",
    [F_NUMBER] = "number",
    [F_FLAGS] = "flags",
    [F_OPENED] = "opened_us",
    [F_DEBITS] = "debits",
    [F_CREDITS] = "credits",
    [F_HELD] = "held",
    [F_HOLDS] = "holds",
    [F_SINCE] = "since",
    [F_EXPIRES] = "expires_us",
    [F_DURABLE] = "durable",
    [F_ON] = "on",
    [F_RECORD] = "record",
    [F_KEY] = "key",
    [F_RECORD_VERSION] = "version",
    [F_VALUE] = "value",
    [F_END] = "end",
};

static const char *const verb_texts[] = {
    [AUDIT_NOTE] = "\"note\"", [AUDIT_TRANSFER] = "\"transfer\"",
    [AUDIT_HOLD] = "\"hold\"", [AUDIT_CAPTURE] = "\"capture\"",
    [AUDIT_VOID] = "\"void\"", [AUDIT_EXPIRE] = "\"expire\"",
};

/* The parts of an export come in this order. */
enum part {
    PART_FIRST,
    PART_ENTRIES,
    PART_ACCOUNTS,
    PART_HOLDS,
    PART_RECORDS,
    PART_END
};

struct audit {
    struct ledger_report *report;
    struct audit_book *book;
    struct arena *arena; /* of one line */
    struct json_field fields[F__COUNT];
    uint64_t line;
    enum part part;
    uint64_t said_entries; /* by the first line */
    uint64_t said_accounts;
    uint64_t said_holds;
    uint64_t said_records;
    uint8_t hash[SHA256_LEN];
    bool stopped; /* what follows would only be faults of the first one */
};

static void fault(struct audit *a, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static void fault(struct audit *a, const char *format, ...)
{
    struct ledger_report *report = a->report;
    unsigned index = report->fault_count++;
    size_t size = sizeof(report->faults[0]);
    va_list args;
    int len;

    report->ok = false;
    if (index >= sizeof(report->faults) / size)
        return;
    len = snprintf(report->faults[index], size, "line %" PRIu64 ": ", a->line);
    if (len < 0 || (size_t)len >= size)
        return;
    va_start(args, format);
    (void)vsnprintf(report->faults[index] + len, size - (size_t)len, format, args);
    va_end(args);
}

static void stop(struct audit *a, const char *what)
{
    fault(a, "%s", what);
    a->stopped = true;
}

/* ---- Words against bytes. The words are compared as they are spelt. ---- */

static bool is_text(struct slice raw, const char *text)
{
    return slice_equal_str(raw, text);
}

static bool is_number(struct slice raw, uint64_t value)
{
    char text[TEXT_SIZE];

    (void)snprintf(text, sizeof(text), "%" PRIu64, value);
    return is_text(raw, text);
}

static bool is_amount(struct slice raw, ledger__wide nano)
{
    char amount[MONEY_TEXT_SIZE];
    char text[TEXT_SIZE];

    if (nano < 0 || nano > (ledger__wide)UINT64_MAX)
        return false;
    money_print(amount, money_from_nano((uint64_t)nano));
    (void)snprintf(text, sizeof(text), "\"%s\"", amount);
    return is_text(raw, text);
}

static bool is_hex(struct slice raw, const void *bytes, size_t len)
{
    static const char digits[] = "0123456789abcdef";
    const uint8_t *byte = bytes;

    if (raw.len != 2 * len + 2 || raw.bytes[0] != '"' || raw.bytes[raw.len - 1] != '"')
        return false;
    for (size_t i = 0; i < len; i++) {
        if (raw.bytes[1 + 2 * i] != digits[byte[i] >> 4] ||
            raw.bytes[2 + 2 * i] != digits[byte[i] & 15])
            return false;
    }
    return true;
}

static bool is_id(struct slice raw, struct id id)
{
    return is_hex(raw, id.bytes, sizeof(id.bytes));
}

/* The bytes that a hex string stands for, in the arena. */
static bool read_hex(struct slice *out, struct audit *a, struct slice raw)
{
    struct slice text;
    uint8_t *bytes;

    if (raw.len < 2 || raw.bytes[0] != '"' || raw.len % 2 != 0)
        return false;
    text = slice_sub(raw, 1, raw.len - 2);
    bytes = arena_alloc(a->arena, text.len / 2);
    if (bytes == NULL || hex_decode(bytes, text.len / 2, text) != RC_OK)
        return false;
    *out = slice_from((const char *)bytes, text.len / 2);
    return true;
}

static bool read_id(struct id *out, struct audit *a, struct slice raw)
{
    struct slice bytes;

    if (!read_hex(&bytes, a, raw) || bytes.len != sizeof(out->bytes))
        return false;
    memcpy(out->bytes, bytes.bytes, sizeof(out->bytes));
    return true;
}

static struct slice word(const struct audit *a, enum field f)
{
    return a->fields[f].raw;
}

static bool has(const struct audit *a, enum field f)
{
    return a->fields[f].type != JSON_ABSENT;
}

static struct slice member(struct slice object, const char *name)
{
    struct slice raw;

    return json_raw_member(&raw, object, name) != JSON_ABSENT ? raw : SLICE_NONE;
}

static bool leg_says(struct slice object, const struct audit_leg *leg, bool has_credit)
{
    struct slice credit = member(object, "credit");

    return is_id(member(object, "debit"), leg->debit) &&
           is_number(member(object, "number"), leg->number) &&
           is_amount(member(object, "amount"), leg->moved) &&
           (has_credit ? is_id(credit, leg->credit) : credit.len == 0);
}

static bool legs_say(const struct audit *a, const struct audit_entry *e)
{
    struct slice object;
    unsigned count = 0;
    size_t at = 0;

    while (json_raw_element(&object, word(a, F_LEGS), &at) != JSON_ABSENT) {
        if (count >= e->leg_count ||
            !leg_says(object, &e->legs[count], e->verb != AUDIT_HOLD))
            return false;
        count++;
    }
    return count == e->leg_count && a->fields[F_LEGS].type == JSON_ARRAY;
}

static bool words_say(const struct audit *a, const struct audit_entry *e)
{
    bool hold =
        e->verb >= AUDIT_CAPTURE ? is_id(word(a, F_HOLD), e->hold) : !has(a, F_HOLD);

    return hold && is_number(word(a, F_ENTRY), e->seq) &&
           is_number(word(a, F_TIME), e->time_us) && is_id(word(a, F_OP), e->op) &&
           is_text(word(a, F_VERB), verb_texts[e->verb]) &&
           is_amount(word(a, F_SPILLED), e->spilled) &&
           is_amount(word(a, F_RELEASED), e->released) &&
           is_amount(word(a, F_BALANCE), e->balance) && legs_say(a, e);
}

/* ---- Lines ---- */

static enum rc follow_chain(struct audit *a, struct slice raw)
{
    struct sha256_state s;

    TRY(sha256_start(&s));
    sha256_add(&s, slice_from((const char *)a->hash, SHA256_LEN));
    sha256_add(&s, raw);
    sha256_end(a->hash, &s);
    return RC_OK;
}

static enum rc read_entry(struct audit *a)
{
    const char *wrong = NULL;
    struct audit_entry e;
    struct slice raw;

    if (!read_hex(&raw, a, word(a, F_RAW)) || !ledger__audit_decode(&e, raw)) {
        stop(a, "the raw entry cannot be read");
        return RC_OK;
    }
    TRY(follow_chain(a, raw));
    if (!is_hex(word(a, F_HASH), a->hash, SHA256_LEN)) {
        stop(a, "the hash does not follow from the entries before");
        return RC_OK;
    }
    TRY(ledger__audit_enter(&wrong, a->book, &e));
    if (wrong != NULL) {
        stop(a, wrong);
        return RC_OK;
    }
    if (!words_say(a, &e))
        fault(a, "entry %" PRIu64 ": the words are not what the bytes say", e.seq);
    a->report->entries++;
    return RC_OK;
}

static void read_account(struct audit *a)
{
    struct audit_account *account = NULL;
    struct id id;

    if (read_id(&id, a, word(a, F_ACCOUNT)))
        account = ledger__audit_account(a->book, id);
    if (account == NULL || account->matched) {
        fault(a, "an account that the entries do not know, or twice");
        return;
    }
    account->matched = true;
    if (!is_number(word(a, F_NUMBER), account->number) ||
        !is_number(word(a, F_FLAGS), account->flags) ||
        !is_number(word(a, F_OPENED), account->opened_us) ||
        !is_amount(word(a, F_DEBITS), account->debits) ||
        !is_amount(word(a, F_CREDITS), account->credits) ||
        !is_amount(word(a, F_HELD), account->held))
        fault(a, "an account is not what the entries come to");
}

static bool parts_say(const struct audit *a, const struct audit_hold *h)
{
    struct slice object;
    unsigned count = 0;
    size_t at = 0;

    while (json_raw_element(&object, word(a, F_ON), &at) != JSON_ABSENT) {
        if (count >= h->leg_count ||
            !is_id(member(object, "account"), h->accounts[count]) ||
            !is_amount(member(object, "amount"), h->amounts[count]))
            return false;
        count++;
    }
    return count == h->leg_count && a->fields[F_ON].type == JSON_ARRAY;
}

static void read_hold(struct audit *a)
{
    struct audit_hold *h = NULL;
    struct id op;

    if (read_id(&op, a, word(a, F_HOLDS)))
        h = ledger__audit_hold(a->book, op);
    if (h == NULL || h->matched) {
        fault(a, "a hold that the entries do not know, or twice");
        return;
    }
    h->matched = true;
    if (!is_number(word(a, F_SINCE), h->seq) ||
        !is_number(word(a, F_EXPIRES), h->expires_us) ||
        !is_text(word(a, F_DURABLE), h->durable ? "true" : "false") || !parts_say(a, h))
        fault(a, "a hold is not what the entries say");
}

static void read_record(struct audit *a)
{
    struct audit_record *r = NULL;
    uint8_t key[AUDIT_KEY_MAX];
    struct slice rest;
    uint64_t kind;

    if (json_raw_u64(&kind, word(a, F_RECORD)) == RC_OK && kind <= UINT16_MAX &&
        read_hex(&rest, a, word(a, F_KEY)) && rest.len <= sizeof(key) - 2) {
        key[0] = (uint8_t)(kind >> 8);
        key[1] = (uint8_t)kind;
        memcpy(key + 2, rest.bytes, rest.len);
        r = ledger__audit_record(a->book, slice_from((const char *)key, rest.len + 2));
    }
    if (r == NULL || r->matched) {
        fault(a, "a record that the entries do not know, or twice");
        return;
    }
    r->matched = true;
    if (!is_number(word(a, F_RECORD_VERSION), r->version) ||
        !is_hex(word(a, F_VALUE), r->value, r->value_len))
        fault(a, "a record is not what the entries say");
}

static void read_first(struct audit *a)
{
    if (!is_text(word(a, F_VERSION), "1") ||
        json_raw_u64(&a->said_entries, word(a, F_ENTRIES)) != RC_OK ||
        json_raw_u64(&a->said_accounts, word(a, F_ACCOUNTS)) != RC_OK ||
        json_raw_u64(&a->said_holds, word(a, F_HOLDS_COUNT)) != RC_OK ||
        json_raw_u64(&a->said_records, word(a, F_RECORDS)) != RC_OK)
        stop(a, "not the first line of an export");
}

static void read_end(struct audit *a)
{
    if (!is_number(word(a, F_END), a->line - 1))
        fault(a, "lines are missing");
}

static enum part part_of(const struct audit *a)
{
    if (has(a, F_ENTRY))
        return PART_ENTRIES;
    if (has(a, F_ACCOUNT))
        return PART_ACCOUNTS;
    if (has(a, F_HOLDS))
        return PART_HOLDS;
    if (has(a, F_RECORD))
        return PART_RECORDS;
    return has(a, F_END) ? PART_END : PART_FIRST;
}

static enum rc read_part(struct audit *a)
{
    enum part part = part_of(a);

    if (part < a->part || (part == PART_FIRST) != (a->line == 1) ||
        a->part == PART_END) {
        stop(a, "a line in the wrong place");
        return RC_OK;
    }
    a->part = part;
    switch (part) {
    case PART_FIRST:
        read_first(a);
        break;
    case PART_ENTRIES:
        return read_entry(a);
    case PART_ACCOUNTS:
        read_account(a);
        break;
    case PART_HOLDS:
        read_hold(a);
        break;
    case PART_RECORDS:
        read_record(a);
        break;
    case PART_END:
        read_end(a);
        break;
    }
    return RC_OK;
}

static enum rc read_line(struct audit *a, struct slice line)
{
    static const struct json_limits limits = {.bytes = LINE_MAX_BYTES, .depth = 3};
    enum rc rc;

    a->line++;
    arena_reset(a->arena);
    for (unsigned i = 0; i < F__COUNT; i++)
        a->fields[i] = (struct json_field){.name = field_names[i]};
    rc = json_guard(line, &limits, a->fields, F__COUNT, NULL, a->arena);
    if (rc == RC_NOMEM)
        return rc;
    if (rc != RC_OK) {
        stop(a, "not a JSON object");
        return RC_OK;
    }
    return read_part(a);
}

/* ---- The end ---- */

struct audit_sum {
    uint32_t number;
    ledger__wide difference;
};

static int by_number(const void *a, const void *b)
{
    uint32_t x = ((const struct audit_sum *)a)->number;
    uint32_t y = ((const struct audit_sum *)b)->number;

    return (x > y) - (x < y);
}

static enum rc check_sums(struct audit *a)
{
    uint64_t count = ledger__audit_account_count(a->book);
    struct audit_sum *sums = calloc((size_t)count + 1, sizeof(*sums));
    const struct audit_account *account;
    ledger__wide total = 0;
    size_t used = 0;
    size_t at = 0;

    if (sums == NULL)
        return RC_NOMEM;
    while ((account = ledger__audit_next_account(a->book, &at)) != NULL)
        sums[used++] =
            (struct audit_sum){account->number, account->credits - account->debits};
    qsort(sums, used, sizeof(*sums), by_number);
    for (size_t i = 0; i < used; i++) {
        total += sums[i].difference;
        if (i + 1 < used && sums[i + 1].number == sums[i].number)
            continue;
        if (total != 0)
            fault(a, "ledger number %" PRIu32 ": debits are not credits",
                  sums[i].number);
        total = 0;
    }
    free(sums);
    return RC_OK;
}

static void check_all_matched(struct audit *a)
{
    const struct audit_account *account;
    const struct audit_record *record;
    const struct audit_hold *hold;
    unsigned missing = 0;
    size_t at = 0;

    while ((account = ledger__audit_next_account(a->book, &at)) != NULL)
        missing += !account->matched;
    for (at = 0; (hold = ledger__audit_next_hold(a->book, &at)) != NULL;)
        missing += !hold->matched;
    for (at = 0; (record = ledger__audit_next_record(a->book, &at)) != NULL;)
        missing += !record->matched;
    if (missing > 0)
        fault(a, "%u accounts, holds or records of the entries are missing", missing);
}

static enum rc finish(struct audit *a)
{
    struct ledger_report *report = a->report;

    report->accounts = ledger__audit_account_count(a->book);
    report->holds = ledger__audit_hold_count(a->book);
    memcpy(report->head, a->hash, SHA256_LEN);
    if (a->stopped)
        return RC_OK;
    if (a->part != PART_END)
        fault(a, "the end is missing");
    if (a->said_entries != report->entries || a->said_accounts != report->accounts ||
        a->said_holds != report->holds ||
        a->said_records != ledger__audit_record_count(a->book))
        fault(a, "the first line counts otherwise");
    check_all_matched(a);
    return check_sums(a);
}

static enum rc read_all(struct audit *a, FILE *in)
{
    char *line = NULL;
    size_t size = 0;
    ssize_t len;
    enum rc rc = RC_OK;

    while (rc == RC_OK && !a->stopped && (len = getline(&line, &size, in)) >= 0)
        rc = read_line(a, slice_from(line, (size_t)len));
    free(line);
    return rc == RC_OK && ferror(in) ? RC_IO : rc;
}

enum rc ledger_audit(FILE *in, struct ledger_report *report)
{
    struct audit *a = calloc(1, sizeof(*a));
    enum rc rc;

    *report = (struct ledger_report){.ok = true};
    if (a == NULL)
        return RC_NOMEM;
    a->report = report;
    rc = arena_open(&a->arena, ARENA_BYTES);
    if (rc == RC_OK)
        rc = ledger__audit_book_open(&a->book);
    if (rc == RC_OK)
        rc = read_all(a, in);
    if (rc == RC_OK)
        rc = finish(a);
    ledger__audit_book_close(a->book);
    arena_close(a->arena);
    free(a);
    return rc;
}
