/* tests/hostile/hostile.c: a string of bytes as a program that means the library harm.
 *
 * Each byte, and some after it, is a call of the public interface with arguments that the bytes choose: absurd sizes and attributes,
 * handles that are stale, foreign, zero or none, NULLs, ops that break their promises, calls from inside of what the library calls
 * back, allocations that fail. Whatever it is, the library may answer with an error, and with nothing else: no crash, no undefined
 * behaviour, no leak, and no error that is not one line.
 *
 * What C cannot defend against is left out: pointers to memory that is not there, arrays that are shorter than their counts, and
 * tapes that were freed.
 *
 * SPDX-License-Identifier: MIT */
#include "calls.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- the bytes ---------------------------------------------------------------------------------------------------- */

program s;

unsigned next(void) {
    return s.at < s.end ? *s.at++ : 0;
}

bool chance(unsigned one_in) {
    return next() % one_in == one_in - 1;
}

/* Small, most of the time. */
int64_t number(void) {
    static const int64_t odd[] = {INT64_MAX,     INT64_MIN, INT64_MAX / 2, -1,        INT32_MAX,      INT32_MIN,
                                  1LL << 32,     1LL << 59, 1LL << 58,     1LL << 40, INT64_MAX / 16, 1LL << 62,
                                  INT64_MAX - 1, 100,       1000,          -2};
    unsigned             byte = next();
    return byte < 200 ? byte % 5 : byte < 232 ? (int64_t)(byte % 16) - 8 : odd[byte % 16];
}

int small(void) {
    return chance(16) ? (int)number() : (int)(next() % 4) - 1;
}

double real(void) {
    static const double odd[] =
        {(double)INFINITY, -(double)INFINITY, (double)NAN, 1e300, -1e300, 1e-320, 9e18, -9e18, 0x1p63, 0x1p53, 0.5, -0.0};
    unsigned byte = next();
    return byte < 180 ? (double)(byte % 9) - 4 : byte < 220 ? (double)(byte - 200) / 7 : odd[byte % 12];
}

tg_dtype dtype(void) {
    return chance(32) ? (tg_dtype)small() : (tg_dtype)(next() % TG_DTYPES);
}

tg_shape shape(void) {
    tg_shape shape = {.rank = chance(64) ? small() % 100 * 3 : (int)(next() % 4)};
    for (int i = 0; i < TG_MAX_RANK; i++)
        shape.dims[i] = i < shape.rank ? number() : 0;
    return shape;
}

tg_axes axes(void) {
    tg_axes axes = {.count = chance(32) ? small() % 100 * 5 : (int)(next() % 3)};
    for (int i = 0; i < TG_MAX_RANK; i++)
        axes.axis[i] = i < axes.count ? small() : 0;
    return axes;
}

/* A handle, good or bad. */
tg_tensor any(void) {
    unsigned byte = next();
    if (byte < 216) return s.x[byte % TENSORS];
    tg_tensor x = s.x[byte % TENSORS];
    switch (byte % 8) {
    case 0: return TG_NONE;
    case 1: return tg_num(real());
    case 2: return (tg_tensor){0};
    case 3: x.ref += 1; return x;
    case 4: x.ref ^= (uint64_t)next() << 32; return x;
    case 5: return tg_full(s.other, TG_F64, TG_SHAPE(2), 1);
    case 6: return tg_num(1);
    default: return tg_parameter_at(s.tape, (int64_t)(next() % 3));
    }
}

const char *name(void) {
    static const char *const names[] = {"a", "b", "c", "w.momentum", "", "two\nlines", "%s%n", "\xc3\xa9\xff", NULL};
    return names[next() % 9];
}

/* Elements of any dtype, and of any bits. */
void *elements(void) {
    static uint64_t room[ELEMENTS];
    for (int i = 0; i < 8; i++)
        room[i] = next() * 0x3ff0010101010101u;
    return chance(16) ? NULL : room;
}

static void *misaligned(void *data) {
    return data && chance(16) ? (char *)data + 1 : data;
}

/* A result's place; what takes too long to compute is forgotten again. */
void put(tg_tensor y) {
    if (tg_valid(y) && tg_tape_of(y) && tg_size(y) > LARGEST && !chance(8)) return;
    s.x[next() % TENSORS] = y;
}

/* ---- ops of its own, that may break their promises ---------------------------------------------------------------- */

