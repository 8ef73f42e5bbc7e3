/* SPDX-License-Identifier: Apache-2.0 */
/* What the tests of gateway/upstream share: a loop with one fake server, and calls that
 * write down all that they are told. Fails the running test if a rule that holds for
 * every call is broken: who calls back when, and how often. */
#ifndef TESTS_UPSTREAM_PROBE_H
#define TESTS_UPSTREAM_PROBE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/loop.h"
#include "gateway/upstream.h"
#include "tests/fake_upstream.h"

enum {
    PROBE_URL_SIZE = 256
};

extern struct loop *probe_loop;
extern struct upstream *probe_upstream;
extern struct fake *probe_fake; /* NULL until probe_server() */

int probe_set_up(void **state);
int probe_tear_down(void **state);
void probe_server(fake_script *script);

/* One call and what its callbacks were told. */
struct probe {
    struct upstream_call *call; /* NULL after its end */
    struct upstream_spec spec;  /* to be changed before probe_start() */
    char url[PROBE_URL_SIZE];

    unsigned head_count;
    unsigned status;
    struct buf headers; /* "name: value\n".. */
    unsigned data_count;
    struct buf body; /* what was taken */
    size_t piece_max;
    enum upstream_take on_head, on_data; /* what to answer */
    struct probe *cancels;               /* head() cancels this one's call */

    unsigned end_count;
    enum upstream_fail fail;
    char detail[256];
    bool calling; /* within one of our calls into the module */
};

/* A call to the fake server. */
void probe_init(struct probe *p, const char *method, const char *path);
void probe_free(struct probe *p);
void probe_start(struct probe *p);
void probe_cancel(struct probe *p);
void probe_resume(struct probe *p);
/* Starts it and turns the loop until it has ended. */
void probe_run(struct probe *p);
/* A whole GET; returns how it ended. */
enum upstream_fail probe_get(const char *path);

/* Turns the loop until *what is `value`, or a function's result for the fake server. */
void probe_turn_until(const unsigned *what, unsigned value);
void probe_turn_until_fake(unsigned (*what)(struct fake *f), unsigned value);

/* For what depends on time: from here on the clock moves by probe_advance() only, which
 * also gives the loop some turns. */
void probe_stand_still(void);
void probe_advance(uint64_t ms);
void probe_some_turns(void);

void assert_taken(const struct probe *p, const char *body);
void assert_has(struct slice where, const char *text);
void assert_has_not(struct slice where, const char *text);

#endif
