/* SPDX-License-Identifier: Apache-2.0 */
/* YAML in block style, or JSON, from one walk over a configuration. */
#include "gateway/config_writer.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>

enum {
    NUMBER_SIZE = 32,
    SHIELDED_MAX = 2 * 128 * 1024, /* no text of the file is longer than 64 KiB */
    INDENT = 2
};

/* Writers -----------------------------------------------------------------------------
 */

static void begin_line(struct config__printer *p)
{
    if (!p->dash)
        for (unsigned i = 0; i < p->depth * INDENT; i++)
            buf_append_char(p->out, ' ');
    p->dash = false;
}

/* Double quotes in YAML take what JSON's take, and no text in them means anything else
 * than itself. */
static void put_quoted(struct config__printer *p, struct slice text)
{
    struct json_out o;

    json_out_init(&o, p->out);
    json_out_slice(&o, text);
}

void config__put_key(struct config__printer *p, const char *key)
{
    if (p->json) {
        json_out_key(&p->j, key);
        return;
    }
    begin_line(p);
    buf_append_str(p->out, key);
    buf_append_char(p->out, ':');
}

/* A key that somebody chose; it may look like a number or a word of YAML's. */
void config__put_name(struct config__printer *p, const char *name)
{
    if (p->json) {
        json_out_key(&p->j, name);
        return;
    }
    begin_line(p);
    put_quoted(p, slice_str(name));
    buf_append_char(p->out, ':');
}

void config__open_mapping(struct config__printer *p)
{
    if (p->json)
        json_out_object(&p->j);
    else if (!p->dash)
        buf_append_char(p->out, '\n');
    p->depth++;
}

void config__close_mapping(struct config__printer *p)
{
    p->depth--;
    if (p->json)
        json_out_end_object(&p->j);
}

void config__open_list(struct config__printer *p)
{
    if (p->json)
        json_out_array(&p->j);
    else
        buf_append_char(p->out, '\n');
    p->depth++;
}

void config__close_list(struct config__printer *p)
{
    p->depth--;
    if (p->json)
        json_out_end_array(&p->j);
}

void config__begin_item(struct config__printer *p)
{
    if (p->json)
        return;
    begin_line(p);
    buf_append_str(p->out, "- ");
    p->dash = true;
}

/* A dollar sign is doubled where the reader would take it for the start of a form. */
static void shield(struct buf *out, const char *text)
{
    for (; *text != '\0'; text++) {
        if (text[0] == '$' && (text[1] == '$' || text[1] == '{'))
            buf_append_char(out, '$');
        buf_append_char(out, *text);
    }
}

void config__put_text(struct config__printer *p, const char *text)
{
    struct buf shielded;

    buf_init(&shielded, SHIELDED_MAX);
    shield(&shielded, text);
    if (p->json) {
        json_out_slice(&p->j, buf_slice(&shielded));
    } else {
        if (!p->dash)
            buf_append_char(p->out, ' ');
        p->dash = false;
        put_quoted(p, buf_slice(&shielded));
        buf_append_char(p->out, '\n');
    }
    buf_free(&shielded);
}

void config__put_word(struct config__printer *p, const char *word)
{
    if (p->json)
        json_out_raw(&p->j, slice_str(word));
    else
        buf_printf(p->out, " %s\n", word);
}

/* Members -----------------------------------------------------------------------------
 */

/* NULL: nothing. */
void config__put_ktext(struct config__printer *p, const char *key, const char *text)
{
    if (text == NULL)
        return;
    config__put_key(p, key);
    config__put_text(p, text);
}

void config__put_ku64(struct config__printer *p, const char *key, uint64_t value)
{
    char text[NUMBER_SIZE];

    (void)snprintf(text, sizeof(text), "%" PRIu64, value);
    config__put_key(p, key);
    config__put_word(p, text);
}

void config__put_kbool(struct config__printer *p, const char *key, bool value)
{
    config__put_key(p, key);
    config__put_word(p, value ? "true" : "false");
}

void config__put_kmoney(struct config__printer *p, const char *key, struct money m)
{
    char text[MONEY_TEXT_SIZE];

    money_print_short(text, m);
    config__put_ktext(p, key, text);
}

void config__put_kspan(struct config__printer *p, const char *key, uint64_t ms)
{
    char text[NUMBER_SIZE];

    assert(ms % 1000 == 0); /* the file has no finer spans */
    (void)snprintf(text, sizeof(text), "%" PRIu64 "s", ms / 1000);
    config__put_ktext(p, key, text);
}

/* Four places, the trailing zeros cut. */
void config__put_kpercent(struct config__printer *p, const char *key, uint32_t ppm)
{
    char text[NUMBER_SIZE];
    char places[NUMBER_SIZE];
    size_t len = 4;

    (void)snprintf(places, sizeof(places), "%04" PRIu32, ppm % 10000);
    while (len > 0 && places[len - 1] == '0')
        len--;
    (void)snprintf(text, sizeof(text), "%" PRIu32 "%s%.*s%%", ppm / 10000,
                   len > 0 ? "." : "", (int)len, places);
    config__put_ktext(p, key, text);
}

void config__put_ktexts(struct config__printer *p, const char *key, char *const *texts,
                        size_t count)
{
    if (count == 0)
        return;
    config__put_key(p, key);
    config__open_list(p);
    for (size_t i = 0; i < count; i++) {
        config__begin_item(p);
        config__put_text(p, texts[i]);
    }
    config__close_list(p);
}

/* A JSON text as a value: it is YAML as well. */
void config__put_kjson(struct config__printer *p, const char *key, const char *json)
{
    struct buf shielded;

    if (json == NULL)
        return;
    buf_init(&shielded, SHIELDED_MAX);
    shield(&shielded, json);
    config__put_key(p, key);
    if (p->json)
        json_out_raw(&p->j, buf_slice(&shielded));
    else
        buf_printf(p->out, " %.*s\n", (int)buf_len(&shielded),
                   buf_slice(&shielded).bytes);
    buf_free(&shielded);
}
