/* bench/gradbench/eval_ht.c: how far the points of a hand, as a camera with depth sees them, are from the skin of a model
 * of a hand in a pose theta; and the Jacobian for theta, and for the places on the triangles of the skin if they are
 * free. (After ADBench, hand.)
 *
 * SPDX-License-Identifier: MIT */
#include <string.h>

#include "task.h"

enum { OBJECTIVE, JACOBIAN };

/* theta: the rotation of the hand, its place, and for each finger four angles, two of them of its first bone. */
enum { TURN = 0, PLACE = 3, FINGERS_AT = 6, FINGERS = 5, ANGLES = 4, THETA = FINGERS_AT + FINGERS * ANGLES };

enum { MOST_BONES = 64, CORNERS = 3 };

typedef struct hand {
    int64_t   bones, points;
    int64_t  *parents;                       /* the number of a bone before, or -1 */
    tg_tensor theta;                         /* (THETA) */
    tg_tensor free;                          /* (points, 2): where on the triangle; TG_NONE: at a vertex */
    tg_tensor angle_of;                      /* (bones, 3): where in theta and a 0 its angles are */
    tg_tensor base_relatives, inverse_bases; /* (bones, 4, 4) */
    tg_tensor base_positions, weights;       /* (vertices, 4), (vertices, bones) */
    int       corners;                       /* 3 of each point's triangle, or 1, the vertex that it is at; of each: */
    tg_tensor corner[CORNERS];               /* (points): which vertex it is; */
    tg_tensor skin[CORNERS];  /* (points, 4 bones + 1), for the tuned form: its place times each bone's weight, and 1 */
    tg_tensor seen;           /* (points, 3) */
    tg_tensor mirror;         /* (3): 1, or -1 */
    tg_tensor cross_matrices; /* (3, 9): of the unit vectors, e x v = M v */
    tg_tensor unit, zero;     /* (3, 3), (1) */
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

static tg_tensor turn_of(const hand *h) {
    return rotation_by(h, tg_slice(h->theta, 0, TURN, TURN + 3, 1));
}

static tg_tensor place_of(const hand *h) {
    return tg_slice(h->theta, 0, PLACE, PLACE + 3, 1);
}

/* ---- the plain form: all vertices of the skin -------------------------------------------------------------------- */

/* (3, vertices): as each bone would take them, by its weight. */
static tg_tensor vertices(const hand *h) {
    tg_tensor taken = tg_matmul(tg_slice(bone_transforms(h), 1, 0, 3, 1), tg_transpose(h->base_positions, 0, 1));
    tg_tensor weights = tg_unsqueeze(tg_transpose(h->weights, 0, 1), 1);
    tg_tensor skin = tg_mul(tg_sum_axes(tg_mul(taken, weights), TG_AXES(0), false), tg_unsqueeze(h->mirror, 1));
    return tg_add(tg_matmul(turn_of(h), skin), tg_unsqueeze(place_of(h), 1));
}

/* What is at the corners of a point's triangle, put together for its place in there. */
static tg_tensor combined(const hand *h, int axis, const tg_tensor *at) {
    if (tg_is_none(h->free)) return at[0];
    tg_tensor u = tg_unsqueeze(tg_select(h->free, 1, 0), axis), v = tg_unsqueeze(tg_select(h->free, 1, 1), axis);
    return tg_add(tg_add(tg_mul(u, at[0]), tg_mul(v, at[1])), tg_mul(tg_sub(tg_sub(1, u), v), at[2]));
}

static tg_tensor plain_errors(const hand *h) {
    tg_tensor skin = vertices(h), at[CORNERS];
    for (int i = 0; i < h->corners; i++)
        at[i] = tg_take(skin, h->corner[i], 1);
    return tg_sub(h->seen, tg_transpose(combined(h, 0, at), 0, 1));
}

/* ---- the tuned form: a vertex is a product of 4 bones + 1 numbers that do not change, and a matrix of the pose ---------- */

/* (4 bones + 1, 3): what all bones, the turn and the place do. */
static tg_tensor pose(const hand *h) {
    tg_tensor transforms = tg_permute(tg_slice(bone_transforms(h), 1, 0, 3, 1), TG_AXES(0, 2, 1));
    tg_tensor turn = tg_mul(tg_transpose(turn_of(h), 0, 1), tg_unsqueeze(h->mirror, 1));
    tg_tensor bones = tg_matmul(tg_reshape(transforms, TG_SHAPE(4 * h->bones, 3)), turn);
    return tg_concat(TG_LIST(bones, tg_unsqueeze(place_of(h), 0)), 0);
}

static tg_tensor tuned_errors(const hand *h, tg_tensor skin, tg_tensor pose) {
    return tg_sub(h->seen, tg_matmul(skin, pose));
}

/* ---- the eval ---------------------------------------------------------------------------------------------------- */

/* The derivatives of y for the places on the triangles, each point's for its own: (2, points, 3). */
static tg_tensor free_columns(task *t, const hand *h, tg_tensor y) {
    tg_tensor columns[2];
    for (int i = 0; i < 2; i++) {
        tg_tensor unit = tg_constant(t->tape, TG_F64, TG_SHAPE(2), ((double[]){i == 0, i == 1}));
        tg_jvp(t->tape, 1, &h->free, &unit, 1, &y, &columns[i]);
    }
    return tg_stack(tg_list_from(2, columns), 0);
}

/* The errors, (points, 3), or their derivatives for theta and for the places. Those for theta are columns, (THETA, points, 3), as the code
 * by hand gives them; of the tuned form they are rows. */
static void record(task *t) {
    const hand *h = t->state;
    bool        tuned = t->options.tuned;
    tg_tensor   skin = tuned ? combined(h, 1, h->skin) : TG_NONE, matrix = tuned ? pose(h) : TG_NONE;
    tg_tensor   y = tuned ? tuned_errors(h, skin, matrix) : plain_errors(h);
    if (t->function == OBJECTIVE) {
        task_result(t, y);
        return;
    }
    if (tuned) {
        tg_tensor slopes = tg_reshape(tg_jacobian(matrix, h->theta), TG_SHAPE(4 * h->bones + 1, 3 * THETA));
        task_result(t, tg_neg(tg_matmul(skin, slopes)));
    } else
        task_result(t, tg_permute(tg_jacobian(y, h->theta), TG_AXES(2, 0, 1)));
    if (!tg_is_none(h->free)) task_result(t, free_columns(t, h, y));
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

static bool in_range(const int64_t *values, int64_t count, int64_t end) {
    for (int64_t i = 0; i < count; i++)
        if (values[i] < 0 || values[i] >= end) return false;
    return true;
}

/* For the vertices of[0], of[1], ...: each bone's weight times the place, and a 1. */
static tg_tensor skin_of(task *t, const hand *h, const int64_t *of, numbers positions, numbers weights) {
    double *skin = task_room(t, (size_t)(h->points * (4 * h->bones + 1)) * sizeof *skin), *next = skin;
    for (int64_t i = 0; i < h->points; i++) {
        for (int64_t j = 0; j < 4 * h->bones; j++)
            *next++ = weights.values[of[i] * h->bones + j / 4] * positions.values[4 * of[i] + j % 4];
        *next++ = 1;
    }
    return task_constant(t, TG_SHAPE(h->points, 4 * h->bones + 1), skin);
}

/* The corners of the triangles that the points are on, or the vertices that they are at. */
static bool read_corners(task *t, hand *h, const json_t *data, const json_t *model, numbers positions, numbers weights) {
    int64_t rows, count, columns, *of, *triangle = NULL;
    if (!read_integers(t, data, "correspondences", &rows, &h->points, &of)) return false;
    if (h->corners == CORNERS) {
        if (!read_integers(t, model, "triangles", &count, &columns, &triangle)) return false;
        if (columns != CORNERS || !in_range(of, h->points, count)) return task_fail(t, "a correspondence is to no triangle");
    }
    for (int corner = 0; corner < h->corners; corner++) {
        int64_t *vertex = task_room(t, (size_t)h->points * sizeof *vertex);
        for (int64_t i = 0; i < h->points; i++)
            vertex[i] = triangle ? triangle[CORNERS * of[i] + corner] : of[i];
        if (!in_range(vertex, h->points, positions.rows)) return task_fail(t, "a corner is no vertex");
        h->corner[corner] = tg_borrow(t->tape, TG_I64, TG_SHAPE(h->points), vertex);
        if (t->options.tuned) h->skin[corner] = skin_of(t, h, vertex, positions, weights);
    }
    return true;
}

static bool read_model(task *t, hand *h, const json_t *data, const json_t *model) {
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
    h->mirror = tg_constant(t->tape, TG_F64, TG_SHAPE(3), mirror);
    return read_corners(t, h, data, model, positions, weights);
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
    h->corners = places.columns ? CORNERS : 1;
    h->zero = tg_full(t->tape, TG_F64, TG_SHAPE(1), 0);
    h->unit = tg_eye(t->tape, TG_F64, 3, 3);
    h->cross_matrices = task_constant(t, TG_SHAPE(3, 9), cross_matrices);
    if (!read_model(t, h, data, model) || !read_numbers(t, data, "points", &seen)) return false;
    if (seen.rows != h->points || seen.columns != 3 || (places.columns && (places.rows != h->points || places.columns != 2)))
        return task_fail(t, "there are not as many points as correspondences");
    h->seen = task_constant(t, TG_SHAPE(h->points, 3), seen.values);
    return true;
}

/* A row for each error: its derivatives for the place on the triangle, if that is free, and then for theta. */
static json_t *output(const task *t) {
    const hand *h = t->state;
    if (t->function == OBJECTIVE) return output_list(t);
    int64_t rows = 3 * h->points, places = t->result_count > 1 ? 2 : 0;
    double  row[2 + THETA];
    json_t *list = json_array();
    for (int64_t i = 0; i < rows; i++) {
        for (int64_t j = 0; j < places; j++)
            row[j] = t->result[1].values[j * rows + i];
        for (int64_t j = 0; j < THETA; j++)
            row[places + j] = t->result[0].values[t->options.tuned ? i * THETA + j : j * rows + i];
        list = json_append(list, json_list(row, places + THETA));
    }
    return list;
}

const eval eval_ht = {"ht", {"objective", "jacobian"}, .read = read_input, .record = record, .output = output};
