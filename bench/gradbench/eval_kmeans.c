/* bench/gradbench/eval_kmeans.c: the sum over n points of the square of the distance to the nearest of k centroids; and
 * the direction of Newton's method for the centroids: the gradient, divided by the Hessian, which is diagonal.
 *
 * SPDX-License-Identifier: MIT */
#include "task.h"

enum { COST, DIRECTION, CACHED = 1 << 17 };

/* ---- the plain form: all distances, and the least of each point's --------------------------------------------------- */

static tg_tensor plain_cost(tg_tensor points, tg_tensor centroids) {
    tg_tensor differences = tg_sub(tg_unsqueeze(points, 1), tg_unsqueeze(centroids, 0));
    return tg_sum(tg_min_axes(tg_sum_axes(tg_square(differences), TG_AXES(2), false), TG_AXES(1), false));
}

/* ---- the tuned form: products find the nearest, through which no gradient flows; then only its distance counts ------- */

/* Where p c - |c|^2 / 2 is largest, |p - c| is least: a product of matrices that have one more column. For so many points at a
 * time that their products with all centroids stay in the cache. */
static tg_tensor nearest(tg_tape *tape, tg_tensor points, tg_tensor centroids, tg_tensor *parts) {
    int64_t   n = tg_shape_of(points).dims[0], rows = CACHED / tg_shape_of(centroids).dims[0] + 1;
    tg_tensor halves = tg_mul(-0.5, tg_sum_axes(tg_square(centroids), TG_AXES(1), true));
    tg_tensor a = tg_concat(TG_LIST(centroids, halves), 1);
    tg_tensor b = tg_concat(TG_LIST(points, tg_full(tape, TG_F64, TG_SHAPE(n, 1), 1)), 1);
    int       count = 0;
    for (int64_t i = 0; i < n; i += rows)
        parts[count++] = tg_argmax(tg_matmul(a, tg_transpose(tg_slice(b, 0, i, i + rows, 1), 0, 1)), 0, false);
    return tg_concat(tg_list_from(count, parts), 0);
}

static tg_tensor tuned_cost(tg_tape *tape, tg_tensor points, tg_tensor centroids, tg_tensor *parts) {
    tg_tensor chosen = tg_take(centroids, nearest(tape, points, centroids, parts), 0);
    return tg_sum(tg_square(tg_sub(points, chosen)));
}

/* ---- the eval ---------------------------------------------------------------------------------------------------- */

typedef struct problem {
    tg_tensor  points;
    tg_tensor *parts; /* room for as many as there are points */
} problem;

static bool read_input(task *t, const json_t *input) {
    problem *p = t->state = task_room(t, sizeof *p);
    numbers  points, centroids;
    if (!read_numbers(t, input, "points", &points) || !read_numbers(t, input, "centroids", &centroids)) return false;
    if (points.columns != centroids.columns) return task_fail(t, "points and centroids have not the same size");
    p->points = task_constant(t, TG_SHAPE(points.rows, points.columns), points.values);
    p->parts = task_room(t, (size_t)points.rows * sizeof *p->parts);
    task_variable(t, "centroids", TG_SHAPE(centroids.rows, centroids.columns), centroids.values);
    return true;
}

static void record(task *t) {
    problem  *p = t->state;
    tg_tensor centroids = t->leaf[0].leaf, gradient, curvature;
    tg_tensor cost = t->options.tuned ? tuned_cost(t->tape, p->points, centroids, p->parts) : plain_cost(p->points, centroids);
    if (t->function == COST) {
        task_result(t, cost);
        return;
    }
    tg_vjp(t->tape, 1, &cost, NULL, 1, &centroids, &gradient);
    tg_jvp(t->tape, 1, &centroids, NULL, 1, &gradient, &curvature);
    task_result(t, tg_div(gradient, curvature));
}

static json_t *output(const task *t) {
    tg_shape shape = tg_shape_of(t->leaf[0].leaf);
    return t->function == COST ? output_number(t) : json_rows(t->result[0].values, shape.dims[0], shape.dims[1]);
}

const eval eval_kmeans = {"kmeans", {"cost", "dir"}, .read = read_input, .record = record, .output = output};
