/* bench/gradbench/eval_ht.c: how far the points of a hand, as a camera with depth sees them, are from the skin of a model
 * of a hand in a pose theta; and the Jacobian for theta, and for the places on the triangles of the skin if they are
 * free. (After ADBench, hand.)
 *
 * SPDX-License-Identifier: MIT */
#include "task.h"

enum { OBJECTIVE, JACOBIAN };

/* theta: the rotation of the hand, its place, and for each finger four angles, two of them of its first bone. */
enum { TURN = 0, PLACE = 3, FINGERS_AT = 6, FINGERS = 5, ANGLES = 4, THETA = FINGERS_AT + FINGERS * ANGLES };

enum { MOST_BONES = 64 };

typedef struct hand {
    int64_t   bones, points;
    int64_t  *parents;                       /* the number of a bone before, or -1 */
    tg_tensor theta;                         /* (THETA) */
    tg_tensor free;                          /* (points, 2): where on the triangle; TG_NONE: at a vertex */
    tg_tensor angle_of;                      /* (bones, 3): where in theta and a 0 its angles are */
    tg_tensor base_relatives, inverse_bases; /* (bones, 4, 4) */
    tg_tensor base_positions, weights;       /* (vertices, 4), (vertices, bones) */
    tg_tensor corner[3];                     /* (points): the vertices of each point's triangle; the first: of each point */
    tg_tensor seen;                          /* (points, 3) */
    tg_tensor mirror;                        /* (3, 1): 1, or -1 */
    tg_tensor cross_matrices;                /* (3, 9): of the unit vectors, e x v = M v */
    tg_tensor unit, zero;                    /* (3, 3), (1) */
} hand;

/* ---- the pose ---------------------------------------------------------------------------------------------------- */

/* The rotations Rz Ry Rx of all bones, (bones, 3, 3). */
static tg_tensor bone_rotations(const hand *h) {
    tg_tensor angles = tg_take(tg_concat(TG_LIST(h->theta, h->zero), 0), h->angle_of, 0);
    tg_tensor sines = tg_sin(angles), cosines = tg_cos(angles);
    tg_tensor sx = tg_select(sines, 1, 0), sz = tg_select(sines, 1, 1), sy = tg_select(sines, 1, 2);
    tg_tensor cx = tg_select(cosines, 1, 0), cz = tg_select(cosines, 1, 1), cy = tg_select(cosines, 1, 2);
    tg_tensor sysx = tg_mul(sy, sx), sycx = tg_mul(sy, cx);
    return tg_reshape(tg_stack(TG_LIST(tg_mul(cz, cy), tg_sub(tg_mul(cz, sysx), tg_mul(sz, cx)),
                                       tg_add(tg_mul(cz, sycx), tg_mul(sz, sx)), tg_mul(sz, cy),
                                       tg_add(tg_mul(sz, sysx), tg_mul(cz, cx)), tg_sub(tg_mul(sz, sycx), tg_mul(cz, sx)),
                                       tg_neg(sy), tg_mul(cy, sx), tg_mul(cy, cx)),
                               1),
                      TG_SHAPE(h->bones, 3, 3));
}

/* Where each bone takes what was at rest, (bones, 4, 4): along the chain of those before it. */
static tg_tensor bone_transforms(const hand *h) {
    tg_tensor absolutes[MOST_BONES], turned = tg_matmul(tg_slice(h->base_relatives, 2, 0, 3, 1), bone_rotations(h));
    tg_tensor relatives = tg_concat(TG_LIST(turned, tg_slice(h->base_relatives, 2, 3, 4, 1)), 2);
    for (int64_t i = 0; i < h->bones; i++) {
        absolutes[i] = tg_select(relatives, 0, i);
        if (h->parents[i] >= 0) absolutes[i] = tg_matmul(absolutes[h->parents[i]], absolutes[i]);
    }
    return tg_matmul(tg_stack(tg_list_from((int)h->bones, absolutes), 0), h->inverse_bases);
}

/* The rotation about the direction of a vector by its length, (3, 3); none for a length of almost 0. */
static tg_tensor rotation_by(const hand *h, tg_tensor vector) {
    tg_tensor square = tg_sum(tg_square(vector)), none = tg_lt(square, 1e-8), angle = tg_sqrt(tg_where(none, 1, square));
    tg_tensor axis = tg_div(vector, angle), cosine = tg_cos(angle);
    tg_tensor along = tg_mul(tg_sub(1, cosine), tg_outer(axis, axis));
    tg_tensor across = tg_mul(tg_sin(angle), tg_reshape(tg_matmul(axis, h->cross_matrices), TG_SHAPE(3, 3)));
    return tg_where(none, h->unit, tg_add(tg_add(tg_mul(cosine, h->unit), along), across));
}

