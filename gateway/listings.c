/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/listings.h"

#include "base/codec.h"
#include "base/log.h"
#include "base/map.h"
#include "base/secret.h"
#include "gateway/config_skills.h"
#include "gateway/keeper.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    SKILLS_MAX = 65536,
    NAME_SIZE = SKILL_PUBLISHER_MAX + SKILL_SLUG_MAX + 2,
    NAMES_MAX = 64 * 1024 * 1024, /* bytes of all names, while they are read */
    FAULTS_MAX = 65536,
    LABEL_SIZE = NAME_SIZE + 16
};

struct entry {
    struct listing listing;
    atomic_uint references;
    bool allow_private; /* as its definition was read */
    char name[NAME_SIZE];
};

struct listings {
    struct skills *skills;
    struct wallet_book *book;
    struct config_cell *config;
    struct keeper *keeper;
    pthread_mutex_t lock; /* loops read what another thread changes; held for a look */
    struct map *by_name;
    struct map *underway; /* jobs, by name */
};

/* An offer that a call has met before it was read. */
struct job {
    struct keeper_job job; /* first */
    struct listings *listings;
    char publisher[SKILL_PUBLISHER_MAX + 1];
    char slug[SKILL_SLUG_MAX + 1];
    char name[NAME_SIZE];
};

static void print_name(char out[NAME_SIZE], struct slice publisher, struct slice slug)
{
    (void)snprintf(out, NAME_SIZE, "%.*s/%.*s", SLICE_FMT(publisher), SLICE_FMT(slug));
}

/* ---- What goes with a call ---- */

void listing_token(char out[LISTING_TOKEN_SIZE], const struct wallet_book *b,
                   struct slice publisher, struct slice slug)
{
    static const char alphabet[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    char label[LABEL_SIZE];
    uint8_t mac[SHA256_LEN + 1] = {0}; /* a byte of padding: 11 groups of three */
    size_t at;
    int len = snprintf(label, sizeof(label), "upstream%c%.*s/%.*s", 0,
                       SLICE_FMT(publisher), SLICE_FMT(slug));

    wallet_book_derive(mac, b, slice_from(label, (size_t)len));
    at = (size_t)snprintf(out, LISTING_TOKEN_SIZE, "oct-up-");
    for (size_t i = 0; i < sizeof(mac); i += 3) {
        const uint32_t group =
            (uint32_t)mac[i] << 16 | (uint32_t)mac[i + 1] << 8 | mac[i + 2];

        for (int shift = 18; shift >= 0; shift -= 6)
            out[at++] = alphabet[group >> shift & 63];
    }
    out[at - 1] = '\0'; /* the last letter is padding only */
    secret_wipe(mac, sizeof(mac));
}

bool listing_call_price(struct money *out, const struct config_endpoint *e,
                        const struct skill_terms *t)
{
    if (!e->priced && !t->has_per_call)
        return false;
    *out = e->priced ? e->price : t->per_call;
    return true;
}

const struct config_endpoint *listing_unpriced(const struct config_data_api *api,
                                               const struct skill_terms *t)
{
    struct money price;

    for (size_t i = 0; money_is_zero(t->per_month) && i < api->endpoint_count; i++)
        if (!listing_call_price(&price, &api->endpoints[i], t))
            return &api->endpoints[i];
    return NULL;
}

/* ---- Entries ---- */

static struct entry *entry_of(struct listing *l)
{
    return (struct entry *)(void *)((char *)l - offsetof(struct entry, listing));
}

void listing_unref(struct listing *l)
{
    struct entry *e;

    if (l == NULL)
        return;
    e = entry_of(l);
    if (atomic_fetch_sub_explicit(&e->references, 1, memory_order_acq_rel) > 1)
        return;
    api_definition_unref(l->now);
    for (unsigned i = 0; i < SKILL_TOLD_MAX; i++)
        api_definition_unref(l->told[i]);
    free(e);
}

static enum rc compile(struct api_definition **out, struct listings *l,
                       const struct config *c, const struct entry *e,
                       const uint8_t sha256[SHA256_LEN])
{
    char token[LISTING_TOKEN_SIZE];
    struct api_definition *d = NULL;
    struct buf faults;
    char *bytes;
    uint64_t len;
    enum rc rc;

    TRY(blobs_get(&bytes, &len, skills_blobs(l->skills), sha256, API_DEFINITION_MAX));
    buf_init(&faults, FAULTS_MAX);
    rc = api_definition_parse(&d, slice_from(bytes, (size_t)len), c, &faults);
    free(bytes);
    if (rc != RC_OK)
        log_event(LOG_WARN, "a skill's endpoints cannot be called",
                  LOG_STR("skill", e->name), LOG_STR("code", rc_reason(rc)),
                  LOG_SLICE("faults", buf_slice(&faults)));
    buf_free(&faults);
    TRY(rc);
    listing_token(token, l->book, slice_str(e->listing.publisher),
                  slice_str(e->listing.slug));
    rc = api_definition_set_token(d, slice_str(token));
    secret_wipe(token, sizeof(token));
    if (rc != RC_OK) {
        api_definition_unref(d);
        return rc;
    }
    *out = d;
    return RC_OK;
}

/* What was told in a definition that cannot be read any more cannot be honoured. */
static void fill_told(struct entry *e, struct listings *l, const struct config *c)
{
    const struct skill_offer *o = &e->listing.offer;

    for (unsigned i = 0; i < o->told_count; i++) {
        const struct skill_terms *t = &o->told[i].terms;

        if (!t->has_definition)
            continue;
        if (o->now.has_definition &&
            memcmp(o->now.definition, t->definition, SHA256_LEN) == 0)
            e->listing.told[i] = api_definition_ref(e->listing.now);
        else if (compile(&e->listing.told[i], l, c, e, t->definition) != RC_OK)
            e->listing.told[i] = NULL;
    }
}

/* What can be read of all definitions. A definition that is not allowed (any more)
 * makes an entry without one, so that it is not read again for each call. */
static enum rc fill(struct entry *e, struct listings *l, const struct config *c)
{
    const struct skill_terms *now = &e->listing.offer.now;

