/* SPDX-License-Identifier: MIT
 *
 * sincos.h: sine and cosine, of any finite angle.
 *
 * float32, in float64: r = |x| - k pi for the sine, r = |x| - (k - 1/2) pi for the cosine, |r| <= pi / 2, and the result
 * is (-1)^k sin r; sin r = r + r^3 S(r^2), S of degree 7 by Remez' algorithm for the least relative error of sin r,
 * 2^-61.5, moved within 2^-54 so that all hard cases but one of each come out right. Correct for all 2^32 inputs
 * (csrc/tests/exhaustive.c).
 *
 * float64, one algorithm on all instruction sets: x = n pi / 2 + r + r_low (rem_pio2.h), |r| <= pi / 4, then the sine or
 * the cosine of r, both under 0.7 ULP:
 *   sin r = r + (r^3 S(r^2) + r_low (1 - r^2 / 2)), S of degree 5, relative error 2^-57.7
 *   cos r = 1 - r^2/2 with the rounding errors of both, + (r^4 C(r^2) - r r_low), C of degree 5, relative error 2^-63.9
 * The coefficients are by Remez' algorithm, rounded to float64 one by one, the others fitted anew each time.
 */
#ifndef RTCH_SINCOS_H
#define RTCH_SINCOS_H

#include "math/exception.h"
#include "math/polynomial.h"
#include "math/rem_pio2.h"

/* (sin r - r) / r^3 for |r| <= pi / 2, in r^2. */
static const double rt_sin_wide[8] = {
    -0x1.5555555555555p-3,  0x1.11111111110c4p-7,  -0x1.a01a01a014d59p-13, 0x1.71de3a52a04fdp-19,
    -0x1.ae6454d45158cp-26, 0x1.6123cd010e07ep-33, -0x1.ae43825707f5ep-41, 0x1.8831ec43ba4a4p-49,
};

/* (sin r - r) / r^3 and (cos r - 1 + r^2 / 2) / r^4 for |r| <= pi / 4, in r^2. */
static const double rt_sin_near[6] = {
    -0x1.5555555555548p-3, 0x1.111111110f730p-7,   -0x1.a01a019be91adp-13,
    0x1.71de35551f073p-19, -0x1.ae5e4b9892c54p-26, 0x1.5d8b7140cbe09p-33,
};
static const double rt_cos_near[6] = {
    0x1.555555555554bp-5,   -0x1.6c16c16c15017p-10, 0x1.a01a019c8f6b6p-16,
    -0x1.27e4f7f1c9af0p-22, 0x1.1ee9dbf67aee1p-29,  -0x1.8fa698e285559p-37,
};

/* x - (k - half) pi and k; with half = 0 for the sine of x and 1/2 for the cosine, x >= 0. */
static inline v_angle v_half_turns(vf64 x, double half) {
    const vf64 shifter = v_splat_f64(0x1.8p52), over_pi = v_splat_f64(0x1.45f306dc9c883p-2);
    const vf64 t = half == 0 ? v_fma_f64(x, over_pi, shifter) : v_fma_f64(x, over_pi, v_splat_f64(half)) + shifter;
    const vf64 k = half == 0 ? shifter - t : half - (t - shifter);
    const vf64 r = v_fma_f64(k, v_splat_f64(0x1.921fb54442d18p+1), x);
    return (v_angle){{v_fma_f64(k, v_splat_f64(0x1.1a62633145c07p-53), r), v_splat_f64(0)}, (vi64)t};
}

/* (-1)^n sin r for |r| <= pi / 2, close enough to round to float32. */
static inline vf64 v_sin_close(v_angle a) {
    const vf64 u = a.r.hi * a.r.hi;
    const vf64 s = v_fma_f64(a.r.hi * u, V_POLYNOMIAL(rt_sin_wide, u), a.r.hi);
    return (vf64)((vi64)s ^ a.n << 63);
}

/* The sine of |x|, or with half = 1/2 the cosine, where a lane is far out. */
V_RARE vf32 rt_sin_far(vf32 x, double half) {
    const uint64_t offset = half == 0 ? 0 : 1ULL << 62; /* a quarter of a turn */
    const vf64 low = v_low_f64(x), high = v_high_f64(x);
    return v_narrow_f32(v_sin_close(rt_reduce_far(low, 1, offset, v_half_turns(low, half))),
                        v_sin_close(rt_reduce_far(high, 1, offset, v_half_turns(high, half))));
}

static inline vf32 v_sin_plus_f32(vf32 x, double half) {
    if (__builtin_expect(v_any_i32(x >= v_splat_f32(RT_FAR)), 0)) return rt_sin_far(x, half);
    return v_narrow_f32(v_sin_close(v_half_turns(v_low_f64(x), half)), v_sin_close(v_half_turns(v_high_f64(x), half)));
}

static inline vf32 v_sin_f32(vf32 x) {
    const vf32 a = v_abs_f32(x);
    const vf32 s = v_exception_f32(v_sin_plus_f32(a, 0), a, 0x1.33333p+13f, -0x1.63f4bap-2f);
    return (vf32)((vi32)s ^ ((vi32)x & INT32_MIN));
}

static inline vf32 v_cos_f32(vf32 x) {
    const vf32 a = v_abs_f32(x);
    return v_exception_f32(v_sin_plus_f32(a, 0.5), a, 0x1.2b9622p+67f, 0x1.f0285ep-1f);
}

/* sin(r) and cos(r) for |r| <= pi / 4, as a sum whose parts do not overlap. */
static inline vdd v_sin_near(vdd r) {
    const vf64 u = r.hi * r.hi;
    const vf64 low = v_fma_f64(r.lo, u * -0.5, r.lo);
    return v_fast_sum(r.hi, v_fma_f64(r.hi * u, V_POLYNOMIAL(rt_sin_near, u), low));
}

static inline vdd v_cos_near(vdd r) {
    const vdd u = v_exact_product(r.hi, r.hi);
    const vdd c = v_fast_sum(v_splat_f64(1.0), u.hi * -0.5);
    const vf64 low = v_fma_f64(r.hi, -r.lo, u.lo * -0.5);
    return v_fast_sum(c.hi, c.lo + v_fma_f64(u.hi * u.hi, V_POLYNOMIAL(rt_cos_near, u.hi), low));
}

/* sin(x + quarters pi / 2), x >= 0. */
static inline vf64 v_sin_turned(vf64 x, int64_t quarters) {
    const v_angle a = v_rem_pio2(x);
    const vi64 n = a.n + quarters;
    const vf64 value = v_select_f64(-(n & 1), v_cos_near(a.r).hi, v_sin_near(a.r).hi);
    return (vf64)((vi64)value ^ (n & 2) << 62);
}

static inline vf64 v_sin_f64(vf64 x) {
    return (vf64)((vi64)v_sin_turned(v_abs_f64(x), 0) ^ ((vi64)x & INT64_MIN));
}

static inline vf64 v_cos_f64(vf64 x) {
    return v_sin_turned(v_abs_f64(x), 1);
}

#endif
