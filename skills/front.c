/* SPDX-License-Identifier: Apache-2.0 */
/* The front matter of a SKILL.md, by base/conf.h: data of somebody else, in which a "$"
 * is a letter. */
#include "skills/front.h"

#include "base/conf.h"
#include "base/utf8.h"
#include "skills/name.h"

enum {
    SHOWN_FAULTS = 3,
    HOMEPAGE_MAX = 500,
    TOOLS_MAX = 1024
};

/* ---- Finding it ---- */

static enum rc fail(struct buf *why, const char *words)
{
    buf_append_str(why, words);
    return RC_BAD_INPUT;
}

static enum rc check_text(struct slice text, struct buf *why)
{
    if (slice_starts(text, SLICE("\xef\xbb\xbf")))
        return fail(why, "SKILL.md begins with a byte order mark");
    if (slice_find(text, '\0') < text.len)
        return fail(why, "SKILL.md has a NUL byte");
    while (text.len > 0) {
        const size_t len = utf8_length(text);

        if (len == 0)
            return fail(why, "SKILL.md is not UTF-8");
        text = slice_sub(text, len, text.len);
    }
    return RC_OK;
}

/* Three hyphens and nothing else; spaces and a CR at the end cannot be seen. */
static bool is_fence(struct slice line)
{
    if (line.len > 0 && line.bytes[line.len - 1] == '\r')
        line.len--;
    return slice_starts(line, SLICE("---")) &&
           slice_trim(slice_sub(line, 3, line.len)).len == 0;
}

/* *yaml starts with the opening line, so that the lines in faults are those of the
 * file.
 */
static enum rc split(struct slice *yaml, struct slice *body, struct slice text,
                     struct buf *why)
{
    struct slice rest = text;
    struct slice line;

    if (!slice_next(&line, &rest, '\n') || !is_fence(line))
        return fail(why, "SKILL.md does not begin with a line of three hyphens");
    while (slice_next(&line, &rest, '\n')) {
        if (!is_fence(line))
            continue;
        *yaml = slice_sub(text, 0, (size_t)(line.bytes - text.bytes));
        *body = rest;
        if (yaml->len > SKILL_FRONT_MAX)
            return fail(why, "the front matter of SKILL.md is larger than 64 KB");
        return RC_OK;
    }
    return fail(why,
                "the front matter of SKILL.md has no end: a line of three hyphens");
}

/* ---- Reading it ---- */

struct reading {
    struct conf *c;
    struct arena *a;
};

static bool is_clean(struct slice text)
{
    for (size_t i = 0; i < text.len; i++) {
        const char c = text.bytes[i];

        if (((unsigned char)c < 0x20 && c != '\n' && c != '\t') || c == 0x7f)
            return false;
    }
    return true;
}

static struct slice trim_lines(struct slice s)
{
    while (s.len > 0 && strchr(" \t\n", s.bytes[0]) != NULL)
        s = slice_sub(s, 1, s.len);
    while (s.len > 0 && strchr(" \t\n", s.bytes[s.len - 1]) != NULL)
        s.len--;
    return s;
}

/* A text of at most `max` bytes into the arena. Absent: *out stays. */
static void read_text(struct reading *r, struct slice *out, const char *key, size_t max)
{
    struct conf_node *n = conf_get(r->c, conf_root(r->c), key);
    struct slice text;

    if (!conf_text(r->c, n, &text))
        return;
    text = trim_lines(text);
    if (text.len == 0)
        conf_fault(r->c, n, "'%s' is empty", key);
    else if (text.len > max)
        conf_fault(r->c, n, "'%s' is longer than %zu bytes", key, max);
    else if (!is_clean(text))
        conf_fault(r->c, n, "'%s' has control characters", key);
    else
        *out = arena_slice(r->a, text);
}

/* Some write a list: it becomes what it would have been. */
static void read_tools(struct reading *r, struct slice *out)
{
    struct conf_node *n = conf_get(r->c, conf_root(r->c), "allowed-tools");
    struct conf_node *item;
    struct slice tool;
    struct buf joined;
    size_t at = 0;

    if (!conf_is_list(n)) {
        read_text(r, out, "allowed-tools", TOOLS_MAX);
        return;
    }
    buf_init(&joined, TOOLS_MAX);
    while (conf_next_item(r->c, n, &at, &item)) {
        if (!conf_text(r->c, item, &tool))
            continue;
        if (!is_clean(tool))
            conf_fault(r->c, item, "'allowed-tools' has control characters");
        buf_append_str(&joined, buf_len(&joined) == 0 ? "" : " ");
        buf_append(&joined, tool);
    }
    if (buf_spent(&joined))
        conf_fault(r->c, n, "'allowed-tools' is longer than %d bytes", TOOLS_MAX);
    *out = buf_len(&joined) == 0 ? SLICE_NONE : arena_slice(r->a, buf_slice(&joined));
    buf_free(&joined);
}

