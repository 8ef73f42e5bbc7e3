/* SPDX-License-Identifier: Apache-2.0 */
/* Chat calls with any body, any upstream and any order of events; and messages of MCP,
 * which are bodies that speak of "jsonrpc". The input is pieces between bytes 0x1e: the
 * body, then what happens, by its first letter:
 *   H  the upstream's head: three digits of status, then header lines
 *   D  bytes from the upstream
 *   E  its end: a digit for how
 *   L  the client leaves        S  it is slow from now on     R  it reads a little
 *   T  a quarter second passes  K  the book keeps what it gets  P  and goes on
 *   F  the book refuses twice   A  everything is broken off
 * However it goes: one answer, whole JSON or a stream that says how it ended, nothing
 * on hold, and the laws of the money. */
#include <assert.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/json_guard.h"
#include "tests/gateway_fixture.h"

enum {
    SEPARATOR = 0x1e,
    INPUTS_PER_BOOK = 64, /* then the laws are checked, and a new one is opened */
    FINISH_MAX = 2000
};

static bool is_open;
static unsigned inputs;
static const struct upstream_call *headed; /* the last call whose head came */

static void close_book(void)
{
    if (is_open)
        gate_stop();
    is_open = false;
}

static void open_book(void)
{
    static bool registered;

    if (!registered && atexit(close_book) != 0)
        abort();
    registered = true;
    if (is_open && ++inputs % INPUTS_PER_BOOK == 0)
        close_book();
    if (!is_open)
        gate_start();
    is_open = true;
}

/* The call that runs; NULL: none does. */
static struct upstream_call *running(void)
{
    struct upstream_call *c = upstream_count() > 0 ? upstream_last() : NULL;

    return c != NULL && !c->ended && !c->cancelled ? c : NULL;
}

/* ---- What happens ---- */

static void say_head(struct slice rest)
{
    struct upstream_call *c = running();
    char headers[2048];
    uint64_t status;

    if (c == NULL || c == headed)
        return;
    if (slice_to_u64(&status, slice_sub(rest, 0, 3)) != RC_OK || status < 200 ||
        status > 999 ||
        slice_to_cstr(headers, sizeof(headers), slice_sub(rest, 3, rest.len)) != RC_OK)
        return;
    headed = c;
    upstream_says_head(c, (unsigned)status, headers);
}

static void end(struct slice how)
{
    static const enum upstream_fail fails[] = {
        UPSTREAM_FINE, UPSTREAM_CONNECT, UPSTREAM_BLOCKED, UPSTREAM_SLOW,
        UPSTREAM_CUT,  UPSTREAM_TOO_BIG, UPSTREAM_STOPPED};
    struct upstream_call *c = running();
    size_t i = how.len > 0 ? (uint8_t)(how.bytes[0] - '0') % 7u : 0;

    /* A good end has a head before it, and nothing that waits. */
    if (c != NULL &&
        (fails[i] != UPSTREAM_FINE || (c == headed && buf_len(&c->rest) == 0)))
        upstream_ends(c, fails[i]);
}

static void read_some(struct exchange *x, size_t len)
{
    client_reads(&gate.user, x, len);
    if (running() != NULL)
        upstream_goes_on(running());
}

static void happen(struct exchange *x, struct slice piece)
{
    struct slice rest = slice_sub(piece, 1, piece.len);

    switch (piece.bytes[0]) {
    case 'H':
        say_head(rest);
        break;
    case 'D':
        if (running() != NULL && running() == headed)
            upstream_says(running(), rest);
        break;
    case 'E':
        end(rest);
        break;
    case 'L':
        if (!x->gone && !x->finished)
            client_leaves(&gate.user, x);
        break;
    case 'S':
        x->slow = true;
        x->room_max = 20000;
        break;
    case 'R':
        read_some(x, 5000);
        break;
    case 'T':
        gate_advance(250);
        break;
    case 'K':
        book_keep();
        break;
    case 'P':
        book_release();
        break;
    case 'F':
        book_refuse(RC_IO, 2);
        break;
    case 'A':
        request_abort_all(&gate.worker);
        break;
    default:
        break;
    }
    gate_turn();
}

/* Whatever still runs comes to its end, as it would with time. */
static void finish(struct exchange *x)
{
    book_release();
    for (unsigned i = 0; !x->finished; i++) {
        assert(i < FINISH_MAX);
        read_some(x, SIZE_MAX);
        if (running() != NULL && buf_len(&running()->rest) == 0)
            upstream_ends(running(), UPSTREAM_CUT);
        gate_advance(250);
    }
}

/* ---- What must hold ---- */

static void check_whole(struct slice body)
{
    const struct json_limits limits = {
        .depth = JSON_DEPTH_MAX, .containers = 4000000, .keys = 4000000};
    struct arena *a;
    enum rc rc = arena_open(&a, 64 << 20);

    assert(rc == RC_OK);
    rc = json_guard(body, &limits, NULL, 0, NULL, a);
    assert(rc == RC_OK);
    arena_close(a);
}

static void check_answer(const struct exchange *x)
{
    struct slice out = buf_slice(&x->out);
    struct ledger_stats stats;

    ledger_stats(gate.worker.ledger, &stats);
    assert(gate.worker.live == 0 && stats.holds == 0);
    assert(running() == NULL);
    if (x->gone)
        return;
    assert(x->answered && x->ended);
    if (!x->streamed && out.len > 0)
        check_whole(out);
    if (x->streamed && x->complete)
        assert(slice_ends(out, SLICE("data: [DONE]\n\n")) ||
               slice_search(out, SLICE("data: {\"error\":{")) < out.len);
}

static const char *path_of(struct slice body)
{
    return slice_search(body, SLICE("jsonrpc")) < body.len ? "/mcp"
                                                           : "/v1/chat/completions";
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    struct slice rest = slice_from((const char *)bytes, len);
    struct slice piece = SLICE_NONE;
    struct exchange *x;

    open_book();
    headed = NULL;
    (void)slice_next(&piece, &rest, SEPARATOR);
    x = client_head(&gate.user, "POST", path_of(piece), bearer(), true);
    client_body(&gate.user, x, piece);
    gate_turn();
    while (slice_next(&piece, &rest, SEPARATOR))
        if (piece.len > 0)
            happen(x, piece);
    finish(x);
    check_answer(x);
    clients_close();
    upstreams_close();
    fund(&gate.money, gate.wallet, "1"); /* so that the next one can be held */
    return 0;
}
