/* SPDX-License-Identifier: Apache-2.0 */
/* The daemon's life: what is opened in which order, the threads, the signals. What
 * happens to a call is request.c's. */
#include "gateway/gateway.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/metric.h"
#include "base/random.h"
#include "base/secret.h"
#include "gateway/admin.h"
#include "gateway/apis/responses_kept.h"
#include "gateway/clerk.h"
#include "gateway/config_payments.h"
#include "gateway/data_cache.h"
#include "gateway/datadir.h"
#include "gateway/keeper.h"
#include "gateway/key_bonds.h"
#include "gateway/key_turns.h"
#include "gateway/listings.h"
#include "gateway/metrics.h"
#include "gateway/request.h"
#include "gateway/scout.h"
#include "gateway/settle/cashier.h"
#include "gateway/settle/payer.h"
#include "gateway/settle/purchase.h"
#include "gateway/settle/signer.h"
#include "gateway/uploads.h"
#include "x402/x402.h"

#include <curl/curl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum {
    LOOPS_MAX = 64,
    ANSWERS_BYTES = 64 << 20,
    DATA_CACHE_BYTES = 64 << 20,
    DRAIN_MS = 30000, /* what runs then is broken off, charged for what it delivered */
    FILES_SPARE = 64, /* descriptors kept free of connections */
    SWEEP_MAX = 1000, /* at a time */
    TEND_MS = 60000,
    DRAIN_TURN_MS = 50
};

/* The most that one settlement may cost us: 0.01 of the chain's coin. It takes about
 * 90,000 gas. */
#define SETTLE_FEE_MAX_WEI UINT64_C(10000000000000000)

struct gateway;

/* One loop with its thread. */
struct lane {
    struct worker worker;
    struct gateway *gateway;
    pthread_t thread;
    bool started;
    struct inbox_message drain;
    struct loop_timer timer; /* looks whether the drain is done */
    uint64_t drain_until_ms;
};

struct gateway {
    struct datadir *dir;
    struct config_cell *config;
    struct server_shared *shared;
    struct limiter *limiter;
    struct answers *answers;
    struct answers *items;
    struct data_cache *data_cache;
    struct key_turns *key_turns;
    struct key_bonds *key_bonds;
    struct signer *signer;
    struct buyer buyer;
    struct cashier *cashier; /* NULL: nobody can pay in a call */
    struct payer *payer;     /* NULL: publishers are paid by hand */
    struct clerk *clerk;
    struct keeper *keeper, *reader;
    struct listings *listings;
    struct uploads *uploads;
    struct scout *scout;
    atomic_bool waits_no_more;
    uint8_t quote_key[32];
    struct admin admin;
    struct admin_server *admin_server;
    int listen_fd;
    int admin_fd;
    size_t lane_count;
    struct lane *lanes;
};

/* ---- The process ---- */

/* No core file and no debugger gets at the secrets; no child gains rights. */
static void harden(void)
{
    struct rlimit none = {0, 0};

    (void)setrlimit(RLIMIT_CORE, &none);
    (void)prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
    (void)prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
}

/* A quarter of the descriptors is left to upstreams: most connections only wait. */
static uint64_t fit_connections(uint64_t wanted)
{
    struct rlimit files;
    uint64_t most;

    if (getrlimit(RLIMIT_NOFILE, &files) != 0)
        return wanted;
    files.rlim_cur = files.rlim_max;
    (void)setrlimit(RLIMIT_NOFILE, &files);
    (void)getrlimit(RLIMIT_NOFILE, &files);
    most = files.rlim_cur > FILES_SPARE ? (files.rlim_cur - FILES_SPARE) / 4 * 3 : 1;
    if (wanted <= most)
        return wanted;
    log_event(LOG_WARN, "fewer connections than configured: open files are limited",
              LOG_U64("connections", most), LOG_U64("configured", wanted));
    return most;
}

static size_t loop_count(const struct config *c)
{
    long cores = sysconf(_SC_NPROCESSORS_ONLN);

    if (c->loops != 0)
        return c->loops < LOOPS_MAX ? c->loops : LOOPS_MAX;
    if (cores <= 2)
        return 1;
    return cores - 1 < LOOPS_MAX ? (size_t)cores - 1 : LOOPS_MAX;
}

/* ---- Lanes ---- */

static enum rc lane_open(struct lane *lane, struct gateway *g, const struct config *c)
{
    struct worker *w = &lane->worker;
    struct server_options options = {
        .connections = c->limits.connections,
        .connections_per_address = c->limits.connections_per_address,
        .trusted_proxies = (const char *const *)c->trusted_proxies,
        .trusted_proxy_count = c->trusted_proxy_count,
    };
    struct server_user user = request_server_user(w);

