/* SPDX-License-Identifier: Apache-2.0 */
/* What a publisher's skills were used for, and what that earned: as rows, as sums, and
 * as a feed for other programs (CSV by RFC 4180, or JSON lines). Read from the journal;
 * nothing is kept for it. */
#include "gateway/admin_int.h"

#include "base/clock.h"
#include "base/map.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    FEED_ROWS_MAX = 20000, /* of one answer; the next goes on behind the last `seq` */
    FEED_GROUPS_MAX = 10000,
    DAY_LEN = sizeof("2026-11-21") - 1
};

enum form {
    FORM_PAGE,
    FORM_LINES,
    FORM_CSV
};

struct feed {
    struct admin_call *call;
    struct admin_page page; /* FORM_PAGE */
    enum form form;
    uint64_t since_us, until_us;
    uint64_t from_seq, rows, rows_max;
};

/* "acme/pdf@1.2.3" in its two parts; a payout has its reference there. */
struct what {
    struct slice skill, version, reference;
};

static bool is_payout(const struct skill_usage *row)
{
    return strcmp(row->kind, "payout") == 0;
}

static struct what split(const struct skill_usage *row)
{
    const size_t at = slice_find(row->what, '@');

    if (is_payout(row))
        return (struct what){.reference = row->what};
    return (struct what){.skill = slice_sub(row->what, 0, at),
                         .version = slice_sub(row->what, at + 1, row->what.len)};
}

static void put_row(struct json_out *o, const struct skill_usage *row)
{
    const struct what what = split(row);

    json_out_object(o);
    json_out_ku64(o, "seq", row->seq);
    json_out_key(o, "time");
    json_out_time(o, row->time_us);
    json_out_kstr(o, "kind", row->kind);
    admin__put_id(o, "request_id", 'r', row->request);
    admin__put_id(o, "transfer", 't', row->transfer);
    json_out_ktext(o, "skill", what.skill);
    json_out_ktext(o, "version", what.version);
    json_out_ktext(o, "reference", what.reference);
    json_out_kstr(o, "direction", row->credit ? "in" : "out");
    json_out_kmoney(o, "price", row->price);
    json_out_kmoney(o, "share", row->share);
    json_out_ku64(o, "status", row->status);
    json_out_kbool(o, "late", row->late);
    json_out_kbool(o, "self", row->self);
    json_out_end_object(o);
}

static void csv_id(struct buf *out, char kind, struct id id)
{
    char text[WALLET_ID_TEXT_SIZE] = "";

    if (!id_is_none(id))
        wallet_id_print(text, kind, id);
    buf_printf(out, "%s,", text);
}

/* The operator's own words, a reference, may hold anything but control characters;
 * nothing else holds a comma or a quote. */
static void csv_row(struct buf *out, const struct skill_usage *row)
{
    const struct what what = split(row);
    char time[CLOCK_TEXT_SIZE], price[MONEY_TEXT_SIZE], share[MONEY_TEXT_SIZE];

    clock_print(time, row->time_us);
    money_print(price, row->price);
    money_print(share, row->share);
    buf_printf(out, "%llu,%s,%s,", (unsigned long long)row->seq, time, row->kind);
    csv_id(out, 'r', row->request);
    csv_id(out, 't', row->transfer);
    buf_printf(out, "%.*s,%.*s,", SLICE_FMT(what.skill), SLICE_FMT(what.version));
    buf_append_field(out, what.reference);
    buf_printf(out, ",%s,%s,%s,%u,%s,%s\r\n", row->credit ? "in" : "out", price, share,
               row->status, row->late ? "true" : "false", row->self ? "true" : "false");
}

static bool line_row(struct feed *f, const struct skill_usage *row)
{
    struct json_out line;

    if (f->rows == f->rows_max)
        return false;
    f->rows++;
    if (f->form == FORM_CSV) {
        csv_row(&f->call->reply->body, row);
        return true;
    }
    json_out_init(&line, &f->call->reply->body);
    put_row(&line, row);
    buf_append_char(&f->call->reply->body, '\n');
    return true;
}

static bool take_row(void *arg, const struct skill_usage *row)
{
    struct feed *f = arg;

    if (row->time_us >= f->until_us)
        return false; /* the journal's time never goes back */
    if (row->time_us < f->since_us)
        return true;
    if (f->form != FORM_PAGE)
        return line_row(f, row);
    if (!admin__page_room(&f->page)) {
        (void)snprintf(f->page.next, sizeof(f->page.next), "%llu",
                       (unsigned long long)row->seq);
        return false;
    }
    put_row(&f->call->out, row);
    return true;
}

