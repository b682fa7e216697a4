/* solve/robust.h: robust losses of residuals.
 *
 * SPDX-License-Identifier: MIT */
#ifndef TGI_SOLVE_ROBUST_H
#define TGI_SOLVE_ROBUST_H

#include "core/inside.h"

/* The losses, with the scale of the residuals. */
typedef struct tgi_robust {
    tg_robust kind;
    double    scale;
} tgi_robust;

/* Half the loss of n residuals. */
double tgi_cost(tgi_robust robust, int64_t n, const double *residuals);

/* What the residuals and the rows of their Jacobian (rows, n), column after column, are multiplied by, so that a step for half the sum of
 * squares is one for the loss. */
void tgi_weigh_rows(tgi_robust robust, int64_t rows, double *residuals, int64_t n, double *jacobian);

/* The same on a tape: half the loss; and the weights rho', TG_NONE where all are 1. */
tg_tensor tgi_record_cost(tgi_robust robust, tg_tensor residuals);
tg_tensor tgi_record_weights(tgi_robust robust, tg_tensor residuals);

#endif
