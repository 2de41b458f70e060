/* SPDX-License-Identifier: MIT
 *
 * atan.h: arc tangent of a number and of a quotient.
 *
 * atan t = t + t^3 A(t^2) for |t| <= tan(pi/8), A of degree 10 by Remez' algorithm for the least relative error, 2^-58.6.
 * The quotient a / b of numbers >= 0 is brought there by
 *   atan(a / b) = atan(a / b),  pi/4 + atan((a - b) / (a + b)),  pi/2 - atan(b / a)
 * below tan(pi/8), up to tan(3 pi/8) and above. One division.
 *
 * atan, float32: in float64, one exception. Correct for all 2^32 inputs (csrc/tests/exhaustive.c).
 * atan and atan2, float64, one algorithm on all instruction sets: numerator, denominator and quotient with their errors,
 * pi in two parts; under 0.65 ULP (for atan2, of normal results; a subnormal one is within 1 ULP).
 * atan2, float32: in float64 with an error below 2^-51; where 2^-49 around it holds a boundary between two floats (once
 * in 2^24 cases), in pairs of float64 by Taylor's series to an error below 2^-100 (2^-104 was the largest seen). No quotient of floats is known for
 * which that decides wrongly; the expected distance of the closest one is 2^-88. Quotients that are themselves a boundary
 * (tiny ones: atan t differs from t below the last bit) come out right, since the sign of the low part decides.
 */
#ifndef RTCH_ATAN_H
#define RTCH_ATAN_H

#include "math/double_double.h"
#include "math/exception.h"
#include "math/polynomial.h"

static const double rt_atan_near[11] = {
    -0x1.555555555553dp-2, 0x1.9999999995869p-3, -0x1.24924922ac04fp-3, 0x1.c71c70e4fd9cep-4,
    -0x1.745cf8affe739p-4, 0x1.3b11153ba7eddp-4, -0x1.10eb8503603e7p-4, 0x1.df0c118ec91afp-5,
    -0x1.9cc3350eddb16p-5, 0x1.37ac8d0c156b9p-5, -0x1.250e74779b53ep-6,
};

#define V_TAN_PIO8 v_splat_f64(0x1.a827999fcef32p-2)
#define V_TAN_3PIO8 v_splat_f64(0x1.3504f333f9de6p+1)
#define V_PIO4_HIGH v_splat_f64(0x1.921fb54442d18p-1)
#define V_PIO4_LOW v_splat_f64(0x1.1a62633145c07p-55)

static inline vf64 v_mask_f64(vi64 mask, double x) {
    return (vf64)(mask & (vi64)v_splat_f64(x));
}

/* atan a, a >= 0, close enough to round to float32. */
static inline vf64 v_atan_plus_close(vf64 a) {
    const vi64 middle = a > V_TAN_PIO8, high = a > V_TAN_3PIO8;
    const vf64 one = v_splat_f64(1.0);
    const vf64 above = v_select_f64(high, -one, a - one), below = v_select_f64(high, a, a + one);
    const vf64 t = v_select_f64(middle, above, a) / v_select_f64(middle, below, one);
    const vf64 m = v_mask_f64(middle, 1) + v_mask_f64(high, 1);
    const vf64 u = t * t;
    const vf64 p = v_fma_f64(t * u, V_POLYNOMIAL(rt_atan_near, u), m * V_PIO4_LOW);
    return v_fma_f64(m, V_PIO4_HIGH, t) + p;
}

V_DEFINE_BY_HALVES(v_atan_plus_f32, v_atan_plus_close)

static inline vf32 v_atan_f32(vf32 x) {
    const vf32 a = v_abs_f32(x);
    return v_with_sign_f32(v_exception_f32(v_atan_plus_f32(a), a, 0x1.1ad646p-4f, 0x1.1a6386p-4f), x);
}

/* m pi / 4 + atan(q) for a small whole m >= 0; |q| <= tan(pi / 8) as a sum. */
static inline vf64 v_atan_from(vf64 m, vdd q) {
    const vf64 u = q.hi * q.hi;
    const vf64 p = v_fma_f64(q.hi * u, V_POLYNOMIAL(rt_atan_near, u), v_fma_f64(-q.lo, u, q.lo));
    const vf64 base = m * V_PIO4_HIGH;
    const vf64 base_low = v_fma_f64(m, V_PIO4_LOW, v_fma_f64(m, V_PIO4_HIGH, -base));
    const vdd s = v_fast_sum(base, q.hi);
    return s.hi + (s.lo + (base_low + p));
}

