/* SPDX-License-Identifier: Apache-2.0 */
/* Inbox: nothing is lost, each sender's order is kept, and the bell rings in time. */
#include "base/inbox.h"

#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

enum {
    SENDERS = 4,
    PER_SENDER = 20000
};

struct letter {
    struct inbox_message message;
    unsigned sender;
    unsigned number;
};

static unsigned read_numbers[16];
static unsigned read_count;
static struct inbox *reposts_into;

static struct letter *letter_of(struct inbox_message *m)
{
    return (struct letter *)((char *)m - offsetof(struct letter, message));
}

static void note(struct inbox_message *m)
{
    assert_true(read_count < 16);
    read_numbers[read_count++] = letter_of(m)->number;
}

static void note_and_free(struct inbox_message *m)
{
    note(m);
    free(letter_of(m));
}

static void note_and_repost(struct inbox_message *m)
{
    note(m);
    inbox_post(reposts_into, m);
}

static struct inbox *opened(void)
{
    struct inbox *b = NULL;

    assert_int_equal(inbox_open(&b), RC_OK);
    read_count = 0;
    return b;
}

static bool readable(const struct inbox *b)
{
    struct pollfd p = {.fd = inbox_fd(b), .events = POLLIN};

    return poll(&p, 1, 0) == 1;
}

static void messages_run_in_the_order_they_were_posted(void **state)
{
    struct inbox *b = opened();
    struct letter letters[5];

    (void)state;
    for (unsigned i = 0; i < 5; i++) {
        letters[i] = (struct letter){.message.run = note, .number = i};
        inbox_post(b, &letters[i].message);
    }
    assert_int_equal(inbox_drain(b), 5);
    for (unsigned i = 0; i < 5; i++)
        assert_int_equal(read_numbers[i], i);
    assert_int_equal(inbox_drain(b), 0);
    inbox_close(b);
}

static void a_message_may_be_freed_when_it_runs(void **state)
{
    struct inbox *b = opened();

    (void)state;
    for (unsigned i = 0; i < 3; i++) {
        struct letter *l = calloc(1, sizeof(*l));

        assert_non_null(l);
        l->message.run = note_and_free;
        inbox_post(b, &l->message);
    }
    assert_int_equal(inbox_drain(b), 3);
    inbox_close(b);
}

static void what_is_posted_while_draining_waits_and_rings_again(void **state)
{
    struct inbox *b = opened();
    struct letter l = {.message.run = note_and_repost};

    (void)state;
    reposts_into = b;
    inbox_post(b, &l.message);
    assert_int_equal(inbox_drain(b), 1);
    assert_true(readable(b));
    l.message.run = note;
    assert_int_equal(inbox_drain(b), 1);
    assert_int_equal(read_count, 2);
    inbox_close(b);
}

static void it_is_readable_only_while_something_waits(void **state)
{
    struct inbox *b = opened();
    struct letter one = {.message.run = note};
    struct letter two = {.message.run = note};

    (void)state;
    assert_false(readable(b));
    inbox_post(b, &one.message);
    inbox_post(b, &two.message);
    assert_true(readable(b));
    inbox_drain(b);
    assert_false(readable(b));
    inbox_close(b);
}

/* Several senders at once. */

struct sender {
    pthread_t thread;
    struct inbox *inbox;
    struct letter *letters;
};

static unsigned next_of[SENDERS];
static unsigned out_of_order_count;

static void check_order(struct inbox_message *m)
{
    const struct letter *l = letter_of(m);

    out_of_order_count += l->number != next_of[l->sender];
    next_of[l->sender] = l->number + 1;
}

static void *send_all(void *arg)
{
    struct sender *s = arg;

    for (unsigned i = 0; i < PER_SENDER; i++)
        inbox_post(s->inbox, &s->letters[i].message);
    return NULL;
}

static void start_sender(struct sender *s, struct inbox *b, unsigned index)
{
    s->inbox = b;
    s->letters = calloc(PER_SENDER, sizeof(struct letter));
    assert_non_null(s->letters);
    for (unsigned i = 0; i < PER_SENDER; i++)
        s->letters[i] = (struct letter){{.run = check_order}, index, i};
    assert_int_equal(pthread_create(&s->thread, NULL, send_all, s), 0);
}

static void many_senders_lose_nothing_and_each_keeps_its_order(void **state)
{
    struct inbox *b = opened();
    struct sender senders[SENDERS];
    unsigned total = 0;

    (void)state;
    for (unsigned i = 0; i < SENDERS; i++)
        start_sender(&senders[i], b, i);
    /* Only the bell says when to read: a wake that is lost hangs here. */
    while (total < SENDERS * PER_SENDER) {
        struct pollfd p = {.fd = inbox_fd(b), .events = POLLIN};

        assert_int_equal(poll(&p, 1, -1), 1);
        total += inbox_drain(b);
    }
    for (unsigned i = 0; i < SENDERS; i++) {
        assert_int_equal(pthread_join(senders[i].thread, NULL), 0);
        assert_int_equal(next_of[i], PER_SENDER);
        free(senders[i].letters);
    }
    assert_int_equal(out_of_order_count, 0);
    inbox_close(b);
}

static void *send_one(void *arg)
{
    struct sender *s = arg;

    inbox_post(s->inbox, &s->letters[0].message);
    return NULL;
}

/* The sanitizers see a sender that touches the inbox after it is freed. */
static void closing_waits_for_a_sender_whose_message_was_read(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 500; i++) {
        struct letter l = {.message.run = note};
        struct sender s = {.inbox = opened(), .letters = &l};

        assert_int_equal(pthread_create(&s.thread, NULL, send_one, &s), 0);
        while (inbox_drain(s.inbox) == 0)
            ;
        inbox_close(s.inbox);
        assert_int_equal(pthread_join(s.thread, NULL), 0);
    }
}

static void closing_nothing_is_fine(void **state)
{
    (void)state;
    inbox_close(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(messages_run_in_the_order_they_were_posted),
        cmocka_unit_test(a_message_may_be_freed_when_it_runs),
        cmocka_unit_test(what_is_posted_while_draining_waits_and_rings_again),
        cmocka_unit_test(it_is_readable_only_while_something_waits),
        cmocka_unit_test(many_senders_lose_nothing_and_each_keeps_its_order),
        cmocka_unit_test(closing_waits_for_a_sender_whose_message_was_read),
        cmocka_unit_test(closing_nothing_is_fine),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