static void act(void);

/* A call from inside. */
void act_inside(void) {
    if (s.depth >= DEPTH || chance(2)) return;
    s.depth++;
    act();
    s.depth--;
}

static tg_status any_status(void) {
    return chance(4) ? (tg_status)small() : TG_OK;
}

static tg_status infer_any(tg_infer *call) {
    act_inside();
    unsigned byte = next();
    if (call->count && byte < 160) {
        call->out = call->in[byte % (unsigned)call->count];
        if (byte > 120) call->out.dtype = dtype();
        return any_status();
    }
    call->out.dtype = dtype();
    call->out.rank = small() % 100 + 1;
    call->out.dims = byte % 2 ? call->dims : byte % 8 ? NULL : call->count ? call->in[0].dims + next() % 3 : NULL;
    for (int i = 0; i < TG_MAX_RANK; i++)
        call->dims[i] = number();
    if (chance(4)) return tg_refuse(call, any_status(), "%d", 1);
    if (chance(8)) call->count = 1000;
    return any_status();
}

static tg_status fill(tg_kernel_call *call) {
    act_inside();
    if (call->out.size) memset(call->out.data, (int)next() & 1, (size_t)call->out.size * tg_dtype_size(call->out.dtype));
    if (chance(4)) tg_contiguous(call, small());
    if (chance(4)) tg_scratch(call, (size_t)number());
    if (chance(8)) return tg_kernel_fail_with(call, any_status(), "%s", "fails");
    return any_status();
}

static void loop_f64(int64_t n, void *out, const void *const *in, const int64_t *step) {
    (void)in, (void)step;
    act_inside();
    memset(out, 0, (size_t)n);
}

static bool view_any(const tg_array *in, const void *attr, tg_array *out) {
    (void)attr;
    act_inside();
    unsigned byte = next();
    out->data = (char *)in->data + (byte < 200 ? 0 : number());
    for (int i = 0; i < TG_MAX_RANK; i++)
        out->strides[i] = byte < 100 ? in->strides[i] : number();
    if (chance(8)) out->rank = small();
    return byte % 4;
}

static int axes_any(const tg_type *x, const void *attr) {
    (void)x, (void)attr;
    return small();
}

/* These two do what they should: a C function that writes elsewhere cannot be defended against. */
static void take_block(tg_dtype type, int64_t rows, int64_t n, const void *x, bool add, void *partial) {
    (void)rows, (void)x;
    if (!add) memset(partial, 0, (size_t)n * tg_dtype_size(type));
}
static void total_blocks(tg_dtype type, int64_t blocks, int64_t n, void *partial, void *out) {
    (void)blocks, (void)partial;
    memset(out, 0, (size_t)n * tg_dtype_size(type));
}

static tg_tensor rule_any(const tg_rule_call *call) {
    act_inside();
    return chance(2) ? call->g : chance(2) ? tg_mul(call->g, call->y) : any();
}

static tg_tensor segment_any(const tg_tensor *x, void *context) {
    (void)context;
    act_inside();
    return chance(4) ? any() : chance(4) ? x[0] : tg_exp(x[0]);
}

static void loop_any(tg_tape *tape, tg_tensor *h, const tg_tensor *x, tg_tensor *y, void *context) {
    (void)tape, (void)context;
    act_inside();
    tg_tensor z = tg_mul(tg_sin(h[0]), chance(2) ? any() : x[0]);
    h[0] = chance(4) ? any() : chance(4) ? z : tg_add(h[0], x[0]);
    h[1] = chance(4) ? h[0] : h[1];
    if (!chance(16)) y[0] = chance(2) ? z : any();
    put(chance(4) ? z : h[0]);
}

static tg_tensor update_any(tg_tensor w, tg_tensor g, tg_tensor rate, const void *options) {
    (void)options;
    act_inside();
    return chance(4) ? any() : tg_sub(w, tg_mul(g, rate));
}

static tg_rule *const rules[] = {rule_any, rule_any, NULL, rule_any, rule_any, rule_any, rule_any, rule_any, rule_any};
static const tg_loops loops = TG_LOOPS([TG_F64] = loop_f64), no_loops = {0, {NULL}}, many_loops = {99, {[TG_F64] = loop_f64}};
static const tg_block_reduce blocks = {take_block, total_blocks};

