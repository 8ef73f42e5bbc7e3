/* SPDX-License-Identifier: Apache-2.0 */
/* What metering and payouts share: their records and memos. Private to skills/. */
#ifndef SKILLS_METER_INT_H
#define SKILLS_METER_INT_H

#include "skills/skills.h"

/* Kinds of ledger records; 40 to 47 are those of the money. Never renumbered. */
enum {
    SKILLS__KIND_PAYOUT = 40 /* its id -> struct skill_payout */
};

enum {
    SKILLS__PAYOUT_LEN_MAX = 36 + SKILL_PUBLISHER_MAX + SKILL_PAYOUT_MAX +
                             SKILL_PAYOUT_MAX + SKILL_REFERENCE_MAX +
                             SKILL_PAYOUT_DETAILS_MAX,
    SKILLS__MEMO_MAX = 768, /* a reference may be twice as long when it is quoted */
    SKILLS__USD = 1,        /* the ledger number of money, as wallet/ has it */
    /* How often a command is built anew when another one was faster. */
    SKILLS__TRIES_MAX = 64
};

struct slice skills__id_slice(const struct id *id);
/* Accounts of a publisher, all in US dollars and none ever below zero. What a day has
 * earned (meter.c) goes to what is due, and from there it is paid out. So together the
 * three kinds have all that was ever earned and not given back. */
struct id skills__due_account(struct id publisher);
struct id skills__paid_account(struct id publisher);
/* What an account can spend, and what is held on it; not open yet: nothing. */
MUST_CHECK enum rc skills__read_account(struct ledger_account *out,
                                        struct ledger_view *v, struct id id);

/* Memos of this folder's own movements: compact JSON as in wallet/memo.h, without a
 * wallet, so that they are in no wallet's statement. */
struct slice skills__memo_mature(char memo[SKILLS__MEMO_MAX], struct id publisher,
                                 uint64_t day_us);
struct slice skills__memo_payout(char memo[SKILLS__MEMO_MAX],
                                 const struct skill_payout *p);
/* The reference in the memo of a payout that was paid; "": none. */
void skills__memo_reference(char out[SKILL_REFERENCE_MAX + 1], struct slice memo);

/* SKILLS__PAYOUT_LEN_MAX bytes of room. Decoders accept exactly what the encoder
 * writes. */
struct slice skills__payout_encode(uint8_t *value, const struct skill_payout *p);
/* version is not filled. */
MUST_CHECK enum rc skills__payout_decode(struct skill_payout *out, struct slice key,
                                         struct slice value);

#endif
