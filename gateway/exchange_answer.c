/* SPDX-License-Identifier: Apache-2.0 */
/* One answer on its way out: headers, framing, the buffer between the user and a slow
 * client. What the library makes us do:
 *
 * - Its reader of a streamed body must suspend before it says "nothing yet".
 * - A connection that its reader ends, by an error or without a framing that tells the
 *   end, is taken off its list of those to be looked at and may stay open for ever. One
 *   whose socket fails is not. So we shut the socket, and offer a byte that cannot go.
 * - It would end a chunked answer to HEAD with a last chunk, and give a 304 a length of
 *   0: both are answered without a length instead, and the connection closes.
 * - While a body comes in it takes no answer. Such an error goes straight to the
 * socket; then the rest of the body is read and thrown away for a moment, because a
 * socket that closes over unread bytes can take the answer from the client. */
#include "gateway/exchange_int.h"

#include "base/clock.h"

#include <assert.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum {
    BLOCK_SIZE = 16384, /* that the library asks for at a time */
    REFUSAL_MAX = 4096,
    DATE_SIZE = 64
};

/* ---- Headers ---- */

enum rc exchange_header(struct exchange *x, const char *name, struct slice value)
{
    const struct slice n = slice_str(name);
    struct answer_header *h;
    char *copy;

    if (x->gone)
        return RC_OK;
    assert(!x->answered);
    value = slice_trim(value);
    if (!guard_token(n) || guard_framing(n) || value.len == 0)
        return RC_BAD_INPUT;
    for (size_t i = 0; i < value.len; i++) {
        unsigned char c = (unsigned char)value.bytes[i];

        if ((c < 0x20 && c != '\t') || c == 0x7f)
            return RC_BAD_INPUT;
    }
    if (x->header_bytes + n.len + value.len + 4 > HTTP_HEADER_BYTES_MAX)
        return RC_TOO_BIG;
    h = arena_new(x->arena, struct answer_header);
    copy = arena_copy(x->arena, value.bytes, value.len);
    name = arena_copy(x->arena, n.bytes, n.len);
    if (arena_spent(x->arena))
        return RC_NOMEM;
    *h = (struct answer_header){.name = name, .value = copy};
    *x->headers_end = h;
    x->headers_end = &h->next;
    x->header_bytes += n.len + value.len + 4; /* ": " CRLF */
    return RC_OK;
}

void exchange_close_after(struct exchange *x)
{
    x->close = true;
}

/* ---- Past the library ---- */

static void print_date(struct buf *out)
{
    const time_t now = (time_t)(clock_wall_us() / 1000000);
    char text[DATE_SIZE];
    struct tm tm;

    /* The locale is always "C" here: nobody calls setlocale(). */
    if (gmtime_r(&now, &tm) != NULL &&
        strftime(text, sizeof(text), "%a, %d %b %Y %H:%M:%S GMT", &tm) > 0)
        buf_printf(out, "Date: %s\r\n", text);
}

/* As much as the socket takes at once: nothing was sent before on it that it could
 * still hold but earlier answers that the client has not read. */
static void send_raw(struct conn *c, unsigned status,
                     const struct answer_header *headers, struct slice body)
{
    struct buf out;
    struct slice all;

    buf_init(&out, HTTP_OUT_HIGH);
    buf_printf(&out, "HTTP/1.1 %u %s\r\n", status, MHD_get_reason_phrase_for(status));
    print_date(&out);
    buf_printf(&out, "Connection: close\r\nContent-Length: %zu\r\n", body.len);
    for (const struct answer_header *h = headers; h != NULL; h = h->next)
        buf_printf(&out, "%s: %s\r\n", h->name, h->value);
    buf_append_str(&out, "\r\n");
    if (c->x == NULL || !slice_equal_str(c->x->q.method, "HEAD"))
        buf_append(&out, body);
    all = buf_slice(&out);
    if (!buf_spent(&out))
        (void)!send(c->watch.fd, all.bytes, all.len, MSG_NOSIGNAL | MSG_DONTWAIT);
    buf_free(&out);
}

static void ask_refusal(struct server *s, struct slice path, enum rc rc,
                        const char *detail, struct buf *body, const char **type)
{
    buf_init(body, REFUSAL_MAX);
    *type = "text/plain";
    s->user.refuse(s->user.arg, path, rc, detail != NULL ? detail : rc_reason(rc), body,
                   type);
    if (buf_spent(body))
        buf_reset(body);
}

