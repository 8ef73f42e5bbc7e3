/* SPDX-License-Identifier: Apache-2.0 */
/* The mock's data APIs: a search and a market. */
#include "cli/mock_int.h"

#include <stdio.h>

enum {
    QUERY_MAX = 1024,
    MARKET_MAX = 64,
    RESULTS = 3
};

static void put_result(struct json_out *o, struct slice query, unsigned number)
{
    static const char *const kinds[RESULTS] = {"Overview", "Reference", "Discussion"};
    char text[QUERY_MAX + 64];

    json_out_object(o);
    (void)snprintf(text, sizeof(text), "%s: %.*s", kinds[number], SLICE_FMT(query));
    json_out_kstr(o, "title", text);
    (void)snprintf(text, sizeof(text), "https://mock.example/%016llx/%u",
                   (unsigned long long)mock__seed(query), number + 1);
    json_out_kstr(o, "url", text);
    (void)snprintf(text, sizeof(text), "Result %u of %u, made up for \"%.*s\".",
                   number + 1, (unsigned)RESULTS, SLICE_FMT(query));
    json_out_kstr(o, "snippet", text);
    json_out_end_object(o);
}

void mock__search(struct mock_call *c)
{
    const struct slice query = slice_str(c->query);
    struct json_out o;

    if (query.len == 0 || query.len > QUERY_MAX) {
        (void)mock__fail(c, 400, "q", "missing_required_parameter",
                         "Parameter 'q' must be a text of 1 to %d bytes.", QUERY_MAX);
        return;
    }
    json_out_init(&o, &c->out);
    json_out_object(&o);
    json_out_kslice(&o, "query", query);
    json_out_key(&o, "results");
    json_out_array(&o);
    for (unsigned i = 0; i < RESULTS; i++)
        put_result(&o, query, i);
    json_out_end_array(&o);
    json_out_end_object(&o);
}

static bool is_market(struct slice id)
{
    if (id.len == 0 || id.len > MARKET_MAX)
        return false;
    for (size_t i = 0; i < id.len; i++) {
        const char b = id.bytes[i];

        if (!((b >= '0' && b <= '9') || (b >= 'A' && b <= 'Z') ||
              (b >= 'a' && b <= 'z') || b == '-' || b == '_' || b == '.'))
            return false;
    }
    return true;
}

void mock__market(struct mock_call *c)
{
    const size_t prefix = SLICE("/markets/").len;
    const struct slice id = slice_sub(c->path, prefix, c->path.len);
    const uint64_t seed = mock__seed(id);
    char price[32];
    struct json_out o;

    if (!is_market(id)) {
        (void)mock__fail(c, 404, NULL, "not_found", "There is no such market.");
        return;
    }
    (void)snprintf(price, sizeof(price), "%u.%02u", (unsigned)(seed % 100000),
                   (unsigned)(seed >> 32) % 100);
    json_out_init(&o, &c->out);
    json_out_object(&o);
    json_out_kslice(&o, "id", id);
    json_out_kstr(&o, "currency", "USD");
    json_out_kstr(&o, "price", price);
    json_out_ku64(&o, "volume", seed >> 44);
    json_out_kstr(&o, "status", "open");
    json_out_end_object(&o);
}
