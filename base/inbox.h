/* SPDX-License-Identifier: Apache-2.0 */
/* The one place where threads meet: a queue of intrusive messages with an eventfd that
 * wakes its single reader. Any thread posts; one thread drains. */
#ifndef BASE_INBOX_H
#define BASE_INBOX_H

#include <stdbool.h>

#include "base/rc.h"

struct inbox;

/* Embed one in what is sent. A message is lent from inbox_post() until its `run` is
 * called on the reader's thread; it must not be posted again before. */
struct inbox_message {
    struct inbox_message *next; /* private */
    void (*run)(struct inbox_message *m);
};

MUST_CHECK enum rc inbox_open(struct inbox **out);
/* Must be empty, and nobody may begin to post; NULL is fine. */
void inbox_close(struct inbox *b);

void inbox_post(struct inbox *b, struct inbox_message *m);
int inbox_fd(const struct inbox *b); /* readable while something waits */
/* Runs all messages that waited when it was called, oldest first. Returns how many. */
unsigned inbox_drain(struct inbox *b);

#endif
