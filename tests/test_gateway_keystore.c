/* SPDX-License-Identifier: Apache-2.0 */
/* Keys in files: the vectors that the Web3 Secret Storage Definition publishes, files
 * that are sealed here by OpenSSL alone, and all that may be wrong with one. */
#include "gateway/settle/keystore.h"

#include "base/codec.h"
#include "base/keccak.h"
#include "tests/conf_fixture.h"

#include <openssl/evp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

enum {
    TEXT_SIZE = 4096,
    SAID_MAX = 64 * 1024,
    PATH_SIZE = 512,
    PATHS = 16
};

/* Password "testpassword". */
static const char published_pbkdf2[] =
    "{\"crypto\":{\"cipher\":\"aes-128-ctr\",\"cipherparams\":{\"iv\":"
    "\"6087dab2f9fdbbfaddc31a909735c1e6\"},\"ciphertext\":"
    "\"5318b4d5bcd28de64ee5559e671353e16f075ecae9f99c7a79a38af5f869aa46\",\"kdf\":"
    "\"pbkdf2\",\"kdfparams\":{\"c\":262144,\"dklen\":32,\"prf\":\"hmac-sha256\","
    "\"salt\":\"ae3cd4e7013836a3df6bd7241b12db061dbe2c6785853cce422d148a624ce0bd\"},"
    "\"mac\":\"517ead924a9d0dc3124507e3393d175ce3ff7c1e96529c6c555ce9e51205e9b2\"},"
    "\"id\":\"3198bc9c-6672-5ab3-d995-4942343ae5b6\",\"version\":3}";
static const char published_scrypt[] =
    "{\"crypto\":{\"cipher\":\"aes-128-ctr\",\"cipherparams\":{\"iv\":"
    "\"83dbcc02d8ccb40e466191a123791e0e\"},\"ciphertext\":"
    "\"d172bf743a674da9cdad04534d56926ef8358534d458fffccd4e6ad2fbde479c\",\"kdf\":"
    "\"scrypt\",\"kdfparams\":{\"dklen\":32,\"n\":262144,\"r\":1,\"p\":8,\"salt\":"
    "\"ab0c7876052600dd703518d6fc3fe8984592145b591fc8fb5c6d43190334ba19\"},\"mac\":"
    "\"2103ac29920d71da29f15d75b4a16dbe95cfd7ff8faea1056c33131d846e3097\"},\"id\":"
    "\"3198bc9c-6672-5ab3-d995-4942343ae5b6\",\"version\":3}";
static const char published_key[] =
    "7a28b5ba57c53603b0b07b56bba752f7784bf506fa95edc395f5cf6c7514fe9d";

/* "foo" for all that is sealed here. */
static const uint8_t test_key[X402_KEY_LEN] = {
    0x4c, 0x08, 0x83, 0xa6, 0x91, 0x02, 0x93, 0x7d, 0x62, 0x31, 0x47,
    0x1b, 0x5d, 0xbb, 0x62, 0x04, 0xfe, 0x51, 0x29, 0x61, 0x70, 0x82,
    0x79, 0x2a, 0xe4, 0x68, 0xd0, 0x1a, 0x3f, 0x36, 0x23, 0x18};
static const char test_key_text[] =
    "4c0883a69102937d6231471b5dbb6204fe5129617082792ae468d01a3f362318";
static const char test_address[] = "0x2c7536E3605D9C16a7a3D7b1898e529396a65c23";

static void parses(struct keystore *k, const char *json)
{
    const char *why = NULL;

    assert_string_equal(rc_reason(keystore_parse(k, &why, slice_str(json))), "ok");
}

static void opens(const char *json, const char *passphrase, const char *expected)
{
    char text[2 * X402_KEY_LEN + 1];
    uint8_t key[X402_KEY_LEN];
    struct keystore k;

    parses(&k, json);
    assert_int_equal(keystore_unlock(key, &k, slice_str(passphrase)), RC_OK);
    hex_encode(text, key, sizeof(key));
    assert_string_equal(text, expected);
}

