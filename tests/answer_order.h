/* SPDX-License-Identifier: Apache-2.0 */
/* The order of events that gateway/answer.h promises, checked as they come, by
 * assert(): for fuzzers, and for tests of whatever reads answers. */
#ifndef TESTS_ANSWER_ORDER_H
#define TESTS_ANSWER_ORDER_H

#include <stdbool.h>
#include <stddef.h>

#include "gateway/answer.h"

enum {
    ANSWER_ORDER_PARTS = 4096 /* more of them than this are not told apart */
};

/* Zero it. */
struct answer_order {
    bool begun, ended, failed;
    struct usage usage; /* the last */
    size_t count;

    struct {
        unsigned choice, part;
        enum part_kind kind;
        bool open;
    } parts[ANSWER_ORDER_PARTS];
};

/* One BEGIN before all; parts of a choice numbered without gaps, each begun before
 * anything is said of it and open while its text comes; no part open at a STOP; JSON
 * strings where there is text; nothing after END or ERROR. */
void answer_order_take(struct answer_order *o, const struct answer_event *e);

#endif
