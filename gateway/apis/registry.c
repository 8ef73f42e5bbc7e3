/* SPDX-License-Identifier: Apache-2.0 */
/* The registry of skills as ClawHub's clients (clawhub, openclaw) ask for it, in what
 * memory answers: discovery of the registry itself, search, lists, one skill, its
 * versions, verdicts, who is logged in. Versions' files are registry_files.c's,
 * packages install.c's, new versions publish.c's. Refusals are plain text, which the
 * clients print. */
#include "base/codec.h"
#include "gateway/api.h"
#include "gateway/market.h"
#include "gateway/offers.h"
#include "gateway/path.h"

#include <stdio.h>
#include <string.h>

enum {
    PAGE_DEFAULT = 25,
    VERDICTS_MAX = 100,
    OFFSET_MAX = 1000000
};

static void begin(struct json_out *o, struct buf *b)
{
    buf_init(b, MARKET_BODY_MAX);
    json_out_init(o, b);
}

/* ---- Discovery, and who asks ---- */

static void serve_where(struct request *r)
{
    struct json_out o;
    struct buf b;

    begin(&o, &b);
    json_out_object(&o);
    json_out_kstr(&o, "apiBase", offers_url(r, SLICE_NONE, SLICE_NONE));
    json_out_end_object(&o);
    request_header(r, "Cache-Control", SLICE("max-age=300"));
    market_reply(r, &b);
}

/* A key's publisher is its handle; without one the name of its wallet is shown. */
static void serve_whoami(struct request *r)
{
    struct skill_publisher *p = arena_new(r->arena, struct skill_publisher);
    struct json_out o;
    struct buf b;
    bool has;

    if (p == NULL || !r->identified) {
        market_fail(r, request_fault(r, p == NULL ? RC_NOMEM : RC_BAD_KEY, NULL,
                                     "Log in with an API key of a wallet: clawhub "
                                     "login --token sk-oct-.."));
        return;
    }
    has = market_publisher(p, r, SLICE_NONE) == RC_OK;
    r->fault = (struct fault){.rc = RC_OK};
    begin(&o, &b);
    json_out_object(&o);
    json_out_key(&o, "user");
    json_out_object(&o);
    json_out_kstr(&o, "handle", has ? p->handle : r->caller.wallet_name);
    json_out_kstr(&o, "displayName", has ? p->display : r->caller.wallet_name);
    json_out_kstr(&o, "image", NULL);
    json_out_kstr(&o, "role", "user");
    json_out_end_object(&o);
    json_out_end_object(&o);
    market_reply(r, &b);
}

/* ---- Lists ---- */

/* Calls put() for each hit; what changed meanwhile is left out. */
static enum rc put_hits(struct json_out *o, struct request *r,
                        const struct skill_query *q, size_t *next,
                        void (*put)(struct json_out *o, struct request *r,
                                    const struct market_skill *s, uint32_t score))
{
    struct market_skill *s = arena_new(r->arena, struct market_skill);
    struct skill_hits hits;

    if (s == NULL)
        return RC_NOMEM;
    TRY(skill_search(&hits, r->arena, r->worker->skills, q));
    for (size_t i = 0; i < hits.count; i++) {
        s->skill = hits.hits[i].skill;
        if (market_complete(s, r) == RC_OK)
            put(o, r, s, hits.hits[i].score_milli);
    }
    *next = q->offset + hits.count < hits.total && hits.count > 0
                ? q->offset + hits.count
                : 0;
    return RC_OK;
}

static void put_result(struct json_out *o, struct request *r,
                       const struct market_skill *s, uint32_t score)
{
    (void)r;
    market_put_search(o, s, score);
}

static void put_trend(struct json_out *o, struct request *r,
                      const struct market_skill *s, uint32_t score)
{
    (void)r;
    (void)score;
    market_put_trending(o, s);
}

static void put_row(struct json_out *o, struct request *r, const struct market_skill *s,
                    uint32_t score)
{
    (void)score;
    market_put_item(o, r, s);
}

static void serve_search(struct request *r)
{
    const struct skill_query q = {
        .words = market_query(r, "q"),
        .exact = slice_equal(market_query(r, "mode"), SLICE("exact")),
        .limit = market_query_size(r, "limit", PAGE_DEFAULT, MARKET_PAGE_MAX)};
    struct json_out o;
    struct buf b;
    size_t next;
    enum rc rc;

    begin(&o, &b);
    json_out_object(&o);
    json_out_key(&o, "results");
    json_out_array(&o);
    rc = put_hits(&o, r, &q, &next, put_result);
    json_out_end_array(&o);
    json_out_end_object(&o);
    if (rc == RC_OK) {
        market_reply(r, &b);
        return;
    }
    buf_free(&b);
    market_fail(r, rc);
}

