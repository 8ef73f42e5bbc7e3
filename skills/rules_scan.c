/* SPDX-License-Identifier: Apache-2.0 */
/* One pass over a text: marks as they come, and the rules that wait for them. Every
 * byte is looked at a bounded number of times, however long a line is. */
#include "skills/rules_int.h"

#include "base/utf8.h"
#include "skills/package_int.h"

#include <assert.h>

enum {
    LINK_TEXT_MAX = 256, /* how far back from "](" the "[" may be */
    PREFIXES_MAX = 5,    /* of a command: sudo, env, .. */
    ASSIGNMENT_MAX = 256,
    OPTION_MAX = 16,
    FLAG_LEN = 28, /* bytes of a flag and its tags */
    WORDS_MAX = 1024,
    NO_WORD = WORDS_MAX
};

struct scan {
    struct skill_verdict *v;
    const struct skill_file *f;
    struct slice text;
    size_t at;
    unsigned line;
    bool line_is_row; /* begins with "|": of a table, not of a shell */
    bool is_prose;    /* as opposed to a program */
    uint64_t seen[SKILLS__SCOPES];
    uint8_t steps[SKILLS__RULES_MAX];     /* of ordered rules */
    unsigned lines[SKILLS__RULES_MAX];    /* of each rule's last mark */
    uint16_t first[256], next[WORDS_MAX]; /* words by their first byte */
};

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c + 'a' - 'A') : c;
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r';
}

static bool is_word_char(char c)
{
    c = lower(c);
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
}

static char char_at(const struct scan *s, size_t at)
{
    return at < s->text.len ? s->text.bytes[at] : '\n';
}

static size_t skip_blanks(const struct scan *s, size_t at)
{
    while (at < s->text.len && is_blank(s->text.bytes[at]))
        at++;
    return at;
}

/* ---- Rules ---- */

static uint64_t wanted_by(const struct skills__rule *r, unsigned step)
{
    uint64_t all = 0;

    if (!r->any_order)
        return step < SKILLS__STEPS_MAX ? r->steps[step] : 0;
    for (unsigned i = 0; i < SKILLS__STEPS_MAX; i++)
        all |= r->steps[i];
    return all;
}

static void mark(struct scan *s, uint64_t marks)
{
    if (!s->is_prose)
        marks &= ~SKILLS__PROSE;
    if (marks == 0)
        return;
    for (unsigned i = 0; i < SKILLS__SCOPES; i++)
        s->seen[i] |= marks;
    for (size_t i = 0; i < skills__rule_count; i++) {
        const struct skills__rule *r = &skills__rules[i];

        if ((wanted_by(r, s->steps[i]) & marks) == 0)
            continue;
        if (!r->any_order)
            s->steps[i]++;
        s->lines[i] = s->line;
    }
}

static bool is_met(const struct scan *s, size_t rule)
{
    const struct skills__rule *r = &skills__rules[rule];

    for (unsigned i = 0; i < SKILLS__STEPS_MAX && r->steps[i] != 0; i++)
        if (r->any_order ? (s->seen[r->scope] & r->steps[i]) == 0 : i >= s->steps[rule])
            return false;
    return (s->seen[r->scope] & r->unless) == 0;
}

static void end_scope(struct scan *s, enum skills__scope scope)
{
    for (size_t i = 0; s->seen[scope] != 0 && i < skills__rule_count; i++) {
        const struct skills__rule *r = &skills__rules[i];

        if (r->scope != scope)
            continue;
        if (is_met(s, i))
            skills__found(s->v, r->name, r->severity, r->words, s->f->path,
                          s->lines[i]);
        s->steps[i] = 0;
    }
    s->seen[scope] = 0;
}

/* ---- Words ---- */

/* Where the word ends that begins at `at`; 0: it does not. */
static size_t match(const struct scan *s, size_t at, const char *word)
{
    for (; *word != '\0' && !(*word == '*' && word[1] == '\0'); word++) {
        if (*word == ' ') {
            const size_t behind = skip_blanks(s, at);

            if (behind == at && (word[1] != '\0' || char_at(s, at) != '\n'))
                return 0;
            at = behind;
        } else if (at < s->text.len &&
                   (s->text.bytes[at] == *word || lower(s->text.bytes[at]) == *word)) {
            at++;
        } else {
            return 0;
        }
    }
    if (*word == '\0' && is_word_char(word[-1]) && is_word_char(char_at(s, at)))
        return 0;
    return at;
}

static bool begins(const struct scan *s, const char *word)
{
    const char before = s->at == 0 ? '\n' : s->text.bytes[s->at - 1];

    if (*word == '*')
        return true;
    if (*word == '-')
        return before == '\n' || is_blank(before);
    if (!is_word_char(*word) && *word != '.')
        return true;
    return !is_word_char(before) &&
           (before != '.' || *word == '.' || strchr(word, '.') != NULL);
}

/* A program's name alone gets nothing: in a table or a list it is a name. */
static bool has_argument(const struct scan *s, size_t end)
{
    const size_t at = skip_blanks(s, end);
    const char c = char_at(s, at);

    return c == '(' || (at > end && strchr("|`)\n*,;\"'", c) == NULL);
}

