/* SPDX-License-Identifier: Apache-2.0 */
/* The admin API's offers: what a skill costs and which endpoints it has. */
#include "gateway/admin_int.h"

#include "base/log.h"
#include "base/secret.h"
#include "gateway/api_definition.h"
#include "gateway/listings.h"

#include <stdio.h>
#include <string.h>

/* ---- Shapes ---- */

static void put_terms(struct json_out *o, const struct skill_terms *t,
                      const char *base_url)
{
    json_out_kmoney(o, "per_install", t->per_install);
    json_out_kmoney(o, "per_month", t->per_month);
    json_out_key(o, "per_call");
    if (t->has_per_call)
        json_out_money(o, t->per_call);
    else
        json_out_null(o);
    json_out_ktext(o, "base_url", slice_str(base_url));
}

void admin__put_offer(struct json_out *o, const struct skill_offer *offer)
{
    json_out_object(o);
    put_terms(o, &offer->now, offer->base_url);
    json_out_key(o, "since");
    json_out_time(o, offer->since_us);
    json_out_ku64(o, "number", offer->number);
    json_out_key(o, "pending");
    if (offer->pending) {
        json_out_object(o);
        put_terms(o, &offer->next, offer->next_base_url);
        json_out_end_object(o);
    } else {
        json_out_null(o);
    }
    json_out_end_object(o);
}

/* ---- Set ---- */

static enum rc read_amount(struct money *out, bool *given, struct admin_call *c,
                           const char *name)
{
    struct slice text = SLICE_NONE;

    *given = false;
    TRY(admin__body_text(&text, c, name, false));
    if (text.bytes == NULL)
        return RC_OK;
    *given = true;
    return admin__body_money(out, c, name);
}

static enum rc check_prices(struct admin_call *c, const struct skill_terms *t,
                            const struct config_data_api *api)
{
    const struct config_endpoint *e = listing_unpriced(api, t);

    if (e == NULL)
        return RC_OK;
    return admin__refuse(c, RC_BAD_INPUT, "per_call",
                         "the endpoint %s %s has no price: give it one, or set "
                         "'per_call' (\"0\": free)",
                         e->method, e->path);
}

static enum rc keep_definition(struct skill_terms *t, char base_url[256],
                               struct admin_call *c, struct slice text,
                               const struct api_definition *d)
{
    const struct config_data_api *api = api_definition_api(d);

    TRY(check_prices(c, t, api));
    if (slice_to_cstr(base_url, 256, slice_str(api->base_url)) != RC_OK)
        return admin__refuse(c, RC_BAD_INPUT, "endpoints",
                             "its base_url has more than 255 bytes");
    t->has_definition = true;
    return blobs_put(t->definition, skills_blobs(c->admin->skills), text);
}

static enum rc parse_definition(struct skill_terms *t, char base_url[256],
                                struct admin_call *c, struct slice text)
{
    const struct config *config;
    struct api_definition *d = NULL;
    struct buf faults;
    enum rc rc;

    if (c->admin->config == NULL)
        return admin__refuse(c, RC_NOT_FOUND, "endpoints",
                             "without a configuration there are no endpoints");
    config = config_cell_get(c->admin->config);
    buf_init(&faults, ADMIN_DETAIL_SIZE);
    rc = api_definition_parse(&d, text, config, &faults);
    if (rc == RC_OK)
        rc = keep_definition(t, base_url, c, text, d);
    else
        (void)admin__refuse(c, rc, "endpoints", "%.*s",
                            SLICE_FMT(slice_trim(buf_slice(&faults))));
    api_definition_unref(d);
    buf_free(&faults);
    config_unref(config);
    return rc == RC_BAD_CONFIG ? RC_BAD_INPUT : rc;
}

