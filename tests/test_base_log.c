/* SPDX-License-Identifier: Apache-2.0 */
/* Log: every line is JSON whatever is put into it, nothing blocks, nothing is torn, and
 * what did not get out is counted. */
#include "base/log.h"

#include "base/clock.h"
#include "base/secret.h"
#include "tests/prng.h"

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <json-c/json.h>

enum {
    TEXT_SIZE = 65536,
    LINE_MAX_LEN = 8192
};

static int ends[2]; /* the sink is ends[1] */
static char text[TEXT_SIZE];
static uint64_t second; /* each test has its own, so that repeats start anew */

static int set_up(void **state)
{
    (void)state;
    second++;
    clock_set(1795224305123456, second * 1000);
    if (pipe2(ends, O_CLOEXEC) != 0)
        return -1;
    log_set_fd(ends[1]);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    log_set_level(LOG_INFO);
    log_set_fd(STDERR_FILENO);
    close(ends[0]);
    if (ends[1] >= 0)
        close(ends[1]);
    return 0;
}

/* Whatever the pipe holds now, as a string. */
static char *written(void)
{
    struct pollfd p = {.fd = ends[0], .events = POLLIN};
    size_t len = 0;

    while (len + 1 < sizeof(text) && poll(&p, 1, 0) == 1) {
        ssize_t n = read(ends[0], text + len, sizeof(text) - 1 - len);

        assert_true(n > 0);
        len += (size_t)n;
    }
    text[len] = '\0';
    return text;
}

static unsigned line_count(const char *lines)
{
    unsigned count = 0;

    for (; *lines != '\0'; lines++)
        count += *lines == '\n';
    return count;
}

/* One line without its newline, parsed as strictly as json-c can; the caller puts it.
 */
static struct json_object *parsed(const char *line)
{
    struct json_tokener *t = json_tokener_new();
    struct json_object *o;

    assert_non_null(t);
    json_tokener_set_flags(t, JSON_TOKENER_STRICT | JSON_TOKENER_VALIDATE_UTF8);
    o = json_tokener_parse_ex(t, line, (int)strlen(line) + 1);
    assert_true(json_object_is_type(o, json_type_object));
    json_tokener_free(t);
    return o;
}

/* The only line in the pipe. */
static struct json_object *written_line(void)
{
    char *line = written();

    assert_int_equal(line_count(line), 1);
    assert_true(strlen(line) <= LINE_MAX_LEN);
    line[strlen(line) - 1] = '\0'; /* it ends with the newline, as there is one */
    return parsed(line);
}

static const char *member(struct json_object *o, const char *key)
{
    return json_object_get_string(json_object_object_get(o, key));
}

static void a_line_tells_time_level_message_and_fields(void **state)
{
    (void)state;
    log_event(LOG_WARN, "call ended", LOG_STR("model", "m-1"),
              LOG_SLICE("wallet", SLICE("w1")), LOG_U64("tokens", UINT64_MAX),
              LOG_MONEY("cost", money_from_nano(12345678901)), LOG_STR("none", NULL));
    assert_string_equal(
        written(),
        "{\"ts\":\"2026-11-21T01:25:05.123456Z\",\"level\":\"warn\","
        "\"msg\":\"call ended\",\"model\":\"m-1\",\"wallet\":\"w1\","
        "\"tokens\":18446744073709551615,\"cost\":\"12.345678901\",\"none\":null}\n");
}

static void a_line_without_fields_is_fine(void **state)
{
    struct json_object *o;

    (void)state;
    log_line(LOG_ERROR, "bare");
    o = written_line();
    assert_string_equal(member(o, "msg"), "bare");
    assert_string_equal(member(o, "level"), "error");
    json_object_put(o);
}

static void a_secret_prints_as_stars(void **state)
{
    struct secret *s = NULL;

    (void)state;
    assert_int_equal(secret_new(&s, SLICE("sk-oct-hidden")), RC_OK);
    log_event(LOG_INFO, "key", LOG_SECRET("key", s), LOG_SECRET("none", NULL));
    written();
    assert_non_null(strstr(text, "\"key\":\"***\",\"none\":\"***\""));
    assert_null(strstr(text, "hidden"));
    secret_unref(s);
}

