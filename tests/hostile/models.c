/* tests/hostile/models.c: calls of layers, initial values, schedules and optimizers.
 *
 * SPDX-License-Identifier: MIT */
#include "calls.h"

#include <string.h>

static int64_t size(void) {
    int64_t n = number();
    return n > 100 && n < 1 << 30 ? 3 : n; /* what is neither small nor absurd takes long */
}

/* ---- layers ------------------------------------------------------------------------------------------------------- */

static void linear(const tg_layer_options *options) {
    tg_linear_layer layer = tg_new_linear(s.tape, name(), size(), size(), options);
    if (chance(8)) layer.weight = any();
    if (chance(8)) layer.bias = any();
    put(tg_apply_linear(layer, any()));
}

static void embedding(void) {
    tg_embedding_layer layer = tg_new_embedding(s.tape, name(), size(), size(), number(), dtype());
    if (chance(8)) layer.weight = any();
    if (chance(8)) layer.padding = number();
    put(tg_apply_embedding(layer, any()));
}

static void conv(const tg_layer_options *options) {
    tg_conv_options conv = {.groups = chance(4) ? number() : 0};
    tg_conv_layer   layer;
    for (int i = 0; i < 3; i++) {
        if (chance(4)) conv.stride[i] = number();
        if (chance(4)) conv.padding[i] = number();
        if (chance(4)) conv.dilation[i] = number();
        if (chance(8)) conv.output_padding[i] = number();
    }
    const tg_conv_options *how = chance(4) ? NULL : &conv;
    switch (next() % 6) {
    case 0: layer = tg_new_conv1d(s.tape, name(), size(), size(), size(), how, options); break;
    case 1: layer = tg_new_conv2d(s.tape, name(), size(), size(), size(), size(), how, options); break;
    case 2: layer = tg_new_conv3d(s.tape, name(), size(), size(), size(), size(), size(), how, options); break;
    case 3: layer = tg_new_conv_transpose1d(s.tape, name(), size(), size(), size(), how, options); break;
    case 4: layer = tg_new_conv_transpose2d(s.tape, name(), size(), size(), size(), size(), how, options); break;
    default: layer = tg_new_conv_transpose3d(s.tape, name(), size(), size(), size(), size(), size(), how, options);
    }
    if (chance(8)) layer.weight = any();
    put(tg_apply_conv(layer, any()));
}

static void norm(void) {
    tg_norm_options options = {.dtype = dtype(), .no_bias = chance(4), .no_weight = chance(4), .no_statistics = chance(4)};
    const tg_norm_options *how = chance(4) ? NULL : &options;
    tg_norm_layer          layer;
    if (chance(4)) options.eps = real(), options.momentum = real();
    switch (next() % 4) {
    case 0: layer = tg_new_layer_norm(s.tape, name(), shape(), how); break;
    case 1: layer = tg_new_rms_norm(s.tape, name(), shape(), how); break;
    case 2: layer = tg_new_group_norm(s.tape, name(), size(), size(), how); break;
    default: {
        tg_batch_norm_layer batch = tg_new_batch_norm(s.tape, name(), size(), how);
        if (chance(8)) batch.running_var = any();
        put(tg_apply_batch_norm(batch, any(), chance(2)));
        return;
    }
    }
    if (chance(8)) layer.kind = (tg_norm_kind)small();
    put(tg_apply_norm(layer, any()));
}

static void recurrent(void) {
    tg_recurrent_options options = {.dtype = dtype(), .no_bias = chance(4), .bidirectional = chance(2), .projection = number()};
    const tg_recurrent_options *how = chance(4) ? NULL : &options;
    tg_recurrent_kind           kind = (tg_recurrent_kind)(chance(16) ? small() : (int)(next() % 4));
    tg_recurrent_state          state = {any(), any()};
    options.layers = chance(8) ? small() : (int)(next() % 3);
    if (chance(4)) options.dropout = real();
    if (chance(2)) {
        tg_recurrent_cell cell = tg_new_recurrent_cell(s.tape, name(), kind, size(), size(), how);
        if (chance(8)) cell.weight_hh = any();
        state = tg_apply_recurrent_cell(cell, any(), state);
    } else {
        tg_recurrent_layer layer = tg_new_recurrent(s.tape, name(), kind, size(), size(), how);
        put(tg_apply_recurrent(layer, any(), any(), chance(2) ? NULL : &state, chance(2)));
    }
    put(state.h);
}

