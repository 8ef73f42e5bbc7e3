/* SPDX-License-Identifier: Apache-2.0 */
/* Reading the tree of a configuration file, and collecting what is wrong with it. The
 * parsing is conf_parse.c, the ${..} forms are conf_expand.c. */
#include "base/conf.h"
#include "base/conf_int.h"
#include "base/nearest.h"
#include "base/secret.h"

#include <inttypes.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    ARENA_SIZE = 32 * 1024 * 1024,
    MESSAGE_SIZE = 512,
    SHOWN_MAX = 40, /* bytes of a value in a message */
    SHOWN_SIZE = SHOWN_MAX + 8,
    CHOICES_SIZE = 256
};

/* Opening and closing -----------------------------------------------------------------
 */

static enum rc new_conf(struct conf **out)
{
    struct conf *c = calloc(1, sizeof(*c));
    enum rc rc;

    if (c == NULL)
        return RC_NOMEM;
    rc = arena_open(&c->arena, ARENA_SIZE);
    if (rc != RC_OK) {
        conf_close(c);
        return rc;
    }
    *out = c;
    return RC_OK;
}

/* dir as an absolute path, so that it stands when the working directory changes. */
static enum rc set_dir(struct conf *c, struct slice dir)
{
    char here[PATH_MAX];

    if (dir.len == 0)
        dir = SLICE(".");
    if (dir.bytes[0] == '/') {
        c->dir = arena_copy(c->arena, dir.bytes, dir.len);
    } else {
        if (getcwd(here, sizeof(here)) == NULL)
            return RC_IO;
        c->dir = slice_equal_str(dir, ".")
                     ? arena_copy(c->arena, here, strlen(here))
                     : arena_printf(c->arena, "%s/%.*s", here, SLICE_FMT(dir));
    }
    return c->dir == NULL ? RC_NOMEM : RC_OK;
}

static enum rc parse_text(struct conf **out, struct slice text, const char *dir,
                          const char *path, bool plain)
{
    struct conf *c;
    enum rc rc;

    TRY(new_conf(&c));
    c->plain = plain;
    c->path = arena_copy(c->arena, path, strlen(path));
    rc = c->path == NULL ? RC_NOMEM : set_dir(c, slice_str(dir));
    if (rc == RC_OK)
        rc = conf__parse(c, text);
    if (rc != RC_OK) {
        conf_close(c);
        return rc;
    }
    *out = c;
    return RC_OK;
}

enum rc conf_parse(struct conf **out, struct slice text, const char *dir)
{
    return parse_text(out, text, dir, "config", false);
}

enum rc conf_parse_data(struct conf **out, struct slice text, const char *path)
{
    return parse_text(out, text, "/", path, true);
}

/* What is before the last slash of path; "/" for "/octroi.yaml". */
static struct slice dir_of(const char *path)
{
    const char *slash = strrchr(path, '/');

    if (slash == NULL)
        return SLICE(".");
    return slice_from(path, slash == path ? 1 : (size_t)(slash - path));
}

static enum rc read_conf(struct conf *c, const char *path, struct buf *text)
{
    enum rc rc;

    c->path = arena_copy(c->arena, path, strlen(path));
    if (c->path == NULL)
        return RC_NOMEM;
    TRY(set_dir(c, dir_of(path)));
    rc = conf__read_file(text, path);
    if (rc == RC_TOO_BIG) {
        conf__stop_at(c, CONF__WHOLE_FILE, "larger than 1 MiB");
        return RC_OK;
    }
    return rc == RC_OK ? conf__parse(c, buf_slice(text)) : rc;
}

static enum rc open_file(struct conf **out, const char *path, bool plain)
{
    struct conf *c;
    struct buf text;
    enum rc rc;

    TRY(new_conf(&c));
    c->plain = plain;
    buf_init(&text, CONF__TEXT_MAX);
    rc = read_conf(c, path, &text);
    buf_wipe(&text);
    if (rc != RC_OK) {
        conf_close(c);
        return rc;
    }
    *out = c;
    return RC_OK;
}

enum rc conf_open(struct conf **out, const char *path)
{
    return open_file(out, path, false);
}

enum rc conf_open_data(struct conf **out, const char *path)
{
    return open_file(out, path, true);
}

