/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/request_file.h"

#include "base/log.h"
#include "gateway/request_int.h"

#include <errno.h>
#include <unistd.h>

enum {
    PIECE_MAX = 16384 /* what request_room() promises */
};

void request_file_close(struct request_file *f)
{
    if (f->open)
        (void)close(f->fd);
    f->open = false;
}

/* RFC 9110 section 13.1.2: a list of quoted tags, weak ones alike, or "*". */
static bool has_tag(struct slice list, struct slice etag)
{
    struct slice piece;

    while (slice_next(&piece, &list, ',')) {
        struct slice tag = slice_trim(piece);

        if (slice_equal(tag, SLICE("*")))
            return true;
        if (slice_starts(tag, SLICE("W/")))
            tag = slice_sub(tag, 2, tag.len);
        if (tag.len == etag.len + 2 && slice_equal(slice_sub(tag, 1, etag.len), etag))
            return true;
    }
    return false;
}

bool request_not_modified(struct request *r, struct slice etag)
{
    const char *quoted = arena_printf(r->arena, "\"%.*s\"", SLICE_FMT(etag));

    if (quoted == NULL)
        return false;
    request_header(r, "ETag", slice_str(quoted));
    if (!has_tag(http_header(r->http, "if-none-match", NULL), etag))
        return false;
    request_reply(r, 304, "", SLICE_NONE);
    return true;
}

void request_reply_file(struct request *r, const char *content_type, int fd,
                        uint64_t len, struct slice etag)
{
    struct request_file file = {.open = true, .fd = fd, .left = len};

    if (etag.len > 0 && request_not_modified(r, etag)) {
        request_file_close(&file);
        return;
    }
    if (slice_equal(r->http->method, SLICE("HEAD"))) {
        request_file_close(&file);
        request_reply_head(r, 200, content_type, len);
        return;
    }
    file.piece = arena_alloc(r->arena, PIECE_MAX);
    if (file.piece == NULL) {
        request_file_close(&file);
        r->rc = r->fault.rc = RC_NOMEM;
        request_reply_fault(r);
        return;
    }
    answer_slot_free(r->slot); /* too large to be kept for a repeat */
    r->slot = NULL;
    request__tell_id(r);
    request_header(r, "Content-Type", slice_str(content_type));
    r->status = 200;
    exchange_stream(r->exchange, 200, len);
    r->file = file;
}

/* false: it broke off. */
static bool read_piece(struct request *r)
{
    struct request_file *f = &r->file;
    const size_t want = f->left < PIECE_MAX ? (size_t)f->left : PIECE_MAX;
    ssize_t got;

    do
        got = read(f->fd, f->piece, want);
    while (got < 0 && errno == EINTR);
    if (got <= 0) {
        log_event(LOG_ERROR, "a file could not be read", LOG_STR("request", r->id_text),
                  LOG_U64("missing", f->left));
        return false;
    }
    f->left -= (uint64_t)got;
    request_write(r, slice_from(f->piece, (size_t)got));
    return true;
}

bool request__pour(struct request *r)
{
    bool whole = true;

    if (!r->file.open)
        return true;
    while (!r->gone && whole && r->file.left > 0) {
        if (!request_room(r))
            return false;
        whole = read_piece(r);
    }
    request_file_close(&r->file);
    request_end(r, whole);
    return request__flush(r);
}