static void control_bytes_and_quotes_are_escaped(void **state)
{
    (void)state;
    log_event(LOG_INFO, "escapes",
              LOG_SLICE("v", SLICE("a\"b\\c\n\r\t\0\x1b\x7f\xc2\x9b/\xc2\xa0")),
              LOG_STR("k\"\n", "x"));
    written();
    assert_non_null(strstr(text,
                           "\"v\":\"a\\\"b\\\\c\\u000a\\u000d\\u0009\\u0000\\u001b"
                           "\\u007f\\u009b/\xc2\xa0\""));
    assert_non_null(strstr(text, "\"k\\\"\\u000a\":\"x\""));
    assert_int_equal(line_count(text), 1);
}

static void invalid_utf8_becomes_replacement_characters(void **state)
{
    struct json_object *o;

    (void)state;
    log_event(LOG_INFO, "utf8",
              LOG_SLICE("v", SLICE("\xc3\xa9|\xff|\xc0\xaf|\xed\xa0\x80|\xe2\x82")));
    o = written_line();
    assert_string_equal(
        member(o, "v"),
        "\xc3\xa9|\xef\xbf\xbd|\xef\xbf\xbd\xef\xbf\xbd|"
        "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd|\xef\xbf\xbd\xef\xbf\xbd");
    json_object_put(o);
}

static void any_bytes_make_a_line_of_json(void **state)
{
    struct prng prng = {7};
    char bytes[600];

    (void)state;
    for (size_t round = 0; round < 40; round++) {
        for (size_t i = 0; i < sizeof(bytes); i++)
            bytes[i] = (char)prng_next(&prng);
        log_event(LOG_INFO, "bytes", LOG_SLICE("v", slice_from(bytes, round * 15)));
        json_object_put(written_line());
    }
}

static void a_long_string_is_cut_between_characters(void **state)
{
    struct json_object *o;
    char exact[512];
    char longer[514];

    (void)state;
    memset(exact, 'x', sizeof(exact));
    memset(longer, 'y', sizeof(longer));
    longer[511] = '\xc3'; /* the two bytes of e acute, across the limit */
    longer[512] = '\xa9';
    log_event(LOG_INFO, "long", LOG_SLICE("exact", slice_from(exact, sizeof(exact))),
              LOG_SLICE("longer", slice_from(longer, sizeof(longer))));
    o = written_line();
    assert_int_equal(strlen(member(o, "exact")), 512);
    assert_int_equal(strlen(member(o, "longer")), 511 + 3);
    assert_string_equal(member(o, "longer") + 511, "...");
    json_object_put(o);
}

static void more_than_32_fields_are_left_out_and_said(void **state)
{
    static const char *const keys[34] = {
        "a", "b", "c",  "d",  "e",  "f",  "g",  "h",  "i",  "j", "k", "l",
        "m", "n", "o",  "p",  "q",  "r",  "s",  "t",  "u",  "v", "w", "x",
        "y", "z", "a1", "b1", "c1", "d1", "e1", "f1", "g1", "h1"};
    struct log_field fields[34];
    struct json_object *o;

    (void)state;
    for (unsigned i = 0; i < 34; i++)
        fields[i] = LOG_U64(keys[i], i);
    log_write(LOG_INFO, "many", fields, 32);
    o = written_line();
    assert_non_null(member(o, "f1"));
    assert_null(member(o, "truncated"));
    json_object_put(o);
    log_write(LOG_INFO, "many", fields, 34);
    o = written_line();
    assert_non_null(member(o, "f1"));
    assert_null(member(o, "g1"));
    assert_string_equal(member(o, "truncated"), "true");
    json_object_put(o);
}