void conf_close(struct conf *c)
{
    if (c == NULL)
        return;
    for (struct conf_node *n = c->first; n != NULL; n = n->next)
        if (n->text != NULL)
            secret_wipe(n->text, n->text_len);
    arena_close(c->arena);
    free(c);
}

struct conf_node *conf_root(struct conf *c)
{
    return c->root;
}

const char *conf_dir(const struct conf *c)
{
    return c->dir;
}

/* Faults ------------------------------------------------------------------------------
 */

/* Messages go to terminals and logs: what they quote must not steer those. */
static void hide_control_bytes(char *text)
{
    for (; *text != '\0'; text++)
        if ((unsigned char)*text < 0x20 || *text == 0x7f)
            *text = '?';
}

static void add_fault(struct conf *c, struct conf__mark at, const char *format,
                      va_list arguments) __attribute__((format(printf, 3, 0)));

static void add_fault(struct conf *c, struct conf__mark at, const char *format,
                      va_list arguments)
{
    char message[MESSAGE_SIZE];

    if (c->broken || c->fault_count == CONF__FAULTS_MAX)
        return;
    if (c->fault_count == CONF__FAULTS_MAX - 1) {
        c->faults[c->fault_count++] = "and more: only the first faults are shown";
        return;
    }
    (void)vsnprintf(message, sizeof(message), format, arguments);
    hide_control_bytes(message);
    c->faults[c->fault_count++] =
        at.line == 0 ? arena_printf(c->arena, "%s: %s", c->path, message)
                     : arena_printf(c->arena, "%s:%u:%u: %s", c->path, at.line,
                                    at.column, message);
}

void conf__fault_at(struct conf *c, struct conf__mark at, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    add_fault(c, at, format, arguments);
    va_end(arguments);
}

void conf__stop_at(struct conf *c, struct conf__mark at, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    add_fault(c, at, format, arguments);
    va_end(arguments);
    c->broken = true;
}

/* Where the user looks for n: at its value, or at its key if the value is elsewhere. */
static struct conf__mark place_of(const struct conf_node *n)
{
    if (n == NULL)
        return CONF__WHOLE_FILE;
    return n->kind == CONF__SCALAR || n->key.bytes == NULL ? n->mark : n->key_mark;
}

void conf_fault(struct conf *c, const struct conf_node *n, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    add_fault(c, place_of(n), format, arguments);
    va_end(arguments);
}

