/* tests/io/training.c: a training that uses all that a checkpoint has.
 *
 * SPDX-License-Identifier: MIT */
#include "training.h"

#include <string.h>

enum { ROWS = 8, INPUTS = 5, HIDDEN = 7 };

void record_leaves(tg_tape *tape) {
    tg_seed(tape, 3);
    tg_parameter(tape, "w", tg_randn(tape, TG_F32, TG_SHAPE(INPUTS, HIDDEN)));
    tg_parameter(tape, "scale", tg_full(tape, TG_F32, TG_SHAPE(HIDDEN), 1));
    tg_parameter(tape, "out.w", tg_randn(tape, TG_F32, TG_SHAPE(HIDDEN, 1)));
    tg_input(tape, "mean", TG_F32, TG_SHAPE(HIDDEN));
    tg_input(tape, "variance", TG_F32, TG_SHAPE(HIDDEN));
    tg_input(tape, "rate", TG_F64, TG_SHAPE());
    tg_input(tape, NULL, TG_F32, TG_SHAPE(3));
}

void record_step(tg_tape *tape) {
    tg_tensor x = tg_sample_normal(tape, TG_F32, TG_SHAPE(ROWS, INPUTS));
    tg_tensor w = tg_find(tape, "w"), scale = tg_find(tape, "scale"), out = tg_find(tape, "out.w");
    tg_tensor mean = tg_find(tape, "mean"), variance = tg_find(tape, "variance"), rate = tg_find(tape, "rate");
    tg_tensor h = tg_mul(scale, tg_matmul(x, w));
    tg_assign(mean, tg_add(tg_mul(0.9, mean), tg_mul(0.1, tg_mean_axes(h, TG_AXES(0), false))));
    tg_assign(variance, tg_add(tg_mul(0.9, variance), tg_mul(0.1, tg_mean_axes(tg_square(h), TG_AXES(0), false))));
    tg_tensor y = tg_matmul(tg_dropout(tg_tanh(tg_sub(h, mean)), 0.2, true), out);
    tg_backward(tg_mean(tg_square(tg_sub(y, tg_sum_axes(x, TG_AXES(1), true)))));
    tg_adam_step(tape, rate, &(tg_adam_options){.parameters = TG_LIST(w, scale)});
    tg_sgd_step_with(tape, 0.01, &(tg_sgd_options){.momentum = 0.9, .parameters = TG_LIST(out)});
}

void run_step(tg_tape *tape, int i) {
    tg_write(tg_find(tape, "rate"), (double[]){0.1 / (1 + i)}, 1);
    tg_run(tape);
}

/* FNV-1a: G. Fowler, L. C. Noll, K.-P. Vo, "The FNV Non-Cryptographic Hash Algorithm". */
static uint64_t hash_of(uint64_t hash, const void *bytes, size_t count) {
    for (size_t i = 0; i < count; i++)
        hash = (hash ^ ((const unsigned char *)bytes)[i]) * 1099511628211u;
    return hash;
}

static uint64_t hash_of_tensor(tg_tensor x) {
    uint64_t named = hash_of(14695981039346656037u, tg_name(x), strlen(tg_name(x)));
    return hash_of(named, tg_peek(x), (size_t)tg_size(x) * tg_dtype_size(tg_dtype_of(x)));
}

/* The order of states, which is that in which they were asked for first, does not count: so a sum. */
uint64_t fingerprint(tg_tape *tape) {
    static tg_generator_state generator;
    uint64_t                  sum = 0;
    for (int64_t i = 0; i < tg_parameter_count(tape); i++) {
        tg_tensor w = tg_parameter_at(tape, i);
        sum += hash_of_tensor(w);
        for (tg_tensor s = tg_next_optimizer_state(w, TG_NONE); !tg_is_none(s); s = tg_next_optimizer_state(w, s))
            sum += hash_of_tensor(s);
    }
    ck_assert(!tg_get_generator(tape, &generator));
    return hash_of(sum + hash_of_tensor(tg_find(tape, "mean")) + hash_of_tensor(tg_find(tape, "variance")), &generator,
                   sizeof generator);
}