static const tg_op own[] = {{"own_kernel", -1, infer_any, .kernel = fill, .rules = rules},
                            {"own_lead", -1, infer_any, .kernel = fill, .lead = axes_any, .rules = rules},
                            {"own_reduced", 1, infer_any, .kernel = fill, .reduced = axes_any, .block_reduce = &blocks},
                            {"own_loop", 1, tg_infer_elementwise, .loops = &loops, .rules = rules},
                            {"own_no_loop", -1, infer_any, .loops = &no_loops},
                            {"own_many_loops", 2, tg_infer_elementwise, .loops = &many_loops},
                            {"own_view", -1, infer_any, .view = view_any, .rules = rules},
                            {"own_random", 2, infer_any, .kernel = fill, .random = true},
                            {.name = "own_nothing", .arity = 1},
                            {NULL, 1, infer_any, .kernel = fill},
                            {"own_assign", 2, infer_any, .effect = TG_ASSIGNS}};

static void record_own(void) {
    const tg_op *op = chance(32) ? NULL : &own[next() % (sizeof own / sizeof *own)];
    tg_tensor    in[9];
    int          count = chance(16) ? small() : op && op->arity >= 0 ? op->arity : (int)(next() % 4);
    if (count > 9) count = 9;
    for (int i = 0; i < 9; i++)
        in[i] = any();
    /* Code of its own is called for the one tape alone: it may free the other. */
    tg_tape *tape = chance(8) && count > 0 && tg_tape_of(in[0]) == s.tape ? NULL : s.tape;
    put(tg_record(tape, op, count, chance(32) ? NULL : in, chance(32) ? NULL : in, chance(64) ? SIZE_MAX : next() % 2 * 8));
}

/* ---- the calls ---------------------------------------------------------------------------------------------------- */

static void leaf(void) {
    tg_dtype type = dtype();
    tg_shape size = shape();
    if (tg_shape_size(size) > ELEMENTS / 8) size = TG_SHAPE(2, 3);
    switch (next() % 8) {
    case 0: put((tg_constant)(s.tape, type, size, elements())); break;
    case 1: put((tg_borrow)(s.tape, type, size, misaligned(elements()))); break;
    case 2: put(tg_full(s.tape, type, size, real())); break;
    case 3: put(tg_input(s.tape, name(), type, size)); break;
    case 4: put(tg_parameter(s.tape, name(), any())); break;
    case 5: put(tg_parameter(s.tape, name(), tg_full(s.tape, TG_F64, size, real()))); break;
    case 6: put(tg_arange(s.tape, type, real(), real(), real())); break;
    default: put(tg_find(s.tape, name())); break;
    }
}

static void draw(void) {
    tg_dtype type = dtype();
    tg_shape size = shape();
    switch (next() % 8) {
    case 0: tg_seed(s.tape, next()); break;
    case 1: put(tg_rand(s.tape, type, size)); break;
    case 2: put(tg_uniform(s.tape, type, size, real(), real())); break;
    case 3: put(tg_normal(s.tape, type, size, real(), real())); break;
    case 4: put(tg_randint(s.tape, type, size, number(), number())); break;
    case 5: put(tg_randperm(s.tape, chance(8) ? -1 : number() % 1000)); break;
    case 6: put(tg_bernoulli(s.tape, type, size, real())); break;
    default: put(tg_dropout(any(), real(), chance(2))); break;
    }
}

static tg_tensor (*const unary[])(tg_tensor) = {tg_neg,         tg_abs,     tg_sign,    tg_square,      tg_sqrt,   tg_exp,
                                                tg_log,         tg_tanh,    tg_sigmoid, tg_relu,        tg_lgamma, tg_digamma,
                                                tg_floor,       tg_round,   tg_sum,     tg_mean,        tg_prod,   tg_max,
                                                tg_min,         tg_any,     tg_all,     tg_var,         tg_std,    tg_logsumexp,
                                                tg_squeeze,     tg_detach,  tg_isnan,   tg_logical_not, tg_gelu,   tg_softplus,
                                                tg_mish,        tg_inverse, tg_det,     tg_logdet,      tg_erfinv, tg_tril_pack,
                                                tg_tril_unpack, tg_nonzero};
