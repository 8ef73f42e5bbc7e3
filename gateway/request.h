/* SPDX-License-Identifier: Apache-2.0 */
/* The life of a request, from its head to its end: named states, legal moves as a
 * table, one function that runs them. Everything that waits is a state; callbacks note
 * what happened and call request_run(). A request belongs to one loop. It outlives its
 * socket while the book works for it, and never its loop. */
#ifndef GATEWAY_REQUEST_H
#define GATEWAY_REQUEST_H

#include <stdbool.h>
#include <stdint.h>

#include "base/inbox.h"
#include "base/loop.h"
#include "gateway/answers.h"
#include "gateway/api.h"
#include "gateway/config.h"
#include "gateway/error.h"
#include "gateway/limiter.h"
#include "gateway/payment.h"
#include "gateway/request_file.h"
#include "gateway/request_state.h"
#include "gateway/server.h"
#include "gateway/upstream.h"
#include "gateway/worker.h"
#include "wallet/wallet.h"

struct request {
    struct worker *worker;
    struct exchange *exchange;
    const struct http_request *http; /* of the inner call, when there is one */
    struct envelope *envelope;       /* gateway/request_envelope.h; NULL: none */
    const struct config *config;
    struct arena *arena; /* the exchange's */
    struct api_match match;
    const struct payment *payment; /* NULL: the caller is not known */
    void *pay_state;               /* the payment's own, in the arena */
    const char *payment_reason;    /* why it was refused, in x402's words; NULL */
    struct id topup_target;        /* API_TOPUP: the wallet to be credited */
    struct id id;
    char id_text[WALLET_ID_TEXT_SIZE];
    char limited_as[WALLET_KEY_ID_LEN + 1]; /* the key whose place it has; "": none */
    bool identified;                        /* caller is known */

    enum request_state state;
    bool planned; /* r->quote is known */
    bool running; /* request_run() is on the stack */
    bool gone;    /* no byte reaches the client any more */
    bool cut_off; /* the daemon ends: no more work is begun or waited for */
    enum request_outcome outcome;
    enum rc rc; /* why it failed */
    struct fault fault;
    uint64_t started_ms, deadline_ms;

    /* The caller and the money. */
    struct wallet_caller caller;
    struct quote quote;
    struct wallet_hold hold;
    struct inbox_message message; /* the book's answer, back to this loop */
    bool money_busy;              /* hold.* is lent to the book */
    bool money_asked;             /* in the present state */
    bool held;
    unsigned stale_count;
    struct money cost;
    enum rc settle_rc; /* why what was paid with came to nothing */
    struct wallet_call call;
    uint64_t tokens_taken, tokens_used; /* from the limiter; used: stay taken */

    /* Idempotency. */
    struct wallet_idem idem;
    const uint8_t *claim;     /* its key, while we are being paid for it; NULL: none */
    struct wallet_once once;  /* what the call uses up besides money */
    struct answer_slot *slot; /* where the answer is kept for a repeat; NULL: nowhere */
    uint64_t stranger_bytes;  /* of the pool for bodies of who has not paid (yet) */

    /* The attempt. */
    struct upstream_call *upcall;
    struct upstream_spec spec;
    unsigned attempts;
    bool contacted;   /* some upstream may have done the work */
    bool up_accepted; /* api->head() said: this is the answer */
    bool up_complete; /* the api has seen the end of the answer, whatever follows */
    bool up_ended;
    bool up_paused;
    enum upstream_fail up_fail;
    unsigned up_status;
    unsigned retry_after_s;
    struct buf up_error; /* the body of a failure, cut at 64 KiB */

    bool receipt_told;
    bool end_asked, end_complete;
    unsigned status; /* of the answer given; 0: none yet */
    uint64_t out_bytes;
    struct buf backlog;       /* written, but without room in the exchange yet */
    struct request_file file; /* what follows the backlog in DRAIN */
    struct loop_timer timer;  /* the api's own, through request_tick() */
    void (*tick)(struct request *r);
    void *api_state;
    struct request *next, *prev; /* in the worker's list, or its pool */
};

/* Runs the state machine until it waits. Safe to call at any time. */
void request_run(struct request *r);

/* ---- For apis ---- */

struct slice request_body(const struct request *r); /* all of it; plan() and after */

/* A header of the answer, before its head goes out. One whose value is not clean is
 * left out and logged. */
void request_header(struct request *r, const char *name, struct slice value);
/* Answers whole, adding x-request-id; `content_type` is a literal. Slot: kept for a
 * repeat of the Idempotency-Key. */
void request_reply(struct request *r, unsigned status, const char *content_type,
                   struct slice body);
/* To a HEAD: the same without a body, telling the length it would have (UINT64_MAX:
 * unknown). */
void request_reply_head(struct request *r, unsigned status, const char *content_type,
                        uint64_t content_length);
/* The same for r->rc and r->fault. */
void request_reply_fault(struct request *r);
/* The end of the upstream's answer has come in. What follows does not count, and an
 * upstream that does not end the call by itself is cut off in a moment. */
void request_upstream_done(struct request *r);
/* Adds x-octroi-cost and -balance, and -receipt if asked, after the money is booked. */
void request_money_headers(struct request *r);
/* The first byte goes out: from here on there is no other target. The api has set its
 * own headers; content_length as in exchange_stream(). */
void request_stream_begin(struct request *r, unsigned status, const char *content_type,
                          uint64_t content_length);
/* Copies. Takes any length: what has no room waits in r->backlog (one upstream event
 * may be larger than the exchange's whole buffer). */
void request_write(struct request *r, struct slice bytes);
/* Whether there is room for another upstream piece. */
bool request_room(struct request *r);
void request_end(struct request *r, bool complete);
/* r->fault in one line: the code, the words, the field. Returns rc. */
enum rc request_fault(struct request *r, enum rc rc, const char *param,
                      const char *format, ...) __attribute__((format(printf, 4, 5)));
/* Has tick(r) called in ms from now (once). */
void request_tick_in(struct request *r, unsigned ms, void (*tick)(struct request *r));

#endif
