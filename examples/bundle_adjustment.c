/* examples/bundle_adjustment.c: where cameras stood, and the points that they saw, from the places of the points on the pictures.
 *
 * A camera with the rotation R (a vector, of which the length is the angle), the translation t, the focal length f and the distortion k1, k2
 * sees a point X at
 *     p = -(P_x, P_y) / P_z,  P = R X + t,        f (1 + k1 |p|^2 + k2 |p|^4) p
 * and all of these, and all points, are to be such that the sum over the observations of Huber's loss of the distance is least: so far
 * off are pixels, in the usual manner, and so little do wrong matches count. The camera and the files are those of BAL (S. Agarwal, N.
 * Snavely, S. M. Seitz and R. Szeliski, "Bundle adjustment in the large", 2010).
 *
 * An observation depends on one camera and one point, so nearly all of the Jacobian is 0. tg_least_squares never writes it down: it needs
 * products with it, by conjugate gradients. These go faster when the unknowns of a camera, or of a point, are first taken in combinations
 * that are independent and of one size (block Jacobi), which the entries of the Jacobian say that are not 0: tg_sparse_jacobian has them.
 *
 * SPDX-License-Identifier: MIT */
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <tapegrad/extend.h>

#include "command.h"
#include "complain.h"
#include "figure.h"

const char program_name[] = "bundle_adjustment";

typedef struct settings {
    const char *data, *save, *plot;
    int64_t     iterations;
    double      scale;
} settings;

/* ---- files ------------------------------------------------------------------------------------------------------- */

enum { ROTATION, TRANSLATION = 3, FOCAL = 6, RADIAL, CAMERA = 9, POINT = 3, PLACE = 2 };

/* A problem, and in the end its solution. */
typedef struct scene {
    int64_t  cameras, points, count; /* of the observations */
    int64_t *camera_of, *point_of;
    double  *seen;           /* (count, PLACE) */
    double  *camera, *point; /* (cameras, CAMERA), (points, POINT) */
} scene;

static void scene_free(scene *s) {
    free(s->camera_of), free(s->point_of), free(s->seen), free(s->camera), free(s->point);
}

static bool read_numbers(FILE *file, int64_t n, double *to) {
    for (int64_t i = 0; i < n; i++)
        if (fscanf(file, "%lf", &to[i]) != 1 || !isfinite(to[i])) return false;
    return true;
}

static bool read_observations(FILE *file, scene *s) {
    for (int64_t i = 0; i < s->count; i++) {
        if (fscanf(file, "%" SCNd64 "%" SCNd64, &s->camera_of[i], &s->point_of[i]) != 2) return false;
        if (s->camera_of[i] < 0 || s->camera_of[i] >= s->cameras || s->point_of[i] < 0 || s->point_of[i] >= s->points)
            return false;
        if (!read_numbers(file, PLACE, s->seen + PLACE * i)) return false;
    }
    return true;
}

static bool is_size(int64_t n) {
    return n > 0 && n < 100000000;
}

static bool read_scene(FILE *file, scene *s) {
    if (fscanf(file, "%" SCNd64 "%" SCNd64 "%" SCNd64, &s->cameras, &s->points, &s->count) != 3) return false;
    if (!is_size(s->cameras) || !is_size(s->points) || !is_size(s->count)) return false;
    s->camera_of = calloc((size_t)s->count, sizeof *s->camera_of);
    s->point_of = calloc((size_t)s->count, sizeof *s->point_of);
    s->seen = calloc((size_t)(PLACE * s->count), sizeof *s->seen);
    s->camera = calloc((size_t)(CAMERA * s->cameras), sizeof *s->camera);
    s->point = calloc((size_t)(POINT * s->points), sizeof *s->point);
    if (!s->camera_of || !s->point_of || !s->seen || !s->camera || !s->point) return false;
    return read_observations(file, s) && read_numbers(file, CAMERA * s->cameras, s->camera) &&
           read_numbers(file, POINT * s->points, s->point);
}

static bool load(const char *path, scene *s) {
    FILE *file = fopen(path, "r");
    if (!file) return complain("%s: it cannot be opened: %s", path, strerror(errno));
    bool ok = read_scene(file, s);
    if (!ok) complain("%s: at byte %ld: expected what BAL's format has there", path, ftell(file));
    fclose(file);
    return ok;
}