static void look_for_words(struct scan *s)
{
    const uint8_t c = (uint8_t)lower(s->text.bytes[s->at]);

    for (uint16_t i = s->first[c]; i != NO_WORD; i = s->next[i]) {
        const struct skills__word *w = &skills__words[i];
        const char *text = w->text + (*w->text == '*');
        size_t end;

        if (!begins(s, w->text))
            continue;
        end = match(s, s->at, text);
        if (end != 0 && (w->marks != MARK(FETCH) || has_argument(s, end)))
            mark(s, w->marks);
    }
}

static void sort_words(struct scan *s)
{
    assert(skills__word_count < WORDS_MAX && skills__rule_count <= SKILLS__RULES_MAX);
    for (size_t i = 0; i < sizeof(s->first) / sizeof(s->first[0]); i++)
        s->first[i] = NO_WORD;
    for (size_t i = 0; i < skills__word_count; i++) {
        const char *text = skills__words[i].text;
        const uint8_t c = (uint8_t)lower(text[*text == '*']);

        s->next[i] = s->first[c];
        s->first[c] = (uint16_t)i;
    }
}

/* ---- Pipes ---- */

static const char *const shells[] = {"sh",
                                     "bash",
                                     "zsh",
                                     "dash",
                                     "ksh",
                                     "ash",
                                     "fish",
                                     "csh",
                                     "iex",
                                     "invoke-expression",
                                     "source /dev/stdin",
                                     "powershell",
                                     "pwsh",
                                     "cmd",
                                     NULL};
/* These read a program from a pipe only when they are given none. */
static const char *const interpreters[] = {"python", "python2",   "python3", "perl",
                                           "ruby",   "node",      "php",     "deno",
                                           "bun",    "osascript", "lua",     NULL};
static const char *const before_it[] = {
    "sudo",    "-e",   "-h",     "env",        "exec",         "nohup",
    "command", "time", "/bin/*", "/usr/bin/*", "/usr/bin/env", "/usr/local/bin/*",
    NULL};

static size_t match_one(const struct scan *s, size_t at, const char *const *words)
{
    size_t longest = 0;

    for (; *words != NULL; words++) {
        const size_t end = match(s, at, *words);

        if (end > longest)
            longest = end;
    }
    return longest;
}

/* Behind "NAME=value" and blanks; the same: there is none. */
static size_t skip_assignment(const struct scan *s, size_t at)
{
    size_t end = at;

    while (is_word_char(char_at(s, end)) && end - at < ASSIGNMENT_MAX)
        end++;
    if (end == at || char_at(s, end) != '=')
        return at;
    while (end < s->text.len && !is_blank(s->text.bytes[end]) &&
           s->text.bytes[end] != '\n' && end - at < ASSIGNMENT_MAX)
        end++;
    return skip_blanks(s, end);
}

static bool ends_command(const struct scan *s, size_t at)
{
    return strchr("\n\\;&|)>`\"'", char_at(s, at)) != NULL;
}

/* Behind one word: "<<", so that the program stands here. */
static bool is_here_text(const struct scan *s, size_t at)
{
    size_t end = at;

    while (end - at < OPTION_MAX && !is_blank(char_at(s, end)) &&
           char_at(s, end) != '\n')
        end++;
    end = skip_blanks(s, end);
    return char_at(s, end) == '<' && char_at(s, end + 1) == '<';
}

/* What follows one "|", also on the next line. A shell that is given a file reads its
 * program there. */
static bool is_into_shell(const struct scan *s, size_t at)
{
    size_t end;

    at = skip_blanks(s, at);
    if (char_at(s, at) == '\n')
        at = skip_blanks(s, at + 1);
    for (unsigned i = 0; i < PREFIXES_MAX; i++) {
        end = match_one(s, at, before_it);
        at = end != 0 ? skip_blanks(s, end) : skip_assignment(s, at);
    }
    end = match_one(s, at, shells);
    if (end != 0) {
        at = skip_blanks(s, end);
        if (match(s, at, "-c") != 0 || match(s, at, "-lc") != 0)
            return false;
        return ends_command(s, at) || match(s, at, "/dev/stdin") != 0 ||
               (char_at(s, at) == '-' && !is_here_text(s, at));
    }
    end = match_one(s, at, interpreters);
    if (end == 0)
        return false;
    at = skip_blanks(s, end);
    return ends_command(s, at) || (match(s, at, "- ") != 0 && !is_here_text(s, at));
}

static bool is_escaped_end(const struct scan *s)
{
    size_t at = s->at;

    while (at > 0 && s->at - at < 8 && is_blank(s->text.bytes[at - 1]))
        at--;
    if (at == 0)
        return false;
    return s->text.bytes[at - 1] == '\\' ||
           (s->text.bytes[at - 1] == '|' && !s->line_is_row);
}

/* ---- Links ---- */

