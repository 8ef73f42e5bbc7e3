/* SPDX-License-Identifier: Apache-2.0 */
/* The admin API's publishers: who lists skills, and where what they earn goes. How much
 * that is, is admin_earnings.c's. */
#include "gateway/admin_int.h"

#include "base/codec.h"
#include "x402/x402.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum {
    PPM_ALL = 1000000
};

enum rc admin__market(struct skills **out, struct admin_call *c)
{
    *out = c->admin->skills;
    return *out != NULL
               ? RC_OK
               : admin__refuse(c, RC_NOT_FOUND, NULL, "there is no market here");
}

enum rc admin__find_publisher(struct skill_publisher *out, struct admin_call *c,
                              struct slice handle)
{
    struct skills *s;
    enum rc rc;

    TRY(admin__market(&s, c));
    rc = skill_publisher_get(out, s, handle);
    if (rc == RC_NOT_FOUND)
        return admin__refuse(c, rc, "publisher", "there is no publisher '%.*s'",
                             SLICE_FMT(slice_sub(handle, 0, SKILL_PUBLISHER_MAX)));
    return rc;
}

/* ---- Shapes ---- */

/* As few places as it needs: "10%", "2.5%". */
static void put_percent(struct json_out *o, const char *key, uint32_t ppm)
{
    char places[8], text[24];
    size_t len = 4;

    if (ppm == SKILL_SHARE_NONE) {
        json_out_kstr(o, key, NULL);
        return;
    }
    (void)snprintf(places, sizeof(places), "%04" PRIu32, ppm % 10000);
    while (len > 0 && places[len - 1] == '0')
        len--;
    (void)snprintf(text, sizeof(text), "%" PRIu32 "%s%.*s%%", ppm / 10000,
                   len > 0 ? "." : "", (int)len, places);
    json_out_kstr(o, key, text);
}

static void put_members(struct json_out *o, const struct skill_publisher *p)
{
    char key[2 * SKILL_KEY_LEN + 1];

    hex_encode(key, p->key, SKILL_KEY_LEN);
    json_out_kstr(o, "handle", p->handle);
    json_out_kstr(o, "display", p->display);
    admin__put_id(o, "wallet", 'w', p->wallet);
    json_out_kstr(o, "key", p->has_key ? key : NULL);
    json_out_kbool(o, "signature_required", p->signature_required);
    json_out_ktext(o, "network", slice_str(p->network));
    json_out_ktext(o, "address", slice_str(p->address));
    put_percent(o, "platform_share", p->house_ppm);
    json_out_kbool(o, "suspended", p->suspended);
    json_out_key(o, "created_at");
    json_out_time(o, p->created_us);
    json_out_key(o, "changed_at");
    json_out_time(o, p->changed_us);
}

static void put_publisher(struct json_out *o, const struct skill_publisher *p)
{
    json_out_object(o);
    put_members(o, p);
    json_out_end_object(o);
}

/* ---- List, show ---- */

struct list {
    struct admin_page page;
    char last[SKILL_PUBLISHER_MAX + 1];
};

static bool list_publisher(void *arg, const struct skill_publisher *p)
{
    struct list *l = arg;

    if (!admin__page_room(&l->page)) {
        (void)snprintf(l->page.next, sizeof(l->page.next), "%s", l->last);
        return false;
    }
    put_publisher(&l->page.call->out, p);
    (void)snprintf(l->last, sizeof(l->last), "%s", p->handle);
    return true;
}

static enum rc serve_list(struct admin_call *c)
{
    struct list l = {.last = ""};
    struct slice after = SLICE_NONE;
    struct skills *s;
    enum rc rc;

    TRY(admin__market(&s, c));
    rc = admin__query(&after, c, "after");
    if (rc != RC_OK && rc != RC_NOT_FOUND)
        return rc;
    TRY(admin__page_start(&l.page, c));
    skill_publisher_list(s, after, list_publisher, &l);
    admin__page_end(&l.page);
    return RC_OK;
}

