/* SPDX-License-Identifier: Apache-2.0 */
/* The book: its master key, and ids as text. */
#include "wallet/wallet_int.h"

#include "tests/wallet_fixture.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static int open_memory(void **state)
{
    struct fixture *f = malloc(sizeof(*f));

    assert_non_null(f);
    fixture_open(f, LEDGER_MEMORY);
    *state = f;
    return 0;
}

static int close_book(void **state)
{
    fixture_close(*state);
    free(*state);
    return 0;
}

static void write_file(const char *path, size_t len, mode_t mode)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    char bytes[64] = {1};

    assert_true(fd >= 0 && len <= sizeof(bytes));
    assert_int_equal(write(fd, bytes, len), (ssize_t)len);
    assert_int_equal(fchmod(fd, mode), 0);
    close(fd);
}

static enum rc open_with(struct fixture *f, const char *path)
{
    struct wallet_book *b = NULL;
    enum rc rc = wallet_book_open(&b, f->ledger, path);

    assert_int_equal(rc == RC_OK, b != NULL);
    wallet_book_close(b);
    return rc;
}

static void a_master_key_is_made_once_for_its_owner_only(void **state)
{
    struct fixture *f = *state;
    char path[96], temporary[112];
    struct stat st;

    snprintf(path, sizeof(path), "%s/m.key", f->dir);
    snprintf(temporary, sizeof(temporary), "%s.new", path);
    write_file(temporary, 5, 0644); /* what a crash has left */
    assert_int_equal(wallet_master_create(path), RC_OK);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_size, 32);
    assert_int_equal(st.st_mode & 07777, 0600);
    assert_int_equal(access(temporary, F_OK), -1);
    assert_int_equal(wallet_master_create(path), RC_EXISTS);
    assert_int_equal(open_with(f, path), RC_OK);
    assert_int_equal(wallet_master_create("/nonexistent/m.key"), RC_IO);
}

static void master_keys_differ(void **state)
{
    struct fixture *f = *state;
    uint8_t keys[2][32];

    for (unsigned i = 0; i < 2; i++) {
        char path[96];
        FILE *file;

        snprintf(path, sizeof(path), "%s/m%u.key", f->dir, i);
        assert_int_equal(wallet_master_create(path), RC_OK);
        file = fopen(path, "rb");
        assert_non_null(file);
        assert_int_equal(fread(keys[i], 1, 32, file), 32);
        assert_int_equal(fclose(file), 0);
    }
    assert_memory_not_equal(keys[0], keys[1], 32);
}

static void a_master_key_must_be_whole_and_private(void **state)
{
    struct fixture *f = *state;
    char path[96];

    snprintf(path, sizeof(path), "%s/m.key", f->dir);
    assert_int_equal(open_with(f, path), RC_NO_STORE);
    write_file(path, 31, 0600);
    assert_int_equal(open_with(f, path), RC_CORRUPT);
    write_file(path, 33, 0600);
    assert_int_equal(open_with(f, path), RC_CORRUPT);
    write_file(path, 0, 0600);
    assert_int_equal(open_with(f, path), RC_CORRUPT);
    write_file(path, 32, 0640);
    assert_int_equal(open_with(f, path), RC_FORBIDDEN);
    write_file(path, 32, 0604);
    assert_int_equal(open_with(f, path), RC_FORBIDDEN);
    write_file(path, 32, 0400);
    assert_int_equal(open_with(f, path), RC_OK);
    assert_int_equal(open_with(f, f->dir), RC_CORRUPT); /* a folder */
}

static void closing_nothing_is_fine(void **state)
{
    (void)state;
    wallet_book_close(NULL);
}

static void ids_are_printed_with_their_kind(void **state)
{
    char text[WALLET_ID_TEXT_SIZE];
    struct id id, back;

    (void)state;
    memset(id.bytes, 0xA5, ID_LEN);
    wallet_id_print(text, 'w', id);
    assert_string_equal(text, "w_a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5");
    assert_int_equal(wallet_id_parse(&back, 'w', slice_str(text)), RC_OK);
    assert_int_equal(id_cmp(back, id), 0);
    assert_int_equal(wallet_id_parse(&back, 't', slice_str(text)), RC_BAD_INPUT);
    wallet_id_print(text, 't', id);
    assert_string_equal(text, "t_a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5");
    wallet_id_print(text, 'r', id);
    assert_string_equal(text, "req_a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5");
    assert_int_equal(wallet_id_parse(&back, 'r', slice_str(text)), RC_OK);
}

static void other_texts_are_no_ids(void **state)
{
    static const char *const others[] = {
        "",
        "w_",
        "w_a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a",
        "w_a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a",
        "w_g5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5",
        "W_a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5",
        " w_a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5",
        "w_00000000000000000000000000000000",
        "a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5",
    };
    struct id id;

    (void)state;
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
        assert_int_equal(wallet_id_parse(&id, 'w', slice_str(others[i])), RC_BAD_INPUT);
}

#define TEST(claim) cmocka_unit_test_setup_teardown(claim, open_memory, close_book)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_master_key_is_made_once_for_its_owner_only),
        TEST(master_keys_differ),
        TEST(a_master_key_must_be_whole_and_private),
        cmocka_unit_test(closing_nothing_is_fine),
        cmocka_unit_test(ids_are_printed_with_their_kind),
        cmocka_unit_test(other_texts_are_no_ids),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
