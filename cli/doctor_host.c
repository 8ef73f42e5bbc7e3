/* SPDX-License-Identifier: Apache-2.0 */
/* The doctor's look at the machine: files and their modes, the disk's speed, the clock,
 * limits, and whether upstreams can be reached. */
#include "cli/doctor_int.h"

#include "base/clock.h"
#include "base/secret.h"

#include <curl/curl.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/timex.h>
#include <unistd.h>

enum {
    TOKEN_LEN_MIN = 16,
    SYNC_ROUNDS = 20,
    SYNC_SLOW_US = 20000,
    CONNECT_MS = 2000,
    FILES_SPARE = 64
};

#define YEAR_2025_US ((uint64_t)1735689600 * 1000000)

/* ---- Configuration ---- */

static void look_at_token(struct doctor *d)
{
    const struct config *c = d->config;

    if (c->admin_listen == NULL)
        doctor_add(d, DOCTOR_OK, NULL, "admin address", "none: the socket only");
    else if (c->admin_token == NULL)
        doctor_add(d, DOCTOR_WARN, "set server.admin_token, or admin_listen: off",
                   "admin address", "%s refuses everybody: no token", c->admin_listen);
    else if (secret_open(c->admin_token).len < TOKEN_LEN_MIN)
        doctor_add(d, DOCTOR_WARN, "make it longer", "admin address",
                   "%s: the token is shorter than %d characters", c->admin_listen,
                   TOKEN_LEN_MIN);
    else
        doctor_add(d, DOCTOR_OK, NULL, "admin address", "%s, with a token",
                   c->admin_listen);
}

static void look_at_models(struct doctor *d)
{
    size_t unpriced = 0;

    for (size_t i = 0; i < d->config->model_count; i++) {
        const struct config_model *m = &d->config->models[i];

        if (m->priced)
            continue;
        unpriced++;
        doctor_add(d, DOCTOR_WARN, "give it a price (\"0\" is free on purpose)",
                   "model", "%s has no price: its calls are refused", m->name);
    }
    if (unpriced == 0)
        doctor_add(d, DOCTOR_OK, NULL, "models", "%zu, all with a price",
                   d->config->model_count);
}

static void look_at_keys(struct doctor *d)
{
    for (size_t i = 0; i < d->config->provider_count; i++) {
        const struct config_provider *p = &d->config->providers[i];
        bool empty = p->key_count == 0 && p->access_key == NULL;

        for (size_t k = 0; k < p->key_count; k++)
            empty = empty || secret_open(p->api_keys[k]).len == 0;
        /* A server of one's own often wants none. */
        if (empty)
            doctor_add(d, p->allow_private ? DOCTOR_OK : DOCTOR_WARN,
                       p->allow_private ? NULL : "set its api_keys", "provider key",
                       "%s has none", p->name);
        else
            doctor_add(d, DOCTOR_OK, NULL, "provider key", "%s has %zu", p->name,
                       p->access_key != NULL ? 1 : p->key_count);
    }
}

void doctor_look_at_config(struct doctor *d)
{
    look_at_token(d);
    look_at_models(d);
    look_at_keys(d);
}

/* ---- The data folder ---- */

static bool look_at_mode(struct doctor *d, const char *path, mode_t allowed,
                         const char *advice)
{
    struct stat st;

    if (stat(path, &st) != 0) {
        doctor_add(d, DOCTOR_FAIL, advice, "files", "%s: %s", path, strerror(errno));
        return false;
    }
    if ((st.st_mode & 0777 & ~allowed) != 0) {
        doctor_add(d, DOCTOR_FAIL, "others can get at it: chmod go= it", "files",
                   "%s has mode %03o", path, (unsigned)st.st_mode & 0777);
        return false;
    }
    if (st.st_uid != geteuid() && geteuid() != 0) {
        doctor_add(d, DOCTOR_FAIL, "run as its owner", "files",
                   "%s belongs to user %u, we are %u", path, (unsigned)st.st_uid,
                   (unsigned)geteuid());
        return false;
    }
    return true;
}

static int compare_us(const void *a, const void *b)
{
    const uint64_t *x = a;
    const uint64_t *y = b;

    return *x < *y ? -1 : *x > *y;
}