static bool save(const char *path, const scene *s) {
    FILE *file = fopen(path, "w");
    if (!file) return complain("%s: it cannot be written: %s", path, strerror(errno));
    fprintf(file, "%" PRId64 " %" PRId64 " %" PRId64 "\n", s->cameras, s->points, s->count);
    for (int64_t i = 0; i < s->count; i++)
        fprintf(file, "%" PRId64 " %" PRId64 " %.17g %.17g\n", s->camera_of[i], s->point_of[i], s->seen[2 * i],
                s->seen[2 * i + 1]);
    for (int64_t i = 0; i < CAMERA * s->cameras; i++)
        fprintf(file, "%.17g\n", s->camera[i]);
    for (int64_t i = 0; i < POINT * s->points; i++)
        fprintf(file, "%.17g\n", s->point[i]);
    bool ok = !ferror(file);
    if (fclose(file) || !ok) return complain("%s: it cannot be written: %s", path, strerror(errno));
    return true;
}

/* ---- the camera: each tensor has a row for each observation --------------------------------------------------------- */

static tg_tensor columns(tg_tensor x, int from, int count) {
    return tg_slice(x, 1, from, from + count, 1);
}

static tg_tensor dot(tg_tensor a, tg_tensor b) {
    return tg_sum_axes(tg_mul(a, b), TG_AXES(1), true);
}

static tg_tensor cross(tg_tensor a, tg_tensor b) {
    tg_tensor a1 = tg_roll(a, 1, -1), a2 = tg_roll(a, 1, -2), b1 = tg_roll(b, 1, -1), b2 = tg_roll(b, 1, -2);
    return tg_sub(tg_mul(a1, b2), tg_mul(a2, b1));
}

/* x, turned about the direction of r by an angle of |r| (Rodrigues); for a very small r by the formula's limit. */
static tg_tensor rotated(tg_tensor r, tg_tensor x) {
    tg_tensor square = dot(r, r), tiny = tg_lt(square, 1e-20), angle = tg_sqrt(tg_where(tiny, 1, square));
    tg_tensor axis = tg_div(r, angle), cosine = tg_cos(angle);
    tg_tensor along = tg_mul(axis, tg_mul(dot(axis, x), tg_sub(1, cosine)));
    tg_tensor turned = tg_add(tg_add(tg_mul(x, cosine), tg_mul(cross(axis, x), tg_sin(angle))), along);
    return tg_where(tiny, tg_add(x, cross(r, x)), turned);
}

static tg_tensor seen_by(tg_tensor camera, tg_tensor point) {
    tg_tensor at = tg_add(rotated(columns(camera, ROTATION, 3), point), columns(camera, TRANSLATION, 3));
    tg_tensor p = tg_neg(tg_div(columns(at, 0, 2), columns(at, 2, 1))), square = dot(p, p);
    tg_tensor k1 = columns(camera, RADIAL, 1), k2 = columns(camera, RADIAL + 1, 1);
    tg_tensor distortion = tg_add(1, tg_mul(square, tg_add(k1, tg_mul(k2, square))));
    return tg_mul(p, tg_mul(columns(camera, FOCAL, 1), distortion));
}

/* ---- the problem ------------------------------------------------------------------------------------------------- */

/* A row for each camera, or each point, is first + matrix change, and the change is what is looked for. */
typedef struct unknown {
    int64_t   rows, width;
    double   *at; /* where it is, and where it shall be */
    tg_tensor first, matrix, change, value, blocks;
} unknown;

enum { CAMERAS, POINTS, KINDS };

typedef struct problem {
    unknown   of[KINDS];
    tg_tensor errors; /* (count, PLACE) */
} problem;

static unknown new_unknown(tg_tape *tape, const char *name, int64_t rows, int64_t width, double *at) {
    unknown u = {.rows = rows,
                 .width = width,
                 .at = at,
                 .first = tg_input(tape, NULL, TG_F64, TG_SHAPE(rows, width)),
                 .matrix = tg_input(tape, NULL, TG_F64, TG_SHAPE(rows, width, width)),
                 .change = tg_parameter(tape, name, tg_full(tape, TG_F64, TG_SHAPE(rows, width), 0))};
    u.value = tg_add(u.first, tg_select(tg_matmul(u.matrix, tg_unsqueeze(u.change, 2)), 2, 0));
    tg_write(u.first, at, rows * width);
    return u;
}

/* In a part of the tape: the matrices that make the blocks of J^T J of these unknowns unit matrices: L^-T, where a block is L L^T. `j` has what
 * of the Jacobian is theirs, (count, PLACE, width). */
