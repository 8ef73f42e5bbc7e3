/* SPDX-License-Identifier: Apache-2.0 */
/* octroi skill offer: what a skill costs, and which endpoints it has. */
#include "cli/verbs.h"

#include "cli/client.h"
#include "cli/format.h"
#include "cli/skill_ref.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

enum {
    ENDPOINTS_MAX = 65536
};

static void print_terms(struct json_object *terms, const char *what)
{
    char text[FORMAT_SIZE];

    if (what != NULL)
        (void)printf("\n%s\n", what);
    print_field("install", format_money(text, terms, "per_install"));
    print_field("month", format_money(text, terms, "per_month"));
    print_field("call", format_money(text, terms, "per_call"));
    print_field("endpoints", format_text(text, terms, "base_url"));
}

static void print_offer(const struct cli *c, struct json_object *answer)
{
    struct json_object *pending;

    (void)c;
    print_terms(answer, NULL);
    if (json_get_object(&pending, answer, "pending") == RC_OK)
        print_terms(pending, "waits for `octroi skill offer P/S --accept` or --drop:");
}

static int add_amounts(struct client_request *q, const struct cli *c, bool *any)
{
    static const char *const amounts[][2] = {{"--per-install", "per_install"},
                                             {"--per-month", "per_month"},
                                             {"--per-call", "per_call"}};

    for (size_t i = 0; i < sizeof(amounts) / sizeof(amounts[0]); i++) {
        const char *text = cli_value(c, amounts[i][0]);
        struct money amount;
        int code = text != NULL ? cli_amount(&amount, c, text) : CLI_OK;

        if (code != CLI_OK)
            return code;
        if (text != NULL)
            client_request_money(q, amounts[i][1], amount);
        *any = *any || text != NULL;
    }
    return CLI_OK;
}

/* As text: the gateway reads it. */
static int add_endpoints(struct client_request *q, const struct cli *c, bool *any)
{
    const char *path = cli_value(c, "--endpoints");
    struct buf text;
    char piece[4096];
    FILE *file;
    size_t len;

    if (path == NULL)
        return CLI_OK;
    file = fopen(path, "re");
    if (file == NULL)
        return cli_fail(c, RC_NOT_FOUND, "cannot open %s: %s", path, strerror(errno));
    buf_init(&text, ENDPOINTS_MAX);
    while ((len = fread(piece, 1, sizeof(piece), file)) > 0)
        buf_append(&text, slice_from(piece, len));
    (void)fclose(file);
    if (buf_spent(&text)) {
        buf_free(&text);
        return cli_fail(c, RC_TOO_BIG, "%s has more than %d bytes", path,
                        ENDPOINTS_MAX);
    }
    json_out_kslice(&q->json, "endpoints", buf_slice(&text));
    buf_free(&text);
    *any = true;
    return CLI_OK;
}

static int decide(const struct cli *c, const struct skill_ref *ref, const char *word)
{
    struct client_request q;

    skill_ref_start(&q, "POST", ref, "offer");
    client_request_segment(&q, word);
    client_request_text(&q, "base_url", cli_value(c, "--base-url"));
    return client_ask(c, &q, print_offer);
}

static int set(const struct cli *c, const struct skill_ref *ref)
{
    const bool free = cli_value(c, "--free") != NULL;
    struct client_request q;
    bool any = false;
    int code;

    skill_ref_start(&q, "PUT", ref, "offer");
    client_request_text(&q, "endpoints", NULL); /* a body in any case */
    code = add_amounts(&q, c, &any);
    if (code == CLI_OK && any && free)
        code = cli_usage(c, "give either --free or amounts");
    if (code == CLI_OK)
        code = add_endpoints(&q, c, &any);
    if (code == CLI_OK && !any && !free)
        code = cli_usage(c, "what does it cost? --per-install, --per-month, --per-call "
                            "or --free");
    if (code == CLI_OK)
        return client_ask(c, &q, print_offer);
    client_request_end(&q);
    return code;
}

static void print_token(const struct cli *c, struct json_object *answer)
{
    char text[FORMAT_SIZE];

    (void)c;
    (void)printf("%s\n", format_text(text, answer, "token"));
    (void)fputs("Every call of its endpoints carries it, as `Authorization: Bearer ..` "
                "or in the header that they name.\n",
                stderr);
}

int verb_skill_token(const struct cli *c)
{
    struct client_request q;
    struct skill_ref ref;
    int code = skill_ref_parse(&ref, c, c->words[0], false);

    if (code != CLI_OK)
        return code;
    skill_ref_start(&q, "GET", &ref, "token");
    return client_ask(c, &q, print_token);
}

int verb_skill_offer(const struct cli *c)
{
    const bool accept = cli_value(c, "--accept") != NULL;
    const bool drop = cli_value(c, "--drop") != NULL;
    struct skill_ref ref;
    int code = skill_ref_parse(&ref, c, c->words[0], false);

    if (code != CLI_OK)
        return code;
    if (accept && drop)
        return cli_usage(c, "give either --accept or --drop");
    if (cli_value(c, "--base-url") != NULL && !accept && !drop)
        return cli_usage(c, "--base-url is for --accept and --drop");
    if (accept || drop)
        return decide(c, &ref, accept ? "accept" : "drop");
    return set(c, &ref);
}
