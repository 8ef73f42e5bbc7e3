/* SPDX-License-Identifier: Apache-2.0 */
/* Inside of gateway/config*.c only: the memory of a snapshot, and what the readers of
 * the file's sections share. config.c holds and swaps snapshots, config_load.c reads a
 * file with the help of one config_<section>.c for each larger section, config_check.c
 * knows the forms of values, config_print.c prints. */
#ifndef GATEWAY_CONFIG_INT_H
#define GATEWAY_CONFIG_INT_H

#include <stdatomic.h>

#include "base/arena.h"
#include "base/conf.h"
#include "gateway/config.h"

enum {
    CONFIG__NAME_MAX = 64, /* of a provider, a data API, a header */
    CONFIG__TEXT_MAX = 256,
    CONFIG__LIST_MAX = 256, /* keys, proxies, endpoints: items of one list */
    CONFIG__SHOWN_SIZE = 160,
    CONFIG__VERSION_BYTES = 8, /* of a digest, in hex */
    CONFIG__VERSION_SIZE = sizeof(((struct config_price *)NULL)->version)
};

/* Printed in place of a secret; refused as one, lest a printed file be put to use. */
#define CONFIG__HIDDEN "***"

/* In the data folder: what `octroi price set` has set. */
#define CONFIG__PRICES_FILE "prices.json"

struct config_row; /* gateway/config_catalog.h */
struct found;

struct config__snapshot {
    struct config config;
    struct arena *arena; /* everything in config but the secrets */
    atomic_size_t references;
};

MUST_CHECK enum rc config__snapshot_new(struct config__snapshot **out);
void config__snapshot_free(struct config__snapshot *s); /* half-built ones too */

/* What a reader of a section works with. Readers return nothing: faults of the file are
 * collected in conf, a lack of memory is in rc or marks the arena as spent, and both
 * are looked at once, when all is read. */
struct config__reader {
    struct conf *conf;
    struct config *config; /* being made */
    struct arena *arena;
    struct buf *warnings;
    struct buf *more_faults;      /* lines about other files than this one */
    const char *path;             /* of the file, for warnings */
    const struct config *running; /* NULL: a first load */
    bool exposed, published; /* everyone here may read the file; a stranger wrote it */
    const struct found *found; /* NULL: nothing is known of what providers say */
    enum rc rc;
};

/* A snapshot of what conf_open() or conf_parse() made; path is for messages. As the
 * successor of `running` if that is not NULL. */
MUST_CHECK enum rc config__build(const struct config **out, struct conf *conf,
                                 const char *path, const struct config *running,
                                 struct buf *faults);
/* The same from the file. */
MUST_CHECK enum rc config__load(const struct config **out, const char *path,
                                const struct config *running, struct buf *faults);

/* ---- The sections; n is the section's node, or NULL ---- */
void config__read_providers(struct config__reader *r, struct conf_node *n);
void config__read_models(struct config__reader *r, struct conf_node *n);
/* What providers publish of their models (gateway/found.h). Before the models: what
 * their providers say of them stands over the catalogue. */
void config__load_found(struct config__reader *r, struct conf_node *providers);
/* After them: adds those that they do not name. */
void config__add_found(struct config__reader *r);
struct found_model;
/* What its provider says of the model. NULL: nothing. */
const struct found_model *config__found(const struct config__reader *r,
                                        const struct config_target *t);
/* Its price there, without markup and version. NULL: none was said, or more than an
 * amount can hold for the longest call of m, whose sizes are known. */
const struct config_price *config__found_price(struct config__reader *r,
                                               const struct config_model *m);
void config__read_data_apis(struct config__reader *r, struct conf_node *n);
/* A price as it stands at n, all of it but its markup, source and date. False: it has
 * faults for which it cannot be used. */
bool config__read_price(struct config__reader *r, struct config_price *p,
                        struct conf_node *n);