static tg_tensor (*const binary[])(tg_tensor, tg_tensor) = {tg_add,         tg_sub,       tg_mul,          tg_div,
                                                            tg_pow,         tg_minimum,   tg_maximum,      tg_atan2,
                                                            tg_fmod,        tg_remainder, tg_eq,           tg_lt,
                                                            tg_logical_and, tg_matmul,    tg_dot,          tg_outer,
                                                            tg_bmm,         tg_solve,     tg_logaddexp,    tg_hypot,
                                                            tg_xlogy,       tg_copysign,  tg_floor_divide, tg_masked_select};

static void formula(void) {
    switch (next() % 4) {
    case 0: put(unary[next() % (sizeof unary / sizeof *unary)](any())); break;
    case 1: put(binary[next() % (sizeof binary / sizeof *binary)](any(), any())); break;
    case 2: put(tg_where(any(), any(), any())); break;
    default: put(tg_cast(any(), dtype())); break;
    }
}

static void formula_with_arguments(void) {
    tg_tensor x = any();
    switch (next() % 28) {
    case 25: put(tg_eigh(x, small(), chance(2) ? NULL : &s.x[next() % TENSORS])); break;
    case 26: put(tg_svd(x, chance(2) ? NULL : &s.x[next() % TENSORS], NULL)); break;
    case 27: put(tg_qr(x, chance(2) ? NULL : &s.x[next() % TENSORS])); break;
    case 20: put(tg_logcumsumexp(x, small())); break;
    case 21: put(tg_cummax(x, small(), chance(2) ? NULL : &s.x[next() % TENSORS])); break;
    case 22: put(tg_cummin(x, small(), NULL)); break;
    case 23: put(tg_cross(x, any(), small())); break;
    case 24: put(tg_masked_fill(x, any(), any())); break;
    case 0: put(tg_polygamma(small(), x)); break;
    case 1: put(tg_clamp(x, any(), any())); break;
    case 2: put(tg_sum_axes(x, axes(), chance(2))); break;
    case 3: put(tg_max_axes(x, axes(), chance(2))); break;
    case 4: put(tg_argmax(x, small(), chance(2))); break;
    case 5: put(tg_var_axes(x, axes(), real(), chance(2))); break;
    case 6: put(tg_norm_axes(x, axes(), real(), chance(2))); break;
    case 7: put(tg_cumsum(x, small())); break;
    case 8: put(tg_cumprod(x, small())); break;
    case 9: put(tg_softmax(x, small())); break;
    case 10: put(tg_layer_norm(x, small(), any(), any(), real())); break;
    case 11: put(tg_group_norm(x, number(), any(), any(), real())); break;
    case 12: put(tg_batch_norm(x, any(), any(), any(), any(), chance(2), real(), real())); break;
    case 13: put(tg_scaled_dot_product_attention(x, any(), any(), any(), &(tg_attention_options){.scale = real()})); break;
    case 14: put(tg_cholesky(x, small())); break;
    case 15: put(tg_solve_triangular(x, any(), small())); break;
    case 16: put(tg_slogdet(x, chance(4) ? NULL : &s.x[next() % TENSORS])); break;
    case 17: put(tg_tensordot(x, any(), small())); break;
    case 18: put(tg_tensordot_axes(x, any(), axes(), axes())); break;
    default: put(tg_rms_norm(x, small(), any(), real())); break;
    }
}

static void view(void) {
    tg_tensor x = any();
    switch (next() % 19) {
    case 16: put(tg_select(x, small(), number())); break;
    case 17: put(tg_diag_embed(x, number())); break;
    case 18: put(tg_eye(s.tape, dtype(), number() % 1000, number() % 1000)); break;
    case 0: put(tg_reshape(x, shape())); break;
    case 1: put(tg_permute(x, axes())); break;
    case 2: put(tg_transpose(x, small(), small())); break;
    case 3: put(tg_broadcast_to(x, shape())); break;
    case 4: put(tg_slice(x, small(), number(), number(), number())); break;
    case 5: put(tg_flip(x, axes())); break;
    case 6: put(tg_diagonal(x, number(), small(), small())); break;
    case 7: put(tg_unfold(x, small(), number(), number())); break;
    case 8: put(tg_flatten(x, small(), small())); break;
    case 9: put(tg_squeeze_axes(x, axes())); break;
    case 10: put(tg_unsqueeze(x, small())); break;
    case 11: put(tg_diag(x, number())); break;
    case 12: put(tg_tril(x, number())); break;
    case 13: put(tg_roll(x, small(), number())); break;
    case 14: put(tg_repeat(x, small(), number())); break;
    default: put(tg_tile(x, small(), number())); break;
    }
}

