/* SPDX-License-Identifier: Apache-2.0 */
/* Limits. A windowed limit is not a counter: for each (limit, start of window) there is
 * an account on a ledger number of its own, opened with the limit as its credit by the
 * first hold that touches it (product rule: limits are not refilled). A changed limit
 * is a transfer on the current account. Who is bound by which limit is caller.c's
 * business. */
#include "wallet/limit.h"

#include "base/clock.h"
#include "base/codec.h"
#include "wallet/wallet_int.h"

#include <assert.h>
#include <string.h>

/* A window that begins so soon is adjusted together with the current one: a hold that
 * slips in between reading and committing must not open it with the old amount. */
enum {
    NEXT_WINDOW_SOON_US = 60 * 1000000
};

/* The windows that one change may touch: the current one and the next. */
enum {
    WINDOWS_MAX = 2
};

static const char *const per_names[WALLET_PER__COUNT] = {
    [WALLET_PER_CALL] = "call",   [WALLET_PER_HOUR] = "hour",
    [WALLET_PER_DAY] = "day",     [WALLET_PER_MONTH] = "month",
    [WALLET_PER_TOTAL] = "total",
};

const char *wallet_per_name(enum wallet_per per)
{
    assert((unsigned)per < WALLET_PER__COUNT);
    return per_names[per];
}

enum rc wallet_per_parse(enum wallet_per *out, struct slice text)
{
    for (unsigned per = 0; per < WALLET_PER__COUNT; per++) {
        if (slice_equal_str(text, per_names[per])) {
            *out = (enum wallet_per)per;
            return RC_OK;
        }
    }
    return RC_BAD_INPUT;
}

/* ---- Windows and their accounts ---- */

/* False: there is one window that never ends, or none at all. */
static bool clock_window_of(enum clock_window *out, enum wallet_per per)
{
    switch (per) {
    case WALLET_PER_HOUR:
        *out = CLOCK_HOUR;
        return true;
    case WALLET_PER_DAY:
        *out = CLOCK_DAY;
        return true;
    case WALLET_PER_MONTH:
        *out = CLOCK_MONTH;
        return true;
    case WALLET_PER_CALL:
    case WALLET_PER_TOTAL:
    case WALLET_PER__COUNT:
        break;
    }
    return false;
}

uint64_t wallet__window_start_us(enum wallet_per per, uint64_t now_us)
{
    enum clock_window w;

    return clock_window_of(&w, per) ? clock_window_start(w, now_us) : 0;
}

uint64_t wallet__window_end_us(enum wallet_per per, uint64_t now_us)
{
    enum clock_window w;

    return clock_window_of(&w, per) ? clock_window_end(w, now_us) : 0;
}

struct id wallet__key_scope(const char *key_id)
{
    struct id scope = {"key/"}; /* no wallet's id: that starts with its time */

    memcpy(scope.bytes + 4, key_id, WALLET_KEY_ID_LEN);
    return scope;
}

struct id wallet__window_account(const struct wallet__limit_of *of, uint64_t start_us)
{
    uint8_t origin[ID_LEN + 1 + 4];
    uint8_t digest[SHA256_LEN];
    uint64_t start_ms = start_us / 1000;
    struct id id;

    memcpy(origin, of->scope.bytes, ID_LEN);
    origin[ID_LEN] = (uint8_t)of->per;
    for (size_t i = 0; i < 4; i++)
        origin[ID_LEN + 1 + i] = (uint8_t)(of->generation >> (8 * i));
    sha256(digest, slice_from((const char *)origin, sizeof(origin)));
    for (size_t i = 0; i < 6; i++)
        id.bytes[i] = (uint8_t)(start_ms >> (40 - 8 * i));
    memcpy(id.bytes + 6, digest, ID_LEN - 6);
    id.bytes[ID_LEN - 1] &= 0xFE;
    return id;
}

struct id wallet__window_source(struct id window)
{
    window.bytes[ID_LEN - 1] |= 1;
    return window;
}

