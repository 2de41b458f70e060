/* SPDX-License-Identifier: MIT
 *
 * hyperbolic.h: sinh, cosh, tanh and their inverses, by exp.h and log.h.
 *
 *   E = e^|x| - 1          sinh |x| = (E + E / (E + 1)) / 2      cosh x = (e^|x| + e^-|x|) / 2
 *   E = e^(2|x|) - 1       tanh |x| = E / (E + 2)
 *   asinh |x| = log1p(|x| + x^2 / (1 + sqrt(x^2 + 1)))
 *   acosh x   = log1p(x - 1 + sqrt(x^2 - 1))
 *   atanh |x| = log1p(2|x| / (1 - |x|)) / 2
 *
 * float32: these formulas in float64; where sinh, asinh and acosh are too close to call, the float64 algorithm decides.
 * Correct for all 2^32 inputs (csrc/tests/exhaustive.c).
 *
 * float64, one algorithm on all instruction sets: the same in sums of two float64, under 0.6 ULP. Below 2^-29 the odd
 * functions return x.
 */
#ifndef RTCH_HYPERBOLIC_H
#define RTCH_HYPERBOLIC_H

#include "math/exp.h"
#include "math/log.h"

/* float64 -------------------------------------------------------------------------------------------------------- */

/* e^|x| / 2, which is sinh and cosh where e^-|x| is out of sight; up to infinity. */
static inline vf64 v_exp_half(v_exp_parts e) {
    e.k -= 1;
    return v_exp_join(e);
}

/* 0 <= x <= 700 */
static inline vdd v_sinh_dd(vf64 x) {
    const vdd e = v_expm1_half(x);
    const vdd d = v_exact_sum(v_splat_f64(1.0), e.hi * 2);
    const vdd q = v_quotient(e, (vdd){d.hi, v_fma_f64(v_splat_f64(2.0), e.lo, d.lo)});
    const vdd s = v_fast_sum(e.hi, q.hi);
    return (vdd){s.hi, s.lo + (e.lo + q.lo)};
}

static inline vf64 v_sinh_f64(vf64 x) {
    const vf64 a = v_min_f64(v_splat_f64(800), v_abs_f64(x));
    const vdd s = v_sinh_dd(v_min_f64(v_splat_f64(40), a));
    const vf64 near = s.hi + s.lo;
    const vf64 far = v_exp_half(v_exp_split(a, v_splat_f64(0)));
    const vf64 result = v_with_sign_f64(v_select_f64(a > v_splat_f64(40), far, near), x);
    return v_select_f64(a < v_splat_f64(0x1p-29), x, result);
}

static inline vf64 v_cosh_f64(vf64 x) {
    const vf64 a = v_min_f64(v_splat_f64(800), v_abs_f64(x));
    const v_exp_parts e = v_exp_split(a, v_splat_f64(0));
    /* u = e^|x| / 2, cosh x = u + 1 / (4 u); without meaning where a is large. */
    const vdd s = v_fast_sum(v_splat_f64(1.0), e.p);
    const vf64 h = v_two_to(e.k - 1);
    const vdd u = v_fast_sum(h * s.hi, h * (s.lo + e.p_low));
    const vdd q = v_quotient((vdd){v_splat_f64(0.25), v_splat_f64(0)}, u);
    const vdd sum = v_fast_sum(u.hi, q.hi);
    const vf64 near = sum.hi + (sum.lo + (u.lo + q.lo));
    return v_select_f64(a > v_splat_f64(40), v_exp_half(e), near);
}

static inline vf64 v_tanh_f64(vf64 x) {
    const vf64 a = v_min_f64(v_splat_f64(22), v_abs_f64(x)); /* tanh(22) rounds to 1 */
    const vdd e = v_expm1_half(a * 2);
    const vdd d = v_exact_sum(e.hi, v_splat_f64(1.0));
    const vdd q = v_quotient(e, (vdd){d.hi, d.lo + e.lo});
    return v_with_sign_f64(q.hi + q.lo, x);
}

