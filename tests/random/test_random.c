/* tests/random/test_random.c: random numbers against PyTorch's, number for number.
 *
 * Each line of tests/fixtures/rng.csv is a program of calls and what PyTorch gave for them; its form is told in make_rng.py
 * beside it. Where no logarithm and no cosine enters the numbers are the same; where they do, within 3 units in the last place.
 *
 * SPDX-License-Identifier: MIT */
#include <float.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "suites.h"

static void check_ok(tg_tape *tape) {
    ck_assert_str_eq(tg_error(tape), "");
}

/* ---- PyTorch's numbers ------------------------------------------------------------------------------------------- */

enum { LINE = 1 << 15, MOST = 1000 };

static FILE *open_vectors(void) {
    return fopen(source_path("tests/fixtures/rng.csv"), "r");
}

/* At least 1, so that a missing file fails. */
static int count_vectors(void) {
    static char line[LINE];
    FILE       *file = open_vectors();
    int         count = 0;
    if (!file) return 1;
    while (fgets(line, sizeof line, file))
        count++;
    fclose(file);
    return count > 0 ? count : 1;
}

static void read_vector(int index, char line[LINE]) {
    FILE *file = open_vectors();
    ck_assert_msg(file != NULL, "cannot open tests/fixtures/rng.csv");
    for (int i = 0; i <= index; i++)
        ck_assert(fgets(line, LINE, file) != NULL);
    fclose(file);
    ck_assert_msg(strchr(line, '\n') != NULL, "line %d is too long", index + 1);
    *strchr(line, '\n') = 0;
}

/* The text up to the next `end`, which is cut off; NULL after the last. */
static char *take(char **rest, char end) {
    char *text = *rest;
    if (!text) return NULL;
    *rest = strchr(text, end);
    if (*rest) *(*rest)++ = 0;
    return text;
}

typedef struct call {
    const char *function;
    tg_dtype    dtype;
    int64_t     size;
    char       *arguments; /* and what is expected after a '=' */
} call;

static call parse(char *text) {
    call  c = {.function = take(&text, ' ')};
    char *dtype = take(&text, ' ');
    while (c.dtype < TG_DTYPES && strcmp(tg_dtype_name(c.dtype), dtype))
        c.dtype++;
    c.size = strtoll(text, &c.arguments, 10);
    ck_assert(c.dtype < TG_DTYPES && c.size <= MOST);
    return c;
}

static double next_double(call *c) {
    return strtod(c->arguments, &c->arguments);
}

static int64_t next_integer(call *c) {
    return strtoll(c->arguments, &c->arguments, 10);
}

/* Draws the numbers. *slack is how far each may be off beyond 3 ulp because a cancellation is; negative: not at all. */
static tg_tensor draw(tg_tape *tape, call *c, double *slack) {
    tg_shape shape = TG_SHAPE(c->size);
    *slack = -1;
    if (!strcmp(c->function, "rand")) return tg_rand(tape, c->dtype, shape);
    if (!strcmp(c->function, "randperm")) return tg_randperm(tape, c->size);
    if (!strcmp(c->function, "bernoulli")) return tg_bernoulli(tape, c->dtype, shape, next_double(c));
    if (!strcmp(c->function, "dropout")) {
        double kept = 1 - next_double(c);
        return tg_div(tg_bernoulli(tape, c->dtype, shape, kept), kept);
    }
    if (!strcmp(c->function, "uniform")) {
        double low = next_double(c), high = next_double(c);
        return tg_uniform(tape, c->dtype, shape, low, high);
    }
    if (!strcmp(c->function, "randint")) {
        int64_t low = next_integer(c), high = next_integer(c);
        return tg_randint(tape, c->dtype, shape, low, high);
    }
    *slack = 0;
    if (!strcmp(c->function, "randn")) return tg_randn(tape, c->dtype, shape);
    ck_assert_str_eq(c->function, "normal");
    double mean = next_double(c), deviation = next_double(c);
    *slack = 3 * (c->dtype == TG_F32 ? (double)FLT_EPSILON : DBL_EPSILON) * fabs(mean);
    return tg_normal(tape, c->dtype, shape, mean, deviation);
}