static tg_tensor bent(tg_tensor x) {
    act_inside();
    return chance(8) ? any() : tg_relu(x);
}

static void transformer(void) {
    tg_transformer_options        options = {.dtype = dtype(),
                                             .no_bias = chance(4),
                                             .norm_first = chance(2),
                                             .feedforward = chance(2) ? number() : 0,
                                             .activation = chance(2) ? bent : NULL};
    tg_attend_options             attend = {.mask = any(), .memory_mask = any(), .causal = chance(2), .training = chance(2)};
    const tg_transformer_options *how = chance(4) ? NULL : &options;
    const tg_attend_options      *attention = chance(4) ? NULL : &attend;
    int64_t                       width = size(), heads = size();
    int                           count = chance(8) ? small() : 1;
    tg_encoder_layer              encoder[2];
    tg_decoder_layer              decoder[2];
    if (chance(4)) options.dropout = real(), options.eps = real();
    if (count > 2) count = 2;
    memset(encoder, 0, sizeof encoder);
    memset(decoder, 0, sizeof decoder);
    switch (next() % 7) {
    case 0: put(tg_apply_encoder_layer(tg_new_encoder_layer(s.tape, name(), width, heads, how), any(), attention)); break;
    case 1:
        put(tg_apply_decoder_layer(tg_new_decoder_layer(s.tape, name(), width, heads, how), any(), any(), attention));
        break;
    case 2:
        tg_new_encoder(s.tape, name(), width, heads, how, count, chance(32) ? NULL : encoder);
        put(tg_apply_encoder(count, chance(32) ? NULL : encoder, any(), attention));
        break;
    case 3:
        tg_new_decoder(s.tape, name(), width, heads, how, count, chance(32) ? NULL : decoder);
        put(tg_apply_decoder(count, chance(32) ? NULL : decoder, any(), any(), attention));
        break;
    case 4: put(tg_positional_encoding(s.tape, dtype(), size(), size())); break;
    case 5: put(tg_format("%s %d", "layer", small()).text[0] ? any() : TG_NONE); break;
    default: {
        tg_multihead_options heads_of = {.dtype = dtype(), .no_bias = chance(4), .key_size = number(), .value_size = number()};
        tg_multihead_layer   layer = tg_new_multihead_attention(s.tape, name(), width, heads, chance(4) ? NULL : &heads_of);
        put(tg_apply_multihead_attention(layer, any(), any(), any(), attention));
    }
    }
}

/* ---- initial values ----------------------------------------------------------------------------------------------- */

static void initial(void) {
    tg_dtype type = dtype();
    tg_shape of = shape();
    if (tg_shape_size(of) > ELEMENTS) of = TG_SHAPE(2, 3);
    switch (next() % 13) {
    case 0: put(tg_xavier_uniform(s.tape, type, of, real())); break;
    case 1: put(tg_xavier_normal(s.tape, type, of, real())); break;
    case 2: put(tg_kaiming_uniform(s.tape, type, of, real(), (tg_fan)(next() % 3))); break;
    case 3: put(tg_kaiming_normal(s.tape, type, of, real(), (tg_fan)(next() % 3))); break;
    case 4: put(tg_trunc_normal(s.tape, type, of, real(), real(), real(), real())); break;
    case 5: put(tg_orthogonal(s.tape, type, of, real())); break;
    case 6: put(tg_dirac(s.tape, type, of, number())); break;
    case 7: tg_calculate_gain((tg_nonlinearity)(next() % 8), real()); break;
    case 8: put(tg_randn(s.tape, type, of)); break;
    case 9: put(tg_sample_normal(s.tape, type, of)); break;
    case 10: put(tg_sample_uniform(s.tape, type, of)); break;
    case 11: put(tg_sample_multinomial(any(), number(), chance(2))); break;
    default: put((tg_borrow_parameter)(s.tape, name(), type, of, elements())); break;
    }
}