/* ---- Sums ---- */

struct group {
    struct slice name;
    uint64_t uses, refunds;
    struct money price, share;                   /* of the uses */
    struct money refunded_price, refunded_share; /* of the refunds */
};

struct sums {
    struct feed range;
    const char *by;
    struct map *groups;
    enum rc rc;
};

/* SLICE_NONE: it belongs to no group. */
static struct slice group_name(const char *by, const struct skill_usage *row,
                               char day[CLOCK_TEXT_SIZE])
{
    if (is_payout(row))
        return SLICE_NONE;
    if (strcmp(by, "version") == 0)
        return row->what;
    if (strcmp(by, "skill") == 0)
        return split(row).skill;
    clock_print(day, row->time_us);
    return slice_from(day, DAY_LEN);
}

static enum rc find_group(struct group **out, struct sums *s, struct slice name)
{
    struct arena *a = s->range.call->arena;
    struct slice copy;
    struct group *g = map_get(s->groups, name);

    if (g == NULL) {
        copy = arena_slice(a, name);
        g = arena_new(a, struct group);
        if (arena_spent(a))
            return RC_NOMEM;
        *g = (struct group){.name = copy};
        TRY(map_put(s->groups, copy, g));
    }
    *out = g;
    return RC_OK;
}

static enum rc add_to_group(struct group *g, const struct skill_usage *row)
{
    struct money *price = row->credit ? &g->price : &g->refunded_price;
    struct money *share = row->credit ? &g->share : &g->refunded_share;

    g->uses += row->credit;
    g->refunds += !row->credit;
    return money_add(price, *price, row->price) && money_add(share, *share, row->share)
               ? RC_OK
               : RC_OVERFLOW;
}

static bool add_row(void *arg, const struct skill_usage *row)
{
    struct sums *s = arg;
    char day[CLOCK_TEXT_SIZE];
    struct slice name;
    struct group *g = NULL;

    if (row->time_us >= s->range.until_us)
        return false;
    name = group_name(s->by, row, day);
    if (row->time_us < s->range.since_us || name.len == 0)
        return true;
    s->rc = find_group(&g, s, name);
    if (s->rc == RC_OK)
        s->rc = add_to_group(g, row);
    return s->rc == RC_OK;
}

static int compare_groups(const void *a, const void *b)
{
    return slice_compare(((const struct group *)a)->name,
                         ((const struct group *)b)->name);
}

static void put_group(struct json_out *o, const char *by, const struct group *g)
{
    json_out_object(o);
    json_out_kslice(o, by, g->name);
    json_out_ku64(o, "uses", g->uses);
    json_out_kmoney(o, "price", g->price);
    json_out_kmoney(o, "share", g->share);
    json_out_ku64(o, "refunds", g->refunds);
    json_out_kmoney(o, "refunded_price", g->refunded_price);
    json_out_kmoney(o, "refunded_share", g->refunded_share);
    json_out_end_object(o);
}

static void csv_group(struct buf *out, const struct group *g)
{
    char price[MONEY_TEXT_SIZE], share[MONEY_TEXT_SIZE];
    char back_price[MONEY_TEXT_SIZE], back_share[MONEY_TEXT_SIZE];

    money_print(price, g->price);
    money_print(share, g->share);
    money_print(back_price, g->refunded_price);
    money_print(back_share, g->refunded_share);
    buf_printf(out, "%.*s,%llu,%s,%s,%llu,%s,%s\r\n", SLICE_FMT(g->name),
               (unsigned long long)g->uses, price, share,
               (unsigned long long)g->refunds, back_price, back_share);
}

static void print_group(struct sums *s, const struct group *g)
{
    struct admin_call *c = s->range.call;
    struct json_out line;

    switch (s->range.form) {
    case FORM_PAGE:
        put_group(&c->out, s->by, g);
        return;
    case FORM_CSV:
        csv_group(&c->reply->body, g);
        return;
    case FORM_LINES:
        json_out_init(&line, &c->reply->body);
        put_group(&line, s->by, g);
        buf_append_char(&c->reply->body, '\n');
        return;
    }
}

static enum rc print_groups(struct sums *s)
{
    struct admin_call *c = s->range.call;
    size_t count = map_count(s->groups), at = 0;
    struct group *sorted = arena_new_array(c->arena, struct group, count + 1);

