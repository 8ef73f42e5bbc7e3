/* SPDX-License-Identifier: Apache-2.0 */
/* Hex, base64, percent-encoding; SHA-256 and its HMAC by OpenSSL; CRC-32C. */
#include "base/codec.h"

#include "base/buf.h"

#include <assert.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#if defined(__x86_64__)
#    include <nmmintrin.h>
#endif

static const char hex_digits[] = "0123456789abcdef";

void hex_encode(char *out, const uint8_t *bytes, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        out[2 * i] = hex_digits[bytes[i] >> 4];
        out[2 * i + 1] = hex_digits[bytes[i] & 15];
    }
    out[2 * len] = '\0';
}

/* The value of each digit and one more; 0: not hex. */
static const uint8_t hex_values[256] = {
    ['0'] = 1,  ['1'] = 2,  ['2'] = 3,  ['3'] = 4,  ['4'] = 5,  ['5'] = 6,
    ['6'] = 7,  ['7'] = 8,  ['8'] = 9,  ['9'] = 10, ['a'] = 11, ['b'] = 12,
    ['c'] = 13, ['d'] = 14, ['e'] = 15, ['f'] = 16, ['A'] = 11, ['B'] = 12,
    ['C'] = 13, ['D'] = 14, ['E'] = 15, ['F'] = 16};

static unsigned hex_value(char c)
{
    return hex_values[(unsigned char)c];
}

enum rc hex_decode(uint8_t *out, size_t len, struct slice text)
{
    if (text.len % 2 != 0 || text.len / 2 != len)
        return RC_BAD_INPUT;
    for (size_t i = 0; i < text.len; i++)
        if (hex_value(text.bytes[i]) == 0)
            return RC_BAD_INPUT; /* before the first byte of out is touched */
    for (size_t i = 0; i < len; i++)
        out[i] = (uint8_t)((hex_value(text.bytes[2 * i]) - 1) << 4 |
                           (hex_value(text.bytes[2 * i + 1]) - 1));
    return RC_OK;
}

/* The two alphabets of RFC 4648 differ in the last two digits and in the padding. */
struct base64_form {
    char digits[65];
    bool padded;
};

#define BASE64_COMMON "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"

static const struct base64_form form_standard = {BASE64_COMMON "+/", true};
static const struct base64_form form_url = {BASE64_COMMON "-_", false};

static struct slice encode_base64(struct arena *a, struct slice s,
                                  const struct base64_form *form)
{
    /* No object is larger than PTRDIFF_MAX, so 4/3 of its size cannot wrap. */
    char *text = arena_alloc(a, (s.len + 2) / 3 * 4);
    size_t len = 0;

    if (text == NULL)
        return SLICE_NONE;
    for (size_t i = 0; i < s.len; i += 3) {
        size_t count = s.len - i < 3 ? s.len - i : 3;
        uint32_t group = 0;

        for (size_t j = 0; j < 3; j++)
            group = group << 8 | (j < count ? (uint8_t)s.bytes[i + j] : 0);
        for (size_t j = 0; j <= count; j++)
            text[len++] = form->digits[group >> (18 - 6 * j) & 63];
        for (size_t j = count; j < 3 && form->padded; j++)
            text[len++] = '=';
    }
    return slice_from(text, len);
}

static int base64_value(char c, const struct base64_form *form)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    if (c == form->digits[62])
        return 62;
    return c == form->digits[63] ? 63 : -1;
}

/* Takes the padding off *text. */
static bool cut_padding(struct slice *text, const struct base64_form *form)
{
    if (!form->padded)
        return true;
    if (text->len % 4 != 0)
        return false;
    for (int i = 0; i < 2 && slice_ends(*text, SLICE("=")); i++)
        text->len--;
    return true;
}

