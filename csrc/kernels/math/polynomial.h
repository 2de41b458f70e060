/* SPDX-License-Identifier: MIT
 *
 * polynomial.h: c[0] + c[1] u + ... + c[n - 1] u^(n - 1) in fused multiply-adds: by Horner's rule, and by Estrin's scheme,
 * whose steps depend less on each other.
 */
#ifndef RTCH_POLYNOMIAL_H
#define RTCH_POLYNOMIAL_H

#include "simd.h"

static inline vf64 v_polynomial_f64(const double *c, int n, vf64 u) {
    vf64 sum = v_splat_f64(c[n - 1]);
    for (int i = n - 2; i >= 0; i--) sum = v_fma_f64(sum, u, v_splat_f64(c[i]));
    return sum;
}

/* n <= 16. Neighbours are joined, c[i] + c[i + 1] u, then those by u^2, and so on. */
static inline vf64 v_estrin_f64(const double *c, int n, vf64 u) {
    vf64 t[8] = {{0}};
    for (int i = 0; i < n / 2; i++) t[i] = v_fma_f64(v_splat_f64(c[2 * i + 1]), u, v_splat_f64(c[2 * i]));
    if (n & 1) t[n / 2] = v_splat_f64(c[n - 1]);
    const int pairs = (n + 1) / 2, quads = (pairs + 1) / 2, octets = (quads + 1) / 2;
    const vf64 u2 = u * u, u4 = u2 * u2;
    for (int i = 0; i < pairs / 2; i++) t[i] = v_fma_f64(t[2 * i + 1], u2, t[2 * i]);
    if (pairs & 1) t[pairs / 2] = t[pairs - 1];
    for (int i = 0; i < quads / 2; i++) t[i] = v_fma_f64(t[2 * i + 1], u4, t[2 * i]);
    if (quads & 1) t[quads / 2] = t[quads - 1];
    return octets > 1 ? v_fma_f64(t[1], u4 * u4, t[0]) : t[0];
}

#define V_ESTRIN(c, u) v_estrin_f64(c, (int)(sizeof(c) / sizeof((c)[0])), u)
#define V_POLYNOMIAL(c, u) v_polynomial_f64(c, (int)(sizeof(c) / sizeof((c)[0])), u)

#endif
