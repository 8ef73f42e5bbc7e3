/* SPDX-License-Identifier: Apache-2.0 */
/* The admin API's skills: publishing them, looking at them, and the operator's word on
 * each version. What they cost is admin_offers.c's. */
#include "gateway/admin_int.h"

#include "base/codec.h"
#include "gateway/config_skills.h"

#include <stdio.h>
#include <string.h>

enum {
    WHY_MAX = 2048
};

/* ---- Shapes ---- */

static void put_hex(struct json_out *o, const char *key, const uint8_t *bytes,
                    size_t len)
{
    char text[2 * SKILL_SIGNATURE_LEN + 1];

    hex_encode(text, bytes, len);
    json_out_kstr(o, key, text);
}

static void put_skill_members(struct json_out *o, const struct skill *skill)
{
    char name[SKILL_REF_SIZE];

    (void)snprintf(name, sizeof(name), "%s/%s", skill->publisher, skill->slug);
    json_out_kstr(o, "skill", name);
    json_out_kstr(o, "display", skill->display);
    json_out_kstr(o, "summary", skill->summary);
    json_out_ktext(o, "tags", slice_str(skill->tags));
    json_out_ktext(o, "license", slice_str(skill->license));
    json_out_kstr(o, "state", skill_state_word(skill->state));
    json_out_ktext(o, "latest", slice_str(skill->latest));
    json_out_ku64(o, "installs", skill->installs);
    json_out_key(o, "created_at");
    json_out_time(o, skill->created_us);
    json_out_key(o, "updated_at");
    json_out_time(o, skill->updated_us);
}

static void put_skill(struct json_out *o, const struct skill *skill)
{
    json_out_object(o);
    put_skill_members(o, skill);
    json_out_end_object(o);
}

static void put_version_members(struct json_out *o, const struct skill_version *v)
{
    json_out_kstr(o, "version", v->version);
    json_out_kstr(o, "state", skill_state_word(v->state));
    json_out_kbool(o, "suspicious", v->suspicious);
    json_out_kstr(o, "overview", v->overview);
    json_out_ku64(o, "files", v->file_count);
    json_out_ku64(o, "bytes", v->bytes);
    json_out_ku64(o, "packed_bytes", v->zip_bytes);
    put_hex(o, "package", v->package, sizeof(v->package));
    put_hex(o, "fingerprint", v->fingerprint, sizeof(v->fingerprint));
    json_out_kbool(o, "signed", v->is_signed);
    if (v->is_signed) {
        put_hex(o, "key", v->key, sizeof(v->key));
        put_hex(o, "signature", v->signature, sizeof(v->signature));
    }
    json_out_ktext(o, "changelog", slice_str(v->changelog));
    json_out_key(o, "created_at");
    json_out_time(o, v->created_us);
}

enum rc admin__find_skill(struct skill *out, struct admin_call *c)
{
    struct skills *s;
    enum rc rc;

    TRY(admin__market(&s, c));
    rc = skill_get(out, s, c->params[0], c->params[1], SKILL_BY_OWNER);
    if (rc == RC_NOT_FOUND)
        return admin__refuse(c, rc, "skill", "there is no skill '%.*s/%.*s'",
                             SLICE_FMT(slice_sub(c->params[0], 0, SKILL_PUBLISHER_MAX)),
                             SLICE_FMT(slice_sub(c->params[1], 0, SKILL_SLUG_MAX)));
    return rc;
}

/* ---- List ---- */

struct list {
    struct admin_page page;
    struct slice state; /* SLICE_NONE: all */
    char last[SKILL_REF_SIZE];
};

static bool list_skill(void *arg, const struct skill *skill)
{
    struct list *l = arg;

    if (l->state.bytes != NULL &&
        !slice_equal_str(l->state, skill_state_word(skill->state)))
        return true;
    if (!admin__page_room(&l->page)) {
        (void)snprintf(l->page.next, sizeof(l->page.next), "%s", l->last);
        return false;
    }
    put_skill(&l->page.call->out, skill);
    (void)snprintf(l->last, sizeof(l->last), "%s/%s", skill->publisher, skill->slug);
    return true;
}

/* Where it is found, best first; the page behind is a count of hits. */
static enum rc serve_search(struct admin_call *c, struct slice words,
                            struct slice publisher)
{
    struct skill_query query = {.words = words, .publisher = publisher};
    struct admin_page page;
    struct skill_hits hits;
    uint64_t offset = 0;

