/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/uploads.h"

#include "base/codec.h"
#include "base/log.h"
#include "skills/skills.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    MAC_HEX = 32,  /* digits of a ticket's MAC: 128 bits */
    PATH_HEX = 16, /* of its path's hash; the MAC has all of it */
    FIRST_SIZE = 64
};

#define SWEEP_US (UINT64_C(60) * 1000000)

struct waiting {
    struct upload what;
    uint64_t at_us;
};

struct uploads {
    struct blobs *blobs;
    uint8_t key[32];
    uint64_t swept_us;    /* the waiting thread's */
    pthread_mutex_t lock; /* guards what follows; held briefly */
    size_t count, size;
    struct waiting *files;
};

/* ---- Open and close ---- */

static bool none(void *arg, const uint8_t sha256[32])
{
    (void)arg;
    (void)sha256;
    return false;
}

enum rc uploads_open(struct uploads **out, const char *dir)
{
    struct uploads *u = calloc(1, sizeof(*u));
    unsigned removed = 0;
    enum rc rc;

    if (u == NULL)
        return RC_NOMEM;
    (void)pthread_mutex_init(&u->lock, NULL);
    random_bytes(u->key, sizeof(u->key));
    rc = blobs_open(&u->blobs, dir);
    if (rc == RC_OK) /* of a process that is gone: nobody has a ticket for them */
        rc = blobs_sweep(u->blobs, UINT64_MAX, none, NULL, &removed);
    if (rc != RC_OK) {
        uploads_close(u);
        return rc;
    }
    *out = u;
    return RC_OK;
}

void uploads_close(struct uploads *u)
{
    if (u == NULL)
        return;
    blobs_close(u->blobs);
    (void)pthread_mutex_destroy(&u->lock);
    free(u->files);
    free(u);
}

/* ---- Tickets ---- */

/* Over everything that a ticket binds; text is what of it the ticket says. */
static void ticket_mac(char out[MAC_HEX + 1], const struct uploads *u, struct id wallet,
                       struct slice text)
{
    uint8_t mac[SHA256_LEN];
    char bound[UPLOADS_TICKET_SIZE + ID_LEN + 8];
    size_t len = 7;

    memcpy(bound, "ticket|", len);
    memcpy(bound + len, wallet.bytes, ID_LEN);
    len += ID_LEN;
    memcpy(bound + len, text.bytes, text.len);
    len += text.len;
    hmac_sha256(mac, slice_from((const char *)u->key, sizeof(u->key)),
                slice_from(bound, len));
    hex_encode(out, mac, MAC_HEX / 2);
}

static void path_hash(char out[PATH_HEX + 1], struct slice path)
{
    uint8_t digest[SHA256_LEN];

    sha256(digest, path);
    hex_encode(out, digest, PATH_HEX / 2);
}

void uploads_ticket(char out[UPLOADS_TICKET_SIZE], const struct uploads *u,
                    const struct upload *what, struct slice path, uint64_t now_us)
{
    char digest[2 * SHA256_LEN + 1], place[PATH_HEX + 1], mac[MAC_HEX + 1];
    int len;

    hex_encode(digest, what->sha256, SHA256_LEN);
    path_hash(place, path);
    len = snprintf(out, UPLOADS_TICKET_SIZE, "%llu.%llu.%s.%s",
                   (unsigned long long)((now_us + UPLOADS_LIFE_US) / 1000000),
                   (unsigned long long)what->bytes, place, digest);
    ticket_mac(mac, u, what->wallet, slice_from(out, (size_t)len));
    (void)snprintf(out + len, UPLOADS_TICKET_SIZE - (size_t)len, ".%s", mac);
}

enum rc uploads_ticket_read(struct upload *out, const struct uploads *u,
                            struct id wallet, struct slice ticket, struct slice path,
                            uint64_t now_us)
{
    struct upload what = {.wallet = wallet};
    char mac[MAC_HEX + 1], place[PATH_HEX + 1];
    struct slice rest = ticket, expires, bytes, where, digest;
    uint64_t expires_s;

    if (ticket.len >= UPLOADS_TICKET_SIZE || ticket.len <= MAC_HEX + 1)
        return RC_FORBIDDEN;
    ticket_mac(mac, u, wallet, slice_sub(ticket, 0, ticket.len - MAC_HEX - 1));
    if (!slice_equal_secret(slice_sub(ticket, ticket.len - MAC_HEX, MAC_HEX),
                            slice_from(mac, MAC_HEX)))
        return RC_FORBIDDEN;
    if (!slice_next(&expires, &rest, '.') || !slice_next(&bytes, &rest, '.') ||
        !slice_next(&where, &rest, '.') || !slice_next(&digest, &rest, '.') ||
        slice_to_u64(&expires_s, expires) != RC_OK ||
        slice_to_u64(&what.bytes, bytes) != RC_OK ||
        hex_decode(what.sha256, SHA256_LEN, digest) != RC_OK)
        return RC_FORBIDDEN;
    path_hash(place, path);
    if (expires_s < now_us / 1000000 ||
        (path.bytes != NULL && !slice_equal_str(where, place)))
        return RC_FORBIDDEN;
    *out = what;
    return RC_OK;
}

/* ---- Files ---- */