static enum skill_sort sort_of(struct slice name)
{
    static const struct {
        const char *name;
        enum skill_sort sort;
    } sorts[] = {
        {"createdAt", SKILL_BY_CREATED}, {"newest", SKILL_BY_CREATED},
        {"updated", SKILL_BY_UPDATED},   {"updatedAt", SKILL_BY_UPDATED},
        {"name", SKILL_BY_NAME},
    };

    for (size_t i = 0; i < sizeof(sorts) / sizeof(sorts[0]); i++)
        if (slice_equal_str(name, sorts[i].name))
            return sorts[i].sort;
    return SKILL_BY_RANK;
}

/* A page of rows under "items", and where the next one begins. */
static void serve_page(struct request *r, const struct skill_query *q,
                       void (*put)(struct json_out *o, struct request *r,
                                   const struct market_skill *s, uint32_t score))
{
    struct json_out o;
    struct buf b;
    size_t next = 0;
    enum rc rc;

    begin(&o, &b);
    json_out_object(&o);
    json_out_key(&o, "items");
    json_out_array(&o);
    rc = put_hits(&o, r, q, &next, put);
    json_out_end_array(&o);
    json_out_kstr(&o, "nextCursor",
                  next > 0 ? arena_printf(r->arena, "%zu", next) : NULL);
    json_out_end_object(&o);
    if (rc == RC_OK) {
        market_reply(r, &b);
        return;
    }
    buf_free(&b);
    market_fail(r, rc);
}

static void serve_list(struct request *r)
{
    const struct skill_query q = {
        .words = market_query(r, "prefix"),
        .publisher = market_query(r, "ownerHandle"),
        .sort = sort_of(market_query(r, "sort")),
        .offset = market_query_size(r, "cursor", 0, OFFSET_MAX),
        .limit = market_query_size(r, "limit", PAGE_DEFAULT, MARKET_PAGE_MAX)};

    serve_page(r, &q, put_row);
}

static void serve_trending(struct request *r)
{
    const struct skill_query q = {
        .limit = market_query_size(r, "limit", PAGE_DEFAULT, MARKET_PAGE_MAX)};

    serve_page(r, &q, put_trend);
}

/* ---- One skill ---- */

struct versions {
    struct json_out *o;
    size_t left;
};

static bool put_one(void *arg, const struct skill_version *v)
{
    struct versions *list = arg;

    if (list->left-- == 0)
        return false;
    json_out_object(list->o);
    json_out_kstr(list->o, "version", v->version);
    json_out_ku64(list->o, "createdAt", v->created_us / 1000);
    json_out_kstr(list->o, "changelog", v->changelog);
    json_out_kstr(list->o, "state", skill_state_word(v->state));
    json_out_end_object(list->o);
    return true;
}

static enum rc put_versions(struct json_out *o, struct request *r,
                            const struct market_skill *s)
{
    struct versions list = {
        .o = o, .left = market_query_size(r, "limit", PAGE_DEFAULT, MARKET_PAGE_MAX)};
    enum rc rc;

    json_out_object(o);
    json_out_key(o, "items");
    json_out_array(o);
    rc = skill_version_list(
        r->worker->skills, slice_str(s->skill.publisher), slice_str(s->skill.slug),
        s->owned ? SKILL_BY_OWNER : SKILL_BY_ANYBODY, put_one, &list);
    json_out_end_array(o);
    json_out_kstr(o, "nextCursor", NULL);
    json_out_end_object(o);
    return rc;
}

/* openclaw shows this message to people, and of other refusals only that there was one.
 */
static void put_no_install(struct json_out *o, struct slice slug, const char *reason,
                           const char *message, unsigned status)
{
    json_out_object(o);
    json_out_kbool(o, "ok", false);
    json_out_kslice(o, "slug", slug);
    json_out_kstr(o, "reason", reason);
    json_out_kstr(o, "message", message);
    json_out_ku64(o, "status", status);
    json_out_end_object(o);
}