/* ---- How many limits bind a call ---- */

unsigned wallet__windowed_count(const struct wallet__limits *l)
{
    unsigned count = 0;

    for (unsigned per = 0; per < WALLET_PER__COUNT; per++)
        if (per != WALLET_PER_CALL && l->slots[per].set)
            count++;
    return count;
}

enum rc wallet__path_windowed(unsigned *out, struct ledger_view *v,
                              const struct wallet__path *path)
{
    unsigned count = 0;

    for (unsigned i = 0; i < path->count; i++) {
        struct wallet__limits limits;

        TRY(wallet__read_limits(&limits, NULL, v, path->wallets[i].id));
        count += wallet__windowed_count(&limits);
    }
    *out = count;
    return RC_OK;
}

/* Looks for the place below a wallet where most limits bind. */
struct deepest {
    struct ledger_view *v;
    struct id wallet;
    struct id root;
    unsigned most;
    enum rc rc;
};

static bool path_has(const struct wallet__path *path, struct id wallet)
{
    for (unsigned i = 0; i < path->count; i++)
        if (id_cmp(path->wallets[i].id, wallet) == 0)
            return true;
    return false;
}

/* Counts what binds at `at`, if that is the wallet or below it. */
static enum rc count_at(struct deepest *d, struct id at, unsigned own)
{
    struct wallet__path path;
    unsigned count = 0;

    TRY(wallet__read_path(&path, d->v, at));
    if (id_cmp(path.wallets[0].root, d->root) != 0 || !path_has(&path, d->wallet))
        return RC_OK;
    TRY(wallet__path_windowed(&count, d->v, &path));
    if (count + own > d->most)
        d->most = count + own;
    return RC_OK;
}

static bool count_wallet(void *arg, struct slice key, struct slice value,
                         uint64_t version)
{
    struct deepest *d = arg;
    struct wallet w;

    (void)version;
    d->rc = wallet__wallet_decode(&w, key, value);
    if (d->rc == RC_OK && id_cmp(w.root, d->root) == 0)
        d->rc = count_at(d, w.id, 0);
    return d->rc == RC_OK;
}

static bool count_key(void *arg, struct slice key, struct slice value, uint64_t version)
{
    struct deepest *d = arg;
    struct wallet__limits limits;
    struct wallet_key k;

    (void)version;
    d->rc = wallet__key_decode(&k, key, value);
    if (d->rc == RC_OK && !k.revoked)
        d->rc = wallet__read_limits(&limits, NULL, d->v, wallet__key_scope(k.id));
    if (d->rc == RC_OK && !k.revoked && wallet__windowed_count(&limits) > 0)
        d->rc = count_at(d, k.wallet, wallet__windowed_count(&limits));
    return d->rc == RC_OK;
}

/* Reads every wallet and key: setting limits is rare, and an index of children would be
 * one more thing to be wrong. */
static enum rc most_below(unsigned *out, struct ledger_view *v, const struct wallet *w)
{
    struct deepest d = {.v = v, .wallet = w->id, .root = w->root};

    TRY(ledger_view_records(v, WALLET__KIND_WALLET, SLICE_NONE, SLICE_NONE,
                            count_wallet, &d));
    TRY(d.rc);
    TRY(ledger_view_records(v, WALLET__KIND_KEY, SLICE_NONE, SLICE_NONE, count_key,
                            &d));
    TRY(d.rc);
    *out = d.most;
    return RC_OK;
}

/* ---- Changing ---- */

/* A change while it is prepared: what is asked, and what a view has shown. */
struct change {
    struct id scope;
    enum wallet_per per;
    const struct money *amount; /* NULL: clear */
    bool is_key;
    char key_id[WALLET_KEY_ID_LEN + 1];

    struct wallet__limits limits;
    uint64_t limits_version;
    uint64_t epoch;

    /* The most to take back now from the current and from the next window, and whether
     * that left some which could have been taken. */
    struct money most_back[WINDOWS_MAX];
    bool incomplete;
};

