/* SPDX-License-Identifier: Apache-2.0 */
/* Skills in the words of ClawHub's clients, whose validators drop or refuse what lacks
 * a member; times are in milliseconds. */
#include "gateway/market.h"

#include "base/clock.h"
#include "base/codec.h"
#include "gateway/offers.h"

#include <stdio.h>

enum {
    HEX_SIZE = 2 * SHA256_LEN + 1,
    SIGNATURE_SIZE = 2 * SKILL_SIGNATURE_LEN + 1,
    SUMMARY_MAX = MARKET_PRICE_SIZE + SKILL_DESCRIPTION_MAX + 8
};

static void put_ms(struct json_out *o, const char *key, uint64_t us)
{
    json_out_ku64(o, key, us / 1000);
}

/* What it costs stands first: clients show this text and no price. */
static void put_summary(struct json_out *o, const struct market_skill *s)
{
    char price[MARKET_PRICE_SIZE];
    char text[SUMMARY_MAX];

    market_price(price, &s->offer, clock_wall_us());
    (void)snprintf(text, sizeof(text), "%s%s%s", price, price[0] != '\0' ? ". " : "",
                   s->skill.summary);
    json_out_kstr(o, "summary", text);
}

static void put_owner(struct json_out *o, const char *key, const struct market_skill *s)
{
    json_out_key(o, key);
    json_out_object(o);
    json_out_kstr(o, "handle", s->publisher.handle);
    json_out_kstr(o, "displayName", s->publisher.display);
    json_out_kstr(o, "image", NULL);
    json_out_end_object(o);
}

static void put_install(struct json_out *o, const struct market_skill *s)
{
    char reference[SKILL_PUBLISHER_MAX + SKILL_SLUG_MAX + 3];

    (void)snprintf(reference, sizeof(reference), "@%s/%s", s->skill.publisher,
                   s->skill.slug);
    json_out_kstr(o, "source", "clawhub");
    json_out_key(o, "install");
    json_out_object(o);
    json_out_kstr(o, "kind", "clawhub");
    json_out_kstr(o, "reference", reference);
    json_out_kstr(o, "sourceUrl", NULL);
    json_out_end_object(o);
}

static void put_names(struct json_out *o, const struct market_skill *s)
{
    json_out_kstr(o, "slug", s->skill.slug);
    json_out_kstr(o, "displayName", s->skill.display);
}

void market_put_search(struct json_out *o, const struct market_skill *s,
                       uint32_t score_milli)
{
    char score[16];

    (void)snprintf(score, sizeof(score), "%u.%03u", (unsigned)score_milli / 1000,
                   (unsigned)score_milli % 1000);
    json_out_object(o);
    put_names(o, s);
    put_summary(o, s);
    json_out_kstr(o, "version", s->skill.latest[0] != '\0' ? s->skill.latest : NULL);
    json_out_key(o, "score");
    json_out_raw(o, slice_str(score));
    json_out_ku64(o, "downloads", s->skill.installs);
    put_ms(o, "updatedAt", s->skill.updated_us);
    json_out_kstr(o, "ownerHandle", s->publisher.handle);
    put_owner(o, "owner", s);
    put_install(o, s);
    json_out_end_object(o);
}

void market_put_trending(struct json_out *o, const struct market_skill *s)
{
    json_out_object(o);
    put_names(o, s);
    put_summary(o, s);
    put_install(o, s);
    put_owner(o, "publisher", s);
    json_out_key(o, "metrics");
    json_out_object(o);
    put_ms(o, "updatedAt", s->skill.updated_us);
    json_out_end_object(o);
    json_out_end_object(o);
}

static void put_version_head(struct json_out *o, const struct skill_version *v)
{
    json_out_kstr(o, "version", v->version);
    put_ms(o, "createdAt", v->created_us);
    json_out_kstr(o, "changelog", v->changelog);
}