/* A keystore of the last `len` bytes of a key, with more members if they are told. */
static const char *seal(const uint8_t key[X402_KEY_LEN], size_t len, const char *more)
{
    static const uint8_t salt[16] = "sixteen of them";
    static const uint8_t iv[16] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
                                   0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
    static char text[TEXT_SIZE];
    EVP_CIPHER_CTX *cipher = EVP_CIPHER_CTX_new();
    uint8_t derived[32], sealed[16 + 32], mac[32];
    char salt_text[33], iv_text[33], sealed_text[65], mac_text[65];
    int done = 0;

    assert_int_equal(EVP_PBE_scrypt("foo", 3, salt, sizeof(salt), 4, 8, 1, 0, derived,
                                    sizeof(derived)),
                     1);
    assert_int_equal(EVP_EncryptInit(cipher, EVP_aes_128_ctr(), derived, iv), 1);
    assert_int_equal(EVP_EncryptUpdate(cipher, sealed + 16, &done,
                                       key + X402_KEY_LEN - len, (int)len),
                     1);
    EVP_CIPHER_CTX_free(cipher);
    memcpy(sealed, derived + 16, 16);
    keccak256(mac, sealed, 16 + len);
    hex_encode(salt_text, salt, sizeof(salt));
    hex_encode(iv_text, iv, sizeof(iv));
    hex_encode(sealed_text, sealed + 16, len);
    hex_encode(mac_text, mac, sizeof(mac));
    (void)snprintf(text, sizeof(text),
                   "{%s\"version\":3,\"crypto\":{\"cipher\":\"aes-128-ctr\","
                   "\"cipherparams\":{\"iv\":\"%s\"},\"ciphertext\":\"%s\",\"kdf\":"
                   "\"scrypt\",\"kdfparams\":{\"dklen\":32,\"n\":4,\"r\":8,\"p\":1,"
                   "\"salt\":\"%s\"},\"mac\":\"%s\"}}",
                   more, iv_text, sealed_text, salt_text, mac_text);
    return text;
}

/* The definition ----------------------------------------------------------------------
 */

static void the_published_keystores_open(void **state)
{
    (void)state;
    opens(published_pbkdf2, "testpassword", published_key);
    opens(published_scrypt, "testpassword", published_key);
}

static void what_others_seal_opens(void **state)
{
    static const uint8_t low[X402_KEY_LEN] = {[30] = 0x12, [31] = 0x34};

    (void)state;
    opens(seal(test_key, 32, ""), "foo", test_key_text);
    opens(seal(low, 32, ""), "foo",
          "0000000000000000000000000000000000000000000000000000000000001234");
    opens(seal(low, 2, ""), "foo",
          "0000000000000000000000000000000000000000000000000000000000001234");
}

static void a_wrong_passphrase_opens_nothing(void **state)
{
    uint8_t key[X402_KEY_LEN] = {0};
    static const uint8_t untouched[X402_KEY_LEN] = {0};
    static char longer[KEYSTORE_PASSPHRASE_MAX + 2];
    struct keystore k;

    (void)state;
    memset(longer, 'a', sizeof(longer) - 1);
    parses(&k, seal(test_key, 32, ""));
    assert_int_equal(keystore_unlock(key, &k, SLICE("fop")), RC_BAD_KEY);
    assert_int_equal(keystore_unlock(key, &k, SLICE("")), RC_BAD_KEY);
    assert_int_equal(keystore_unlock(key, &k, SLICE("foo\n")), RC_BAD_KEY);
    assert_int_equal(keystore_unlock(key, &k, slice_str(longer)), RC_BAD_KEY);
    assert_memory_equal(key, untouched, sizeof(key));
}

