/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/gateway_fixture.h"

#include "base/clock.h"
#include "base/log.h"
#include "gateway/key_bonds.h"
#include "gateway/key_turns.h"
#include "tests/cashier_double.h"
#include "tests/conf_fixture.h"
#include "tests/config_fixture.h"
#include "tests/laws.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

enum {
    ANSWERS_BYTES = 4 << 20,
    TURNS_MAX = 10000,
    TURN_MS = 50,
    LOG_MAX = 4 << 20,
    KEPT_MAX = 64
};

struct gate gate;
static int log_fd = -1;

const char gate_yaml[] =
    "providers:\n"
    "  one: {kind: openai, base_url: \"https://one.example/v1\", "
    "api_keys: [\"${KEY_ONE}\"]}\n"
    "  two: {kind: compatible, vendor: vllm, base_url: \"https://two.example/v1\", "
    "api_keys: [\"${KEY_TWO}\"]}\n"
    "  three: {kind: compatible, base_url: \"https://three.example/v1\"}\n"
    "models:\n"
    "  alone:\n"
    "    targets: [{provider: one, model: alone}]\n"
    "    price: {input: \"1\", cached_input: \"0.1\", cache_write: \"1.5\", "
    "output: \"10\"}\n"
    "    context_tokens: 100000\n"
    "    hold_output_tokens: 1000\n"
    "  chain:\n"
    "    targets:\n"
    "      - {provider: one, model: big}\n"
    "      - {provider: two, model: middle}\n"
    "      - {provider: three, model: small}\n"
    "    price: {input: \"1\", output: \"10\"}\n"
    "    hold_output_tokens: 1000\n"
    "  free:\n"
    "    targets: [{provider: three, model: free}]\n"
    "    price: {input: \"0\", output: \"0\"}\n"
    "  strict:\n"
    "    targets: [{provider: one, model: s}, {provider: two, model: s}]\n"
    "    price: {input: \"1\", output: \"10\"}\n"
    "    hold_output_tokens: 77\n"
    "    strict_hold: true\n"
    "  tiny:\n"
    "    targets: [{provider: three, model: tiny}]\n"
    "    price: {input: \"1\", output: \"10\"}\n"
    "    context_tokens: 10\n"
    "    hold_output_tokens: 5\n"
    "  unpriced:\n"
    "    targets: [{provider: three, model: unpriced}]\n"
    "data_apis:\n"
    "  search:\n"
    "    base_url: \"https://data.example/base\"\n"
    "    auth: {header: X-Api-Secret, value: \"${KEY_DATA}\"}\n"
    "    endpoints:\n"
    "      - {method: GET, path: /search, price: \"0.005\"}\n"
    "      - {method: GET, path: \"/markets/{id}\", price: \"0.001\", "
    "pass_headers: [x-tenant]}\n"
    "      - {method: POST, path: /post, price: \"0.25\", charge: always}\n"
    "      - {method: ANY, path: \"/files/{rest*}\", price: \"0.000000001\"}\n"
    "      - {method: GET, path: /free, price: \"0\"}\n"
    "      - {method: GET, path: /unpriced}\n"
    "  open:\n"
    "    base_url: \"https://open.example\"\n"
    "    endpoints:\n"
    "      - {method: GET, path: /, price: \"0.001\"}\n"
    "      - {method: GET, path: /a, price: \"0.001\"}\n"
    "limits: {requests_per_minute: 0, tokens_per_minute: 0, concurrent: 0}\n";

/* ---- The book, when it does not do at once what it is asked ---- */

void __real_ledger_submit(struct ledger *l, struct ledger_cmd *cmd);
void __wrap_ledger_submit(struct ledger *l, struct ledger_cmd *cmd);

static struct {
    struct ledger_cmd *kept[KEPT_MAX];
    unsigned kept_count;
    bool keeps;
    enum rc refusal;
    unsigned refuse_count;
    unsigned submitted;
} book;

/* What the writer's own thread submits (a late capture) passes. */
static bool on_our_thread(void)
{
    return gettid() == getpid();
}