static void print_receipt(char out[UPLOADS_RECEIPT_SIZE], const struct uploads *u,
                          const struct upload *what)
{
    uint8_t mac[SHA256_LEN];
    char bound[5 + ID_LEN + SHA256_LEN];

    memcpy(bound, "sent|", 5);
    memcpy(bound + 5, what->wallet.bytes, ID_LEN);
    memcpy(bound + 5 + ID_LEN, what->sha256, SHA256_LEN);
    hmac_sha256(mac, slice_from((const char *)u->key, sizeof(u->key)),
                slice_from(bound, sizeof(bound)));
    hex_encode(out, mac, SHA256_LEN);
}

/* With the lock. NULL: it is not here. */
static struct waiting *find(struct uploads *u, const struct upload *what)
{
    for (size_t i = 0; i < u->count; i++)
        if (id_cmp(u->files[i].what.wallet, what->wallet) == 0 &&
            memcmp(u->files[i].what.sha256, what->sha256, SHA256_LEN) == 0)
            return &u->files[i];
    return NULL;
}

static enum rc grow(struct uploads *u)
{
    const size_t size = u->size == 0 ? FIRST_SIZE : 2 * u->size;
    struct waiting *files;

    if (u->count < u->size)
        return RC_OK;
    if (u->count == UPLOADS_MAX)
        return RC_FULL;
    files = realloc(u->files, size * sizeof(*files));
    if (files == NULL)
        return RC_NOMEM;
    u->files = files;
    u->size = size;
    return RC_OK;
}

/* With the lock: the same file again costs no more room. */
static enum rc count_in(struct uploads *u, const struct upload *what,
                        uint64_t max_bytes, uint64_t now_us)
{
    struct waiting *w = find(u, what);
    uint64_t bytes = what->bytes;
    size_t files = 0;

    if (w != NULL) {
        w->at_us = now_us;
        return RC_OK;
    }
    for (size_t i = 0; i < u->count; i++)
        if (id_cmp(u->files[i].what.wallet, what->wallet) == 0) {
            bytes += u->files[i].what.bytes;
            files++;
        }
    if (bytes > max_bytes || files >= UPLOADS_OF_WALLET_MAX)
        return RC_FULL;
    TRY(grow(u));
    u->files[u->count++] = (struct waiting){*what, now_us};
    return RC_OK;
}

enum rc uploads_put(char receipt[UPLOADS_RECEIPT_SIZE], struct uploads *u,
                    const struct upload *what, struct slice bytes, uint64_t max_bytes,
                    uint64_t now_us)
{
    uint8_t digest[SHA256_LEN];
    enum rc rc;

    sha256(digest, bytes);
    if (bytes.len != what->bytes || memcmp(digest, what->sha256, SHA256_LEN) != 0)
        return RC_CONFLICT;
    if (now_us > u->swept_us + SWEEP_US)
        uploads_sweep(u, now_us);
    (void)pthread_mutex_lock(&u->lock);
    rc = count_in(u, what, max_bytes, now_us);
    (void)pthread_mutex_unlock(&u->lock);
    TRY(rc);
    rc = blobs_put(digest, u->blobs, bytes);
    if (rc != RC_OK) {
        uploads_drop(u, what);
        return rc;
    }
    print_receipt(receipt, u, what);
    return RC_OK;
}

enum rc uploads_get(char **bytes, struct uploads *u, const struct upload *what,
                    struct slice receipt)
{
    char right[UPLOADS_RECEIPT_SIZE];
    uint64_t len;

    print_receipt(right, u, what);
    if (!slice_equal_secret(receipt, slice_from(right, UPLOADS_RECEIPT_SIZE - 1)))
        return RC_FORBIDDEN;
    return blobs_get(bytes, &len, u->blobs, what->sha256, what->bytes);
}

void uploads_drop(struct uploads *u, const struct upload *what)
{
    struct waiting *w;

    (void)pthread_mutex_lock(&u->lock);
    w = find(u, what);
    if (w != NULL)
        *w = u->files[--u->count];
    (void)pthread_mutex_unlock(&u->lock);
}

/* ---- Sweeping ---- */

static void forget_old(struct uploads *u, uint64_t now_us)
{
    (void)pthread_mutex_lock(&u->lock);
    for (size_t i = u->count; i-- > 0;)
        if (u->files[i].at_us + UPLOADS_LIFE_US < now_us)
            u->files[i] = u->files[--u->count];
    (void)pthread_mutex_unlock(&u->lock);
}

static bool is_needed(void *arg, const uint8_t sha256[32])
{
    struct uploads *u = arg;
    bool found = false;

    (void)pthread_mutex_lock(&u->lock);
    for (size_t i = 0; i < u->count && !found; i++)
        found = memcmp(u->files[i].what.sha256, sha256, SHA256_LEN) == 0;
    (void)pthread_mutex_unlock(&u->lock);
    return found;
}

void uploads_sweep(struct uploads *u, uint64_t now_us)
{
    unsigned removed = 0;

    u->swept_us = now_us;
    forget_old(u, now_us);
    if (blobs_sweep(u->blobs, UINT64_MAX, is_needed, u, &removed) != RC_OK)
        log_line(LOG_WARN, "uploads could not be swept");
}
