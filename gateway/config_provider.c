/* SPDX-License-Identifier: Apache-2.0 */
/* The section `providers`: who is called, where, and with which keys. */
#include "gateway/config_int.h"

#include "base/nearest.h"
#include "gateway/provider.h"
#include "gateway/providers/vendors.h"

#include <stdio.h>
#include <string.h>

enum {
    TIMEOUT_MS = 60 * 1000,
    DISCOVER_MS = 6 * 3600 * 1000,
    KINDS_SIZE = 256
};

static const struct config__name_form provider_name = {"provider", "-_.",
                                                       CONFIG__NAME_MAX};
/* Both become part of a URL. */
static const struct config__name_form region_name = {"region", "-", CONFIG__NAME_MAX};
static const struct config__name_form version_name = {"version of an API", "-.",
                                                      CONFIG__NAME_MAX};
static const struct config__name_form vendor_name = {"vendor", "-_.", CONFIG__NAME_MAX};

static void list_kinds(char out[KINDS_SIZE])
{
    const struct provider *p;
    size_t at = 0;

    out[0] = '\0';
    for (size_t i = 0; (p = provider_at(i)) != NULL && at < KINDS_SIZE; i++)
        at += (size_t)snprintf(out + at, KINDS_SIZE - at, "%s%s", i == 0 ? "" : ", ",
                               p->kind);
}

static void refuse_kind(struct config__reader *r, const struct conf_node *n,
                        struct slice kind)
{
    char room[CONFIG__SHOWN_SIZE];
    char kinds[KINDS_SIZE];
    struct nearest nearest;
    const struct provider *p;

    list_kinds(kinds);
    nearest_start(&nearest, kind);
    for (size_t i = 0; (p = provider_at(i)) != NULL; i++)
        nearest_offer(&nearest, p->kind);
    if (nearest.name != NULL && !conf_is_expanded(n))
        conf_fault(r->conf, n,
                   "kind %s is not supported by this version (supported: %s; did you "
                   "mean '%s'?)",
                   config__shown(room, n, kind), kinds, nearest.name);
    else
        conf_fault(r->conf, n,
                   "kind %s is not supported by this version (supported: %s)",
                   config__shown(room, n, kind), kinds);
}

static bool read_kind(struct config__reader *r, struct config_provider *p,
                      struct conf_node *n)
{
    struct conf_node *value = conf_get(r->conf, n, "kind");
    char kinds[KINDS_SIZE];
    struct slice kind;

    if (value == NULL) {
        list_kinds(kinds);
        conf_fault(r->conf, n, "'kind' is missing (supported: %s)", kinds);
        return false;
    }
    if (!conf_text(r->conf, value, &kind))
        return false;
    p->adapter = provider_find(kind);
    if (p->adapter == NULL) {
        refuse_kind(r, value, kind);
        return false;
    }
    p->kind = arena_copy(r->arena, kind.bytes, kind.len);
    return p->kind != NULL;
}

/* Only hosts that speak a foreign dialect have one: it says whose prices count. */
static void read_vendor(struct config__reader *r, struct config_provider *p,
                        struct conf_node *n)
{
    struct conf_node *value = conf_get(r->conf, n, "vendor");
    struct slice text;

    if (!conf_text(r->conf, value, &text))
        return;
    if (strcmp(p->kind, "compatible") != 0) {
        conf_fault(r->conf, value, "only a provider of kind 'compatible' has a vendor");
        return;
    }
    p->vendor = config__name(r, value, &vendor_name, text);
}

/* The value of a key that only providers of this kind have; NULL: absent, or a fault.
 */
static struct conf_node *of_kind(struct config__reader *r, struct config_provider *p,
                                 struct conf_node *n, const char *key, const char *kind)
{
    struct conf_node *value = conf_get(r->conf, n, key);

    if (value == NULL || strcmp(p->kind, kind) == 0)
        return value;
    conf_fault(r->conf, value, "only a provider of kind '%s' has %s", kind, key);
    return NULL;
}

static char *read_name(struct config__reader *r, struct conf_node *n,
                       const struct config__name_form *form)
{
    struct slice text;

    return n != NULL && conf_text(r->conf, n, &text) ? config__name(r, n, form, text)
                                                     : NULL;
}

static struct secret *read_secret(struct config__reader *r, struct conf_node *n,
                                  const char *what)
{
    return n != NULL ? config__secret(r, n, what) : NULL;
}

static void read_azure(struct config__reader *r, struct config_provider *p,
                       struct conf_node *n)
{
    struct conf_node *value = of_kind(r, p, n, "api_version", "azure");

    if (value != NULL)
        p->api_version = read_name(r, value, &version_name);
    else if (strcmp(p->kind, "azure") == 0)
        p->api_version = arena_printf(r->arena, "v1");
}

/* Keys of the account, or api_keys of Bedrock's own. */
static void read_aws(struct config__reader *r, struct config_provider *p,
                     struct conf_node *n)
{
    struct conf_node *access = of_kind(r, p, n, "access_key", "bedrock");
    struct conf_node *secret = of_kind(r, p, n, "secret_key", "bedrock");
    struct conf_node *token = of_kind(r, p, n, "session_token", "bedrock");

