/* SPDX-License-Identifier: Apache-2.0 */
/* The files of a publisher's key. */
#include "cli/key_file.h"

#include "base/codec.h"
#include "base/random.h"
#include "base/secret.h"
#include "cli/files.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    TEXT_SIZE = 128,
    PATH_SIZE = 4096,
    SEED_MODE = 0600,
    PUBLIC_MODE = 0644
};

static const struct slice seed_word = {"ed25519-seed ", 13};
static const struct slice public_word = {"ed25519 ", 8};

static enum rc write_key(const char *path, struct slice word, const char *hex,
                         mode_t mode)
{
    char text[TEXT_SIZE];
    enum rc rc;

    (void)snprintf(text, sizeof(text), "%.*s%s\n", SLICE_FMT(word), hex);
    rc = files_write(path, slice_str(text), mode, false);
    secret_wipe(text, sizeof(text));
    return rc;
}

enum rc key_file_make(char hex[2 * SKILL_KEY_LEN + 1], const char *path)
{
    uint8_t seed[SKILL_KEY_LEN], key[SKILL_KEY_LEN];
    char seed_hex[2 * SKILL_KEY_LEN + 1];
    char public_path[PATH_SIZE];
    enum rc rc;

    if ((size_t)snprintf(public_path, sizeof(public_path), "%s.pub", path) >=
        sizeof(public_path))
        return RC_TOO_BIG;
    if (access(public_path, F_OK) == 0)
        return RC_EXISTS;
    random_bytes(seed, sizeof(seed));
    rc = skill_public_key(key, seed);
    hex_encode(hex, key, sizeof(key));
    hex_encode(seed_hex, seed, sizeof(seed));
    secret_wipe(seed, sizeof(seed));
    if (rc == RC_OK)
        rc = write_key(path, seed_word, seed_hex, SEED_MODE);
    secret_wipe(seed_hex, sizeof(seed_hex));
    return rc == RC_OK ? write_key(public_path, public_word, hex, PUBLIC_MODE) : rc;
}

/* The only line of it. */
static enum rc read_line(char text[TEXT_SIZE], bool secret, const char *path)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    struct stat st;
    ssize_t got;

    if (fd < 0)
        return errno == ENOENT ? RC_NOT_FOUND : RC_IO;
    got = read(fd, text, TEXT_SIZE - 1);
    if (got < 0 || fstat(fd, &st) != 0) {
        (void)close(fd);
        return RC_IO;
    }
    (void)close(fd);
    text[got] = '\0';
    return secret && (st.st_mode & 077) != 0 ? RC_FORBIDDEN : RC_OK;
}

static enum rc parse(uint8_t key[SKILL_KEY_LEN], struct slice word, const char *text)
{
    struct slice line = slice_str(text);

    if (slice_ends(line, SLICE("\n")))
        line = slice_sub(line, 0, line.len - 1);
    if (!slice_starts(line, word))
        return RC_BAD_INPUT;
    return hex_decode(key, SKILL_KEY_LEN, slice_sub(line, word.len, line.len));
}

enum rc key_file_read_public(char hex[2 * SKILL_KEY_LEN + 1], const char *path)
{
    uint8_t key[SKILL_KEY_LEN];
    char text[TEXT_SIZE];
    enum rc rc = read_line(text, false, path);

    if (rc == RC_OK && slice_starts(slice_str(text), seed_word))
        rc = RC_FORBIDDEN;
    if (rc == RC_OK)
        rc = parse(key, public_word, text);
    if (rc == RC_OK)
        hex_encode(hex, key, sizeof(key));
    secret_wipe(text, sizeof(text));
    return rc;
}

enum rc key_file_read_seed(uint8_t seed[SKILL_KEY_LEN], const char *path)
{
    char text[TEXT_SIZE];
    enum rc rc = read_line(text, true, path);

    if (rc == RC_OK)
        rc = parse(seed, seed_word, text);
    secret_wipe(text, sizeof(text));
    return rc;
}