static enum rc put_install_answer(struct json_out *o, struct request *r,
                                  const struct market_skill *s)
{
    struct skill_version *v = arena_new(r->arena, struct skill_version);

    if (v == NULL)
        return RC_NOMEM;
    TRY(market_version(v, r, s, market_query(r, "version")));
    if (!r->identified && market_tell_price(r, s, v)) {
        put_no_install(o, slice_str(s->skill.slug), "payment_required", r->fault.detail,
                       402);
        r->fault = (struct fault){.rc = RC_OK};
        return RC_OK;
    }
    json_out_object(o);
    json_out_kbool(o, "ok", true);
    json_out_kstr(o, "slug", s->skill.slug);
    json_out_kstr(o, "installKind", "archive");
    json_out_key(o, "archive");
    json_out_object(o);
    json_out_kstr(o, "version", v->version);
    json_out_kstr(o, "downloadUrl", market_url(r, "/api/v1/download", s, v->version));
    json_out_end_object(o);
    json_out_end_object(o);
    return RC_OK;
}

static enum rc put_verify(struct json_out *o, struct request *r,
                          const struct market_skill *s)
{
    struct skill_version *v = arena_new(r->arena, struct skill_version);

    if (v == NULL)
        return RC_NOMEM;
    TRY(market_version(v, r, s, market_query(r, "version")));
    market_put_verify(o, r, s, v);
    return RC_OK;
}

static enum rc put_moderation(struct json_out *o, struct request *r,
                              const struct market_skill *s)
{
    struct skill_version *v = arena_new(r->arena, struct skill_version);

    if (v == NULL)
        return RC_NOMEM;
    TRY(market_version(v, r, s, SLICE_NONE));
    json_out_object(o);
    json_out_key(o, "moderation");
    market_put_moderation(o, v);
    json_out_end_object(o);
    return RC_OK;
}

static enum rc put_whole(struct json_out *o, struct request *r,
                         const struct market_skill *s)
{
    market_put_detail(o, r, s);
    return RC_OK;
}

static void serve_skill(struct request *r, struct slice slug,
                        enum rc (*put)(struct json_out *o, struct request *r,
                                       const struct market_skill *s))
{
    struct market_skill *s = arena_new(r->arena, struct market_skill);
    struct json_out o;
    struct buf b;
    enum rc rc = RC_NOMEM;

    begin(&o, &b);
    if (s != NULL)
        rc = market_find(s, r, market_query(r, "ownerHandle"), slug);
    if (rc == RC_OK)
        rc = put(&o, r, s);
    if (rc == RC_OK) {
        market_reply(r, &b);
        return;
    }
    if (rc == RC_CONFLICT && put == put_install_answer) {
        put_no_install(&o, slug, "ambiguous_slug", r->fault.detail, 409);
        request_reply(r, 409, "application/json", buf_slice(&b));
        buf_free(&b);
        return;
    }
    buf_free(&b);
    market_fail(r, rc);
}

/* ---- Which version is it ---- */

static void put_match(struct json_out *o, const char *key, const char *version)
{
    json_out_key(o, key);
    if (version == NULL) {
        json_out_null(o);
        return;
    }
    json_out_object(o);
    json_out_kstr(o, "version", version);
    json_out_end_object(o);
}

static enum rc put_resolve(struct json_out *o, struct request *r,
                           const struct market_skill *s)
{
    struct skill_version *match = arena_new(r->arena, struct skill_version);
    struct skill_version *latest = arena_new(r->arena, struct skill_version);
    uint8_t fingerprint[SHA256_LEN];
    bool matches, has_latest;

    if (match == NULL || latest == NULL)
        return RC_NOMEM;
    if (hex_decode(fingerprint, SHA256_LEN, market_query(r, "hash")) != RC_OK)
        return request_fault(r, RC_BAD_INPUT, "hash",
                             "'hash' must be 64 hexadecimal digits.");
    matches =
        skill_version_match(match, r->worker->skills, slice_str(s->skill.publisher),
                            slice_str(s->skill.slug), fingerprint) == RC_OK &&
        (s->owned || market_available(match));
    has_latest = market_version(latest, r, s, SLICE_NONE) == RC_OK;
    r->fault = (struct fault){.rc = RC_OK}; /* none listed is an answer */
    json_out_object(o);
    put_match(o, "match", matches ? match->version : NULL);
    put_match(o, "latestVersion", has_latest ? latest->version : NULL);
    json_out_end_object(o);
    return RC_OK;
}

/* ---- Verdicts, many at once ---- */

