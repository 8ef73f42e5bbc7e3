/* SPDX-License-Identifier: Apache-2.0 */
/* The wallet book itself: opening it with its master key, ids as text, the house's
 * accounts, and how records are read, paged and written. What a record means is the
 * other files' business. */
#include "wallet/book.h"

#include "base/codec.h"
#include "base/secret.h"
#include "wallet/wallet_int.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    MASTER_LEN = 32
};

const struct id wallet__revenue = {"house/revenue"};
const struct id wallet__topups = {"house/topup"};
const struct id wallet__shortfall = {"house/shortfall"};
const struct id wallet__used = {"limit/used"};
const struct id wallet__quota_used = {"quota/used"};

/* ---- The master key ---- */

static enum rc read_all(int fd, uint8_t *bytes, size_t size, size_t *len)
{
    size_t at = 0;

    while (at < size) {
        ssize_t got = read(fd, bytes + at, size - at);

        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return RC_IO;
        if (got == 0)
            break;
        at += (size_t)got;
    }
    *len = at;
    return RC_OK;
}

static enum rc read_master_fd(struct secret **out, int fd)
{
    uint8_t bytes[MASTER_LEN + 1]; /* one more, to notice a file that is too long */
    size_t len = 0;
    struct stat st;
    enum rc rc;

    if (fstat(fd, &st) != 0)
        return RC_IO;
    if (!S_ISREG(st.st_mode))
        return RC_CORRUPT;
    if ((st.st_mode & (S_IRWXG | S_IRWXO)) != 0)
        return RC_FORBIDDEN;
    rc = read_all(fd, bytes, sizeof(bytes), &len);
    if (rc == RC_OK && len != MASTER_LEN)
        rc = RC_CORRUPT;
    if (rc == RC_OK)
        rc = secret_new(out, slice_from((const char *)bytes, MASTER_LEN));
    secret_wipe(bytes, sizeof(bytes));
    return rc;
}

static enum rc read_master(struct secret **out, const char *path)
{
    /* NONBLOCK: a pipe under this name must not stop us. */
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    enum rc rc;

    if (fd < 0)
        return errno == ENOENT ? RC_NO_STORE : errno == EACCES ? RC_FORBIDDEN : RC_IO;
    rc = read_master_fd(out, fd);
    close(fd);
    return rc;
}

static enum rc write_master(int fd)
{
    uint8_t bytes[MASTER_LEN];
    size_t at = 0;

    random_bytes(bytes, sizeof(bytes));
    while (at < sizeof(bytes)) {
        ssize_t put = write(fd, bytes + at, sizeof(bytes) - at);

        if (put < 0 && errno == EINTR)
            continue;
        if (put <= 0)
            break;
        at += (size_t)put;
    }
    secret_wipe(bytes, sizeof(bytes));
    return at == MASTER_LEN && fsync(fd) == 0 ? RC_OK : RC_IO;
}

/* Makes the new name last: a key that is gone after a power cut would take every API
 * key with it. */
static enum rc sync_folder_of(const char *path)
{
    const char *slash = strrchr(path, '/');
    char dir[PATH_MAX];
    int fd;
    bool ok;

    if (slash == NULL)
        TRY(slice_to_cstr(dir, sizeof(dir), SLICE(".")));
    else
        TRY(slice_to_cstr(dir, sizeof(dir),
                          slice_from(path, (size_t)(slash - path) + 1)));
    fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return RC_IO;
    ok = fsync(fd) == 0;
    close(fd);
    return ok ? RC_OK : RC_IO;
}

/* Writes the key under a temporary name and gives it the real one when it is whole. */
static enum rc create_through(const char *temporary, const char *path)
{
    enum rc rc;
    int fd;

    /* What an earlier try has left is not ours to trust. */
    if (unlink(temporary) != 0 && errno != ENOENT)
        return RC_IO;
    fd = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return RC_IO;
    rc = write_master(fd);
    close(fd);
    /* link(), unlike rename(), never replaces a key that is in use. */
    if (rc == RC_OK && link(temporary, path) != 0)
        rc = errno == EEXIST ? RC_EXISTS : RC_IO;
    unlink(temporary);
    return rc == RC_OK ? sync_folder_of(path) : rc;
}

enum rc wallet_master_create(const char *path)
{
    char *temporary = NULL;
    enum rc rc;

    if (asprintf(&temporary, "%s.new", path) < 0)
        return RC_NOMEM;
    rc = create_through(temporary, path);
    free(temporary);
    return rc;
}

