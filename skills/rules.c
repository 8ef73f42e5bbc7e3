/* SPDX-License-Identifier: Apache-2.0 */
/* The rules over all files of a package, what only a whole file shows, and the verdict
 * in words. */
#include "skills/rules_int.h"

#include <inttypes.h>

enum {
    BINARY_LOOK = 8192, /* bytes in which a NUL makes a file no text */
    WORDS_ROOM = 880,   /* of the verdict, before "and more" and the end */
    WORDS_SIZE = 1001,
    SHOWN_PATH = 60
};

/* ---- Findings ---- */

static bool is_known(const struct skill_verdict *v, const char *rule, struct slice path)
{
    for (size_t i = 0; i < v->count; i++)
        if (v->findings[i].rule == rule && slice_equal(v->findings[i].path, path))
            return true;
    return false;
}

static struct skill_finding *room_for(struct skill_verdict *v,
                                      enum skill_severity severity)
{
    if (v->count < SKILL_FINDINGS_MAX)
        return &v->findings[v->count++];
    for (size_t i = v->count; i-- > 0;)
        if (v->findings[i].severity < severity)
            return &v->findings[i];
    return NULL;
}

void skills__found(struct skill_verdict *v, const char *rule,
                   enum skill_severity severity, const char *words, struct slice path,
                   unsigned line)
{
    struct skill_finding *f;

    if (severity > v->worst)
        v->worst = severity;
    if (is_known(v, rule, path))
        return;
    f = room_for(v, severity);
    if (f != NULL)
        *f = (struct skill_finding){rule, severity, words, path, line};
}

/* ---- Files ---- */

struct magic {
    struct slice start;
    const char *rule;
    enum skill_severity severity;
    const char *words;
};

static const struct magic magics[] = {
    {SLICE("\177ELF"), "program", SKILL_SUSPICIOUS, "a program for Linux"},
    {SLICE("\xfe\xed\xfa\xce"), "program", SKILL_SUSPICIOUS, "a program for macOS"},
    {SLICE("\xfe\xed\xfa\xcf"), "program", SKILL_SUSPICIOUS, "a program for macOS"},
    {SLICE("\xce\xfa\xed\xfe"), "program", SKILL_SUSPICIOUS, "a program for macOS"},
    {SLICE("\xcf\xfa\xed\xfe"), "program", SKILL_SUSPICIOUS, "a program for macOS"},
    {SLICE("\xca\xfe\xba\xbe"), "program", SKILL_SUSPICIOUS,
     "a program for macOS or Java"},
    {SLICE("\0asm"), "program", SKILL_NOTE, "a program for WebAssembly"},
    {SLICE("PK\3\4"), "archive-inside", SKILL_NOTE, "an archive, which was not opened"},
    {SLICE("Rar!"), "archive-inside", SKILL_NOTE, "an archive, which was not opened"},
    {SLICE("7z\xbc\xaf\x27\x1c"), "archive-inside", SKILL_NOTE,
     "an archive, which was not opened"},
    {SLICE("\x1f\x8b"), "archive-inside", SKILL_NOTE,
     "an archive, which was not opened"},
};

/* "MZ" alone may begin a text; with a NUL near it, it does not. */
static bool is_windows_program(struct slice bytes)
{
    const struct slice head = slice_sub(bytes, 0, 64);

    return slice_starts(bytes, SLICE("MZ")) && head.len == 64 &&
           slice_find(head, '\0') < head.len;
}

/* A general purpose flag of the first file in a zip. */
static bool is_locked_zip(struct slice bytes)
{
    return slice_starts(bytes, SLICE("PK\3\4")) && bytes.len > 6 &&
           (bytes.bytes[6] & 1) != 0;
}

static void look_at_start(struct skill_verdict *v, const struct skill_file *f)
{
    if (is_windows_program(f->bytes))
        skills__found(v, "program", SKILL_SUSPICIOUS, "a program for Windows", f->path,
                      0);
    if (is_locked_zip(f->bytes))
        skills__found(v, "locked-archive-inside", SKILL_SUSPICIOUS,
                      "an archive that only a password opens", f->path, 0);
    for (size_t i = 0; i < sizeof(magics) / sizeof(magics[0]); i++)
        if (slice_starts(f->bytes, magics[i].start))
            skills__found(v, magics[i].rule, magics[i].severity, magics[i].words,
                          f->path, 0);
}

static bool ends_nocase(struct slice path, const char *end)
{
    const struct slice e = slice_str(end);

    return path.len > e.len &&
           slice_equal_nocase(slice_sub(path, path.len - e.len, e.len), e);
}

