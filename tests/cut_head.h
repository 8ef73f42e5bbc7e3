/* SPDX-License-Identifier: Apache-2.0 */
/* Cuts the head of a request to pieces as libmicrohttpd 0.9.75 does, forgiving what it
 * forgives, so that the guard can be tried without a socket. */
#ifndef TESTS_CUT_HEAD_H
#define TESTS_CUT_HEAD_H

#include "gateway/guard.h"

struct cut_head {
    struct guard_head head;
    char room[65536]; /* the bytes, in which the strings lie */
    char target[HTTP_URL_MAX + 1];
    char glued[65536]; /* names with the continued lines that were glued to them */
    size_t glued_len;
};

/* What is cut lies in c. False: the library would not have called the guard. */
bool cut_head(struct cut_head *c, struct http_request *q, struct slice bytes);

#endif
