/* SPDX-License-Identifier: Apache-2.0 */
/* A client of MPP for tests of the request layer, and the seller that it buys from: the
 * fixture's gateway (tests/gateway_fixture.h) with a network, a secret, and the
 * cashier's double. */
#ifndef TESTS_MPP_CLIENT_H
#define TESTS_MPP_CLIENT_H

#include "gateway/challenges.h"
#include "tests/cashier_double.h"
#include "tests/gateway_fixture.h"

#define PAY_TO "0x70997970C51812dc3A010C7d01b50e0d17dc79C8"
#define PAYER  "0xf39fd6e51aad88f6f4ce6ab8827279cfffb92266"
#define HOST   "Host: localhost:8402\n"
#define WANTS  HOST "Accept-Payment: evm/charge, tempo/charge, ledger/charge\n"
#define SEARCH "/v1/data/search/search?q=1"
#define CHAT   "/v1/chat/completions"
#define JSON   "Content-Type: application/json\n"
#define SECRET "0123456789abcdef0123456789abcdef"
#define MODEL_ANSWER                                                             \
    "{\"id\":\"x\",\"object\":\"chat.completion\",\"model\":\"s\","              \
    "\"choices\":[{\"index\":0,\"message\":{\"role\":\"assistant\",\"content\":" \
    "\"hi\"},\"finish_reason\":\"stop\"}],\"usage\":{\"prompt_tokens\":10,"      \
    "\"completion_tokens\":20,\"total_tokens\":30}}"

/* More than a quote may be, and than give_credit() gives. */
#define DEAR_CALL                                  \
    "{\"model\":\"strict\",\"max_tokens\":100000," \
    "\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]}"

/* For cmocka: around all tests, and around every one. */
int mpp_client_start(void **state);
int mpp_client_stop(void **state);
int mpp_client_open(void **state);
int mpp_client_close(void **state);
#define MPP_TEST(test) \
    cmocka_unit_test_setup_teardown(test, mpp_client_open, mpp_client_close)

extern uint8_t payer_key[X402_KEY_LEN]; /* PAYER's: the first of development chains */
extern struct cashier *cashier;
extern struct arena *arena; /* of a test */

/* What stands in `mpp: {}`. */
void configure(const char *mpp);
/* The same, and one piece of the fixture's text replaced by another as long. */
void configure_but(const char *mpp, const char *piece, const char *other);

/* The challenges of an answer. */
struct asked {
    size_t count;
    struct mpp_challenge list[CHALLENGES_MAX];
};
struct asked asked(const struct exchange *x);
const struct mpp_challenge *find(const struct asked *a, const char *method);
/* The one of this method, which must be there. */
struct mpp_challenge challenge(const struct exchange *x, const char *method);
struct mpp_request request_in(const struct mpp_challenge *c);

/* Credentials, and the header lines that carry one, followed by `more`. */
struct mpp_credential evm(const struct mpp_challenge *c);
struct mpp_credential tempo(const struct mpp_challenge *c);
struct mpp_credential ledger(const struct mpp_challenge *c, const struct key_text *key);
const char *header_of(const struct mpp_credential *c, const char *more);

/* GET SEARCH: unpaid; with a credential; and answered by its upstream. */
struct exchange *unpaid(void);
struct exchange *pay_search(const struct mpp_credential *c);
struct exchange *served(const struct mpp_credential *c);

struct mpp_receipt receipt(const struct exchange *x);
/* problem+json of MPP's type, and no receipt. */
void expect_problem(struct exchange *x, unsigned status, const char *suffix);

/* What PAYER has here; and 0.25 for it: paid for what then failed. */
struct money credit(void);
void give_credit(void);

#endif
