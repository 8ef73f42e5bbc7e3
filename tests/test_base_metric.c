/* SPDX-License-Identifier: Apache-2.0 */
/* Metrics: sums are exact whoever adds, and the text is what Prometheus reads. */
#include "base/metric.h"

#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static char text[1 << 20];

static const char *printed(void)
{
    struct buf b;

    buf_init(&b, sizeof(text) - 1);
    metric_print(&b);
    assert_false(buf_spent(&b));
    assert_int_equal(slice_to_cstr(text, sizeof(text), buf_slice(&b)), RC_OK);
    buf_free(&b);
    return text;
}

static void assert_line(const char *line)
{
    const char *at = strstr(printed(), line);

    if (at == NULL || (at != text && at[-1] != '\n') || at[strlen(line)] != '\n')
        fail_msg("no line \"%s\" in\n%s", line, text);
}

static unsigned occurrences(const char *all, const char *part)
{
    unsigned count = 0;

    for (; (all = strstr(all, part)) != NULL; all++)
        count++;
    return count;
}

static void a_counter_counts(void **state)
{
    struct metric *m = metric_counter("calls_total", NULL, "Calls.");

    (void)state;
    assert_line("calls_total 0");
    metric_add(m, 2);
    metric_add(m, 40);
    assert_int_equal(metric_value(m), 42);
    assert_line("# HELP calls_total Calls.");
    assert_line("# TYPE calls_total counter");
    assert_line("calls_total 42");
}

static void a_gauge_goes_both_ways(void **state)
{
    struct metric *m = metric_gauge("open_calls", NULL, "Open calls.");

    (void)state;
    metric_add(m, 5);
    metric_sub(m, 2);
    assert_int_equal(metric_value(m), 3);
    metric_set(m, 100);
    metric_sub(m, 1);
    assert_line("# TYPE open_calls gauge");
    assert_line("open_calls 99");
}

static void a_gauge_below_zero_reads_zero_and_recovers(void **state)
{
    struct metric *m = metric_gauge("early_subs", NULL, "Taken off before added.");

    (void)state;
    metric_sub(m, 3);
    assert_int_equal(metric_value(m), 0);
    metric_add(m, 4);
    assert_int_equal(metric_value(m), 1);
}

static void a_family_has_one_head(void **state)
{
    struct metric *a = metric_counter("answers_total", "code=\"200\"", "Answers.");
    struct metric *b = metric_counter("answers_total", "code=\"402\"", "Answers.");

    (void)state;
    assert_ptr_not_equal(a, b);
    metric_add(a, 1);
    metric_add(b, 2);
    assert_line("answers_total{code=\"200\"} 1");
    assert_line("answers_total{code=\"402\"} 2");
    assert_int_equal(occurrences(text, "# HELP answers_total "), 1);
    assert_int_equal(occurrences(text, "# TYPE answers_total "), 1);
}

static void registering_again_gives_the_same(void **state)
{
    struct metric *a = metric_counter("answers_total", "code=\"200\"", "Answers.");

    (void)state;
    assert_non_null(a);
    assert_ptr_equal(a, metric_counter("answers_total", "code=\"200\"", "Answers."));
}

static void a_histogram_sorts_into_cumulative_buckets(void **state)
{
    struct metric *m = metric_histogram_ms("wait_seconds", NULL, "Waits.");

    (void)state;
    metric_observe_ms(m, 0);
    metric_observe_ms(m, 1); /* a bound belongs to its bucket */
    metric_observe_ms(m, 2);
    metric_observe_ms(m, 3);
    metric_observe_ms(m, 80000);
    metric_observe_ms(m, 80001);
    assert_int_equal(metric_value(m), 6);
    assert_line("# TYPE wait_seconds histogram");
    assert_line("wait_seconds_bucket{le=\"0.001\"} 2");
    assert_line("wait_seconds_bucket{le=\"0.002\"} 3");
    assert_line("wait_seconds_bucket{le=\"0.005\"} 4");
    assert_line("wait_seconds_bucket{le=\"40\"} 4");
    assert_line("wait_seconds_bucket{le=\"80\"} 5");
    assert_line("wait_seconds_bucket{le=\"+Inf\"} 6");
    assert_line("wait_seconds_sum 160.007");
    assert_line("wait_seconds_count 6");
}

static void a_histogram_keeps_its_labels(void **state)
{
    struct metric *m = metric_histogram_ms("step_seconds", "step=\"hold\"", "Steps.");

    (void)state;
    metric_observe_ms(m, 20);
    assert_line("step_seconds_bucket{step=\"hold\",le=\"0.01\"} 0");
    assert_line("step_seconds_bucket{step=\"hold\",le=\"0.02\"} 1");
    assert_line("step_seconds_sum{step=\"hold\"} 0.020");
    assert_line("step_seconds_count{step=\"hold\"} 1");
}

