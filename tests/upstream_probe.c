/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/upstream_probe.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/clock.h"

enum {
    PATIENCE_S = 60 /* how long a test waits for what must come: then it fails */
};

struct loop *probe_loop;
struct upstream *probe_upstream;
struct fake *probe_fake;

int probe_set_up(void **state)
{
    (void)state;
    (void)signal(SIGPIPE, SIG_IGN);
    probe_fake = NULL;
    if (loop_open(&probe_loop) != RC_OK)
        return -1;
    return upstream_open(&probe_upstream, probe_loop) == RC_OK ? 0 : -1;
}

int probe_tear_down(void **state)
{
    (void)state;
    upstream_close(probe_upstream);
    loop_close(probe_loop);
    clock_real();
    if (probe_fake != NULL)
        fake_stop(probe_fake);
    return 0;
}

void probe_server(fake_script *script)
{
    assert_null(probe_fake);
    probe_fake = fake_start(script);
}

static enum upstream_take take_head(void *arg, unsigned status,
                                    const struct http_header *headers, size_t count)
{
    struct probe *p = arg;

    assert_false(p->calling);
    assert_int_equal(p->end_count, 0);
    p->head_count++;
    p->status = status;
    buf_reset(&p->headers);
    for (size_t i = 0; i < count; i++)
        buf_printf(&p->headers, "%.*s: %.*s\n", SLICE_FMT(headers[i].name),
                   SLICE_FMT(headers[i].value));
    if (p->cancels != NULL)
        probe_cancel(p->cancels);
    return p->on_head;
}

static enum upstream_take take_data(void *arg, struct slice bytes)
{
    struct probe *p = arg;

    assert_false(p->calling);
    assert_int_equal(p->end_count, 0);
    assert_true(p->head_count > 0 && p->on_head == UPSTREAM_TOOK);
    p->data_count++;
    if (p->on_data == UPSTREAM_TOOK)
        buf_append(&p->body, bytes);
    if (bytes.len > p->piece_max)
        p->piece_max = bytes.len;
    return p->on_data;
}

static void take_end(void *arg, enum upstream_fail fail, const char *detail)
{
    struct probe *p = arg;

    assert_false(p->calling);
    assert_non_null(p->call);
    p->call = NULL;
    p->end_count++;
    p->fail = fail;
    (void)snprintf(p->detail, sizeof(p->detail), "%s", detail);
}

void probe_init(struct probe *p, const char *method, const char *path)
{
    memset(p, 0, sizeof(*p));
    buf_init(&p->headers, 1 << 20);
    buf_init(&p->body, 1 << 30);
    (void)snprintf(p->url, sizeof(p->url), "http://127.0.0.1:%u%s",
                   probe_fake != NULL ? fake_port(probe_fake) : 9U, path);
    p->spec = (struct upstream_spec){.method = method,
                                     .url = p->url,
                                     .allow_private = true,
                                     .arg = p,
                                     .head = take_head,
                                     .data = take_data,
                                     .end = take_end};
}

void probe_free(struct probe *p)
{
    assert_null(p->call);
    buf_free(&p->headers);
    buf_free(&p->body);
}

void probe_start(struct probe *p)
{
    p->calling = true;
    assert_int_equal(upstream_start(&p->call, probe_upstream, &p->spec), RC_OK);
    p->calling = false;
}

void probe_cancel(struct probe *p)
{
    p->calling = true;
    upstream_cancel(p->call);
    p->calling = false;
    p->call = NULL; /* take_end() would notice */
}

void probe_resume(struct probe *p)
{
    p->calling = true;
    upstream_resume(p->call);
    p->calling = false;
}

void probe_run(struct probe *p)
{
    probe_start(p);
    probe_turn_until(&p->end_count, 1);
}

enum upstream_fail probe_get(const char *path)
{
    struct probe p;

    probe_init(&p, "GET", path);
    probe_run(&p);
    probe_free(&p);
    return p.fail;
}

void probe_turn_until(const unsigned *what, unsigned value)
{
    const time_t start = time(NULL);

    while (*what != value) {
        loop_turn(probe_loop, 20);
        assert_true(time(NULL) - start < PATIENCE_S);
    }
}

void probe_turn_until_fake(unsigned (*what)(struct fake *f), unsigned value)
{
    const time_t start = time(NULL);

    while (what(probe_fake) != value) {
        loop_turn(probe_loop, 2);
        assert_true(time(NULL) - start < PATIENCE_S);
    }
}

void probe_stand_still(void)
{
    clock_set(0, 1000);
    loop_turn(probe_loop, 0); /* which takes its time from the clock */
}

void probe_some_turns(void)
{
    for (unsigned turn = 0; turn < 5; turn++)
        loop_turn(probe_loop, 2);
}

void probe_advance(uint64_t ms)
{
    clock_advance_ms(ms);
    probe_some_turns();
}

void assert_taken(const struct probe *p, const char *body)
{
    assert_int_equal(buf_len(&p->body), strlen(body));
    assert_memory_equal(buf_slice(&p->body).bytes, body, strlen(body));
}

void assert_has(struct slice where, const char *text)
{
    if (slice_search(where, slice_str(text)) == where.len)
        fail_msg("no \"%s\" in:\n%.*s", text, SLICE_FMT(where));
}

void assert_has_not(struct slice where, const char *text)
{
    if (slice_search(where, slice_str(text)) != where.len)
        fail_msg("\"%s\" in:\n%.*s", text, SLICE_FMT(where));
}