static bool near_f32(float a, float b, double slack) {
    return a == b || (slack >= 0 && (ulps_f32(a, b) <= 3 || fabs((double)a - (double)b) <= slack));
}

static bool near_f64(double a, double b, double slack) {
    return a == b || (slack >= 0 && (ulps_f64(a, b) <= 3 || fabs(a - b) <= slack));
}

/* Compares one element with the next number of the line. */
static void check_element(const char *name, call *c, const void *values, int64_t i, double slack) {
    char *text = c->arguments;
    bool  right = false;
    switch (c->dtype) {
    case TG_F32: right = near_f32(((const float *)values)[i], strtof(text, &c->arguments), slack); break;
    case TG_F64: right = near_f64(((const double *)values)[i], next_double(c), slack); break;
    case TG_I64: right = ((const int64_t *)values)[i] == next_integer(c); break;
    default: right = ((const unsigned char *)values)[i] == next_integer(c);
    }
    ck_assert_msg(right && c->arguments > text, "%s: %s: element %" PRId64 " is not%.25s", name, c->function, i, text);
}

static void check_call(tg_tape *tape, const char *name, char *text) {
    static double values[MOST];
    double        slack;
    call          c = parse(text);
    tg_tensor     x = draw(tape, &c, &slack);
    ck_assert_msg(tg_read(x, (void *)values, c.size) == TG_OK, "%s: %s", name, tg_error(tape));
    ck_assert(tg_shape_equal(tg_shape_of(x), TG_SHAPE(c.size)) && tg_dtype_of(x) == c.dtype);
    while (*c.arguments == ' ')
        c.arguments++;
    ck_assert_msg(*c.arguments++ == '=', "%s: no values", name);
    for (int64_t i = 0; i < c.size; i++)
        check_element(name, &c, values, i, slack);
    ck_assert_msg(*c.arguments == 0, "%s: more values than there should be:%s", name, c.arguments);
}

START_TEST(as_pytorch) {
    static char line[LINE];
    tg_tape    *tape = tg_tape_new();
    read_vector(_i, line);
    char       *rest = line, *text;
    const char *name = take(&rest, ','), *seed = take(&rest, ',');
    if (*seed) ck_assert_int_eq(tg_seed(tape, strtoull(seed, NULL, 10)), TG_OK);
    while ((text = take(&rest, ',')))
        check_call(tape, name, text);
    check_ok(tape);
    tg_tape_free(tape);
}
END_TEST

/* ---- the weights of the iris network ----------------------------------------------------------------------------- */

static void check_weights(tg_tensor w, const char *below) {
    static float values[64];
    int64_t      size = tg_size(w);
    FILE        *file = fopen(source_path(below), "r");
    ck_assert(file != NULL && tg_read(w, values, size) == TG_OK);
    for (int64_t i = 0; i < size; i++) {
        float expected;
        ck_assert_int_eq(fscanf(file, "%f%*[, \n]", &expected), 1);
#ifdef __GLIBC__
        ck_assert_msg(values[i] == expected, "%s: element %" PRId64, below, i);
#else
        ck_assert_msg(ulps_f32(values[i], expected) <= 3, "%s: element %" PRId64, below, i);
#endif
    }
    fclose(file);
}

START_TEST(iris_weights) {
    tg_tape *tape = tg_tape_new();
    tg_seed(tape, 2);
    tg_randn(tape, TG_F32, TG_SHAPE(2, 32));
    tg_tensor w1 = tg_randn(tape, TG_F32, TG_SHAPE(2, 32));
    tg_tensor w2 = tg_randn(tape, TG_F32, TG_SHAPE(32, 1));
    check_weights(w1, "tests/fixtures/iris/w1_init_f32.csv");
    check_weights(w2, "tests/fixtures/iris/w2_init_f32.csv");
    check_ok(tape);
    tg_tape_free(tape);
}
END_TEST

/* ---- seeds ------------------------------------------------------------------------------------------------------- */

/* Where the generator stands: the next float32 uniform number, and the next normal one, which may be waiting. */
typedef struct position {
    double uniform, normal;
} position;

