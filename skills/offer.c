/* SPDX-License-Identifier: Apache-2.0 */
/* What skills cost: setting it, and what it is at a moment. */
#include "skills/offer.h"

#include "base/clock.h"
#include "base/codec.h"
#include "skills/skills_int.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- Changing ---- */

static enum rc submit(struct skill_offer *o, struct skills *s,
                      const struct skills__skill *skill)
{
    uint8_t value[LEDGER_VALUE_MAX];
    uint8_t key[SKILLS__KEY_LEN];
    struct skills__names names;
    struct ledger_cmd cmd;

    skills__names_of(&names, skill);
    skills__skill_key(key, slice_str(names.publisher), slice_str(names.slug));
    skills__note_start(&cmd, s);
    skills__write(&cmd, SKILLS__KIND_OFFER, slice_from((const char *)key, sizeof(key)),
                  skills__offer_encode(value, &names, o), o->version);
    TRY(ledger_call(s->ledger, &cmd));
    o->version++;
    return RC_OK;
}

/* *o: what it shall be, with the record's version of now. */
static enum rc put(struct skill_offer *o, struct skills *s, struct skills__skill *skill)
{
    struct skill_offer *place = malloc(sizeof(*place));
    struct skill_offer *old;
    enum rc rc = place == NULL ? RC_NOMEM : submit(o, s, skill);

    if (rc != RC_OK) {
        free(place);
        return rc;
    }
    *place = *o;
    skills__write_lock(s);
    old = skill->offer;
    skill->offer = place;
    skills__unlock(s);
    free(old);
    return RC_OK;
}

static void present(struct skill_offer *out, const struct skills__skill *skill)
{
    if (skill->offer != NULL)
        *out = *skill->offer;
    else
        *out = (struct skill_offer){.version = 0};
}

/* ---- What was told ---- */

bool skill_told_binds(const struct skill_told *t, uint64_t now_us)
{
    return now_us < t->until_us;
}

static void drop_ended(struct skill_offer *o, uint64_t now_us)
{
    unsigned kept = 0;

    for (unsigned i = 0; i < o->told_count; i++)
        if (skill_told_binds(&o->told[i], now_us))
            o->told[kept++] = o->told[i];
    memset(&o->told[kept], 0, (SKILL_TOLD_MAX - kept) * sizeof(o->told[0]));
    o->told_count = kept;
}

static bool same_endpoints(const struct skill_terms *a, const struct skill_terms *b)
{
    return a->has_per_call == b->has_per_call &&
           a->has_definition == b->has_definition &&
           memcmp(a->definition, b->definition, sizeof(a->definition)) == 0;
}

/* What was told before a change binds for a while: another change must not make that
 * forgotten. Endpoints have prices of their own, in a text that is not read here, so
 * each text is kept; of amounts beside the same one the lower stays. */
static enum rc remember(struct skill_offer *o, uint64_t now_us)
{
    const uint64_t until_us = now_us + SKILL_QUOTE_LIFE_US;
    const struct skill_terms *now = &o->now;

    drop_ended(o, now_us);
    for (unsigned i = 0; i < o->told_count; i++) {
        struct skill_terms *t = &o->told[i].terms;

        if (!same_endpoints(t, now))
            continue;
        t->per_install = money_min(t->per_install, now->per_install);
        t->per_month = money_min(t->per_month, now->per_month);
        t->per_call = money_min(t->per_call, now->per_call);
        o->told[i].until_us = until_us;
        return RC_OK;
    }
    if (o->told_count == SKILL_TOLD_MAX)
        return RC_BUSY;
    o->told[o->told_count++] = (struct skill_told){*now, until_us};
    return RC_OK;
}

static enum rc take_effect(struct skill_offer *o, const struct skill_terms *terms,
                           struct slice base_url, uint64_t now_us)
{
    if (o->number > 0)
        TRY(remember(o, now_us));
    o->now = *terms;
    o->since_us = now_us;
    o->number++;
    o->pending = false;
    o->next = (struct skill_terms){.has_per_call = false};
    memset(o->next_base_url, 0, sizeof(o->next_base_url));
    memset(o->base_url, 0, sizeof(o->base_url));
    if (base_url.len > 0) /* memcpy() may not be given NULL, even for no bytes */
        memcpy(o->base_url, base_url.bytes, base_url.len);
    return RC_OK;
}

/* From the scheme on, up to the path: with the port, because behind another port is
 * another program. */
static struct slice origin_of(struct slice url)
{
    const size_t scheme = slice_search(url, SLICE("://"));
    struct slice rest;

    if (scheme == url.len)
        return url;
    rest = slice_sub(url, scheme + 3, url.len);
    return slice_sub(url, 0, scheme + 3 + slice_find(rest, '/'));
}

static bool is_elsewhere(const struct skill_offer *o, struct slice base_url)
{
    const struct slice before = origin_of(slice_str(o->base_url));

    return base_url.len > 0 && !slice_equal_nocase(origin_of(base_url), before);
}

/* What is not used is zero, so that one offer has one record. */
static void tidy(struct skill_terms *t)
{
    if (!t->has_per_call)
        t->per_call = MONEY_ZERO;
    if (!t->has_definition)
        memset(t->definition, 0, sizeof(t->definition));
}

