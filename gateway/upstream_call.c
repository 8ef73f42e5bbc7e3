/* SPDX-License-Identifier: Apache-2.0 */
/* One HTTP transfer: the request as libcurl wants it, the callbacks through which
 * libcurl asks for bytes and brings some, and the meaning of its end. libcurl is
 * lenient where we are not: it sends what it is given, line ends included, and believes
 * the last of two lengths; both directions are therefore checked here. Knows nothing of
 * multis. */
#include "gateway/upstream_int.h"

#include "base/secret.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

enum {
    HEAD_MAX = 65536, /* of a request, and of all that an answer has but its body */
    ARENA_MAX = 4 * HEAD_MAX,
    LINES_MAX = 128, /* headers of a request */
    METHOD_MAX = 16,
    URL_MAX = 16384,
    JOINED_MAX = 32768,    /* bytes of a body that goes out together with its head */
    CONNECTION_AGE_S = 55, /* servers close idle connections after 60 s or more */
    CONNECT_TIMEOUT_MS = 5000,
    HEAD_TIMEOUT_MS = 60000,
    IDLE_TIMEOUT_MS = 60000,
    RESPONSE_MAX = 64 * 1024 * 1024
};

/* ---- Callbacks of libcurl ---- */

/* Notes why c must end, for the callback to return what makes libcurl end it. */
static void note(struct upstream_call *c, enum upstream_fail fail, const char *detail)
{
    if (c->failed)
        return;
    c->failed = true;
    c->fail = fail;
    c->detail = detail;
}

static bool refuse(struct upstream_call *c, enum upstream_fail fail, const char *detail)
{
    note(c, fail, detail);
    return false;
}

/* The only place where an address is checked, because only here it is the one that will
 * be connected to, whatever the name resolved to before (DNS rebinding). */
static curl_socket_t on_socket(void *arg, curlsocktype purpose, struct curl_sockaddr *a)
{
    struct upstream_call *c = arg;
    const bool internet = a->family == AF_INET || a->family == AF_INET6;

    (void)purpose;
    if (c->cancelled)
        return CURL_SOCKET_BAD;
    if (!internet || (!c->spec.allow_private && upstream_address_private(&a->addr))) {
        c->blocked = true;
        return CURL_SOCKET_BAD;
    }
    c->tried = true;
    return socket(a->family, a->socktype | SOCK_CLOEXEC | SOCK_NONBLOCK, a->protocol);
}

static int on_close(void *arg, curl_socket_t fd)
{
    upstream__socket_close(arg, fd);
    return 0;
}

static size_t on_read(char *out, size_t size, size_t count, void *arg)
{
    struct upstream_call *c = arg;
    size_t room = size * count;
    size_t done = 0;

    if (c->cancelled) /* the body may be gone already */
        return CURL_READFUNC_ABORT;
    while (room > done && c->part_index < c->spec.part_count) {
        struct slice part =
            slice_sub(c->spec.parts[c->part_index], c->part_offset, room - done);

        if (part.len == 0) {
            c->part_index++;
            c->part_offset = 0;
            continue;
        }
        memcpy(out + done, part.bytes, part.len);
        done += part.len;
        c->part_offset += part.len;
    }
    return done;
}

/* libcurl begins anew when a connection that it kept turns out to be dead. */
static int on_seek(void *arg, curl_off_t offset, int origin)
{
    struct upstream_call *c = arg;

    if (offset != 0 || origin != SEEK_SET)
        return CURL_SEEKFUNC_CANTSEEK;
    c->part_index = 0;
    c->part_offset = 0;
    return CURL_SEEKFUNC_OK;
}

