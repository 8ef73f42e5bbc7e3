/* SPDX-License-Identifier: Apache-2.0 */
/* What of the registry lies on the disk: the files of a version, as a list and one by
 * one. Anybody may ask, so a thread of its own reads it, which nobody waits for who
 * publishes. A file alone is given of free skills only, and of small
 * packages: the rest is what /api/v1/download is for. */
#include "gateway/api.h"
#include "gateway/keeper.h"
#include "gateway/market.h"
#include "gateway/path.h"

#include <stdlib.h>
#include <string.h>

enum {
    MANIFEST_MAX = 2 << 20,
    PACKAGE_MAX = 8 << 20 /* unpacked, to be read for one file */
};

struct reading {
    struct keeper_call call; /* first */
    struct skills *skills;
    struct market_skill s;
    struct skill_version v;
    struct slice path; /* the file; SLICE_NONE: the list */
    char *bytes;       /* the manifest, or the package */
    uint64_t len;
    struct skill_package *package;
    const struct skill_file *file;
};

/* ---- On the keeper's thread ---- */

static void read_manifest(struct keeper_job *j)
{
    struct reading *x = (struct reading *)(void *)j;

    j->rc = blobs_get(&x->bytes, &x->len, skills_blobs(x->skills), x->v.manifest,
                      MANIFEST_MAX);
}

static enum rc find_file(struct reading *x)
{
    struct buf why;
    enum rc rc;

    TRY(blobs_get(&x->bytes, &x->len, skills_blobs(x->skills), x->v.package,
                  SKILL_PACKAGE_BYTES_MAX));
    TRY(skill_package_new(&x->package));
    buf_init(&why, 1024);
    rc = skill_package_read(x->package, slice_from(x->bytes, (size_t)x->len), &why);
    if (rc == RC_OK)
        rc = skill_package_seal(x->package, &why);
    buf_free(&why);
    TRY(rc == RC_BAD_INPUT ? RC_CORRUPT : rc);
    x->file = skill_package_find(x->package, x->path);
    return x->file != NULL ? RC_OK : RC_NOT_FOUND;
}

static void read_file(struct keeper_job *j)
{
    j->rc = find_file((struct reading *)(void *)j);
}

/* ---- On the loop ---- */

static enum rc may_read(struct request *r, const struct reading *x)
{
    if (!market_available(&x->v) && !x->s.owned)
        return request_fault(r, RC_NOT_FOUND, NULL, "Version not found: %s/%s@%s.",
                             x->s.skill.publisher, x->s.skill.slug, x->v.version);
    if (x->path.bytes == NULL)
        return RC_OK;
    if (!x->s.owned && !money_is_zero(x->s.offer.now.per_install))
        return request_fault(r, RC_FORBIDDEN, NULL,
                             "This file is part of a skill that costs: install it.");
    if (x->v.bytes > PACKAGE_MAX)
        return request_fault(r, RC_FORBIDDEN, NULL,
                             "Single files are given of packages up to %d MiB: "
                             "install it.",
                             PACKAGE_MAX >> 20);
    return RC_OK;
}

/* "/.well-known/skills/{name}/SKILL.md", of a free skill that is this one file. */
static bool is_well_known(const struct request *r)
{
    return slice_starts(r->http->path, SLICE("/.well-known/"));
}

static enum rc begin(struct request *r, struct reading *x)
{
    struct slice slug, version = market_query(r, "version");

    x->skills = r->worker->skills;
    TRY(path_decode(&slug, r->match.params[0], r->arena));
    if (is_well_known(r))
        x->path = SLICE("SKILL.md");
    else if (slice_ends(r->http->path, SLICE("/file")))
        x->path = market_query(r, "path");
    else
        TRY(path_decode(&version, r->match.params[1], r->arena));
    if (x->path.bytes == NULL && r->match.params[1].len == 0)
        return request_fault(r, RC_BAD_INPUT, "path", "'path' is missing.");
    TRY(market_find(&x->s, r, market_query(r, "ownerHandle"), slug));
    TRY(market_version(&x->v, r, &x->s, version));
    return may_read(r, x);
}

static void reply_list(struct request *r, const struct reading *x)
{
    struct slice files = SLICE("[]");
    struct json_out o;
    struct buf b;

    /* Our own words, and their hash was looked at. */
    (void)json_raw_member(&files, slice_from(x->bytes, (size_t)x->len), "files");
    buf_init(&b, MARKET_BODY_MAX);
    json_out_init(&o, &b);
    json_out_object(&o);
    json_out_key(&o, "skill");
    json_out_object(&o);
    json_out_kstr(&o, "slug", x->s.skill.slug);
    json_out_kstr(&o, "displayName", x->s.skill.display);
    json_out_end_object(&o);
    json_out_key(&o, "version");
    json_out_object(&o);
    json_out_kstr(&o, "version", x->v.version);
    json_out_ku64(&o, "createdAt", x->v.created_us / 1000);
    json_out_kstr(&o, "changelog", x->v.changelog);
    json_out_kstr(&o, "state", skill_state_word(x->v.state));
    json_out_key(&o, "files");
    json_out_raw(&o, files);
    json_out_end_object(&o);
    json_out_end_object(&o);
    market_reply(r, &b);
}

/* Never as a page that a browser would run under our name. */
static void reply_file(struct request *r, const struct reading *x)
{
    const struct slice path = x->file->path;
    const char *type = skill_content_type(path);

    request_header(r, "X-Content-Type-Options", SLICE("nosniff"));
    request_header(r, "Content-Security-Policy", SLICE("sandbox; default-src 'none'"));
    request_reply(r, 200, strstr(type, "html") != NULL ? "text/plain" : type,
                  x->file->bytes);
}

static void answer(struct request *r, const struct reading *x)
{
    const enum rc rc = x->call.job.rc;

    if (rc == RC_NOT_FOUND)
        market_fail(r, request_fault(r, rc, "path", "File not found: %.*s.",
                                     SLICE_FMT(x->path)));
    else if (rc != RC_OK)
        market_fail(r, rc);
    else if (x->file != NULL)
        reply_file(r, x);
    else
        reply_list(r, x);
}

static enum step serve_wait(struct request *r)
{
    struct reading *x = r->api_state;
    enum rc rc = RC_NOMEM;

    if (x == NULL) {
        x = arena_new(r->arena, struct reading);
        r->api_state = x;
        if (x != NULL)
            rc = begin(r, x);
        if (rc != RC_OK) {
            market_fail(r, rc);
            return STEP_ON;
        }
    }
    if (keeper_call(&x->call, r->worker->reader, r,
                    x->path.bytes != NULL ? read_file : read_manifest) == STEP_WAIT)
        return STEP_WAIT;
    answer(r, x);
    return STEP_ON;
}

static void close_reading(struct request *r)
{
    struct reading *x = r->api_state;

    skill_package_free(x->package);
    free(x->bytes);
}

static const struct api_route routes[] = {
    {"GET", "/api/v1/skills/{slug}/versions/{version}"},
    {"GET", "/api/v1/skills/{slug}/file"},
    {"GET", "/.well-known/skills/{slug}/SKILL.md"},
    {NULL, NULL},
};

extern const struct api api_registry_files;
const struct api api_registry_files = {
    .name = "registry",
    .dialect = DIALECT_TEXT,
    .routes = routes,
    .serve_wait = serve_wait,
    .close = close_reading,
};
