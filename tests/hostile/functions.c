/* tests/hostile/functions.c: calls of functions of neural nets, losses, windows of images, and what writers of ops call.
 *
 * SPDX-License-Identifier: MIT */
#include "calls.h"

static tg_tensor (*const unary[])(tg_tensor) = {
    tg_acos,        tg_acosh,     tg_asin,       tg_asinh,      tg_atan,       tg_atanh,     tg_cbrt,
    tg_ceil,        tg_cos,       tg_cosh,       tg_erf,        tg_erfc,       tg_exp2,      tg_expm1,
    tg_tan,         tg_trunc,     tg_isfinite,   tg_isinf,      tg_log10,      tg_log1p,     tg_log2,
    tg_sinh,        tg_rsqrt,     tg_relu6,      tg_selu,       tg_silu,       tg_gelu_tanh, tg_softsign,
    tg_hardsigmoid, tg_hardswish, tg_logsigmoid, tg_tanhshrink, tg_reciprocal, tg_or_none,   tg_sample_bernoulli,
};
static tg_tensor (*const binary[])(tg_tensor, tg_tensor) = {tg_ne,         tg_le,          tg_gt,   tg_ge,
                                                            tg_logical_or, tg_logical_xor, tg_prelu};

static void formula(void) {
    tg_tensor x = any();
    switch (next() % 20) {
    case 0: put(tg_mean_axes(x, axes(), chance(2))); break;
    case 1: put(tg_prod_axes(x, axes(), chance(2))); break;
    case 2: put(tg_min_axes(x, axes(), chance(2))); break;
    case 3: put(tg_argmin(x, small(), chance(2))); break;
    case 4: put(tg_any_axes(x, axes(), chance(2))); break;
    case 5: put(tg_all_axes(x, axes(), chance(2))); break;
    case 6: put(tg_std_axes(x, axes(), real(), chance(2))); break;
    case 7: put(tg_logsumexp_axes(x, axes(), chance(2))); break;
    case 8: put(tg_norm(x, real())); break;
    case 9: put(tg_log_softmax(x, small())); break;
    case 10: put(tg_cholesky_solve(x, any(), small())); break;
    case 11: put(tg_instance_norm(x, any(), any(), any(), any(), chance(2), real(), real())); break;
    case 12: put(tg_local_response_norm(x, number(), real(), real(), real())); break;
    case 13: put(tg_glu(x, small())); break;
    case 14: put(tg_triu(x, number())); break;
    case 15:
    case 16: put(binary[next() % (sizeof binary / sizeof *binary)](x, any())); break;
    default: put(unary[next() % (sizeof unary / sizeof *unary)](x)); break;
    }
}

static void activation(void) {
    tg_tensor x = any();
    switch (next() % 12) {
    case 0: put(tg_leaky_relu(x, real())); break;
    case 1: put(tg_elu(x, real())); break;
    case 2: put(tg_celu(x, real())); break;
    case 3: put(tg_hardtanh(x, real(), real())); break;
    case 4: put(tg_softshrink(x, real())); break;
    case 5: put(tg_hardshrink(x, real())); break;
    case 6: put(tg_threshold(x, real(), real())); break;
    case 7: put(tg_dropout1d(x, real(), chance(2))); break;
    case 8: put(tg_dropout2d(x, real(), chance(2))); break;
    case 9: put(tg_dropout3d(x, real(), chance(2))); break;
    case 10: put(tg_alpha_dropout(x, real(), chance(2))); break;
    default: put(tg_bilinear(x, any(), any(), any())); break;
    }
}

static void distance(void) {
    tg_reduction reduction = (tg_reduction)(next() % 5);
    tg_tensor    a = any(), b = any();
    switch (next() % 14) {
    case 0: put(tg_l1_loss(a, b, reduction)); break;
    case 1: put(tg_smooth_l1_loss(a, b, real(), reduction)); break;
    case 2: put(tg_poisson_nll_loss(a, b, chance(2), chance(2), real(), reduction)); break;
    case 3: put(tg_gaussian_nll_loss(a, b, any(), chance(2), real(), reduction)); break;
    case 4: put(tg_pairwise_distance(a, b, real(), real(), chance(2))); break;
    case 5: put(tg_cdist(a, b, real())); break;
    case 6: put(tg_margin_ranking_loss(a, b, any(), real(), reduction)); break;
    case 7: put(tg_hinge_embedding_loss(a, b, real(), reduction)); break;
    case 8: put(tg_soft_margin_loss(a, b, reduction)); break;
    case 9: put(tg_multilabel_soft_margin_loss(a, b, any(), reduction)); break;
    case 10: put(tg_cosine_embedding_loss(a, b, any(), real(), reduction)); break;
    case 11: put(tg_triplet_margin_loss(a, b, any(), real(), real(), real(), chance(2), reduction)); break;
    case 12: put(tg_multi_margin_loss(a, b, small(), real(), any(), reduction)); break;
    default: {
        tg_bag_options bag = {(tg_bag_mode)(next() % 4), any(), chance(2), chance(2), number()};
        put(tg_embedding_bag(a, b, any(), chance(4) ? NULL : &bag));
    }
    }
}