static enum rc explain_offer(struct admin_call *c, enum rc rc)
{
    if (rc == RC_FORBIDDEN)
        return admin__refuse(c, rc, "skill", "the skill is quarantined");
    if (rc == RC_STALE)
        return admin__refuse(c, rc, NULL,
                             "the offer was changed by somebody else meanwhile: try "
                             "again");
    if (rc == RC_CONFLICT)
        return admin__refuse(c, rc, NULL, "nothing waits for a word on it");
    if (rc == RC_BUSY)
        return admin__refuse(c, RC_CONFLICT, "endpoints",
                             "they have changed too often: prices that were told bind "
                             "for five minutes; try again when the first has ended");
    return rc;
}

/* An offer that is not read at once is read by the first call that meets it. */
static void tell_listings(struct admin_call *c, const struct skill *skill)
{
    enum rc rc;

    if (c->admin->listings == NULL)
        return;
    rc = listings_refresh(c->admin->listings, slice_str(skill->publisher),
                          slice_str(skill->slug));
    if (rc != RC_OK)
        log_event(LOG_WARN, "an offer was not read", LOG_STR("skill", skill->slug),
                  LOG_STR("error", rc_reason(rc)));
}

/* The operator's own word waits for nobody. */
static enum rc serve_set(struct admin_call *c)
{
    struct skill_terms terms = {.per_install = MONEY_ZERO};
    struct slice endpoints = SLICE_NONE;
    struct skill_offer offer;
    struct skill skill;
    char base_url[256] = "";
    bool given;

    TRY(admin__find_skill(&skill, c));
    TRY(read_amount(&terms.per_install, &given, c, "per_install"));
    TRY(read_amount(&terms.per_month, &given, c, "per_month"));
    TRY(read_amount(&terms.per_call, &terms.has_per_call, c, "per_call"));
    TRY(admin__body_text(&endpoints, c, "endpoints", false));
    if (endpoints.len > 0)
        TRY(parse_definition(&terms, base_url, c, endpoints));
    TRY(explain_offer(
        c, skill_offer_set(&offer, c->admin->skills, slice_str(skill.publisher),
                           slice_str(skill.slug), &terms, slice_str(base_url), false)));
    tell_listings(c, &skill);
    admin__put_offer(&c->out, &offer);
    return RC_OK;
}

static enum rc decide(struct admin_call *c, bool accept)
{
    struct slice seen = SLICE_NONE;
    struct skill_offer offer;
    struct skill skill;

    TRY(admin__find_skill(&skill, c));
    TRY(admin__body_text(&seen, c, "base_url", false));
    TRY(explain_offer(c, skill_offer_decide(&offer, c->admin->skills,
                                            slice_str(skill.publisher),
                                            slice_str(skill.slug), seen, accept)));
    tell_listings(c, &skill);
    admin__put_offer(&c->out, &offer);
    return RC_OK;
}

static enum rc serve_accept(struct admin_call *c)
{
    return decide(c, true);
}

static enum rc serve_drop(struct admin_call *c)
{
    return decide(c, false);
}

/* What a publisher's host is sent, so that it can refuse everybody else. */
static enum rc serve_token(struct admin_call *c)
{
    char token[LISTING_TOKEN_SIZE], name[SKILL_REF_SIZE];
    struct skill skill;

    TRY(admin__find_skill(&skill, c));
    (void)snprintf(name, sizeof(name), "%s/%s", skill.publisher, skill.slug);
    listing_token(token, c->admin->book, slice_str(skill.publisher),
                  slice_str(skill.slug));
    json_out_object(&c->out);
    json_out_kstr(&c->out, "skill", name);
    json_out_kstr(&c->out, "token", token);
    json_out_end_object(&c->out);
    secret_wipe(token, sizeof(token));
    return RC_OK;
}

/* clang-format off */
const struct admin_route admin__offer_routes[] = {
    {"PUT", "/admin/v1/skills/{publisher}/{skill}/offer", serve_set, "per_install,per_month,per_call,endpoints"},
    {"POST", "/admin/v1/skills/{publisher}/{skill}/offer/accept", serve_accept, "base_url"},
    {"POST", "/admin/v1/skills/{publisher}/{skill}/offer/drop", serve_drop, "base_url"},
    {"GET", "/admin/v1/skills/{publisher}/{skill}/token", serve_token, NULL},
    {NULL, NULL, NULL, NULL},
};
/* clang-format on */