static inline vf64 v_atan_f64(vf64 x) {
    const vf64 one = v_splat_f64(1.0), bound = v_splat_f64(0x1p60); /* beyond it atan x rounds to pi / 2 */
    const vf64 full = v_abs_f64(x), a = v_select_f64(full > bound, bound, full);
    const vi64 middle = a > V_TAN_PIO8, high = a > V_TAN_3PIO8;
    /* Both sums are exact where the larger summand is not the one that is taken for it. */
    const vdd minus = v_fast_sum(-one, a), plus = v_fast_sum(one, a);
    const vf64 zero = v_splat_f64(0);
    const vdd above = v_select_dd(high, (vdd){-one, zero}, minus), below = v_select_dd(high, (vdd){a, zero}, plus);
    const vdd n = v_select_dd(middle, above, (vdd){a, zero}), d = v_select_dd(middle, below, (vdd){one, zero});
    const vf64 inverse = one / d.hi, q = n.hi * inverse;
    const vf64 rest = v_fma_f64(-q, d.hi, n.hi) + v_fma_f64(-q, d.lo, n.lo);
    const vf64 m = v_mask_f64(middle, 1) + v_mask_f64(high, 1);
    return v_with_sign_f64(v_atan_from(m, (vdd){q, rest * inverse}), x);
}

/* A quotient's place: |atan2| = m pi / 4 + sign atan(n / d), |n / d| <= tan(pi / 8). Finite where y and x are. */
typedef struct {
    vdd n, d;
    vf64 m;
    vi64 sign; /* the sign bit */
} v_octant;

static inline v_octant v_octant_of(vf64 y, vf64 x) {
    const vf64 zero = v_splat_f64(0), one = v_splat_f64(1.0), infinity = v_splat_f64(__builtin_inf());
    const vf64 a = v_abs_f64(y), b = v_abs_f64(x);
    const vi64 swapped = a > b;
    vf64 small = v_select_f64(swapped, b, a), large = v_select_f64(swapped, a, b);
    /* Infinite: 0 / 1 or 1 / 1. Both zero: 0 / 1. */
    const vi64 infinite = large == infinity;
    small = v_select_f64(infinite, v_mask_f64(small == infinity, 1), small);
    large = v_select_f64(infinite | (large == zero), one, large);
    const vi64 middle = small > large * V_TAN_PIO8;
    const vdd minus = v_fast_sum(-large, small), plus = v_fast_sum(large, small);
    v_octant o;
    o.n = v_select_dd(middle, minus, (vdd){small, zero});
    o.d = v_select_dd(middle, plus, (vdd){large, zero});
    const vi64 left = (vi64)x >> 63;
    o.sign = (swapped ^ left) & INT64_MIN;
    const vf64 quarter = v_mask_f64(middle, 1), half = v_select_f64(swapped, 2 - quarter, quarter);
    o.m = v_select_f64(left, 4 - half, half);
    return o;
}

static inline vf64 v_flip_f64(vf64 x, vi64 sign) {
    return (vf64)((vi64)x ^ sign);
}

static inline vf64 v_atan2_f64(vf64 y, vf64 x) {
    /* Large pairs come down and small ones up by a power of 2, so that no sum overflows and no rest is lost. */
    const vf64 a = v_abs_f64(y), b = v_abs_f64(x), larger = v_select_f64(a > b, a, b);
    const vf64 down = v_select_f64(larger > v_splat_f64(0x1p1000), v_splat_f64(0x1p-200), v_splat_f64(1.0));
    const vf64 scale = v_select_f64(larger < v_splat_f64(0x1p-700), v_splat_f64(0x1p300), down);
    const v_octant o = v_octant_of(y * scale, x * scale);
    const vf64 q = o.n.hi / o.d.hi;
    const vf64 rest = (v_fma_f64(-q, o.d.hi, o.n.hi) + v_fma_f64(-q, o.d.lo, o.n.lo)) / o.d.hi;
    const vf64 value = v_atan_from(o.m, (vdd){v_flip_f64(q, o.sign), v_flip_f64(rest, o.sign)});
    return v_select_f64((y != y) | (x != x), y + x, v_with_sign_f64(value, y));
}