static void join(void) {
    tg_tensor                x[3] = {any(), any(), any()};
    int64_t                  sizes[3] = {number(), number(), number()};
    int                      count = chance(16) ? small() : (int)(next() % 4);
    tg_list                  list = tg_list_from(count, chance(16) ? NULL : x);
    static const char *const equations[] = {"ij,jk->ik", "i->",    "ii->i",     "...,...->...",    "ab,b", "", "->",
                                            "i,,",       "i\nj->", "...i...->", "ijklmnop,ijk->p", NULL};
    if (list.count > 3) list.count = 3;
    switch (next() % 9) {
    case 8: tg_unstack(x[0], small(), list.count, chance(16) ? NULL : x); break;
    case 0: put(tg_concat(list, small())); break;
    case 1: put(tg_stack(list, small())); break;
    case 2: tg_split(x[0], small(), list.count, chance(16) ? NULL : sizes, chance(16) ? NULL : x); break;
    case 3: tg_chunk(x[0], small(), list.count, chance(16) ? NULL : x); break;
    case 4: put(tg_pad(x[0], small(), sizes[0], sizes[1], (tg_pad_mode)(next() % 5), real())); break;
    default: put((tg_einsum)(equations[next() % 12], list.count, list.x)); break;
    }
    put(x[next() % 3]);
}

static void indexed(void) {
    tg_tensor            x = any(), index = any(), y;
    tg_scatter_reduction how = (tg_scatter_reduction)(next() % 6);
    switch (next() % 13) {
    case 8: put(tg_index(x, chance(8) ? tg_list_from((int)(next() % 3) - 1, &index) : TG_LIST(index, any()))); break;
    case 9: put(tg_index_put(x, TG_LIST(index), any(), chance(2))); break;
    case 10: put(tg_scatter_reduce(x, index, any(), small(), how, chance(2))); break;
    case 11: put(tg_searchsorted(x, index, chance(2))); break;
    case 12: put(tg_bincount(index, chance(2) ? TG_NONE : any(), number())); break;
    case 0: put(tg_take(x, index, small())); break;
    case 1: put(tg_gather(x, index, small())); break;
    case 2: put(tg_scatter(x, index, any(), small())); break;
    case 3: put(tg_scatter_add(x, index, any(), small())); break;
    case 4: put(tg_one_hot(index, number(), dtype())); break;
    case 5: put(tg_argsort(x, small(), chance(2))); break;
    case 6: put(tg_sort(x, small(), chance(2), chance(2) ? NULL : &y)); break;
    default: put(tg_topk(x, number(), small(), chance(2), chance(2) ? NULL : &y)); break;
    }
}

static void image(void) {
    tg_conv_options conv = {0};
    tg_pool_options pool = {.ceil_mode = chance(2), .exclude_pad = chance(2)};
    for (int i = 0; i < 3 && chance(2); i++) {
        conv.stride[i] = pool.stride[i] = number();
        conv.padding[i] = pool.padding[i] = number();
        conv.dilation[i] = pool.dilation[i] = number();
        conv.output_padding[i] = number();
        conv.groups = number();
    }
    const tg_conv_options *options = chance(4) ? NULL : &conv;
    tg_tensor              x = any();
    tg_tensor             *where = chance(2) ? NULL : &s.x[next() % TENSORS];
    switch (next() % 19) {
    case 14: put(tg_conv3d(x, any(), any(), options)); break;
    case 15: put(tg_conv_transpose3d(x, any(), any(), options)); break;
    case 16: put(tg_max_pool3d_with_indices(x, number(), number(), number(), &pool, where)); break;
    case 17: put(tg_avg_pool3d(x, number(), number(), number(), &pool)); break;
    case 18: put(tg_max_unpool3d(x, any(), number(), number(), number())); break;
    case 8: put(tg_max_pool1d_with_indices(x, number(), &pool, where)); break;
    case 9: put(tg_max_pool2d_with_indices(x, number(), number(), options ? &pool : NULL, where)); break;
    case 10: put(tg_max_unpool1d(x, any(), number())); break;
    case 11: put(tg_max_unpool2d(x, any(), number(), number())); break;
    case 12: put(tg_adaptive_max_pool2d(x, number(), number(), where)); break;
    case 13: put(tg_interpolate(x, shape(), (tg_interpolation)(next() % 3), chance(2))); break;
    case 0: put(tg_conv1d(x, any(), any(), options)); break;
    case 1: put(tg_conv2d(x, any(), any(), options)); break;
    case 2: put(tg_conv_transpose1d(x, any(), any(), options)); break;
    case 3: put(tg_conv_transpose2d(x, any(), any(), options)); break;
    case 4: put(tg_max_pool1d(x, number(), &pool)); break;
    case 5: put(tg_max_pool2d(x, number(), number(), &pool)); break;
    case 6: put(tg_avg_pool2d(x, number(), number(), &pool)); break;
    default: put(tg_adaptive_avg_pool1d(x, number())); break;
    }
}

