/* grad/coloring.c: columns that can be computed together.
 *
 * Columns that share no row can be added up: in the sum each entry is there by itself (A. R. Curtis, M. J. D. Powell and J. K. Reid, "On
 * the estimation of sparse Jacobian matrices", 1974). Which ones to add up is a coloring of a graph, in which columns that share a row
 * are neighbours (T. F. Coleman and J. J. Moré, "Estimation of sparse Jacobian matrices and graph coloring problems", 1983). The columns are gone
 * through in an order, and each gets the first color that none of its neighbours has. Two orders are tried: as they stand, which is
 * best for bands, and those with the most neighbours first.
 *
 * SPDX-License-Identifier: MIT */
#include <string.h>

#include "grad/sparsity.h"

typedef struct coloring {
    const tgi_entries *e, *transposed;
    int64_t           *order;
    int64_t           *neighbours; /* of a column, one for each row that they share */
    uint32_t          *color;      /* counted from 1; 0 while it has none */
    int64_t           *taken;      /* of each color: the last column that may not have it */
} coloring;

int64_t tgi_fewest_colors(const tgi_entries *e) {
    int64_t most = 0;
    for (int64_t i = 0; i < e->rows; i++)
        if (e->start[i + 1] - e->start[i] > most) most = e->start[i + 1] - e->start[i];
    return most;
}

/* The first color that no neighbour has. When all `colors` so far are taken, the rest need not be looked at. */
static uint32_t first_free(const coloring *c, int64_t column, uint32_t colors) {
    const tgi_entries *e = c->e, *t = c->transposed;
    uint32_t           taken = 0, color = 1;
    for (int64_t k = t->start[column]; k < t->start[column + 1] && taken < colors; k++)
        for (int64_t row = t->at[k], l = e->start[row]; l < e->start[row + 1] && taken < colors; l++) {
            uint32_t other = c->color[e->at[l]];
            if (!other || c->taken[other] == column) continue;
            c->taken[other] = column;
            taken++;
        }
    while (color <= colors && c->taken[color] == column)
        color++;
    return color;
}

static int64_t color_in_order(const coloring *c) {
    int64_t  columns = c->e->columns;
    uint32_t colors = 0;
    memset(c->color, 0, (size_t)columns * sizeof *c->color);
    memset(c->taken, -1, ((size_t)columns + 1) * sizeof *c->taken);
    for (int64_t i = 0; i < columns; i++) {
        int64_t column = c->order[i];
        if (c->neighbours[column]) c->color[column] = first_free(c, column, colors);
        if (c->color[column] > colors) colors = c->color[column];
    }
    return colors;
}

static void count_neighbours(const coloring *c) {
    const tgi_entries *e = c->e, *t = c->transposed;
    for (int64_t j = 0; j < e->columns; j++) {
        c->neighbours[j] = 0;
        for (int64_t k = t->start[j]; k < t->start[j + 1]; k++)
            c->neighbours[j] += e->start[t->at[k] + 1] - e->start[t->at[k]];
        c->order[j] = j;
    }
}

/* Those with the most neighbours first, else as they stand; by counting, what has more than the table has places together. */
static void put_largest_first(const coloring *c, int64_t *first, int64_t places) {
    memset(first, 0, ((size_t)places + 1) * sizeof *first);
    for (int64_t j = 0; j < c->e->columns; j++)
        first[places - (c->neighbours[j] < places ? c->neighbours[j] : places - 1)]++;
    for (int64_t p = 1; p <= places; p++)
        first[p] += first[p - 1];
    for (int64_t j = 0; j < c->e->columns; j++)
        c->order[first[places - 1 - (c->neighbours[j] < places ? c->neighbours[j] : places - 1)]++] = j;
}

/* Colors from 0 on. */
static void give_colors(const coloring *c, uint32_t *color) {
    for (int64_t j = 0; j < c->e->columns; j++)
        color[j] = c->color[j] ? c->color[j] - 1 : 0;
}

static int64_t color_twice(const coloring *c, int64_t *first, uint32_t *color) {
    count_neighbours(c);
    int64_t fewest = color_in_order(c);
    give_colors(c, color);
    if (fewest == tgi_fewest_colors(c->e)) return fewest;
    put_largest_first(c, first, c->e->columns);
    int64_t colors = color_in_order(c);
    if (colors >= fewest) return fewest;
    give_colors(c, color);
    return colors;
}

int64_t tgi_color_columns(const tgi_entries *e, const tgi_entries *transposed, uint32_t *color) {
    tg_tape *tape = e->tape;
    size_t   columns = (size_t)e->columns;
    int64_t *room = tgi_pool_take(&tape->pool, (4 * columns + 2) * sizeof *room), colors = -1;
    coloring c = {.e = e,
                  .transposed = transposed,
                  .order = room,
                  .color = tgi_pool_take(&tape->pool, columns * sizeof *color)};
    if (room && c.color) {
        c.neighbours = room + columns;
        c.taken = room + 2 * columns;
        colors = color_twice(&c, room + 3 * columns + 1, color);
    } else
        tgi_out_of_memory(tape, "sparse");
    tgi_pool_give(&tape->pool, room);
    tgi_pool_give(&tape->pool, c.color);
    return colors;
}
