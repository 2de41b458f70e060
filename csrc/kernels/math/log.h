/* SPDX-License-Identifier: MIT
 *
 * log.h: log, log1p, log2 and log10, and what the inverse hyperbolic functions and pow take from them.
 *
 * Everywhere x = 2^k (1 + f) with sqrt(1/2) <= 1 + f < sqrt(2), s = f / (2 + f), z = s^2, and
 *   log(1 + f) = 2 atanh(s) = 2 s (1 + z/3 + z^2/5 + ...) = f - s (f - z W(z))
 *
 * float32: in float64 by polynomials W of degree 4 by Remez' algorithm for the least relative error of the logarithm,
 * 2^-44.9, where that decides the rounding, else by the float64 algorithm; the inverse hyperbolic functions and pow take
 * W of degree 6, 2^-59.5. Correct for all 2^32 inputs (csrc/tests/exhaustive.c).
 *
 * float64, one algorithm on all instruction sets: s, z and the first two terms of the series as sums of two float64,
 * the terms from z^2 on, z^2 Q(z), in float64, Q of degree 7 by Remez' algorithm (2^-73.5 of the logarithm). The
 * logarithm comes as a sum that is within 2^-64 of it: under 0.51 ULP after the last rounding.
 */
#ifndef RTCH_LOG_H
#define RTCH_LOG_H

#include "math/double_double.h"

/* x = 2^k m for a positive normal number. */
static inline vf64 v_log_split(vf64 x, vf64 *k) {
    const int64_t one = 0x3ff0000000000000, root = 0x3fe6a09e667f3bcd; /* bits of 1 and of sqrt(1/2) */
    const vi64 shifted = (vi64)x + (one - root);
    const vi64 biased = (vi64)((vu64)shifted >> 52);
    *k = (vf64)(biased | 0x4330000000000000) - (0x1p52 + 1023);
    return (vf64)((shifted & 0xfffffffffffff) + root);
}

/* float64 -------------------------------------------------------------------------------------------------------- */

/* log(1 + f) for sqrt(1/2) <= 1 + f < sqrt(2) */
static inline vdd v_log1p_near_dd(vdd f) {
    const vdd g = v_fast_sum(v_splat_f64(2.0), f.hi);
    const vdd s = v_quotient(f, (vdd){g.hi, g.lo + f.lo});
    const vdd square = v_exact_product(s.hi, s.hi);
    const vdd z = {square.hi, v_fma_f64(s.hi + s.hi, s.lo, square.lo)};
    vf64 q = v_splat_f64(0x1.eb11f90e69360p-5);
    q = v_fma_f64(q, z.hi, v_splat_f64(0x1.de3356d55e49dp-5));
    q = v_fma_f64(q, z.hi, v_splat_f64(0x1.1120b64393c06p-4));
    q = v_fma_f64(q, z.hi, v_splat_f64(0x1.3b1362b1e0d85p-4));
    q = v_fma_f64(q, z.hi, v_splat_f64(0x1.745d1832620b1p-4));
    q = v_fma_f64(q, z.hi, v_splat_f64(0x1.c71c71c58049ap-4));
    q = v_fma_f64(q, z.hi, v_splat_f64(0x1.2492492493036p-3));
    q = v_fma_f64(q, z.hi, v_splat_f64(0x1.9999999999996p-3));
    /* series = 1/3 + z Q(z) */
    const vdd third = v_fast_sum(v_splat_f64(0x1.5555555555555p-2), z.hi * q);
    const vf64 third_low = third.lo + v_fma_f64(z.lo, q, v_splat_f64(0x1.5555555555555p-56));
    const vdd w = v_exact_product(z.hi, third.hi);
    const vf64 w_low = w.lo + v_fma_f64(z.hi, third_low, z.lo * third.hi);
    const vdd v = v_exact_product(s.hi, w.hi);
    const vf64 v_low = v.lo + v_fma_f64(s.hi, w_low, s.lo * w.hi);
    const vdd sum = v_fast_sum(s.hi, v.hi);
    const vdd result = v_fast_sum(sum.hi, sum.lo + (s.lo + v_low));
    return (vdd){result.hi * 2, result.lo * 2};
}

