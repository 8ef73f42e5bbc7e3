/* SPDX-License-Identifier: Apache-2.0 */
/* Archives that are made to harm (D21, D22). Each is put together here; none may be
 * taken in part, and none may cost more memory than an honest one of the largest size.
 */
#include "skills/package.h"

#include "tests/archive_fixture.h"

#include <locale.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include <cmocka.h>

#define TEXT "---\nname: weather\ndescription: Tells the weather.\n---\n# Weather\n"
#define MB   ((size_t)1 << 20)

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

static enum rc read_archive(struct slice archive)
{
    struct skill_package *p = NULL;
    enum rc rc;

    buf_reset(&why);
    assert_int_equal(skill_package_new(&p), RC_OK);
    rc = skill_package_read(p, archive, &why);
    if (rc == RC_OK)
        rc = skill_package_seal(p, &why);
    assert_true(rc == RC_OK || buf_len(&why) > 0);
    assert_false(slice_has_ctl(buf_slice(&why)));
    skill_package_free(p);
    return rc;
}

static void is_refused_with(enum rc expected, struct slice archive, const char *words)
{
    const enum rc rc = read_archive(archive);

    if (rc != expected ||
        slice_search(buf_slice(&why), slice_str(words)) == buf_len(&why))
        fail_msg("%s, not %s \"%s\": %.*s", rc_reason(rc), rc_reason(expected), words,
                 SLICE_FMT(buf_slice(&why)));
}

/* A zip with an honest SKILL.md and one more file. */
static void zip_with(struct zip_maker *z, const struct zip_entry *e)
{
    zip_begin(z);
    zip_stored(z, SLICE("SKILL.md"), SLICE(TEXT));
    zip_put(z, e);
}

static void zip_is_refused(const struct zip_entry *e, const char *words)
{
    struct zip_maker z;

    zip_with(&z, e);
    is_refused_with(RC_BAD_INPUT, zip_end(&z), words);
    zip_free(&z);
}

static void tar_is_refused(char type, const char *name, const char *link,
                           const char *words)
{
    struct buf tar;

    buf_init(&tar, ARCHIVE_MAX);
    tar_file(&tar, "SKILL.md", SLICE(TEXT));
    tar_put(&tar, type, name, link, 0, SLICE_NONE);
    tar_end(&tar);
    is_refused_with(RC_BAD_INPUT, buf_slice(&tar), words);
    buf_free(&tar);
}

/* Paths
 * ---------------------------------------------------------------------------------
 */

struct bad_path {
    struct slice path;
    const char *words;
};

#define LONG_PATH                                                       \
    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa/" \
    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa/" \
    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa/" \
    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

static const struct bad_path bad_paths[] = {
    {SLICE("../x"), "\"..\""},
    {SLICE(".."), "\"..\""},
    {SLICE("a/../../x"), "\"..\""},
    {SLICE("a/.."), "\"..\""},
    {SLICE("a/./b"), "\"..\""},
    {SLICE("/etc/passwd"), "absolute"},
    {SLICE("//x"), "absolute"},
    {SLICE("a//b"), "empty part"},
    {SLICE("..\\x"), "backslash"},
    {SLICE("a\\..\\x"), "backslash"},
    {SLICE("C:/x"), "colon"},
    {SLICE("C:x"), "colon"},
    {SLICE("a:stream"), "colon"},
    {SLICE("a\nb"), "cannot be seen"},
    {SLICE("a\x1b[2Jb"), "cannot be seen"},
    {SLICE("a\x7f"), "cannot be seen"},
    {SLICE("gpj.\xe2\x80\xae"
           "exe"),
     "cannot be seen"},
    {SLICE("SKILL\xe2\x80\x8b.md"), "cannot be seen"},
    {SLICE("a\xc2\x85"
           "b"),
     "cannot be seen"},
    {SLICE("a."), "dot or space"},
    {SLICE("a "), "dot or space"},
    {SLICE("a./b"), "dot or space"},
    {SLICE("a /b"), "dot or space"},
    {SLICE("..."), "dot or space"},
    {SLICE(".git/config"), "repository"},
    {SLICE("a/.GIT/hooks/x"), "repository"},
    {SLICE("\xff\xfe"), "UTF-8"},
    {SLICE("a\xc0\xae\xc0\xae/x"), "UTF-8"}, /* an overlong ".." */
    {SLICE("\xed\xa0\x80"), "UTF-8"},        /* half a surrogate */
    {SLICE(LONG_PATH "a"), "255"},
};