void exchange__refuse_raw(struct conn *c, enum rc rc, const char *detail)
{
    struct answer_header type = {.name = "Content-Type"};
    struct buf body;

    ask_refusal(c->server, c->x != NULL ? c->x->q.path : SLICE_NONE, rc, detail, &body,
                &type.value);
    send_raw(c, rc_http(rc), &type, buf_slice(&body));
    buf_free(&body);
}

static void reply_past_library(struct exchange *x, unsigned status, struct slice body)
{
    struct conn *c = x->conn;

    send_raw(c, status, x->headers, body);
    shutdown(c->watch.fd, SHUT_WR);
    server__phase(c, CONN_DISCARD, 0);
}

/* ---- Through the library ---- */

static enum rc add_headers(struct MHD_Response *r, const struct answer_header *headers)
{
    for (const struct answer_header *h = headers; h != NULL; h = h->next) {
        if (MHD_add_response_header(r, h->name, h->value) != MHD_YES)
            return RC_NOMEM; /* what it would refuse was refused before */
    }
    return RC_OK;
}

static enum MHD_Result give(struct exchange *x, unsigned status, struct MHD_Response *r)
{
    struct conn *c = x->conn;
    const bool close = x->close || x->q.chunked || x->server->draining;

    if (add_headers(r, x->headers) != RC_OK ||
        (close && MHD_add_response_header(r, "Connection", "close") != MHD_YES))
        return MHD_NO;
    if (x->stage != EXCHANGE_WORK && x->q.has_body)
        c->linger = true; /* the body will not be read */
    x->stage = EXCHANGE_QUEUED;
    server__phase(c, CONN_ANSWER, 0);
    return MHD_queue_response(c->mhd, status, r);
}

bool exchange__ready(const struct exchange *x)
{
    return x->answered && (x->ended || !x->bodiless);
}

enum MHD_Result exchange__queue(struct exchange *x)
{
    struct MHD_Response *r = x->response;
    enum MHD_Result result;

    if (r == NULL)
        return MHD_NO; /* out of memory when it was made */
    x->response = NULL;
    result = give(x, x->status, r);
    MHD_destroy_response(r); /* our reference */
    return result;
}

static struct MHD_Response *fixed_response(struct slice body)
{
    /* The library copies, and only its prototype says otherwise. */
    union {
        const char *in;
        void *out;
    } bytes = {.in = body.bytes};

    return MHD_create_response_from_buffer(body.len, bytes.out, MHD_RESPMEM_MUST_COPY);
}

enum MHD_Result exchange__refuse(struct exchange *x, enum rc rc, const char *detail)
{
    struct buf body;
    struct MHD_Response *r;
    const char *type;
    enum MHD_Result result = MHD_NO;

    ask_refusal(x->server, x->q.path, rc, detail, &body, &type);
    r = fixed_response(buf_slice(&body));
    x->close = true;
    x->ended = true;
    x->conn->linger = true;
    if (r != NULL && MHD_add_response_header(r, "Content-Type", type) == MHD_YES &&
        (rc != RC_BAD_METHOD ||
         MHD_add_response_header(
             r, "Allow", "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS") == MHD_YES))
        result = give(x, rc_http(rc), r);
    if (r != NULL)
        MHD_destroy_response(r);
    buf_free(&body);
    return result;
}

/* ---- The whole answer ---- */

/* An upstream's status is passed on by some users as it came. */
static unsigned sane_status(unsigned status)
{
    return status >= 200 && status <= 599 ? status : 502;
}

static bool has_no_body(const struct exchange *x, unsigned status)
{
    return status == 204 || status == 304 || slice_equal_str(x->q.method, "HEAD");
}

static ssize_t read_out(void *arg, uint64_t at, char *out, size_t room);

/* A head without a length and without a body. */
static struct MHD_Response *lengthless_response(struct exchange *x)
{
    struct MHD_Response *r =
        MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, 1, read_out, x, NULL);

    if (r != NULL)
        MHD_set_response_options(r, MHD_RF_HTTP_1_0_COMPATIBLE_STRICT, MHD_RO_END);
    return r;
}

/* Without one (no memory) the connection closes: exchange__queue(). */
static void set_response(struct exchange *x, unsigned status, struct MHD_Response *r)
{
    x->status = status;
    x->response = r;
    if (exchange__ready(x))
        server__resume(x->conn);
}

