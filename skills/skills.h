/* SPDX-License-Identifier: Apache-2.0 */
/* The market: publishers, the skills that they list, what each use earned them, and
 * what they were paid. It knows the book and wallets, and no HTTP, no clock of its own
 * and no socket: `now_us` is always an argument or the book's time.
 *
 * A skill is a package of text (SKILL.md and what lies beside it), a price, and
 * optionally a definition of endpoints that the gateway calls and meters. Versions
 * never change; what is listed, at what price, and who earned what are ledger records
 * and accounts; packages are files named by their hash (blobs.h). There is no other
 * store: the catalogue in memory (catalog.h) is made from the records at the start and
 * changes only after a command that changed them was acknowledged.
 *
 * Functions marked "waits" block for a durable commit or a disk: never on a loop.
 *
 * Other folders include this header only. */
#ifndef SKILLS_SKILLS_H
#define SKILLS_SKILLS_H

#include "base/rc.h"
#include "base/slice.h"
#include "ledger/ledger.h"
#include "skills/blobs.h"
#include "skills/catalog.h"
#include "skills/front.h"
#include "skills/meter.h"
#include "skills/name.h"
#include "skills/offer.h"
#include "skills/package.h"
#include "skills/payout.h"
#include "skills/publish.h"
#include "skills/publisher.h"
#include "skills/rules.h"
#include "skills/search.h"
#include "skills/signature.h"
#include "wallet/wallet.h"

struct skills;

struct skills_options {
    struct ledger *ledger;
    struct wallet_book *book;
    const char *dir; /* "DATA_DIR/packages"; made if it is not there (0700) */
};

/* Reads every record of the market into memory. RC_CORRUPT; RC_IO. Whoever opens it has
 * the book for itself (DATA_DIR/lock). */
MUST_CHECK enum rc skills_open(struct skills **out,
                               const struct skills_options *options);
void skills_close(struct skills *s); /* NULL is fine */

struct blobs *skills_blobs(struct skills *s);

/* Waits. To be called now and then, by one thread: once an hour it removes the blobs
 * that no version and no offer names and that were put more than an hour ago (now_us is
 * the wall clock: the files' own). *removed: how many. */
MUST_CHECK enum rc skills_tend(struct skills *s, uint64_t now_us, unsigned *removed);

#endif
