/* SPDX-License-Identifier: Apache-2.0 */
/* GET /api/v1/download: a skill's package. One that costs is paid once for each root
 * wallet, skill and major version: whoever has bought it gets it again without a
 * charge, on any machine and also after its publisher withdrew it. A payment without a
 * key (x402, MPP) pays one download. The answer is a file of ours; the money moves
 * before its first byte, so what is lost on the way is simply asked for again. */
#include "base/clock.h"
#include "base/codec.h"
#include "base/log.h"
#include "gateway/api.h"
#include "gateway/config_skills.h"
#include "gateway/market.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

struct install {
    struct market_skill s;
    struct skill_version v;
    char what[SKILL_REF_SIZE]; /* "publisher/slug@version" */
    char etag[2 * SHA256_LEN + 1];
    struct money price;
    bool open;
    int fd; /* the package, from its beginning */
    uint64_t len;
};

/* ---- What was bought before ---- */

enum bought {
    BOUGHT_NOT,
    BOUGHT_SOON, /* another call of the wallet is about to */
    BOUGHT
};

/* Whether the caller's wallet has it. Otherwise *once is what buying it uses up,
 * instead of a purchase that a process did not live to book: neither free nor lost. */
static enum rc look_bought(enum bought *out, struct wallet_once *once,
                           struct request *r, const struct install *i)
{
    struct wallet_once_seen seen;
    struct skill_semver semver;

    TRY(skill_semver_parse(&semver, slice_str(i->v.version)));
    *once = (struct wallet_once){
        .present = true, .purchase = true, .expires_us = UINT64_MAX};
    skill_install_key(once->key, r->caller.root, slice_str(i->s.skill.publisher),
                      slice_str(i->s.skill.slug), semver.major);
    memcpy(once->fingerprint, once->key, sizeof(once->fingerprint));
    TRY(wallet_once_look(&seen, r->worker->book, once));
    *out = BOUGHT_NOT;
    if (seen.state == WALLET_ONCE_SERVING)
        *out = BOUGHT_SOON;
    else if (seen.state == WALLET_ONCE_DONE)
        *out = BOUGHT;
    else
        once->version = seen.version;
    return RC_OK;
}

/* ---- What is asked for ---- */

static enum rc withdrawn(struct request *r, const struct install *i)
{
    return request_fault(r, RC_NOT_FOUND, "version",
                         "Version not found: %s has been withdrawn by its publisher.",
                         i->what);
}

static void name_it(struct install *i)
{
    (void)snprintf(i->what, sizeof(i->what), "%s/%s@%s", i->s.skill.publisher,
                   i->s.skill.slug, i->v.version);
}

/* The version of a withdrawn skill, for who may have bought it. */
static enum rc see_withdrawn(struct install *i, struct request *r, struct slice owner,
                             struct slice slug, struct slice version)
{
    struct skills *skills = r->worker->skills;

    if (slice_starts(owner, SLICE("@")))
        owner = slice_sub(owner, 1, owner.len);
    TRY(skill_get(&i->s.skill, skills, owner.len > 0 ? owner : SLICE_NONE, slug,
                  SKILL_BY_OWNER));
    if (i->s.skill.state != SKILL_WITHDRAWN || version.len == 0)
        return RC_NOT_FOUND;
    TRY(skill_version_get(&i->v, skills, slice_str(i->s.skill.publisher),
                          slice_str(i->s.skill.slug), version, SKILL_BY_OWNER));
    market_judge(&i->v, &i->s);
    return market_complete(&i->s, r);
}

static enum rc find(struct install *i, struct request *r)
{
    const struct slice owner = market_query(r, "ownerHandle");
    const struct slice slug = market_query(r, "slug");
    const struct slice version = market_query(r, "version");
    enum rc rc;

    if (slug.len == 0)
        return request_fault(r, RC_BAD_INPUT, "slug", "'slug' is missing.");
    rc = market_find(&i->s, r, owner, slug);
    if (rc == RC_OK)
        rc = market_version(&i->v, r, &i->s, version);
    else if (rc == RC_NOT_FOUND && r->identified &&
             see_withdrawn(i, r, owner, slug, version) == RC_OK)
        rc = RC_OK;
    TRY(rc);
    r->fault = (struct fault){.rc = RC_OK}; /* of a first look that found nothing */
    name_it(i);
    if (i->v.state == SKILL_QUARANTINED)
        return request_fault(r, RC_FORBIDDEN, NULL, "%s is quarantined: %s", i->what,
                             i->v.overview);
    return market_available(&i->v) || i->s.owned ? RC_OK : withdrawn(r, i);
}

