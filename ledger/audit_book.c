/* SPDX-License-Identifier: Apache-2.0 */
/* The auditor's book. Every entry states what was asked and what came of it; here the
 * outcome is worked out anew and must agree. Balances are kept as wide signed numbers,
 * so that a wrong one shows as negative or too large instead of wrapping. */
#include "ledger/audit_book.h"

#include "base/map.h"

#include <stdlib.h>
#include <string.h>

enum {
    NO_OVERDRAFT = 1,
    FIRST_CAPACITY = 1024
};

#define DAY_US (UINT64_C(86400) * 1000000)

/* A map that grows. */
struct table {
    struct map *map;
    size_t capacity;
};

struct operation {
    struct id op;
    uint64_t time_us;
    bool forgettable;
};

struct audit_book {
    struct table accounts;
    struct table holds;
    struct table operations;
    struct table records;
    uint64_t seq;
    uint64_t time_us;
    uint64_t run;
};

static struct slice key_of(const struct id *id)
{
    return slice_from((const char *)id->bytes, sizeof(id->bytes));
}

/* ---- Tables ---- */

static enum rc table_open(struct table *t)
{
    t->capacity = FIRST_CAPACITY;
    return map_open(&t->map, t->capacity);
}

static void table_close(struct table *t)
{
    size_t at = 0;
    void *value;

    if (t->map == NULL)
        return;
    while ((value = map_next(t->map, &at)) != NULL)
        free(value);
    map_close(t->map);
}

/* Each kind of value begins with the bytes of its key, so that a larger map can be
 * filled from a smaller one. */
static enum rc table_grow(struct table *t, bool record_keys)
{
    struct map *larger;
    size_t at = 0;
    void *value;
    enum rc rc = RC_OK;

    TRY(map_open(&larger, t->capacity * 2));
    while (rc == RC_OK && (value = map_next(t->map, &at)) != NULL) {
        size_t len =
            record_keys ? ((struct audit_record *)value)->key_len : sizeof(struct id);

        rc = map_put(larger, slice_from(value, len), value);
    }
    if (rc != RC_OK) {
        map_close(larger);
        return rc;
    }
    map_close(t->map);
    t->map = larger;
    t->capacity *= 2;
    return RC_OK;
}

static enum rc table_put(struct table *t, struct slice key, void *value,
                         bool record_keys)
{
    enum rc rc = map_put(t->map, key, value);

    if (rc == RC_FULL) {
        TRY(table_grow(t, record_keys));
        rc = map_put(t->map, key, value);
    }
    return rc;
}

/* ---- Decoding ---- */

struct bytes {
    const uint8_t *at;
    size_t left;
    bool short_of;
};

static uint64_t number(struct bytes *b, unsigned size)
{
    uint64_t value = 0;

    if (b->left < size) {
        b->short_of = true;
        return 0;
    }
    for (unsigned i = size; i-- > 0;)
        value = value << 8 | b->at[i];
    b->at += size;
    b->left -= size;
    return value;
}

static struct slice piece(struct bytes *b, size_t len)
{
    const uint8_t *at = b->at;

    if (b->left < len) {
        b->short_of = true;
        return SLICE_NONE;
    }
    b->at += len;
    b->left -= len;
    return slice_from((const char *)at, len);
}

static struct id identifier(struct bytes *b)
{
    struct slice s = piece(b, sizeof(struct id));
    struct id id = ID_NONE;

    if (s.len == sizeof(id.bytes))
        memcpy(id.bytes, s.bytes, sizeof(id.bytes));
    return id;
}

static void decode_leg(struct audit_leg *leg, struct bytes *b, bool has_credit)
{
    leg->has_grant = number(b, 1) == 1;
    leg->debit_flags = (unsigned)number(b, 1);
    leg->credit_flags = (unsigned)number(b, 1);
    (void)number(b, 1);
    leg->number = (uint32_t)number(b, 4);
    leg->asked = number(b, 8);
    leg->debit = identifier(b);
    if (has_credit)
        leg->credit = identifier(b);
    if (leg->has_grant) {
        leg->grant = number(b, 8);
        leg->grant_from = identifier(b);
    }
}

