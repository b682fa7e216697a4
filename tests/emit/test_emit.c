/* tests/emit/test_emit.c: tg_emit_c: whole programs as C, the order of assigns, names, errors.
 *
 * SPDX-License-Identifier: MIT */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "emit/emitted.h"
#include "ops/values.h"

/* ---- programs ---------------------------------------------------------------------------------------------------- */

static tg_tensor random_leaf(tg_tape *tape, const char *name, tg_shape shape) {
    return tg_parameter(tape, name, tg_randn(tape, TG_F64, shape));
}

/* A network with Adam: its state is kept from call to call, and another part reads the weights. */
START_TEST(training_goes_on_from_call_to_call) {
    tg_tape         *tape = tg_tape_new();
    tg_tensor        x = tg_randn(tape, TG_F64, TG_SHAPE(20, 5)), t = tg_randn(tape, TG_F64, TG_SHAPE(20, 3));
    tg_tensor        w1 = random_leaf(tape, "w1", TG_SHAPE(5, 8)), b1 = random_leaf(tape, "b1", TG_SHAPE(8));
    tg_tensor        w2 = random_leaf(tape, "w2", TG_SHAPE(8, 3));
    emitted_function f[2] = {{.part = "train", .what = "train"}, {.part = "predict", .what = "predict"}};
    tg_begin_part(tape, "train");
    tg_tensor loss = tg_mean(tg_square(tg_sub(tg_matmul(tg_tanh(tg_add(tg_matmul(x, w1), b1)), w2), t)));
    tg_backward(loss);
    give_output(&f[0], loss);
    give_output(&f[0], tg_grad(w1));
    (tg_adam_step)(tape, tg_num(0.01), NULL);
    tg_end_part(tape);
    tg_begin_part(tape, "predict");
    give_output(&f[1], tg_softmax(tg_matmul(tg_tanh(tg_add(tg_matmul(x, w1), b1)), w2), 1));
    tg_end_part(tape);
    check_emitted(tape, "training", 2, f, 4, 1e-12);
    finish(tape);
}
END_TEST

START_TEST(derivatives_of_second_order_are_written) {
    tg_tape         *tape = tg_tape_new();
    tg_tensor        x = tg_constant(tape, TG_F64, TG_SHAPE(4), (double[]){0.5, -1, 2, 0.25}), hessian;
    tg_tensor        p = tg_parameter(tape, "p", x), y = tg_sum(tg_mul(tg_exp(tg_sin(p)), tg_flip(tg_square(p), TG_AXES(0))));
    emitted_function f = {.what = "hessian"};
    hessian = tg_hessian(y, p);
    give_output(&f, y);
    give_output(&f, hessian);
    check_emitted(tape, "hessian", 1, &f, 1, 1e-12);
    finish(tape);
}
END_TEST

/* Instructions from before an assign see the old value, those after it the new one, and a view from before it holds what it showed. */
START_TEST(assigns_happen_where_they_stand) {
    tg_tape         *tape = tg_tape_new();
    tg_tensor        w = random_leaf(tape, "w", TG_SHAPE(3, 3)), v = random_leaf(tape, "v", TG_SHAPE(3, 3));
    emitted_function f = {.what = "order"};
    tg_tensor        turned = tg_transpose(w, 0, 1), before = tg_mul(w, 2);
    tg_assign(w, tg_add(turned, v));
    tg_tensor after = tg_add(w, turned);
    tg_assign(v, w);
    tg_assign(w, tg_flip(w, TG_AXES(0)));
    tg_assign_slice(v, 0, 0, 2, 1, tg_slice(tg_mul(w, v), 0, 1, 3, 1));
    give_output(&f, turned);
    give_output(&f, before);
    give_output(&f, after);
    give_output(&f, tg_add(w, v));
    check_emitted(tape, "order", 1, &f, 3, 0);
    finish(tape);
}
END_TEST

