/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/receipts.h"

#include "base/codec.h"
#include "base/json.h"
#include "base/random.h"
#include "base/secret.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    KEY_LEN = 32,
    SIGNATURE_LEN = 64,
    FILE_MODE = 0600,
    KID_SIZE = 44, /* base64url of a SHA-256, and a NUL */
    SET_MAX = 512,
    CLAIMS_MAX = 3000 /* so that its base64 is no longer than a printed slice may be */
};

struct receipts {
    EVP_PKEY *key;
    char kid[KID_SIZE];
    char set[SET_MAX];
};

/* ---- The key ---- */

static enum rc write_all(int fd, const uint8_t key[KEY_LEN])
{
    return write(fd, key, KEY_LEN) == KEY_LEN && fsync(fd) == 0 ? RC_OK : RC_IO;
}

/* A half of a key would be worse than none. */
static enum rc make_key(uint8_t key[KEY_LEN], const char *path)
{
    int fd =
        open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, FILE_MODE);
    enum rc rc;

    if (fd < 0)
        return RC_IO;
    random_bytes(key, KEY_LEN);
    rc = write_all(fd, key);
    if (close(fd) != 0 || rc != RC_OK) {
        (void)unlink(path);
        return RC_IO;
    }
    return RC_OK;
}

static enum rc read_fd(uint8_t key[KEY_LEN], int fd)
{
    struct stat st;

    if (fstat(fd, &st) != 0)
        return RC_IO;
    if ((st.st_mode & 077) != 0)
        return RC_FORBIDDEN;
    if (!S_ISREG(st.st_mode) || st.st_size != KEY_LEN)
        return RC_CORRUPT;
    return read(fd, key, KEY_LEN) == KEY_LEN ? RC_OK : RC_IO;
}

static enum rc read_key(uint8_t key[KEY_LEN], const char *path)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    enum rc rc;

    if (fd < 0 && errno == ENOENT)
        return make_key(key, path);
    if (fd < 0)
        return errno == EACCES ? RC_FORBIDDEN : RC_IO;
    rc = read_fd(key, fd);
    (void)close(fd);
    return rc;
}

/* The kid is the key's thumbprint (RFC 7638): whoever has the set can make it again. */
static enum rc print_set(struct receipts *s, struct arena *a)
{
    uint8_t public_key[KEY_LEN], digest[SHA256_LEN];
    size_t len = sizeof(public_key);
    struct slice x, kid;
    const char *jwk;

    if (EVP_PKEY_get_raw_public_key(s->key, public_key, &len) != 1 || len != KEY_LEN)
        return RC_NOMEM;
    x = base64url_encode(a, slice_from((const char *)public_key, sizeof(public_key)));
    jwk = arena_printf(a, "{\"crv\":\"Ed25519\",\"kty\":\"OKP\",\"x\":\"%.*s\"}",
                       SLICE_FMT(x));
    if (jwk == NULL)
        return RC_NOMEM;
    sha256(digest, slice_str(jwk));
    kid = base64url_encode(a, slice_from((const char *)digest, sizeof(digest)));
    TRY(slice_to_cstr(s->kid, sizeof(s->kid), kid));
    (void)snprintf(s->set, sizeof(s->set),
                   "{\"keys\":[{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"%.*s\","
                   "\"kid\":\"%s\",\"use\":\"sig\",\"alg\":\"EdDSA\"}]}",
                   SLICE_FMT(x), s->kid);
    return RC_OK;
}

static enum rc open_key(struct receipts *s, const char *path)
{
    uint8_t key[KEY_LEN];
    struct arena *a;
    enum rc rc;

    TRY(read_key(key, path));
    s->key = EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, key, sizeof(key));
    secret_wipe(key, sizeof(key));
    if (s->key == NULL)
        return RC_NOMEM;
    TRY(arena_open(&a, 4096));
    rc = print_set(s, a);
    arena_close(a);
    return rc;
}