static void decode_write(struct audit_write *w, struct bytes *b)
{
    uint64_t key_len;
    uint64_t value_len;
    uint64_t kind;
    struct slice key;

    w->op = (unsigned)number(b, 1);
    key_len = number(b, 1);
    kind = number(b, 2);
    value_len = number(b, 4);
    w->version = number(b, 8);
    key = piece(b, (size_t)key_len);
    w->value = piece(b, (size_t)value_len);
    if (b->short_of || key.len < 1 || key.len > AUDIT_KEY_MAX - 2 || w->op > 3) {
        b->short_of = true;
        return;
    }
    w->key[0] = (uint8_t)(kind >> 8);
    w->key[1] = (uint8_t)kind;
    memcpy(w->key + 2, key.bytes, key.len);
    w->key_len = key.len + 2;
}

static void decode_command(struct audit_entry *e, struct bytes *b)
{
    uint64_t bits;
    uint64_t tags;
    uint64_t memo_len;
    uint64_t verb;

    e->op = identifier(b);
    verb = number(b, 1);
    bits = number(b, 1);
    e->leg_count = (unsigned)number(b, 1);
    e->write_count = (unsigned)number(b, 1);
    tags = number(b, 1);
    (void)number(b, 1);
    memo_len = number(b, 2);
    if (verb > AUDIT_EXPIRE || bits > 15 || e->leg_count > AUDIT_LEGS ||
        e->write_count > AUDIT_WRITES || tags > AUDIT_TAGS) {
        b->short_of = true;
        return;
    }
    e->verb = (enum audit_verb)verb;
    e->forgettable = (bits & 1) != 0;
    e->durable = (bits & 2) != 0;
    if (e->verb >= AUDIT_CAPTURE)
        e->hold = identifier(b);
    if ((bits & 4) != 0)
        e->expires_us = number(b, 8);
    if ((bits & 8) != 0)
        e->spill = identifier(b);
    (void)piece(b, (size_t)tags * sizeof(struct id));
    for (unsigned i = 0; i < e->leg_count; i++)
        decode_leg(&e->legs[i], b, e->verb != AUDIT_HOLD);
    for (unsigned i = 0; i < e->write_count; i++)
        decode_write(&e->writes[i], b);
    (void)piece(b, (size_t)memo_len);
}

bool ledger__audit_decode(struct audit_entry *out, struct slice raw)
{
    struct bytes b = {(const uint8_t *)raw.bytes, raw.len, false};

    memset(out, 0, sizeof(*out));
    (void)number(&b, 4); /* a checksum: the chain of hashes says more */
    if (number(&b, 4) != 1)
        return false;
    out->seq = number(&b, 8);
    out->time_us = number(&b, 8);
    out->run = number(&b, 8);
    out->spilled = number(&b, 8);
    out->released = number(&b, 8);
    out->balance = number(&b, 8);
    out->cut = (uint32_t)number(&b, 4);
    out->opened = (uint32_t)number(&b, 4);
    decode_command(out, &b);
    return !b.short_of && b.left == 0;
}

/* ---- Accounts ---- */

/* One entry being entered: the first fault stands. */
struct entering {
    struct audit_book *book;
    struct audit_entry *e;
    uint32_t opened;
    const char *fault;
    enum rc rc;
};

static void complain(struct entering *n, const char *fault)
{
    if (n->fault == NULL)
        n->fault = fault;
}

static bool going(const struct entering *n)
{
    return n->fault == NULL && n->rc == RC_OK;
}

static ledger__wide spendable(const struct audit_account *a)
{
    return a->credits - a->debits - a->held;
}

/* After every step: nothing below zero that must not be, nothing that 64 bits do not
 * hold. */
