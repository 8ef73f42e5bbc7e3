/* SPDX-License-Identifier: Apache-2.0 */
/* Signatures over versions: RFC 8032's vectors, and that one is good for what was
 * signed and for nothing else (D23). */
#include "skills/signature.h"

#include "base/codec.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

#define FRONT "---\nname: weather\ndescription: Tells the weather.\n---\n"

static const uint8_t seed[SKILL_KEY_LEN] = {1, 2, 3};

static struct skill_package *package_of(const char *script, const char *path)
{
    struct skill_package *p = NULL;
    struct buf why;

    buf_init(&why, 1024);
    assert_int_equal(skill_package_new(&p), RC_OK);
    assert_int_equal(skill_package_add(p, slice_str(path), slice_str(script), &why),
                     RC_OK);
    assert_int_equal(skill_package_add(p, SLICE("SKILL.md"), SLICE(FRONT), &why),
                     RC_OK);
    assert_int_equal(skill_package_seal(p, &why), RC_OK);
    buf_free(&why);
    return p;
}

static void text_of(struct buf *out, const char *publisher, const char *slug,
                    const char *version, const char *script, const char *path)
{
    struct skill_package *p = package_of(script, path);
    const struct skill_signed what = {slice_str(publisher), slice_str(slug),
                                      slice_str(version)};

    buf_init(out, 4096);
    skill_signed_text(out, &what, p);
    assert_false(buf_spent(out));
    skill_package_free(p);
}

struct vector {
    const char *seed, *public_key, *message, *signature;
};

/* Section 7.1, tests 1 to 3. */
static const struct vector vectors[] = {
    {"9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
     "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a", "",
     "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc"
     "61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b"},
    {"4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
     "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c", "72",
     "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e4"
     "58f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00"},
    {"c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
     "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025", "af82",
     "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290a"
     "e67f760984dc6594a7c15e9716ed28dc027beceea1ec40a"},
};

static void the_vectors_of_rfc_8032_hold(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(vectors) / sizeof(vectors[0]); i++) {
        const struct vector *v = &vectors[i];
        const size_t len = strlen(v->message) / 2;
        uint8_t key[SKILL_KEY_LEN], expected_key[SKILL_KEY_LEN], secret[SKILL_KEY_LEN];
        uint8_t signature[SKILL_SIGNATURE_LEN], expected[SKILL_SIGNATURE_LEN];
        uint8_t message[8];
        struct slice text = slice_from((const char *)message, len);

        assert_int_equal(hex_decode(secret, sizeof(secret), slice_str(v->seed)), RC_OK);
        assert_int_equal(
            hex_decode(expected_key, sizeof(expected_key), slice_str(v->public_key)),
            RC_OK);
        assert_int_equal(
            hex_decode(expected, sizeof(expected), slice_str(v->signature)), RC_OK);
        assert_int_equal(hex_decode(message, len, slice_str(v->message)), RC_OK);
        assert_int_equal(skill_public_key(key, secret), RC_OK);
        assert_memory_equal(key, expected_key, sizeof(key));
        assert_int_equal(skill_sign(signature, secret, text), RC_OK);
        assert_memory_equal(signature, expected, sizeof(signature));
        assert_int_equal(skill_signature_check(key, signature, text), RC_OK);
    }
}

static void what_is_signed_is_one_text(void **state)
{
    struct buf text;

    (void)state;
    text_of(&text, "ann", "weather", "1.0.0", "echo hi\n", "run.sh");
    assert_true(slice_equal_str(
        buf_slice(&text),
        "octroi-skill-v1\nann/weather@1.0.0\n"
        "75a771dc8c76ab93e33f7e5cb22b5cb5623804d3c308dd6395c01a6e2a6be13d  SKILL.md\n"
        "ab08508fdf5ca4da5c4995987bc41c56c048aaa5eeb046417ae4049b7d40286e  run.sh\n"));
    buf_free(&text);
}

struct variant {
    const char *publisher, *slug, *version, *script, *path;
};