static enum rc set(struct skill_offer *o, struct skills *s, struct skills__skill *skill,
                   const struct skill_terms *terms, struct slice base_url, bool review)
{
    struct skill_terms tidied = *terms;

    if (skill->record_version == 0)
        return RC_NOT_FOUND;
    if (skill->state == SKILL_QUARANTINED)
        return RC_FORBIDDEN;
    tidy(&tidied);
    present(o, skill);
    if (review && skill->state != SKILL_PENDING && is_elsewhere(o, base_url)) {
        o->pending = true;
        o->next = tidied;
        memset(o->next_base_url, 0, sizeof(o->next_base_url));
        memcpy(o->next_base_url, base_url.bytes, base_url.len);
    } else {
        TRY(take_effect(o, &tidied, base_url, ledger_now_us(s->ledger)));
    }
    return put(o, s, skill);
}

static struct skills__skill *find(struct skills *s, struct slice publisher,
                                  struct slice slug)
{
    struct skills__skill *skill;

    skills__read_lock(s);
    skill = skills__skill_find(s, publisher, slug);
    skills__unlock(s);
    return skill;
}

enum rc skill_offer_set(struct skill_offer *out, struct skills *s,
                        struct slice publisher, struct slice slug,
                        const struct skill_terms *terms, struct slice base_url,
                        bool review)
{
    struct skills__skill *skill = find(s, publisher, slug);
    struct skill_offer o;
    enum rc rc;

    if (skill == NULL)
        return RC_NOT_FOUND;
    if (!skills__text_ok(base_url, 0, sizeof(o.base_url) - 1, false) ||
        (base_url.len > 0) != terms->has_definition)
        return RC_BAD_INPUT;
    skills__claim(s, skill);
    rc = set(&o, s, skill, terms, base_url, review);
    skills__release(s, skill);
    TRY(rc);
    *out = o;
    return RC_OK;
}

static enum rc decide(struct skill_offer *o, struct skills *s,
                      struct skills__skill *skill, struct slice seen, bool accept)
{
    char base_url[sizeof(o->next_base_url)];
    struct skill_terms next;

    present(o, skill);
    if (!o->pending || (seen.len > 0 && !slice_equal_str(seen, o->next_base_url)))
        return RC_CONFLICT;
    next = o->next;
    memcpy(base_url, o->next_base_url, sizeof(base_url));
    if (accept) {
        TRY(take_effect(o, &next, slice_str(base_url), ledger_now_us(s->ledger)));
    } else {
        o->pending = false;
        o->next = (struct skill_terms){.has_per_call = false};
        memset(o->next_base_url, 0, sizeof(o->next_base_url));
    }
    return put(o, s, skill);
}

enum rc skill_offer_decide(struct skill_offer *out, struct skills *s,
                           struct slice publisher, struct slice slug, struct slice seen,
                           bool accept)
{
    struct skills__skill *skill = find(s, publisher, slug);
    struct skill_offer o;
    enum rc rc;

    if (skill == NULL)
        return RC_NOT_FOUND;
    skills__claim(s, skill);
    rc = decide(&o, s, skill, seen, accept);
    skills__release(s, skill);
    TRY(rc);
    *out = o;
    return RC_OK;
}

/* ---- Reading ---- */

enum rc skill_offer_get(struct skill_offer *out, struct skills *s,
                        struct slice publisher, struct slice slug)
{
    const struct skills__skill *skill;
    bool found;

    skills__read_lock(s);
    skill = skills__skill_find(s, publisher, slug);
    found = skill != NULL && skill->record_version > 0;
    if (found)
        present(out, skill);
    skills__unlock(s);
    return found ? RC_OK : RC_NOT_FOUND;
}

struct money skill_install_price(const struct skill_offer *o, uint64_t now_us)
{
    struct money price = o->now.per_install;

    for (unsigned i = 0; i < o->told_count; i++)
        if (skill_told_binds(&o->told[i], now_us))
            price = money_min(price, o->told[i].terms.per_install);
    return price;
}

struct money skill_month_price(const struct skill_offer *o, uint64_t now_us)
{
    struct money price = o->now.per_month;

    for (unsigned i = 0; i < o->told_count; i++)
        if (skill_told_binds(&o->told[i], now_us))
            price = money_min(price, o->told[i].terms.per_month);
    return price;
}

/* ---- Keys of what was bought ---- */

static void hash_key(uint8_t key[32], const char *what, struct id root,
                     struct slice publisher, struct slice slug, uint64_t period)
{
    char text[256];
    char hex[2 * ID_LEN + 1];
    int len;

    hex_encode(hex, root.bytes, ID_LEN);
    len = snprintf(text, sizeof(text), "%s %s %.*s/%.*s %llu", what, hex,
                   SLICE_FMT(publisher), SLICE_FMT(slug), (unsigned long long)period);
    sha256(key, slice_from(text, (size_t)len));
}

void skill_install_key(uint8_t key[32], struct id root, struct slice publisher,
                       struct slice slug, uint64_t major)
{
    hash_key(key, "skill-install", root, publisher, slug, major);
}

void skill_month_key(uint8_t key[32], uint64_t *expires_us, struct id root,
                     struct slice publisher, struct slice slug, uint64_t now_us)
{
    *expires_us = clock_window_end(CLOCK_MONTH, now_us);
    hash_key(key, "skill-month", root, publisher, slug,
             clock_window_start(CLOCK_MONTH, now_us));
}
