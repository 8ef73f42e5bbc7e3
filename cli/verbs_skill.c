/* SPDX-License-Identifier: Apache-2.0 */
/* octroi skill ..: publishing, finding and judging skills. */
#include "cli/verbs.h"

#include "base/codec.h"
#include "base/secret.h"
#include "cli/client.h"
#include "cli/format.h"
#include "cli/key_file.h"
#include "cli/package_dir.h"
#include "cli/skill_ref.h"

#include <stdio.h>
#include <string.h>

#define SKILLS "/admin/v1/skills"

enum {
    ZIP_MAX = 70 << 20,
    WHY_MAX = 4096
};

/* ---- Publish ---- */

/* What is about to be sent. */
struct upload {
    const struct cli *cli;
    struct skill_package *package;
    char publisher[SKILL_PUBLISHER_MAX + 1];
    const char *version; /* NULL: what SKILL.md says */
    struct buf zip;
    struct buf why;
    char signature[2 * SKILL_SIGNATURE_LEN + 1]; /* "": none */
};

static enum rc sign(struct upload *u, const char *key_path)
{
    const struct skill_front *front = skill_package_front(u->package);
    struct skill_signed what = {
        .publisher = slice_str(u->publisher),
        .slug = front->name,
        .version = u->version != NULL ? slice_str(u->version) : front->version,
    };
    uint8_t seed[SKILL_KEY_LEN], signature[SKILL_SIGNATURE_LEN];
    struct buf text;
    enum rc rc = key_file_read_seed(seed, key_path);

    if (rc != RC_OK) {
        buf_printf(&u->why, "cannot read a private key from %s: %s", key_path,
                   rc == RC_FORBIDDEN ? "others can read it too (chmod 600)"
                                      : "`octroi publisher key FILE` makes one");
        return rc;
    }
    buf_init(&text, ZIP_MAX);
    skill_signed_text(&text, &what, u->package);
    rc = buf_spent(&text) ? RC_NOMEM : skill_sign(signature, seed, buf_slice(&text));
    secret_wipe(seed, sizeof(seed));
    buf_free(&text);
    if (rc == RC_OK)
        hex_encode(u->signature, signature, sizeof(signature));
    return rc;
}

static enum rc pack(struct upload *u, const char *dir)
{
    const char *key_path = cli_value(u->cli, "--key");

    TRY(skill_package_new(&u->package));
    TRY(package_dir_read(u->package, dir, &u->why));
    TRY(skill_package_seal(u->package, &u->why));
    if (u->version == NULL && skill_package_front(u->package)->version.len == 0)
        u->version = "1.0.0";
    if (key_path != NULL)
        TRY(sign(u, key_path));
    return skill_package_zip(&u->zip, u->package);
}

static void print_published(const struct cli *c, struct json_object *answer)
{
    char text[FORMAT_SIZE], state[FORMAT_SIZE];
    struct slice overview;

    (void)format_text(state, answer, "state");
    (void)c;
    print_field("skill", format_text(text, answer, "skill"));
    print_field("version", format_text(text, answer, "version"));
    print_field("state", state);
    print_field("files", format_u64(text, answer, "files"));
    print_field("signed", format_bool(text, answer, "signed"));
    if (json_get_string(&overview, answer, "overview") == RC_OK)
        (void)printf("%-10s %.*s\n", "verdict", SLICE_FMT(overview));
    if (strcmp(state, "pending") == 0)
        (void)fprintf(stderr, "It waits for the operator:\n  octroi skill approve %s\n",
                      format_text(text, answer, "skill"));
}

static int send_package(struct upload *u)
{
    static const char *const members[][2] = {{"--changelog", "changelog"},
                                             {"--tags", "tags"}};

    struct client_request q;

    client_request_start(&q, "POST", SKILLS);
    client_request_query(&q, "publisher", u->publisher);
    if (u->version != NULL)
        client_request_query(&q, "version", u->version);
    for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++)
        if (cli_value(u->cli, members[i][0]) != NULL)
            client_request_query(&q, members[i][1], cli_value(u->cli, members[i][0]));
    if (u->signature[0] != '\0')
        client_request_query(&q, "signature", u->signature);
    q.raw = buf_slice(&u->zip);
    q.slow = true;
    return client_ask(u->cli, &q, print_published);
}

