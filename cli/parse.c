/* SPDX-License-Identifier: Apache-2.0 */
/* From argv to a verb, its words and its options. Options may stand anywhere in the
 * line,
 * "--name value" or "--name=value"; "--" ends them. What a verb does is not known here.
 */
#include "cli/cli.h"

#include "base/nearest.h"
#include "base/slice.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

const struct cli_option cli_common_options[] = {
    {"--config", "FILE", "the configuration (else OCTROI_CONFIG, else ./octroi.yaml)"},
    {"--json", NULL, "print JSON"},
    {"--help", NULL, "say what the verb does"},
    {NULL, NULL, NULL},
};

enum {
    COMMON_CONFIG,
    COMMON_JSON,
    COMMON_HELP
};

/* The line while it is read. */
struct reader {
    struct cli *cli;
    int argc;
    char *const *argv;
    int at;
    bool options_ended;
};

/* ---- Options ---- */

static const struct cli_option *find_option(size_t *index,
                                            const struct cli_option *list,
                                            struct slice name)
{
    for (size_t i = 0; list != NULL && list[i].name != NULL; i++)
        if (slice_equal_str(name, list[i].name)) {
            *index = i;
            return &list[i];
        }
    return NULL;
}

/* Whichever verb has it: while the verb is not known yet, only whether an option takes
 * a value matters, and that is the same for all verbs (test_cli_parse proves it). */
static const struct cli_option *find_any(struct slice name)
{
    size_t index;
    const struct cli_option *o = find_option(&index, cli_common_options, name);

    for (const struct cli_verb *v = cli_verbs; o == NULL && v->word != NULL; v++)
        o = find_option(&index, v->options, name);
    return o;
}

static struct slice option_name(const char *arg)
{
    struct slice s = slice_str(arg);

    if (slice_equal(s, SLICE("-h")))
        return SLICE("--help");
    return slice_sub(s, 0, slice_find(s, '='));
}

static bool is_option(const char *arg)
{
    return arg[0] == '-' && arg[1] != '\0';
}

/* ---- Which verb ---- */

/* The first two words of the line that are not options. */
static size_t first_words(const char *words[2], int argc, char *const argv[])
{
    size_t count = 0;

    for (int i = 1; i < argc && count < 2; i++) {
        const struct cli_option *o;

        if (strcmp(argv[i], "--") == 0)
            break;
        if (!is_option(argv[i])) {
            words[count++] = argv[i];
            continue;
        }
        o = find_any(option_name(argv[i]));
        if (o != NULL && o->value != NULL && strchr(argv[i], '=') == NULL)
            i++;
    }
    return count;
}

const struct cli_verb *cli_find_verb(const char *word, const char *sub)
{
    for (const struct cli_verb *v = cli_verbs; v->word != NULL; v++)
        if (strcmp(v->word, word) == 0 &&
            (v->sub == NULL || (sub != NULL && strcmp(v->sub, sub) == 0)))
            return v;
    return NULL;
}

/* ---- The line ---- */

static int unknown_option(const struct reader *r, struct slice name)
{
    const struct cli_verb *v = r->cli->verb;
    struct nearest n;

    nearest_start(&n, name);
    for (size_t i = 0; cli_common_options[i].name != NULL; i++)
        nearest_offer(&n, cli_common_options[i].name);
    for (size_t i = 0; v != NULL && v->options != NULL && v->options[i].name != NULL;
         i++)
        nearest_offer(&n, v->options[i].name);
    if (n.name != NULL)
        return cli_usage(r->cli, "unknown option '%.*s': did you mean '%s'?",
                         SLICE_FMT(name), n.name);
    return cli_usage(r->cli, "unknown option '%.*s'", SLICE_FMT(name));
}

static int take_value(const char **value, struct reader *r, const struct cli_option *o)
{
    const char *equals = strchr(r->argv[r->at], '=');

    *value = "";
    if (o->value == NULL && equals != NULL)
        return cli_usage(r->cli, "%s takes no value", o->name);
    if (o->value == NULL)
        return CLI_OK;
    if (equals != NULL) {
        *value = equals + 1;
        return CLI_OK;
    }
    if (r->at + 1 == r->argc)
        return cli_usage(r->cli, "%s needs a value: %s", o->name, o->value);
    *value = r->argv[++r->at];
    return CLI_OK;
}

static int read_common(struct reader *r, const struct cli_option *o, size_t index)
{
    struct cli *c = r->cli;
    const char *value = "";
    int code = take_value(&value, r, o);

    if (code != CLI_OK)
        return code;
    switch (index) {
    case COMMON_CONFIG:
        c->config_path = value;
        c->config_given = true;
        break;
    case COMMON_JSON:
        c->json = true;
        break;
    case COMMON_HELP:
        c->help = true;
        break;
    default:
        assert(false);
    }
    return CLI_OK;
}

