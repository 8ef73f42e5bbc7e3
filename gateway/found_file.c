/* SPDX-License-Identifier: Apache-2.0 */
/* models.json: {"version":1,"lists":[{"provider","base_url","read_us","models":[..]}]}.
 * Its reader is strict: what this program did not write so is not taken at all, and the
 * lists are asked for again. */
#include "gateway/found.h"

#include "base/json.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    FILE_MODE = 0600,
    FILE_VERSION = 1,
    PROVIDER_MAX = 64,
    URL_MAX = 2048,
    CONTAINERS_MAX = 200000,
    KEYS_MAX = 1000000
};

#define FILE_NAME "models.json"

/* Of the bits MODEL_BY_*; NULL behind the last. */
static const char *endpoint_name(unsigned index)
{
    static const char *const names[] = {"chat", "responses", "completions",
                                        "embeddings"};

    return index < sizeof(names) / sizeof(names[0]) ? names[index] : NULL;
}

/* Reading ----------------------------------------------------------------------------
 */

struct reader {
    struct arena *arena;
    size_t model_count; /* of all lists so far */
};

typedef enum rc read_fn(struct reader *r, void *to, struct slice value);

struct member {
    const char *name;
    read_fn *read;
};

/* Every member must be in the table, which ends with a NULL name. */
static enum rc read_object(struct reader *r, void *to, struct slice json,
                           const struct member *table)
{
    struct slice key, value;
    size_t at = 0;

    if (json_raw_type(json) != JSON_OBJECT)
        return RC_BAD_INPUT;
    while (json_raw_next(&key, &value, json, &at) != JSON_ABSENT) {
        const struct member *m = table;

        key = slice_sub(key, 1, key.len - 2);
        while (m->name != NULL && !slice_equal_str(key, m->name))
            m++;
        if (m->name == NULL)
            return RC_BAD_INPUT;
        TRY(m->read(r, to, value));
    }
    return RC_OK;
}

static enum rc read_text(const char **out, struct reader *r, struct slice value,
                         size_t max)
{
    struct slice text;

    if (json_raw_type(value) != JSON_STRING)
        return RC_BAD_INPUT;
    TRY(json_raw_string(&text, value, r->arena));
    if (text.len == 0 || text.len > max || slice_has_ctl(text))
        return RC_BAD_INPUT;
    *out = arena_copy(r->arena, text.bytes, text.len);
    return *out != NULL ? RC_OK : RC_NOMEM;
}

static enum rc read_tokens(uint64_t *out, struct slice value)
{
    TRY(json_raw_u64(out, value));
    return *out <= FOUND_TOKENS_MAX ? RC_OK : RC_BAD_INPUT;
}

static enum rc read_money(struct money *out, struct reader *r, struct slice value)
{
    struct slice text;

    if (json_raw_type(value) != JSON_STRING)
        return RC_BAD_INPUT;
    TRY(json_raw_string(&text, value, r->arena));
    return money_parse(out, text) == RC_OK ? RC_OK : RC_BAD_INPUT;
}

/* A price ---- */

#define READ_MONEY(member)                                                   \
    static enum rc read_##member(struct reader *r, void *to, struct slice v) \
    {                                                                        \
        return read_money(&((struct found_price *)to)->member, r, v);        \
    }

READ_MONEY(input)
READ_MONEY(cached_input)
READ_MONEY(cache_write)
READ_MONEY(output)
READ_MONEY(request)
READ_MONEY(web_search)
READ_MONEY(above_input)
READ_MONEY(above_cached_input)
READ_MONEY(above_output)

static enum rc read_above(struct reader *r, void *to, struct slice v)
{
    (void)r;
    return read_tokens(&((struct found_price *)to)->above, v);
}

static const struct member price_members[] = {
    {"input", read_input},
    {"cached_input", read_cached_input},
    {"cache_write", read_cache_write},
    {"output", read_output},
    {"request", read_request},
    {"web_search", read_web_search},
    {"above", read_above},
    {"above_input", read_above_input},
    {"above_cached_input", read_above_cached_input},
    {"above_output", read_above_output},
    {NULL, NULL},
};

/* A model ---- */

static enum rc read_id(struct reader *r, void *to, struct slice v)
{
    struct found_model *m = to;