static void no_byte_may_differ(void **state)
{
    uint8_t key[X402_KEY_LEN];
    struct keystore good, k;

    (void)state;
    parses(&good, seal(test_key, 32, ""));
    for (size_t i = 0; i < 32; i++) {
        k = good;
        k.ciphertext[i] ^= 1;
        assert_int_equal(keystore_unlock(key, &k, SLICE("foo")), RC_BAD_KEY);
        k = good;
        k.mac[i] ^= 0x80;
        assert_int_equal(keystore_unlock(key, &k, SLICE("foo")), RC_BAD_KEY);
    }
    k = good;
    k.salt[0] ^= 1;
    assert_int_equal(keystore_unlock(key, &k, SLICE("foo")), RC_BAD_KEY);
    k = good;
    k.cost.n *= 2;
    assert_int_equal(keystore_unlock(key, &k, SLICE("foo")), RC_BAD_KEY);
    k = good;
    k.ciphertext_len = 31;
    assert_int_equal(keystore_unlock(key, &k, SLICE("foo")), RC_BAD_KEY);
}

/* Parsing -----------------------------------------------------------------------------
 */

/* The published keystore with one piece of its text changed. */
static void changed(const char *text, const char *from, const char *to,
                    const char *expected)
{
    const char *at = strstr(text, from);
    char room[TEXT_SIZE];
    const char *why = NULL;
    struct keystore k;

    assert_non_null(at);
    (void)snprintf(room, sizeof(room), "%.*s%s%s", (int)(at - text), text, to,
                   at + strlen(from));
    if (expected == NULL) {
        assert_int_equal(keystore_parse(&k, &why, slice_str(room)), RC_OK);
        return;
    }
    assert_int_equal(keystore_parse(&k, &why, slice_str(room)), RC_BAD_INPUT);
    assert_string_equal(why, expected);
}

static void each_member_has_one_form(void **state)
{
    static const char costs[] =
        "n, r and p are no parameters of scrypt, or take too much";

    (void)state;
    changed(published_scrypt, "version\":3", "version\":4", "version is not 3");
    changed(published_scrypt, "version\":3", "version\":\"3\"", "version is not 3");
    changed(published_scrypt, "\"crypto\"", "\"Crypto\"", NULL);
    changed(published_scrypt, "\"crypto\"", "\"krypto\"", "cipher is not aes-128-ctr");
    changed(published_scrypt, "-ctr", "-cbc", "cipher is not aes-128-ctr");
    changed(published_scrypt, "83dbcc", "83db", "iv is not hex of 16 bytes");
    changed(published_scrypt, "83dbcc", "83dbcg", "iv is not hex of 16 bytes");
    changed(published_scrypt, "d172bf", "d172bfaa",
            "ciphertext is not hex of at most 32 bytes");
    changed(published_scrypt, "d172bf", "d172b",
            "ciphertext is not hex of at most 32 bytes");
    changed(published_scrypt, "2103ac", "2103", "mac is not hex of 32 bytes");
    changed(published_scrypt, "\"mac\"", "\"mak\"", "mac is not hex of 32 bytes");
    changed(published_scrypt, "\"scrypt\"", "\"argon2\"",
            "kdf is neither scrypt nor pbkdf2 with hmac-sha256");
    changed(published_pbkdf2, "hmac-sha256", "hmac-sha1",
            "kdf is neither scrypt nor pbkdf2 with hmac-sha256");
    changed(published_scrypt, "dklen\":32", "dklen\":64", "dklen is not 32");
    changed(published_scrypt, "\"salt\"", "\"pepper\"",
            "salt is not hex of 1 to 64 bytes");
    changed(published_scrypt, "262144", "262145", costs);
    changed(published_scrypt, "262144", "-2", costs);
    changed(published_scrypt, "262144", "2e5", costs);
    changed(published_scrypt, "262144", "18446744073709551616", costs);
    changed(published_scrypt, "\"p\":8", "\"p\":64", costs);
    changed(published_scrypt, "\"r\":1", "\"r\":1000000", costs);
    changed(published_pbkdf2, "262144", "0", "c is not from 1 to 10000000");
    changed(published_pbkdf2, "262144", "10000001", "c is not from 1 to 10000000");
    changed(published_pbkdf2, "{", "{\"address\":\"0x12\",", "address is not one");
}