/* ---- training ----------------------------------------------------------------------------------------------------- */

static void schedule(void) {
    tg_tensor            step = any();
    tg_one_cycle_options cycle = {real(), real(), real(), chance(2), chance(2)};
    double               milestones[] = {real(), real()};
    int                  count = chance(16) ? small() : (int)(next() % 3);
    if (count > 2) count = 2;
    switch (next() % 10) {
    case 0: put(tg_constant_schedule(step, real(), real())); break;
    case 1: put(tg_linear_schedule(step, real(), real(), real())); break;
    case 2: put(tg_exponential_schedule(step, real())); break;
    case 3: put(tg_step_schedule(step, real(), real())); break;
    case 4: put(tg_multi_step_schedule(step, count, chance(16) ? NULL : milestones, real())); break;
    case 5: put(tg_polynomial_schedule(step, real(), real())); break;
    case 6: put(tg_cosine_schedule(step, real(), real())); break;
    case 7: put(tg_cosine_restarts_schedule(step, real(), real(), real())); break;
    case 8: put(tg_one_cycle_schedule(step, real(), chance(2) ? NULL : &cycle)); break;
    default: put(tg_one_cycle_momentum(step, real(), real(), real(), chance(2) ? NULL : &cycle)); break;
    }
}

/* Some parameters, or all of them. */
static tg_list chosen(void) {
    static tg_tensor x[2];
    x[0] = any(), x[1] = any();
    if (!chance(4)) return (tg_list){0};
    return tg_list_from(chance(8) ? -1 : (int)(next() % 3), chance(16) ? NULL : x);
}

static void train(void) {
    tg_tensor rate = any();
    bool      no_options = chance(4);
#define STEP(kind, ...) tg_##kind##_step(s.tape, rate, no_options ? NULL : &(tg_##kind##_options){__VA_ARGS__})
    switch (next() % 18) {
    case 0:
        tg_adamw_step(s.tape, rate,
                      no_options ? NULL : &(tg_adam_options){real(), real(), real(), real(), .parameters = chosen()});
        break;
    case 1: STEP(nadam, real(), real(), real(), real(), real(), .parameters = chosen()); break;
    case 2: STEP(radam, real(), real(), real(), real(), .parameters = chosen()); break;
    case 3: STEP(lion, real(), real(), real(), .parameters = chosen()); break;
    case 4: STEP(rmsprop, real(), real(), real(), real(), chance(2), .parameters = chosen()); break;
    case 5: STEP(adagrad, real(), real(), real(), real(), .parameters = chosen()); break;
    case 6: STEP(adadelta, real(), real(), real(), .parameters = chosen()); break;
    case 7: STEP(adafactor, real(), real(), real(), real(), real(), .parameters = chosen()); break;
    case 8: STEP(lbfgs, number(), real(), real(), real(), .parameters = chosen()); break;
    case 9: tg_clip_grad_norm(s.tape, real(), chance(2) ? NULL : &s.x[next() % TENSORS]); break;
    case 10: tg_clip_grad_value(s.tape, real()); break;
    case 11: tg_accumulate_grad(s.tape); break;
    case 12: tg_use_accumulated_grad(s.tape, real()); break;
    case 13: tg_ema_update(s.tape, real()); break;
    case 14: tg_ema_swap(s.tape); break;
    case 15: tg_set_grad(any(), any()); break;
    case 16: tg_set_requires_grad(any(), chance(2)), tg_is_frozen(any()); break;
    default:
        tg_reduce_on_plateau(rate, any(), any(),
                             no_options
                                 ? NULL
                                 : &(tg_plateau_options){real(), real(), real(), real(), real(), real(), chance(2), chance(2)});
    }
#undef STEP
}

void model(void) {
    tg_layer_options        options = {.dtype = dtype(), .no_bias = chance(2)};
    const tg_layer_options *how = chance(4) ? NULL : &options;
    switch (next() % 10) {
    case 0: linear(how); break;
    case 1: embedding(); break;
    case 2: conv(how); break;
    case 3: norm(); break;
    case 4: recurrent(); break;
    case 5: transformer(); break;
    case 6: initial(); break;
    case 7: schedule(); break;
    default: train(); break;
    }
}
