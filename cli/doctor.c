/* SPDX-License-Identifier: Apache-2.0 */
/* octroi doctor: everything that can be wrong with an installation, looked at once,
 * each with what to do about it. It changes nothing but a file without a name, which
 * measures the disk. */
#include "cli/doctor_int.h"
#include "cli/verbs.h"

#include "base/json.h"
#include "cli/table.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    FAULTS_MAX = 65536,
    REPORT_MAX = 4 << 20
};

static const char *const state_names[] = {
    [DOCTOR_OK] = "ok",
    [DOCTOR_WARN] = "warn",
    [DOCTOR_FAIL] = "fail",
};

static struct finding *new_finding(struct doctor *d)
{
    if (d->count == d->size) {
        size_t size = d->size > 0 ? 2 * d->size : 32;
        struct finding *grown = reallocarray(d->findings, size, sizeof(*grown));

        if (grown == NULL)
            return NULL;
        d->findings = grown;
        d->size = size;
    }
    return &d->findings[d->count++];
}

void doctor_add(struct doctor *d, enum doctor_state state, const char *advice,
                const char *name, const char *format, ...)
{
    struct finding *f = new_finding(d);
    va_list arguments;

    if (f == NULL) {
        d->lost = true;
        return;
    }
    *f = (struct finding){.state = state, .advice = advice};
    (void)snprintf(f->name, sizeof(f->name), "%s", name);
    va_start(arguments, format);
    (void)vsnprintf(f->detail, sizeof(f->detail), format, arguments);
    va_end(arguments);
}

/* ---- The report ---- */

static bool all_well(const struct doctor *d)
{
    bool well = !d->lost;

    for (size_t i = 0; i < d->count; i++)
        well = well && d->findings[i].state != DOCTOR_FAIL;
    return well;
}

static void print_json(const struct doctor *d)
{
    struct json_out o;
    struct buf b;

    buf_init(&b, REPORT_MAX);
    json_out_init(&o, &b);
    json_out_object(&o);
    json_out_kbool(&o, "ok", all_well(d));
    json_out_key(&o, "checks");
    json_out_array(&o);
    for (size_t i = 0; i < d->count; i++) {
        const struct finding *f = &d->findings[i];

        json_out_object(&o);
        json_out_kstr(&o, "name", f->name);
        json_out_kstr(&o, "state", state_names[f->state]);
        json_out_kstr(&o, "detail", f->detail);
        json_out_kstr(&o, "advice", f->advice);
        json_out_end_object(&o);
    }
    json_out_end_array(&o);
    json_out_end_object(&o);
    (void)printf("%.*s\n", (int)buf_len(&b), buf_slice(&b).bytes);
    buf_free(&b);
}

static void print_text(const struct doctor *d)
{
    static const struct table_column columns[] = {
        {"", false}, {"CHECK", false}, {"FOUND", false}, {NULL, false}};
    struct table t;

    if (table_start(&t, columns) != RC_OK)
        return;
    for (size_t i = 0; i < d->count; i++) {
        const struct finding *f = &d->findings[i];
        char text[sizeof(f->detail) + 256];

        (void)snprintf(text, sizeof(text), "%s%s%s", f->detail,
                       f->advice != NULL ? ": " : "",
                       f->advice != NULL ? f->advice : "");
        table_cell(&t, slice_str(state_names[f->state]));
        table_cell(&t, slice_str(f->name));
        table_cell(&t, slice_str(text));
    }
    if (table_end(&t) != RC_OK)
        (void)fputs("octroi: out of memory\n", stderr);
}

/* ---- Looking ---- */

static void add_lines(struct doctor *d, enum doctor_state state, struct slice lines)
{
    struct slice line;

    while (slice_next(&line, &lines, '\n'))
        if (line.len > 0)
            doctor_add(d, state, NULL, "configuration", "%.*s", SLICE_FMT(line));
}

static bool load(struct doctor *d)
{
    const char *path =
        d->cli->config_path != NULL ? d->cli->config_path : "octroi.yaml";
    struct buf faults;
    enum rc rc;

    buf_init(&faults, FAULTS_MAX);
    rc = config_load(&d->config, path, &faults);
    if (rc == RC_OK)
        doctor_add(d, DOCTOR_OK, NULL, "configuration", "%s is valid", path);
    else
        doctor_add(d, DOCTOR_FAIL,
                   rc == RC_NOT_FOUND
                       ? "name one with --config, or make one with octroi "
                         "init DIR"
                       : NULL,
                   "configuration", "%s: %s", path,
                   rc == RC_NOT_FOUND ? "no such file" : "not valid");
    add_lines(d, rc == RC_OK ? DOCTOR_WARN : DOCTOR_FAIL, buf_slice(&faults));
    buf_free(&faults);
    return rc == RC_OK;
}

int verb_doctor(const struct cli *c)
{
    struct doctor d = {.cli = c};
    int code;

    if (load(&d)) {
        doctor_look_at_config(&d);
        doctor_look_at_folder(&d);
        doctor_look_at_machine(&d);
        doctor_look_at_book(&d);
        doctor_look_at_upstreams(&d);
        doctor_look_at_networks(&d);
    }
    if (c->json)
        print_json(&d);
    else
        print_text(&d);
    code = all_well(&d) ? CLI_OK : CLI_FAILURE;
    config_unref(d.config);
    free(d.findings);
    return code;
}