    TRY(admin__query_u64(&offset, c, "after", 0, UINT32_MAX));
    TRY(admin__page_start(&page, c));
    query.offset = (size_t)offset;
    query.limit = page.limit < SKILL_HITS_MAX ? (size_t)page.limit : SKILL_HITS_MAX;
    TRY(skill_search(&hits, c->arena, c->admin->skills, &query));
    for (size_t i = 0; i < hits.count; i++)
        put_skill(&c->out, &hits.hits[i].skill);
    if (query.offset + hits.count < hits.total && hits.count > 0)
        (void)snprintf(page.next, sizeof(page.next), "%zu", query.offset + hits.count);
    admin__page_end(&page);
    return RC_OK;
}

static enum rc read_state(struct slice *out, struct admin_call *c)
{
    enum rc rc = admin__query(out, c, "state");

    if (rc == RC_NOT_FOUND)
        return RC_OK;
    TRY(rc);
    for (unsigned i = 0; i <= SKILL_QUARANTINED; i++)
        if (slice_equal_str(*out, skill_state_word((enum skill_state)i)))
            return RC_OK;
    return admin__refuse(c, RC_BAD_INPUT, "state",
                         "'state' is pending, listed, withdrawn or quarantined");
}

static enum rc optional_query(struct slice *out, struct admin_call *c, const char *name)
{
    enum rc rc = admin__query(out, c, name);

    return rc == RC_NOT_FOUND ? RC_OK : rc;
}

static enum rc serve_list(struct admin_call *c)
{
    struct list l = {.last = ""};
    struct slice after = SLICE_NONE, publisher = SLICE_NONE, words = SLICE_NONE;
    struct skill_publisher p;
    struct skills *s;

    TRY(admin__market(&s, c));
    TRY(optional_query(&publisher, c, "publisher"));
    TRY(optional_query(&words, c, "q"));
    TRY(optional_query(&after, c, "after"));
    TRY(read_state(&l.state, c));
    if (publisher.bytes != NULL)
        TRY(admin__find_publisher(&p, c, publisher));
    if (words.bytes != NULL)
        return serve_search(c, words, publisher);
    TRY(admin__page_start(&l.page, c));
    TRY(skill_list(s, publisher, after, SKILL_BY_OWNER, list_skill, &l));
    admin__page_end(&l.page);
    return RC_OK;
}

/* ---- Show ---- */

static bool put_version(void *arg, const struct skill_version *v)
{
    struct json_out *o = arg;

    json_out_object(o);
    put_version_members(o, v);
    json_out_end_object(o);
    return true;
}

static enum rc answer_skill(struct admin_call *c, const struct skill *skill)
{
    const struct slice publisher = slice_str(skill->publisher);
    const struct slice slug = slice_str(skill->slug);
    struct skills *s = c->admin->skills;
    struct json_out *o = &c->out;
    struct skill_offer offer;

    TRY(skill_offer_get(&offer, s, publisher, slug));
    json_out_object(o);
    put_skill_members(o, skill);
    json_out_key(o, "offer");
    admin__put_offer(o, &offer);
    json_out_key(o, "versions");
    json_out_array(o);
    TRY(skill_version_list(s, publisher, slug, SKILL_BY_OWNER, put_version, o));
    json_out_end_array(o);
    json_out_end_object(o);
    return RC_OK;
}

static enum rc serve_show(struct admin_call *c)
{
    struct skill skill;

    TRY(admin__find_skill(&skill, c));
    return answer_skill(c, &skill);
}

/* ---- Publish ---- */

static enum skill_review review_of(struct admin_call *c)
{
    enum skill_review review = SKILL_REVIEW_NEW;
    const struct config *config;

    if (c->admin->config == NULL)
        return review;
    config = config_cell_get(c->admin->config);
    review = config->skills->review;
    config_unref(config);
    return review;
}

static void answer_published(struct admin_call *c, const struct skill_published *p)
{
    struct json_out *o = &c->out;
    char name[SKILL_REF_SIZE];

    (void)snprintf(name, sizeof(name), "%s/%s", p->skill.publisher, p->skill.slug);
    if (!p->repeated)
        c->reply->status = 201;
    json_out_object(o);
    json_out_kstr(o, "skill", name);
    put_version_members(o, &p->version);
    json_out_kbool(o, "repeated", p->repeated);
    json_out_end_object(o);
}

static enum rc read_submission(struct skill_submission *what,
                               uint8_t signature[SKILL_SIGNATURE_LEN],
                               struct admin_call *c)
{
    struct slice hex = SLICE_NONE;

    if (admin__query(&what->publisher, c, "publisher") != RC_OK)
        return admin__refuse(c, RC_BAD_INPUT, "publisher",
                             "the query must name the 'publisher'");
    TRY(optional_query(&what->slug, c, "slug"));
    TRY(optional_query(&what->display, c, "display"));
    TRY(optional_query(&what->version, c, "version"));
    TRY(optional_query(&what->changelog, c, "changelog"));
    TRY(optional_query(&what->tags, c, "tags"));
    TRY(optional_query(&hex, c, "signature"));
    if (hex.bytes == NULL)
        return RC_OK;
    if (hex_decode(signature, SKILL_SIGNATURE_LEN, hex) != RC_OK)
        return admin__refuse(c, RC_BAD_INPUT, "signature",
                             "'signature' is 128 hex digits");
    what->signature = signature;
    return RC_OK;
}