/* k (c + c_low) + l, where |k c| > |l| or k is 0 */
static inline vdd v_log_join(vf64 k, double c, double c_low, vdd l) {
    const vdd s = v_fast_sum(k * c, l.hi);
    return v_fast_sum(s.hi, s.lo + v_fma_f64(k, v_splat_f64(c_low), l.lo));
}

/* The natural logarithm; the first piece of ln 2 has 42 bits, so that k times it is exact. */
static inline vdd v_log_join_e(vf64 k, vdd l) {
    return v_log_join(k, 0x1.62e42fefa3800p-1, 0x1.ef35793c76730p-45, l);
}

/* x = 2^k (1 + f) for a positive number, subnormal ones too. */
static inline vdd v_log_split_dd(vf64 x, vf64 *k) {
    const vi64 tiny = x < v_splat_f64(0x1p-1022);
    const vf64 m = v_log_split(v_select_f64(tiny, x * 0x1p54, x), k);
    *k = *k - v_select_f64(tiny, v_splat_f64(54), v_splat_f64(0));
    return (vdd){m - 1.0, v_splat_f64(0)};
}

/* 1 + y = 2^k (1 + f) for y > -1. The low part of y is small against 1 + y, not against y alone. */
static inline vdd v_log1p_split_dd(vdd y, vf64 *k) {
    const vdd sum = v_exact_sum(v_splat_f64(1.0), y.hi);
    const vdd u = v_fast_sum(sum.hi, sum.lo + y.lo);
    const vf64 m = v_log_split(u.hi, k);
    /* 2^-k, or 0 for k >= 1023, where the low part is out of sight. */
    const vf64 up = v_min_f64(v_splat_f64(1023), *k) + 0x1.8p52;
    const vf64 down = (vf64)(((vi64)v_splat_f64(0x1.8p52 + 1023) - (vi64)up) << 52);
    const vdd f = v_fast_sum(m - 1.0, u.lo * down);
    return v_select_dd(*k == v_splat_f64(0), y, f);
}

/* log(1 + y) */
static inline vdd v_log1p_dd(vdd y) {
    vf64 k;
    const vdd f = v_log1p_split_dd(y, &k);
    return v_log_join_e(k, v_log1p_near_dd(f));
}

/* l (c + c_low) */
static inline vdd v_times(vdd l, double c, double c_low) {
    const vdd p = v_exact_product(l.hi, v_splat_f64(c));
    return v_fast_sum(p.hi, p.lo + v_fma_f64(l.hi, v_splat_f64(c_low), l.lo * c));
}

/* Puts in what a logarithm is outside the positive finite numbers: -inf at 0, NaN below, inf and NaN themselves. */
static inline vf64 v_log_ends_f64(vf64 x, vf64 y) {
    const vi64 inside = (x > v_splat_f64(0)) & (x < v_splat_f64(__builtin_inf()));
    const vf64 below = v_select_f64(x < v_splat_f64(0), v_splat_f64(__builtin_nan("")), x);
    const vf64 end = v_select_f64(x == v_splat_f64(0), v_splat_f64(-__builtin_inf()), below);
    return v_select_f64(inside, y, end);
}

static inline vdd v_log_dd(vf64 x) {
    vf64 k;
    const vdd f = v_log_split_dd(x, &k);
    return v_log_join_e(k, v_log1p_near_dd(f));
}

static inline vf64 v_log_f64(vf64 x) {
    return v_log_ends_f64(x, v_log_dd(x).hi);
}

static inline vdd v_log2_dd(vf64 x) {
    vf64 k;
    const vdd f = v_log_split_dd(x, &k);
    const vdd l = v_times(v_log1p_near_dd(f), 0x1.71547652b82fep+0, 0x1.777d0ffda0d24p-56);
    return v_log_join(k, 1, 0, l);
}

static inline vf64 v_log2_f64(vf64 x) {
    return v_log_ends_f64(x, v_log2_dd(x).hi);
}

static inline vdd v_log10_dd(vf64 x) {
    vf64 k;
    const vdd f = v_log_split_dd(x, &k);
    const vdd l = v_times(v_log1p_near_dd(f), 0x1.bcb7b1526e50ep-2, 0x1.95355baaafad3p-57);
    /* log10(2) in pieces of 43 and 53 bits */
    return v_log_join(k, 0x1.34413509f7800p-2, 0x1.fef311f12b358p-46, l);
}

