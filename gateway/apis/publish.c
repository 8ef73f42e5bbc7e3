/* SPDX-License-Identifier: Apache-2.0 */
/* New versions from ClawHub's clients. Newer ones ask for a ticket for each file, send
 * its bytes and then name them all; older ones send one form with everything. Who has
 * no publisher is refused at the head, before a body is read. */
#include "base/clock.h"
#include "base/codec.h"
#include "gateway/api.h"
#include "gateway/config_skills.h"
#include "gateway/keeper.h"
#include "gateway/market.h"
#include "gateway/multipart.h"
#include "gateway/offers.h"
#include "gateway/uploads.h"

#include <stdlib.h>
#include <string.h>

enum {
    ASK_MAX = 16384,
    NAMES_MAX = 2 << 20, /* a call that names a thousand files */
    WHY_MAX = 2048
};

struct publishing {
    struct keeper_call call; /* first */
    struct request *request;
    struct upload upload; /* of the bytes that come */
    char receipt[UPLOADS_RECEIPT_SIZE];

    /* Of a version: */
    struct skill_publisher publisher;
    struct skill_submission what;
    uint8_t signature[SKILL_SIGNATURE_LEN];
    struct slice files; /* JSON, of what was uploaded; SLICE_NONE: in the form */
    struct skill_package *package;
    struct buf why;
    struct skill_published done;
};

static const char upload_path[] = "/api/v1/skills/-/upload";

static bool is_form(const struct request *r)
{
    return slice_starts_nocase(http_header(r->http, "content-type", NULL),
                               SLICE("multipart/"));
}

/* ---- The head ---- */

static enum rc body_max(struct request *r, uint64_t *bytes)
{
    struct publishing *p = arena_new(r->arena, struct publishing);

    if (p == NULL)
        return RC_NOMEM;
    p->request = r;
    buf_init(&p->why, WHY_MAX);
    r->api_state = p;
    TRY(market_publisher(&p->publisher, r, SLICE_NONE));
    if (slice_ends(r->http->path, SLICE("/upload-url"))) {
        *bytes = ASK_MAX;
        return RC_OK;
    }
    if (!slice_equal_str(r->http->path, upload_path)) {
        *bytes = is_form(r) ? r->config->limits.max_body_bytes : NAMES_MAX;
        return RC_OK;
    }
    if (uploads_ticket_read(&p->upload, r->worker->uploads, r->caller.wallet,
                            market_query(r, "ticket"), SLICE_NONE,
                            clock_wall_us()) != RC_OK)
        return request_fault(r, RC_FORBIDDEN, "ticket",
                             "The upload ticket is not good: it is another wallet's, "
                             "has been changed, or is older than an hour.");
    *bytes = p->upload.bytes;
    return RC_OK;
}

/* ---- Tickets ---- */

static enum rc read_ask(struct upload *what, struct slice *path, struct request *r)
{
    const struct json_limits limits = {.bytes = ASK_MAX};
    struct json_field f[] = {{.name = "path"}, {.name = "size"}, {.name = "sha256"}};
    struct slice digest;

    TRY(json_guard(exchange_body(r->exchange), &limits, f, 3, NULL, r->arena));
    if (f[0].type != JSON_STRING || f[1].type != JSON_NUMBER ||
        f[2].type != JSON_STRING)
        return request_fault(r, RC_BAD_INPUT, NULL,
                             "'path', 'size' and 'sha256' are needed.");
    TRY(json_raw_string(path, f[0].raw, r->arena));
    TRY(json_raw_string(&digest, f[2].raw, r->arena));
    TRY(json_raw_u64(&what->bytes, f[1].raw));
    what->wallet = r->caller.wallet;
    if (path->len == 0 || path->len > SKILL_PATH_MAX)
        return request_fault(r, RC_BAD_INPUT, "path", "'path' must have 1 to %d bytes.",
                             SKILL_PATH_MAX);
    if (hex_decode(what->sha256, SHA256_LEN, digest) != RC_OK)
        return request_fault(r, RC_BAD_INPUT, "sha256",
                             "'sha256' must be 64 hexadecimal digits.");
    if (what->bytes > SKILL_FILE_BYTES_MAX)
        return request_fault(r, RC_TOO_BIG, "size",
                             "A file may have %d MiB, and '%.*s' has more.",
                             SKILL_FILE_BYTES_MAX >> 20, SLICE_FMT(*path));
    return RC_OK;
}