/* ---- The book ---- */

enum rc wallet_book_open(struct wallet_book **out, struct ledger *l,
                         const char *master_key_path)
{
    struct wallet_book *b = calloc(1, sizeof(*b));
    enum rc rc;

    if (b == NULL)
        return RC_NOMEM;
    b->ledger = l;
    random_bytes(b->boot.bytes, sizeof(b->boot.bytes));
    (void)wallet__metrics();
    rc = read_master(&b->master, master_key_path);
    if (rc != RC_OK) {
        wallet_book_close(b);
        return rc;
    }
    *out = b;
    return RC_OK;
}

void wallet_book_derive(uint8_t out[32], const struct wallet_book *b,
                        struct slice label)
{
    hmac_sha256(out, secret_open(b->master), label);
}

void wallet_book_close(struct wallet_book *b)
{
    if (b == NULL)
        return;
    secret_unref(b->master);
    free(b);
}

static struct wallet__metrics metrics;

static void register_metrics(void)
{
    metrics.shortfall_nano =
        metric_counter("octroi_shortfall_nano_total", NULL,
                       "Nano-USD of calls that the house carried itself.");
    metrics.late_captures =
        metric_counter("octroi_late_captures_total", NULL,
                       "Captures that came after their hold had ended.");
}

const struct wallet__metrics *wallet__metrics(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;

    (void)pthread_once(&once, register_metrics);
    return &metrics;
}

/* ---- Ids as text ---- */

static struct slice id_prefix(char kind)
{
    if (kind == 'w')
        return SLICE("w_");
    if (kind == 't')
        return SLICE("t_");
    if (kind == 'p')
        return SLICE("p_");
    if (kind == 'o')
        return SLICE("pay_");
    if (kind == 'b')
        return SLICE("buy_");
    assert(kind == 'r');
    return SLICE("req_");
}

void wallet_id_print(char out[WALLET_ID_TEXT_SIZE], char kind, struct id id)
{
    struct slice prefix = id_prefix(kind);

    memcpy(out, prefix.bytes, prefix.len);
    hex_encode(out + prefix.len, id.bytes, ID_LEN);
}

enum rc wallet_id_parse(struct id *out, char kind, struct slice text)
{
    struct slice prefix = id_prefix(kind);
    struct id id;

    if (!slice_starts(text, prefix))
        return RC_BAD_INPUT;
    TRY(hex_decode(id.bytes, ID_LEN, slice_sub(text, prefix.len, text.len)));
    if (id_is_none(id))
        return RC_BAD_INPUT;
    *out = id;
    return RC_OK;
}

/* ---- Reading records ---- */

struct slice wallet__id_slice(const struct id *id)
{
    return slice_from((const char *)id->bytes, ID_LEN);
}

enum rc wallet__read_wallet(struct wallet *out, uint64_t *version,
                            struct ledger_view *v, struct id id)
{
    struct slice value;
    uint64_t found;

    TRY(ledger_view_record(&value, &found, v, WALLET__KIND_WALLET,
                           wallet__id_slice(&id)));
    TRY(wallet__wallet_decode(out, wallet__id_slice(&id), value));
    if (version != NULL)
        *version = found;
    return RC_OK;
}

enum rc wallet__read_key(struct wallet_key *out, uint64_t *version,
                         struct ledger_view *v, struct slice key_id)
{
    struct slice value;
    uint64_t found;

    if (!wallet__key_id_ok(key_id))
        return RC_NOT_FOUND;
    TRY(ledger_view_record(&value, &found, v, WALLET__KIND_KEY, key_id));
    TRY(wallet__key_decode(out, key_id, value));
    if (version != NULL)
        *version = found;
    return RC_OK;
}

enum rc wallet__read_limits(struct wallet__limits *out, uint64_t *version,
                            struct ledger_view *v, struct id scope)
{
    struct slice value;
    uint64_t found = 0;
    enum rc rc = ledger_view_record(&value, &found, v, WALLET__KIND_LIMITS,
                                    wallet__id_slice(&scope));

    if (rc == RC_NOT_FOUND)
        *out = (struct wallet__limits){0};
    else if (rc == RC_OK)
        rc = wallet__limits_decode(out, value);
    if (rc != RC_OK && rc != RC_NOT_FOUND)
        return rc;
    if (version != NULL)
        *version = found;
    return RC_OK;
}

enum rc wallet__read_epoch(uint64_t *version, struct ledger_view *v)
{
    struct slice value;
    uint64_t found = 0;
    enum rc rc =
        ledger_view_record(&value, &found, v, WALLET__KIND_EPOCH, WALLET__EPOCH_KEY);

