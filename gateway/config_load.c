/* SPDX-License-Identifier: Apache-2.0 */
/* From a file to a snapshot: the order in which sections are read, the sections
 * `server` and `limits`, what a reload may not change, and the report of all that is
 * wrong. */
#include "gateway/config_int.h"

#include "base/clock.h"
#include "base/codec.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum {
    LOOPS_MAX = 64,
    TOKEN_SHORT = 16,
    CALL_TIMEOUT_MS = 600 * 1000,
    WARNINGS_MAX = 256 * 1024,
    PRINT_MAX = 64 * 1024 * 1024
};

#define DEFAULT_LISTEN       "127.0.0.1:8402"
#define DEFAULT_ADMIN_LISTEN "127.0.0.1:8403"

/* server ------------------------------------------------------------------------------
 */

/* Sockets, the data folder and threads are opened once: the fault names what is held.
 */
static void check_restart(struct config__reader *r, const struct conf_node *n,
                          const char *key, bool same)
{
    if (r->running != NULL && !same)
        conf_fault(r->conf, n, "a change of server.%s needs a restart", key);
}

/* What a reload does not take over, though nothing stands against the rest of the file.
 */
static void check_start(struct config__reader *r, const struct conf_node *n,
                        const char *section, const char *key, bool same)
{
    if (r->running != NULL && !same)
        config__warn(r, n, "the new %s.%s counts from the next start on", section, key);
}

static void read_listen(struct config__reader *r, struct conf_node *server)
{
    struct conf_node *n = conf_get(r->conf, server, "listen");
    struct config *c = r->config;

    c->listen = n == NULL ? arena_copy(r->arena, DEFAULT_LISTEN, strlen(DEFAULT_LISTEN))
                          : config__listen_address(r, n);
    if (c->listen != NULL)
        check_restart(r, n != NULL ? n : server, "listen",
                      r->running == NULL ||
                          config__same_text(c->listen, r->running->listen));
}

/* "" and `off`: none. */
static void read_admin_listen(struct config__reader *r, struct conf_node *server)
{
    struct conf_node *n = conf_get(r->conf, server, "admin_listen");
    struct slice text = SLICE(DEFAULT_ADMIN_LISTEN);
    struct config *c = r->config;

    if (n != NULL && !conf_text(r->conf, n, &text))
        return;
    if (text.len > 0 && !slice_equal_str(text, "off")) {
        c->admin_listen = n == NULL ? arena_copy(r->arena, text.bytes, text.len)
                                    : config__listen_address(r, n);
        if (c->admin_listen == NULL)
            return;
    }
    check_restart(r, n != NULL ? n : server, "admin_listen",
                  r->running == NULL ||
                      config__same_text(c->admin_listen, r->running->admin_listen));
    if (c->listen != NULL && config__same_text(c->listen, c->admin_listen) &&
        !slice_ends(slice_str(c->listen), SLICE(":0")))
        conf_fault(r->conf, n != NULL ? n : server,
                   "listen and admin_listen are the same address");
}

/* Cuts "./" and doubled slashes inside and a slash at the end, so that one folder has
 * one name. */
static void tidy_path(char *path)
{
    char *to = path;

    for (const char *from = path; *from != '\0'; from++) {
        bool begins = to > path && to[-1] == '/';

        if (begins && *from == '/')
            continue;
        if (begins && from[0] == '.' && (from[1] == '/' || from[1] == '\0'))
            continue;
        *to++ = *from;
    }
    if (to > path + 1 && to[-1] == '/')
        to--;
    *to = '\0';
}

static void read_data_dir(struct config__reader *r, struct conf_node *server)
{
    struct conf_node *n = conf_get(r->conf, server, "data_dir");
    struct config *c = r->config;

    if (n == NULL)
        c->data_dir = arena_printf(r->arena, "%s/var", conf_dir(r->conf));
    else if (!conf_path(r->conf, n, &c->data_dir, r->arena))
        return;
    if (c->data_dir == NULL)
        return;
    if (slice_has_ctl(slice_str(c->data_dir))) {
        conf_fault(r->conf, n, "the path holds a control character");
        return;
    }
    tidy_path(c->data_dir);
    check_restart(r, n != NULL ? n : server, "data_dir",
                  r->running == NULL ||
                      config__same_text(c->data_dir, r->running->data_dir));
}

