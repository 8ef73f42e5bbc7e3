/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/wire_fixture.h"

#include "base/json_guard.h"
#include "gateway/providers/event_stream.h"
#include "gateway/sse.h"
#include "tests/prng.h"

#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum {
    FILE_MAX = 4 << 20,
    DUMP_MAX = 16 << 20,
    PARTS_MAX = 256,
    SCRATCH_MAX = 64 << 20
};

/* Streams of so many bytes are cut at every border, longer ones in their middle at
 * every so manieth. Where each cut costs ten times as much and the threads that are
 * looked for are not there, fewer do. */
#if defined(__SANITIZE_THREAD__)
enum {
    CUTS_ALL = 200,
    CUTS_STEP = 997
};
#elif defined(__SANITIZE_ADDRESS__)
enum {
    CUTS_ALL = 1000,
    CUTS_STEP = 197
};
#else
enum {
    CUTS_ALL = 3000,
    CUTS_STEP = 97
};
#endif

/* ---- Files ---- */

static void place(char *path, size_t size, const char *name)
{
    const char *top = getenv("srcdir"); /* make sets it; by hand: at the top */
    const int len =
        snprintf(path, size, "%s/tests/recorded/%s", top == NULL ? "." : top, name);

    assert_true(len > 0 && (size_t)len < size);
}

struct slice wire_file(const char *name)
{
    char path[4096];
    char *text = malloc(FILE_MAX);
    size_t len;
    FILE *f;

    assert_non_null(text);
    place(path, sizeof(path), name);
    f = fopen(path, "re");
    if (f == NULL)
        fail_msg("%s is not there", path);
    len = fread(text, 1, FILE_MAX, f);
    assert_true(len < FILE_MAX);
    assert_int_equal(fclose(f), 0);
    return slice_from(text, len);
}

void wire_free(struct slice file)
{
    union {
        const char *in;
        char *out;
    } bytes = {.in = file.bytes};

    free(bytes.out);
}

static int by_name(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name);
}

static bool ends_with(const char *name, const char *ending)
{
    const size_t len = strlen(name), end = strlen(ending);

    return len >= end && strcmp(name + len - end, ending) == 0;
}

void wire_each(const char *folder, const char *ending, void (*each)(const char *name))
{
    struct dirent **entries;
    char path[4096], name[512];
    unsigned count = 0;
    int n;

    place(path, sizeof(path), folder);
    n = scandir(path, &entries, NULL, by_name);
    for (int i = 0; i < n; i++) {
        if (ends_with(entries[i]->d_name, ending)) {
            (void)snprintf(name, sizeof(name), "%s/%s", folder, entries[i]->d_name);
            each(name);
            count++;
        }
        free(entries[i]);
    }
    if (n >= 0)
        free(entries);
    if (count == 0)
        fail_msg("no %s in %s", ending, folder);
}

/* ---- Taking events ---- */

struct open_part {
    bool used, ended;
    unsigned choice, part;
    enum part_kind kind;
    struct buf text; /* the deltas' insides */
    struct buf name;
};

struct taker {
    struct wire_seen *seen;
    bool begun;
    size_t part_count;
    struct open_part parts[PARTS_MAX];
};

static struct open_part *find_part(struct taker *t, const struct answer_event *e)
{
    for (size_t i = 0; i < t->part_count; i++)
        if (t->parts[i].choice == e->choice && t->parts[i].part == e->part)
            return &t->parts[i];
    return NULL;
}

static unsigned parts_of(const struct taker *t, unsigned choice)
{
    unsigned n = 0;

    for (size_t i = 0; i < t->part_count; i++)
        n += t->parts[i].choice == choice;
    return n;
}

static void begin_part(struct taker *t, const struct answer_event *e)
{
    struct open_part *p;

    assert_int_equal(e->part, parts_of(t, e->choice)); /* numbered without gaps */
    assert_true(t->part_count < PARTS_MAX);
    p = &t->parts[t->part_count++];
    p->used = true;
    p->choice = e->choice;
    p->part = e->part;
    p->kind = e->part_kind;
    buf_init(&p->text, DUMP_MAX);
    buf_init(&p->name, DUMP_MAX);
    buf_append(&p->name, e->name);
    if (e->part_kind == PART_TOOL_CALL)
        assert_true(e->name.len > 0);
    buf_printf(&t->seen->dump, "part %u.%u kind %d id %.*s name %.*s\n", e->choice,
               e->part, (int)e->part_kind, SLICE_FMT(e->id), SLICE_FMT(e->name));
}

