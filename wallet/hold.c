/* SPDX-License-Identifier: Apache-2.0 */
/* One call's money: hold, then capture or void. Each is one command with a leg for the
 * root's balance and one for every windowed limit that binds, so that all of it happens
 * or nothing. Results come on the writer's thread; nothing here blocks. */
#include "wallet/hold.h"

#include "base/log.h"
#include "wallet/hold_int.h"
#include "wallet/memo.h"
#include "wallet/payment_int.h"

#include <assert.h>
#include <string.h>

_Static_assert(WALLET_PATH_LIMITS_MAX + 1 <= LEDGER_LEGS_MAX,
               "the root and every limit");
_Static_assert(LEDGER_TAGS_MAX >= 4, "root, request, wallet, and who has a share");

static struct wallet_hold *hold_of(struct ledger_cmd *cmd)
{
    return (struct wallet_hold *)(void *)((char *)cmd -
                                          offsetof(struct wallet_hold, cmd));
}

/* The last thing done to h: its owner may reuse or free it in done(). */
static void finish(struct wallet_hold *h, enum rc rc)
{
    h->rc = rc;
    h->done(h);
}

static struct ledger_cmd *fresh_cmd(struct wallet_hold *h, enum ledger_verb verb,
                                    uint8_t tail, void (*done)(struct ledger_cmd *cmd))
{
    struct ledger_cmd *cmd = &h->cmd;

    memset(cmd, 0, sizeof(*cmd));
    cmd->verb = verb;
    cmd->op = id_with_tail(h->request, tail);
    cmd->forgettable = true;
    cmd->done = done;
    return cmd;
}

/* The least that the root and every limit can still spend. */
static struct money least_available(const struct wallet_hold *h,
                                    const struct ledger_cmd *cmd)
{
    struct money least = cmd->result.available[0];

    for (unsigned i = 1; i <= h->caller.bound_count; i++)
        least = money_min(least, cmd->result.available[i]);
    return least;
}

static void log_call(enum log_level level, const char *what,
                     const struct wallet_hold *h, struct money amount, enum rc rc)
{
    char request[WALLET_ID_TEXT_SIZE];
    char wallet[WALLET_ID_TEXT_SIZE];

    wallet_id_print(request, 'r', h->request);
    wallet_id_print(wallet, 'w', h->caller.wallet);
    log_event(level, what, LOG_STR("request_id", request), LOG_STR("wallet", wallet),
              LOG_MONEY("amount", amount), LOG_STR("code", rc_reason(rc)));
}

/* ---- Hold ---- */

static void refuse_per_call(struct wallet_hold *h)
{
    h->refusal = (struct wallet_refusal){
        .scope = h->caller.per_call_scope,
        .per = WALLET_PER_CALL,
        .limit = h->caller.per_call,
        .left = h->caller.per_call,
    };
    memcpy(h->refusal.id, h->caller.per_call_id, sizeof(h->refusal.id));
}

static void refuse_windowed(struct wallet_hold *h, unsigned bound_index,
                            struct money left)
{
    const struct wallet_bound *bound = &h->caller.bounds[bound_index];

    h->refusal = (struct wallet_refusal){
        .scope = bound->scope,
        .per = bound->per,
        .limit = bound->limit,
        .left = left,
        .resets_us = wallet__window_end_us(bound->per, h->hold_us),
    };
    memcpy(h->refusal.id, bound->id_text, sizeof(h->refusal.id));
}

static enum rc explain_refusal(struct wallet_hold *h)
{
    const struct ledger_result *r = &h->cmd.result;

    switch (r->rc) {
    case RC_NO_FUNDS:
        if (r->at == 0) {
            h->balance = r->available[0];
            return RC_NO_FUNDS;
        }
        if (r->at > h->caller.bound_count)
            return RC_QUOTA_SPENT;
        refuse_windowed(h, r->at - 1, r->available[r->at]);
        return RC_LIMIT;
    case RC_EXISTS: /* of the INSERTs these two can meet another one */
        return h->once.present && r->at == h->once_at ? RC_USED : RC_IDEM_IN_FLIGHT;
    default: /* the book's own refusals pass as they are */
        return r->rc;
    }
}

static void hold_done(struct ledger_cmd *cmd)
{
    struct wallet_hold *h = hold_of(cmd);

    if (cmd->result.rc != RC_OK) {
        finish(h, explain_refusal(h));
        return;
    }
    if (cmd->result.replayed) {
        finish(h, RC_CONFLICT); /* that hold is somebody else's: this request's first */
        return;
    }
    h->held = true;
    h->balance = least_available(h, cmd);
    finish(h, RC_OK);
}

/* One call of the quota; its grant comes from an account of its own, as a limit's
 * does. */