static void read_loops(struct config__reader *r, struct conf_node *server)
{
    struct conf_node *n = conf_get(r->conf, server, "loops");
    struct slice text = SLICE_NONE;
    uint64_t loops = 0;

    if (conf_is_scalar(n) && conf_text(r->conf, n, &text) &&
        slice_equal_str(text, "auto"))
        n = NULL;
    if (n != NULL && !conf_u64(r->conf, n, &loops, 1, LOOPS_MAX))
        return;
    r->config->loops = (unsigned)loops;
    check_restart(r, n != NULL ? n : server, "loops",
                  r->running == NULL || r->config->loops == r->running->loops);
}

static void read_admin_token(struct config__reader *r, struct conf_node *server)
{
    struct conf_node *n = conf_get(r->conf, server, "admin_token");

    r->config->admin_token = config__secret(r, n, "admin_token");
    if (r->config->admin_token != NULL &&
        secret_open(r->config->admin_token).len < TOKEN_SHORT)
        config__warn(r, n, "admin_token is shorter than %d bytes: it can be guessed",
                     TOKEN_SHORT);
    check_start(r, n != NULL ? n : server, "server", "admin_token",
                r->running == NULL ||
                    slice_equal_secret(secret_open(r->config->admin_token),
                                       secret_open(r->running->admin_token)));
}

static bool same_proxies(const struct config *a, const struct config *b)
{
    if (a->trusted_proxy_count != b->trusted_proxy_count)
        return false;
    for (size_t i = 0; i < a->trusted_proxy_count; i++)
        if (strcmp(a->trusted_proxies[i], b->trusted_proxies[i]) != 0)
            return false;
    return true;
}

static void read_trusted_proxies(struct config__reader *r, struct conf_node *server)
{
    struct conf_node *n = conf_get(r->conf, server, "trusted_proxies");
    struct config *c = r->config;
    struct conf_node *item;
    size_t at = 0;

    if (!config__fits(r, n, CONFIG__LIST_MAX, "proxies"))
        return;
    c->trusted_proxies = arena_new_array(r->arena, char *, conf_count(n));
    if (c->trusted_proxies == NULL)
        return;
    while (conf_next_item(r->conf, n, &at, &item)) {
        char *peer = config__peer(r, item);

        if (peer != NULL)
            c->trusted_proxies[c->trusted_proxy_count++] = peer;
    }
    check_start(r, n != NULL ? n : server, "server", "trusted_proxies",
                r->running == NULL || same_proxies(c, r->running));
}

static void read_server(struct config__reader *r, struct conf_node *n)
{
    read_listen(r, n);
    read_admin_listen(r, n);
    read_data_dir(r, n);
    r->config->public_url =
        config__origin(r, conf_get(r->conf, n, "public_url"), "public_url");
    read_admin_token(r, n);
    read_loops(r, n);
    read_trusted_proxies(r, n);
}

/* limits ------------------------------------------------------------------------------
 */

struct limit {
    const char *key;
    size_t offset; /* in struct config_limits */
    uint64_t fallback, min, max;
    bool at_start; /* a reload does not take it over */
};

#define LIMIT(name) #name, offsetof(struct config_limits, name)
/* clang-format off */
static const struct limit limits[] = {
    {LIMIT(requests_per_minute), 600, 0, 1000000000, false},
    {LIMIT(tokens_per_minute), 300000, 0, 1000000000000, false},
    {LIMIT(concurrent), 64, 0, 1000000, false},
    {LIMIT(max_body_bytes), 8388608, 1024, UINT64_C(1) << 30, false},
    {LIMIT(max_response_bytes), 67108864, 1024, UINT64_C(1) << 36, false},
    {LIMIT(reference_tokens), 8192, 1, 10000000, false},
    {LIMIT(connections), 16384, 1, 1000000, true},
    {LIMIT(connections_per_address), 12288, 0, 1000000, true},
    {LIMIT(auth_failures_per_minute), 10, 0, 1000000, false},
    {LIMIT(refused_payments_per_minute), 600, 0, 1000000, false},
};

/* clang-format on */

static uint64_t limit_of(const struct config_limits *l, const struct limit *row)
{
    uint64_t value;

    memcpy(&value, (const char *)l + row->offset, sizeof(value));
    return value;
}

