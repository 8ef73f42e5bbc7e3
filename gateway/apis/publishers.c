/* SPDX-License-Identifier: Apache-2.0 */
/* A publisher's own side of the market, with the key of its wallet (or of one below
 * it): what it is, what it earned, each use as JSON lines or CSV, what its skills cost,
 * and taking one back. Where the operator lets anybody register, also that. What waits
 * for the book is the keeper's. */
#include "base/clock.h"
#include "base/codec.h"
#include "gateway/api.h"
#include "gateway/api_definition.h"
#include "gateway/config_skills.h"
#include "gateway/keeper.h"
#include "gateway/listings.h"
#include "gateway/market.h"
#include "gateway/path.h"
#include "gateway/wallet_json.h"

#include <string.h>

enum {
    BODY_MAX = API_DEFINITION_MAX + 8192,
    FAULTS_MAX = 4096,
    ROWS_MAX = 1000, /* of one page of uses */
    ROW_BYTES_MAX = 4096,
    FEED_MAX = 4 << 20
};

struct work {
    struct keeper_call call; /* first */
    struct request *request;
    struct skill_publisher publisher;
    struct slice slug;
    struct skill_terms terms;
    struct slice definition; /* text; SLICE_NONE: no endpoints */
    struct skill_offer offer;
    struct skill_earnings earnings;
};

/* ---- Shapes ---- */

static void put_terms(struct json_out *o, const struct skill_terms *t)
{
    json_out_kmoney(o, "per_install", t->per_install);
    json_out_kmoney(o, "per_month", t->per_month);
    json_out_key(o, "per_call");
    if (t->has_per_call)
        json_out_money(o, t->per_call);
    else
        json_out_null(o);
    json_out_kbool(o, "has_endpoints", t->has_definition);
}

static void put_offer(struct json_out *o, const struct skill_offer *offer)
{
    json_out_object(o);
    put_terms(o, &offer->now);
    json_out_ktext(o, "base_url", slice_str(offer->base_url));
    json_out_key(o, "since");
    json_out_time(o, offer->since_us);
    json_out_ku64(o, "number", offer->number);
    json_out_kbool(o, "pending", offer->pending);
    if (offer->pending) {
        json_out_key(o, "next");
        json_out_object(o);
        put_terms(o, &offer->next);
        json_out_ktext(o, "base_url", slice_str(offer->next_base_url));
        json_out_end_object(o);
    }
    json_out_end_object(o);
}

struct skill_puts {
    struct json_out *o;
    struct request *r;
    size_t left;
};

static bool put_skill(void *arg, const struct skill *s)
{
    struct skill_puts *p = arg;

    if (p->left-- == 0)
        return false;
    json_out_object(p->o);
    json_out_kstr(p->o, "skill", s->slug);
    json_out_kstr(p->o, "display", s->display);
    json_out_kstr(p->o, "state", skill_state_word(s->state));
    json_out_ktext(p->o, "latest", slice_str(s->latest));
    json_out_ku64(p->o, "installs", s->installs);
    json_out_end_object(p->o);
    return true;
}

static enum rc put_publisher(struct json_out *o, struct request *r,
                             const struct skill_publisher *p)
{
    struct skill_puts puts = {.o = o, .r = r, .left = ROWS_MAX};
    char key[2 * SKILL_KEY_LEN + 1], id[WALLET_ID_TEXT_SIZE];
    enum rc rc;

    hex_encode(key, p->key, SKILL_KEY_LEN);
    wallet_id_print(id, 'w', p->wallet);
    json_out_object(o);
    json_out_kstr(o, "handle", p->handle);
    json_out_kstr(o, "display", p->display);
    json_out_kstr(o, "wallet", id);
    json_out_kstr(o, "key", p->has_key ? key : NULL);
    json_out_kbool(o, "signature_required", p->signature_required);
    json_out_ktext(o, "network", slice_str(p->network));
    json_out_ktext(o, "address", slice_str(p->address));
    json_out_ku64(o, "platform_share_ppm",
                  p->house_ppm != SKILL_SHARE_NONE ? p->house_ppm
                                                   : r->config->skills->platform_ppm);
    json_out_kbool(o, "suspended", p->suspended);
    json_out_key(o, "created_at");
    json_out_time(o, p->created_us);
    json_out_key(o, "skills");
    json_out_array(o);
    rc = skill_list(r->worker->skills, slice_str(p->handle), SLICE_NONE, SKILL_BY_OWNER,
                    put_skill, &puts);
    json_out_end_array(o);
    json_out_end_object(o);
    return rc;
}

