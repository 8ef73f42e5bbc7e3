/* SPDX-License-Identifier: Apache-2.0 */
/* octroi skill install: a version's files in a folder, after everything that can be
 * checked here was: its hash, its files, its signature. */
#include "cli/verbs.h"

#include "base/codec.h"
#include "cli/client.h"
#include "cli/package_dir.h"
#include "cli/skill_ref.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    TEXT_MAX = 16 << 20,
    WHY_MAX = 4096,
    PATH_SIZE = 1024
};

/* A package that came, and what the catalogue says of it. */
struct fetched {
    const struct cli *cli;
    struct skill_ref ref;
    struct json_object *version; /* in `skill` */
    struct json_object *skill;
    char *bytes;
    size_t len;
    struct skill_package *package;
    struct buf why;
};

static int read_skill(struct fetched *f, struct client *client)
{
    struct client_request q;
    struct buf answer;
    int code;

    skill_ref_start(&q, "GET", &f->ref, NULL);
    code = client_call(&answer, client, &q);
    if (code == CLI_OK && json_parse(&f->skill, buf_slice(&answer)) != RC_OK)
        code = cli_fail(f->cli, RC_INTERNAL, "the answer is not JSON");
    buf_free(&answer);
    client_request_end(&q);
    return code;
}

/* Which is wanted: what the line says, or the latest that is listed. */
static int choose_version(struct fetched *f)
{
    struct slice latest;

    if (f->ref.version[0] != '\0')
        return CLI_OK;
    if (json_get_string(&latest, f->skill, "latest") != RC_OK ||
        slice_to_cstr(f->ref.version, sizeof(f->ref.version), latest) != RC_OK)
        return cli_fail(f->cli, RC_NOT_FOUND, "no version of %s/%s is listed",
                        f->ref.publisher, f->ref.slug);
    return CLI_OK;
}

static int find_version(struct fetched *f)
{
    struct json_object *versions;
    struct slice version;
    int code = choose_version(f);

    if (code != CLI_OK)
        return code;
    if (json_get_array(&versions, f->skill, "versions") == RC_OK)
        for (size_t i = 0; i < json_array_count(versions); i++)
            if (json_get_string(&version, json_array_at(versions, i), "version") ==
                    RC_OK &&
                slice_equal_str(version, f->ref.version))
                f->version = json_array_at(versions, i);
    if (f->version == NULL)
        return cli_fail(f->cli, RC_NOT_FOUND, "%s/%s has no version %s",
                        f->ref.publisher, f->ref.slug, f->ref.version);
    return CLI_OK;
}

static int fetch_package(struct fetched *f, struct client *client)
{
    FILE *out = open_memstream(&f->bytes, &f->len);
    struct client_request q;
    int code;

    if (out == NULL)
        return cli_fail(f->cli, RC_NOMEM, "out of memory");
    skill_ref_start(&q, "GET", &f->ref, "versions");
    client_request_segment(&q, f->ref.version);
    client_request_segment(&q, "package");
    q.slow = true;
    code = client_fetch(out, client, &q);
    client_request_end(&q);
    if (fclose(out) != 0 && code == CLI_OK)
        code = cli_fail(f->cli, RC_NOMEM, "out of memory");
    return code;
}

static bool member_is(struct json_object *o, const char *name, const uint8_t *bytes,
                      size_t len)
{
    char hex[2 * SHA256_LEN + 1];
    struct slice text;

    hex_encode(hex, bytes, len);
    return json_get_string(&text, o, name) == RC_OK && slice_equal_str(text, hex);
}

static enum rc read_hex(uint8_t *out, size_t len, struct json_object *o,
                        const char *name)
{
    struct slice text;

    TRY(json_get_string(&text, o, name));
    return hex_decode(out, len, text);
}