/* The only publisher that there is. */
static int find_publisher(struct upload *u, struct buf *answer)
{
    struct json_object *list = NULL, *items;
    struct slice handle;
    int code = CLI_OK;

    if (json_parse(&list, buf_slice(answer)) != RC_OK ||
        json_get_array(&items, list, "items") != RC_OK ||
        json_array_count(items) != 1 ||
        json_get_string(&handle, json_array_at(items, 0), "handle") != RC_OK ||
        slice_to_cstr(u->publisher, sizeof(u->publisher), handle) != RC_OK)
        code = cli_usage(u->cli, "--publisher is missing: who lists it?");
    json_put(list);
    return code;
}

static int choose_publisher(struct upload *u)
{
    const char *named = cli_value(u->cli, "--publisher");
    struct client_request q;
    struct client *client;
    struct buf answer;
    int code;

    if (named != NULL &&
        slice_to_cstr(u->publisher, sizeof(u->publisher), slice_str(named)) != RC_OK)
        return cli_usage(u->cli, "'%s' is too long for a publisher", named);
    if (named != NULL)
        return CLI_OK;
    code = client_open(&client, u->cli);
    if (code != CLI_OK)
        return code;
    client_request_start(&q, "GET", "/admin/v1/publishers?limit=2");
    code = client_call(&answer, client, &q);
    if (code == CLI_OK)
        code = find_publisher(u, &answer);
    buf_wipe(&answer);
    client_request_end(&q);
    client_close(client);
    return code;
}

int verb_skill_publish(const struct cli *c)
{
    struct upload u = {.cli = c, .version = cli_value(c, "--version")};
    int code = choose_publisher(&u);
    enum rc rc;

    if (code != CLI_OK)
        return code;
    buf_init(&u.zip, ZIP_MAX);
    buf_init(&u.why, WHY_MAX);
    rc = pack(&u, c->words[0]);
    if (rc == RC_OK)
        code = send_package(&u);
    else
        code = skill_ref_fail(c, rc, &u.why);
    skill_package_free(u.package);
    buf_free(&u.why);
    buf_free(&u.zip);
    return code;
}

/* ---- List, show ---- */

static const struct table_column skill_columns[] = {
    {"SKILL", false},   {"STATE", false},   {"LATEST", false},
    {"SUMMARY", false}, {"UPDATED", false}, {NULL, false},
};

enum {
    SUMMARY_SHOWN = 60
};

static void summary_cell(struct table *t, struct json_object *item)
{
    char text[SUMMARY_SHOWN + 4];
    struct slice summary = SLICE_NONE;

    if (json_get_string(&summary, item, "summary") != RC_OK || summary.len == 0)
        summary = SLICE("-");
    (void)snprintf(text, sizeof(text), "%.*s%s",
                   SLICE_FMT(slice_sub(summary, 0, SUMMARY_SHOWN)),
                   summary.len > SUMMARY_SHOWN ? ".." : "");
    table_cell(t, slice_str(text));
}

static void skill_row(struct table *t, struct json_object *item)
{
    cell_text(t, item, "skill");
    cell_text(t, item, "state");
    cell_text(t, item, "latest");
    summary_cell(t, item);
    cell_time(t, item, "updated_at");
}

int verb_skill_list(const struct cli *c)
{
    struct client_request q;

    client_request_start(&q, "GET", SKILLS);
    if (cli_value(c, "--state") != NULL)
        client_request_query(&q, "state", cli_value(c, "--state"));
    if (cli_value(c, "--publisher") != NULL)
        client_request_query(&q, "publisher", cli_value(c, "--publisher"));
    if (cli_value(c, "--search") != NULL)
        client_request_query(&q, "q", cli_value(c, "--search"));
    return client_list(c, &q, skill_columns, skill_row);
}

