/* SPDX-License-Identifier: Apache-2.0 */
/* The admin API's view of the configuration: what is served, at which price, and by
 * which version of the file. */
#include "gateway/admin_int.h"

#include "base/metric.h"
#include "gateway/config.h"
#include "gateway/metrics.h"

#include <string.h>

enum rc admin__with_config(struct admin_call *c, admin_print_fn *print)
{
    const struct config *config;

    if (c->admin->config == NULL)
        return admin__refuse(c, RC_NOT_FOUND, NULL, "there is no configuration here");
    config = config_cell_get(c->admin->config);
    print(&c->out, config);
    config_unref(config);
    return RC_OK;
}

void admin__list_begin(struct json_out *o)
{
    json_out_object(o);
    json_out_key(o, "items");
    json_out_array(o);
}

void admin__list_end(struct json_out *o)
{
    json_out_end_array(o);
    json_out_key(o, "next");
    json_out_null(o);
    json_out_end_object(o);
}

/* ---- The file itself ---- */

static void print_effective(struct json_out *o, const struct config *c)
{
    config_print(o->to, c, true);
}

static enum rc serve_effective(struct admin_call *c)
{
    return admin__with_config(c, print_effective);
}

static void print_state(struct json_out *o, const struct config *c)
{
    json_out_object(o);
    json_out_ku64(o, "generation", c->generation);
    json_out_key(o, "loaded_at");
    json_out_time(o, c->loaded_us);
    json_out_kstr(o, "hash", c->hash);
    json_out_kstr(o, "path", c->path);
    json_out_end_object(o);
}

static enum rc reload(struct admin_call *c, struct buf *faults)
{
    enum rc rc = config_cell_reload(c->admin->config, faults);

    metric_set(metrics.config_reload_success, rc == RC_OK);
    if (rc != RC_OK)
        return admin__refuse(c, rc, NULL, "the old configuration stays:\n%.*s",
                             SLICE_FMT(slice_trim(buf_slice(faults))));
    return admin__with_config(c, print_state);
}

static enum rc serve_reload(struct admin_call *c)
{
    struct buf faults;
    enum rc rc;

    if (c->admin->config == NULL || c->admin->started_us == 0)
        return admin__refuse(c, RC_UNREACHABLE, NULL,
                             "no daemon runs: it will read the file when it starts");
    buf_init(&faults, 65536);
    rc = reload(c, &faults);
    buf_free(&faults);
    return rc;
}

static enum rc serve_version(struct admin_call *c)
{
    struct json_out *o = &c->out;

    json_out_object(o);
    json_out_kstr(o, "version", OCTROI_VERSION);
    json_out_key(o, "started_at");
    json_out_time(o, c->admin->started_us);
    json_out_key(o, "config");
    if (c->admin->config != NULL)
        TRY(admin__with_config(c, print_state));
    else
        json_out_null(o);
    json_out_end_object(o);
    return RC_OK;
}

/* clang-format off */
const struct admin_route admin__config_routes[] = {
    {"GET", "/admin/v1/config", serve_effective, NULL},
    {"POST", "/admin/v1/config/reload", serve_reload, ""},
    {"GET", "/admin/v1/version", serve_version, NULL},
    {NULL, NULL, NULL, NULL},
};
/* clang-format on */
