/* SPDX-License-Identifier: Apache-2.0 */
/* The admin API's payouts: setting aside what a publisher is due, and how it was paid:
 * by hand, with a reference, or on a chain. */
#include "gateway/admin_int.h"

#include "base/clock.h"
#include "gateway/config_skills.h"
#include "gateway/settle/payer.h"
#include "x402/x402.h"

#include <stdio.h>
#include <string.h>

/* ---- Shapes ---- */

/* Why it is not paid yet, as far as that is known. */
static void put_reason(struct json_out *o, struct admin_call *c,
                       const struct skill_payout *p)
{
    char reason[PAYER_REASON_SIZE] = "";
    const bool open = p->state == SKILL_PAYOUT_OPEN || p->state == SKILL_PAYOUT_SENT;

    if (open && c->admin->payer != NULL)
        payer_reason(reason, c->admin->payer, p->id);
    json_out_ktext(o, "reason", slice_str(reason));
}

static void put_payout(struct admin_call *c, const struct skill_payout *p)
{
    struct json_out *o = &c->out;

    json_out_object(o);
    admin__put_id(o, "id", 'o', p->id);
    json_out_kstr(o, "publisher", p->publisher);
    json_out_kmoney(o, "amount", p->amount);
    json_out_kstr(o, "state", skill_payout_word(p->state));
    json_out_ktext(o, "network", slice_str(p->network));
    json_out_ktext(o, "address", slice_str(p->address));
    json_out_ktext(o, "reference", slice_str(p->reference));
    put_reason(o, c, p);
    json_out_key(o, "created_at");
    json_out_time(o, p->created_us);
    json_out_key(o, "ended_at");
    json_out_time(o, p->ended_us);
    json_out_end_object(o);
}

/* As it is now, after a change to it. */
static enum rc answer_payout(struct admin_call *c, struct id id)
{
    struct skill_payout p;

    TRY(skill_payout_read(&p, c->admin->skills, id));
    put_payout(c, &p);
    return RC_OK;
}

static enum rc find_payout(struct skill_payout *out, struct admin_call *c)
{
    struct skills *s;
    struct id id;
    enum rc rc;

    TRY(admin__market(&s, c));
    rc = wallet_id_parse(&id, 'o', c->params[0]) == RC_OK
             ? skill_payout_read(out, s, id)
             : RC_NOT_FOUND;
    if (rc == RC_NOT_FOUND)
        return admin__refuse(
            c, rc, "payout", "there is no payout '%.*s'",
            SLICE_FMT(slice_sub(c->params[0], 0, WALLET_ID_TEXT_SIZE)));
    return rc;
}

/* ---- List, show ---- */

static bool list_payout(void *arg, const struct skill_payout *p)
{
    struct admin_page *page = arg;

    if (!admin__page_room(page)) {
        wallet_id_print(page->next, 'o', p->id);
        return false;
    }
    put_payout(page->call, p);
    return true;
}

static enum rc serve_list(struct admin_call *c)
{
    struct admin_page page;
    struct skill_publisher p;
    struct slice publisher = SLICE_NONE;
    struct slice after;
    struct id from = ID_NONE;
    struct skills *s;
    enum rc rc;

    TRY(admin__market(&s, c));
    rc = admin__query(&publisher, c, "publisher");
    if (rc == RC_OK)
        rc = admin__find_publisher(&p, c, publisher);
    if (rc != RC_OK && rc != RC_NOT_FOUND)
        return rc;
    if (rc == RC_NOT_FOUND && publisher.bytes != NULL)
        return rc;
    rc = admin__query(&after, c, "after");
    if (rc == RC_OK && wallet_id_parse(&from, 'o', after) != RC_OK)
        return admin__refuse(c, RC_BAD_INPUT, "after",
                             "'after' must be the 'next' of the page before");
    if (rc != RC_OK && rc != RC_NOT_FOUND)
        return rc;
    TRY(admin__page_start(&page, c));
    TRY(skill_payout_list(s, publisher, from, list_payout, &page));
    admin__page_end(&page);
    return RC_OK;
}

