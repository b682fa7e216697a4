/* solve/robust.c: robust losses. With z = (r / scale)^2, half of  scale^2 rho(z)  is what a residual r costs.
 *
 * Near a point that is the cost of another residual with another slope: of  r rho' / sqrt(w)  and  sqrt(w) r',  w = rho' + 2 rho'' z, as
 * far as w is positive (B. Triggs et al., "Bundle adjustment: a modern synthesis" (1999), 4.3).
 *
 * SPDX-License-Identifier: MIT */
#include "solve/robust.h"

#include <float.h>
#include <math.h>

/* ---- as numbers -------------------------------------------------------------------------------------------------- */

/* rho and its first two derivatives */
typedef struct rho {
    double value, first, second;
} rho;

static rho rho_of(tg_robust kind, double z) {
    const double root = sqrt(kind == TG_ROBUST_SOFT_L1 ? 1 + z : z);
    switch (kind) {
    case TG_ROBUST_NONE: break;
    case TG_ROBUST_HUBER:
        if (z > 1) return (rho){2 * root - 1, 1 / root, -0.5 / (z * root)};
        break;
    case TG_ROBUST_SOFT_L1: return (rho){2 * (root - 1), 1 / root, -0.5 / ((1 + z) * root)};
    case TG_ROBUST_CAUCHY: return (rho){log1p(z), 1 / (1 + z), -1 / ((1 + z) * (1 + z))};
    }
    return (rho){z, 1, 0};
}

static double square_of(tgi_robust robust, double residual) {
    return (residual / robust.scale) * (residual / robust.scale);
}

double tgi_cost(tgi_robust robust, int64_t n, const double *residuals) {
    double sum = 0;
    for (int64_t i = 0; i < n; i++)
        sum += rho_of(robust.kind, square_of(robust, residuals[i])).value;
    return robust.scale * robust.scale * sum / 2;
}

void tgi_weigh_rows(tgi_robust robust, int64_t rows, double *residuals, int64_t n, double *jacobian) {
    if (robust.kind == TG_ROBUST_NONE) return;
    for (int64_t i = 0; i < rows; i++) {
        double z = square_of(robust, residuals[i]);
        rho    at = rho_of(robust.kind, z);
        double root = sqrt(fmax(at.first + 2 * at.second * z, DBL_EPSILON));
        residuals[i] *= at.first / root;
        for (int64_t j = 0; j < n; j++)
            jacobian[j * rows + i] *= root;
    }
}

/* ---- on a tape --------------------------------------------------------------------------------------------------- */

/* z, moved to where rho has its root or logarithm. */
static tg_tensor argument(tgi_robust robust, tg_tensor residuals) {
    tg_tensor z = tg_square(tg_div(residuals, robust.scale));
    if (robust.kind == TG_ROBUST_HUBER) return tg_maximum(z, 1);
    return robust.kind == TG_ROBUST_NONE ? z : tg_add(1, z);
}

tg_tensor tgi_record_cost(tgi_robust robust, tg_tensor residuals) {
    tg_tensor z = tg_square(tg_div(residuals, robust.scale)), t = argument(robust, residuals), value = z;
    if (robust.kind == TG_ROBUST_HUBER) value = tg_where(tg_gt(z, 1), tg_sub(tg_mul(2, tg_sqrt(t)), 1), z);
    if (robust.kind == TG_ROBUST_SOFT_L1) value = tg_mul(2, tg_sub(tg_sqrt(t), 1));
    if (robust.kind == TG_ROBUST_CAUCHY) value = tg_log(t);
    return tg_mul(robust.scale * robust.scale / 2, tg_sum(value));
}

tg_tensor tgi_record_weights(tgi_robust robust, tg_tensor residuals) {
    if (robust.kind == TG_ROBUST_NONE) return TG_NONE;
    tg_tensor t = argument(robust, residuals);
    return tg_detach(tg_reciprocal(robust.kind == TG_ROBUST_CAUCHY ? t : tg_sqrt(t)));
}