static enum rc serve_show(struct admin_call *c)
{
    struct skill_publisher p;

    TRY(admin__find_publisher(&p, c, c->params[0]));
    json_out_object(&c->out);
    put_members(&c->out, &p);
    json_out_key(&c->out, "earnings");
    TRY(admin__put_earnings(c, &p));
    json_out_end_object(&c->out);
    return RC_OK;
}

/* ---- Create, change ---- */

static enum rc read_text(char *out, size_t size, struct admin_call *c, const char *name)
{
    struct slice text = SLICE_NONE;

    TRY(admin__body_text(&text, c, name, false));
    if (text.bytes == NULL)
        return RC_OK;
    if (slice_to_cstr(out, size, text) != RC_OK)
        return admin__refuse(c, RC_BAD_INPUT, name, "'%s' has at most %zu bytes", name,
                             size - 1);
    return RC_OK;
}

static enum rc read_wallet(struct skill_publisher *p, struct admin_call *c)
{
    struct slice text = SLICE_NONE;
    struct wallet w = {.id = ID_NONE};

    TRY(admin__body_text(&text, c, "wallet", false));
    if (text.bytes == NULL)
        return RC_OK;
    if (text.len > 0)
        TRY(admin__find_wallet(&w, c, text));
    p->wallet = w.id;
    return RC_OK;
}

static enum rc read_key(struct skill_publisher *p, struct admin_call *c)
{
    struct slice text = SLICE_NONE;

    TRY(admin__body_text(&text, c, "key", false));
    if (text.bytes == NULL)
        return RC_OK;
    p->has_key = text.len > 0;
    memset(p->key, 0, sizeof(p->key));
    if (text.len > 0 && hex_decode(p->key, sizeof(p->key), text) != RC_OK)
        return admin__refuse(c, RC_BAD_INPUT, "key",
                             "'key' is an Ed25519 public key: 64 hex digits, as "
                             "`octroi publisher key` writes them");
    return RC_OK;
}

/* Where the earnings go: a mistake here is money sent to nobody. */
static enum rc read_payout(struct skill_publisher *p, struct admin_call *c)
{
    struct x402_address address;
    uint64_t chain_id;

    TRY(read_text(p->network, sizeof(p->network), c, "network"));
    TRY(read_text(p->address, sizeof(p->address), c, "address"));
    if ((p->network[0] == '\0') != (p->address[0] == '\0'))
        return admin__refuse(c, RC_BAD_INPUT, "address",
                             "'network' and 'address' go together");
    if (p->network[0] == '\0')
        return RC_OK;
    if (x402_network_parse(&chain_id, slice_str(p->network)) != RC_OK)
        return admin__refuse(c, RC_BAD_INPUT, "network",
                             "'network' is an EVM chain, like \"eip155:84532\"");
    if (x402_address_parse(&address, slice_str(p->address)) != RC_OK ||
        x402_address_is_zero(&address))
        return admin__refuse(c, RC_BAD_INPUT, "address",
                             "'address' is 0x and 40 hex digits; mixed letters must be "
                             "its checksum");
    x402_network_print(p->network, chain_id); /* one spelling of each */
    return RC_OK;
}

static enum rc read_share(struct skill_publisher *p, struct admin_call *c)
{
    struct slice text = SLICE_NONE;

    TRY(admin__body_text(&text, c, "platform_share", false));
    if (text.bytes == NULL)
        return RC_OK;
    if (text.len == 0) {
        p->house_ppm = SKILL_SHARE_NONE;
        return RC_OK;
    }
    if (money_parse_percent(&p->house_ppm, text) != RC_OK || p->house_ppm > PPM_ALL)
        return admin__refuse(c, RC_BAD_INPUT, "platform_share",
                             "'platform_share' is what the platform keeps of each use, "
                             "like \"10%%\", at most 100%%");
    return RC_OK;
}

static enum rc read_signed(struct skill_publisher *p, struct admin_call *c)
{
    bool required = p->signature_required;

