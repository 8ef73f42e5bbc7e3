/* SPDX-License-Identifier: Apache-2.0 */
/* A file as an answer: read in pieces while the client takes them, so that neither its
 * length nor a slow reader costs memory. A piece is 16 KiB: that long, at most, a loop
 * may wait for a disk. */
#ifndef GATEWAY_REQUEST_FILE_H
#define GATEWAY_REQUEST_FILE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/slice.h"

struct request;

struct request_file {
    bool open;
    int fd;
    uint64_t left; /* bytes that have not been read */
    char *piece;   /* in the arena: room for the next ones */
};

/* Answers 200 with `len` bytes of fd from where it stands; takes fd. To a HEAD without
 * them; 304 if If-None-Match has `etag`, which is given without quotes (SLICE_NONE: it
 * has none). A file that turns out shorter breaks the answer off. */
void request_reply_file(struct request *r, const char *content_type, int fd,
                        uint64_t len, struct slice etag);
/* Nothing more of it is sent. */
void request_file_close(struct request_file *f);

/* Sets the ETag and says whether the client has that already: then it has been answered
 * 304. For what is not a file as well. */
bool request_not_modified(struct request *r, struct slice etag);

#endif
