/* SPDX-License-Identifier: Apache-2.0 */
/* Loop: the order of a turn, timers against a simple model, and that nothing which was
 * unwatched or cleared is ever called. */
#include "base/loop.h"

#include "base/clock.h"
#include "tests/prng.h"

#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <cmocka.h>

enum {
    START_MS = 1000,
    NEVER_MS = 600000 /* a wait that would be noticed */
};

/* What happened, one letter each. */
static char story[64];
static struct loop *loop;

static void tell(char c)
{
    const size_t len = strlen(story);

    assert_true(len + 1 < sizeof(story));
    story[len] = c;
    story[len + 1] = '\0';
}

static int set_up(void **state)
{
    (void)state;
    clock_set(0, START_MS);
    memset(story, 0, sizeof(story));
    return loop_open(&loop) == RC_OK ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    loop_close(loop);
    clock_real();
    return 0;
}

/* A descriptor that is readable from the start. */
struct source {
    struct loop_watch watch;
    char letter;
    struct source *other;
    uint32_t seen;
};

static struct source *source_of(struct loop_watch *w)
{
    return (struct source *)((char *)w - offsetof(struct source, watch));
}

static void tell_source(struct loop_watch *w, uint32_t events)
{
    source_of(w)->seen = events;
    tell(source_of(w)->letter);
}

static void source_open(struct source *s, char letter, uint32_t events)
{
    *s = (struct source){.letter = letter};
    s->watch.fd = eventfd(1, EFD_NONBLOCK | EFD_CLOEXEC);
    s->watch.ready = tell_source;
    assert_true(s->watch.fd >= 0);
    assert_int_equal(loop_watch(loop, &s->watch, events), RC_OK);
}

static void source_close(struct source *s)
{
    loop_unwatch(loop, &s->watch);
    close(s->watch.fd);
}

static void tell_inbox(struct inbox_message *m)
{
    (void)m;
    tell('i');
}

static void tell_timer(struct loop_timer *t)
{
    (void)t;
    tell('t');
}

static void tell_hook(struct loop_hook *h)
{
    (void)h;
    tell('h');
}

static uint64_t tell_sleep(struct loop_hook *h)
{
    (void)h;
    tell('s');
    return UINT64_MAX;
}

static void a_turn_runs_inbox_descriptors_timers_hooks(void **state)
{
    struct loop_hook hook = {.turn = tell_hook, .sleep_ms = tell_sleep};
    struct inbox_message m = {.run = tell_inbox};
    struct loop_timer t = {.fire = tell_timer};
    struct source s;

    (void)state;
    loop_hook_add(loop, &hook);
    loop_timer_set(loop, &t, START_MS);
    source_open(&s, 'd', EPOLLIN);
    inbox_post(loop_inbox(loop), &m);
    loop_turn(loop, NEVER_MS);
    assert_string_equal(story, "sidth");
    source_close(&s);
}

static uint64_t sleep_not_at_all(struct loop_hook *h)
{
    (void)h;
    return 0;
}

static void a_hook_can_ask_for_no_sleep(void **state)
{
    struct loop_hook awake = {.sleep_ms = sleep_not_at_all};
    uint64_t start_ms;

    (void)state;
    clock_real();
    start_ms = clock_mono_ms();
    loop_hook_add(loop, &awake);
    for (unsigned i = 0; i < 30; i++)
        loop_turn(loop, NEVER_MS);
    /* Asleep, it would be a second for each turn: far from this, on any machine. */
    assert_true(clock_mono_ms() - start_ms < 15000);
}

/* Descriptors */

static void unwatch_other(struct loop_watch *w, uint32_t events)
{
    tell_source(w, events);
    loop_unwatch(loop, &source_of(w)->other->watch);
}

static void unwatch_takes_back_events_already_fetched(void **state)
{
    struct source a;
    struct source b;

    (void)state;
    source_open(&a, 'x', EPOLLIN);
    source_open(&b, 'x', EPOLLIN);
    a.other = &b;
    b.other = &a;
    a.watch.ready = unwatch_other;
    b.watch.ready = unwatch_other;
    loop_turn(loop, 0);
    assert_string_equal(story, "x"); /* whichever came first */
    source_close(&a);
    source_close(&b);
}

