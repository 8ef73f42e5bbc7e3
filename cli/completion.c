/* SPDX-License-Identifier: Apache-2.0 */
/* octroi completion bash|zsh|fish: scripts made from the table of verbs. Only our own
 * literals go into them, so nothing needs quoting. */
#include "cli/verbs.h"

#include <stdio.h>
#include <string.h>

/* The first verb of each first word. */
static bool begins_group(const struct cli_verb *v)
{
    for (const struct cli_verb *w = cli_verbs; w != v; w++)
        if (strcmp(w->word, v->word) == 0)
            return false;
    return true;
}

static void print_first_words(void)
{
    const char *between = "";

    for (const struct cli_verb *v = cli_verbs; v->word != NULL; v++) {
        if (!begins_group(v))
            continue;
        (void)printf("%s%s", between, v->word);
        between = " ";
    }
}

static void print_options(const struct cli_verb *v)
{
    for (const struct cli_option *o = cli_common_options; o->name != NULL; o++)
        (void)printf(" %s", o->name);
    for (const struct cli_option *o = v->options; o != NULL && o->name != NULL; o++)
        (void)printf(" %s", o->name);
}

/* ---- bash; zsh reads the same through bashcompinit ---- */

static void print_bash_cases(void)
{
    for (const struct cli_verb *v = cli_verbs; v->word != NULL; v++) {
        (void)printf("    \"%s %s\") words=\"", v->word, v->sub != NULL ? v->sub : "");
        print_options(v);
        (void)printf("\" ;;\n");
    }
}

static void print_subs(const char *word)
{
    for (const struct cli_verb *v = cli_verbs; v->word != NULL; v++)
        if (strcmp(v->word, word) == 0 && v->sub != NULL)
            (void)printf(" %s", v->sub);
}

static void print_bash(void)
{
    (void)printf("_octroi() {\n"
                 "    local cur=${COMP_WORDS[COMP_CWORD]} words=\n"
                 "    local verb=${COMP_WORDS[1]-} sub=${COMP_WORDS[2]-}\n"
                 "    if [ \"$COMP_CWORD\" -eq 1 ]; then\n"
                 "        words=\"");
    print_first_words();
    (void)printf("\"\n"
                 "    elif [ \"$COMP_CWORD\" -eq 2 ]; then\n"
                 "        case $verb in\n");
    for (const struct cli_verb *v = cli_verbs; v->word != NULL; v++)
        if (v->sub != NULL && begins_group(v)) {
            (void)printf("        %s) words=\"", v->word);
            print_subs(v->word);
            (void)printf("\" ;;\n");
        }
    (void)printf("        esac\n"
                 "    fi\n"
                 "    if [ \"${cur#-}\" != \"$cur\" ]; then\n"
                 "    case \"$verb $sub\" in\n");
    print_bash_cases();
    (void)printf("    *)\n"
                 "        case \"$verb \" in\n");
    print_bash_cases();
    (void)printf("        esac ;;\n"
                 "    esac\n"
                 "    fi\n"
                 "    if [ -n \"$words\" ]; then\n"
                 "        COMPREPLY=($(compgen -W \"$words\" -- \"$cur\"))\n"
                 "    else\n"
                 "        COMPREPLY=($(compgen -f -- \"$cur\"))\n"
                 "    fi\n"
                 "}\n"
                 "complete -F _octroi octroi\n");
}

static void print_zsh(void)
{
    (void)printf("autoload -Uz bashcompinit && bashcompinit\n");
    print_bash();
}

/* ---- fish ---- */

static void print_fish_options(const struct cli_verb *v)
{
    for (const struct cli_option *o = v->options; o != NULL && o->name != NULL; o++) {
        (void)printf("complete -c octroi -n '__fish_seen_subcommand_from %s", v->word);
        if (v->sub != NULL)
            (void)printf("; and __fish_seen_subcommand_from %s", v->sub);
        (void)printf("' -%c %s%s\n", o->name[1] == '-' ? 'l' : 's',
                     o->name + (o->name[1] == '-' ? 2 : 1),
                     o->value != NULL ? " -x" : "");
    }
}

static void print_fish(void)
{
    (void)printf("complete -c octroi -l config -r\n"
                 "complete -c octroi -l json\n"
                 "complete -c octroi -l help\n"
                 "complete -c octroi -f -n __fish_use_subcommand -a '");
    print_first_words();
    (void)printf("'\n");
    for (const struct cli_verb *v = cli_verbs; v->word != NULL; v++) {
        if (v->sub != NULL)
            (void)printf(
                "complete -c octroi -f -n '__fish_seen_subcommand_from %s' -a %s\n",
                v->word, v->sub);
        print_fish_options(v);
    }
}

int verb_completion(const struct cli *c)
{
    if (strcmp(c->words[0], "bash") == 0)
        print_bash();
    else if (strcmp(c->words[0], "zsh") == 0)
        print_zsh();
    else if (strcmp(c->words[0], "fish") == 0)
        print_fish();
    else
        return cli_usage(c, "'%s' is no shell that is known: bash, zsh, fish",
                         c->words[0]);
    return CLI_OK;
}
