/* SPDX-License-Identifier: Apache-2.0 */
/* Definitions of publishers of any kind: what they say is read, or refused in lines
 * with a place in front; what was read leads to no private address that its text tells,
 * and sends no secret that was in it. */
#include <assert.h>
#include <string.h>

#include "gateway/api_definition.h"
#include "gateway/config_skills.h"

enum {
    SAID_MAX = 1024 * 1024
};

static void check_api(const struct config_data_api *api)
{
    assert(api->base_url != NULL && strlen(api->base_url) <= 255);
    assert(strncmp(api->base_url, "http", 4) == 0);
    assert(strstr(api->base_url, "//127.") == NULL);
    assert(strstr(api->base_url, "//localhost") == NULL);
    assert(!api->allow_private && !api->buys);
    assert(api->auth_header != NULL && api->auth_value == NULL);
    assert(api->auth_query == NULL && api->auth_user == NULL);
    assert(api->endpoint_count > 0);
    for (size_t i = 0; i < api->endpoint_count; i++) {
        const struct config_endpoint *e = &api->endpoints[i];

        assert(e->method != NULL && e->path != NULL && e->path[0] == '/');
        assert(e->flow == CONFIG_UPFRONT && !e->at_cost);
        assert(money_cmp(e->most, e->price) >= 0);
        assert(money_cmp(config_unit_price(e, UINT64_MAX), e->most) <= 0);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    static struct config_skills skills;
    const struct config c = {.skills = &skills};
    struct api_definition *d = NULL;
    struct buf said;
    enum rc rc;

    buf_init(&said, SAID_MAX);
    rc = api_definition_parse(&d, slice_from((const char *)bytes, len), &c, &said);
    assert(rc == RC_OK || rc == RC_BAD_CONFIG || rc == RC_TOO_BIG || rc == RC_NOMEM);
    assert((rc == RC_BAD_CONFIG) == (buf_len(&said) > 0) || rc == RC_NOMEM);
    assert(!slice_starts(buf_slice(&said), SLICE("/")));
    if (rc == RC_OK)
        check_api(api_definition_api(d));
    api_definition_unref(d);
    buf_free(&said);
    return 0;
}