static enum step give_ticket(struct request *r)
{
    char ticket[UPLOADS_TICKET_SIZE];
    struct slice path = SLICE_NONE;
    struct upload what;
    struct json_out o;
    struct buf b;
    enum rc rc = read_ask(&what, &path, r);

    if (rc != RC_OK) {
        market_fail(r, rc);
        return STEP_ON;
    }
    uploads_ticket(ticket, r->worker->uploads, &what, path, clock_wall_us());
    buf_init(&b, 4096);
    json_out_init(&o, &b);
    json_out_object(&o);
    json_out_kstr(&o, "uploadUrl",
                  offers_url(r, slice_str(upload_path),
                             slice_str(arena_printf(r->arena, "ticket=%s", ticket))));
    json_out_kstr(&o, "uploadTicket", ticket);
    json_out_end_object(&o);
    market_reply(r, &b);
    return STEP_ON;
}

/* ---- Bytes ---- */

static void keep_bytes(struct keeper_job *j)
{
    struct publishing *p = (struct publishing *)(void *)j;
    struct request *r = p->request;

    j->rc = uploads_put(p->receipt, r->worker->uploads, &p->upload,
                        exchange_body(r->exchange), r->config->skills->max_upload_bytes,
                        clock_wall_us());
}

static enum step take_bytes(struct request *r, struct publishing *p)
{
    if (keeper_call(&p->call, r->worker->keeper, r, keep_bytes) == STEP_WAIT)
        return STEP_WAIT;
    if (p->call.job.rc == RC_OK)
        request_reply(
            r, 200, "application/json",
            slice_str(arena_printf(r->arena, "{\"storageId\":\"%s\"}", p->receipt)));
    else if (p->call.job.rc == RC_CONFLICT)
        market_fail(r,
                    request_fault(r, RC_BAD_INPUT, NULL,
                                  "These are not the bytes that the ticket is for."));
    else if (p->call.job.rc == RC_FULL)
        market_fail(r, request_fault(r, RC_FULL, NULL,
                                     "Too much of this wallet waits to be published; "
                                     "publish it, or wait an hour."));
    else
        market_fail(r, p->call.job.rc);
    return STEP_ON;
}

/* ---- A version ---- */

/* Clients' tags name versions: "latest" is one. The rest are words to be found by. */
static enum rc read_tags(struct slice *out, struct slice raw, struct arena *a)
{
    char *text = arena_alloc(a, SKILL_TAGS_MAX + 1);
    struct slice item;
    struct buf b;
    size_t at = 0;

    if (text == NULL)
        return RC_NOMEM;
    buf_init_lent(&b, text, SKILL_TAGS_MAX + 1);
    while (json_raw_element(&item, raw, &at) != JSON_ABSENT) {
        struct slice tag;

        TRY(json_raw_string(&tag, item, a));
        if (tag.len == 0 || slice_equal(tag, SLICE("latest")))
            continue;
        if (buf_len(&b) > 0)
            buf_append_char(&b, ',');
        buf_append(&b, tag);
    }
    if (buf_spent(&b))
        return RC_TOO_BIG;
    *out = buf_slice(&b);
    return RC_OK;
}

/* What both forms have: names, version, words. */
static enum rc read_payload(struct publishing *p, struct slice text)
{
    static const char *const names[] = {"slug",      "displayName", "ownerHandle",
                                        "version",   "changelog",   "tags",
                                        "signature", "files"};

    enum {
        COUNT = sizeof(names) / sizeof(names[0])
    };
    const struct json_limits limits = {.bytes = NAMES_MAX};
    struct slice owner = SLICE_NONE, signature = SLICE_NONE;
    struct slice *const to[COUNT] = {&p->what.slug,    &p->what.display,   &owner,
                                     &p->what.version, &p->what.changelog, NULL,
                                     &signature};
    struct request *r = p->request;
    struct json_field f[COUNT];