    if (rc != RC_OK && rc != RC_NOT_FOUND)
        return rc;
    *version = found;
    return RC_OK;
}

enum rc wallet__read_account(struct ledger_account *out, struct ledger_view *v,
                             struct id id)
{
    enum rc rc = ledger_view_account(out, v, id);

    if (rc != RC_NOT_FOUND)
        return rc;
    *out = (struct ledger_account){.id = id};
    return RC_OK;
}

enum rc wallet__read_path(struct wallet__path *out, struct ledger_view *v,
                          struct id wallet)
{
    struct id next = wallet;

    out->count = 0;
    while (!id_is_none(next)) {
        struct wallet *w = &out->wallets[out->count];
        enum rc rc;

        if (out->count == WALLET__PATH_MAX)
            return RC_CORRUPT; /* wallet_create() makes no such path, nor a circle */
        rc = wallet__read_wallet(w, NULL, v, next);
        if (rc == RC_NOT_FOUND && out->count > 0)
            return RC_CORRUPT;
        TRY(rc);
        next = w->parent;
        out->count++;
    }
    return out->count > 0 ? RC_OK : RC_NOT_FOUND;
}

/* ---- Pages of records ---- */

static bool page_add(void *arg, struct slice key, struct slice value, uint64_t version)
{
    struct wallet__page *page = arg;

    (void)version;
    if (page->count == WALLET__PAGE_ROWS) {
        page->more = true;
        return false;
    }
    if (key.len > LEDGER_KEY_MAX || value.len > WALLET__VALUE_MAX) {
        page->damaged = true; /* nothing that we write is so long */
        return false;
    }
    memcpy(page->rows[page->count].key, key.bytes, key.len);
    page->rows[page->count].key_len = key.len;
    memcpy(page->rows[page->count].value, value.bytes, value.len);
    page->rows[page->count].value_len = value.len;
    page->count++;
    return true;
}

enum rc wallet__page_read(struct wallet__page *page, struct wallet_book *b,
                          uint16_t kind, struct slice from)
{
    struct ledger_view *v;
    enum rc rc;

    page->count = 0;
    page->more = false;
    page->damaged = false;
    TRY(ledger_view_open(&v, b->ledger));
    rc = ledger_view_records(v, kind, SLICE_NONE, from, page_add, page);
    ledger_view_close(v);
    return rc == RC_OK && page->damaged ? RC_CORRUPT : rc;
}

struct slice wallet__page_key(const struct wallet__page *page, unsigned index)
{
    return slice_from((const char *)page->rows[index].key, page->rows[index].key_len);
}

struct slice wallet__page_value(const struct wallet__page *page, unsigned index)
{
    return slice_from((const char *)page->rows[index].value,
                      page->rows[index].value_len);
}

struct slice wallet__page_next(const struct wallet__page *page, uint8_t *from)
{
    struct slice last;

    assert(page->count > 0);
    last = wallet__page_key(page, page->count - 1);
    /* Nothing sorts between a key and the same key with a zero byte behind it. */
    memcpy(from, last.bytes, last.len);
    from[last.len] = 0;
    return slice_from((const char *)from, last.len + 1);
}

/* ---- Writing records ---- */

void wallet__write(struct ledger_cmd *cmd, uint16_t kind, struct slice key,
                   struct slice value, uint64_t version)
{
    struct ledger_write *w = &cmd->writes[cmd->write_count];

    assert(cmd->write_count < LEDGER_WRITES_MAX);
    cmd->write_count++;
    w->op = version == 0 ? LEDGER_INSERT : LEDGER_PUT;
    w->kind = kind;
    w->key = key;
    w->value = value;
    w->version = version;
}

void wallet__delete(struct ledger_cmd *cmd, uint16_t kind, struct slice key,
                    uint64_t version)
{
    assert(cmd->write_count < LEDGER_WRITES_MAX);
    cmd->writes[cmd->write_count++] = (struct ledger_write){
        .op = LEDGER_DELETE, .kind = kind, .key = key, .version = version};
}

void wallet__write_epoch(struct ledger_cmd *cmd, uint64_t version)
{
    wallet__write(cmd, WALLET__KIND_EPOCH, WALLET__EPOCH_KEY, WALLET__MARK, version);
}

bool wallet__lost_race(enum rc rc)
{
    return rc == RC_STALE || rc == RC_EXISTS;
}
