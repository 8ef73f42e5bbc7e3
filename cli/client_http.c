/* SPDX-License-Identifier: Apache-2.0 */
/* libcurl on a socket that we connect ourselves: a folder's path may be longer than the
 * 107 bytes that a socket's address holds, which CURLOPT_UNIX_SOCKET_PATH cannot mend.
 */
#include "cli/client_http.h"

#include "gateway/gateway.h"

#include <curl/curl.h>
#include <stdlib.h>
#include <unistd.h>

struct client_http {
    CURL *curl;
    int folder_fd; /* what socket_path leads through */
    char socket_path[DATADIR_SOCKET_PATH_SIZE];
};

/* What the callback of one exchange needs. */
struct receiver {
    struct client_http *http;
    struct client_exchange *exchange;
};

static size_t receive(char *bytes, size_t size, size_t count, void *arg)
{
    struct receiver *r = arg;
    struct client_exchange *x = r->exchange;
    size_t len = size * count;
    long status = 0;

    (void)curl_easy_getinfo(r->http->curl, CURLINFO_RESPONSE_CODE, &status);
    if (x->file != NULL && status / 100 == 2)
        return fwrite(bytes, 1, len, x->file);
    buf_append(x->answer, slice_from(bytes, len));
    return buf_spent(x->answer) ? 0 : len;
}

enum rc client_http_open(struct client_http **out, const char *data_dir)
{
    struct client_http *h = calloc(1, sizeof(*h));
    enum rc rc;

    if (h == NULL)
        return RC_NOMEM;
    h->folder_fd = -1;
    rc = datadir_admin_path(h->socket_path, &h->folder_fd, data_dir);
    if (rc == RC_OK && curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK)
        h->curl = curl_easy_init();
    if (rc == RC_OK && h->curl == NULL)
        rc = RC_NOMEM;
    if (rc != RC_OK) {
        client_http_close(h);
        return rc;
    }
    *out = h;
    return RC_OK;
}

void client_http_close(struct client_http *h)
{
    if (h == NULL)
        return;
    if (h->curl != NULL) {
        curl_easy_cleanup(h->curl);
        curl_global_cleanup();
    }
    if (h->folder_fd >= 0)
        (void)close(h->folder_fd);
    free(h);
}

static bool set_up(CURL *curl, struct receiver *r, struct curl_slist *headers,
                   const char *url)
{
    struct client_exchange *x = r->exchange;
    CURLcode rc = CURLE_OK;

    curl_easy_reset(curl);
    rc |= curl_easy_setopt(curl, CURLOPT_URL, url);
    rc |= curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http");
    rc |= curl_easy_setopt(curl, CURLOPT_PROXY, "");
    rc |= curl_easy_setopt(curl, CURLOPT_PATH_AS_IS, 1L);
    rc |= curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    rc |= curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, (long)x->timeout_ms);
    rc |= curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
    rc |= curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, x->method);
    if (x->body.len > 0) {
        rc |= curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE,
                               (curl_off_t)x->body.len);
        rc |= curl_easy_setopt(curl, CURLOPT_POSTFIELDS, x->body.bytes);
    }
    rc |= curl_easy_setopt(curl, CURLOPT_UNIX_SOCKET_PATH, r->http->socket_path);
    rc |= curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, receive);
    rc |= curl_easy_setopt(curl, CURLOPT_WRITEDATA, r);
    return rc == CURLE_OK;
}

static enum rc perform(struct client_http *h, struct client_exchange *x)
{
    long status = 0;
    CURLcode code = curl_easy_perform(h->curl);

    if (code == CURLE_WRITE_ERROR)
        return x->file != NULL && !buf_spent(x->answer) ? RC_IO : RC_TOO_BIG;
    if (code == CURLE_OUT_OF_MEMORY)
        return RC_NOMEM;
    if (code != CURLE_OK)
        return RC_UNREACHABLE;
    (void)curl_easy_getinfo(h->curl, CURLINFO_RESPONSE_CODE, &status);
    x->status = (unsigned)status;
    return RC_OK;
}

enum rc client_http_call(struct client_http *h, struct client_exchange *x)
{
    struct receiver r = {h, x};
    struct curl_slist *headers;
    char content_type[64];
    struct buf url;
    enum rc rc = RC_NOMEM;

    (void)snprintf(content_type, sizeof(content_type), "Content-Type: %s",
                   x->content_type);
    headers = curl_slist_append(NULL, content_type);
    buf_init(&url, 65536);
    buf_append_str(&url, "http://127.0.0.1");
    buf_append(&url, x->target);
    buf_append_char(&url, '\0');
    if (headers != NULL && !buf_spent(&url) &&
        set_up(h->curl, &r, headers, buf_slice(&url).bytes))
        rc = perform(h, x);
    curl_slist_free_all(headers);
    buf_free(&url);
    return rc;
}
