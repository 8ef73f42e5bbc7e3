/* SPDX-License-Identifier: Apache-2.0 */
/* From a round's answers to the new models.json, and what has changed by it. */
#include "gateway/scout_int.h"

#include "base/clock.h"

#include <stdio.h>
#include <string.h>

enum {
    OLD_ARENA_MAX = 64 << 20
};

enum difference {
    ADDED,
    GONE,
    CHANGED,
    DIFFERENCES
};

struct tally {
    struct json_out *out;
    size_t count[DIFFERENCES];
};

static void note(struct tally *t, enum difference d, const char *id)
{
    t->count[d]++;
    json_out_str(t->out, id);
}

/* Both are sorted. One pass for each kind, so that each is one list of the report. */
static void compare(struct tally *t, enum difference d, const struct found_list *old,
                    const struct found_list *new)
{
    const struct found_list *left = d == GONE ? old : new;
    const struct found_list *right = d == GONE ? new : old;

    for (size_t i = 0; i < left->count; i++) {
        const struct found_model *m = &left->models[i];
        const struct found_model *other = found_model(right, slice_str(m->id));

        if (d == CHANGED ? other != NULL && !found_same(m, other) : other == NULL)
            note(t, d, m->id);
    }
}

static bool print_differences(struct json_out *o, const struct found_list *old,
                              const struct found_list *new)
{
    static const char *const names[] = {"added", "gone", "changed"};
    struct tally t = {.out = o};

    for (unsigned d = 0; d < DIFFERENCES; d++) {
        json_out_key(o, names[d]);
        json_out_array(o);
        compare(&t, d, old, new);
        json_out_end_array(o);
    }
    return t.count[ADDED] + t.count[GONE] + t.count[CHANGED] > 0;
}

/* What was said under another address is nothing to compare with. */
static const struct found_list *list_of(const struct found *f,
                                        const struct config_provider *p)
{
    static const struct found_list none = {.provider = ""};
    const struct found_list *l = found_list(f, p->name);

    return l != NULL && strcmp(l->base_url, p->base_url) == 0 ? l : &none;
}

static void print_words(struct json_out *o, const char *words)
{
    json_out_key(o, "error");
    if (words != NULL)
        json_out_str(o, words);
    else
        json_out_null(o);
}

/* Into f, unless there is something against it: then a->words. */
static void keep(struct found *f, struct scout__ask *a, struct found_list *list)
{
    const char *words = NULL;

    list->models = a->page.models;
    list->count = found_sort(list->models, a->page.count);
    if (list->count == 0)
        words = "its list of models is empty";
    else if (found_put(f, list) != RC_OK)
        words = "the lists of all providers together are too long";
    a->ok = words == NULL;
    if (words != NULL)
        (void)snprintf(a->words, sizeof(a->words), "%s", words);
}

/* Whether something is different. */
static bool take_answer(struct found *f, struct json_out *o, struct scout__ask *a)
{
    const struct found_list old = *list_of(f, a->provider);
    struct found_list list = {.provider = a->provider->name,
                              .base_url = a->provider->base_url,
                              .read_us = clock_wall_us()};
    bool changed;

    if (a->ok)
        keep(f, a, &list);
    if (!a->ok)
        list = old;
    json_out_object(o);
    json_out_kstr(o, "provider", a->provider->name);
    json_out_kbool(o, "ok", a->ok);
    print_words(o, a->ok ? NULL : a->words);
    json_out_ku64(o, "models", list.count);
    json_out_ku64(o, "skipped", a->page.skipped);
    changed = print_differences(o, &old, &list);
    json_out_end_object(o);
    return changed;
}

static bool still_discovers(const struct config *c, const struct found_list *l)
{
    for (size_t i = 0; i < c->provider_count; i++)
        if (strcmp(c->providers[i].name, l->provider) == 0)
            return c->providers[i].discovers;
    return false;
}

static bool drop_old(struct found *f, const struct config *c)
{
    size_t kept = 0;
    bool dropped;

    for (size_t i = 0; i < f->count; i++)
        if (still_discovers(c, &f->lists[i]))
            f->lists[kept++] = f->lists[i];
    dropped = kept < f->count;
    f->count = kept;
    return dropped;
}

static enum rc take_all(bool *changed, struct json_out *report,
                        const struct config *config, struct scout__ask *asks,
                        size_t count, struct arena *a)
{
    struct found *f = arena_new(a, struct found);
    bool some = false;
    enum rc rc;

    if (f == NULL)
        return RC_NOMEM;
    rc = found_load(f, config->data_dir, a);
    if (rc == RC_NOMEM)
        return rc;
    /* One that cannot be read is written anew. */
    *changed = rc == RC_BAD_INPUT || rc == RC_IO;
    for (size_t i = 0; i < count; i++) {
        if (take_answer(f, report, &asks[i]))
            *changed = true;
        some |= asks[i].ok;
    }
    if (!some) {
        *changed = false; /* nothing was learnt */
        return RC_OK;
    }
    if (drop_old(f, config))
        *changed = true;
    return found_save(f, config->data_dir);
}

enum rc scout__take(bool *changed, struct json_out *report, const struct config *config,
                    struct scout__ask *asks, size_t count)
{
    struct arena *a;
    enum rc rc;

    *changed = false;
    TRY(arena_open(&a, OLD_ARENA_MAX));
    rc = take_all(changed, report, config, asks, count, a);
    arena_close(a);
    return rc;
}
