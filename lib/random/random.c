/* random/random.c: the generator's bits turned into numbers, in the order and with the roundings of PyTorch on the CPU.
 *
 * The rules below were found by experiment with PyTorch 2.15, on its path without vector instructions; those that the
 * names of the functions do not give away:
 *   - float32 takes one word of the generator, float64 two, the first one being the high half; the low bits count.
 *   - Fewer than 16 normal numbers are made one at a time, in double, and the second one of the last pair is left for the
 *     next such call, of either dtype; only tg_seed drops it. From 16 on they are made in blocks, which do not touch it,
 *     and scaled with one rounding, fma.
 *   - An integer below `range` takes one word when range < 2^28, else two, and is their remainder.
 *   - Every bernoulli takes a float64 uniform number, whatever its dtype.
 *   - A permutation of 2^32 / 20 numbers or more is made by another variant of the shuffle.
 * Arguments are checked, and memory is there, before the first word is drawn: a call that fails leaves the generator as it was.
 *
 * SPDX-License-Identifier: MIT */
#include <inttypes.h>
#include <math.h>
#include <string.h>
#include <tgmath.h>

#include "core/tape.h"

#define TWO_PI 6.283185307179586476925287

enum { BLOCK = 16 };

/* ---- single numbers ---------------------------------------------------------------------------------------------- */

static uint64_t next64(tgi_mt19937 *generator) {
    uint64_t high = tgi_mt19937_next(generator);
    return high << 32 | tgi_mt19937_next(generator);
}

static float unit_f32(tgi_mt19937 *generator) {
    return (float)(tgi_mt19937_next(generator) & 0xffffff) * 0x1p-24f;
}

static double unit_f64(tgi_mt19937 *generator) {
    return (double)(next64(generator) & 0x1fffffffffffff) * 0x1p-53;
}

/* G. E. P. Box and M. E. Muller, "A note on the generation of random normal deviates", Annals of Mathematical Statistics 29
 * (1958) 610-611. */
static double one_normal(tgi_mt19937 *generator) {
    generator->has_normal = !generator->has_normal;
    if (!generator->has_normal) return generator->next_normal;
    double angle = TWO_PI * unit_f64(generator);
    double radius = sqrt(-2 * log1p(-unit_f64(generator)));
    generator->next_normal = radius * sin(angle);
    return radius * cos(angle);
}

/* ---- arrays of float32 and of float64 ---------------------------------------------------------------------------- */

#define REAL float
#define OF(name) name##_f32
#include "random/fill.h"

#define REAL double
#define OF(name) name##_f64
#include "random/fill.h"

/* ---- common to all ----------------------------------------------------------------------------------------------- */

static tgi_node *new_leaf(tg_tape *tape, const char *what, tg_dtype dtype, tg_shape shape) {
    return tgi_new_leaf(tape, what, &tgi_constant, NULL, dtype, shape, NULL);
}

/* The new leaf's handle, or an invalid one for NULL. */
static tg_tensor result(tg_tape *tape, const tgi_node *leaf) {
    return leaf ? tgi_tensor(tape, tape->count - 1) : tgi_invalid(tape);
}

static tg_status check_floating(tg_tape *tape, const char *what, tg_dtype dtype) {
    if (tgi_dtype_in(dtype, TGI_FLOATS)) return TG_OK;
    return tgi_fail(tape, TG_ERR_DTYPE, what, "the dtype is %s, not float32 or float64", tg_dtype_name(dtype));
}

/* Whether the value, converted to that floating dtype, is finite. */
static bool in_range(tg_dtype dtype, double value) {
    return fabs(value) <= tgi_traits_of(dtype)->largest;
}

static tg_status check_in_range(tg_tape *tape, const char *what, tg_dtype dtype, const char *role, double value) {
    if (in_range(dtype, value)) return TG_OK;
    return tgi_fail(tape, TG_ERR_ARGUMENT, what, "%s %.17g is no finite %s", role, value, tg_dtype_name(dtype));
}

