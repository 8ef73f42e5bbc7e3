/* SPDX-License-Identifier: Apache-2.0 */
/* The scout's thread: when a round begins, who is asked in it, who waits for it, and
 * what follows from it. */
#include "gateway/scout_int.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/metric.h"
#include "gateway/metrics.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    TICK_MS = 1000,
    WAITING_MAX = 64,       /* refreshes that wait */
    FIRST_RETRY_MS = 60000, /* after a failure; doubled each time, up to the period */
    DOUBLINGS_MAX = 6,
    REPORT_MAX = 8 << 20,
    FAULTS_MAX = 65536,
    PROVIDER_SIZE = 65
};

/* Somebody waits for a round. */
struct refresh {
    struct inbox_message message;
    struct scout *scout;
    char provider[PROVIDER_SIZE]; /* "": all */
    struct buf *out;
    enum rc rc;
    bool ended;
    struct refresh *next;
};

/* When a provider is asked again. */
struct post {
    char provider[PROVIDER_SIZE];
    uint64_t due_ms;
    unsigned failures;
};

struct scout {
    struct config_cell *cell;
    struct loop *loop;
    struct upstream *upstream;
    pthread_t thread;
    bool started;
    struct inbox_message stop;
    struct loop_timer tick;
    size_t post_count;
    struct post posts[FOUND_LISTS_MAX];

    /* The round under way. */
    const struct config *config; /* NULL: there is none */
    struct refresh *wanted;      /* who asked for it; NULL: the timer did */
    size_t ask_count, asks_open;
    struct scout__ask *asks;

    struct refresh *first; /* who waits for a round of his own */
    unsigned waiting;

    pthread_mutex_t lock; /* guards closing and every refresh's `ended` */
    pthread_cond_t ended;
    bool closing;
};

static void begin_next(struct scout *s);

/* ---- Who waits ---- */

static void end_refresh(struct scout *s, struct refresh *r, enum rc rc)
{
    r->rc = rc;
    (void)pthread_mutex_lock(&s->lock);
    r->ended = true;
    (void)pthread_cond_broadcast(&s->ended);
    (void)pthread_mutex_unlock(&s->lock);
}

/* ---- Posts ---- */

static struct post *post_of(struct scout *s, const char *provider)
{
    for (size_t i = 0; i < s->post_count; i++)
        if (strcmp(s->posts[i].provider, provider) == 0)
            return &s->posts[i];
    return NULL;
}

/* How old the list is that the file has of it; UINT64_MAX: it has none. */
static uint64_t age_ms(const struct config *c, const struct config_provider *p)
{
    const uint64_t now = clock_wall_us();
    uint64_t age = UINT64_MAX;
    struct found *f;
    struct arena *a;

    if (arena_open(&a, SCOUT__SCRATCH_MAX) != RC_OK)
        return age;
    f = arena_new(a, struct found);
    if (f != NULL && found_load(f, c->data_dir, a) == RC_OK) {
        const struct found_list *l = found_list(f, p->name);

        if (l != NULL && strcmp(l->base_url, p->base_url) == 0 && l->read_us <= now)
            age = (now - l->read_us) / 1000;
    }
    arena_close(a);
    return age;
}

/* A new one is asked at once, unless its list is younger than its period. */
static struct post *add_post(struct scout *s, const struct config *c,
                             const struct config_provider *p)
{
    const uint64_t age = age_ms(c, p);
    struct post *post;

    if (s->post_count == FOUND_LISTS_MAX)
        return NULL;
    post = &s->posts[s->post_count++];
    *post = (struct post){.due_ms = loop_now_ms(s->loop)};
    (void)snprintf(post->provider, sizeof(post->provider), "%s", p->name);
    if (age < p->discover_every_ms)
        post->due_ms += p->discover_every_ms - age;
    return post;
}

static bool is_timed(const struct config *c, const char *provider)
{
    for (size_t i = 0; i < c->provider_count; i++)
        if (strcmp(c->providers[i].name, provider) == 0)
            return c->providers[i].discovers && c->providers[i].discover_every_ms > 0;
    return false;
}

static void drop_posts(struct scout *s, const struct config *c)
{
    size_t kept = 0;

    for (size_t i = 0; i < s->post_count; i++)
        if (is_timed(c, s->posts[i].provider))
            s->posts[kept++] = s->posts[i];
    s->post_count = kept;
}

static bool is_due(struct scout *s, const struct config *c,
                   const struct config_provider *p)
{
    struct post *post;

    if (p->discover_every_ms == 0)
        return false;
    post = post_of(s, p->name);
    if (post == NULL)
        post = add_post(s, c, p);
    if (post == NULL)
        return false;
    /* The period may have been made shorter since. */
    if (post->due_ms > loop_now_ms(s->loop) + p->discover_every_ms)
        post->due_ms = loop_now_ms(s->loop) + p->discover_every_ms;
    return post->due_ms <= loop_now_ms(s->loop);
}