/* Before the models: the file that `catalog` names, and the operator's own prices. */
void config__read_catalog(struct config__reader *r, struct conf_node *n);
void config__read_overrides(struct config__reader *r);
/* A list of capabilities; untouched and false if absent. */
bool config__read_caps(struct config__reader *r, unsigned *caps, struct conf_node *n);
/* Gives a model that has no price of its own those that count, from when on each. */
void config__choose_price(struct config__reader *r, struct config_model *m);
/* What the catalogues know of the model's first target. false: nothing. */
bool config__find_known(struct config_row *out, struct config__reader *r,
                        const struct config_model *m);
/* Before the data APIs, which may be paid from its buyer's key. */
void config__read_payments(struct config__reader *r, struct conf_node *n);
void config__free_payments(
    const struct config_payments *p); /* its secrets; NULL: fine */
/* After the payments, on whose networks publishers are paid. */
void config__read_skills(struct config__reader *r, struct conf_node *n);
void config__free_skills(const struct config_skills *s); /* likewise */

/* ---- Values ---- */
/* A line of warning about the value at n. */
void config__warn(struct config__reader *r, const struct conf_node *n,
                  const char *format, ...) __attribute__((format(printf, 3, 4)));
/* A value for a message: quoted, or a phrase in its place if it may be a secret. */
const char *config__shown(char room[CONFIG__SHOWN_SIZE], const struct conf_node *n,
                          struct slice text);

/* Whether n can be read as a mapping, maybe an empty one. A scalar or a list gets its
 * fault here, and no others for what it lacks. */
bool config__may_be_mapping(struct config__reader *r, struct conf_node *n);
/* Takes all of n as read: what is in it is no fault of its own. */
void config__skip(struct config__reader *r, struct conf_node *n);
/* Whether the list has at most `max` items (`what` they are); a fault otherwise. */
bool config__fits(struct config__reader *r, struct conf_node *list, size_t max,
                  const char *what);

struct config__name_form {
    const char *what;  /* is named so */
    const char *marks; /* what a name may have besides letters and digits */
    size_t max;
};

/* A copy of a name of that form; a fault at n and NULL otherwise. */
char *config__name(struct config__reader *r, const struct conf_node *n,
                   const struct config__name_form *form, struct slice name);
/* A scalar of visible ASCII, without spaces, up to CONFIG__TEXT_MAX bytes. NULL:
 * absent, or a fault. */
char *config__text(struct config__reader *r, struct conf_node *n);
/* A scalar that must not be seen: not empty and without control bytes, as it goes into
 * headers. NULL: absent, or a fault. */
struct secret *config__secret(struct config__reader *r, struct conf_node *n,
                              const char *what);
/* A header's name (RFC 9110 section 5.1) in lower case. NULL: absent, or a fault. */
char *config__header_name(struct config__reader *r, struct conf_node *n);
/* One of the headers that belong to one connection, or frame a message. */
bool config__is_hop_header(const char *lower_case);
/* "127.0.0.1:80", "[::1]:80". NULL: absent, or a fault. */
char *config__listen_address(struct config__reader *r, struct conf_node *n);
/* Who may be trusted: an IP address or a range of them ("10.0.0.0/8"), or "unix": who
 * comes over a Unix socket. NULL: absent, or a fault. */
char *config__peer(struct config__reader *r, struct conf_node *n);
/* An absolute http or https URL, its trailing slash cut; `what` it is. NULL: absent, or
 * a fault. A private address is warned of. */
char *config__url(struct config__reader *r, struct conf_node *n, const char *what,
                  bool allow_private);
bool config__url_has_path(const char *url); /* of such a URL */
/* One without a path, in small letters. */
char *config__origin(struct config__reader *r, struct conf_node *n, const char *what);
/* The member `base_url`. */
char *config__base_url(struct config__reader *r, struct conf_node *n,
                       bool allow_private);
/* A member that is a time span of one second to a day; untouched if absent. */
void config__duration(struct config__reader *r, struct conf_node *n, const char *key,
                      uint64_t *ms);

/* Of two that may be NULL, for absent. */
bool config__same_text(const char *a, const char *b);

/* The name under which a price stands in the books: a digest over its text. */
void config__price_version(char out[CONFIG__VERSION_SIZE], struct slice price);

#endif
