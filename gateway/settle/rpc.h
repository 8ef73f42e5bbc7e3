/* SPDX-License-Identifier: Apache-2.0 */
/* Questions to a node: JSON-RPC 2.0 over HTTP, several questions in one batch. The node
 * is somebody else's: its answer is bounded, passes the strict guard, and is taken only
 * when every id in it was asked and none twice. What a result means is for the caller
 * (node.h) to read.
 *
 * Calls share HTTP calls. Those that start in one turn of the loop go out at its end in
 * one batch, if the last one began RPC_GAP_MS ago; while RPC_SHARED_AT_ONCE batches are
 * under way the next ones wait for one of them, RPC_SHARE_MS at most. So nobody waits
 * for an idle node, and at load many payments cost one request. What several of them
 * ask in the same words is asked once. What is one call's stays its own: its deadline,
 * its end, and its cancelling, which nobody else in the batch sees.
 *
 * A node may refuse a batch for its size (413, one error for all, no answer to some of
 * it), and what it says may be unreadable. Then each call of the batch is sent once
 * more alone, and for RPC_APART_MS none share. So a question may be asked twice: there
 * must be none that does harm then. A call's own questions always go in one batch. */
#ifndef GATEWAY_SETTLE_RPC_H
#define GATEWAY_SETTLE_RPC_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/loop.h"
#include "gateway/upstream.h"

#include <sys/queue.h>

enum {
    RPC_QUESTIONS_MAX = 128,           /* of one call, and of one batch */
    RPC_GAP_MS = 5,                    /* between the beginnings of two batches */
    RPC_SHARED_AT_ONCE = 2,            /* batches under way, until others wait.. */
    RPC_SHARE_MS = 20,                 /* ..and how long */
    RPC_APART_MS = 60 * 1000,          /* without batches of several calls */
    RPC_REQUEST_MAX = 1024 * 1024,     /* bytes */
    RPC_ANSWER_MAX = 8 * 1024 * 1024,  /* bytes */
    RPC_MEMORY_MAX = 16 * 1024 * 1024, /* for reading one answer */
    RPC_TIMEOUT_MS = 10 * 1000,        /* a call without a nearer deadline */
    RPC_MESSAGE_MAX = 200              /* bytes of what a node says about an error */
};

enum rpc_answer {
    RPC_SILENT,   /* nothing was said about it */
    RPC_RESULT,   /* `result` */
    RPC_REVERTED, /* the contract refused: `data` */
    RPC_REFUSED   /* the node refused: `code`, `message` */
};

struct rpc_question {
    const char *method;
    struct slice params; /* raw JSON, an array; until done() or rpc_cancel() */
    bool common;         /* it changes nothing: one answer is for all who ask it */

    /* Out; slices live until done() returns. */
    enum rpc_answer answer;
    struct slice result;  /* raw JSON that has passed the guard; may be null */
    int64_t code;         /* 0 when it was no integer */
    struct slice message; /* for the log and for a look at known words only */
    struct slice data;    /* raw bytes; SLICE_NONE */

    /* private */
    size_t place; /* in the batch */
    struct rpc_question *same;
};

enum rpc_fail {
    RPC_FINE,   /* an answer came; the questions tell what it says */
    RPC_UNSENT, /* certainly not executed */
    RPC_LOST    /* it may have been executed: slow, cut off, not 200, or not readable;
                 * or it was tried before */
};

struct rpc;

/* url is referenced. */
MUST_CHECK enum rc rpc_open(struct rpc **out, struct loop *l, struct upstream *u,
                            const char *url, bool allow_private);
/* Every call must have ended. Not from within done(). NULL is fine. */
void rpc_close(struct rpc *r);

/* Embed it, zeroed. It must stay until done() or rpc_cancel(); done() may free it. */
struct rpc_call {
    struct rpc_question *questions;
    size_t count;
    /* Monotonic. 0, or later than that: RPC_TIMEOUT_MS from now. */
    uint64_t deadline_ms;
    bool alone; /* what is slow, or long: an HTTP call of its own, at once */
    void (*done)(struct rpc_call *c);

    enum rpc_fail fail;

    /* private */
    struct rpc *rpc;
    struct rpc_batch *batch; /* NULL: it waits */
    TAILQ_ENTRY(rpc_call) calls;
    struct loop_timer late;
    uint64_t start_ms;
    uint64_t end_ms;
    bool is_apart; /* it shares with nobody */
    bool again;    /* the first try may have been executed */
    bool busy;
};

/* done() comes once, never from within. */
void rpc_start(struct rpc *r, struct rpc_call *c);
/* done() does not come any more; not under way: fine. */
void rpc_cancel(struct rpc_call *c);
bool rpc_is_busy(const struct rpc_call *c);

/* Reads the body of an answer to `count` questions, whose ids are first_id and the
 * following. One object is taken for a call of one question. RC_BAD_JSON; RC_BAD_INPUT:
 * not such an answer, and then every question is RPC_SILENT; RC_NOMEM. */
MUST_CHECK enum rc rpc_read(struct rpc_question *questions, size_t count,
                            uint64_t first_id, struct slice body, struct arena *a);

/* Whether the node's message has these words, in any case. */
bool rpc_says(const struct rpc_question *q, const char *words);

#endif