    for (size_t i = 0; i < COUNT; i++)
        f[i] = (struct json_field){.name = names[i]};
    TRY(json_guard(text, &limits, f, COUNT, NULL, r->arena));
    for (size_t i = 0; i < COUNT; i++)
        if (to[i] != NULL && f[i].type == JSON_STRING)
            TRY(json_raw_string(to[i], f[i].raw, r->arena));
    if (f[5].type == JSON_ARRAY)
        TRY(read_tags(&p->what.tags, f[5].raw, r->arena));
    if (f[7].type == JSON_ARRAY)
        p->files = f[7].raw;
    if (signature.len > 0) {
        if (hex_decode(p->signature, SKILL_SIGNATURE_LEN, signature) != RC_OK)
            return request_fault(r, RC_BAD_INPUT, "signature",
                                 "'signature' must be 128 hexadecimal digits.");
        p->what.signature = p->signature;
    }
    TRY(market_publisher(&p->publisher, r, owner));
    p->what.publisher = slice_str(p->publisher.handle);
    p->what.review = r->config->skills->review;
    return RC_OK;
}

/* One of the files that a call names. */
static enum rc read_named(struct upload *what, struct slice *path,
                          struct slice *receipt, struct publishing *p,
                          struct slice item)
{
    static const char *const names[] = {"path", "storageId", "uploadTicket"};
    struct request *r = p->request;
    struct slice text[3];

    for (size_t i = 0; i < 3; i++) {
        struct slice raw;

        if (json_raw_member(&raw, item, names[i]) != JSON_STRING)
            return request_fault(r, RC_BAD_INPUT, "files",
                                 "Each of 'files' needs its '%s'.", names[i]);
        TRY(json_raw_string(&text[i], raw, r->arena));
    }
    *path = text[0];
    *receipt = text[1];
    if (uploads_ticket_read(what, r->worker->uploads, r->caller.wallet, text[2], *path,
                            clock_wall_us()) != RC_OK)
        return request_fault(r, RC_FORBIDDEN, "files",
                             "The upload ticket of '%.*s' is not good.",
                             SLICE_FMT(*path));
    return RC_OK;
}

static enum rc add_named(struct publishing *p, struct slice item)
{
    struct request *r = p->request;
    struct slice path, receipt;
    struct upload what;
    char *bytes = NULL;
    enum rc rc;

    TRY(read_named(&what, &path, &receipt, p, item));
    rc = uploads_get(&bytes, r->worker->uploads, &what, receipt);
    if (rc == RC_FORBIDDEN || rc == RC_NOT_FOUND)
        return request_fault(r, RC_CONFLICT, "files", "'%.*s' was not uploaded.",
                             SLICE_FMT(path));
    if (rc == RC_OK)
        rc = skill_package_add(p->package, path, slice_from(bytes, (size_t)what.bytes),
                               &p->why);
    free(bytes);
    return rc;
}

static enum rc add_all_named(struct publishing *p)
{
    struct slice item;
    size_t at = 0;

    while (json_raw_element(&item, p->files, &at) != JSON_ABSENT)
        TRY(add_named(p, item));
    return RC_OK;
}

/* They are part of a version now, and no longer wait. */
static void drop_all_named(struct publishing *p)
{
    struct request *r = p->request;
    struct slice item;
    size_t at = 0;

    while (json_raw_element(&item, p->files, &at) != JSON_ABSENT) {
        struct slice path, receipt;
        struct upload what;

        if (read_named(&what, &path, &receipt, p, item) == RC_OK)
            uploads_drop(r->worker->uploads, &what);
    }
    uploads_sweep(r->worker->uploads, clock_wall_us());
}

static enum rc read_form(struct publishing *p)
{
    struct request *r = p->request;
    struct multipart_part part;
    struct multipart m;
    bool has_payload = false;
    enum rc rc;