/* Before a request goes out, and before it goes out again. */
static int on_sending(void *arg, char *remote_ip, char *local_ip, int remote_port,
                      int local_port)
{
    struct upstream_call *c = arg;

    (void)remote_ip;
    (void)local_ip;
    (void)remote_port;
    (void)local_port;
    if (!c->spec.send_once || !upstream__call_was_sent(c))
        return CURL_PREREQFUNC_OK;
    note(c, UPSTREAM_CUT, "the kept connection died");
    return CURL_PREREQFUNC_ABORT;
}

static bool is_token(struct slice s)
{
    if (s.len == 0)
        return false;
    for (size_t i = 0; i < s.len; i++) {
        const unsigned char b = (unsigned char)s.bytes[i];
        const bool alnum =
            (b >= '0' && b <= '9') || (b >= 'A' && b <= 'Z') || (b >= 'a' && b <= 'z');

        if (!alnum && (b == '\0' || strchr("!#$%&'*+-.^_`|~", b) == NULL))
            return false;
    }
    return true;
}

/* RFC 9110 section 5.5: visible bytes, spaces, tabs, and bytes above ASCII. */
static bool is_value(struct slice s)
{
    for (size_t i = 0; i < s.len; i++) {
        const unsigned char b = (unsigned char)s.bytes[i];

        if ((b < 0x20 && b != '\t') || b == 0x7f)
            return false;
    }
    return true;
}

static bool add_header(struct upstream_call *c, struct slice line)
{
    const size_t colon = slice_find(line, ':');
    struct http_header *h;

    if (c->header_count == HTTP_HEADERS_MAX)
        return refuse(c, UPSTREAM_TOO_BIG, "too many headers in the answer");
    h = &c->headers[c->header_count];
    line = arena_slice(c->arena, line);
    if (arena_spent(c->arena))
        return refuse(c, UPSTREAM_CUT, "out of memory");
    h->name = slice_sub(line, 0, colon);
    h->value = slice_trim(slice_sub(line, colon + 1, line.len));
    /* Also refuses a folded line, which begins with a space. */
    if (colon == line.len || !is_token(h->name) || !is_value(h->value))
        return refuse(c, UPSTREAM_CUT, "a malformed header in the answer");
    c->header_count++;
    return true;
}

static bool is_named(const struct http_header *h, const char *name)
{
    return slice_equal_nocase(h->name, slice_str(name));
}

/* Adds a header to what is known of the body's length. */
static bool note_framing(struct upstream_call *c, const struct http_header *h)
{
    uint64_t length;

    if (is_named(h, "Transfer-Encoding")) {
        if (c->is_chunked || !slice_equal_nocase(h->value, SLICE("chunked")))
            return refuse(c, UPSTREAM_CUT, "a transfer coding we do not speak");
        c->is_chunked = true;
    } else if (is_named(h, "Content-Length")) {
        if (slice_to_u64(&length, h->value) != RC_OK ||
            (c->has_length && length != c->length))
            return refuse(c, UPSTREAM_CUT, "a wrong Content-Length");
        c->has_length = true;
        c->length = length;
    }
    return true;
}

/* Whether the answer's body has one length that everybody would read the same way (RFC
 * 9112 section 6.3); libcurl would take the last of several. */
static bool check_framing(struct upstream_call *c)
{
    const bool bodiless =
        c->status == 204 || c->status == 304 || strcmp(c->spec.method, "HEAD") == 0;

    for (size_t i = 0; i < c->header_count; i++) {
        if (!note_framing(c, &c->headers[i]))
            return false;
    }
    if (c->is_chunked && c->has_length)
        return refuse(c, UPSTREAM_CUT, "two lengths for one body");
    if (!bodiless && c->has_length && c->length > c->spec.max_response_bytes)
        return refuse(c, UPSTREAM_TOO_BIG, "the answer announces too many bytes");
    return true;
}