static inline vf64 v_log10_f64(vf64 x) {
    return v_log_ends_f64(x, v_log10_dd(x).hi);
}

static inline vf64 v_log1p_f64(vf64 x) {
    const vf64 y = v_log1p_dd((vdd){x, v_splat_f64(0)}).hi;
    return v_select_f64(v_abs_f64(x) < v_splat_f64(0x1p-54), x, v_log_ends_f64(x + 1.0, y));
}

/* float32 -------------------------------------------------------------------------------------------------------- */

/* log(1 + f), given g = 2 + f too */
static inline vf64 v_log1p_near(vf64 f, vf64 g) {
    const vf64 s = f / g, z = s * s, z2 = z * z;
    const vf64 w0 = v_fma_f64(v_splat_f64(0x1.999999997fd71p-2), z, v_splat_f64(0x1.5555555555592p-1));
    const vf64 w2 = v_fma_f64(v_splat_f64(0x1.c71c5204f540bp-3), z, v_splat_f64(0x1.24924941f5f68p-2));
    const vf64 w4 = v_fma_f64(v_splat_f64(0x1.39a19fcca046ap-3), z, v_splat_f64(0x1.74663fe36a026p-3));
    const vf64 w = v_fma_f64(v_fma_f64(v_fma_f64(v_splat_f64(0x1.2f0680b88e067p-3), z2, w4), z2, w2), z2, w0);
    return v_fma_f64(-s, v_fma_f64(-z, w, f), f);
}

static inline vf64 v_log_close(vf64 x) {
    vf64 k;
    const vf64 m = v_log_split(x, &k);
    return v_fma_f64(k, v_splat_f64(0x1.62e42fefa39efp-1), v_log1p_near(m - 1.0, m + 1.0));
}

/* For y > -1 */
static inline vf64 v_log1p_close(vf64 y) {
    vf64 k;
    const vf64 m = v_log_split(y + 1.0, &k);
    const vf64 f = v_select_f64(k == v_splat_f64(0), y, m - 1.0);
    return v_fma_f64(k, v_splat_f64(0x1.62e42fefa39efp-1), v_log1p_near(f, f + 2.0));
}

static inline vf32 v_log_ends_f32(vf32 x, vf32 y) {
    const vf32 below = v_select_f32(x < v_splat_f32(0), v_splat_f32(__builtin_nanf("")), x);
    const vf32 end = v_select_f32(x == v_splat_f32(0), v_splat_f32(-__builtin_inff()), below);
    return v_select_f32((x > v_splat_f32(0)) & (x < v_splat_f32(__builtin_inff())), y, end);
}

/* base + s z (w0 + w1 z + ...), z = s^2 */
static inline vf64 v_log_series(vf64 s, vf64 base, double w0, double w1, double w2, double w3, double w4) {
    const vf64 z = s * s, z2 = z * z;
    const vf64 w01 = v_fma_f64(v_splat_f64(w1), z, v_splat_f64(w0));
    const vf64 w23 = v_fma_f64(v_splat_f64(w3), z, v_splat_f64(w2));
    return v_fma_f64(s * z, v_fma_f64(v_fma_f64(v_splat_f64(w4), z2, w23), z2, w01), base);
}

/* log(2^k (1 + f)) within 2^-44.8, s = f / (1 + f / 2) being twice the s above */
static inline vf64 v_log_fast(vf64 f, vf64 k) {
    const vf64 s = f / v_fma_f64(f, v_splat_f64(0.5), v_splat_f64(1.0));
    const vf64 base = v_fma_f64(k, v_splat_f64(0x1.62e42fefa39efp-1), s);
    return v_log_series(s, base, 0x1.555555561e397p-4, 0x1.999996a957acbp-7, 0x1.249411ebe0ee5p-9,
                        0x1.c62b14a3c27ccp-12, 0x1.9115973c207eap-14);
}