/* The generator goes on where it was, from function to function; normal numbers come in pairs, or in blocks of 16. */
START_TEST(numbers_are_drawn_as_the_library_draws_them) {
    tg_tape         *tape = tg_tape_new();
    tg_tensor        w = tg_constant(tape, TG_F64, TG_SHAPE(2, 5), (double[]){1, 0, 3, 0.5, 2, 0.25, 0.25, 0, 1, 1});
    emitted_function f[2] = {{.part = "first", .what = "first"}, {.part = "second", .what = "second"}};
    tg_randn(tape, TG_F64, TG_SHAPE(3)); /* which leaves a normal number behind */
    tg_begin_part(tape, "first");
    give_output(&f[0], tg_sample_normal(tape, TG_F64, TG_SHAPE(5)));
    give_output(&f[0], tg_sample_normal(tape, TG_F64, TG_SHAPE(37)));
    give_output(&f[0], tg_sample_normal(tape, TG_F32, TG_SHAPE(16)));
    give_output(&f[0], tg_cast(tg_sample_multinomial(w, 40, true), TG_F64));
    give_output(&f[0], tg_sample_normal(tape, TG_F32, TG_SHAPE(2)));
    tg_end_part(tape);
    tg_begin_part(tape, "second");
    give_output(&f[1], tg_cast(tg_sample_multinomial(w, 3, false), TG_F64));
    give_output(&f[1], tg_cast(tg_sample_multinomial(tg_cast(w, TG_F32), 9, true), TG_F64));
    give_output(&f[1], tg_sample_bernoulli(tg_mul(0.25, tg_slice(w, 1, 0, 2, 1))));
    give_output(&f[1], tg_sample_uniform(tape, TG_F64, TG_SHAPE(3)));
    tg_end_part(tape);
    check_emitted(tape, "drawn", 2, f, 3, 1e-6);
    finish(tape);
}
END_TEST

/* Values without elements have names in the text, and a leaf that is assigned may have no element that is. */
/* Of matrices in a stack, tall and wide, of full rank and not, of numbers whose squares are out of range; and second derivatives. */
START_TEST(factors_of_matrices_are_the_librarys) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor a = random_leaf(tape, "a", TG_SHAPE(2, 7, 7)), b = random_leaf(tape, "b", TG_SHAPE(6, 4)), vectors, u, vh, r;
    emitted_function f[3] = {{.part = "values", .what = "values"}, {.part = "vectors", .what = "vectors"}, {.part = "second"}};
    tg_begin_part(tape, "values");
    tg_tensor product = tg_matmul(b, tg_transpose(b, 0, 1)); /* of rank 4, 6 x 6 */
    give_output(&f[0], tg_eigh(a, TG_LOWER, &vectors));
    give_output(&f[0], vectors);
    give_output(&f[0], tg_svd(b, &u, &vh));
    give_output(&f[0], u);
    give_output(&f[0], vh);
    give_output(&f[0], tg_eigh(tg_mul(product, 1e200), TG_UPPER, NULL));
    give_output(&f[0], tg_svd(tg_mul(product, 1e200), NULL, NULL));
    give_output(&f[0], tg_svd(tg_mul(a, 1e-200), NULL, NULL));
    tg_end_part(tape);
    tg_begin_part(tape, "vectors");
    give_output(&f[1], tg_svd(tg_transpose(b, 0, 1), &u, &vh));
    give_output(&f[1], u);
    give_output(&f[1], vh);
    give_output(&f[1], tg_qr(tg_mul(b, 1e-200), &r));
    give_output(&f[1], r);
    give_output(&f[1], tg_qr(tg_transpose(b, 0, 1), &r));
    give_output(&f[1], r);
    tg_end_part(tape);
    tg_begin_part(tape, "second");
    tg_tensor y = tg_add(tg_sum(tg_square(tg_eigh(a, TG_LOWER, NULL))), tg_sum(tg_exp(tg_qr(b, NULL))));
    tg_tensor again = tg_add(tg_sum(tg_sin(slope(y, a))), tg_sum(tg_square(slope(y, b))));
    give_output(&f[2], slope(again, a));
    give_output(&f[2], slope(again, b));
    tg_end_part(tape);
    check_emitted(tape, "factors", 3, f, 1, 1e-12);
    emitted_without_libm = true;
    check_emitted(tape, "own_factors", 3, f, 1, 1e-12);
    emitted_without_libm = false;
    finish(tape);
}
END_TEST