    TRY(admin__body_bool(&required, c, "signature_required"));
    p->signature_required = required;
    if (required && !p->has_key)
        return admin__refuse(c, RC_BAD_INPUT, "signature_required",
                             "signatures can only be required of a publisher with a "
                             "key");
    return RC_OK;
}

/* What the body has; the rest stays as it is. */
static enum rc read_members(struct skill_publisher *p, struct admin_call *c)
{
    TRY(read_text(p->display, sizeof(p->display), c, "display"));
    TRY(read_wallet(p, c));
    TRY(read_key(p, c));
    TRY(read_payout(p, c));
    TRY(read_share(p, c));
    return read_signed(p, c);
}

static enum rc explain(struct admin_call *c, enum rc rc, const char *handle)
{
    if (rc == RC_EXISTS)
        return admin__refuse(c, rc, "name", "there is a publisher '%s' already",
                             handle);
    if (rc == RC_CONFLICT)
        return admin__refuse(c, rc, "name",
                             "'%s' is too close to another publisher's name: readers "
                             "would take one for the other",
                             handle);
    if (rc == RC_STALE)
        return admin__refuse(c, rc, NULL,
                             "the publisher was changed by somebody else meanwhile: "
                             "try again");
    if (rc == RC_BAD_INPUT)
        return admin__refuse(c, rc, "name",
                             "a publisher's name is 2 to %d of a-z, 0-9 and single "
                             "hyphens inside; its display text at most %d bytes "
                             "without control characters",
                             SKILL_PUBLISHER_MAX, SKILL_DISPLAY_MAX);
    return rc;
}

static enum rc serve_create(struct admin_call *c)
{
    struct skill_publisher p = {.house_ppm = SKILL_SHARE_NONE};
    struct slice name = SLICE_NONE;
    struct skills *s;

    TRY(admin__market(&s, c));
    TRY(admin__body_text(&name, c, "name", true));
    if (!skill_publisher_ok(name) ||
        slice_to_cstr(p.handle, sizeof(p.handle), name) != RC_OK)
        return explain(c, RC_BAD_INPUT, "");
    TRY(read_members(&p, c));
    TRY(explain(c, skill_publisher_create(&p, s), p.handle));
    c->reply->status = 201;
    put_publisher(&c->out, &p);
    return RC_OK;
}

static enum rc change(struct admin_call *c, struct skill_publisher *p)
{
    struct skill_publisher now;

    TRY(explain(c, skill_publisher_change(p, c->admin->skills), p->handle));
    TRY(skill_publisher_get(&now, c->admin->skills, slice_str(p->handle)));
    put_publisher(&c->out, &now);
    return RC_OK;
}

static enum rc serve_change(struct admin_call *c)
{
    struct skill_publisher p;

    TRY(admin__find_publisher(&p, c, c->params[0]));
    TRY(read_members(&p, c));
    return change(c, &p);
}

static enum rc set_suspended(struct admin_call *c, bool suspended)
{
    struct skill_publisher p;

    TRY(admin__find_publisher(&p, c, c->params[0]));
    p.suspended = suspended;
    return change(c, &p);
}

static enum rc serve_suspend(struct admin_call *c)
{
    return set_suspended(c, true);
}

static enum rc serve_unsuspend(struct admin_call *c)
{
    return set_suspended(c, false);
}

#define MEMBERS "display,wallet,key,signature_required,network,address,platform_share"

/* clang-format off */
const struct admin_route admin__publisher_routes[] = {
    {"GET", "/admin/v1/publishers", serve_list, NULL},
    {"POST", "/admin/v1/publishers", serve_create, "name," MEMBERS},
    {"GET", "/admin/v1/publishers/{publisher}", serve_show, NULL},
    {"PUT", "/admin/v1/publishers/{publisher}", serve_change, MEMBERS},
    {"POST", "/admin/v1/publishers/{publisher}/suspend", serve_suspend, ""},
    {"POST", "/admin/v1/publishers/{publisher}/unsuspend", serve_unsuspend, ""},
    {NULL, NULL, NULL, NULL},
};
/* clang-format on */