/* From here on 1 is out of sight beside x. */
#define V_HUGE v_splat_f64(0x1p60)

/* a >= 0 */
static inline vdd v_asinh_dd(vf64 a) {
    const vf64 b = v_min_f64(V_HUGE, a);
    const vdd square = v_exact_product(b, b);
    const vdd w = v_exact_sum(square.hi, v_splat_f64(1.0));
    const vdd root = v_root(v_fast_sum(w.hi, w.lo + square.lo));
    const vdd d = v_exact_sum(root.hi, v_splat_f64(1.0));
    const vdd q = v_quotient(square, (vdd){d.hi, d.lo + root.lo});
    const vdd y = v_exact_sum(b, q.hi);
    const vi64 huge = a >= V_HUGE;
    vf64 k;
    const vdd f = v_log1p_split_dd(v_select_dd(huge, (vdd){a, v_splat_f64(0)}, v_fast_sum(y.hi, y.lo + q.lo)), &k);
    k = k + v_select_f64(huge, v_splat_f64(1), v_splat_f64(0));
    return v_log_join_e(k, v_log1p_near_dd(f));
}

static inline vf64 v_asinh_f64(vf64 x) {
    const vf64 a = v_abs_f64(x);
    const vf64 result = v_with_sign_f64(v_asinh_dd(a).hi, x);
    return v_select_f64((a >= v_splat_f64(0x1p-29)) & (a < v_splat_f64(__builtin_inf())), result, x);
}

/* x >= 1 */
static inline vdd v_acosh_dd(vf64 x) {
    const vf64 b = v_min_f64(V_HUGE, x);
    const vdd square = v_exact_product(b, b);
    const vdd w = v_exact_sum(square.hi, v_splat_f64(-1.0));
    const vdd root = v_root(v_fast_sum(w.hi, w.lo + square.lo));
    const vdd t = v_exact_sum(b, v_splat_f64(-1.0));
    const vdd y = v_exact_sum(t.hi, root.hi);
    const vi64 huge = x >= V_HUGE;
    vf64 k;
    const vdd sum = v_fast_sum(y.hi, y.lo + (t.lo + root.lo));
    const vdd f = v_log1p_split_dd(v_select_dd(huge, (vdd){x, v_splat_f64(0)}, sum), &k);
    k = k + v_select_f64(huge, v_splat_f64(1), v_splat_f64(0));
    return v_log_join_e(k, v_log1p_near_dd(f));
}

static inline vf64 v_acosh_f64(vf64 x) {
    const vf64 result = v_acosh_dd(x).hi;
    const vf64 end = v_select_f64(x == v_splat_f64(__builtin_inf()), x, v_splat_f64(__builtin_nan("")));
    return v_select_f64((x >= v_splat_f64(1)) & (x < v_splat_f64(__builtin_inf())), result, end);
}

static inline vf64 v_atanh_f64(vf64 x) {
    const vf64 a = v_abs_f64(x);
    const vdd d = v_fast_sum(v_splat_f64(1.0), -a);
    const vdd y = v_log1p_dd(v_quotient((vdd){a + a, v_splat_f64(0)}, d));
    const vf64 end = v_select_f64(a == v_splat_f64(1), v_splat_f64(__builtin_inf()), v_splat_f64(__builtin_nan("")));
    const vf64 result = v_with_sign_f64(v_select_f64(a < v_splat_f64(1), y.hi * 0.5, end), x);
    return v_select_f64(a < v_splat_f64(0x1p-29), x, result);
}

/* float32 -------------------------------------------------------------------------------------------------------- */

/* x >= 0 */
static inline vf64 v_sinh_close(vf64 x) {
    const vf64 e = v_expm1_whole_close(x);
    return (e + e / (e + 1.0)) * 0.5;
}

static inline vf64 v_cosh_close(vf64 x) {
    const vf64 e = v_exp_close(x);
    return (e + 1.0 / e) * 0.5;
}

static inline vf64 v_tanh_close(vf64 x) {
    const vf64 e = v_expm1_whole_close(x + x);
    return e / (e + 2.0);
}