void exchange_reply(struct exchange *x, unsigned status, struct slice body)
{
    status = sane_status(status);
    x->complete = true;
    if (x->gone) {
        x->ended = true;
        return;
    }
    assert(!x->answered && x->stage != EXCHANGE_NEW && x->stage != EXCHANGE_QUEUED);
    x->answered = true;
    x->ended = true;
    x->bodiless = has_no_body(x, status);
    if (x->stage == EXCHANGE_BODY || x->stage == EXCHANGE_DISCARD) {
        x->stage = EXCHANGE_DISCARD;
        reply_past_library(x, status, body);
        return;
    }
    set_response(x, status,
                 status == 304 ? lengthless_response(x) : fixed_response(body));
}

/* ---- The streamed answer ---- */

/* What may go out now. The last byte of an announced length goes with exchange_end(),
 * not before: with it the client has the whole answer, and whether it is whole is for
 * the user to say. */
static size_t ready_bytes(const struct exchange *x)
{
    const size_t len = buf_len(&x->out);
    const bool hold = x->length_left == 0 && !(x->ended && x->complete);

    return hold && len > 0 ? len - 1 : len;
}

bool exchange__waits(const struct exchange *x)
{
    return ready_bytes(x) > 0;
}

static ssize_t hang_up(struct exchange *x, char *out)
{
    shutdown(x->conn->watch.fd, SHUT_WR);
    out[0] = '\0';
    return 1;
}

/* The library's reader. It holds the answer's lock meanwhile: nothing of the library
 * may be called but what suspends. */
static ssize_t read_out(void *arg, uint64_t at, char *out, size_t room)
{
    struct exchange *x = arg;
    const size_t len = ready_bytes(x);
    struct slice bytes = slice_sub(buf_slice(&x->out), 0, len < room ? len : room);

    (void)at;
    x->conn->shard->callbacks++;
    if (x->cut)
        return hang_up(x, out);
    if (bytes.len > 0) {
        memcpy(out, bytes.bytes, bytes.len);
        buf_consume(&x->out, bytes.len);
        if (x->room_asked && buf_len(&x->out) < HTTP_OUT_LOW) {
            x->room_asked = false;
            x->tell_writable = true;
            exchange__tell_later(x);
        }
        return (ssize_t)bytes.len;
    }
    if (x->ended)
        return x->complete && x->http11 ? MHD_CONTENT_READER_END_OF_STREAM
                                        : hang_up(x, out);
    if (x->conn->peer_left) {
        exchange__gone(x);
        return hang_up(x, out);
    }
    server__suspend(x->conn);
    return 0;
}

static struct MHD_Response *stream_response(struct exchange *x, unsigned status)
{
    const bool known = x->length_left != UINT64_MAX;

    if (status == 204)
        return fixed_response(SLICE_NONE);
    if (status == 304 || (x->bodiless && !known))
        return lengthless_response(x);
    return MHD_create_response_from_callback(known ? x->length_left : MHD_SIZE_UNKNOWN,
                                             BLOCK_SIZE, read_out, x, NULL);
}

void exchange_stream(struct exchange *x, unsigned status, uint64_t content_length)
{
    status = sane_status(status);
    if (x->gone)
        return;
    assert(!x->answered && (x->stage == EXCHANGE_HEAD || x->stage == EXCHANGE_WORK));
    x->answered = true;
    x->bodiless = content_length == 0 || has_no_body(x, status);
    x->length_left = content_length;
    set_response(x, status, stream_response(x, status));
}

static bool swallows(const struct exchange *x)
{
    return x->gone || x->bodiless;
}

size_t exchange_room(struct exchange *x)
{
    if (swallows(x))
        return HTTP_OUT_HIGH;
    if (buf_len(&x->out) > 0)
        x->room_asked = true;
    return buf_room(&x->out);
}

void exchange_write(struct exchange *x, struct slice bytes)
{
    if (swallows(x) || bytes.len == 0)
        return;
    assert(x->answered && !x->ended && bytes.len <= buf_room(&x->out));
    if (x->length_left != UINT64_MAX) {
        /* An upstream that says more than it announced has been heard out. */
        bytes = slice_sub(
            bytes, 0, x->length_left < bytes.len ? (size_t)x->length_left : bytes.len);
        x->length_left -= bytes.len;
    }
    buf_append(&x->out, bytes);
    if (buf_spent(&x->out)) {
        server__cut(x->conn); /* out of memory: better broken than with a hole */
        return;
    }
    server__resume(x->conn);
}

void exchange_end(struct exchange *x, bool complete)
{
    assert(!x->ended && (x->answered || x->gone));
    x->ended = true;
    x->complete = complete &&
                  (x->bodiless || x->length_left == UINT64_MAX || x->length_left == 0);
    if (x->gone)
        return;
    x->cut = x->bodiless && !x->complete; /* its head has not gone out yet */
    server__resume(x->conn);
}
