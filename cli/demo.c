/* SPDX-License-Identifier: Apache-2.0 */
/* octroi demo: a gateway with everything around it, in one process: a mock upstream, a
 * funded wallet, a key, and calls to copy. The folder is kept, so that a later start
 * goes on with the same wallet, key and book; only the mock's port, and so the
 * configuration, is new each time. Nothing here is a special way of the gateway's own.
 */
#include "cli/verbs.h"

#include "base/json.h"
#include "base/log.h"
#include "base/secret.h"
#include "cli/demo_market.h"
#include "cli/files.h"
#include "cli/mock.h"
#include "gateway/gateway.h"
#include "wallet/wallet.h"

#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define DEMO_LISTEN "127.0.0.1:8402"
#define DEMO_WALLET "demo"
#define DEMO_AMOUNT "25"

enum {
    FAULTS_MAX = 65536,
    CONFIG_MAX = 65536,
    HOST_SIZE = 64
};

struct demo {
    const struct cli *cli;
    char dir[PATH_MAX];
    char config[PATH_MAX];
    char data_dir[PATH_MAX];
    char token[PATH_MAX];
    char key_file[PATH_MAX];
    char program[PATH_MAX];
    char listen[HOST_SIZE];
    char admin_listen[HOST_SIZE];
    char host[HOST_SIZE]; /* that a client here reaches it by */
    char key[WALLET_KEY_TEXT_LEN + 1];
    char balance[MONEY_TEXT_SIZE];
    struct mock *mock;
    uint16_t mock_port;
    struct buf faults;
};

/* ---- Where ---- */

/* Splits "ADDR:PORT"; the admin address is the next port on the loopback. */
static enum rc name_addresses(struct demo *d, const char *listen)
{
    struct slice text = slice_str(listen);
    size_t colon = text.len;
    struct slice host;
    uint64_t port;

    while (colon > 0 && text.bytes[colon - 1] != ':')
        colon--;
    if (colon < 2)
        return RC_BAD_INPUT;
    host = slice_sub(text, 0, colon - 1);
    TRY(slice_to_u64(&port, slice_sub(text, colon, text.len)));
    if (port > UINT16_MAX - 1)
        return RC_BAD_INPUT;
    TRY(slice_to_cstr(d->listen, sizeof(d->listen), text));
    (void)snprintf(d->admin_listen, sizeof(d->admin_listen), "127.0.0.1:%u",
                   port == 0 ? 0U : (unsigned)port + 1);
    if (slice_equal(host, SLICE("0.0.0.0")))
        host = SLICE("127.0.0.1");
    if (slice_equal(host, SLICE("[::]")))
        host = SLICE("[::1]");
    return slice_to_cstr(d->host, sizeof(d->host), host);
}

static enum rc name_paths(struct demo *d, const char *dir)
{
    ssize_t len = readlink("/proc/self/exe", d->program, sizeof(d->program) - 1);

    if (len <= 0)
        TRY(slice_to_cstr(d->program, sizeof(d->program), SLICE("octroi")));
    else
        d->program[len] = '\0';
    TRY(files_absolute(d->dir, sizeof(d->dir), dir));
    TRY(files_join(d->config, sizeof(d->config), d->dir, "octroi.yaml"));
    TRY(files_join(d->data_dir, sizeof(d->data_dir), d->dir, "var"));
    TRY(files_join(d->token, sizeof(d->token), d->dir, "admin.token"));
    return files_join(d->key_file, sizeof(d->key_file), d->dir, "demo.key");
}

/* ---- The wallet and its key ---- */

static enum rc make_wallet(struct wallet *w, struct wallet_book *book)
{
    struct wallet_topup topup;
    struct money amount;
    enum rc rc = wallet_find(w, book, SLICE(DEMO_WALLET));

    if (rc == RC_NOT_FOUND)
        rc = wallet_create(w, book, SLICE(DEMO_WALLET), ID_NONE);
    TRY(rc);
    TRY(money_parse(&amount, SLICE(DEMO_AMOUNT)));
    /* By its reference it is booked once, however often the demo starts. */
    return wallet_topup(&topup, book, w->id, amount, SLICE("octroi demo"));
}

