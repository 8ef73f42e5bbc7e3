/* SPDX-License-Identifier: Apache-2.0 */
/* Which way the books are reached, and one call on that way. Whoever holds the lock of
 * the data folder has the books: the daemon, then its socket answers; or nobody, then
 * we take them ourselves and serve the very same calls in this process. */
#include "cli/client.h"

#include "base/clock.h"
#include "base/codec.h"
#include "cli/client_http.h"
#include "cli/load.h"
#include "gateway/gateway.h"

#include <errno.h>
#include <grp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum {
    ANSWER_MAX = 16 << 20,
    TARGET_MAX = 32768,
    BODY_MAX = 1 << 19, /* an offer's endpoints, escaped */
    FAULTS_MAX = 65536,
    CALL_TIMEOUT_MS = 10000,
    /* The folder may be another command's for a moment, or a daemon's that is just
     * starting and does not listen yet. */
    REACH_MS = 5000,
    REACH_TURN_MS = 50
};

struct client {
    const struct cli *cli;
    char *data_dir;
    const struct config *config; /* NULL: the file has faults, the daemon answers */
    struct client_http *http;    /* the daemon's; else: */
    struct datadir *dir;
    struct config_cell *cell;
    struct admin admin;
};

/* ---- Requests ---- */

void client_request_start(struct client_request *q, const char *method,
                          const char *path)
{
    *q = (struct client_request){.method = method};
    buf_init(&q->target, TARGET_MAX);
    buf_init(&q->body, BODY_MAX);
    json_out_init(&q->json, &q->body);
    buf_append_str(&q->target, path);
}

void client_request_segment(struct client_request *q, const char *text)
{
    buf_append_char(&q->target, '/');
    percent_encode(&q->target, slice_str(text));
}

void client_request_query(struct client_request *q, const char *name, const char *value)
{
    buf_append_char(&q->target, q->has_query ? '&' : '?');
    q->has_query = true;
    buf_append_str(&q->target, name);
    buf_append_char(&q->target, '=');
    percent_encode(&q->target, slice_str(value));
}

static void begin_body(struct client_request *q)
{
    if (buf_len(&q->body) == 0)
        json_out_object(&q->json);
}

void client_request_text(struct client_request *q, const char *name, const char *value)
{
    begin_body(q);
    if (value != NULL)
        json_out_kstr(&q->json, name, value);
}

void client_request_money(struct client_request *q, const char *name, struct money m)
{
    begin_body(q);
    json_out_kmoney(&q->json, name, m);
}

void client_request_end(struct client_request *q)
{
    buf_free(&q->target);
    buf_free(&q->body);
}

/* ---- Opening ---- */

/* Root must not leave files behind that the folder's owner cannot open. */
static enum rc become_owner(const char *dir)
{
    struct stat st;

    if (geteuid() != 0 || stat(dir, &st) != 0 || st.st_uid == 0)
        return RC_OK;
    if (setgroups(0, NULL) != 0 || setgid(st.st_gid) != 0 || setuid(st.st_uid) != 0)
        return RC_FORBIDDEN;
    return RC_OK;
}

static enum rc take_folder(struct client *c, struct buf *faults)
{
    TRY(become_owner(c->data_dir));
    TRY(config_cell_open(&c->cell, c->config));
    TRY(datadir_open(&c->dir, c->data_dir, faults));
    c->admin = (struct admin){.ledger = c->dir->ledger,
                              .book = c->dir->book,
                              .skills = c->dir->skills,
                              .config = c->cell};
    return RC_OK;
}

static enum rc try_to_reach(struct client *c, struct buf *faults)
{
    int fd = -1;
    enum rc rc = datadir_admin_connect(&fd, c->data_dir);

    if (rc == RC_OK) {
        (void)close(fd); /* it was only to see whether somebody is there */
        return client_http_open(&c->http, c->data_dir);
    }
    if (rc == RC_FORBIDDEN) {
        buf_printf(faults, "%s belongs to somebody else: run as its owner or as root",
                   c->data_dir);
        return rc;
    }
    rc = take_folder(c, faults);
    if (rc != RC_OK) {
        config_cell_close(c->cell);
        c->cell = NULL;
    }
    return rc;
}

static enum rc reach(struct client *c, struct buf *faults)
{
    static const struct timespec turn = {0, REACH_TURN_MS * 1000000L};
    uint64_t until_ms = clock_mono_ms() + REACH_MS;

    for (;;) {
        enum rc rc = try_to_reach(c, faults);

        if (rc != RC_LOCKED)
            return rc;
        buf_reset(faults);
        if (clock_mono_ms() >= until_ms)
            break;
        (void)nanosleep(&turn, NULL);
    }
    buf_printf(faults,
               "the data folder %s is in use, but no daemon answers on its admin.sock",
               c->data_dir);
    return RC_UNREACHABLE;
}

static int reach_with_config(struct client *c)
{
    struct buf faults;
    int code = CLI_OK;
    enum rc rc = RC_NOMEM;

    buf_init(&faults, FAULTS_MAX);
    c->data_dir = strdup(c->config->data_dir);
    if (c->data_dir != NULL)
        rc = reach(c, &faults);
    if (rc != RC_OK && buf_len(&faults) == 0)
        buf_printf(&faults, "cannot open the data folder: %s", rc_reason(rc));
    if (rc != RC_OK)
        code = cli_fail(c->cli, rc, "%.*s", SLICE_FMT(buf_slice(&faults)));
    buf_free(&faults);
    return code;
}

/* A daemon that runs is reached even if its file has become faulty, or names secrets
 * that are not in our environment: freezing a wallet must not wait for that. */
