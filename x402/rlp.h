/* SPDX-License-Identifier: Apache-2.0 */
/* RLP, the encoding of EVM transactions (Ethereum yellow paper, appendix B): strings of
 * bytes and lists of items. A value has one encoding, and the reader takes no other.
 * There is no recursion here: whoever reads a list reads its items one by one. */
#ifndef X402_RLP_H
#define X402_RLP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/slice.h"
#include "x402/u256.h"

/* Writing goes backwards, from the last item to the first: a list begins with its
 * length, which is known only when its items are there. Borrows the room until
 * x402_rlp_end(). */
struct x402_rlp_out {
    uint8_t *bytes;
    size_t at; /* what is written begins here */
    size_t size;
    bool full; /* it did not fit; nothing more is written */
};

void x402_rlp_begin(struct x402_rlp_out *o, uint8_t *bytes, size_t size);
void x402_rlp_put(struct x402_rlp_out *o, struct slice string);
/* A number is the string of its bytes without leading zeros, so 0 is the empty one. */
void x402_rlp_put_number(struct x402_rlp_out *o, struct x402_u256 v);
void x402_rlp_put_u64(struct x402_rlp_out *o, uint64_t v);
/* A list: note the mark, put its items, the last one first, then close it. */
size_t x402_rlp_mark(const struct x402_rlp_out *o);
void x402_rlp_close(struct x402_rlp_out *o, size_t mark);
/* All that was written; SLICE_NONE when it did not fit. */
struct slice x402_rlp_end(const struct x402_rlp_out *o);

/* How many bytes an item takes at most beyond the bytes that it is made of. */
enum {
    X402_RLP_HEAD_MAX = 9
};

struct x402_rlp_item {
    bool is_list;
    struct slice body; /* of a list: its items, to be read with x402_rlp_next() */
};

/* Takes the next item off the front of *rest. RC_NOT_FOUND: nothing is left.
 * RC_BAD_INPUT: no encoding, or not the shortest; *rest is untouched. */
MUST_CHECK enum rc x402_rlp_next(struct x402_rlp_item *out, struct slice *rest);
/* The same for an item of one kind. RC_BAD_INPUT too: another kind, or the end. */
MUST_CHECK enum rc x402_rlp_next_list(struct slice *items, struct slice *rest);
MUST_CHECK enum rc x402_rlp_next_string(struct slice *string, struct slice *rest);
MUST_CHECK enum rc x402_rlp_next_number(struct x402_u256 *out, struct slice *rest);

#endif
