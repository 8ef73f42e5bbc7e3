/* SPDX-License-Identifier: Apache-2.0 */
/* Ledger records: one value, one encoding, and nothing else is read. */
#ifndef TESTS_STRICT_RECORD_H
#define TESTS_STRICT_RECORD_H

#include <stdint.h>

#include "ledger/ledger.h"

/* Every kind of record behind one signature: decodes value, encodes what it read into
 * LEDGER_VALUE_MAX bytes of room. */
typedef enum rc recode_fn(struct slice *again, uint8_t *room, struct slice value);

/* Asserts that a value is read as it was written; cut or longer it is refused, and of
 * another version; with any one bit changed it is refused or is the one encoding of
 * something else. */
void check_strict(struct slice value, recode_fn *recode);

#endif
