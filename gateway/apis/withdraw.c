/* SPDX-License-Identifier: Apache-2.0 */
/* A publisher takes a skill, or one version of it, out of the market and brings it
 * back: delete, hide, undelete and unhide of clawhub. Nothing is deleted: who bought it
 * still gets it. */
#include "gateway/api.h"
#include "gateway/keeper.h"
#include "gateway/market.h"
#include "gateway/path.h"

enum {
    BODY_MAX = 16 << 10
};

struct withdrawing {
    struct keeper_call call; /* first */
    struct request *request;
    struct skill_publisher publisher;
    struct slice slug, version; /* SLICE_NONE: all of it */
    bool back;
};

/* Older clients send none. */
static enum rc read_owner(struct slice *owner, struct request *r)
{
    const struct json_limits limits = {.bytes = BODY_MAX};
    struct json_field field = {.name = "ownerHandle"};
    const struct slice body = exchange_body(r->exchange);

    *owner = market_query(r, "ownerHandle");
    if (body.len == 0)
        return RC_OK;
    TRY(json_guard(body, &limits, &field, 1, NULL, r->arena));
    if (field.type == JSON_STRING)
        TRY(json_raw_string(owner, field.raw, r->arena));
    return RC_OK;
}

static enum rc begin(struct withdrawing *w, struct request *r)
{
    struct slice owner;

    w->request = r;
    w->back = slice_equal(r->http->method, SLICE("POST"));
    TRY(read_owner(&owner, r));
    TRY(market_publisher(&w->publisher, r, owner));
    TRY(path_decode(&w->slug, r->match.params[0], r->arena));
    if (r->match.params[1].len > 0)
        TRY(path_decode(&w->version, r->match.params[1], r->arena));
    return RC_OK;
}

static void withdraw(struct keeper_job *j)
{
    struct withdrawing *w = (struct withdrawing *)(void *)j;

    j->rc = skill_withdraw(w->request->worker->skills, slice_str(w->publisher.handle),
                           w->slug, w->version, w->back);
}

static void refuse(struct request *r, const struct withdrawing *w, enum rc rc)
{
    if (rc == RC_NOT_FOUND)
        rc = request_fault(r, rc, NULL, "Skill not found: %s/%.*s.",
                           w->publisher.handle, SLICE_FMT(w->slug));
    else if (rc == RC_CONFLICT)
        rc = request_fault(
            r, rc, NULL, w->back ? "It has not been withdrawn." : "It is not listed.");
    market_fail(r, rc);
}

static enum step serve_wait(struct request *r)
{
    struct withdrawing *w = r->api_state;
    enum rc rc = RC_NOMEM;

    if (w == NULL) {
        w = arena_new(r->arena, struct withdrawing);
        r->api_state = w;
        if (w != NULL)
            rc = begin(w, r);
        if (rc != RC_OK) {
            market_fail(r, rc);
            return STEP_ON;
        }
    }
    if (keeper_call(&w->call, r->worker->keeper, r, withdraw) == STEP_WAIT)
        return STEP_WAIT;
    if (w->call.job.rc == RC_OK)
        request_reply(r, 200, "application/json", SLICE("{\"ok\":true}"));
    else
        refuse(r, w, w->call.job.rc);
    return STEP_ON;
}

static enum rc body_max(struct request *r, uint64_t *bytes)
{
    (void)r;
    *bytes = BODY_MAX;
    return RC_OK;
}

static const struct api_route routes[] = {
    {"DELETE", "/api/v1/skills/{slug}"},
    {"DELETE", "/api/v1/skills/{slug}/versions/{version}"},
    {"POST", "/api/v1/skills/{slug}/undelete"},
    {"POST", "/api/v1/skills/{slug}/versions/{version}/restore"},
    {NULL, NULL},
};

extern const struct api api_withdraw;
const struct api api_withdraw = {
    .name = "registry",
    .dialect = DIALECT_TEXT,
    .flags = API_NEEDS_KEY,
    .routes = routes,
    .serve_wait = serve_wait,
    .body_max = body_max,
};
