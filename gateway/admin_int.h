/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of the admin API share: one call of it, its routes, pages of lists.
 * Other folders and the request path have no use for it. */
#ifndef GATEWAY_ADMIN_INT_H
#define GATEWAY_ADMIN_INT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/json.h"
#include "gateway/admin.h"
#include "skills/skills.h"

enum {
    ADMIN_PARAMS_MAX = 3,
    ADMIN_NEXT_SIZE = 192,
    ADMIN_BODY_MAX = 1 << 20,
    ADMIN_PACKAGE_MAX = 70 << 20,
    ADMIN_DETAIL_SIZE = 4096,
    ADMIN_PAGE_DEFAULT = 100,
    ADMIN_PAGE_MAX = 1000,
    ADMIN_REPLY_MAX = 16 << 20,
    ADMIN_ARENA_MAX = 32 << 20
};

/* One call while it is answered. */
struct admin_call {
    struct admin *admin;
    const struct admin_request *request;
    struct admin_reply *reply;
    struct arena *arena;
    struct slice params[ADMIN_PARAMS_MAX]; /* of the path, decoded */
    struct json_object *body;              /* NULL: none */
    struct json_out out;                   /* writes the answer */

    /* Set by admin__refuse(). */
    char detail[ADMIN_DETAIL_SIZE];
    const char *param;
};

/* RC_OK: the answer is written; reply->status may have been raised to 201. */
typedef enum rc admin_fn(struct admin_call *c);

struct admin_route {
    const char *method;
    const char *pattern; /* "/admin/v1/wallets/{wallet}" */
    admin_fn *serve;
    const char *members; /* what its body may hold: "name,parent"; NULL: no body */
};

/* Each ends with a route without a method. */
extern const struct admin_route admin__wallet_routes[];
extern const struct admin_route admin__key_routes[];
extern const struct admin_route admin__report_routes[];
extern const struct admin_route admin__ledger_routes[];
extern const struct admin_route admin__config_routes[];
extern const struct admin_route admin__model_routes[];
extern const struct admin_route admin__pay_routes[];
extern const struct admin_route admin__price_routes[];
extern const struct admin_route admin__publisher_routes[];
extern const struct admin_route admin__earnings_routes[];
extern const struct admin_route admin__feed_routes[];
extern const struct admin_route admin__payout_routes[];
extern const struct admin_route admin__skill_routes[];
extern const struct admin_route admin__offer_routes[];
/* The members of a route whose body is not JSON, and is not looked at by the frame. */
extern const char admin__raw_body[];

/* Says why, in words for people, and returns rc. param NULL: no single field. */
enum rc admin__refuse(struct admin_call *c, enum rc rc, const char *param,
                      const char *format, ...) __attribute__((format(printf, 4, 5)));

/* Members of the body. An absent optional one leaves *out as it is. */
MUST_CHECK enum rc admin__body_text(struct slice *out, struct admin_call *c,
                                    const char *name, bool required);
MUST_CHECK enum rc admin__body_money(struct money *out, struct admin_call *c,
                                     const char *name);
MUST_CHECK enum rc admin__body_bool(bool *out, struct admin_call *c, const char *name);

/* A parameter of the query, decoded. RC_NOT_FOUND: not given. */
MUST_CHECK enum rc admin__query(struct slice *out, struct admin_call *c,
                                const char *name);
MUST_CHECK enum rc admin__query_u64(uint64_t *out, struct admin_call *c,
                                    const char *name, uint64_t fallback, uint64_t max);
/* A time; not given: *out stays as it is. */
MUST_CHECK enum rc admin__query_time(uint64_t *out, struct admin_call *c,
                                     const char *name);

/* The wallet that the text names; RC_NOT_FOUND is refused in words. */
MUST_CHECK enum rc admin__find_wallet(struct wallet *out, struct admin_call *c,
                                      struct slice id_or_name);
/* One limit of a wallet or key: the {per} of the path and, if wanted, the amount. */
MUST_CHECK enum rc admin__limit(enum wallet_per *per, struct money *amount,
                                struct admin_call *c, bool amount_wanted);

/* ---- The market ---- */
MUST_CHECK enum rc admin__market(struct skills **out, struct admin_call *c);
/* RC_NOT_FOUND is refused in words. */
MUST_CHECK enum rc admin__find_publisher(struct skill_publisher *out,
                                         struct admin_call *c, struct slice handle);
/* What it has earned, waits for, and was paid. */
MUST_CHECK enum rc admin__put_earnings(struct admin_call *c,
                                       const struct skill_publisher *p);
uint64_t admin__payout_delay(struct admin_call *c); /* of the configuration */
/* The skill of the path, {publisher} and {skill}, in whatever state. */
MUST_CHECK enum rc admin__find_skill(struct skill *out, struct admin_call *c);
void admin__put_offer(struct json_out *o, const struct skill_offer *offer);

/* Copies an id's text as a member; none: null. */
void admin__put_id(struct json_out *o, const char *name, char kind, struct id id);

/* ---- What the configuration says ---- */
typedef void admin_print_fn(struct json_out *o, const struct config *c);
/* Prints of the snapshot in force; RC_NOT_FOUND: there is none. */
MUST_CHECK enum rc admin__with_config(struct admin_call *c, admin_print_fn *print);
/* Its amounts, markup and version, as members. */
void admin__put_price(struct json_out *o, const struct config_price *p);

/* ---- {"items":[..],"next":..} ---- */
/* A list that has no pages. */
void admin__list_begin(struct json_out *o);
void admin__list_end(struct json_out *o);

struct admin_page {
    struct admin_call *call;
    uint64_t limit;
    uint64_t count;
    char next[ADMIN_NEXT_SIZE]; /* "": this is all */
};
/* Reads `limit` from the query and begins the answer. */
MUST_CHECK enum rc admin__page_start(struct admin_page *p, struct admin_call *c);
/* Whether another item goes on this page. If not, the caller sets p->next to where the
 * following page begins, and stops. */
bool admin__page_room(struct admin_page *p);
void admin__page_end(struct admin_page *p);

#endif
