/* grad/star_coloring.c: columns of a symmetric matrix that can be computed together.
 *
 * An entry is there twice, and need be readable once: in its column's sum, where no other column of that color has an entry in its row,
 * or the other way round. The columns are the vertices of a graph, the entries off the diagonal its edges. What it takes is that
 * neighbours differ in color, and that no path of four vertices has two colors only: a star coloring (A. H. Gebremedhin, F. Manne and A.
 * Pothen, "What color is your Jacobian? Graph coloring for computing derivatives", 2005). The vertices are gone through, those with
 * the most neighbours first. A vertex may not have the color of a neighbour; nor, of vertices two edges away, that of one which has a
 * neighbour in common that has no color yet, nor that of the center of a star to which the neighbour belongs.
 *
 * A star is a center and two neighbours of it, or more, of one color. Which ones a vertex belongs to is kept in a list: so a vertex
 * with very many neighbours does not cost the product of them.
 *
 * SPDX-License-Identifier: MIT */
#include <string.h>

#include "grad/pairs.h"
#include "grad/sparsity.h"

/* A star that a vertex belongs to, and the next one that it does. */
typedef struct star {
    uint32_t center, next;
} star;

typedef struct stars {
    const tgi_entries *e;
    uint32_t          *color; /* counted from 1; 0 while it has none */
    uint32_t          *taken; /* of each color: 1 + the last vertex that may not have it */
    uint32_t          *first; /* of a vertex: 1 + the first star that it belongs to; 0 for none */
    star              *star;
    uint32_t           count; /* of what is in it */
    tgi_pairs          ends;  /* of a center and a color: 1 + the only neighbour of that color; MANY when there are more */
} stars;

#define MANY UINT32_MAX

static void forbid(const stars *s, uint32_t color, uint32_t vertex, uint32_t *taken) {
    if (!color || s->taken[color] == vertex + 1) return;
    s->taken[color] = vertex + 1;
    ++*taken;
}

/* The first color that the vertex may have. When all `colors` so far are taken, the rest need not be looked at. */
static uint32_t first_free(const stars *s, uint32_t vertex, uint32_t colors) {
    const tgi_entries *e = s->e;
    const uint32_t    *w = e->at + e->start[vertex], *end = e->at + e->start[vertex + 1];
    uint32_t           taken = 0, color = 1;
    for (const uint32_t *p = w; p < end; p++)
        if (*p != vertex) forbid(s, s->color[*p], vertex, &taken);
    for (const uint32_t *p = w; p < end && taken < colors; p++) {
        if (*p == vertex) continue;
        if (s->color[*p])
            for (uint32_t i = s->first[*p]; i; i = s->star[i - 1].next)
                forbid(s, s->color[s->star[i - 1].center], vertex, &taken);
        else
            for (int64_t k = e->start[*p]; k < e->start[*p + 1] && taken < colors; k++)
                if (e->at[k] != vertex) forbid(s, s->color[e->at[k]], vertex, &taken);
    }
    while (color <= colors && s->taken[color] == vertex + 1)
        color++;
    return color;
}

static void join(stars *s, uint32_t vertex, uint32_t center) {
    s->star[s->count++] = (star){center, s->first[vertex]};
    s->first[vertex] = s->count;
}

/* The vertex has got its color: with a neighbour of a neighbour that has the same it makes a star. */
static bool note_stars(stars *s, uint32_t vertex) {
    const tgi_entries *e = s->e;
    for (int64_t k = e->start[vertex]; k < e->start[vertex + 1]; k++) {
        uint32_t center = e->at[k];
        if (center == vertex) continue;
        uint64_t key = tgi_pair(center, s->color[vertex]);
        uint32_t other = tgi_pair_value(&s->ends, key);
        if (other && other != MANY) join(s, other - 1, center);
        if (other) join(s, vertex, center);
        if (other != MANY && !tgi_pair_set(&s->ends, key, other ? MANY : vertex + 1)) return false;
    }
    return true;
}

/* By counting: a vertex has at most as many neighbours as there are vertices. */
static void put_largest_first(const tgi_entries *e, uint32_t *order, uint32_t *first) {
    int64_t n = e->rows;
    memset(first, 0, ((size_t)n + 2) * sizeof *first);
    for (int64_t i = 0; i < n; i++)
        first[n - (e->start[i + 1] - e->start[i]) + 1]++;
    for (int64_t p = 1; p <= n; p++)
        first[p] += first[p - 1];
    for (int64_t i = 0; i < n; i++)
        order[first[n - (e->start[i + 1] - e->start[i])]++] = (uint32_t)i;
}

static int64_t color_in_order(stars *s, const uint32_t *order) {
    uint32_t colors = 0;
    for (int64_t i = 0; i < s->e->rows; i++) {
        uint32_t vertex = order[i];
        if (s->e->start[vertex] == s->e->start[vertex + 1]) continue;
        s->color[vertex] = first_free(s, vertex, colors);
        if (s->color[vertex] > colors) colors = s->color[vertex];
        if (note_stars(s, vertex)) continue;
        tgi_out_of_memory(s->e->tape, "sparse");
        return -1;
    }
    return colors;
}

int64_t tgi_color_symmetric(const tgi_entries *e, uint32_t *color) {
    tg_tape  *tape = e->tape;
    size_t    n = (size_t)e->rows;
    int64_t   colors = -1;
    uint32_t *room = tgi_pool_take(&tape->pool, (5 * n + 3) * sizeof *room), *order;
    stars     s = {.e = e, .ends.memory = &tape->memory};
    s.star = tgi_pool_take(&tape->pool, 2 * (size_t)tgi_entry_count(e) * sizeof *s.star);
    if (room && s.star) {
        s.color = room;
        s.taken = room + n;
        s.first = room + 2 * n + 1;
        order = room + 3 * n + 1;
        put_largest_first(e, order, order + n);
        memset(room, 0, (3 * n + 1) * sizeof *room);
        colors = color_in_order(&s, order);
        for (size_t i = 0; i < n; i++)
            color[i] = s.color[i] ? s.color[i] - 1 : 0;
    } else
        tgi_out_of_memory(tape, "sparse");
    tgi_pairs_free(&s.ends);
    tgi_pool_give(&tape->pool, room);
    tgi_pool_give(&tape->pool, s.star);
    return colors;
}
