/* random/sample.c: numbers that are drawn anew in each run, as instructions.
 *
 * What PyTorch draws was found by experiment with PyTorch 2.15 on the CPU, on its path without vector instructions:
 *   - bernoulli of a tensor draws a uniform number of the tensor's own dtype for each element;
 *   - multinomial without replacement, and where one sample is wanted, divides each weight by an exponential number, made in
 *     float64, and takes the largest quotients, in descending order;
 *   - with replacement it looks a float64 uniform number up in the cumulative weights, for each sample.
 * A kernel looks at its operand before it draws the first number: one that fails leaves the generator as it was.
 *
 * SPDX-License-Identifier: MIT */
#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "core/inside.h"

enum { BLOCK = 256 };

/* ---- normal and uniform noise ------------------------------------------------------------------------------------ */

typedef struct noise_attr {
    int64_t dtype, rank, dims[TG_MAX_RANK];
} noise_attr;

static tg_status infer_noise(tg_infer *call) {
    const noise_attr *attr = call->attr;
    call->out = (tg_type){.dtype = (tg_dtype)attr->dtype, .rank = (int)attr->rank, .dims = call->dims};
    memcpy(call->dims, attr->dims, sizeof attr->dims);
    return TG_OK;
}

static tg_status normal_kernel(tg_kernel_call *call) {
    return tg_draw_normal(call, call->out.dtype, call->out.size, call->out.data);
}

static tg_status uniform_kernel(tg_kernel_call *call) {
    return tg_draw_uniform(call, call->out.dtype, call->out.size, call->out.data);
}

static tg_tensor noise(tg_tape *tape, const tg_op *op, tg_dtype dtype, tg_shape shape) {
    noise_attr attr = {.dtype = dtype, .rank = shape.rank};
    if (dtype != TG_F32 && dtype != TG_F64)
        tg_fail(tape, TG_ERR_DTYPE, op->name, "the dtype is %s, not float32 or float64", tg_dtype_name(dtype));
    else if (tg_shape_size(shape) < 0)
        tg_fail(tape, TG_ERR_SHAPE, op->name, "it is no shape of a tensor");
    else {
        memcpy(attr.dims, shape.dims, (size_t)shape.rank * sizeof *shape.dims);
        return tg_record(tape, op, 0, NULL, &attr, sizeof attr);
    }
    return tg_invalid(tape);
}

static int64_t size_of(const tg_type *x) {
    return tg_shape_size(tg_shape_from(x->rank, x->dims));
}

/* As many at a time as the generator makes, the last of which are made again when there are some left over. */
static void normal_emit(tg_emit_call *call) {
    enum { AT_A_TIME = 16 };
    int64_t     size = size_of(&call->out), rest = size % AT_A_TIME;
    const char *uniform = call->out.dtype == TG_F32 ? "$uniform_f32" : "$uniform_f64";
    if (size < AT_A_TIME) {
        tg_emit(call, "$for(i, %" PRId64 ")\n$y[#i] = ($T)$normal_f64;\n}", size);
        return;
    }
    tg_emit(call, "$for(i, %" PRId64 ")\n$y[#i] = %s;\n}", size, uniform);
    tg_emit(call, "$for(i, %" PRId64 ")\n$BOX_MULLER(&$y[#i * %d]);\n}", size / AT_A_TIME, AT_A_TIME);
    if (!rest) return;
    tg_emit(call, "for ($I i = %" PRId64 "; i < %" PRId64 "; i++) {\n$y[#i] = %s;\n}", size - AT_A_TIME, size, uniform);
    tg_emit(call, "$BOX_MULLER(&$y[#%" PRId64 "]);", size - AT_A_TIME);
}

tg_tensor(tg_sample_normal)(tg_tape *tape, tg_dtype dtype, tg_shape shape) {
    static const tg_op op = {"sample_normal", 0, infer_noise, .kernel = normal_kernel, .random = true, .emit = normal_emit};
    return noise(tape, &op, dtype, shape);
}