static void record_blocks(unknown *u, tg_tensor j, tg_tensor of) {
    tg_tape  *tape = tg_tape_of(j);
    tg_tensor unit = tg_eye(tape, TG_F64, u->width, u->width),
              zero = tg_full(tape, TG_F64, TG_SHAPE(u->rows, u->width, u->width), 0);
    tg_tensor sum = tg_index_put(zero, TG_LIST(of), tg_matmul(tg_transpose(j, 1, 2), j), true);
    tg_tensor more = tg_add(tg_mul(1e-6, tg_mul(sum, unit)), tg_mul(1e-12, unit)); /* so that they are positive definite */
    tg_tensor factor = tg_cholesky(tg_add(sum, more), TG_LOWER);
    u->blocks = tg_solve_triangular(factor, tg_broadcast_to(unit, tg_shape_of(sum)), TG_LOWER | TG_TRANSPOSED);
}

/* Each row of the Jacobian has entries for one camera and then for one point. */
static problem new_problem(tg_tape *tape, const scene *s) {
    problem   p = {{new_unknown(tape, "cameras", s->cameras, CAMERA, s->camera),
                    new_unknown(tape, "points", s->points, POINT, s->point)},
                   TG_NONE};
    tg_tensor camera_of = tg_borrow(tape, TG_I64, TG_SHAPE(s->count), s->camera_of);
    tg_tensor point_of = tg_borrow(tape, TG_I64, TG_SHAPE(s->count), s->point_of);
    tg_tensor value[KINDS] = {p.of[CAMERAS].value, p.of[POINTS].value};
    p.errors = tg_sub(seen_by(tg_take(value[CAMERAS], camera_of, 0), tg_take(value[POINTS], point_of, 0)),
                      tg_borrow(tape, TG_F64, TG_SHAPE(s->count, PLACE), s->seen));
    tg_csr jacobian = {0};
    tg_begin_part(tape, "blocks");
    tg_sparse_jacobian(tape, 1, &p.errors, KINDS, value, &jacobian);
    tg_tensor entries = tg_reshape(jacobian.values, TG_SHAPE(s->count, PLACE, CAMERA + POINT));
    record_blocks(&p.of[CAMERAS], tg_slice(entries, 2, 0, CAMERA, 1), camera_of);
    record_blocks(&p.of[POINTS], tg_slice(entries, 2, CAMERA, CAMERA + POINT, 1), point_of);
    tg_end_part(tape);
    return p;
}

/* Begins anew where the unknowns are now. */
static bool begin_round(tg_tape *tape, problem *p) {
    tg_run_part(tape, "blocks");
    for (int i = 0; i < KINDS && !tg_error_status(tape); i++) {
        unknown *u = &p->of[i];
        tg_read(u->value, u->at, u->rows * u->width);
        tg_write(u->matrix, tg_data(u->blocks), u->rows * u->width * u->width);
        tg_write(u->first, u->at, u->rows * u->width);
        tg_write(u->change, tg_data(tg_full(tape, TG_F64, tg_shape_of(u->change), 0)), u->rows * u->width);
    }
    return !tg_error_status(tape);
}

/* Rounds of a few steps each. */
static bool adjust(tg_tape *tape, problem *p, const settings *o) {
    enum { EACH = 30 };
    tg_tensor       change[] = {p->of[CAMERAS].change, p->of[POINTS].change};
    tg_solve_report report = {.stop = TG_STOP_ITERATIONS};
    int64_t         iterations = 0, products = 0;
    while (report.stop == TG_STOP_ITERATIONS && iterations < o->iterations) {
        int64_t                  left = o->iterations - iterations;
        tg_least_squares_options options = {.robust = TG_ROBUST_HUBER,
                                            .scale = o->scale,
                                            .jacobian = TG_JACOBIAN_FREE,
                                            .tolerance_value = 1e-9,
                                            .max_iterations = left < EACH ? left : EACH};
        if (!begin_round(tape, p) || tg_least_squares(p->errors, KINDS, change, &options, &report)) return false;
        iterations += report.iterations, products += report.products;
    }
    printf("Loss %.6f after %lld iterations, %lld products with the Jacobian: %s\n", report.value, (long long)iterations,
           (long long)products, tg_stop_text(report.stop));
    return true;
}

/* ---- the results ------------------------------------------------------------------------------------------------- */