    lane->gateway = g;
    w->ledger = g->dir->ledger;
    w->book = g->dir->book;
    w->skills = g->dir->skills;
    w->config = g->config;
    w->limiter = g->limiter;
    w->answers = g->answers;
    w->items = g->items;
    w->data_cache = g->data_cache;
    w->key_turns = g->key_turns;
    w->key_bonds = g->key_bonds;
    w->cashier = g->cashier;
    w->clerk = g->clerk;
    w->keeper = g->keeper;
    w->reader = g->reader;
    w->listings = g->listings;
    w->uploads = g->uploads;
    w->receipts = g->dir->receipts;
    w->quote_key = g->quote_key;
    w->buyer = c->payments->buyer.key.present ? &g->buyer : NULL;
    TRY(loop_open(&w->loop));
    TRY(upstream_open(&w->upstream, w->loop));
    return server_open(&w->server, w->loop, g->listen_fd, g->shared, &options, &user);
}

static void lane_close(struct lane *lane)
{
    struct worker *w = &lane->worker;

    server_close(w->server);
    upstream_close(w->upstream);
    request_pool_free(w);
    loop_close(w->loop);
}

static void *lane_run(void *arg)
{
    struct lane *lane = arg;

    loop_run(lane->worker.loop);
    return NULL;
}

/* Each 50 ms while draining: done, or time to break off what still runs? */
static void drain_turn(struct loop_timer *t)
{
    struct lane *lane =
        (struct lane *)(void *)((char *)t - offsetof(struct lane, timer));
    struct worker *w = &lane->worker;
    uint64_t now = loop_now_ms(w->loop);

    if (now >= lane->drain_until_ms) {
        if (w->cashier != NULL && !atomic_exchange(&lane->gateway->waits_no_more, true))
            cashier_drain(w->cashier); /* who waits for a chain is told to come again */
        request_abort_all(w);
    }
    if (w->live == 0 && (server_idle(w->server) || now >= lane->drain_until_ms)) {
        loop_stop(w->loop);
        return;
    }
    loop_timer_set(w->loop, t, now + DRAIN_TURN_MS);
}

static void lane_drain(struct inbox_message *m)
{
    struct lane *lane =
        (struct lane *)(void *)((char *)m - offsetof(struct lane, drain));
    struct worker *w = &lane->worker;

    w->draining = true;
    server_drain(w->server);
    lane->drain_until_ms = loop_now_ms(w->loop) + DRAIN_MS;
    lane->timer.fire = drain_turn;
    loop_timer_set(w->loop, &lane->timer, loop_now_ms(w->loop));
}

static enum rc start_lanes(struct gateway *g, const struct config *c)
{
    g->lane_count = loop_count(c);
    g->lanes = calloc(g->lane_count, sizeof(*g->lanes));
    if (g->lanes == NULL)
        return RC_NOMEM;
    for (size_t i = 0; i < g->lane_count; i++)
        TRY(lane_open(&g->lanes[i], g, c));
    for (size_t i = 0; i < g->lane_count; i++) {
        if (pthread_create(&g->lanes[i].thread, NULL, lane_run, &g->lanes[i]) != 0)
            return RC_NOMEM;
        g->lanes[i].started = true;
    }
    return RC_OK;
}

static void stop_lanes(struct gateway *g)
{
    for (size_t i = 0; i < g->lane_count; i++)
        if (g->lanes[i].started) {
            g->lanes[i].drain.run = lane_drain;
            inbox_post(loop_inbox(g->lanes[i].worker.loop), &g->lanes[i].drain);
        }
    for (size_t i = 0; i < g->lane_count; i++) {
        if (g->lanes[i].started)
            (void)pthread_join(g->lanes[i].thread, NULL);
        lane_close(&g->lanes[i]);
    }
    free(g->lanes);
    g->lanes = NULL;
    g->lane_count = 0;
}

/* ---- Payments ---- */

/* One key for each network that we settle on, in their order, then the buyer's: the
 * order that cashier_open() and the buyer count by. */
static enum rc open_signer(struct gateway *g, const struct config_payments *p,
                           struct buf *faults)
{
    const struct signer_caps caps = {.per_payment = p->buyer.max_per_payment,
                                     .per_minute = p->buyer.max_per_day,
                                     .max_fee_wei = SETTLE_FEE_MAX_WEI,
                                     .networks = p->networks,
                                     .network_count = p->network_count};
    struct config_key_file keys[SIGNER_KEYS_MAX];
    size_t count = 0;