static void uniform_emit(tg_emit_call *call) {
    tg_emit(call, "$for(i, %" PRId64 ")\n$y[#i] = %s;\n}", size_of(&call->out),
            call->out.dtype == TG_F32 ? "$uniform_f32" : "$uniform_f64");
}

tg_tensor(tg_sample_uniform)(tg_tape *tape, tg_dtype dtype, tg_shape shape) {
    static const tg_op op = {"sample_uniform", 0, infer_noise, .kernel = uniform_kernel, .random = true, .emit = uniform_emit};
    return noise(tape, &op, dtype, shape);
}

/* ---- by tensors of float32 and of float64 ------------------------------------------------------------------------ */

/* An element is the same number in either dtype, so that only results need rounding. */
static double element(const void *x, tg_dtype dtype, int64_t i) {
    return dtype == TG_F32 ? (double)((const float *)x)[i] : ((const double *)x)[i];
}

static void put(void *x, tg_dtype dtype, int64_t i, double value) {
    if (dtype == TG_F32)
        ((float *)x)[i] = (float)value;
    else
        ((double *)x)[i] = value;
}

static tg_status check_floating(const tg_infer *call) {
    tg_dtype dtype = call->in[0].dtype;
    if (dtype == TG_F32 || dtype == TG_F64) return TG_OK;
    return tg_refuse(call, TG_ERR_DTYPE, "it takes float32 or float64");
}

/* ---- bernoulli --------------------------------------------------------------------------------------------------- */

static tg_status infer_bernoulli(tg_infer *call) {
    call->out = call->in[0];
    return check_floating(call);
}

static tg_status bernoulli_kernel(tg_kernel_call *call) {
    const tg_dtype dtype = call->out.dtype;
    const void    *p = tg_contiguous(call, 0);
    double         drawn[BLOCK];
    if (!p) return TG_ERR_MEMORY;
    for (int64_t i = 0; i < call->out.size; i++)
        if (!(element(p, dtype, i) >= 0 && element(p, dtype, i) <= 1))
            return tg_kernel_fail(call, "probability %g is not between 0 and 1", element(p, dtype, i));
    for (int64_t start = 0; start < call->out.size; start += BLOCK) {
        int64_t n = call->out.size - start < BLOCK ? call->out.size - start : BLOCK;
        if (tg_draw_uniform(call, dtype, n, drawn)) return TG_ERR_VALUE;
        for (int64_t i = 0; i < n; i++)
            put(call->out.data, dtype, start + i, element(drawn, dtype, i) < element(p, dtype, start + i));
    }
    return TG_OK;
}

static void bernoulli_emit(tg_emit_call *call) {
    int64_t size = size_of(&call->out);
    tg_emit(call,
            "$for(i, %" PRId64 ")\nif (!($0[#i] >= 0 && $0[#i] <= 1)) {\n$fail(a probability is not between 0 and 1)\n}\n}",
            size);
    tg_emit(call, "$for(i, %" PRId64 ")\n$y[#i] = %s < $0[#i] ? 1 : 0;\n}", size,
            call->out.dtype == TG_F32 ? "$uniform_f32" : "$uniform_f64");
}

tg_tensor(tg_sample_bernoulli)(tg_tensor p) {
    static const tg_op op = {"sample_bernoulli",    1, infer_bernoulli, .kernel = bernoulli_kernel, .random = true,
                             .emit = bernoulli_emit};
    return tg_record(NULL, &op, 1, &p, NULL, 0);
}

/* ---- multinomial ------------------------------------------------------------------------------------------------- */

/* How many samples; at least so many weights must be above 0. */
typedef struct multinomial_attr {
    int64_t count, positive;
} multinomial_attr;

static tg_status check_weights(const tg_kernel_call *call, const void *w, int64_t n) {
    const multinomial_attr *attr = call->attr;
    int64_t                 positive = 0;
    for (int64_t i = 0; i < n; i++) {
        double x = element(w, call->in[0].dtype, i);
        if (!(x >= 0 && x < (double)INFINITY)) return tg_kernel_fail(call, "weight %g is negative, or not finite", x);
        positive += x > 0;
    }
    if (positive >= attr->positive) return TG_OK;
    return tg_kernel_fail(call, "%" PRId64 " of the weights are above 0, and at least %" PRId64 " must be", positive,
                          attr->positive);
}