    e->allow_private = c->skills->allow_private;
    if (now->has_definition)
        TRY(compile(&e->listing.now, l, c, e, now->definition));
    fill_told(e, l, c);
    return RC_OK;
}

static void replace(struct listings *l, struct entry *e)
{
    const struct slice name = slice_str(e->name);
    struct entry *old;

    (void)pthread_mutex_lock(&l->lock);
    old = map_remove(l->by_name, name);
    if (map_put(l->by_name, name, e) != RC_OK) {
        log_event(LOG_WARN, "too many skills have endpoints",
                  LOG_STR("skill", e->name));
        listing_unref(&e->listing);
    }
    (void)pthread_mutex_unlock(&l->lock);
    if (old != NULL)
        listing_unref(&old->listing);
}

enum rc listings_refresh(struct listings *l, struct slice publisher, struct slice slug)
{
    struct entry *e = calloc(1, sizeof(*e));
    const struct config *c;
    enum rc rc;

    if (e == NULL)
        return RC_NOMEM;
    atomic_init(&e->references, 1);
    (void)snprintf(e->listing.publisher, sizeof(e->listing.publisher), "%.*s",
                   SLICE_FMT(publisher));
    (void)snprintf(e->listing.slug, sizeof(e->listing.slug), "%.*s", SLICE_FMT(slug));
    print_name(e->name, publisher, slug);
    rc = skill_offer_get(&e->listing.offer, l->skills, publisher, slug);
    if (rc == RC_OK) {
        c = config_cell_get(l->config);
        rc = fill(e, l, c);
        config_unref(c);
    }
    if (rc == RC_OK || rc == RC_BAD_CONFIG || rc == RC_TOO_BIG || rc == RC_CORRUPT)
        replace(l, e);
    else
        listing_unref(&e->listing);
    return rc;
}

/* ---- When a call comes first ---- */

static void refresh_work(struct keeper_job *j)
{
    struct job *job = (struct job *)(void *)j;

    j->rc = listings_refresh(job->listings, slice_str(job->publisher),
                             slice_str(job->slug));
}

static void refresh_done(struct keeper_job *j)
{
    struct job *job = (struct job *)(void *)j;
    struct listings *l = job->listings;

    (void)pthread_mutex_lock(&l->lock);
    (void)map_remove(l->underway, slice_str(job->name));
    (void)pthread_mutex_unlock(&l->lock);
    free(job);
}

/* Once, however many calls meet it. */
static void ask_keeper(struct listings *l, struct slice publisher, struct slice slug)
{
    struct job *job = l->keeper != NULL ? calloc(1, sizeof(*job)) : NULL;
    bool first;

    if (job == NULL)
        return;
    job->listings = l;
    job->job.work = refresh_work;
    job->job.done = refresh_done;
    (void)snprintf(job->publisher, sizeof(job->publisher), "%.*s",
                   SLICE_FMT(publisher));
    (void)snprintf(job->slug, sizeof(job->slug), "%.*s", SLICE_FMT(slug));
    print_name(job->name, publisher, slug);
    (void)pthread_mutex_lock(&l->lock);
    first = map_put(l->underway, slice_str(job->name), job) == RC_OK;
    (void)pthread_mutex_unlock(&l->lock);
    if (first)
        keeper_submit(l->keeper, &job->job);
    else
        free(job);
}

static struct entry *find(struct listings *l, struct slice publisher, struct slice slug)
{
    char name[NAME_SIZE];
    struct entry *e;

