/* SPDX-License-Identifier: Apache-2.0 */
/* Finding: names, owners, prices. What is told of them is market_put.c's. */
#include "gateway/market.h"

#include "base/clock.h"
#include "base/codec.h"
#include "gateway/offers.h"
#include "gateway/path.h"

#include <stdio.h>
#include <string.h>

enum {
    OWNERS_TOLD_MAX = 8,
    CENTS = 2 /* decimals that an amount has at least */
};

/* ---- The query ---- */

struct slice market_query(struct request *r, const char *name)
{
    struct slice out;

    if (path_query_text(&out, r->http->query, name, r->arena) != RC_OK)
        return SLICE_NONE;
    return slice_trim(out);
}

size_t market_query_size(struct request *r, const char *name, size_t none, size_t most)
{
    uint64_t value;

    if (slice_to_u64(&value, market_query(r, name)) != RC_OK || value == 0)
        return none;
    return value < most ? (size_t)value : most;
}

/* ---- Who owns what ---- */

struct owner_search {
    struct id path[WALLET_DEPTH_MAX + 1];
    size_t count;
    struct skill_publisher *out;
    bool found;
};

/* The caller's wallet and those above it. */
static void read_path(struct owner_search *s, struct request *r)
{
    struct id at = r->caller.wallet;
    struct wallet w;

    while (s->count < WALLET_DEPTH_MAX + 1 && !id_is_none(at)) {
        s->path[s->count++] = at;
        if (wallet_get(&w, r->worker->book, at) != RC_OK)
            return;
        at = w.parent;
    }
}

static bool look_at(void *arg, const struct skill_publisher *p)
{
    struct owner_search *s = arg;

    s->found = skill_publisher_owned(p, s->path, s->count);
    if (s->found)
        *s->out = *p;
    return !s->found;
}

static bool owns(struct request *r, const struct skill_publisher *p)
{
    struct owner_search s = {.count = 0};

    if (!r->identified)
        return false;
    read_path(&s, r);
    return skill_publisher_owned(p, s.path, s.count);
}

/* Clients write "@acme" as well. */
static struct slice bare_handle(struct slice handle)
{
    return slice_starts(handle, SLICE("@")) ? slice_sub(handle, 1, handle.len) : handle;
}

enum rc market_publisher(struct skill_publisher *out, struct request *r,
                         struct slice handle)
{
    struct owner_search s = {.out = out};

    handle = bare_handle(handle);
    if (!r->identified)
        return request_fault(r, RC_BAD_KEY, NULL,
                             "Log in with the API key of the publisher's wallet.");
    read_path(&s, r);
    if (handle.len == 0) {
        skill_publisher_list(r->worker->skills, SLICE_NONE, look_at, &s);
        return s.found ? RC_OK
                       : request_fault(r, RC_NOT_FOUND, NULL,
                                       "This wallet has no publisher.");
    }
    if (skill_publisher_get(out, r->worker->skills, handle) != RC_OK)
        return request_fault(r, RC_NOT_FOUND, "ownerHandle",
                             "There is no publisher '%.*s'.", SLICE_FMT(handle));
    if (!skill_publisher_owned(out, s.path, s.count))
        return request_fault(r, RC_FORBIDDEN, "ownerHandle",
                             "The publisher '%s' belongs to another wallet.",
                             out->handle);
    return RC_OK;
}

/* ---- Skills ---- */

/* Clients look for these words when they ask whether a skill is there. */
static enum rc not_found(struct request *r, struct slice owner, struct slice slug)
{
    return request_fault(r, RC_NOT_FOUND, NULL, "Skill not found: %.*s%s%.*s.",
                         SLICE_FMT(owner), owner.len > 0 ? "/" : "", SLICE_FMT(slug));
}

static enum rc name_owners(struct request *r, struct slice slug)
{
    const struct skill_query q = {
        .words = slug, .exact = true, .limit = OWNERS_TOLD_MAX};
    struct skill_hits hits = {.count = 0};
    struct buf names;
    enum rc rc;

    buf_init(&names, 512);
    if (skill_search(&hits, r->arena, r->worker->skills, &q) == RC_OK)
        for (size_t i = 0; i < hits.count; i++)
            buf_printf(&names, "%s@%s/%s", i > 0 ? ", " : "",
                       hits.hits[i].skill.publisher, hits.hits[i].skill.slug);
    rc = request_fault(r, RC_CONFLICT, "slug",
                       "Several publishers have a skill '%.*s': say which with "
                       "owner/slug: %.*s.",
                       SLICE_FMT(slug), SLICE_FMT(buf_slice(&names)));
    buf_free(&names);
    return rc;
}

enum rc market_complete(struct market_skill *s, struct request *r)
{
    struct skills *skills = r->worker->skills;
    const struct slice handle = slice_str(s->skill.publisher);

    TRY(skill_publisher_get(&s->publisher, skills, handle));
    TRY(skill_offer_get(&s->offer, skills, handle, slice_str(s->skill.slug)));
    return RC_OK;
}

/* Without an owner: whoever shows it to all, or else the caller's own. */
static enum rc find_anywhere(struct market_skill *out, struct request *r,
                             struct slice slug)
{
    struct skills *skills = r->worker->skills;
    enum rc rc = skill_get(&out->skill, skills, SLICE_NONE, slug, SKILL_BY_ANYBODY);

    if (rc == RC_NOT_FOUND && r->identified &&
        market_publisher(&out->publisher, r, SLICE_NONE) == RC_OK)
        rc = skill_get(&out->skill, skills, slice_str(out->publisher.handle), slug,
                       SKILL_BY_OWNER);
    return rc;
}