/* "NAME: VALUE ..", as the help has it. */
static bool may_repeat(const struct cli_option *o)
{
    return o->value != NULL && slice_ends(slice_str(o->value), SLICE(" .."));
}

static int read_again(struct reader *r, const struct cli_option *o, size_t index)
{
    struct cli *c = r->cli;

    if (!may_repeat(o))
        return cli_usage(c, "%s is given twice", o->name);
    if (c->again_count == CLI_AGAIN_MAX)
        return cli_usage(c, "%s is given too often", o->name);
    c->again[c->again_count].option = index;
    return take_value(&c->again[c->again_count++].value, r, o);
}

static int read_option(struct reader *r)
{
    struct slice name = option_name(r->argv[r->at]);
    struct cli *c = r->cli;
    size_t index = 0;
    const struct cli_option *o = find_option(&index, cli_common_options, name);

    if (o != NULL)
        return read_common(r, o, index);
    o = find_option(&index, c->verb != NULL ? c->verb->options : NULL, name);
    if (o == NULL)
        return unknown_option(r, name);
    assert(index < CLI_OPTIONS_MAX);
    if (c->values[index] != NULL)
        return read_again(r, o, index);
    return take_value(&c->values[index], r, o);
}

static int read_line(struct reader *r, size_t own_words)
{
    struct cli *c = r->cli;
    size_t seen = 0;

    for (r->at = 1; r->at < r->argc; r->at++) {
        const char *arg = r->argv[r->at];
        int code = CLI_OK;

        if (!r->options_ended && strcmp(arg, "--") == 0)
            r->options_ended = true;
        else if (!r->options_ended && is_option(arg))
            code = read_option(r);
        else if (seen++ >= own_words && c->word_count < CLI_WORDS_MAX)
            c->words[c->word_count++] = arg;
        if (code != CLI_OK)
            return code;
    }
    if (c->help || c->verb == NULL)
        return CLI_OK;
    if (seen - own_words > c->verb->words_max)
        return cli_usage(c, "too many words");
    if (seen - own_words < c->verb->words_min)
        return cli_usage(c, "something is missing");
    return CLI_OK;
}

/* --json and --help count even where the line cannot be read: they say how to answer.
 */
static void look_ahead(struct cli *c, int argc, char *const argv[])
{
    for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++) {
        if (strcmp(argv[i], "--json") == 0)
            c->json = true;
        if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0)
            c->help = true;
    }
}

int cli_parse(struct cli *c, int argc, char *const argv[])
{
    struct reader r = {.cli = c, .argc = argc, .argv = argv};
    const char *words[2] = {NULL, NULL};

    *c = (struct cli){.config_path = getenv("OCTROI_CONFIG")};
    if (c->config_path != NULL && c->config_path[0] == '\0')
        c->config_path = NULL;
    look_ahead(c, argc, argv);
    if (first_words(words, argc, argv) == 0)
        return read_line(&r, 0);
    c->verb = cli_find_verb(words[0], words[1]);
    if (c->verb == NULL && c->help && words[1] == NULL) {
        c->group = words[0];
        return CLI_OK;
    }
    if (c->verb == NULL)
        return cli_unknown_verb(words[0], words[1]);
    return read_line(&r, c->verb->sub != NULL ? 2 : 1);
}

/* ---- What verbs ask ---- */

const char *cli_value(const struct cli *c, const char *name)
{
    size_t index = 0;
    const struct cli_option *o = find_option(&index, c->verb->options, slice_str(name));

    assert(o != NULL);
    return c->values[index];
}

const char *cli_value_at(const struct cli *c, const char *name, size_t at)
{
    size_t index = 0;
    const struct cli_option *o = find_option(&index, c->verb->options, slice_str(name));

    assert(o != NULL);
    if (at == 0)
        return c->values[index];
    for (size_t i = 0; i < c->again_count; i++)
        if (c->again[i].option == index && --at == 0)
            return c->again[i].value;
    return NULL;
}

int cli_amount(struct money *out, const struct cli *c, const char *text)
{
    enum rc rc = money_parse(out, slice_str(text));

    if (rc == RC_OVERFLOW)
        return cli_usage(c, "'%s' is larger than any amount here", text);
    if (rc != RC_OK)
        return cli_usage(
            c,
            "'%s' is not an amount: write USD like 25 or 0.05, with at most "
            "nine places",
            text);
    return CLI_OK;
}
