/* SPDX-License-Identifier: Apache-2.0 */
/* The catalogue alone, in a process of its own, in a data folder that `octroi init`
 * made.
 *
 *   skills fill DIR SKILLS VERSIONS     publishes so many, and gives every second skill
 *                                       a price; prints the rate of publishing
 *   skills measure DIR SKILLS SECONDS   opens it; prints what that takes in time and
 *                                       memory; then searches and look-ups
 *
 * A report, not a test. Names, words and their frequencies are made from numbers: the
 * same in every run. Frequencies fall as 1 / rank. */
#include "skills/skills.h"

#include "base/clock.h"
#include "tests/prng.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum {
    PUBLISHERS = 100,
    WRITERS = 16,
    ALONE = 200, /* published one at a time */
    WORDS = 6000,
    SUMMARY_WORDS = 24,
    SAMPLES_MAX = 1 << 20,
    ARENA = 4 << 20
};

static const char *const syllables[] = {"ba", "de", "fi", "go", "hu", "ka", "le", "mi",
                                        "no", "pu", "ra", "se", "ti", "vo", "wu", "za"};

struct catalogue {
    struct ledger *ledger;
    struct wallet_book *book;
    struct skills *skills;
};

static void must(enum rc rc, const char *what)
{
    if (rc == RC_OK)
        return;
    fprintf(stderr, "skills: %s: %s\n", what, rc_reason(rc));
    exit(1);
}

