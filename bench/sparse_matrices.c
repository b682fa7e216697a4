/* bench/sparse_matrices.c: Jacobians and Hessians that are mostly zeros: of bundle adjustment as in ADBench's first problem (49 cameras,
 * 7,776 points, 31,843 observations), by one call, and by hand-picked products; of a tridiagonal system and of a chain of 100,000
 * unknowns.
 *
 * SPDX-License-Identifier: MIT */
#include "cppad.h"
#include "recorded.h"

#include <math.h>

static tg_tensor input(tg_tape *tape, const char *name, tg_shape shape, uint32_t salt, double low, double high) {
    tg_tensor x = tg_input(tape, name, TG_F64, shape);
    double   *values = doubles(tg_size(x), salt, low, high);
    tg_write(x, values, tg_size(x));
    free(values);
    return x;
}

/* ---- bundle adjustment ------------------------------------------------------------------------------------------- */

enum { CAMERAS = 49, POINTS = 7776, SEEN = 31843 };
enum { ROTATION, CENTER = 3, FOCAL = 6, PRINCIPAL, RADIAL = 9, CAMERA = 11, POINT = CAMERA, WEIGHT = POINT + 3, INPUTS };
enum { ERRORS = 2 };

/* in: what an observation depends on; all tensors have an element for each observation. */
typedef struct bundle {
    tg_tensor unknown[3]; /* cameras, points, weights */
    tg_tensor in[INPUTS], error[ERRORS], weight_error;
} bundle;

static void cross(const tg_tensor *a, const tg_tensor *b, tg_tensor *to) {
    for (int i = 0; i < 3; i++)
        to[i] = tg_sub(tg_mul(a[(i + 1) % 3], b[(i + 2) % 3]), tg_mul(a[(i + 2) % 3], b[(i + 1) % 3]));
}

static tg_tensor dot(const tg_tensor *a, const tg_tensor *b) {
    return tg_add(tg_add(tg_mul(a[0], b[0]), tg_mul(a[1], b[1])), tg_mul(a[2], b[2]));
}

static void rotate(const tg_tensor *r, const tg_tensor *v, tg_tensor *to) {
    tg_tensor angle = tg_sqrt(dot(r, r)), cosine = tg_cos(angle), sine = tg_sin(angle), axis[3], across[3];
    for (int i = 0; i < 3; i++)
        axis[i] = tg_div(r[i], angle);
    tg_tensor along = tg_mul(dot(axis, v), tg_sub(1, cosine));
    cross(axis, v, across);
    for (int i = 0; i < 3; i++)
        to[i] = tg_add(tg_add(tg_mul(v[i], cosine), tg_mul(across[i], sine)), tg_mul(axis[i], along));
}

static void project(const tg_tensor *in, tg_tensor *error) {
    tg_tensor v[3], turned[3];
    for (int i = 0; i < 3; i++)
        v[i] = tg_sub(in[POINT + i], in[CENTER + i]);
    rotate(in + ROTATION, v, turned);
    tg_tensor at[ERRORS] = {tg_div(turned[0], turned[2]), tg_div(turned[1], turned[2])};
    tg_tensor square = tg_add(tg_square(at[0]), tg_square(at[1]));
    tg_tensor distortion = tg_add(tg_add(1, tg_mul(in[RADIAL], square)), tg_mul(in[RADIAL + 1], tg_square(square)));
    for (int i = 0; i < ERRORS; i++)
        error[i] = tg_mul(in[WEIGHT], tg_add(tg_mul(tg_mul(at[i], distortion), in[FOCAL]), in[PRINCIPAL + i]));
}

static tg_tensor remainders(tg_tape *tape, int64_t modulus) {
    int64_t *index = room(SEEN * sizeof *index);
    for (int64_t i = 0; i < SEEN; i++)
        index[i] = i % modulus;
    tg_tensor x = tg_constant(tape, TG_I64, TG_SHAPE(SEEN), index);
    free(index);
    return x;
}