/* Members of a skill: its names, times, tags, and what it costs as numbers of ours. */
static void put_skill(struct json_out *o, const struct market_skill *s)
{
    put_names(o, s);
    put_summary(o, s);
    json_out_key(o, "tags");
    json_out_object(o);
    if (s->skill.latest[0] != '\0')
        json_out_kstr(o, "latest", s->skill.latest);
    json_out_end_object(o);
    json_out_key(o, "stats");
    json_out_object(o);
    json_out_ku64(o, "downloads", s->skill.installs);
    json_out_ku64(o, "installs", s->skill.installs);
    json_out_end_object(o);
    json_out_key(o, "price");
    json_out_object(o);
    json_out_kmoney(o, "per_install", skill_install_price(&s->offer, clock_wall_us()));
    json_out_kmoney(o, "per_month", skill_month_price(&s->offer, clock_wall_us()));
    json_out_key(o, "per_call");
    if (s->offer.now.has_per_call)
        json_out_money(o, s->offer.now.per_call);
    else
        json_out_null(o); /* each endpoint says its own */
    json_out_end_object(o);
    json_out_kstr(o, "state", skill_state_word(s->skill.state));
    put_ms(o, "createdAt", s->skill.created_us);
    put_ms(o, "updatedAt", s->skill.updated_us);
}

void market_put_item(struct json_out *o, struct request *r,
                     const struct market_skill *s)
{
    struct skill_version *v = arena_new(r->arena, struct skill_version);

    json_out_object(o);
    put_skill(o, s);
    json_out_kstr(o, "ownerHandle", s->publisher.handle);
    if (v != NULL && market_version(v, r, s, SLICE_NONE) == RC_OK) {
        json_out_key(o, "latestVersion");
        json_out_object(o);
        put_version_head(o, v);
        json_out_end_object(o);
    }
    json_out_end_object(o);
}

/* A finding of the rules holds an install up until the operator has looked at it; then
 * it is told, and no more. */
static bool is_flagged(const struct skill_version *v)
{
    return v->suspicious && v->state != SKILL_LISTED;
}

static const char *verdict_word(const struct skill_version *v)
{
    if (v->state == SKILL_QUARANTINED)
        return "malicious";
    return is_flagged(v) ? "suspicious" : "clean";
}

void market_put_moderation(struct json_out *o, const struct skill_version *v)
{
    json_out_object(o);
    json_out_kbool(o, "isSuspicious", is_flagged(v));
    json_out_kbool(o, "isMalwareBlocked", v->state == SKILL_QUARANTINED);
    json_out_kstr(o, "verdict", verdict_word(v));
    json_out_key(o, "reasonCodes");
    json_out_array(o);
    json_out_end_array(o);
    json_out_kstr(o, "summary", v->overview);
    put_ms(o, "updatedAt", v->created_us);
    json_out_key(o, "evidence");
    json_out_array(o);
    json_out_end_array(o);
    json_out_end_object(o);
}

void market_put_detail(struct json_out *o, struct request *r,
                       const struct market_skill *s)
{
    struct skill_version *v = arena_new(r->arena, struct skill_version);
    const bool has = v != NULL && market_version(v, r, s, SLICE_NONE) == RC_OK;

    json_out_object(o);
    json_out_key(o, "skill");
    json_out_object(o);
    put_skill(o, s);
    json_out_end_object(o);
    json_out_key(o, "latestVersion");
    if (has) {
        json_out_object(o);
        put_version_head(o, v);
        json_out_end_object(o);
    } else {
        json_out_null(o);
    }
    json_out_key(o, "metadata");
    json_out_null(o);
    put_owner(o, "owner", s);
    json_out_key(o, "moderation");
    if (has)
        market_put_moderation(o, v);
    else
        json_out_null(o);
    json_out_end_object(o);
}

static bool passes(const struct skill_version *v)
{
    return market_available(v) && !is_flagged(v);
}

static void put_decision(struct json_out *o, const struct skill_version *v)
{
    json_out_kbool(o, "ok", passes(v));
    json_out_kstr(o, "decision", passes(v) ? "pass" : "fail");
    json_out_key(o, "reasons");
    json_out_array(o);
    if (!passes(v))
        json_out_str(o,
                     market_available(v) ? "suspicious" : skill_state_word(v->state));
    json_out_end_array(o);
}

