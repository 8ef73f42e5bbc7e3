/* SPDX-License-Identifier: Apache-2.0 */
/* HTTP over the daemon's admin socket, for client.c alone. */
#ifndef CLI_CLIENT_HTTP_H
#define CLI_CLIENT_HTTP_H

#include <stdint.h>
#include <stdio.h>

#include "base/buf.h"
#include "base/rc.h"
#include "base/slice.h"

struct client_http;

/* One exchange. A body of 2xx goes to file if there is one; every other to body. */
struct client_exchange {
    const char *method;
    struct slice target; /* path and query */
    struct slice body;
    const char *content_type;
    uint64_t timeout_ms; /* 0: none */
    FILE *file;          /* may be NULL */
    struct buf *answer;
    unsigned status; /* out */
};

/* Speaks to the socket in data_dir. RC_NOMEM, and what datadir_admin_path() returns. */
MUST_CHECK enum rc client_http_open(struct client_http **out, const char *data_dir);
void client_http_close(struct client_http *h); /* NULL is fine */

/* RC_OK: there is an answer, whatever its status. RC_UNREACHABLE, RC_TOO_BIG, RC_IO (of
 * the file), RC_NOMEM. */
MUST_CHECK enum rc client_http_call(struct client_http *h, struct client_exchange *x);

#endif