static position next_position(tg_tape *tape) {
    tg_tensor uniform = tg_rand(tape, TG_F64, TG_SHAPE()), normal = tg_randn(tape, TG_F64, TG_SHAPE());
    return (position){tg_item(uniform), tg_item(normal)};
}

static void check_position(tg_tape *tape, position expected) {
    position p = next_position(tape);
    check_ok(tape);
    ck_assert_double_eq(p.uniform, expected.uniform);
    ck_assert_double_eq(p.normal, expected.normal);
}

static position after_seed(uint64_t seed) {
    tg_tape *tape = tg_tape_new();
    tg_seed(tape, seed);
    position p = next_position(tape);
    tg_tape_free(tape);
    return p;
}

START_TEST(low_half_of_the_seed) {
    position one = after_seed(1), same = after_seed((UINT64_C(1) << 32) + 1), other = after_seed(2);
    ck_assert(one.uniform == same.uniform && one.normal == same.normal);
    ck_assert(one.uniform != other.uniform && one.normal != other.normal);
}
END_TEST

START_TEST(a_new_tape_is_seeded) {
    tg_tape *tape = tg_tape_new();
    check_position(tape, after_seed(67280421310721));
    tg_tape_free(tape);
}
END_TEST

START_TEST(seed_drops_the_waiting_normal) {
    tg_tape *tape = tg_tape_new();
    tg_randn(tape, TG_F32, TG_SHAPE(3));
    tg_seed(tape, 1);
    check_position(tape, after_seed(1));
    tg_tape_free(tape);
}
END_TEST

START_TEST(tapes_share_nothing) {
    tg_tape *a = tg_tape_new(), *b = tg_tape_new();
    tg_seed(a, 1);
    tg_seed(b, 2);
    tg_randn(b, TG_F32, TG_SHAPE(3));
    check_position(a, after_seed(1));
    tg_tape_free(a);
    tg_tape_free(b);
}
END_TEST

START_TEST(no_tape) {
    tg_shape shape = TG_SHAPE(2);
    ck_assert_int_eq(tg_seed(NULL, 1), TG_ERR_HANDLE);
    ck_assert(!tg_valid(tg_rand(NULL, TG_F32, shape)));
    ck_assert(!tg_valid(tg_uniform(NULL, TG_F32, shape, 0, 1)));
    ck_assert(!tg_valid(tg_randn(NULL, TG_F32, shape)));
    ck_assert(!tg_valid(tg_normal(NULL, TG_F32, shape, 0, 1)));
    ck_assert(!tg_valid(tg_randint(NULL, TG_I64, shape, 0, 1)));
    ck_assert(!tg_valid(tg_randperm(NULL, 2)));
    ck_assert(!tg_valid(tg_bernoulli(NULL, TG_F32, shape, 0.5)));
}
END_TEST

/* ---- what the numbers are ---------------------------------------------------------------------------------------- */

static double *read_as_f64(tg_tensor x) {
    static double values[100000];
    ck_assert_int_le(tg_size(x), 100000);
    ck_assert_msg(tg_read(tg_cast(x, TG_F64), values, tg_size(x)) == TG_OK, "%s", tg_error(x.tape));
    return values;
}

/* Mean and variance within 5 of their standard errors, for a kurtosis of at most 3. */
static void check_moments(tg_tensor x, double mean, double variance) {
    const double *values = read_as_f64(x);
    double        n = (double)tg_size(x), sum = 0, squares = 0;
    for (int64_t i = 0; i < tg_size(x); i++) {
        sum += values[i];
        squares += (values[i] - mean) * (values[i] - mean);
    }
    ck_assert_double_le(fabs(sum / n - mean), 5 * sqrt(variance / n));
    ck_assert_double_le(fabs(squares / n - variance), 5 * variance * sqrt(2 / n));
}

static void check_between(tg_tensor x, double least, double below) {
    const double *values = read_as_f64(x);
    for (int64_t i = 0; i < tg_size(x); i++)
        ck_assert_msg(values[i] >= least && values[i] < below, "%.17g is not in [%.17g, %.17g)", values[i], least, below);
}

