/* SPDX-License-Identifier: MIT
 *
 * logaddexp.h: log(e^x + e^y) = M + log1p(e^d), M the larger and d <= 0 the smaller less the larger.
 *
 * float32, correctly rounded: in float64 with an error bound. Where both ends of the interval round to one float, that
 * is the result; elsewhere 128 bits decide. No result but M itself, infinities and NaN is a float or midway.
 *
 * float64, one algorithm on all instruction sets, under 0.7 ULP: d, e^d and the logarithm as sums of two float64. Where
 * M cancels against the logarithm to under an eighth of itself, 128 bits: then under 0.51 ULP as long as the result is
 * above 2^-60 of M, which only operands made for it are not.
 */
#ifndef RTCH_LOGADDEXP_H
#define RTCH_LOGADDEXP_H

#include "../base/wide.h"
#include "math/exp.h"
#include "math/log.h"

static inline rt_wide v_logaddexp_wide(double large, double small) {
    const rt_wide m = rt_wide_from(large);
    const rt_wide d = rt_wide_add(rt_wide_from(small), rt_wide_negated(m));
    if (d.m != 0 && d.e >= 11) return m; /* e^-2048 */
    return rt_wide_add(m, rt_wide_log1p(rt_wide_exp(d)));
}

/* What the formula does not give: infinities and NaN. */
static inline vf32 v_logaddexp_ends_f32(vf32 x, vf32 y, vf32 r) {
    const vf32 inf = v_splat_f32(__builtin_inff());
    r = v_select_f32(x == -inf, y + 0.0f, v_select_f32(y == -inf, x + 0.0f, r)); /* log(1) is +0 */
    r = v_select_f32((x == inf) | (y == inf), inf, r);
    return v_select_f32((x != x) | (y != y), x + y, r);
}

static inline vf64 v_logaddexp_ends_f64(vf64 x, vf64 y, vf64 r) {
    const vf64 inf = v_splat_f64(__builtin_inf());
    r = v_select_f64(x == -inf, y + 0.0, v_select_f64(y == -inf, x + 0.0, r)); /* log(1) is +0 */
    r = v_select_f64((x == inf) | (y == inf), inf, r);
    return v_select_f64((x != x) | (y != y), x + y, r);
}

V_RARE vf32 v_logaddexp_rare_f32(vf32 x, vf32 y, vf32 result, vi32 rare) {
    for (int i = 0; i < (int)(sizeof(x) / sizeof(float)); i++)
        if (rare[i] && x[i] - x[i] == 0 && y[i] - y[i] == 0)
            result[i] = rt_wide_to_f32(v_logaddexp_wide(x[i] > y[i] ? x[i] : y[i], x[i] > y[i] ? y[i] : x[i]));
    return v_logaddexp_ends_f32(x, y, result);
}

V_RARE vf64 v_logaddexp_rare_f64(vf64 x, vf64 y, vf64 result, vi64 rare) {
    for (int i = 0; i < (int)(sizeof(x) / sizeof(double)); i++)
        if (rare[i] && x[i] - x[i] == 0 && y[i] - y[i] == 0)
            result[i] = rt_wide_to_f64(v_logaddexp_wide(x[i] > y[i] ? x[i] : y[i], x[i] > y[i] ? y[i] : x[i]));
    return v_logaddexp_ends_f64(x, y, result);
}

/* The result and, in `error`, a bound of its error: that of d makes 2^-45.8 of the logarithm, log1p 2^-44.8. */
static inline vf64 v_logaddexp_close(vf64 x, vf64 y, vf64 *error) {
    const vf64 large = v_max_f64(x, y), d = v_min_f64(x, y) - large;
    const vf64 l = v_log1p_fast(v_exp_close(v_max_f64(v_splat_f64(-150), d)));
    *error = v_fma_f64(v_abs_f64(large), v_splat_f64(0x1p-51), l * 0x1p-43);
    return large + l;
}

static inline vf32 v_logaddexp_f32(vf32 x, vf32 y) {
    vf64 e0, e1;
    const vf64 r0 = v_logaddexp_close(v_low_f64(x), v_low_f64(y), &e0);
    const vf64 r1 = v_logaddexp_close(v_high_f64(x), v_high_f64(y), &e1);
    const vf32 low = v_narrow_f32(r0 - e0, r1 - e1), high = v_narrow_f32(r0 + e0, r1 + e1);
    const vf32 inf = v_splat_f32(__builtin_inff());
    const vi32 rare = ((vi32)low != (vi32)high) | ~((v_abs_f32(x) < inf) & (v_abs_f32(y) < inf));
    if (__builtin_expect(v_any_i32(rare), 0)) return v_logaddexp_rare_f32(x, y, low, rare);
    return low;
}

static inline vf64 v_logaddexp_f64(vf64 x, vf64 y) {
    const vf64 inf = v_splat_f64(__builtin_inf());
    const vf64 large = v_max_f64(x, y), small = v_min_f64(x, y);
    const vdd d = v_exact_sum(small, -large);
    const vi64 far = d.hi < v_splat_f64(-700);
    const v_exp_parts e = v_exp_split(v_max_f64(v_splat_f64(-800), d.hi), v_select_f64(far, v_splat_f64(0), d.lo));
    const vdd s = v_fast_sum(v_splat_f64(1.0), e.p);
    const vf64 h = v_two_to(e.k);
    const vdd t = v_fast_sum(h * s.hi, h * (s.lo + e.p_low));
    const vdd l = v_log1p_dd(t);
    /* log1p(t) is t below 2^-60; where t has no low part it stands beside 0 or what hides it, or is rare. */
    const vdd near_zero = {v_select_f64(far, v_exp_join(e), t.hi), v_select_f64(far, v_splat_f64(0), t.lo)};
    const vdd p = v_select_dd(far | (t.hi < v_splat_f64(0x1p-60)), near_zero, l);
    const vdd sum = v_exact_sum(large, p.hi);
    const vf64 r = sum.hi + (sum.lo + p.lo);
    const vf64 size = v_abs_f64(large);
    const vi64 rare = (v_abs_f64(r) * 8 < size) | (far & (size > v_splat_f64(0)) & (size < v_splat_f64(0x1p-900))) |
                      ~((v_abs_f64(x) < inf) & (v_abs_f64(y) < inf));
    if (__builtin_expect(v_any_i64(rare), 0)) return v_logaddexp_rare_f64(x, y, r, rare);
    return r;
}

#endif
