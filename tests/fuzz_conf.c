/* SPDX-License-Identifier: Apache-2.0 */
/* Configuration texts of any kind: whatever they hold, every node can be read with
 * every getter, the faults are texts of one line with a place in front, and asking for
 * every key leaves none unknown. The environment holds one variable, and texts that
 * name files of this machine are left out. */
#include "base/conf.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum {
    ARENA_SIZE = 1024 * 1024,
    VALUE_MAX = 64 * 1024,
    DEPTH_MAX = 16
};

static const char *const names[] = {"listen", "model", "a", "b", NULL};

/* Reads a scalar as everything that it could be. */
static void read_scalar(struct conf *c, struct conf_node *n, struct arena *a)
{
    struct slice text = SLICE_NONE;
    struct money money;
    uint64_t number;
    uint32_t ppm;
    unsigned choice;
    bool flag;
    char *path;

    if (conf_text(c, n, &text))
        assert(conf_is_scalar(n) && text.bytes != NULL && text.len <= VALUE_MAX);
    if (conf_u64(c, n, &number, 3, 1000))
        assert(number >= 3 && number <= 1000);
    if (conf_choice(c, n, &choice, names))
        assert(slice_equal_str(text, names[choice]));
    if (conf_path(c, n, &path, a))
        assert(path[0] == '/');
    (void)conf_bool(c, n, &flag);
    (void)conf_money(c, n, &money);
    (void)conf_percent(c, n, &ppm);
    (void)conf_duration(c, n, &number);
}

static void walk(struct conf *c, struct conf_node *n, struct arena *a, unsigned depth)
{
    struct conf_node *value;
    struct slice key;
    size_t count = 0;
    size_t at = 0;

    assert(depth <= DEPTH_MAX);
    if (conf_is_mapping(n)) {
        for (size_t i = 0; names[i] != NULL; i++)
            (void)conf_get(c, n, names[i]);
        for (; conf_next_member(c, n, &at, &key, &value); count++)
            walk(c, value, a, depth + 1);
        assert(count == conf_count(n));
    } else if (conf_is_list(n)) {
        for (; conf_next_item(c, n, &at, &value); count++)
            walk(c, value, a, depth + 1);
        assert(count == conf_count(n));
    } else {
        read_scalar(c, n, a);
    }
    assert(n == NULL || conf_line(n) > 0);
}

static void check_faults(const struct conf *c)
{
    assert(conf_fault_count(c) <= 100);
    for (size_t i = 0; i < conf_fault_count(c); i++) {
        const char *text = conf_fault_text(c, i);

        assert(strlen(text) > 0 && strlen(text) < 1024);
        assert(strncmp(text, "config:", 7) == 0 || i == 99);
        assert(!slice_has_ctl(slice_str(text)));
    }
}

static void read_all(struct slice text, bool walk_first)
{
    struct conf *c;
    struct arena *a;
    size_t count;

    if (conf_parse(&c, text, "/nonexistent") != RC_OK)
        return; /* out of memory: the arena of a conf has a limit */
    if (arena_open(&a, ARENA_SIZE) != RC_OK)
        abort();
    if (walk_first)
        walk(c, conf_root(c), a, 0);
    count = conf_fault_count(c);
    conf_unknown(c);
    assert(!walk_first || conf_fault_count(c) == count);
    check_faults(c);
    arena_close(a);
    conf_close(c);
}

static void take_environment_away(void)
{
    static bool done;

    if (!done && (clearenv() != 0 || setenv("A", "value", 1) != 0))
        abort();
    done = true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice text = slice_from((const char *)data, size);

    take_environment_away();
    if (slice_search(text, SLICE("file:/")) < text.len)
        return 0;
    read_all(text, true);
    read_all(text, false);
    return 0;
}
