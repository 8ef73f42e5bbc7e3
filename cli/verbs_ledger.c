/* SPDX-License-Identifier: Apache-2.0 */
/* octroi ledger ..: proving the book, copying it, and what is in it. */
#include "cli/verbs.h"

#include "base/arena.h"
#include "base/codec.h"
#include "base/secret.h"
#include "cli/client.h"
#include "cli/files.h"
#include "cli/format.h"
#include "ledger/ledger.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    REPORT_MAX = 65536
};

/* ---- Verify and audit: both end in a report ---- */

static void print_faults(struct slice body)
{
    struct slice faults, raw, fault;
    struct arena *a;
    size_t at = 0;

    if (json_raw_member(&faults, body, "faults") != JSON_ARRAY ||
        arena_open(&a, REPORT_MAX) != RC_OK)
        return;
    while (json_raw_element(&raw, faults, &at) == JSON_STRING)
        if (json_raw_string(&fault, raw, a) == RC_OK)
            (void)printf("fault: %.*s\n", SLICE_FMT(fault));
    arena_close(a);
}

static void print_report(struct json_object *report, bool ok)
{
    char text[FORMAT_SIZE];

    print_field("books", ok ? "in order" : "NOT IN ORDER");
    print_field("records", format_u64(text, report, "records"));
    print_field("accounts", format_u64(text, report, "accounts"));
    print_field("holds", format_u64(text, report, "holds"));
    print_field("head", format_text(text, report, "head"));
}

/* CLI_OK if the report says that all is well. */
static int show_report(const struct cli *c, struct slice body)
{
    struct json_object *report;
    bool ok = false;

    if (json_parse(&report, body) != RC_OK)
        return cli_fail(c, RC_INTERNAL, "the report is not JSON");
    if (json_get_bool(&ok, report, "ok") != RC_OK)
        ok = false;
    if (c->json) {
        (void)printf("%.*s\n", (int)body.len, body.bytes);
    } else {
        print_report(report, ok);
        print_faults(body);
    }
    json_put(report);
    return ok ? CLI_OK : CLI_FAILURE;
}

int verb_ledger_verify(const struct cli *c)
{
    struct client_request q;
    struct client *client;
    struct buf answer;
    int code = client_open(&client, c);

    if (code != CLI_OK)
        return code;
    client_request_start(&q, "POST", "/admin/v1/ledger/verify");
    q.slow = true;
    code = client_call(&answer, client, &q);
    if (code == CLI_OK)
        code = show_report(c, buf_slice(&answer));
    buf_free(&answer);
    client_request_end(&q);
    client_close(client);
    return code;
}

static int export_to(FILE *out, const struct cli *c)
{
    struct client_request q;
    struct client *client;
    int code = client_open(&client, c);

    if (code != CLI_OK)
        return code;
    client_request_start(&q, "GET", "/admin/v1/ledger/export");
    q.slow = true;
    code = client_fetch(out, client, &q);
    client_request_end(&q);
    client_close(client);
    return code;
}

int verb_ledger_export(const struct cli *c)
{
    return export_to(stdout, c);
}

static int audit(const struct cli *c, FILE *in)
{
    struct ledger_report *report = calloc(1, sizeof(*report));
    char head[2 * sizeof(report->head) + 1];
    struct json_out o;
    struct buf body;
    enum rc rc;
    int code;

    if (report == NULL)
        return cli_fail(c, RC_NOMEM, "out of memory");
    rc = ledger_audit(in, report);
    if (rc != RC_OK) {
        free(report);
        return cli_fail(c, rc, "cannot audit: %s", rc_reason(rc));
    }
    hex_encode(head, report->head, sizeof(report->head));
    buf_init(&body, REPORT_MAX);
    json_out_init(&o, &body);
    json_out_object(&o);
    json_out_kbool(&o, "ok", report->ok);
    json_out_ku64(&o, "records", report->entries);
    json_out_kstr(&o, "head", head);
    json_out_ku64(&o, "accounts", report->accounts);
    json_out_ku64(&o, "holds", report->holds);
    json_out_key(&o, "faults");
    json_out_array(&o);
    for (unsigned i = 0; i < report->fault_count && i < 16; i++)
        json_out_str(&o, report->faults[i]);
    json_out_end_array(&o);
    json_out_end_object(&o);
    code = show_report(c, buf_slice(&body));
    buf_free(&body);
    free(report);
    return code;
}

/* An export is given on stdin if it was redirected from a file, or if it is a pipe and
 * no book is named; a script's stdin that merely happens to be open does not count. */
static bool stdin_has_export(const struct cli *c)
{
    struct stat st;

    if (fstat(STDIN_FILENO, &st) != 0)
        return false;
    if (S_ISREG(st.st_mode))
        return st.st_size > lseek(STDIN_FILENO, 0, SEEK_CUR);
    return S_ISFIFO(st.st_mode) && c->config_path == NULL;
}

static int audit_live(const struct cli *c)
{
    FILE *scratch = tmpfile();
    int code;

    if (scratch == NULL)
        return cli_fail(c, RC_IO, "no room for a temporary file: %s", strerror(errno));
    code = export_to(scratch, c);
    if (code == CLI_OK && fseek(scratch, 0, SEEK_SET) != 0)
        code = cli_fail(c, RC_IO, "cannot read the export again: %s", strerror(errno));
    if (code == CLI_OK)
        code = audit(c, scratch);
    (void)fclose(scratch);
    return code;
}