static void add_quota_leg(const struct wallet_hold *h, struct ledger_cmd *cmd)
{
    if (!h->quota.present)
        return;
    assert(h->quota.grant > 0);
    cmd->legs[cmd->leg_count++] = (struct ledger_leg){
        .debit = h->quota.account,
        .credit = cmd->verb == LEDGER_HOLD ? ID_NONE : wallet__quota_used,
        .amount = money_from_nano(cmd->verb == LEDGER_HOLD || !h->unsold),
        .number = WALLET__QUOTA,
        .debit_flags = LEDGER_NO_OVERDRAFT,
        .grant = money_from_nano(h->quota.grant),
        .grant_from = wallet__hash_id("quota", wallet__id_slice(&h->quota.account)),
    };
}

/* Whether the capture will fit: it has the legs of the hold, and the share's. */
static bool has_room(const struct wallet_hold *h)
{
    return h->caller.bound_count + 1 + h->quota.present + h->has_share <=
           LEDGER_LEGS_MAX;
}

/* The accounts are those of this moment; capture and void go to the same, whenever they
 * come. */
static void add_hold_legs(struct wallet_hold *h, struct ledger_cmd *cmd)
{
    cmd->legs[0] = (struct ledger_leg){
        .debit = h->caller.root,
        .amount = h->amount,
        .number = WALLET__USD,
        .debit_flags = LEDGER_NO_OVERDRAFT,
    };
    for (unsigned i = 0; i < h->caller.bound_count; i++) {
        const struct wallet_bound *bound = &h->caller.bounds[i];
        struct wallet__limit_of of = {bound->scope_id, bound->per, bound->generation};

        h->window_ids[i] = wallet__window_account(
            &of, wallet__window_start_us(bound->per, h->hold_us));
        cmd->legs[i + 1] = (struct ledger_leg){
            .debit = h->window_ids[i],
            .amount = h->amount,
            .number = WALLET__LIMIT,
            .debit_flags = LEDGER_NO_OVERDRAFT,
            .grant = bound->limit,
            .grant_from = wallet__window_source(h->window_ids[i]),
        };
    }
    cmd->leg_count = h->caller.bound_count + 1;
    add_quota_leg(h, cmd);
}

static void add_hold_writes(struct wallet_hold *h, struct ledger_cmd *cmd)
{
    cmd->writes[cmd->write_count++] = (struct ledger_write){
        .op = LEDGER_EXPECT,
        .kind = WALLET__KIND_EPOCH,
        .key = WALLET__EPOCH_KEY,
        .version = h->caller.epoch,
    };
    if (h->idem.present)
        wallet__idem_begin(h, cmd);
    if (h->once.present)
        wallet__once_begin(h, cmd);
}

void wallet_hold(struct wallet_book *b, struct wallet_hold *h)
{
    struct ledger_cmd *cmd = fresh_cmd(h, LEDGER_HOLD, WALLET__TAIL_HOLD, hold_done);

    assert(!h->held && h->done != NULL && !id_is_none(h->request));
    assert(h->caller.bound_count <= WALLET_PATH_LIMITS_MAX);
    h->book = b;
    h->hold_us = ledger_now_us(b->ledger);
    h->captured = h->shortfall = h->balance = MONEY_ZERO;
    h->transfer = ID_NONE;
    if (h->caller.has_per_call && money_cmp(h->amount, h->caller.per_call) > 0) {
        refuse_per_call(h);
        finish(h, RC_LIMIT);
        return;
    }
    if (!has_room(h)) {
        finish(h, RC_TOO_BIG);
        return;
    }
    cmd->expires_us = h->expires_us;
    add_hold_legs(h, cmd);
    add_hold_writes(h, cmd);
    ledger_submit(b->ledger, cmd);
}

/* ---- Capture ---- */

/* Counted and told once, even if the owner had to ask for it twice. */
static void note_shortfall(const struct wallet_hold *h)
{
    if (money_is_zero(h->shortfall) || h->cmd.result.replayed)
        return;
    metric_add(wallet__metrics()->shortfall_nano, money_to_nano(h->shortfall));
    log_call(LOG_WARN, "the house carried a shortfall", h, h->shortfall,
             h->cmd.result.rc);
}

static void note_late(const struct wallet_hold *h)
{
    if (h->cmd.result.replayed)
        return;
    metric_add(wallet__metrics()->late_captures, 1);
    metric_add(wallet__metrics()->shortfall_nano, money_to_nano(h->shortfall));
    log_call(LOG_ERROR, "a capture came after its hold had ended", h, h->shortfall,
             RC_ENDED);
}