static void check_account(struct entering *n, const struct audit_account *a)
{
    const ledger__wide top = UINT64_MAX;

    if ((a->flags & NO_OVERDRAFT) != 0 && spendable(a) < 0)
        complain(n, "an account is overdrawn");
    if (a->debits > top || a->credits > top || a->held > top || a->held < 0)
        complain(n, "an amount does not fit");
}

struct audit_account *ledger__audit_account(struct audit_book *b, struct id id)
{
    return map_get(b->accounts.map, key_of(&id));
}

static struct audit_account *open_account(struct entering *n, struct id id, uint32_t on,
                                          unsigned flags, uint32_t opened_bit)
{
    struct audit_account *a = ledger__audit_account(n->book, id);

    if (a != NULL) {
        if (a->number != on || a->flags != flags)
            complain(n, "an account has another number or other flags");
        return a;
    }
    a = calloc(1, sizeof(*a));
    if (a == NULL) {
        n->rc = RC_NOMEM;
        return NULL;
    }
    *a = (struct audit_account){
        .id = id, .number = on, .flags = flags, .opened_us = n->e->time_us};
    n->rc = table_put(&n->book->accounts, key_of(&a->id), a, false);
    if (n->rc != RC_OK) {
        free(a);
        return NULL;
    }
    n->opened |= opened_bit;
    return a;
}

static void move(struct entering *n, struct audit_account *from,
                 struct audit_account *to, uint64_t amount)
{
    if (!going(n))
        return;
    from->debits += amount;
    to->credits += amount;
    check_account(n, from);
    check_account(n, to);
}

static struct audit_account *open_debit(struct entering *n, unsigned i)
{
    const struct audit_leg *leg = &n->e->legs[i];
    uint32_t bit = UINT32_C(1) << (2 * i);
    uint32_t before = n->opened;
    struct audit_account *a =
        open_account(n, leg->debit, leg->number, leg->debit_flags, bit);

    if (going(n) && n->opened != before && leg->has_grant) {
        struct audit_account *source =
            open_account(n, leg->grant_from, leg->number, 0, 0);

        if (going(n))
            move(n, source, a, leg->grant);
    }
    return a;
}

static void enter_legs(struct entering *n)
{
    for (unsigned i = 0; i < n->e->leg_count && going(n); i++) {
        struct audit_leg *leg = &n->e->legs[i];
        struct audit_account *debit = open_debit(n, i);
        struct audit_account *credit;

        if (!going(n))
            return;
        credit = open_account(n, leg->credit, leg->number, leg->credit_flags,
                              UINT32_C(2) << (2 * i));
        if (going(n) && debit == credit)
            complain(n, "a leg moves from an account to itself");
        move(n, debit, credit, leg->moved);
    }
}

/* ---- Holds ---- */

struct audit_hold *ledger__audit_hold(struct audit_book *b, struct id op)
{
    return map_get(b->holds.map, key_of(&op));
}

static void enter_hold(struct entering *n)
{
    struct audit_hold *h = calloc(1, sizeof(*h));

    if (h == NULL) {
        n->rc = RC_NOMEM;
        return;
    }
    h->op = n->e->op;
    h->seq = n->e->seq;
    h->expires_us = n->e->expires_us;
    h->durable = n->e->durable;
    h->leg_count = n->e->leg_count;
    for (unsigned i = 0; i < h->leg_count && going(n); i++) {
        struct audit_account *a = open_debit(n, i);

        h->accounts[i] = n->e->legs[i].debit;
        h->amounts[i] = n->e->legs[i].asked;
        if (going(n)) {
            a->held += h->amounts[i];
            check_account(n, a);
        }
    }
    if (going(n))
        n->rc = table_put(&n->book->holds, key_of(&h->op), h, false);
    if (!going(n))
        free(h);
}

static ledger__wide held_on(const struct audit_hold *h, struct id account, bool *any)
{
    ledger__wide sum = 0;

    *any = false;
    for (unsigned i = 0; i < h->leg_count; i++) {
        if (id_cmp(h->accounts[i], account) != 0)
            continue;
        *any = true;
        sum += h->amounts[i];
    }
    return sum;
}

