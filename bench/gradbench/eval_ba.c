/* bench/gradbench/eval_ba.c: bundle adjustment: where n cameras see m points in p observations, less where they were
 * seen, each times a weight; and the Jacobian for cameras, points and weights, which is sparse. (After ADBench, ba; the
 * rotation is Rodrigues's.)
 *
 * SPDX-License-Identifier: MIT */
#include "task.h"

enum { OBJECTIVE, JACOBIAN };

/* The parameters of a camera, and what an observation depends on: a camera, the place of a point, a weight. */
enum { ROTATION, CENTER = 3, FOCAL = 6, PRINCIPAL, RADIAL = 9, CAMERA = 11, POINT = CAMERA, WEIGHT = POINT + 3, INPUTS };

enum { ERRORS = 2, ENTRIES = ERRORS * INPUTS };

typedef struct scene {
    int64_t   n, m, p;
    tg_tensor cameras, points, weights; /* (n, CAMERA), (m, 3), (p) */
    tg_tensor camera_of, point_of;      /* (p) */
    tg_tensor seen[ERRORS];             /* (p) */

    /* The Jacobian in rows: the columns of row i are columns[rows[i]] to columns[rows[i + 1] - 1], and its values stand
     * there too, those of all errors in the first result and those of the weights in the second. */
    int32_t *rows, *columns;
} scene;

/* ---- the formula: each tensor has an element for each observation --------------------------------------------------- */

typedef struct vector {
    tg_tensor x, y, z;
} vector;

static vector vector_at(const tg_tensor *x) {
    return (vector){x[0], x[1], x[2]};
}

static vector plus(vector a, vector b) {
    return (vector){tg_add(a.x, b.x), tg_add(a.y, b.y), tg_add(a.z, b.z)};
}

static vector minus(vector a, vector b) {
    return (vector){tg_sub(a.x, b.x), tg_sub(a.y, b.y), tg_sub(a.z, b.z)};
}

static vector times(vector a, tg_tensor b) {
    return (vector){tg_mul(a.x, b), tg_mul(a.y, b), tg_mul(a.z, b)};
}

static vector where(tg_tensor condition, vector a, vector b) {
    return (vector){tg_where(condition, a.x, b.x), tg_where(condition, a.y, b.y), tg_where(condition, a.z, b.z)};
}

static tg_tensor dot(vector a, vector b) {
    return tg_add(tg_add(tg_mul(a.x, b.x), tg_mul(a.y, b.y)), tg_mul(a.z, b.z));
}

static vector cross(vector a, vector b) {
    return (vector){tg_sub(tg_mul(a.y, b.z), tg_mul(a.z, b.y)), tg_sub(tg_mul(a.z, b.x), tg_mul(a.x, b.z)),
                    tg_sub(tg_mul(a.x, b.y), tg_mul(a.y, b.x))};
}

/* v, turned about the direction of r by an angle of |r|; for r = 0 by the formula's limit. */
static vector rotated(vector r, vector v) {
    tg_tensor square = dot(r, r), none = tg_eq(square, 0), angle = tg_sqrt(tg_where(none, 1, square));
    tg_tensor cosine = tg_cos(angle);
    vector    axis = times(r, tg_reciprocal(angle));
    vector    along = times(axis, tg_mul(dot(axis, v), tg_sub(1, cosine)));
    vector    turned = plus(plus(times(v, cosine), times(cross(axis, v), tg_sin(angle))), along);
    return where(none, plus(v, cross(r, v)), turned);
}

/* The errors of all observations, one tensor for each of the two coordinates. `in` has the INPUTS. */
static void project(const scene *s, const tg_tensor *in, tg_tensor *errors) {
    vector    v = rotated(vector_at(in + ROTATION), minus(vector_at(in + POINT), vector_at(in + CENTER)));
    tg_tensor at[ERRORS] = {tg_div(v.x, v.z), tg_div(v.y, v.z)};
    tg_tensor square = tg_add(tg_square(at[0]), tg_square(at[1]));
    tg_tensor distortion = tg_add(tg_add(1, tg_mul(in[RADIAL], square)), tg_mul(in[RADIAL + 1], tg_square(square)));
    for (int i = 0; i < ERRORS; i++) {
        tg_tensor pixel = tg_add(tg_mul(tg_mul(at[i], distortion), in[FOCAL]), in[PRINCIPAL + i]);
        errors[i] = tg_mul(in[WEIGHT], tg_sub(pixel, s->seen[i]));
    }
}

/* ---- what is recorded -------------------------------------------------------------------------------------------- */

/* What each observation depends on: INPUTS tensors, each taken by itself, so that none is a column of a table. */
static void gather(const scene *s, tg_tensor *in) {
    tg_unstack(tg_take(tg_transpose(s->cameras, 0, 1), s->camera_of, 1), 0, CAMERA, in);
    tg_unstack(tg_take(tg_transpose(s->points, 0, 1), s->point_of, 1), 0, 3, in + POINT);
    in[WEIGHT] = s->weights;
}

/* An observation's errors depend on its own inputs alone: two vector-Jacobian products give all derivatives, (p, ENTRIES). */
static tg_tensor derivatives(tg_tape *tape, const tg_tensor *in, const tg_tensor *errors) {
    tg_tensor slopes[ENTRIES];
    for (int i = 0; i < ERRORS; i++)
        tg_vjp(tape, 1, &errors[i], NULL, INPUTS, in, slopes + i * INPUTS);
    return tg_stack(tg_list_from(ENTRIES, slopes), 1);
}