static inline vf64 v_log2_fast(vf64 f, vf64 k) {
    const vf64 s = f / v_fma_f64(f, v_splat_f64(0.5), v_splat_f64(1.0));
    const vf64 base = v_fma_f64(s, v_splat_f64(0x1.71547652b82fep+0), k);
    return v_log_series(s, base, 0x1.ec709dc4c212ep-4, 0x1.2776c2f056240p-6, 0x1.a619f5a5aacefp-9,
                        0x1.479cf866b692dp-11, 0x1.215239ba6be1fp-13);
}

static inline vf64 v_log10_fast(vf64 f, vf64 k) {
    const vf64 s = f / v_fma_f64(f, v_splat_f64(0.5), v_splat_f64(1.0));
    const vf64 base = v_fma_f64(s, v_splat_f64(0x1.bcb7b1526e50ep-2), k * 0x1.34413509f79ffp-2);
    return v_log_series(s, base, 0x1.287a7637a2b3dp-5, 0x1.63c624e7bdfdfp-8, 0x1.fc42bf967fa11p-11,
                        0x1.8a7c4d96e6942p-13, 0x1.5c609f463bd3fp-15);
}

static inline vf64 v_log1p_fast(vf64 x) {
    vf64 k;
    const vf64 m = v_log_split(x + 1.0, &k);
    return v_log_fast(v_select_f64(k == v_splat_f64(0), x, m - 1.0), k);
}

/* Defines name(x) for float32: the exponent is split off there, exactly, for normal positive numbers; all else by its
 * bits is special. */
#define V_DEFINE_LOG_F32(name, fast, dd)                                                                \
    static inline vf64 name##_odd(vf64 x) {                                                             \
        return v_round_to_odd(dd(x));                                                                   \
    }                                                                                                   \
    V_RARE vf32 name##_rare(vf32 x) {                                                                   \
        return v_log_ends_f32(x, v_narrow_f32(name##_odd(v_low_f64(x)), name##_odd(v_high_f64(x))));    \
    }                                                                                                   \
    static inline vf32 name(vf32 x) {                                                                   \
        const vi32 shifted = (vi32)x - 0x3f3504f3; /* bits of sqrt(1/2) */                              \
        const vf32 k = __builtin_convertvector(shifted >> 23, vf32);                                    \
        const vf32 f = (vf32)((shifted & 0x7fffff) + 0x3f3504f3) - 1.0f;                                \
        const vf64 y0 = fast(v_low_f64(f), v_low_f64(k)), y1 = fast(v_high_f64(f), v_high_f64(k));      \
        const vi32 special = ((vi32)x < v_splat_i32(0x00800000)) | ((vi32)x > v_splat_i32(0x7f7fffff)); \
        if (__builtin_expect(v_any_i32(v_is_close_call(y0, y1) | special), 0)) return name##_rare(x);   \
        return v_narrow_f32(y0, y1);                                                                    \
    }

V_DEFINE_LOG_F32(v_log_f32, v_log_fast, v_log_dd)
V_DEFINE_LOG_F32(v_log2_f32, v_log2_fast, v_log2_dd)
V_DEFINE_LOG_F32(v_log10_f32, v_log10_fast, v_log10_dd)

static inline vf64 v_log1p_odd(vf64 x) {
    return v_round_to_odd(v_log1p_dd((vdd){x, v_splat_f64(0)}));
}

/* Below 2^-60 x itself, with the sign of a zero. */
V_RARE vf32 v_log1p_rare(vf32 x) {
    const vf32 y = v_narrow_f32(v_log1p_odd(v_low_f64(x)), v_log1p_odd(v_high_f64(x)));
    return v_select_f32(v_abs_f32(x) < v_splat_f32(0x1p-60f), x, v_log_ends_f32(x + 1.0f, y));
}

/* -0 and what is not between -1 and infinity. */
#define V_LOG1P_SPECIAL(x) \
    (((vi32)(x) > v_splat_i32(0x7f7fffff)) | ((vi32)(x) == v_splat_i32(INT32_MIN)) | (~(vi32)((x) > v_splat_f32(-1))))

V_DEFINE_BY_HALVES_OR_RARE(v_log1p_f32, v_log1p_fast, V_LOG1P_SPECIAL(x), v_log1p_rare)

#endif
