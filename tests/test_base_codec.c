/* SPDX-License-Identifier: Apache-2.0 */
/* Codecs: published vectors, and that no two texts stand for the same bytes. */
#include "base/codec.h"

#include "base/buf.h"
#include "tests/prng.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static struct arena *open_arena(void)
{
    struct arena *a = NULL;

    assert_int_equal(arena_open(&a, 1 << 20), RC_OK);
    return a;
}

static void hex_goes_both_ways(void **state)
{
    const uint8_t bytes[] = {0x00, 0x01, 0x9a, 0xff};
    uint8_t back[4];
    char text[9];

    (void)state;
    hex_encode(text, bytes, sizeof(bytes));
    assert_string_equal(text, "00019aff");
    assert_int_equal(hex_decode(back, sizeof(back), SLICE("00019AfF")), RC_OK);
    assert_memory_equal(back, bytes, sizeof(bytes));
    hex_encode(text, NULL, 0);
    assert_string_equal(text, "");
    assert_int_equal(hex_decode(back, 0, SLICE_NONE), RC_OK);
}

static void hex_refuses_other_digits_and_lengths(void **state)
{
    static const char *const bad[] = {"",     "0",    "000",  "00000", "0g00",
                                      "000G", "00 0", "0x00", "00\n0", "00:0"};
    uint8_t out[2] = {7, 7};

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_int_equal(hex_decode(out, 2, slice_str(bad[i])), RC_BAD_INPUT);
    assert_int_equal(hex_decode(out, SIZE_MAX / 2 + 1, SLICE_NONE), RC_BAD_INPUT);
    assert_true(out[0] == 7 && out[1] == 7);
}

/* RFC 4648 section 10. */
static void base64_has_the_published_forms(void **state)
{
    static const struct {
        const char *bytes;
        const char *standard;
        const char *url;
    } vectors[] = {{"", "", ""},
                   {"f", "Zg==", "Zg"},
                   {"fo", "Zm8=", "Zm8"},
                   {"foo", "Zm9v", "Zm9v"},
                   {"foob", "Zm9vYg==", "Zm9vYg"},
                   {"fooba", "Zm9vYmE=", "Zm9vYmE"},
                   {"foobar", "Zm9vYmFy", "Zm9vYmFy"},
                   {"\xfb\xff\xbf", "+/+/", "-_-_"}};
    struct arena *a = open_arena();

    (void)state;
    for (size_t i = 0; i < sizeof(vectors) / sizeof(vectors[0]); i++) {
        struct slice bytes = slice_str(vectors[i].bytes);
        struct slice back;

        assert_true(slice_equal_str(base64_encode(a, bytes), vectors[i].standard));
        assert_true(slice_equal_str(base64url_encode(a, bytes), vectors[i].url));
        assert_int_equal(base64_decode(&back, slice_str(vectors[i].standard), a),
                         RC_OK);
        assert_true(slice_equal(back, bytes));
        assert_int_equal(base64url_decode(&back, slice_str(vectors[i].url), a), RC_OK);
        assert_true(slice_equal(back, bytes));
    }
    arena_close(a);
}

static void base64_refuses_all_but_the_right_form(void **state)
{
    static const char *const bad[] = {
        "Z",          "Zg",    "Zg=",   "Zg===", "Zm9v=",    "Zm9v====", "====",
        "=",          "Zm8",   "Zm8==", "Z===",  "Zg==Zg==", "Zm=v",     "Zm9\n",
        "Zm9v\n",     " Zm9v", "Zm 9v", "-_-_",  "Zh==",     "Zm9=",     "Zm9v Zm",
        "\xc3\xa4==", "Zg= =", "Zg=A",  "Zm9vY", "Zm9vYg",   "Zm9vYg= ="};
    static const char *const bad_url[] = {"Z",   "Zg==",  "Zm8=", "+/+/",   "Zh",
                                          "Zm9", "Zm9vY", "Zm 8", "Zm9vYh", "Zg\n"};
    struct arena *a = open_arena();
    struct slice out;

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        if (base64_decode(&out, slice_str(bad[i]), a) != RC_BAD_INPUT)
            fail_msg("took '%s'", bad[i]);
    for (size_t i = 0; i < sizeof(bad_url) / sizeof(bad_url[0]); i++)
        if (base64url_decode(&out, slice_str(bad_url[i]), a) != RC_BAD_INPUT)
            fail_msg("took '%s'", bad_url[i]);
    assert_int_equal(base64_decode(&out, SLICE("Zm9v\0\0\0\0"), a), RC_BAD_INPUT);
    arena_close(a);
}

