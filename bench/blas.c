/* bench/blas.c: see blas.h.
 *
 * SPDX-License-Identifier: MIT */
#include "blas.h"

#include <config.h>

#ifdef TGI_HAVE_CBLAS
#include TGI_CBLAS_HEADER

void product(int64_t m, int64_t n, int64_t k, const float *a, bool a_transposed, const float *b, bool b_transposed, float *c) {
    cblas_sgemm(CblasRowMajor, a_transposed ? CblasTrans : CblasNoTrans, b_transposed ? CblasTrans : CblasNoTrans, (int)m,
                (int)n, (int)k, 1, a, (int)(a_transposed ? m : k), b, (int)(b_transposed ? k : n), 0, c, (int)n);
}

void add_row_times_matrix(int64_t m, int64_t n, const float *x, const float *a, float *y) {
    cblas_sgemv(CblasRowMajor, CblasTrans, (int)m, (int)n, 1, a, (int)n, x, 1, 1, y, 1);
}

#else
#include <stdlib.h>

#include "kernels/gemm.h"

void product(int64_t m, int64_t n, int64_t k, const float *a, bool a_transposed, const float *b, bool b_transposed, float *c) {
    void *scratch = aligned_alloc(64, (tgi_gemm_scratch(m, n, k, sizeof *a, 1) + 63) / 64 * 64);
    if (!scratch) abort();
    tgi_gemm_f32(m, n, k, a, a_transposed ? 1 : k, a_transposed ? m : 1, b, b_transposed ? 1 : n, b_transposed ? k : 1, c, NULL,
                 scratch);
    free(scratch);
}

void add_row_times_matrix(int64_t m, int64_t n, const float *x, const float *a, float *y) {
    for (int64_t i = 0; i < m; i++)
        for (int64_t j = 0; j < n; j++)
            y[j] += x[i] * a[i * n + j];
}
#endif