static enum rc open_package(struct install *i, struct request *r)
{
    enum rc rc =
        blobs_file(&i->fd, &i->len, skills_blobs(r->worker->skills), i->v.package);

    if (rc == RC_NOT_FOUND) { /* the book has it, the disk has not */
        log_event(LOG_ERROR, "a package is missing", LOG_STR("skill", i->what));
        rc = RC_CORRUPT;
    }
    TRY(rc);
    i->open = true;
    hex_encode(i->etag, i->v.package, SHA256_LEN);
    return RC_OK;
}

/* What was paid for is sent whole, whatever the client says that it has. */
static void send(struct request *r, struct install *i, bool paid)
{
    i->open = false;
    request_header(
        r, "Content-Disposition",
        slice_str(arena_printf(r->arena, "attachment; filename=\"%s-%s.zip\"",
                               i->s.skill.slug, i->v.version)));
    request_header(r, "X-Content-Type-Options", SLICE("nosniff"));
    if (r->payment != NULL && r->payment->is_key) /* other payments say so themselves */
        request_header(r, "Cache-Control", SLICE("private"));
    if (paid)
        request_header(r, "ETag", slice_str(arena_printf(r->arena, "\"%s\"", i->etag)));
    request_reply_file(r, "application/zip", i->fd, i->len,
                       paid ? SLICE_NONE : slice_str(i->etag));
}

/* What needs no money is answered. */
static enum rc settle_price(struct request *r, struct install *i)
{
    enum bought bought = BOUGHT_NOT;

    i->price = skill_install_price(&i->s.offer, clock_wall_us());
    if (i->s.owned || slice_equal(r->http->method, SLICE("HEAD"))) {
        send(r, i, false);
        return RC_OK;
    }
    if (r->identified && r->payment != NULL && r->payment->is_key)
        TRY(look_bought(&bought, &r->once, r, i));
    if (i->v.state == SKILL_WITHDRAWN && bought != BOUGHT)
        return withdrawn(r, i);
    if (bought == BOUGHT || money_is_zero(i->price)) {
        memset(&r->once, 0, sizeof(r->once));
        send(r, i, false);
        return RC_OK;
    }
    r->quote.worst = i->price;
    r->quote.shared = true;
    r->quote.flow = CONFIG_UPFRONT;
    if (r->payment == NULL)
        (void)market_tell_price(r, &i->s, &i->v);
    return RC_OK;
}

static enum rc plan(struct request *r)
{
    struct install *i = arena_new(r->arena, struct install);

    if (i == NULL)
        return RC_NOMEM;
    r->api_state = i;
    TRY(find(i, r));
    r->quote.subject = slice_str(i->what);
    TRY(open_package(i, r));
    return settle_price(r, i);
}

/* Another call of the same wallet has bought it since we looked, or is about to. */
static enum hold_again rehold(struct request *r, enum rc rc)
{
    struct install *i = r->api_state;
    enum bought bought = BOUGHT_NOT;

    (void)rc;
    r->rc = look_bought(&bought, &r->once, r, i);
    if (r->rc != RC_OK)
        return HOLD_NOT;
    if (bought != BOUGHT)
        return bought == BOUGHT_SOON ? HOLD_SOON : HOLD_NOW;
    memset(&r->once, 0, sizeof(r->once));
    i->price = MONEY_ZERO;
    r->quote.worst = MONEY_ZERO;
    return HOLD_NOW;
}

/* ---- Paid ---- */

static enum rc cost(struct request *r, struct money *out, struct wallet_call *call)
{
    const struct install *i = r->api_state;

    call->model = r->quote.subject;
    call->target = r->quote.subject;
    call->status = r->outcome == OUTCOME_OK ? 200 : 499;
    *out = r->outcome == OUTCOME_OK ? i->price : MONEY_ZERO;
    if (!money_is_zero(*out))
        skill_share(&call->share, &i->s.publisher, r->config->skills->platform_ppm,
                    r->quote.subject, ledger_now_us(r->worker->ledger));
    return RC_OK;
}

static void finish(struct request *r)
{
    struct install *i = r->api_state;

    request_money_headers(r);
    send(r, i, !money_is_zero(i->price));
}

static void close_install(struct request *r)
{
    struct install *i = r->api_state;

    if (i->open)
        (void)close(i->fd);
}

static const struct api_route routes[] = {
    {"GET", "/api/v1/download"},
    {NULL, NULL},
};

extern const struct api api_install;
const struct api api_install = {
    .name = "install",
    .dialect = DIALECT_TEXT,
    .flags = API_PRICED | API_LOCAL,
    .routes = routes,
    .plan = plan,
    .rehold = rehold,
    .cost = cost,
    .finish = finish,
    .close = close_install,
};