static bool ends_with_one(struct slice path, const char *const *ends)
{
    for (; *ends != NULL; ends++)
        if (ends_nocase(path, *ends))
            return true;
    return false;
}

/* A text that a reader sees as text, in an encoding that the rules do not. */
static void look_at_encoding(struct skill_verdict *v, const struct skill_file *f)
{
    static const char *const texts[] = {".md",  ".txt", ".sh",   ".py",   ".js", ".mjs",
                                        ".ts",  ".ps1", ".bat",  ".cmd",  ".rb", ".pl",
                                        ".php", ".yml", ".yaml", ".json", NULL};

    if (ends_with_one(f->path, texts))
        skills__found(v, "hidden-text", SKILL_SUSPICIOUS,
                      "a text with NUL bytes, which the rules cannot read", f->path, 0);
}

static void look_at_name(struct skill_verdict *v, const struct skill_file *f)
{
    static const char *const programs[] = {
        ".exe", ".dll", ".scr", ".msi",      ".dmg", ".pkg",   ".com", ".jar",
        ".apk", ".deb", ".rpm", ".appimage", ".so",  ".dylib", NULL};

    if (ends_with_one(f->path, programs))
        skills__found(v, "program", SKILL_SUSPICIOUS, "a program by its name", f->path,
                      0);
}

void skill_rules_run(struct skill_verdict *out, const struct skill_package *p)
{
    out->worst = SKILL_NOTE;
    out->count = 0;
    for (size_t i = 0; i < skill_package_count(p); i++) {
        const struct skill_file *f = skill_package_file(p, i);
        const struct slice look = slice_sub(f->bytes, 0, BINARY_LOOK);

        look_at_start(out, f);
        look_at_name(out, f);
        if (slice_find(look, '\0') < look.len)
            look_at_encoding(out, f);
        else
            skills__scan(out, f);
    }
}

/* ---- Words ---- */

static void say_size(struct buf *out, const struct skill_package *p)
{
    const size_t count = skill_package_count(p);
    const uint64_t bytes = skill_package_bytes(p);

    buf_printf(out, "%zu file%s, ", count, count == 1 ? "" : "s");
    if (bytes < 1024)
        buf_printf(out, "%" PRIu64 " bytes.", bytes);
    else if (bytes < 1024 * 1024)
        buf_printf(out, "%" PRIu64 " KB.", (bytes + 1023) / 1024);
    else
        buf_printf(out, "%" PRIu64 " MB.", (bytes + 1024 * 1024 - 1) / (1024 * 1024));
    if (skill_package_left_out(p) > 0)
        buf_printf(out, " %u of macOS left out.", skill_package_left_out(p));
}

static void say_finding(struct buf *out, const struct skill_finding *f)
{
    const struct slice path = slice_sub(f->path, 0, SHOWN_PATH);

    buf_printf(out, "%s in %.*s%s", f->words, SLICE_FMT(path),
               path.len < f->path.len ? ".." : "");
    if (f->line > 0)
        buf_printf(out, " line %u", f->line);
    buf_printf(out, " (%s)", f->rule);
}

static unsigned say_severity(struct buf *out, const struct skill_verdict *v,
                             enum skill_severity severity)
{
    static const char *const names[] = {"Note", "Suspicious", "Malicious"};
    unsigned said = 0;

    for (size_t i = 0; i < v->count; i++) {
        if (v->findings[i].severity != severity || buf_len(out) > WORDS_ROOM - 180)
            continue;
        if (said++ == 0)
            buf_printf(out, " %s: ", names[severity]);
        else
            buf_append_str(out, "; ");
        say_finding(out, &v->findings[i]);
    }
    buf_append_str(out, said == 0 ? "" : ".");
    return said;
}

void skill_verdict_words(struct buf *out, const struct skill_verdict *v,
                         const struct skill_package *p)
{
    char room[WORDS_SIZE];
    struct buf words;
    size_t said = 0;

    buf_init_lent(&words, room, sizeof(room));
    say_size(&words, p);
    if (v->worst == SKILL_NOTE)
        buf_append_str(&words, " No known bad pattern.");
    for (int i = SKILL_MALICIOUS; i >= SKILL_NOTE; i--)
        said += say_severity(&words, v, (enum skill_severity)i);
    if (said < v->count)
        buf_printf(&words, " And %zu more.", v->count - said);
    buf_append(out, buf_slice(&words));
}