enum rc receipts_open(struct receipts **out, const char *path)
{
    struct receipts *s = calloc(1, sizeof(*s));
    enum rc rc;

    if (s == NULL)
        return RC_NOMEM;
    rc = open_key(s, path);
    if (rc != RC_OK) {
        receipts_close(s);
        return rc;
    }
    *out = s;
    return RC_OK;
}

void receipts_close(struct receipts *s)
{
    if (s == NULL)
        return;
    EVP_PKEY_free(s->key);
    free(s);
}

struct slice receipts_key_set(const struct receipts *s)
{
    return slice_str(s->set);
}

/* ---- Signing ---- */

static void write_id(struct json_out *o, const char *key, char kind, struct id id)
{
    char text[WALLET_ID_TEXT_SIZE];

    wallet_id_print(text, kind, id);
    json_out_kstr(o, key, text);
}

/* The first 48 bits of an id are its time in milliseconds (base/random.h). */
static uint64_t time_of(struct id id)
{
    uint64_t ms = 0;

    for (unsigned i = 0; i < 6; i++)
        ms = ms << 8 | id.bytes[i];
    return ms * 1000;
}

static void write_claims(struct buf *b, const struct receipt *r)
{
    char cost[MONEY_TEXT_SIZE];
    struct json_out o;

    json_out_init(&o, b);
    json_out_object(&o);
    write_id(&o, "request_id", 'r', r->request);
    write_id(&o, "wallet", 'w', r->wallet);
    json_out_kstr(&o, "kind", r->kind);
    json_out_kslice(&o, "subject", r->subject);
    money_print(cost, r->cost);
    json_out_kstr(&o, "cost", cost);
    json_out_kstr(&o, "currency", "USD");
    json_out_key(&o, "time");
    json_out_time(&o, time_of(r->request));
    write_id(&o, "transfer", 't', r->transfer);
    if (r->transaction[0] != '\0')
        json_out_kstr(&o, "transaction", r->transaction);
    json_out_end_object(&o);
}

/* "header.claims", both in base64url. */
static const char *signed_part(const struct receipts *s, const struct receipt *r,
                               struct arena *a)
{
    const char *head = arena_printf(
        a, "{\"alg\":\"EdDSA\",\"typ\":\"octroi-receipt\",\"kid\":\"%s\"}", s->kid);
    struct slice first = SLICE_NONE, second = SLICE_NONE;
    struct buf b;

    buf_init(&b, CLAIMS_MAX);
    write_claims(&b, r);
    if (head != NULL && !buf_spent(&b)) {
        first = base64url_encode(a, slice_str(head));
        second = base64url_encode(a, buf_slice(&b));
    }
    buf_free(&b);
    if (second.bytes == NULL)
        return NULL;
    return arena_printf(a, "%.*s.%.*s", SLICE_FMT(first), SLICE_FMT(second));
}

static bool sign(uint8_t signature[SIGNATURE_LEN], EVP_PKEY *key, const char *text)
{
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    size_t len = SIGNATURE_LEN;
    bool ok = context != NULL &&
              EVP_DigestSignInit(context, NULL, NULL, NULL, key) == 1 &&
              EVP_DigestSign(context, signature, &len, (const unsigned char *)text,
                             strlen(text)) == 1;

    EVP_MD_CTX_free(context);
    return ok;
}

enum rc receipts_sign(struct slice *out, const struct receipts *s,
                      const struct receipt *r, struct arena *a)
{
    uint8_t signature[SIGNATURE_LEN];
    const char *text = signed_part(s, r, a);
    const char *whole;
    struct slice last;

    if (text == NULL || !sign(signature, s->key, text))
        return RC_NOMEM;
    last = base64url_encode(a, slice_from((const char *)signature, sizeof(signature)));
    whole = arena_printf(a, "%s.%.*s", text, SLICE_FMT(last));
    *out = slice_str(whole);
    return whole != NULL ? RC_OK : RC_NOMEM;
}
