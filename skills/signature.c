/* SPDX-License-Identifier: Apache-2.0 */
/* What a publisher signs, and the check of it, by OpenSSL's Ed25519. */
#include "skills/signature.h"

#include "base/codec.h"

#include <openssl/evp.h>

void skill_signed_text(struct buf *out, const struct skill_signed *what,
                       const struct skill_package *p)
{
    buf_append_str(out, "octroi-skill-v1\n");
    buf_append(out, what->publisher);
    buf_append_char(out, '/');
    buf_append(out, what->slug);
    buf_append_char(out, '@');
    buf_append(out, what->version);
    buf_append_char(out, '\n');
    for (size_t i = 0; i < skill_package_count(p); i++) {
        const struct skill_file *f = skill_package_file(p, i);
        char hex[2 * SHA256_LEN + 1];

        hex_encode(hex, f->sha256, SHA256_LEN);
        buf_append_str(out, hex);
        buf_append_str(out, "  ");
        buf_append(out, f->path);
        buf_append_char(out, '\n');
    }
}

static const unsigned char *bytes_of(struct slice text)
{
    return (const unsigned char *)(text.len == 0 ? "" : text.bytes);
}

/* Whether the key is a point of small order (in any of its encodings; the sign is set
 * aside): a signature can be made that such a key takes for any text. */
static bool is_weak(const uint8_t key[SKILL_KEY_LEN])
{
    static const uint8_t weak[][SKILL_KEY_LEN] = {
        {0},
        {1},
        {0x26, 0xe8, 0x95, 0x8f, 0xc2, 0xb2, 0x27, 0xb0, 0x45, 0xc3, 0xf4,
         0x89, 0xf2, 0xef, 0x98, 0xf0, 0xd5, 0xdf, 0xac, 0x05, 0xd3, 0xc6,
         0x33, 0x39, 0xb1, 0x38, 0x02, 0x88, 0x6d, 0x53, 0xfc, 0x05},
        {0xc7, 0x17, 0x6a, 0x70, 0x3d, 0x4d, 0xd8, 0x4f, 0xba, 0x3c, 0x0b,
         0x76, 0x0d, 0x10, 0x67, 0x0f, 0x2a, 0x20, 0x53, 0xfa, 0x2c, 0x39,
         0xcc, 0xc6, 0x4e, 0xc7, 0xfd, 0x77, 0x92, 0xac, 0x03, 0x7a},
        {0xec, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
         0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
         0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f},
        {0xed, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
         0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
         0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f},
        {0xee, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
         0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
         0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f},
    };
    const uint8_t last = key[SKILL_KEY_LEN - 1] & 0x7f;

    for (size_t i = 0; i < sizeof(weak) / sizeof(weak[0]); i++)
        if (memcmp(key, weak[i], SKILL_KEY_LEN - 1) == 0 &&
            last == weak[i][SKILL_KEY_LEN - 1])
            return true;
    return false;
}

enum rc skill_signature_check(const uint8_t public_key[SKILL_KEY_LEN],
                              const uint8_t signature[SKILL_SIGNATURE_LEN],
                              struct slice text)
{
    EVP_PKEY *key;
    EVP_MD_CTX *context;
    enum rc rc = RC_NOMEM;

    if (is_weak(public_key))
        return RC_FORBIDDEN;
    key =
        EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, public_key, SKILL_KEY_LEN);
    context = EVP_MD_CTX_new();
    if (key != NULL && context != NULL &&
        EVP_DigestVerifyInit(context, NULL, NULL, NULL, key) == 1)
        rc = EVP_DigestVerify(context, signature, SKILL_SIGNATURE_LEN, bytes_of(text),
                              text.len) == 1
                 ? RC_OK
                 : RC_FORBIDDEN;
    EVP_MD_CTX_free(context);
    EVP_PKEY_free(key);
    return rc;
}

enum rc skill_sign(uint8_t signature[SKILL_SIGNATURE_LEN],
                   const uint8_t seed[SKILL_KEY_LEN], struct slice text)
{
    EVP_PKEY *key =
        EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, seed, SKILL_KEY_LEN);
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    size_t len = SKILL_SIGNATURE_LEN;
    enum rc rc = RC_NOMEM;

    if (key != NULL && context != NULL &&
        EVP_DigestSignInit(context, NULL, NULL, NULL, key) == 1 &&
        EVP_DigestSign(context, signature, &len, bytes_of(text), text.len) == 1 &&
        len == SKILL_SIGNATURE_LEN)
        rc = RC_OK;
    EVP_MD_CTX_free(context);
    EVP_PKEY_free(key);
    return rc;
}

enum rc skill_public_key(uint8_t out[SKILL_KEY_LEN], const uint8_t seed[SKILL_KEY_LEN])
{
    EVP_PKEY *key =
        EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, seed, SKILL_KEY_LEN);
    size_t len = SKILL_KEY_LEN;
    const bool ok = key != NULL && EVP_PKEY_get_raw_public_key(key, out, &len) == 1;

    EVP_PKEY_free(key);
    return ok ? RC_OK : RC_NOMEM;
}