    for (size_t i = 0; i < p->network_count; i++)
        if (p->networks[i].facilitator_url == NULL)
            keys[count++] = p->networks[i].settle_key;
    if (p->buyer.key.present)
        keys[count++] = p->buyer.key;
    if (count == 0)
        return RC_OK;
    TRY(signer_open(&g->signer, keys, count, &caps, faults));
    g->buyer = (struct buyer){g->dir->book, g->signer, count - 1};
    return RC_OK;
}

static enum rc open_payments(struct gateway *g, const struct config *c,
                             struct buf *faults)
{
    random_bytes(g->quote_key, sizeof(g->quote_key));
    TRY(open_signer(g, c->payments, faults));
    if (c->payments->network_count == 0)
        return RC_OK;
    TRY(clerk_open(&g->clerk, g->dir->book));
    TRY(cashier_open(&g->cashier, g->dir->book, c, g->signer, faults));
    if (c->skills->payout_network == NULL)
        return RC_OK;
    return payer_open(&g->payer, g->dir->skills, g->cashier, c, faults);
}

/* ---- Open and close ---- */

static enum rc open_listeners(struct gateway *g, const struct gateway_options *options,
                              const struct config *c, struct buf *faults)
{
    const char *address = options->listen ? options->listen : c->listen;
    struct admin_server_options admin_options;
    uint16_t port = 0, admin_port = 0;
    enum rc rc = server_listen(&g->listen_fd, &port, address);

    if (rc == RC_CONFLICT)
        buf_printf(faults,
                   "%s is in use: another program listens there; choose another "
                   "server.listen\n",
                   address);
    else if (rc != RC_OK)
        buf_printf(faults, "cannot listen on %s: %s\n", address, rc_reason(rc));
    TRY(rc);
    TRY(datadir_admin_listen(&g->admin_fd, g->dir, faults));
    TRY(start_lanes(g, c));
    admin_options = (struct admin_server_options){
        .socket_fd = g->admin_fd, .address = c->admin_listen, .token = c->admin_token};
    TRY(admin_server_open(&g->admin_server, &admin_port, &g->admin, &admin_options,
                          faults));
    log_event(LOG_INFO, "serving", LOG_STR("listen", address), LOG_U64("port", port),
              LOG_U64("admin_port", admin_port), LOG_U64("loops", g->lane_count));
    if (options->ready != NULL)
        options->ready(options->arg, port, admin_port);
    return RC_OK;
}

/* What is being published waits beside what is. */
static enum rc open_registry(struct gateway *g)
{
    static const char name[] = "/uploads";
    const size_t size = strlen(g->dir->path) + sizeof(name);
    char *dir = malloc(size);
    enum rc rc;

    if (dir == NULL)
        return RC_NOMEM;
    (void)snprintf(dir, size, "%s%s", g->dir->path, name);
    rc = uploads_open(&g->uploads, dir);
    free(dir);
    TRY(rc);
    TRY(keeper_open(&g->keeper));
    TRY(keeper_open(&g->reader));
    return listings_open(&g->listings, g->dir->skills, g->dir->book, g->config,
                         g->keeper);
}

static enum rc open_all(struct gateway *g, const struct gateway_options *options,
                        struct buf *faults)
{
    const struct config *c;
    enum rc rc;

    TRY(config_load(&c, options->config_path, faults));
    rc = config_cell_open(&g->config, c);
    if (rc == RC_OK)
        rc = datadir_open(&g->dir, c->data_dir, faults);
    if (rc == RC_OK)
        rc = server_shared_open(&g->shared, fit_connections(c->limits.connections),
                                c->limits.connections_per_address);
    if (rc == RC_OK)
        rc = limiter_open(&g->limiter);
    if (rc == RC_OK)
        rc = answers_open(&g->answers, ANSWERS_BYTES);
    if (rc == RC_OK)
        rc = answers_open(&g->items, RESPONSES_KEPT_BYTES_MAX);
    if (rc == RC_OK)
        rc = data_cache_open(&g->data_cache, DATA_CACHE_BYTES);
    if (rc == RC_OK)
        rc = key_turns_open(&g->key_turns);
    if (rc == RC_OK)
        rc = key_bonds_open(&g->key_bonds);
    if (rc == RC_OK)
        rc = open_payments(g, c, faults);
    if (rc == RC_OK)
        rc = open_registry(g);
    if (rc == RC_OK)
        rc = scout_open(&g->scout, g->config);
    if (rc == RC_OK) {
        g->admin =
            (struct admin){.ledger = g->dir->ledger,
                           .book = g->dir->book,
                           .skills = g->dir->skills,
                           .listings = g->listings,
                           .config = g->config,
                           .buyer = c->payments->buyer.key.present ? &g->buyer : NULL,
                           .scout = g->scout,
                           .payer = g->payer,
                           .started_us = clock_wall_us()};
        rc = open_listeners(g, options, c, faults);
    }
    config_unref(c);
    return rc;
}

