/* bench/gpt.c: training steps of transformers of GPT-2's shape: that of examples/gpt.c, by AdamW, with clipped gradients.
 *
 * SPDX-License-Identifier: MIT */
#include <string.h>

#include "../examples/gpt.h"
#include "bench.h"

/* So many kinds of characters are known to a model of letters, and to GPT-2, whose are pieces of words. */
enum { LETTERS = 65, PIECES = 50257 };

typedef struct size {
    gpt_options options;
    int64_t     batch, kinds;
} size;

typedef struct net {
    tg_tape  *tape;
    tg_tensor loss;
} net;

/* Matrices near 0, weights of norms near 1; in the order in which the model has them, which is rivals.py's, too. */
static void set_parameters(tg_tape *tape) {
    for (int64_t i = 0; i < tg_parameter_count(tape); i++) {
        tg_tensor   w = tg_parameter_at(tape, i);
        const char *name = tg_name(w);
        bool        near_one = strstr(name, "ln_") && strstr(name, ".weight");
        float      *x = numbers(tg_size(w), (uint32_t)i, near_one ? 0.9 : -0.05, near_one ? 1.1 : 0.05);
        tg_write(w, x, tg_size(w));
        free(x);
    }
}

/* Characters that look like a text to nobody; the next of each is the one behind it. */
static tg_tensor characters(tg_tape *tape, const size *s, int64_t shift) {
    int64_t   n = s->batch * s->options.context;
    int64_t  *x = malloc((size_t)n * sizeof *x);
    tg_tensor made;
    for (int64_t i = 0; x && i < n; i++)
        x[i] = (i + shift) * 7919 % 9973 % s->kinds;
    made = tg_constant(tape, TG_I64, TG_SHAPE(s->batch, s->options.context), x);
    free(x);
    return made;
}

static void *net_new(const size *s) {
    net *n = room(sizeof *n);
    n->tape = new_tape();
    tg_set_keep(n->tape, TG_KEEP_ASKED);
    gpt m = gpt_new(n->tape, s->kinds, &s->options, 0);
    tg_run_pending(n->tape);
    set_parameters(n->tape);
    tg_tensor x = characters(n->tape, s, 0), next = characters(n->tape, s, 1);
    tg_begin_part(n->tape, "train");
    tg_keep(n->loss = gpt_loss(&m, x, next, true));
    tg_backward(n->loss);
    tg_clip_grad_norm(n->tape, 1, NULL);
    tg_adamw_step(n->tape, 1e-3, NULL);
    tg_end_part(n->tape);
    must(n->tape);
    return n;
}

static void net_step(void *state) {
    tg_run_part(((net *)state)->tape, "train");
}

static int net_result(void *state, double *to) {
    must(((net *)state)->tape);
    return digest_tensor(((net *)state)->loss, to);
}

static void net_free(void *state) {
    net *n = state;
    must(n->tape);
    tg_tape_free(n->tape);
    free(n);
}

/* ---- the works --------------------------------------------------------------------------------------------------- */

static const size of_4_layers = {{.layers = 4, .heads = 4, .width = 128, .context = 64}, 4, LETTERS};
static const size of_6_layers = {{.layers = 6, .heads = 6, .width = 384, .context = 256}, 12, LETTERS};
static const size of_12_layers = {{.layers = 12, .heads = 12, .width = 768, .context = 64}, 4, PIECES};

static void *new_of_4_layers(void) {
    return net_new(&of_4_layers);
}

static void *new_of_6_layers(void) {
    return net_new(&of_6_layers);
}

static void *new_of_12_layers(void) {
    return net_new(&of_12_layers);
}

#define GPT(variable, text, setup) \
    static const contestant setup##_tape = {setup, net_step, net_result, NULL, net_free}; \
    const work              variable = {.name = text, \
                                        .tapegrad = &setup##_tape, \
                                        .tolerance = 1e-4, \
                                        .rival = {{"PyTorch eager", 0.55, NULL, TIME}, {"PyTorch compiled", 0, NULL, TIME}}};

GPT(gpt_of_4_layers, "gpt of 4 layers", new_of_4_layers)
GPT(gpt_of_6_layers, "gpt of 6 layers", new_of_6_layers)
GPT(gpt_of_12_layers, "gpt of 12 layers", new_of_12_layers)
