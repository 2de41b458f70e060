/* SPDX-License-Identifier: MIT
 *
 * rsqrt.h: 1 / sqrt(x); infinite at 0, of its sign, NaN below.
 *
 * float32: in float64, correct for all 2^32 inputs (csrc/tests/exhaustive.c). float64: root and quotient as sums of two
 * float64, 2^-100 before the last rounding; subnormal x times 2^108.
 */
#ifndef RTCH_RSQRT_H
#define RTCH_RSQRT_H

#include "math/double_double.h"

static inline vf64 v_rsqrt_close(vf64 x) {
    return 1.0 / v_sqrt_f64(x);
}

V_DEFINE_BY_HALVES(v_rsqrt_f32, v_rsqrt_close)

static inline vf64 v_rsqrt_f64(vf64 x) {
    const vi64 small = x < v_splat_f64(0x1p-900);
    const vdd y = {v_select_f64(small, x * 0x1p108, x), v_splat_f64(0)};
    const vdd r = v_quotient((vdd){v_splat_f64(1.0), v_splat_f64(0)}, v_root(y));
    const vf64 inside = (r.hi + r.lo) * v_select_f64(small, v_splat_f64(0x1p54), v_splat_f64(1.0));
    return v_select_f64((x > v_splat_f64(0)) & (x < v_splat_f64(__builtin_inf())), inside, v_rsqrt_close(x));
}

#endif