/* The matrix has two rows that are the same. */
START_TEST(slopes_of_determinants_of_large_matrices) {
    enum { N = 40 };
    tg_tape         *tape = tg_tape_new();
    tg_tensor        a = random_leaf(tape, "a", TG_SHAPE(N, N));
    tg_tensor        twice = tg_concat(TG_LIST(tg_slice(a, 0, 0, N - 1, 1), tg_slice(a, 0, 0, 1, 1)), 0);
    emitted_function f = {.what = "slope"};
    give_output(&f, slope(tg_det(twice), twice));
    check_emitted(tape, "det", 1, &f, 1, 1e-10);
    finish(tape);
}
END_TEST

static size_t length_of(const char *name) {
    struct stat about;
    ck_assert_int_eq(stat(emitted_path(name), &about), 0);
    return (size_t)about.st_size;
}

/* Products of all sorts of matrices, and sums of many terms, which are added up in blocks. */
START_TEST(small_text_gives_the_same) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor a = random_leaf(tape, "a", TG_SHAPE(6, 9)), b = random_leaf(tape, "b", TG_SHAPE(9, 7)),
              v = random_leaf(tape, "v", TG_SHAPE(9)), stack = random_leaf(tape, "stack", TG_SHAPE(2, 7, 6)),
              many = random_leaf(tape, "many", TG_SHAPE(3, 2100));
    emitted_function f[2] = {{.part = "products", .what = "products"}, {.part = "sums", .what = "sums"}};
    tg_begin_part(tape, "products");
    give_output(&f[0], tg_matmul(a, b));
    give_output(&f[0], tg_matmul(stack, a));
    give_output(&f[0], tg_matmul(tg_transpose(b, 0, 1), tg_flip(tg_transpose(a, 0, 1), TG_AXES(0))));
    give_output(&f[0], tg_matmul(a, v));
    give_output(&f[0], tg_matmul(tg_slice(v, 0, 0, 6, 1), a));
    give_output(&f[0], tg_dot(v, v));
    give_output(&f[0], tg_matmul(tg_full(tape, TG_F64, TG_SHAPE(2, 6), 0.5), a));
    give_output(&f[0], tg_matmul(many, tg_transpose(many, 0, 1)));
    tg_end_part(tape);
    tg_begin_part(tape, "sums");
    give_output(&f[1], tg_sum(many));
    give_output(&f[1], tg_sum_axes(many, TG_AXES(1), false));
    give_output(&f[1], tg_sum_axes(tg_slice(many, 1, 0, 2000, 1), TG_AXES(0), false));
    tg_end_part(tape);
    emitted_size = TG_EMIT_SMALL;
    check_emitted(tape, "small", 2, f, 1, 1e-13);
    emitted_size = TG_EMIT_FAST;
    check_emitted(tape, "fast", 2, f, 1, 1e-13);
    ck_assert_uint_lt(length_of("small.c"), length_of("fast.c"));
    finish(tape);
}
END_TEST

START_TEST(values_without_elements_are_written) {
    tg_tape         *tape = tg_tape_new();
    tg_tensor        w = random_leaf(tape, "w", TG_SHAPE(3, 2)), empty = tg_slice(w, 0, 1, 1, 1);
    emitted_function f = {.what = "empty"};
    tg_tensor        below = tg_slice(tg_lt(tg_cumsum(empty, 1), 0), 0, 0, 0, 1);
    tg_assign_slice(w, 0, 2, 2, 1, 1);
    give_output(&f, tg_cast(below, TG_F64));
    give_output(&f, tg_sum_axes(tg_cumsum(tg_mul(empty, 2), 0), TG_AXES(0), false));
    check_emitted(tape, "empty", 1, &f, 2, 0);
    finish(tape);
}
END_TEST

