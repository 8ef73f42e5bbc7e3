/* SPDX-License-Identifier: Apache-2.0 */
/* Packages: what is read from archives and written again. What archives must not be is
 * in test_skills_package_attacks.c. */
#include "skills/package.h"

#include "base/codec.h"
#include "skills/front.h"
#include "tests/archive_fixture.h"
#include "tests/vectors.h"

#include <json-c/json.h>
#include <locale.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#define TEXT "---\nname: weather\ndescription: Tells the weather.\n---\n# Weather\n"

static struct buf why;

static int set_up(void **state)
{
    (void)state;
    buf_init(&why, 4096);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    buf_free(&why);
    return 0;
}

static struct skill_package *new_package(void)
{
    struct skill_package *p = NULL;

    buf_reset(&why);
    assert_int_equal(skill_package_new(&p), RC_OK);
    return p;
}

static void add(struct skill_package *p, const char *path, const char *bytes)
{
    assert_int_equal(skill_package_add(p, slice_str(path), slice_str(bytes), &why),
                     RC_OK);
}

static void seal(struct skill_package *p)
{
    const enum rc rc = skill_package_seal(p, &why);

    if (rc != RC_OK)
        fail_msg("%.*s", SLICE_FMT(buf_slice(&why)));
}

static struct skill_package *read_package(struct slice archive)
{
    struct skill_package *p = new_package();
    const enum rc rc = skill_package_read(p, archive, &why);

    if (rc != RC_OK)
        fail_msg("%s: %.*s", rc_reason(rc), SLICE_FMT(buf_slice(&why)));
    seal(p);
    return p;
}

static void has(const struct skill_package *p, const char *path, struct slice bytes)
{
    const struct skill_file *f = skill_package_find(p, slice_str(path));
    uint8_t hash[SHA256_LEN];

    if (f == NULL)
        fail_msg("%s is not there", path);
    assert_true(slice_equal(f->bytes, bytes));
    sha256(hash, bytes);
    assert_memory_equal(f->sha256, hash, sizeof(hash));
}

/* Archives ----------------------------------------------------------------------------
 */

static void a_zip_is_read_stored_or_deflated(void **state)
{
    struct zip_maker z;
    struct skill_package *p;

    (void)state;
    zip_begin(&z);
    zip_deflated(&z, SLICE("SKILL.md"), SLICE(TEXT));
    zip_stored(&z, SLICE("scripts/run.sh"), SLICE("echo hi\n"));
    zip_stored(&z, SLICE("scripts/"), SLICE(""));
    zip_stored(&z, SLICE("empty.txt"), SLICE(""));
    p = read_package(zip_end(&z));
    assert_int_equal(skill_package_count(p), 3);
    has(p, "SKILL.md", SLICE(TEXT));
    has(p, "scripts/run.sh", SLICE("echo hi\n"));
    has(p, "empty.txt", SLICE(""));
    assert_null(skill_package_find(p, SLICE("scripts")));
    assert_int_equal(skill_package_bytes(p), sizeof(TEXT) - 1 + 8);
    assert_true(slice_equal_str(skill_package_front(p)->name, "weather"));
    skill_package_free(p);
    zip_free(&z);
}

static void a_tar_is_read_plain_or_gzipped(void **state)
{
    struct buf tar, packed;
    struct skill_package *p;

    (void)state;
    buf_init(&tar, ARCHIVE_MAX);
    buf_init(&packed, ARCHIVE_MAX);
    tar_put(&tar, '5', "./", "", 0, SLICE_NONE);
    tar_put(&tar, '5', "./scripts/", "", 0, SLICE_NONE);
    tar_file(&tar, "./scripts/run.sh", SLICE("echo hi\n"));
    tar_file(&tar, "./SKILL.md", SLICE(TEXT));
    tar_end(&tar);
    p = read_package(buf_slice(&tar));
    assert_int_equal(skill_package_count(p), 2);
    has(p, "scripts/run.sh", SLICE("echo hi\n"));
    skill_package_free(p);
    gzip(&packed, buf_slice(&tar));
    p = read_package(buf_slice(&packed));
    has(p, "SKILL.md", SLICE(TEXT));
    skill_package_free(p);
    buf_free(&tar);
    buf_free(&packed);
}

