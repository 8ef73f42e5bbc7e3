/* SPDX-License-Identifier: Apache-2.0 */
/* What providers say of their models: one list for each provider that was asked, kept
 * in DATA_DIR/models.json from run to run. Only the scout (gateway/scout.h) writes that
 * file; the reader of the configuration adds what is in it to the models that are
 * configured. The lists are other people's words: every count, name and number in them
 * is bounded here, once for what is read from a vendor and once more for what is read
 * back from the file. */
#ifndef GATEWAY_FOUND_H
#define GATEWAY_FOUND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/money.h"
#include "base/rc.h"
#include "base/slice.h"
#include "gateway/catalog.h"

enum {
    FOUND_LISTS_MAX = 64,         /* providers */
    FOUND_MODELS_MAX = 2000,      /* of one provider */
    FOUND_ALL_MAX = 8000,         /* of all together */
    FOUND_ID_MAX = 128,           /* bytes of a model's id */
    FOUND_TOKENS_MAX = 100000000, /* of a context; what is said above is not believed */
    FOUND_FILE_MAX = 8 << 20      /* bytes of models.json */
};

/* USD per million tokens, but for the fees. Zero: not said, but for the first two, of
 * which one may be nothing. */
struct found_price {
    struct money input, output;
    struct money cached_input, cache_write;
    struct money request, web_search; /* USD for each */
    uint64_t above; /* a prompt of more tokens costs what follows; 0: none does */
    struct money above_input, above_output, above_cached_input;
};

struct found_model {
    const char *id;                             /* as the provider names it */
    uint64_t context_tokens, max_output_tokens; /* 0: not said */
    unsigned told;      /* MODEL_CAP_* of which something was said */
    unsigned caps;      /* those of them that it can */
    unsigned endpoints; /* MODEL_BY_*; 0: not said */
    bool priced;        /* false: no price was said, or none that can be charged by */
    struct found_price price;
};

struct found_list {
    const char *provider; /* as configured */
    const char *base_url; /* where it was when it was asked: another is not meant */
    uint64_t read_us;     /* wall clock */
    size_t count;
    struct found_model *models; /* sorted by id, each once */
};

struct found {
    size_t count;
    struct found_list lists[FOUND_LISTS_MAX];
};

/* Whether an id may become a name: letters, digits and "._:/-@~+", at most FOUND_ID_MAX
 * of them, and no path that climbs ("..", "//", a slash at either end). */
bool found_id_good(struct slice id);

/* Sorts by id and drops what is there twice (the first stays). Returns how many are
 * left. */
size_t found_sort(struct found_model *models, size_t count);

/* NULL: not there. */
const struct found_list *found_list(const struct found *f, const char *provider);
const struct found_model *found_model(const struct found_list *l, struct slice id);
bool found_same(const struct found_model *a, const struct found_model *b);

/* Takes the place of the provider's list, or is added. RC_FULL: too many lists or
 * models; f is as it was. */
MUST_CHECK enum rc found_put(struct found *f, const struct found_list *list);

/* All of the file, in memory of a. RC_NOT_FOUND: there is none. RC_BAD_INPUT: not such
 * a file, of which nothing is taken. RC_IO, RC_NOMEM. */
MUST_CHECK enum rc found_load(struct found *out, const char *data_dir, struct arena *a);
/* The whole file at once, mode 0600: a crash leaves the old or the new. RC_IO,
 * RC_TOO_BIG. */
MUST_CHECK enum rc found_save(const struct found *f, const char *data_dir);

#endif