static void a_line_over_8_kib_leaves_whole_fields_out(void **state)
{
    struct log_field fields[32];
    char nuls[512] = {0}; /* six bytes each when escaped */
    struct json_object *o;

    (void)state;
    for (unsigned i = 0; i < 31; i++)
        fields[i] = LOG_SLICE(i < 2 ? "fits" : "big", slice_from(nuls, sizeof(nuls)));
    fields[31] = LOG_U64("small", 7);
    log_write(LOG_INFO, "huge", fields, 32);
    o = written_line();
    assert_non_null(member(o, "fits"));
    assert_null(member(o, "big"));
    assert_string_equal(member(o, "small"), "7");
    assert_string_equal(member(o, "truncated"), "true");
    json_object_put(o);
}

static void lower_levels_are_left_out(void **state)
{
    const uint64_t dropped = log_dropped();

    (void)state;
    log_line(LOG_DEBUG, "debug 1");
    assert_string_equal(written(), "");
    log_set_level(LOG_DEBUG);
    log_line(LOG_DEBUG, "debug 2");
    assert_int_equal(line_count(written()), 1);
    log_set_level(LOG_ERROR);
    log_line(LOG_WARN, "warning");
    assert_string_equal(written(), "");
    log_line(LOG_ERROR, "error");
    assert_int_equal(line_count(written()), 1);
    assert_int_equal(log_dropped(), dropped);
}

static void what_is_wanted_each_time_is_never_cut(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 80; i++)
        log_write_every(LOG_INFO, "each of them", NULL, 0);
    assert_int_equal(line_count(written()), 80);
}

static void repeats_over_50_a_second_are_cut_and_told(void **state)
{
    static const char msg[] = "again and again";
    const uint64_t dropped = log_dropped();
    struct json_object *o;

    (void)state;
    for (unsigned i = 0; i < 80; i++)
        log_line(LOG_INFO, msg);
    assert_int_equal(line_count(written()), 50);
    assert_int_equal(log_dropped(), dropped + 30);
    log_line(LOG_INFO, "another message is not cut");
    assert_int_equal(line_count(written()), 1);

    second++;
    clock_advance_ms(1000);
    log_line(LOG_INFO, msg);
    o = written_line();
    assert_string_equal(member(o, "repeats_cut"), "30");
    json_object_put(o);
    log_line(LOG_INFO, msg);
    o = written_line();
    assert_null(member(o, "repeats_cut"));
    json_object_put(o);
}

static void fill_pipe(size_t free_len)
{
    static char junk[4096];
    const int size = fcntl(ends[1], F_SETPIPE_SZ, 8192);
    size_t len = (size_t)size - free_len;

    assert_int_equal(size, 8192);
    memset(junk, '#', sizeof(junk));
    for (; len > 0; len -= sizeof(junk))
        assert_int_equal(write(ends[1], junk, sizeof(junk)), sizeof(junk));
}

/* The pipe blocks its writers: if the log did not look first, this would hang. */
static void a_full_sink_drops_and_counts(void **state)
{
    const uint64_t dropped = log_dropped();

    (void)state;
    fill_pipe(0);
    for (unsigned i = 0; i < 3; i++)
        log_line(LOG_INFO, "nobody reads");
    assert_int_equal(log_dropped(), dropped + 3);
    assert_null(strchr(written(), '{'));
    log_line(LOG_INFO, "somebody reads again");
    json_object_put(written_line());
    assert_int_equal(log_dropped(), dropped + 3);
}

static void a_line_that_goes_out_in_parts_stays_whole(void **state)
{
    const uint64_t dropped = log_dropped();
    struct log_field fields[12];
    char first_part[4097];
    static char whole[TEXT_SIZE];
    char xs[512];

    (void)state;
    memset(xs, 'x', sizeof(xs));
    for (unsigned i = 0; i < 12; i++)
        fields[i] = LOG_SLICE("v", slice_from(xs, sizeof(xs)));
    fill_pipe(4096);
    log_write(LOG_INFO, "in two parts", fields, 12);
    log_line(LOG_INFO, "dropped behind the first part");
    assert_int_equal(log_dropped(), dropped + 1);
    assert_int_equal(strlen(written()), 8192);
    memcpy(first_part, text + 4096, sizeof(first_part));

    log_line(LOG_INFO, "after");
    (void)snprintf(whole, sizeof(whole), "%s%s", first_part, written());
    assert_int_equal(line_count(whole), 2);
    *strchr(whole, '\n') = '\0';
    json_object_put(parsed(whole));
    assert_non_null(strstr(whole + strlen(whole) + 1, "\"msg\":\"after\"}\n"));
    assert_int_equal(log_dropped(), dropped + 1);
}