static void record(task *t) {
    const scene *s = t->state;
    tg_tensor    in[INPUTS], errors[ERRORS], weight_errors = tg_sub(1, tg_square(s->weights)), slopes;
    gather(s, in);
    project(s, in, errors);
    if (t->function == OBJECTIVE) {
        task_result(t, tg_stack(tg_list_from(ERRORS, errors), 1));
        task_result(t, weight_errors);
        return;
    }
    task_result(t, derivatives(t->tape, in, errors));
    tg_vjp(t->tape, 1, &weight_errors, NULL, 1, &s->weights, &slopes);
    task_result(t, slopes);
}

/* ---- the sparse matrix ------------------------------------------------------------------------------------------- */

/* The columns are those of the cameras, the points, the weights; the rows two for each observation, and then one for each
 * weight. */
static void finish(task *t) {
    const scene *s = t->state;
    int32_t     *row = s->rows, *column = s->columns, n = (int32_t)s->n, m = (int32_t)s->m, p = (int32_t)s->p, end = 0;
    if (t->function == OBJECTIVE) return;
    *row++ = 0;
    for (int32_t i = 0; i < p; i++)
        for (int e = 0; e < ERRORS; e++) {
            *row++ = end += INPUTS;
            for (int j = 0; j < CAMERA; j++)
                *column++ = CAMERA * (i % n) + j;
            for (int j = 0; j < 3; j++)
                *column++ = CAMERA * n + 3 * (i % m) + j;
            *column++ = CAMERA * n + 3 * m + i;
        }
    for (int32_t i = 0; i < p; i++) {
        *row++ = ++end;
        *column++ = CAMERA * n + 3 * m + i;
    }
}

/* ---- the eval ---------------------------------------------------------------------------------------------------- */

static double *repeated(task *t, const double *values, int64_t count, int64_t times) {
    double *all = task_room(t, (size_t)(count * times) * sizeof *all);
    for (int64_t i = 0; i < count * times; i++)
        all[i] = values[i % count];
    return all;
}

static tg_tensor indices(task *t, int64_t count, int64_t modulus) {
    int64_t *index = task_room(t, (size_t)count * sizeof *index);
    for (int64_t i = 0; i < count; i++)
        index[i] = i % modulus;
    return tg_borrow(t->tape, TG_I64, TG_SHAPE(count), index);
}

/* The input has one camera, point and weight, for all. The output shows so many rows that there are at least ten observations. */
static bool read_input(task *t, const json_t *input) {
    scene  *s = t->state = task_room(t, sizeof *s);
    numbers camera, point, seen;
    double  weight;
    if (!read_size(t, input, "n", 1, &s->n) || !read_size(t, input, "m", 1, &s->m) ||
        !read_size(t, input, "p", ENTRIES / (ERRORS + 1), &s->p) || !read_numbers(t, input, "cam", &camera) ||
        !read_numbers(t, input, "x", &point) || !read_number(t, input, "w", &weight) || !read_numbers(t, input, "feat", &seen))
        return false;
    if (camera.columns != CAMERA || point.columns != 3 || seen.columns != ERRORS)
        return task_fail(t, "a camera, a point or a feature has not as many numbers as it should");
    s->cameras = task_variable(t, "cams", TG_SHAPE(s->n, CAMERA), repeated(t, camera.values, CAMERA, s->n));
    s->points = task_variable(t, "X", TG_SHAPE(s->m, 3), repeated(t, point.values, 3, s->m));
    s->weights = task_variable(t, "w", TG_SHAPE(s->p), repeated(t, &weight, 1, s->p));
    for (int i = 0; i < ERRORS; i++)
        s->seen[i] = task_constant(t, TG_SHAPE(s->p), repeated(t, &seen.values[i], 1, s->p));
    s->camera_of = indices(t, s->p, s->n);
    s->point_of = indices(t, s->p, s->m);
    s->rows = task_room(t, (size_t)((ERRORS + 1) * s->p + 1) * sizeof *s->rows);
    s->columns = task_room(t, (size_t)((ENTRIES + 1) * s->p) * sizeof *s->columns);
    return true;
}

/* The first ENTRIES integers of a list, and its last. */
static json_t *ends(const int32_t *list, int64_t count) {
    json_t *found = json_array();
    for (int i = 0; i < ENTRIES; i++)
        json_array_append_new(found, json_integer(list[i]));
    json_array_append_new(found, json_integer(list[count - 1]));
    return found;
}

static json_t *output(const task *t) {
    const scene *s = t->state;
    if (t->function == OBJECTIVE)
        return json_pack("{s:{s:[f, f], s:I}, s:{s:f, s:I}}", "reproj_error", "elements", t->result[0].values[0],
                         t->result[0].values[1], "repeated", (json_int_t)s->p, "w_err", "element", t->result[1].values[0],
                         "repeated", (json_int_t)s->p);
    json_t *values = json_list(t->result[0].values, ENTRIES);
    json_array_append_new(values, json_real(t->result[1].values[s->p - 1]));
    return json_pack("{s:o, s:o, s:o}", "rows", ends(s->rows, (ERRORS + 1) * s->p + 1), "cols",
                     ends(s->columns, (ENTRIES + 1) * s->p), "vals", values);
}

const eval eval_ba =
    {"ba", {"objective", "jacobian"}, .read = read_input, .record = record, .finish = finish, .output = output};