static void a_single_folder_around_all_is_taken_off(void **state)
{
    struct zip_maker z;
    struct skill_package *p;

    (void)state;
    zip_begin(&z);
    zip_stored(&z, SLICE("weather-1.0/"), SLICE(""));
    zip_stored(&z, SLICE("weather-1.0/a/b.txt"), SLICE("b"));
    zip_stored(&z, SLICE("weather-1.0/SKILL.md"), SLICE(TEXT));
    p = read_package(zip_end(&z));
    has(p, "SKILL.md", SLICE(TEXT));
    has(p, "a/b.txt", SLICE("b"));
    skill_package_free(p);
    zip_free(&z);
}

static void a_folder_stays_when_something_lies_beside_it(void **state)
{
    struct zip_maker z;
    struct skill_package *p;

    (void)state;
    zip_begin(&z);
    zip_stored(&z, SLICE("docs/SKILL.md"), SLICE("not ours"));
    zip_stored(&z, SLICE("SKILL.md"), SLICE(TEXT));
    p = read_package(zip_end(&z));
    has(p, "SKILL.md", SLICE(TEXT));
    has(p, "docs/SKILL.md", SLICE("not ours"));
    skill_package_free(p);
    zip_free(&z);
}

static void rubbish_of_macos_is_left_out_and_counted(void **state)
{
    struct zip_maker z;
    struct skill_package *p;

    (void)state;
    zip_begin(&z);
    zip_stored(&z, SLICE("w/SKILL.md"), SLICE(TEXT));
    zip_stored(&z, SLICE("__MACOSX/w/._SKILL.md"), SLICE("x"));
    zip_stored(&z, SLICE("w/.DS_Store"), SLICE("x"));
    zip_stored(&z, SLICE("w/._run.sh"), SLICE("x"));
    p = read_package(zip_end(&z));
    assert_int_equal(skill_package_count(p), 1);
    assert_int_equal(skill_package_left_out(p), 3);
    has(p, "SKILL.md", SLICE(TEXT));
    skill_package_free(p);
    zip_free(&z);
}

/* Names in every form that zips have them: marked as UTF-8 or not, in any locale. */
static void names_beyond_ascii_are_read_in_every_locale(void **state)
{
    static const char *const locales[] = {"C", "C.UTF-8"};
    static const struct slice name = {"caf\xc3\xa9/\xe6\x97\xa5\xe6\x9c\xac.md", 15};

    (void)state;
    for (size_t i = 0; i < sizeof(locales) / sizeof(locales[0]); i++) {
        for (uint32_t flags = 0; flags <= ZIP_FLAG_UTF8; flags += ZIP_FLAG_UTF8) {
            struct zip_entry e = {.name = name, .flags = flags};
            struct zip_maker z;
            struct skill_package *p;

            assert_non_null(setlocale(LC_ALL, locales[i]));
            zip_begin(&z);
            zip_stored(&z, SLICE("SKILL.md"), SLICE(TEXT));
            zip_put(&z, &e);
            p = read_package(zip_end(&z));
            has(p, name.bytes, SLICE(""));
            assert_string_equal(setlocale(LC_ALL, NULL), locales[i]);
            skill_package_free(p);
            zip_free(&z);
        }
    }
    assert_non_null(setlocale(LC_ALL, "C"));
}