/* Whatever is taken is the one text that the encoder makes for it. */
static void base64_has_one_text_per_value(void **state)
{
    static const char digits[] = "AZaz09+/-_=QgwB";
    struct arena *a = open_arena();
    struct prng prng = {1};
    unsigned taken = 0;

    (void)state;
    for (unsigned i = 0; i < 100000; i++) {
        char text[8];
        size_t len = prng_below(&prng, sizeof(text) + 1);
        struct slice s = slice_from(text, len);
        struct slice out;

        for (size_t j = 0; j < len; j++)
            text[j] = digits[prng_below(&prng, sizeof(digits) - 1)];
        arena_reset(a);
        if (base64_decode(&out, s, a) == RC_OK) {
            taken++;
            assert_true(slice_equal(base64_encode(a, out), s));
        }
        if (base64url_decode(&out, s, a) == RC_OK) {
            taken++;
            assert_true(slice_equal(base64url_encode(a, out), s));
        }
    }
    assert_true(taken > 1000);
    arena_close(a);
}

static void base64_goes_both_ways_for_all_bytes(void **state)
{
    struct arena *a = open_arena();
    struct prng prng = {2};
    char bytes[300];

    (void)state;
    for (size_t len = 0; len <= sizeof(bytes); len++) {
        struct slice s = slice_from(bytes, len);
        struct slice back;

        for (size_t i = 0; i < len; i++)
            bytes[i] = (char)prng_next(&prng);
        arena_reset(a);
        assert_int_equal(base64_decode(&back, base64_encode(a, s), a), RC_OK);
        assert_true(slice_equal(back, s));
        assert_int_equal(base64url_decode(&back, base64url_encode(a, s), a), RC_OK);
        assert_true(slice_equal(back, s));
    }
    arena_close(a);
}

static void base64_stops_at_the_limit_of_the_arena(void **state)
{
    struct arena *a = NULL;
    struct slice out = SLICE("untouched");

    (void)state;
    assert_int_equal(arena_open(&a, 5), RC_OK);
    assert_null(base64_encode(a, SLICE("foob")).bytes);
    assert_true(arena_spent(a));
    arena_reset(a);
    assert_int_equal(base64_decode(&out, SLICE("Zm9vYmFy"), a), RC_TOO_BIG);
    assert_true(slice_equal(out, SLICE("untouched")));
    arena_close(a);
}

static void percent_encoding_leaves_unreserved_bytes_only(void **state)
{
    struct buf b;
    char all[256];

    (void)state;
    buf_init(&b, 1000);
    percent_encode(&b, SLICE("AZaz09-._~ /?%\xe4\0+"));
    assert_true(slice_equal_str(buf_slice(&b), "AZaz09-._~%20%2F%3F%25%E4%00%2B"));
    buf_reset(&b);
    for (unsigned i = 0; i < sizeof(all); i++)
        all[i] = (char)i;
    percent_encode(&b, slice_from(all, sizeof(all)));
    assert_int_equal(buf_len(&b), 66 + 3 * (256 - 66));
    buf_free(&b);
}

static void assert_digest(const uint8_t digest[SHA256_LEN], const char *expected)
{
    char text[2 * SHA256_LEN + 1];

    hex_encode(text, digest, SHA256_LEN);
    assert_string_equal(text, expected);
}

static const char sha256_of_nothing[] =
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
static const char sha256_of_abc[] =
    "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