static bool reach_daemon(struct client *c)
{
    int fd;

    if (datadir_find(&c->data_dir, cli_config_path(c->cli)) != RC_OK ||
        datadir_admin_connect(&fd, c->data_dir) != RC_OK)
        return false;
    (void)close(fd);
    return client_http_open(&c->http, c->data_dir) == RC_OK;
}

int client_open(struct client **out, const struct cli *cli)
{
    struct client *c = calloc(1, sizeof(*c));
    struct buf faults;
    int code = CLI_OK;
    enum rc rc;

    if (c == NULL)
        return cli_fail(cli, RC_NOMEM, "out of memory");
    c->cli = cli;
    buf_init(&faults, FAULTS_MAX);
    rc = config_load(&c->config, cli_config_path(cli), &faults);
    if (rc == RC_OK)
        code = reach_with_config(c);
    else if (rc != RC_BAD_CONFIG || !reach_daemon(c))
        code = cli_config_refused(cli, rc, buf_slice(&faults));
    buf_free(&faults);
    if (code != CLI_OK) {
        client_close(c);
        return code;
    }
    *out = c;
    return CLI_OK;
}

void client_close(struct client *c)
{
    if (c == NULL)
        return;
    client_http_close(c->http);
    datadir_close(c->dir);
    config_cell_close(c->cell);
    config_unref(c->config);
    free(c->data_dir);
    free(c);
}

const struct cli *client_cli(const struct client *c)
{
    return c->cli;
}

const char *client_data_dir(const struct client *c)
{
    return c->data_dir;
}

bool client_has_daemon(const struct client *c)
{
    return c->http != NULL;
}

/* ---- Calling ---- */

static enum rc copy_file(FILE *out, int fd)
{
    char bytes[4096];

    for (;;) {
        ssize_t got = read(fd, bytes, sizeof(bytes));

        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return got == 0 ? RC_OK : RC_IO;
        if (fwrite(bytes, 1, (size_t)got, out) != (size_t)got)
            return RC_IO;
    }
}

/* A file of a body that is wanted in memory, or the other way round, does not happen:
 * only the export has a file, and only client_fetch() asks for it. */
static enum rc serve_here(struct client_exchange *x, struct client *c)
{
    size_t path_len = slice_find(x->target, '?');
    struct admin_request q = {
        .method = slice_str(x->method),
        .path = slice_sub(x->target, 0, path_len),
        .query = slice_sub(x->target, path_len + 1, x->target.len),
        .body = x->body,
    };
    struct admin_reply reply;
    enum rc rc = RC_OK;

    admin_handle(&reply, &c->admin, &q);
    x->status = reply.status;
    buf_append(x->answer, buf_slice(&reply.body));
    buf_wipe(&reply.body);
    if (reply.file_fd >= 0) {
        if (x->file != NULL)
            rc = copy_file(x->file, reply.file_fd);
        (void)close(reply.file_fd);
    }
    return rc;
}

/* A problem's own words, and the code that it goes by. */
static int refused(const struct client *c, unsigned status, struct slice body)
{
    struct json_object *problem = NULL;
    struct slice code = SLICE_NONE;
    struct slice detail = SLICE_NONE;
    char reason[64] = "";
    int exit_code;

    if (json_parse(&problem, body) == RC_OK) {
        if (json_get_string(&code, problem, "code") != RC_OK ||
            slice_to_cstr(reason, sizeof(reason), code) != RC_OK)
            reason[0] = '\0';
        if (json_get_string(&detail, problem, "detail") != RC_OK)
            detail = SLICE_NONE;
    }
    if (detail.len > 0)
        exit_code = cli_fail(c->cli, rc_from_reason(reason), "%.*s", SLICE_FMT(detail));
    else
        exit_code = cli_fail(c->cli, RC_INTERNAL, "the daemon answered %u", status);
    json_put(problem);
    return exit_code;
}

static int call(struct buf *answer, FILE *file, struct client *c,
                struct client_request *q)
{
    struct client_exchange x = {.method = q->method,
                                .timeout_ms = q->slow ? 0 : CALL_TIMEOUT_MS,
                                .file = file,
                                .answer = answer};
    enum rc rc = RC_OK;

    if (buf_len(&q->body) > 0 && q->json.depth > 0)
        json_out_end_object(&q->json);
    if (buf_spent(&q->target) || buf_spent(&q->body))
        return cli_usage(c->cli, "that is too long");
    x.target = buf_slice(&q->target);
    x.body = q->raw.len > 0 ? q->raw : buf_slice(&q->body);
    x.content_type = q->raw.len > 0 ? "application/octet-stream" : "application/json";
    rc = c->http != NULL ? client_http_call(c->http, &x) : serve_here(&x, c);
    if (rc == RC_UNREACHABLE)
        return cli_fail(
            c->cli, rc,
            "the daemon did not answer; whether it did what was asked is not "
            "known");
    if (rc != RC_OK)
        return cli_fail(c->cli, rc, "cannot take the answer: %s", rc_reason(rc));
    return x.status / 100 == 2 ? CLI_OK : refused(c, x.status, buf_slice(answer));
}

int client_call(struct buf *answer, struct client *c, struct client_request *q)
{
    buf_init(answer, ANSWER_MAX);
    return call(answer, NULL, c, q);
}

int client_fetch(FILE *out, struct client *c, struct client_request *q)
{
    struct buf answer;
    int code;

    buf_init(&answer, ANSWER_MAX);
    code = call(&answer, out, c, q);
    buf_free(&answer);
    return code;
}
