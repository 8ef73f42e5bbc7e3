/* SPDX-License-Identifier: Apache-2.0 */
/* octroi config .., version, help. */
#include "cli/verbs.h"

#include "cli/client.h"
#include "cli/format.h"
#include "cli/load.h"

#include <stdio.h>
#include <string.h>

enum {
    CONFIG_TEXT_MAX = 16 << 20
};

int verb_config_show(const struct cli *c)
{
    const struct config *config;
    struct buf text;
    int code;

    if (cli_value(c, "--effective") == NULL)
        return cli_usage(c, "say --effective: what the file comes to, secrets hidden");
    code = cli_load_config(&config, c, true);
    if (code != CLI_OK)
        return code;
    buf_init(&text, CONFIG_TEXT_MAX);
    config_print(&text, config, c->json);
    if (c->json)
        buf_append_char(&text, '\n');
    if (buf_spent(&text))
        code = cli_fail(c, RC_TOO_BIG, "the configuration is too large to print");
    else
        (void)fwrite(buf_slice(&text).bytes, 1, buf_len(&text), stdout);
    buf_free(&text);
    config_unref(config);
    return code;
}

static void print_state(const struct cli *c, struct json_object *answer)
{
    char text[FORMAT_SIZE];

    (void)c;
    print_field("file", format_text(text, answer, "path"));
    print_field("generation", format_u64(text, answer, "generation"));
    print_field("loaded", format_time(text, answer, "loaded_at"));
    print_field("hash", format_text(text, answer, "hash"));
}

int verb_config_reload(const struct cli *c)
{
    struct client_request q;

    client_request_start(&q, "POST", "/admin/v1/config/reload");
    return client_ask(c, &q, print_state);
}

int verb_version(const struct cli *c)
{
    if (c->json)
        (void)printf("{\"version\":\"%s\"}\n", OCTROI_VERSION);
    else
        (void)printf("octroi %s\n", OCTROI_VERSION);
    return CLI_OK;
}

int verb_help(const struct cli *c)
{
    const struct cli_verb *v;

    if (c->word_count == 0) {
        cli_print_overview(stdout);
        return CLI_OK;
    }
    v = cli_find_verb(c->words[0], c->word_count > 1 ? c->words[1] : NULL);
    if (v != NULL)
        cli_print_help(v);
    else if (c->word_count > 1 || !cli_print_group(stdout, c->words[0]))
        return cli_unknown_verb(c->words[0], c->word_count > 1 ? c->words[1] : NULL);
    return CLI_OK;
}
