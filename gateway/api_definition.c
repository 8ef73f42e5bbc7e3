/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/api_definition.h"

#include "gateway/config_data_int.h"
#include "gateway/config_skills.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    ARENA_MAX = 4 * 1024 * 1024,
    WARNINGS_MAX = 65536,
    URL_MAX = 255, /* as the offer keeps it */
    TOKEN_MAX = 128
};

static const char name[] = "definition";

struct api_definition {
    struct config_data_api api;
    struct arena *arena; /* everything in api but the secret */
    atomic_size_t references;
};

/* The port that a checked URL names: between its host and its path. */
static struct slice port_of(const char *url)
{
    struct slice rest = slice_str(strstr(url, "://") + strlen("://"));
    size_t colon;

    rest = slice_sub(rest, 0, slice_find(rest, '/'));
    for (colon = rest.len; colon > 0; colon--)
        if (rest.bytes[colon - 1] == ':' || rest.bytes[colon - 1] == ']')
            break;
    if (colon == 0 || rest.bytes[colon - 1] == ']')
        return SLICE_NONE;
    return slice_sub(rest, colon, rest.len);
}

static void check_url(struct config__reader *r, const struct config_data_api *api,
                      const struct conf_node *n)
{
    struct slice port;

    if (api->base_url == NULL)
        return;
    port = port_of(api->base_url);
    if (strlen(api->base_url) > URL_MAX)
        conf_fault(r->conf, n, "base_url is longer than %d bytes", URL_MAX);
    if (port.len > 0 && !api->allow_private && !slice_equal(port, SLICE("443")) &&
        !slice_equal(port, SLICE("80")))
        conf_fault(r->conf, n, "base_url is on a port other than 80 and 443");
}

static enum rc read_all(struct api_definition *d, struct conf *conf,
                        const struct config *c, struct buf *faults)
{
    struct buf ignored;
    struct config__reader r = {.conf = conf,
                               .arena = d->arena,
                               .warnings = &ignored,
                               .path = name,
                               .published = true};
    struct conf_node *root = conf_root(conf);

    buf_init(&ignored, WARNINGS_MAX);
    d->api.name = arena_copy(d->arena, name, strlen(name));
    d->api.allow_private = c->skills->allow_private;
    if (root != NULL) {
        config__read_data_api(&r, &d->api, root);
        check_url(&r, &d->api, conf_get(conf, root, "base_url"));
        conf_unknown(conf);
    } else if (conf_fault_count(conf) == 0) {
        conf_fault(conf, NULL, "there is nothing in it");
    }
    buf_free(&ignored);
    for (size_t i = 0; i < conf_fault_count(conf); i++)
        buf_printf(faults, "%s\n", conf_fault_text(conf, i));
    TRY(r.rc);
    if (arena_spent(d->arena))
        return RC_NOMEM;
    return conf_fault_count(conf) > 0 ? RC_BAD_CONFIG : RC_OK;
}

enum rc api_definition_parse(struct api_definition **out, struct slice text,
                             const struct config *c, struct buf *faults)
{
    struct api_definition *d;
    struct conf *conf = NULL;
    enum rc rc;

    if (text.len > API_DEFINITION_MAX)
        return RC_TOO_BIG;
    d = calloc(1, sizeof(*d));
    if (d == NULL)
        return RC_NOMEM;
    atomic_init(&d->references, 1);
    rc = arena_open(&d->arena, ARENA_MAX);
    if (rc == RC_OK)
        rc = conf_parse_data(&conf, text, name);
    if (rc == RC_OK)
        rc = read_all(d, conf, c, faults);
    conf_close(conf);
    if (rc != RC_OK) {
        api_definition_unref(d);
        return rc;
    }
    *out = d;
    return RC_OK;
}

enum rc api_definition_set_token(struct api_definition *d, struct slice token)
{
    const bool bearer = strcmp(d->api.auth_header, "Authorization") == 0;
    char text[TOKEN_MAX];
    int len = snprintf(text, sizeof(text), "%s%.*s", bearer ? "Bearer " : "",
                       SLICE_FMT(token));
    enum rc rc = RC_TOO_BIG;

    if (len > 0 && (size_t)len < sizeof(text))
        rc = secret_new(&d->api.auth_value, slice_from(text, (size_t)len));
    secret_wipe(text, sizeof(text));
    return rc;
}

struct api_definition *api_definition_ref(struct api_definition *d)
{
    (void)atomic_fetch_add_explicit(&d->references, 1, memory_order_relaxed);
    return d;
}

void api_definition_unref(struct api_definition *d)
{
    if (d == NULL ||
        atomic_fetch_sub_explicit(&d->references, 1, memory_order_acq_rel) > 1)
        return;
    secret_unref(d->api.auth_value);
    arena_close(d->arena);
    free(d);
}

const struct config_data_api *api_definition_api(const struct api_definition *d)
{
    return &d->api;
}
