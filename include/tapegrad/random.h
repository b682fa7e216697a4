/* tapegrad/random.h: random numbers, from the tape's own generator.
 *
 * The generator is the Mersenne Twister MT19937 (Matsumoto and Nishimura, ACM TOMACS 8 (1998) 3-30). Its bits become numbers in the
 * order and by the formulas that PyTorch uses on the CPU: after tg_seed(tape, s) each function gives the numbers that PyTorch gives
 * after torch.manual_seed(s). They are equal where only arithmetic is used, and within a few units in the last place where a
 * logarithm and a cosine are. A new tape starts as PyTorch does, as if seeded with 67280421310721.
 *
 * The numbers are drawn at once, when the function is called. The result is a constant: it is not drawn again when the tape runs.
 * tg_dropout, in tapegrad/nn.h, is different: it draws in each run, from the same generator, whose state tapegrad/extend.h reads and
 * puts back. C does not define which argument of a call is evaluated first: call these functions in statements of their own where
 * the order matters.
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

#endif