static void d23_a_signature_is_good_for_nothing_else(void **state)
{
    static const struct variant others[] = {
        {"bob", "weather", "1.0.0", "echo hi\n", "run.sh"},
        {"ann", "whether", "1.0.0", "echo hi\n", "run.sh"},
        {"ann", "weather", "1.0.1", "echo hi\n", "run.sh"},
        {"ann", "weather", "0.9.0", "echo hi\n", "run.sh"},
        {"ann", "weather", "1.0.0", "echo ho\n", "run.sh"},
        {"ann", "weather", "1.0.0", "echo hi\n", "ruN.sh"},
        {"ann", "weather", "1.0.0", "echo hi\n", "a/run.sh"},
    };
    uint8_t key[SKILL_KEY_LEN], signature[SKILL_SIGNATURE_LEN];
    struct buf text;

    (void)state;
    assert_int_equal(skill_public_key(key, seed), RC_OK);
    text_of(&text, "ann", "weather", "1.0.0", "echo hi\n", "run.sh");
    assert_int_equal(skill_sign(signature, seed, buf_slice(&text)), RC_OK);
    assert_int_equal(skill_signature_check(key, signature, buf_slice(&text)), RC_OK);
    buf_free(&text);
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
        const struct variant *v = &others[i];

        text_of(&text, v->publisher, v->slug, v->version, v->script, v->path);
        assert_int_equal(skill_signature_check(key, signature, buf_slice(&text)),
                         RC_FORBIDDEN);
        buf_free(&text);
    }
}

static void d23_every_bit_of_a_signature_counts(void **state)
{
    const struct slice text = SLICE("octroi-skill-v1\nann/weather@1.0.0\n");
    uint8_t key[SKILL_KEY_LEN], signature[SKILL_SIGNATURE_LEN];

    (void)state;
    assert_int_equal(skill_public_key(key, seed), RC_OK);
    assert_int_equal(skill_sign(signature, seed, text), RC_OK);
    for (unsigned bit = 0; bit < 8 * SKILL_SIGNATURE_LEN; bit++) {
        signature[bit / 8] ^= (uint8_t)(1 << bit % 8);
        assert_int_equal(skill_signature_check(key, signature, text), RC_FORBIDDEN);
        signature[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    assert_int_equal(skill_signature_check(key, signature, text), RC_OK);
}

static void d23_another_key_or_none_signs_nothing(void **state)
{
    static const uint8_t other_seed[SKILL_KEY_LEN] = {9};
    static const uint8_t zero[SKILL_SIGNATURE_LEN];
    const struct slice text = SLICE("text");
    uint8_t key[SKILL_KEY_LEN], signature[SKILL_SIGNATURE_LEN];

    (void)state;
    assert_int_equal(skill_public_key(key, seed), RC_OK);
    assert_int_equal(skill_sign(signature, other_seed, text), RC_OK);
    assert_int_equal(skill_signature_check(key, signature, text), RC_FORBIDDEN);
    assert_int_equal(skill_signature_check(key, zero, text), RC_FORBIDDEN);
    assert_int_equal(skill_signature_check(key, zero, SLICE_NONE), RC_FORBIDDEN);
}

/* With a key of small order one signature would be good for many texts: the point that
 * adds nothing, and an S of zero. */
static void d23_a_weak_key_signs_nothing(void **state)
{
    uint8_t key[SKILL_KEY_LEN] = {1};
    uint8_t signature[SKILL_SIGNATURE_LEN] = {1};

    (void)state;
    assert_int_equal(skill_signature_check(key, signature, SLICE("any text")),
                     RC_FORBIDDEN);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_vectors_of_rfc_8032_hold),
        cmocka_unit_test(what_is_signed_is_one_text),
        cmocka_unit_test(d23_a_signature_is_good_for_nothing_else),
        cmocka_unit_test(d23_every_bit_of_a_signature_counts),
        cmocka_unit_test(d23_another_key_or_none_signs_nothing),
        cmocka_unit_test(d23_a_weak_key_signs_nothing),
    };

    return cmocka_run_group_tests_name("skills/signature", tests, NULL, NULL);
}
