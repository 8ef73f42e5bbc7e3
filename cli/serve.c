/* SPDX-License-Identifier: Apache-2.0 */
/* octroi serve: the daemon, and the check of its configuration. */
#include "cli/verbs.h"

#include "base/json.h"
#include "base/log.h"
#include "cli/load.h"

#include <stdio.h>

enum {
    FAULTS_MAX = 65536,
    REPORT_MAX = 1 << 20
};

static void put_lines(struct json_out *o, const char *key, struct slice lines,
                      bool warnings)
{
    struct slice line;

    json_out_key(o, key);
    json_out_array(o);
    while (slice_next(&line, &lines, '\n')) {
        bool warning = slice_starts(line, SLICE(LOAD_WARNING));

        if (line.len > 0 && warning == warnings)
            json_out_slice(o, warning
                                  ? slice_sub(line, sizeof(LOAD_WARNING) - 1, line.len)
                                  : line);
    }
    json_out_end_array(o);
}

static void print_check(const struct cli *c, enum rc rc, struct slice faults)
{
    struct json_out o;
    struct buf b;

    if (!c->json) {
        (void)printf("%.*s%s: %s\n", (int)faults.len,
                     faults.len > 0 ? faults.bytes : "", cli_config_path(c),
                     rc == RC_OK ? "ok" : "not valid");
        return;
    }
    buf_init(&b, REPORT_MAX);
    json_out_init(&o, &b);
    json_out_object(&o);
    json_out_kbool(&o, "ok", rc == RC_OK);
    put_lines(&o, "faults", faults, false);
    put_lines(&o, "warnings", faults, true);
    json_out_end_object(&o);
    (void)printf("%.*s\n", (int)buf_len(&b), buf_slice(&b).bytes);
    buf_free(&b);
}

static int check_config(const struct cli *c)
{
    const struct config *config = NULL;
    struct buf faults;
    enum rc rc;

    buf_init(&faults, FAULTS_MAX);
    rc = config_load(&config, cli_config_path(c), &faults);
    if (rc != RC_OK && buf_len(&faults) == 0)
        buf_printf(&faults, "%s: %s\n", cli_config_path(c),
                   rc == RC_NOT_FOUND ? "no such file" : rc_reason(rc));
    print_check(c, rc, buf_slice(&faults));
    buf_free(&faults);
    config_unref(config);
    return rc == RC_OK ? CLI_OK : CLI_BAD_CONFIG;
}

int verb_serve(const struct cli *c)
{
    struct gateway_options options = {.config_path = cli_config_path(c)};
    const struct config *config;
    struct buf faults;
    enum rc rc;
    int code;

    if (cli_value(c, "--check-config") != NULL)
        return check_config(c);
    code = cli_load_config(&config, c, true);
    if (code != CLI_OK)
        return code;
    config_unref(config);
    log_set_level(LOG_INFO);
    buf_init(&faults, FAULTS_MAX);
    rc = gateway_run(&options, &faults);
    if (rc != RC_OK)
        code = cli_fail(c, rc, "%.*s", SLICE_FMT(buf_slice(&faults)));
    buf_free(&faults);
    return code;
}