static tg_tape *new_bundle(bundle *b) {
    tg_tape *tape = new_tape();
    tg_set_keep(tape, TG_KEEP_ASKED);
    b->unknown[0] = input(tape, "cameras", TG_SHAPE(CAMERAS, CAMERA), 1, 0.1, 0.4);
    b->unknown[1] = input(tape, "points", TG_SHAPE(POINTS, 3), 2, 1, 2);
    b->unknown[2] = input(tape, "weights", TG_SHAPE(SEEN), 3, 0.5, 1);
    tg_unstack(tg_take(b->unknown[0], remainders(tape, CAMERAS), 0), 1, CAMERA, b->in);
    tg_unstack(tg_take(b->unknown[1], remainders(tape, POINTS), 0), 1, 3, b->in + POINT);
    b->in[WEIGHT] = b->unknown[2];
    project(b->in, b->error);
    b->weight_error = tg_sub(1, tg_square(b->unknown[2]));
    return tape;
}

static void *bundle_by_one_call(void) {
    bundle   b;
    tg_csr   j;
    tg_tape *tape = new_bundle(&b);
    tg_sparse_jacobian(tape, 3, (tg_tensor[]){b.error[0], b.error[1], b.weight_error}, 3, b.unknown, &j);
    return recorded_new(tape, 1, &j.values);
}

/* An observation's errors depend on its own inputs alone, less the other one's principal point: two vector-Jacobian products give all
 * derivatives. */
static void *bundle_by_products(void) {
    bundle    b;
    tg_tensor in[INPUTS], parts[3];
    tg_tape  *tape = new_bundle(&b);
    for (int i = 0; i < ERRORS; i++) {
        int count = 0;
        for (int j = 0; j < INPUTS; j++)
            if (j != PRINCIPAL + 1 - i) in[count++] = b.in[j];
        tg_vjp(tape, 1, &b.error[i], NULL, count, in, in);
        parts[i] = tg_reshape(tg_stack(tg_list_from(count, in), 1), TG_SHAPE(SEEN * count));
    }
    tg_vjp(tape, 1, &b.weight_error, NULL, 1, &b.unknown[2], &parts[2]);
    tg_tensor joined = tg_concat(tg_list_from(3, parts), 0);
    return recorded_new(tape, 1, &joined);
}

static const contestant bundle_call = {bundle_by_one_call, recorded_step, recorded_result, NULL, recorded_free};
static const contestant bundle_products = {bundle_by_products, recorded_step, recorded_result, NULL, recorded_free};

const work derivatives_bundle = {.name = "derivatives bundle",
                                 .tapegrad = &bundle_call,
                                 .tolerance = 1e-5,
                                 .rival = {{"two tg_vjp", 1.5, &bundle_products, TIME},
                                           {"JAX jit", 0, NULL, TIME},
                                           {"CasADi", 0, NULL, TIME},
                                           {"CppAD", 0, &cppad_bundle, TIME},
                                           {"CppAD sparse_jac_for", 0, &cppad_bundle_whole, TIME}}};

/* ---- a band ------------------------------------------------------------------------------------------------------ */

enum { UNKNOWNS = 100000 };

/* f_i = (3 - 2 x_i) x_i - x_{i-1} - 2 x_{i+1} + 1, with 0 at the ends (C. G. Broyden, 1965). */
static void *band_new(void) {
    tg_tape *tape = new_tape();
    tg_csr   j;
    tg_set_keep(tape, TG_KEEP_ASKED);
    tg_tensor x = input(tape, "x", TG_SHAPE(UNKNOWNS), 1, -1, 1), wide = tg_pad(x, 0, 1, 1, TG_PAD_CONSTANT, 0);
    tg_tensor left = tg_slice(wide, 0, 0, UNKNOWNS, 1), right = tg_slice(wide, 0, 2, UNKNOWNS + 2, 1);
    tg_tensor f = tg_add(tg_sub(tg_sub(tg_mul(tg_sub(3, tg_mul(2, x)), x), left), tg_mul(2, right)), 1);
    tg_sparse_jacobian(tape, 1, &f, 1, &x, &j);
    return recorded_new(tape, 1, &j.values);
}