static enum rc read_package(struct skill_package *package, struct admin_call *c,
                            struct buf *why)
{
    if (c->request->body.len == 0)
        return admin__refuse(c, RC_BAD_INPUT, NULL,
                             "the body must be the skill's files as a zip or tar.gz");
    TRY(skill_package_read(package, c->request->body, why));
    return skill_package_seal(package, why);
}

static enum rc publish(struct admin_call *c, struct skill_submission *what,
                       struct skill_package *package, struct buf *why)
{
    struct skill_published published;

    TRY(read_package(package, c, why));
    what->package = package;
    what->review = review_of(c);
    TRY(skill_publish(&published, c->admin->skills, what, why));
    answer_published(c, &published);
    return RC_OK;
}

static enum rc serve_publish(struct admin_call *c)
{
    uint8_t signature[SKILL_SIGNATURE_LEN];
    struct skill_submission what = {.publisher = SLICE_NONE};
    struct skill_package *package;
    struct skill_publisher p;
    struct buf why;
    enum rc rc;

    TRY(read_submission(&what, signature, c));
    TRY(admin__find_publisher(&p, c, what.publisher));
    TRY(skill_package_new(&package));
    buf_init(&why, WHY_MAX);
    rc = publish(c, &what, package, &why);
    if (rc != RC_OK && buf_len(&why) > 0)
        (void)admin__refuse(c, rc, NULL, "%.*s",
                            SLICE_FMT(slice_trim(buf_slice(&why))));
    buf_free(&why);
    skill_package_free(package);
    return rc;
}

/* ---- The operator's word ---- */

static enum rc parse_state(enum skill_state *out, struct admin_call *c)
{
    static const enum skill_state states[] = {SKILL_LISTED, SKILL_WITHDRAWN,
                                              SKILL_QUARANTINED};
    struct slice word = SLICE_NONE;

    *out = SKILL_PENDING;
    TRY(admin__body_text(&word, c, "state", true));
    for (size_t i = 0; i < sizeof(states) / sizeof(states[0]); i++)
        if (slice_equal_str(word, skill_state_word(states[i]))) {
            *out = states[i];
            return RC_OK;
        }
    return admin__refuse(c, RC_BAD_INPUT, "state",
                         "'state' is listed, withdrawn or quarantined");
}

static enum rc explain_state(struct admin_call *c, enum rc rc, enum skill_state wanted)
{
    if (rc == RC_NOT_FOUND)
        return admin__refuse(c, rc, "version", "the skill has no such version");
    if (rc == RC_CONFLICT)
        return admin__refuse(c, rc, "state", "what it is now cannot become %s",
                             skill_state_word(wanted));
    return rc;
}

static enum rc serve_state(struct admin_call *c)
{
    struct slice version = SLICE_NONE;
    enum skill_state state;
    struct skill skill;

    TRY(admin__find_skill(&skill, c));
    TRY(parse_state(&state, c));
    TRY(admin__body_text(&version, c, "version", false));
    TRY(explain_state(c,
                      skill_state_set(c->admin->skills, slice_str(skill.publisher),
                                      slice_str(skill.slug), version, state),
                      state));
    return serve_show(c);
}

/* ---- Packages ---- */

static enum rc serve_package(struct admin_call *c)
{
    struct skill_version v;
    struct skill skill;
    uint64_t len;
    enum rc rc;

    TRY(admin__find_skill(&skill, c));
    rc = skill_version_get(&v, c->admin->skills, c->params[0], c->params[1],
                           c->params[2], SKILL_BY_OWNER);
    if (rc == RC_NOT_FOUND)
        return admin__refuse(c, rc, "version", "the skill has no such version");
    TRY(rc);
    TRY(blobs_file(&c->reply->file_fd, &len, skills_blobs(c->admin->skills),
                   v.package));
    c->reply->content_type = "application/zip";
    return RC_OK;
}

/* clang-format off */
const struct admin_route admin__skill_routes[] = {
    {"GET", "/admin/v1/skills", serve_list, NULL},
    {"POST", "/admin/v1/skills", serve_publish, admin__raw_body},
    {"GET", "/admin/v1/skills/{publisher}/{skill}", serve_show, NULL},
    {"POST", "/admin/v1/skills/{publisher}/{skill}/state", serve_state, "state,version"},
    {"GET", "/admin/v1/skills/{publisher}/{skill}/versions/{version}/package", serve_package, NULL},
    {NULL, NULL, NULL, NULL},
};
/* clang-format on */