/* The joined deltas, unescaped. */
static struct slice joined(struct open_part *p, struct arena *a)
{
    struct slice plain;
    struct buf b;

    buf_init(&b, DUMP_MAX);
    buf_append_char(&b, '"');
    buf_append(&b, buf_slice(&p->text));
    buf_append_char(&b, '"');
    assert_int_equal(json_raw_string(&plain, buf_slice(&b), a), RC_OK);
    plain = arena_slice(a, plain);
    buf_free(&b);
    return plain;
}

static void end_part(struct taker *t, struct open_part *p)
{
    struct arena *a;
    struct slice text;

    assert_false(p->ended);
    p->ended = true;
    assert_int_equal(arena_open(&a, SCRATCH_MAX), RC_OK);
    text = joined(p, a);
    buf_printf(&t->seen->dump, "end %u.%u \"", p->choice, p->part);
    buf_append(&t->seen->dump, text);
    buf_append_str(&t->seen->dump, "\"\n");
    if (p->kind == PART_TEXT)
        buf_append(&t->seen->text, text);
    if (p->kind == PART_REASONING)
        buf_append(&t->seen->thoughts, text);
    if (p->kind == PART_TOOL_CALL) {
        buf_append(&t->seen->calls, buf_slice(&p->name));
        buf_append_char(&t->seen->calls, '(');
        buf_append(&t->seen->calls, text);
        buf_append_str(&t->seen->calls, ")\n");
    }
    arena_close(a);
}

static void check_quoted(struct quoted q)
{
    if (q.json.len > 0)
        assert_int_equal(json_raw_type(q.json), JSON_STRING);
}

static void take_part_event(struct taker *t, const struct answer_event *e)
{
    struct open_part *p = find_part(t, e);

    assert_non_null(p); /* it was begun */
    if (p == NULL)
        return;
    assert_int_equal(p->kind, e->part_kind);
    check_quoted(e->text);
    switch (e->kind) {
    case ANSWER_DELTA:
        assert_false(p->ended);
        buf_append(&p->text, quoted_inside(e->text));
        break;
    case ANSWER_PART_END:
        end_part(t, p);
        break;
    default:
        buf_printf(&t->seen->dump, "about %u.%u kind %d %.*s %.*s %.*s\n", e->choice,
                   e->part, (int)e->kind, SLICE_FMT(e->text.json),
                   SLICE_FMT(e->citation.url.json), SLICE_FMT(e->media.type));
        break;
    }
}

static void take_usage(struct wire_seen *s, const struct usage *u)
{
    s->usage = *u;
}

static void take_stop(struct taker *t, const struct answer_event *e)
{
    for (size_t i = 0; i < t->part_count; i++)
        if (t->parts[i].choice == e->choice)
            assert_true(t->parts[i].ended);
    t->seen->stops++;
    t->seen->stop = e->stop;
    buf_printf(&t->seen->dump, "stop %u %d\n", e->choice, (int)e->stop);
}

static enum rc take(void *arg, const struct answer_event *e)
{
    struct taker *t = arg;

    assert_false(t->seen->ended);
    assert_false(t->seen->failed);
    assert_true(t->begun || e->kind == ANSWER_BEGIN || e->kind == ANSWER_ERROR);
    switch (e->kind) {
    case ANSWER_BEGIN:
        assert_false(t->begun);
        t->begun = true;
        buf_printf(&t->seen->dump, "begin %.*s %.*s\n", SLICE_FMT(e->id),
                   SLICE_FMT(e->model));
        return RC_OK;
    case ANSWER_PART:
        begin_part(t, e);
        return RC_OK;
    case ANSWER_DELTA:
    case ANSWER_SIGNATURE:
    case ANSWER_CITATION:
    case ANSWER_LOGPROBS:
    case ANSWER_MEDIA:
    case ANSWER_PART_END:
        take_part_event(t, e);
        return RC_OK;
    case ANSWER_STOP:
        take_stop(t, e);
        return RC_OK;
    case ANSWER_USAGE:
        take_usage(t->seen, &e->usage);
        return RC_OK;
    case ANSWER_END:
        t->seen->ended = true;
        return RC_OK;
    case ANSWER_ERROR:
        t->seen->failed = true;
        buf_printf(&t->seen->dump, "error %u %.*s %.*s\n", e->status,
                   SLICE_FMT(e->code), SLICE_FMT(e->text.json));
        return RC_OK;
    }
    fail();
    return RC_OK;
}