START_TEST(elements_are_chosen_by_their_values) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor x = tg_constant(tape, TG_F64, TG_SHAPE(2, 3), (double[]){0, 1, 2, -1, 0, 5}), p = tg_parameter(tape, "p", x);
    emitted_function f = {.what = "chosen"};
    give_output(&f, tg_cast(tg_nonzero(x), TG_F64));
    give_output(&f, tg_masked_select(p, tg_gt(x, 0)));
    give_output(&f, tg_masked_select(p, tg_gt(x, 9)));
    check_emitted(tape, "chosen", 1, &f, 2, 0);
    finish(tape);
}
END_TEST

/* ---- random programs --------------------------------------------------------------------------------------------- */

enum { STEPS = 40, VALUES = STEPS + 8 };

static tg_tensor any(uint32_t *state, const tg_tensor *made, int count) {
    return made[next_number(state) % (uint32_t)count];
}

/* Of 4 x 4 matrices another one: elementwise ops, views, reductions, products, parts. */
static tg_tensor random_value(uint32_t *state, const tg_tensor *made, int count) {
    tg_tensor a = any(state, made, count), b = any(state, made, count);
    switch (next_number(state) % 12) {
    case 0: return tg_add(a, b);
    case 1: return tg_mul(a, b);
    case 2: return tg_tanh(tg_sub(a, b));
    case 3: return tg_transpose(a, 0, 1);
    case 4: return tg_flip(a, TG_AXES(1));
    case 5: return tg_tanh(tg_matmul(a, b));
    case 6: return tg_sub(a, tg_sum_axes(b, TG_AXES(0), true));
    case 7: return tg_tanh(tg_add(a, tg_max_axes(b, TG_AXES(1), true)));
    case 8: return tg_concat(TG_LIST(tg_slice(a, 0, 0, 2, 1), tg_slice(b, 0, 1, 3, 1)), 0);
    case 9: return tg_reshape(tg_transpose(a, 0, 1), TG_SHAPE(4, 4));
    case 10: return tg_where(tg_gt(a, b), a, tg_neg(b));
    default: return tg_broadcast_to(tg_slice(a, 1, 1, 2, 1), TG_SHAPE(4, 4));
    }
}

START_TEST(random_programs_are_the_librarys) {
    uint32_t         state = (uint32_t)_i + 1;
    tg_tape         *tape = tg_tape_new();
    tg_tensor        made[VALUES], leaves[2];
    emitted_function f = {.what = "random"};
    char             name[NAME_TEXT];
    tg_seed(tape, state);
    made[0] = leaves[0] = tg_parameter(tape, "a", tg_tanh(tg_randn(tape, TG_F64, TG_SHAPE(4, 4))));
    made[1] = leaves[1] = tg_parameter(tape, "b", tg_tanh(tg_randn(tape, TG_F64, TG_SHAPE(4, 4))));
    int count = 2;
    for (int i = 0; i < STEPS; i++) {
        if (next_number(&state) % 8 == 0) {
            tg_tensor value = any(&state, made, count);
            tg_assign(leaves[next_number(&state) % 2], tg_mul(0.5, value));
        } else {
            made[count] = random_value(&state, made, count);
            count++;
        }
    }
    for (int k = 0; k < 5; k++)
        give_output(&f, made[count - 1 - 3 * k]);
    give_output(&f, leaves[0]);
    snprintf(name, sizeof name, "random%d", _i);
    check_emitted(tape, name, 1, &f, 2, 1e-11);
    finish(tape);
}
END_TEST

/* ---- names ------------------------------------------------------------------------------------------------------- */

/* The header of a tape. */
static const char *header_of(tg_tape *tape, const tg_emit_options *options) {
    FILE *source = tmpfile(), *header = tmpfile();
    ck_assert_msg(!tg_emit_c(tape, source, header, options), "%s", tg_error(tape));
    fclose(source);
    return text_of(header);
}

