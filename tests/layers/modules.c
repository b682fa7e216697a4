/* tests/layers/modules.c: the same tests for each layer: its weights after a seed are PyTorch's, name for name and bit for bit; its
 * results and gradients for them are PyTorch's, in both dtypes, outside of a part and in one; applied twice, it shares its weights.
 *
 * SPDX-License-Identifier: MIT */
#include "layers/modules.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "support.h"

/* ---- the file ---------------------------------------------------------------------------------------------------- */

enum { LINE = 1 << 17 };

/* The line of that case, after its name; kept for the next call. */
static const char *find_line(const char *name) {
    static char line[LINE];
    size_t      length = strlen(name);
    if (!strncmp(line, name, length) && line[length] == ',') return line + length;
    FILE       *file = fopen(source_path("tests/fixtures/layers_modules.csv"), "r");
    ck_assert_ptr_nonnull(file);
    while (fgets(line, sizeof line, file)) {
        ck_assert_ptr_nonnull(strchr(line, '\n'));
        if (strncmp(line, name, length) != 0 || line[length] != ',') continue;
        fclose(file);
        return line + length;
    }
    ck_abort_msg("no case %s", name);
    return NULL;
}

/* ",what dtype sizes = values,..." */
static const char *find_text(const char *line, const char *what) {
    size_t length = strlen(what);
    for (const char *field = line; field; field = strchr(field + 1, ','))
        if (!strncmp(field + 1, what, length) && field[length + 1] == ' ') return field + length + 2;
    return NULL;
}

bool find_field(const char *name, const char *what, module_field *field) {
    const char *text = find_text(find_line(name), what);
    if (!text) return false;
    *field = (module_field){.dtype = TG_F32};
    while (strncmp(text, tg_dtype_name(field->dtype), strlen(tg_dtype_name(field->dtype))) != 0)
        field->dtype++;
    char *end = strchr(text, ' ');
    while (end[1] != '=')
        field->shape.dims[field->shape.rank++] = strtoll(end, &end, 10);
    field->size = tg_shape_size(field->shape);
    ck_assert_int_le(field->size, MOST_VALUES);
    end += 2;
    for (int64_t i = 0; i < field->size; i++)
        field->value[i] = strtod(end, &end);
    return true;
}

/* The name that follows the `which`-th field of that kind; NULL after the last. */
static const char *key_at(const char *line, const char *kind, int which) {
    static char key[128];
    size_t      length = strlen(kind);
    for (const char *field = line; field; field = strchr(field + 1, ',')) {
        if (strncmp(field + 1, kind, length) != 0 || field[length + 1] != ' ' || which-- > 0) continue;
        snprintf(key, sizeof key, "%.*s", (int)strcspn(field + length + 2, " "), field + length + 2);
        return key;
    }
    return NULL;
}

/* ---- tensors ----------------------------------------------------------------------------------------------------- */

static bool is_floating(tg_dtype dtype) {
    return dtype == TG_F32 || dtype == TG_F64;
}

/* The values as elements of that dtype, which the caller frees. */
static void *elements_of(const module_field *field, tg_dtype dtype) {
    void *elements = calloc((size_t)field->size + 1, tg_dtype_size(dtype));
    for (int64_t i = 0; i < field->size; i++) {
        if (dtype == TG_F32) ((float *)elements)[i] = (float)field->value[i];
        if (dtype == TG_F64) ((double *)elements)[i] = field->value[i];
        if (dtype == TG_I64) ((int64_t *)elements)[i] = (int64_t)field->value[i];
        if (dtype == TG_BOOL) ((bool *)elements)[i] = field->value[i] != 0;
    }
    return elements;
}

tg_tensor constant_field(tg_tape *tape, const module_field *field, tg_dtype dtype) {
    if (!is_floating(field->dtype)) dtype = field->dtype;
    void     *elements = elements_of(field, dtype);
    tg_tensor y = tg_constant(tape, dtype, field->shape, elements);
    free(elements);
    return y;
}

static double element_of(const void *data, tg_dtype dtype, int64_t i) {
    return dtype == TG_F32   ? (double)((const float *)data)[i]
           : dtype == TG_F64 ? ((const double *)data)[i]
                             : (double)((const int64_t *)data)[i];
}

static double largest_of(const module_field *field) {
    double largest = 1;
    for (int64_t i = 0; i < field->size; i++)
        largest = fmax(largest, fabs(field->value[i]));
    return largest;
}