/* The weights of all rows; NULL when they cannot be used. */
static const void *weights_of(tg_kernel_call *call, int64_t n) {
    const char  *w = tg_contiguous(call, 0);
    const size_t row = (size_t)n * tg_dtype_size(call->in[0].dtype);
    for (int64_t i = 0; w && i < call->in[0].size; i += n)
        if (check_weights(call, w + (size_t)(i / n) * row, n)) return NULL;
    return w;
}

static int64_t last_size(const tg_array *x) {
    return x->dims[x->rank - 1];
}

/* ---- without replacement: weights divided by exponential numbers */

static tg_status infer_keys(tg_infer *call) {
    call->out = call->in[0];
    return TG_OK;
}

static tg_status keys_kernel(tg_kernel_call *call) {
    const tg_dtype dtype = call->out.dtype;
    const void    *w = weights_of(call, last_size(call->in));
    double         drawn[BLOCK];
    if (!w) return TG_ERR_VALUE;
    for (int64_t start = 0; start < call->out.size; start += BLOCK) {
        int64_t n = call->out.size - start < BLOCK ? call->out.size - start : BLOCK;
        if (tg_draw_uniform(call, TG_F64, n, drawn)) return TG_ERR_VALUE;
        for (int64_t i = 0; i < n; i++) {
            double q = -log1p(-drawn[i]);
            put(call->out.data, dtype, start + i, element(w, dtype, start + i) / (dtype == TG_F32 ? (double)(float)q : q));
        }
    }
    return TG_OK;
}

/* In C: what check_weights does, for each row. */
static void write_check(tg_emit_call *call, int64_t rows, int64_t n) {
    const multinomial_attr *attr = call->attr;
    tg_emit(call, "$for(i, %" PRId64 ")\n$I pos = 0;\n$for(j, %" PRId64 ")\nconst $T0 x_ = $0[#i * %" PRId64 " + j];", rows, n,
            n);
    tg_emit(call, "if (!(x_ >= 0 && x_ < ($T0)INFINITY)) {\n$fail(a weight is negative, or not finite)\n}");
    tg_emit(call, "if (x_ > 0) pos++;\n}\nif (pos < %" PRId64 ") {", attr->positive);
    tg_emit(call, "$fail(not %" PRId64 " of the weights are above 0)\n}\n}", attr->positive);
}

static void keys_emit(tg_emit_call *call) {
    int64_t size = size_of(&call->out), n = call->in[0].dims[call->in[0].rank - 1];
    write_check(call, size / n, n);
    tg_emit(call, "$for(i, %" PRId64 ")\nconst double q_ = $EXPONENTIAL($uniform_f64);", size);
    tg_emit(call, call->out.dtype == TG_F32 ? "$y[#i] = (float)((double)$0[#i] / (double)(float)q_);\n}"
                                            : "$y[#i] = $0[#i] / q_;\n}");
}

static tg_tensor without_replacement(tg_tensor weights, const multinomial_attr *attr) {
    static const tg_op op = {"multinomial_keys", 1, infer_keys, .kernel = keys_kernel, .random = true, .emit = keys_emit};
    tg_tensor          indices = TG_NONE;
    tg_topk(tg_record(NULL, &op, 1, &weights, attr, sizeof *attr), attr->count, -1, true, &indices);
    return indices;
}

/* ---- with replacement: uniform numbers looked up in cumulative weights */

static tg_status infer_draws(tg_infer *call) {
    const multinomial_attr *attr = call->attr;
    const tg_type          *x = call->in;
    memcpy(call->dims, x->dims, (size_t)x->rank * sizeof *x->dims);
    call->dims[x->rank - 1] = attr->count;
    call->out = (tg_type){.dtype = TG_I64, .rank = x->rank, .dims = call->dims};
    return TG_OK;
}

