/* SPDX-License-Identifier: Apache-2.0 */
/* The configuration as an immutable snapshot. A reload makes a new one; every request
 * keeps a reference to the one it began with, so that prices and routes never change
 * under a call. Reference counted, any thread; nothing in it is written after
 * config_load(). */
#ifndef GATEWAY_CONFIG_H
#define GATEWAY_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/money.h"
#include "base/rc.h"
#include "base/secret.h"
#include "base/slice.h"
#include "gateway/config_api.h"
#include "gateway/config_price.h"

struct provider; /* gateway/provider.h: the adapter */

struct config_provider {
    char *name;
    char *kind;
    const struct provider *adapter;
    char *vendor;   /* kind compatible; NULL: plain */
    char *base_url; /* without trailing slash */
    bool allow_private;
    size_t key_count;
    struct secret **api_keys;                        /* used in turn */
    uint64_t first_byte_timeout_ms, idle_timeout_ms; /* defaults 60 s, 60 s */
    char *api_version;                               /* kind azure */
    char *region;                                    /* kind bedrock, with the keys */
    struct secret *access_key, *secret_key, *session_token; /* NULL: bearer api_keys */
    bool discovers; /* it is asked for its list of models, which are added to ours */
    uint64_t discover_every_ms; /* 0: only when somebody wants it */
};

struct config_target {
    const struct config_provider *provider;
    char *model;     /* as the provider names it */
    unsigned weight; /* 0: none given. Adjacent targets with a weight share the load */
};

struct config_model {
    char *name;
    bool found;    /* the provider's list has it, and not the file */
    bool is_alias; /* the same under its name without the provider's */
    size_t target_count;
    struct config_target *targets;
    bool priced;               /* false: listed and refused (law 9) */
    struct config_price price; /* in force at loaded_us; price_at() tells of others */
    uint64_t context_tokens, max_output_tokens, hold_output_tokens;
    bool strict_hold;        /* splice the output bound into the body */
    bool require_parameters; /* a field that cannot be carried refuses the call */
    bool caps_known;         /* false: caps and endpoints say nothing */
    unsigned caps;           /* MODEL_CAP_* of gateway/catalog.h */
    unsigned endpoints;      /* MODEL_BY_*; 0: unknown */
};

/* Rows of prices: gateway/config_catalog.h. */
struct config_rows;

/* payments: and all that is in it is gateway/config_payments.h's. */
struct config_payments;
struct config_skills; /* skills: gateway/config_skills.h */

struct config_limits {
    uint64_t requests_per_minute, tokens_per_minute, concurrent; /* per key; 0: none */
    uint64_t max_body_bytes, max_response_bytes;
    uint64_t reference_tokens;
    uint64_t connections, connections_per_address; /* of the listener */
    uint64_t auth_failures_per_minute;             /* per address */
    uint64_t refused_payments_per_minute;          /* per address */
    uint64_t call_timeout_ms;                      /* absolute; default 600 s */
};

struct config {
    uint64_t generation; /* 1, 2, .. within a process */
    uint64_t loaded_us;
    char hash[65]; /* SHA-256 of the effective configuration without secrets and found
                      models */
    char *path;    /* of the file */

    char *listen;               /* "127.0.0.1:8402" */
    char *admin_listen;         /* NULL: the socket only */
    char *data_dir;             /* absolute */
    struct secret *admin_token; /* NULL: none */
    unsigned loops;             /* 0: cores - 1, at least 1 */
    char **trusted_proxies;     /* whose X-Forwarded-For counts: addresses, ranges */
    size_t trusted_proxy_count;

    char *catalog_path; /* absolute; NULL: the built-in catalogue only */
    const struct config_rows *catalog, *overrides; /* config*.c only; NULL: none */
    size_t provider_count;
    struct config_provider *providers;
    size_t model_count;
    struct config_model *models; /* sorted by name */
    size_t data_api_count;
    struct config_data_api *data_apis;
    struct config_limits limits;
    struct config_payments *payments; /* never NULL */
    struct config_skills *skills;     /* never NULL */
    char *public_url; /* "https://toll.example": our origin, without a path; NULL: none
                       */

    struct config__snapshot *snapshot; /* its memory and its count; config*.c only */
};

/* Reads and checks the file. On RC_BAD_CONFIG `faults` has one line per fault, all of
 * them ("octroi.yaml:12:3: ..."); warnings (secret in a world-readable file..) are
 * appended in either case as lines that begin with "warning: ". RC_NOT_FOUND: no such
 * file. */
MUST_CHECK enum rc config_load(const struct config **out, const char *path,
                               struct buf *faults);
const struct config *config_ref(const struct config *c);
void config_unref(const struct config *c); /* NULL is fine */

/* The current snapshot of a process, swapped on reload. Any thread. The cell takes a
 * reference of its own to `first`. */
struct config_cell;
MUST_CHECK enum rc config_cell_open(struct config_cell **out,
                                    const struct config *first);
void config_cell_close(struct config_cell *cell);               /* NULL is fine */
const struct config *config_cell_get(struct config_cell *cell); /* a new reference */
/* Loads the same file again; on any failure the old one stays. Names in `faults` what
 * needs a restart (listen, admin_listen, data_dir, loops differ: RC_BAD_CONFIG). */
MUST_CHECK enum rc config_cell_reload(struct config_cell *cell, struct buf *faults);

const struct config_model *config_model(const struct config *c, struct slice name);
const struct config_data_api *config_data_api(const struct config *c,
                                              struct slice name);

/* The effective configuration as YAML or JSON, in the form that config_load() reads,
 * but for secrets: they are "***", which it refuses. */
void config_print(struct buf *out, const struct config *c, bool json);

#endif