/* What was decoded must not be announced as encoded, nor with the length of before. */
static void hide_encoding(struct upstream_call *c)
{
    size_t kept = 0;
    bool encoded = false;

    for (size_t i = 0; i < c->header_count; i++)
        encoded = encoded || is_named(&c->headers[i], "Content-Encoding");
    if (!encoded)
        return;
    for (size_t i = 0; i < c->header_count; i++) {
        if (!is_named(&c->headers[i], "Content-Encoding") &&
            !is_named(&c->headers[i], "Content-Length"))
            c->headers[kept++] = c->headers[i];
    }
    c->header_count = kept;
}

void upstream__call_head(struct upstream_call *c)
{
    switch (c->spec.head(c->spec.arg, c->status, c->headers, c->header_count)) {
    case UPSTREAM_TOOK:
        c->head = HEAD_TAKEN;
        break;
    case UPSTREAM_PAUSE:
        c->head = HEAD_WAITING;
        c->paused = true;
        break;
    case UPSTREAM_STOP:
        c->head = HEAD_TAKEN;
        c->failed = false; /* it may have ended well meanwhile */
        note(c, UPSTREAM_STOPPED, "stopped by its reader");
        break;
    }
}

/* The empty line behind a head. */
static bool end_head(struct upstream_call *c)
{
    long status = 0;

    c->in_head = false;
    if (curl_easy_getinfo(c->easy, CURLINFO_RESPONSE_CODE, &status) != CURLE_OK ||
        status < 100 || status > 599)
        return refuse(c, UPSTREAM_CUT, "a status that does not exist");
    if (status == 101) /* we never offer another protocol */
        return refuse(c, UPSTREAM_CUT, "switches protocols");
    if (status < 200)
        return true;
    c->status = (unsigned)status;
    if (!check_framing(c))
        return false;
    if (c->spec.decode)
        hide_encoding(c);
    upstream__call_head(c);
    upstream__set_timer(c);
    return !c->failed;
}

/* Gets a whole line at a time: of 1xx heads, of the final one, and of trailers. */
static size_t on_header(char *bytes, size_t size, size_t count, void *arg)
{
    struct upstream_call *c = arg;
    struct slice line = slice_from(bytes, size * count);
    bool fine = true;

    if (c->cancelled)
        return 0;
    c->moved_ms = upstream__now_ms(c);
    c->head_bytes += line.len;
    if (line.len > 0 && line.bytes[line.len - 1] == '\n')
        line.len--;
    if (line.len > 0 && line.bytes[line.len - 1] == '\r')
        line.len--;
    if (c->head_bytes > HEAD_MAX) {
        fine = refuse(c, UPSTREAM_TOO_BIG, "the answer's head is too long");
    } else if (c->head != HEAD_NONE) {
        fine = true; /* a trailer: counted, otherwise dropped */
    } else if (line.len == 0) {
        fine = end_head(c);
    } else if (!c->in_head) {
        c->in_head = true;
        c->header_count = 0;
    } else {
        fine = add_header(c, line);
    }
    return fine && !c->cancelled ? size * count : 0;
}

static size_t on_write(char *bytes, size_t size, size_t count, void *arg)
{
    struct upstream_call *c = arg;
    const size_t len = size * count;

    if (c->cancelled)
        return 0;
    c->moved_ms = upstream__now_ms(c);
    if (c->head != HEAD_TAKEN) {
        upstream__pausing(c);
        return CURL_WRITEFUNC_PAUSE;
    }
    if (len > c->spec.max_response_bytes - c->received_bytes) {
        note(c, UPSTREAM_TOO_BIG, "the answer has too many bytes");
        return 0;
    }
    switch (c->spec.data(c->spec.arg, slice_from(bytes, len))) {
    case UPSTREAM_TOOK:
        break;
    case UPSTREAM_PAUSE:
        c->paused = true;
        upstream__pausing(c);
        return CURL_WRITEFUNC_PAUSE;
    case UPSTREAM_STOP:
        note(c, UPSTREAM_STOPPED, "stopped by its reader");
        return 0;
    }
    c->received_bytes += len;
    return c->cancelled ? 0 : len;
}

