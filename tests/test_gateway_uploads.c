/* SPDX-License-Identifier: Apache-2.0 */
/* Uploads: a ticket is good for one wallet, file and path, and for an hour; bytes are
 * those of the ticket; what waits is bounded and goes away. */
#include "gateway/uploads.h"

#include "base/codec.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static char dir[64];
static struct uploads *uploads;
static const uint64_t now_us = UINT64_C(1700000000000000);
static const struct id alice = {{1}};
static const struct id bob = {{2}};

static struct upload upload_of(struct id wallet, const char *text)
{
    struct upload what = {.wallet = wallet, .bytes = strlen(text)};

    sha256(what.sha256, slice_str(text));
    return what;
}

static int open_case(void **state)
{
    (void)state;
    (void)snprintf(dir, sizeof(dir), "/tmp/octroi-test-XXXXXX");
    if (mkdtemp(dir) == NULL)
        return -1;
    return uploads_open(&uploads, dir) == RC_OK ? 0 : -1;
}

static int close_case(void **state)
{
    char command[96];

    (void)state;
    uploads_close(uploads);
    (void)snprintf(command, sizeof(command), "rm -rf '%s'", dir);
    return system(command); /* allow: a folder that this test has made */
}

static void a_ticket_says_what_it_was_made_for(void **state)
{
    const struct upload what = upload_of(alice, "one");
    char ticket[UPLOADS_TICKET_SIZE];
    struct upload read;

    (void)state;
    uploads_ticket(ticket, uploads, &what, SLICE("SKILL.md"), now_us);
    assert_int_equal(uploads_ticket_read(&read, uploads, alice, slice_str(ticket),
                                         SLICE("SKILL.md"), now_us + 1),
                     RC_OK);
    assert_int_equal(read.bytes, 3);
    assert_memory_equal(read.sha256, what.sha256, SHA256_LEN);
    assert_int_equal(uploads_ticket_read(&read, uploads, alice, slice_str(ticket),
                                         SLICE_NONE, now_us + 1),
                     RC_OK);
}

static void a_ticket_is_good_for_nothing_else(void **state)
{
    const struct upload what = upload_of(alice, "one");
    char ticket[UPLOADS_TICKET_SIZE];
    struct upload read;
    size_t len;

    (void)state;
    uploads_ticket(ticket, uploads, &what, SLICE("SKILL.md"), now_us);
    len = strlen(ticket);
    assert_int_equal(
        uploads_ticket_read(&read, uploads, bob, slice_str(ticket), SLICE_NONE, now_us),
        RC_FORBIDDEN);
    assert_int_equal(uploads_ticket_read(&read, uploads, alice, slice_str(ticket),
                                         SLICE("other.md"), now_us),
                     RC_FORBIDDEN);
    assert_int_equal(uploads_ticket_read(&read, uploads, alice, slice_str(ticket),
                                         SLICE_NONE,
                                         now_us + UPLOADS_LIFE_US + 2000000),
                     RC_FORBIDDEN);
    for (size_t i = 0; i < len; i++) { /* no byte of it can be another */
        ticket[i] ^= 1;
        assert_int_equal(uploads_ticket_read(&read, uploads, alice, slice_str(ticket),
                                             SLICE_NONE, now_us),
                         RC_FORBIDDEN);
        ticket[i] ^= 1;
        assert_int_equal(uploads_ticket_read(&read, uploads, alice,
                                             slice_from(ticket, i), SLICE_NONE, now_us),
                         RC_FORBIDDEN);
    }
}

static void other_bytes_than_the_tickets_are_refused(void **state)
{
    struct upload what = upload_of(alice, "one");
    char receipt[UPLOADS_RECEIPT_SIZE];

    (void)state;
    assert_int_equal(uploads_put(receipt, uploads, &what, SLICE("two"), 100, now_us),
                     RC_CONFLICT);
    what.bytes = 4;
    assert_int_equal(uploads_put(receipt, uploads, &what, SLICE("one"), 100, now_us),
                     RC_CONFLICT);
}

static void who_knows_a_hash_only_has_no_receipt(void **state)
{
    const struct upload what = upload_of(alice, "secret");
    const struct upload bobs = upload_of(bob, "secret");
    char receipt[UPLOADS_RECEIPT_SIZE];
    char *bytes;

    (void)state;
    assert_int_equal(uploads_put(receipt, uploads, &what, SLICE("secret"), 100, now_us),
                     RC_OK);
    assert_int_equal(uploads_get(&bytes, uploads, &bobs, slice_str(receipt)),
                     RC_FORBIDDEN);
    assert_int_equal(uploads_get(&bytes, uploads, &what, slice_str(receipt)), RC_OK);
    assert_memory_equal(bytes, "secret", 6);
    free(bytes);
}

