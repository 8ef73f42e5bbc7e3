/* SPDX-License-Identifier: Apache-2.0 */
/* GET /.well-known/octroi-receipts.json: the key that signed receipts are checked with.
 */
#include "gateway/receipts.h"
#include "gateway/api.h"
#include "gateway/request.h"

static void serve(struct request *r)
{
    if (r->worker->receipts == NULL) {
        r->rc = RC_NOT_FOUND;
        r->fault.rc = RC_NOT_FOUND;
        request_reply_fault(r);
        return;
    }
    request_header(r, "Cache-Control", SLICE("max-age=3600"));
    request_reply(r, 200, "application/jwk-set+json",
                  receipts_key_set(r->worker->receipts));
}

static const struct api_route routes[] = {
    {"GET", "/.well-known/octroi-receipts.json"},
    {NULL, NULL},
};

extern const struct api api_receipts;
const struct api api_receipts = {
    .name = "receipts",
    .dialect = DIALECT_PROBLEM,
    .routes = routes,
    .serve = serve,
};