static ledger__wide asked_of(const struct audit_entry *e, struct id account,
                             unsigned *legs)
{
    ledger__wide sum = 0;

    *legs = 0;
    for (unsigned i = 0; i < e->leg_count; i++) {
        if (id_cmp(e->legs[i].debit, account) != 0)
            continue;
        ++*legs;
        sum += e->legs[i].asked;
    }
    return sum;
}

/* What of the excess nobody could bear, worked out before the hold is released: what an
 * account can spend now is just what it can bear beyond its hold. */
static ledger__wide unborne(struct entering *n, const struct audit_hold *h,
                            uint32_t *cut)
{
    ledger__wide excess = 0;
    ledger__wide borne = 0;

    *cut = 0;
    for (unsigned i = 0; i < n->e->leg_count; i++) {
        const struct audit_account *a =
            ledger__audit_account(n->book, n->e->legs[i].debit);
        unsigned legs;
        bool any;
        ledger__wide over = asked_of(n->e, n->e->legs[i].debit, &legs) -
                            held_on(h, n->e->legs[i].debit, &any);

        if (!any || a == NULL) {
            complain(n, "a capture from an account that is not on the hold");
            return 0;
        }
        if (over <= 0)
            continue;
        if (*cut == 0)
            excess = borne = over;
        if (over != excess || legs != 1 || id_is_none(n->e->spill) ||
            (*cut == 0 && i != 0))
            complain(n, "a capture asks for more than was held in a wrong way");
        *cut |= UINT32_C(1) << i;
        if ((a->flags & NO_OVERDRAFT) != 0 && spendable(a) < borne)
            borne = spendable(a);
    }
    return excess - borne;
}

static void release(struct entering *n, struct audit_hold *h)
{
    for (unsigned i = 0; i < h->leg_count && going(n); i++) {
        struct audit_account *a = ledger__audit_account(n->book, h->accounts[i]);

        if (a == NULL) {
            complain(n, "a hold is on an account that is not there");
            return;
        }
        a->held -= h->amounts[i];
        check_account(n, a);
    }
}

static void enter_capture(struct entering *n, struct audit_hold *h)
{
    struct audit_leg *legs = n->e->legs;
    uint32_t cut;
    ledger__wide rest = unborne(n, h, &cut);
    struct audit_account *from;

    if (!going(n))
        return;
    if (rest != (ledger__wide)n->e->spilled || cut != n->e->cut) {
        complain(n, "what was spilled is not what could not be borne");
        return;
    }
    release(n, h);
    for (unsigned i = 0; i < n->e->leg_count; i++) {
        bool is_cut = (cut & UINT32_C(1) << i) != 0;

        legs[i].moved = legs[i].asked - (is_cut ? n->e->spilled : 0);
    }
    enter_legs(n);
    if (rest == 0 || !going(n))
        return;
    from = open_account(n, n->e->spill, legs[0].number, 0, 0);
    if (going(n))
        move(n, from, ledger__audit_account(n->book, legs[0].credit), n->e->spilled);
}

/* What the hold gave back on the account of its first leg. */
static uint64_t given_back(const struct audit_entry *e, const struct audit_hold *h)
{
    bool any;
    ledger__wide rest = held_on(h, h->accounts[0], &any);

    for (unsigned i = 0; i < e->leg_count; i++) {
        if (id_cmp(e->legs[i].debit, h->accounts[0]) == 0)
            rest -= e->legs[i].moved;
    }
    return rest > 0 ? (uint64_t)rest : 0;
}

/* Takes the hold out; its caller frees it. */
static struct audit_hold *enter_end(struct entering *n)
{
    struct audit_hold *h = ledger__audit_hold(n->book, n->e->hold);