    TRY(read_text(&m->id, r, v, FOUND_ID_MAX));
    return found_id_good(slice_str(m->id)) ? RC_OK : RC_BAD_INPUT;
}

static enum rc read_context(struct reader *r, void *to, struct slice v)
{
    (void)r;
    return read_tokens(&((struct found_model *)to)->context_tokens, v);
}

static enum rc read_max_output(struct reader *r, void *to, struct slice v)
{
    (void)r;
    return read_tokens(&((struct found_model *)to)->max_output_tokens, v);
}

/* A list of words, as bits. */
static enum rc read_words(unsigned *out, struct slice v, const char *(*word)(unsigned))
{
    struct slice element;
    size_t at = 0;

    if (json_raw_type(v) != JSON_ARRAY)
        return RC_BAD_INPUT;
    while (json_raw_element(&element, v, &at) != JSON_ABSENT) {
        unsigned i = 0;

        if (json_raw_type(element) != JSON_STRING)
            return RC_BAD_INPUT;
        element = slice_sub(element, 1, element.len - 2);
        while (word(i) != NULL && !slice_equal_str(element, word(i)))
            i++;
        if (word(i) == NULL)
            return RC_BAD_INPUT;
        *out |= 1u << i;
    }
    return RC_OK;
}

static enum rc read_can(struct reader *r, void *to, struct slice v)
{
    struct found_model *m = to;
    unsigned bits = 0;

    (void)r;
    TRY(read_words(&bits, v, catalog_cap_name));
    m->caps = bits;
    m->told |= bits;
    return RC_OK;
}

static enum rc read_cannot(struct reader *r, void *to, struct slice v)
{
    struct found_model *m = to;

    (void)r;
    return read_words(&m->told, v, catalog_cap_name);
}

static enum rc read_endpoints(struct reader *r, void *to, struct slice v)
{
    (void)r;
    return read_words(&((struct found_model *)to)->endpoints, v, endpoint_name);
}

static enum rc read_price(struct reader *r, void *to, struct slice v)
{
    struct found_model *m = to;
    struct slice unused;

    /* What is not there must not be free. */
    if (json_raw_member(&unused, v, "input") != JSON_STRING ||
        json_raw_member(&unused, v, "output") != JSON_STRING)
        return RC_BAD_INPUT;
    m->priced = true;
    return read_object(r, &m->price, v, price_members);
}

static const struct member model_members[] = {
    {"id", read_id},
    {"context_tokens", read_context},
    {"max_output_tokens", read_max_output},
    {"can", read_can},
    {"cannot", read_cannot},
    {"endpoints", read_endpoints},
    {"price", read_price},
    {NULL, NULL},
};

/* A list ---- */

static enum rc read_provider(struct reader *r, void *to, struct slice v)
{
    return read_text(&((struct found_list *)to)->provider, r, v, PROVIDER_MAX);
}

static enum rc read_base_url(struct reader *r, void *to, struct slice v)
{
    return read_text(&((struct found_list *)to)->base_url, r, v, URL_MAX);
}

static enum rc read_time(struct reader *r, void *to, struct slice v)
{
    (void)r;
    return json_raw_u64(&((struct found_list *)to)->read_us, v);
}

static size_t count_elements(struct slice array)
{
    struct slice element;
    size_t at = 0;
    size_t count = 0;

    while (json_raw_element(&element, array, &at) != JSON_ABSENT)
        count++;
    return count;
}

static enum rc read_models(struct reader *r, void *to, struct slice v)
{
    struct found_list *l = to;
    struct slice element;
    size_t at = 0;
    size_t count;

    if (json_raw_type(v) != JSON_ARRAY)
        return RC_BAD_INPUT;
    count = count_elements(v);
    r->model_count += count;
    if (count > FOUND_MODELS_MAX || r->model_count > FOUND_ALL_MAX)
        return RC_BAD_INPUT;
    l->models = arena_new_array(r->arena, struct found_model, count);
    if (l->models == NULL)
        return RC_NOMEM;
    while (json_raw_element(&element, v, &at) != JSON_ABSENT) {
        struct found_model *m = &l->models[l->count++];

        TRY(read_object(r, m, element, model_members));
        if (m->id == NULL)
            return RC_BAD_INPUT;
    }
    return found_sort(l->models, l->count) == l->count ? RC_OK : RC_BAD_INPUT;
}

