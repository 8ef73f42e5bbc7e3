/* SPDX-License-Identifier: Apache-2.0 */
/* Payments for the series of `make bench`, by our own x402. Standard input is the value
 * of a PAYMENT-REQUIRED header; its first offer is the one that counts.
 *
 *   payments sign COUNT       what pays it, a PAYMENT-SIGNATURE for each line, every
 * one with a nonce of its own payments verify SECONDS   verifications in a second of
 * CPU time, of payments that are good: from the header to the verdict, and the verdict
 *                             alone (digest and curve)
 *
 * A report, not a test. The payer is the first account of every development chain. */
#include "x402/x402.h"

#include "base/random.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum {
    ROOM = 256 * 1024,
    POOL = 64, /* different payments that are verified in turns */
    BATCH = 256
};

static const uint8_t payer_key[X402_KEY_LEN] = {
    0xac, 0x09, 0x74, 0xbe, 0xc3, 0x9a, 0x17, 0xe3, 0x6b, 0xa4, 0xa6,
    0xb4, 0xd2, 0x38, 0xff, 0x94, 0x4b, 0xac, 0xb4, 0x78, 0xcb, 0xed,
    0x5e, 0xfc, 0xae, 0x78, 0x4d, 0x7b, 0xf4, 0xf2, 0xff, 0x80};

struct payments {
    struct arena *lasting; /* what was asked for, and the pool */
    struct arena *passing;
    struct x402_required required;
    struct x402_address payer;
    struct slice pool[POOL];
};

static void die(const char *what, enum rc rc)
{
    (void)fprintf(stderr, "payments: %s: %s\n", what, rc_reason(rc));
    exit(1);
}

static void check(const char *what, enum rc rc)
{
    if (rc != RC_OK)
        die(what, rc);
}

static uint64_t now_s(void)
{
    return (uint64_t)time(NULL);
}

static uint64_t cpu_ns(void)
{
    struct timespec t;

    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static void read_required(struct payments *s)
{
    static char line[X402_HEADER_MAX + 2];
    struct slice header;

    if (fgets(line, sizeof(line), stdin) == NULL)
        die("standard input has no PAYMENT-REQUIRED", RC_BAD_INPUT);
    header = arena_slice(s->lasting, slice_from(line, strcspn(line, "\r\n")));
    check("PAYMENT-REQUIRED", x402_v2_required_parse(&s->required, header, s->lasting));
    if (s->required.offer_count == 0)
        die("no offer that we know", RC_NOT_FOUND);
}

/* A payment of its own, in the arena. */
static struct slice pay(struct payments *s, struct arena *a)
{
    const struct x402_offer *offer = &s->required.offers[0];
    struct x402_hash nonce;
    struct x402_payment p;
    struct slice header;

    random_bytes(nonce.bytes, sizeof(nonce.bytes));
    check("pay", x402_pay(&p, offer, &s->payer, &nonce, now_s()));
    p.resource = s->required.resource;
    check("sign", x402_sign(&p, offer, payer_key, a));
    check("print", x402_v2_payment_print(&header, &p, a));
    return header;
}

static void sign(struct payments *s, uint64_t count)
{
    for (uint64_t i = 0; i < count; i++) {
        struct slice header;

        arena_reset(s->passing);
        header = pay(s, s->passing);
        (void)fwrite(header.bytes, 1, header.len, stdout);
        (void)putchar('\n');
    }
}

static void verify_whole(struct payments *s, unsigned n)
{
    const struct x402_rules rules = {.now_s = now_s()};
    const struct x402_offer *offer = &s->required.offers[0];
    struct x402_payment p;

    arena_reset(s->passing);
    check("parse", x402_v2_payment_parse(&p, s->pool[n % POOL], s->passing));
    if (!x402_matches(&p, offer) || x402_verify(&p, offer, &rules) != X402_VALID)
        die("verify", RC_BAD_INPUT);
}

/* Verifications in a second of CPU time: of `parsed`, or of the headers when it is
 * NULL. */
static uint64_t rate(struct payments *s, const struct x402_payment *parsed,
                     uint64_t seconds)
{
    const struct x402_offer *offer = &s->required.offers[0];
    const uint64_t start = cpu_ns();
    uint64_t count = 0;
    uint64_t spent;

    do {
        for (unsigned i = 0; i < BATCH; i++) {
            if (parsed == NULL)
                verify_whole(s, i);
            else if (x402_check_signature(&parsed[i % POOL], offer) != X402_VALID)
                die("signature", RC_BAD_INPUT);
        }
        count += BATCH;
        spent = cpu_ns() - start;
    } while (spent < seconds * 1000000000u);
    return count * 1000000u / (spent / 1000u);
}

static void verify(struct payments *s, uint64_t seconds)
{
    static struct x402_payment parsed[POOL];
    uint64_t whole;

    for (unsigned i = 0; i < POOL; i++) {
        s->pool[i] = pay(s, s->lasting);
        check("parse", x402_v2_payment_parse(&parsed[i], s->pool[i], s->lasting));
    }
    whole = rate(s, NULL, seconds);
    printf("%" PRIu64 " %" PRIu64 "\n", whole, rate(s, parsed, seconds));
}

int main(int argc, char **argv)
{
    struct payments s = {.lasting = NULL};
    uint8_t seed[X402_KEY_LEN];
    uint64_t number;

    if (argc != 3) {
        (void)fputs("payments: sign COUNT, or verify SECONDS\n", stderr);
        return 2;
    }
    number = strtoull(argv[2], NULL, 10);
    random_bytes(seed, sizeof(seed));
    check("curve", x402_curve_start(seed));
    check("arena", arena_open(&s.lasting, (size_t)POOL * ROOM));
    check("arena", arena_open(&s.passing, ROOM));
    check("key", x402_curve_address(&s.payer, payer_key));
    read_required(&s);
    if (strcmp(argv[1], "sign") == 0)
        sign(&s, number);
    else
        verify(&s, number);
    arena_close(s.passing);
    arena_close(s.lasting);
    x402_curve_stop();
    return 0;
}