/* ---- the skin ---------------------------------------------------------------------------------------------------- */

/* All vertices, (3, vertices): as each bone would take them, by its weight. */
static tg_tensor vertices(const hand *h) {
    tg_tensor taken = tg_matmul(tg_slice(bone_transforms(h), 1, 0, 3, 1), tg_transpose(h->base_positions, 0, 1));
    tg_tensor weights = tg_unsqueeze(tg_transpose(h->weights, 0, 1), 1);
    tg_tensor skin = tg_mul(tg_sum_axes(tg_mul(taken, weights), TG_AXES(0), false), h->mirror);
    tg_tensor turn = rotation_by(h, tg_slice(h->theta, 0, TURN, TURN + 3, 1));
    return tg_add(tg_matmul(turn, skin), tg_unsqueeze(tg_slice(h->theta, 0, PLACE, PLACE + 3, 1), 1));
}

/* (points, 3) */
static tg_tensor errors(const hand *h) {
    tg_tensor skin = vertices(h), at = tg_take(skin, h->corner[0], 1);
    if (!tg_is_none(h->free)) {
        tg_tensor u = tg_select(h->free, 1, 0), v = tg_select(h->free, 1, 1);
        at = tg_add(tg_add(tg_mul(u, at), tg_mul(v, tg_take(skin, h->corner[1], 1))),
                    tg_mul(tg_sub(tg_sub(1, u), v), tg_take(skin, h->corner[2], 1)));
    }
    return tg_sub(h->seen, tg_transpose(at, 0, 1));
}

/* ---- the eval ---------------------------------------------------------------------------------------------------- */

/* The Jacobian for theta, with two columns before it for the places on the triangles, each point's for its own: (3
 * points, 2 + THETA). */
static tg_tensor jacobian(task *t, const hand *h, tg_tensor errors) {
    tg_tensor columns[3], y = tg_reshape(errors, TG_SHAPE(3 * h->points)), by_theta = tg_jacobian(y, h->theta);
    if (tg_is_none(h->free)) return by_theta;
    for (int i = 0; i < 2; i++) {
        tg_tensor unit = tg_constant(t->tape, TG_F64, TG_SHAPE(2), ((double[]){i == 0, i == 1}));
        tg_jvp(t->tape, 1, &h->free, &unit, 1, &y, &columns[i]);
        columns[i] = tg_unsqueeze(columns[i], 1);
    }
    columns[2] = by_theta;
    return tg_concat(tg_list_from(3, columns), 1);
}

static void record(task *t) {
    const hand *h = t->state;
    tg_tensor   y = errors(h);
    task_result(t, t->function == OBJECTIVE ? y : jacobian(t, h, y));
}

/* The angles of the three bones that move of each finger; its fourth bone does not. */
static tg_tensor angles_of_bones(task *t, const hand *h) {
    int64_t *of = task_room(t, (size_t)(3 * h->bones) * sizeof *of);
    for (int64_t i = 0; i < 3 * h->bones; i++)
        of[i] = THETA;
    for (int finger = 0; finger < FINGERS; finger++)
        for (int i = 0, bone = 2 + 4 * finger, angle = FINGERS_AT + ANGLES * finger; i < 3 && bone + i < h->bones; i++) {
            of[3 * (bone + i)] = angle++;
            if (i == 0) of[3 * bone + 1] = angle++;
        }
    return tg_borrow(t->tape, TG_I64, TG_SHAPE(h->bones, 3), of);
}

/* A list of `count` matrices. */
static bool read_matrices(task *t, const json_t *object, const char *name, int64_t count, tg_tensor *to) {
    const json_t *list = json_object_get(object, name);
    double       *values = task_room(t, (size_t)(16 * count) * sizeof *values);
    if (!json_is_array(list) || (int64_t)json_array_size(list) != count)
        return task_fail(t, "\"%s\" is no list of matrices", name);
    for (int64_t i = 0; i < count; i++) {
        numbers found;
        if (!read_list_of_numbers(t, json_array_get(list, (size_t)i), name, &found)) return false;
        if (found.rows != 4 || found.columns != 4) return task_fail(t, "\"%s\" is no list of matrices of 4 rows", name);
        for (int j = 0; j < 16; j++)
            values[16 * i + j] = found.values[j];
    }
    *to = task_constant(t, TG_SHAPE(count, 4, 4), values);
    return true;
}

static tg_tensor borrow_column(task *t, const int64_t *values, int64_t rows, int64_t columns, int64_t column) {
    int64_t *found = task_room(t, (size_t)rows * sizeof *found);
    for (int64_t i = 0; i < rows; i++)
        found[i] = values[i * columns + column];
    return tg_borrow(t->tape, TG_I64, TG_SHAPE(rows), found);
}