/* ---- The request ---- */

static bool is_url(struct slice url)
{
    struct slice host;

    if (url.len > URL_MAX)
        return false;
    if (slice_starts_nocase(url, SLICE("https://")))
        host = slice_sub(url, 8, url.len);
    else if (slice_starts_nocase(url, SLICE("http://")))
        host = slice_sub(url, 7, url.len);
    else
        return false;
    /* libcurl would cut a fragment, and take "a:b@" as a user to log in as. */
    for (size_t i = 0; i < url.len; i++) {
        const unsigned char b = (unsigned char)url.bytes[i];

        if (b <= 0x20 || b == 0x7f || b == '#')
            return false;
    }
    host = slice_sub(host, 0, slice_find(host, '/'));
    host = slice_sub(host, 0, slice_find(host, '?'));
    return host.len > 0 && slice_find(host, '@') == host.len;
}

/* What belongs to the connection or to the framing is libcurl's to say. */
static bool is_ours(struct slice name)
{
    static const char *const ours[] = {
        "Connection", "Content-Length", "Expect",           "Host", "Keep-Alive", "TE",
        "Trailer",    "Upgrade",        "Transfer-Encoding"};

    for (size_t i = 0; i < sizeof(ours) / sizeof(ours[0]); i++) {
        if (slice_equal_nocase(name, slice_str(ours[i])))
            return true;
    }
    return slice_starts_nocase(name, SLICE("Proxy-"));
}

static bool has_header(const struct upstream_spec *spec, const char *name)
{
    for (size_t i = 0; i < spec->header_count; i++) {
        if (is_named(&spec->headers[i], name))
            return true;
    }
    return false;
}

static void add_line(struct upstream_call *c, struct slice name, const char *between,
                     struct slice value)
{
    struct curl_slist *line = arena_new(c->arena, struct curl_slist);
    const size_t gap = strlen(between);
    char *text = arena_alloc(c->arena, name.len + gap + value.len + 1);

    if (arena_spent(c->arena))
        return;
    memcpy(text, name.bytes, name.len);
    memcpy(text + name.len, between, gap);
    if (value.len > 0)
        memcpy(text + name.len + gap, value.bytes, value.len);
    line->data = text;
    line->next = c->lines;
    c->lines = line;
}

/* A bare "Name:" keeps libcurl from adding a header of its own. Lines are added in
 * front of the list, so the last header comes first. */
static bool add_lines(struct upstream_call *c)
{
    static const char *const unwanted[] = {"Accept", "Content-Type", "Expect"};
    size_t bytes = 0;

    if (c->spec.header_count > LINES_MAX)
        return refuse(c, UPSTREAM_STOPPED, "too many headers to send");
    for (size_t i = 0; i < sizeof(unwanted) / sizeof(unwanted[0]); i++) {
        if (!has_header(&c->spec, unwanted[i]))
            add_line(c, slice_str(unwanted[i]), ":", SLICE_NONE);
    }
    for (size_t i = c->spec.header_count; i > 0; i--) {
        const struct http_header *h = &c->spec.headers[i - 1];
        const struct slice value = slice_trim(h->value);

        if (!is_token(h->name) || !is_value(value))
            return refuse(c, UPSTREAM_STOPPED, "a malformed header to send");
        if (is_ours(h->name))
            return refuse(c, UPSTREAM_STOPPED, "a header that is not the caller's");
        bytes += h->name.len + value.len;
        if (bytes > HEAD_MAX)
            return refuse(c, UPSTREAM_STOPPED, "too many bytes of headers to send");
        /* libcurl's way to send a header with an empty value is "Name;". */
        add_line(c, h->name, value.len > 0 ? ": " : ";", value);
    }
    if (arena_spent(c->arena))
        return refuse(c, UPSTREAM_STOPPED, "out of memory");
    return true;
}