/* ---- seed -------------------------------------------------------------------------------------------------------- */

tg_status(tg_seed)(tg_tape *tape, uint64_t seed) {
    tg_status status = tgi_check(tape);
    if (status) return status;
    tgi_mt19937_seed(&tape->generator, (uint32_t)seed);
    return tgi_done(tape, TG_OK);
}

/* ---- drawing again ----------------------------------------------------------------------------------------------- */

static void draw_uniform(tgi_mt19937 *generator, tgi_node *leaf, double low, double high) {
    (void)TGI_DISPATCH_FLOATS(leaf->dtype, fill_uniform, generator, leaf->data, tgi_node_size(leaf), low, high);
}

static void draw_normal(tgi_mt19937 *generator, tgi_node *leaf, double mean, double deviation) {
    (void)TGI_DISPATCH_FLOATS(leaf->dtype, fill_normal, generator, leaf->data, tgi_node_size(leaf), mean, deviation);
}

static void draw_uniform_again(const tgi_recipe *recipe, tgi_node *leaf) {
    tgi_mt19937 generator = *recipe->generator;
    draw_uniform(&generator, leaf, recipe->a, recipe->b);
}

static void draw_normal_again(const tgi_recipe *recipe, tgi_node *leaf) {
    tgi_mt19937 generator = *recipe->generator;
    draw_normal(&generator, leaf, recipe->a, recipe->b);
}

/* ---- uniform ----------------------------------------------------------------------------------------------------- */

static tg_tensor uniform(tg_tape *tape, const char *what, tg_dtype dtype, tg_shape shape, double low, double high) {
    if (tgi_check(tape) || check_floating(tape, what, dtype)) return tgi_invalid(tape);
    tgi_node *leaf = new_leaf(tape, what, dtype, shape);
    if (leaf) tgi_note_recipe(tape, leaf, (tgi_recipe){.make = draw_uniform_again, .a = low, .b = high}, &tape->generator);
    if (leaf) draw_uniform(&tape->generator, leaf, low, high);
    return result(tape, leaf);
}

tg_tensor(tg_rand)(tg_tape *tape, tg_dtype dtype, tg_shape shape) {
    return uniform(tape, "rand", dtype, shape, 0, 1);
}

static tg_status check_bounds(tg_tape *tape, tg_dtype dtype, double low, double high) {
    if (check_floating(tape, "uniform", dtype) || check_in_range(tape, "uniform", dtype, "low", low) ||
        check_in_range(tape, "uniform", dtype, "high", high))
        return tape->status;
    if (low > high) return tgi_fail(tape, TG_ERR_ARGUMENT, "uniform", "low %.17g is above high %.17g", low, high);
    if (in_range(dtype, high - low)) return TG_OK;
    return tgi_fail(tape, TG_ERR_ARGUMENT, "uniform", "high %.17g - low %.17g is too large for %s", high, low,
                    tg_dtype_name(dtype));
}

tg_tensor(tg_uniform)(tg_tape *tape, tg_dtype dtype, tg_shape shape, double low, double high) {
    if (tgi_check(tape) || check_bounds(tape, dtype, low, high)) return tgi_invalid(tape);
    return uniform(tape, "uniform", dtype, shape, low, high);
}

/* ---- normal ------------------------------------------------------------------------------------------------------ */

static tg_tensor normal(tg_tape *tape, const char *what, tg_dtype dtype, tg_shape shape, double mean, double deviation) {
    if (tgi_check(tape) || check_floating(tape, what, dtype)) return tgi_invalid(tape);
    tgi_node *leaf = new_leaf(tape, what, dtype, shape);
    if (leaf) tgi_note_recipe(tape, leaf, (tgi_recipe){.make = draw_normal_again, .a = mean, .b = deviation}, &tape->generator);
    if (leaf) draw_normal(&tape->generator, leaf, mean, deviation);
    return result(tape, leaf);
}

