/* SPDX-License-Identifier: Apache-2.0 */
/* Between request.c (the states), request_head.c (what comes in) and request_answer.c
 * (what goes out). */
#ifndef GATEWAY_REQUEST_INT_H
#define GATEWAY_REQUEST_INT_H

#include "gateway/request.h"

/* request.c */
void request__body_in(struct request *r);
void request__failed(struct request *r, enum rc rc);
/* The daemon ends and waits for r no longer. */
void request__cut_off(struct request *r);
void request__enter_answer(struct request *r);
enum rc request__upstream_start(struct request *r);

/* request_answer.c */
/* Moves the backlog on. Whether it is empty. */
bool request__flush(struct request *r);
/* The end of a streamed answer. */
void request__end(struct request *r, bool complete);
/* The headers that name the request. */
void request__tell_id(struct request *r);

/* request_file.c */
/* Moves the file on, as far as there is room. Whether nothing of it is left. */
bool request__pour(struct request *r);

/* request_head.c */
/* Route, caller, limits: all that is asked before the body is read. */
enum rc request__admit(struct request *r);
unsigned request__retry_after(const struct http_header *headers, size_t count);
void request__free(struct request *r);
void request__count_failure(const struct request *r);

#endif
