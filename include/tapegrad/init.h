/* tapegrad/init.h: initial values for weights.
 *
 * All have the names and definitions of torch.nn.init. Each draws its numbers from the tape's generator when it is called, and
 * returns a constant, for tg_parameter: after tg_seed(tape, s) they are PyTorch's after torch.manual_seed(s).
 *
 *     tg_tensor w = tg_parameter(tape, "w", tg_xavier_uniform(tape, TG_F32, TG_SHAPE(32, 2), 1));
 *
 * Constants are tg_full's (tapegrad/tape.h), the identity is tg_eye's (tapegrad/view.h); uniform and normal numbers of any scale are
 * tg_uniform's and tg_normal's (tapegrad/random.h).
 *
 * The fans of a shape (O, I, ...) are the numbers of inputs that one output of the layer is computed from, and of outputs that one
 * input goes to: the fan in is I times the sizes after the first two, the fan out O times them. TG_ERR_SHAPE for fewer than two
 * axes. dtype is float32 or float64 (TG_ERR_DTYPE). TG_ERR_ARGUMENT for other arguments that are out of range.
 *
 * SPDX-License-Identifier: MIT */
#ifndef TAPEGRAD_INIT_H
#define TAPEGRAD_INIT_H
#pragma GCC system_header

#include <tapegrad/tensor.h>

#ifdef __cplusplus
extern "C" {
#endif
#pragma GCC visibility push(default)

/* ---- scaled by the fans ------------------------------------------------------------------------------------------ */

/* What an activation makes of the scale of its operand is undone by a gain: 1 for none and for sigmoid, 5/3 for tanh, sqrt(2) for
 * relu, sqrt(2 / (1 + slope^2)) for leaky_relu, 3/4 for selu. Only leaky_relu has a slope. NaN for what is none of these. */
typedef enum tg_nonlinearity {
    TG_GAIN_LINEAR,
    TG_GAIN_SIGMOID,
    TG_GAIN_TANH,
    TG_GAIN_RELU,
    TG_GAIN_LEAKY_RELU,
    TG_GAIN_SELU
} tg_nonlinearity;

double tg_calculate_gain(tg_nonlinearity nonlinearity, double slope);

/* Uniform in [-b, b) for b = gain sqrt(6 / (fan in + fan out)); and normal with mean 0 and the deviation gain sqrt(2 / (fan in +
 * fan out)). (X. Glorot and Y. Bengio, "Understanding the difficulty of training deep feedforward neural networks", 2010.) */
tg_tensor tg_xavier_uniform(tg_tape *tape, tg_dtype dtype, tg_shape shape, double gain);
tg_tensor tg_xavier_normal(tg_tape *tape, tg_dtype dtype, tg_shape shape, double gain);

/* Uniform in [-b, b) for b = gain sqrt(3 / fan); and normal with mean 0 and the deviation gain / sqrt(fan). PyTorch's fan is the fan
 * in, its gain that of leaky_relu with a slope of 0, which is sqrt(2). (K. He et al., "Delving deep into rectifiers", 2015.) */
typedef enum tg_fan { TG_FAN_IN, TG_FAN_OUT } tg_fan;

tg_tensor tg_kaiming_uniform(tg_tape *tape, tg_dtype dtype, tg_shape shape, double gain, tg_fan fan);
tg_tensor tg_kaiming_normal(tg_tape *tape, tg_dtype dtype, tg_shape shape, double gain, tg_fan fan);

/* ---- others ------------------------------------------------------------------------------------------------------ */

/* Normal with that mean and deviation, but for what is below `low` or above `high`, which is drawn again. PyTorch's numbers are 0, 1,
 * -2 and 2. As in PyTorch 2.15, numbers are drawn from the normal distribution and rejected, or from the uniform one where only few
 * would be accepted; older versions had another method, and give other numbers. deviation > 0, low < high, all finite. */
tg_tensor tg_trunc_normal(tg_tape *tape, tg_dtype dtype, tg_shape shape, double mean, double deviation, double low,
                          double high);

/* gain times a matrix with orthonormal rows or columns, whichever are fewer, all equally probable: the matrix is (O, the rest) for a shape
 * (O, ...) of two axes at least. (A. Saxe et al., "Exact solutions to the nonlinear dynamics of learning in deep linear neural
 * networks", 2013; F. Mezzadri, "How to generate random matrices from the classical compact groups", 2006.) */
tg_tensor tg_orthogonal(tg_tape *tape, tg_dtype dtype, tg_shape shape, double gain);

/* The kernels of a convolution that gives its channels back, as many as there are: in each of the groups, kernel i is 1 for channel i
 * in its middle, and 0 elsewhere. The shape is (O, I, ...) with at least three axes, and `groups` divides O. */
tg_tensor tg_dirac(tg_tape *tape, tg_dtype dtype, tg_shape shape, int64_t groups);

#pragma GCC visibility pop
#ifdef __cplusplus
}
#endif

#define tg_xavier_uniform(tape, ...) TG_TAPE_CALL(tg_xavier_uniform, tape, __VA_ARGS__)
#define tg_xavier_normal(tape, ...) TG_TAPE_CALL(tg_xavier_normal, tape, __VA_ARGS__)
#define tg_kaiming_uniform(tape, ...) TG_TAPE_CALL(tg_kaiming_uniform, tape, __VA_ARGS__)
#define tg_kaiming_normal(tape, ...) TG_TAPE_CALL(tg_kaiming_normal, tape, __VA_ARGS__)
#define tg_trunc_normal(tape, ...) TG_TAPE_CALL(tg_trunc_normal, tape, __VA_ARGS__)
#define tg_orthogonal(tape, ...) TG_TAPE_CALL(tg_orthogonal, tape, __VA_ARGS__)
#define tg_dirac(tape, ...) TG_TAPE_CALL(tg_dirac, tape, __VA_ARGS__)

#endif
