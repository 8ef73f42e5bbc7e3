/* SPDX-License-Identifier: Apache-2.0 */
/* The log: builds one line of JSON and gives it to the sink without waiting for it. Not
 * a place for files, rotation or filters by component: that is the work of whoever
 * reads stderr. */
#include "base/log.h"

#include "base/clock.h"
#include "base/utf8.h"

#include <assert.h>
#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

enum {
    LINE_SIZE = 8192,
    FIELDS_MAX = 32,
    STRING_MAX = 512, /* before escaping */
    REPEATS_PER_S = 50,
    TALLIES = 256 /* messages that are counted; a power of two */
};

static const char line_end[] = "}\n";
static const char line_end_cut[] = ",\"truncated\":true}\n";

static atomic_int level_min = LOG_INFO;
static atomic_uint_fast64_t dropped_count;

/* The text of a line */

struct line {
    char *bytes;
    size_t len;
    size_t room; /* what is left of LINE_SIZE once a line_end is set aside */
    bool full;   /* something did not fit: bytes behind the last whole field are junk */
};

static void put(struct line *line, const char *bytes, size_t len)
{
    if (line->full || len > line->room - line->len) {
        line->full = true;
        return;
    }
    memcpy(line->bytes + line->len, bytes, len);
    line->len += len;
}

static void put_str(struct line *line, const char *str)
{
    put(line, str, strlen(str));
}

static void put_u64(struct line *line, uint64_t n)
{
    char digits[20]; /* 18446744073709551615 */
    size_t at = sizeof(digits);

    do {
        digits[--at] = (char)('0' + n % 10);
        n /= 10;
    } while (n > 0);
    put(line, digits + at, sizeof(digits) - at);
}

static void put_escaped(struct line *line, unsigned code)
{
    static const char digits[] = "0123456789abcdef";
    const char text[6] = {
        '\\', 'u', '0', '0', digits[code >> 4 & 15], digits[code & 15]};

    put(line, text, sizeof(text));
}

/* One character of len bytes; 0: a byte that is none. Control characters are escaped in
 * both ranges, C0 and C1: a terminal obeys either. */
static void put_char(struct line *line, const char *c, size_t len)
{
    const unsigned char first = (unsigned char)c[0];

    if (len == 0)
        put_str(line, "\\ufffd");
    else if (first == '"' || first == '\\')
        put(line, (const char[]){'\\', c[0]}, 2);
    else if (first < 0x20 || first == 0x7f)
        put_escaped(line, first);
    else if (first == 0xc2 && (unsigned char)c[1] < 0xa0)
        put_escaped(line, (unsigned char)c[1]);
    else
        put(line, c, len);
}

/* How many bytes from `from` on, up to `end`, stand for themselves. */
static size_t plain_run(struct slice s, size_t from, size_t end)
{
    size_t at = from;

    while (at < end && s.bytes[at] >= 0x20 && s.bytes[at] < 0x7f &&
           s.bytes[at] != '"' && s.bytes[at] != '\\')
        at++;
    return at - from;
}

static void put_json(struct line *line, struct slice s)
{
    const size_t end = slice_sub(s, 0, STRING_MAX).len;
    size_t i = 0;

    put_str(line, "\"");
    while (i < end) {
        const size_t run = plain_run(s, i, end);
        size_t len;

        put(line, s.bytes + i, run);
        i += run;
        if (i == end)
            break;
        len = utf8_length(slice_sub(s, i, s.len));
        if (len > end - i)
            break; /* the cut falls into this character */
        put_char(line, s.bytes + i, len);
        i += len > 0 ? len : 1;
    }
    put_str(line, i < s.len ? "...\"" : "\"");
}

static void put_key(struct line *line, const char *key)
{
    put_str(line, ",");
    put_json(line, slice_str(key));
    put_str(line, ":");
}

static void put_field(struct line *line, const struct log_field *f)
{
    char amount[MONEY_TEXT_SIZE];

    put_key(line, f->key);
    switch (f->type) {
    case LOG_F_STR:
        if (f->v.str == NULL)
            put_str(line, "null");
        else
            put_json(line, slice_str(f->v.str));
        break;
    case LOG_F_SLICE:
        put_json(line, f->v.slice);
        break;
    case LOG_F_U64:
        put_u64(line, f->v.u64);
        break;
    case LOG_F_MONEY:
        money_print(amount, f->v.money);
        put_json(line, slice_str(amount));
        break;
    case LOG_F_SECRET:
        put_str(line, "\"***\"");
        break;
    }
}

static const char *level_name(enum log_level level)
{
    switch (level) {
    case LOG_DEBUG:
        return "debug";
    case LOG_INFO:
        return "info";
    case LOG_WARN:
        return "warn";
    case LOG_ERROR:
        return "error";
    }
    return "unknown";
}

static void put_head(struct line *line, enum log_level level, const char *msg)
{
    char time[CLOCK_TEXT_SIZE];

    clock_print(time, clock_wall_us());
    put_str(line, "{\"ts\":\"");
    put_str(line, time);
    put_str(line, "\",\"level\":\"");
    put_str(line, level_name(level));
    put_str(line, "\",\"msg\":");
    put_json(line, slice_str(msg));
}

/* A field is in the line as a whole or not at all, so that the line stays JSON. */
static void put_fields(struct line *line, const struct log_field *fields,
                       unsigned count)
{
    bool cut = count > FIELDS_MAX;

    for (unsigned i = 0; i < count && i < FIELDS_MAX; i++) {
        const size_t len = line->len;

        put_field(line, &fields[i]);
        if (line->full) {
            line->len = len;
            line->full = false;
            cut = true;
        }
    }
    line->room = LINE_SIZE;
    put_str(line, cut ? line_end_cut : line_end);
    assert(!line->full);
}

