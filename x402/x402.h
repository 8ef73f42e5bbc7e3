/* SPDX-License-Identifier: Apache-2.0 */
/* Payments without an account, the pure part: bytes in, verdict out. Nothing here does
 * I/O, reads a clock or keeps a state, but for the context of the curve
 * (x402_curve_start); memory comes from the caller's arena. Whether a payment is spent,
 * and what the chain says, is for others to know.
 *
 * Other folders include this header only. Its parts: 256-bit words (u256.h), addresses
 * (address.h), networks and tokens (network.h), signatures (curve.h), what is signed
 * (typed_data.h), transactions (tx.h), their encoding (rlp.h), and what contracts are
 * asked and say (abi.h).
 *
 * Above them: offers, payments and receipts of x402 (offer.h) and their texts in both
 * versions (header_v1.h, header_v2.h), verdicts on payments and making them (verify.h);
 * the texts of MPP (header_mpp.h) and its methods (mpp_method.h); signing in
 * (sign_in.h); canonical JSON (jcs.h); vouchers of channels (batch.h). */
#ifndef X402_X402_H
#define X402_X402_H

#include "x402/abi.h"
#include "x402/address.h"
#include "x402/batch.h"
#include "x402/curve.h"
#include "x402/header_mpp.h"
#include "x402/header_v1.h"
#include "x402/header_v2.h"
#include "x402/jcs.h"
#include "x402/mpp_method.h"
#include "x402/network.h"
#include "x402/offer.h"
#include "x402/rlp.h"
#include "x402/sign_in.h"
#include "x402/tx.h"
#include "x402/typed_data.h"
#include "x402/u256.h"
#include "x402/verify.h"

#endif
