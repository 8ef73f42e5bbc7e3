/* SPDX-License-Identifier: Apache-2.0 */
/* octroi init: a folder to begin with, or the data folder that a configuration names.
 * What is there is never replaced. */
#include "cli/verbs.h"

#include "base/json.h"
#include "cli/files.h"
#include "cli/load.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum {
    FAULTS_MAX = 4096
};

static const char sample[] =
    "# Octroi's configuration; docs/config.md describes every key.\n"
    "# Check it with: octroi serve --config octroi.yaml --check-config\n"
    "server:\n"
    "  listen: 127.0.0.1:8402\n"
    "  admin_listen: 127.0.0.1:8403\n"
    "  data_dir: ./var\n"
    "  admin_token: ${file:./admin.token}\n"
    "\n"
    "# Where models are. Keys come from the environment (${NAME}), from a file\n"
    "# (${file:PATH}) or from systemd (${cred:NAME}).\n"
    "providers:\n"
    "#  openai: {kind: openai, base_url: https://api.openai.com/v1, api_keys: "
    "[\"${OPENAI_API_KEY}\"]}\n"
    "#  local: {kind: compatible, vendor: vllm, base_url: \"http://127.0.0.1:8000/v1\", "
    "allow_private: true}\n"
    "\n"
    "# What clients may ask for, by the name they send. Prices are USD per million "
    "tokens.\n"
    "models:\n"
    "#  gpt-4o-mini:\n"
    "#    targets:\n"
    "#      - {provider: openai, model: gpt-4o-mini}\n"
    "#    price: {input: \"0.15\", cached_input: \"0.075\", output: \"0.60\"}\n"
    "\n"
    "# APIs with a price per call, served under /v1/data/NAME/.\n"
    "data_apis:\n"
    "#  search:\n"
    "#    base_url: https://api.example.com\n"
    "#    endpoints:\n"
    "#      - {method: GET, path: /search, price: \"0.005\"}\n";

static void print_json(const char *config, const char *data_dir, const char *token)
{
    struct json_out o;
    struct buf b;

    buf_init(&b, 65536);
    json_out_init(&o, &b);
    json_out_object(&o);
    json_out_kstr(&o, "config", config);
    json_out_kstr(&o, "data_dir", data_dir);
    json_out_kstr(&o, "admin_token", token);
    json_out_end_object(&o);
    (void)printf("%.*s\n", (int)buf_len(&b), buf_slice(&b).bytes);
    buf_free(&b);
}

/* ---- init --config FILE ---- */

static int create_data_dir(const struct cli *c, const char *path, bool keep)
{
    struct buf faults;
    enum rc rc;
    int code = CLI_OK;

    buf_init(&faults, FAULTS_MAX);
    rc = datadir_create(path, &faults);
    if (rc == RC_EXISTS && keep)
        (void)fprintf(stderr, "octroi: the book in %s stays as it is\n", path);
    else if (rc != RC_OK)
        code = cli_fail(c, rc, "%.*s", SLICE_FMT(buf_slice(&faults)));
    buf_free(&faults);
    return code;
}

static int init_config(const struct cli *c)
{
    const struct config *config;
    int code = cli_load_config(&config, c, true);

    if (code != CLI_OK)
        return code;
    code = create_data_dir(c, config->data_dir, false);
    if (code == CLI_OK && c->json)
        print_json(config->path, config->data_dir, NULL);
    else if (code == CLI_OK)
        (void)printf("%s\n", config->data_dir);
    config_unref(config);
    return code;
}

/* ---- init DIR ---- */

struct paths {
    char config[PATH_MAX];
    char data_dir[PATH_MAX];
    char token[PATH_MAX];
};

static enum rc name_paths(struct paths *p, const char *dir)
{
    char absolute[PATH_MAX];

    TRY(files_absolute(absolute, sizeof(absolute), dir));
    TRY(files_join(p->config, sizeof(p->config), absolute, "octroi.yaml"));
    TRY(files_join(p->data_dir, sizeof(p->data_dir), absolute, "var"));
    return files_join(p->token, sizeof(p->token), absolute, "admin.token");
}

static void say_next(const struct paths *p, const char *dir)
{
    (void)printf("%s\n", p->config);
    (void)fprintf(
        stderr,
        "Made %s with a configuration, an admin token and an empty book. Next:\n"
        "  octroi serve --config %s\n"
        "  octroi wallet create agent --config %s\n"
        "  octroi wallet topup agent 25 --config %s\n"
        "  octroi key create agent --config %s\n",
        dir, p->config, p->config, p->config, p->config);
}

/* The configuration comes last: where it is, everything else is. */
static int make_folder(const struct cli *c, const struct paths *p, const char *dir)
{
    enum rc rc = files_make_folder(dir);
    int code;

    if (rc != RC_OK)
        return cli_fail(c, rc, "cannot make %s: %s", dir, strerror(errno));
    code = create_data_dir(c, p->data_dir, true);
    if (code != CLI_OK)
        return code;
    rc = files_make_token(p->token);
    if (rc != RC_OK)
        return cli_fail(c, rc, "cannot write %s: %s", p->token, strerror(errno));
    rc = files_write(p->config, slice_str(sample), 0644, false);
    if (rc != RC_OK)
        return cli_fail(c, rc, "cannot write %s: %s", p->config, strerror(errno));
    return CLI_OK;
}

static int init_folder(const struct cli *c, const char *dir)
{
    static struct paths p; /* too large for a stack frame */
    int code;

    if (dir[0] == '\0' || name_paths(&p, dir) != RC_OK)
        return cli_usage(c, "'%s' cannot be a folder's path", dir);
    if (access(p.config, F_OK) == 0)
        return cli_fail(c, RC_EXISTS, "%s is there already", p.config);
    code = make_folder(c, &p, dir);
    if (code == CLI_OK && c->json)
        print_json(p.config, p.data_dir, p.token);
    else if (code == CLI_OK)
        say_next(&p, dir);
    return code;
}

int verb_init(const struct cli *c)
{
    if (c->word_count > 0 && c->config_given)
        return cli_usage(c, "give either DIR or --config FILE");
    if (c->word_count > 0)
        return init_folder(c, c->words[0]);
    if (c->config_path == NULL)
        return cli_usage(c, "give a folder to make, or --config FILE");
    return init_config(c);
}