static void start(struct taker *t, struct wire_seen *out)
{
    memset(out, 0, sizeof(*out));
    memset(t, 0, sizeof(*t));
    buf_init(&out->dump, DUMP_MAX);
    buf_init(&out->text, DUMP_MAX);
    buf_init(&out->thoughts, DUMP_MAX);
    buf_init(&out->calls, DUMP_MAX);
    t->seen = out;
}

static void stop(struct taker *t)
{
    const struct usage *u = &t->seen->usage;

    for (size_t i = 0; i < t->part_count; i++) {
        buf_free(&t->parts[i].text);
        buf_free(&t->parts[i].name);
    }
    buf_printf(
        &t->seen->dump,
        "usage %d in %llu read %llu write %llu %llu audio %llu out %llu "
        "reasoning %llu searches %llu\nrc %d ended %d failed %d\n",
        u->known, (unsigned long long)u->in_uncached,
        (unsigned long long)u->in_cache_read, (unsigned long long)u->in_cache_write,
        (unsigned long long)u->in_cache_write_1h, (unsigned long long)u->in_audio,
        (unsigned long long)u->out_text, (unsigned long long)u->out_reasoning,
        (unsigned long long)u->web_searches, (int)t->seen->rc, t->seen->ended,
        t->seen->failed);
    assert_false(buf_spent(&t->seen->dump));
}

void wire_seen_free(struct wire_seen *s)
{
    buf_free(&s->dump);
    buf_free(&s->text);
    buf_free(&s->thoughts);
    buf_free(&s->calls);
}

static enum rc guarded(struct slice json, struct arena *a)
{
    struct json_limits limits = {.containers = 1000000, .keys = 4000000, .depth = 64};

    return json_guard(json, &limits, NULL, 0, NULL, a);
}

void wire_whole(struct wire_seen *out, const struct wire *w, struct slice json)
{
    struct taker *t = calloc(1, sizeof(*t));
    struct arena *a;

    assert_non_null(t);
    start(t, out);
    assert_int_equal(arena_open(&a, SCRATCH_MAX), RC_OK);
    assert_int_equal(guarded(json, a), RC_OK);
    out->rc = w->answer(json, take, t, a);
    arena_close(a);
    stop(t);
    free(t);
}

/* ---- Streams ---- */

struct stream {
    const struct wire *wire;
    void *state;
    struct taker *taker;
};

static enum rc take_event(struct stream *s, const struct wire_event *e)
{
    struct arena *scratch;
    enum rc rc = RC_OK;

    assert_int_equal(arena_open(&scratch, SCRATCH_MAX), RC_OK);
    if (s->wire->done == NULL || !slice_equal_str(e->data, s->wire->done))
        rc = guarded(e->data, scratch);
    if (rc == RC_OK)
        rc = s->wire->event(s->state, e, take, s->taker, scratch);
    arena_close(scratch);
    return rc;
}

static enum rc on_event(void *arg, const struct sse_event *e)
{
    struct stream *s = arg;
    const struct wire_event we = {.name = e->event, .data = e->data};

    if (e->is_comment || e->incomplete || s->taker->seen->ended)
        return RC_OK;
    return take_event(s, &we);
}

static enum rc on_message(void *arg, const struct event_stream_message *m)
{
    struct stream *s = arg;
    const struct wire_event we = {.name = m->name,
                                  .data = m->payload.len > 0 ? m->payload : SLICE("{}"),
                                  .is_exception = m->kind != EVENT_STREAM_EVENT};

    return s->taker->seen->ended ? RC_OK : take_event(s, &we);
}

/* Either kind of framing. */
struct framing {
    bool is_frames;
    struct sse_reader sse;
    struct event_stream_reader frames;
};

static void framing_open(struct framing *f, const struct wire *w)
{
    f->is_frames = w->framing == WIRE_EVENT_STREAM;
    sse_reader_init(&f->sse, 0);
    event_stream_reader_init(&f->frames, 0);
}