static bool in_range(const int64_t *values, int64_t count, int64_t end) {
    for (int64_t i = 0; i < count; i++)
        if (values[i] < 0 || values[i] >= end) return false;
    return true;
}

/* The corners of the triangles that the points are on, or the vertices that they are at. */
static bool read_corners(task *t, hand *h, const json_t *data, const json_t *model) {
    int64_t rows, columns, triangles, corners, *of, *triangle;
    if (!read_integers(t, data, "correspondences", &rows, &h->points, &of)) return false;
    if (tg_is_none(h->free)) {
        h->corner[0] = borrow_column(t, of, h->points, 1, 0);
        return true;
    }
    if (!read_integers(t, model, "triangles", &triangles, &corners, &triangle)) return false;
    if (corners != 3 || !in_range(of, h->points, triangles)) return task_fail(t, "a correspondence is to no triangle");
    int64_t *of_points = task_room(t, (size_t)(3 * h->points) * sizeof *of_points);
    for (columns = 0; columns < 3 * h->points; columns++)
        of_points[columns] = triangle[3 * of[columns / 3] + columns % 3];
    for (int i = 0; i < 3; i++)
        h->corner[i] = borrow_column(t, of_points, h->points, 3, i);
    return true;
}

static bool read_model(task *t, hand *h, const json_t *model) {
    numbers positions, weights;
    int64_t rows;
    if (!read_integers(t, model, "parents", &rows, &h->bones, &h->parents) ||
        !read_matrices(t, model, "base_relatives", h->bones, &h->base_relatives) ||
        !read_matrices(t, model, "inverse_base_absolutes", h->bones, &h->inverse_bases) ||
        !read_numbers(t, model, "base_positions", &positions) || !read_numbers(t, model, "weights", &weights))
        return false;
    if (h->bones > MOST_BONES || positions.columns != 4 || weights.columns != h->bones || weights.rows != positions.rows)
        return task_fail(t, "the sizes of the model do not fit together");
    for (int64_t i = 0; i < h->bones; i++)
        if (h->parents[i] >= i) return task_fail(t, "a bone stands before the one that it hangs on");
    h->base_positions = task_constant(t, TG_SHAPE(positions.rows, 4), positions.values);
    h->weights = task_constant(t, TG_SHAPE(weights.rows, h->bones), weights.values);
    h->angle_of = angles_of_bones(t, h);
    double mirror[] = {json_is_true(json_object_get(model, "is_mirrored")) ? -1 : 1, 1, 1};
    h->mirror = tg_constant(t->tape, TG_F64, TG_SHAPE(3, 1), mirror);
    return true;
}

static bool read_input(task *t, const json_t *input) {
    static const double cross_matrices[] = {0, 0, 0, 0, 0, -1, 0, 1, 0, 0, 0, 1, 0, 0, 0, -1, 0, 0, 0, -1, 0, 1, 0, 0, 0, 0, 0};

    hand         *h = t->state = task_room(t, sizeof *h);
    const json_t *data = json_object_get(input, "data"), *model = json_object_get(data, "model");
    numbers       theta, places, seen;
    if (!read_numbers(t, input, "theta", &theta) || !read_numbers(t, input, "us", &places)) return false;
    if (theta.columns != THETA) return task_fail(t, "\"theta\" has not %d numbers", THETA);
    h->theta = task_variable(t, "theta", TG_SHAPE(THETA), theta.values);
    h->free = places.columns ? task_variable(t, "us", TG_SHAPE(places.rows, places.columns), places.values) : TG_NONE;
    h->zero = tg_full(t->tape, TG_F64, TG_SHAPE(1), 0);
    h->unit = tg_eye(t->tape, TG_F64, 3, 3);
    h->cross_matrices = task_constant(t, TG_SHAPE(3, 9), cross_matrices);
    if (!read_model(t, h, model) || !read_corners(t, h, data, model) || !read_numbers(t, data, "points", &seen)) return false;
    if (seen.rows != h->points || seen.columns != 3 || (places.columns && (places.rows != h->points || places.columns != 2)))
        return task_fail(t, "there are not as many points as correspondences");
    h->seen = task_constant(t, TG_SHAPE(h->points, 3), seen.values);
    return true;
}

static json_t *output(const task *t) {
    const hand *h = t->state;
    if (t->function == OBJECTIVE) return output_list(t);
    return json_rows(t->result[0].values, 3 * h->points, t->result[0].count / (3 * h->points));
}

const eval eval_ht = {"ht", {"objective", "jacobian"}, .read = read_input, .record = record, .output = output};