static void d21_a_path_that_leads_elsewhere_is_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(bad_paths) / sizeof(bad_paths[0]); i++) {
        const struct zip_entry e = {.name = bad_paths[i].path};
        struct skill_package *p = NULL;

        zip_is_refused(&e, bad_paths[i].words);
        buf_reset(&why);
        assert_int_equal(skill_package_new(&p), RC_OK);
        assert_int_equal(skill_package_add(p, bad_paths[i].path, SLICE("x"), &why),
                         RC_BAD_INPUT);
        assert_int_equal(skill_package_count(p), 0);
        skill_package_free(p);
    }
}

/* With the mark that says so, libarchive looks at names before we do. */
static void d21_the_same_in_names_that_are_said_to_be_utf8(void **state)
{
    static const char *const locales[] = {"C", "C.UTF-8"};

    (void)state;
    for (size_t k = 0; k < sizeof(locales) / sizeof(locales[0]); k++) {
        assert_non_null(setlocale(LC_ALL, locales[k]));
        for (size_t i = 0; i < sizeof(bad_paths) / sizeof(bad_paths[0]); i++) {
            const struct zip_entry e = {.name = bad_paths[i].path,
                                        .flags = ZIP_FLAG_UTF8};

            zip_is_refused(&e, "");
        }
    }
    assert_non_null(setlocale(LC_ALL, "C"));
}

static void d21_the_longest_path_is_taken_and_one_more_is_not(void **state)
{
    const struct zip_entry e = {.name = SLICE(LONG_PATH)};
    struct zip_maker z;

    (void)state;
    assert_int_equal(sizeof(LONG_PATH) - 1, SKILL_PATH_MAX);
    zip_with(&z, &e);
    assert_int_equal(read_archive(zip_end(&z)), RC_OK);
    zip_free(&z);
}

static void d21_a_path_in_a_tar_leads_nowhere_either(void **state)
{
    static const char *const names[] = {"../x", "/etc/passwd", "a/../../x", "a\\b",
                                        "C:x",  "./../x",      "././/x"};

    (void)state;
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        tar_is_refused('0', names[i], "", "the path");
    tar_is_refused('5', "../", "", "the path");
}

static void d21_a_nul_byte_in_a_name_is_refused(void **state)
{
    const struct zip_entry e = {.name = SLICE("run.sh\0/../../x")};
    struct skill_package *p = NULL;

    (void)state;
    zip_is_refused(&e, "NUL");
    buf_reset(&why);
    assert_int_equal(skill_package_new(&p), RC_OK);
    assert_int_equal(skill_package_add(p, SLICE("a\0b"), SLICE("x"), &why),
                     RC_BAD_INPUT);
    assert_int_equal(skill_package_add(p, SLICE(""), SLICE("x"), &why), RC_BAD_INPUT);
    skill_package_free(p);
}

/* The two places of a zip that name a file: readers differ in which one they believe.
 */
static void d21_a_file_with_two_names_is_refused(void **state)
{
    const struct zip_entry e = {.name = SLICE("run.sh"),
                                .central_name = SLICE("../../run.sh")};
    const struct zip_entry other = {.name = SLICE("../run.sh"),
                                    .central_name = SLICE("run.sh")};

    (void)state;
    zip_is_refused(&e, "two names");
    zip_is_refused(&other, "two names");
}

static void d21_skill_md_in_two_cases_is_refused(void **state)
{
    const struct zip_entry e = {.name = SLICE("skill.md")};
    struct zip_maker z;

    (void)state;
    zip_with(&z, &e);
    is_refused_with(RC_EXISTS, zip_end(&z), "cannot both be");
    zip_free(&z);
}

/* Links and devices
 * ---------------------------------------------------------------------
 */