static enum rc check_room(struct ledger_view *v, const struct change *c)
{
    unsigned count = 0;

    if (c->is_key) {
        struct wallet__path path;
        struct wallet_key k;

        TRY(wallet__read_key(&k, NULL, v, slice_str(c->key_id)));
        TRY(wallet__read_path(&path, v, k.wallet));
        TRY(wallet__path_windowed(&count, v, &path));
        count += wallet__windowed_count(&c->limits);
    } else {
        struct wallet w;

        TRY(wallet__read_wallet(&w, NULL, v, c->scope));
        TRY(most_below(&count, v, &w));
    }
    return count < WALLET_PATH_LIMITS_MAX ? RC_OK : RC_TOO_BIG;
}

static void move_limit(struct ledger_cmd *cmd, struct ledger_leg leg)
{
    assert(cmd->leg_count < LEDGER_LEGS_MAX);
    leg.number = WALLET__LIMIT;
    cmd->legs[cmd->leg_count++] = leg;
}

/* The legs that bring one window from what it was granted to the new amount. Downwards
 * no further than what is free; that goes back to the window's source, so that "used"
 * stays exact. */
static enum rc adjust_window(struct ledger_cmd *cmd, struct ledger_view *v,
                             struct change *c, uint64_t start_us,
                             struct money most_back)
{
    const struct wallet__slot *slot = &c->limits.slots[c->per];
    struct wallet__limit_of of = {c->scope, c->per, slot->generation};
    struct id window_id = wallet__window_account(&of, start_us);
    struct id source_id = wallet__window_source(window_id);
    struct ledger_account window, source;
    struct money granted = slot->amount;
    struct money free_now = slot->amount;
    struct ledger_leg down = {.debit = window_id,
                              .credit = source_id,
                              .debit_flags = LEDGER_NO_OVERDRAFT,
                              .grant = slot->amount, /* if no call has opened it yet */
                              .grant_from = source_id};
    struct ledger_leg up = {
        .debit = source_id, .credit = window_id, .credit_flags = LEDGER_NO_OVERDRAFT};

    TRY(wallet__read_account(&window, v, window_id));
    TRY(wallet__read_account(&source, v, source_id));
    if (window.number != 0) {
        granted = money_sub_floor(source.debits, source.credits);
        free_now = ledger_available(&window);
    }
    /* Downwards; or by nothing, which only makes sure that the window is open. */
    down.amount = money_min(money_sub_floor(granted, *c->amount), free_now);
    if (money_cmp(down.amount, most_back) > 0) {
        down.amount = most_back;
        c->incomplete = true;
    }
    move_limit(cmd, down);
    up.amount = money_sub_floor(*c->amount, granted);
    if (!money_is_zero(up.amount))
        move_limit(cmd, up);
    return RC_OK;
}

static enum rc adjust_windows(struct ledger_cmd *cmd, struct ledger_view *v,
                              struct change *c, uint64_t now_us)
{
    uint64_t end_us = wallet__window_end_us(c->per, now_us);

    TRY(adjust_window(cmd, v, c, wallet__window_start_us(c->per, now_us),
                      c->most_back[0]));
    if (end_us != 0 && end_us - now_us <= NEXT_WINDOW_SOON_US)
        TRY(adjust_window(cmd, v, c, end_us, c->most_back[1]));
    return RC_OK;
}

/* Reads what there is and adds the legs; then c->limits is what shall be. *none:
 * nothing would change. */
static enum rc prepare(struct ledger_cmd *cmd, bool *none, struct ledger_view *v,
                       struct change *c, uint64_t now_us)
{
    struct wallet__slot *slot = &c->limits.slots[c->per];
    bool windowed = c->per != WALLET_PER_CALL;