tg_tensor(tg_randn)(tg_tape *tape, tg_dtype dtype, tg_shape shape) {
    return normal(tape, "randn", dtype, shape, 0, 1);
}

static tg_status check_moments(tg_tape *tape, tg_dtype dtype, double mean, double deviation) {
    if (check_floating(tape, "normal", dtype) || check_in_range(tape, "normal", dtype, "mean", mean) ||
        check_in_range(tape, "normal", dtype, "deviation", deviation))
        return tape->status;
    if (deviation >= 0) return TG_OK;
    return tgi_fail(tape, TG_ERR_ARGUMENT, "normal", "deviation %.17g is negative", deviation);
}

tg_tensor(tg_normal)(tg_tape *tape, tg_dtype dtype, tg_shape shape, double mean, double deviation) {
    if (tgi_check(tape) || check_moments(tape, dtype, mean, deviation)) return tgi_invalid(tape);
    return normal(tape, "normal", dtype, shape, mean, deviation);
}

/* ---- integers ---------------------------------------------------------------------------------------------------- */

/* Whether every integer from low up to high is a number of the dtype. */
static tg_status check_integers(tg_tape *tape, tg_dtype dtype, int64_t low, int64_t high) {
    int64_t limit = INT64_C(1) << tgi_traits_of(dtype)->precision;
    if (!tgi_dtype_in(dtype, TGI_NUMBERS))
        return tgi_fail(tape, TG_ERR_DTYPE, "randint", "the dtype is %s, not int64, float32 or float64", tg_dtype_name(dtype));
    if (low >= high) return tgi_fail(tape, TG_ERR_ARGUMENT, "randint", "low %" PRId64 " is not below high %" PRId64, low, high);
    if (dtype == TG_I64 || (low >= -limit && high - 1 <= limit)) return TG_OK;
    return tgi_fail(tape, TG_ERR_ARGUMENT, "randint", "%s does not hold every integer from %" PRId64 " to %" PRId64,
                    tg_dtype_name(dtype), low, high - 1);
}

/* The remainder gives the small numbers one more of the 2^32 or 2^64 possible bits than the others. Unsigned arithmetic, since
 * the range of low and high may be that of int64 itself. */
static int64_t one_integer(tgi_mt19937 *generator, int64_t low, uint64_t range) {
    uint64_t bits = range < UINT64_C(1) << 28 ? tgi_mt19937_next(generator) : next64(generator);
    return (int64_t)(bits % range + (uint64_t)low);
}

tg_tensor(tg_randint)(tg_tape *tape, tg_dtype dtype, tg_shape shape, int64_t low, int64_t high) {
    if (tgi_check(tape) || check_integers(tape, dtype, low, high)) return tgi_invalid(tape);
    tgi_node *leaf = new_leaf(tape, "randint", dtype, shape);
    uint64_t  range = (uint64_t)high - (uint64_t)low;
    size_t    width = tg_dtype_size(dtype);
    for (int64_t i = 0, n = leaf ? tgi_node_size(leaf) : 0; i < n; i++) {
        int64_t x = one_integer(&tape->generator, low, range);
        if (dtype == TG_I64)
            ((int64_t *)leaf->data)[i] = x;
        else
            tgi_convert((double)x, dtype, (char *)leaf->data + (size_t)i * width);
    }
    return result(tape, leaf);
}

/* R. Durstenfeld, "Algorithm 235: Random permutation", Communications of the ACM 7 (1964) 420, from the front. */
static void shuffle(tgi_mt19937 *generator, int64_t *out, int64_t n) {
    for (int64_t i = 0; i < n; i++)
        out[i] = i;
    for (int64_t i = 0; i < n - 1; i++) {
        int64_t *other = out + i + tgi_mt19937_next(generator) % (n - i), x = out[i];
        out[i] = *other;
        *other = x;
    }
}