/* Repeats */

/* How often one message came in the current second; `state` is second << 32 | count.
 * The table only grows: messages are literals, so a program has a fixed number of them.
 */
struct tally {
    _Atomic(const char *) msg;
    atomic_uint_fast64_t state;
};

static struct tally tallies[TALLIES];

static struct tally *tally_of(const char *msg)
{
    /* Literals lie close together; the multiplication spreads them (Knuth 6.4). */
    const unsigned hash =
        (unsigned)((uint64_t)(uintptr_t)msg * 0x9e3779b97f4a7c15u >> 32);

    for (unsigned i = 0; i < TALLIES; i++) {
        struct tally *t = &tallies[(hash + i) % TALLIES];
        const char *owner = NULL;

        if (atomic_compare_exchange_strong(&t->msg, &owner, msg) || owner == msg)
            return t;
    }
    return NULL;
}

/* Whether msg may be written now. *cut_count: how many of it were cut in the last
 * second in which it came; told once. */
static bool admitted(uint64_t *cut_count, const char *msg)
{
    const uint64_t now_s = clock_mono_ms() / 1000 & UINT32_MAX;
    struct tally *t = tally_of(msg);
    uint64_t old;
    uint64_t new;

    *cut_count = 0;
    if (t == NULL)
        return true; /* more messages than we count */
    old = atomic_load(&t->state);
    do
        new = old >> 32 == now_s ? old + 1 : now_s << 32 | 1;
    while (!atomic_compare_exchange_weak(&t->state, &old, new));
    if (old >> 32 != now_s && (old & UINT32_MAX) > REPEATS_PER_S)
        *cut_count = (old & UINT32_MAX) - REPEATS_PER_S;
    return (new &UINT32_MAX) <= REPEATS_PER_S;
}

/* The sink */

/* The lock is for the rest of a line that went out in part: it must come before any
 * other line. Nobody waits for more than a few system calls that do not block. */
static pthread_mutex_t sink_lock = PTHREAD_MUTEX_INITIALIZER;
static int sink_fd = STDERR_FILENO;
static char rest[LINE_SIZE];
static size_t rest_len;

/* O_NONBLOCK would be the simple way, but it belongs to the open file, and that we
 * share with our parent: a shell, say. A descriptor that polls as writable takes
 * PIPE_BUF bytes without blocking; hence pieces, of which a line is nearly always one.
 * POLLERR: nobody reads any more, and a write would raise SIGPIPE. */
static size_t sink_write(const char *bytes, size_t len)
{
    size_t done = 0;

    while (done < len) {
        struct pollfd p = {.fd = sink_fd, .events = POLLOUT};
        const size_t piece = len - done < PIPE_BUF ? len - done : PIPE_BUF;
        ssize_t n;

        if (poll(&p, 1, 0) != 1 || p.revents != POLLOUT)
            break;
        n = write(sink_fd, bytes + done, piece);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            break;
        done += (size_t)n;
    }
    return done;
}

static bool sink_take(const char *bytes, size_t len)
{
    size_t done = sink_write(rest, rest_len);

    memmove(rest, rest + done, rest_len - done);
    rest_len -= done;
    if (rest_len > 0)
        return false;
    done = sink_write(bytes, len);
    if (done == 0)
        return false;
    memcpy(rest, bytes + done, len - done);
    rest_len = len - done;
    return true;
}

static void drop(void)
{
    atomic_fetch_add_explicit(&dropped_count, 1, memory_order_relaxed);
}

static void write_line(enum log_level level, const char *msg,
                       const struct log_field *fields, unsigned count,
                       uint64_t cut_count)
{
    /* Not on the stack: 8 KiB is all that the build allows a function there. */
    static _Thread_local char text[LINE_SIZE];
    struct line line = {.bytes = text, .room = LINE_SIZE - sizeof(line_end_cut)};
    bool taken;

    put_head(&line, level, msg);
    if (cut_count > 0) {
        put_key(&line, "repeats_cut");
        put_u64(&line, cut_count);
    }
    put_fields(&line, fields, count);
    pthread_mutex_lock(&sink_lock);
    taken = sink_take(line.bytes, line.len);
    pthread_mutex_unlock(&sink_lock);
    if (!taken)
        drop();
}

void log_write(enum log_level level, const char *msg, const struct log_field *fields,
               unsigned count)
{
    uint64_t cut_count;

    if ((int)level < atomic_load_explicit(&level_min, memory_order_relaxed))
        return;
    if (admitted(&cut_count, msg))
        write_line(level, msg, fields, count, cut_count);
    else
        drop();
}

void log_write_every(enum log_level level, const char *msg,
                     const struct log_field *fields, unsigned count)
{
    if ((int)level >= atomic_load_explicit(&level_min, memory_order_relaxed))
        write_line(level, msg, fields, count, 0);
}

void log_set_level(enum log_level level)
{
    atomic_store_explicit(&level_min, (int)level, memory_order_relaxed);
}

void log_set_fd(int fd)
{
    pthread_mutex_lock(&sink_lock);
    sink_fd = fd;
    rest_len = 0;
    pthread_mutex_unlock(&sink_lock);
}

uint64_t log_dropped(void)
{
    return atomic_load_explicit(&dropped_count, memory_order_relaxed);
}
