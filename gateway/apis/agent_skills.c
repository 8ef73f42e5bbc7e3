/* SPDX-License-Identifier: Apache-2.0 */
/* Skills for clients that look under /.well-known/ (npx skills): an index with digests,
 * of everything, of one publisher or of one skill, whose archives are /api/v1/download.
 * Its clients have no keys and fetch every archive of an index to see what is in it: so
 * only free skills are in one, and only so many; of one name, the most installed. The
 * old form of it has no archives: it lists skills that are one file. */
#include "base/codec.h"
#include "gateway/api.h"
#include "gateway/market.h"

#include <string.h>

/* Whether put[i] is the first of its name among those before. */
static bool is_first(const struct skill_hits *hits, size_t i)
{
    for (size_t j = 0; j < i; j++)
        if (strcmp(hits->hits[j].skill.slug, hits->hits[i].skill.slug) == 0)
            return false;
    return true;
}

static void put_old(struct json_out *o, const struct market_skill *s)
{
    json_out_object(o);
    json_out_kstr(o, "name", s->skill.slug);
    json_out_kstr(o, "description", s->skill.summary);
    json_out_key(o, "files");
    json_out_array(o);
    json_out_str(o, "SKILL.md");
    json_out_end_array(o);
    json_out_end_object(o);
}

static void put_entry(struct json_out *o, struct request *r,
                      const struct market_skill *s, const struct skill_version *v)
{
    char digest[7 + 2 * SHA256_LEN + 1] = "sha256:";

    hex_encode(digest + 7, v->package, SHA256_LEN);
    json_out_object(o);
    json_out_kstr(o, "name", s->skill.slug);
    json_out_kstr(o, "description", s->skill.summary);
    json_out_kstr(o, "type", "archive");
    json_out_kstr(o, "url", market_url(r, "/api/v1/download", s, v->version));
    json_out_kstr(o, "digest", digest);
    json_out_end_object(o);
}

static void put_hit(struct json_out *o, struct request *r, struct market_skill *s,
                    struct skill_version *v, bool old)
{
    if (market_complete(s, r) != RC_OK ||
        market_version(v, r, s, SLICE_NONE) != RC_OK ||
        !money_is_zero(s->offer.now.per_install))
        return;
    if (!old)
        put_entry(o, r, s, v);
    else if (v->file_count == 1)
        put_old(o, s);
}

static enum rc find_all(struct skill_hits *hits, struct request *r)
{
    const struct slice publisher = r->match.params[0];
    const struct slice slug = r->match.params[1];
    const struct skill_query q = {.words = slug,
                                  .exact = slug.len > 0,
                                  .publisher = publisher,
                                  .limit = MARKET_PAGE_MAX};

    return skill_search(hits, r->arena, r->worker->skills, &q);
}

static enum rc put_index(struct json_out *o, struct request *r, bool old)
{
    struct market_skill *s = arena_new(r->arena, struct market_skill);
    struct skill_version *v = arena_new(r->arena, struct skill_version);
    struct skill_hits hits = {.count = 0};

    if (s == NULL || v == NULL)
        return RC_NOMEM;
    TRY(find_all(&hits, r));
    json_out_object(o);
    if (!old)
        json_out_kstr(o, "$schema",
                      "https://schemas.agentskills.io/discovery/0.2.0/schema.json");
    json_out_key(o, "skills");
    json_out_array(o);
    for (size_t i = 0; i < hits.count; i++) {
        memset(s, 0, sizeof(*s));
        s->skill = hits.hits[i].skill;
        if (is_first(&hits, i))
            put_hit(o, r, s, v, old);
    }
    json_out_end_array(o);
    json_out_end_object(o);
    return RC_OK;
}

static void serve(struct request *r)
{
    const bool old =
        slice_equal(r->http->path, SLICE("/.well-known/skills/index.json"));
    uint8_t hash[SHA256_LEN];
    char etag[2 * SHA256_LEN + 1];
    struct json_out o;
    struct buf b;
    enum rc rc;

    buf_init(&b, MARKET_BODY_MAX);
    json_out_init(&o, &b);
    rc = put_index(&o, r, old);
    if (rc != RC_OK) {
        buf_free(&b);
        market_fail(r, rc);
        return;
    }
    sha256(hash, buf_slice(&b));
    hex_encode(etag, hash, SHA256_LEN);
    request_header(r, "Cache-Control", SLICE("max-age=60"));
    if (request_not_modified(r, slice_from(etag, 2 * SHA256_LEN)))
        buf_free(&b);
    else
        market_reply(r, &b);
}

static const struct api_route routes[] = {
    {"GET", "/.well-known/agent-skills/index.json"},
    {"GET", "/{publisher}/.well-known/agent-skills/index.json"},
    {"GET", "/{publisher}/{skill}/.well-known/agent-skills/index.json"},
    {"GET", "/.well-known/skills/index.json"},
    {NULL, NULL},
};

extern const struct api api_agent_skills;
const struct api api_agent_skills = {
    .name = "registry",
    .dialect = DIALECT_TEXT,
    .routes = routes,
    .serve = serve,
};