static void put_unknown(struct json_out *o, const char *code)
{
    json_out_kbool(o, "ok", false);
    json_out_kstr(o, "decision", "fail");
    json_out_key(o, "reasons");
    json_out_array(o);
    json_out_str(o, code);
    json_out_end_array(o);
    json_out_kstr(o, "slug", NULL);
    json_out_kstr(o, "version", NULL);
    json_out_kstr(o, "publisherHandle", NULL);
    json_out_kstr(o, "overview", error_sentence(RC_NOT_FOUND));
    json_out_key(o, "security");
    json_out_null(o);
    json_out_key(o, "error");
    json_out_object(o);
    json_out_kstr(o, "code", code);
    json_out_kstr(o, "message", error_sentence(RC_NOT_FOUND));
    json_out_end_object(o);
}

static enum rc raw_text(struct slice *out, struct slice object, const char *name,
                        struct arena *a)
{
    struct slice raw;

    *out = SLICE_NONE;
    if (json_raw_member(&raw, object, name) == JSON_ABSENT)
        return RC_OK;
    return json_raw_string(out, raw, a);
}

static enum rc put_item(struct json_out *o, struct request *r, struct slice item)
{
    struct market_skill *s = arena_new(r->arena, struct market_skill);
    struct skill_version *v = arena_new(r->arena, struct skill_version);
    struct slice slug, owner, version;

    if (s == NULL || v == NULL)
        return RC_NOMEM;
    TRY(raw_text(&slug, item, "slug", r->arena));
    TRY(raw_text(&owner, item, "ownerHandle", r->arena));
    TRY(raw_text(&version, item, "version", r->arena));
    json_out_object(o);
    json_out_kslice(o, "requestedSlug", slug);
    json_out_kslice(o, "requestedVersion", version);
    if (owner.len > 0)
        json_out_kslice(o, "requestedOwnerHandle", owner);
    if (market_find(s, r, owner, slug) == RC_OK &&
        market_version(v, r, s, version) == RC_OK)
        market_put_verdict(o, r, s, v);
    else
        put_unknown(o, "skill_not_found");
    json_out_end_object(o);
    return RC_OK;
}

static enum rc put_verdicts(struct json_out *o, struct request *r)
{
    const struct json_limits limits = {.bytes = 0};
    struct json_field field = {.name = "items"};
    struct slice item;
    size_t at = 0, count = 0;

    TRY(json_guard(exchange_body(r->exchange), &limits, &field, 1, NULL, r->arena));
    if (field.type != JSON_ARRAY)
        return request_fault(r, RC_BAD_INPUT, "items", "'items' must be an array.");
    json_out_object(o);
    json_out_kstr(o, "schema", "clawhub.skill.security-verdicts.v1");
    json_out_key(o, "items");
    json_out_array(o);
    while (json_raw_element(&item, field.raw, &at) != JSON_ABSENT) {
        if (count++ == VERDICTS_MAX)
            return request_fault(r, RC_BAD_INPUT, "items",
                                 "'items' may have at most %d.", VERDICTS_MAX);
        TRY(put_item(o, r, item));
    }
    json_out_end_array(o);
    json_out_end_object(o);
    r->fault = (struct fault){.rc = RC_OK};
    return RC_OK;
}

static void serve_verdicts(struct request *r)
{
    struct json_out o;
    struct buf b;
    enum rc rc;

    begin(&o, &b);
    rc = put_verdicts(&o, r);
    if (rc == RC_OK) {
        market_reply(r, &b);
        return;
    }
    buf_free(&b);
    market_fail(r, rc);
}

/* ---- Installs that clients tell of ---- */

/* A wallet that tells one install again and again does not raise the skill: the last
 * ones are remembered, under marks that nobody can choose. */
static bool is_news(struct request *r, const struct market_skill *s)
{
    struct worker *w = r->worker;
    char text[ID_LEN + SKILL_REF_SIZE];
    uint64_t mark[2];
    uint8_t mac[SHA256_LEN];
    int len;

    if (w->quote_key == NULL)
        return true;
    memcpy(text, r->caller.root.bytes, ID_LEN);
    len = snprintf(text + ID_LEN, SKILL_REF_SIZE, "%s/%s", s->skill.publisher,
                   s->skill.slug);
    hmac_sha256(mac, slice_from((const char *)w->quote_key, SHA256_LEN),
                slice_from(text, ID_LEN + (size_t)len));
    memcpy(mark, mac, sizeof(mark));
    if (w->installs_told[mark[0] % WORKER_INSTALLS_MAX] == mark[1])
        return false;
    w->installs_told[mark[0] % WORKER_INSTALLS_MAX] = mark[1];
    return true;
}

