/* SPDX-License-Identifier: Apache-2.0 */
/* How a vendor's own list of models is asked for and read: one const object for each
 * form of it, in gateway/providers/NAME_models.c, named by the adapter (gateway/
 * provider.h). A reader gets JSON that the guard has passed and nothing else: no
 * socket, no key, no file. What it reads is somebody else's: it leaves out what it
 * cannot believe, and is never wrong about a price instead of without one. */
#ifndef GATEWAY_MODEL_LIST_H
#define GATEWAY_MODEL_LIST_H

#include "base/arena.h"
#include "base/json_guard.h"
#include "gateway/found.h"

enum {
    MODEL_LIST_PAGES_MAX = 20,
    MODEL_LIST_PAGE_MAX = 8 << 20, /* bytes of one page */
    MODEL_LIST_CURSOR_MAX = 1024   /* bytes of what names the next page */
};

/* One page, as far as it is read. Pages of one list share their models. */
struct model_page {
    struct arena *arena;   /* of the models */
    struct arena *scratch; /* of what is only read: until the next page, `next` too */
    struct found_model *models; /* FOUND_MODELS_MAX of them */
    size_t count;
    size_t skipped;    /* left out: no name that can be one, or too many */
    struct slice next; /* where the following page begins; empty: this is the last */
};

struct model_list {
    const char *path;       /* behind the base_url: "/models" */
    const char *key_header; /* the key's: "Authorization" has "Bearer " before it */
    const char *extra_header, *extra_value; /* NULL: none */
    const char *query;                      /* "limit=1000"; NULL: there are no pages */
    const char *cursor;                     /* the name under which `next` is sent */

    /* Adds the models of a page and sets `next`. RC_BAD_INPUT: not such a list. */
    enum rc (*read)(struct model_page *page, struct slice json);
};

/* The forms: the `models` of the adapters. */
struct config_provider;
const struct model_list *model_list_openai(const struct config_provider *p);
const struct model_list *model_list_compatible(const struct config_provider *p);
const struct model_list *model_list_anthropic(const struct config_provider *p);
const struct model_list *model_list_gemini(const struct config_provider *p);
const struct model_list *model_list_cohere(const struct config_provider *p);

/* Guards and reads one page. RC_BAD_INPUT: it is no JSON, or not such a list; RC_NOMEM.
 */
MUST_CHECK enum rc model_list_read(const struct model_list *l, struct model_page *page,
                                   struct slice body);

/* ---- For readers ---- */

/* The list `name` of the page's object (name NULL: the page itself), element by
 * element. */
struct model_walk {
    struct slice array;
    size_t at;
};
MUST_CHECK enum rc model_walk(struct model_walk *w, struct slice json,
                              const char *name);
/* The next element that is an object. */
bool model_next(struct model_walk *w, struct slice *model);

/* A new model of that id, all else zero. NULL: it is left out. */
struct found_model *model_add(struct model_page *page, struct slice id);
/* The text of a member; empty: none, or not a string. Short ones only. */
struct slice model_text(struct model_page *page, struct slice json, const char *name);
/* A count of tokens; 0: not said, or not believed. */
uint64_t model_tokens(struct slice json, const char *name);
/* Whether the member is `true`, or an object whose `supported` is. */
bool model_flag(struct slice json, const char *name);
bool model_is_false(struct slice json, const char *name);
/* Whether the member is a list of strings with this one in it. */
bool model_has(struct slice json, const char *name, const char *word);
/* Notes that the vendor has said whether it can. */
void model_cap(struct found_model *m, unsigned cap, bool yes);

/* A price from a member that is a decimal number, or a string of one ("0.00000125",
 * 1.25e-6), times 10^shift: exact, from its digits, rounded to the nano-dollar (and
 * never to nothing). RC_NOT_FOUND: absent, null, or an empty string. RC_BAD_INPUT: not
 * a number, negative, or dearer than anything is. */
MUST_CHECK enum rc model_price(struct money *out, struct slice json, const char *name,
                               int shift);

/* The four prices of a model by the names of their members; NULL: never said. Without
 * both of the first two, with one that cannot be read, or with nothing but noughts, the
 * model stays without a price: what is free on purpose, the operator says. */
struct model_price_names {
    const char *input, *output, *cached_input, *cache_write;
    int shift; /* from their unit to USD per million tokens, a power of ten */
};

void model_take_price(struct found_model *m, struct slice json,
                      const struct model_price_names *names);

#endif
