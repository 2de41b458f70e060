/* SPDX-License-Identifier: MIT
 *
 * tan.h: tangent, of any finite angle.
 *
 * Both: x = n pi / 2 + r, |r| <= pi / 4; tan x is sin r / cos r where n is even and -cos r / sin r where it is odd.
 * float32: sine and cosine in float64 from the polynomials of sincos.h, one division. Correct for all 2^32 inputs
 * (csrc/tests/exhaustive.c).
 * float64: sine and cosine as sums (sincos.h), the quotient corrected once by its remainder; under 0.75 ULP.
 */
#ifndef RTCH_TAN_H
#define RTCH_TAN_H

#include "math/sincos.h"

/* x >= 0 less the nearest multiple of pi / 2, to about float64. */
static inline v_angle v_quarter_turns(vf64 x) {
    const vf64 shifter = v_splat_f64(0x1.8p52);
    const vf64 t = v_fma_f64(x, v_splat_f64(0x1.45f306dc9c883p-1), shifter);
    const vf64 k = shifter - t;
    const vf64 r = v_fma_f64(k, v_splat_f64(0x1.921fb54442d18p+0), x);
    return (v_angle){{v_fma_f64(k, v_splat_f64(0x1.1a62633145c07p-54), r), v_splat_f64(0)}, (vi64)t};
}

/* tan(n pi / 2 + r), close enough to round to float32. */
static inline vf64 v_tan_close(v_angle a) {
    const vf64 r = a.r.hi, u = r * r;
    const vf64 s = v_fma_f64(r * u, V_POLYNOMIAL(rt_sin_near, u), r);
    const vf64 c = v_fma_f64(u * u, V_POLYNOMIAL(rt_cos_near, u), v_fma_f64(u, v_splat_f64(-0.5), v_splat_f64(1.0)));
    const vi64 odd = -(a.n & 1);
    return v_select_f64(odd, c, s) / v_select_f64(odd, -s, c);
}

V_RARE vf32 rt_tan_far(vf32 x) {
    const vf64 low = v_low_f64(x), high = v_high_f64(x);
    return v_narrow_f32(v_tan_close(rt_reduce_far(low, 2, 0, v_quarter_turns(low))),
                        v_tan_close(rt_reduce_far(high, 2, 0, v_quarter_turns(high))));
}

static inline vf32 v_tan_plus_f32(vf32 x) {
    if (__builtin_expect(v_any_i32(x >= v_splat_f32(RT_FAR)), 0)) return rt_tan_far(x);
    return v_narrow_f32(v_tan_close(v_quarter_turns(v_low_f64(x))), v_tan_close(v_quarter_turns(v_high_f64(x))));
}

static inline vf32 v_tan_f32(vf32 x) {
    return (vf32)((vi32)v_tan_plus_f32(v_abs_f32(x)) ^ ((vi32)x & INT32_MIN));
}

static inline vf64 v_tan_f64(vf64 x) {
    const v_angle angle = v_rem_pio2(v_abs_f64(x));
    const vdd s = v_sin_near(angle.r), c = v_cos_near(angle.r);
    const vi64 odd = -(angle.n & 1);
    const vdd a = v_select_dd(odd, c, s), b = v_select_dd(odd, (vdd){-s.hi, -s.lo}, c);
    const vf64 inverse = 1.0 / b.hi, q = a.hi * inverse;
    const vf64 rest = v_fma_f64(-q, b.hi, a.hi) + v_fma_f64(-q, b.lo, a.lo);
    return (vf64)((vi64)v_fma_f64(rest, inverse, q) ^ ((vi64)x & INT64_MIN));
}

#endif