static enum rc framing_feed(struct framing *f, struct slice bytes, struct stream *s)
{
    return f->is_frames ? event_stream_feed(&f->frames, bytes, on_message, s)
                        : sse_feed(&f->sse, bytes, on_event, s);
}

static enum rc framing_end(struct framing *f, struct stream *s)
{
    return f->is_frames ? event_stream_end(&f->frames) : sse_end(&f->sse, on_event, s);
}

static void framing_close(struct framing *f)
{
    sse_reader_free(&f->sse);
    event_stream_reader_free(&f->frames);
}

/* next(arg, left): how many bytes come in the next piece. */
static void feed(struct wire_seen *out, const struct wire *w, struct slice bytes,
                 size_t (*next)(void *arg, size_t left), void *arg)
{
    struct stream s = {.wire = w, .taker = calloc(1, sizeof(struct taker))};
    struct framing f;
    struct arena *a;

    assert_non_null(s.taker);
    start(s.taker, out);
    assert_int_equal(arena_open(&a, 1 << 20), RC_OK);
    s.state = w->open(a);
    assert_non_null(s.state);
    framing_open(&f, w);
    while (bytes.len > 0 && out->rc == RC_OK) {
        const size_t len = next(arg, bytes.len);

        out->rc = framing_feed(&f, slice_sub(bytes, 0, len), &s);
        bytes = slice_sub(bytes, len, bytes.len);
    }
    if (out->rc == RC_OK)
        out->rc = framing_end(&f, &s);
    if (out->rc == RC_OK && !out->ended && !out->failed && w->ended != NULL)
        out->rc = w->ended(s.state, take, s.taker);
    framing_close(&f);
    arena_close(a);
    stop(s.taker);
    free(s.taker);
}

static size_t next_at(void *arg, size_t left)
{
    size_t *cut = arg;
    size_t len = *cut<left && * cut> 0 ? *cut : left;

    *cut = SIZE_MAX;
    return len;
}

void wire_stream(struct wire_seen *out, const struct wire *w, struct slice bytes,
                 size_t cut)
{
    feed(out, w, bytes, next_at, &cut);
}

static size_t next_random(void *arg, size_t left)
{
    struct prng *p = arg;
    size_t len = 1 + prng_below(p, prng_below(p, 4) == 0 ? 400 : 7);

    return len < left ? len : left;
}

void wire_stream_pieces(struct wire_seen *out, const struct wire *w, struct slice bytes,
                        uint64_t seed)
{
    struct prng p = {seed};

    feed(out, w, bytes, next_random, &p);
}

static void check_same(struct wire_seen *a, struct wire_seen *b)
{
    const struct slice x = buf_slice(&a->dump), y = buf_slice(&b->dump);

    assert_int_equal(x.len, y.len);
    assert_memory_equal(x.bytes, y.bytes, x.len);
    wire_seen_free(b);
}

void wire_check_cuts(const struct wire *w, struct slice bytes)
{
    /* Every border of a long stream would take minutes: then every 97th, and all of
     * its first and last events. */
    const size_t all = CUTS_ALL;
    struct wire_seen whole, other;

    wire_stream(&whole, w, bytes, SIZE_MAX);
    for (size_t cut = 1; cut < bytes.len; cut++) {
        if (bytes.len > all && cut > all / 4 && cut < bytes.len - all / 4 &&
            cut % CUTS_STEP != 0)
            continue;
        wire_stream(&other, w, bytes, cut);
        check_same(&whole, &other);
    }
    for (uint64_t seed = 1; seed <= 20; seed++) {
        wire_stream_pieces(&other, w, bytes, seed);
        check_same(&whole, &other);
    }
    wire_seen_free(&whole);
}

/* ---- Requests ---- */

void wire_read(struct conversation *out, const struct wire *w, struct slice body,
               struct arena *a)
{
    struct wire_fault fault = {.param = NULL};
    enum rc rc;

    assert_int_equal(guarded(body, a), RC_OK);
    memset(out, 0, sizeof(*out));
    rc = w->read(out, &fault, body, a);
    if (rc != RC_OK)
        fail_msg("%s: %s: %s", w->name, fault.param, fault.detail);
}