static void names_beyond_ascii_are_read_from_tar(void **state)
{
    struct buf tar;
    struct skill_package *p;

    (void)state;
    buf_init(&tar, ARCHIVE_MAX);
    tar_file(&tar, "SKILL.md", SLICE(TEXT));
    tar_file(&tar, "\xe6\x97\xa5.md", SLICE("raw"));
    tar_put(&tar, 'x', "pax", "", 21, SLICE("21 path=caf\xc3\xa9/pax.md\n"));
    tar_file(&tar, "short", SLICE("pax"));
    tar_end(&tar);
    p = read_package(buf_slice(&tar));
    has(p, "\xe6\x97\xa5.md", SLICE("raw"));
    has(p, "caf\xc3\xa9/pax.md", SLICE("pax"));
    skill_package_free(p);
    buf_free(&tar);
}

static void an_archive_in_an_archive_is_a_file(void **state)
{
    struct zip_maker inner, outer;
    struct skill_package *p;

    (void)state;
    zip_begin(&inner);
    zip_stored(&inner, SLICE("../../etc/passwd"), SLICE("x"));
    zip_begin(&outer);
    zip_stored(&outer, SLICE("SKILL.md"), SLICE(TEXT));
    zip_stored(&outer, SLICE("inner.zip"), zip_end(&inner));
    p = read_package(zip_end(&outer));
    assert_int_equal(skill_package_count(p), 2);
    has(p, "inner.zip", buf_slice(&inner.out));
    skill_package_free(p);
    zip_free(&inner);
    zip_free(&outer);
}

/* The zip of ours
 * -----------------------------------------------------------------------
 */

static void write_zip(struct buf *out, const struct skill_package *p)
{
    buf_init(out, SKILL_ARCHIVE_BYTES_MAX);
    assert_int_equal(skill_package_zip(out, p), RC_OK);
}

static void the_same_files_make_the_same_bytes(void **state)
{
    static const char *const paths[] = {"SKILL.md", "b.txt", "a/z.txt", "a-b.txt",
                                        "\xc3\xa9.txt"};
    static const char *const texts[] = {TEXT, "b", "", "ab", "e"};

    enum {
        COUNT = sizeof(paths) / sizeof(paths[0])
    };
    struct buf first, again;

    (void)state;
    for (unsigned round = 0; round < COUNT; round++) {
        struct skill_package *p = new_package();

        for (unsigned i = 0; i < COUNT; i++)
            add(p, paths[(i * 2 + round) % COUNT], texts[(i * 2 + round) % COUNT]);
        seal(p);
        (void)setenv("TZ", round % 2 == 0 ? "Asia/Tokyo" : "America/Lima", 1);
        tzset();
        (void)umask(round % 2 == 0 ? 077 : 022);
        write_zip(round == 0 ? &first : &again, p);
        if (round > 0) {
            assert_true(slice_equal(buf_slice(&first), buf_slice(&again)));
            buf_free(&again);
        }
        skill_package_free(p);
    }
    buf_free(&first);
}

/* The digest of a zip is signed, stored and compared by clients: it may never change
 * with a compiler, a library or a version of ours. */
static void the_bytes_of_a_zip_stay_what_they_are(void **state)
{
    struct skill_package *p = new_package();
    uint8_t hash[SHA256_LEN];
    char hex[2 * SHA256_LEN + 1];
    struct buf zip;

    (void)state;
    add(p, "scripts/run.sh", "echo hi\n");
    add(p, "SKILL.md", TEXT);
    seal(p);
    write_zip(&zip, p);
    sha256(hash, buf_slice(&zip));
    hex_encode(hex, hash, sizeof(hash));
    assert_string_equal(
        hex, "2b50b5c69ac08c965c479a1176c32f912048528f367dfcce6afb5b4a1896cfcc");
    buf_free(&zip);
    skill_package_free(p);
}

