/* SPDX-License-Identifier: Apache-2.0 */
/* The section `data_apis`: hosts that are called at a flat price per call, and which of
 * their paths. */
#include "gateway/config_data_int.h"

#include "base/codec.h"
#include "gateway/config_payments.h"
#include "gateway/path.h"

#include <string.h>

enum {
    TIMEOUT_MS = 60 * 1000,
    PARAMS_MAX = 16 /* in one path */
};

static const struct config__name_form api_name = {"data API", "-_.", CONFIG__NAME_MAX};
static const struct config__name_form param_name = {"path parameter", "-_",
                                                    CONFIG__NAME_MAX};

/* Paths -------------------------------------------------------------------------------
 */

/* The names of the parameters met so far in one path. */
struct params {
    struct slice names[PARAMS_MAX];
    size_t count;
};

static bool read_param(struct config__reader *r, const struct conf_node *n,
                       struct params *params, struct slice name)
{
    if (config__name(r, n, &param_name, name) == NULL)
        return false;
    for (size_t i = 0; i < params->count; i++)
        if (slice_equal(params->names[i], name)) {
            conf_fault(r->conf, n, "the path has two parameters '%.*s'",
                       SLICE_FMT(name));
            return false;
        }
    if (params->count == PARAMS_MAX) {
        conf_fault(r->conf, n, "the path has more than %d parameters", PARAMS_MAX);
        return false;
    }
    params->names[params->count++] = name;
    return true;
}

static bool has_brace(struct slice s)
{
    return slice_find(s, '{') < s.len || slice_find(s, '}') < s.len;
}

/* One segment of a template; `last`: nothing follows it. */
static bool read_segment(struct config__reader *r, const struct conf_node *n,
                         struct params *params, struct slice segment, bool last)
{
    struct slice name = slice_sub(segment, 1, segment.len < 2 ? 0 : segment.len - 2);

    if (!has_brace(segment))
        return true;
    if (!slice_starts(segment, SLICE("{")) || !slice_ends(segment, SLICE("}")) ||
        has_brace(name)) {
        conf_fault(r->conf, n, "a path parameter is a whole segment: /{name}/");
        return false;
    }
    if (slice_ends(name, SLICE("*"))) {
        name.len--;
        if (!last) {
            conf_fault(r->conf, n,
                       "{%.*s*} takes the rest of the path: nothing may "
                       "follow it",
                       SLICE_FMT(name));
            return false;
        }
    }
    return read_param(r, n, params, name);
}

/* Requests are matched byte by byte, after path_check(): what that refuses, or what no
 * client sends (RFC 3986 section 3.3), could never match. */
static bool is_sendable(struct slice path)
{
    static const char never[] = " \"<>\\^`|?#";

    for (size_t i = 0; i < path.len; i++)
        if (path.bytes[i] <= 0x20 || path.bytes[i] >= 0x7f ||
            memchr(never, path.bytes[i], sizeof(never) - 1) != NULL)
            return false;
    return path_check(path, true) == RC_OK;
}

static char *read_path(struct config__reader *r, struct conf_node *n)
{
    struct params params = {.count = 0};
    struct slice path, rest, segment;
    bool good = true;

    if (!conf_text(r->conf, n, &path))
        return NULL;
    if (path.len > CONFIG__TEXT_MAX || !is_sendable(path)) {
        conf_fault(
            r->conf, n,
            "expected a path that begins with '/', without a query, empty or dot "
            "segments, at most %d bytes",
            CONFIG__TEXT_MAX);
        return NULL;
    }
    rest = slice_sub(path, 1, path.len);
    while (good && slice_next(&segment, &rest, '/'))
        good = read_segment(r, n, &params, segment,
                            segment.bytes + segment.len == path.bytes + path.len);
    return good ? arena_copy(r->arena, path.bytes, path.len) : NULL;
}

/* Whether two templates match the same paths: equal but for the names of parameters. */
static bool same_shape(const char *a, const char *b)
{
    while (*a != '\0' && *b != '\0') {
        if (*a != *b)
            return false;
        if (*a == '{') {
            a += strcspn(a, "*}");
            b += strcspn(b, "*}");
            continue;
        }
        a++;
        b++;
    }
    return *a == *b;
}

/* Endpoints ---------------------------------------------------------------------------
 */