static void what_one_wallet_has_waiting_is_bounded(void **state)
{
    struct upload one = upload_of(alice, "12345"), two = upload_of(alice, "67890");
    struct upload bobs = upload_of(bob, "67890");
    char receipt[UPLOADS_RECEIPT_SIZE];

    (void)state;
    assert_int_equal(uploads_put(receipt, uploads, &one, SLICE("12345"), 9, now_us),
                     RC_OK);
    assert_int_equal(uploads_put(receipt, uploads, &one, SLICE("12345"), 9, now_us),
                     RC_OK); /* the same again */
    assert_int_equal(uploads_put(receipt, uploads, &two, SLICE("67890"), 9, now_us),
                     RC_FULL);
    assert_int_equal(uploads_put(receipt, uploads, &bobs, SLICE("67890"), 9, now_us),
                     RC_OK);
    uploads_drop(uploads, &one);
    assert_int_equal(uploads_put(receipt, uploads, &two, SLICE("67890"), 9, now_us),
                     RC_OK);
}

static void one_wallet_does_not_fill_the_room_of_all(void **state)
{
    const struct upload bobs = upload_of(bob, "bob's");
    char receipt[UPLOADS_RECEIPT_SIZE], text[16];

    (void)state;
    for (unsigned i = 0; i <= UPLOADS_OF_WALLET_MAX; i++) {
        struct upload what;

        (void)snprintf(text, sizeof(text), "file %u", i);
        what = upload_of(alice, text);
        assert_int_equal(
            uploads_put(receipt, uploads, &what, slice_str(text), 1 << 20, now_us),
            i < UPLOADS_OF_WALLET_MAX ? RC_OK : RC_FULL);
    }
    assert_int_equal(
        uploads_put(receipt, uploads, &bobs, SLICE("bob's"), 1 << 20, now_us), RC_OK);
}

static void what_was_never_published_goes_away(void **state)
{
    const struct upload one = upload_of(alice, "one"), two = upload_of(alice, "two");
    char first[UPLOADS_RECEIPT_SIZE], second[UPLOADS_RECEIPT_SIZE];
    char *bytes;

    (void)state;
    assert_int_equal(uploads_put(first, uploads, &one, SLICE("one"), 100, now_us),
                     RC_OK);
    assert_int_equal(
        uploads_put(second, uploads, &two, SLICE("two"), 100, now_us + UPLOADS_LIFE_US),
        RC_OK);
    uploads_sweep(uploads, now_us + UPLOADS_LIFE_US + 1);
    assert_int_equal(uploads_get(&bytes, uploads, &one, slice_str(first)),
                     RC_NOT_FOUND);
    assert_int_equal(uploads_get(&bytes, uploads, &two, slice_str(second)), RC_OK);
    free(bytes);
    uploads_drop(uploads, &two);
    uploads_sweep(uploads, now_us + UPLOADS_LIFE_US + 2);
    assert_int_equal(uploads_get(&bytes, uploads, &two, slice_str(second)),
                     RC_NOT_FOUND);
}

static void nothing_outlives_the_process(void **state)
{
    const struct upload one = upload_of(alice, "one");
    char receipt[UPLOADS_RECEIPT_SIZE], ticket[UPLOADS_TICKET_SIZE];
    struct upload read;
    char *bytes;

    (void)state;
    uploads_ticket(ticket, uploads, &one, SLICE("a"), now_us);
    assert_int_equal(uploads_put(receipt, uploads, &one, SLICE("one"), 100, now_us),
                     RC_OK);
    uploads_close(uploads);
    assert_int_equal(uploads_open(&uploads, dir), RC_OK);
    assert_int_equal(uploads_get(&bytes, uploads, &one, slice_str(receipt)),
                     RC_FORBIDDEN);
    assert_int_equal(uploads_ticket_read(&read, uploads, alice, slice_str(ticket),
                                         SLICE("a"), now_us),
                     RC_FORBIDDEN);
    assert_int_equal(uploads_put(receipt, uploads, &one, SLICE("one"), 100, now_us),
                     RC_OK);
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, open_case, close_case)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(a_ticket_says_what_it_was_made_for),
        CASE(a_ticket_is_good_for_nothing_else),
        CASE(other_bytes_than_the_tickets_are_refused),
        CASE(who_knows_a_hash_only_has_no_receipt),
        CASE(what_one_wallet_has_waiting_is_bounded),
        CASE(one_wallet_does_not_fill_the_room_of_all),
        CASE(what_was_never_published_goes_away),
        CASE(nothing_outlives_the_process),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