/* Who can find the entry: the root, the caller, and by the request. */
static void add_tags(const struct wallet_hold *h, struct ledger_cmd *cmd)
{
    cmd->tags[0] = h->caller.root;
    cmd->tags[1] = h->request;
    if (id_cmp(h->caller.wallet, h->caller.root) != 0)
        cmd->tags[2] = h->caller.wallet;
    if (h->share.present)
        cmd->tags[3] = h->share.tag;
}

/* The house's part, rounded down, and the rest. Without a share all is the house's. */
static void split(struct money *house, struct money *rest, const struct wallet_hold *h,
                  struct money amount)
{
    const uint32_t million = 1000000;
    bool ok;

    *house = amount;
    *rest = MONEY_ZERO;
    if (!h->share.present)
        return;
    assert(h->share.house_ppm <= million);
    ok = money_scale(rest, amount, money_from_nano(million - h->share.house_ppm),
                     money_from_nano(million)) &&
         money_sub(house, amount, *rest);
    assert(ok); /* a part is never larger than its whole */
}

/* The payee's part of what `from` gives; a part of zero moves too, so that who reads
 * the entry sees that it was shared. */
static void add_share_leg(const struct wallet_hold *h, struct ledger_cmd *cmd,
                          struct id from, uint8_t from_flags, struct money part)
{
    if (!h->share.present)
        return;
    cmd->legs[cmd->leg_count++] = (struct ledger_leg){
        .debit = from,
        .credit = h->share.payee,
        .amount = part,
        .number = WALLET__USD,
        .debit_flags = from_flags,
        .credit_flags = LEDGER_NO_OVERDRAFT,
    };
}

/* The records of a call that is charged. */
static void add_end(struct wallet_hold *h, struct ledger_cmd *cmd, unsigned status,
                    struct money cost)
{
    if (h->idem.present)
        wallet__idem_end(h, cmd, status, cost, cmd->op);
    if (h->once.present && h->once.purchase && h->unsold)
        wallet__once_give_up(h, cmd, false, status);
    else if (h->once.present)
        wallet__once_end(h, cmd, status, cost, cmd->op);
}

static void late_done(struct ledger_cmd *cmd)
{
    struct wallet_hold *h = hold_of(cmd);

    if (cmd->result.rc != RC_OK) {
        /* Still held as far as we are concerned: the owner may capture again. */
        log_call(LOG_ERROR, "a late capture could not be booked", h, h->late_amount,
                 cmd->result.rc);
        finish(h, cmd->result.rc);
        return;
    }
    h->held = false;
    h->shortfall = h->late_amount;
    h->transfer = cmd->op;
    note_late(h);
    finish(h, RC_ENDED);
}

/* The hold is gone, so the wallet's money may be spent: the house pays. Leg 0 moves
 * nothing; it makes the entry show the root's balance, as a capture's does. */
static void book_late(struct wallet_hold *h)
{
    size_t memo_len = h->cmd.memo.len;
    struct ledger_cmd *cmd =
        fresh_cmd(h, LEDGER_TRANSFER, WALLET__TAIL_LATE, late_done);
    struct money house, rest;

    split(&house, &rest, h, h->late_amount);
    cmd->legs[0] = (struct ledger_leg){
        .debit = h->caller.root,
        .credit = wallet__revenue,
        .number = WALLET__USD,
        .debit_flags = LEDGER_NO_OVERDRAFT,
    };
    cmd->legs[1] = (struct ledger_leg){
        .debit = wallet__shortfall,
        .credit = wallet__revenue,
        .amount = house,
        .number = WALLET__USD,
    };
    cmd->leg_count = 2;
    add_share_leg(h, cmd, wallet__shortfall, 0, rest);
    add_tags(h, cmd);
    cmd->memo = slice_from(h->memo, memo_len);
    add_end(h, cmd, h->idem_status, MONEY_ZERO);
    ledger_submit(h->book->ledger, cmd);
}

static void capture_done(struct ledger_cmd *cmd)
{
    struct wallet_hold *h = hold_of(cmd);

    if (cmd->result.rc == RC_ENDED || cmd->result.rc == RC_NOT_FOUND) {
        book_late(h);
        return;
    }
    if (cmd->result.rc != RC_OK) {
        finish(h, cmd->result.rc);
        return;
    }
    h->held = false;
    /* A shared capture is whole, or it fails. */
    h->captured = h->share.present ? h->late_amount : cmd->result.moved;
    h->shortfall = cmd->result.spilled;
    h->transfer = cmd->op;
    if (!cmd->result.replayed)
        h->balance = least_available(h, cmd);
    note_shortfall(h);
    finish(h, RC_OK);
}

/* The root first, the limits, the payee, the quota. */
static void add_capture_legs(struct wallet_hold *h, struct ledger_cmd *cmd,
                             struct money amount)
{
    struct money house, rest;

