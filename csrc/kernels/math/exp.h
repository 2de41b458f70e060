/* SPDX-License-Identifier: MIT
 *
 * exp.h: exp, expm1 and exp2, and what the hyperbolic functions and pow take from them.
 *
 * Everywhere x = k ln 2 + r with |r| <= 0.3466, and e^x = 2^k (1 + expm1(r)); 2^x = e^(x ln 2).
 *
 * float32: expm1 and the hyperbolic functions in float64, expm1(r) = r + r^2 Q(r), Q of degree 9 by Remez' algorithm for
 * the least relative error of expm1, 2^-55.6. exp by a polynomial of degree 9, likewise, 2^-46.1, where that decides the
 * rounding, else by the float64 algorithm. Correct for all 2^32 inputs (csrc/tests/exhaustive.c).
 *
 * float64, one algorithm on all instruction sets: expm1(r) = p + p_low with p = r + r^2/2 and, in p_low, the rounding
 * errors of both terms and r^3 T(r), T the Taylor series to degree 11 (truncation under 2^-60 of the result). What is
 * computed from p + p_low is within 2^-57 before its last rounding: exp is under 0.52 ULP (0.7 where it
 * is subnormal), expm1 under 0.6.
 */
#ifndef RTCH_EXP_H
#define RTCH_EXP_H

#include "math/double_double.h"

/* Adding 1.5 * 2^52 rounds to an integer that stands in the low bits. */
#define V_SHIFTER v_splat_f64(0x1.8p52)

/* expm1(r) for |r| <= 0.3466 */
static inline vf64 v_expm1_near(vf64 r) {
    const vf64 r2 = r * r;
    vf64 odd = v_splat_f64(0x1.ae688b97df15cp-26);
    odd = v_fma_f64(odd, r2, v_splat_f64(0x1.71de8a3c94995p-19));
    odd = v_fma_f64(odd, r2, v_splat_f64(0x1.a01a0173f60b7p-13));
    odd = v_fma_f64(odd, r2, v_splat_f64(0x1.1111111119371p-7));
    odd = v_fma_f64(odd, r2, v_splat_f64(0x1.5555555555538p-3));
    vf64 even = v_splat_f64(0x1.28a1ea55b8baap-22);
    even = v_fma_f64(even, r2, v_splat_f64(0x1.a019a7665c414p-16));
    even = v_fma_f64(even, r2, v_splat_f64(0x1.6c16c17edd873p-10));
    even = v_fma_f64(even, r2, v_splat_f64(0x1.55555555522bbp-5));
    even = v_fma_f64(even, r2, v_splat_f64(0x1.0000000000005p-1));
    return v_fma_f64(r2, v_fma_f64(odd, r, even), r);
}

/* 2^k for the k that V_SHIFTER was added to. */
static inline vf64 v_two_to_shifted(vf64 t) {
    return (vf64)(((vi64)t << 52) + (vi64)v_splat_f64(1.0));
}

/* expm1(r) and 2^k for |x| < 700; NaN gives NaN. */
static inline vf64 v_expm1_close(vf64 x, vf64 *two_k) {
    const vf64 t = v_fma_f64(x, v_splat_f64(0x1.71547652b82fep+0), V_SHIFTER);
    const vf64 k = t - V_SHIFTER;
    const vf64 r =
        v_fma_f64(k, v_splat_f64(-0x1.abc9e3b39803fp-56), v_fma_f64(k, v_splat_f64(-0x1.62e42fefa39efp-1), x));
    *two_k = v_two_to_shifted(t);
    return v_expm1_near(r);
}

static inline vf64 v_exp_close(vf64 x) {
    vf64 two_k;
    const vf64 p = v_expm1_close(x, &two_k);
    return v_fma_f64(two_k, p, two_k);
}

/* 2^x for |x| < 1000 */
static inline vf64 v_exp2_close(vf64 x) {
    const vf64 t = x + V_SHIFTER, two_k = v_two_to_shifted(t);
    return v_fma_f64(two_k, v_expm1_near((x - (t - V_SHIFTER)) * 0x1.62e42fefa39efp-1), two_k);
}

/* e^x - 1, also near 0. */
static inline vf64 v_expm1_whole_close(vf64 x) {
    vf64 two_k;
    const vf64 p = v_expm1_close(x, &two_k);
    return v_fma_f64(two_k, p, two_k - 1.0);
}