static void close_all(struct gateway *g)
{
    if (g->listen_fd >= 0)
        (void)shutdown(g->listen_fd, SHUT_RD); /* no new connection is taken */
    stop_lanes(g);
    scout_stop(g->scout); /* who waits for it is told, and the admin API can end */
    admin_server_close(g->admin_server); /* what it pays for is paid to the end */
    scout_close(g->scout);
    payer_close(g->payer); /* goes by the cashier */
    clerk_close(g->clerk);
    keeper_close(g->keeper);
    keeper_close(g->reader);
    listings_close(g->listings);
    uploads_close(g->uploads);
    cashier_close(g->cashier);
    signer_close(g->signer);
    if (g->listen_fd >= 0)
        (void)close(g->listen_fd);
    if (g->admin_fd >= 0)
        (void)close(g->admin_fd);
    key_bonds_close(g->key_bonds);
    key_turns_close(g->key_turns);
    answers_close(g->answers);
    answers_close(g->items);
    data_cache_close(g->data_cache);
    limiter_close(g->limiter);
    server_shared_close(g->shared);
    datadir_close(g->dir);
    config_cell_close(g->config);
}

/* ---- Signals ---- */

static void reload(struct gateway *g)
{
    struct buf faults;
    enum rc rc;

    buf_init(&faults, 65536);
    rc = config_cell_reload(g->config, &faults);
    metric_set(metrics.config_reload_success, rc == RC_OK);
    if (rc == RC_OK)
        log_line(LOG_INFO, "configuration reloaded");
    else
        log_event(LOG_ERROR, "configuration not reloaded: the old one stays",
                  LOG_SLICE("faults", buf_slice(&faults)));
    buf_free(&faults);
}

/* Deletes some of what has grown old. Whether there may be more of it. */
static bool tend(struct gateway *g)
{
    unsigned keys = 0, used = 0, files = 0;

    if (wallet_sweep(g->dir->book, SWEEP_MAX, &keys) != RC_OK)
        log_line(LOG_WARN, "old idempotency keys could not be swept");
    if (wallet_once_sweep(g->dir->book, clock_wall_us(), SWEEP_MAX, &used) != RC_OK)
        log_line(LOG_WARN, "old payments could not be swept");
    if (skills_tend(g->dir->skills, clock_wall_us(), &files) != RC_OK)
        log_line(LOG_WARN, "packages that nobody needs could not be swept");
    return keys == SWEEP_MAX || used == SWEEP_MAX;
}

/* However many signals come, what is old is looked at every minute; however much of it
 * there is, signals are answered in between. */
static void wait_for_signals(struct gateway *g, const sigset_t *set)
{
    uint64_t due_ms = clock_mono_ms() + TEND_MS;

    for (;;) {
        const uint64_t now_ms = clock_mono_ms();
        const uint64_t left_ms = due_ms > now_ms ? due_ms - now_ms : 0;
        const struct timespec wait = {(time_t)(left_ms / 1000),
                                      (long)(left_ms % 1000) * 1000000};
        const int signal = sigtimedwait(set, NULL, &wait);

        if (signal == SIGTERM || signal == SIGINT)
            return;
        if (signal == SIGHUP)
            reload(g);
        if (clock_mono_ms() >= due_ms)
            due_ms = tend(g) ? 0 : clock_mono_ms() + TEND_MS;
    }
}

enum rc gateway_start_curve(void)
{
    uint8_t seed[X402_KEY_LEN];
    enum rc rc;

    random_bytes(seed, sizeof(seed));
    rc = x402_curve_start(seed);
    secret_wipe(seed, sizeof(seed));
    return rc;
}

enum rc gateway_run(const struct gateway_options *options, struct buf *faults)
{
    struct gateway g = {.listen_fd = -1, .admin_fd = -1};
    sigset_t set;
    enum rc rc;

    harden();
    (void)sigemptyset(&set);
    (void)sigaddset(&set, SIGHUP);
    (void)sigaddset(&set, SIGTERM);
    (void)sigaddset(&set, SIGINT);
    (void)pthread_sigmask(SIG_BLOCK, &set, NULL); /* inherited by every thread */
    (void)signal(SIGPIPE, SIG_IGN);
    TRY(gateway_start_curve());
    if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
        x402_curve_stop();
        return RC_NOMEM;
    }
    metrics_open();
    rc = open_all(&g, options, faults);
    if (rc == RC_OK) {
        wait_for_signals(&g, &set);
        log_line(LOG_INFO, "draining");
    }
    close_all(&g);
    curl_global_cleanup();
    x402_curve_stop();
    return rc;
}
