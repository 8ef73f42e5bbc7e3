/* SPDX-License-Identifier: Apache-2.0 */
/* The forms of values in the configuration: names, addresses, URLs, header names,
 * secrets. Each takes a value from the file, says what is wrong with it, and yields a
 * copy in the snapshot's memory. It knows no section and no key but `base_url`. */
#include "gateway/config_int.h"

#include "base/codec.h"
#include "gateway/path.h"
#include "gateway/upstream.h"

#include <arpa/inet.h>
#include <assert.h>
#include <curl/curl.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum {
    WARNING_SIZE = 512,
    SHOWN_MAX = 128, /* bytes of a value in a message */
    HOST_SIZE = 256,
    PORT_MAX = 65535,
    DURATION_MIN_MS = 1000,
    DURATION_MAX_MS = 24 * 3600 * 1000
};

/* Messages ----------------------------------------------------------------------------
 */

void config__warn(struct config__reader *r, const struct conf_node *n,
                  const char *format, ...)
{
    char text[WARNING_SIZE];
    va_list arguments;

    va_start(arguments, format);
    (void)vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    for (char *c = text; *c != '\0'; c++)
        if ((unsigned char)*c < 0x20 || *c == 0x7f)
            *c = '?'; /* it goes to terminals */
    if (n == NULL)
        buf_printf(r->warnings, "warning: %s: %s\n", r->path, text);
    else
        buf_printf(r->warnings, "warning: %s:%u: %s\n", r->path, conf_line(n), text);
}

const char *config__shown(char room[CONFIG__SHOWN_SIZE], const struct conf_node *n,
                          struct slice text)
{
    if (conf_is_expanded(n))
        return "what its ${..} form yields";
    (void)snprintf(room, CONFIG__SHOWN_SIZE, "'%.*s'%s",
                   (int)(text.len < SHOWN_MAX ? text.len : SHOWN_MAX), text.bytes,
                   text.len > SHOWN_MAX ? ".." : "");
    return room;
}

bool config__may_be_mapping(struct config__reader *r, struct conf_node *n)
{
    if (!conf_is_scalar(n) && !conf_is_list(n))
        return true;
    (void)conf_get(r->conf, n, ""); /* complains */
    return false;
}

void config__skip(struct config__reader *r, struct conf_node *n)
{
    struct conf_node *value;
    struct slice key;
    size_t at = 0;

    while (conf_is_mapping(n) && conf_next_member(r->conf, n, &at, &key, &value))
        config__skip(r, value);
    while (conf_is_list(n) && conf_next_item(r->conf, n, &at, &value))
        config__skip(r, value);
}

bool config__fits(struct config__reader *r, struct conf_node *list, size_t max,
                  const char *what)
{
    if (conf_count(list) <= max)
        return true;
    conf_fault(r->conf, list, "more than %zu %s", max, what);
    config__skip(r, list);
    return false;
}

/* Names and texts ---------------------------------------------------------------------
 */