static void only_strict_json_is_read(void **state)
{
    static char longer[KEYSTORE_TEXT_MAX + 2];
    const char *why = NULL;
    struct keystore k;

    (void)state;
    changed(published_scrypt, "\"version\":3", "\"version\":3,\"version\":3",
            "is not a JSON object");
    changed(published_scrypt, "3}", "3}x", "is not a JSON object");
    changed(published_scrypt, "{\"crypto\"", "[{\"crypto\"", "is not a JSON object");
    memset(longer, ' ', sizeof(longer) - 1);
    memcpy(longer, published_scrypt, sizeof(published_scrypt) - 1);
    assert_int_equal(keystore_parse(&k, &why, slice_str(longer)), RC_BAD_INPUT);
    assert_int_equal(keystore_parse(&k, &why, SLICE_NONE), RC_BAD_INPUT);
}

/* Files -------------------------------------------------------------------------------
 */

/* Writes a file with that mode; its path stays for as long as the test of one thing
 * needs it. */
static char *file(const char *name, const char *text, mode_t mode)
{
    static char paths[PATHS][PATH_SIZE];
    static unsigned next;
    char *path = paths[next++ % PATHS];

    (void)snprintf(path, PATH_SIZE, "%s/%s", conf_fixture_dir(), name);
    if (text != NULL) {
        conf_fixture_write(name, text, strlen(text));
        assert_int_equal(chmod(path, mode), 0);
    }
    return path;
}

/* expected NULL: it is read, and is the test's key; else what is said of the file. */
static void reads(const struct config_key_file *f, const char *path,
                  const char *expected)
{
    uint8_t key[X402_KEY_LEN];
    struct x402_address address;
    char line[TEXT_SIZE], text[X402_ADDRESS_TEXT_SIZE];
    struct buf said;

    buf_init(&said, SAID_MAX);
    assert_int_equal(keystore_read(key, &address, f, &said),
                     expected == NULL ? RC_OK : RC_BAD_CONFIG);
    if (expected == NULL) {
        assert_int_equal(buf_slice(&said).len, 0);
        assert_memory_equal(key, test_key, sizeof(key));
        x402_address_print(text, &address);
        assert_string_equal(text, test_address);
    } else {
        (void)snprintf(line, sizeof(line), "%s: %s\n", path, expected);
        buf_append_char(&said, '\0');
        assert_string_equal(buf_slice(&said).bytes, line);
    }
    buf_free(&said);
}

static void reads_hex(const char *text, mode_t mode, const char *expected)
{
    struct config_key_file f = {.present = true, .hex_file = file("k", text, mode)};

    reads(&f, f.hex_file, expected);
}

static void a_bare_key_is_64_digits_of_a_closed_file(void **state)
{
    char text[TEXT_SIZE];

    (void)state;
    reads_hex(test_key_text, 0600, NULL);
    (void)snprintf(text, sizeof(text), "0x%s\r\n", test_key_text);
    reads_hex(text, 0400, NULL);
    reads_hex(test_key_text, 0640, "is open to others: chmod 600");
    reads_hex(test_key_text, 0604, "is open to others: chmod 600");
    reads_hex("", 0600, "is not a key of 64 hex digits");
    reads_hex(test_key_text + 1, 0600, "is not a key of 64 hex digits");
    (void)snprintf(text, sizeof(text), "%s\n\n", test_key_text);
    reads_hex(text, 0600, "is not a key of 64 hex digits");
    (void)snprintf(text, sizeof(text), "0x%s\r\nx", test_key_text);
    reads_hex(text, 0600, "is larger than it can be");
    reads_hex("0000000000000000000000000000000000000000000000000000000000000000", 0600,
              "its number is not a key");
    reads_hex("fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141", 0600,
              "its number is not a key");
}