static void reply_publisher(struct request *r, const struct skill_publisher *p,
                            unsigned status)
{
    struct json_out o;
    struct buf b;
    enum rc rc;

    buf_init(&b, MARKET_BODY_MAX);
    json_out_init(&o, &b);
    rc = put_publisher(&o, r, p);
    if (rc != RC_OK)
        market_fail(r, rc);
    else
        request_reply(r, status, "application/json", buf_slice(&b));
    buf_free(&b);
}

/* ---- What it earned ---- */

static void reply_earnings(struct request *r, const struct work *w)
{
    const struct skill_earnings *e = &w->earnings;
    struct json_out o;
    struct buf b;

    buf_init(&b, 4096);
    json_out_init(&o, &b);
    json_out_object(&o);
    json_out_kstr(&o, "publisher", w->publisher.handle);
    json_out_kstr(&o, "currency", "USD");
    json_out_kmoney(&o, "earned", e->earned);
    json_out_kmoney(&o, "waiting", e->waiting);
    json_out_kmoney(&o, "ready", e->ready);
    json_out_kmoney(&o, "due", e->due);
    json_out_kmoney(&o, "underway", e->underway);
    json_out_kmoney(&o, "paid", e->paid);
    json_out_kmoney(&o, "clawed_back", e->clawed);
    json_out_end_object(&o);
    market_reply(r, &b);
}

static enum step serve_earnings(struct request *r, struct work *w)
{
    enum rc rc = skill_earnings_read(&w->earnings, r->worker->skills, &w->publisher,
                                     r->config->skills->payout_delay_us,
                                     ledger_now_us(r->worker->ledger));

    if (rc == RC_OK)
        reply_earnings(r, w);
    else
        market_fail(r, rc);
    return STEP_ON;
}

struct feed {
    struct buf b;
    bool csv;
    unsigned count;
    uint64_t next; /* 0: that was all */
};

/* A payout has its reference where a use has its skill. */
static bool is_payout(const struct skill_usage *u)
{
    return strcmp(u->kind, "payout") == 0;
}

static const char *print_id(char out[WALLET_ID_TEXT_SIZE], char kind, struct id id)
{
    out[0] = '\0';
    if (!id_is_none(id))
        wallet_id_print(out, kind, id);
    return out;
}

static void put_line(struct feed *f, const struct skill_usage *u)
{
    char request[WALLET_ID_TEXT_SIZE], transfer[WALLET_ID_TEXT_SIZE];
    struct json_out o;

    json_out_init(&o, &f->b);
    json_out_object(&o);
    json_out_ku64(&o, "seq", u->seq);
    json_out_key(&o, "time");
    json_out_time(&o, u->time_us);
    json_out_kstr(&o, "kind", u->kind);
    json_out_ktext(&o, "skill", is_payout(u) ? SLICE_NONE : u->what);
    json_out_ktext(&o, "reference", is_payout(u) ? u->what : SLICE_NONE);
    json_out_ktext(&o, "request", slice_str(print_id(request, 'r', u->request)));
    json_out_ktext(&o, "transfer", slice_str(print_id(transfer, 't', u->transfer)));
    json_out_kstr(&o, "direction", u->credit ? "in" : "out");
    json_out_kmoney(&o, "price", u->price);
    json_out_kmoney(&o, "share", u->share);
    json_out_ku64(&o, "status", u->status);
    json_out_kbool(&o, "self", u->self);
    json_out_end_object(&o);
    buf_append_char(&f->b, '\n');
}