/* Decodes 2 to 4 digits into 1 to 3 bytes. */
static bool decode_group(uint8_t *out, struct slice digits,
                         const struct base64_form *form)
{
    size_t byte_count = digits.len - 1;
    uint32_t group = 0;

    for (size_t i = 0; i < 4; i++) {
        int value = i < digits.len ? base64_value(digits.bytes[i], form) : 0;

        if (value < 0)
            return false;
        group = group << 6 | (uint32_t)value;
    }
    /* Bits behind the last byte must be zero (RFC 4648 section 3.5): otherwise many
     * texts would stand for the same bytes. */
    if ((group & (UINT32_C(0xffffff) >> (8 * byte_count))) != 0)
        return false;
    for (size_t i = 0; i < byte_count; i++)
        out[i] = (uint8_t)(group >> (16 - 8 * i));
    return true;
}

static enum rc decode_base64(struct slice *out, struct slice text, struct arena *a,
                             const struct base64_form *form)
{
    uint8_t *bytes;
    size_t len;

    if (!cut_padding(&text, form) || text.len % 4 == 1)
        return RC_BAD_INPUT;
    len = text.len / 4 * 3 + (text.len % 4 == 0 ? 0 : text.len % 4 - 1);
    bytes = arena_alloc(a, len);
    if (bytes == NULL)
        return RC_TOO_BIG;
    for (size_t i = 0; 4 * i < text.len; i++)
        if (!decode_group(bytes + 3 * i, slice_sub(text, 4 * i, 4), form))
            return RC_BAD_INPUT;
    *out = slice_from((const char *)bytes, len);
    return RC_OK;
}

struct slice base64_encode(struct arena *a, struct slice bytes)
{
    return encode_base64(a, bytes, &form_standard);
}

struct slice base64url_encode(struct arena *a, struct slice bytes)
{
    return encode_base64(a, bytes, &form_url);
}

enum rc base64_decode(struct slice *out, struct slice text, struct arena *a)
{
    return decode_base64(out, text, a, &form_standard);
}

enum rc base64url_decode(struct slice *out, struct slice text, struct arena *a)
{
    return decode_base64(out, text, a, &form_url);
}

static bool is_unreserved(char c)
{
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
           c == '-' || c == '.' || c == '_' || c == '~';
}

void percent_encode(struct buf *out, struct slice s)
{
    for (size_t i = 0; i < s.len; i++) {
        uint8_t byte = (uint8_t)s.bytes[i];
        /* Upper case: RFC 3986 section 2.1. */
        char escaped[] = {'%', "0123456789ABCDEF"[byte >> 4],
                          "0123456789ABCDEF"[byte & 15]};

        if (is_unreserved(s.bytes[i]))
            buf_append_char(out, s.bytes[i]);
        else
            buf_append(out, slice_from(escaped, sizeof(escaped)));
    }
}

/* OpenSSL looks an algorithm up by its name under a lock, which costs more than a short
 * digest: once is enough. Both live as long as the process. */
static pthread_once_t fetched = PTHREAD_ONCE_INIT;
static EVP_MD *sha256_md;
static EVP_MAC_CTX *hmac_template; /* keyed with something; only ever copied */

/* The digests have no way to fail in our headers, and what could fail is an
 * installation without SHA-256 or less than a kilobyte of memory: neither can be
 * answered. */
static void need(bool ok)
{
    if (!ok)
        abort();
}

static void fetch_algorithms(void)
{
    char digest[] = "SHA256";
    const OSSL_PARAM params[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
        OSSL_PARAM_construct_end()};
    EVP_MAC *hmac = EVP_MAC_fetch(NULL, "HMAC", NULL);

    sha256_md = EVP_MD_fetch(NULL, digest, NULL);
    need(sha256_md != NULL && hmac != NULL);
    hmac_template = EVP_MAC_CTX_new(hmac);
    EVP_MAC_free(hmac); /* the template holds it */
    need(hmac_template != NULL &&
         EVP_MAC_init(hmac_template, (const unsigned char *)"", 0, params) == 1);
}