static void bounds_rise(void **state)
{
    double last = 0;
    unsigned count = 0;

    (void)state;
    metric_histogram_ms("wait_seconds", NULL, "Waits.");
    for (const char *at = printed();
         (at = strstr(at, "wait_seconds_bucket{le=\"")) != NULL; count++) {
        double bound;

        at += strlen("wait_seconds_bucket{le=\"");
        bound = strtod(at, NULL); /* "+Inf" too */
        assert_true(bound > last);
        last = bound;
    }
    assert_int_equal(count, 18);
}

static void nothing_can_be_done_to_null(void **state)
{
    (void)state;
    metric_add(NULL, 1);
    metric_sub(NULL, 1);
    metric_set(NULL, 1);
    metric_observe_ms(NULL, 1);
    assert_int_equal(metric_value(NULL), 0);
}

static uint64_t number_after(const char *name)
{
    const char *at = strstr(printed(), name);

    assert_non_null(at);
    return strtoull(at + strlen(name), NULL, 10);
}

static void the_process_is_told(void **state)
{
    uint64_t before;
    int fd;

    (void)state;
    assert_line("# TYPE process_cpu_seconds_total counter");
    assert_line("# TYPE process_resident_memory_bytes gauge");
    assert_true(number_after("\nprocess_resident_memory_bytes ") > 100000);
    before = number_after("\nprocess_open_fds ");
    fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    assert_true(fd >= 0);
    assert_int_equal(number_after("\nprocess_open_fds "), before + 1);
    close(fd);
    assert_true(number_after("\nprocess_max_fds ") > before);
}

/* More threads than shards, so that some share one. */
enum {
    THREADS = 20,
    ROUNDS = 5000
};

static struct metric *shared_counter;
static struct metric *shared_gauge;
static struct metric *shared_histogram;

static void *add_many(void *arg)
{
    for (unsigned i = 0; i < ROUNDS; i++) {
        metric_add(shared_counter, 3);
        metric_add(shared_gauge, 2);
        metric_sub(shared_gauge, 1);
        metric_observe_ms(shared_histogram, 10);
    }
    return arg;
}

static void threads_lose_nothing(void **state)
{
    pthread_t threads[THREADS];

    (void)state;
    shared_counter = metric_counter("shared_total", NULL, "Shared.");
    shared_gauge = metric_gauge("shared", NULL, "Shared.");
    shared_histogram = metric_histogram_ms("shared_seconds", NULL, "Shared.");
    for (unsigned i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, add_many, NULL), 0);
    printed(); /* reading meanwhile is allowed */
    for (unsigned i = 0; i < THREADS; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    assert_int_equal(metric_value(shared_counter), 3 * THREADS * ROUNDS);
    assert_int_equal(metric_value(shared_gauge), THREADS * ROUNDS);
    assert_int_equal(metric_value(shared_histogram), THREADS * ROUNDS);
    assert_line("shared_seconds_sum 1000.000");
    metric_set(shared_gauge, 7);
    assert_int_equal(metric_value(shared_gauge), 7);
}

/* Last: it uses up the table. */
static void the_513th_is_refused(void **state)
{
    static char names[512][16];
    unsigned count = 0;

    (void)state;
    while (count < 512) {
        (void)snprintf(names[count], sizeof(names[count]), "filler_%u", count);
        if (metric_counter(names[count], NULL, "Fills the table.") == NULL)
            break;
        count++;
    }
    assert_true(count < 512);
    assert_int_equal(occurrences(printed(), "# TYPE filler_"), count);
    assert_non_null(metric_counter("calls_total", NULL, "Calls.")); /* has a place */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_counter_counts),
        cmocka_unit_test(a_gauge_goes_both_ways),
        cmocka_unit_test(a_gauge_below_zero_reads_zero_and_recovers),
        cmocka_unit_test(a_family_has_one_head),
        cmocka_unit_test(registering_again_gives_the_same),
        cmocka_unit_test(a_histogram_sorts_into_cumulative_buckets),
        cmocka_unit_test(a_histogram_keeps_its_labels),
        cmocka_unit_test(bounds_rise),
        cmocka_unit_test(nothing_can_be_done_to_null),
        cmocka_unit_test(the_process_is_told),
        cmocka_unit_test(threads_lose_nothing),
        cmocka_unit_test(the_513th_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