/* Only a reference needs quotes: the rest is names, ids, numbers, and one time. */
static void put_cells(struct feed *f, const struct skill_usage *u)
{
    const struct slice skill = is_payout(u) ? SLICE_NONE : u->what;
    char request[WALLET_ID_TEXT_SIZE], transfer[WALLET_ID_TEXT_SIZE];
    char time[CLOCK_TEXT_SIZE], price[MONEY_TEXT_SIZE], share[MONEY_TEXT_SIZE];

    clock_print(time, u->time_us);
    money_print(price, u->price);
    money_print(share, u->share);
    buf_printf(&f->b, "%llu,%s,%s,%.*s,", (unsigned long long)u->seq, time, u->kind,
               SLICE_FMT(skill));
    buf_append_field(&f->b, is_payout(u) ? u->what : SLICE_NONE);
    buf_printf(&f->b, ",%s,%s,%s,%s,%s,%u,%s\r\n", print_id(request, 'r', u->request),
               print_id(transfer, 't', u->transfer), u->credit ? "in" : "out", price,
               share, u->status, u->self ? "true" : "false");
}

static bool put_use(void *arg, const struct skill_usage *u)
{
    struct feed *f = arg;

    if (f->count == ROWS_MAX || buf_room(&f->b) < ROW_BYTES_MAX) {
        f->next = u->seq;
        return false;
    }
    f->count++;
    if (f->csv)
        put_cells(f, u);
    else
        put_line(f, u);
    return true;
}

static enum step serve_usage(struct request *r, struct work *w)
{
    const struct slice after = market_query(r, "after");
    struct feed f = {.csv = slice_equal(market_query(r, "format"), SLICE("csv"))};
    uint64_t from = 0;
    enum rc rc = RC_OK;

    if (after.len > 0 && slice_to_u64(&from, after) != RC_OK)
        rc = request_fault(r, RC_BAD_INPUT, "after",
                           "'after' is the x-octroi-next of the page before.");
    buf_init(&f.b, FEED_MAX);
    if (f.csv)
        buf_append_str(&f.b, "seq,time,kind,skill,reference,request,transfer,"
                             "direction,price,share,status,self\r\n");
    if (rc == RC_OK)
        rc = skill_usage_list(r->worker->skills, &w->publisher, from, put_use, &f);
    if (rc == RC_OK && f.next != 0)
        request_header(
            r, "x-octroi-next",
            slice_str(arena_printf(r->arena, "%llu", (unsigned long long)f.next)));
    if (rc == RC_OK)
        request_reply(r, 200,
                      f.csv ? "text/csv; charset=utf-8" : "application/x-ndjson",
                      buf_slice(&f.b));
    else
        market_fail(r, rc);
    buf_free(&f.b);
    return STEP_ON;
}

/* ---- What a skill costs ---- */

static enum rc read_price(struct money *out, bool *given, struct request *r,
                          const struct json_field *f)
{
    struct slice text;

    *out = MONEY_ZERO;
    *given = f->type != JSON_ABSENT && f->type != JSON_NULL;
    if (!*given)
        return RC_OK;
    if (f->type != JSON_STRING || json_raw_string(&text, f->raw, r->arena) != RC_OK ||
        money_parse(out, text) != RC_OK)
        return request_fault(r, RC_BAD_INPUT, f->name,
                             "'%s' must be decimal USD in a string, \"0.05\".",
                             f->name);
    return RC_OK;
}

static enum rc read_offer(struct work *w, struct request *r)
{
    const struct json_limits limits = {.bytes = BODY_MAX};
    struct json_field f[] = {{.name = "per_install"},
                             {.name = "per_month"},
                             {.name = "per_call"},
                             {.name = "definition"}};
    bool given;