/* The same from a getter: the first complaint about a node's form says it all. */
static void complain(struct conf *c, struct conf_node *n, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static void complain(struct conf *c, struct conf_node *n, const char *format, ...)
{
    va_list arguments;

    if (n->complained)
        return;
    n->complained = true;
    va_start(arguments, format);
    add_fault(c, place_of(n), format, arguments);
    va_end(arguments);
}

static void complain_of_kind(struct conf *c, struct conf_node *n, const char *expected)
{
    static const char *const names[] = {
        [CONF__NULL] = "nothing",
        [CONF__SCALAR] = "a single value",
        [CONF__MAPPING] = "a mapping",
        [CONF__LIST] = "a list",
    };

    complain(c, n, "expected %s, found %s", expected, names[n->kind]);
}

/* A value for a message. What was expanded may be a secret and is not shown. */
static const char *shown(char room[SHOWN_SIZE], const struct conf_node *n)
{
    struct slice text = slice_from(n->text, n->text_len);

    if (n->expanded)
        return "what its ${..} form yields";
    if (text.len > SHOWN_MAX)
        (void)snprintf(room, SHOWN_SIZE, "'%.*s..'", SHOWN_MAX, text.bytes);
    else
        (void)snprintf(room, SHOWN_SIZE, "'%.*s'", (int)text.len, text.bytes);
    return room;
}

size_t conf_fault_count(const struct conf *c)
{
    return c->fault_count;
}

const char *conf_fault_text(const struct conf *c, size_t index)
{
    if (index >= c->fault_count)
        return "";
    /* A spent arena has no room for the text, but the fault counts. */
    return c->faults[index] == NULL ? "a fault, and no memory to tell"
                                    : c->faults[index];
}

/* Walking -----------------------------------------------------------------------------
 */

static bool is_absent(const struct conf_node *n)
{
    return n == NULL || n->kind == CONF__NULL;
}

/* Remembers what the mapping was asked for, for the hints of conf_unknown(). */
static void remember_name(struct conf *c, struct conf_node *mapping, const char *name)
{
    struct conf__name *entry;

    for (entry = mapping->names; entry != NULL; entry = entry->next)
        if (strcmp(entry->name, name) == 0)
            return;
    entry = arena_new(c->arena, struct conf__name);
    if (entry == NULL)
        return;
    entry->name = arena_copy(c->arena, name, strlen(name));
    if (entry->name == NULL)
        return;
    entry->next = mapping->names;
    mapping->names = entry;
}

struct conf_node *conf_get(struct conf *c, struct conf_node *n, const char *key)
{
    if (is_absent(n))
        return NULL;
    if (n->kind != CONF__MAPPING) {
        complain_of_kind(c, n, "a mapping");
        return NULL;
    }
    remember_name(c, n, key);
    for (size_t i = 0; i < n->count; i++) {
        if (slice_equal_str(n->items[i]->key, key)) {
            n->items[i]->asked = true;
            return is_absent(n->items[i]) ? NULL : n->items[i];
        }
    }
    return NULL;
}

/* The next of a container's items, whatever they are. */
static bool next_of(struct conf_node *n, size_t *at, struct conf_node **value)
{
    if (*at >= n->count)
        return false;
    *value = n->items[(*at)++];
    (*value)->asked = true;
    return true;
}

bool conf_next_member(struct conf *c, struct conf_node *n, size_t *at,
                      struct slice *key, struct conf_node **value)
{
    if (is_absent(n))
        return false;
    if (n->kind != CONF__MAPPING) {
        complain_of_kind(c, n, "a mapping");
        return false;
    }
    if (!next_of(n, at, value))
        return false;
    *key = (*value)->key;
    return true;
}

bool conf_next_item(struct conf *c, struct conf_node *n, size_t *at,
                    struct conf_node **value)
{
    if (is_absent(n))
        return false;
    if (n->kind != CONF__LIST) {
        complain_of_kind(c, n, "a list");
        return false;
    }
    return next_of(n, at, value);
}

size_t conf_count(const struct conf_node *n)
{
    return n == NULL ? 0 : n->count;
}

unsigned conf_line(const struct conf_node *n)
{
    return place_of(n).line;
}

bool conf_is_scalar(const struct conf_node *n)
{
    return n != NULL && n->kind == CONF__SCALAR;
}

bool conf_is_mapping(const struct conf_node *n)
{
    return n != NULL && n->kind == CONF__MAPPING;
}

bool conf_is_list(const struct conf_node *n)
{
    return n != NULL && n->kind == CONF__LIST;
}

bool conf_is_plain(const struct conf_node *n)
{
    return n != NULL && n->plain;
}

bool conf_is_expanded(const struct conf_node *n)
{
    return n != NULL && n->expanded;
}

bool conf_is_contents(const struct conf_node *n)
{
    return n != NULL && n->contents;
}

/* Scalars -----------------------------------------------------------------------------
 */

bool conf_text(struct conf *c, struct conf_node *n, struct slice *out)
{
    if (is_absent(n))
        return false;
    if (n->kind != CONF__SCALAR) {
        complain_of_kind(c, n, "a single value");
        return false;
    }
    *out = slice_from(n->text, n->text_len);
    return true;
}

bool conf_u64(struct conf *c, struct conf_node *n, uint64_t *out, uint64_t min,
              uint64_t max)
{
    char room[SHOWN_SIZE];
    struct slice text;
    uint64_t value;

    if (!conf_text(c, n, &text))
        return false;
    if (slice_to_u64(&value, text) != RC_OK) {
        complain(c, n, "expected a whole number, not %s", shown(room, n));
        return false;
    }
    if (value < min || value > max) {
        complain(c, n, "must be from %" PRIu64 " to %" PRIu64, min, max);
        return false;
    }
    *out = value;
    return true;
}

bool conf_bool(struct conf *c, struct conf_node *n, bool *out)
{
    char room[SHOWN_SIZE];
    struct slice text;
    bool value;

    if (!conf_text(c, n, &text))
        return false;
    value = slice_equal_str(text, "true");
    if (!value && !slice_equal_str(text, "false")) {
        complain(c, n, "expected true or false, not %s", shown(room, n));
        return false;
    }
    *out = value;
    return true;
}

bool conf_money(struct conf *c, struct conf_node *n, struct money *out)
{
    char room[SHOWN_SIZE];
    struct slice text;
    enum rc rc;

    if (!conf_text(c, n, &text))
        return false;
    rc = money_parse(out, text);
    if (rc == RC_OVERFLOW)
        complain(c, n, "the amount is too large");
    else if (rc != RC_OK)
        complain(c, n, "expected an amount in USD such as 25 or 0.05, not %s",
                 shown(room, n));
    return rc == RC_OK;
}

bool conf_percent(struct conf *c, struct conf_node *n, uint32_t *ppm)
{
    char room[SHOWN_SIZE];
    struct slice text;

    if (!conf_text(c, n, &text))
        return false;
    if (money_parse_percent(ppm, text) == RC_OK)
        return true;
    complain(c, n, "expected a percentage such as 12.5%%, not %s", shown(room, n));
    return false;
}

bool conf_duration(struct conf *c, struct conf_node *n, uint64_t *ms)
{
    static const struct {
        char letter;
        uint64_t ms;
    } units[] = {{'s', 1000}, {'m', 60000}, {'h', 3600000}, {'d', 86400000}};

    char room[SHOWN_SIZE];
    struct slice text;
    uint64_t value;

    if (!conf_text(c, n, &text))
        return false;
    for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
        if (text.len == 0 || text.bytes[text.len - 1] != units[i].letter)
            continue;
        if (slice_to_u64(&value, slice_sub(text, 0, text.len - 1)) == RC_OK &&
            !__builtin_mul_overflow(value, units[i].ms, &value)) {
            *ms = value;
            return true;
        }
    }
    complain(c, n, "expected a time span such as 90s, 15m, 12h or 7d, not %s",
             shown(room, n));
    return false;
}