/* For lengths at which the bias of a one-word remainder would be noticeable: each number is swapped with an earlier one. */
static void shuffle_long(tgi_mt19937 *generator, int64_t *out, int64_t n) {
    for (int64_t i = 0; i < n; i++) {
        uint64_t other = next64(generator) % ((uint64_t)i + 1);
        out[i] = out[other];
        out[other] = i;
    }
}

tg_tensor(tg_randperm)(tg_tape *tape, int64_t n) {
    if (tgi_check(tape)) return tgi_invalid(tape);
    if (n < 0) {
        tgi_fail(tape, TG_ERR_ARGUMENT, "randperm", "n %" PRId64 " is negative", n);
        return tgi_invalid(tape);
    }
    tgi_node *leaf = new_leaf(tape, "randperm", TG_I64, TG_SHAPE(n));
    if (leaf) (n < UINT32_MAX / 20 ? shuffle : shuffle_long)(&tape->generator, leaf->data, n);
    return result(tape, leaf);
}

/* ---- bernoulli --------------------------------------------------------------------------------------------------- */

tg_tensor(tg_bernoulli)(tg_tape *tape, tg_dtype dtype, tg_shape shape, double p) {
    if (tgi_check(tape)) return tgi_invalid(tape);
    if (!(p >= 0 && p <= 1)) {
        tgi_fail(tape, TG_ERR_ARGUMENT, "bernoulli", "p %.17g is not between 0 and 1", p);
        return tgi_invalid(tape);
    }
    tgi_node *leaf = new_leaf(tape, "bernoulli", dtype, shape);
    size_t    width = tg_dtype_size(dtype);
    uint64_t  bits[2] = {0}; /* of 0 and 1 */
    for (int i = 0; i < 2; i++)
        tgi_convert(i, dtype, &bits[i]);
    for (int64_t i = 0, n = leaf ? tgi_node_size(leaf) : 0; i < n; i++)
        memcpy((char *)leaf->data + (size_t)i * width, &bits[unit_f64(&tape->generator) < p], width);
    return result(tape, leaf);
}

/* ---- for kernels, which draw anew in each run --------------------------------------------------------------------- */

/* The tape's generator; NULL, with the error noted, where the executor does not know that the kernel draws. */
static tgi_mt19937 *generator_for(const tg_kernel_call *call) {
    if (call->op->random) return tgi_generator(call);
    tg_kernel_fail(call, "it draws numbers, and is not marked as random");
    return NULL;
}

static tg_status fail_dtype(const tg_kernel_call *call, tg_dtype dtype) {
    return tg_kernel_fail(call, "it draws numbers that are %s, not float32 or float64", tg_dtype_name(dtype));
}

tg_status tg_draw_uniform(const tg_kernel_call *call, tg_dtype dtype, int64_t n, void *out) {
    tgi_mt19937 *generator = generator_for(call);
    if (!generator) return TG_ERR_VALUE;
    return TGI_DISPATCH_FLOATS(dtype, fill_uniform, generator, out, n, 0, 1) ? fail_dtype(call, dtype) : TG_OK;
}

tg_status tg_draw_normal(const tg_kernel_call *call, tg_dtype dtype, int64_t n, void *out) {
    tgi_mt19937 *generator = generator_for(call);
    if (!generator) return TG_ERR_VALUE;
    return TGI_DISPATCH_FLOATS(dtype, fill_normal, generator, out, n, 0, 1) ? fail_dtype(call, dtype) : TG_OK;
}

tg_status tg_draw_bits(const tg_kernel_call *call, int64_t n, uint32_t *out) {
    tgi_mt19937 *generator = generator_for(call);
    for (int64_t i = 0; generator && i < n; i++)
        out[i] = tgi_mt19937_next(generator);
    return generator ? TG_OK : TG_ERR_VALUE;
}