static int by_size(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* How far off the observations are, in pixels. */
static bool print_errors(tg_tape *tape, const char *when, const problem *p, const scene *s) {
    double *off = malloc((size_t)s->count * sizeof *off);
    if (!off) return !tg_fail(tape, TG_ERR_MEMORY, NULL, "out of memory");
    bool ok = !tg_read(tg_sqrt(dot(p->errors, p->errors)), off, s->count);
    if (ok) {
        double  square = 0;
        int64_t far_off = 0;
        qsort(off, (size_t)s->count, sizeof *off, by_size);
        for (int64_t i = 0; i < s->count; i++)
            square += off[i] * off[i], far_off += off[i] > 3;
        printf("%-7s median %9.4f, root of the mean square %9.4f, off by more than 3: %.1f%%\n", when, off[s->count / 2],
               sqrt(square / (double)s->count), 100 * (double)far_off / (double)s->count);
    }
    free(off);
    return ok;
}

/* From above: the first two coordinates of the points, or of where the cameras are, each in a row of its own. */
typedef struct view {
    double *point[2], *camera[2];
} view;

static bool look(tg_tape *tape, const problem *p, const scene *s, view *v) {
    double *room = malloc((size_t)(2 * (s->points + s->cameras)) * sizeof *room);
    if (!room) return !tg_fail(tape, TG_ERR_MEMORY, NULL, "out of memory");
    *v = (view){{room, room + s->points}, {room + 2 * s->points, room + 2 * s->points + s->cameras}};
    tg_tensor camera = p->of[CAMERAS].value, back = tg_neg(columns(camera, ROTATION, 3));
    tg_tensor place = tg_neg(rotated(back, columns(camera, TRANSLATION, 3)));
    for (int i = 0; i < 2; i++) {
        tg_read(tg_select(p->of[POINTS].value, 1, i), v->point[i], s->points);
        tg_read(tg_select(place, 1, i), v->camera[i], s->cameras);
    }
    return !tg_error_status(tape);
}

static bool draw(const char *path, const scene *s, const view *before, const view *after) {
    const figure_series series[] = {
        {"points before", FIGURE_POINTS, "#c9c9c9", s->points, before->point[0], before->point[1], NULL},
        {"cameras before", FIGURE_POINTS, "#e9b8ab", s->cameras, before->camera[0], before->camera[1], NULL},
        {"points after", FIGURE_POINTS, "#1b6ca8", s->points, after->point[0], after->point[1], NULL},
        {"cameras after", FIGURE_POINTS, "#c2452d", s->cameras, after->camera[0], after->camera[1], NULL},
    };
    return figure_draw(path, &(figure){.title = "Points and cameras, from above",
                                       .x_label = "",
                                       .y_label = "",
                                       .even = true,
                                       .count = 4,
                                       .series = series});
}

/* ---- the program ------------------------------------------------------------------------------------------------- */

static bool run(tg_tape *tape, scene *s, const settings *o) {
    view    before = {0}, after = {0};
    problem p = new_problem(tape, s);
    bool    ok = !tg_error_status(tape);
    if (ok)
        printf("%lld cameras, %lld points, %lld observations\n", (long long)s->cameras, (long long)s->points,
               (long long)s->count);
    ok = ok && print_errors(tape, "Before:", &p, s) && (!o->plot || look(tape, &p, s, &before));
    ok = ok && adjust(tape, &p, o) && print_errors(tape, "After:", &p, s) && (!o->plot || look(tape, &p, s, &after));
    ok = ok && (!o->plot || draw(o->plot, s, &before, &after));
    ok = ok && (!o->save || (begin_round(tape, &p) && save(o->save, s)));
    free(before.point[0]);
    free(after.point[0]);
    return ok;
}

int main(int argc, char **argv) {
    settings             o = {.data = BAL_TXT, .iterations = 1000, .scale = 1};
    scene                s = {0};
    const command_option rows[] = {
        {"data", "FILE", "a problem in the format of BAL, as text", COMMAND_TEXT, &o.data, 0},
        {"scale", "PIXELS", "up to which error an observation counts by its square", COMMAND_REAL, &o.scale, 1e-6},
        {"iterations", "N", "how many steps are taken, at most", COMMAND_COUNT, &o.iterations, 1},
        {"save", "FILE", "write the solution, in the same format", COMMAND_TEXT, &o.save, 0},
        {"plot", "FILE", "draw both from above with gnuplot; FILE ends in .png, .svg or .pdf", COMMAND_TEXT, &o.plot, 0},
    };
    const command c = {"Finds where cameras stood and where the points are that they saw, from the places of the points on\n"
                       "the pictures.\n",
                       sizeof rows / sizeof *rows, rows};
    int           exit_code;
    if (!command_read(&c, argc, argv, &exit_code)) return exit_code;
    if (o.plot && !figure_possible(o.plot)) return 2;

    tg_tape *tape = tg_tape_new();
    bool     ok = load(o.data, &s) && run(tape, &s, &o);
    complain_of(tape);
    tg_tape_free(tape);
    scene_free(&s);
    if (fflush(stdout) != 0) ok = complain("standard output: %s", strerror(errno));
    return ok ? 0 : 2;
}