static void window(void) {
    tg_pool_options pool = {.ceil_mode = chance(2)};
    tg_conv_options conv = {.groups = 0};
    for (int i = 0; i < 3; i++) {
        if (chance(4)) pool.stride[i] = conv.stride[i] = number();
        if (chance(4)) pool.padding[i] = conv.padding[i] = number();
        if (chance(4)) pool.dilation[i] = conv.dilation[i] = number();
    }
    const tg_pool_options *how = chance(4) ? NULL : &pool;
    const tg_conv_options *blocks = chance(4) ? NULL : &conv;
    tg_tensor              x = any();
    tg_tensor             *where = chance(2) ? NULL : &s.x[next() % TENSORS];
    switch (next() % 13) {
    case 0: put(tg_max_pool3d(x, number(), number(), number(), how)); break;
    case 1: put(tg_avg_pool1d(x, number(), how)); break;
    case 2: put(tg_adaptive_avg_pool2d(x, number(), number())); break;
    case 3: put(tg_adaptive_avg_pool3d(x, number(), number(), number())); break;
    case 4: put(tg_adaptive_max_pool1d(x, number(), where)); break;
    case 5: put(tg_adaptive_max_pool3d(x, number(), number(), number(), where)); break;
    case 6: put(tg_lp_pool1d(x, real(), number(), how)); break;
    case 7: put(tg_lp_pool2d(x, real(), number(), number(), how)); break;
    case 8: put(tg_lp_pool3d(x, real(), number(), number(), number(), how)); break;
    case 9: put(tg_pixel_shuffle(x, number())); break;
    case 10: put(tg_pixel_unshuffle(x, number())); break;
    case 11: put(tg_im2col(x, number(), number(), blocks)); break;
    default: put(tg_col2im(x, shape(), number(), number(), blocks)); break;
    }
}

/* What those call who write ops, layers and optimizers. */
static void extension(void) {
    tg_tensor   x[3] = {any(), any(), any()};
    tg_operands operands;
    char        text[TG_SHAPE_TEXT];
    tg_shape    both;
    double      value;
    int         axis = small(), count = chance(8) ? small() : (int)(next() % 4);
    if (count > 3) count = 3;
    switch (next() % 14) {
    case 0: tg_is_number(x[0], &value), tg_size(x[0]); break;
    case 1: tg_borrowed(x[0]), tg_instruction_count(s.tape), tg_parameter_count(s.tape); break;
    case 2: put(tg_number(s.tape, dtype(), real())); break;
    case 3: tg_check_tensor(s.tape, "own", "x", x[0]); break;
    case 4:
    case 5:
    case 6:
        if (tg_check_operands(&operands, "own", chance(4) ? small() : 1, count, chance(32) ? NULL : x)) break;
        tg_check_floating(&operands, chance(8) ? small() : count);
        tg_check_shape(&operands, chance(8) ? small() : 0, "x", shape());
        tg_check_broadcast(&operands, &both);
        tg_check_axis(&operands, small(), &axis);
        if (chance(4)) tg_refuse_operands(&operands, (tg_status)small(), "%s", "no");
        break;
    case 7: tg_check_option(s.tape, "own", "p", real(), real(), real(), (tg_interval)(next() % 4)); break;
    case 8: tg_shape_text(text, shape()), tg_broadcast_shapes(shape(), shape(), &both); break;
    case 9: put(tg_optimizer_state_like(x[0], name())); break;
    case 10: {
        tg_scope scope = tg_begin_update(s.tape, name());
        put(tg_keep_result(scope, x[0]));
        tg_end_scope(scope);
        break;
    }
    case 11: {
        tg_callback callback = tg_begin_callback(s.tape, name());
        act_inside();
        tg_end_callback(callback);
        break;
    }
    case 12: tg_fail(s.tape, (tg_status)small(), name(), "%s", "two\nlines"); break;
    default: tg_set_name(x[0], name()), tg_dtype_name(dtype()), put(tg_invalid(s.tape)); break;
    }
}

static void generator(void) {
    tg_generator_state state = {.position = (int32_t)number(), .has_normal = small(), .next_normal = real()};
    if (chance(2)) tg_get_generator(s.tape, chance(16) ? NULL : &state);
    if (chance(4)) state.position = (int32_t)number();
    tg_set_generator(s.tape, chance(16) ? NULL : &state);
}

void function(void) {
    switch (next() % 8) {
    case 6:
    case 7: formula(); break;
    case 0: activation(); break;
    case 1:
    case 2: distance(); break;
    case 3: window(); break;
    case 4: chance(4) ? generator() : extension(); break;
    default: extension(); break;
    }
}