/* float64 -------------------------------------------------------------------------------------------------------- */

/* e^(x + x_low) = 2^k (1 + p + p_low) */
typedef struct {
    vi64 k;
    vf64 p, p_low;
} v_exp_parts;

/* |x| < 2^12, |x_low| < 2^-40; NaN gives NaN in p. */
static inline v_exp_parts v_exp_split(vf64 x, vf64 x_low) {
    const vf64 t = v_fma_f64(x, v_splat_f64(0x1.71547652b82fep+0), V_SHIFTER);
    const vf64 k = t - V_SHIFTER;
    const vf64 rh = v_fma_f64(k, v_splat_f64(-0x1.62e42fefa3800p-1), x); /* exact: 42 bits times 11 */
    const vf64 rl = v_fma_f64(k, v_splat_f64(-0x1.ef35793c76730p-45), x_low);
    const vf64 r = rh + rl;
    const vf64 r_err = (rh - r) + rl;

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

    const vf64 s = r * r;
    const vf64 s_err = v_fma_f64(r, r, -s);
    const vf64 half = s * 0.5;
    const vf64 p = r + half;
    const vf64 p_err = (r - p) + half;
    const vf64 p_low = p_err + v_fma_f64(s_err, v_splat_f64(0.5), v_fma_f64(s * r, q, v_fma_f64(r_err, r, r_err)));
    return (v_exp_parts){(vi64)t - (vi64)V_SHIFTER, p, p_low};
}

/* 2^k for -1022 <= k <= 1023 */
static inline vf64 v_two_to(vi64 k) {
    return (vf64)((k + 1023) << 52);
}

/* x 2^k for |k| < 2000, rounded once, where x is between 1/4 and 4: in two steps, the first of them exact. */
static inline vf64 v_scale(vf64 x, vi64 k) {
    const vi64 half = (vi64)((vu64)(k + 4096) >> 1) - 2048;
    return x * v_two_to(half) * v_two_to(k - half);
}

/* 1 + p + p_low; p_low is no rounding error, but up to 0.01. */
static inline vdd v_exp_sum(v_exp_parts e) {
    const vdd s = v_fast_sum(v_splat_f64(1.0), e.p);
    return v_fast_sum(s.hi, s.lo + e.p_low);
}

/* 2^k (1 + p + p_low) */
static inline vf64 v_exp_join(v_exp_parts e) {
    const vdd s = v_fast_sum(v_splat_f64(1.0), e.p);
    return v_scale(s.hi + (s.lo + e.p_low), e.k);
}

/* (e^x - 1) / 2 for |x| < 710, as a sum. */
static inline vdd v_expm1_half(vf64 x) {
    const v_exp_parts e = v_exp_split(x, v_splat_f64(0));
    const vf64 h = v_two_to(e.k - 1);
    const vdd a = v_exact_sum(h, v_splat_f64(-0.5));
    const vdd s = v_fast_sum(a.hi, h * e.p); /* the first is larger, or 0 */
    return v_fast_sum(s.hi, v_fma_f64(h, e.p_low, s.lo + a.lo));
}

static inline vf64 v_exp_f64(vf64 x) {
    x = v_max_f64(v_splat_f64(-800), v_min_f64(v_splat_f64(800), x));
    return v_exp_join(v_exp_split(x, v_splat_f64(0)));
}

static inline vf64 v_expm1_f64(vf64 x) {
    const vf64 y = v_max_f64(v_splat_f64(-50), v_min_f64(v_splat_f64(709), x));
    const vf64 near = v_expm1_half(y).hi * 2;
    const vf64 result = v_select_f64(x > v_splat_f64(709), v_exp_f64(x), near);
    return v_select_f64(v_abs_f64(x) < v_splat_f64(0x1p-54), x, result);
}

/* 2^x for |x| < 2000 */
static inline v_exp_parts v_exp2_split(vf64 x) {
    const vdd p = v_exact_product(x, v_splat_f64(0x1.62e42fefa39efp-1));
    return v_exp_split(p.hi, v_fma_f64(x, v_splat_f64(0x1.abc9e3b39803fp-56), p.lo));
}