static void a_zip_of_ours_is_read_again(void **state)
{
    struct skill_package *p = new_package();
    struct skill_package *again;
    uint8_t before[32], after[32];
    struct buf zip, twice;

    (void)state;
    add(p, "SKILL.md", TEXT);
    add(p, "a/b/c.txt", "deep");
    add(p, "\xe6\x97\xa5\xe6\x9c\xac.txt", "");
    seal(p);
    write_zip(&zip, p);
    again = read_package(buf_slice(&zip));
    assert_int_equal(skill_package_count(again), 3);
    has(again, "a/b/c.txt", SLICE("deep"));
    write_zip(&twice, again);
    assert_true(slice_equal(buf_slice(&zip), buf_slice(&twice)));
    skill_package_fingerprint(before, p);
    skill_package_fingerprint(after, again);
    assert_memory_equal(before, after, sizeof(before));
    buf_free(&zip);
    buf_free(&twice);
    skill_package_free(p);
    skill_package_free(again);
}

/* What others make of it: Python checks every CRC and header. */
static void a_zip_of_ours_is_good_for_other_programs(void **state)
{
    struct skill_package *p = new_package();
    char name[] = "/tmp/octroi-zip-XXXXXX";
    char command[256];
    struct buf zip;
    FILE *f;
    int fd;

    (void)state;
    if (access("/usr/bin/python3", X_OK) != 0) {
        skill_package_free(p);
        skip();
    }
    add(p, "SKILL.md", TEXT);
    add(p, "d/caf\xc3\xa9.txt", "x");
    seal(p);
    write_zip(&zip, p);
    fd = mkstemp(name);
    assert_true(fd >= 0);
    f = fdopen(fd, "w");
    assert_non_null(f);
    assert_int_equal(fwrite(buf_slice(&zip).bytes, 1, buf_len(&zip), f), buf_len(&zip));
    assert_int_equal(fclose(f), 0);
    (void)snprintf(
        command, sizeof(command),
        "/usr/bin/python3 -c 'import sys, zipfile; z = zipfile.ZipFile(sys.argv[1]); "
        "sys.exit(z.testzip() is not None or z.namelist() != "
        "[\"SKILL.md\", \"d/caf\\u00e9.txt\"])' %s",
        name);
    assert_int_equal(system(command), 0);
    (void)unlink(name);
    buf_free(&zip);
    skill_package_free(p);
}

static void a_buffer_too_small_for_the_zip_is_told(void **state)
{
    struct skill_package *p = new_package();
    struct buf out;

    (void)state;
    add(p, "SKILL.md", TEXT);
    seal(p);
    buf_init(&out, 100);
    assert_int_equal(skill_package_zip(&out, p), RC_TOO_BIG);
    buf_free(&out);
    skill_package_free(p);
}

/* The package
 * ---------------------------------------------------------------------------
 */

static void without_a_good_skill_md_nothing_is_sealed(void **state)
{
    struct skill_package *p = new_package();

    (void)state;
    assert_int_equal(skill_package_seal(p, &why), RC_BAD_INPUT);
    assert_true(slice_equal_str(buf_slice(&why), "there is no SKILL.md"));
    add(p, "skill.md", TEXT);
    buf_reset(&why);
    assert_int_equal(skill_package_seal(p, &why), RC_BAD_INPUT);
    assert_true(
        slice_equal_str(buf_slice(&why), "there is no SKILL.md, but \"skill.md\""));
    skill_package_free(p);
    p = new_package();
    add(p, "SKILL.md", "# No front matter\n");
    assert_int_equal(skill_package_seal(p, &why), RC_BAD_INPUT);
    assert_true(buf_len(&why) > 0);
    skill_package_free(p);
}

struct pair {
    const char *a, *b;
    bool clash;
};

