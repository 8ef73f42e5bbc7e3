/* SPDX-License-Identifier: Apache-2.0 */
/* Counters, gauges and histograms in the Prometheus text format. Each thread adds to
 * its own shard (relaxed atomics); reading sums the shards. Names and label sets are
 * fixed at registration: nothing of a request ever becomes a label that was not
 * registered. */
#ifndef BASE_METRIC_H
#define BASE_METRIC_H

#include <stdint.h>

#include "base/buf.h"

struct metric;

/* Before threads start. `labels` is NULL or literal text such as `code="402"`; the same
 * name with other labels is one family and must be registered one after the other.
 * Lives until the process ends; registering it again returns the same. NULL when 512
 * are registered or memory is out: adding to NULL is fine. */
struct metric *metric_counter(const char *name, const char *labels, const char *help);
struct metric *metric_gauge(const char *name, const char *labels, const char *help);
/* Milliseconds in, seconds out; fixed bounds from 1 ms to 80 s, each about twice the
 * one before. */
struct metric *metric_histogram_ms(const char *name, const char *labels,
                                   const char *help);

void metric_add(struct metric *m, uint64_t n);
void metric_sub(struct metric *m, uint64_t n); /* gauges only */
void metric_set(struct metric *m, uint64_t n); /* gauges only */
void metric_observe_ms(struct metric *m, uint64_t ms);
/* A histogram's is its count. NULL: 0. */
uint64_t metric_value(const struct metric *m);

/* The whole exposition, text version 0.0.4: what was registered, and the process itself
 * (CPU time, resident memory, descriptors). Check buf_spent(). */
void metric_print(struct buf *out);

#endif