/* RC_NOT_FOUND: there is no key that still works. */
static enum rc read_key(struct demo *d, struct wallet_book *book)
{
    struct wallet_caller caller;
    FILE *file = fopen(d->key_file, "re");
    size_t len;
    enum rc rc;

    if (file == NULL)
        return RC_NOT_FOUND;
    (void)setvbuf(file, NULL, _IONBF, 0); /* no copy of the key stays behind */
    len = fread(d->key, 1, WALLET_KEY_TEXT_LEN, file);
    (void)fclose(file);
    d->key[len] = '\0';
    rc = wallet_authenticate(&caller, book, slice_from(d->key, len));
    return rc == RC_BAD_KEY ? RC_NOT_FOUND : rc == RC_FROZEN ? RC_OK : rc;
}

static enum rc make_key(struct demo *d, struct wallet_book *book, struct id wallet)
{
    struct wallet_key_options options = {.name = SLICE("demo")};
    struct wallet_key key;
    enum rc rc = read_key(d, book);

    if (rc != RC_NOT_FOUND)
        return rc;
    TRY(wallet_key_create(&key, d->key, book, wallet, &options));
    return files_write(d->key_file, slice_str(d->key), 0600, true);
}

static enum rc furnish(struct demo *d, struct wallet_book *book)
{
    struct wallet_balance balance;
    struct wallet w;

    TRY(make_wallet(&w, book));
    TRY(make_key(d, book, w.id));
    TRY(wallet_balance(&balance, book, w.id));
    money_print_short(d->balance, balance.balance);
    return RC_OK;
}

/* ---- The configuration ---- */

static enum rc write_config(struct demo *d)
{
    struct buf text;
    enum rc rc = RC_NOMEM;

    buf_init(&text, CONFIG_MAX);
    buf_printf(
        &text,
        "# Written by `octroi demo` at each start: copy it before you change it.\n"
        "server:\n"
        "  listen: \"%s\"\n"
        "  admin_listen: \"%s\"\n"
        "  data_dir: ./var\n"
        "  admin_token: ${file:./admin.token}\n"
        "providers:\n"
        "  mock: {kind: openai, base_url: \"http://127.0.0.1:%u/v1\", "
        "api_keys: [\"mock\"], allow_private: true}\n"
        "models:\n"
        "  demo-chat:\n"
        "    targets: [{provider: mock, model: demo-chat}]\n"
        "    price: {input: \"0.15\", output: \"0.60\"}\n"
        "    context_tokens: 128000\n"
        "    max_output_tokens: 16384\n"
        "    hold_output_tokens: 4096\n"
        "  demo-embed:\n"
        "    targets: [{provider: mock, model: demo-embed}]\n"
        "    price: {input: \"0.02\", output: \"0\"}\n"
        "    context_tokens: 8192\n"
        "data_apis:\n"
        "  search:\n"
        "    base_url: \"http://127.0.0.1:%u\"\n"
        "    allow_private: true\n"
        "    endpoints:\n"
        "      - {method: GET, path: /search, price: \"0.005\"}\n"
        "      - {method: GET, path: \"/markets/{id}\", price: \"0.001\"}\n"
        "skills:\n"
        "  review: findings\n"
        "  allow_private: true\n",
        d->listen, d->admin_listen, d->mock_port, d->mock_port);
    if (!buf_spent(&text))
        rc = files_write(d->config, buf_slice(&text), 0600, true);
    buf_free(&text);
    return rc;
}

/* ---- What it says ---- */