static size_t body_length(const struct upstream_call *c)
{
    size_t length = 0;

    for (size_t i = 0; i < c->spec.part_count; i++)
        length += c->spec.parts[i].len;
    return length;
}

/* A short body as one piece of the call's own; NULL: long, or no memory for it. What
 * libcurl has as one piece it sends with the head: one packet instead of two, and no
 * buffer of 64 KiB to read parts into. */
static const char *joined_body(struct upstream_call *c, size_t length)
{
    char *joined;
    size_t at = 0;

    if (length == 0 || length > JOINED_MAX)
        return NULL;
    joined = arena_alloc(c->arena, length);
    for (size_t i = 0; joined != NULL && i < c->spec.part_count; i++) {
        const struct slice part = c->spec.parts[i];

        if (part.len > 0)
            memcpy(joined + at, part.bytes, part.len);
        at += part.len;
    }
    return joined;
}

/* A body goes out as libcurl's POST whatever the method is called: that is its one form
 * with a known length, in one piece or on demand. */
static unsigned set_body(struct upstream_call *c)
{
    const size_t length = body_length(c);
    unsigned bad = 0;

    bad |= curl_easy_setopt(c->easy, CURLOPT_POSTFIELDS, joined_body(c, length));
    if (c->spec.has_body || length > 0) {
        bad |= curl_easy_setopt(c->easy, CURLOPT_POST, 1L);
        bad |=
            curl_easy_setopt(c->easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)length);
    } else {
        bad |= curl_easy_setopt(c->easy, CURLOPT_HTTPGET, 1L);
    }
    if (strcmp(c->spec.method, "HEAD") == 0)
        bad |= curl_easy_setopt(c->easy, CURLOPT_NOBODY, 1L);
    return bad;
}

static bool set_request(struct upstream_call *c)
{
    const uint64_t connect_ms = c->spec.connect_timeout_ms;
    unsigned bad = set_body(c);

    bad |= curl_easy_setopt(c->easy, CURLOPT_URL, c->spec.url);
    bad |= curl_easy_setopt(c->easy, CURLOPT_CUSTOMREQUEST, c->spec.method);
    bad |= curl_easy_setopt(c->easy, CURLOPT_HTTPHEADER, c->lines);
    bad |= curl_easy_setopt(c->easy, CURLOPT_ACCEPT_ENCODING,
                            c->spec.decode ? "gzip, deflate, br" : NULL);
    bad |= curl_easy_setopt(c->easy, CURLOPT_CONNECTTIMEOUT_MS,
                            (long)(connect_ms < INT32_MAX ? connect_ms : INT32_MAX));
    return bad == 0 || refuse(c, UPSTREAM_STOPPED, "out of memory");
}

static void set_defaults(struct upstream_spec *spec)
{
    if (spec->connect_timeout_ms == 0)
        spec->connect_timeout_ms = CONNECT_TIMEOUT_MS;
    if (spec->first_byte_timeout_ms == 0)
        spec->first_byte_timeout_ms = HEAD_TIMEOUT_MS;
    if (spec->idle_timeout_ms == 0)
        spec->idle_timeout_ms = IDLE_TIMEOUT_MS;
    if (spec->deadline_ms == 0)
        spec->deadline_ms = UINT64_MAX;
    if (spec->max_response_bytes == 0)
        spec->max_response_bytes = RESPONSE_MAX;
}

bool upstream__call_prepare(struct upstream_call *c, const struct upstream_spec *spec)
{
    const struct slice method = slice_str(spec->method);

    assert(spec->head != NULL && spec->data != NULL && spec->end != NULL);
    c->spec = *spec;
    set_defaults(&c->spec);
    c->started_ms = upstream__now_ms(c);
    if (!is_token(method) || method.len > METHOD_MAX ||
        slice_equal_nocase(method, SLICE("CONNECT")))
        return refuse(c, UPSTREAM_STOPPED, "a method that cannot be sent");
    if (!is_url(slice_str(spec->url)))
        return refuse(c, UPSTREAM_STOPPED, "a URL that cannot be called");
    if (spec->has_body && slice_equal(method, SLICE("HEAD")))
        return refuse(c, UPSTREAM_STOPPED, "a HEAD request with a body");
    return add_lines(c) && set_request(c);
}