static void check_near(const char *name, const char *what, tg_tensor x, const module_field *expected) {
    tg_dtype    dtype = tg_dtype_of(x);
    const void *data = tg_data(x);
    double      tolerance = (dtype == TG_F32 ? 1e-5 : 1e-10) * largest_of(expected);
    ck_assert_msg(data != NULL, "%s: %s: %s", name, what, tg_error(x.tape));
    ck_assert_msg(tg_shape_equal(tg_shape_of(x), expected->shape), "%s: %s has another shape", name, what);
    for (int64_t i = 0; i < expected->size; i++) {
        double got = element_of(data, dtype, i);
        ck_assert_msg(fabs(got - expected->value[i]) <= tolerance, "%s: %s: element %lld is %.17g, not %.17g", name, what,
                      (long long)i, got, expected->value[i]);
    }
}

/* ---- initial weights --------------------------------------------------------------------------------------------- */

static void check_initial_value(const module_case *c, const char *key, tg_tensor x, const module_field *expected) {
    const void *data = tg_peek(x);
    ck_assert_msg(tg_shape_equal(tg_shape_of(x), expected->shape), "%s: %s has another shape", c->name, key);
    ck_assert_int_eq(tg_dtype_of(x), expected->dtype);
    for (int64_t i = 0; i < expected->size; i++) {
        double got = element_of(data, expected->dtype, i);
        ck_assert_msg(ulps_f32((float)got, (float)expected->value[i]) <= c->ulps,
                      "%s: %s: element %lld starts as %.9g, not %.9g", c->name, key, (long long)i, got, expected->value[i]);
    }
}

static int64_t variables_of(tg_tape *tape) {
    int64_t count = tg_parameter_count(tape);
    for (tg_tensor input = tg_next_input(tape, TG_NONE); tg_valid(input); input = tg_next_input(tape, input))
        count++;
    return count;
}

static void check_initial_weights(const module_case *c) {
    static module_field expected;
    tg_tape            *tape = tg_tape_new();
    int                 count = 0;
    tg_seed(tape, 0);
    c->make(tape, TG_F32);
    CHECK_OK(tape);
    for (const char *key; (key = key_at(find_line(c->name), "init", count)); count++) {
        char what[160];
        snprintf(what, sizeof what, "init %s", key);
        ck_assert(find_field(c->name, what, &expected));
        check_initial_value(c, what + 5, tg_find(tape, what + 5), &expected);
    }
    ck_assert_int_eq(variables_of(tape), count);
    tg_tape_free(tape);
}

/* ---- results and gradients --------------------------------------------------------------------------------------- */

typedef struct module_run {
    const module_case *c;
    tg_tape           *tape;
    int                operands, results;
    tg_tensor          x[MOST_TENSORS], y[MOST_TENSORS], dx[MOST_TENSORS];
} module_run;

/* Overwrites the weights by PyTorch's initial ones. */
static void write_weights(const module_run *r) {
    static module_field field;
    char                what[160];
    for (int64_t i = 0; i < tg_parameter_count(r->tape); i++) {
        tg_tensor w = tg_parameter_at(r->tape, i);
        snprintf(what, sizeof what, "init %s", tg_name(w));
        ck_assert_msg(find_field(r->c->name, what, &field), "PyTorch has no %s", what);
        void *elements = elements_of(&field, tg_dtype_of(w));
        ck_assert_int_eq(tg_write(w, elements, field.size), TG_OK);
        free(elements);
    }
}

static module_run begin_run(const module_case *c, tg_dtype dtype) {
    static module_field field;
    module_run          r = {.c = c, .tape = tg_tape_new()};
    c->make(r.tape, dtype);
    write_weights(&r);
    for (char what[] = "x 0"; find_field(c->name, what, &field); what[2]++)
        r.x[r.operands++] = constant_field(r.tape, &field, dtype);
    tg_seed(r.tape, 2);
    return r;
}

static tg_tensor weighted_sum(tg_tensor y) {
    int64_t   n = tg_size(y);
    tg_tensor weight = tg_mul(tg_add(tg_remainder(tg_arange(y.tape, tg_dtype_of(y), 0, (double)n, 1), 7), 4), 0.25);
    return tg_sum(tg_mul(tg_reshape(y, TG_SHAPE(n)), weight));
}

/* Records results and gradients. */
static void record_run(module_run *r) {
    tg_tensor wanted[MOST_TENSORS], grads[MOST_TENSORS];
    int       count = 0;
    r->results = r->c->apply(r->x, r->y);
    tg_tensor loss = weighted_sum(r->y[0]);
    for (int i = 1; i < r->results; i++)
        loss = tg_add(loss, weighted_sum(r->y[i]));
    if (tg_parameter_count(r->tape)) tg_backward(loss);
    for (int i = 0; i < r->operands; i++)
        if (is_floating(tg_dtype_of(r->x[i]))) wanted[count++] = r->x[i];
    if (count) tg_vjp(r->tape, 1, &loss, NULL, count, wanted, grads);
    for (int i = 0, k = 0; i < r->operands; i++)
        if (is_floating(tg_dtype_of(r->x[i]))) r->dx[i] = grads[k++];
}

