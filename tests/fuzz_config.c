/* SPDX-License-Identifier: Apache-2.0 */
/* Configuration files of any kind: whatever they say, loading ends with a snapshot or
 * with faults, each a line with a place in front; what a snapshot prints loads again
 * and prints the same. Texts that name files of this machine are left out. */
#include "gateway/config_int.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum {
    TEXT_MAX = 8 * 1024 * 1024,
    LINE_MAX = 1024
};

static void check_lines(struct slice said, enum rc rc)
{
    struct slice line;
    size_t faults = 0;

    while (slice_next(&line, &said, '\n')) {
        assert(line.len > 0 && line.len < LINE_MAX && !slice_has_ctl(line));
        if (slice_starts(line, SLICE("warning: config:")))
            continue;
        faults++;
        assert(slice_starts(line, SLICE("config:")) || faults == 100);
    }
    assert((faults > 0) == (rc == RC_BAD_CONFIG));
}

/* NULL: it has faults. */
static const struct config *load(struct slice text)
{
    const struct config *c = NULL;
    struct conf *conf;
    struct buf said;
    enum rc rc;

    if (conf_parse(&conf, text, "/nonexistent") != RC_OK)
        return NULL; /* out of memory: the arena of a conf has a limit */
    buf_init(&said, TEXT_MAX);
    rc = config__build(&c, conf, "config", NULL, &said);
    assert(rc == RC_OK || rc == RC_BAD_CONFIG || rc == RC_NOMEM);
    assert((rc == RC_OK) == (c != NULL));
    check_lines(buf_slice(&said), rc);
    buf_free(&said);
    conf_close(conf);
    return c;
}

static void print(struct buf *out, const struct config *c, bool json)
{
    buf_init(out, TEXT_MAX);
    config_print(out, c, json);
    assert(!buf_spent(out));
}

/* Secrets are not shown, and texts that are not ASCII may be beyond YAML. */
static bool is_complete(struct slice text)
{
    for (size_t i = 0; i < text.len; i++)
        if ((unsigned char)text.bytes[i] >= 0x7f)
            return false;
    return slice_search(text, SLICE("\"***\"")) == text.len;
}

static void check_again(const struct config *c, bool json)
{
    const struct config *again;
    struct buf text, copy;

    print(&text, c, json);
    if (is_complete(buf_slice(&text))) {
        again = load(buf_slice(&text));
        assert(again != NULL);
        print(&copy, again, json);
        assert(slice_equal(buf_slice(&text), buf_slice(&copy)));
        assert(strcmp(c->hash, again->hash) == 0);
        buf_free(&copy);
        config_unref(again);
    }
    buf_free(&text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice text = slice_from((const char *)data, size);
    const struct config *c;

    if (slice_search(text, SLICE("file:")) < size ||
        slice_search(text, SLICE("cred:")) < size ||
        slice_search(text, SLICE("catalog")) < size)
        return 0;
    if (setenv("NAME", "value", 1) != 0)
        abort();
    c = load(text);
    if (c != NULL) {
        check_again(c, false);
        check_again(c, true);
        config_unref(c);
    }
    return 0;
}