/* Sums and quotients of the weights' dtype. */
static void accumulate(const void *w, tg_dtype dtype, int64_t n, void *sums) {
    for (int64_t i = 0; i < n; i++)
        put(sums, dtype, i, (i ? element(sums, dtype, i - 1) : 0) + element(w, dtype, i));
    double total = element(sums, dtype, n - 1);
    for (int64_t i = 0; i < n - 1; i++)
        put(sums, dtype, i, element(sums, dtype, i) / total);
    put(sums, dtype, n - 1, 1);
}

/* The first sum that is not below u. */
static int64_t find(const void *sums, tg_dtype dtype, int64_t n, double u) {
    int64_t low = 0;
    while (low < n) {
        int64_t middle = low + (n - low) / 2;
        if (element(sums, dtype, middle) < u)
            low = middle + 1;
        else
            n = middle;
    }
    return low;
}

static tg_status draws_kernel(tg_kernel_call *call) {
    const int64_t  n = last_size(call->in), count = last_size(&call->out);
    const tg_dtype dtype = call->in[0].dtype;
    const size_t   row = (size_t)n * tg_dtype_size(dtype);
    const char    *w = weights_of(call, n);
    void          *sums = w ? tg_scratch(call, row) : NULL;
    if (!sums) return w ? TG_ERR_MEMORY : TG_ERR_VALUE;
    for (int64_t i = 0; i < call->out.size; i++) {
        double u;
        if (i % count == 0) accumulate(w + (size_t)(i / count) * row, dtype, n, sums);
        if (tg_draw_uniform(call, TG_F64, 1, &u)) return TG_ERR_VALUE;
        ((int64_t *)call->out.data)[i] = find(sums, dtype, n, u);
    }
    return TG_OK;
}

/* The sums are made anew for each sample, as there is no memory for them. */
static void draws_emit(tg_emit_call *call) {
    int64_t n = call->in[0].dims[call->in[0].rank - 1], count = call->out.dims[call->out.rank - 1];
    int64_t rows = size_of(&call->out) / count;
    write_check(call, rows, n);
    tg_emit(call, "$for(i, %" PRId64 ")\n$T0 end = 0;\n$for(k, %" PRId64 ")\nend += $0[#i * %" PRId64 " + k];\n}", rows, n, n);
    tg_emit(call, "$for(j, %" PRId64 ")\nconst double u_ = $uniform_f64;\n$T0 acc = 0;\n$I pos = 0;", count);
    tg_emit(call, "for (; pos < %" PRId64 "; pos++) {\nacc += $0[#i * %" PRId64 " + pos];", n - 1, n);
    tg_emit(call, "if (!((double)(acc / end) < u_)) break;\n}\n$y[#i * %" PRId64 " + j] = pos;\n}\n}", count);
}

static tg_tensor with_replacement(tg_tensor weights, const multinomial_attr *attr) {
    static const tg_op op = {"multinomial_draws", 1, infer_draws, .kernel = draws_kernel, .random = true, .emit = draws_emit};
    return tg_record(NULL, &op, 1, &weights, attr, sizeof *attr);
}

tg_tensor(tg_sample_multinomial)(tg_tensor weights, int64_t count, bool replacement) {
    static const char name[] = "sample_multinomial";
    tg_operands       o;
    if (tg_check_operands(&o, name, 1, 1, &weights) || tg_check_floating(&o, 1)) return tg_invalid(o.tape);
    const tg_type *x = o.type;
    int64_t        n = x->rank ? x->dims[x->rank - 1] : 0;
    if (n < 1)
        tg_refuse_operands(&o, TG_ERR_SHAPE, "there are no weights along a last axis");
    else if (count < 1 || (!replacement && count > n))
        tg_refuse_operands(&o, TG_ERR_ARGUMENT, "%" PRId64 " samples %s replacement", count, replacement ? "with" : "without");
    if (tg_error_status(o.tape)) return tg_invalid(o.tape);
    multinomial_attr attr = {.count = count, .positive = replacement ? 1 : count};
    tg_scope         scope = tg_begin_scope(o.tape, name);
    return tg_end_scope_with(scope, (replacement && count > 1 ? with_replacement : without_replacement)(weights, &attr));
}
