/* examples/own_op.c: an op of your own, from its shape rule to its second derivative, and what it is good for.
 *
 * The op is the fading sum of the past, along the last axis,
 *     y[t] = x[t-1] + k x[t-2] + k^2 x[t-3] + ...        or        y[0] = 0,  y[t] = x[t-1] + k y[t-1]
 * a recursion that no chain of elementwise ops can say. (1 - k) y[t] is the forecast of x[t] by exponential smoothing: an
 * average of the past in which what is older counts less. How much less is what this program learns from the record of the
 * Nile, by Newton's method, which takes the first and the second derivative of the error: the tape finds both, because the
 * op's gradient rules are formulas, made of the op itself.
 *
 * Start from here: everything above "the program" is the op, and nothing in it is private to the library.
 *
 * SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <tapegrad.h>

/* ---- what the op needs to know beside its operands: copied onto the tape, so no pointers ------------------------- */

typedef struct fading_attr {
    int64_t backward; /* sums the future instead, from the end on; an int64_t, so that there is no padding */
} fading_attr;

/* ---- the shape rule: which operands it takes, and what comes out ------------------------------------------------- */

static tg_status infer_fading(tg_infer *call) {
    const tg_type *x = &call->in[0], *k = &call->in[1];
    if (x->dtype != k->dtype) return tg_refuse(call, TG_ERR_DTYPE, "dtypes differ: convert one with tg_cast");
    if (x->dtype != TG_F32 && x->dtype != TG_F64) return tg_refuse(call, TG_ERR_DTYPE, "it takes float32 and float64");
    if (x->rank < 1) return tg_refuse(call, TG_ERR_SHAPE, "there is no axis to sum along");
    if (k->rank != 0) return tg_refuse(call, TG_ERR_SHAPE, "the factor is a single number");
    call->out = *x;
    return TG_OK;
}

/* ---- the kernel: one run along the last axis after the other ----------------------------------------------------- */

#define DEFINE_RUN(T) \
    static void run_##T(int64_t n, int64_t step, const T *x, T k, T *y) { \
        T sum = 0; \
        for (int64_t i = 0; i < n; i++, x += step, y += step) { \
            *y = sum; \
            sum = *x + k * sum; \
        } \
    }
DEFINE_RUN(float)
DEFINE_RUN(double)

static double number(const tg_array *x) {
    return x->dtype == TG_F32 ? *(const float *)x->data : *(const double *)x->data;
}

static tg_status fading_kernel(tg_kernel_call *call) {
    const fading_attr *attr = call->attr;
    const tg_array    *out = &call->out;
    double             k = number(&call->in[1]);
    if (!(k >= 0 && k < 1)) return tg_kernel_fail(call, "the factor is %g, and only from 0 to below 1 does the past fade", k);
    const void *x = tg_contiguous(call, 0); /* the operand may be a view, with any strides; here it is row by row */
    if (!x) return TG_ERR_MEMORY;

    int64_t n = out->dims[out->rank - 1], step = attr->backward ? -1 : 1;
    for (int64_t first = 0; first < out->size; first += n) {
        int64_t start = attr->backward ? first + n - 1 : first;
        if (out->dtype == TG_F32)
            run_float(n, step, (const float *)x + start, (float)k, (float *)out->data + start);
        else
            run_double(n, step, (const double *)x + start, k, (double *)out->data + start);
    }
    return TG_OK;
}

/* ---- the gradient rules: formulas, which the tape can differentiate again ---------------------------------------- */

static tg_tensor record_fading(tg_tensor x, tg_tensor k, bool backward);

/* x[s] is in y[t] with k^(t-s-1) for every later t: its gradient is the fading sum of what comes after it. */
static tg_tensor fading_rule_x(const tg_rule_call *call) {
    const fading_attr *attr = call->attr;
    return record_fading(call->g, call->x[1], !attr->backward);
}

/* y[t] = x[t-1] + k y[t-1], so dy[t]/dk = y[t-1] + k dy[t-1]/dk: the fading sum of y. */
static tg_tensor fading_rule_k(const tg_rule_call *call) {
    const fading_attr *attr = call->attr;
    return tg_sum(tg_mul(call->g, record_fading(call->y, call->x[1], attr->backward)));
}

/* ---- the op, and the functions that record it -------------------------------------------------------------------- */

static tg_rule *const fading_rules[] = {fading_rule_x, fading_rule_k};

static const tg_op fading_op = {"fading_sum", 2, infer_fading, .kernel = fading_kernel, .rules = fading_rules};