static void loss(void) {
    tg_reduction     reduction = (tg_reduction)(next() % 5);
    tg_bce_options   bce = {.reduction = reduction, .weight = chance(2) ? any() : (tg_tensor){0}};
    tg_class_options classes = {.reduction = reduction,
                                .weight = chance(2) ? any() : (tg_tensor){0},
                                .label_smoothing = chance(4) ? real() : 0};
    tg_tensor        x = any(), target = any();
    tg_ctc_options   ctc = {.blank = number(), .reduction = reduction, .zero_infinity = chance(2)};
    switch (next() % 9) {
    case 8: put(tg_ctc_loss(x, target, any(), any(), chance(4) ? NULL : &ctc)); break;
    case 0: put(tg_mse_loss(x, target, reduction)); break;
    case 1: put(tg_huber_loss(x, target, real(), reduction)); break;
    case 2: put(tg_bce_loss(x, target, chance(4) ? NULL : &bce)); break;
    case 3: put(tg_bce_with_logits_loss(x, target, &bce)); break;
    case 4: put(tg_nll_loss(x, target, &classes)); break;
    case 5: put(tg_cross_entropy(x, target, chance(4) ? NULL : &classes)); break;
    case 6: put(tg_kl_div(x, target, chance(2), reduction)); break;
    default: put(tg_cosine_similarity(x, target, small(), real())); break;
    }
}

static tg_tensor condition_any(tg_tape *tape, const tg_tensor *state, void *context) {
    (void)tape, (void)context;
    act_inside();
    return chance(4) ? any() : tg_lt(tg_sum(state[0]), tg_num(real()));
}

static void loop(void) {
    tg_tensor    h[2] = {any(), any()}, x[1] = {any()}, y[1] = {any()}, done = TG_NONE;
    tg_loop_spec spec = {.body = chance(32) ? NULL : loop_any, .states = chance(16) ? small() : 2, .inputs = 1, .outputs = 1};
    if (spec.states > 2) return;
    spec.steps = chance(4) ? number() : tg_valid(x[0]) && tg_shape_of(x[0]).rank ? tg_shape_of(x[0]).dims[0] : 1;
    if (spec.steps > 1000) spec.steps = 3;
    spec.state = chance(32) ? NULL : h;
    spec.x = chance(32) ? NULL : x;
    spec.y = chance(32) ? NULL : y;
    spec.reverse = chance(2);
    if (chance(4)) {
        int64_t some = number();
        spec.memory = (size_t)some / 4;
        spec.condition = some & 1 ? condition_any : NULL;
        spec.done = some & 2 ? &done : NULL;
    }
    tg_scan(s.tape, chance(32) ? NULL : &spec);
    put(chance(2) ? h[0] : spec.done ? done : y[0]);
}

static void derivative(void) {
    tg_tensor x[3] = {any(), any(), any()}, y[3] = {any(), any(), any()}, g[3];
    int       n = chance(16) ? small() : 1 + (int)(next() % 2), m = chance(16) ? small() : 1;
    if (n > 3 || m > 3) return;
    memset(g, 0, sizeof g);
    const tg_tensor *seeds = chance(2) ? NULL : x;
    switch (next() % 12) {
    case 0:
    case 1:
    case 2: tg_backward(tg_sum(y[0])); break;
    case 3: put(tg_grad(x[0])); break;
    case 4: tg_zero_grad(s.tape); break;
    case 5: tg_vjp(s.tape, m, chance(32) ? NULL : y, seeds, n, chance(32) ? NULL : x, chance(32) ? NULL : g); break;
    case 6: tg_jvp(s.tape, n, chance(32) ? NULL : x, seeds, m, chance(32) ? NULL : y, chance(32) ? NULL : g); break;
    case 7: tg_hvp(y[0], n, chance(32) ? NULL : x, seeds, chance(32) ? NULL : g); break;
    case 8: put(tg_jacobian(y[0], x[0])); break;
    case 9: (tg_read_jacobian)(y[0], x[0], elements(), number()); break;
    case 10: tg_gradcheck(y[0], n, chance(32) ? NULL : x, NULL); break;
    default:
        if (chance(2))
            loop();
        else
            put(tg_checkpoint(s.tape, chance(32) ? NULL : segment_any, NULL, n, chance(32) ? NULL : x));
    }
    put(g[next() % 3]);
}