static void d21_links_devices_and_pipes_are_refused(void **state)
{
    (void)state;
    tar_is_refused('2', "x", "/etc/passwd", "link");
    tar_is_refused('2', "x", "SKILL.md", "link");
    tar_is_refused('1', "x", "SKILL.md", "link");
    tar_is_refused('1', "x", "../../etc/passwd", "link");
    tar_is_refused('3', "x", "", "no plain file");
    tar_is_refused('4', "x", "", "no plain file");
    tar_is_refused('6', "x", "", "no plain file");
}

static void d21_a_link_in_a_zip_is_refused(void **state)
{
    const struct slice target = SLICE("/etc/passwd");
    const struct zip_entry e = {.name = SLICE("x"),
                                .packed = target,
                                .crc = zip_crc(target),
                                .len = (uint32_t)target.len,
                                .unix_mode = UNIX_LINK};
    const struct zip_entry device = {.name = SLICE("x"), .unix_mode = 0020666};
    const struct zip_entry pipe = {.name = SLICE("x"), .unix_mode = 0010666};

    (void)state;
    zip_is_refused(&e, "link");
    zip_is_refused(&device, "no plain file");
    zip_is_refused(&pipe, "no plain file");
}

/* A folder that is a link first, and then a file in it. */
static void d21_a_file_behind_a_link_is_refused(void **state)
{
    struct buf tar;

    (void)state;
    buf_init(&tar, ARCHIVE_MAX);
    tar_file(&tar, "SKILL.md", SLICE(TEXT));
    tar_put(&tar, '2', "d", "/tmp", 0, SLICE_NONE);
    tar_file(&tar, "d/x", SLICE("x"));
    tar_end(&tar);
    is_refused_with(RC_BAD_INPUT, buf_slice(&tar), "link");
    buf_free(&tar);
}

static void d21_what_is_encrypted_or_packed_oddly_is_refused(void **state)
{
    const struct zip_entry locked = {.name = SLICE("x"),
                                     .packed = SLICE("0123456789abcdef"),
                                     .len = 4,
                                     .flags = ZIP_FLAG_ENCRYPTED};
    struct zip_entry odd = {.name = SLICE("x"), .packed = SLICE("01234567"), .len = 4};
    static const uint32_t methods[] = {1, 6, 9, 12, 14, 93, 95, 97, 98, 99};

    (void)state;
    zip_is_refused(&locked, "encrypted");
    for (size_t i = 0; i < sizeof(methods) / sizeof(methods[0]); i++) {
        odd.method = methods[i];
        zip_is_refused(&odd, "");
    }
}

/* Bombs
 * ---------------------------------------------------------------------------------
 */

static struct slice zeros(size_t len)
{
    static char *room;

    if (room == NULL)
        room = calloc(1, 64 * MB);
    assert_non_null(room);
    return slice_from(room, len);
}

static void d22_a_bomb_of_high_ratio_is_refused_while_it_unpacks(void **state)
{
    struct zip_maker z;
    struct buf tar, packed;

    (void)state;
    zip_begin(&z);
    zip_stored(&z, SLICE("SKILL.md"), SLICE(TEXT));
    zip_deflated(&z, SLICE("zeros"), zeros(9 * MB));
    is_refused_with(RC_TOO_BIG, zip_end(&z), "100 times");
    zip_free(&z);
    buf_init(&tar, ARCHIVE_MAX);
    buf_init(&packed, ARCHIVE_MAX);
    tar_file(&tar, "zeros", zeros(9 * MB));
    tar_end(&tar);
    gzip(&packed, buf_slice(&tar));
    is_refused_with(RC_TOO_BIG, buf_slice(&packed), "100 times");
    buf_free(&tar);
    buf_free(&packed);
}

/* A little of it is an ordinary text of blanks. */
static void d22_a_ratio_below_a_megabyte_is_nobodys_business(void **state)
{
    struct zip_maker z;

    (void)state;
    zip_begin(&z);
    zip_stored(&z, SLICE("SKILL.md"), SLICE(TEXT));
    zip_deflated(&z, SLICE("zeros"), zeros(MB - 100));
    assert_int_equal(read_archive(zip_end(&z)), RC_OK);
    zip_free(&z);
}

