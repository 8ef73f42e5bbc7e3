/* SPDX-License-Identifier: Apache-2.0 */
/* The admin API's book: proof, statistics, backup, export. */
#include "gateway/admin_int.h"

#include "base/codec.h"
#include "gateway/config.h"
#include "gateway/config_payments.h"
#include "gateway/datadir.h"
#include "gateway/overrides.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static enum rc serve_verify(struct admin_call *c)
{
    struct ledger_report *report = calloc(1, sizeof(*report));
    char head[2 * sizeof(report->head) + 1];
    struct json_out *o = &c->out;
    enum rc rc;

    if (report == NULL)
        return RC_NOMEM;
    rc = ledger_verify(c->admin->ledger, report);
    if (rc == RC_OK) {
        hex_encode(head, report->head, sizeof(report->head));
        json_out_object(o);
        json_out_kbool(o, "ok", report->ok);
        json_out_ku64(o, "records", report->entries);
        json_out_kstr(o, "head", head);
        json_out_ku64(o, "accounts", report->accounts);
        json_out_ku64(o, "holds", report->holds);
        json_out_key(o, "faults");
        json_out_array(o);
        for (unsigned i = 0; i < report->fault_count && i < 16; i++)
            json_out_str(o, report->faults[i]);
        json_out_end_array(o);
        json_out_end_object(o);
    }
    free(report);
    return rc;
}

static void put_house(struct json_out *o, const struct wallet_house *h,
                      const struct wallet_payment_house *p, struct money spent)
{
    json_out_key(o, "house");
    json_out_object(o);
    json_out_kmoney(o, "topups", h->topups);
    json_out_kmoney(o, "revenue", h->revenue);
    json_out_kmoney(o, "shortfall", h->shortfall);
    json_out_kmoney(o, "refunds", h->refunds);
    json_out_kmoney(o, "receivable", p->receivable);
    json_out_kmoney(o, "chain", p->chain);
    json_out_kmoney(o, "bad_debt", p->bad_debt);
    json_out_kmoney(o, "spent", spent);
    json_out_end_object(o);
}

/* Whether a network stands in the list before: two tokens of one network have one coin.
 */
static bool is_told(const struct config_payments *p, size_t index)
{
    for (size_t i = 0; i < index; i++)
        if (p->networks[i].chain_id == p->networks[index].chain_id)
            return true;
    return false;
}

/* What settling has cost, for each network that is configured. */
static enum rc put_fees(struct admin_call *c, const struct config_payments *p)
{
    struct json_out *o = &c->out;

    json_out_key(o, "fees");
    json_out_array(o);
    for (size_t i = 0; i < p->network_count; i++) {
        char network[X402_NETWORK_TEXT_SIZE];
        struct money fees;

        if (is_told(p, i))
            continue;
        x402_network_print(network, p->networks[i].chain_id);
        TRY(wallet_payment_fees(&fees, c->admin->book, network));
        json_out_object(o);
        json_out_kstr(o, "network", network);
        json_out_kmoney(o, "coin", fees);
        json_out_end_object(o);
    }
    json_out_end_array(o);
    return RC_OK;
}

static enum rc put_books(struct admin_call *c)
{
    struct wallet_payment_house payments;
    const struct config *config;
    struct wallet_house house;
    struct money spent;
    enum rc rc;

    TRY(wallet_house(&house, c->admin->book));
    TRY(wallet_payment_house(&payments, c->admin->book));
    TRY(wallet_purchase_spent(&spent, c->admin->book));
    put_house(&c->out, &house, &payments, spent);
    if (c->admin->config == NULL)
        return RC_OK;
    config = config_cell_get(c->admin->config);
    rc = put_fees(c, config->payments);
    config_unref(config);
    return rc;
}

static enum rc serve_stats(struct admin_call *c)
{
    struct json_out *o = &c->out;
    struct ledger_stats s;

    ledger_stats(c->admin->ledger, &s);
    json_out_object(o);
    json_out_ku64(o, "entries", s.entries);
    json_out_ku64(o, "accounts", s.accounts);
    json_out_ku64(o, "holds", s.holds);
    json_out_ku64(o, "commits", s.commits);
    json_out_ku64(o, "batch_max", s.batch_max);
    json_out_ku64(o, "queue_depth", s.queue_depth);
    json_out_ku64(o, "map_size_bytes", s.map_size_bytes);
    json_out_ku64(o, "map_used_bytes", s.map_used_bytes);
    json_out_ku64(o, "disk_free_bytes", s.disk_free_bytes);
    json_out_ku64(o, "readers", s.readers);
    json_out_ku64(o, "oldest_reader_lag", s.oldest_reader_lag);
    json_out_kbool(o, "refusing_holds", s.refusing_holds);
    json_out_kbool(o, "failing", s.failing);
    TRY(put_books(c));
    json_out_end_object(o);
    return RC_OK;
}