/* Headers that carry a client's standing with us, or that the message itself needs. */
static bool may_pass(const char *lower_case)
{
    static const char *const names[] = {
        "authorization",  "cookie",    "idempotency-key", "payment-signature",
        "sign-in-with-x", "x-api-key", "x-goog-api-key",  "x-payment"};

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (strcmp(lower_case, names[i]) == 0)
            return false;
    return !config__is_hop_header(lower_case);
}

static void read_pass_headers(struct config__reader *r, struct config_endpoint *e,
                              struct conf_node *n)
{
    struct conf_node *list = conf_get(r->conf, n, "pass_headers");
    struct conf_node *item;
    size_t at = 0;

    if (!config__fits(r, list, CONFIG__LIST_MAX, "headers"))
        return;
    e->pass_headers = arena_new_array(r->arena, char *, conf_count(list));
    if (e->pass_headers == NULL)
        return;
    while (conf_next_item(r->conf, list, &at, &item)) {
        char *name = config__header_name(r, item);

        if (name == NULL)
            continue;
        if (!may_pass(name))
            conf_fault(r->conf, item, "header '%s' is never passed on", name);
        else
            e->pass_headers[e->pass_count++] = name;
    }
}

/* What a host that is paid may ask: at most the price before its markup, or, without a
 * price, max_price, which is what is held. */
static void read_max_price(struct config__reader *r, const struct config_data_api *api,
                           struct config_endpoint *e, struct conf_node *n)
{
    struct conf_node *value = conf_get(r->conf, n, "max_price");

    if (value != NULL && !api->buys) {
        config__skip(r, value);
        conf_fault(r->conf, value,
                   "max_price is for hosts that are paid: auth: {x402: {}}");
        return;
    }
    if (!api->buys)
        return;
    if (!e->priced)
        e->max_price = r->config->payments->buyer.max_per_payment;
    if (!conf_money(r->conf, value, &e->max_price))
        return;
    if (e->priced && money_cmp(e->max_price, e->price) > 0)
        conf_fault(r->conf, value, "max_price is more than the price of a call");
}

static void read_cost(struct config__reader *r, struct config_endpoint *e,
                      uint32_t markup_ppm, const struct conf_node *n)
{
    if (!money_markup(&e->price, e->max_price, markup_ppm)) {
        conf_fault(r->conf, n,
                   "max_price with its markup is more than an amount can hold");
        return;
    }
    e->priced = true;
    e->at_cost = true;
    e->markup_ppm = markup_ppm;
    config__name_price(e->version, "cost", e->price, NULL);
}

static void read_call_price(struct config__reader *r, const struct config_data_api *api,
                            struct config_endpoint *e, struct conf_node *n)
{
    struct conf_node *value = conf_get(r->conf, n, "price");
    uint32_t markup_ppm = 0;

    (void)conf_percent(r->conf, conf_get(r->conf, n, "markup"), &markup_ppm);
    if (value == NULL && !api->buys && !r->published)
        config__warn(r, n, "an endpoint without a price is refused (price_missing)");
    if (conf_money(r->conf, value, &e->max_price)) {
        if (!money_markup(&e->price, e->max_price, markup_ppm)) {
            conf_fault(r->conf, value,
                       "the price with its markup is more than an amount can hold");
            return;
        }
        e->priced = true;
    }
    read_max_price(r, api, e, n);
    if (value == NULL && api->buys)
        read_cost(r, e, markup_ppm, n);
}

/* Untouched if absent. */
static void read_flow(struct config__reader *r, enum config_flow *flow,
                      struct conf_node *n)
{
    static const char *const flows[] = {"upfront", "after", "authorization", NULL};
    struct conf_node *value = conf_get(r->conf, n, "payment_flow");
    const struct config_payments *p = r->config->payments;
    unsigned choice;

    if (!conf_choice(r->conf, value, &choice, flows))
        return;
    *flow = choice == 0 ? CONFIG_UPFRONT : CONFIG_AFTER;
    for (size_t i = 0; *flow == CONFIG_AFTER && i < p->network_count; i++)
        if (p->networks[i].peer_count > 0) {
            conf_fault(r->conf, value,
                       "a payment could be served by each of the peers of a network "
                       "before it is settled: give each machine its own pay_to");
            return;
        }
}

static void read_endpoint(struct config__reader *r, const struct config_data_api *api,
                          struct config_endpoint *e, struct conf_node *n)
{
    static const char *const methods[] = {"GET",    "HEAD",    "POST", "PUT", "PATCH",
                                          "DELETE", "OPTIONS", "ANY",  NULL};
    struct conf_node *method, *path;
    unsigned choice = 0;