void upstream__call_forget(struct upstream_call *c)
{
    struct curl_slist *line;

    (void)curl_easy_setopt(c->easy, CURLOPT_HTTPHEADER, NULL);
    (void)curl_easy_setopt(c->easy, CURLOPT_POSTFIELDS, NULL);
    for (line = c->lines; line != NULL; line = line->next)
        secret_wipe(line->data, strlen(line->data));
    arena_reset(c->arena);
}

/* ---- The handle ---- */

static unsigned set_limits(CURL *easy)
{
    unsigned bad = 0;

    bad |= curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
    bad |= curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);
    bad |= curl_easy_setopt(easy, CURLOPT_MAXREDIRS, 0L);
    bad |= curl_easy_setopt(easy, CURLOPT_DISALLOW_USERNAME_IN_URL, 1L);
    bad |= curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    bad |= curl_easy_setopt(easy, CURLOPT_HTTP09_ALLOWED, 0L);
    /* The bytes that a route matched are the bytes to send. */
    bad |= curl_easy_setopt(easy, CURLOPT_PATH_AS_IS, 1L);
    /* Nothing comes from the environment or from files. */
    bad |= curl_easy_setopt(easy, CURLOPT_PROXY, "");
    bad |= curl_easy_setopt(easy, CURLOPT_NETRC, (long)CURL_NETRC_IGNORED);
    bad |= curl_easy_setopt(easy, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    bad |= curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, 1L);
    bad |= curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, 2L);
    bad |= curl_easy_setopt(easy, CURLOPT_USERAGENT, "octroi");
    return bad;
}

static unsigned set_behaviour(CURL *easy)
{
    unsigned bad = 0;

    /* The process ignores SIGPIPE; libcurl need not do so around every call. */
    bad |= curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    /* Without it, ending a call whose name is being resolved waits for the resolver's
     * thread, and the loop with it. Despite its name it leaks nothing: the thread is
     * left alone and frees what it had when it is done (asyn-thread.c). */
    bad |= curl_easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L);
    bad |= curl_easy_setopt(easy, CURLOPT_MAXAGE_CONN, (long)CONNECTION_AGE_S);
    /* A model may think for minutes; what stands between must not forget us. */
    bad |= curl_easy_setopt(easy, CURLOPT_TCP_KEEPALIVE, 1L);
    bad |= curl_easy_setopt(easy, CURLOPT_TCP_KEEPIDLE, 60L);
    bad |= curl_easy_setopt(easy, CURLOPT_TCP_KEEPINTVL, 60L);
    return bad;
}

static unsigned set_callbacks(struct upstream_call *c)
{
    unsigned bad = 0;

    bad |= curl_easy_setopt(c->easy, CURLOPT_PRIVATE, c);
    bad |= curl_easy_setopt(c->easy, CURLOPT_ERRORBUFFER, c->error);
    bad |= curl_easy_setopt(c->easy, CURLOPT_OPENSOCKETFUNCTION, on_socket);
    bad |= curl_easy_setopt(c->easy, CURLOPT_OPENSOCKETDATA, c);
    /* Connections outlive the calls that opened them. */
    bad |= curl_easy_setopt(c->easy, CURLOPT_CLOSESOCKETFUNCTION, on_close);
    bad |= curl_easy_setopt(c->easy, CURLOPT_CLOSESOCKETDATA, c->owner);
    bad |= curl_easy_setopt(c->easy, CURLOPT_PREREQFUNCTION, on_sending);
    bad |= curl_easy_setopt(c->easy, CURLOPT_PREREQDATA, c);
    bad |= curl_easy_setopt(c->easy, CURLOPT_HEADERFUNCTION, on_header);
    bad |= curl_easy_setopt(c->easy, CURLOPT_HEADERDATA, c);
    bad |= curl_easy_setopt(c->easy, CURLOPT_WRITEFUNCTION, on_write);
    bad |= curl_easy_setopt(c->easy, CURLOPT_WRITEDATA, c);
    bad |= curl_easy_setopt(c->easy, CURLOPT_READFUNCTION, on_read);
    bad |= curl_easy_setopt(c->easy, CURLOPT_READDATA, c);
    bad |= curl_easy_setopt(c->easy, CURLOPT_SEEKFUNCTION, on_seek);
    bad |= curl_easy_setopt(c->easy, CURLOPT_SEEKDATA, c);
    return bad;
}

