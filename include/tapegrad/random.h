/* tapegrad/random.h: random numbers, from the tape's own generator.
 *
 * The generator is the Mersenne Twister MT19937 (Matsumoto and Nishimura, ACM TOMACS 8 (1998) 3-30). Its bits become numbers in the
 * order and by the formulas that PyTorch uses on the CPU: after tg_seed(tape, s) each function gives the numbers that PyTorch gives
 * after torch.manual_seed(s). They are equal where only arithmetic is used, and within a few units in the last place where a
 * logarithm and a cosine are. A new tape starts as PyTorch does, as if seeded with 67280421310721.
 *
 * Most functions draw at once, when they are called: initial values, data, permutations. The result is a constant: it is not drawn
 * again when the tape runs. The functions tg_sample_... at the end of this header, and tg_dropout in tapegrad/nn.h, are
 * instructions, which draw anew in each run, from the same generator. Its state is read and put back by functions of
 * tapegrad/extend.h. C does not define which argument of a call is evaluated first: call these functions in statements of their own
 * where the order matters.
 *
 * dtype is float32 or float64 unless said otherwise (TG_ERR_DTYPE). TG_ERR_ARGUMENT for other arguments out of range.
 *
 * SPDX-License-Identifier: MIT */
#ifndef TAPEGRAD_RANDOM_H
#define TAPEGRAD_RANDOM_H
#pragma GCC system_header

#include <tapegrad/tensor.h>

#ifdef __cplusplus
extern "C" {
#endif
#pragma GCC visibility push(default)

/* Sets the state of the generator. As in PyTorch, only the low 32 bits of the seed are used. */
tg_status tg_seed(tg_tape *tape, uint64_t seed);

/* Uniform in [0, 1): a multiple of 2^-24 for float32, of 2^-53 for float64. */
tg_tensor tg_rand(tg_tape *tape, tg_dtype dtype, tg_shape shape);

/* Uniform in [low, high): low + (high - low) u for a u of tg_rand. low <= high, both finite. */
tg_tensor tg_uniform(tg_tape *tape, tg_dtype dtype, tg_shape shape, double low, double high);

/* Standard normal, by the Box-Muller transform (Annals of Mathematical Statistics 29 (1958) 610-611). */
tg_tensor tg_randn(tg_tape *tape, tg_dtype dtype, tg_shape shape);

/* Normal with the given mean and standard deviation; deviation >= 0. */
tg_tensor tg_normal(tg_tape *tape, tg_dtype dtype, tg_shape shape, double mean, double deviation);

/* Integers from low to high - 1, all equally probable (to within 2^-32); low < high. dtype is int64, float32 or float64. */
tg_tensor tg_randint(tg_tape *tape, tg_dtype dtype, tg_shape shape, int64_t low, int64_t high);

/* The integers 0 to n - 1 in random order, int64, of shape (n); n >= 0. */
tg_tensor tg_randperm(tg_tape *tape, int64_t n);

/* 1 with probability p, else 0; 0 <= p <= 1. dtype is any dtype. */
tg_tensor tg_bernoulli(tg_tape *tape, tg_dtype dtype, tg_shape shape, double p);

/* ---- samples: drawn anew in each run ----------------------------------------------------------------------------- */

/* Each run draws where the instruction stands, once: all that reads the result sees the same numbers, gradients too. No gradient
 * flows to the operands of a sample; where one is wanted, write the sample as a formula of noise: mean + deviation * noise. */

/* Standard normal noise; and uniform noise in [0, 1): the numbers of tg_randn and tg_rand. */
tg_tensor tg_sample_normal(tg_tape *tape, tg_dtype dtype, tg_shape shape);
tg_tensor tg_sample_uniform(tg_tape *tape, tg_dtype dtype, tg_shape shape);

/* 1 with the probability that p has there, else 0, in p's shape and dtype: torch.bernoulli(p). A probability that is not between 0
 * and 1 fails the run. */
tg_tensor tg_sample_bernoulli(tg_tensor p);

/* `count` indices along the last axis, int64, each drawn with a probability proportional to its weight there: torch.multinomial.
 * The other axes stay, each row is drawn by itself, and the last one has the size `count`. Without replacement no index comes
 * twice. TG_ERR_ARGUMENT for count < 1, and for more than there are without replacement. A weight that is negative or not finite,
 * or too few weights above 0, fail the run. */
tg_tensor tg_sample_multinomial(tg_tensor weights, int64_t count, bool replacement);

#pragma GCC visibility pop
#ifdef __cplusplus
}
#endif

#define tg_seed(tape, ...) TG_TAPE_CALL(tg_seed, tape, __VA_ARGS__)
#define tg_rand(tape, ...) TG_TAPE_CALL(tg_rand, tape, __VA_ARGS__)
#define tg_uniform(tape, ...) TG_TAPE_CALL(tg_uniform, tape, __VA_ARGS__)
#define tg_randn(tape, ...) TG_TAPE_CALL(tg_randn, tape, __VA_ARGS__)
#define tg_normal(tape, ...) TG_TAPE_CALL(tg_normal, tape, __VA_ARGS__)
#define tg_randint(tape, ...) TG_TAPE_CALL(tg_randint, tape, __VA_ARGS__)
#define tg_randperm(tape, ...) TG_TAPE_CALL(tg_randperm, tape, __VA_ARGS__)
#define tg_bernoulli(tape, ...) TG_TAPE_CALL(tg_bernoulli, tape, __VA_ARGS__)
#define tg_sample_normal(tape, ...) TG_TAPE_CALL(tg_sample_normal, tape, __VA_ARGS__)
#define tg_sample_uniform(tape, ...) TG_TAPE_CALL(tg_sample_uniform, tape, __VA_ARGS__)
#define tg_sample_bernoulli(p) TG_CALL1(tg_sample_bernoulli, p)
#define tg_sample_multinomial(weights, ...) TG_CALL1_WITH(tg_sample_multinomial, weights, __VA_ARGS__)

#endif