static void print_calls(const struct demo *d, uint16_t port)
{
    (void)printf(
        "\nA chat:\n"
        "  curl -s http://%s:%u/v1/chat/completions -H 'Authorization: Bearer %s' "
        "-H 'Content-Type: application/json' -d '{\"model\":\"demo-chat\","
        "\"messages\":[{\"role\":\"user\",\"content\":\"What is an octroi?\"}]}'\n",
        d->host, port, d->key);
    (void)printf(
        "\nThe same, streamed:\n"
        "  curl -sN http://%s:%u/v1/chat/completions -H 'Authorization: Bearer %s' "
        "-H 'Content-Type: application/json' -d '{\"model\":\"demo-chat\",\"stream\":true,"
        "\"stream_options\":{\"include_usage\":true},"
        "\"messages\":[{\"role\":\"user\",\"content\":\"What is an octroi?\"}]}'\n",
        d->host, port, d->key);
    (void)printf("\nA data API, 0.005 USD a call:\n"
                 "  curl -si 'http://%s:%u/v1/data/search/search?q=toll' "
                 "-H 'Authorization: Bearer %s'\n",
                 d->host, port, d->key);
    (void)printf("\nThe same without a key, 402:\n"
                 "  curl -si 'http://%s:%u/v1/data/search/search?q=toll'\n",
                 d->host, port);
    (void)printf("\nSkills, found; and a call of one, 0.002 USD:\n"
                 "  curl -s 'http://%s:%u/api/v1/search?q=price'\n"
                 "  curl -s http://%s:%u/v1/skills/" DEMO_PUBLISHER "/" DEMO_SKILL
                 "/markets/eth -H 'Authorization: Bearer %s'\n",
                 d->host, port, d->host, port, d->key);
    (void)printf("\nAll of it as tools of MCP, for an agent and by hand:\n"
                 "  claude mcp add --transport http octroi http://%s:%u/mcp --header "
                 "'Authorization: Bearer %s'\n"
                 "  curl -s http://%s:%u/mcp -H 'Authorization: Bearer %s' -H "
                 "'Content-Type: application/json' -H 'Accept: application/json, "
                 "text/event-stream' -d '{\"jsonrpc\":\"2.0\",\"id\":1,"
                 "\"method\":\"tools/list\"}'\n",
                 d->host, port, d->key, d->host, port, d->key);
    (void)printf("\nWhat is left:\n"
                 "  curl -s http://%s:%u/v1/wallet -H 'Authorization: Bearer %s'\n",
                 d->host, port, d->key);
}

static void print_text(const struct demo *d, uint16_t port, uint16_t admin_port)
{
    (void)printf("Octroi serves on http://%s:%u, its files are in %s.\n"
                 "The wallet \"" DEMO_WALLET "\" has %s USD; its key is in %s.\n"
                 "The commands below work in another terminal.\n",
                 d->host, port, d->dir, d->balance, d->key_file);
    print_calls(d, port);
    (void)printf("\nThe books:\n"
                 "  %s wallet statement " DEMO_WALLET " --config %s\n"
                 "  %s publisher show " DEMO_PUBLISHER " --config %s\n"
                 "  %s ledger verify --config %s\n",
                 d->program, d->config, d->program, d->config, d->program, d->config);
    if (admin_port != 0)
        (void)printf(
            "\nThe admin API, and its token:\n"
            "  curl -s http://127.0.0.1:%u/admin/v1/wallets -H \"Authorization: "
            "Bearer $(cat %s)\"\n",
            admin_port, d->token);
    (void)printf("\nCtrl-C ends it.\n");
}

static void print_json(const struct demo *d, uint16_t port, uint16_t admin_port)
{
    char url[HOST_SIZE + 32];
    struct json_out o;
    struct buf b;

    buf_init(&b, CONFIG_MAX);
    json_out_init(&o, &b);
    json_out_object(&o);
    (void)snprintf(url, sizeof(url), "http://%s:%u", d->host, port);
    json_out_kstr(&o, "url", url);
    (void)snprintf(url, sizeof(url), "http://127.0.0.1:%u", admin_port);
    json_out_kstr(&o, "admin_url", admin_port != 0 ? url : NULL);
    json_out_kstr(&o, "admin_token", d->token);
    json_out_kstr(&o, "config", d->config);
    json_out_kstr(&o, "wallet", DEMO_WALLET);
    json_out_kstr(&o, "key", d->key);
    json_out_kstr(&o, "balance", d->balance);
    json_out_end_object(&o);
    (void)printf("%.*s\n", (int)buf_len(&b), buf_slice(&b).bytes);
    buf_wipe(&b);
}

static void ready(void *arg, uint16_t port, uint16_t admin_port)
{
    struct demo *d = arg;

    if (d->cli->json)
        print_json(d, port, admin_port);
    else
        print_text(d, port, admin_port);
    (void)fflush(stdout);
    secret_wipe(d->key, sizeof(d->key));
}