static uint64_t now_ns(clockid_t clock)
{
    struct timespec t;

    (void)clock_gettime(clock, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* ---- Words ---- */

/* Three syllables and, for names, a fourth: words of different numbers differ. */
static void word_of(char *out, unsigned number, unsigned count)
{
    for (unsigned i = 0; i < count; i++, number /= 16)
        memcpy(out + 2 * (size_t)i, syllables[number % 16], 2);
    out[2 * count] = '\0';
}

/* A rank below WORDS, the small ones more often. */
static unsigned any_rank(struct prng *p)
{
    unsigned top = WORDS;

    for (unsigned turn = 0; turn < 2; turn++)
        top = 1 + (unsigned)prng_below(p, top);
    return top - 1;
}

static void summary_of(char *out, size_t size, unsigned number)
{
    struct prng p = {number};
    size_t len = 0;

    for (unsigned i = 0; i < SUMMARY_WORDS; i++) {
        char word[16];

        word_of(word, any_rank(&p), 4);
        len += (size_t)snprintf(out + len, size - len, "%s%s", i > 0 ? " " : "", word);
    }
}

/* ---- Opening ---- */

static void open_book(struct catalogue *c, const char *dir)
{
    const struct ledger_options options = {.kind = LEDGER_LMDB, .dir = dir};
    char path[4096];

    must(ledger_open(&c->ledger, &options), "the book");
    (void)snprintf(path, sizeof(path), "%s/master.key", dir);
    must(wallet_book_open(&c->book, c->ledger, path), "the master key");
}

static void open_skills(struct catalogue *c, const char *dir)
{
    char path[4096];
    const struct skills_options options = {
        .ledger = c->ledger, .book = c->book, .dir = path};

    (void)snprintf(path, sizeof(path), "%s/packages", dir);
    must(skills_open(&c->skills, &options), "the catalogue");
}

static void close_all(struct catalogue *c)
{
    skills_close(c->skills);
    wallet_book_close(c->book);
    ledger_close(c->ledger);
}

/* ---- Names ---- */

static struct slice name_of(char out[32], unsigned number)
{
    char first[16], second[16];

    word_of(first, number * 7 % 4096, 3);
    word_of(second, number, 4);
    (void)snprintf(out, 32, "%s-%s", first, second);
    return slice_str(out);
}

static struct slice publisher_of(char out[32], unsigned number)
{
    char word[16];

    word_of(word, number % PUBLISHERS * 163, 4);
    (void)snprintf(out, 32, "%s-%s", word, word);
    return slice_str(out);
}

/* ---- Publishing ---- */

static void price(struct catalogue *c, unsigned number)
{
    const struct skill_terms terms = {.per_install = money_from_nano(10000000)};
    char name[32], publisher[32];
    struct skill_offer out;

    must(skill_offer_set(&out, c->skills, publisher_of(publisher, number),
                         name_of(name, number), &terms, SLICE_NONE, false),
         "a price");
}

static void publish(struct catalogue *c, unsigned number, unsigned version)
{
    char name[32], publisher[32], summary[512], text[2048], semver[16], tags[32];
    struct skill_submission what = {.review = SKILL_REVIEW_FINDINGS};
    struct skill_published out;
    struct skill_package *p;
    struct buf why;

    buf_init(&why, 4096);
    what.slug = name_of(name, number);
    what.publisher = publisher_of(publisher, number);
    summary_of(summary, sizeof(summary), number);
    word_of(tags, number % 512, 3);
    what.tags = slice_str(tags);
    (void)snprintf(semver, sizeof(semver), "1.%u.0", version);
    what.version = slice_str(semver);
    (void)snprintf(
        text, sizeof(text),
        "---\nname: %s\ndescription: %s\n---\nVersion %s of what this does.\n", name,
        summary, semver);
    must(skill_package_new(&p), "a package");
    must(skill_package_add(p, SLICE("SKILL.md"), slice_str(text), &why), "a file");
    must(skill_package_seal(p, &why), "a package");
    what.package = p;
    must(skill_publish(&out, c->skills, &what, &why), "a version");
    if (out.skill.state == SKILL_PENDING) /* its name is like another's */
        must(skill_state_set(c->skills, what.publisher, what.slug, SLICE_NONE,
                             SKILL_LISTED),
             "a state");
    skill_package_free(p);
    buf_free(&why);
}

struct filling {
    struct catalogue c;
    unsigned skills, versions;
    atomic_uint next;
};

static void *fill_some(void *arg)
{
    struct filling *f = arg;

    for (;;) {
        const unsigned i = atomic_fetch_add(&f->next, 1);

        if (i >= f->skills * f->versions)
            return NULL;
        publish(&f->c, i % f->skills, i / f->skills);
    }
}

static void print_rate(const char *what, unsigned count, uint64_t since_ns,
                       uint64_t cpu_since_ns)
{
    const uint64_t ns = now_ns(CLOCK_MONOTONIC) - since_ns;
    const uint64_t cpu_ns = now_ns(CLOCK_PROCESS_CPUTIME_ID) - cpu_since_ns;

    printf("%-34s %10.0f /s %10.0f CPU us each\n", what, count * 1e9 / (double)ns,
           (double)cpu_ns / 1e3 / count);
}

static void fill(const char *dir, unsigned skills, unsigned versions)
{
    struct filling f = {.skills = skills, .versions = versions};
    pthread_t threads[WRITERS];
    uint64_t since_ns, cpu_since_ns;

    open_book(&f.c, dir);
    open_skills(&f.c, dir);
    for (unsigned i = 0; i < PUBLISHERS; i++) {
        struct skill_publisher p = {.house_ppm = SKILL_SHARE_NONE};
        char handle[32];

        (void)publisher_of(handle, i);
        memcpy(p.handle, handle, strlen(handle) + 1);
        must(skill_publisher_create(&p, f.c.skills), "a publisher");
    }
    since_ns = now_ns(CLOCK_MONOTONIC);
    cpu_since_ns = now_ns(CLOCK_PROCESS_CPUTIME_ID);
    for (unsigned i = 0; i < ALONE; i++)
        publish(&f.c, i, 0);
    print_rate("published, one at a time", ALONE, since_ns, cpu_since_ns);
    atomic_store(&f.next, ALONE);
    since_ns = now_ns(CLOCK_MONOTONIC);
    cpu_since_ns = now_ns(CLOCK_PROCESS_CPUTIME_ID);
    for (unsigned i = 0; i < WRITERS; i++)
        if (pthread_create(&threads[i], NULL, fill_some, &f) != 0)
            must(RC_NOMEM, "a thread");
    for (unsigned i = 0; i < WRITERS; i++)
        (void)pthread_join(threads[i], NULL);
    print_rate("published, 16 at once", skills * versions - ALONE, since_ns,
               cpu_since_ns);
    for (unsigned i = 1; i < skills; i += 2)
        price(&f.c, i);
    close_all(&f.c);
}

/* ---- Measuring ---- */

static uint64_t anonymous_kib(void)
{
    FILE *f = fopen("/proc/self/status", "re");
    unsigned long kib = 0;
    char line[256];

    while (f != NULL && fgets(line, sizeof(line), f) != NULL)
        if (sscanf(line, "RssAnon: %lu", &kib) == 1)
            break;
    if (f != NULL)
        (void)fclose(f);
    return kib;
}

struct series {
    struct catalogue *c;
    struct arena *arena;
    struct prng prng;
    unsigned skills;
    size_t count;
    uint64_t found;
    uint32_t *took_ns; /* SAMPLES_MAX: of the clock on the wall, and of the CPU */
    uint32_t *cpu_ns;
};

typedef void ask_fn(struct series *s);

static void search(struct series *s, const struct skill_query *q)
{
    struct skill_hits hits;

    arena_reset(s->arena);
    must(skill_search(&hits, s->arena, s->c->skills, q), "a search");
    s->found += hits.total;
}

/* Words of ranks from..from + span - 1, so many of them, the last one cut to `letters`
 * (0: whole). */
static void search_words(struct series *s, unsigned from, unsigned span, unsigned count,
                         unsigned letters)
{
    char text[128];
    size_t len = 0;

    for (unsigned i = 0; i < count; i++) {
        char word[16];

        word_of(word, from + (unsigned)prng_below(&s->prng, span), 4);
        len += (size_t)snprintf(text + len, sizeof(text) - len, "%s%s",
                                i > 0 ? " " : "", word);
    }
    if (letters > 0)
        len -= 8 - letters;
    search(s, &(struct skill_query){.words = slice_from(text, len)});
}

static void ask_rare(struct series *s)
{
    search_words(s, 3000, 3000, 1, 0);
}

static void ask_common(struct series *s)
{
    search_words(s, 0, 20, 1, 0);
}

static void ask_two_common(struct series *s)
{
    search_words(s, 0, 20, 2, 0);
}

static void ask_five(struct series *s)
{
    search_words(s, 0, WORDS, 5, 0);
}

static void ask_beginning(struct series *s)
{
    search_words(s, 0, WORDS, 1, 4);
}

static void ask_two_letters(struct series *s)
{
    search_words(s, 0, WORDS, 1, 2);
}

static void ask_nonsense(struct series *s)
{
    search(s, &(struct skill_query){.words = SLICE("xyzzy plugh")});
}

static void ask_newest(struct series *s)
{
    search(s, &(struct skill_query){.sort = SKILL_BY_CREATED});
}

static void ask_skill(struct series *s)
{
    char name[32], publisher[32];
    const unsigned number = (unsigned)prng_below(&s->prng, s->skills);
    struct skill out;
    enum rc rc = skill_get(&out, s->c->skills, publisher_of(publisher, number),
                           name_of(name, number), SKILL_BY_ANYBODY);

    s->found += rc == RC_OK;
}

static void ask_version(struct series *s)
{
    char name[32], publisher[32];
    const unsigned number = (unsigned)prng_below(&s->prng, s->skills);
    struct skill_version out;
    enum rc rc = skill_version_get(&out, s->c->skills, publisher_of(publisher, number),
                                   name_of(name, number), SLICE_NONE, SKILL_BY_ANYBODY);

    s->found += rc == RC_OK;
}

static int compare(const void *a, const void *b)
{
    const uint32_t x = *(const uint32_t *)a;
    const uint32_t y = *(const uint32_t *)b;

    return (x > y) - (x < y);
}

static double percentile(uint32_t *samples, size_t count, unsigned percent)
{
    qsort(samples, count, sizeof(*samples), compare);
    return samples[count * percent / 100] / 1e3;
}

static void run(struct series *s, const char *what, ask_fn *ask, uint64_t for_ns)
{
    const uint64_t start_ns = now_ns(CLOCK_MONOTONIC);
    uint64_t last_ns = start_ns;
    uint64_t last_cpu_ns = now_ns(CLOCK_THREAD_CPUTIME_ID);

    s->count = 0;
    s->found = 0;
    while (s->count < SAMPLES_MAX && last_ns - start_ns < for_ns) {
        uint64_t end_ns, end_cpu_ns;

        ask(s);
        end_ns = now_ns(CLOCK_MONOTONIC);
        end_cpu_ns = now_ns(CLOCK_THREAD_CPUTIME_ID);
        s->took_ns[s->count] = (uint32_t)(end_ns - last_ns);
        s->cpu_ns[s->count++] = (uint32_t)(end_cpu_ns - last_cpu_ns);
        last_ns = end_ns;
        last_cpu_ns = end_cpu_ns;
    }
    printf("%-34s %10.1f %10.1f %10.1f %10.1f %10.1f\n", what,
           percentile(s->took_ns, s->count, 50), percentile(s->took_ns, s->count, 99),
           percentile(s->cpu_ns, s->count, 50), percentile(s->cpu_ns, s->count, 99),
           (double)s->found / (double)s->count);
}

static void measure(const char *dir, unsigned skills, unsigned seconds)
{
    static const struct {
        const char *what;
        ask_fn *ask;
    } all[] = {{"search: a rare word", ask_rare},
               {"search: a common word", ask_common},
               {"search: two common words", ask_two_common},
               {"search: five words", ask_five},
               {"search: four letters of a word", ask_beginning},
               {"search: two letters", ask_two_letters},
               {"search: nonsense", ask_nonsense},
               {"search: the newest of all", ask_newest},
               {"a skill", ask_skill},
               {"its latest version", ask_version}};
    struct catalogue c;
    struct series s = {.c = &c, .prng = {1}, .skills = skills};
    uint64_t before_kib, since_ns, cpu_since_ns;

    open_book(&c, dir);
    before_kib = anonymous_kib();
    since_ns = now_ns(CLOCK_MONOTONIC);
    cpu_since_ns = now_ns(CLOCK_PROCESS_CPUTIME_ID);
    open_skills(&c, dir);
    printf("%-34s %10.0f ms, %.0f ms CPU\n", "opened in",
           (double)(now_ns(CLOCK_MONOTONIC) - since_ns) / 1e6,
           (double)(now_ns(CLOCK_PROCESS_CPUTIME_ID) - cpu_since_ns) / 1e6);
    printf("%-34s %10" PRIu64 " KiB\n", "memory, anonymous",
           anonymous_kib() - before_kib);
    must(arena_open(&s.arena, ARENA), "memory");
    s.took_ns = malloc(SAMPLES_MAX * sizeof(*s.took_ns));
    s.cpu_ns = malloc(SAMPLES_MAX * sizeof(*s.cpu_ns));
    must(s.took_ns == NULL || s.cpu_ns == NULL ? RC_NOMEM : RC_OK, "memory");
    printf("%-34s %10s %10s %10s %10s %10s\n", "", "p50 us", "p99 us", "p50 CPU us",
           "p99 CPU us", "found");
    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
        run(&s, all[i].what, all[i].ask, seconds * UINT64_C(1000000000));
    free(s.took_ns);
    free(s.cpu_ns);
    arena_close(s.arena);
    close_all(&c);
}

/* ---- The command line ---- */

static unsigned number_of(const char *text)
{
    uint64_t n = 0;

    must(slice_to_u64(&n, slice_str(text)), text);
    return (unsigned)n;
}

int main(int argc, char **argv)
{
    if (argc == 5 && strcmp(argv[1], "fill") == 0)
        fill(argv[2], number_of(argv[3]), number_of(argv[4]));
    else if (argc == 5 && strcmp(argv[1], "measure") == 0)
        measure(argv[2], number_of(argv[3]), number_of(argv[4]));
    else
        must(RC_BAD_INPUT, "fill DIR SKILLS VERSIONS, or measure DIR SKILLS SECONDS");
    return 0;
}
