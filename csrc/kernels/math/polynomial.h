/* SPDX-License-Identifier: MIT
 *
 * polynomial.h: c[0] + c[1] u + ... + c[n - 1] u^(n - 1) by Horner's rule in fused multiply-adds.
 */
#ifndef RTCH_POLYNOMIAL_H
#define RTCH_POLYNOMIAL_H

#include "simd.h"

static inline vf64 v_polynomial_f64(const double *c, int n, vf64 u) {
    vf64 sum = v_splat_f64(c[n - 1]);
    for (int i = n - 2; i >= 0; i--) sum = v_fma_f64(sum, u, v_splat_f64(c[i]));
    return sum;
}

#define V_POLYNOMIAL(c, u) v_polynomial_f64(c, (int)(sizeof(c) / sizeof((c)[0])), u)

#endif
