/* SPDX-License-Identifier: Apache-2.0 */
/* Keys of chains and names of networks, which more than one section has. Files with
 * keys are only named here: the signer reads them. */
#include "gateway/config_key.h"

#include "base/nearest.h"

#include <stdlib.h>

/* Keys --------------------------------------------------------------------------------
 */

/* The path of a file that another part reads. */
static char *read_path(struct config__reader *r, struct conf_node *n, const char *what)
{
    struct slice text;
    char *path = NULL;

    /* A path is shown in messages: what a file holds may not stand for one. */
    if (conf_is_contents(n)) {
        conf_fault(r->conf, n, "%s takes the name of a file, not its contents", what);
        return NULL;
    }
    if (!conf_path(r->conf, n, &path, r->arena))
        return NULL;
    text = slice_str(path);
    if (slice_has_ctl(text)) {
        conf_fault(r->conf, n, "%s holds a control character", what);
        return NULL;
    }
    return path;
}

/* systemd.exec(5), LoadCredential=: a file in a folder that only we may read. */
static char *credential_path(struct config__reader *r, const struct conf_node *n,
                             struct slice name)
{
    const char *dir = getenv("CREDENTIALS_DIRECTORY");

    if (name.len == 0 || slice_find(name, '/') < name.len || name.bytes[0] == '.' ||
        slice_has_ctl(name)) {
        conf_fault(r->conf, n, "'%.*s' is no name of a credential", SLICE_FMT(name));
        return NULL;
    }
    if (dir == NULL || dir[0] == '\0') {
        conf_fault(r->conf, n, "no credential '%.*s': CREDENTIALS_DIRECTORY is not set",
                   SLICE_FMT(name));
        return NULL;
    }
    return arena_printf(r->arena, "%s/%.*s", dir, SLICE_FMT(name));
}

/* FILE, cred:NAME, or the passphrase itself by ${cred:NAME} or ${file:PATH}. */
static void read_passphrase(struct config__reader *r, struct config_key_file *k,
                            struct conf_node *n)
{
    struct slice text;

    if (conf_is_contents(n)) {
        k->passphrase = config__secret(r, n, "the passphrase");
        return;
    }
    if (!conf_text(r->conf, n, &text))
        return;
    if (slice_equal_str(text, CONFIG__HIDDEN))
        conf_fault(r->conf, n,
                   "passphrase_file is %s, which stands for a secret that was not "
                   "shown",
                   CONFIG__HIDDEN);
    else if (slice_starts(text, SLICE("cred:")))
        k->passphrase_file = credential_path(r, n, slice_sub(text, 5, text.len));
    else
        k->passphrase_file = read_path(r, n, "passphrase_file");
}

void config__read_key(struct config__reader *r, struct config_key_file *k,
                      struct conf_node *n)
{
    struct conf_node *keystore, *passphrase, *hex;

    if (n == NULL || !config__may_be_mapping(r, n))
        return;
    keystore = conf_get(r->conf, n, "keystore");
    passphrase = conf_get(r->conf, n, "passphrase_file");
    hex = conf_get(r->conf, n, "hex_file");
    k->present = true;
    if ((keystore == NULL) == (hex == NULL) ||
        (keystore == NULL) != (passphrase == NULL)) {
        conf_fault(r->conf, n,
                   "a key is {keystore, passphrase_file}, or {hex_file} alone");
        return;
    }
    k->keystore = read_path(r, keystore, "keystore");
    read_passphrase(r, k, passphrase);
    k->hex_file = read_path(r, hex, "hex_file");
    if (k->hex_file != NULL)
        config__warn(r, hex, "the key in a hex_file is not encrypted: use a keystore");
}

bool config__same_key(const struct config_key_file *a, const struct config_key_file *b)
{
    return a->present == b->present && config__same_text(a->keystore, b->keystore) &&
           config__same_text(a->passphrase_file, b->passphrase_file) &&
           config__same_text(a->hex_file, b->hex_file) &&
           (a->passphrase == NULL) == (b->passphrase == NULL) &&
           slice_equal_secret(secret_open(a->passphrase), secret_open(b->passphrase));
}

/* Networks ----------------------------------------------------------------------------
 */

/* "eip155:8453", or the short name that version 1 of x402 has for it. */
bool config__read_chain(struct config__reader *r, uint64_t *chain_id,
                        struct conf_node *n)
{
    const struct x402_token *token;
    char room[CONFIG__SHOWN_SIZE];
    struct nearest nearest;
    struct slice text;

    if (!conf_text(r->conf, n, &text))
        return false;
    if (x402_network_parse(chain_id, text) == RC_OK ||
        x402_network_from_v1(chain_id, text) == RC_OK)
        return true;
    nearest_start(&nearest, text);
    for (size_t i = 0; (token = x402_token_at(i)) != NULL; i++)
        if (x402_network_v1_name(token->chain_id) != NULL)
            nearest_offer(&nearest, x402_network_v1_name(token->chain_id));
    if (nearest.name != NULL && !conf_is_expanded(n))
        conf_fault(r->conf, n,
                   "expected a network such as eip155:8453 or base, not %s (did you "
                   "mean '%s'?)",
                   config__shown(room, n, text), nearest.name);
    else
        conf_fault(r->conf, n, "expected a network such as eip155:8453 or base, not %s",
                   config__shown(room, n, text));
    return false;
}
