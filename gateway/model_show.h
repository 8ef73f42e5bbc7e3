/* SPDX-License-Identifier: Apache-2.0 */
/* One model in the words of the lists that clients read: OpenAI's with what Octroi
 * adds, Anthropic's, Gemini's and OpenRouter's. docs/models.md describes them. */
#ifndef GATEWAY_MODEL_SHOW_H
#define GATEWAY_MODEL_SHOW_H

#include <stdbool.h>
#include <stdint.h>

#include "base/json.h"
#include "gateway/config.h"

struct request;

/* Whether the caller may know of it: all models, or those that his key may use. */
bool model_visible(const struct request *r, const struct config_model *m);
/* Whether a list that he gets has it: a found model has two names, of which the short
 * one is enough. */
bool model_listed(const struct request *r, const struct config_model *m);
/* Whether it is for conversations, as far as is known. */
bool model_talks(const struct config_model *m);

/* Each prints one object. */
typedef void model_show_fn(struct json_out *o, const struct config *c,
                           const struct config_model *m);
model_show_fn model_show_openai;
model_show_fn model_show_anthropic;
model_show_fn model_show_gemini;
model_show_fn model_show_openrouter;

/* Answers with the models that `wanted` takes (NULL: all), between two pieces of JSON
 * text. */
void model_reply_list(struct request *r, const char *before, model_show_fn *show,
                      bool (*wanted)(const struct config_model *m), const char *after);
/* The same for one model, found by its name as it came in the path. */
void model_reply_one(struct request *r, struct slice raw_name, const char *before,
                     model_show_fn *show, const char *after);

#endif
