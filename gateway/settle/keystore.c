/* SPDX-License-Identifier: Apache-2.0 */
/* Of what an attacker may have written, that is all but the passphrase: every number is
 * bounded before work or memory is spent on it. */
#include "gateway/settle/keystore.h"

#include "base/codec.h"
#include "base/json_guard.h"
#include "base/keccak.h"
#include "base/secret.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    DERIVED_LEN = 32, /* 16 for the cipher, 16 for the MAC */
    HALF_LEN = DERIVED_LEN / 2,
    ARENA_SIZE = 64 * 1024,
    HEX_TEXT_MAX = 2 + 2 * X402_KEY_LEN + 2 /* "0x", digits, a line end */
};

/* Parsing -----------------------------------------------------------------------------
 */

/* A text of an object, unescaped; SLICE_NONE: there is none. */
static struct slice text_of(struct slice object, const char *name, struct arena *a)
{
    struct slice raw, text;

    if (json_raw_member(&raw, object, name) != JSON_STRING ||
        json_raw_string(&text, raw, a) != RC_OK)
        return SLICE_NONE;
    return text;
}

static bool number_of(uint64_t *out, struct slice object, const char *name)
{
    struct slice raw;

    return json_raw_member(&raw, object, name) == JSON_NUMBER &&
           json_raw_u64(out, raw) == RC_OK;
}

static struct slice object_of(struct slice object, const char *name)
{
    struct slice raw;

    return json_raw_member(&raw, object, name) == JSON_OBJECT ? raw : SLICE_NONE;
}

/* 1 to max bytes. */
static bool bytes_of(uint8_t *out, size_t *len, size_t max, struct slice object,
                     const char *name, struct arena *a)
{
    struct slice text = text_of(object, name, a);

    *len = text.len / 2;
    return text.len > 0 && *len <= max && hex_decode(out, *len, text) == RC_OK;
}

static const char *read_derivation(struct keystore *k, struct slice crypto,
                                   struct arena *a)
{
    struct slice kdf = text_of(crypto, "kdf", a);
    struct slice parameters = object_of(crypto, "kdfparams");
    uint64_t len, rounds;

    if (!number_of(&len, parameters, "dklen") || len != DERIVED_LEN)
        return "dklen is not 32";
    if (!bytes_of(k->salt, &k->salt_len, sizeof(k->salt), parameters, "salt", a))
        return "salt is not hex of 1 to 64 bytes";
    k->is_scrypt = slice_equal_str(kdf, "scrypt");
    if (k->is_scrypt) {
        if (!number_of(&k->cost.n, parameters, "n") ||
            !number_of(&k->cost.r, parameters, "r") ||
            !number_of(&k->cost.p, parameters, "p") || scrypt_check(&k->cost) != RC_OK)
            return "n, r and p are no parameters of scrypt, or take too much";
        return NULL;
    }
    if (!slice_equal_str(kdf, "pbkdf2") ||
        !slice_equal_str(text_of(parameters, "prf", a), "hmac-sha256"))
        return "kdf is neither scrypt nor pbkdf2 with hmac-sha256";
    if (!number_of(&rounds, parameters, "c") || rounds == 0 ||
        rounds > KEYSTORE_ROUNDS_MAX)
        return "c is not from 1 to 10000000";
    k->rounds = (unsigned)rounds;
    return NULL;
}

static const char *read_crypto(struct keystore *k, struct slice crypto, struct arena *a)
{
    size_t len;

    if (!slice_equal_str(text_of(crypto, "cipher", a), "aes-128-ctr"))
        return "cipher is not aes-128-ctr";
    if (!bytes_of(k->iv, &len, sizeof(k->iv), object_of(crypto, "cipherparams"), "iv",
                  a) ||
        len != sizeof(k->iv))
        return "iv is not hex of 16 bytes";
    if (!bytes_of(k->ciphertext, &k->ciphertext_len, sizeof(k->ciphertext), crypto,
                  "ciphertext", a))
        return "ciphertext is not hex of at most 32 bytes";
    if (!bytes_of(k->mac, &len, sizeof(k->mac), crypto, "mac", a) ||
        len != sizeof(k->mac))
        return "mac is not hex of 32 bytes";
    return read_derivation(k, crypto, a);
}

/* With or without "0x"; some leave it out to hide whose file it is. */
static const char *read_address(struct keystore *k, struct slice object,
                                struct arena *a)
{
    struct slice text = text_of(object, "address", a);

    if (text.len == 0)
        return NULL;
    k->has_address = true;
    if (slice_starts_nocase(text, SLICE("0x")))
        text = slice_sub(text, 2, text.len);
    return hex_decode(k->address.bytes, X402_ADDRESS_LEN, text) == RC_OK
               ? NULL
               : "address is not one";
}

