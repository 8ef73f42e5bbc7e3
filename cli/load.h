/* SPDX-License-Identifier: Apache-2.0 */
/* The configuration file of a line: --config, OCTROI_CONFIG or ./octroi.yaml. */
#ifndef CLI_LOAD_H
#define CLI_LOAD_H

#include "cli/cli.h"
#include "gateway/gateway.h"

/* The path that the line names. */
const char *cli_config_path(const struct cli *c);
/* CLI_OK, or CLI_BAD_CONFIG with every fault on stderr. warn: warnings too. */
int cli_load_config(const struct config **out, const struct cli *c, bool warn);

/* What to say, and the exit code, when config_load() failed so. */
int cli_config_refused(const struct cli *c, enum rc rc, struct slice faults);

/* The next line of collected words; warnings begin with LOAD_WARNING. */
#define LOAD_WARNING "warning: "

#endif