static void refuse_or_submit(struct ledger *l, struct ledger_cmd *cmd)
{
    if (book.refuse_count == 0) {
        __real_ledger_submit(l, cmd);
        return;
    }
    book.refuse_count--;
    cmd->result = (struct ledger_result){.rc = book.refusal};
    cmd->done(cmd);
}

void __wrap_ledger_submit(struct ledger *l, struct ledger_cmd *cmd)
{
    if (!on_our_thread()) {
        __real_ledger_submit(l, cmd);
        return;
    }
    book.submitted++;
    if (!book.keeps) {
        refuse_or_submit(l, cmd);
        return;
    }
    assert_true(book.kept_count < KEPT_MAX);
    book.kept[book.kept_count++] = cmd;
}

void book_keep(void)
{
    book.keeps = true;
}

void book_pass(void)
{
    book.keeps = false;
}

void book_release(void)
{
    unsigned count = book.kept_count;

    book_pass();
    book.kept_count = 0;
    for (unsigned i = 0; i < count; i++)
        refuse_or_submit(gate.money.ledger, book.kept[i]);
    gate_turn();
}

void book_refuse(enum rc rc, unsigned count)
{
    book.refusal = rc;
    book.refuse_count = count;
}

unsigned book_submitted(void)
{
    return book.submitted;
}

/* ---- Turning ---- */

static bool book_works(void)
{
    unsigned busy = 0;

    for (const struct request *r = gate.worker.first; r != NULL; r = r->next)
        busy += r->money_busy;
    return busy > book.kept_count;
}

void gate_turn(void)
{
    unsigned turns = 0;

    do {
        loop_turn(gate.worker.loop, 0);
        while (book_works()) {
            assert_true(++turns < TURNS_MAX);
            loop_turn(gate.worker.loop, TURN_MS);
        }
        loop_turn(gate.worker.loop, 0);
    } while (book_works());
}

void gate_advance(uint64_t ms)
{
    clock_advance_ms(ms);
    gate_turn();
}

/* ---- Opening and closing ---- */

void gate_config(const char *yaml)
{
    const struct config *c;
    struct buf text, said; /* warnings are fine */
    enum rc rc;

    buf_init(&text, 65536);
    buf_init(&said, 65536);
    buf_append_str(&text, "server: {listen: \"127.0.0.1:0\", data_dir: ./var}\n");
    buf_append_str(&text, yaml);
    buf_append_char(&text, '\0');
    config_cell_close(gate.worker.config);
    gate.worker.config = NULL;
    rc = config_load(&c, config_fixture_write(buf_slice(&text).bytes), &said);
    if (rc != RC_OK)
        print_error("%.*s\n", SLICE_FMT(buf_slice(&said)));
    assert_int_equal(rc, RC_OK);
    assert_int_equal(config_cell_open(&gate.worker.config, c), RC_OK);
    config_unref(c);
    buf_free(&said);
    buf_free(&text);
}

static void open_log(void)
{
    log_fd = memfd_create("log", MFD_CLOEXEC);
    assert_true(log_fd >= 0);
    log_set_fd(log_fd);
}

void gate_start(void)
{
    struct worker *w = &gate.worker;

    memset(&gate, 0, sizeof(gate));
    memset(&book, 0, sizeof(book));
    fixture_open(&gate.money, LEDGER_MEMORY);
    clock_at("2026-11-21T12:00:00Z");
    open_log();
    gate.wallet = new_wallet(&gate.money, "agent");
    fund(&gate.money, gate.wallet, "10");
    gate.key = new_key(&gate.money, gate.wallet);
    assert_int_equal(config_fixture_open(NULL), 0);
    assert_int_equal(setenv("KEY_ONE", "sk-upstream-one-0123456789", 1), 0);
    assert_int_equal(setenv("KEY_TWO", "sk-upstream-two-0123456789", 1), 0);
    assert_int_equal(setenv("KEY_DATA", "data-secret-0123456789", 1), 0);
    gate_config(gate_yaml);
    w->ledger = gate.money.ledger;
    w->book = gate.money.book;
    w->cashier = cashier_double(w->book); /* it is linked, and not the real one */
    w->cashier = NULL;                    /* a test that wants it takes it */
    assert_int_equal(loop_open(&w->loop), RC_OK);
    assert_int_equal(limiter_open(&w->limiter), RC_OK);
    assert_int_equal(key_turns_open(&w->key_turns), RC_OK);
    assert_int_equal(key_bonds_open(&w->key_bonds), RC_OK);
    assert_int_equal(answers_open(&w->answers, ANSWERS_BYTES), RC_OK);
    assert_int_equal(answers_open(&w->items, ANSWERS_BYTES), RC_OK);
    gate.user = request_server_user(w);
    (void)cashier_double(
        w->book); /* linked even where no test needs it: for the apis */
    gate_turn();
}