static void forget_other(struct loop_watch *w, uint32_t events)
{
    struct source *other = source_of(w)->other;

    tell_source(w, events);
    assert_int_equal(close(other->watch.fd), 0);
    loop_forget(loop, &other->watch);
    loop_forget(loop, &other->watch); /* not watched: fine */
}

static void a_closed_descriptor_can_be_forgotten(void **state)
{
    struct source a;
    struct source b;

    (void)state;
    source_open(&a, 'x', EPOLLIN);
    source_open(&b, 'x', EPOLLIN);
    a.other = &b;
    b.other = &a;
    a.watch.ready = forget_other;
    b.watch.ready = forget_other;
    loop_turn(loop, 0);
    assert_string_equal(story, "x"); /* whichever came first */
    source_close(a.watch.events != 0 ? &a : &b);
}

static void free_other(struct loop_watch *w, uint32_t events)
{
    struct source *s = source_of(w);

    tell_source(w, events);
    source_close(s->other);
    free(s->other);
    s->other = NULL;
    source_close(s);
    free(s);
}

static void a_watch_may_be_freed_in_any_callback(void **state)
{
    struct source *a = malloc(sizeof(*a));
    struct source *b = malloc(sizeof(*b));

    (void)state;
    assert_non_null(a);
    assert_non_null(b);
    source_open(a, 'x', EPOLLIN);
    source_open(b, 'x', EPOLLIN);
    a->other = b;
    b->other = a;
    a->watch.ready = free_other;
    b->watch.ready = free_other;
    loop_turn(loop, 0);
    loop_turn(loop, 0);
    assert_string_equal(story, "x");
}

static struct source *to_unwatch;

static void unwatch_from_inbox(struct inbox_message *m)
{
    (void)m;
    loop_unwatch(loop, &to_unwatch->watch);
}

static void a_message_can_unwatch_before_descriptors_run(void **state)
{
    struct inbox_message m = {.run = unwatch_from_inbox};
    struct source s;

    (void)state;
    source_open(&s, 'd', EPOLLIN);
    to_unwatch = &s;
    inbox_post(loop_inbox(loop), &m);
    loop_turn(loop, 0);
    assert_string_equal(story, "");
    source_close(&s);
}

static void narrow_other(struct loop_watch *w, uint32_t events)
{
    tell_source(w, events);
    assert_int_equal(loop_watch(loop, &source_of(w)->other->watch, 0), RC_OK);
}

static void asking_for_less_takes_back_events_already_fetched(void **state)
{
    struct source a;
    struct source b;

    (void)state;
    source_open(&a, 'x', EPOLLIN);
    source_open(&b, 'x', EPOLLIN);
    a.other = &b;
    b.other = &a;
    a.watch.ready = narrow_other;
    b.watch.ready = narrow_other;
    loop_turn(loop, 0);
    assert_string_equal(story, "x");
    source_close(&a);
    source_close(&b);
}

static void watching_again_changes_the_set(void **state)
{
    struct source s;

    (void)state;
    source_open(&s, 'd', EPOLLIN);
    loop_turn(loop, 0);
    assert_int_equal(s.seen, EPOLLIN);
    assert_int_equal(loop_watch(loop, &s.watch, EPOLLOUT), RC_OK);
    loop_turn(loop, 0);
    assert_int_equal(s.seen, EPOLLOUT);
    assert_int_equal(loop_watch(loop, &s.watch, 0), RC_OK);
    loop_turn(loop, 0);
    assert_string_equal(story, "dd");
    source_close(&s);
}

static void an_edge_is_told_once(void **state)
{
    struct source s;

    (void)state;
    source_open(&s, 'd', EPOLLIN | EPOLLET);
    loop_turn(loop, 0);
    loop_turn(loop, 0);
    assert_string_equal(story, "d");
    source_close(&s);
}

