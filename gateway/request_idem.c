/* SPDX-License-Identifier: Apache-2.0 */
/* Repeats: the same Idempotency-Key (or the same payment) again gets the answer that
 * was given before, and never a second execution. */
#include "base/codec.h"
#include "gateway/request_pay.h"

#include <string.h>

enum {
    IDEMPOTENCY_KEY_MAX = 255
};

enum rc request_fingerprint(uint8_t out[32], const struct request *r)
{
    struct sha256_state s;
    const struct slice pieces[] = {r->http->method, r->http->path, r->http->query,
                                   request_body(r)};

    TRY(sha256_start(&s));
    for (size_t i = 0; i < sizeof(pieces) / sizeof(pieces[0]); i++) {
        uint64_t len = pieces[i].len;

        sha256_add(&s, slice_from((const char *)&len, sizeof(len)));
        sha256_add(&s, pieces[i]);
    }
    sha256_end(out, &s);
    return RC_OK;
}

/* As it is now, not as it was then. */
static void balance_header(struct request *r)
{
    struct wallet_balance balance;
    char text[MONEY_TEXT_SIZE];

    if (wallet_balance(&balance, r->worker->book, r->caller.wallet) != RC_OK)
        return;
    money_print(text, balance.balance);
    request_header(r, "x-octroi-balance", slice_str(text));
}

static enum rc replay_kept(struct request *r, const uint8_t key[32], struct money paid,
                           struct id original)
{
    char cost[MONEY_TEXT_SIZE], id[WALLET_ID_TEXT_SIZE];
    struct answer answer;

    money_print(cost, paid);
    wallet_id_print(id, 'r', original);
    if (answers_find(&answer, r->worker->answers, key, r->arena) != RC_OK) {
        r->fault = (struct fault){
            .rc = RC_IDEM_GONE,
            .extra = slice_str(arena_printf(
                r->arena, "\"cost\":\"%s\",\"original_request_id\":\"%s\"", cost, id))};
        return RC_IDEM_GONE;
    }
    request_header(r, "Idempotent-Replayed", SLICE("true"));
    request_header(r, "x-octroi-cost", slice_str(answer.cost));
    request_header(r, "x-octroi-original-request-id", slice_str(answer.request_id));
    balance_header(r);
    request_receipt(r);
    request_reply(r, answer.status, answer.content_type, answer.body);
    return RC_OK;
}

enum rc request_replay(struct request *r, struct money cost, struct id original)
{
    return replay_kept(r, r->once.key, cost, original);
}

enum rc request_idempotency(struct request *r, struct slice key)
{
    struct wallet_idem_seen seen;
    uint8_t digest[32];
    unsigned count;
    struct slice header = http_header(r->http, "idempotency-key", &count);

    if (count > 0)
        key = header;
    else if (key.bytes == NULL)
        return RC_OK;
    if (count > 1 || key.len == 0 || key.len > IDEMPOTENCY_KEY_MAX ||
        slice_has_ctl(key))
        return request_fault(
            r, RC_BAD_INPUT, "Idempotency-Key",
            "Idempotency-Key must be sent once, with 1 to %d characters.",
            IDEMPOTENCY_KEY_MAX);
    TRY(request_fingerprint(digest, r));
    wallet_idem_key(&r->idem, &r->caller, key, digest);
    TRY(wallet_idem_look(&seen, r->worker->book, &r->idem));
    if (seen.state != WALLET_IDEM_NEW && !seen.same)
        return RC_IDEM_MISMATCH;
    switch (seen.state) {
    case WALLET_IDEM_NEW:
        answer_slot_free(r->slot);
        r->slot = answer_slot_new();
        return RC_OK;
    case WALLET_IDEM_IN_FLIGHT:
        return RC_IDEM_IN_FLIGHT;
    case WALLET_IDEM_DONE:
    case WALLET_IDEM_BROKEN:
        return replay_kept(r, r->idem.key, seen.cost, seen.request);
    }
    return RC_INTERNAL;
}
