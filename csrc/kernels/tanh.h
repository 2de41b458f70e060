/* SPDX-License-Identifier: MIT
 *
 * tanh.h: hyperbolic tangent.
 *
 * float64, one algorithm on all instruction sets, under 0.6 ULP:
 *   y = 2|x|, E = exp(y) - 1 as an unevaluated sum of two doubles, tanh|x| = E / (E + 2), corrected once.
 *   exp: y = k ln 2 + r with |r| <= 0.3466, in two pieces; expm1(r) = r + r^2/2 + r^3 Q(r), Q the Taylor series to
 *   degree 11 (truncation under 2^-60 of the result), the first two terms with their rounding errors kept.
 *
 * float32: the float64 value, rounded. Correct for all 2^32 inputs (csrc/tests/exhaustive.c).
 */
#ifndef RTCH_TANH_H
#define RTCH_TANH_H

#include "simd.h"

static inline vf64 v_tanh_f64(vf64 x) {
    const vi64 sign = (vi64)x & INT64_MIN;
    vf64 y = (vf64)((vi64)x & INT64_MAX) * 2;
    y = v_select_f64(y > v_splat_f64(44.0), v_splat_f64(44.0), y); /* tanh(22) rounds to 1; NaN passes */

    /* y = k ln2 + rh + rl. Adding 1.5 * 2^52 rounds to an integer that stands in the low bits. */
    const vf64 shifter = v_splat_f64(0x1.8p52);
    const vf64 t = v_fma_f64(y, v_splat_f64(0x1.71547652b82fep+0), shifter);
    const vf64 kf = t - shifter;
    const vf64 rh = v_fma_f64(-kf, v_splat_f64(0x1.62e42fefa3800p-1), y); /* exact: 42 bits times 6 */
    const vf64 rl = kf * v_splat_f64(-0x1.ef35793c76730p-45);
    const vf64 r = rh + rl;
    const vf64 r_err = (rh - r) + rl;
    const vf64 two_k = (vf64)(((vi64)t << 52) + (vi64)v_splat_f64(1.0));

    vf64 q = v_splat_f64(0x1.93974a8c07c9dp-37);
    q = v_fma_f64(q, r, v_splat_f64(0x1.6124613a86d09p-33));
    q = v_fma_f64(q, r, v_splat_f64(0x1.1eed8eff8d898p-29));
    q = v_fma_f64(q, r, v_splat_f64(0x1.ae64567f544e4p-26));
    q = v_fma_f64(q, r, v_splat_f64(0x1.27e4fb7789f5cp-22));
    q = v_fma_f64(q, r, v_splat_f64(0x1.71de3a556c734p-19));
    q = v_fma_f64(q, r, v_splat_f64(0x1.a01a01a01a01ap-16));
    q = v_fma_f64(q, r, v_splat_f64(0x1.a01a01a01a01ap-13));
    q = v_fma_f64(q, r, v_splat_f64(0x1.6c16c16c16c17p-10));
    q = v_fma_f64(q, r, v_splat_f64(0x1.1111111111111p-7));
    q = v_fma_f64(q, r, v_splat_f64(0x1.5555555555555p-5));
    q = v_fma_f64(q, r, v_splat_f64(0x1.5555555555555p-3));

    /* expm1(r) = p + p_low */
    const vf64 s = r * r;
    const vf64 s_err = v_fma_f64(r, r, -s);
    const vf64 half = s * 0.5;
    const vf64 p = r + half;
    const vf64 p_err = (r - p) + half;
    const vf64 p_low = p_err + v_fma_f64(s_err, v_splat_f64(0.5), v_fma_f64(s * r, q, v_fma_f64(r_err, r, r_err)));

    /* E = 2^k (1 + expm1(r)) - 1 = e + e_low; the larger summand comes first, or is zero. */
    const vf64 a = two_k - 1.0;
    const vf64 b = two_k * p;
    const vf64 sum = a + b;
    const vf64 sum_low = v_fma_f64(two_k, p_low, (a - sum) + b);
    const vf64 e = sum + sum_low;
    const vf64 e_low = (sum - e) + sum_low;

    /* d + d_low = E + 2 */
    const vf64 two = v_splat_f64(2.0);
    const vf64 d = e + two;
    const vf64 back = d - e;
    const vf64 d_low = ((e - (d - back)) + (two - back)) + e_low;

    const vf64 quotient = e / d;
    const vf64 rest = v_fma_f64(-quotient, d_low, v_fma_f64(-quotient, d, e) + e_low);
    const vf64 result = quotient + rest / d;
    return (vf64)((vi64)result | sign);
}

static inline vf32 v_tanh_f32(vf32 x) {
    vf32_halves in = {x}, out;
    for (int i = 0; i < 2; i++) {
        const vf64 wide = __builtin_convertvector(in.half[i], vf64);
        out.half[i] = __builtin_convertvector(v_tanh_f64(wide), vf32_half);
    }
    return out.whole;
}

#endif