START_TEST(statistics) {
    tg_tape *tape = tg_tape_new();
    tg_seed(tape, 1);
    tg_shape shape = TG_SHAPE(100, 1000);
    for (tg_dtype dtype = TG_F32; dtype <= TG_F64; dtype++) {
        check_moments(tg_rand(tape, dtype, shape), 0.5, 1.0 / 12);
        check_between(tg_rand(tape, dtype, shape), 0, 1);
        check_moments(tg_uniform(tape, dtype, shape, -3, 5), 1, 64.0 / 12);
        check_between(tg_uniform(tape, dtype, shape, -3, 5), -3, 5);
        check_moments(tg_randn(tape, dtype, shape), 0, 1);
        check_moments(tg_normal(tape, dtype, shape, 7, 3), 7, 9);
        check_moments(tg_randint(tape, dtype, shape, -4, 6), 0.5, 99.0 / 12);
        check_between(tg_randint(tape, dtype, shape, -4, 6), -4, 6);
        check_moments(tg_bernoulli(tape, dtype, shape, 0.3), 0.3, 0.3 * 0.7);
    }
    check_moments(tg_randint(tape, TG_I64, shape, -4, 6), 0.5, 99.0 / 12);
    check_moments(tg_bernoulli(tape, TG_BOOL, shape, 0.5), 0.5, 0.25);
    check_ok(tape);
    tg_tape_free(tape);
}
END_TEST

START_TEST(normal_one_at_a_time) {
    static float values[100000];
    tg_tape     *tape = tg_tape_new();
    for (int i = 0; i < 100000; i += 10) {
        tg_mark mark = tg_tape_mark(tape);
        tg_read(tg_randn(tape, TG_F32, TG_SHAPE(10)), values + i, 10);
        tg_rewind(tape, mark);
    }
    check_moments(tg_constant(tape, TG_F32, TG_SHAPE(100000), values), 0, 1);
    check_ok(tape);
    tg_tape_free(tape);
}
END_TEST

START_TEST(permutation) {
    static bool seen[1000];
    tg_tape    *tape = tg_tape_new();
    double     *values = read_as_f64(tg_randperm(tape, 1000));
    for (int i = 0; i < 1000; i++) {
        ck_assert(values[i] >= 0 && values[i] < 1000 && !seen[(int)values[i]]);
        seen[(int)values[i]] = true;
    }
    check_ok(tape);
    tg_tape_free(tape);
}
END_TEST

/* Bytes other than 0 and 1 would be no bool. */
START_TEST(bool_bytes) {
    unsigned char bytes[1000];
    tg_tape      *tape = tg_tape_new();
    ck_assert_int_eq(tg_read(tg_bernoulli(tape, TG_BOOL, TG_SHAPE(1000), 0.5), bytes, 1000), TG_OK);
    for (int i = 0; i < 1000; i++)
        ck_assert(bytes[i] <= 1);
    tg_tape_free(tape);
}
END_TEST

START_TEST(shapes) {
    tg_tape *tape = tg_tape_new();
    ck_assert(tg_shape_equal(tg_shape_of(tg_rand(tape, TG_F32, TG_SHAPE())), TG_SHAPE()));
    ck_assert(tg_shape_equal(tg_shape_of(tg_randn(tape, TG_F64, TG_SHAPE(3, 0, 2))), TG_SHAPE(3, 0, 2)));
    ck_assert(tg_shape_equal(tg_shape_of(tg_randint(tape, TG_I64, TG_SHAPE(2, 3, 4), 0, 9)), TG_SHAPE(2, 3, 4)));
    ck_assert(tg_shape_equal(tg_shape_of(tg_randperm(tape, 0)), TG_SHAPE(0)));
    ck_assert_int_eq(tg_dtype_of(tg_randperm(tape, 7)), TG_I64);
    ck_assert(!tg_requires_grad(tg_randn(tape, TG_F32, TG_SHAPE(3))));
    check_ok(tape);
    tg_tape_free(tape);
}
END_TEST

