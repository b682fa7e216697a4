/* tapegrad: reverse-mode automatic differentiation for C.
 *
 * You write formulas on tensors. The tape records them, and their derivatives of any order, as one program, and runs it. This is a
 * whole program, which fits a line through two points:
 *
 *     #include <stdio.h>
 *     #include <tapegrad.h>
 *
 *     int main(void) {
 *         tg_tape  *tape = tg_tape_new();
 *         tg_tensor x = tg_constant(tape, TG_F64, TG_SHAPE(2), (double[]){1, 2});
 *         tg_tensor y = tg_constant(tape, TG_F64, TG_SHAPE(2), (double[]){3, 5});
 *         tg_tensor a = tg_parameter(tape, "a", 0.0);
 *         tg_tensor b = tg_parameter(tape, "b", 0.0);
 *
 *         tg_tensor loss = tg_mean(tg_square(tg_sub(tg_add(tg_mul(a, x), b), y)));
 *         tg_backward(loss);
 *         tg_sgd_step(tape, 0.2);
 *
 *         for (int step = 0; step < 1000; step++)
 *             tg_run(tape);
 *         printf("y = %g x + %g\n", tg_item(a), tg_item(b));
 *
 *         int status = *tg_error(tape) ? 1 : 0;
 *         if (status) fprintf(stderr, "%s\n", tg_error(tape));
 *         tg_tape_free(tape);
 *         return status;
 *     }
 *
 * The reference manual is in the headers, one topic each. Guides are in docs/, the first one is docs/tutorial.md.
 *     tapegrad/tensor.h   handles, dtypes, shapes, plain numbers
 *     tapegrad/tape.h     the tape: errors, leaves, running, reading and writing values, rewinding
 *     tapegrad/ops.h      arithmetic, functions, comparisons, matrix product, reductions, reshaping
 *     tapegrad/view.h     slices, concatenation, padding, repetition
 *     tapegrad/index.h    elements chosen by index, sorting
 *     tapegrad/product.h  products: einsum, tensordot, dot
 *     tapegrad/linalg.h   linear algebra
 *     tapegrad/nn.h       activations, softmax, normalisations, dropout, attention
 *     tapegrad/loss.h     losses
 *     tapegrad/conv.h     convolution, pooling
 *     tapegrad/layers.h   layers: linear, embedding, convolution, normalisations
 *     tapegrad/recurrent.h recurrent layers: RNN, LSTM, GRU
 *     tapegrad/transformer.h attention with several heads, transformers
 *     tapegrad/init.h     initial values of weights
 *     tapegrad/grad.h     derivatives, their check, checkpointing
 *     tapegrad/loop.h     loops that are one instruction
 *     tapegrad/random.h   random numbers
 *     tapegrad/optim.h    optimizers
 *     tapegrad/schedule.h rates that change from step to step
 *     tapegrad/solve.h    minima, least squares, roots
 *     tapegrad/sparse.h   sparse Jacobians and Hessians
 *     tapegrad/inspect.h  printing tapes and values, graphs, the origin of a NaN
 *     tapegrad/emit.h     a tape as plain C
 *     tapegrad/compile.h  parts of a tape, compiled
 *     tapegrad/op.h       ops of your own
 *     tapegrad/extend.h   layers, optimizers and checkpoints of your own
 *     tapegrad/io.h       files, by libtapegrad-io: not included here, nor are tapegrad/data.h, data in batches, and tapegrad/report.h,
 *                         progress, metrics and pictures
 *
 * SPDX-License-Identifier: MIT */
#ifndef TAPEGRAD_H
#define TAPEGRAD_H
#pragma GCC system_header

#include <tapegrad/compile.h>
#include <tapegrad/conv.h>
#include <tapegrad/emit.h>
#include <tapegrad/extend.h>
#include <tapegrad/grad.h>
#include <tapegrad/index.h>
#include <tapegrad/init.h>
#include <tapegrad/inspect.h>
#include <tapegrad/layers.h>
#include <tapegrad/linalg.h>
#include <tapegrad/loop.h>
#include <tapegrad/loss.h>
#include <tapegrad/nn.h>
#include <tapegrad/op.h>
#include <tapegrad/ops.h>
#include <tapegrad/optim.h>
#include <tapegrad/product.h>
#include <tapegrad/random.h>
#include <tapegrad/recurrent.h>
#include <tapegrad/schedule.h>
#include <tapegrad/solve.h>
#include <tapegrad/sparse.h>
#include <tapegrad/tape.h>
#include <tapegrad/tensor.h>
#include <tapegrad/transformer.h>
#include <tapegrad/view.h>

#endif
