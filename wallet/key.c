/* SPDX-License-Identifier: Apache-2.0 */
/* API keys: "sk-oct-" id "-" secret, where the secret is an HMAC of id and generation
 * under the master key. So nothing of a secret is stored, and rotating is counting one
 * up. Who may spend what with a key is caller.c's and limit.c's business. */
#include "wallet/key.h"

#include "base/codec.h"
#include "base/secret.h"
#include "wallet/wallet_int.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define KEY_PREFIX "sk-oct-"

enum {
    PREFIX_LEN = sizeof(KEY_PREFIX) - 1,
    SECRET_LEN = WALLET_KEY_TEXT_LEN - PREFIX_LEN - WALLET_KEY_ID_LEN - 1
};

_Static_assert(SECRET_LEN == 43, "base64url of a SHA-256, without padding");

/* base64url without padding (RFC 4648 section 5). Not codec.h's: that wants an arena,
 * and a secret must not stay behind in one. */
static void secret_print(char out[SECRET_LEN], const uint8_t mac[SHA256_LEN])
{
    static const char digits[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    uint32_t bits = 0;
    unsigned bit_count = 0;
    size_t len = 0;

    for (size_t i = 0; i < SHA256_LEN; i++) {
        bits = bits << 8 | mac[i];
        for (bit_count += 8; bit_count >= 6; bit_count -= 6)
            out[len++] = digits[bits >> (bit_count - 6) & 63];
    }
    out[len++] = digits[bits << (6 - bit_count) & 63];
    assert(len == SECRET_LEN);
}

static void secret_of(char out[SECRET_LEN], const struct wallet_book *b,
                      const char key_id[WALLET_KEY_ID_LEN], uint32_t generation)
{
    uint8_t message[3 + WALLET_KEY_ID_LEN + 4];
    uint8_t mac[SHA256_LEN];

    memcpy(message, "key", 3);
    memcpy(message + 3, key_id, WALLET_KEY_ID_LEN);
    for (size_t i = 0; i < 4; i++)
        message[3 + WALLET_KEY_ID_LEN + i] = (uint8_t)(generation >> (8 * i));
    hmac_sha256(mac, secret_open(b->master),
                slice_from((const char *)message, sizeof(message)));
    secret_print(out, mac);
    secret_wipe(mac, sizeof(mac));
}

static void print_key(char text[WALLET_KEY_TEXT_LEN + 1], const struct wallet_book *b,
                      const struct wallet_key *k)
{
    memcpy(text, KEY_PREFIX, PREFIX_LEN);
    memcpy(text + PREFIX_LEN, k->id, WALLET_KEY_ID_LEN);
    text[PREFIX_LEN + WALLET_KEY_ID_LEN] = '-';
    secret_of(text + PREFIX_LEN + WALLET_KEY_ID_LEN + 1, b, k->id, k->generation);
    text[WALLET_KEY_TEXT_LEN] = '\0';
}

/* ---- Proving ---- */

/* Cuts a key's text into id and secret. What has another shape becomes an id that
 * nobody has, so that it takes the same way as an unknown one. */
static bool split_key(struct slice *key_id, struct slice *secret, struct slice text)
{
    struct slice id = slice_sub(text, PREFIX_LEN, WALLET_KEY_ID_LEN);

    if (text.len == WALLET_KEY_TEXT_LEN && slice_starts(text, SLICE(KEY_PREFIX)) &&
        wallet__key_id_ok(id) && text.bytes[PREFIX_LEN + WALLET_KEY_ID_LEN] == '-') {
        *key_id = id;
        *secret = slice_sub(text, PREFIX_LEN + WALLET_KEY_ID_LEN + 1, SECRET_LEN);
        return true;
    }
    *key_id = SLICE("0000000000");
    *secret = SLICE("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA");
    return false;
}

enum rc wallet__key_prove(struct wallet_key *out, struct wallet_book *b,
                          struct ledger_view *v, struct slice key_text)
{
    struct wallet_key k = {.id = "0000000000", .generation = 1};
    char expected[SECRET_LEN];
    struct slice key_id, secret;
    bool shaped = split_key(&key_id, &secret, key_text);
    enum rc rc = wallet__read_key(&k, NULL, v, key_id);
    bool equal;

    if (rc != RC_OK && rc != RC_NOT_FOUND)
        return rc;
    /* Done for unknown ids too: the time it takes must not tell which ids exist. */
    secret_of(expected, b, k.id, k.generation);
    equal = slice_equal_secret(slice_from(expected, SECRET_LEN), secret);
    secret_wipe(expected, sizeof(expected));
    if (!shaped || rc != RC_OK || !equal || k.revoked)
        return RC_BAD_KEY;
    if (k.expires_us != 0 && ledger_now_us(b->ledger) >= k.expires_us)
        return RC_BAD_KEY;
    *out = k;
    return RC_OK;
}

/* ---- Creating ---- */

static void random_key_id(char out[WALLET_KEY_ID_LEN + 1])
{
    static const char digits[] = "0123456789abcdefghijklmnopqrstuvwxyz";
    size_t len = 0;

    while (len < WALLET_KEY_ID_LEN) {
        uint8_t byte;

        random_bytes(&byte, 1);
        if (byte < 252) /* 7 * 36: every digit equally likely */
            out[len++] = digits[byte % 36];
    }
    out[len] = '\0';
}

/* What the caller asked for, as records. False: no limit. */
static bool limits_from(struct wallet__limits *out, const struct wallet_key_options *o)
{
    bool any = false;

    *out = (struct wallet__limits){0};
    for (unsigned per = 0; per < WALLET_PER__COUNT; per++) {
        if (o->limits[per] == NULL)
            continue;
        out->slots[per].set = true;
        out->slots[per].generation = 1;
        out->slots[per].amount = *o->limits[per];
        any = true;
    }
    return any;
}

/* The epoch at which the wallet's path had room for the key's limits. */
static enum rc check_room(uint64_t *epoch, struct ledger_view *v, struct id wallet,
                          const struct wallet__limits *limits)
{
    struct wallet__path path;
    unsigned count = 0;

    TRY(wallet__read_epoch(epoch, v));
    TRY(wallet__read_path(&path, v, wallet));
    TRY(wallet__path_windowed(&count, v, &path));
    if (count + wallet__windowed_count(limits) > WALLET_PATH_LIMITS_MAX)
        return RC_TOO_BIG;
    return RC_OK;
}

static enum rc create_once(struct wallet_key *k, struct wallet_book *b,
                           const struct wallet__limits *limits, bool limited)
{
    struct ledger_cmd cmd = {.verb = LEDGER_NOTE};
    uint8_t key_value[WALLET__VALUE_MAX];
    uint8_t limits_value[WALLET__VALUE_MAX];
    struct ledger_view *v;
    uint64_t epoch = 0;
    struct id scope;
    enum rc rc;

    TRY(ledger_view_open(&v, b->ledger));
    rc = check_room(&epoch, v, k->wallet, limits);
    ledger_view_close(v);
    TRY(rc);
    random_key_id(k->id);
    scope = wallet__key_scope(k->id);
    cmd.op = id_new(k->created_us);
    wallet__write(&cmd, WALLET__KIND_KEY, slice_str(k->id),
                  wallet__key_encode(key_value, k), 0);
    if (limited) {
        wallet__write(&cmd, WALLET__KIND_LIMITS, wallet__id_slice(&scope),
                      wallet__limits_encode(limits_value, limits), 0);
        /* Nobody may have added limits to the path since they were counted. */
        wallet__write_epoch(&cmd, epoch);
    }
    return ledger_call(b->ledger, &cmd);
}

enum rc wallet_key_create(struct wallet_key *out, char text[WALLET_KEY_TEXT_LEN + 1],
                          struct wallet_book *b, struct id wallet,
                          const struct wallet_key_options *options)
{
    struct wallet_key k = {.wallet = wallet,
                           .generation = 1,
                           .created_us = ledger_now_us(b->ledger),
                           .expires_us = options->expires_us};
    struct wallet__limits limits;
    bool limited = limits_from(&limits, options);

    if (!wallet__text_ok(options->name, 0, WALLET_NAME_MAX) ||
        !wallet__models_ok(options->models))
        return RC_BAD_INPUT;
    TRY(slice_to_cstr(k.name, sizeof(k.name), options->name));
    TRY(slice_to_cstr(k.models, sizeof(k.models), options->models));
    for (unsigned i = 0; i < WALLET__TRIES_MAX; i++) {
        enum rc rc = create_once(&k, b, &limits, limited);

        if (wallet__lost_race(rc))
            continue; /* the epoch moved, or the id is taken: both are drawn anew */
        TRY(rc);
        print_key(text, b, &k);
        *out = k;
        return RC_OK;
    }
    return RC_BUSY;
}

/* ---- Reading ---- */

enum rc wallet_key_get(struct wallet_key *out, struct wallet_book *b,
                       struct slice key_id)
{
    struct ledger_view *v;
    enum rc rc;

    TRY(ledger_view_open(&v, b->ledger));
    rc = wallet__read_key(out, NULL, v, key_id);
    ledger_view_close(v);
    return rc;
}

enum rc wallet_key_list(struct wallet_book *b, struct slice from, wallet_key_fn *each,
                        void *arg)
{
    struct wallet__page *page;
    uint8_t next[LEDGER_KEY_MAX + 1];
    struct slice start = from;
    bool go_on = true;
    enum rc rc;

    if (from.len > WALLET_KEY_ID_LEN)
        return RC_BAD_INPUT;
    page = malloc(sizeof(*page));
    if (page == NULL)
        return RC_NOMEM;
    do {
        rc = wallet__page_read(page, b, WALLET__KIND_KEY, start);
        for (unsigned i = 0; rc == RC_OK && go_on && i < page->count; i++) {
            struct wallet_key k;

            rc = wallet__key_decode(&k, wallet__page_key(page, i),
                                    wallet__page_value(page, i));
            if (rc == RC_OK)
                go_on = each(arg, &k);
        }
        if (rc == RC_OK && page->more)
            start = wallet__page_next(page, next);
    } while (rc == RC_OK && go_on && page->more);
    free(page);
    return rc;
}

enum rc wallet_key_text(char text[WALLET_KEY_TEXT_LEN + 1], struct wallet_book *b,
                        struct slice key_id)
{
    struct wallet_key k = {.id = "0000000000"}; /* of generation 0: nobody's */
    struct wallet_key found;
    enum rc rc = RC_BAD_KEY;

    if (wallet__key_id_ok(key_id))
        rc = wallet_key_get(&found, b, key_id);
    if (rc == RC_NOT_FOUND ||
        (rc == RC_OK &&
         (found.revoked ||
          (found.expires_us != 0 && ledger_now_us(b->ledger) >= found.expires_us))))
        rc = RC_BAD_KEY;
    if (rc == RC_OK)
        k = found;
    print_key(text, b, &k);
    return rc;
}

/* ---- Revoking and rotating ---- */

enum change {
    REVOKE,
    ROTATE
};

static enum rc change_once(struct wallet_key *k, struct wallet_book *b,
                           struct slice key_id, enum change change)
{
    struct ledger_cmd cmd = {.verb = LEDGER_NOTE};
    uint8_t value[WALLET__VALUE_MAX];
    struct ledger_view *v;
    uint64_t version = 0;
    enum rc rc;

    TRY(ledger_view_open(&v, b->ledger));
    rc = wallet__read_key(k, &version, v, key_id);
    ledger_view_close(v);
    TRY(rc);
    switch (change) {
    case REVOKE:
        if (k->revoked)
            return RC_OK;
        k->revoked = true;
        break;
    case ROTATE:
        if (k->revoked)
            return RC_GONE;
        if (k->generation == UINT32_MAX)
            return RC_OVERFLOW;
        k->generation++;
        break;
    }
    cmd.op = id_new(ledger_now_us(b->ledger));
    wallet__write(&cmd, WALLET__KIND_KEY, slice_str(k->id),
                  wallet__key_encode(value, k), version);
    wallet__write_epoch(&cmd, LEDGER_ANY);
    return ledger_call(b->ledger, &cmd);
}

static enum rc change_key(struct wallet_key *k, struct wallet_book *b,
                          struct slice key_id, enum change change)
{
    for (unsigned i = 0; i < WALLET__TRIES_MAX; i++) {
        enum rc rc = change_once(k, b, key_id, change);

        if (!wallet__lost_race(rc))
            return rc;
    }
    return RC_BUSY;
}

enum rc wallet_key_revoke(struct wallet_book *b, struct slice key_id)
{
    struct wallet_key k;

    return change_key(&k, b, key_id, REVOKE);
}

enum rc wallet_key_rotate(struct wallet_key *out, char text[WALLET_KEY_TEXT_LEN + 1],
                          struct wallet_book *b, struct slice key_id)
{
    struct wallet_key k;

    TRY(change_key(&k, b, key_id, ROTATE));
    print_key(text, b, &k);
    *out = k;
    return RC_OK;
}