    if (h == NULL) {
        complain(n, "a hold ends that is not there");
        return NULL;
    }
    if (n->e->verb == AUDIT_EXPIRE &&
        (h->expires_us == 0 || n->e->time_us < h->expires_us))
        complain(n, "a hold expires before its time");
    if (!going(n))
        return NULL;
    if (n->e->verb == AUDIT_CAPTURE)
        enter_capture(n, h);
    else
        release(n, h);
    if (going(n) && given_back(n->e, h) != n->e->released)
        complain(n, "what was released is not what was left");
    /* The operation of a hold counts from its end. */
    ((struct operation *)map_get(n->book->operations.map, key_of(&h->op)))->time_us =
        n->e->time_us;
    (void)map_remove(n->book->holds.map, key_of(&h->op));
    return h;
}

/* ---- Records ---- */

struct audit_record *ledger__audit_record(struct audit_book *b, struct slice key)
{
    return map_get(b->records.map, key);
}

static void store_record(struct entering *n, const struct audit_write *w,
                         uint64_t version)
{
    struct slice key = slice_from((const char *)w->key, w->key_len);
    struct audit_record *r = calloc(1, sizeof(*r) + w->value.len + 1);

    if (r == NULL) {
        n->rc = RC_NOMEM;
        return;
    }
    memcpy(r->key, w->key, w->key_len);
    r->key_len = w->key_len;
    r->version = version;
    r->value_len = w->value.len;
    if (w->value.len > 0)
        memcpy(r->value, w->value.bytes, w->value.len);
    free(map_remove(n->book->records.map, key));
    n->rc = table_put(&n->book->records, slice_from((const char *)r->key, r->key_len),
                      r, true);
    if (n->rc != RC_OK)
        free(r);
}

static void enter_write(struct entering *n, const struct audit_write *w)
{
    struct slice key = slice_from((const char *)w->key, w->key_len);
    const struct audit_record *r = ledger__audit_record(n->book, key);
    uint64_t version = r != NULL ? r->version : 0;

    switch (w->op) {
    case 0: /* insert */
        if (r != NULL)
            complain(n, "a record is inserted that is there");
        break;
    case 1: /* put */
    case 3: /* expect */
        if (w->version != UINT64_MAX && w->version != version)
            complain(n, "a record has another version");
        break;
    case 2: /* delete */
        if (r == NULL || (w->version != UINT64_MAX && w->version != version))
            complain(n, "a record is deleted that is not there");
        break;
    default:
        complain(n, "a write of no known kind");
    }
    if (!going(n) || w->op == 3)
        return;
    if (w->op == 2)
        free(map_remove(n->book->records.map, key));
    else
        store_record(n, w, version + 1);
}

/* ---- Entries ---- */

static void enter_operation(struct entering *n)
{
    struct operation *o = map_get(n->book->operations.map, key_of(&n->e->op));

    if (o != NULL && !(o->forgettable && n->e->time_us - o->time_us >= DAY_US))
        complain(n, "an operation is done twice");
    if (n->e->verb == AUDIT_HOLD && ledger__audit_hold(n->book, n->e->op) != NULL)
        complain(n, "a hold is made twice");
    if (!going(n))
        return;
    if (o == NULL) {
        o = calloc(1, sizeof(*o));
        if (o == NULL) {
            n->rc = RC_NOMEM;
            return;
        }
        o->op = n->e->op;
        n->rc = table_put(&n->book->operations, key_of(&o->op), o, false);
        if (n->rc != RC_OK) {
            free(o);
            return;
        }
    }
    o->time_us = n->e->time_us;
    o->forgettable = n->e->forgettable;
}

static void check_place(struct entering *n)
{
    struct audit_book *b = n->book;

    if (n->e->seq != b->seq + 1)
        complain(n, "entries are missing or out of order");
    else if (n->e->time_us < b->time_us || n->e->run < b->run)
        complain(n, "time goes backwards");
    b->seq = n->e->seq;
    b->time_us = n->e->time_us;
    b->run = n->e->run;
}