#define HAS(text, piece) ck_assert_msg(strstr(text, piece) != NULL, "no '%s' in:\n%s", piece, text)

START_TEST(names_become_identifiers) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor x = tg_input(tape, "net/x.1", TG_F32, TG_SHAPE(2)), y = tg_input(tape, "double", TG_F32, TG_SHAPE(2));
    tg_set_name(tg_add(x, y), "net x 1");
    tg_set_name(tg_mul(x, y), "3d");
    const char *text = header_of(tape, NULL);
    HAS(text, "void tape_run(const float *net_x_1, const float *double_2, float *net_x_1_2, float *x3d);");
    finish(tape);
}
END_TEST

START_TEST(names_are_not_those_of_functions_in_the_file) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor x = tg_input(tape, "fmod_f32", TG_F32, TG_SHAPE(2));
    tg_set_name(tg_fmod(x, 3), "remainder_f32");
    HAS(header_of(tape, NULL), "void tape_run(const float *fmod_f32_2, float *remainder_f32_2);");
    finish(tape);
}
END_TEST

START_TEST(parts_are_functions) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor x = tg_input(tape, "x", TG_F64, TG_SHAPE(2)), twice = tg_mul(x, 2);
    tg_begin_part(tape, "first part");
    tg_set_name(tg_add(twice, 1), "y");
    tg_end_part(tape);
    const char *text = header_of(tape, &(tg_emit_options){.prefix = "net"});
    HAS(text, "void net_first_part(const double *x, double *y);");
    ck_assert_msg(!strstr(text, "net_run"), "%s", text);
    text = header_of(tape,
                     &(tg_emit_options){.function_count = 1,
                                        .functions = &(tg_emit_function){.name = "go", .output_count = 1, .outputs = &twice}});
    HAS(text, "void tape_go(const double *x, double *mul2);");
    finish(tape);
}
END_TEST

/* A running mean, which the training assigns, is a constant of the network that reads it. */
START_TEST(inputs_that_another_part_assigns_are_constants) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor x = tg_input(tape, "x", TG_F32, TG_SHAPE(2)), mean = tg_input(tape, "mean", TG_F32, TG_SHAPE(2));
    tg_begin_part(tape, "train");
    tg_assign(mean, tg_mul(0.5, tg_add(mean, x)));
    tg_end_part(tape);
    tg_begin_part(tape, "predict");
    tg_set_name(tg_sub(x, mean), "y");
    tg_end_part(tape);
    tg_emit_function f = {.part = "predict"};
    HAS(header_of(tape, &(tg_emit_options){.function_count = 1, .functions = &f}),
        "void tape_predict(const float *x, float *y);");
    finish(tape);
}
END_TEST

START_TEST(weights_may_be_the_callers) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor x = tg_input(tape, "x", TG_F32, TG_SHAPE(2)),
              w = tg_parameter(tape, "w", tg_constant(tape, TG_F32, TG_SHAPE(2), (float[]){1, 2}));
    tg_set_name(tg_mul(x, w), "y");
    HAS(header_of(tape, NULL), "void tape_run(const float *x, float *y);");
    const char *text = header_of(tape, &(tg_emit_options){.weights = TG_EMIT_CALLERS});
    HAS(text, "void tape_run(tape_state *state, const float *x, float *y);");
    HAS(text, "float w[2];");
    finish(tape);
}
END_TEST

/* An index out of range ends the function with a number that the header explains. */
START_TEST(failures_are_numbers) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor at = tg_input(tape, "at", TG_I64, TG_SHAPE(2)), x = tg_input(tape, "x", TG_F32, TG_SHAPE(3));
    tg_set_name(tg_take(x, at, 0), "y");
    const char *text = header_of(tape, NULL);
    HAS(text, "int tape_run(const int64_t *at, const float *x, float *y);");
    HAS(text, "1  take at test_emit.c:");
    HAS(text, "an index is out of range for an axis of size 3");
    finish(tape);
}
END_TEST