/* Every commit of the book waits for the disk like this. */
static bool time_sync(uint64_t us[SYNC_ROUNDS], const char *dir)
{
    static const char page[4096];
    int fd = open(dir, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    bool ok = fd >= 0;

    for (size_t i = 0; ok && i < SYNC_ROUNDS; i++) {
        uint64_t start_us = clock_wall_us();

        ok = pwrite(fd, page, sizeof(page), (off_t)(i * sizeof(page))) ==
                 (ssize_t)sizeof(page) &&
             fdatasync(fd) == 0;
        us[i] = clock_wall_us() - start_us;
    }
    if (fd >= 0)
        (void)close(fd);
    return ok;
}

static void look_at_disk(struct doctor *d)
{
    uint64_t us[SYNC_ROUNDS];
    uint64_t middle;
    bool slow;

    if (!time_sync(us, d->config->data_dir)) {
        doctor_add(d, DOCTOR_FAIL, NULL, "disk speed", "cannot write in %s: %s",
                   d->config->data_dir, strerror(errno));
        return;
    }
    qsort(us, SYNC_ROUNDS, sizeof(us[0]), compare_us);
    middle = us[SYNC_ROUNDS / 2];
    slow = middle > SYNC_SLOW_US;
    doctor_add(d, slow ? DOCTOR_WARN : DOCTOR_OK,
               slow ? "each call waits for two of these: use a faster disk" : NULL,
               "disk speed",
               "a durable write takes %llu.%llu ms, at worst %llu.%llu ms",
               (unsigned long long)middle / 1000, (unsigned long long)middle / 100 % 10,
               (unsigned long long)us[SYNC_ROUNDS - 1] / 1000,
               (unsigned long long)us[SYNC_ROUNDS - 1] / 100 % 10);
}

void doctor_look_at_folder(struct doctor *d)
{
    static const char *const init = "octroi init --config FILE makes it";
    const char *dir = d->config->data_dir;
    char *master = NULL;
    char *book = NULL;

    if (!look_at_mode(d, dir, 0700, init))
        return;
    if (asprintf(&master, "%s/master.key", dir) < 0)
        master = NULL;
    if (asprintf(&book, "%s/ledger.mdb", dir) < 0)
        book = NULL;
    if (master != NULL && book != NULL &&
        look_at_mode(d, master, 0600, "put it back from where you keep it") &&
        look_at_mode(d, book, 0600, init))
        doctor_add(d, DOCTOR_OK, NULL, "files", "%s is its owner's only", dir);
    free(master);
    free(book);
    look_at_disk(d);
}

/* ---- Clock and limits ---- */

static void look_at_clock(struct doctor *d)
{
    uint64_t now_us = clock_wall_us();
    struct timex state = {.modes = 0};
    char text[CLOCK_TEXT_SIZE];
    bool synchronised = adjtimex(&state) >= 0 && (state.status & STA_UNSYNC) == 0;

    clock_print(text, now_us);
    if (now_us < YEAR_2025_US)
        doctor_add(d, DOCTOR_FAIL, "set it: limits go by it", "clock", "%s", text);
    else if (!synchronised)
        doctor_add(d, DOCTOR_WARN, "run a time service (chrony, systemd-timesyncd)",
                   "clock", "%s, not synchronised", text);
    else
        doctor_add(d, DOCTOR_OK, NULL, "clock", "%s, synchronised", text);
}

static void look_at_limits(struct doctor *d)
{
    /* As gateway.c shares them out: a quarter is left to upstreams. */
    uint64_t wanted = d->config->limits.connections / 3 * 4 + FILES_SPARE;
    struct rlimit files;

    if (getrlimit(RLIMIT_NOFILE, &files) != 0)
        return;
    if (files.rlim_max < wanted)
        doctor_add(d, DOCTOR_WARN,
                   "raise it (LimitNOFILE=), or lower limits.connections", "open files",
                   "%llu allowed, %llu wanted", (unsigned long long)files.rlim_max,
                   (unsigned long long)wanted);
    else
        doctor_add(d, DOCTOR_OK, NULL, "open files", "%llu allowed",
                   (unsigned long long)files.rlim_max);
}

void doctor_look_at_machine(struct doctor *d)
{
    look_at_clock(d);
    look_at_limits(d);
}

/* ---- Upstreams ---- */

static bool connect_within(const struct addrinfo *a, int timeout_ms)
{
    int fd = socket(a->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    int error = 0;
    socklen_t len = sizeof(error);
    struct pollfd wait = {.fd = fd, .events = POLLOUT};

    if (fd < 0)
        return false;
    if (connect(fd, a->ai_addr, a->ai_addrlen) != 0) {
        error = errno;
        if (error == EINPROGRESS) {
            error = ETIMEDOUT;
            if (poll(&wait, 1, timeout_ms) == 1)
                (void)getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len);
        }
    }
    (void)close(fd);
    errno = error;
    return error == 0;
}

static void try_address(struct doctor *d, const char *name, const char *host,
                        const char *port)
{
    struct addrinfo want = {.ai_socktype = SOCK_STREAM};
    struct addrinfo *found = NULL;
    int error = getaddrinfo(host, port, &want, &found);
    bool reached = false;

    if (error != 0) {
        doctor_add(d, DOCTOR_FAIL, "check its base_url and the name service",
                   "upstream", "%s: %s: %s", name, host, gai_strerror(error));
        return;
    }
    for (const struct addrinfo *a = found; a != NULL && !reached; a = a->ai_next)
        reached = connect_within(a, CONNECT_MS);
    if (reached)
        doctor_add(d, DOCTOR_OK, NULL, "upstream", "%s: %s:%s can be reached", name,
                   host, port);
    else
        doctor_add(d, DOCTOR_FAIL, "check its base_url, the network, the firewall",
                   "upstream", "%s: %s:%s: %s", name, host, port, strerror(errno));
    freeaddrinfo(found);
}

/* "[::1]" without its brackets, which getaddrinfo() does not know. */
static char *bare_host(char *host)
{
    size_t len = strlen(host);

    if (len < 2 || host[0] != '[' || host[len - 1] != ']')
        return host;
    host[len - 1] = '\0';
    return host + 1;
}

static void look_at_upstream(struct doctor *d, const char *name, const char *url)
{
    CURLU *parts = curl_url();
    char *host = NULL;
    char *port = NULL;

    if (parts != NULL && curl_url_set(parts, CURLUPART_URL, url, 0) == CURLUE_OK &&
        curl_url_get(parts, CURLUPART_HOST, &host, 0) == CURLUE_OK &&
        curl_url_get(parts, CURLUPART_PORT, &port, CURLU_DEFAULT_PORT) == CURLUE_OK)
        try_address(d, name, bare_host(host), port);
    else
        doctor_add(d, DOCTOR_FAIL, NULL, "upstream", "%s: not a URL", name);
    curl_free(host);
    curl_free(port);
    curl_url_cleanup(parts);
}

void doctor_look_at_upstreams(struct doctor *d)
{
    const struct config *c = d->config;

    for (size_t i = 0; i < c->provider_count; i++)
        look_at_upstream(d, c->providers[i].name, c->providers[i].base_url);
    for (size_t i = 0; i < c->data_api_count; i++)
        look_at_upstream(d, c->data_apis[i].name, c->data_apis[i].base_url);
}