bool conf_choice(struct conf *c, struct conf_node *n, unsigned *out,
                 const char *const *names)
{
    char room[SHOWN_SIZE];
    char all[CHOICES_SIZE] = "";
    struct nearest nearest;
    struct slice text;
    size_t at = 0;

    if (!conf_text(c, n, &text))
        return false;
    nearest_start(&nearest, text);
    for (unsigned i = 0; names[i] != NULL; i++) {
        if (slice_equal_str(text, names[i])) {
            *out = i;
            return true;
        }
        nearest_offer(&nearest, names[i]);
        if (at < sizeof(all))
            at += (size_t)snprintf(all + at, sizeof(all) - at, "%s%s",
                                   i == 0 ? "" : ", ", names[i]);
    }
    if (nearest.name != NULL && !n->expanded)
        complain(c, n, "expected one of %s, not %s (did you mean '%s'?)", all,
                 shown(room, n), nearest.name);
    else
        complain(c, n, "expected one of %s, not %s", all, shown(room, n));
    return false;
}

bool conf_path(struct conf *c, struct conf_node *n, char **out, struct arena *a)
{
    struct slice text;

    if (!conf_text(c, n, &text))
        return false;
    if (text.len == 0) {
        complain(c, n, "expected a path");
        return false;
    }
    *out = text.bytes[0] == '/' ? arena_copy(a, text.bytes, text.len)
                                : arena_printf(a, "%s/%.*s", c->dir, SLICE_FMT(text));
    return *out != NULL;
}

/* Unknown keys ------------------------------------------------------------------------
 */

static void report_unknown(struct conf *c, const struct conf_node *n)
{
    struct nearest nearest;

    nearest_start(&nearest, n->key);
    for (struct conf__name *i = n->parent->names; i != NULL; i = i->next)
        nearest_offer(&nearest, i->name);
    if (nearest.name != NULL)
        conf__fault_at(c, n->key_mark, "unknown key '%.*s' (did you mean '%s'?)",
                       SLICE_FMT(n->key), nearest.name);
    else
        conf__fault_at(c, n->key_mark, "unknown key '%.*s'", SLICE_FMT(n->key));
}

void conf_unknown(struct conf *c)
{
    struct conf_node *n = c->first;

    /* Parents come before their children, so one walk tells what is known. */
    for (; n != NULL && c->fault_count < CONF__FAULTS_MAX; n = n->next) {
        const struct conf_node *parent = n->parent;

        if (parent == NULL) {
            n->known = true;
            continue;
        }
        /* Inside of what is unknown or of the wrong kind nobody could ask. */
        if (!parent->known || parent->complained)
            continue;
        n->known = n->key.bytes == NULL || n->asked;
        if (!n->known && !n->complained)
            report_unknown(c, n);
    }
}