static const struct table_column version_columns[] = {
    {"VERSION", false}, {"STATE", false},   {"SIGNED", false}, {"FILES", true},
    {"BYTES", true},    {"CREATED", false}, {NULL, false},
};

static void print_versions(struct json_object *answer)
{
    struct json_object *versions;
    struct table t;

    if (json_get_array(&versions, answer, "versions") != RC_OK ||
        table_start(&t, version_columns) != RC_OK)
        return;
    (void)putchar('\n');
    for (size_t i = 0; i < json_array_count(versions); i++) {
        struct json_object *v = json_array_at(versions, i);

        cell_text(&t, v, "version");
        cell_text(&t, v, "state");
        cell_bool(&t, v, "signed");
        cell_u64(&t, v, "files");
        cell_u64(&t, v, "bytes");
        cell_time(&t, v, "created_at");
    }
    if (table_end(&t) != RC_OK)
        (void)fputs("octroi: out of memory\n", stderr);
}

static void print_verdicts(struct json_object *answer)
{
    struct json_object *versions;

    if (json_get_array(&versions, answer, "versions") != RC_OK)
        return;
    (void)putchar('\n');
    for (size_t i = 0; i < json_array_count(versions); i++) {
        struct json_object *v = json_array_at(versions, i);
        char version[FORMAT_SIZE];
        struct slice overview;

        if (json_get_string(&overview, v, "overview") == RC_OK)
            (void)printf("%s: %.*s\n", format_text(version, v, "version"),
                         SLICE_FMT(overview));
    }
}

static void print_offer(struct json_object *answer)
{
    char text[FORMAT_SIZE];
    struct json_object *offer;

    if (json_get_object(&offer, answer, "offer") != RC_OK)
        return;
    print_field("install", format_money(text, offer, "per_install"));
    print_field("month", format_money(text, offer, "per_month"));
    print_field("call", format_money(text, offer, "per_call"));
    print_field("endpoints", format_text(text, offer, "base_url"));
    if (json_get_object(&offer, offer, "pending") == RC_OK)
        print_field("waiting", format_text(text, offer, "base_url"));
}

static void print_skill(const struct cli *c, struct json_object *answer)
{
    char text[FORMAT_SIZE];
    struct slice summary;

    (void)c;
    print_field("skill", format_text(text, answer, "skill"));
    print_field("state", format_text(text, answer, "state"));
    print_field("latest", format_text(text, answer, "latest"));
    print_field("license", format_text(text, answer, "license"));
    if (json_get_string(&summary, answer, "summary") == RC_OK)
        (void)printf("%-10s %.*s\n", "summary", SLICE_FMT(summary));
    print_offer(answer);
    print_versions(answer);
    print_verdicts(answer);
}

int verb_skill_show(const struct cli *c)
{
    struct client_request q;
    struct skill_ref ref;
    int code = skill_ref_parse(&ref, c, c->words[0], false);

    if (code != CLI_OK)
        return code;
    skill_ref_start(&q, "GET", &ref, NULL);
    return client_ask(c, &q, print_skill);
}

/* ---- The operator's word ---- */

static int set_state(const struct cli *c, const char *state)
{
    struct client_request q;
    struct skill_ref ref;
    int code = skill_ref_parse(&ref, c, c->words[0], true);

    if (code != CLI_OK)
        return code;
    skill_ref_start(&q, "POST", &ref, "state");
    client_request_text(&q, "state", state);
    client_request_text(&q, "version", ref.version[0] != '\0' ? ref.version : NULL);
    return client_ask(c, &q, print_skill);
}

int verb_skill_approve(const struct cli *c)
{
    return set_state(c, "listed");
}

int verb_skill_withdraw(const struct cli *c)
{
    return set_state(c, "withdrawn");
}

int verb_skill_quarantine(const struct cli *c)
{
    return set_state(c, "quarantined");
}
