/* SPDX-License-Identifier: Apache-2.0 */
/* The request layer as it is, between doubles of its two sides: no socket, but a real
 * loop, a real configuration and a real book of wallets in memory. The clock stands
 * still but for gate_advance(). Link with --wrap=ledger_submit. */
#ifndef TESTS_GATEWAY_FIXTURE_H
#define TESTS_GATEWAY_FIXTURE_H

#include "gateway/request.h"
#include "tests/exchange_double.h"
#include "tests/upstream_double.h"
#include "tests/wallet_fixture.h"

struct gate {
    struct fixture money;
    struct worker worker;
    struct server_user user;
    struct id wallet; /* "agent", with 10 USD */
    struct key_text key;
    uint64_t holds_left; /* that a test leaves open on purpose */
};
extern struct gate gate;

/* For cmocka, around every test. Closing asserts that every request has ended, that
 * nothing stays on hold, and the laws of the money. */
int gate_open(void **state);
int gate_close(void **state);
#define GATE_TEST(test) cmocka_unit_test_setup_teardown(test, gate_open, gate_close)
/* Without cmocka, for fuzz targets. */
void gate_start(void);
void gate_stop(void);

/* Replaces the configuration; the text is the whole file, but for `server:`. */
void gate_config(const char *yaml);
/* The one that tests start with: models "alone" (one target), "chain" (three), "free",
 * "unpriced", "strict", "tiny"; data API "search". */
extern const char gate_yaml[];

/* Until nothing moves any more: the book has answered, timers that are due have fired.
 */
void gate_turn(void);
void gate_advance(uint64_t ms);

/* ---- The client ---- */

/* A request with the fixture's key, and turned. */
struct exchange *post(const char *target, const char *body);
/* The same with headers of its own beside the key: "Name: value\n" each. */
struct exchange *post_with(const char *target, const char *headers, const char *body);
struct exchange *get(const char *target);
/* Any request; without a key. body NULL: none. */
struct exchange *ask(const char *method, const char *target, const char *headers,
                     const char *body);
const char *bearer(void); /* the header line of the fixture's key */
void leave(struct exchange *x);
void reads(struct exchange *x, size_t len);
struct request *request_of(struct exchange *x);

/* The answer, with the words around it on failure. */
void expect_status(struct exchange *x, unsigned status);
void expect_says(struct exchange *x, const char *text);
void expect_silent_about(struct exchange *x, const char *text);
void expect_body(struct exchange *x, const char *body);
void expect_header(struct exchange *x, const char *name, const char *value);
void expect_no_header(struct exchange *x, const char *name);
/* An error with this code; param NULL: null or none. */
void expect_error(struct exchange *x, unsigned status, const char *code,
                  const char *param);
/* Answered whole: not cut, nothing missing. */
void expect_whole(struct exchange *x);
void expect_cut(struct exchange *x);

/* ---- The upstream's answers, and turned ---- */

void answers(struct upstream_call *c, unsigned status, const char *headers,
             const char *body);
void answers_json(struct upstream_call *c, const char *body);
/* Head of an event stream, then the bytes; it goes on. */
void streams(struct upstream_call *c, const char *bytes);
void says(struct upstream_call *c, const char *bytes);
void ends(struct upstream_call *c, enum upstream_fail fail);

/* ---- The money ---- */

/* What the wallet has lost since the start. */
void expect_spent(const char *decimal);
/* What is set aside now. */
void expect_held(const char *decimal);

/* The statement's row of a request. RC_NOT_FOUND: nothing was booked. */
struct row {
    struct wallet_row row; /* its slices are in text */
    char text[256];
};
enum rc row_of(struct row *out, struct exchange *x);
/* The same for an id as the log or a test remembers it. */
enum rc row_of_id(struct row *out, const char *request_id);

/* ---- The book, when it does not do at once what it is asked ---- */

/* Keeps what is submitted from now on; releasing goes on with it in order. After
 * passing, only what is kept already stays so. */
void book_keep(void);
void book_pass(void);
void book_release(void);
/* The next `count` commands are refused. */
void book_refuse(enum rc rc, unsigned count);
/* Of all commands that were submitted by the request layer. */
unsigned book_submitted(void);

/* ---- The log ---- */
bool logged(const char *text);

#endif
