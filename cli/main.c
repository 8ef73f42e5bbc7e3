/* SPDX-License-Identifier: Apache-2.0 */
/* The program: reads the line, runs the verb, makes sure that what it printed arrived.
 */
#include "cli/cli.h"

#include "base/log.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>

/* Keys pass through this process: no core file, no debugger. */
static void harden(void)
{
    struct rlimit none = {0, 0};

    (void)setrlimit(RLIMIT_CORE, &none);
    (void)prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
}

static int run(const struct cli *c)
{
    if (c->verb != NULL && c->help) {
        cli_print_help(c->verb);
        return CLI_OK;
    }
    if (c->verb != NULL)
        return c->verb->run(c);
    if (c->group != NULL)
        return cli_print_group(stdout, c->group) ? CLI_OK
                                                 : cli_unknown_verb(c->group, NULL);
    cli_print_overview(c->help ? stdout : stderr);
    return c->help ? CLI_OK : CLI_USAGE;
}

int main(int argc, char *argv[])
{
    struct cli c;
    int code;

    harden();
    log_set_level(LOG_ERROR); /* for verbs; a daemon says more */
    code = cli_parse(&c, argc, argv);
    if (code == CLI_OK)
        code = run(&c);
    if (fflush(stdout) != 0 && code == CLI_OK)
        code = cli_fail(&c, RC_IO, "cannot write the answer: %s", strerror(errno));
    return code;
}