void gate_stop(void)
{
    struct worker *w = &gate.worker;
    struct ledger_stats stats;

    assert_int_equal(w->live, 0);
    clients_close();
    upstreams_close();
    ledger_stats(w->ledger, &stats);
    assert_int_equal(stats.holds, gate.holds_left);
    request_pool_free(w);
    answers_close(w->answers);
    answers_close(w->items);
    key_bonds_close(w->key_bonds);
    key_turns_close(w->key_turns);
    limiter_close(w->limiter);
    loop_close(w->loop);
    config_cell_close(w->config);
    assert_int_equal(conf_fixture_close(NULL), 0);
    fixture_close(&gate.money); /* checks the laws */
    (void)close(log_fd);
}

int gate_open(void **state)
{
    (void)state;
    gate_start();
    return 0;
}

int gate_close(void **state)
{
    (void)state;
    gate_stop();
    return 0;
}

/* ---- The client ---- */

const char *bearer(void)
{
    static char line[128];

    (void)snprintf(line, sizeof(line), "Authorization: Bearer %s\n", gate.key.text);
    return line;
}

struct exchange *ask(const char *method, const char *target, const char *headers,
                     const char *body)
{
    struct exchange *x = client_head(&gate.user, method, target, headers, body != NULL);

    if (x->accepted && !x->answered)
        client_body(&gate.user, x, slice_str(body));
    gate_turn();
    return x;
}

struct exchange *post_with(const char *target, const char *headers, const char *body)
{
    char all[2048];

    (void)snprintf(all, sizeof(all), "%sContent-Type: application/json\n%s", bearer(),
                   headers);
    return ask("POST", target, all, body);
}

struct exchange *post(const char *target, const char *body)
{
    return post_with(target, "", body);
}

struct exchange *get(const char *target)
{
    return ask("GET", target, bearer(), NULL);
}

void leave(struct exchange *x)
{
    client_leaves(&gate.user, x);
    gate_turn();
}

void reads(struct exchange *x, size_t len)
{
    client_reads(&gate.user, x, len);
    gate_turn();
}

struct request *request_of(struct exchange *x)
{
    assert_non_null(x->user);
    return x->user;
}

static void show(const struct exchange *x)
{
    print_error("answered %d, status %u, ended %d, complete %d\n%.*s\n%.*s\n",
                x->answered, x->status, x->ended, x->complete,
                SLICE_FMT(buf_slice(&x->headers)), SLICE_FMT(buf_slice(&x->out)));
}

static bool body_has(const struct exchange *x, const char *text)
{
    struct slice out = buf_slice(&x->out);

    return slice_search(out, slice_str(text)) < out.len;
}

void expect_status(struct exchange *x, unsigned status)
{
    if (!x->answered || x->status != status)
        show(x);
    assert_true(x->answered);
    assert_int_equal(x->status, status);
}

void expect_says(struct exchange *x, const char *text)
{
    if (!body_has(x, text))
        show(x);
    assert_true(body_has(x, text));
}

void expect_silent_about(struct exchange *x, const char *text)
{
    struct slice headers = buf_slice(&x->headers);

    if (body_has(x, text))
        show(x);
    assert_false(body_has(x, text));
    assert_int_equal(slice_search(headers, slice_str(text)), headers.len);
}