START_TEST(empty_draws_nothing) {
    tg_tape *tape = tg_tape_new();
    tg_shape empty = TG_SHAPE(2, 0);
    tg_seed(tape, 1);
    tg_rand(tape, TG_F32, empty);
    tg_uniform(tape, TG_F64, empty, 0, 1);
    tg_randn(tape, TG_F32, empty);
    tg_normal(tape, TG_F64, empty, 0, 1);
    tg_randint(tape, TG_I64, empty, 0, 9);
    tg_randperm(tape, 0);
    tg_bernoulli(tape, TG_BOOL, empty, 0.5);
    check_position(tape, after_seed(1));
    tg_tape_free(tape);
}
END_TEST

/* Drawn once, when called: a run draws nothing. */
START_TEST(constant_in_runs) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor x = tg_rand(tape, TG_F64, TG_SHAPE());
    double    value = tg_item(x);
    tg_run(tape);
    tg_run(tape);
    ck_assert_double_eq(tg_item(x), value);
    tg_seed(tape, 1);
    tg_run(tape);
    check_position(tape, after_seed(1));
    tg_tape_free(tape);
}
END_TEST

/* ---- what is rejected --------------------------------------------------------------------------------------------- */

/* The text after this file's name and a line of it (which one of several that a macro spans, compilers differ in). */
static void check_error(tg_tape *tape, const char *text) {
    const char *error = tg_error(tape), *rest = error + strlen(__FILE__) + 1;
    ck_assert_msg(!strncmp(error, __FILE__ ":", strlen(__FILE__) + 1), "%s", error);
    ck_assert_str_eq(rest + strspn(rest, "0123456789"), text);
}

/* A call that fails: an error of that kind and text; nothing recorded, nothing drawn. Before it, a normal number waits. */
#define CHECK_REFUSED(kind, text, call) \
    do { \
        tg_tape *tape = tg_tape_new(), *other = tg_tape_new(); \
        double   waiting[2]; \
        tg_read(tg_randn(other, TG_F64, TG_SHAPE(2)), waiting, 2); \
        double uniform = tg_item(tg_rand(other, TG_F64, TG_SHAPE())); \
        tg_randn(tape, TG_F32, TG_SHAPE()); \
        int64_t count = tg_instruction_count(tape); \
        ck_assert(!tg_valid(call)); \
        check_error(tape, ": " text); \
        ck_assert_int_eq(tg_error_status(tape), kind); \
        ck_assert(!tg_valid(tg_rand(tape, TG_F32, TG_SHAPE()))); \
        ck_assert_int_eq(tg_seed(tape, 3), kind); \
        tg_clear_error(tape); \
        ck_assert_int_eq(tg_instruction_count(tape), count); \
        check_position(tape, (position){uniform, waiting[1]}); \
        tg_tape_free(other); \
        tg_tape_free(tape); \
    } while (0)

static const tg_shape two = {.rank = 1, .dims = {2}};

START_TEST(rejected_dtypes) {
    tg_dtype none = (tg_dtype)17;
    CHECK_REFUSED(TG_ERR_DTYPE, "rand: the dtype is int64, not float32 or float64", tg_rand(tape, TG_I64, two));
    CHECK_REFUSED(TG_ERR_DTYPE, "uniform: the dtype is bool, not float32 or float64", tg_uniform(tape, TG_BOOL, two, 0, 1));
    CHECK_REFUSED(TG_ERR_DTYPE, "randn: the dtype is bool, not float32 or float64", tg_randn(tape, TG_BOOL, two));
    CHECK_REFUSED(TG_ERR_DTYPE, "normal: the dtype is int64, not float32 or float64", tg_normal(tape, TG_I64, two, 0, 1));
    CHECK_REFUSED(TG_ERR_DTYPE, "randint: the dtype is bool, not int64, float32 or float64",
                  tg_randint(tape, TG_BOOL, two, 0, 2));
    CHECK_REFUSED(TG_ERR_DTYPE, "randn: the dtype is ?, not float32 or float64", tg_randn(tape, none, two));
    CHECK_REFUSED(TG_ERR_DTYPE, "randint: the dtype is ?, not int64, float32 or float64",
                  tg_randint(tape, TG_DTYPES, two, 0, 2));
    CHECK_REFUSED(TG_ERR_DTYPE, "bernoulli: 17 is no dtype", tg_bernoulli(tape, none, two, 0.5));
}
END_TEST