static void d22_a_file_that_is_too_large_is_refused(void **state)
{
    struct zip_maker z;

    (void)state;
    zip_begin(&z);
    zip_stored(&z, SLICE("SKILL.md"), SLICE(TEXT));
    zip_stored(&z, SLICE("large"), zeros(SKILL_FILE_BYTES_MAX));
    assert_int_equal(read_archive(zip_end(&z)), RC_OK);
    zip_free(&z);
    zip_begin(&z);
    zip_stored(&z, SLICE("large"), zeros(SKILL_FILE_BYTES_MAX + 1));
    is_refused_with(RC_TOO_BIG, zip_end(&z), "10 MB");
    zip_free(&z);
}

static void d22_files_that_are_too_large_together_are_refused(void **state)
{
    struct skill_package *p = NULL;
    struct zip_maker z;

    (void)state;
    zip_begin(&z);
    for (unsigned i = 0; i < 6; i++) {
        char name[8];

        (void)snprintf(name, sizeof(name), "f%u", i);
        zip_stored(&z, slice_str(name), zeros(8 * MB + MB / 2));
    }
    is_refused_with(RC_TOO_BIG, zip_end(&z), "50 MB");
    zip_free(&z);
    assert_int_equal(skill_package_new(&p), RC_OK);
    for (unsigned i = 0; i < 5; i++) {
        char name[8];

        (void)snprintf(name, sizeof(name), "f%u", i);
        assert_int_equal(skill_package_add(p, slice_str(name), zeros(10 * MB), &why),
                         RC_OK);
    }
    assert_int_equal(skill_package_add(p, SLICE("x"), SLICE("x"), &why), RC_TOO_BIG);
    skill_package_free(p);
    assert_int_equal(read_archive(zeros(SKILL_ARCHIVE_BYTES_MAX + 1)), RC_TOO_BIG);
}

static void add_many(struct zip_maker *z, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        char name[16];

        (void)snprintf(name, sizeof(name), "f%u", i);
        zip_stored(z, slice_str(name), SLICE(""));
    }
}

static void d22_too_many_files_are_refused(void **state)
{
    struct zip_maker z;

    (void)state;
    zip_begin(&z);
    zip_stored(&z, SLICE("SKILL.md"), SLICE(TEXT));
    add_many(&z, SKILL_FILES_MAX - 1);
    assert_int_equal(read_archive(zip_end(&z)), RC_OK);
    zip_free(&z);
    zip_begin(&z);
    add_many(&z, SKILL_FILES_MAX + 1);
    is_refused_with(RC_TOO_BIG, zip_end(&z), "1000 files");
    zip_free(&z);
    zip_begin(&z);
    add_many(&z, 60000);
    is_refused_with(RC_TOO_BIG, zip_end(&z), "1000 files");
    zip_free(&z);
}

static void d22_too_many_folders_and_rubbish_are_refused_too(void **state)
{
    struct buf tar;

    (void)state;
    buf_init(&tar, ARCHIVE_MAX);
    for (unsigned i = 0; i < 5 * SKILL_FILES_MAX; i++)
        tar_put(&tar, '5', "d/", "", 0, SLICE_NONE);
    tar_end(&tar);
    is_refused_with(RC_TOO_BIG, buf_slice(&tar), "1000 files");
    buf_reset(&tar);
    for (unsigned i = 0; i < 5 * SKILL_FILES_MAX; i++)
        tar_file(&tar, "d/.DS_Store", SLICE("x"));
    tar_end(&tar);
    is_refused_with(RC_TOO_BIG, buf_slice(&tar), "1000 files");
    buf_free(&tar);
}

/* What is left out would be skipped by unpacking it: it counts like the rest. */
static void d22_a_bomb_in_what_is_left_out_is_counted(void **state)
{
    struct zip_maker z;
    struct buf tar, packed;

    (void)state;
    zip_begin(&z);
    zip_stored(&z, SLICE("SKILL.md"), SLICE(TEXT));
    zip_deflated(&z, SLICE("__MACOSX/zeros"), zeros(60 * MB));
    is_refused_with(RC_TOO_BIG, zip_end(&z), "100 times");
    zip_free(&z);
    buf_init(&tar, ARCHIVE_MAX);
    buf_init(&packed, ARCHIVE_MAX);
    tar_put(&tar, '0', "._x", "", 9 * MB, zeros(9 * MB));
    tar_end(&tar);
    gzip(&packed, buf_slice(&tar));
    is_refused_with(RC_TOO_BIG, buf_slice(&packed), "100 times");
    buf_free(&tar);
    buf_free(&packed);
}