static const char *read_members(struct keystore *k, struct slice object,
                                struct arena *a)
{
    struct slice crypto = object_of(object, "crypto");
    const char *why;
    uint64_t v;

    if (!number_of(&v, object, "version") || v != 3)
        return "version is not 3";
    if (crypto.len == 0)
        crypto = object_of(object, "Crypto"); /* as the first tools wrote it */
    why = read_crypto(k, crypto, a);
    return why != NULL ? why : read_address(k, object, a);
}

enum rc keystore_parse(struct keystore *out, const char **why, struct slice json)
{
    static const struct json_limits limits = {
        .bytes = KEYSTORE_TEXT_MAX, .depth = 8, .containers = 64, .keys = 256};
    struct keystore k = {.is_scrypt = false};
    struct arena *a;
    enum rc rc;

    TRY(arena_open(&a, ARENA_SIZE));
    rc = json_guard(json, &limits, NULL, 0, NULL, a);
    *why = rc == RC_OK ? read_members(&k, json, a) : "is not a JSON object";
    arena_close(a);
    if (rc == RC_NOMEM)
        return RC_NOMEM;
    if (*why != NULL)
        return RC_BAD_INPUT;
    *out = k;
    return RC_OK;
}

/* Unlocking ---------------------------------------------------------------------------
 */

static enum rc derive(uint8_t out[DERIVED_LEN], const struct keystore *k,
                      struct slice passphrase)
{
    if (k->is_scrypt)
        return scrypt_derive(out, DERIVED_LEN, passphrase,
                             slice_from((const char *)k->salt, k->salt_len), &k->cost);
    return PKCS5_PBKDF2_HMAC(passphrase.len == 0 ? "" : passphrase.bytes,
                             (int)passphrase.len, k->salt, (int)k->salt_len,
                             (int)k->rounds, EVP_sha256(), DERIVED_LEN, out) == 1
               ? RC_OK
               : RC_NOMEM;
}

static enum rc check_mac(const struct keystore *k, const uint8_t derived[DERIVED_LEN])
{
    uint8_t mac[KEYSTORE_MAC_LEN];
    uint8_t text[HALF_LEN + X402_KEY_LEN];

    memcpy(text, derived + HALF_LEN, HALF_LEN);
    memcpy(text + HALF_LEN, k->ciphertext, k->ciphertext_len);
    keccak256(mac, text, HALF_LEN + k->ciphertext_len);
    secret_wipe(text, sizeof(text));
    return slice_equal_secret(slice_from((const char *)mac, sizeof(mac)),
                              slice_from((const char *)k->mac, sizeof(k->mac)))
               ? RC_OK
               : RC_BAD_KEY;
}

static enum rc decrypt(uint8_t key[X402_KEY_LEN], const struct keystore *k,
                       const uint8_t derived[DERIVED_LEN])
{
    EVP_CIPHER_CTX *cipher = EVP_CIPHER_CTX_new();
    size_t zeros = X402_KEY_LEN - k->ciphertext_len;
    enum rc rc = RC_NOMEM;
    int len = 0;

    memset(key, 0, zeros);
    if (cipher != NULL &&
        EVP_DecryptInit_ex2(cipher, EVP_aes_128_ctr(), derived, k->iv, NULL) == 1 &&
        EVP_DecryptUpdate(cipher, key + zeros, &len, k->ciphertext,
                          (int)k->ciphertext_len) == 1 &&
        (size_t)len == k->ciphertext_len)
        rc = RC_OK;
    EVP_CIPHER_CTX_free(cipher); /* wipes */
    return rc;
}

enum rc keystore_unlock(uint8_t key[X402_KEY_LEN], const struct keystore *k,
                        struct slice passphrase)
{
    uint8_t derived[DERIVED_LEN];
    enum rc rc;

    if (passphrase.len > KEYSTORE_PASSPHRASE_MAX)
        return RC_BAD_KEY;
    rc = derive(derived, k, passphrase);
    if (rc == RC_OK)
        rc = check_mac(k, derived);
    if (rc == RC_OK)
        rc = decrypt(key, k, derived);
    secret_wipe(derived, sizeof(derived));
    return rc;
}

/* Files -------------------------------------------------------------------------------
 */

/* What a file says and what it would have to be closed to. The room is wiped by its
 * owner. */
struct input {
    char *room;
    size_t size;
    mode_t closed;      /* bits of the mode that must not be set */
    const char *remedy; /* for them */
    size_t len;         /* out */
};

/* NULL: all is well. "%m": errno says. */
static const char *read_open(struct input *in, int fd)
{
    struct stat s;
    ssize_t len;

    if (fstat(fd, &s) != 0)
        return "%m";
    if (!S_ISREG(s.st_mode))
        return "is no regular file";
    if ((s.st_mode & in->closed) != 0)
        return in->remedy;
    do {
        len = read(fd, in->room + in->len, in->size - in->len);
        if (len > 0)
            in->len += (size_t)len;
    } while ((len > 0 && in->len < in->size) || (len < 0 && errno == EINTR));
    if (len < 0)
        return "%m";
    return in->len == in->size ? "is larger than it can be" : NULL;
}