static void put_security(struct json_out *o, const struct skill_version *v)
{
    json_out_key(o, "security");
    json_out_object(o);
    json_out_kstr(o, "status", verdict_word(v));
    json_out_kbool(o, "passed", passes(v));
    json_out_kstr(o, "summary", v->overview);
    put_ms(o, "checkedAt", v->created_us);
    json_out_key(o, "signals");
    json_out_object(o);
    json_out_key(o, "staticRules");
    json_out_object(o);
    json_out_kstr(o, "status", v->suspicious ? "findings" : "clean");
    json_out_kstr(o, "summary", v->overview);
    json_out_end_object(o);
    json_out_end_object(o);
    json_out_end_object(o);
}

static const char *page_of(struct request *r, const struct market_skill *s,
                           const char *version)
{
    return market_url(r,
                      arena_printf(r->arena, "/api/v1/skills/%s/verify", s->skill.slug),
                      s, version);
}

void market_put_verdict(struct json_out *o, struct request *r,
                        const struct market_skill *s, const struct skill_version *v)
{
    const char *page = page_of(r, s, v->version);

    put_decision(o, v);
    put_names(o, s);
    json_out_kstr(o, "version", v->version);
    json_out_kstr(o, "publisherHandle", s->publisher.handle);
    json_out_kstr(o, "publisherDisplayName", s->publisher.display);
    put_ms(o, "createdAt", v->created_us);
    put_ms(o, "checkedAt", v->created_us);
    json_out_kstr(o, "overview", v->overview);
    json_out_kstr(o, "skillUrl", page);
    json_out_kstr(o, "securityAuditUrl", page);
    put_security(o, v);
}

static void put_hex(struct json_out *o, const char *key, const uint8_t sha256[32])
{
    char hex[HEX_SIZE];

    hex_encode(hex, sha256, SHA256_LEN);
    json_out_kstr(o, key, hex);
}

static void put_artifact(struct json_out *o, const struct skill_version *v)
{
    json_out_key(o, "artifact");
    json_out_object(o);
    json_out_kstr(o, "kind", "archive");
    put_hex(o, "sha256", v->package);
    json_out_ku64(o, "size", v->zip_bytes);
    json_out_ku64(o, "unpackedSize", v->bytes);
    json_out_ku64(o, "fileCount", v->file_count);
    put_hex(o, "fingerprint", v->fingerprint);
    json_out_end_object(o);
}

/* Ed25519 over skills/signature.h's text. */
static void put_signature(struct json_out *o, const struct skill_version *v)
{
    char text[SIGNATURE_SIZE];

    json_out_key(o, "signature");
    if (!v->is_signed) {
        json_out_null(o);
        return;
    }
    json_out_object(o);
    json_out_kstr(o, "algorithm", "ed25519");
    put_hex(o, "publicKey", v->key);
    hex_encode(text, v->signature, SKILL_SIGNATURE_LEN);
    json_out_kstr(o, "value", text);
    json_out_end_object(o);
}

void market_put_verify(struct json_out *o, struct request *r,
                       const struct market_skill *s, const struct skill_version *v)
{
    const bool asked = market_query(r, "version").len > 0;
    const bool tagged = !asked && market_query(r, "tag").len > 0;

    json_out_object(o);
    json_out_kstr(o, "schema", "clawhub.skill.verify.v1");
    put_decision(o, v);
    put_names(o, s);
    json_out_kstr(o, "pageUrl", page_of(r, s, v->version));
    json_out_kstr(o, "publisherHandle", s->publisher.handle);
    json_out_kstr(o, "publisherDisplayName", s->publisher.display);
    json_out_kstr(o, "publisherProfileUrl", NULL);
    json_out_kstr(o, "version", v->version);
    json_out_kstr(o, "resolvedFrom", asked ? "version" : tagged ? "tag" : "latest");
    json_out_kstr(o, "tag", tagged ? "latest" : NULL);
    put_ms(o, "createdAt", v->created_us);
    json_out_key(o, "card");
    json_out_null(o);
    put_artifact(o, v);
    json_out_key(o, "provenance");
    json_out_null(o);
    put_security(o, v);
    put_signature(o, v);
    json_out_end_object(o);
}
