/* SPDX-License-Identifier: Apache-2.0 */
/* Answers of data APIs that are given again for a while, in memory only: 1 MiB each,
 * 64 MiB in all; what was not asked for longest goes first. All loops share it, since
 * the same is asked on any: a lock, held for a look-up. What may be kept, and under
 * which key, is gateway/metered*.c's business. */
#ifndef GATEWAY_DATA_CACHE_H
#define GATEWAY_DATA_CACHE_H

#include <stdint.h>

#include "base/buf.h"
#include "base/rc.h"
#include "base/slice.h"
#include "gateway/server.h" /* struct http_header */

enum {
    DATA_CACHE_BODY_MAX = 1048576,
    DATA_CACHE_HEADERS_MAX = 64
};

struct data_cache;
MUST_CHECK enum rc data_cache_open(struct data_cache **out, uint64_t limit_bytes);
void data_cache_close(struct data_cache *c); /* NULL is fine */

/* An answer of status 200. Reference counted; not written once it is kept. */
struct data_answer {
    uint64_t stored_ms, until_ms; /* monotonic */
    uint64_t age_s;               /* that it had when it came */
    char *content_type;           /* "": none */
    size_t header_count;
    struct http_header headers[DATA_CACHE_HEADERS_MAX];
    struct buf body;
};
/* Copies the texts. NULL: out of memory, or they are too long. */
struct data_answer *data_answer_new(const char *content_type,
                                    const struct http_header *headers, size_t count);
void data_answer_unref(struct data_answer *a); /* NULL is fine */

/* Takes a, until until_ms. In place of what was there. */
void data_cache_keep(struct data_cache *c, const uint8_t key[32],
                     struct data_answer *a);
/* A reference; NULL: there is none that counts at now_ms. */
struct data_answer *data_cache_find(struct data_cache *c, const uint8_t key[32],
                                    uint64_t now_ms);

#endif