/* One is counted for a skill that is there, unless its own publisher tells it (D27). */
static enum rc count_install(struct request *r)
{
    const struct json_limits limits = {.bytes = 0};
    struct json_field fields[] = {{.name = "slug"}, {.name = "ownerHandle"}};
    struct market_skill *s = arena_new(r->arena, struct market_skill);
    struct slice slug, owner = SLICE_NONE;

    if (s == NULL)
        return RC_NOMEM;
    TRY(json_guard(exchange_body(r->exchange), &limits, fields, 2, NULL, r->arena));
    if (fields[0].type != JSON_STRING) /* older clients tell of what else they have */
        return RC_OK;
    TRY(json_raw_string(&slug, fields[0].raw, r->arena));
    if (fields[1].type == JSON_STRING)
        TRY(json_raw_string(&owner, fields[1].raw, r->arena));
    if (r->identified && market_find(s, r, owner, slug) == RC_OK && !s->owned &&
        is_news(r, s))
        skill_installed(r->worker->skills, slice_str(s->skill.publisher),
                        slice_str(s->skill.slug));
    r->fault = (struct fault){.rc = RC_OK};
    return RC_OK;
}

static void serve_telemetry(struct request *r)
{
    enum rc rc = count_install(r);

    if (rc == RC_OK)
        request_reply(r, 200, "application/json", SLICE("{\"ok\":true}"));
    else
        market_fail(r, rc);
}

/* ---- Which of them ---- */

static void serve_named(struct request *r)
{
    static const struct {
        const char *end;
        enum rc (*put)(struct json_out *o, struct request *r,
                       const struct market_skill *s);
    } views[] = {
        {"/versions", put_versions},
        {"/install", put_install_answer},
        {"/verify", put_verify},
        {"/moderation", put_moderation},
    };
    struct slice slug;

    if (path_decode(&slug, r->match.params[0], r->arena) != RC_OK) {
        market_fail(r, RC_BAD_INPUT);
        return;
    }
    for (size_t i = 0; i < sizeof(views) / sizeof(views[0]); i++)
        if (slice_ends(r->http->path, slice_str(views[i].end))) {
            serve_skill(r, slug, views[i].put);
            return;
        }
    serve_skill(r, slug, put_whole);
}

static void serve_resolve(struct request *r)
{
    serve_skill(r, market_query(r, "slug"), put_resolve);
}

static void serve(struct request *r)
{
    static const struct {
        const char *path;
        void (*serve)(struct request *r);
    } views[] = {
        {"/.well-known/clawhub.json", serve_where},
        {"/.well-known/clawdhub.json", serve_where},
        {"/api/v1/search", serve_search},
        {"/api/v1/skills", serve_list},
        {"/api/v1/skills/-/security-verdicts", serve_verdicts},
        {"/api/v1/trending", serve_trending},
        {"/api/v1/resolve", serve_resolve},
        {"/api/v1/whoami", serve_whoami},
        {"/api/cli/telemetry/install", serve_telemetry},
    };

    for (size_t i = 0; i < sizeof(views) / sizeof(views[0]); i++)
        if (slice_equal_str(r->http->path, views[i].path)) {
            views[i].serve(r);
            return;
        }
    serve_named(r);
}

static const struct api_route routes[] = {
    {"GET", "/.well-known/clawhub.json"},
    {"GET", "/.well-known/clawdhub.json"},
    {"GET", "/api/v1/search"},
    {"GET", "/api/v1/skills"},
    {"GET", "/api/v1/trending"},
    {"GET", "/api/v1/resolve"},
    {"GET", "/api/v1/whoami"},
    {"POST", "/api/v1/skills/-/security-verdicts"},
    {"POST", "/api/cli/telemetry/install"},
    {"GET", "/api/v1/skills/{slug}"},
    {"GET", "/api/v1/skills/{slug}/versions"},
    {"GET", "/api/v1/skills/{slug}/install"},
    {"GET", "/api/v1/skills/{slug}/verify"},
    {"GET", "/api/v1/skills/{slug}/moderation"},
    {NULL, NULL},
};

extern const struct api api_registry;
const struct api api_registry = {
    .name = "registry",
    .dialect = DIALECT_TEXT,
    .routes = routes,
    .serve = serve,
};
