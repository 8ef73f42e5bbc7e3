/* SPDX-License-Identifier: Apache-2.0 */
/* Finding and loading the configuration. */
#include "cli/load.h"

#include "base/slice.h"

enum {
    FAULTS_MAX = 65536
};

const char *cli_config_path(const struct cli *c)
{
    return c->config_path != NULL ? c->config_path : "octroi.yaml";
}

int cli_config_refused(const struct cli *c, enum rc rc, struct slice faults)
{
    const char *path = cli_config_path(c);

    if (rc == RC_NOT_FOUND && c->config_path == NULL)
        return cli_fail(c, RC_BAD_CONFIG,
                        "there is no octroi.yaml here: name one with --config FILE or "
                        "OCTROI_CONFIG, or make one with `octroi init DIR`");
    if (rc == RC_NOT_FOUND)
        return cli_fail(c, RC_BAD_CONFIG, "there is no configuration file %s", path);
    if (rc == RC_BAD_CONFIG)
        return cli_fail(c, rc, "the configuration is not valid:\n%.*s",
                        SLICE_FMT(faults));
    (void)cli_fail(c, RC_BAD_CONFIG, "cannot read %s: %s", path, rc_reason(rc));
    return CLI_BAD_CONFIG;
}

static void print_warnings(struct slice faults)
{
    struct slice line;

    while (slice_next(&line, &faults, '\n'))
        if (slice_starts(line, SLICE(LOAD_WARNING)))
            (void)fprintf(stderr, "octroi: %.*s\n", SLICE_FMT(line));
}

int cli_load_config(const struct config **out, const struct cli *c, bool warn)
{
    struct buf faults;
    int code = CLI_OK;
    enum rc rc;

    buf_init(&faults, FAULTS_MAX);
    rc = config_load(out, cli_config_path(c), &faults);
    if (rc != RC_OK)
        code = cli_config_refused(c, rc, buf_slice(&faults));
    else if (warn)
        print_warnings(buf_slice(&faults));
    buf_free(&faults);
    return code;
}
