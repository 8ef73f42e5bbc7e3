/* SPDX-License-Identifier: Apache-2.0 */
/* What payments need of a request besides gateway/request.h: its repeats, and the way
 * back from the book. */
#ifndef GATEWAY_REQUEST_PAY_H
#define GATEWAY_REQUEST_PAY_H

#include "gateway/request.h"

/* The book works on r->hold; this is its done(): it comes back to the request's loop.
 */
/* Looks at the Idempotency-Key of a caller who is known by now (`key` if the request
 * has no such header; both may be absent). RC_OK: go on; or r->status is set: it was a
 * repeat and has been answered. RC_IDEM_*: refuse. */
enum rc request_idempotency(struct request *r, struct slice key);
/* SHA-256 over method, path, query and body. */
MUST_CHECK enum rc request_fingerprint(uint8_t out[32], const struct request *r);
/* Gives the answer that is kept under the key of r->once, if it still is. */
MUST_CHECK enum rc request_replay(struct request *r, struct money cost,
                                  struct id original);
void request_money_done(struct wallet_hold *h);
/* The header that tells what became of the payment; once, and when that is known. */
void request_receipt(struct request *r);
/* In a stream whose head had to go out before: the receipt as a comment. */
void request_receipt_comment(struct request *r);

#endif