static void d21_paths_that_are_one_on_some_disk_are_refused(void **state)
{
    static const struct pair pairs[] = {
        {"a.md", "a.md", true},
        {"a.md", "A.MD", true},
        {"Dir/x", "dir/X", true},
        {"a", "a/b", true},
        {"a/b", "A", true},
        {"caf\xc3\xa9", "CAF\xc3\x89", true},
        {"\xce\xa3", "\xcf\x83", true},       /* sigma */
        {"\xcf\x82", "\xcf\x83", true},       /* and its form at the end of words */
        {"\xd0\x96.md", "\xd0\xb6.md", true}, /* zhe */
        {"\xc5\x81", "\xc5\x82", true},       /* l with stroke */
        {"a", "ab", false},
        {"a/b", "a-b", false},
        {"a.b/c", "a.b.c", false},
        {"\xc3\x97", "\xc3\xb7", false}, /* times and divided by */
    };

    (void)state;
    for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
        struct skill_package *p = new_package();

        add(p, pairs[i].a, "1");
        assert_int_equal(skill_package_add(p, slice_str(pairs[i].b), SLICE("2"), &why),
                         pairs[i].clash ? RC_EXISTS : RC_OK);
        assert_int_equal(skill_package_count(p), pairs[i].clash ? 1 : 2);
        skill_package_free(p);
    }
}

static void the_manifest_lists_every_file(void **state)
{
    struct skill_package *p = new_package();
    struct buf out;

    (void)state;
    add(p, "run.sh", "echo hi\n");
    add(p, "SKILL.md", TEXT);
    seal(p);
    buf_init(&out, 4096);
    skill_package_manifest(&out, p);
    assert_true(slice_equal_str(
        buf_slice(&out),
        "{\"files\":[{\"path\":\"SKILL.md\",\"size\":64,\"sha256\":"
        "\"1a254eea107191f77511c82dd0cdcfbddcfd5e13a53948e4ea54193bbc338115\","
        "\"contentType\":\"text/markdown\"},"
        "{\"path\":\"run.sh\",\"size\":8,\"sha256\":"
        "\"ab08508fdf5ca4da5c4995987bc41c56c048aaa5eeb046417ae4049b7d40286e\","
        "\"contentType\":\"application/x-sh\"}]}"));
    buf_free(&out);
    skill_package_free(p);
}

static void types_go_by_the_end_of_the_path(void **state)
{
    (void)state;
    assert_string_equal(skill_content_type(SLICE("a/README.MD")), "text/markdown");
    assert_string_equal(skill_content_type(SLICE("a.json")), "application/json");
    assert_string_equal(skill_content_type(SLICE("a.bin")), "application/octet-stream");
    assert_string_equal(skill_content_type(SLICE(".md")), "application/octet-stream");
    assert_string_equal(skill_content_type(SLICE("")), "application/octet-stream");
}

/* ClawHub's fingerprint
 * -----------------------------------------------------------------
 */

static void fingerprint_of(uint8_t out[32], struct json_object *one)
{
    struct json_object *files = vector_member(one, "files");
    struct skill_package *p = new_package();

    json_object_object_foreach(files, path, text)
    {
        add(p, path, json_object_get_string(text));
    }
    seal(p);
    skill_package_fingerprint(out, p);
    skill_package_free(p);
}

static void fingerprints_are_those_of_clawhubs_client(void **state)
{
    static const char *const names[] = {"a", "b"};
    struct json_object *o = vectors_open("clawhub.json");

    (void)state;
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        struct json_object *one = vector_member(vector_member(o, "cases"), names[i]);
        uint8_t expected[32], found[32];

        assert_int_equal(hex_decode(expected, 32, vector_text(one, "fingerprint")),
                         RC_OK);
        fingerprint_of(found, one);
        assert_memory_equal(found, expected, 32);
    }
    json_put(o);
}

static void paths_are_in_the_order_of_clawhubs_client(void **state)
{
    struct json_object *o = vectors_open("clawhub.json");
    struct json_object *one = vector_member(vector_member(o, "cases"), "order");
    struct json_object *sorted = vector_list(one, "sorted_paths");

    (void)state;
    for (size_t i = 0; i + 1 < json_array_count(sorted); i++)
        assert_true(skill_path_cmp(vector_element_text(sorted, i),
                                   vector_element_text(sorted, i + 1)) < 0);
    json_put(o);
}