static inline vf64 v_asinh_close(vf64 x) {
    const vf64 square = x * x;
    return v_log1p_close(x + square / (v_sqrt_f64(square + 1.0) + 1.0));
}

static inline vf64 v_acosh_close(vf64 x) {
    const vf64 t = x - 1.0;
    return v_log1p_close(t + v_sqrt_f64(t * (t + 2.0)));
}

static inline vf64 v_atanh_close(vf64 x) {
    return v_log1p_close((x + x) / (1.0 - x)) * 0.5;
}

static inline vf64 v_sinh_odd(vf64 x) {
    return v_round_to_odd(v_sinh_dd(x));
}

V_RARE vf32 v_sinh_rare(vf32 x) {
    return v_narrow_f32(v_sinh_odd(v_low_f64(x)), v_sinh_odd(v_high_f64(x)));
}

static inline vf64 v_asinh_odd(vf64 x) {
    return v_round_to_odd(v_asinh_dd(x));
}

V_RARE vf32 v_asinh_rare(vf32 x) {
    return v_narrow_f32(v_asinh_odd(v_low_f64(x)), v_asinh_odd(v_high_f64(x)));
}

static inline vf64 v_acosh_odd(vf64 x) {
    return v_round_to_odd(v_acosh_dd(x));
}

V_RARE vf32 v_acosh_rare(vf32 x) {
    return v_narrow_f32(v_acosh_odd(v_low_f64(x)), v_acosh_odd(v_high_f64(x)));
}

V_DEFINE_BY_HALVES_OR_RARE(v_sinh_in_f32, v_sinh_close, v_splat_i32(0), v_sinh_rare)
V_DEFINE_BY_HALVES(v_cosh_in_f32, v_cosh_close)
V_DEFINE_BY_HALVES(v_tanh_in_f32, v_tanh_close)
V_DEFINE_BY_HALVES_OR_RARE(v_asinh_in_f32, v_asinh_close, v_splat_i32(0), v_asinh_rare)
V_DEFINE_BY_HALVES_OR_RARE(v_acosh_in_f32, v_acosh_close, v_splat_i32(0), v_acosh_rare)
V_DEFINE_BY_HALVES(v_atanh_in_f32, v_atanh_close)

static inline vf32 v_sinh_f32(vf32 x) {
    const vf32 y = v_min_f32(v_splat_f32(100), v_abs_f32(x));
    return v_with_sign_f32(v_sinh_in_f32(y), x);
}

static inline vf32 v_cosh_f32(vf32 x) {
    return v_cosh_in_f32(v_min_f32(v_splat_f32(100), v_abs_f32(x)));
}

static inline vf32 v_tanh_f32(vf32 x) {
    const vf32 y = v_min_f32(v_splat_f32(20), v_abs_f32(x)); /* tanh(20) rounds to 1 */
    return v_with_sign_f32(v_tanh_in_f32(y), x);
}

static inline vf32 v_asinh_f32(vf32 x) {
    const vf32 y = v_with_sign_f32(v_asinh_in_f32(v_abs_f32(x)), x);
    return v_select_f32(v_abs_f32(x) < v_splat_f32(__builtin_inff()), y, x);
}

static inline vf32 v_acosh_f32(vf32 x) {
    const vf32 y = v_acosh_in_f32(x), nan = v_splat_f32(__builtin_nanf(""));
    const vf32 end = v_select_f32(x == v_splat_f32(__builtin_inff()), x, nan);
    return v_select_f32((x >= v_splat_f32(1)) & (x < v_splat_f32(__builtin_inff())), y, end);
}

static inline vf32 v_atanh_f32(vf32 x) {
    const vf32 a = v_abs_f32(x), nan = v_splat_f32(__builtin_nanf(""));
    const vf32 end = v_select_f32(a == v_splat_f32(1), v_splat_f32(__builtin_inff()), nan);
    return v_with_sign_f32(v_select_f32(a < v_splat_f32(1), v_atanh_in_f32(a), end), x);
}

#endif