    print_name(name, publisher, slug);
    (void)pthread_mutex_lock(&l->lock);
    e = map_get(l->by_name, slice_str(name));
    if (e != NULL)
        (void)atomic_fetch_add_explicit(&e->references, 1, memory_order_relaxed);
    (void)pthread_mutex_unlock(&l->lock);
    return e;
}

enum rc listings_get(struct listing **out, struct listings *l, const struct config *c,
                     struct slice publisher, struct slice slug)
{
    struct skill_offer offer;
    struct entry *e;
    bool fresh;

    TRY(skill_offer_get(&offer, l->skills, publisher, slug));
    if (!offer.now.has_definition)
        return RC_NOT_FOUND;
    e = find(l, publisher, slug);
    fresh = e != NULL && e->listing.offer.number == offer.number &&
            e->allow_private == c->skills->allow_private;
    if (fresh && e->listing.now != NULL) {
        *out = &e->listing;
        return RC_OK;
    }
    listing_unref(e != NULL ? &e->listing : NULL);
    if (fresh)
        return RC_NOT_FOUND;
    ask_keeper(l, publisher, slug);
    return RC_BUSY;
}

/* ---- Opening ---- */

static bool note_name(void *arg, const struct skill *s)
{
    struct buf *names = arg;

    buf_printf(names, "%s/%s\n", s->publisher, s->slug);
    return !buf_spent(names);
}

/* One that cannot be read is told and left out: the others are sold all the same. */
static enum rc read_all(struct listings *l)
{
    struct slice rest, line;
    struct buf names;
    enum rc rc;

    buf_init(&names, NAMES_MAX);
    rc = skill_list(l->skills, SLICE_NONE, SLICE_NONE, SKILL_BY_OWNER, note_name,
                    &names);
    if (rc == RC_OK && buf_spent(&names))
        rc = RC_NOMEM;
    rest = buf_slice(&names);
    while (rc == RC_OK && slice_next(&line, &rest, '\n')) {
        const size_t slash = slice_find(line, '/');
        const struct slice publisher = slice_sub(line, 0, slash);
        const struct slice slug = slice_sub(line, slash + 1, line.len);
        struct skill_offer offer;

        if (skill_offer_get(&offer, l->skills, publisher, slug) == RC_OK &&
            offer.now.has_definition &&
            listings_refresh(l, publisher, slug) == RC_NOMEM)
            rc = RC_NOMEM;
    }
    buf_free(&names);
    return rc;
}

enum rc listings_open(struct listings **out, struct skills *s, struct wallet_book *book,
                      struct config_cell *config, struct keeper *keeper)
{
    struct listings *l = calloc(1, sizeof(*l));
    enum rc rc;

    if (l == NULL)
        return RC_NOMEM;
    *l = (struct listings){
        .skills = s, .book = book, .config = config, .keeper = keeper};
    if (pthread_mutex_init(&l->lock, NULL) != 0) {
        free(l);
        return RC_NOMEM;
    }
    rc = map_open(&l->by_name, SKILLS_MAX);
    if (rc == RC_OK)
        rc = map_open(&l->underway, KEEPER_JOBS_MAX);
    if (rc == RC_OK)
        rc = read_all(l);
    if (rc != RC_OK) {
        listings_close(l);
        return rc;
    }
    *out = l;
    return RC_OK;
}

void listings_close(struct listings *l)
{
    struct entry *e;
    size_t at = 0;

    if (l == NULL)
        return;
    while (l->by_name != NULL && (e = map_next(l->by_name, &at)) != NULL) {
        (void)map_remove(l->by_name, slice_str(e->name));
        listing_unref(&e->listing);
    }
    map_close(l->by_name);
    map_close(l->underway);
    (void)pthread_mutex_destroy(&l->lock);
    free(l);
}