static void optimize(void) {
    tg_tensor x = any();
    tg_step   step = {.name = "own_step", .update = update_any, .rate = any()};
    switch (next() % 6) {
    case 0: tg_sgd_step(s.tape, any()); break;
    case 1:
        tg_sgd_step_with(s.tape, any(), &(tg_sgd_options){.momentum = real(), .weight_decay = real(), .nesterov = chance(2)});
        break;
    case 2:
        tg_adam_step(s.tape, any(), chance(2) ? NULL : &(tg_adam_options){.beta1 = real(), .beta2 = real(), .eps = real()});
        break;
    case 3: tg_record_step(s.tape, &step); break;
    case 4: put(tg_optimizer_state(x, name(), dtype(), shape())); break;
    default: put(tg_next_optimizer_state(x, any())); break;
    }
}

static void scope(void) {
    if (s.depth == 0 && s.scopes < 4 && chance(2)) {
        s.scope[s.scopes++] = tg_begin_scope(s.tape, name());
        return;
    }
    tg_scope inner = tg_begin_scope(s.tape, name());
    formula();
    if (!chance(8)) tg_end_scope_with(inner, any());
    if (chance(8)) tg_end_scope(inner);
    if (s.depth == 0 && s.scopes) tg_end_scope(s.scope[--s.scopes]);
}

static void assign(tg_tensor x) {
    unsigned which = next() % 4;
    if (which == 0) tg_assign_slice(x, small(), number(), number(), number(), any());
    if (which == 1) tg_assign_at(x, TG_LIST(any()), any());
    if (which == 2) tg_assign_at(x, TG_LIST(any(), any()), any());
    if (which == 3) tg_assign(x, any());
}

static void values(void) {
    tg_tensor x = any();
    int64_t   count = chance(8) ? number() : tg_valid(x) ? (tg_size)(x) : 1;
    if (count > ELEMENTS) count = 1;
    switch (next() % 8) {
    case 0: tg_item(x); break;
    case 1: (tg_read)(x, elements(), count); break;
    case 2: (tg_data)(x); break;
    case 3: (tg_write)(x, elements(), count); break;
    case 4: assign(x); break;
    case 5: tg_keep(x), (tg_peek)(x); break;
    case 6: tg_requires_grad(x), tg_name(x), tg_shape_of(x), tg_dtype_of(x), tg_has_grad(x), tg_is_none(x); break;
    default: tg_print_tensor(x, chance(16) ? NULL : s.out); break;
    }
}

static void look(unsigned which) {
    if (which == 0) tg_print_plan(s.tape, s.out);
    if (which == 1) tg_set_profile(s.tape, chance(2));
    if (which == 2) tg_print_profile(s.tape, s.out);
    if (which == 3) tg_trim(s.tape), tg_stats(s.tape);
}

static void whole_tape(void) {
    unsigned i = next() % 4;
    switch (next() % 20) {
    case 0:
    case 1: tg_run(s.tape); break;
    case 13: tg_run_pending(s.tape); break;
    case 14: tg_abandon(s.tape); break;
    case 15:
    case 16: tg_begin_part(s.tape, name()); break;
    case 17: tg_end_part(s.tape); break;
    case 18: tg_run_part(s.tape, name()); break;
    case 19: tg_cancel(s.tape); break;
    case 2: s.mark[i] = tg_tape_mark(s.tape); break;
    case 3: tg_rewind(s.tape, s.mark[i]); break;
    case 4: tg_discard(s.tape, s.mark[i]); break;
    case 5: tg_rewind(s.tape, (tg_mark){s.tape, (uint64_t)number()}); break;
    case 6: tg_set_eager(s.tape, chance(2)); break;
    case 7: tg_set_keep(s.tape, (tg_keep_policy)(next() % 3)); break;
    case 8: tg_set_anomaly(s.tape, chance(2)); break;
    case 9: tg_set_threads(s.tape, chance(8) ? small() : 1); break;
    case 10: tg_print(s.tape, chance(16) ? NULL : s.out); break;
    case 11: tg_write_dot(s.tape, s.out); break;
    case 12: look(i); break;
    default: put(tg_next_input(s.tape, any())); break;
    }
}