static void check_field(const module_run *r, const char *what, tg_tensor x) {
    static module_field expected;
    ck_assert_msg(find_field(r->c->name, what, &expected), "%s: PyTorch has no %s", r->c->name, what);
    check_near(r->c->name, what, x, &expected);
}

static void check_run(const module_run *r) {
    char what[160];
    for (int i = 0; i < r->results; i++) {
        snprintf(what, sizeof what, "y %d", i);
        check_field(r, what, r->y[i]);
    }
    for (int i = 0; i < r->operands; i++) {
        snprintf(what, sizeof what, "dx %d", i);
        if (is_floating(tg_dtype_of(r->x[i]))) check_field(r, what, r->dx[i]);
    }
    for (int64_t i = 0; i < tg_parameter_count(r->tape); i++) {
        snprintf(what, sizeof what, "d %s", tg_name(tg_parameter_at(r->tape, i)));
        check_field(r, what, tg_grad(tg_parameter_at(r->tape, i)));
    }
    const char *key;
    for (int i = 0; (key = key_at(find_line(r->c->name), "after", i)); i++) {
        snprintf(what, sizeof what, "after %s", key);
        check_field(r, what, tg_find(r->tape, what + 6));
    }
    CHECK_OK(r->tape);
}

static void check_results(const module_case *c, tg_dtype dtype) {
    module_run r = begin_run(c, dtype);
    record_run(&r);
    check_run(&r);
    tg_tape_free(r.tape);
}

static void check_results_in_a_part(const module_case *c, tg_dtype dtype) {
    module_run r = begin_run(c, dtype);
    tg_begin_part(r.tape, "part");
    record_run(&r);
    tg_end_part(r.tape);
    ck_assert_msg(tg_run_part(r.tape, "part") == TG_OK, "%s: %s", c->name, tg_error(r.tape));
    check_run(&r);
    tg_tape_free(r.tape);
}

/* The gradients of both applications add up: they are twice those of one. */
static void check_shared_weights(const module_case *c) {
    static module_field expected;
    module_run          r = begin_run(c, TG_F64);
    int64_t             variables = variables_of(r.tape);
    char                what[160];
    for (int i = 0; i < 2; i++)
        record_run(&r);
    ck_assert_int_eq(variables_of(r.tape), variables);
    for (int64_t i = 0; i < tg_parameter_count(r.tape); i++) {
        snprintf(what, sizeof what, "d %s", tg_name(tg_parameter_at(r.tape, i)));
        ck_assert(find_field(c->name, what, &expected));
        for (int64_t k = 0; k < expected.size; k++)
            expected.value[k] *= 2;
        check_near(c->name, what, tg_grad(tg_parameter_at(r.tape, i)), &expected);
    }
    CHECK_OK(r.tape);
    tg_tape_free(r.tape);
}

/* ---- the tests --------------------------------------------------------------------------------------------------- */

static const module_case *const lists[] = {linear_modules,    conv_modules,      norm_modules,
                                           recurrent_modules, multihead_modules, transformer_modules};

const module_case *module_at(int i) {
    for (size_t list = 0; list < sizeof lists / sizeof *lists; list++)
        for (const module_case *c = lists[list]; c->name; c++)
            if (i-- == 0) return c;
    return NULL;
}

START_TEST(weights_start_as_pytorchs) {
    check_initial_weights(module_at(_i));
}
END_TEST

START_TEST(results_and_gradients_are_pytorchs) {
    check_results(module_at(_i), TG_F64);
    check_results(module_at(_i), TG_F32);
}
END_TEST

START_TEST(so_they_are_in_a_part) {
    check_results_in_a_part(module_at(_i), TG_F64);
    check_results_in_a_part(module_at(_i), TG_F32);
}
END_TEST

START_TEST(applied_twice_it_shares_its_weights) {
    if (!module_at(_i)->changes) check_shared_weights(module_at(_i));
}
END_TEST

void add_modules(Suite *suite, const module_case *cases) {
    TCase *tcase = tcase_create("modules");
    int    first = 0, end;
    while (module_at(first) != cases)
        first++;
    for (end = first; cases->name; cases++)
        end++;
    tcase_set_timeout(tcase, 60);
    tcase_add_loop_test(tcase, weights_start_as_pytorchs, first, end);
    tcase_add_loop_test(tcase, results_and_gradients_are_pytorchs, first, end);
    tcase_add_loop_test(tcase, so_they_are_in_a_part, first, end);
    tcase_add_loop_test(tcase, applied_twice_it_shares_its_weights, first, end);
    suite_add_tcase(suite, tcase);
}