static void set_next(struct scout *s, const struct scout__ask *a)
{
    const uint64_t every_ms = a->provider->discover_every_ms;
    struct post *post = post_of(s, a->provider->name);
    uint64_t wait_ms = every_ms;

    if (post == NULL)
        return;
    post->failures = a->ok ? 0 : post->failures + 1;
    if (post->failures > 0 && post->failures <= DOUBLINGS_MAX) {
        const uint64_t retry_ms = (uint64_t)FIRST_RETRY_MS << (post->failures - 1);

        wait_ms = retry_ms < every_ms ? retry_ms : every_ms;
    }
    post->due_ms = loop_now_ms(s->loop) + wait_ms;
}

/* ---- The end of a round ---- */

static void log_answers(const struct scout *s, bool changed)
{
    size_t failed = 0;

    for (size_t i = 0; i < s->ask_count; i++) {
        const struct scout__ask *a = &s->asks[i];

        if (a->ok)
            continue;
        failed++;
        log_event(LOG_WARN, "a provider's models could not be read",
                  LOG_STR("provider", a->provider->name), LOG_STR("why", a->words));
    }
    log_event(LOG_INFO, "models read", LOG_U64("providers", s->ask_count),
              LOG_U64("failed", failed), LOG_STR("changed", changed ? "yes" : "no"));
}

/* NULL: done. Otherwise why not, in words that live as long as `faults`. */
static const char *reload(struct scout *s, struct buf *faults)
{
    const enum rc rc = config_cell_reload(s->cell, faults);

    metric_set(metrics.config_reload_success, rc == RC_OK);
    if (rc == RC_OK)
        return NULL;
    log_event(LOG_ERROR, "configuration not reloaded: the old one stays",
              LOG_SLICE("faults", buf_slice(faults)));
    return "the configuration has faults and was not read again: the old models stay";
}

static void report(struct scout *s)
{
    struct buf text, faults;
    struct json_out o;
    const char *words = NULL;
    bool changed = false;
    enum rc rc;

    buf_init(&text, REPORT_MAX);
    buf_init(&faults, FAULTS_MAX);
    json_out_init(&o, &text);
    json_out_object(&o);
    json_out_key(&o, "items");
    json_out_array(&o);
    rc = scout__take(&changed, &o, s->config, s->asks, s->ask_count);
    json_out_end_array(&o);
    if (rc != RC_OK)
        words = "models.json cannot be written";
    else if (changed)
        words = reload(s, &faults);
    json_out_kbool(&o, "reloaded", changed && words == NULL);
    json_out_key(&o, "error");
    json_out_str(&o, words);
    json_out_end_object(&o);
    if (rc != RC_OK)
        log_event(LOG_ERROR, "models.json cannot be written",
                  LOG_STR("why", rc_reason(rc)));
    log_answers(s, changed);
    if (s->wanted != NULL)
        buf_append(s->wanted->out, buf_slice(&text));
    buf_free(&faults);
    buf_free(&text);
}

static void free_round(struct scout *s)
{
    for (size_t i = 0; i < s->ask_count; i++)
        scout__ask_free(&s->asks[i]);
    free(s->asks);
    s->asks = NULL;
    s->ask_count = 0;
    config_unref(s->config);
    s->config = NULL;
    s->wanted = NULL;
}

static void end_round(struct scout *s)
{
    struct refresh *wanted = s->wanted;

    report(s);
    for (size_t i = 0; i < s->ask_count; i++)
        set_next(s, &s->asks[i]);
    free_round(s);
    if (wanted != NULL)
        end_refresh(s, wanted, RC_OK);
    begin_next(s);
}

static void ask_done(struct scout__ask *a)
{
    struct scout *s = a->arg;

    if (--s->asks_open == 0)
        end_round(s);
}

/* ---- The beginning of a round ---- */

static bool is_wanted(struct scout *s, const struct config *c,
                      const struct config_provider *p, const struct refresh *r)
{
    if (!p->discovers)
        return false;
    if (r == NULL)
        return is_due(s, c, p);
    return r->provider[0] == '\0' || strcmp(r->provider, p->name) == 0;
}

/* RC_NOT_FOUND: there is nobody to ask. */
static enum rc gather(struct scout *s, const struct config *c, const struct refresh *r)
{
    s->asks = calloc(FOUND_LISTS_MAX, sizeof(*s->asks));
    if (s->asks == NULL)
        return RC_NOMEM;
    for (size_t i = 0; i < c->provider_count && s->ask_count < FOUND_LISTS_MAX; i++) {
        const struct config_provider *p = &c->providers[i];

        if (is_wanted(s, c, p, r))
            s->asks[s->ask_count++] = (struct scout__ask){.provider = p,
                                                          .list = p->adapter->models(p),
                                                          .loop = s->loop,
                                                          .upstream = s->upstream,
                                                          .done = ask_done,
                                                          .arg = s};
    }
    if (s->ask_count > 0)
        return RC_OK;
    free(s->asks);
    s->asks = NULL;
    return RC_NOT_FOUND;
}