/* |atan2(y, x)| of floats, as a sum with a relative error below 2^-100, rounded to odd. */
static inline vf64 v_atan2_odd(vf64 y, vf64 x) {
    const v_octant o = v_octant_of(y, x);
    const vdd q = v_quotient(o.n, o.d), t = v_fast_sum(q.hi, q.lo);
    const vdd square = v_exact_product(t.hi, t.hi), u = v_fast_sum(square.hi, square.lo + 2 * (t.hi * t.lo));
    /* 1 - u/3 + u^2/5 - ..., u < 0.172: 40 terms */
    const vf64 zero = v_splat_f64(0);
    vdd sum = {zero, zero};
    for (int k = 39; k >= 0; k--) {
        const vdd c = v_quotient((vdd){v_splat_f64(1), zero}, (vdd){v_splat_f64(2 * k + 1), zero});
        const vdd product = v_exact_product(u.hi, sum.hi);
        const vdd p = v_fast_sum(product.hi, product.lo + (u.hi * sum.lo + u.lo * sum.hi));
        const vdd s = v_fast_sum(c.hi, -p.hi);
        sum = v_fast_sum(s.hi, s.lo + (c.lo - p.lo));
    }
    const vdd angle = v_exact_product(t.hi, sum.hi), base = v_exact_product(o.m, V_PIO4_HIGH);
    const vf64 angle_low = angle.lo + (t.hi * sum.lo + t.lo * sum.hi), base_low = base.lo + o.m * V_PIO4_LOW;
    const vdd whole = v_fast_sum(base.hi, v_flip_f64(angle.hi, o.sign));
    return v_round_to_odd((vdd){whole.hi, whole.lo + (base_low + v_flip_f64(angle_low, o.sign))});
}

V_RARE vf32 rt_atan2_hard(vf32 y, vf32 x) {
    return v_narrow_f32(v_atan2_odd(v_low_f64(y), v_low_f64(x)), v_atan2_odd(v_high_f64(y), v_high_f64(x)));
}

/* axes pi / 2 + sign atan(small / large), 0 <= small <= large, with an error below 2^-51. */
static inline vf64 v_atan2_close(vf64 small, vf64 large, vf64 axes, vf64 sign) {
    const vi64 middle = small > large * V_TAN_PIO8;
    const vf64 n = v_select_f64(middle, small - large, small), d = v_select_f64(middle, small + large, large);
    const vf64 t = sign * n / d;
    const vf64 m = v_fma_f64(axes, v_splat_f64(2), (vf64)(middle & (vi64)sign));
    const vf64 u = t * t;
    const vf64 p = v_fma_f64(t * u, V_ESTRIN(rt_atan_near, u), m * V_PIO4_LOW);
    return v_fma_f64(m, V_PIO4_HIGH, t) + p;
}

static inline vf32 v_atan2_f32(vf32 y, vf32 x) {
    const vf32 zero = v_splat_f32(0), one = v_splat_f32(1), infinity = v_splat_f32(__builtin_inff());
    const vf32 a = v_abs_f32(y), b = v_abs_f32(x), lesser = v_min_f32(a, b), greater = v_max_f32(a, b);
    /* Infinite: 0 / 1 or 1 / 1. Both zero: 0 / 1. */
    const vi32 infinite = greater == infinity;
    const vf32 small = v_select_f32(infinite, v_select_f32(lesser == infinity, one, zero), lesser);
    const vf32 large = v_select_f32(infinite | (greater == zero), one, greater);
    const vi32 swapped = a > b, left = (vi32)x >> 31;
    const vf32 axes = v_select_f32(swapped, one, v_select_f32(left, v_splat_f32(2), zero));
    const vf32 sign = (vf32)((vi32)one ^ ((swapped ^ left) & INT32_MIN));
    const vf64 v0 = v_atan2_close(v_low_f64(small), v_low_f64(large), v_low_f64(axes), v_low_f64(sign));
    const vf64 v1 = v_atan2_close(v_high_f64(small), v_high_f64(large), v_high_f64(axes), v_high_f64(sign));
    const vf64 margin = v_splat_f64(0x1p-49);
    vf32 value = v_narrow_f32(v_fma_f64(v0, -margin, v0), v_fma_f64(v1, -margin, v1));
    const vi32 hard = value < v_narrow_f32(v_fma_f64(v0, margin, v0), v_fma_f64(v1, margin, v1));
    if (__builtin_expect(v_any_i32(hard), 0)) value = v_select_f32(hard, rt_atan2_hard(y, x), value);
    return v_select_f32((y != y) | (x != x), y + x, v_with_sign_f32(value, y));
}

#endif