static void (*const kinds[])(void) = {leaf,       leaf,       draw,      formula, formula, formula_with_arguments,
                                      view,       view,       join,      indexed, image,   loss,
                                      derivative, derivative, optimize,  scope,   values,  whole_tape,
                                      record_own, record_own, record_own};
static void (*const more_kinds[])(void) = {model, function, function, solver};
enum { KINDS = sizeof kinds / sizeof *kinds, MORE_KINDS = sizeof more_kinds / sizeof *more_kinds };

/* What a byte meant when the corpus was begun it still means, but for the largest ones. */
static void call(void) {
    unsigned byte = next();
    if (byte < 8 * KINDS)
        kinds[byte % KINDS]();
    else
        more_kinds[byte % MORE_KINDS]();
}

/* Whether a callback of the tape is running, and not only one of the other tape: then an error cannot be cleared. */
static bool is_inside(void) {
    tg_clear_error(s.tape);
    return tg_error_status(s.tape) != TG_OK;
}

/* One call, after which the error, if there is one, is one line. */
static void act(void) {
    if (s.calls++ > CALLS) return;
    if (chance(16)) hostile_fail_allocation(1 + (long)next() % 8);
    call();
    hostile_fail_allocation(0);
    if (strpbrk(tg_error(s.tape), "\n\r") || strlen(tg_error(s.tape)) > 511) abort();
    if ((tg_error_status(s.tape) != TG_OK) != (*tg_error(s.tape) != 0)) abort();
    if (s.depth ? chance(8) : !chance(8)) tg_clear_error(s.tape);
    if (s.depth && chance(32) && is_inside()) tg_tape_free(s.tape);
}

static void hear(void *context, const char *error) {
    (void)context;
    if (strpbrk(error, "\n\r")) abort();
    if (s.tape) act_inside();
}

static void watch(void *context, int64_t done, int64_t all) {
    (void)context;
    if (done < 0 || done >= all) abort();
    act_inside();
}

/* Sometimes with little memory, and a log and a progress that call what they must not. */
static tg_tape *tape_for(unsigned byte) {
    tg_host host = {.memory_limit = byte % 8 == 7 ? 1 << 20 : 0};
    if (byte % 16 == 5) host = (tg_host){.log = hear, .progress = watch};
    return tg_tape_new_with(&host);
}

void hostile_run(const uint8_t *bytes, size_t count) {
    s = (program){.at = bytes,
                  .end = bytes + count,
                  .tape = tape_for(count ? bytes[count - 1] : 0),
                  .other = tg_tape_new(),
                  .out = fopen("/dev/null", "w")};
    tg_set_threads(s.tape, 1);
    s.x[0] = tg_parameter(s.tape, "w", tg_full(s.tape, TG_F64, TG_SHAPE(2, 3), 0.5));
    s.x[1] = tg_constant(s.tape, TG_I64, TG_SHAPE(2), ((int64_t[]){1, 0}));
    s.x[2] = tg_input(s.tape, "x", TG_F64, TG_SHAPE(3));
    s.x[3] = tg_full(s.tape, TG_F64, TG_SHAPE(1, 1, 4, 4), 1);
    s.x[4] = tg_full(s.tape, TG_F32, TG_SHAPE(2, 2), 2);
    s.x[5] = tg_full(s.tape, TG_BOOL, TG_SHAPE(3), 1);
    for (int i = 0; i < 4; i++)
        s.mark[i] = tg_tape_mark(s.tape);
    while (s.at < s.end && s.calls <= CALLS)
        act();
    while (s.scopes)
        tg_end_scope(s.scope[--s.scopes]);
    tg_clear_error(s.tape);
    tg_tape_free(s.tape);
    tg_tape_free(s.other);
    if (s.out) fclose(s.out);
}