    TRY(wallet__read_epoch(&c->epoch, v));
    TRY(wallet__read_limits(&c->limits, &c->limits_version, v, c->scope));
    *none = c->amount == NULL && !slot->set;
    if (*none)
        return RC_OK;
    if (c->amount == NULL) {
        slot->set = false;
        slot->amount = MONEY_ZERO;
        return RC_OK;
    }
    if (slot->set && windowed)
        TRY(adjust_windows(cmd, v, c, now_us));
    if (!slot->set) {
        if (windowed)
            TRY(check_room(v, c));
        if (slot->generation == UINT32_MAX)
            return RC_OVERFLOW;
        slot->generation++; /* so that what was used before does not count */
    }
    slot->set = true;
    slot->amount = *c->amount;
    return RC_OK;
}

static enum rc exists(struct ledger_view *v, const struct change *c)
{
    struct wallet_key k;
    struct wallet w;

    return c->is_key ? wallet__read_key(&k, NULL, v, slice_str(c->key_id))
                     : wallet__read_wallet(&w, NULL, v, c->scope);
}

static void take_all(struct change *c)
{
    for (unsigned i = 0; i < WINDOWS_MAX; i++)
        c->most_back[i] = money_from_nano(UINT64_MAX);
}

/* Calls have spent some of what a view showed as free. Under steady calls that would go
 * on for ever, so the next try takes half of what there was and leaves the rest to
 * another one: the less is left, the fewer calls get in between. Only the legs
 * downwards can lack funds, and leg 0 is the current window's. */
static void take_less(struct change *c, const struct ledger_result *r)
{
    uint64_t half = money_to_nano(r->available[r->at]) / 2;

    c->most_back[r->at == 0 ? 0 : 1] = money_from_nano(half);
}

static enum rc change_once(struct wallet_book *b, struct change *c)
{
    struct ledger_cmd cmd = {.verb = LEDGER_NOTE};
    uint8_t value[WALLET__VALUE_MAX];
    uint64_t now_us = ledger_now_us(b->ledger);
    struct ledger_view *v;
    bool none = false;
    enum rc rc;

    TRY(ledger_view_open(&v, b->ledger));
    rc = exists(v, c);
    if (rc == RC_OK)
        rc = prepare(&cmd, &none, v, c, now_us);
    ledger_view_close(v);
    TRY(rc);
    if (none)
        return RC_OK;
    cmd.verb = cmd.leg_count > 0 ? LEDGER_TRANSFER : LEDGER_NOTE;
    cmd.op = id_new(now_us);
    wallet__write(&cmd, WALLET__KIND_LIMITS, wallet__id_slice(&c->scope),
                  wallet__limits_encode(value, &c->limits), c->limits_version);
    wallet__write_epoch(&cmd, c->epoch);
    rc = ledger_call(b->ledger, &cmd);
    if (rc == RC_NO_FUNDS)
        take_less(c, &cmd.result);
    return rc;
}

static enum rc change_limit(struct wallet_book *b, struct change *c)
{
    assert((unsigned)c->per < WALLET_PER__COUNT);
    take_all(c);
    for (unsigned i = 0; i < WALLET__TRIES_MAX; i++) {
        enum rc rc;

        c->incomplete = false;
        rc = change_once(b, c);
        if (wallet__lost_race(rc) || (rc == RC_OK && c->incomplete))
            take_all(c);
        else if (rc != RC_NO_FUNDS)
            return rc;
    }
    return RC_BUSY;
}

enum rc wallet_limit_set(struct wallet_book *b, struct id wallet, enum wallet_per per,
                         const struct money *amount)
{
    struct change c = {.scope = wallet, .per = per, .amount = amount};

    return change_limit(b, &c);
}

enum rc wallet_key_limit_set(struct wallet_book *b, struct slice key_id,
                             enum wallet_per per, const struct money *amount)
{
    struct change c = {.per = per, .amount = amount, .is_key = true};

    if (!wallet__key_id_ok(key_id))
        return RC_NOT_FOUND;
    TRY(slice_to_cstr(c.key_id, sizeof(c.key_id), key_id));
    c.scope = wallet__key_scope(c.key_id);
    return change_limit(b, &c);
}
