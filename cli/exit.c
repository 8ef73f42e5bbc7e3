/* SPDX-License-Identifier: Apache-2.0 */
/* How a verb fails: the exit codes, and the words on stderr. */
#include "cli/cli.h"

#include "base/json.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum {
    MESSAGE_SIZE = 4096,
    JSON_MAX = 32768 /* with escapes */
};

/* What is not here is CLI_FAILURE. */
static const unsigned char exits[RC__COUNT] = {
    [RC_OK] = CLI_OK,
    [RC_BAD_INPUT] = CLI_USAGE,
    [RC_BAD_CONFIG] = CLI_BAD_CONFIG,
    [RC_NOT_FOUND] = CLI_NOT_FOUND,
    [RC_MODEL_UNKNOWN] = CLI_NOT_FOUND,
    [RC_EXISTS] = CLI_CONFLICT,
    [RC_CONFLICT] = CLI_CONFLICT,
    [RC_STALE] = CLI_CONFLICT,
    [RC_GONE] = CLI_CONFLICT,
    [RC_ENDED] = CLI_CONFLICT,
    [RC_LOCKED] = CLI_CONFLICT,
    [RC_IDEM_IN_FLIGHT] = CLI_CONFLICT,
    [RC_IDEM_MISMATCH] = CLI_CONFLICT,
    [RC_IDEM_GONE] = CLI_CONFLICT,
    [RC_PAYMENT_REQUIRED] = CLI_NO_FUNDS,
    [RC_NO_FUNDS] = CLI_NO_FUNDS,
    [RC_LIMIT] = CLI_NO_FUNDS,
    [RC_UNREACHABLE] = CLI_UNREACHABLE,
    [RC_BAD_KEY] = CLI_NOT_AUTHORISED,
    [RC_FORBIDDEN] = CLI_NOT_AUTHORISED,
};

int cli_exit_of(enum rc rc)
{
    if (rc == RC_OK)
        return CLI_OK;
    return rc < RC__COUNT && exits[rc] != CLI_OK ? exits[rc] : CLI_FAILURE;
}

static void say(const struct cli *c, enum rc rc, const char *message)
{
    struct json_out o;
    struct buf b;

    if (!c->json) {
        (void)fprintf(stderr, "octroi: %s\n", message);
        return;
    }
    buf_init(&b, JSON_MAX);
    json_out_init(&o, &b);
    json_out_object(&o);
    json_out_key(&o, "error");
    json_out_object(&o);
    json_out_kstr(&o, "code", rc_reason(rc));
    json_out_kstr(&o, "message", message);
    json_out_end_object(&o);
    json_out_end_object(&o);
    (void)fprintf(stderr, "%.*s\n", (int)buf_len(&b), buf_slice(&b).bytes);
    buf_free(&b);
}

/* Without the line ends that collected words end with. */
__attribute__((format(printf, 2, 0))) static void format_message(
    char message[MESSAGE_SIZE], const char *format, va_list arguments)
{
    size_t len;

    (void)vsnprintf(message, MESSAGE_SIZE, format, arguments);
    len = strlen(message);
    while (len > 0 && message[len - 1] == '\n')
        message[--len] = '\0';
}

int cli_fail(const struct cli *c, enum rc rc, const char *format, ...)
{
    char message[MESSAGE_SIZE];
    va_list arguments;

    va_start(arguments, format);
    format_message(message, format, arguments);
    va_end(arguments);
    say(c, rc, message);
    return cli_exit_of(rc);
}

int cli_usage(const struct cli *c, const char *format, ...)
{
    char message[MESSAGE_SIZE];
    va_list arguments;

    va_start(arguments, format);
    format_message(message, format, arguments);
    va_end(arguments);
    say(c, RC_BAD_INPUT, message);
    if (c->verb != NULL && !c->json) {
        const char *sub = c->verb->sub != NULL ? c->verb->sub : "";

        (void)fprintf(stderr, "usage: octroi %s%s%s %s\n", c->verb->word,
                      sub[0] ? " " : "", sub, c->verb->usage);
    }
    return CLI_USAGE;
}