static const struct member list_members[] = {
    {"provider", read_provider},
    {"base_url", read_base_url},
    {"read_us", read_time},
    {"models", read_models},
    {NULL, NULL},
};

/* The file ---- */

static enum rc read_version(struct reader *r, void *to, struct slice v)
{
    uint64_t version = 0;

    (void)r;
    (void)to;
    return json_raw_u64(&version, v) == RC_OK && version == FILE_VERSION ? RC_OK
                                                                         : RC_BAD_INPUT;
}

static enum rc read_lists(struct reader *r, void *to, struct slice v)
{
    struct found *f = to;
    struct slice element;
    size_t at = 0;

    if (json_raw_type(v) != JSON_ARRAY)
        return RC_BAD_INPUT;
    while (json_raw_element(&element, v, &at) != JSON_ABSENT) {
        struct found_list list = {.provider = NULL};

        TRY(read_object(r, &list, element, list_members));
        if (list.provider == NULL || list.base_url == NULL || list.models == NULL ||
            found_list(f, list.provider) != NULL)
            return RC_BAD_INPUT;
        TRY(found_put(f, &list));
    }
    return RC_OK;
}

static const struct member file_members[] = {
    {"version", read_version},
    {"lists", read_lists},
    {NULL, NULL},
};

static enum rc read_whole(struct found *out, struct slice text, struct arena *a)
{
    const struct json_limits limits = {
        .bytes = FOUND_FILE_MAX, .containers = CONTAINERS_MAX, .keys = KEYS_MAX};
    struct reader r = {.arena = a};
    enum rc rc = json_guard(text, &limits, NULL, 0, NULL, a);

    if (rc == RC_OK)
        rc = read_object(&r, out, text, file_members);
    if (rc != RC_OK)
        out->count = 0;
    return arena_spent(a) || rc == RC_NOMEM ? RC_NOMEM
           : rc == RC_OK                    ? RC_OK
                                            : RC_BAD_INPUT;
}

/* Freed by the caller; NULL: no memory. */
static char *name_file(const char *data_dir, const char *suffix)
{
    char *path;

    return asprintf(&path, "%s/" FILE_NAME "%s", data_dir, suffix) < 0 ? NULL : path;
}

static enum rc read_fd(struct buf *b, int fd)
{
    char piece[4096];
    struct stat st;
    ssize_t got;

    if (fstat(fd, &st) != 0)
        return RC_IO;
    if (!S_ISREG(st.st_mode) || st.st_size > FOUND_FILE_MAX)
        return RC_BAD_INPUT;
    while ((got = read(fd, piece, sizeof(piece))) > 0)
        buf_append(b, slice_from(piece, (size_t)got));
    if (got < 0)
        return RC_IO;
    return buf_spent(b) ? RC_BAD_INPUT : RC_OK;
}

static enum rc read_file(struct buf *b, const char *path)
{
    const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    enum rc rc;

    if (fd < 0)
        return errno == ENOENT || errno == ENOTDIR ? RC_NOT_FOUND : RC_IO;
    rc = read_fd(b, fd);
    (void)close(fd);
    return rc;
}

enum rc found_load(struct found *out, const char *data_dir, struct arena *a)
{
    char *path = name_file(data_dir, "");
    struct buf b;
    enum rc rc;

    out->count = 0;
    if (path == NULL)
        return RC_NOMEM;
    buf_init(&b, FOUND_FILE_MAX);
    rc = read_file(&b, path);
    if (rc == RC_OK)
        rc = read_whole(out, buf_slice(&b), a);
    buf_free(&b);
    free(path);
    return rc;
}

/* Writing ----------------------------------------------------------------------------
 */

static void put_if(struct json_out *o, const char *name, struct money m)
{
    if (!money_is_zero(m))
        json_out_kmoney(o, name, m);
}

