/* SPDX-License-Identifier: Apache-2.0 */
/* The admin API's reports: statements of a wallet, and what all calls came to. Both
 * read the journal; nothing is kept for them. */
#include "gateway/admin_int.h"

#include "base/clock.h"
#include "base/map.h"
#include "gateway/wallet_json.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    GROUPS_MAX = 10000,
    DAY_LEN = sizeof("2026-11-21") - 1
};

/* ---- Rows ---- */

struct rows {
    struct admin_page page;
    uint64_t from_seq;
    uint64_t since_us, until_us; /* of time_us: not before, and before */
};

static bool in_time(const struct rows *r, const struct wallet_row *row)
{
    return row->time_us >= r->since_us && row->time_us < r->until_us;
}

static bool put_row(void *arg, const struct wallet_row *row)
{
    struct rows *r = arg;

    if (row->time_us >= r->until_us)
        return false; /* the journal's time never goes back */
    if (!in_time(r, row))
        return true;
    if (!admin__page_room(&r->page)) {
        (void)snprintf(r->page.next, sizeof(r->page.next), "%llu",
                       (unsigned long long)row->seq);
        return false;
    }
    wallet_json_row(&r->page.call->out, row, true);
    return true;
}

static enum rc read_range(struct rows *r, struct admin_call *c)
{
    *r = (struct rows){.until_us = UINT64_MAX};
    TRY(admin__query_u64(&r->from_seq, c, "after", 0, UINT64_MAX));
    TRY(admin__query_time(&r->since_us, c, "since"));
    return admin__query_time(&r->until_us, c, "until");
}

static enum rc serve_statement(struct admin_call *c)
{
    struct wallet w;
    struct rows r;

    TRY(admin__find_wallet(&w, c, c->params[0]));
    TRY(read_range(&r, c));
    TRY(admin__page_start(&r.page, c));
    TRY(wallet_statement(c->admin->book, w.id, r.from_seq, put_row, &r));
    admin__page_end(&r.page);
    return RC_OK;
}

/* ---- Groups ---- */

enum by {
    BY_KEY,
    BY_MODEL,
    BY_DAY,
    BY_WALLET,
    BY_SKILL,
    BY__COUNT
};

static const char *const by_names[BY__COUNT] = {
    [BY_KEY] = "key",       [BY_MODEL] = "model", [BY_DAY] = "day",
    [BY_WALLET] = "wallet", [BY_SKILL] = "skill",
};

struct group {
    struct slice name;
    const char *kind; /* the member that names it */
    uint64_t calls;
    uint64_t prompt_tokens, completion_tokens;
    struct money amount;
    struct money shortfall;
    uint64_t reported_calls; /* of which the upstream said what it charges: */
    struct money reported, reported_amount;
};

struct sums {
    struct rows rows; /* for its range */
    enum by by;
    struct arena *arena;
    struct map *groups;
    enum rc rc;
};

/* False: the row belongs to no group of this kind. */
static bool group_of(struct slice *name, const char **kind, enum by by,
                     const struct wallet_row *row, char day[CLOCK_TEXT_SIZE])
{
    const bool skill = row->skill.len > 0;

    *kind = by_names[by];
    switch (by) {
    case BY_KEY:
        *name = slice_str(row->key_id);
        return true;
    case BY_MODEL:
        if (strcmp(row->kind, "data") == 0)
            *kind = "api";
        *name = row->model;
        return !skill;
    case BY_DAY:
        clock_print(day, row->time_us);
        *name = slice_from(day, DAY_LEN);
        return true;
    case BY_WALLET:
        *name = slice_str(row->wallet_name);
        return true;
    case BY_SKILL: /* "acme/pdf@1.2.3" without its version */
        *name = slice_sub(row->skill, 0, slice_find(row->skill, '@'));
        return skill;
    case BY__COUNT:
        break;
    }
    return false;
}

static enum rc new_group(struct group **out, struct sums *s, struct slice key,
                         const char *kind)
{
    struct slice copy = arena_slice(s->arena, key);
    struct group *g = arena_new(s->arena, struct group);

    if (arena_spent(s->arena))
        return RC_NOMEM;
    g->name = slice_sub(copy, 1, copy.len);
    g->kind = kind;
    *out = g;
    return map_put(s->groups, copy, g);
}

/* A model and an API may have one name: the first letter of the kind keeps them apart.
 * No name is longer than the memo that it stood in. */
static enum rc find_group(struct group **out, struct sums *s, struct slice name,
                          const char *kind)
{
    char bytes[1 + LEDGER_MEMO_MAX];
    struct slice key = {bytes, 1 + name.len};

    if (name.len > LEDGER_MEMO_MAX)
        return RC_CORRUPT;
    bytes[0] = kind[0];
    if (name.len > 0)
        memcpy(bytes + 1, name.bytes, name.len);
    *out = map_get(s->groups, key);
    return *out != NULL ? RC_OK : new_group(out, s, key, kind);
}