static void check_balance(struct entering *n, const struct audit_hold *ended)
{
    const struct audit_entry *e = n->e;
    struct id id = ID_NONE;
    const struct audit_account *a;
    ledger__wide balance = 0;

    if (e->verb == AUDIT_TRANSFER && e->legs[0].credit_flags != 0)
        id = e->legs[0].credit;
    else if (e->leg_count > 0)
        id = e->legs[0].debit;
    else if (ended != NULL)
        id = ended->accounts[0];
    a = ledger__audit_account(n->book, id);
    if (a != NULL && a->credits > a->debits)
        balance = a->credits - a->debits;
    if (balance != (ledger__wide)e->balance)
        complain(n, "the balance is wrong");
    if (n->opened != e->opened)
        complain(n, "accounts were opened otherwise");
    if (ended == NULL && e->released != 0)
        complain(n, "something was released without a hold");
    if (e->verb != AUDIT_CAPTURE && (e->spilled != 0 || e->cut != 0))
        complain(n, "something was spilled without a capture");
}

static void check_form(struct entering *n)
{
    bool legs = n->e->verb == AUDIT_TRANSFER || n->e->verb == AUDIT_HOLD ||
                n->e->verb == AUDIT_CAPTURE;

    if (legs != (n->e->leg_count > 0))
        complain(n, "legs where there are none, or none where there are some");
    for (unsigned i = 0; i < n->e->leg_count; i++)
        n->e->legs[i].moved = n->e->legs[i].asked;
}

enum rc ledger__audit_enter(const char **fault, struct audit_book *b,
                            struct audit_entry *e)
{
    struct entering n = {.book = b, .e = e, .rc = RC_OK};
    struct audit_hold *ended = NULL;

    check_place(&n);
    check_form(&n);
    if (going(&n))
        enter_operation(&n);
    for (unsigned i = 0; i < e->write_count && going(&n); i++)
        enter_write(&n, &e->writes[i]);
    if (going(&n) && e->verb == AUDIT_TRANSFER)
        enter_legs(&n);
    else if (going(&n) && e->verb == AUDIT_HOLD)
        enter_hold(&n);
    else if (going(&n) && e->verb != AUDIT_NOTE)
        ended = enter_end(&n);
    if (going(&n))
        check_balance(&n, ended);
    free(ended);
    *fault = n.fault;
    return n.rc;
}

/* ---- The book ---- */

enum rc ledger__audit_book_open(struct audit_book **out)
{
    struct audit_book *b = calloc(1, sizeof(*b));
    enum rc rc;

    if (b == NULL)
        return RC_NOMEM;
    rc = table_open(&b->accounts);
    if (rc == RC_OK)
        rc = table_open(&b->holds);
    if (rc == RC_OK)
        rc = table_open(&b->operations);
    if (rc == RC_OK)
        rc = table_open(&b->records);
    if (rc != RC_OK) {
        ledger__audit_book_close(b);
        return rc;
    }
    *out = b;
    return RC_OK;
}

void ledger__audit_book_close(struct audit_book *b)
{
    if (b == NULL)
        return;
    table_close(&b->accounts);
    table_close(&b->holds);
    table_close(&b->operations);
    table_close(&b->records);
    free(b);
}

struct audit_account *ledger__audit_next_account(struct audit_book *b, size_t *at)
{
    return map_next(b->accounts.map, at);
}

struct audit_hold *ledger__audit_next_hold(struct audit_book *b, size_t *at)
{
    return map_next(b->holds.map, at);
}

struct audit_record *ledger__audit_next_record(struct audit_book *b, size_t *at)
{
    return map_next(b->records.map, at);
}

uint64_t ledger__audit_account_count(const struct audit_book *b)
{
    return map_count(b->accounts.map);
}

uint64_t ledger__audit_hold_count(const struct audit_book *b)
{
    return map_count(b->holds.map);
}

uint64_t ledger__audit_record_count(const struct audit_book *b)
{
    return map_count(b->records.map);
}