START_TEST(rejected_shapes) {
    tg_shape negative = TG_SHAPE(2, -1), huge = TG_SHAPE(INT64_C(1) << 40, INT64_C(1) << 40);
    tg_shape deep = TG_SHAPE(1, 1, 1, 1, 1, 1, 1, 1, 1);
    CHECK_REFUSED(TG_ERR_SHAPE, "rand: (2, -1) has a negative size, or too many elements", tg_rand(tape, TG_F32, negative));
    CHECK_REFUSED(TG_ERR_SHAPE, "uniform: (2, -1) has a negative size, or too many elements",
                  tg_uniform(tape, TG_F32, negative, 0, 1));
    CHECK_REFUSED(TG_ERR_SHAPE, "randn: (1099511627776, 1099511627776) has a negative size, or too many elements",
                  tg_randn(tape, TG_F64, huge));
    CHECK_REFUSED(TG_ERR_SHAPE, "normal: a shape has at most 8 axes", tg_normal(tape, TG_F64, deep, 0, 1));
    CHECK_REFUSED(TG_ERR_SHAPE, "randint: (2, -1) has a negative size, or too many elements",
                  tg_randint(tape, TG_I64, negative, 0, 2));
    CHECK_REFUSED(TG_ERR_SHAPE, "bernoulli: (2, -1) has a negative size, or too many elements",
                  tg_bernoulli(tape, TG_BOOL, negative, 0.5));
    CHECK_REFUSED(TG_ERR_SHAPE, "randperm: (9223372036854775807) has a negative size, or too many elements",
                  tg_randperm(tape, INT64_MAX));
}
END_TEST

START_TEST(rejected_bounds) {
    double nan = (double)NAN, infinity = (double)INFINITY;
    CHECK_REFUSED(TG_ERR_ARGUMENT, "uniform: low 2 is above high 1", tg_uniform(tape, TG_F32, two, 2, 1));
    CHECK_REFUSED(TG_ERR_ARGUMENT, "uniform: low nan is no finite float32", tg_uniform(tape, TG_F32, two, nan, 1));
    CHECK_REFUSED(TG_ERR_ARGUMENT, "uniform: high nan is no finite float64", tg_uniform(tape, TG_F64, two, 0, nan));
    CHECK_REFUSED(TG_ERR_ARGUMENT, "uniform: low -inf is no finite float64", tg_uniform(tape, TG_F64, two, -infinity, 1));
    CHECK_REFUSED(TG_ERR_ARGUMENT, "uniform: high inf is no finite float32", tg_uniform(tape, TG_F32, two, 0, infinity));
    CHECK_REFUSED(TG_ERR_ARGUMENT, "uniform: high 1e+40 is no finite float32", tg_uniform(tape, TG_F32, two, 0, 1e40));
    CHECK_REFUSED(TG_ERR_ARGUMENT, "uniform: high 2e+38 - low -2e+38 is too large for float32",
                  tg_uniform(tape, TG_F32, two, -2e38, 2e38));
    CHECK_REFUSED(TG_ERR_ARGUMENT, "uniform: high 1e+308 - low -1e+308 is too large for float64",
                  tg_uniform(tape, TG_F64, two, -1e308, 1e308));
}
END_TEST

START_TEST(rejected_moments) {
    double nan = (double)NAN, infinity = (double)INFINITY;
    CHECK_REFUSED(TG_ERR_ARGUMENT, "normal: deviation -1 is negative", tg_normal(tape, TG_F32, two, 0, -1));
    CHECK_REFUSED(TG_ERR_ARGUMENT, "normal: deviation nan is no finite float64", tg_normal(tape, TG_F64, two, 0, nan));
    CHECK_REFUSED(TG_ERR_ARGUMENT, "normal: deviation inf is no finite float64", tg_normal(tape, TG_F64, two, 0, infinity));
    CHECK_REFUSED(TG_ERR_ARGUMENT, "normal: mean nan is no finite float32", tg_normal(tape, TG_F32, two, nan, 1));
    CHECK_REFUSED(TG_ERR_ARGUMENT, "normal: mean -1e+40 is no finite float32", tg_normal(tape, TG_F32, two, -1e40, 1));
}
END_TEST