static void what_cannot_be_read_is_told(void **state)
{
    struct config_key_file f = {.present = true, .hex_file = file("none", NULL, 0)};
    char *path = file("folder", NULL, 0);

    (void)state;
    reads(&f, f.hex_file, "No such file or directory");
    assert_int_equal(mkdir(path, 0700), 0);
    f.hex_file = path;
    reads(&f, path, "is no regular file");
    assert_int_equal(rmdir(path), 0);
    path = file("pipe", NULL, 0);
    assert_int_equal(mkfifo(path, 0600), 0);
    f.hex_file = path;
    reads(&f, path, "is no regular file");
    assert_int_equal(unlink(path), 0);
}

static void a_keystore_opens_by_its_passphrase_file(void **state)
{
    struct config_key_file f = {.present = true,
                                .keystore = file("s", seal(test_key, 32, ""), 0644),
                                .passphrase_file = file("p", "foo\n", 0640)};

    (void)state;
    reads(&f, NULL, NULL);
    (void)file("p", "foo", 0400);
    reads(&f, NULL, NULL);
    (void)file("p", "fooo\n", 0600);
    reads(&f, f.keystore, "the passphrase is not this keystore's");
    (void)file("p", "foo\n\n", 0600);
    reads(&f, f.keystore, "the passphrase is not this keystore's");
    (void)file("p", "foo", 0604);
    reads(&f, f.passphrase_file, "is open to everyone: chmod 600");
    (void)file("s", "{\"version\":1}", 0600);
    reads(&f, f.keystore, "version is not 3");
}

static void a_passphrase_may_be_told(void **state)
{
    struct config_key_file f = {.present = true,
                                .keystore = file("t", seal(test_key, 32, ""), 0644)};

    (void)state;
    assert_int_equal(secret_new(&f.passphrase, SLICE("foo")), RC_OK);
    reads(&f, NULL, NULL);
    secret_unref(f.passphrase);
    assert_int_equal(secret_new(&f.passphrase, SLICE("bar")), RC_OK);
    reads(&f, f.keystore, "the passphrase is not this keystore's");
    secret_unref(f.passphrase);
}

static void an_address_must_be_the_keys(void **state)
{
    struct config_key_file f = {.present = true,
                                .keystore = file("a", NULL, 0),
                                .passphrase_file = file("q", "foo", 0600)};
    static const char *const good[] = {
        "\"address\":\"2c7536e3605d9c16a7a3d7b1898e529396a65c23\",",
        "\"address\":\"0x2C7536e3605d9c16a7a3d7b1898e529396a65c23\",",
        "\"address\":\"\","};

    (void)state;
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        (void)file("a", seal(test_key, 32, good[i]), 0600);
        reads(&f, NULL, NULL);
    }
    (void)file(
        "a",
        seal(test_key, 32, "\"address\":\"2c7536e3605d9c16a7a3d7b1898e529396a65c24\","),
        0600);
    reads(&f, f.keystore, "its address is not its key's");
}

static int open_all(void **state)
{
    uint8_t seed[X402_KEY_LEN] = {7};

    if (x402_curve_start(seed) != RC_OK)
        return -1;
    return conf_fixture_open(state);
}

static int close_all(void **state)
{
    x402_curve_stop();
    return conf_fixture_close(state);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_published_keystores_open),
        cmocka_unit_test(what_others_seal_opens),
        cmocka_unit_test(a_wrong_passphrase_opens_nothing),
        cmocka_unit_test(no_byte_may_differ),
        cmocka_unit_test(each_member_has_one_form),
        cmocka_unit_test(only_strict_json_is_read),
        cmocka_unit_test(a_bare_key_is_64_digits_of_a_closed_file),
        cmocka_unit_test(what_cannot_be_read_is_told),
        cmocka_unit_test(a_keystore_opens_by_its_passphrase_file),
        cmocka_unit_test(a_passphrase_may_be_told),
        cmocka_unit_test(an_address_must_be_the_keys),
    };

    return cmocka_run_group_tests(tests, open_all, close_all);
}