/* Gzip in gzip, whose inner head is longer than memory: only one layer is peeled. */
static void d22_an_archive_that_is_packed_again_is_no_archive(void **state)
{
    struct buf tar, once, twice;

    (void)state;
    buf_init(&tar, ARCHIVE_MAX);
    buf_init(&once, ARCHIVE_MAX);
    buf_init(&twice, ARCHIVE_MAX);
    tar_file(&tar, "SKILL.md", SLICE(TEXT));
    tar_end(&tar);
    gzip(&once, buf_slice(&tar));
    assert_int_equal(read_archive(buf_slice(&once)), RC_OK);
    gzip(&twice, buf_slice(&once));
    is_refused_with(RC_BAD_INPUT, buf_slice(&twice), "broken");
    buf_free(&tar);
    buf_free(&once);
    buf_free(&twice);
}

/* A zip that holds itself would never end if somebody opened what is inside. */
static void d22_nested_archives_stay_closed(void **state)
{
    struct zip_maker inner, outer;

    (void)state;
    zip_begin(&inner);
    zip_deflated(&inner, SLICE("zeros"), zeros(60 * MB));
    zip_begin(&outer);
    zip_stored(&outer, SLICE("SKILL.md"), SLICE(TEXT));
    zip_stored(&outer, SLICE("inner.zip"), zip_end(&inner));
    assert_int_equal(read_archive(zip_end(&outer)), RC_OK);
    zip_free(&inner);
    zip_free(&outer);
}

/* Many entries of the directory that share one packed text. */
static void d22_files_that_overlap_are_counted_or_refused(void **state)
{
    struct zip_maker z;
    struct buf one;
    struct zip_entry e = {.name = SLICE("zeros"), .method = ZIP_DEFLATED};

    (void)state;
    buf_init(&one, ARCHIVE_MAX);
    gzip(&one, zeros(9 * MB));
    e.packed = slice_sub(buf_slice(&one), 10, buf_len(&one) - 18);
    e.len = (uint32_t)(9 * MB);
    e.crc = zip_crc(zeros(9 * MB));
    zip_begin(&z);
    zip_stored(&z, SLICE("SKILL.md"), SLICE(TEXT));
    for (unsigned i = 0; i < 20; i++) {
        const size_t start = buf_len(&z.out);

        zip_put(&z, &e);
        if (i > 0) /* takes its own bytes back: the entry points behind them */
            z.out.end = z.out.start + start;
    }
    assert_int_not_equal(read_archive(zip_end(&z)), RC_OK);
    zip_free(&z);
    buf_free(&one);
}

/* A hole in a tar is a few bytes that read as gigabytes of zeros. */
static void d22_a_sparse_file_counts_what_it_reads_as(void **state)
{
    static const char map[] = "22 GNU.sparse.major=1\n22 GNU.sparse.minor=0\n"
                              "27 GNU.sparse.name=zeros\n\n"
                              "36 GNU.sparse.realsize=9000000000\n";
    struct buf tar;

    (void)state;
    buf_init(&tar, ARCHIVE_MAX);
    tar_file(&tar, "SKILL.md", SLICE(TEXT));
    tar_put(&tar, 'x', "pax", "", sizeof(map) - 1, SLICE(map));
    tar_file(&tar, "x", SLICE("0\n"));
    tar_end(&tar);
    assert_int_not_equal(read_archive(buf_slice(&tar)), RC_OK);
    buf_free(&tar);
}

/* Lies and cuts
 * -------------------------------------------------------------------------
 */