enum rc upstream__call_new(struct upstream_call **out, struct upstream *u)
{
    struct upstream_call *c = calloc(1, sizeof(*c));
    enum rc rc = RC_NOMEM;

    if (c == NULL)
        return RC_NOMEM;
    c->owner = u;
    c->easy = curl_easy_init();
    if (c->easy == NULL)
        goto out;
    rc = arena_open(&c->arena, ARENA_MAX);
    if (rc != RC_OK)
        goto out;
    if ((set_limits(c->easy) | set_behaviour(c->easy) | set_callbacks(c)) != 0) {
        rc = RC_NOMEM;
        goto out;
    }
    *out = c;
    return RC_OK;

out:
    upstream__call_free(c);
    return rc;
}

void upstream__call_free(struct upstream_call *c)
{
    if (c == NULL)
        return;
    curl_easy_cleanup(c->easy);
    arena_close(c->arena);
    free(c);
}

/* ---- Its end ---- */

bool upstream__call_was_sent(const struct upstream_call *c)
{
    long sent = 0; /* of all tries together */

    return curl_easy_getinfo(c->easy, CURLINFO_REQUEST_SIZE, &sent) != CURLE_OK ||
           sent > 0;
}

static enum upstream_fail unsent_fail(const struct upstream_call *c, CURLcode code)
{
    if (c->blocked && !c->tried)
        return UPSTREAM_BLOCKED;
    switch (code) {
    case CURLE_URL_MALFORMAT:
    case CURLE_UNSUPPORTED_PROTOCOL:
    case CURLE_LOGIN_DENIED:
        return UPSTREAM_STOPPED; /* a spec that cannot be sent */
    default:
        return UPSTREAM_CONNECT;
    }
}

void upstream__call_classify(struct upstream_call *c, CURLcode code)
{
    const char *words = c->error[0] != '\0' ? c->error : curl_easy_strerror(code);

    if (c->failed)
        return;
    if (!upstream__call_was_sent(c))
        note(c, unsent_fail(c, code), words);
    else if (code == CURLE_OPERATION_TIMEDOUT)
        note(c, UPSTREAM_SLOW, words);
    else if (code != CURLE_OK)
        note(c, UPSTREAM_CUT, words);
    else if (c->head == HEAD_NONE)
        note(c, UPSTREAM_CUT, "no answer");
    else
        note(c, UPSTREAM_FINE, "");
}

static uint64_t after(uint64_t since_ms, uint64_t timeout_ms)
{
    return timeout_ms < UINT64_MAX - since_ms ? since_ms + timeout_ms : UINT64_MAX;
}

uint64_t upstream__call_due_ms(const struct upstream_call *c)
{
    uint64_t due_ms = UINT64_MAX;

    if (c->head == HEAD_NONE)
        due_ms = after(c->started_ms, c->spec.first_byte_timeout_ms);
    else if (!c->paused)
        due_ms = after(c->moved_ms, c->spec.idle_timeout_ms);
    return due_ms < c->spec.deadline_ms ? due_ms : c->spec.deadline_ms;
}