static enum rc begin(struct scout *s, struct refresh *r)
{
    const struct config *c = config_cell_get(s->cell);
    enum rc rc;

    if (r == NULL)
        drop_posts(s, c);
    rc = gather(s, c, r);
    if (rc != RC_OK) {
        config_unref(c);
        return rc;
    }
    s->config = c;
    s->wanted = r;
    s->asks_open = s->ask_count;
    for (size_t i = 0; i < s->ask_count; i++)
        scout__ask_start(&s->asks[i]);
    return RC_OK;
}

/* Refreshes first, in the order in which they came. */
static void begin_next(struct scout *s)
{
    while (s->config == NULL && s->first != NULL) {
        struct refresh *r = s->first;
        enum rc rc;

        s->first = r->next;
        s->waiting--;
        rc = begin(s, r);
        if (rc != RC_OK)
            end_refresh(s, r, rc);
    }
}

static void on_tick(struct loop_timer *t)
{
    struct scout *s =
        (struct scout *)(void *)((char *)t - offsetof(struct scout, tick));

    if (s->config == NULL)
        (void)!begin(s, NULL);
    loop_timer_set(s->loop, t, loop_now_ms(s->loop) + TICK_MS);
}

static void refresh_arrived(struct inbox_message *m)
{
    struct refresh *r =
        (struct refresh *)(void *)((char *)m - offsetof(struct refresh, message));
    struct scout *s = r->scout;
    struct refresh **last = &s->first;

    if (s->waiting == WAITING_MAX) {
        end_refresh(s, r, RC_BUSY);
        return;
    }
    while (*last != NULL)
        last = &(*last)->next;
    *last = r;
    s->waiting++;
    begin_next(s);
}

enum rc scout_refresh(struct scout *s, struct slice provider, struct buf *out)
{
    struct refresh r = {.scout = s, .out = out};

    if (slice_to_cstr(r.provider, sizeof(r.provider), provider) != RC_OK)
        return RC_NOT_FOUND;
    r.message.run = refresh_arrived;
    (void)pthread_mutex_lock(&s->lock);
    if (s->closing) {
        (void)pthread_mutex_unlock(&s->lock);
        return RC_DRAINING;
    }
    inbox_post(loop_inbox(s->loop), &r.message);
    while (!r.ended)
        (void)pthread_cond_wait(&s->ended, &s->lock);
    (void)pthread_mutex_unlock(&s->lock);
    return r.rc;
}

/* ---- Its life ---- */

static void stop_arrived(struct inbox_message *m)
{
    struct scout *s =
        (struct scout *)(void *)((char *)m - offsetof(struct scout, stop));
    struct refresh *r;

    loop_timer_clear(s->loop, &s->tick);
    r = s->wanted;
    if (s->config != NULL) {
        for (size_t i = 0; i < s->ask_count; i++)
            scout__ask_cancel(&s->asks[i]);
        free_round(s);
    }
    if (r != NULL)
        end_refresh(s, r, RC_DRAINING);
    while ((r = s->first) != NULL) {
        s->first = r->next;
        end_refresh(s, r, RC_DRAINING);
    }
    loop_stop(s->loop);
}

static void *run(void *arg)
{
    struct scout *s = arg;

    loop_run(s->loop);
    return NULL;
}

static enum rc start(struct scout *s)
{
    TRY(loop_open(&s->loop));
    TRY(upstream_open(&s->upstream, s->loop));
    s->tick.fire = on_tick;
    loop_timer_set(s->loop, &s->tick, 0);
    if (pthread_create(&s->thread, NULL, run, s) != 0)
        return RC_NOMEM;
    s->started = true;
    return RC_OK;
}

enum rc scout_open(struct scout **out, struct config_cell *config)
{
    struct scout *s = calloc(1, sizeof(*s));
    enum rc rc;

    if (s == NULL)
        return RC_NOMEM;
    s->cell = config;
    (void)pthread_mutex_init(&s->lock, NULL);
    (void)pthread_cond_init(&s->ended, NULL);
    rc = start(s);
    if (rc != RC_OK) {
        if (s->loop != NULL)
            loop_timer_clear(s->loop, &s->tick);
        scout_close(s);
        return rc;
    }
    *out = s;
    return RC_OK;
}

void scout_stop(struct scout *s)
{
    if (s == NULL || !s->started)
        return;
    (void)pthread_mutex_lock(&s->lock);
    s->closing = true;
    s->stop.run = stop_arrived;
    inbox_post(loop_inbox(s->loop), &s->stop);
    (void)pthread_mutex_unlock(&s->lock);
    (void)pthread_join(s->thread, NULL);
    s->started = false;
}

void scout_close(struct scout *s)
{
    if (s == NULL)
        return;
    scout_stop(s);
    upstream_close(s->upstream);
    loop_close(s->loop);
    (void)pthread_cond_destroy(&s->ended);
    (void)pthread_mutex_destroy(&s->lock);
    free(s);
}
