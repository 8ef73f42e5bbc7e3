/* SPDX-License-Identifier: Apache-2.0 */
/* The log: one JSON object a line on stderr, {"ts","level","msg",..}. Any thread. A
 * line never blocks the caller: when the sink is full the line is dropped and counted.
 * Values are escaped; secrets have a type of their own and print as "***". A message
 * that repeats more than 50 times a second is cut and counted. */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include <stdint.h>

#include "base/money.h"
#include "base/slice.h"

struct secret;

enum log_level {
    LOG_DEBUG,
    LOG_INFO,
    LOG_WARN,
    LOG_ERROR
};

struct log_field {
    const char *key;

    enum {
        LOG_F_STR,
        LOG_F_SLICE,
        LOG_F_U64,
        LOG_F_MONEY,
        LOG_F_SECRET
    } type;

    union {
        const char *str;
        struct slice slice;
        uint64_t u64;
        struct money money;
        const struct secret *secret;
    } v;
};

#define LOG_STR(k, x)    ((struct log_field){(k), LOG_F_STR, {.str = (x)}})
#define LOG_SLICE(k, x)  ((struct log_field){(k), LOG_F_SLICE, {.slice = (x)}})
#define LOG_U64(k, x)    ((struct log_field){(k), LOG_F_U64, {.u64 = (x)}})
#define LOG_MONEY(k, x)  ((struct log_field){(k), LOG_F_MONEY, {.money = (x)}})
#define LOG_SECRET(k, x) ((struct log_field){(k), LOG_F_SECRET, {.secret = (x)}})

/* msg is a literal: the event's name in words. At most 32 fields, strings cut at 512
 * bytes, lines at 8 KiB: a field that does not fit is left out and the line says
 * "truncated". "repeats_cut" is how many of this msg were cut before. */
void log_write(enum log_level level, const char *msg, const struct log_field *fields,
               unsigned count);

#define log_event(level, msg, ...)                                     \
    log_write((level), (msg), (const struct log_field[]){__VA_ARGS__}, \
              sizeof((const struct log_field[]){__VA_ARGS__}) /        \
                  sizeof(struct log_field))
#define log_line(level, msg) log_write((level), (msg), NULL, 0)

/* The same, but never cut for repeating: for events that are each wanted and whose
 * number is bounded elsewhere. A full sink still drops. */
void log_write_every(enum log_level level, const char *msg,
                     const struct log_field *fields, unsigned count);

void log_set_level(enum log_level level); /* default LOG_INFO */
void log_set_fd(int fd);                  /* default 2; tests use a pipe */
/* Lines that were not written: the sink was full, or they repeated. */
uint64_t log_dropped(void);

#endif