static void more_ready_descriptors_than_a_batch_are_all_served(void **state)
{
    enum {
        MANY = 300
    };
    struct source *many = calloc(MANY, sizeof(*many));
    unsigned served = 0;

    (void)state;
    assert_non_null(many);
    for (unsigned i = 0; i < MANY; i++)
        source_open(&many[i], '\0', EPOLLIN | EPOLLET);
    for (unsigned turn = 0; turn < 4; turn++)
        loop_turn(loop, 0);
    for (unsigned i = 0; i < MANY; i++) {
        served += many[i].seen == EPOLLIN;
        source_close(&many[i]);
    }
    assert_int_equal(served, MANY);
    free(many);
}

static void what_cannot_be_watched_is_refused(void **state)
{
    struct loop_watch file = {.fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC)};
    struct loop_watch closed = {.fd = -1};

    (void)state;
    assert_int_equal(loop_watch(loop, &closed, EPOLLIN), RC_BAD_INPUT);
    assert_true(file.fd >= 0);
    assert_int_equal(loop_watch(loop, &file, EPOLLIN), RC_BAD_INPUT);
    loop_unwatch(loop, &file); /* was never watched */
    close(file.fd);
}

/* Timers */

enum {
    TIMERS = 200
};

struct alarm {
    struct loop_timer timer;
    uint64_t at_ms; /* 0: not armed */
    unsigned fired;
};

static struct alarm alarms[TIMERS];
static uint64_t last_at_ms;

static struct prng prng = {1};

static void check_alarm(struct loop_timer *t)
{
    struct alarm *a = (struct alarm *)((char *)t - offsetof(struct alarm, timer));

    assert_false(loop_timer_armed(t));
    assert_true(a->at_ms != 0 && a->at_ms <= loop_now_ms(loop));
    assert_true(a->at_ms >= last_at_ms);
    last_at_ms = a->at_ms;
    a->at_ms = 0;
    a->fired++;
}

static void change_one(struct alarm *a)
{
    a->timer.fire = check_alarm;
    if (prng_below(&prng, 4) == 0) {
        a->at_ms = 0;
        loop_timer_clear(loop, &a->timer);
    } else {
        a->at_ms = clock_mono_ms() + 1 + prng_below(&prng, 50);
        loop_timer_set(loop, &a->timer, a->at_ms);
    }
}

static void timers_fire_like_a_sorted_list(void **state)
{
    unsigned fired = 0;

    (void)state;
    for (unsigned round = 0; round < 500; round++) {
        for (unsigned i = 0; i < 20; i++)
            change_one(&alarms[prng_below(&prng, TIMERS)]);
        clock_advance_ms(prng_below(&prng, 8));
        last_at_ms = 0;
        loop_turn(loop, 0);
        for (unsigned i = 0; i < TIMERS; i++) {
            assert_true(alarms[i].at_ms == 0 || alarms[i].at_ms > clock_mono_ms());
            assert_int_equal(alarms[i].at_ms != 0, loop_timer_armed(&alarms[i].timer));
        }
    }
    for (unsigned i = 0; i < TIMERS; i++) {
        fired += alarms[i].fired;
        loop_timer_clear(loop, &alarms[i].timer);
    }
    assert_true(fired > 1000);
}

static struct loop_timer pair[2];

static void clear_both(struct loop_timer *t)
{
    tell_timer(t);
    loop_timer_clear(loop, &pair[0]);
    loop_timer_clear(loop, &pair[1]);
}

static void a_cleared_timer_does_not_fire_in_the_same_turn(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 2; i++) {
        pair[i] = (struct loop_timer){.fire = clear_both};
        loop_timer_set(loop, &pair[i], START_MS);
    }
    loop_turn(loop, 0);
    assert_string_equal(story, "t");
}

static void again_at_once(struct loop_timer *t)
{
    tell('a');
    loop_timer_set(loop, t, 0);
}

static void a_timer_that_always_asks_for_now_starves_no_other(void **state)
{
    struct loop_timer greedy = {.fire = again_at_once};
    struct loop_timer modest = {.fire = tell_timer};

    (void)state;
    loop_timer_set(loop, &greedy, 0);
    loop_timer_set(loop, &modest, START_MS + 1);
    loop_turn(loop, 0);
    clock_advance_ms(5);
    loop_turn(loop, 0);
    assert_non_null(strchr(story, 't'));
    assert_true(strlen(story) <= 4); /* and a turn ends */
    loop_timer_clear(loop, &greedy);
}