static enum rc add_to_group(struct group *g, const struct wallet_row *row)
{
    g->calls++;
    g->prompt_tokens += row->prompt_tokens;
    g->completion_tokens += row->completion_tokens;
    if (!money_add(&g->amount, g->amount, row->amount) ||
        !money_add(&g->shortfall, g->shortfall, row->shortfall))
        return RC_OVERFLOW;
    if (!row->is_reported)
        return RC_OK;
    g->reported_calls++;
    if (!money_add(&g->reported, g->reported, row->reported) ||
        !money_add(&g->reported_amount, g->reported_amount, row->amount))
        return RC_OVERFLOW;
    return RC_OK;
}

static bool add_row(void *arg, const struct wallet_row *row)
{
    struct sums *s = arg;
    char day[CLOCK_TEXT_SIZE];
    struct group *g = NULL;
    struct slice name;
    const char *kind;

    if (row->time_us >= s->rows.until_us)
        return false;
    if (!in_time(&s->rows, row) || !group_of(&name, &kind, s->by, row, day))
        return true;
    s->rc = find_group(&g, s, name, kind);
    if (s->rc == RC_OK)
        s->rc = add_to_group(g, row);
    return s->rc == RC_OK;
}

static void put_group(struct json_out *o, const struct group *g)
{
    json_out_object(o);
    json_out_key(o, g->kind);
    if (g->name.len > 0)
        json_out_slice(o, g->name);
    else
        json_out_null(o);
    json_out_ku64(o, "calls", g->calls);
    json_out_kmoney(o, "amount", g->amount);
    json_out_kmoney(o, "shortfall", g->shortfall);
    json_out_ku64(o, "prompt_tokens", g->prompt_tokens);
    json_out_ku64(o, "completion_tokens", g->completion_tokens);
    json_out_ku64(o, "reported_calls", g->reported_calls);
    json_out_kmoney(o, "reported_cost", g->reported);
    json_out_kmoney(o, "reported_amount", g->reported_amount);
    json_out_end_object(o);
}

/* The dearest first; days in their order. */
static int compare_groups(const void *a, const void *b)
{
    const struct group *x = a;
    const struct group *y = b;
    int order = 0;

    if (strcmp(x->kind, by_names[BY_DAY]) != 0)
        order = money_cmp(y->amount, x->amount);
    return order != 0 ? order : slice_compare(x->name, y->name);
}

static enum rc put_groups(struct admin_call *c, const struct map *groups)
{
    size_t count = map_count(groups);
    struct group *sorted = arena_new_array(c->arena, struct group, count);
    size_t at = 0;

    if (sorted == NULL)
        return RC_NOMEM;
    for (size_t i = 0; i < count; i++)
        sorted[i] = *(const struct group *)map_next(groups, &at);
    if (count > 0)
        qsort(sorted, count, sizeof(*sorted), compare_groups);
    json_out_object(&c->out);
    json_out_key(&c->out, "items");
    json_out_array(&c->out);
    for (size_t i = 0; i < count; i++)
        put_group(&c->out, &sorted[i]);
    json_out_end_array(&c->out);
    json_out_key(&c->out, "next");
    json_out_null(&c->out);
    json_out_end_object(&c->out);
    return RC_OK;
}

static enum rc sum_up(struct admin_call *c, struct sums *s)
{
    enum rc rc = map_open(&s->groups, GROUPS_MAX);

    TRY(rc);
    rc = wallet_usage(c->admin->book, s->rows.from_seq, add_row, s);
    if (rc == RC_OK)
        rc = s->rc;
    if (rc == RC_OK)
        rc = put_groups(c, s->groups);
    map_close(s->groups);
    if (rc == RC_FULL || rc == RC_NOMEM)
        return admin__refuse(c, RC_BAD_INPUT, "by",
                             "that is more than %d groups: ask for a shorter time with "
                             "'since' and 'until'",
                             GROUPS_MAX);
    return rc;
}

static enum rc serve_usage(struct admin_call *c)
{
    struct sums s = {.arena = c->arena, .rc = RC_OK, .by = BY__COUNT};
    struct slice by;
    enum rc rc = admin__query(&by, c, "by");

    TRY(read_range(&s.rows, c));
    if (rc == RC_NOT_FOUND) {
        TRY(admin__page_start(&s.rows.page, c));
        TRY(wallet_usage(c->admin->book, s.rows.from_seq, put_row, &s.rows));
        admin__page_end(&s.rows.page);
        return RC_OK;
    }
    TRY(rc);
    for (unsigned i = 0; i < BY__COUNT; i++)
        if (slice_equal_str(by, by_names[i]))
            s.by = (enum by)i;
    if (s.by == BY__COUNT)
        return admin__refuse(c, RC_BAD_INPUT, "by",
                             "usage goes by key, model, day, wallet or skill");
    return sum_up(c, &s);
}

/* clang-format off */
const struct admin_route admin__report_routes[] = {
    {"GET", "/admin/v1/wallets/{wallet}/statement", serve_statement, NULL},
    {"GET", "/admin/v1/usage", serve_usage, NULL},
    {NULL, NULL, NULL, NULL},
};
/* clang-format on */
