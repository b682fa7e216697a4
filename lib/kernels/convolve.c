/* kernels/convolve.c: convolution, forward and backward.
 *
 * The image is copied, with its padding, into planes, and read as one long vector: where the plane is `width` elements wide, the
 * element that tap (i, j) of the kernel multiplies at position q of the result is at q + i width + j, for all q at once. So a
 * convolution is a matrix product of the kernel with a matrix that is never made, whose rows are parts of the planes, shifted. At
 * the end of each row of the result, as many positions are computed for nothing as the kernel reaches over the edge; they are
 * not stored. With a stride, there is a plane for every residue of the coordinates, so that neighbours in the result are
 * neighbours in memory; dilation is another shift.
 *
 * Over three axes, the result at one depth is the convolution of an image of two axes: its channels are the image's at all the depths
 * that the kernel reaches from there. So planes are filled from there, and nothing else differs.
 *
 * The transpose adds to the shifted rows what the convolution reads from them; the gradient of the kernel is scalar products of
 * the result's rows with them.
 *
 * The product is made in tiles that stay in registers. Where it is large, a general matrix product is faster even though the matrix
 * must then be made, a part at a time; and where the result is small, that matrix is made of several images. It is the built-in
 * product, in every build: its units are too small for the threads of a BLAS, which wait for each other in every call. Very small ones, and those where a plane would be mostly empty, are done term by term: the direct method. That one is
 * also taken where there is a NaN or an infinity that the others would multiply with a zero of the padding. It must be found
 * first: reading all operands takes little time beside the rest.
 *
 * convolve_plan.h divides the work into units, by images, parts of images, or channels, none of which needs anything of another;
 * how depends on sizes only. The gradient of the kernel is the sum of what its units give, in their order. So the bits do not
 * depend on the threads that the units are shared out to. Nor do they, but in general products, on the instruction set: an element
 * is one sum in one lane, and where lanes are added up in the end there are as many with every set.
 *
 * SPDX-License-Identifier: MIT */
#include "convolve.h"

#include <stdbool.h>
#include <string.h>

#include "convolve_plan.h"
#include "gemm.h"
#include "isa.h"
#include "span.h"
#include "threads.h"
#include "vector.h"

/* Bytes in the vectors of scalar products, whose lanes are added up: the same for every instruction set. */
enum { NARROW_BYTES = 16 };

#define T float
#define NAME(x) x##_f32
#include "convolve_planes.h"
#include "convolve_products.h"
#include "convolve_tiles.h"
#include "convolve_units.h"
#undef T
#undef NAME

#define T double
#define NAME(x) x##_f64
#include "convolve_planes.h"
#include "convolve_products.h"
#include "convolve_tiles.h"
#include "convolve_units.h"
#undef T
#undef NAME