/* "[https://one](https://another": the host that is shown is not the one that is led
 * to. `at` is that of "](". */
static bool is_far_link(const struct scan *s)
{
    const size_t least = s->at > LINK_TEXT_MAX ? s->at - LINK_TEXT_MAX : 0;
    size_t from = s->at;
    struct slice shown, led;

    while (from > least && s->text.bytes[from - 1] != '[')
        from--;
    if (from == least && (from == 0 || s->text.bytes[from - 1] != '['))
        return false;
    shown = slice_trim(slice_sub(s->text, from, s->at - from));
    led = slice_sub(s->text, s->at + 2, s->text.len);
    shown = skills__url_host(shown);
    led = skills__url_host(led);
    return shown.len > 0 && led.len > 0 && !slice_equal_nocase(shown, led);
}

/* ---- Characters ---- */

static bool is_ascii(char c)
{
    return (uint8_t)c < 0x80;
}

/* U+1F3F4 and at most six tags are the flag of a region. */
static bool is_in_flag(const struct scan *s)
{
    const size_t back = s->at < FLAG_LEN ? s->at : FLAG_LEN;
    const struct slice before = slice_sub(s->text, s->at - back, back);

    return slice_search(before, SLICE("\xf0\x9f\x8f\xb4")) < back;
}

/* Joiners are right between the parts of emoji and in scripts that join letters, and
 * hide something between letters of ours. */
static uint64_t marks_of(const struct scan *s, uint32_t code, size_t len)
{
    const char before = s->at == 0 ? ' ' : s->text.bytes[s->at - 1];

    if ((code >= 0x202a && code <= 0x202e) || (code >= 0x2066 && code <= 0x2069))
        return MARK(BIDI);
    if (code == 0x200c || code == 0x200d)
        return is_ascii(before) && is_ascii(char_at(s, s->at + len)) ? MARK(ZERO_WIDTH)
                                                                     : 0;
    if (code >= 0xe0000 && code <= 0xe007f)
        return is_in_flag(s) ? 0 : MARK(ZERO_WIDTH);
    switch (code) {
    case 0x180e:
    case 0x200b:
    case 0x2060:
    case 0x2061:
    case 0x2062:
    case 0x2063:
    case 0x2064:
    case 0x3164:
        return MARK(ZERO_WIDTH);
    case 0xfeff: /* at the very start it names the encoding */
        return s->at > 0 ? MARK(ZERO_WIDTH) : 0;
    default:
        return 0;
    }
}

static size_t character(struct scan *s)
{
    struct slice rest = slice_sub(s->text, s->at, UTF8_MAX);
    const size_t len = utf8_length(rest);

    if (len == 0)
        return 1;
    mark(s, marks_of(s, skills__next_char(&rest), len));
    look_for_words(s);
    return len;
}

/* ---- The pass ---- */

static void start_line(struct scan *s)
{
    const size_t at = skip_blanks(s, s->at);

    s->line_is_row = char_at(s, at) == '|';
    if (char_at(s, at) == '\n')
        end_scope(s, SKILLS__PARAGRAPH);
    if (char_at(s, s->at) == '#')
        end_scope(s, SKILLS__SECTION);
}

static void take_byte(struct scan *s)
{
    const char c = s->text.bytes[s->at];
    const char behind = char_at(s, s->at + 1);

    if (c == '|' && behind != '|' && (s->at == 0 || s->text.bytes[s->at - 1] != '|') &&
        is_into_shell(s, s->at + 1))
        mark(s, MARK(PIPED));
    if (c == ']' && behind == '(' && is_far_link(s))
        mark(s, MARK(FAR_LINK));
    if (lower(c) == 'h')
        mark(s, skills__url_marks(slice_sub(s->text, s->at, s->text.len)));
    look_for_words(s);
}

/* A file without an end to its name is a README or the like. */
static bool is_prose(struct slice path)
{
    struct slice rest = path;
    struct slice name = SLICE_NONE;

    while (slice_next(&name, &rest, '/'))
        ;
    return slice_find(name, '.') == name.len || slice_ends(name, SLICE(".md")) ||
           slice_ends(name, SLICE(".MD")) || slice_ends(name, SLICE(".txt")) ||
           slice_ends(name, SLICE(".markdown"));
}

void skills__scan(struct skill_verdict *v, const struct skill_file *f)
{
    struct scan s = {.v = v, .f = f, .text = f->bytes, .line = 1};

    s.is_prose = is_prose(f->path);
    sort_words(&s);
    start_line(&s);
    while (s.at < s.text.len) {
        const char c = s.text.bytes[s.at];
        size_t len = 1;

        if (!is_ascii(c)) {
            len = character(&s);
        } else if (c == '\n') {
            if (!is_escaped_end(&s))
                end_scope(&s, SKILLS__LINE);
        } else {
            take_byte(&s);
        }
        s.at += len;
        if (c == '\n') {
            s.line++;
            start_line(&s);
        }
    }
    for (unsigned i = 0; i < SKILLS__SCOPES; i++)
        end_scope(&s, (enum skills__scope)i);
}