static void put_price(struct json_out *o, const struct found_price *p)
{
    json_out_key(o, "price");
    json_out_object(o);
    json_out_kmoney(o, "input", p->input);
    json_out_kmoney(o, "output", p->output);
    put_if(o, "cached_input", p->cached_input);
    put_if(o, "cache_write", p->cache_write);
    put_if(o, "request", p->request);
    put_if(o, "web_search", p->web_search);
    if (p->above > 0) {
        json_out_ku64(o, "above", p->above);
        json_out_kmoney(o, "above_input", p->above_input);
        json_out_kmoney(o, "above_output", p->above_output);
        put_if(o, "above_cached_input", p->above_cached_input);
    }
    json_out_end_object(o);
}

static void put_words(struct json_out *o, const char *key, unsigned bits,
                      const char *(*word)(unsigned))
{
    if (bits == 0)
        return;
    json_out_key(o, key);
    json_out_array(o);
    for (unsigned i = 0; word(i) != NULL; i++)
        if ((bits & 1u << i) != 0)
            json_out_str(o, word(i));
    json_out_end_array(o);
}

static void put_model(struct json_out *o, const struct found_model *m)
{
    json_out_object(o);
    json_out_kstr(o, "id", m->id);
    if (m->context_tokens > 0)
        json_out_ku64(o, "context_tokens", m->context_tokens);
    if (m->max_output_tokens > 0)
        json_out_ku64(o, "max_output_tokens", m->max_output_tokens);
    put_words(o, "can", m->told & m->caps, catalog_cap_name);
    put_words(o, "cannot", m->told & ~m->caps, catalog_cap_name);
    put_words(o, "endpoints", m->endpoints, endpoint_name);
    if (m->priced)
        put_price(o, &m->price);
    json_out_end_object(o);
}

static void print(struct buf *b, const struct found *f)
{
    struct json_out o;

    json_out_init(&o, b);
    json_out_object(&o);
    json_out_ku64(&o, "version", FILE_VERSION);
    json_out_key(&o, "lists");
    json_out_array(&o);
    for (size_t i = 0; i < f->count; i++) {
        const struct found_list *l = &f->lists[i];

        json_out_object(&o);
        json_out_kstr(&o, "provider", l->provider);
        json_out_kstr(&o, "base_url", l->base_url);
        json_out_ku64(&o, "read_us", l->read_us);
        json_out_key(&o, "models");
        json_out_array(&o);
        for (size_t k = 0; k < l->count; k++)
            put_model(&o, &l->models[k]);
        json_out_end_array(&o);
        json_out_end_object(&o);
    }
    json_out_end_array(&o);
    json_out_end_object(&o);
}

static bool write_all(int fd, struct slice bytes)
{
    while (bytes.len > 0) {
        const ssize_t put = write(fd, bytes.bytes, bytes.len);

        if (put < 0 && errno == EINTR)
            continue;
        if (put <= 0)
            return false;
        bytes = slice_sub(bytes, (size_t)put, bytes.len);
    }
    return true;
}

static enum rc fill(const char *path, struct slice bytes)
{
    int fd;
    bool ok;

    (void)unlink(path); /* what a crash left */
    fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, FILE_MODE);
    if (fd < 0)
        return RC_IO;
    ok = write_all(fd, bytes) && fsync(fd) == 0;
    return close(fd) == 0 && ok ? RC_OK : RC_IO;
}

/* The name must be on the disk too. */
static enum rc sync_folder(const char *path)
{
    const int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    bool ok;

    if (fd < 0)
        return RC_IO;
    ok = fsync(fd) == 0;
    (void)close(fd);
    return ok ? RC_OK : RC_IO;
}

static enum rc save(const struct found *f, const char *data_dir, const char *fresh,
                    const char *path)
{
    struct buf b;
    enum rc rc;

    buf_init(&b, FOUND_FILE_MAX);
    print(&b, f);
    rc = buf_spent(&b) ? RC_TOO_BIG : fill(fresh, buf_slice(&b));
    buf_free(&b);
    if (rc == RC_OK)
        rc = rename(fresh, path) == 0 ? sync_folder(data_dir) : RC_IO;
    if (rc != RC_OK)
        (void)unlink(fresh);
    return rc;
}

enum rc found_save(const struct found *f, const char *data_dir)
{
    char *path = name_file(data_dir, "");
    char *fresh = name_file(data_dir, ".new");
    const enum rc rc =
        path != NULL && fresh != NULL ? save(f, data_dir, fresh, path) : RC_NOMEM;

    free(path);
    free(fresh);
    return rc;
}
