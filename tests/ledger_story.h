/* SPDX-License-Identifier: Apache-2.0 */
/* A short story that leaves one of everything in a book: accounts of both kinds and two
 * numbers, holds that live and that ended in every way, a spill, a grant, records of
 * several versions, tags, memos, ids that may be forgotten. For tests of what reads the
 * whole book. */
#ifndef TESTS_LEDGER_STORY_H
#define TESTS_LEDGER_STORY_H

#include "ledger/ledger.h"

enum {
    STORY_ENTRIES = 17
};

/* The clock must stand at TEST_TIME_US; it moves on by some milliseconds. */
void story(struct ledger *l);
struct id story_tag(void); /* entries 1, 2, 4 and 5 */

#endif