    TRY(json_guard(exchange_body(r->exchange), &limits, f, 4, NULL, r->arena));
    TRY(read_price(&w->terms.per_install, &given, r, &f[0]));
    TRY(read_price(&w->terms.per_month, &given, r, &f[1]));
    TRY(read_price(&w->terms.per_call, &w->terms.has_per_call, r, &f[2]));
    if (f[3].type == JSON_OBJECT)
        w->definition = f[3].raw;
    else if (f[3].type == JSON_STRING)
        TRY(json_raw_string(&w->definition, f[3].raw, r->arena));
    else if (f[3].type != JSON_ABSENT && f[3].type != JSON_NULL)
        return request_fault(r, RC_BAD_INPUT, "definition",
                             "'definition' is an object, or its text in YAML.");
    return RC_OK;
}

static enum rc check_prices(const struct work *w, const struct api_definition *d)
{
    const struct config_endpoint *e =
        listing_unpriced(api_definition_api(d), &w->terms);

    if (e == NULL)
        return RC_OK;
    return request_fault(w->request, RC_BAD_INPUT, "per_call",
                         "The endpoint %s %s has no price: give it one, or set "
                         "'per_call' (\"0\": free).",
                         e->method, e->path);
}

/* Kept only when it can be read and sold, so that no call finds out later. */
static enum rc keep_definition(struct work *w, struct slice *base_url,
                               struct api_definition **d)
{
    struct request *r = w->request;
    struct buf faults;
    enum rc rc;

    if (w->definition.len == 0)
        return RC_OK;
    buf_init(&faults, FAULTS_MAX);
    rc = api_definition_parse(d, w->definition, r->config, &faults);
    if (rc == RC_BAD_CONFIG)
        rc = request_fault(r, RC_BAD_INPUT, "definition", "%.*s",
                           SLICE_FMT(slice_trim(buf_slice(&faults))));
    buf_free(&faults);
    TRY(rc);
    TRY(check_prices(w, *d));
    *base_url = slice_str(api_definition_api(*d)->base_url);
    w->terms.has_definition = true;
    return blobs_put(w->terms.definition, skills_blobs(r->worker->skills),
                     w->definition);
}

static void set_offer(struct keeper_job *j)
{
    struct work *w = (struct work *)(void *)j;
    struct listings *listings = w->request->worker->listings;
    struct api_definition *d = NULL;
    struct slice base_url = SLICE_NONE;

    j->rc = keep_definition(w, &base_url, &d);
    if (j->rc == RC_OK)
        j->rc = skill_offer_set(&w->offer, w->request->worker->skills,
                                slice_str(w->publisher.handle), w->slug, &w->terms,
                                base_url, true);
    if (j->rc == RC_BUSY)
        j->rc = request_fault(w->request, RC_CONFLICT, "definition",
                              "the endpoints have changed too often: prices that were "
                              "told bind for five minutes; try again when the first "
                              "has ended");
    if (j->rc == RC_OK && listings != NULL) /* the offer stands, whatever it says */
        (void)!listings_refresh(listings, slice_str(w->publisher.handle), w->slug);
    api_definition_unref(d);
}

static enum step serve_offer(struct request *r, struct work *w)
{
    struct json_out o;
    struct buf b;

    if (keeper_call(&w->call, r->worker->keeper, r, set_offer) == STEP_WAIT)
        return STEP_WAIT;
    if (w->call.job.rc != RC_OK) {
        market_fail(r, w->call.job.rc);
        return STEP_ON;
    }
    buf_init(&b, 8192);
    json_out_init(&o, &b);
    put_offer(&o, &w->offer);
    market_reply(r, &b);
    return STEP_ON;
}

static enum step show_offer(struct request *r, struct work *w)
{
    struct json_out o;
    struct buf b;
    enum rc rc = skill_offer_get(&w->offer, r->worker->skills,
                                 slice_str(w->publisher.handle), w->slug);

    if (rc != RC_OK) {
        market_fail(r, rc);
        return STEP_ON;
    }
    buf_init(&b, 8192);
    json_out_init(&o, &b);
    put_offer(&o, &w->offer);
    market_reply(r, &b);
    return STEP_ON;
}

/* ---- Taking one back ---- */