/* A link that others will show: only to the web, and whatever else is written there is
 * as if it were not. */
static void read_homepage(struct reading *r, struct slice *out)
{
    struct conf_node *top = conf_root(r->c);
    struct conf_node *metadata = conf_get(r->c, top, "metadata");
    struct conf_node *n = conf_get(r->c, top, "homepage");
    struct conf_node *theirs;
    struct slice text;

    if (metadata != NULL && conf_is_scalar(metadata))
        conf_fault(r->c, metadata, "'metadata' must be a mapping");
    theirs = conf_is_mapping(metadata) ? conf_get(r->c, metadata, "openclaw") : NULL;
    if (!conf_is_scalar(n) && conf_is_mapping(theirs))
        n = conf_get(r->c, theirs, "homepage");
    if (!conf_is_scalar(n) || !conf_text(r->c, n, &text) || text.len > HOMEPAGE_MAX ||
        slice_has_ctl(text) || slice_find(text, ' ') < text.len)
        return;
    if (slice_starts(text, SLICE("https://")) || slice_starts(text, SLICE("http://")))
        *out = arena_slice(r->a, text);
}

/* agentskills.io has no version of its own: those who keep one there put it into the
 * metadata, where it may be anything. */
static void read_version(struct reading *r, struct slice *out)
{
    struct conf_node *metadata = conf_get(r->c, conf_root(r->c), "metadata");
    struct conf_node *n;
    struct slice text;

    read_text(r, out, "version", SKILL_VERSION_MAX);
    if (out->len > 0 || !conf_is_mapping(metadata))
        return;
    n = conf_get(r->c, metadata, "version");
    if (!conf_is_scalar(n) || !conf_text(r->c, n, &text))
        return;
    text = slice_trim(text);
    if (text.len > 0 && text.len <= SKILL_VERSION_MAX && !slice_has_ctl(text))
        *out = arena_slice(r->a, text);
}

static void read_all(struct reading *r, struct skill_front *out)
{
    struct conf_node *top = conf_root(r->c);

    if (conf_is_scalar(top) || conf_is_list(top)) {
        conf_fault(r->c, top, "expected 'name: ..' and 'description: ..'");
        return;
    }
    read_text(r, &out->name, "name", SKILL_SLUG_MAX);
    read_text(r, &out->description, "description", SKILL_DESCRIPTION_MAX);
    read_text(r, &out->license, "license", SKILL_LICENSE_MAX);
    read_text(r, &out->compatibility, "compatibility", SKILL_COMPATIBILITY_MAX);
    read_version(r, &out->version);
    read_tools(r, &out->allowed_tools);
    read_homepage(r, &out->homepage);
    if (conf_fault_count(r->c) > 0 || arena_spent(r->a))
        return;
    if (out->name.len == 0)
        conf_fault(r->c, NULL, "'name' is missing");
    else if (!skill_slug_ok(out->name))
        conf_fault(r->c, conf_get(r->c, top, "name"),
                   "'name' must be small letters, digits and single hyphens, and begin "
                   "and end with a letter or digit");
    if (out->description.len == 0)
        conf_fault(r->c, NULL, "'description' is missing");
}

static enum rc tell_faults(const struct conf *c, struct buf *why)
{
    const size_t count = conf_fault_count(c);

    for (size_t i = 0; i < count && i < SHOWN_FAULTS; i++) {
        buf_append_str(why, i == 0 ? "" : "; ");
        buf_append_str(why, conf_fault_text(c, i));
    }
    if (count > SHOWN_FAULTS)
        buf_printf(why, "; and %zu more", count - SHOWN_FAULTS);
    return count == 0 ? RC_OK : RC_BAD_INPUT;
}

enum rc skill_front_parse(struct skill_front *out, struct arena *a, struct slice text,
                          struct buf *why)
{
    struct skill_front front = {0};
    struct reading r = {.a = a};
    struct slice yaml;
    enum rc rc;

    TRY(check_text(text, why));
    TRY(split(&yaml, &front.body, text, why));
    TRY(conf_parse_data(&r.c, yaml, "SKILL.md"));
    read_all(&r, &front);
    rc = tell_faults(r.c, why);
    conf_close(r.c);
    TRY(rc);
    if (arena_spent(a))
        return RC_NOMEM;
    *out = front;
    return RC_OK;
}
