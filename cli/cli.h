/* SPDX-License-Identifier: Apache-2.0 */
/* The command line's frame: what a verb is, the line that was typed, how to fail. A
 * verb is a row of the table in verbs.c and a function that gets the line, parsed; it
 * writes data to stdout, chatter to stderr, and returns the exit code. */
#ifndef CLI_CLI_H
#define CLI_CLI_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "base/money.h"
#include "base/rc.h"

/* product contract; docs/cli.md */
enum cli_exit {
    CLI_OK = 0,
    CLI_FAILURE = 1,
    CLI_USAGE = 2,
    CLI_NOT_FOUND = 3,
    CLI_NO_FUNDS = 4,
    CLI_CONFLICT = 5,
    CLI_UNREACHABLE = 6,
    CLI_NOT_AUTHORISED = 7,
    CLI_BAD_CONFIG = 8
};

enum {
    CLI_WORDS_MAX = 4,
    CLI_OPTIONS_MAX = 16,
    CLI_AGAIN_MAX = 31 /* options that are not the first of their name */
};

struct cli;

struct cli_option {
    const char *name;  /* "--parent" */
    const char *value; /* what its value is called; NULL: it takes none; "V ..": the
                          option may be given several times */
    const char *help;
};

struct cli_verb {
    const char *word;  /* "wallet" */
    const char *sub;   /* "create"; NULL: the verb is one word */
    const char *usage; /* "NAME [--parent W]" */
    const char *summary;
    const char *help;                 /* paragraphs and examples */
    const struct cli_option *options; /* ends with a name NULL; NULL: none */
    unsigned words_min, words_max;    /* behind the verb's own */
    int (*run)(const struct cli *c);
};

/* A line that was typed. */
struct cli {
    const struct cli_verb *verb;
    const char *words[CLI_WORDS_MAX];
    size_t word_count;
    const char *values[CLI_OPTIONS_MAX]; /* of the verb's options, in their order */

    struct {
        size_t option;
        const char *value;
    } again[CLI_AGAIN_MAX]; /* what was given once more */

    size_t again_count;
    const char *config_path; /* NULL: neither --config nor OCTROI_CONFIG */
    bool config_given;       /* by --config */
    bool json;
    bool help;
    const char *group; /* with help: the first word of verbs that was all there is */
};

/* Ends with word NULL. In the order of the help. */
extern const struct cli_verb cli_verbs[];
/* What every verb takes: --json, --config, --help. */
extern const struct cli_option cli_common_options[];

/* Reads argv into c. CLI_OK, or CLI_USAGE with words on stderr. c->verb NULL: no verb.
 */
int cli_parse(struct cli *c, int argc, char *const argv[]);

/* The value of one of the verb's options: NULL when not given, "" for one without
 * value. */
const char *cli_value(const struct cli *c, const char *name);
/* The at-th value of an option that may be given several times; NULL: no more. */
const char *cli_value_at(const struct cli *c, const char *name, size_t at);
/* A word that stands for an amount, or an option's value. CLI_USAGE with words. */
int cli_amount(struct money *out, const struct cli *c, const char *text);

/* Says what went wrong ("octroi: ..." on stderr, or JSON with --json) and returns the
 * exit code that goes with rc. */
int cli_fail(const struct cli *c, enum rc rc, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* The same for a line that makes no sense: adds how the verb is used. */
int cli_usage(const struct cli *c, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
int cli_exit_of(enum rc rc);

/* The verb of the first one or two words; NULL: none. */
const struct cli_verb *cli_find_verb(const char *word, const char *sub);

/* ---- Help ---- */
void cli_print_overview(FILE *to);
void cli_print_help(const struct cli_verb *verb);
/* The verbs that begin with a word ("wallet"); false: none. */
bool cli_print_group(FILE *to, const char *word);
/* For what is no verb: says so, with the nearest name. */
int cli_unknown_verb(const char *word, const char *sub);

#endif