int verb_ledger_audit(const struct cli *c)
{
    const char *path = c->word_count > 0 ? c->words[0] : NULL;
    FILE *in;
    int code;

    if (path == NULL && !stdin_has_export(c))
        return audit_live(c);
    if (path == NULL || strcmp(path, "-") == 0)
        return audit(c, stdin);
    in = fopen(path, "re");
    if (in == NULL)
        return cli_fail(c, errno == ENOENT ? RC_NOT_FOUND : RC_IO, "%s: %s", path,
                        strerror(errno));
    code = audit(c, in);
    (void)fclose(in);
    return code;
}

/* ---- Backup ---- */

static enum rc copy_key(const char *from, const char *to)
{
    char bytes[256];
    ssize_t len;
    int fd = open(from, O_RDONLY | O_CLOEXEC);
    enum rc rc;

    if (fd < 0)
        return RC_IO;
    len = read(fd, bytes, sizeof(bytes));
    (void)close(fd);
    if (len <= 0)
        return RC_IO;
    rc = files_write(to, slice_from(bytes, (size_t)len), 0600, false);
    secret_wipe(bytes, sizeof(bytes));
    return rc;
}

static int copy_keys(const struct cli *c, const char *data_dir, const char *dest)
{
    char *from = NULL;
    char *to = NULL;
    int code = CLI_OK;

    if (asprintf(&from, "%s/master.key", data_dir) < 0)
        from = NULL;
    if (asprintf(&to, "%s/master.key", dest) < 0)
        to = NULL;
    if (from == NULL || to == NULL || copy_key(from, to) != RC_OK)
        code = cli_fail(c, RC_IO, "the book is copied, master.key is not: %s",
                        strerror(errno));
    else
        (void)fputs("octroi: the copy holds master.key: whoever has it can make every "
                    "API key\n",
                    stderr);
    free(from);
    free(to);
    return code;
}

static int backup(const struct cli *c, struct client *client, const char *dest)
{
    struct client_request q;
    struct buf answer;
    int code;

    client_request_start(&q, "POST", "/admin/v1/ledger/backup");
    client_request_text(&q, "dest", dest);
    q.slow = true;
    code = client_call(&answer, client, &q);
    client_request_end(&q);
    if (code == CLI_OK && cli_value(c, "--with-keys") != NULL)
        code = copy_keys(c, client_data_dir(client), dest);
    else if (code == CLI_OK)
        (void)fputs(
            "octroi: master.key is not in the copy; API keys work only with it: "
            "keep it elsewhere, or use --with-keys\n",
            stderr);
    if (code == CLI_OK && c->json)
        (void)printf("%.*s\n", SLICE_FMT(buf_slice(&answer)));
    else if (code == CLI_OK)
        (void)printf("%s\n", dest);
    buf_free(&answer);
    return code;
}

int verb_ledger_backup(const struct cli *c)
{
    struct client *client;
    char dest[PATH_MAX];
    int code;

    if (files_absolute(dest, sizeof(dest), c->words[0]) != RC_OK)
        return cli_usage(c, "the path is too long");
    code = client_open(&client, c);
    if (code != CLI_OK)
        return code;
    code = backup(c, client, dest);
    client_close(client);
    return code;
}

/* ---- Stats ---- */

/* What settling cost, in the coin of each network. */
static void print_fees(struct json_object *answer)
{
    char name[FORMAT_SIZE + sizeof("fees ")], network[FORMAT_SIZE], text[FORMAT_SIZE];
    struct json_object *fees;

    if (json_get_array(&fees, answer, "fees") != RC_OK)
        return;
    for (size_t i = 0; i < json_array_count(fees); i++) {
        struct json_object *row = json_array_at(fees, i);

        (void)snprintf(name, sizeof(name), "fees %s",
                       format_text(network, row, "network"));
        print_field(name, format_money(text, row, "coin"));
    }
}

static void print_stats(const struct cli *c, struct json_object *answer)
{
    static const char *const numbers[][2] = {
        {"entries", "entries"},
        {"accounts", "accounts"},
        {"holds", "holds"},
        {"commits", "commits"},
        {"batch max", "batch_max"},
        {"queue", "queue_depth"},
        {"map size", "map_size_bytes"},
        {"map used", "map_used_bytes"},
        {"disk free", "disk_free_bytes"},
        {"readers", "readers"},
    };
    static const char *const amounts[][2] = {
        {"topups", "topups"},         {"revenue", "revenue"},
        {"shortfall", "shortfall"},   {"refunds", "refunds"},
        {"receivable", "receivable"}, {"on chain", "chain"},
        {"bad debt", "bad_debt"},     {"spent", "spent"},
    };
    struct json_object *house;
    char text[FORMAT_SIZE];

    (void)c;
    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
        print_field(numbers[i][0], format_u64(text, answer, numbers[i][1]));
    print_field("refusing", format_bool(text, answer, "refusing_holds"));
    print_field("failing", format_bool(text, answer, "failing"));
    if (json_get_object(&house, answer, "house") != RC_OK)
        return;
    for (size_t i = 0; i < sizeof(amounts) / sizeof(amounts[0]); i++)
        print_field(amounts[i][0], format_money(text, house, amounts[i][1]));
    print_fees(answer);
}

int verb_ledger_stats(const struct cli *c)
{
    struct client_request q;

    client_request_start(&q, "GET", "/admin/v1/ledger/stats");
    return client_ask(c, &q, print_stats);
}