static tg_tensor record_fading(tg_tensor x, tg_tensor k, bool backward) {
    fading_attr attr = {.backward = backward};
    return tg_record(NULL, &fading_op, 2, (tg_tensor[]){x, k}, &attr, sizeof attr);
}

/* The macro lets plain numbers stand for tensors, and notes the line of each call for the error messages. */
static tg_tensor(fading_sum)(tg_tensor x, tg_tensor k) {
    return record_fading(x, k, false);
}
#define fading_sum(x, k) TG_CALL2(fading_sum, x, k)

/* ---- the program ------------------------------------------------------------------------------------------------- */

/* The annual flow of the Nile at Aswan, 1871 to 1970, in 10^8 cubic metres. G. W. Cobb, "The problem of the Nile:
 * conditional solution to a changepoint problem", Biometrika 65 (1978) 243-251. */
enum { YEARS = 100, FIRST_YEAR = 1871 };
static const double nile[YEARS] = {
    1120, 1160, 963,  1210, 1160, 1160, 813,  1230, 1370, 1140, 995,  935, 1110, 994,  1020, 960,  1180, 799,  958,  1140,
    1100, 1210, 1150, 1250, 1260, 1220, 1030, 1100, 774,  840,  874,  694, 940,  833,  701,  916,  692,  1020, 1050, 969,
    831,  726,  456,  824,  702,  1120, 1100, 832,  764,  821,  768,  845, 864,  862,  698,  845,  744,  796,  1040, 759,
    781,  865,  845,  944,  984,  897,  822,  1010, 771,  676,  649,  846, 812,  742,  801,  1040, 860,  874,  848,  890,
    744,  749,  838,  1050, 918,  986,  797,  923,  975,  815,  1020, 906, 901,  1170, 912,  746,  919,  718,  714,  740,
};

/* Central differences agree with the rules, and with their derivatives. */
static void check_rules(tg_tape *tape) {
    tg_mark             mark = tg_tape_mark(tape);
    tg_gradcheck_report report = {.order = 2};
    tg_tensor           x = tg_randn(tape, TG_F64, TG_SHAPE(2, 7)), k = tg_full(tape, TG_F64, TG_SHAPE(), 0.8);
    if (!tg_gradcheck(fading_sum(x, k), 2, (tg_tensor[]){x, k}, &report))
        printf("gradcheck: %lld derivatives agree, the worst to %.1g of what is tolerated\n", (long long)report.count,
               report.error);
    tg_rewind(tape, mark);
}

int main(void) {
    tg_tape *tape = tg_tape_new();
    check_rules(tape);

    /* The error of the forecasts, with the flow counted from that of the first year. */
    tg_tensor flow = tg_sub(tg_constant(tape, TG_F64, TG_SHAPE(YEARS), nile), nile[0]);
    tg_tensor k = tg_parameter(tape, "k", 0.5);
    tg_tensor forecast = tg_mul(tg_sub(1, k), fading_sum(flow, k));
    tg_tensor error = tg_mean(tg_square(tg_sub(flow, forecast)));

    /* Its two derivatives, and a step of Newton's method. */
    tg_tensor slope, bend;
    tg_vjp(tape, 1, &error, NULL, 1, &k, &slope);
    tg_vjp(tape, 1, &slope, NULL, 1, &k, &bend);
    tg_assign(k, tg_sub(k, tg_div(slope, bend)));

    for (int step = 0; step < 6; step++) {
        tg_run(tape);
        printf("step %d: error %.6f, slope %9.2e, then k = %.10f\n", step, tg_item(error), tg_item(slope), tg_item(k));
    }
    double flows[YEARS], forecasts[YEARS];
    tg_read(flow, flows, YEARS);
    tg_read(forecast, forecasts, YEARS);
    double next = nile[0] + (1 - tg_item(k)) * flows[YEARS - 1] + tg_item(k) * forecasts[YEARS - 1];
    printf("a year counts %.4f times as much as the year after it; forecast for %d: %.1f\n", tg_item(k), FIRST_YEAR + YEARS,
           next);

    int status = *tg_error(tape) ? 2 : 0;
    if (status) fprintf(stderr, "%s\n", tg_error(tape));

    /* The kernel's own error arrives like any other. */
    tg_write(k, (double[]){1.5}, 1);
    tg_run(tape);
    printf("%s\n", tg_error(tape));
    tg_tape_free(tape);
    return status;
}