static bool is_alnum(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

/* Whether s has letters, digits and `marks` only. */
static bool is_made_of(struct slice s, const char *marks)
{
    for (size_t i = 0; i < s.len; i++)
        if (!is_alnum(s.bytes[i]) && memchr(marks, s.bytes[i], strlen(marks)) == NULL)
            return false;
    return true;
}

char *config__name(struct config__reader *r, const struct conf_node *n,
                   const struct config__name_form *form, struct slice name)
{
    if (name.len == 0 || name.len > form->max || !is_alnum(name.bytes[0]) ||
        !is_made_of(name, form->marks)) {
        conf_fault(r->conf, n,
                   "the name of a %s has 1 to %zu letters, digits and '%s', and begins "
                   "with a letter or digit",
                   form->what, form->max, form->marks);
        return NULL;
    }
    return arena_copy(r->arena, name.bytes, name.len);
}

static bool is_visible(struct slice s)
{
    for (size_t i = 0; i < s.len; i++)
        if (s.bytes[i] <= 0x20 || s.bytes[i] >= 0x7f)
            return false;
    return true;
}

char *config__text(struct config__reader *r, struct conf_node *n)
{
    struct slice text;

    if (!conf_text(r->conf, n, &text))
        return NULL;
    if (text.len == 0 || text.len > CONFIG__TEXT_MAX || !is_visible(text)) {
        conf_fault(r->conf, n, "expected 1 to %d visible ASCII characters, no spaces",
                   CONFIG__TEXT_MAX);
        return NULL;
    }
    return arena_copy(r->arena, text.bytes, text.len);
}

struct secret *config__secret(struct config__reader *r, struct conf_node *n,
                              const char *what)
{
    struct secret *secret = NULL;
    struct slice text;

    if (!conf_text(r->conf, n, &text))
        return NULL;
    if (text.len == 0) {
        conf_fault(r->conf, n, "%s is empty%s", what,
                   conf_is_expanded(n) ? ": is what its ${..} form names set?" : "");
        return NULL;
    }
    if (slice_equal_str(text, CONFIG__HIDDEN)) {
        conf_fault(r->conf, n, "%s is %s, which stands for a secret that was not shown",
                   what, CONFIG__HIDDEN);
        return NULL;
    }
    if (slice_has_ctl(text)) {
        conf_fault(r->conf, n, "%s holds a line end or another control character",
                   what);
        return NULL;
    }
    if (r->exposed && !conf_is_expanded(n))
        config__warn(r, n,
                     "%s is written in a file that everyone on this machine may read: "
                     "use ${file:..} or chmod o-r",
                     what);
    if (r->rc == RC_OK)
        r->rc = secret_new(&secret, text);
    return secret;
}

char *config__header_name(struct config__reader *r, struct conf_node *n)
{
    char room[CONFIG__SHOWN_SIZE];
    struct slice text;
    char *name;

    if (!conf_text(r->conf, n, &text))
        return NULL;
    if (text.len == 0 || text.len > CONFIG__NAME_MAX ||
        !is_made_of(text, "!#$%&'*+-.^_`|~")) {
        conf_fault(r->conf, n, "expected the name of a header, not %s",
                   config__shown(room, n, text));
        return NULL;
    }
    name = arena_copy(r->arena, text.bytes, text.len);
    for (char *c = name; c != NULL && *c != '\0'; c++)
        if (*c >= 'A' && *c <= 'Z')
            *c = (char)(*c - 'A' + 'a');
    return name;
}

bool config__is_hop_header(const char *lower_case)
{
    static const char *const names[] = {"connection", "content-length",    "expect",
                                        "host",       "keep-alive",        "te",
                                        "trailer",    "transfer-encoding", "upgrade"};

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (strcmp(lower_case, names[i]) == 0)
            return true;
    return strncmp(lower_case, "proxy-", strlen("proxy-")) == 0;
}

void config__duration(struct config__reader *r, struct conf_node *n, const char *key,
                      uint64_t *ms)
{
    struct conf_node *value = conf_get(r->conf, n, key);
    uint64_t found;

    if (!conf_duration(r->conf, value, &found))
        return;
    if (found < DURATION_MIN_MS || found > DURATION_MAX_MS)
        conf_fault(r->conf, value, "must be from 1s to 24h");
    else
        *ms = found;
}

void config__price_version(char out[CONFIG__VERSION_SIZE], struct slice price)
{
    uint8_t digest[SHA256_LEN];

    static_assert(CONFIG__VERSION_SIZE > 2 * CONFIG__VERSION_BYTES, "room for a NUL");
    sha256(digest, price);
    hex_encode(out, digest, CONFIG__VERSION_BYTES);
}

/* Addresses ---------------------------------------------------------------------------
 */

/* An IP address without brackets, as a socket address. */
static bool to_address(struct sockaddr_storage *out, struct slice text)
{
    struct sockaddr_in in4 = {.sin_family = AF_INET};
    struct sockaddr_in6 in6 = {.sin6_family = AF_INET6};
    char host[HOST_SIZE];

    memset(out, 0, sizeof(*out));
    if (slice_to_cstr(host, sizeof(host), text) != RC_OK)
        return false;
    if (inet_pton(AF_INET, host, &in4.sin_addr) == 1) {
        memcpy(out, &in4, sizeof(in4));
        return true;
    }
    if (inet_pton(AF_INET6, host, &in6.sin6_addr) == 1) {
        memcpy(out, &in6, sizeof(in6));
        return true;
    }
    return false;
}

/* "1.2.3.4", or "[::1]" as it stands before a port. */
static bool to_bracketed_address(struct sockaddr_storage *out, struct slice text)
{
    bool brackets =
        text.len > 2 && text.bytes[0] == '[' && slice_ends(text, SLICE("]"));

    if (brackets)
        text = slice_sub(text, 1, text.len - 2);
    return to_address(out, text) && brackets == (out->ss_family == AF_INET6);
}

/* The canonical text of an address. */
static void print_address(char out[INET6_ADDRSTRLEN],
                          const struct sockaddr_storage *address)
{
    struct sockaddr_in6 in6;
    struct sockaddr_in in4;

    memcpy(&in4, address, sizeof(in4));
    memcpy(&in6, address, sizeof(in6));
    out[0] = '\0';
    if (address->ss_family == AF_INET)
        (void)inet_ntop(AF_INET, &in4.sin_addr, out, INET6_ADDRSTRLEN);
    else
        (void)inet_ntop(AF_INET6, &in6.sin6_addr, out, INET6_ADDRSTRLEN);
}

char *config__peer(struct config__reader *r, struct conf_node *n)
{
    struct sockaddr_storage address;
    char room[CONFIG__SHOWN_SIZE];
    char host[INET6_ADDRSTRLEN];
    struct slice text;
    uint64_t bits = 0;
    size_t slash;

    if (!conf_text(r->conf, n, &text))
        return NULL;
    if (slice_equal_str(text, "unix"))
        return arena_copy(r->arena, text.bytes, text.len);
    slash = slice_find(text, '/');
    if (!to_address(&address, slice_sub(text, 0, slash)) ||
        (slash < text.len &&
         (slice_to_u64(&bits, slice_sub(text, slash + 1, text.len)) != RC_OK ||
          bits > (address.ss_family == AF_INET ? 32 : 128)))) {
        conf_fault(r->conf, n,
                   "expected an IP address, a range such as 10.0.0.0/8, or 'unix', not "
                   "%s",
                   config__shown(room, n, text));
        return NULL;
    }
    print_address(host, &address);
    return slash == text.len ? arena_copy(r->arena, host, strlen(host))
                             : arena_printf(r->arena, "%s/%" PRIu64, host, bits);
}

char *config__listen_address(struct config__reader *r, struct conf_node *n)
{
    struct sockaddr_storage address;
    char room[CONFIG__SHOWN_SIZE];
    struct slice text;
    uint64_t port;
    size_t colon;

    if (!conf_text(r->conf, n, &text))
        return NULL;
    colon = text.len;
    while (colon > 0 && text.bytes[colon - 1] != ':')
        colon--;
    if (colon == 0 || !to_bracketed_address(&address, slice_sub(text, 0, colon - 1)) ||
        slice_to_u64(&port, slice_sub(text, colon, text.len)) != RC_OK ||
        port > PORT_MAX) {
        conf_fault(r->conf, n,
                   "expected an IP address and a port such as 127.0.0.1:8402 or "
                   "[::1]:8402, not %s",
                   config__shown(room, n, text));
        return NULL;
    }
    return arena_copy(r->arena, text.bytes, text.len);
}

/* URLs --------------------------------------------------------------------------------
 */

/* Whether a host leads nowhere but to this machine or network, as far as its text
 * tells: an address, or a name that is kept for this machine (RFC 6761 section 6.3).
 * What other names lead to is judged when they are connected to. */
static bool is_private_host(struct slice host)
{
    struct sockaddr_storage address;

    if (slice_ends(host, SLICE(".")))
        host.len--;
    if (to_bracketed_address(&address, host))
        return upstream_address_private((const struct sockaddr *)&address);
    return slice_equal_nocase(host, SLICE("localhost")) ||
           (host.len > 10 && slice_equal_nocase(slice_sub(host, host.len - 10, 10),
                                                SLICE(".localhost")));
}

/* A name without a dot is one of the local network's. */
static bool is_near_host(struct slice host)
{
    return is_private_host(host) ||
           (slice_find(host, '.') == host.len && slice_find(host, ':') == host.len);
}

/* What libcurl finds in the URL, whose bytes were looked at before. NULL: all is well,
 * and `host` is filled in. */
static const char *host_problem(char host[HOST_SIZE], const char *url)
{
    const char *problem = NULL;
    CURLU *parsed = curl_url();
    char *part = NULL;

    if (parsed == NULL)
        return "cannot be checked: no memory";
    if (curl_url_set(parsed, CURLUPART_URL, url, 0) != CURLUE_OK)
        problem = "is not a URL";
    else if (curl_url_get(parsed, CURLUPART_USER, &part, 0) == CURLUE_OK ||
             curl_url_get(parsed, CURLUPART_PASSWORD, &part, 0) == CURLUE_OK)
        problem = "may not hold a user name or password";
    else if (curl_url_get(parsed, CURLUPART_HOST, &part, 0) != CURLUE_OK ||
             slice_to_cstr(host, HOST_SIZE, slice_str(part)) != RC_OK)
        problem = "has no usable host";
    curl_free(part);
    curl_url_cleanup(parsed);
    return problem;
}

static const char *url_problem(char host[HOST_SIZE], struct slice url, const char *copy)
{
    struct slice rest;
    size_t slash;

    if (slice_starts_nocase(url, SLICE("https://")))
        rest = slice_sub(url, strlen("https://"), url.len);
    else if (slice_starts_nocase(url, SLICE("http://")))
        rest = slice_sub(url, strlen("http://"), url.len);
    else
        return "must begin with https:// or http://";
    if (slice_find(url, '?') < url.len || slice_find(url, '#') < url.len)
        return "may not have a query or a fragment";
    slash = slice_find(rest, '/');
    if (slash == 0 || rest.len == 0)
        return "has no host";
    rest = slice_sub(rest, slash, rest.len);
    if (!is_visible(url) || slice_find(url, '\\') < url.len ||
        (rest.len > 0 && path_check(rest, false) != RC_OK))
        return "has spaces, empty or dot segments, or malformed escapes";
    return host_problem(host, copy);
}

/* A URL without a slash at its end; `host` is filled in. NULL: absent, or a fault. */
static char *read_url(struct config__reader *r, struct conf_node *n, const char *what,
                      char host[HOST_SIZE])
{
    const char *problem;
    struct slice url;
    char *copy;

    if (!conf_text(r->conf, n, &url))
        return NULL;
    if (slice_equal_str(url, CONFIG__HIDDEN)) {
        conf_fault(r->conf, n, "%s is %s, which stands for a secret that was not shown",
                   what, CONFIG__HIDDEN);
        return NULL;
    }
    while (slice_ends(url, SLICE("/")))
        url.len--;
    copy = arena_copy(r->arena, url.bytes, url.len);
    if (copy == NULL)
        return NULL;
    problem = url_problem(host, url, copy);
    if (problem != NULL) {
        conf_fault(r->conf, n, "%s %s", what, problem);
        return NULL;
    }
    if (slice_starts_nocase(url, SLICE("http://")) && !is_near_host(slice_str(host)))
        config__warn(r, n, "%s is plain http: keys and texts travel unencrypted", what);
    return copy;
}

char *config__url(struct config__reader *r, struct conf_node *n, const char *what,
                  bool allow_private)
{
    char host[HOST_SIZE] = "";
    char *url = read_url(r, n, what, host);

    /* Of ours no fault: the address is checked when it is connected to, wherever it
     * came from. */
    if (url == NULL || allow_private || !is_private_host(slice_str(host)))
        return url;
    if (r->published)
        conf_fault(r->conf, n, "%s is on a private or loopback address", what);
    else
        config__warn(r, n,
                     "%s is on a private or loopback address: calls are refused until "
                     "'allow_private: true' is set",
                     what);
    return url;
}

char *config__base_url(struct config__reader *r, struct conf_node *n,
                       bool allow_private)
{
    return config__url(r, conf_get(r->conf, n, "base_url"), "base_url", allow_private);
}

bool config__same_text(const char *a, const char *b)
{
    return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

bool config__url_has_path(const char *url)
{
    const char *host = strstr(url, "://");

    return host != NULL && strchr(host + strlen("://"), '/') != NULL;
}

char *config__origin(struct config__reader *r, struct conf_node *n, const char *what)
{
    char host[HOST_SIZE] = "";
    char *url = read_url(r, n, what, host);

    if (url == NULL)
        return NULL;
    if (config__url_has_path(url)) {
        conf_fault(r->conf, n, "%s is an origin: it may not have a path", what);
        return NULL;
    }
    /* As clients write it (RFC 6454 section 6.2). */
    for (char *c = url; *c != '\0'; c++)
        if (*c >= 'A' && *c <= 'Z')
            *c = (char)(*c - 'A' + 'a');
    return url;
}