START_TEST(rejected_integers) {
    CHECK_REFUSED(TG_ERR_ARGUMENT, "randint: low 3 is not below high 3", tg_randint(tape, TG_I64, two, 3, 3));
    CHECK_REFUSED(TG_ERR_ARGUMENT, "randint: low 3 is not below high -3", tg_randint(tape, TG_F32, two, 3, -3));
    CHECK_REFUSED(TG_ERR_ARGUMENT, "randint: low 9223372036854775807 is not below high -9223372036854775808",
                  tg_randint(tape, TG_I64, two, INT64_MAX, INT64_MIN));
    CHECK_REFUSED(TG_ERR_ARGUMENT, "randint: float32 does not hold every integer from 0 to 16777217",
                  tg_randint(tape, TG_F32, two, 0, 16777218));
    CHECK_REFUSED(TG_ERR_ARGUMENT, "randint: float32 does not hold every integer from -16777217 to 0",
                  tg_randint(tape, TG_F32, two, -16777217, 1));
    CHECK_REFUSED(TG_ERR_ARGUMENT, "randint: float64 does not hold every integer from 0 to 9007199254740993",
                  tg_randint(tape, TG_F64, two, 0, 9007199254740994));
    CHECK_REFUSED(TG_ERR_ARGUMENT, "randint: float64 does not hold every integer from -9223372036854775808 to 0",
                  tg_randint(tape, TG_F64, two, INT64_MIN, 1));
    CHECK_REFUSED(TG_ERR_ARGUMENT, "randperm: n -1 is negative", tg_randperm(tape, -1));
    CHECK_REFUSED(TG_ERR_ARGUMENT, "randperm: n -9223372036854775808 is negative", tg_randperm(tape, INT64_MIN));
}
END_TEST

START_TEST(rejected_probabilities) {
    double nan = (double)NAN;
    CHECK_REFUSED(TG_ERR_ARGUMENT, "bernoulli: p -0.5 is not between 0 and 1", tg_bernoulli(tape, TG_F32, two, -0.5));
    CHECK_REFUSED(TG_ERR_ARGUMENT, "bernoulli: p 1.5 is not between 0 and 1", tg_bernoulli(tape, TG_I64, two, 1.5));
    CHECK_REFUSED(TG_ERR_ARGUMENT, "bernoulli: p nan is not between 0 and 1", tg_bernoulli(tape, TG_F64, two, nan));
}
END_TEST

static TCase *add_case(Suite *suite, const char *name) {
    TCase *tcase = tcase_create(name);
    suite_add_tcase(suite, tcase);
    return tcase;
}

Suite *suite_random(void) {
    Suite *suite = suite_create("random");

    TCase *pytorch = add_case(suite, "pytorch");
    tcase_add_loop_test(pytorch, as_pytorch, 0, count_vectors());
    tcase_add_test(pytorch, iris_weights);

    TCase *seeds = add_case(suite, "seeds");
    tcase_add_test(seeds, low_half_of_the_seed);
    tcase_add_test(seeds, a_new_tape_is_seeded);
    tcase_add_test(seeds, seed_drops_the_waiting_normal);
    tcase_add_test(seeds, tapes_share_nothing);

    TCase *numbers = add_case(suite, "numbers");
    tcase_add_test(numbers, statistics);
    tcase_add_test(numbers, normal_one_at_a_time);
    tcase_add_test(numbers, permutation);
    tcase_add_test(numbers, bool_bytes);
    tcase_add_test(numbers, shapes);
    tcase_add_test(numbers, empty_draws_nothing);
    tcase_add_test(numbers, constant_in_runs);

    TCase *rejected = add_case(suite, "rejected");
    tcase_add_test(rejected, no_tape);
    tcase_add_test(rejected, rejected_dtypes);
    tcase_add_test(rejected, rejected_shapes);
    tcase_add_test(rejected, rejected_bounds);
    tcase_add_test(rejected, rejected_moments);
    tcase_add_test(rejected, rejected_integers);
    tcase_add_test(rejected, rejected_probabilities);
    return suite;
}