    if (!config__may_be_mapping(r, n))
        return;
    method = conf_get(r->conf, n, "method");
    path = conf_get(r->conf, n, "path");
    if (method == NULL)
        conf_fault(r->conf, n, "an endpoint without 'method' (ANY: all)");
    if (conf_choice(r->conf, method, &choice, methods))
        e->method = arena_copy(r->arena, methods[choice], strlen(methods[choice]));
    if (path == NULL)
        conf_fault(r->conf, n, "an endpoint without 'path'");
    e->path = read_path(r, path);
    read_call_price(r, api, e, n);
    if (!r->published) /* whoever serves before it is paid bears the loss */
        read_flow(r, &e->flow, n);
    read_pass_headers(r, e, n);
    config__read_endpoint(r, api, e, n);
}

/* The first match wins, so the same method and paths again would never be reached. */
static void refuse_twin(struct config__reader *r, const struct config_data_api *api,
                        const struct config_endpoint *e, const struct conf_node *n)
{
    if (e->method == NULL || e->path == NULL)
        return;
    for (const struct config_endpoint *other = api->endpoints; other < e; other++)
        if (other->method != NULL && other->path != NULL &&
            strcmp(other->method, e->method) == 0 && same_shape(other->path, e->path)) {
            conf_fault(r->conf, n, "never reached: %s %s comes before it",
                       other->method, other->path);
            return;
        }
}

static void read_endpoints(struct config__reader *r, struct config_data_api *api,
                           struct conf_node *n)
{
    struct conf_node *list = conf_get(r->conf, n, "endpoints");
    enum config_flow flow = CONFIG_UPFRONT;
    struct conf_node *item;
    size_t at = 0;

    if (!r->published)
        read_flow(r, &flow, n);
    if (list == NULL || (conf_is_list(list) && conf_count(list) == 0)) {
        conf_fault(r->conf, list != NULL ? list : n, "no endpoints: nothing is served");
        return;
    }
    if (!config__fits(r, list, CONFIG__LIST_MAX, "endpoints"))
        return;
    api->endpoints =
        arena_new_array(r->arena, struct config_endpoint, conf_count(list));
    if (api->endpoints == NULL)
        return;
    while (conf_next_item(r->conf, list, &at, &item)) {
        struct config_endpoint *e = &api->endpoints[api->endpoint_count++];

        e->flow = flow;
        read_endpoint(r, api, e, item);
        refuse_twin(r, api, e, item);
    }
}

/* APIs --------------------------------------------------------------------------------
 */

/* {x402: {}} or {mpp: {}}: the host asks for money and not for a key. */
static void read_buys(struct config__reader *r, struct config_data_api *api,
                      struct conf_node *auth)
{
    static const char *const protocols[] = {"x402", "mpp"};

    for (size_t i = 0; i < sizeof(protocols) / sizeof(protocols[0]); i++) {
        struct conf_node *n = conf_get(r->conf, auth, protocols[i]);

        if (n != NULL && config__may_be_mapping(r, n))
            api->buys = true;
    }
    if (api->buys && !r->config->payments->buyer.key.present)
        conf_fault(r->conf, auth, "nothing can be paid without payments.x402.buyer");
}

/* {header: NAME, value: ..} */
static void read_auth_header(struct config__reader *r, struct config_data_api *api,
                             struct conf_node *header)
{
    char *name = config__header_name(r, header);

    if (name != NULL && config__is_hop_header(name))
        conf_fault(r->conf, header, "header '%s' belongs to the connection", name);
    else if (name != NULL)
        api->auth_header = config__text(r, header); /* in the case that was written */
}

/* {basic: {user: .., password: ..}}, RFC 7617 */
static void read_auth_basic(struct config__reader *r, struct config_data_api *api,
                            struct conf_node *n)
{
    struct conf_node *user, *password;
    struct secret *secret;
    struct slice pair;
    char *text;

    if (!config__may_be_mapping(r, n))
        return;
    user = conf_get(r->conf, n, "user");
    password = conf_get(r->conf, n, "password");
    if (user == NULL || password == NULL)
        conf_fault(r->conf, n, "basic needs both 'user' and 'password'");
    api->auth_user = config__text(r, user);
    secret = config__secret(r, password, "the password of auth");
    if (api->auth_user != NULL && strchr(api->auth_user, ':') != NULL)
        conf_fault(r->conf, user, "a user's name has no colon");
    if (api->auth_user == NULL || secret == NULL) {
        secret_unref(secret);
        return;
    }
    text = arena_printf(r->arena, "%s:%.*s", api->auth_user,
                        SLICE_FMT(secret_open(secret)));
    pair = base64_encode(r->arena, slice_str(text));
    text = arena_printf(r->arena, "Basic %.*s", (int)pair.len, pair.bytes);
    secret_unref(secret);
    api->auth_header = arena_copy(r->arena, "Authorization", strlen("Authorization"));
    if (text != NULL)
        r->rc = secret_new(&api->auth_value, slice_str(text));
}

