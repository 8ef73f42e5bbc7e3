/* SPDX-License-Identifier: Apache-2.0 */
/* The doctor's look at the book: who has it, whether it proves, how much room is left.
 * It asks what every other verb asks, the same way. */
#include "cli/doctor_int.h"

#include "cli/client.h"

#include <unistd.h>

#define BYTES_LOW ((uint64_t)1 << 30) /* free on the disk */

/* Asks without words on stderr: what is wrong becomes a finding. */
static struct json_object *ask(struct client *client, const char *method,
                               const char *path)
{
    struct json_object *answer = NULL;
    struct client_request q;
    struct buf body;

    client_request_start(&q, method, path);
    q.slow = true;
    if (client_call(&body, client, &q) != CLI_OK ||
        json_parse(&answer, buf_slice(&body)) != RC_OK)
        answer = NULL;
    buf_free(&body);
    client_request_end(&q);
    return answer;
}

static void look_at_proof(struct doctor *d, struct client *client)
{
    struct json_object *report = ask(client, "POST", "/admin/v1/ledger/verify");
    uint64_t records = 0;
    bool ok = false;

    if (report == NULL || json_get_bool(&ok, report, "ok") != RC_OK ||
        json_get_u64(&records, report, "records") != RC_OK)
        doctor_add(d, DOCTOR_FAIL, NULL, "ledger", "could not be verified");
    else if (ok)
        doctor_add(d, DOCTOR_OK, NULL, "ledger", "in order, %llu records",
                   (unsigned long long)records);
    else
        doctor_add(d, DOCTOR_FAIL,
                   "stop serving, keep a copy of the folder, see octroi ledger verify",
                   "ledger", "NOT in order");
    json_put(report);
}

static void look_at_room(struct doctor *d, struct client *client)
{
    struct json_object *stats = ask(client, "GET", "/admin/v1/ledger/stats");
    uint64_t size = 0, used = 0, disk = 0;
    bool refusing = false, failing = false;

    if (stats == NULL || json_get_u64(&size, stats, "map_size_bytes") != RC_OK ||
        json_get_u64(&used, stats, "map_used_bytes") != RC_OK ||
        json_get_u64(&disk, stats, "disk_free_bytes") != RC_OK ||
        json_get_bool(&refusing, stats, "refusing_holds") != RC_OK ||
        json_get_bool(&failing, stats, "failing") != RC_OK) {
        doctor_add(d, DOCTOR_FAIL, NULL, "room", "could not be read");
    } else {
        doctor_add(d, refusing || failing ? DOCTOR_FAIL : DOCTOR_OK,
                   refusing || failing ? "no new call is taken: see the daemon's log"
                                       : NULL,
                   "map", "%llu of %llu MiB used", (unsigned long long)(used >> 20),
                   (unsigned long long)(size >> 20));
        doctor_add(d, disk < BYTES_LOW ? DOCTOR_WARN : DOCTOR_OK,
                   disk < BYTES_LOW ? "below 64 MiB no new call is taken: make room"
                                    : NULL,
                   "disk", "%llu MiB free", (unsigned long long)(disk >> 20));
    }
    json_put(stats);
}

void doctor_look_at_book(struct doctor *d)
{
    struct client *client;
    int code = client_open(&client, d->cli);

    if (code != CLI_OK) {
        doctor_add(d, DOCTOR_FAIL,
                   code == CLI_UNREACHABLE ? "is the process stopped or stuck?" : NULL,
                   "daemon", "the book cannot be reached");
        return;
    }
    doctor_add(d, DOCTOR_OK, NULL, "daemon",
               client_has_daemon(client) ? "runs and answers" : "none runs");
    look_at_proof(d, client);
    look_at_room(d, client);
    client_close(client);
}