static void withdraw(struct keeper_job *j)
{
    struct work *w = (struct work *)(void *)j;

    j->rc =
        skill_state_set(w->request->worker->skills, slice_str(w->publisher.handle),
                        w->slug, market_query(w->request, "version"), SKILL_WITHDRAWN);
}

static enum step serve_withdraw(struct request *r, struct work *w)
{
    if (keeper_call(&w->call, r->worker->keeper, r, withdraw) == STEP_WAIT)
        return STEP_WAIT;
    if (w->call.job.rc == RC_OK)
        request_reply(r, 200, "application/json", SLICE("{\"state\":\"withdrawn\"}"));
    else
        market_fail(r, w->call.job.rc);
    return STEP_ON;
}

/* ---- Becoming one ---- */

static enum rc copy_text(char *out, size_t size, struct request *r,
                         const struct json_field *f)
{
    struct slice text;

    if (f->type == JSON_ABSENT || f->type == JSON_NULL)
        return RC_OK;
    if (f->type != JSON_STRING || json_raw_string(&text, f->raw, r->arena) != RC_OK ||
        slice_to_cstr(out, size, text) != RC_OK)
        return request_fault(r, RC_BAD_INPUT, f->name,
                             "'%s' must be a string of at most %zu bytes.", f->name,
                             size - 1);
    return RC_OK;
}

/* A mistake here is money sent to nobody. */
static enum rc check_payout(struct request *r, const struct skill_publisher *p)
{
    struct x402_address address;

    if (p->network[0] == '\0' && p->address[0] == '\0')
        return RC_OK;
    if (!slice_starts(slice_str(p->network), SLICE("eip155:")))
        return request_fault(r, RC_BAD_INPUT, "network",
                             "'network' is an EVM chain, like \"eip155:84532\".");
    if (x402_address_parse(&address, slice_str(p->address)) != RC_OK ||
        x402_address_is_zero(&address))
        return request_fault(r, RC_BAD_INPUT, "address",
                             "'address' is 0x and 40 hex digits; mixed letters must be "
                             "its checksum.");
    return RC_OK;
}

static enum rc read_registration(struct skill_publisher *p, struct request *r)
{
    const struct json_limits limits = {.bytes = BODY_MAX};
    struct json_field f[] = {{.name = "handle"},  {.name = "display"},
                             {.name = "network"}, {.name = "address"},
                             {.name = "key"},     {.name = "signature_required"}};
    char key[2 * SKILL_KEY_LEN + 1] = "";

    TRY(json_guard(exchange_body(r->exchange), &limits, f, 6, NULL, r->arena));
    memset(p, 0, sizeof(*p));
    p->wallet = r->caller.wallet;
    p->house_ppm = SKILL_SHARE_NONE;
    TRY(copy_text(p->handle, sizeof(p->handle), r, &f[0]));
    TRY(copy_text(p->display, sizeof(p->display), r, &f[1]));
    TRY(copy_text(p->network, sizeof(p->network), r, &f[2]));
    TRY(copy_text(p->address, sizeof(p->address), r, &f[3]));
    TRY(copy_text(key, sizeof(key), r, &f[4]));
    p->has_key = key[0] != '\0';
    p->signature_required = f[5].type == JSON_TRUE;
    if (p->has_key && hex_decode(p->key, SKILL_KEY_LEN, slice_str(key)) != RC_OK)
        return request_fault(r, RC_BAD_INPUT, "key",
                             "'key' is an Ed25519 public key: 64 hex digits.");
    return check_payout(r, p);
}

static void create(struct keeper_job *j)
{
    struct work *w = (struct work *)(void *)j;

    j->rc = skill_publisher_create(&w->publisher, w->request->worker->skills);
}

/* One for each wallet: names are not collected. */
static enum rc may_register(struct request *r, struct work *w)
{
    if (!r->config->skills->registration_open)
        return request_fault(r, RC_FORBIDDEN, NULL,
                             "Publishers are registered by this server's operator.");
    if (market_publisher(&w->publisher, r, SLICE_NONE) == RC_OK)
        return request_fault(r, RC_CONFLICT, NULL, "This wallet has a publisher: '%s'.",
                             w->publisher.handle);
    r->fault = (struct fault){.rc = RC_OK};
    return read_registration(&w->publisher, r);
}