    if (sorted == NULL)
        return RC_NOMEM;
    for (size_t i = 0; i < count; i++)
        sorted[i] = *(const struct group *)map_next(s->groups, &at);
    qsort(sorted, count, sizeof(*sorted), compare_groups);
    if (s->range.form == FORM_PAGE)
        admin__list_begin(&c->out);
    if (s->range.form == FORM_CSV)
        buf_printf(&c->reply->body,
                   "%s,uses,price,share,refunds,refunded_price,refunded_share\r\n",
                   s->by);
    for (size_t i = 0; i < count; i++)
        print_group(s, &sorted[i]);
    if (s->range.form == FORM_PAGE)
        admin__list_end(&c->out);
    return RC_OK;
}

static enum rc serve_sums(struct admin_call *c, const struct feed *range,
                          const struct skill_publisher *p, struct slice by)
{
    static const char *const names[] = {"day", "skill", "version"};
    struct sums s = {.range = *range, .rc = RC_OK};
    enum rc rc;

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (slice_equal_str(by, names[i]))
            s.by = names[i];
    if (s.by == NULL)
        return admin__refuse(c, RC_BAD_INPUT, "by",
                             "earnings go by day, skill or version");
    TRY(map_open(&s.groups, FEED_GROUPS_MAX));
    rc = skill_usage_list(c->admin->skills, p, s.range.from_seq, add_row, &s);
    if (rc == RC_OK)
        rc = s.rc;
    if (rc == RC_OK)
        rc = print_groups(&s);
    map_close(s.groups);
    if (rc == RC_FULL || rc == RC_NOMEM)
        return admin__refuse(c, RC_BAD_INPUT, "by",
                             "that is more than %d groups: ask for a shorter time with "
                             "'since' and 'until'",
                             FEED_GROUPS_MAX);
    return rc;
}

/* ---- The call ---- */

static enum rc read_form(struct feed *f)
{
    struct admin_call *c = f->call;
    struct slice text;
    enum rc rc = admin__query(&text, c, "format");

    f->form = FORM_PAGE;
    if (rc == RC_NOT_FOUND || (rc == RC_OK && slice_equal_str(text, "json")))
        return RC_OK;
    TRY(rc);
    if (slice_equal_str(text, "csv")) {
        f->form = FORM_CSV;
        c->reply->content_type = "text/csv; charset=utf-8";
    } else if (slice_equal_str(text, "jsonl")) {
        f->form = FORM_LINES;
        c->reply->content_type = "application/jsonl";
    } else {
        return admin__refuse(c, RC_BAD_INPUT, "format",
                             "'format' is json, jsonl or csv");
    }
    return admin__query_u64(&f->rows_max, c, "limit", FEED_ROWS_MAX, FEED_ROWS_MAX);
}

static enum rc serve_rows(struct admin_call *c, struct feed *f,
                          const struct skill_publisher *p)
{
    if (f->form == FORM_PAGE)
        TRY(admin__page_start(&f->page, c));
    if (f->form == FORM_CSV)
        buf_append_str(&c->reply->body,
                       "seq,time,kind,request_id,transfer,skill,version,"
                       "reference,direction,price,share,status,late,self\r\n");
    TRY(skill_usage_list(c->admin->skills, p, f->from_seq, take_row, f));
    if (f->form == FORM_PAGE)
        admin__page_end(&f->page);
    return RC_OK;
}

static enum rc serve_usage(struct admin_call *c)
{
    struct feed f = {.call = c, .until_us = UINT64_MAX};
    struct skill_publisher p;
    struct slice by;
    enum rc rc;

    TRY(admin__find_publisher(&p, c, c->params[0]));
    TRY(admin__query_u64(&f.from_seq, c, "after", 0, UINT64_MAX));
    TRY(admin__query_time(&f.since_us, c, "since"));
    TRY(admin__query_time(&f.until_us, c, "until"));
    TRY(read_form(&f));
    rc = admin__query(&by, c, "by");
    if (rc == RC_OK)
        rc = serve_sums(c, &f, &p, by);
    else if (rc == RC_NOT_FOUND)
        rc = serve_rows(c, &f, &p);
    return rc;
}

/* clang-format off */
const struct admin_route admin__feed_routes[] = {
    {"GET", "/admin/v1/publishers/{publisher}/usage", serve_usage, NULL},
    {NULL, NULL, NULL, NULL},
};
/* clang-format on */