static void a_turn_ends_though_the_clock_stands_still(void **state)
{
    struct loop_timer t = {.fire = tell_timer};

    (void)state;
    loop_timer_set(loop, &t, START_MS + NEVER_MS);
    loop_turn(loop, 1);
    assert_string_equal(story, "");
    assert_int_equal(loop_now_ms(loop), START_MS);
    clock_advance_ms(NEVER_MS);
    loop_turn(loop, NEVER_MS);
    assert_string_equal(story, "t");
    assert_int_equal(loop_now_ms(loop), START_MS + NEVER_MS);
}

/* Running */

static void stop_loop(struct loop_timer *t)
{
    tell_timer(t);
    loop_stop(loop);
}

static void stop_ends_the_run_after_its_turn(void **state)
{
    struct loop_hook hook = {.turn = tell_hook};
    struct loop_timer t = {.fire = stop_loop};

    (void)state;
    loop_hook_add(loop, &hook);
    loop_timer_set(loop, &t, 0);
    loop_run(loop);
    assert_string_equal(story, "th");
    loop_stop(loop);
    loop_run(loop); /* a stop that came first is not lost */
    assert_string_equal(story, "th");
}

enum {
    CALLERS = 3,
    CALLS = 5000
};

struct caller {
    pthread_t thread;
    struct inbox_message *messages;
};

static unsigned call_count;

static void count_call(struct inbox_message *m)
{
    (void)m;
    if (++call_count == CALLERS * CALLS)
        loop_stop(loop);
}

static void *call_loop(void *arg)
{
    struct caller *c = arg;

    for (unsigned i = 0; i < CALLS; i++)
        inbox_post(loop_inbox(loop), &c->messages[i]);
    return NULL;
}

static void other_threads_reach_a_running_loop(void **state)
{
    struct caller callers[CALLERS];

    (void)state;
    call_count = 0;
    for (unsigned i = 0; i < CALLERS; i++) {
        callers[i].messages = calloc(CALLS, sizeof(struct inbox_message));
        assert_non_null(callers[i].messages);
        for (unsigned k = 0; k < CALLS; k++)
            callers[i].messages[k].run = count_call;
        assert_int_equal(
            pthread_create(&callers[i].thread, NULL, call_loop, &callers[i]), 0);
    }
    loop_run(loop);
    assert_int_equal(call_count, CALLERS * CALLS);
    for (unsigned i = 0; i < CALLERS; i++) {
        assert_int_equal(pthread_join(callers[i].thread, NULL), 0);
        free(callers[i].messages);
    }
}

static void closing_nothing_is_fine(void **state)
{
    (void)state;
    loop_close(NULL);
}

#define LOOP_TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        LOOP_TEST(a_turn_runs_inbox_descriptors_timers_hooks),
        LOOP_TEST(a_hook_can_ask_for_no_sleep),
        LOOP_TEST(unwatch_takes_back_events_already_fetched),
        LOOP_TEST(a_closed_descriptor_can_be_forgotten),
        LOOP_TEST(a_watch_may_be_freed_in_any_callback),
        LOOP_TEST(a_message_can_unwatch_before_descriptors_run),
        LOOP_TEST(asking_for_less_takes_back_events_already_fetched),
        LOOP_TEST(watching_again_changes_the_set),
        LOOP_TEST(an_edge_is_told_once),
        LOOP_TEST(more_ready_descriptors_than_a_batch_are_all_served),
        LOOP_TEST(what_cannot_be_watched_is_refused),
        LOOP_TEST(timers_fire_like_a_sorted_list),
        LOOP_TEST(a_cleared_timer_does_not_fire_in_the_same_turn),
        LOOP_TEST(a_timer_that_always_asks_for_now_starves_no_other),
        LOOP_TEST(a_turn_ends_though_the_clock_stands_still),
        LOOP_TEST(stop_ends_the_run_after_its_turn),
        LOOP_TEST(other_threads_reach_a_running_loop),
        cmocka_unit_test(closing_nothing_is_fine),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