static inline vf64 v_exp2_f64(vf64 x) {
    x = v_max_f64(v_splat_f64(-1100), v_min_f64(v_splat_f64(1100), x));
    return v_exp_join(v_exp2_split(x));
}

/* float32 -------------------------------------------------------------------------------------------------------- */

/* Between these, e^x goes from half the smallest float down to 0 and up to infinity; NaN passes. */
static inline vf32 v_exp_clamp_f32(vf32 x) {
    return v_max_f32(v_splat_f32(-150), v_min_f32(v_splat_f32(150), x));
}

static inline vf64 v_exp_join_odd(v_exp_parts e) {
    const vdd s = v_fast_sum(v_splat_f64(1.0), e.p);
    return v_round_to_odd((vdd){s.hi, s.lo + e.p_low}) * v_two_to(e.k);
}

static inline vf64 v_exp_odd(vf64 x) {
    return v_exp_join_odd(v_exp_split(x, v_splat_f64(0)));
}

static inline vf64 v_exp2_odd(vf64 x) {
    return v_exp_join_odd(v_exp2_split(x));
}

/* |x| <= 150 */
V_RARE vf32 v_exp_rare(vf32 x) {
    return v_narrow_f32(v_exp_odd(v_low_f64(x)), v_exp_odd(v_high_f64(x)));
}

/* e^x (1 + 2^-43) within 2^-45.6: above e^x, by 350 to 1,200 units of the last place. */
static inline vf64 v_exp_above(vf64 x) {
    const vf64 t = v_fma_f64(x, v_splat_f64(0x1.71547652b82fep+0), V_SHIFTER);
    const vf64 r = v_fma_f64(t - V_SHIFTER, v_splat_f64(-0x1.62e42fefa39efp-1), x);
    const vf64 r2 = r * r;
    vf64 odd = v_splat_f64(0x1.70db943dac240p-19);
    odd = v_fma_f64(odd, r2, v_splat_f64(0x1.a01bc32cdef3dp-13));
    odd = v_fma_f64(odd, r2, v_splat_f64(0x1.1111105b08d1fp-7));
    odd = v_fma_f64(odd, r2, v_splat_f64(0x1.55555555bb98ap-3));
    odd = v_fma_f64(odd, r2, v_splat_f64(0x1.ffffffffffc38p-1));
    vf64 even = v_splat_f64(0x1.a17c126843e71p-16);
    even = v_fma_f64(even, r2, v_splat_f64(0x1.6c162d85eca06p-10));
    even = v_fma_f64(even, r2, v_splat_f64(0x1.55555587a1811p-5));
    even = v_fma_f64(even, r2, v_splat_f64(0x1.ffffffffe825ep-2));
    even = v_fma_f64(even, r2, v_splat_f64(0x1.000000000023ap+0));
    return (vf64)((vi64)v_fma_f64(odd, r, even) + ((vi64)t << 52));
}

static inline vf32 v_exp_f32(vf32 x) {
    const vf32 y = v_exp_clamp_f32(x);
    const vf64 y0 = v_exp_above(v_low_f64(y)), y1 = v_exp_above(v_high_f64(y));
    /* The middle between two floats 0 to 2,047 units below: it may lie between e^x and what stands here. */
    const vi32 close = (v_low_words(y0, y1) << 3) < v_splat_i32(INT32_MIN + (1 << 14));
    if (__builtin_expect(v_any_i32(close), 0)) return v_exp_rare(y);
    return v_narrow_f32(y0, y1);
}

V_DEFINE_BY_HALVES(v_expm1_in_f32, v_expm1_whole_close)

static inline vf32 v_expm1_f32(vf32 x) {
    return v_with_sign_f32(v_expm1_in_f32(v_exp_clamp_f32(x)), x);
}

V_RARE vf32 v_exp2_rare(vf32 x) {
    return v_narrow_f32(v_exp2_odd(v_low_f64(x)), v_exp2_odd(v_high_f64(x)));
}

V_DEFINE_BY_HALVES_OR_RARE(v_exp2_in_f32, v_exp2_close, v_splat_i32(0), v_exp2_rare)

static inline vf32 v_exp2_f32(vf32 x) {
    return v_exp2_in_f32(v_exp_clamp_f32(x));
}

#endif