/* A parameter's name as it stands in a URL: RFC 3986 unreserved, and brackets. */
static void read_auth_query(struct config__reader *r, struct config_data_api *api,
                            struct conf_node *n)
{
    static const struct config__name_form form = {"query parameter", "-_.~",
                                                  CONFIG__NAME_MAX};
    struct slice name;

    if (conf_text(r->conf, n, &name))
        api->auth_query = config__name(r, n, &form, name);
    if (api->buys)
        conf_fault(r->conf, n, "a host that is paid takes no key in its URL");
}

/* A publisher's host gets a key that we derive for it: {header: NAME} says where. */
static void read_auth_published(struct config__reader *r, struct config_data_api *api,
                                struct conf_node *n)
{
    struct conf_node *auth = conf_get(r->conf, n, "auth");
    struct conf_node *header = conf_get(r->conf, auth, "header");

    if (header != NULL)
        read_auth_header(r, api, header);
    else
        api->auth_header =
            arena_copy(r->arena, "Authorization", strlen("Authorization"));
    if (auth != NULL && header == NULL && config__may_be_mapping(r, auth))
        conf_fault(r->conf, auth, "auth of a published host is {header: NAME}");
}

static void read_auth(struct config__reader *r, struct config_data_api *api,
                      struct conf_node *n)
{
    struct conf_node *auth = conf_get(r->conf, n, "auth");
    struct conf_node *header, *query, *basic, *value;
    int forms;

    if (auth == NULL || !config__may_be_mapping(r, auth))
        return;
    header = conf_get(r->conf, auth, "header");
    query = conf_get(r->conf, auth, "query");
    basic = conf_get(r->conf, auth, "basic");
    value = conf_get(r->conf, auth, "value");
    read_buys(r, api, auth);
    forms = (header != NULL) + (query != NULL) + (basic != NULL);
    if ((header != NULL || query != NULL) != (value != NULL) || forms > 1 ||
        (forms == 0 && !api->buys))
        conf_fault(r->conf, auth,
                   "auth needs 'value' with one of 'header' and 'query', or 'basic', "
                   "or one of 'x402' and 'mpp'");
    if (basic != NULL) {
        read_auth_basic(r, api, basic);
        return;
    }
    if (query != NULL)
        read_auth_query(r, api, query);
    read_auth_header(r, api, header);
    api->auth_value = config__secret(r, value, "the value of auth");
}

void config__read_data_api(struct config__reader *r, struct config_data_api *api,
                           struct conf_node *n)
{
    api->first_byte_timeout_ms = TIMEOUT_MS;
    api->idle_timeout_ms = TIMEOUT_MS;
    if (!config__may_be_mapping(r, n))
        return;
    if (!r->published)
        (void)conf_bool(r->conf, conf_get(r->conf, n, "allow_private"),
                        &api->allow_private);
    if (conf_get(r->conf, n, "base_url") == NULL)
        conf_fault(r->conf, n, "'base_url' is missing");
    api->base_url = config__base_url(r, n, api->allow_private);
    if (r->published)
        read_auth_published(r, api, n);
    else
        read_auth(r, api, n);
    config__duration(r, n, "first_byte_timeout", &api->first_byte_timeout_ms);
    config__duration(r, n, "idle_timeout", &api->idle_timeout_ms);
    read_endpoints(r, api, n);
}

void config__read_data_apis(struct config__reader *r, struct conf_node *n)
{
    struct config *c = r->config;
    struct conf_node *value;
    struct slice name;
    size_t at = 0;

    c->data_apis = arena_new_array(r->arena, struct config_data_api, conf_count(n));
    if (c->data_apis == NULL)
        return;
    while (conf_next_member(r->conf, n, &at, &name, &value)) {
        struct config_data_api *api = &c->data_apis[c->data_api_count++];

        api->name = config__name(r, value, &api_name, name);
        config__read_data_api(r, api, value);
    }
}
