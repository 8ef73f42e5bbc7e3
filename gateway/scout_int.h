/* SPDX-License-Identifier: Apache-2.0 */
/* Inside of gateway/scout*.c only: scout.c has the thread, its timer and who waits;
 * scout_ask.c asks one provider page by page; scout_report.c makes of a round's answers
 * the new file, and says what has changed. */
#ifndef GATEWAY_SCOUT_INT_H
#define GATEWAY_SCOUT_INT_H

#include "base/json.h"
#include "base/loop.h"
#include "gateway/model_list.h"
#include "gateway/provider.h"
#include "gateway/scout.h"
#include "gateway/upstream.h"

enum {
    SCOUT__WORDS_SIZE = 200,
    SCOUT__ARENA_MAX = 16 << 20,
    SCOUT__SCRATCH_MAX = 64 << 20
};

/* One provider in a round. */
struct scout__ask {
    const struct config_provider *provider;
    const struct model_list *list;
    struct loop *loop;
    struct upstream *upstream;
    /* Once, never from within scout__ask_start(). */
    void (*done)(struct scout__ask *a);
    void *arg;

    /* The answer: */
    bool ok;
    char words[SCOUT__WORDS_SIZE]; /* why not */
    struct model_page page;        /* all pages together; in no order */

    /* private */
    struct arena *arena, *scratch;
    struct upstream_call *call;
    struct loop_timer later;
    struct buf body;
    struct slice cursor;
    uint64_t deadline_ms;
    size_t key; /* index of the key in use */
    unsigned pages;
    unsigned status;
    bool busy;
};

/* provider, list, loop, upstream, done, arg are set, all else is zero. */
void scout__ask_start(struct scout__ask *a);
/* done() does not come any more. */
void scout__ask_cancel(struct scout__ask *a);
void scout__ask_free(struct scout__ask *a); /* not while it runs */

/* Puts the good answers of a round into the file and prints the report's items.
 * *changed: whether models, or what is said of them, are others than before. Lists of
 * providers that discover no more are dropped. */
MUST_CHECK enum rc scout__take(bool *changed, struct json_out *report,
                               const struct config *config, struct scout__ask *asks,
                               size_t count);

#endif