    p->region = read_name(r, of_kind(r, p, n, "region", "bedrock"), &region_name);
    p->access_key = read_secret(r, access, "access key");
    p->secret_key = read_secret(r, secret, "secret key");
    p->session_token = read_secret(r, token, "session token");
    if ((access == NULL) != (secret == NULL))
        conf_fault(r->conf, n, "'access_key' and 'secret_key' come together");
    if (access == NULL && token != NULL)
        conf_fault(r->conf, token, "a session token belongs to an access key");
    if (access != NULL && conf_get(r->conf, n, "api_keys") != NULL)
        conf_fault(r->conf, n, "either 'access_key' or 'api_keys', not both");
    if (access != NULL && conf_get(r->conf, n, "region") == NULL)
        conf_fault(r->conf, n, "'region' is missing: a signature names it");
}

/* A host for each region. */
static void read_region_url(struct config__reader *r, struct config_provider *p,
                            struct conf_node *n, struct slice pattern)
{
    const struct slice mark = SLICE("{region}");
    const size_t at = slice_search(pattern, mark);

    if (p->region != NULL)
        p->base_url = arena_printf(r->arena, "%.*s%s%s", (int)at, pattern.bytes,
                                   p->region, pattern.bytes + at + mark.len);
    else if (conf_get(r->conf, n, "region") == NULL &&
             conf_get(r->conf, n, "access_key") == NULL)
        conf_fault(r->conf, n, "'region' is missing: kind '%s' has a host for each",
                   p->adapter->kind);
}

/* What the adapter adds itself would stand there twice. */
static void cut_base_end(struct config_provider *p)
{
    const char *const *end = p->adapter->base_ends;

    for (; end != NULL && *end != NULL && p->base_url != NULL; end++) {
        const struct slice base = slice_str(p->base_url);

        if (slice_ends(base, slice_str(*end))) {
            p->base_url[base.len - strlen(*end)] = '\0';
            return;
        }
    }
}

static void read_url(struct config__reader *r, struct config_provider *p,
                     struct conf_node *n)
{
    const struct vendor *vendor = vendor_find(p->vendor);
    const char *fallback = vendor != NULL ? vendor->base_url : p->adapter->default_url;

    (void)conf_bool(r->conf, conf_get(r->conf, n, "allow_private"), &p->allow_private);
    if (conf_get(r->conf, n, "base_url") != NULL) {
        p->base_url = config__base_url(r, n, p->allow_private);
        cut_base_end(p);
    } else if (fallback != NULL && strstr(fallback, "{region}") != NULL)
        read_region_url(r, p, n, slice_str(fallback));
    else if (fallback != NULL)
        p->base_url = arena_printf(r->arena, "%s", fallback);
    else
        conf_fault(r->conf, n, "'base_url' is missing: %s '%s' has none of its own",
                   vendor != NULL ? "vendor" : "kind",
                   vendor != NULL ? vendor->name : p->adapter->kind);
}

static void read_keys(struct config__reader *r, struct config_provider *p,
                      struct conf_node *n)
{
    struct conf_node *list = conf_get(r->conf, n, "api_keys");
    struct conf_node *item;
    size_t at = 0;

    if (!config__fits(r, list, CONFIG__LIST_MAX, "keys"))
        return;
    p->api_keys = arena_new_array(r->arena, struct secret *, conf_count(list));
    if (p->api_keys == NULL)
        return;
    while (conf_next_item(r->conf, list, &at, &item)) {
        struct secret *key = config__secret(r, item, "api key");

        if (key != NULL)
            p->api_keys[p->key_count++] = key;
        else if (!conf_is_scalar(item) && !conf_is_mapping(item) && !conf_is_list(item))
            conf_fault(r->conf, item, "api key is empty");
    }
}

/* `true` (every six hours), a time span, `manual`, or `false`. */
static void read_discover(struct config__reader *r, struct config_provider *p,
                          struct conf_node *n)
{
    struct conf_node *value = conf_get(r->conf, n, "discover");
    struct slice text;

    if (!conf_text(r->conf, value, &text) || slice_equal_str(text, "false"))
        return;
    if (p->adapter->models == NULL) {
        conf_fault(r->conf, value,
                   "kind '%s' publishes no list of the models that can be called: name "
                   "them under 'models'",
                   p->kind);
        return;
    }
    p->discovers = true;
    if (slice_equal_str(text, "manual"))
        return;
    p->discover_every_ms = DISCOVER_MS;
    if (!slice_equal_str(text, "true"))
        config__duration(r, n, "discover", &p->discover_every_ms);
}

static void read_provider(struct config__reader *r, struct config_provider *p,
                          struct conf_node *n)
{
    p->first_byte_timeout_ms = TIMEOUT_MS;
    p->idle_timeout_ms = TIMEOUT_MS;
    if (!config__may_be_mapping(r, n))
        return;
    if (!read_kind(r, p, n)) {
        config__skip(r, n); /* one fault is enough */
        return;
    }
    read_vendor(r, p, n);
    read_azure(r, p, n);
    read_aws(r, p, n);
    read_url(r, p, n);
    read_keys(r, p, n);
    config__duration(r, n, "first_byte_timeout", &p->first_byte_timeout_ms);
    config__duration(r, n, "idle_timeout", &p->idle_timeout_ms);
    read_discover(r, p, n);
}

void config__read_providers(struct config__reader *r, struct conf_node *n)
{
    struct config *c = r->config;
    struct conf_node *value;
    struct slice name;
    size_t at = 0;

    c->providers = arena_new_array(r->arena, struct config_provider, conf_count(n));
    if (c->providers == NULL)
        return;
    while (conf_next_member(r->conf, n, &at, &name, &value)) {
        /* Faulty ones are kept too: that a model names one is not another fault. */
        struct config_provider *p = &c->providers[c->provider_count++];

        p->name = config__name(r, value, &provider_name, name);
        read_provider(r, p, value);
    }
}