/* The signature is over names and files, so it is made good here again. */
static enum rc check_signature(struct fetched *f)
{
    const struct skill_signed what = {.publisher = slice_str(f->ref.publisher),
                                      .slug = slice_str(f->ref.slug),
                                      .version = slice_str(f->ref.version)};
    uint8_t key[SKILL_KEY_LEN], signature[SKILL_SIGNATURE_LEN];
    struct buf text;
    bool is_signed = false;
    enum rc rc;

    if (json_get_bool(&is_signed, f->version, "signed") != RC_OK || !is_signed)
        return RC_OK;
    TRY(read_hex(key, sizeof(key), f->version, "key"));
    TRY(read_hex(signature, sizeof(signature), f->version, "signature"));
    buf_init(&text, TEXT_MAX);
    skill_signed_text(&text, &what, f->package);
    rc = buf_spent(&text) ? RC_NOMEM
                          : skill_signature_check(key, signature, buf_slice(&text));
    buf_free(&text);
    if (rc == RC_FORBIDDEN)
        buf_append_str(&f->why, "its signature is not good");
    return rc;
}

static enum rc check_package(struct fetched *f)
{
    const struct slice zip = slice_from(f->bytes, f->len);
    uint8_t digest[SHA256_LEN];

    sha256(digest, zip);
    if (!member_is(f->version, "package", digest, sizeof(digest))) {
        buf_append_str(&f->why, "the package is not the one that was listed");
        return RC_CORRUPT;
    }
    TRY(skill_package_new(&f->package));
    TRY(skill_package_read(f->package, zip, &f->why));
    TRY(skill_package_seal(f->package, &f->why));
    skill_package_fingerprint(digest, f->package);
    if (!member_is(f->version, "fingerprint", digest, sizeof(digest))) {
        buf_append_str(&f->why, "its files are not those that were listed");
        return RC_CORRUPT;
    }
    return check_signature(f);
}

static int install(struct fetched *f)
{
    const char *dir = f->cli->word_count > 1 ? f->cli->words[1] : ".";
    enum rc rc = check_package(f);

    if (rc == RC_OK)
        rc = package_dir_write(f->package, dir, f->ref.slug, &f->why);
    if (rc != RC_OK)
        return skill_ref_fail(f->cli, rc, &f->why);
    if (f->cli->json) {
        struct buf out;
        struct json_out json;
        char path[PATH_SIZE], name[SKILL_REF_SIZE];

        (void)snprintf(path, sizeof(path), "%s/%s", dir, f->ref.slug);
        (void)snprintf(name, sizeof(name), "%s/%s", f->ref.publisher, f->ref.slug);
        buf_init(&out, 4 * PATH_SIZE);
        json_out_init(&json, &out);
        json_out_object(&json);
        json_out_kstr(&json, "skill", name);
        json_out_kstr(&json, "version", f->ref.version);
        json_out_kstr(&json, "path", path);
        json_out_ku64(&json, "files", skill_package_count(f->package));
        json_out_end_object(&json);
        (void)printf("%.*s\n", SLICE_FMT(buf_slice(&out)));
        buf_free(&out);
        return CLI_OK;
    }
    (void)printf("%s/%s\n", dir, f->ref.slug);
    (void)fprintf(stderr, "%s/%s %s, files: %zu\n", f->ref.publisher, f->ref.slug,
                  f->ref.version, skill_package_count(f->package));
    return CLI_OK;
}

int verb_skill_install(const struct cli *c)
{
    struct fetched f = {.cli = c};
    struct client *client;
    int code = skill_ref_parse(&f.ref, c, c->words[0], true);

    if (code == CLI_OK)
        code = client_open(&client, c);
    if (code != CLI_OK)
        return code;
    buf_init(&f.why, WHY_MAX);
    code = read_skill(&f, client);
    if (code == CLI_OK)
        code = find_version(&f);
    if (code == CLI_OK)
        code = fetch_package(&f, client);
    client_close(client); /* others may have the folder while we write */
    if (code == CLI_OK)
        code = install(&f);
    skill_package_free(f.package);
    json_put(f.skill);
    free(f.bytes);
    buf_free(&f.why);
    return code;
}