static const EVP_MD *sha256_algorithm(void)
{
    (void)pthread_once(&fetched, fetch_algorithms);
    return sha256_md;
}

void sha256(uint8_t out[SHA256_LEN], struct slice bytes)
{
    need(EVP_Digest(bytes.bytes, bytes.len, out, NULL, sha256_algorithm(), NULL) == 1);
}

enum rc sha256_start(struct sha256_state *s)
{
    EVP_MD_CTX *context = EVP_MD_CTX_new();

    if (context == NULL)
        return RC_NOMEM;
    if (EVP_DigestInit_ex2(context, sha256_algorithm(), NULL) != 1) {
        EVP_MD_CTX_free(context);
        return RC_NOMEM;
    }
    s->context = context;
    return RC_OK;
}

void sha256_add(struct sha256_state *s, struct slice bytes)
{
    need(EVP_DigestUpdate(s->context, bytes.bytes, bytes.len) == 1);
}

void sha256_end(uint8_t out[SHA256_LEN], struct sha256_state *s)
{
    need(EVP_DigestFinal_ex(s->context, out, NULL) == 1);
    EVP_MD_CTX_free(s->context);
    s->context = NULL;
}

void hmac_sha256(uint8_t out[SHA256_LEN], struct slice key, struct slice bytes)
{
    /* A key of NULL would mean: keep the one of the template. */
    const char *key_bytes = key.len == 0 ? "" : key.bytes;
    EVP_MAC_CTX *context;
    size_t len = 0;

    (void)pthread_once(&fetched, fetch_algorithms);
    context = EVP_MAC_CTX_dup(hmac_template);
    need(context != NULL);
    need(EVP_MAC_init(context, (const unsigned char *)key_bytes, key.len, NULL) == 1);
    need(EVP_MAC_update(context, (const unsigned char *)bytes.bytes, bytes.len) == 1);
    need(EVP_MAC_final(context, out, &len, SHA256_LEN) == 1 && len == SHA256_LEN);
    EVP_MAC_CTX_free(context);
}

uint32_t crc32c_portable(uint32_t seed, const void *bytes, size_t len)
{
    /* The remainders of the sixteen half bytes; polynomial 0x1edc6f41, bits reversed.
     */
    static const uint32_t remainders[16] = {
        0x00000000, 0x105ec76f, 0x20bd8ede, 0x30e349b1, 0x417b1dbc, 0x5125dad3,
        0x61c69362, 0x7198540d, 0x82f63b78, 0x92a8fc17, 0xa24bb5a6, 0xb21572c9,
        0xc38d26c4, 0xd3d3e1ab, 0xe330a81a, 0xf36e6f75};
    const uint8_t *at = bytes;
    uint32_t crc = ~seed;

    for (size_t i = 0; i < len; i++) {
        crc ^= at[i];
        crc = crc >> 4 ^ remainders[crc & 15];
        crc = crc >> 4 ^ remainders[crc & 15];
    }
    return ~crc;
}

#if defined(__x86_64__)
__attribute__((target("sse4.2"))) static uint32_t crc32c_sse42(uint32_t seed,
                                                               const void *bytes,
                                                               size_t len)
{
    const uint8_t *at = bytes;
    uint64_t crc = ~seed;
    uint64_t word;

    for (; len >= sizeof(word); len -= sizeof(word)) {
        memcpy(&word, at, sizeof(word)); /* records need not be aligned */
        crc = _mm_crc32_u64(crc, word);
        at += sizeof(word);
    }
    for (; len > 0; len--)
        crc = _mm_crc32_u8((uint32_t)crc, *at++);
    return ~(uint32_t)crc;
}
#endif

uint32_t crc32c(uint32_t seed, const void *bytes, size_t len)
{
#if defined(__x86_64__)
    if (__builtin_cpu_supports("sse4.2"))
        return crc32c_sse42(seed, bytes, len);
#endif
    return crc32c_portable(seed, bytes, len);
}
