/* SPDX-License-Identifier: Apache-2.0 */
/* The order of a model's targets. */
#include "gateway/select.h"

/* The end of the group of weighted neighbours that begins at `from`. */
static size_t group_end(const struct config_model *m, size_t from)
{
    size_t end = from;

    while (end < m->target_count && m->targets[end].weight > 0)
        end++;
    return end > from ? end : from + 1;
}

/* Which of the group draw hits, each as often as its weight says. */
static size_t drawn(const struct config_model *m, size_t from, size_t end,
                    uint64_t draw)
{
    uint64_t sum = 0;

    for (size_t i = from; i < end; i++)
        sum += m->targets[i].weight;
    if (sum == 0)
        return from;
    draw %= sum;
    for (size_t i = from; i < end; i++) {
        if (draw < m->targets[i].weight)
            return i;
        draw -= m->targets[i].weight;
    }
    return from;
}

size_t select_targets(uint8_t order[SELECT_TARGETS_MAX], const struct config_model *m,
                      uint64_t draw)
{
    size_t count = 0;
    size_t from = 0;

    while (from < m->target_count && from < SELECT_TARGETS_MAX) {
        size_t end = group_end(m, from);
        size_t first;

        if (end > SELECT_TARGETS_MAX)
            end = SELECT_TARGETS_MAX;
        first = drawn(m, from, end, draw);
        order[count++] = (uint8_t)first;
        for (size_t i = from; i < end; i++)
            if (i != first)
                order[count++] = (uint8_t)i;
        from = end;
    }
    return count;
}