static void read_limits(struct config__reader *r, struct conf_node *n)
{
    struct config_limits *l = &r->config->limits;

    for (size_t i = 0; i < sizeof(limits) / sizeof(limits[0]); i++) {
        const struct limit *row = &limits[i];
        struct conf_node *value = conf_get(r->conf, n, row->key);
        uint64_t found = row->fallback;

        (void)conf_u64(r->conf, value, &found, row->min, row->max);
        memcpy((char *)l + row->offset, &found, sizeof(found));
        check_start(r, value != NULL ? value : n, "limits", row->key,
                    !row->at_start || r->running == NULL ||
                        limit_of(&r->running->limits, row) == found);
    }
    l->call_timeout_ms = CALL_TIMEOUT_MS;
    config__duration(r, n, "call_timeout", &l->call_timeout_ms);
}

/* The file ----------------------------------------------------------------------------
 */

static void read_root(struct config__reader *r, struct conf_node *root)
{
    struct conf *c = r->conf;

    read_server(r, conf_get(c, root, "server"));
    config__read_providers(r, conf_get(c, root, "providers"));
    config__read_catalog(r, conf_get(c, root, "catalog"));
    config__read_overrides(r);
    config__load_found(r, conf_get(c, root, "providers"));
    config__read_models(r, conf_get(c, root, "models"));
    config__add_found(r);
    config__read_payments(r, conf_get(c, root, "payments"));
    config__read_data_apis(r, conf_get(c, root, "data_apis"));
    read_limits(r, conf_get(c, root, "limits"));
    config__read_skills(r, conf_get(c, root, "skills"));
    conf_unknown(c);
}

/* The digest stands for what is in force, however it was written: it is taken over what
 * `config show --effective` would print. */
static enum rc set_hash(struct config *c)
{
    uint8_t digest[SHA256_LEN];
    struct buf text;
    bool spent;

    static_assert(sizeof(c->hash) == 2 * SHA256_LEN + 1, "hex and a NUL");
    buf_init(&text, PRINT_MAX);
    config_print(&text, c, true);
    spent = buf_spent(&text);
    sha256(digest, buf_slice(&text));
    hex_encode(c->hash, digest, sizeof(digest));
    buf_free(&text);
    return spent ? RC_NOMEM : RC_OK;
}

static enum rc read_file(struct config__reader *r)
{
    struct conf_node *root = conf_root(r->conf);
    struct config *c = r->config;

    if (root != NULL)
        read_root(r, root);
    else if (conf_fault_count(r->conf) == 0)
        conf_fault(r->conf, NULL, "there is nothing in the file");
    TRY(r->rc);
    if (conf_fault_count(r->conf) > 0 || buf_len(r->more_faults) > 0)
        return RC_BAD_CONFIG;
    c->path = arena_copy(r->arena, r->path, strlen(r->path));
    c->generation = r->running == NULL ? 1 : r->running->generation + 1;
    c->loaded_us = clock_wall_us();
    if (arena_spent(r->arena))
        return RC_NOMEM;
    return set_hash(c);
}

static void report(const struct config__reader *r, struct buf *faults)
{
    for (size_t i = 0; i < conf_fault_count(r->conf); i++)
        buf_printf(faults, "%s\n", conf_fault_text(r->conf, i));
    buf_append(faults, buf_slice(r->more_faults));
    buf_append(faults, buf_slice(r->warnings));
}

static bool everyone_may_read(const char *path)
{
    struct stat s;

    return stat(path, &s) == 0 && (s.st_mode & S_IROTH) != 0;
}

enum rc config__build(const struct config **out, struct conf *conf, const char *path,
                      const struct config *running, struct buf *faults)
{
    struct config__reader r = {.conf = conf,
                               .path = path,
                               .running = running,
                               .exposed = everyone_may_read(path)};
    struct config__snapshot *s;
    struct buf warnings, more_faults;
    enum rc rc;

    TRY(config__snapshot_new(&s));
    buf_init(&warnings, WARNINGS_MAX);
    buf_init(&more_faults, WARNINGS_MAX);
    r.config = &s->config;
    r.arena = s->arena;
    r.warnings = &warnings;
    r.more_faults = &more_faults;
    rc = read_file(&r);
    report(&r, faults);
    buf_free(&warnings);
    buf_free(&more_faults);
    if (rc != RC_OK) {
        config__snapshot_free(s);
        return rc;
    }
    *out = &s->config;
    return RC_OK;
}

enum rc config__load(const struct config **out, const char *path,
                     const struct config *running, struct buf *faults)
{
    struct conf *conf;
    enum rc rc;

    TRY(conf_open(&conf, path));
    rc = config__build(out, conf, path, running, faults);
    conf_close(conf);
    return rc;
}

enum rc config_load(const struct config **out, const char *path, struct buf *faults)
{
    return config__load(out, path, NULL, faults);
}