    TRY(multipart_open(&m, http_header(r->http, "content-type", NULL),
                       exchange_body(r->exchange)));
    while ((rc = multipart_next(&part, &m, r->arena)) == RC_OK) {
        if (slice_equal(part.name, SLICE("files"))) {
            TRY(skill_package_add(p->package, part.filename, part.bytes, &p->why));
        } else if (slice_equal(part.name, SLICE("payload")) && !has_payload) {
            TRY(read_payload(p, part.bytes));
            has_payload = true;
        } else {
            return request_fault(r, RC_BAD_INPUT, NULL,
                                 "The form has one 'payload' and 'files', not '%.*s'.",
                                 SLICE_FMT(part.name));
        }
    }
    if (rc != RC_NOT_FOUND)
        return rc;
    return has_payload ? RC_OK
                       : request_fault(r, RC_BAD_INPUT, "payload",
                                       "The form has no 'payload'.");
}

static enum rc publish_it(struct publishing *p)
{
    struct request *r = p->request;

    TRY(skill_package_new(&p->package));
    if (is_form(r)) {
        TRY(read_form(p));
    } else {
        TRY(read_payload(p, exchange_body(r->exchange)));
        TRY(add_all_named(p));
    }
    TRY(skill_package_seal(p->package, &p->why));
    p->what.package = p->package;
    TRY(skill_publish(&p->done, r->worker->skills, &p->what, &p->why));
    if (!is_form(r))
        drop_all_named(p);
    return RC_OK;
}

static void publish(struct keeper_job *j)
{
    j->rc = publish_it((struct publishing *)(void *)j);
}

static void reply_published(struct request *r, const struct publishing *p)
{
    const struct skill_published *d = &p->done;
    const bool listed = d->version.state == SKILL_LISTED;
    const char *skill =
        arena_printf(r->arena, "%s/%s", d->skill.publisher, d->skill.slug);
    struct json_out o;
    struct buf b;

    if (d->version.state == SKILL_QUARANTINED) {
        market_fail(r, request_fault(r, RC_FORBIDDEN, NULL,
                                     "%s@%s is quarantined, and nobody gets it: %s",
                                     skill, d->version.version, d->version.overview));
        return;
    }
    buf_init(&b, 8192);
    json_out_init(&o, &b);
    json_out_object(&o);
    json_out_kbool(&o, "ok", true);
    json_out_kstr(&o, "skillId", skill);
    json_out_kstr(&o, "versionId",
                  arena_printf(r->arena, "%s@%s", skill, d->version.version));
    json_out_kstr(&o, "slug", d->skill.slug);
    json_out_kstr(&o, "version", d->version.version);
    json_out_kstr(&o, "status", listed ? "published" : "pending");
    json_out_kstr(&o, "publicationStatus", listed ? "published" : "pending");
    json_out_kstr(&o, "overview", d->version.overview);
    json_out_kbool(&o, "repeated", d->repeated);
    json_out_end_object(&o);
    market_reply(r, &b);
}

static enum step take_version(struct request *r, struct publishing *p)
{
    enum rc rc;

    if (keeper_call(&p->call, r->worker->keeper, r, publish) == STEP_WAIT)
        return STEP_WAIT;
    rc = p->call.job.rc;
    if (rc == RC_OK) {
        reply_published(r, p);
        return STEP_ON;
    }
    if (r->fault.rc != rc && buf_len(&p->why) > 0)
        rc = request_fault(r, rc, NULL, "%.*s", SLICE_FMT(buf_slice(&p->why)));
    market_fail(r, rc);
    return STEP_ON;
}

static enum step serve_wait(struct request *r)
{
    struct publishing *p = r->api_state;

    if (slice_ends(r->http->path, SLICE("/upload-url")))
        return give_ticket(r);
    if (slice_equal_str(r->http->path, upload_path))
        return take_bytes(r, p);
    return take_version(r, p);
}

static void close_publishing(struct request *r)
{
    struct publishing *p = r->api_state;

    skill_package_free(p->package);
    buf_free(&p->why);
}

static const struct api_route routes[] = {
    {"POST", "/api/v1/skills/-/upload-url"},
    {"POST", "/api/v1/skills/-/upload"},
    {"POST", "/api/v1/skills"},
    {NULL, NULL},
};

extern const struct api api_publish;
const struct api api_publish = {
    .name = "registry",
    .dialect = DIALECT_TEXT,
    .flags = API_NEEDS_KEY,
    .routes = routes,
    .serve_wait = serve_wait,
    .body_max = body_max,
    .close = close_publishing,
};