static enum rc serve_show(struct admin_call *c)
{
    struct skill_payout p;

    TRY(find_payout(&p, c));
    put_payout(c, &p);
    return RC_OK;
}

/* ---- Open ---- */

static enum rc explain_open(struct admin_call *c, enum rc rc,
                            const struct skill_publisher *p)
{
    if (rc == RC_NO_FUNDS)
        return admin__refuse(c, rc, "amount",
                             "that is more than '%s' is due: look at its earnings",
                             p->handle);
    if (rc == RC_FORBIDDEN && p->suspended)
        return admin__refuse(c, rc, "publisher", "'%s' is suspended", p->handle);
    if (rc == RC_FORBIDDEN)
        return admin__refuse(c, rc, "publisher",
                             "what is known of '%s' (its key, its address) is younger "
                             "than the payout delay: it is paid when that has passed",
                             p->handle);
    if (rc == RC_CONFLICT || rc == RC_EXISTS)
        return admin__refuse(c, RC_CONFLICT, "id",
                             "this id is a payout of another amount or publisher");
    if (rc == RC_BAD_INPUT)
        return admin__refuse(c, rc, "amount",
                             "a payout is more than zero, and on a chain in whole "
                             "millionths of a dollar");
    return rc;
}

/* An id of the caller's: a repeat is the same payout. */
static enum rc read_id(struct id *out, struct admin_call *c)
{
    struct slice text = SLICE_NONE;

    *out = ID_NONE;
    TRY(admin__body_text(&text, c, "id", false));
    if (text.bytes == NULL)
        return RC_OK;
    if (wallet_id_parse(out, 'o', text) != RC_OK)
        return admin__refuse(c, RC_BAD_INPUT, "id",
                             "'id' is \"pay_\" and 32 hex digits of your own choice");
    return RC_OK;
}

static enum rc open_payout(struct skill_payout *out, struct admin_call *c,
                           const struct skill_publisher *p)
{
    const uint64_t delay_us = admin__payout_delay(c);
    struct slice given = SLICE_NONE;
    struct money amount, moved;
    struct id id;

    TRY(read_id(&id, c));
    TRY(admin__body_text(&given, c, "amount", false));
    if (given.bytes != NULL)
        TRY(admin__body_money(&amount, c, "amount"));
    TRY(explain_open(
        c, skill_mature(&moved, c->admin->skills, p, delay_us, clock_wall_us()), p));
    return explain_open(c,
                        skill_payout_open(out, c->admin->skills, p, id,
                                          given.bytes != NULL ? &amount : NULL,
                                          delay_us, clock_wall_us()),
                        p);
}

static enum rc explain_end(struct admin_call *c, enum rc rc,
                           const struct skill_payout *p)
{
    if (rc == RC_BAD_INPUT)
        return admin__refuse(c, rc, "reference",
                             "'reference' says how it was paid: 1 to %d bytes without "
                             "control characters",
                             SKILL_REFERENCE_MAX);
    if (rc == RC_CONFLICT || rc == RC_ENDED)
        return admin__refuse(c, RC_CONFLICT, "payout", "the payout is %s already",
                             skill_payout_word(p->state));
    if (rc == RC_STALE)
        return admin__refuse(c, rc, "payout",
                             "somebody else is at this payout: look at it again");
    return rc;
}

/* Where publishers are paid by ourselves; "": nowhere. */
static void payout_network(char out[X402_NETWORK_TEXT_SIZE], struct admin_call *c)
{
    const struct config *config;

    out[0] = '\0';
    if (c->admin->config == NULL)
        return;
    config = config_cell_get(c->admin->config);
    if (config->skills->payout_network != NULL)
        x402_network_print(out, config->skills->payout_network->chain_id);
    config_unref(config);
}

