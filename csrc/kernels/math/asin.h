/* SPDX-License-Identifier: MIT
 *
 * asin.h: arc sine and arc cosine.
 *
 * asin s = s + s^3 A(s^2) for 0 <= s <= 1/2, A by Remez' algorithm for the least relative error. With a = |x|:
 *   a <= 1/2:  s = a               asin a = asin s              acos x = pi/2 - asin x
 *   a > 1/2:   s = sqrt((1-a)/2)   asin a = pi/2 - 2 asin s     acos a = 2 asin s, acos -a = pi - 2 asin s
 * (1 - a) / 2 is exact.
 *
 * float32: in float64, A of degree 11, 2^-55.9; two exceptions for acos. Correct for all 2^32 inputs (csrc/tests/exhaustive.c).
 * float64, one algorithm on all instruction sets: A of degree 12, 2^-57.5; the square root with its error, pi in two
 * parts, sums with their rounding errors; under 0.65 ULP.
 */
#ifndef RTCH_ASIN_H
#define RTCH_ASIN_H

#include "math/double_double.h"
#include "math/exception.h"
#include "math/polynomial.h"

/* (asin s - s) / s^3 for s <= 1/2, in s^2. */
static const double rt_asin_close[12] = {
    0x1.5555555555390p-3, 0x1.333333336e82ap-4, 0x1.6db6db4278600p-5,  0x1.f1c72c39cf6a1p-6,
    0x1.6e89f4285d67ap-6, 0x1.1c6be33dfae9ap-6, 0x1.c6fd9ec46d542p-7,  0x1.8ec3f6ffb8911p-7,
    0x1.abc63959c7040p-8, 0x1.3ffb5bece2f94p-6, -0x1.09de55cb2b111p-6, 0x1.057179ddc9660p-5,
};
static const double rt_asin_f64[13] = {
    0x1.5555555555577p-3, 0x1.333333332e130p-4,  0x1.6db6db7213356p-5, 0x1.f1c71a945a074p-6, 0x1.6e8bdef7c4b48p-6,
    0x1.1c49eb52f1f23p-6, 0x1.ca20ca399cda5p-7,  0x1.757129c52841cp-7, 0x1.61fc9bac02cd5p-7, 0x1.d507f971521aep-9,
    0x1.6ab1d5f33f726p-6, -0x1.64fe43c5b4b90p-6, 0x1.1052f8a3a1414p-5,
};

#define V_PIO2_HIGH v_splat_f64(0x1.921fb54442d18p+0)
#define V_PIO2_LOW v_splat_f64(0x1.1a62633145c07p-54)

/* asin x, x >= 0, close enough to round to float32; NaN above 1. */
static inline vf64 v_asin_plus_close(vf64 a) {
    const vi64 steep = a > v_splat_f64(0.5);
    const vf64 u = v_select_f64(steep, v_fma_f64(a, v_splat_f64(-0.5), v_splat_f64(0.5)), a * a);
    const vf64 s = v_select_f64(steep, v_sqrt_f64(u), a);
    const vf64 p = s * u * V_POLYNOMIAL(rt_asin_close, u);
    const vf64 folded = v_fma_f64(s, v_splat_f64(-2), V_PIO2_HIGH) + v_fma_f64(p, v_splat_f64(-2), V_PIO2_LOW);
    return v_select_f64(steep, folded, s + p);
}

/* acos x, close enough to round to float32; NaN beyond 1. */
static inline vf64 v_acos_close(vf64 x) {
    const vf64 a = v_abs_f64(x);
    const vi64 steep = a > v_splat_f64(0.5), sign = (vi64)x & INT64_MIN;
    const vf64 u = v_select_f64(steep, v_fma_f64(a, v_splat_f64(-0.5), v_splat_f64(0.5)), a * a);
    const vf64 s = v_select_f64(steep, v_sqrt_f64(u), a);
    const vf64 y = (vf64)((vi64)v_fma_f64(s * u, V_POLYNOMIAL(rt_asin_close, u), s) ^ sign);
    /* pi / 2 - y, 2 y or pi + 2 y */
    const vf64 base = (vf64)((vi64)v_splat_f64(0x1.921fb54442d18p+1) & (sign >> 63));
    const vf64 folded = v_fma_f64(y, v_splat_f64(2), base);
    return v_select_f64(steep, folded, V_PIO2_HIGH - y);
}

V_DEFINE_BY_HALVES(v_asin_plus_f32, v_asin_plus_close)
V_DEFINE_BY_HALVES(v_acos_in_f32, v_acos_close)

static inline vf32 v_asin_f32(vf32 x) {
    return v_with_sign_f32(v_asin_plus_f32(v_abs_f32(x)), x);
}

static inline vf32 v_acos_f32(vf32 x) {
    const vf32 y = v_exception_f32(v_acos_in_f32(x), x, 0x1.04c444p-12f, 0x1.920f6ap+0f);
    return v_exception_f32(y, x, 0x1.110b46p-26f, 0x1.921fb6p+0f);
}

/* asin of the s that belongs to a = |x|, as an unevaluated sum. */
static inline vdd v_asin_part_f64(vf64 a, vi64 steep) {
    const vf64 u = v_select_f64(steep, v_fma_f64(a, v_splat_f64(-0.5), v_splat_f64(0.5)), a * a);
    const vf64 root = v_sqrt_f64(u);
    const vf64 below = v_fma_f64(-root, root, u) / v_select_f64(u > v_splat_f64(0), root + root, v_splat_f64(1));
    const vf64 s = v_select_f64(steep, root, a);
    const vf64 s_low = (vf64)((vi64)below & steep);
    return (vdd){s, v_fma_f64(s * u, V_POLYNOMIAL(rt_asin_f64, u), s_low)};
}

static inline vf64 v_asin_f64(vf64 x) {
    const vf64 a = v_abs_f64(x);
    const vi64 steep = a > v_splat_f64(0.5);
    const vdd p = v_asin_part_f64(a, steep);
    const vdd d = v_fast_sum(V_PIO2_HIGH, p.hi * -2);
    const vf64 folded = d.hi + (d.lo + v_fma_f64(p.lo, v_splat_f64(-2), V_PIO2_LOW));
    return v_with_sign_f64(v_select_f64(steep, folded, p.hi + p.lo), x);
}

static inline vf64 v_acos_f64(vf64 x) {
    const vf64 a = v_abs_f64(x);
    const vi64 steep = a > v_splat_f64(0.5), minus = x < v_splat_f64(0);
    const vdd p = v_asin_part_f64(a, steep);
    const vf64 wings = (vf64)(minus & (vi64)v_splat_f64(2));
    const vf64 straight = (vf64)((vi64)v_splat_f64(-1) ^ ((vi64)x & INT64_MIN));
    const vf64 times = v_select_f64(steep, v_splat_f64(2) - 2 * wings, straight);
    const vf64 base = v_select_f64(steep, wings, v_splat_f64(1));
    const vdd d = v_fast_sum(base * V_PIO2_HIGH, times * p.hi);
    return d.hi + (d.lo + v_fma_f64(times, p.lo, base * V_PIO2_LOW));
}

#endif