/* ---- errors ------------------------------------------------------------------------------------------------------ */

START_TEST(what_cannot_be_written_is_an_error) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor x = tg_input(tape, "x", TG_F32, TG_SHAPE(2)), w = tg_parameter(tape, "w", tg_full(tape, TG_F32, TG_SHAPE(2), 1));
    FILE     *file = tmpfile();
    FAILS(tape, tg_emit_c(tape, NULL, file, NULL), TG_ERR_ARGUMENT, "emit_c: a file is NULL");
    FAILS(tape, tg_emit_c(tape, file, file, &(tg_emit_options){.prefix = "3d"}), TG_ERR_ARGUMENT,
          "emit_c: the prefix '3d' is no name in C");
    FAILS(tape, tg_emit_c(tape, file, file, NULL), TG_ERR_ARGUMENT,
          "emit_c: 'tape_run' would give nothing and assign nothing: name its results by tg_set_name");
    FAILS(tape, tg_emit_c(tape, file, file, &(tg_emit_options){.function_count = 1}), TG_ERR_ARGUMENT,
          "emit_c: 1 functions in a list");
    FAILS(tape, tg_emit_c(tape, file, file, &(tg_emit_options){.memory = (tg_emit_memory)2}), TG_ERR_ARGUMENT,
          "emit_c: the weights, the memory or the size are none of the choices");
    FAILS(tape, tg_emit_c(tape, file, file, &(tg_emit_options){.size = (tg_emit_size)2}), TG_ERR_ARGUMENT,
          "emit_c: the weights, the memory or the size are none of the choices");
    tg_emit_function f[2] = {{.part = "none"}, {.name = "a b"}};
    tg_emit_options  o = {.function_count = 1, .functions = f};
    FAILS(tape, tg_emit_c(tape, file, file, &o), TG_ERR_NAME, "emit_c: there is no part 'none'");
    o.functions = f + 1;
    FAILS(tape, tg_emit_c(tape, file, file, &o), TG_ERR_ARGUMENT, "emit_c: 'a b' is no name of a function in C");
    tg_tensor y = tg_mul(x, w);
    tg_set_name(y, "y");
    f[0] = f[1] = (tg_emit_function){.name = NULL};
    o = (tg_emit_options){.function_count = 2, .functions = f};
    FAILS(tape, tg_emit_c(tape, file, file, &o), TG_ERR_NAME, "emit_c: two functions would have the name 'tape_run'");
    f[0].output_count = 1;
    FAILS(tape, tg_emit_c(tape, file, file, &o), TG_ERR_ARGUMENT, "emit_c: 1 outputs of 'tape_run' in no list");
    f[0].outputs = &(tg_tensor){0};
    FAILS(tape, tg_emit_c(tape, file, file, &o), TG_ERR_HANDLE,
          "emit_c: an output is no tensor: it is zero-initialised, or made of plain numbers alone");
    fclose(file);
    finish(tape);
}
END_TEST

START_TEST(an_op_without_a_text_is_named) {
    tg_tape  *tape = tg_tape_new();
    char      expected[200];
    FILE     *file = tmpfile();
    tg_tensor x = tg_input(tape, "x", TG_F32, TG_SHAPE(3, 3));
    int       line = __LINE__ + 1;
    tg_set_name(tg_record(tape, &textless, 1, &x, NULL, 0), "y");
    snprintf(expected, sizeof expected, "emit_c: textless (3, 3) at %s:%d: the op has no C text", __FILE__, line);
    FAILS(tape, tg_emit_c(tape, file, file, NULL), TG_ERR_ARGUMENT, expected);
    ck_assert_int_eq(ftell(file), 0);
    fclose(file);
    finish(tape);
}
END_TEST

