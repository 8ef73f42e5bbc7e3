/* SPDX-License-Identifier: Apache-2.0 */
/* Inside of skills/rules*.c only. A text is read once: what is known in it (a word of
 * the table, a look at a URL) is a *mark*, and rules wait for marks in a line, a
 * paragraph, a section or the file. rules_table.c has the words and the rules,
 * rules_scan.c finds the marks, rules.c knows files and says the verdict. */
#ifndef SKILLS_RULES_INT_H
#define SKILLS_RULES_INT_H

#include <stdbool.h>
#include <stdint.h>

#include "skills/rules.h"

/* A word may be several. */
#define SKILLS__MARKS(X)                                                          \
    X(FETCH)      /* a program that gets a URL, with its arguments */             \
    X(PIPED)      /* a pipe into a shell, or into what reads a program from it */ \
    X(SHELL)      /* a word that runs what follows it */                          \
    X(SUBST)      /* "$(" or "<(" */                                              \
    X(DOT_SUBST)  /* ". <(" */                                                    \
    X(IEX)        /* PowerShell's eval */                                         \
    X(BASE64)     /* a program that decodes */                                    \
    X(EXEC_CODED) /* code that decodes and runs in one */                         \
    X(ENV_FILE)   /* .env, which many have and may read */                        \
    X(ENV_DATA)   /* .env as what is sent */                                      \
    X(ENV_ALL)    /* all variables of the environment */                          \
    X(SECRET)     /* files that no skill has business with */                     \
    X(SEND_FLAG)  /* what makes a FETCH send */                                   \
    X(SEND_CODE)  /* a call that sends, in a language */                          \
    X(READ)       /* verbs of plain text .. */                                    \
    X(SEND)                                                                       \
    X(THEM)                                                                       \
    X(TO)                                                                         \
    X(URL)                                                                        \
    X(RAW_IP)   /* http://93.184.216.34/ */                                       \
    X(DROP)     /* hosts that show whatever is sent there */                      \
    X(PASTE)    /* hosts of anonymous texts and files */                          \
    X(CHAT)     /* webhooks of chats */                                           \
    X(METADATA) /* of clouds */                                                   \
    X(PERSIST)                                                                    \
    X(SERVICE)   /* the same, as those do who run servers */                      \
    X(RC_APPEND) /* >> ~/.bashrc */                                               \
    X(EXPORT)                                                                     \
    X(ARCHIVE)                                                                    \
    X(PASSWORD)                                                                   \
    X(EXTRACT)                                                                    \
    X(DOWNLOAD)                                                                   \
    X(RUN)                                                                        \
    X(NEEDED) /* "prerequisite" */                                                \
    X(BINARY) /* names of programs and installers */                              \
    X(PASTE_VERB)                                                                 \
    X(TERMINAL)                                                                   \
    X(HIDE)                                                                       \
    X(OVERRIDE)                                                                   \
    X(BACKDOOR)                                                                   \
    X(TCP)      /* bash's own way into the net */                                 \
    X(SHELL_IN) /* a shell whose input is something else */                       \
    X(GUARD_OFF)                                                                  \
    X(WIPE)                                                                       \
    X(CHMOD)                                                                      \
    X(FAR_LINK)  /* [https://one](https://another) */                             \
    X(USERINFO)  /* https://one@another/ */                                       \
    X(ODD_HOST)  /* letters that are not ASCII, or their punycode */              \
    X(NEAR_HOST) /* one letter off a well-known one */                            \
    X(ZERO_WIDTH)                                                                 \
    X(BIDI)

enum {
#define X(name) SKILLS__AT_##name,
    SKILLS__MARKS(X)
#undef X
    SKILLS__MARK_COUNT
};

_Static_assert(SKILLS__MARK_COUNT <= 64, "marks are bits of one number");
#define MARK(name) (UINT64_C(1) << SKILLS__AT_##name)

/* What is a verb or a noun in plain text, and anything in a program. */
#define SKILLS__PROSE (MARK(READ) | MARK(SEND) | MARK(THEM) | MARK(NEEDED))

enum skills__scope {
    SKILLS__LINE,
    SKILLS__PARAGRAPH, /* up to an empty line */
    SKILLS__SECTION,   /* up to a heading */
    SKILLS__FILE,
    SKILLS__SCOPES
};

enum {
    SKILLS__STEPS_MAX = 5,
    SKILLS__RULES_MAX = 64
};

struct skills__rule {
    const char *name;
    enum skill_severity severity;
    enum skills__scope scope;
    bool any_order;
    uint64_t steps[SKILLS__STEPS_MAX]; /* each: one of these marks; 0: no more */
    uint64_t unless;                   /* in the same scope */
    const char *words;
};

/* A word is found without regard to case (a capital here stands for itself only), and
 * not within a longer one where it begins or ends with a letter or digit; a "*" at an
 * end lets it go on there. A space in it stands for any run of blanks, at its end also
 * for the line's end. */
struct skills__word {
    const char *text;
    uint64_t marks;
};

extern const struct skills__rule skills__rules[];
extern const size_t skills__rule_count;
extern const struct skills__word skills__words[];
extern const size_t skills__word_count;

/* Hosts that others are taken for, NULL at the end. */
extern const char *const skills__hosts[];

/* Adds a finding: one for each rule and file; when there is no more room, in the place
 * of one that weighs less. */
void skills__found(struct skill_verdict *v, const char *rule,
                   enum skill_severity severity, const char *words, struct slice path,
                   unsigned line);

/* Reads a file's text and adds what it finds. */
void skills__scan(struct skill_verdict *v, const struct skill_file *f);

/* Marks of the URL at the start of s ("http://" or "https://"). */
uint64_t skills__url_marks(struct slice s);
/* The host of it, without "www."; none: SLICE_NONE. */
struct slice skills__url_host(struct slice s);

#endif