    split(&house, &rest, h, amount);
    cmd->legs[0] = (struct ledger_leg){
        .debit = h->caller.root,
        .credit = wallet__revenue,
        .amount = house,
        .number = WALLET__USD,
        .debit_flags = LEDGER_NO_OVERDRAFT,
    };
    for (unsigned i = 0; i < h->caller.bound_count; i++) {
        cmd->legs[i + 1] = (struct ledger_leg){
            .debit = h->window_ids[i],
            .credit = wallet__used,
            .amount = amount,
            .number = WALLET__LIMIT,
            .debit_flags = LEDGER_NO_OVERDRAFT,
        };
    }
    cmd->leg_count = h->caller.bound_count + 1;
    add_share_leg(h, cmd, h->caller.root, LEDGER_NO_OVERDRAFT, rest);
    add_quota_leg(h, cmd);
    if (money_cmp(amount, h->amount) > 0)
        cmd->spill = wallet__shortfall;
}

/* What a shared capture may take. */
static struct money within_hold(const struct wallet_hold *h, struct money amount)
{
    if (!h->share.present || money_cmp(amount, h->amount) <= 0)
        return amount;
    log_call(LOG_ERROR, "a shared call cost more than it held", h, amount, RC_OVERFLOW);
    return h->amount;
}

static const struct wallet_once *bought(const struct wallet_hold *h)
{
    return h->once.present && h->once.purchase && !h->unsold ? &h->once : NULL;
}

void wallet_capture(struct wallet_book *b, struct wallet_hold *h, struct money amount,
                    const struct wallet_call *call)
{
    struct ledger_cmd *cmd =
        fresh_cmd(h, LEDGER_CAPTURE, WALLET__TAIL_CAPTURE, capture_done);

    assert(h->held && h->book == b);
    assert(h->has_share || !call->share.present);
    assert(!call->share.present || !id_is_none(call->share.tag));
    h->share = call->share;
    h->share.what = SLICE_NONE;
    h->late_amount = within_hold(h, amount);
    h->idem_status = call->status;
    h->unsold = call->unsold;
    cmd->hold = id_with_tail(h->request, WALLET__TAIL_HOLD);
    add_capture_legs(h, cmd, h->late_amount);
    add_tags(h, cmd);
    cmd->memo = wallet__memo_call(h->memo, &h->caller, call, bought(h));
    add_end(h, cmd, call->status, h->late_amount);
    ledger_submit(b->ledger, cmd);
}

/* ---- Void ---- */

/* The records of a call that is not charged. */
static void add_give_up(struct wallet_hold *h, struct ledger_cmd *cmd)
{
    if (h->idem.present)
        wallet__idem_give_up(h, cmd, h->idem_executed, h->idem_status);
    if (h->once.present)
        wallet__once_give_up(h, cmd, h->idem_executed, h->idem_status);
}

static void late_void_done(struct ledger_cmd *cmd)
{
    struct wallet_hold *h = hold_of(cmd);
    enum rc rc = cmd->result.rc;

    /* RC_STALE, RC_NOT_FOUND: they have ended otherwise, as the hold has. */
    if (rc != RC_OK && rc != RC_STALE && rc != RC_NOT_FOUND) {
        finish(h, rc);
        return;
    }
    h->held = false;
    finish(h, RC_ENDED);
}

/* The hold ended by itself, but the records of the call say that it is under way. */
static void end_records_late(struct wallet_hold *h)
{
    struct ledger_cmd *cmd =
        fresh_cmd(h, LEDGER_NOTE, WALLET__TAIL_LATE_VOID, late_void_done);

    add_give_up(h, cmd);
    ledger_submit(h->book->ledger, cmd);
}

static void void_done(struct ledger_cmd *cmd)
{
    struct wallet_hold *h = hold_of(cmd);
    bool ended = cmd->result.rc == RC_ENDED || cmd->result.rc == RC_NOT_FOUND;

    if (ended && (h->idem.present || h->once.present)) {
        end_records_late(h);
        return;
    }
    if (cmd->result.rc != RC_OK && !ended) {
        finish(h, cmd->result.rc);
        return;
    }
    h->held = false;
    /* What there was when the hold was made, and what it gave back. */
    if (!ended && !money_add(&h->balance, h->balance, h->amount))
        h->balance = h->amount;
    finish(h, ended ? RC_ENDED : RC_OK);
}

void wallet_void(struct wallet_book *b, struct wallet_hold *h, bool executed,
                 unsigned status)
{
    struct ledger_cmd *cmd = fresh_cmd(h, LEDGER_VOID, WALLET__TAIL_VOID, void_done);

    assert(h->held && h->book == b);
    h->idem_executed = executed;
    h->idem_status = status;
    cmd->hold = id_with_tail(h->request, WALLET__TAIL_HOLD);
    add_give_up(h, cmd);
    ledger_submit(b->ledger, cmd);
}
