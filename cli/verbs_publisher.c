/* SPDX-License-Identifier: Apache-2.0 */
/* octroi publisher ..: who lists skills, what they have earned, and paying them. */
#include "cli/verbs.h"

#include "base/codec.h"
#include "base/secret.h"
#include "cli/client.h"
#include "cli/files.h"
#include "cli/format.h"
#include "cli/key_file.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PUBLISHERS "/admin/v1/publishers"

enum {
    PATH_SIZE = 4096
};

static void start_at(struct client_request *q, const char *method, const char *name,
                     const char *behind)
{
    client_request_start(q, method, PUBLISHERS);
    client_request_segment(q, name);
    if (behind != NULL)
        client_request_segment(q, behind);
}

/* ---- Create, set ---- */

static int add_key(struct client_request *q, const struct cli *c)
{
    const char *path = cli_value(c, "--key");
    char hex[2 * SKILL_KEY_LEN + 1] = "";
    enum rc rc;

    if (path == NULL)
        return CLI_OK;
    if (path[0] != '\0') {
        rc = key_file_read_public(hex, path);
        if (rc != RC_OK)
            return cli_fail(
                c, rc == RC_FORBIDDEN ? RC_BAD_INPUT : rc,
                "cannot read a public key from %s: %s", path,
                rc == RC_FORBIDDEN
                    ? "that is the private half, name the .pub file"
                    : "`octroi publisher key FILE` makes FILE and FILE.pub");
    }
    client_request_text(q, "key", hex);
    return CLI_OK;
}

/* What --key, --wallet and the others say. */
static int add_members(struct client_request *q, const struct cli *c)
{
    static const char *const members[][2] = {
        {"--display", "display"},      {"--wallet", "wallet"},
        {"--network", "network"},      {"--address", "address"},
        {"--share", "platform_share"},
    };

    for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++)
        client_request_text(q, members[i][1], cli_value(c, members[i][0]));
    return add_key(q, c);
}

static void print_publisher(const struct cli *c, struct json_object *answer)
{
    static const char *const rows[][2] = {
        {"earned", "earned"},      {"waiting", "waiting"},
        {"ready", "ready"},        {"due", "due"},
        {"underway", "underway"},  {"paid", "paid"},
        {"clawed", "clawed_back"},
    };

    char text[FORMAT_SIZE];
    struct json_object *earnings;

    (void)c;
    print_field("publisher", format_text(text, answer, "handle"));
    print_field("display", format_text(text, answer, "display"));
    print_field("wallet", format_text(text, answer, "wallet"));
    print_field("key", format_text(text, answer, "key"));
    print_field("signed", format_bool(text, answer, "signature_required"));
    print_field("network", format_text(text, answer, "network"));
    print_field("address", format_text(text, answer, "address"));
    print_field("share", format_text(text, answer, "platform_share"));
    print_field("suspended", format_bool(text, answer, "suspended"));
    print_field("created", format_time(text, answer, "created_at"));
    if (json_get_object(&earnings, answer, "earnings") != RC_OK)
        return;
    (void)putchar('\n');
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        print_field(rows[i][0], format_money(text, earnings, rows[i][1]));
}

static void print_created(const struct cli *c, struct json_object *answer)
{
    char text[FORMAT_SIZE];

    (void)c;
    (void)printf("%s\n", format_text(text, answer, "handle"));
    (void)fprintf(
        stderr, "List a skill with\n  octroi skill publish DIR --publisher %s\n", text);
}

int verb_publisher_create(const struct cli *c)
{
    struct client_request q;
    int code;

    client_request_start(&q, "POST", PUBLISHERS);
    client_request_text(&q, "name", c->words[0]);
    code = add_members(&q, c);
    if (code == CLI_OK)
        return client_ask(c, &q, print_created);
    client_request_end(&q);
    return code;
}

static int add_signed(struct client_request *q, const struct cli *c)
{
    const char *text = cli_value(c, "--signed");

    if (text == NULL)
        return CLI_OK;
    if (strcmp(text, "yes") != 0 && strcmp(text, "no") != 0)
        return cli_usage(c, "--signed is yes or no");
    json_out_kbool(&q->json, "signature_required", text[0] == 'y');
    return CLI_OK;
}

int verb_publisher_set(const struct cli *c)
{
    struct client_request q;
    int code;

    start_at(&q, "PUT", c->words[0], NULL);
    code = add_members(&q, c);
    if (code == CLI_OK)
        code = add_signed(&q, c);
    if (code == CLI_OK)
        return client_ask(c, &q, print_publisher);
    client_request_end(&q);
    return code;
}

static int post_word(const struct cli *c, const char *word)
{
    struct client_request q;

    start_at(&q, "POST", c->words[0], word);
    return client_ask(c, &q, print_publisher);
}

int verb_publisher_suspend(const struct cli *c)
{
    return post_word(c, "suspend");
}

int verb_publisher_unsuspend(const struct cli *c)
{
    return post_word(c, "unsuspend");
}

/* ---- Key ---- */

int verb_publisher_key(const struct cli *c)
{
    char hex[2 * SKILL_KEY_LEN + 1];
    const char *path = c->words[0];
    enum rc rc = key_file_make(hex, path);

    if (rc == RC_EXISTS)
        return cli_fail(c, rc, "%s or %s.pub is there already", path, path);
    if (rc != RC_OK)
        return cli_fail(c, rc, "cannot write %s: %s", path, rc_reason(rc));
    if (c->json) {
        struct buf out;
        struct json_out json;
        char public_path[PATH_SIZE];

        (void)snprintf(public_path, sizeof(public_path), "%s.pub", path);
        buf_init(&out, 4 * PATH_SIZE);
        json_out_init(&json, &out);
        json_out_object(&json);
        json_out_kstr(&json, "key", hex);
        json_out_kstr(&json, "private", path);
        json_out_kstr(&json, "public", public_path);
        json_out_end_object(&json);
        (void)printf("%.*s\n", SLICE_FMT(buf_slice(&out)));
        buf_free(&out);
        return CLI_OK;
    }
    (void)printf("%s\n", hex);
    (void)fprintf(stderr,
                  "%s is the private half: keep it, it signs your versions. Give "
                  "%s.pub to the operator.\n",
                  path, path);
    return CLI_OK;
}

/* ---- List, show ---- */

static const struct table_column publisher_columns[] = {
    {"PUBLISHER", false}, {"DISPLAY", false}, {"NETWORK", false},   {"ADDRESS", false},
    {"SHARE", true},      {"SIGNED", false},  {"SUSPENDED", false}, {NULL, false},
};

static void publisher_row(struct table *t, struct json_object *item)
{
    cell_text(t, item, "handle");
    cell_text(t, item, "display");
    cell_text(t, item, "network");
    cell_text(t, item, "address");
    cell_text(t, item, "platform_share");
    cell_bool(t, item, "signature_required");
    cell_bool(t, item, "suspended");
}

int verb_publisher_list(const struct cli *c)
{
    struct client_request q;

    client_request_start(&q, "GET", PUBLISHERS);
    return client_list(c, &q, publisher_columns, publisher_row);
}

int verb_publisher_show(const struct cli *c)
{
    struct client_request q;

    start_at(&q, "GET", c->words[0], NULL);
    return client_ask(c, &q, print_publisher);
}
