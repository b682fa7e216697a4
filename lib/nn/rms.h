/* nn/rms.h: what normalisations divide by.
 *
 * SPDX-License-Identifier: MIT */
#ifndef TGI_NN_RMS_H
#define TGI_NN_RMS_H

#include "core/inside.h"

/* 1 / sqrt(mean of x^2 + eps) over the axes, which stay, with size 1; right where x^2 overflows or underflows, too. */
tg_tensor tgi_inverse_rms(tg_tensor x, tg_axes axes, double eps);

#endif