static void sha256_has_the_published_digests(void **state)
{
    uint8_t digest[SHA256_LEN];

    (void)state;
    sha256(digest, SLICE_NONE);
    assert_digest(digest, sha256_of_nothing);
    sha256(digest, SLICE("abc"));
    assert_digest(digest, sha256_of_abc);
    sha256(digest, SLICE("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq"));
    assert_digest(digest,
                  "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
}

static void sha256_in_pieces_is_the_same(void **state)
{
    struct sha256_state s;
    uint8_t digest[SHA256_LEN];

    (void)state;
    assert_int_equal(sha256_start(&s), RC_OK);
    sha256_end(digest, &s);
    assert_digest(digest, sha256_of_nothing);
    assert_int_equal(sha256_start(&s), RC_OK);
    sha256_add(&s, SLICE("a"));
    sha256_add(&s, SLICE_NONE);
    sha256_add(&s, SLICE("bc"));
    sha256_end(digest, &s);
    assert_digest(digest, sha256_of_abc);
}

/* RFC 4231, and the empty key, which RFC 2104 pads with zeros like any other. */
static void hmac_has_the_published_values(void **state)
{
    char long_key[131];
    uint8_t out[SHA256_LEN];

    (void)state;
    hmac_sha256(out,
                SLICE("\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b"
                      "\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b"),
                SLICE("Hi There"));
    assert_digest(out,
                  "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7");
    hmac_sha256(out, SLICE("Jefe"), SLICE("what do ya want for nothing?"));
    assert_digest(out,
                  "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
    memset(long_key, 0xaa, sizeof(long_key));
    hmac_sha256(out, slice_from(long_key, sizeof(long_key)),
                SLICE("Test Using Larger Than Block-Size Key - Hash Key First"));
    assert_digest(out,
                  "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
    hmac_sha256(out, SLICE_NONE, SLICE_NONE);
    assert_digest(out,
                  "b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad");
}

static void *digest_many_times(void *argument)
{
    uint8_t digest[SHA256_LEN];
    uint8_t code[SHA256_LEN];
    uint8_t expected[SHA256_LEN];
    unsigned *wrong = argument;

    if (hex_decode(expected, SHA256_LEN, slice_str(sha256_of_abc)) != RC_OK)
        (*wrong)++;
    for (unsigned i = 0; i < 2000; i++) {
        uint8_t again[SHA256_LEN];

        sha256(digest, SLICE("abc"));
        hmac_sha256(code, SLICE("key"), slice_from((const char *)&i, sizeof(i)));
        hmac_sha256(again, SLICE("key"), slice_from((const char *)&i, sizeof(i)));
        if (memcmp(digest, expected, SHA256_LEN) != 0 ||
            memcmp(code, again, SHA256_LEN) != 0)
            (*wrong)++;
    }
    return NULL;
}

/* Runs first, so that the threads also race for the first use. */
static void digests_may_be_made_by_many_threads(void **state)
{
    enum {
        THREADS = 4
    };

    pthread_t threads[THREADS];
    unsigned wrong[THREADS] = {0};

    (void)state;
    for (unsigned i = 0; i < THREADS; i++)
        assert_int_equal(
            pthread_create(&threads[i], NULL, digest_many_times, &wrong[i]), 0);
    for (unsigned i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
        assert_int_equal(wrong[i], 0);
    }
}

/* RFC 3720 appendix B.4, and the check value of the catalogue of CRCs. */
static void crc32c_has_the_published_values(void **state)
{
    uint8_t bytes[32] = {0};

    (void)state;
    assert_int_equal(crc32c(0, NULL, 0), 0);
    assert_int_equal(crc32c(0, "123456789", 9), 0xe3069283);
    assert_int_equal(crc32c(0, bytes, sizeof(bytes)), 0x8a9136aa);
    memset(bytes, 0xff, sizeof(bytes));
    assert_int_equal(crc32c(0, bytes, sizeof(bytes)), 0x62a8ab43);
    for (unsigned i = 0; i < sizeof(bytes); i++)
        bytes[i] = (uint8_t)i;
    assert_int_equal(crc32c(0, bytes, sizeof(bytes)), 0x46dd794e);
}

static void crc32c_is_the_same_with_and_without_the_processor(void **state)
{
    struct prng prng = {3};
    uint8_t bytes[200];

    (void)state;
    for (size_t i = 0; i < sizeof(bytes); i++)
        bytes[i] = (uint8_t)prng_next(&prng);
    for (size_t from = 0; from < 9; from++)
        for (size_t len = 0; len <= sizeof(bytes) - from; len++) {
            uint32_t seed = (uint32_t)prng_next(&prng);

            assert_int_equal(crc32c(seed, bytes + from, len),
                             crc32c_portable(seed, bytes + from, len));
        }
}

static void crc32c_can_be_taken_in_pieces(void **state)
{
    const char text[] = "a record that is written in two pieces";
    const size_t len = sizeof(text);

    (void)state;
    for (size_t cut = 0; cut <= len; cut++)
        assert_int_equal(crc32c(crc32c(0, text, cut), text + cut, len - cut),
                         crc32c(0, text, len));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(digests_may_be_made_by_many_threads),
        cmocka_unit_test(hex_goes_both_ways),
        cmocka_unit_test(hex_refuses_other_digits_and_lengths),
        cmocka_unit_test(base64_has_the_published_forms),
        cmocka_unit_test(base64_refuses_all_but_the_right_form),
        cmocka_unit_test(base64_has_one_text_per_value),
        cmocka_unit_test(base64_goes_both_ways_for_all_bytes),
        cmocka_unit_test(base64_stops_at_the_limit_of_the_arena),
        cmocka_unit_test(percent_encoding_leaves_unreserved_bytes_only),
        cmocka_unit_test(sha256_has_the_published_digests),
        cmocka_unit_test(sha256_in_pieces_is_the_same),
        cmocka_unit_test(hmac_has_the_published_values),
        cmocka_unit_test(crc32c_has_the_published_values),
        cmocka_unit_test(crc32c_is_the_same_with_and_without_the_processor),
        cmocka_unit_test(crc32c_can_be_taken_in_pieces),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