typedef struct line {
    double *x, *values; /* of the tridiagonal matrix, row by row */
} line;

static void *line_new(void) {
    line *l = room(sizeof *l);
    *l = (line){doubles(UNKNOWNS, 1, -1, 1), room(3 * UNKNOWNS * sizeof(double))};
    return l;
}

static void line_free(void *state) {
    line *l = state;
    free(l->x);
    free(l->values);
    free(l);
}

static int line_result(void *state, double *to) {
    return digest_doubles(((line *)state)->values, 3 * UNKNOWNS - 2, to);
}

static void band_step(void *state) {
    const line *l = state;
    double     *to = l->values;
    for (int i = 0; i < UNKNOWNS; i++) {
        if (i > 0) *to++ = -1;
        *to++ = 3 - 4 * l->x[i];
        if (i < UNKNOWNS - 1) *to++ = -2;
    }
}

static const contestant band_tape = {band_new, recorded_step, recorded_result, NULL, recorded_free};
static const contestant band_by_hand = {line_new, band_step, line_result, NULL, line_free};

const work derivatives_band = {.name = "derivatives band",
                               .tapegrad = &band_tape,
                               .tolerance = 1e-5,
                               .rival = {{"", 50, NULL, MILLISECONDS},
                                         {"C", 0, &band_by_hand, TIME},
                                         {"JAX jit", 0, NULL, TIME},
                                         {"CasADi", 0, NULL, TIME},
                                         {"CppAD", 0, &cppad_band, TIME}}};

/* ---- a chain ----------------------------------------------------------------------------------------------------- */

/* The Hessian of Rosenbrock's chained function. */
static void *chain_new(void) {
    tg_tape *tape = new_tape();
    tg_csr   h;
    tg_set_keep(tape, TG_KEEP_ASKED);
    tg_tensor x = input(tape, "x", TG_SHAPE(UNKNOWNS), 1, -1, 1);
    tg_tensor a = tg_slice(x, 0, 0, UNKNOWNS - 1, 1), b = tg_slice(x, 0, 1, UNKNOWNS, 1);
    tg_tensor loss = tg_sum(tg_add(tg_mul(100, tg_square(tg_sub(b, tg_square(a)))), tg_square(tg_sub(1, a))));
    tg_sparse_hessian(loss, 1, &x, &h);
    return recorded_new(tape, 1, &h.values);
}

static void chain_step(void *state) {
    const line   *l = state;
    const double *x = l->x;
    double       *to = l->values;
    for (int i = 0; i < UNKNOWNS; i++) {
        if (i > 0) *to++ = -400 * x[i - 1];
        *to++ = (i > 0 ? 200 : 0) + (i < UNKNOWNS - 1 ? 1200 * x[i] * x[i] - 400 * x[i + 1] + 2 : 0);
        if (i < UNKNOWNS - 1) *to++ = -400 * x[i];
    }
}

static const contestant chain_tape = {chain_new, recorded_step, recorded_result, NULL, recorded_free};
static const contestant chain_by_hand = {line_new, chain_step, line_result, NULL, line_free};

const work derivatives_chain = {.name = "derivatives chain",
                                .tapegrad = &chain_tape,
                                .tolerance = 1e-5,
                                .rival = {{"", 100, NULL, MILLISECONDS},
                                          {"C", 0, &chain_by_hand, TIME},
                                          {"JAX jit", 0, NULL, TIME},
                                          {"CasADi", 0, NULL, TIME},
                                          {"CppAD", 0, &cppad_chain, TIME},
                                          {"CppAD sparse_hes", 0, &cppad_chain_hessian, TIME}}};