/* What the operator has set goes with the book: a folder that is restored must not
 * charge other prices than the one that was lost. */
static enum rc backup_prices(struct admin_call *c, const char *path)
{
    const struct config *config;
    struct buf text;
    enum rc rc;

    if (c->admin->config == NULL)
        return RC_OK;
    config = config_cell_get(c->admin->config);
    buf_init(&text, OVERRIDES_MAX + 4096);
    rc = overrides_read(&text, config->data_dir);
    if (rc == RC_OK && buf_len(&text) > 0)
        rc = overrides_write(path, buf_slice(&text));
    buf_free(&text);
    config_unref(config);
    if (rc != RC_OK)
        return admin__refuse(c, rc, "dest",
                             "the book is in %s, but the prices that were set are not",
                             path);
    return RC_OK;
}

/* After the book: what its versions name was there before them. */
static enum rc backup_packages(struct admin_call *c, const char *dest)
{
    const char *path = arena_printf(c->arena, "%s/" DATADIR_PACKAGES, dest);
    struct blobs *copy;
    enum rc rc;

    if (c->admin->skills == NULL)
        return RC_OK;
    if (path == NULL)
        return RC_NOMEM;
    rc = blobs_open(&copy, path);
    if (rc == RC_OK) {
        rc = blobs_copy(copy, skills_blobs(c->admin->skills));
        blobs_close(copy);
    }
    if (rc != RC_OK)
        return admin__refuse(c, rc, "dest",
                             "the book is in %s, but not all packages of skills are",
                             dest);
    return RC_OK;
}

static enum rc serve_backup(struct admin_call *c)
{
    struct slice dest = SLICE_NONE;
    char *path;
    enum rc rc;

    TRY(admin__body_text(&dest, c, "dest", true));
    if (dest.len == 0 || dest.bytes[0] != '/' || memchr(dest.bytes, '\0', dest.len))
        return admin__refuse(c, RC_BAD_INPUT, "dest",
                             "'dest' must be the absolute path of a new folder");
    path = arena_copy(c->arena, dest.bytes, dest.len);
    if (path == NULL)
        return RC_NOMEM;
    rc = ledger_backup(c->admin->ledger, path);
    if (rc == RC_EXISTS)
        return admin__refuse(c, rc, "dest", "%s is there already", path);
    if (rc == RC_IO)
        return admin__refuse(c, rc, "dest", "cannot write %s: %s", path,
                             strerror(errno));
    TRY(rc);
    TRY(backup_prices(c, path));
    TRY(backup_packages(c, path));
    json_out_object(&c->out);
    json_out_kstr(&c->out, "path", path);
    json_out_end_object(&c->out);
    return RC_OK;
}

/* ---- Export ---- */

/* Beside the book: there is the room, and nobody else can read it. */
static enum rc open_scratch(int *fd, struct admin_call *c)
{
    const struct config *config;
    int scratch;

    if (c->admin->config == NULL) {
        scratch = open(P_tmpdir, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    } else {
        config = config_cell_get(c->admin->config);
        scratch = open(config->data_dir, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
        config_unref(config);
    }
    if (scratch < 0)
        return admin__refuse(c, RC_IO, NULL, "no room to write the export: %s",
                             strerror(errno));
    *fd = scratch;
    return RC_OK;
}

/* Into a file first: a slow reader must not keep a view of the book open, and whoever
 * gets the answer's head gets all of it. */
static enum rc export_to(int fd, struct admin_call *c)
{
    int copy = dup(fd);
    FILE *file = copy >= 0 ? fdopen(copy, "w") : NULL;
    enum rc rc;

    if (file == NULL) {
        if (copy >= 0)
            (void)close(copy);
        return RC_NOMEM;
    }
    rc = ledger_export(c->admin->ledger, file);
    if (fclose(file) != 0 && rc == RC_OK)
        rc = RC_IO;
    if (rc == RC_OK && lseek(fd, 0, SEEK_SET) != 0)
        rc = RC_IO;
    return rc;
}

static enum rc serve_export(struct admin_call *c)
{
    int fd = -1;
    enum rc rc;

    TRY(open_scratch(&fd, c));
    rc = export_to(fd, c);
    if (rc != RC_OK) {
        (void)close(fd);
        return rc;
    }
    c->reply->file_fd = fd;
    c->reply->content_type = "application/jsonl";
    return RC_OK;
}

/* clang-format off */
const struct admin_route admin__ledger_routes[] = {
    {"POST", "/admin/v1/ledger/verify", serve_verify, ""},
    {"GET", "/admin/v1/ledger/stats", serve_stats, NULL},
    {"POST", "/admin/v1/ledger/backup", serve_backup, "dest"},
    {"GET", "/admin/v1/ledger/export", serve_export, NULL},
    {NULL, NULL, NULL, NULL},
};
/* clang-format on */