void expect_body(struct exchange *x, const char *body)
{
    if (!slice_equal_str(buf_slice(&x->out), body))
        show(x);
    assert_true(slice_equal_str(buf_slice(&x->out), body));
}

void expect_header(struct exchange *x, const char *name, const char *value)
{
    const char *got = client_header(x, name);

    if (got == NULL)
        show(x);
    assert_non_null(got);
    assert_string_equal(got, value);
}

void expect_no_header(struct exchange *x, const char *name)
{
    assert_null(client_header(x, name));
}

void expect_error(struct exchange *x, unsigned status, const char *code,
                  const char *param)
{
    char text[160];

    expect_status(x, status);
    expect_whole(x);
    (void)snprintf(text, sizeof(text), "\"code\":\"%s\"", code);
    expect_says(x, text);
    if (param == NULL) {
        expect_silent_about(x, "\"param\":\"");
        return;
    }
    (void)snprintf(text, sizeof(text), "\"param\":\"%s\"", param);
    expect_says(x, text);
}

void expect_whole(struct exchange *x)
{
    if (!x->ended || !x->complete || !x->finished)
        show(x);
    assert_true(x->answered && x->ended && x->complete && x->finished);
}

void expect_cut(struct exchange *x)
{
    assert_true(x->answered && x->ended && !x->complete && x->finished);
}

/* ---- The upstream ---- */

void ends(struct upstream_call *c, enum upstream_fail fail)
{
    upstream_ends(c, fail);
    gate_turn();
}

void says(struct upstream_call *c, const char *bytes)
{
    upstream_says(c, slice_str(bytes));
    gate_turn();
}

void answers(struct upstream_call *c, unsigned status, const char *headers,
             const char *body)
{
    upstream_says_head(c, status, headers);
    upstream_says(c, slice_str(body));
    ends(c, UPSTREAM_FINE);
}

void answers_json(struct upstream_call *c, const char *body)
{
    answers(c, 200, "Content-Type: application/json\n", body);
}

void streams(struct upstream_call *c, const char *bytes)
{
    upstream_says_head(c, 200, "Content-Type: text/event-stream\n");
    says(c, bytes);
}

/* ---- The money ---- */

void expect_spent(const char *decimal)
{
    struct money left;

    assert_true(money_sub(&left, usd("10"), balance_of(&gate.money, gate.wallet)));
    assert_usd(left, decimal);
}

void expect_held(const char *decimal)
{
    struct wallet_balance b;

    assert_int_equal(wallet_balance(&b, gate.money.book, gate.wallet), RC_OK);
    assert_usd(b.held, decimal);
}

static struct slice keep(struct row *r, size_t *at, struct slice s)
{
    struct slice kept = slice_from(r->text + *at, s.len);

    assert_true(*at + s.len <= sizeof(r->text));
    if (s.len > 0)
        memcpy(r->text + *at, s.bytes, s.len);
    *at += s.len;
    return kept;
}

static bool copy_row(void *arg, const struct wallet_row *row)
{
    struct row *r = arg;
    size_t at = 0;

    r->row = *row;
    r->row.model = keep(r, &at, row->model);
    r->row.target = keep(r, &at, row->target);
    r->row.price_version = keep(r, &at, row->price_version);
    return true;
}

enum rc row_of_id(struct row *out, const char *request_id)
{
    struct id id;

    memset(out, 0, sizeof(*out));
    assert_int_equal(wallet_id_parse(&id, 'r', slice_str(request_id)), RC_OK);
    return wallet_statement_request(gate.money.book, gate.wallet, id, copy_row, out);
}

enum rc row_of(struct row *out, struct exchange *x)
{
    const char *id = client_header(x, "x-request-id");

    assert_non_null(id);
    return row_of_id(out, id);
}

/* ---- The log ---- */

bool logged(const char *text)
{
    char *all = calloc(1, LOG_MAX);
    ssize_t len;
    bool found;

    assert_non_null(all);
    len = pread(log_fd, all, LOG_MAX - 1, 0);
    assert_true(len >= 0 && len < LOG_MAX - 1);
    found = strstr(all, text) != NULL;
    free(all);
    return found;
}