enum rc market_find(struct market_skill *out, struct request *r, struct slice owner,
                    struct slice slug)
{
    struct skills *skills = r->worker->skills;
    enum rc rc;

    owner = bare_handle(owner);
    if (owner.len == 0) {
        rc = find_anywhere(out, r, slug);
    } else {
        rc = skill_publisher_get(&out->publisher, skills, owner);
        if (rc == RC_OK)
            rc =
                skill_get(&out->skill, skills, owner, slug,
                          owns(r, &out->publisher) ? SKILL_BY_OWNER : SKILL_BY_ANYBODY);
    }
    if (rc == RC_CONFLICT)
        return name_owners(r, slug);
    if (rc == RC_OK)
        rc = market_complete(out, r);
    if (rc == RC_OK) {
        out->owned = owns(r, &out->publisher);
        if (out->publisher.suspended && !out->owned)
            rc = RC_NOT_FOUND;
    }
    return rc == RC_NOT_FOUND || rc == RC_BAD_INPUT ? not_found(r, owner, slug) : rc;
}

bool market_available(const struct skill_version *v)
{
    return v->state == SKILL_LISTED || v->state == SKILL_WITHDRAWN;
}

void market_judge(struct skill_version *v, const struct market_skill *s)
{
    if (s->skill.state == SKILL_QUARANTINED || v->state == SKILL_LISTED)
        v->state = s->skill.state;
}

static bool take_first(void *arg, const struct skill_version *v)
{
    *(struct skill_version *)arg = *v;
    return false;
}

/* The owner's newest, whatever became of it. */
static enum rc newest(struct skill_version *out, struct request *r,
                      const struct market_skill *s)
{
    out->version[0] = '\0';
    TRY(skill_version_list(r->worker->skills, slice_str(s->skill.publisher),
                           slice_str(s->skill.slug), SKILL_BY_OWNER, take_first, out));
    return out->version[0] != '\0' ? RC_OK : RC_NOT_FOUND;
}

enum rc market_version(struct skill_version *out, struct request *r,
                       const struct market_skill *s, struct slice version)
{
    const bool latest = version.len == 0 || slice_equal(version, SLICE("latest"));
    enum rc rc;

    if (latest && s->owned && s->skill.latest[0] == '\0')
        rc = newest(out, r, s);
    else
        rc = skill_version_get(out, r->worker->skills, slice_str(s->skill.publisher),
                               slice_str(s->skill.slug), version,
                               s->owned ? SKILL_BY_OWNER : SKILL_BY_ANYBODY);
    if (rc == RC_OK)
        market_judge(out, s);
    if (rc != RC_NOT_FOUND && rc != RC_BAD_INPUT)
        return rc;
    return request_fault(r, RC_NOT_FOUND, "version",
                         "Version not found: %s/%s has no version '%.*s'.",
                         s->skill.publisher, s->skill.slug, SLICE_FMT(version));
}

/* ---- Prices ---- */

void market_amount(char out[MONEY_TEXT_SIZE], struct money m)
{
    size_t len, least;

    money_print(out, m);
    len = strlen(out);
    least = slice_find(slice_str(out), '.') + 1 + CENTS;
    while (len > least && out[len - 1] == '0')
        out[--len] = '\0';
}

void market_price(char out[MARKET_PRICE_SIZE], const struct skill_offer *o,
                  uint64_t now_us)
{
    const struct {
        struct money amount;
        const char *per;
    } prices[] = {
        {skill_install_price(o, now_us), "install"},
        {skill_month_price(o, now_us), "month"},
        {o->now.has_per_call ? o->now.per_call : MONEY_ZERO, "call"},
    };
    struct buf b;

    buf_init_lent(&b, out, MARKET_PRICE_SIZE);
    for (size_t i = 0; i < sizeof(prices) / sizeof(prices[0]); i++) {
        char text[MONEY_TEXT_SIZE];

        if (money_is_zero(prices[i].amount))
            continue;
        market_amount(text, prices[i].amount);
        buf_printf(&b, "%s%s USD per %s", buf_len(&b) > 0 ? ", " : "", text,
                   prices[i].per);
    }
    out[buf_len(&b)] = '\0';
}

bool market_tell_price(struct request *r, const struct market_skill *s,
                       const struct skill_version *v)
{
    const struct money price = skill_install_price(&s->offer, clock_wall_us());
    char text[MONEY_TEXT_SIZE];

    if (money_is_zero(price) || s->owned)
        return false;
    market_amount(text, price);
    (void)request_fault(
        r, RC_PAYMENT_REQUIRED, NULL,
        "Payment required: %s USD for %s/%s, once for every version %.*s.x. Log in "
        "with a key of a funded wallet (clawhub login --token sk-oct-..) and install "
        "again.",
        text, s->skill.publisher, s->skill.slug,
        (int)slice_find(slice_str(v->version), '.'), v->version);
    return true;
}

/* ---- Answers ---- */

void market_reply(struct request *r, struct buf *body)
{
    if (buf_spent(body))
        market_fail(r, RC_TOO_BIG);
    else
        request_reply(r, 200, "application/json", buf_slice(body));
    buf_free(body);
}

void market_fail(struct request *r, enum rc rc)
{
    r->rc = rc;
    r->fault.rc = rc;
    request_reply_fault(r);
}

const char *market_url(struct request *r, const char *path,
                       const struct market_skill *s, const char *version)
{
    struct buf query;
    const char *url;

    buf_init(&query, 1024);
    buf_printf(&query, "slug=%s&ownerHandle=%s&version=", s->skill.slug,
               s->skill.publisher);
    percent_encode(&query, slice_str(version));
    url = offers_url(r, slice_str(path), buf_slice(&query));
    buf_free(&query);
    return url;
}
