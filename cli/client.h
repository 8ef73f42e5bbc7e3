/* SPDX-License-Identifier: Apache-2.0 */
/* The command line's way to the books: calls of the admin API, over the daemon's socket
 * or, with no daemon running, on the data folder itself. Who calls need not know which.
 */
#ifndef CLI_CLIENT_H
#define CLI_CLIENT_H

#include <json-c/json_types.h>

#include "base/buf.h"
#include "base/json.h"
#include "cli/cli.h"
#include "cli/table.h"

/* ---- What is asked ---- */
struct client_request {
    const char *method;
    struct buf target;    /* path and query, encoded */
    struct buf body;      /* JSON; empty: none */
    struct json_out json; /* writes the body */
    struct slice raw;     /* lent: sent in place of it, as it is */
    bool has_query;
    bool slow;  /* may take as long as it takes */
    bool whole; /* a list that comes in one page: the verb has no --limit, --after */
};

/* Nothing here fails: what does not fit is found by client_call(). */
void client_request_start(struct client_request *q, const char *method,
                          const char *path);
void client_request_segment(struct client_request *q, const char *text); /* encodes */
void client_request_query(struct client_request *q, const char *name,
                          const char *value);
/* A member of the body; value NULL: none. */
void client_request_text(struct client_request *q, const char *name, const char *value);
void client_request_money(struct client_request *q, const char *name, struct money m);
void client_request_end(struct client_request *q); /* frees */

/* ---- Asking ---- */
struct client;

/* Finds the configuration and the daemon, or takes the folder. Returns an exit code,
 * with words on stderr when it is not CLI_OK. */
int client_open(struct client **out, const struct cli *c);
void client_close(struct client *c); /* NULL is fine */
const struct cli *client_cli(const struct client *c);
const char *client_data_dir(const struct client *c);
bool client_has_daemon(const struct client *c);

/* The answer's body in answer (initialised here; the caller frees it with buf_wipe()).
 * CLI_OK, or the exit code of the refusal, told on stderr. */
int client_call(struct buf *answer, struct client *c, struct client_request *q);
/* The same for answers of any length: to a file. */
int client_fetch(FILE *out, struct client *c, struct client_request *q);

/* ---- For verbs that are one call ---- */

/* Opens, calls, closes, and ends q. With --json prints the answer, else gives it to
 * print(). */
typedef void client_print_fn(const struct cli *c, struct json_object *answer);
int client_ask(const struct cli *c, struct client_request *q, client_print_fn *print);

/* Sets or clears the limit that --per, --amount and --clear say, of what stands below
 * path under the name in the line's first word. */
int client_limit(const struct cli *c, const char *path, client_print_fn *print);

/* Fetches a list page by page and prints it: {"items":[..],"next":null}, or a table of
 * rows. --limit and --after, which the verb must have, ask for one page. */
typedef void client_row_fn(struct table *t, struct json_object *item);
int client_list(const struct cli *c, struct client_request *q,
                const struct table_column *columns, client_row_fn *row);
/* The same for a client that is open. */
int client_list_from(struct client *client, struct client_request *q,
                     const struct table_column *columns, client_row_fn *row);

#endif
