/* SPDX-License-Identifier: Apache-2.0 */
/* The ledger records of the catalogue and their encodings. docs/skills-store.md
 * describes the same for readers of a store. Private to skills/. */
#ifndef SKILLS_RECORD_H
#define SKILLS_RECORD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ledger/ledger.h"
#include "skills/publisher.h"

/* Kinds of ledger records; 32 to 63 are this folder's. Never renumbered. */
enum {
    SKILLS__KIND_PUBLISHER = 32 /* handle -> struct skill_publisher */
};

enum {
    SKILLS__PPM = 1000000,
    SKILLS__NAME_KEY_LEN = 32 /* of a record's key that is made from names */
};

/* Encoders write to value (LEDGER_VALUE_MAX bytes of room) and return what they wrote;
 * they assert what the callers have checked. Decoders accept exactly what the encoders
 * write and nothing else: RC_CORRUPT. */
struct slice skills__publisher_encode(uint8_t *value, const struct skill_publisher *p);
/* version is not filled. */
MUST_CHECK enum rc skills__publisher_decode(struct skill_publisher *out,
                                            struct slice key, struct slice value);
/* Whether a publisher is one that may be kept. */
bool skills__publisher_ok(const struct skill_publisher *p);

/* UTF-8 without control characters (C0, DEL, C1), min to max bytes; `lines`: but with
 * line feeds and tabs. */
bool skills__text_ok(struct slice text, size_t min, size_t max, bool lines);

#endif
