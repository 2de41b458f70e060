/* SPDX-License-Identifier: MIT
 *
 * hypot.h: sqrt(x^2 + y^2) without overflow or underflow on the way; infinite if either is, even beside NaN.
 *
 * float32, correctly rounded: squares are exact in float64; their sum is s + e, z = sqrt(s); the sign of s + e - z^2,
 * which is exact, says how to round z to odd, and that rounds to the right float.
 *
 * float64, one algorithm on all instruction sets, under 0.52 ULP, 0.77 where the result is subnormal: scaled by a power
 * of two where needed; the squares and their sum as sums of two float64; the root corrected once.
 */
#ifndef RTCH_HYPOT_H
#define RTCH_HYPOT_H

#include "math/double_double.h"

static inline vf64 v_hypot_odd(vf64 x, vf64 y) {
    const vdd s = v_exact_sum(x * x, y * y);
    const vf64 z = v_sqrt_f64(s.hi);
    return v_to_odd(z, v_fma_f64(-z, z, s.hi) + s.lo);
}

static inline vf32 v_hypot_f32(vf32 x, vf32 y) {
    const vf32 r = v_narrow_f32(v_hypot_odd(v_low_f64(x), v_low_f64(y)), v_hypot_odd(v_high_f64(x), v_high_f64(y)));
    const vf32 inf = v_splat_f32(__builtin_inff());
    return v_select_f32((v_abs_f32(x) == inf) | (v_abs_f32(y) == inf), inf, r);
}

static inline vf64 v_hypot_f64(vf64 x, vf64 y) {
    const vf64 inf = v_splat_f64(__builtin_inf()), one = v_splat_f64(1);
    const vf64 a = v_abs_f64(x), b = v_abs_f64(y);
    const vf64 large = v_max_f64(a, b);
    const vi64 is_huge = large > v_splat_f64(0x1p500), is_tiny = large < v_splat_f64(0x1p-400);
    const vf64 down = v_select_f64(is_huge, v_splat_f64(0x1p-600), v_select_f64(is_tiny, v_splat_f64(0x1p600), one));
    const vf64 up = v_select_f64(is_huge, v_splat_f64(0x1p600), v_select_f64(is_tiny, v_splat_f64(0x1p-600), one));
    const vf64 p = a * down, q = b * down;
    const vdd p2 = v_exact_product(p, p), q2 = v_exact_product(q, q);
    const vdd s = v_exact_sum(p2.hi, q2.hi);
    const vdd z = v_root(v_fast_sum(s.hi, s.lo + (p2.lo + q2.lo)));
    return v_select_f64((a == inf) | (b == inf), inf, (z.hi + z.lo) * up);
}

#endif