static int sign(int64_t n)
{
    return (n > 0) - (n < 0);
}

static void pairs_of_paths_are_in_icus_order(void **state)
{
    struct json_object *o = vectors_open("path-order.json");
    struct json_object *pairs = vector_list(o, "pairs");

    (void)state;
    for (size_t i = 0; i < json_array_count(pairs); i++) {
        struct json_object *pair = json_array_at(pairs, i);
        const struct slice a = vector_element_text(pair, 0);
        const struct slice b = vector_element_text(pair, 1);
        const int expected = json_object_get_int(json_array_at(pair, 2));

        if (sign(skill_path_cmp(a, b)) != expected)
            fail_msg("\"%.*s\" and \"%.*s\" are not %d", SLICE_FMT(a), SLICE_FMT(b),
                     expected);
        assert_int_equal(sign(skill_path_cmp(b, a)), -expected);
        assert_int_equal(skill_path_cmp(a, a), 0);
    }
    json_put(o);
}

/* What ICU does not tell apart, or we know nothing of, still has one order. */
static void the_order_of_paths_is_total(void **state)
{
    static const char *const paths[] = {"",      "a",   "A",         "\xc3\xa9",
                                        "e",     "z",   "Z\xc3\xa9", "\xe6\x97\xa5",
                                        "a\x01", "\x01"};

    enum {
        COUNT = sizeof(paths) / sizeof(paths[0])
    };

    (void)state;
    for (unsigned i = 0; i < COUNT * COUNT * COUNT; i++) {
        const struct slice a = slice_str(paths[i % COUNT]);
        const struct slice b = slice_str(paths[i / COUNT % COUNT]);
        const struct slice c = slice_str(paths[i / COUNT / COUNT]);

        assert_int_equal(sign(skill_path_cmp(a, b)), -sign(skill_path_cmp(b, a)));
        assert_int_equal(skill_path_cmp(a, b) == 0, slice_equal(a, b));
        if (skill_path_cmp(a, b) < 0 && skill_path_cmp(b, c) < 0)
            assert_true(skill_path_cmp(a, c) < 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_zip_is_read_stored_or_deflated),
        cmocka_unit_test(a_tar_is_read_plain_or_gzipped),
        cmocka_unit_test(a_single_folder_around_all_is_taken_off),
        cmocka_unit_test(a_folder_stays_when_something_lies_beside_it),
        cmocka_unit_test(rubbish_of_macos_is_left_out_and_counted),
        cmocka_unit_test(names_beyond_ascii_are_read_in_every_locale),
        cmocka_unit_test(names_beyond_ascii_are_read_from_tar),
        cmocka_unit_test(an_archive_in_an_archive_is_a_file),
        cmocka_unit_test(the_same_files_make_the_same_bytes),
        cmocka_unit_test(the_bytes_of_a_zip_stay_what_they_are),
        cmocka_unit_test(a_zip_of_ours_is_read_again),
        cmocka_unit_test(a_zip_of_ours_is_good_for_other_programs),
        cmocka_unit_test(a_buffer_too_small_for_the_zip_is_told),
        cmocka_unit_test(without_a_good_skill_md_nothing_is_sealed),
        cmocka_unit_test(d21_paths_that_are_one_on_some_disk_are_refused),
        cmocka_unit_test(the_manifest_lists_every_file),
        cmocka_unit_test(types_go_by_the_end_of_the_path),
        cmocka_unit_test(fingerprints_are_those_of_clawhubs_client),
        cmocka_unit_test(paths_are_in_the_order_of_clawhubs_client),
        cmocka_unit_test(pairs_of_paths_are_in_icus_order),
        cmocka_unit_test(the_order_of_paths_is_total),
    };

    return cmocka_run_group_tests_name("skills/package", tests, set_up, tear_down);
}
