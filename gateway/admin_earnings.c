/* SPDX-License-Identifier: Apache-2.0 */
/* The admin API's sums of what a publisher has earned, and taking back what a fraud
 * has. The uses one by one are admin_feed.c's, payouts admin_payouts.c's. */
#include "gateway/admin_int.h"

#include "base/clock.h"
#include "gateway/config_skills.h"

#define DEFAULT_DELAY_US (UINT64_C(7) * 86400 * 1000000)

uint64_t admin__payout_delay(struct admin_call *c)
{
    const struct config *config;
    uint64_t delay_us = DEFAULT_DELAY_US;

    if (c->admin->config == NULL)
        return delay_us;
    config = config_cell_get(c->admin->config);
    delay_us = config->skills->payout_delay_us;
    config_unref(config);
    return delay_us;
}

/* ---- Earnings ---- */

enum rc admin__put_earnings(struct admin_call *c, const struct skill_publisher *p)
{
    const uint64_t delay_us = admin__payout_delay(c);
    struct json_out *o = &c->out;
    struct skill_earnings e;

    TRY(skill_earnings_read(&e, c->admin->skills, p, delay_us, clock_wall_us()));
    json_out_object(o);
    json_out_kstr(o, "publisher", p->handle);
    json_out_kmoney(o, "earned", e.earned);
    json_out_kmoney(o, "waiting", e.waiting);
    json_out_kmoney(o, "ready", e.ready);
    json_out_kmoney(o, "due", e.due);
    json_out_kmoney(o, "underway", e.underway);
    json_out_kmoney(o, "paid", e.paid);
    json_out_kmoney(o, "clawed_back", e.clawed);
    json_out_ku64(o, "payout_delay_seconds", delay_us / 1000000);
    json_out_end_object(o);
    return RC_OK;
}

static enum rc serve_earnings(struct admin_call *c)
{
    struct skill_publisher p;

    TRY(admin__find_publisher(&p, c, c->params[0]));
    return admin__put_earnings(c, &p);
}

static enum rc serve_mature(struct admin_call *c)
{
    struct skill_publisher p;
    struct money moved;
    enum rc rc;

    TRY(admin__find_publisher(&p, c, c->params[0]));
    rc = skill_mature(&moved, c->admin->skills, &p, admin__payout_delay(c),
                      clock_wall_us());
    if (rc == RC_FORBIDDEN)
        return admin__refuse(c, rc, "publisher", "'%s' is suspended", p.handle);
    TRY(rc);
    return admin__put_earnings(c, &p);
}

/* ---- Clawback ---- */

static enum rc serve_clawback(struct admin_call *c)
{
    struct skill_clawback done;
    struct skill_publisher p;
    struct slice slug = SLICE_NONE;
    struct slice since = SLICE_NONE;
    uint64_t since_us;

    TRY(admin__find_publisher(&p, c, c->params[0]));
    TRY(admin__body_text(&slug, c, "skill", false));
    TRY(admin__body_text(&since, c, "since", true));
    if (clock_parse(&since_us, since) != RC_OK)
        return admin__refuse(c, RC_BAD_INPUT, "since",
                             "'since' must be a time, like 2030-01-31T00:00:00Z");
    if (slug.bytes != NULL && !skill_slug_ok(slug))
        return admin__refuse(c, RC_BAD_INPUT, "skill",
                             "'skill' is the name of one skill, without its "
                             "publisher's");
    TRY(skill_claw_back(&done, c->admin->skills, &p, slug, since_us));
    json_out_object(&c->out);
    json_out_kstr(&c->out, "publisher", p.handle);
    json_out_ku64(&c->out, "uses", done.uses);
    json_out_kmoney(&c->out, "given_back", done.given_back);
    json_out_kmoney(&c->out, "to_house", done.to_house);
    json_out_kmoney(&c->out, "left", done.left);
    json_out_end_object(&c->out);
    return RC_OK;
}

/* clang-format off */
const struct admin_route admin__earnings_routes[] = {
    {"GET", "/admin/v1/publishers/{publisher}/earnings", serve_earnings, NULL},
    {"POST", "/admin/v1/publishers/{publisher}/mature", serve_mature, ""},
    {"POST", "/admin/v1/publishers/{publisher}/clawback", serve_clawback, "skill,since"},
    {NULL, NULL, NULL, NULL},
};
/* clang-format on */
