/* SPDX-License-Identifier: Apache-2.0 */
/* See config_fixture.h. */
#include "tests/config_fixture.h"

#include "gateway/provider.h"
#include "tests/conf_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

enum {
    PATH_SIZE = 512,
    SAID_MAX = 1024 * 1024
};

const char config_fixture_example[] =
    "server:\n"
    "  listen: 127.0.0.1:8402\n"
    "  admin_listen: 127.0.0.1:8403\n"
    "  data_dir: ./var                  # ledger, records, packages\n"
    "  admin_token: ${file:./admin.token}\n"
    "providers:\n"
    "  openai:    {kind: openai,    base_url: https://api.openai.com/v1, "
    "api_keys: [\"${OPENAI_API_KEY}\"]}\n"
    "  azure:     {kind: compatible, vendor: azure, "
    "base_url: https://r.openai.azure.com, api_keys: [\"${OPENAI_API_KEY}\"]}\n"
    "  local:     {kind: compatible, vendor: vllm, "
    "base_url: \"http://127.0.0.1:8000/v1\", allow_private: true}\n"
    "models:\n"
    "  gpt-5.4:                          # the name that clients send\n"
    "    targets:\n"
    "      - {provider: openai, model: gpt-5.4, weight: 3}\n"
    "      - {provider: azure,  model: gpt-54-prod}\n"
    "    price: {input: \"1.25\", cached_input: \"0.125\", cache_write: \"1.5625\", "
    "output: \"10\"}\n"
    "    markup: \"0%\"\n"
    "    context_tokens: 400000\n"
    "    max_output_tokens: 128000\n"
    "    hold_output_tokens: 8192\n"
    "data_apis:\n"
    "  search:\n"
    "    base_url: https://api.example.com\n"
    "    auth: {header: Authorization, value: \"Bearer ${SEARCH_KEY}\"}\n"
    "    endpoints:\n"
    "      - {method: GET, path: /search, price: \"0.005\"}\n"
    "      - {method: GET, path: \"/markets/{id}\", price: \"0.001\"}\n"
    "payments:\n"
    "  x402:\n"
    "    max_quote: \"0.10\"\n"
    "    networks:\n"
    "      - {network: \"eip155:84532\", asset: USDC, pay_to: "
    "\"0x1111111111111111111111111111111111111111\", "
    "facilitator: builtin, rpc_url: \"http://127.0.0.1:8545\", "
    "settle_key: {keystore: ./settle.json, passphrase_file: ./settle.pass}}\n"
    "      - {network: \"eip155:8453\",  asset: USDC, pay_to: "
    "\"0x1111111111111111111111111111111111111111\", "
    "facilitator: \"https://facilitator.example\"}\n"
    "    buyer: {key: {hex_file: ./buyer.key}, max_per_payment: \"1\", "
    "max_per_day: \"20\"}\n"
    "  mpp: {secret: \"${file:./mpp.secret}\", methods: [ledger, evm, tempo-proof]}\n"
    "limits: {requests_per_minute: 600, tokens_per_minute: 300000, concurrent: 64, "
    "max_body_bytes: 8388608, max_response_bytes: 67108864, reference_tokens: 8192}\n"
    "skills: {platform_share: \"10%\", payout_delay: 7d}\n";

static void write_secret(const char *name, const char *text)
{
    conf_fixture_write(name, text, strlen(text));
}

int config_fixture_open(void **state)
{
    if (conf_fixture_open(state) != 0)
        return -1;
    write_secret("admin.token", "a token that is long enough\n");
    write_secret("mpp.secret", "a secret of thirty-two bytes, or more\n");
    if (setenv("OPENAI_API_KEY", "sk-upstream", 1) != 0 ||
        setenv("SEARCH_KEY", "search-key", 1) != 0 || setenv("EMPTY", "", 1) != 0)
        return -1;
    return 0;
}

