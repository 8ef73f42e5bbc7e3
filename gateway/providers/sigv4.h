/* SPDX-License-Identifier: Apache-2.0 */
/* AWS Signature Version 4 in headers: what a request to an AWS service must carry so
 * that the service believes who sends it. Pure: the clock is an argument. Not for S3,
 * which signs its path otherwise, and not for signatures in the query. */
#ifndef GATEWAY_PROVIDERS_SIGV4_H
#define GATEWAY_PROVIDERS_SIGV4_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/secret.h"
#include "base/slice.h"
#include "gateway/server.h"

enum {
    SIGV4_HEADERS_MAX = 32,     /* that are signed, the two of our own too */
    SIGV4_PARAMS_MAX = 64,      /* in the query */
    SIGV4_SECRET_MAX = 256,     /* bytes of a secret key; AWS gives 40 */
    SIGV4_TEXT_MAX = 64 * 1024, /* bytes of a canonical request */
    SIGV4_TIME_SIZE = 17,       /* "20150830T123600Z" and its NUL */
    SIGV4_SIGNATURE_SIZE = 2 * 32 + 1
};

/* Who signs, and for which service. */
struct sigv4_key {
    struct slice access_key; /* the public name of the secret one */
    const struct secret *secret_key;
    const struct secret *session_token; /* NULL: the key is a lasting one */
    struct slice region;                /* "us-east-1" */
    struct slice service;               /* "bedrock" */
};

/* Path and query as they are sent, that is percent-encoded once. The path is encoded
 * once more for the signature, as every service but S3 wants it. */
struct sigv4_request {
    struct slice method;
    struct slice path;                 /* from "/" on; empty: "/" */
    struct slice query;                /* without "?" */
    const struct http_header *headers; /* to be signed: Host, and whatever else counts;
                                        * without X-Amz-Date and X-Amz-Security-Token */
    size_t header_count;
    struct slice body;
    bool keep_path; /* "//", "." and ".." are signed as they are, not resolved */
};

struct sigv4_signature {
    char time[SIGV4_TIME_SIZE];     /* to be sent as X-Amz-Date */
    struct slice authorization;     /* to be sent as Authorization */
    struct slice canonical_request; /* what was signed: holds the session token, */
    struct slice string_to_sign;    /* so neither belongs into a log */
    char signature[SIGV4_SIGNATURE_SIZE]; /* hex */
};

/* Signs for the second that wall_us (microseconds since 1970) lies in; the service
 * takes some minutes to either side. A session token has to be sent as
 * X-Amz-Security-Token. RC_TOO_BIG: a limit above. RC_BAD_INPUT: no key. RC_NOMEM: a is
 * spent. */
MUST_CHECK enum rc sigv4_sign(struct sigv4_signature *out,
                              const struct sigv4_request *request,
                              const struct sigv4_key *key, uint64_t wall_us,
                              struct arena *a);

#endif