static void d22_sizes_and_sums_that_lie_are_refused(void **state)
{
    const struct slice text = SLICE("twelve bytes");
    struct zip_entry e = {.name = SLICE("x"),
                          .packed = text,
                          .crc = zip_crc(text),
                          .len = (uint32_t)text.len};
    struct zip_maker z;
    struct buf packed;

    (void)state;
    zip_with(&z, &e);
    assert_int_equal(read_archive(zip_end(&z)), RC_OK);
    zip_free(&z);
    e.crc ^= 1;
    zip_is_refused(&e, "broken");
    e.crc ^= 1;
    e.len = 5;
    zip_is_refused(&e, "broken");
    e.len = UINT32_MAX - 1;
    zip_is_refused(&e, "broken");
    buf_init(&packed, ARCHIVE_MAX);
    gzip(&packed, text);
    e.method = ZIP_DEFLATED;
    e.packed = slice_sub(buf_slice(&packed), 10, buf_len(&packed) - 18);
    e.len = 1000;
    zip_is_refused(&e, "broken");
    e.len = 1;
    zip_is_refused(&e, "broken");
    buf_free(&packed);
}

static void d22_a_tar_whose_sizes_lie_is_refused(void **state)
{
    struct buf tar;

    (void)state;
    buf_init(&tar, ARCHIVE_MAX);
    tar_file(&tar, "SKILL.md", SLICE(TEXT));
    tar_put(&tar, '0', "x", "", UINT64_C(0777777777), SLICE("few"));
    tar_end(&tar);
    is_refused_with(RC_BAD_INPUT, buf_slice(&tar), "broken");
    buf_free(&tar);
}

static void every_cut(struct slice archive)
{
    for (size_t len = 0; len < archive.len; len++) {
        const enum rc rc = read_archive(slice_sub(archive, 0, len));

        if (rc == RC_OK)
            fail_msg("cut to %zu of %zu bytes, and taken", len, archive.len);
    }
}

static void d22_an_archive_that_is_cut_anywhere_is_refused(void **state)
{
    struct zip_maker z;
    struct buf tar, packed;

    (void)state;
    zip_begin(&z);
    zip_stored(&z, SLICE("run.sh"), SLICE("echo hi\n"));
    zip_deflated(&z, SLICE("SKILL.md"), SLICE(TEXT));
    every_cut(zip_end(&z));
    zip_free(&z);
    buf_init(&tar, ARCHIVE_MAX);
    buf_init(&packed, ARCHIVE_MAX);
    tar_file(&tar, "SKILL.md", SLICE(TEXT));
    tar_file(&tar, "run.sh", SLICE("echo hi\n"));
    tar_end(&tar);
    gzip(&packed, buf_slice(&tar));
    every_cut(buf_slice(&packed));
    buf_free(&tar);
    buf_free(&packed);
}

/* Not one of them crashes, and none is taken with a file that is not what it was. */
static void every_flipped_bit_is_refused_or_harmless(void **state)
{
    struct zip_maker z;
    char *bytes;
    struct slice archive;

    (void)state;
    zip_begin(&z);
    zip_deflated(&z, SLICE("SKILL.md"), SLICE(TEXT));
    archive = zip_end(&z);
    bytes = malloc(archive.len);
    assert_non_null(bytes);
    memcpy(bytes, archive.bytes, archive.len);
    for (size_t bit = 0; bit < 8 * archive.len; bit++) {
        struct skill_package *p = NULL;

        bytes[bit / 8] ^= (char)(1 << bit % 8);
        buf_reset(&why);
        assert_int_equal(skill_package_new(&p), RC_OK);
        if (skill_package_read(p, slice_from(bytes, archive.len), &why) == RC_OK &&
            skill_package_seal(p, &why) == RC_OK)
            assert_true(slice_equal(skill_package_file(p, 0)->bytes, SLICE(TEXT)));
        skill_package_free(p);
        bytes[bit / 8] ^= (char)(1 << bit % 8);
    }
    free(bytes);
    zip_free(&z);
}

/* Readers that look elsewhere would find other files in these. */
static void d21_zips_with_two_meanings_are_refused(void **state)
{
    struct zip_maker z;
    struct buf joined;
    struct slice archive;

    (void)state;
    zip_begin(&z);
    zip_stored(&z, SLICE("SKILL.md"), SLICE(TEXT));
    archive = zip_end(&z);
    assert_int_equal(read_archive(archive), RC_OK);
    buf_init(&joined, ARCHIVE_MAX);
    buf_append(&joined, archive);
    buf_append_str(&joined, "more");
    is_refused_with(RC_BAD_INPUT, buf_slice(&joined), "follows its end");
    buf_reset(&joined);
    buf_append(&joined, archive);
    buf_append(&joined, archive);
    is_refused_with(RC_BAD_INPUT, buf_slice(&joined), "the zip is broken");
    buf_reset(&joined);
    buf_append_str(&joined, "PK before it");
    buf_append(&joined, archive);
    is_refused_with(RC_BAD_INPUT, buf_slice(&joined), "the zip is broken");
    buf_free(&joined);
    zip_free(&z);
}