const char *config_fixture_write(const char *text)
{
    static char path[PATH_SIZE];

    conf_fixture_write("octroi.yaml", text, strlen(text));
    (void)snprintf(path, sizeof(path), "%s/octroi.yaml", conf_fixture_dir());
    assert_int_equal(chmod(path, 0600), 0);
    return path;
}

/* Cuts our folder's name, wherever it stands. */
static void cut_dir(char *line)
{
    const size_t len = strlen(conf_fixture_dir()) + 1;
    char *at;

    while ((at = strstr(line, conf_fixture_dir())) != NULL)
        memmove(at, at + len, strlen(at + len) + 1);
}

/* A line with all kinds of provider in place of "{kinds}": they become more. */
static const char *with_kinds(const char *line)
{
    static char out[2048];
    const char *mark = strstr(line, "{kinds}");
    const struct provider *p;
    size_t at;

    if (mark == NULL)
        return line;
    at = (size_t)snprintf(out, sizeof(out), "%.*s", (int)(mark - line), line);
    for (size_t i = 0; (p = provider_at(i)) != NULL; i++)
        at += (size_t)snprintf(out + at, sizeof(out) - at, "%s%s", i == 0 ? "" : ", ",
                               p->kind);
    (void)snprintf(out + at, sizeof(out) - at, "%s", mark + strlen("{kinds}"));
    return out;
}

void config_fixture_lines(struct slice said, const char *const *expected)
{
    struct slice rest = said;
    struct slice line;
    char text[PATH_SIZE * 2];

    for (; slice_next(&line, &rest, '\n'); expected++) {
        assert_int_equal(slice_to_cstr(text, sizeof(text), line), RC_OK);
        cut_dir(text);
        if (*expected == NULL || strcmp(text, with_kinds(*expected)) != 0)
            print_message("all:\n%.*s", SLICE_FMT(said));
        assert_non_null(*expected);
        assert_string_equal(text, with_kinds(*expected));
    }
    if (*expected != NULL)
        print_message("missing: %s\nall:\n%.*s", *expected, SLICE_FMT(said));
    assert_null(*expected);
}

void config_fixture_says(const char *text, enum rc expected_rc,
                         const char *const *expected)
{
    const struct config *c = NULL;
    struct buf said;

    buf_init(&said, SAID_MAX);
    assert_string_equal(rc_reason(config_load(&c, config_fixture_write(text), &said)),
                        rc_reason(expected_rc));
    config_fixture_lines(buf_slice(&said), expected);
    buf_free(&said);
    config_unref(c);
}

const struct config *config_fixture_load(const char *text)
{
    const struct config *c = NULL;
    struct buf said;
    enum rc rc;

    buf_init(&said, SAID_MAX);
    rc = config_load(&c, config_fixture_write(text), &said);
    config_fixture_lines(buf_slice(&said), (const char *const[]){NULL});
    assert_int_equal(rc, RC_OK);
    buf_free(&said);
    return c;
}

const struct config *config_fixture_load_warned(const char *text)
{
    const struct config *c = NULL;
    struct buf said;

    buf_init(&said, SAID_MAX);
    if (config_load(&c, config_fixture_write(text), &said) != RC_OK)
        print_message("%.*s", SLICE_FMT(buf_slice(&said)));
    assert_non_null(c);
    buf_free(&said);
    return c;
}

void config_fixture_reload_says(const char *from, const char *to,
                                const char *const *expected)
{
    const struct config *c = config_fixture_load_warned(from);
    struct config_cell *cell;
    struct buf said;

    assert_int_equal(config_cell_open(&cell, c), RC_OK);
    buf_init(&said, SAID_MAX);
    (void)config_fixture_write(to);
    assert_int_equal(config_cell_reload(cell, &said),
                     expected[0] == NULL ? RC_OK : RC_BAD_CONFIG);
    config_fixture_lines(buf_slice(&said), expected);
    buf_free(&said);
    config_cell_close(cell);
    config_unref(c);
}