START_TEST(a_leaf_in_a_part_of_itself_is_an_error) {
    tg_tape  *tape = tg_tape_new();
    FILE     *file = tmpfile();
    tg_tensor x = tg_input(tape, "x", TG_F32, TG_SHAPE(3));
    tg_assign_slice(x, 0, TG_END, TG_BEGIN, -1, x);
    FAILS(tape, tg_emit_c(tape, file, file, NULL), TG_ERR_ARGUMENT, "emit_c: assign_slice (3) at ");
    fclose(file);
    finish(tape);
}
END_TEST

START_TEST(values_from_outside_of_a_part_must_be_what_they_were) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor w = tg_parameter(tape, "w", tg_full(tape, TG_F32, TG_SHAPE(2), 1)), y = tg_mul(w, 2);
    char      expected[200];
    FILE     *file = tmpfile();
    int       line = __LINE__ - 3;
    tg_begin_part(tape, "part");
    tg_set_name(tg_exp(y), "z");
    tg_end_part(tape);
    tg_assign(w, 0);
    snprintf(expected, sizeof expected,
             "emit_c: mul (2) at %s:%d: it is computed outside of the part, from 'w', which the tape overwrites", __FILE__,
             line);
    FAILS(tape, tg_emit_c(tape, file, file, NULL), TG_ERR_VALUE, expected);
    fclose(file);
    finish(tape);
}
END_TEST

START_TEST(a_file_that_cannot_be_written_is_an_error) {
    FILE *full = fopen("/dev/full", "w"), *file = tmpfile();
    if (!full) {
        fclose(file);
        return;
    }
    tg_tape *tape = tg_tape_new();
    tg_set_name(tg_exp(tg_input(tape, "x", TG_F32, TG_SHAPE(2))), "y");
    FAILS(tape, tg_emit_c(tape, full, file, NULL), TG_ERR_IO, "emit_c: No space left on device");
    FAILS(tape, tg_emit_c(tape, file, full, NULL), TG_ERR_IO, "emit_c: No space left on device");
    fclose(file);
    fclose(full);
    finish(tape);
}
END_TEST

Suite *suite_emit(void) {
    Suite *suite = suite_create("emit");
    TCase *tcase = tcase_create("programs");
    tcase_set_timeout(tcase, 60);
    tcase_add_test(tcase, training_goes_on_from_call_to_call);
    tcase_add_test(tcase, derivatives_of_second_order_are_written);
    tcase_add_test(tcase, assigns_happen_where_they_stand);
    tcase_add_test(tcase, numbers_are_drawn_as_the_library_draws_them);
    tcase_add_test(tcase, elements_are_chosen_by_their_values);
    tcase_add_test(tcase, factors_of_matrices_are_the_librarys);
    tcase_add_test(tcase, slopes_of_determinants_of_large_matrices);
    tcase_add_test(tcase, small_text_gives_the_same);
    tcase_add_test(tcase, values_without_elements_are_written);
    tcase_add_loop_test(tcase, random_programs_are_the_librarys, 0, 20);
    suite_add_tcase(suite, tcase);
    tcase = tcase_create("names");
    tcase_add_test(tcase, names_become_identifiers);
    tcase_add_test(tcase, names_are_not_those_of_functions_in_the_file);
    tcase_add_test(tcase, parts_are_functions);
    tcase_add_test(tcase, inputs_that_another_part_assigns_are_constants);
    tcase_add_test(tcase, weights_may_be_the_callers);
    tcase_add_test(tcase, failures_are_numbers);
    suite_add_tcase(suite, tcase);
    tcase = tcase_create("errors");
    tcase_add_test(tcase, what_cannot_be_written_is_an_error);
    tcase_add_test(tcase, an_op_without_a_text_is_named);
    tcase_add_test(tcase, a_leaf_in_a_part_of_itself_is_an_error);
    tcase_add_test(tcase, values_from_outside_of_a_part_must_be_what_they_were);
    tcase_add_test(tcase, a_file_that_cannot_be_written_is_an_error);
    suite_add_tcase(suite, tcase);
    return suite;
}
