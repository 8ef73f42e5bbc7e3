/* SPDX-License-Identifier: Apache-2.0 */
/* What every scheme does with the book, whoever pays: the hold of r->quote.worst on
 * r->caller, with r->idem and r->once, and its capture or void. Steps as in
 * gateway/payment.h: r->money_asked begins as false. */
#ifndef GATEWAY_PAYMENT_HOLD_H
#define GATEWAY_PAYMENT_HOLD_H

#include "gateway/payment.h"

/* r->rc says how it went. identify() is asked to fill r->caller again when a key, a
 * limit or a freeze has changed since. */
enum step payment_hold(struct request *r, enum rc (*identify)(struct request *r));
/* Captures r->cost, or voids. r->hold.rc says how it went. */
enum step payment_capture(struct request *r);

#endif
