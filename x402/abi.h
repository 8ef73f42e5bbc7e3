/* SPDX-License-Identifier: Apache-2.0 */
/* What contracts are asked, what they answer, and what they log, in the ABI of
 * Solidity. Answers and logs come from a node that is somebody else's: every byte of
 * them is checked, padding too, and what is not as the standards say is not taken for
 * less. */
#ifndef X402_ABI_H
#define X402_ABI_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/slice.h"
#include "x402/address.h"
#include "x402/curve.h"
#include "x402/typed_data.h"
#include "x402/u256.h"

enum x402_call {
#define CALL(name, text, selector) X402_CALL_##name,
#include "x402/calls.def"
#undef CALL
    X402_CALL__COUNT
};

const char *x402_call_text(enum x402_call call);
uint32_t x402_call_selector(enum x402_call call);

/* Call data, which lives in a. RC_TOO_BIG: it is spent. */

/* The transfer that was signed: with a signature of a key, or with the bytes that the
 * wallet of a contract will look at. */
MUST_CHECK enum rc x402_call_transfer(struct slice *out, const struct x402_transfer *t,
                                      const struct x402_signature *s, struct arena *a);
MUST_CHECK enum rc x402_call_transfer_bytes(struct slice *out,
                                            const struct x402_transfer *t,
                                            struct slice signature, struct arena *a);
/* The permit that was signed, to its proxy. What is taken of it, *amount, is for upto
 * and at most what was permitted; exact takes all and has NULL here. RC_BAD_INPUT:
 * more. */
MUST_CHECK enum rc x402_call_settle(struct slice *out, const struct x402_permit *p,
                                    const struct x402_u256 *amount,
                                    struct slice signature, struct arena *a);
MUST_CHECK enum rc x402_call_authorization_state(struct slice *out,
                                                 const struct x402_address *authorizer,
                                                 const struct x402_hash *nonce,
                                                 struct arena *a);
MUST_CHECK enum rc x402_call_balance(struct slice *out,
                                     const struct x402_address *owner, struct arena *a);
MUST_CHECK enum rc x402_call_allowance(struct slice *out,
                                       const struct x402_address *owner,
                                       const struct x402_address *spender,
                                       struct arena *a);
/* The word of the bitmap that has this nonce: as its bit, (nonce & 255). */
MUST_CHECK enum rc x402_call_nonce_bitmap(struct slice *out,
                                          const struct x402_address *owner,
                                          const struct x402_u256 *nonce,
                                          struct arena *a);
MUST_CHECK enum rc x402_call_valid_signature(struct slice *out,
                                             const struct x402_hash *digest,
                                             struct slice signature, struct arena *a);
/* One that takes nothing: NAME, VERSION, DECIMALS. */
MUST_CHECK enum rc x402_call_plain(struct slice *out, enum x402_call call,
                                   struct arena *a);

/* Answers. RC_BAD_INPUT: not that. Without code at the address the answer is empty. */
MUST_CHECK enum rc x402_abi_number(struct x402_u256 *out, struct slice answer);
MUST_CHECK enum rc x402_abi_bool(bool *out, struct slice answer);
MUST_CHECK enum rc x402_abi_address(struct x402_address *out, struct slice answer);
MUST_CHECK enum rc x402_abi_text(struct slice *out,
                                 struct slice answer); /* inside it */
/* Whether a contract's wallet says that the signature is good. */
bool x402_abi_signature_is_valid(struct slice answer);

/* Logs: the topics and the data of one, as a receipt has them. */
struct x402_log {
    struct x402_address contract;
    const struct x402_hash *topics;
    size_t topic_count;
    struct slice data;
};

enum x402_event {
    X402_EVENT_TRANSFER,
    X402_EVENT_AUTHORIZATION_USED,
    X402_EVENT_AUTHORIZATION_CANCELED,
    X402_EVENT__COUNT
};

const char *x402_event_text(enum x402_event event);
const struct x402_hash *x402_event_topic(enum x402_event event);

struct x402_moved {
    struct x402_address from;
    struct x402_address to;
    struct x402_u256 value;
};

struct x402_nonce {
    struct x402_address authorizer;
    struct x402_hash nonce;
};

/* A transfer of `token`; what became of a nonce there (USED or CANCELED). RC_NOT_FOUND:
 * another contract's log, or another event. RC_BAD_INPUT: the event, in a form that is
 * not EIP-20's or EIP-3009's. */
MUST_CHECK enum rc x402_log_moved(struct x402_moved *out, const struct x402_log *log,
                                  const struct x402_address *token);
MUST_CHECK enum rc x402_log_nonce(struct x402_nonce *out, const struct x402_log *log,
                                  const struct x402_address *token,
                                  enum x402_event event);

#endif