static void what_is_no_archive_is_refused(void **state)
{
    static const struct slice texts[] = {
        SLICE(""),
        SLICE("P"),
        SLICE("PK"),
        SLICE("PK\5\6"),
        SLICE("\x1f\x8b"),
        SLICE("\x1f\x8b\x08\0\0\0\0\0\0\x03"),
        SLICE("Rar!\x1a\7"),
        SLICE("7z\xbc\xaf\x27\x1c"),
        SLICE("# SKILL\n"),
        SLICE("\xfd"
              "7zXZ\0"),
        SLICE("BZh91AY"),
        SLICE("\x28\xb5\x2f\xfd"),
        SLICE("!<arch>\n"),
        SLICE("070701"),
    };

    (void)state;
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        assert_int_equal(read_archive(texts[i]), RC_BAD_INPUT);
    assert_int_equal(read_archive(zeros(10240)), RC_BAD_INPUT);
}

/* Memory
 * --------------------------------------------------------------------------------
 */

/* The last of the tests: no bomb above made the process larger than the archives that
 * the test itself holds, and an honest package of the largest size. */
static void d22_no_bomb_takes_memory(void **state)
{
    struct rusage usage;
    const size_t most_kb = (64 + 2 * 64 + 2 * 52 + 64) * 1024;

    (void)state;
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
    skip();
#endif
#if defined(__has_feature)
#    if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
    skip();
#    endif
#endif
    assert_int_equal(getrusage(RUSAGE_SELF, &usage), 0);
    assert_in_range(usage.ru_maxrss, 1, most_kb);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(d21_a_path_that_leads_elsewhere_is_refused),
        TEST(d21_the_same_in_names_that_are_said_to_be_utf8),
        TEST(d21_the_longest_path_is_taken_and_one_more_is_not),
        TEST(d21_a_path_in_a_tar_leads_nowhere_either),
        TEST(d21_a_nul_byte_in_a_name_is_refused),
        TEST(d21_a_file_with_two_names_is_refused),
        TEST(d21_skill_md_in_two_cases_is_refused),
        TEST(d21_links_devices_and_pipes_are_refused),
        TEST(d21_a_link_in_a_zip_is_refused),
        TEST(d21_a_file_behind_a_link_is_refused),
        TEST(d21_what_is_encrypted_or_packed_oddly_is_refused),
        TEST(d22_a_bomb_of_high_ratio_is_refused_while_it_unpacks),
        TEST(d22_a_ratio_below_a_megabyte_is_nobodys_business),
        TEST(d22_a_file_that_is_too_large_is_refused),
        TEST(d22_files_that_are_too_large_together_are_refused),
        TEST(d22_too_many_files_are_refused),
        TEST(d22_too_many_folders_and_rubbish_are_refused_too),
        TEST(d22_a_bomb_in_what_is_left_out_is_counted),
        TEST(d22_an_archive_that_is_packed_again_is_no_archive),
        TEST(d22_nested_archives_stay_closed),
        TEST(d22_files_that_overlap_are_counted_or_refused),
        TEST(d22_a_sparse_file_counts_what_it_reads_as),
        TEST(d22_sizes_and_sums_that_lie_are_refused),
        TEST(d22_a_tar_whose_sizes_lie_is_refused),
        TEST(d22_an_archive_that_is_cut_anywhere_is_refused),
        TEST(every_flipped_bit_is_refused_or_harmless),
        TEST(d21_zips_with_two_meanings_are_refused),
        TEST(what_is_no_archive_is_refused),
        TEST(d22_no_bomb_takes_memory),
    };

    return cmocka_run_group_tests_name("skills/package_attacks", tests, NULL, NULL);
}