/* By hand and on the chain at once would be twice. */
static enum rc check_way(struct admin_call *c, const struct skill_publisher *p,
                         bool by_hand)
{
    char network[X402_NETWORK_TEXT_SIZE];
    bool ours;

    payout_network(network, c);
    ours = p->network[0] != '\0' && strcmp(network, p->network) == 0;
    if (by_hand && ours)
        return admin__refuse(c, RC_CONFLICT, "reference",
                             "'%s' is paid on %s: leave the reference out, or take its "
                             "network and address away",
                             p->handle, network);
    if (!by_hand && p->network[0] == '\0')
        return admin__refuse(c, RC_BAD_INPUT, "reference",
                             "'%s' has no address: say how it was paid by hand",
                             p->handle);
    if (!by_hand && !ours)
        return admin__refuse(c, RC_BAD_INPUT, "reference",
                             "skills.payout does not pay on %s: say how it was paid by "
                             "hand",
                             p->network);
    return RC_OK;
}

/* A reference that is none must not leave the amount set aside. */
static enum rc pay_by_hand(struct admin_call *c, struct skill_payout *payout,
                           struct slice reference)
{
    enum rc rc = skill_payout_paid(payout, c->admin->skills, reference);

    if (rc == RC_BAD_INPUT && payout->state == SKILL_PAYOUT_OPEN)
        TRY(skill_payout_failed(payout, c->admin->skills));
    return explain_end(c, rc, payout);
}

/* With a reference it is paid by hand, and done with this call; without, it goes to the
 * chain as soon as a daemon runs. */
static enum rc serve_open(struct admin_call *c)
{
    struct skill_publisher p;
    struct skill_payout payout;
    struct slice reference = SLICE_NONE;

    TRY(admin__find_publisher(&p, c, c->params[0]));
    TRY(admin__body_text(&reference, c, "reference", false));
    if (reference.bytes != NULL && reference.len == 0)
        return explain_end(c, RC_BAD_INPUT, NULL);
    TRY(check_way(c, &p, reference.bytes != NULL));
    TRY(open_payout(&payout, c, &p));
    if (reference.bytes != NULL)
        TRY(pay_by_hand(c, &payout, reference));
    else if (c->admin->payer != NULL)
        payer_pay(c->admin->payer);
    c->reply->status = 201;
    return answer_payout(c, payout.id);
}

/* ---- End ---- */

/* What was sent to a chain may still count there: it is not paid in another way, but
 * whoever has found its transaction may name it. */
static enum rc serve_paid(struct admin_call *c)
{
    struct skill_payout p;
    struct slice reference = SLICE_NONE;
    struct x402_hash transaction;

    TRY(find_payout(&p, c));
    TRY(admin__body_text(&reference, c, "reference", true));
    if (p.state == SKILL_PAYOUT_SENT &&
        x402_hash_parse(&transaction, reference) != RC_OK)
        return admin__refuse(c, RC_CONFLICT, "payout",
                             "it was sent to %s and may still count there: only its "
                             "transaction's hash ends it",
                             p.network);
    TRY(explain_end(c, skill_payout_paid(&p, c->admin->skills, reference), &p));
    return answer_payout(c, p.id);
}

/* What was sent to a chain may still count there: only what was never sent is given
 * up by a word. */
static enum rc serve_failed(struct admin_call *c)
{
    struct skill_payout p;

    TRY(find_payout(&p, c));
    if (p.state == SKILL_PAYOUT_SENT)
        return admin__refuse(c, RC_CONFLICT, "payout",
                             "it was sent to %s and may still count there", p.network);
    TRY(explain_end(c, skill_payout_failed(&p, c->admin->skills), &p));
    return answer_payout(c, p.id);
}

/* clang-format off */
const struct admin_route admin__payout_routes[] = {
    {"GET", "/admin/v1/payouts", serve_list, NULL},
    {"GET", "/admin/v1/payouts/{payout}", serve_show, NULL},
    {"POST", "/admin/v1/publishers/{publisher}/payouts", serve_open, "id,amount,reference"},
    {"POST", "/admin/v1/payouts/{payout}/paid", serve_paid, "reference"},
    {"POST", "/admin/v1/payouts/{payout}/failed", serve_failed, ""},
    {NULL, NULL, NULL, NULL},
};
/* clang-format on */