/* ---- Running it ---- */

/* Signals are the gateway's: threads that are started before it must not take them. */
static void block_signals(void)
{
    sigset_t set;

    (void)sigemptyset(&set);
    (void)sigaddset(&set, SIGHUP);
    (void)sigaddset(&set, SIGTERM);
    (void)sigaddset(&set, SIGINT);
    (void)pthread_sigmask(SIG_BLOCK, &set, NULL);
}

static int say(struct demo *d, enum rc rc, const char *what)
{
    if (buf_len(&d->faults) > 0)
        return cli_fail(d->cli, rc, "%.*s", SLICE_FMT(buf_slice(&d->faults)));
    return cli_fail(d->cli, rc, "cannot %s: %s", what,
                    rc == RC_IO ? strerror(errno) : rc_reason(rc));
}

static int make_folder(struct demo *d)
{
    enum rc rc = files_make_folder(d->dir);

    if (rc == RC_OK)
        rc = datadir_create(d->data_dir, &d->faults);
    if (rc == RC_EXISTS) {
        buf_reset(&d->faults);
        rc = RC_OK; /* of an earlier start */
    }
    if (rc == RC_OK)
        rc = files_make_token(d->token);
    return rc == RC_OK ? CLI_OK : say(d, rc, "make the demo's folder");
}

/* Under the folder's lock, so that a demo which runs there keeps its configuration. */
static int prepare(struct demo *d)
{
    struct datadir *dir;
    enum rc rc = datadir_open(&dir, d->data_dir, &d->faults);

    if (rc == RC_LOCKED) {
        buf_reset(&d->faults);
        return cli_fail(d->cli, rc, "a demo runs in %s already; choose another --dir",
                        d->dir);
    }
    if (rc != RC_OK)
        return say(d, rc, "open the demo's book");
    rc = furnish(d, dir->book);
    if (rc == RC_OK)
        rc = mock_start(&d->mock, &d->mock_port);
    if (rc == RC_OK)
        rc = demo_market_set_up(dir->skills, d->mock_port);
    if (rc == RC_OK)
        rc = write_config(d);
    datadir_close(dir);
    return rc == RC_OK ? CLI_OK : say(d, rc, "set the demo up");
}

static int serve(struct demo *d)
{
    struct gateway_options options = {
        .config_path = d->config, .ready = ready, .arg = d};
    enum rc rc;

    log_set_level(LOG_WARN); /* what a person should see beside the calls */
    buf_reset(&d->faults);
    rc = gateway_run(&options, &d->faults);
    if (rc == RC_CONFLICT) { /* the words begin with the address */
        struct slice words = buf_slice(&d->faults);

        return cli_fail(
            d->cli, rc,
            "%.*s is in use by another program: choose another address with "
            "--listen ADDR:PORT (the admin API takes the port above it)",
            SLICE_FMT(slice_sub(words, 0, slice_find(words, ' '))));
    }
    return rc == RC_OK ? CLI_OK : say(d, rc, "serve");
}

int verb_demo(const struct cli *c)
{
    const char *listen = cli_value(c, "--listen");
    const char *dir = cli_value(c, "--dir");
    struct demo *d = calloc(1, sizeof(*d));
    int code;

    if (d == NULL)
        return cli_fail(c, RC_NOMEM, "out of memory");
    d->cli = c;
    buf_init(&d->faults, FAULTS_MAX);
    if (name_addresses(d, listen != NULL ? listen : DEMO_LISTEN) != RC_OK) {
        code = cli_usage(c, "'%s' is no ADDR:PORT", listen);
    } else if (name_paths(d, dir != NULL ? dir : "octroi-demo") != RC_OK) {
        code = cli_usage(c, "the folder's path is too long");
    } else {
        block_signals();
        code = make_folder(d);
        if (code == CLI_OK)
            code = prepare(d);
        if (code == CLI_OK)
            code = serve(d);
        mock_stop(d->mock);
    }
    secret_wipe(d->key, sizeof(d->key));
    buf_free(&d->faults);
    free(d);
    return code;
}