static void a_reader_that_left_does_not_kill(void **state)
{
    const uint64_t dropped = log_dropped();

    (void)state;
    assert_true(signal(SIGPIPE, SIG_DFL) != SIG_ERR);
    close(ends[0]);
    ends[0] = -1;
    log_line(LOG_INFO, "into the void");
    assert_int_equal(log_dropped(), dropped + 1);
    close(ends[1]);
    ends[1] = -1;
    log_line(LOG_INFO, "into nothing");
    assert_int_equal(log_dropped(), dropped + 2);
}

/* Several threads */

enum {
    WRITERS = 4,
    LINES = 2000
};

static void *write_lines(void *arg)
{
    static const char *const msgs[WRITERS] = {"one", "two", "three", "four"};
    char payload[400];

    memset(payload, 'p', sizeof(payload));
    for (unsigned i = 0; i < LINES; i++) {
        log_event(LOG_INFO, msgs[*(const unsigned *)arg],
                  LOG_SLICE("p", slice_from(payload, sizeof(payload))));
        if (i % 40 == 0)
            clock_advance_ms(1000); /* so that not all is cut as repeats */
    }
    return NULL;
}

struct reader {
    pthread_t thread;
    unsigned lines;
    unsigned torn;
};

static void *read_lines(void *arg)
{
    struct reader *r = arg;
    FILE *f = fdopen(ends[0], "r");
    static char line[LINE_MAX_LEN + 1];

    while (f != NULL && fgets(line, sizeof(line), f) != NULL) {
        const size_t len = strlen(line);

        r->lines++;
        r->torn += strncmp(line, "{\"ts\":", 6) != 0 || len < 400 ||
                   strcmp(line + len - 4, "p\"}\n") != 0;
    }
    if (f != NULL)
        (void)fclose(f);
    ends[0] = -1;
    return NULL;
}

static void lines_of_several_threads_are_not_mixed(void **state)
{
    const uint64_t dropped = log_dropped();
    struct reader r = {0};
    pthread_t threads[WRITERS];
    unsigned index[WRITERS];

    (void)state;
    assert_int_equal(pthread_create(&r.thread, NULL, read_lines, &r), 0);
    for (unsigned i = 0; i < WRITERS; i++) {
        index[i] = i;
        assert_int_equal(pthread_create(&threads[i], NULL, write_lines, &index[i]), 0);
    }
    for (unsigned i = 0; i < WRITERS; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    close(ends[1]);
    ends[1] = -1;
    assert_int_equal(pthread_join(r.thread, NULL), 0);
    assert_true(r.lines > 0);
    assert_int_equal(r.torn, 0);
    assert_int_equal(r.lines + (log_dropped() - dropped), WRITERS * LINES);
}

#define LOG_TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        LOG_TEST(a_line_tells_time_level_message_and_fields),
        LOG_TEST(a_line_without_fields_is_fine),
        LOG_TEST(a_secret_prints_as_stars),
        LOG_TEST(control_bytes_and_quotes_are_escaped),
        LOG_TEST(invalid_utf8_becomes_replacement_characters),
        LOG_TEST(any_bytes_make_a_line_of_json),
        LOG_TEST(a_long_string_is_cut_between_characters),
        LOG_TEST(more_than_32_fields_are_left_out_and_said),
        LOG_TEST(a_line_over_8_kib_leaves_whole_fields_out),
        LOG_TEST(lower_levels_are_left_out),
        LOG_TEST(what_is_wanted_each_time_is_never_cut),
        LOG_TEST(repeats_over_50_a_second_are_cut_and_told),
        LOG_TEST(a_full_sink_drops_and_counts),
        LOG_TEST(a_line_that_goes_out_in_parts_stays_whole),
        LOG_TEST(a_reader_that_left_does_not_kill),
        LOG_TEST(lines_of_several_threads_are_not_mixed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
