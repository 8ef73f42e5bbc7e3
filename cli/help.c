/* SPDX-License-Identifier: Apache-2.0 */
/* Help, all of it made from the table of verbs. */
#include "cli/cli.h"

#include "base/nearest.h"
#include "base/slice.h"

#include <stdio.h>
#include <string.h>

static void print_options(const struct cli_option *list)
{
    for (; list != NULL && list->name != NULL; list++) {
        char left[64];

        (void)snprintf(left, sizeof(left), "%s%s%s", list->name,
                       list->value != NULL ? " " : "",
                       list->value != NULL ? list->value : "");
        (void)printf("  %-28s %s\n", left, list->help);
    }
}

static const char *sub_of(const struct cli_verb *v)
{
    return v->sub != NULL ? v->sub : "";
}

static const char *gap(const char *behind)
{
    return behind[0] != '\0' ? " " : "";
}

void cli_print_help(const struct cli_verb *v)
{
    const char *sub = sub_of(v);

    (void)printf("usage: octroi %s%s%s%s%s\n\n%s\n", v->word, gap(sub), sub,
                 gap(v->usage), v->usage, v->summary);
    if (v->help != NULL)
        (void)printf("\n%s\n", v->help);
    (void)printf("\noptions:\n");
    print_options(v->options);
    print_options(cli_common_options);
}

bool cli_print_group(FILE *to, const char *word)
{
    bool any = false;

    for (const struct cli_verb *v = cli_verbs; v->word != NULL; v++) {
        if (strcmp(v->word, word) != 0)
            continue;
        any = true;
        (void)fprintf(to, "octroi %s%s%s%s%s\n    %s\n", v->word, gap(sub_of(v)),
                      sub_of(v), gap(v->usage), v->usage, v->summary);
    }
    return any;
}

void cli_print_overview(FILE *to)
{
    (void)fputs(
        "Octroi: a gateway through which agents reach models and data APIs and "
        "pay per call.\n\n"
        "start here:\n"
        "  octroi demo                              a funded wallet, a key, calls "
        "to copy\n"
        "  octroi init shop                         a configuration and an empty "
        "book\n"
        "  octroi serve --config shop/octroi.yaml   the gateway\n\n"
        "usage: octroi VERB [ARGS]   (octroi VERB --help tells more)\n\n",
        to);
    for (const struct cli_verb *v = cli_verbs; v->word != NULL; v++) {
        char words[64];

        (void)snprintf(words, sizeof(words), "%s%s%s", v->word, gap(sub_of(v)),
                       sub_of(v));
        (void)fprintf(to, "  %-20s %s\n", words, v->summary);
    }
}

/* ---- Not a verb ---- */

/* Whether the word is the first of verbs with two. */
static bool is_group(const char *word)
{
    for (const struct cli_verb *v = cli_verbs; v->word != NULL; v++)
        if (v->sub != NULL && strcmp(v->word, word) == 0)
            return true;
    return false;
}

static int unknown_sub(const char *word, const char *sub)
{
    struct nearest n;

    nearest_start(&n, slice_str(sub));
    for (const struct cli_verb *v = cli_verbs; v->word != NULL; v++)
        if (v->sub != NULL && strcmp(v->word, word) == 0)
            nearest_offer(&n, v->sub);
    if (n.name != NULL)
        (void)fprintf(stderr, "octroi: there is no '%s %s': did you mean '%s %s'?\n",
                      word, sub, word, n.name);
    else
        (void)fprintf(stderr, "octroi: there is no '%s %s'\n", word, sub);
    return CLI_USAGE;
}

int cli_unknown_verb(const char *word, const char *sub)
{
    struct nearest n;

    if (is_group(word) && sub != NULL)
        return unknown_sub(word, sub);
    if (is_group(word)) {
        (void)fprintf(stderr, "octroi: '%s' needs a verb behind it:\n", word);
        (void)cli_print_group(stderr, word);
        return CLI_USAGE;
    }
    nearest_start(&n, slice_str(word));
    for (const struct cli_verb *v = cli_verbs; v->word != NULL; v++)
        nearest_offer(&n, v->word);
    if (n.name != NULL)
        (void)fprintf(stderr, "octroi: there is no verb '%s': did you mean '%s'?\n",
                      word, n.name);
    else
        (void)fprintf(
            stderr, "octroi: there is no verb '%s'; `octroi help` lists them\n", word);
    return CLI_USAGE;
}
