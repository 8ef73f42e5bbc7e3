/* SPDX-License-Identifier: Apache-2.0 */
/* Writing a configuration as a file, in YAML or JSON, with the same calls: for the
 * config_print*.c of each section. Values take their own line end. */
#ifndef GATEWAY_CONFIG_WRITER_H
#define GATEWAY_CONFIG_WRITER_H

#include "base/buf.h"
#include "base/json.h"
#include "base/money.h"
#include "gateway/config.h"

/* YAML is written in block style: `depth` containers are open; `dash` says that "- "
 * was just written, behind which the first member stands on the same line. */
struct config__printer {
    struct buf *out;
    bool json;
    struct json_out j;
    unsigned depth;
    bool dash;
};

void config__put_key(struct config__printer *p, const char *key);
/* A key that somebody chose; it may look like a number or a word of YAML's. */
void config__put_name(struct config__printer *p, const char *name);
void config__open_mapping(struct config__printer *p);
void config__close_mapping(struct config__printer *p);
void config__open_list(struct config__printer *p);
void config__close_list(struct config__printer *p);
void config__begin_item(struct config__printer *p);
void config__put_text(struct config__printer *p, const char *text);
void config__put_word(struct config__printer *p, const char *word); /* as it stands */

/* Members; of texts NULL: nothing. */
void config__put_ktext(struct config__printer *p, const char *key, const char *text);
void config__put_ku64(struct config__printer *p, const char *key, uint64_t value);
void config__put_kbool(struct config__printer *p, const char *key, bool value);
void config__put_kmoney(struct config__printer *p, const char *key, struct money m);
void config__put_kspan(struct config__printer *p, const char *key, uint64_t ms);
void config__put_kpercent(struct config__printer *p, const char *key, uint32_t ppm);
void config__put_ktexts(struct config__printer *p, const char *key, char *const *texts,
                        size_t count);
void config__put_kjson(struct config__printer *p, const char *key, const char *json);

/* A section that has a file of its own. */
void config__print_data_api(struct config__printer *p,
                            const struct config_data_api *api);

#endif