static enum step serve_create(struct request *r, struct work *w)
{
    enum rc rc;

    if (keeper_call(&w->call, r->worker->keeper, r, create) == STEP_WAIT)
        return STEP_WAIT;
    rc = w->call.job.rc;
    if (rc == RC_OK)
        reply_publisher(r, &w->publisher, 201);
    else if (rc == RC_EXISTS || rc == RC_CONFLICT)
        market_fail(r, request_fault(r, rc, "handle",
                                     rc == RC_EXISTS
                                         ? "There is a publisher '%s'."
                                         : "'%s' is too close to another's name.",
                                     w->publisher.handle));
    else if (rc == RC_BAD_INPUT)
        market_fail(r, request_fault(r, rc, "handle",
                                     "'handle' has 2 to %d of a-z, 0-9 and single "
                                     "hyphens; 'display' at most %d bytes.",
                                     SKILL_PUBLISHER_MAX, SKILL_DISPLAY_MAX));
    else
        market_fail(r, rc);
    return STEP_ON;
}

/* ---- Which of them ---- */

static enum rc begin(struct request *r, struct work *w)
{
    const struct slice path = r->http->path;
    struct slice handle;

    w->request = r;
    if (r->match.params[0].len == 0)
        return may_register(r, w);
    TRY(path_decode(&handle, r->match.params[0], r->arena));
    TRY(market_publisher(&w->publisher, r, handle));
    TRY(path_decode(&w->slug, r->match.params[1], r->arena));
    if (slice_ends(path, SLICE("/offer")) && slice_equal(r->http->method, SLICE("PUT")))
        return read_offer(w, r);
    return RC_OK;
}

static enum step run(struct request *r, struct work *w)
{
    const struct slice path = r->http->path;

    if (r->match.params[0].len == 0)
        return serve_create(r, w);
    if (slice_ends(path, SLICE("/offer")))
        return slice_equal(r->http->method, SLICE("PUT")) ? serve_offer(r, w)
                                                          : show_offer(r, w);
    if (slice_ends(path, SLICE("/withdraw")))
        return serve_withdraw(r, w);
    if (slice_ends(path, SLICE("/earnings")))
        return serve_earnings(r, w);
    if (slice_ends(path, SLICE("/usage")))
        return serve_usage(r, w);
    reply_publisher(r, &w->publisher, 200);
    return STEP_ON;
}

static enum step serve_wait(struct request *r)
{
    struct work *w = r->api_state;
    enum rc rc = RC_NOMEM;

    if (w == NULL) {
        w = arena_new(r->arena, struct work);
        r->api_state = w;
        if (w != NULL)
            rc = begin(r, w);
        if (rc != RC_OK) {
            market_fail(r, rc);
            return STEP_ON;
        }
    }
    return run(r, w);
}

static enum rc body_max(struct request *r, uint64_t *bytes)
{
    (void)r;
    *bytes = BODY_MAX;
    return RC_OK;
}

static const struct api_route routes[] = {
    {"POST", "/v1/publishers"},
    {"GET", "/v1/publishers/{publisher}"},
    {"GET", "/v1/publishers/{publisher}/earnings"},
    {"GET", "/v1/publishers/{publisher}/usage"},
    {"GET", "/v1/publishers/{publisher}/skills/{skill}/offer"},
    {"PUT", "/v1/publishers/{publisher}/skills/{skill}/offer"},
    {"POST", "/v1/publishers/{publisher}/skills/{skill}/withdraw"},
    {NULL, NULL},
};

extern const struct api api_publishers;
const struct api api_publishers = {
    .name = "publishers",
    .dialect = DIALECT_PROBLEM,
    .flags = API_NEEDS_KEY | API_JSON_BODY,
    .routes = routes,
    .serve_wait = serve_wait,
    .body_max = body_max,
};