static enum rc read_file(struct input *in, const char *path, struct buf *faults)
{
    /* A pipe without a writer must not hold the start up. */
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    const char *problem = fd < 0 ? "%m" : read_open(in, fd);

    if (problem != NULL && strcmp(problem, "%m") == 0)
        buf_printf(faults, "%s: %m\n", path);
    else if (problem != NULL)
        buf_printf(faults, "%s: %s\n", path, problem);
    if (fd >= 0)
        (void)close(fd);
    return problem == NULL ? RC_OK : RC_BAD_CONFIG;
}

static struct slice without_line_end(struct slice text)
{
    if (slice_ends(text, SLICE("\n")))
        text.len--;
    if (slice_ends(text, SLICE("\r")))
        text.len--;
    return text;
}

static enum rc read_hex(uint8_t key[X402_KEY_LEN], const char *path, struct buf *faults)
{
    char room[HEX_TEXT_MAX + 1];
    struct input in = {.room = room,
                       .size = sizeof(room),
                       .closed = S_IRWXG | S_IRWXO,
                       .remedy = "is open to others: chmod 600"};
    enum rc rc = read_file(&in, path, faults);
    struct slice text = without_line_end(slice_from(room, in.len));

    if (slice_starts_nocase(text, SLICE("0x")))
        text = slice_sub(text, 2, text.len);
    if (rc == RC_OK && hex_decode(key, X402_KEY_LEN, text) != RC_OK) {
        buf_printf(faults, "%s: is not a key of 64 hex digits\n", path);
        rc = RC_BAD_CONFIG;
    }
    secret_wipe(room, sizeof(room));
    return rc;
}

static enum rc unlock(uint8_t key[X402_KEY_LEN], const struct keystore *k,
                      struct slice passphrase, const char *path, struct buf *faults)
{
    enum rc rc = keystore_unlock(key, k, passphrase);

    if (rc != RC_BAD_KEY)
        return rc;
    buf_printf(faults, "%s: the passphrase is not this keystore's\n", path);
    return RC_BAD_CONFIG;
}

static enum rc unlock_by_file(uint8_t key[X402_KEY_LEN], const struct keystore *k,
                              const struct config_key_file *file, struct buf *faults)
{
    char room[KEYSTORE_PASSPHRASE_MAX + 1];
    struct input in = {.room = room,
                       .size = sizeof(room),
                       .closed = S_IRWXO,
                       .remedy = "is open to everyone: chmod 600"};
    enum rc rc = read_file(&in, file->passphrase_file, faults);

    if (rc == RC_OK)
        rc = unlock(key, k, without_line_end(slice_from(room, in.len)), file->keystore,
                    faults);
    secret_wipe(room, sizeof(room));
    return rc;
}

static enum rc read_keystore(uint8_t key[X402_KEY_LEN], struct keystore *k,
                             const struct config_key_file *file, struct buf *faults)
{
    struct input in = {.size = KEYSTORE_TEXT_MAX + 1};
    const char *why;
    enum rc rc;

    in.room = malloc(in.size);
    if (in.room == NULL)
        return RC_NOMEM;
    rc = read_file(&in, file->keystore, faults);
    if (rc == RC_OK)
        rc = keystore_parse(k, &why, slice_from(in.room, in.len));
    free(in.room); /* nothing in it is secret */
    if (rc == RC_BAD_INPUT) {
        buf_printf(faults, "%s: %s\n", file->keystore, why);
        return RC_BAD_CONFIG;
    }
    TRY(rc);
    return file->passphrase == NULL
               ? unlock_by_file(key, k, file, faults)
               : unlock(key, k, secret_open(file->passphrase), file->keystore, faults);
}

enum rc keystore_read(uint8_t key[X402_KEY_LEN], struct x402_address *address,
                      const struct config_key_file *file, struct buf *faults)
{
    bool bare = file->hex_file != NULL;
    const char *path = bare ? file->hex_file : file->keystore;
    struct keystore k = {.has_address = false};

    TRY(bare ? read_hex(key, path, faults) : read_keystore(key, &k, file, faults));
    if (x402_curve_address(address, key) != RC_OK) {
        buf_printf(faults, "%s: its number is not a key\n", path);
        return RC_BAD_CONFIG;
    }
    if (k.has_address && !x402_address_equal(address, &k.address)) {
        buf_printf(faults, "%s: its address is not its key's\n", path);
        return RC_BAD_CONFIG;
    }
    return RC_OK;
}
