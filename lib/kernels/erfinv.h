/* kernels/erfinv.h: the inverse of the error function.
 *
 * SPDX-License-Identifier: MIT */
#ifndef TGI_KERNELS_ERFINV_H
#define TGI_KERNELS_ERFINV_H

/* The y with erf(y) = x, within 6 units in the last place. Infinite at -1 and 1, NaN outside of [-1, 1]. */
double tgi_erfinv(double x);

#endif
