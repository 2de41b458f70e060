/* SPDX-License-Identifier: MIT
 *
 * pow.h: x to the power y.
 *
 * float32, correctly rounded: r = exp(y log|x|) in float64 is within 2^-44 of the power. Where r (1 - 2^-44) and
 * r (1 + 2^-44) round to one float, that is the result; elsewhere, and for zeros, infinities and NaN, v_pow_exact_f32
 * finds it: powers that may be a float or midway between two are computed in integers, others are not midway and come
 * from 128 bits, where the probability that a power is too close to call is under 2^-90.
 *
 * float64, one algorithm on all instruction sets, under 0.8 ULP: log|x| as a sum of two float64 (log.h, 2^-64), times y
 * likewise, exp of the sum (exp.h).
 */
#ifndef RTCH_POW_H
#define RTCH_POW_H

#include "../base/wide.h"
#include "math/exp.h"
#include "math/log.h"

/* x >= 0 and a power that is neither 0 nor infinite by rule; x is m 2^e with m odd, y is n 2^f with n odd. */
static inline float v_pow_general_f32(double x, double y) {
    const rt_wide wx = rt_wide_from(x), wy = rt_wide_from(y);
    const int up_x = __builtin_ctzll((uint64_t)(wx.m >> 64)), up_y = __builtin_ctzll((uint64_t)(wy.m >> 64));
    uint64_t m = (uint64_t)(wx.m >> 64) >> up_x;
    int64_t e = wx.e - 63 + up_x, f = wy.e - 63 + up_y;
    const uint64_t n = (uint64_t)(wy.m >> 64) >> up_y;
    /* A root of x is a short binary number only if it comes out at each halving. */
    int exact = f < 62;
    for (; exact && f < 0; f++) {
        const uint64_t root = (uint64_t)__builtin_sqrt((double)m);
        exact = (e & 1) == 0 && root * root == m;
        m = root, e /= 2;
    }
    if (exact && (m == 1 || !wy.negative) && n < 1ULL << 31 && f < 31) {
        const int64_t power = (int64_t)(n << f);
        uint64_t product = 1;
        if (m > 1)
            for (int64_t i = 0; i < power && product < 1ULL << 32; i++) product *= m;
        if (product < 1ULL << 32) {
            rt_wide r = rt_wide_from_int((int64_t)product);
            r.e += wy.negative ? -power * e : power * e;
            return rt_wide_to_f32(r);
        }
    }
    const rt_wide t = rt_wide_multiply(wy, rt_wide_log(wx));
    if (t.m != 0 && t.e >= 8) return t.negative ? 0.0f : __builtin_inff(); /* e^256 */
    return rt_wide_to_f32(rt_wide_exp(t));
}

/* IEEE 754's pow: every rule of it, correctly rounded. */
static inline float v_pow_exact_f32(float x, float y) {
    if (y == 0 || x == 1) return 1;
    if (x != x || y != y) return x + y;
    const float a = __builtin_fabsf(x), b = __builtin_fabsf(y), inf = __builtin_inff();
    const int whole = b >= 0x1p23f || (float)(int32_t)b == b;
    const int odd = whole && b < 0x1p24f && ((int32_t)b & 1);
    const float sign = odd && __builtin_signbit(x) ? -1 : 1;
    if (a == 1) return whole ? sign : __builtin_nanf("");
    if (b == inf) return (a > 1) == (y > 0) ? inf : 0;
    if (a == 0 || a == inf) return (a == 0) == (y > 0) ? sign * 0 : sign * inf;
    if (x < 0 && !whole) return __builtin_nanf("");
    return sign * v_pow_general_f32(a, y);
}

V_RARE vf32 v_pow_rare_f32(vf32 x, vf32 y, vf32 result, vi32 rare) {
    for (int i = 0; i < (int)(sizeof(x) / sizeof(float)); i++)
        if (rare[i]) result[i] = v_pow_exact_f32(x[i], y[i]);
    return result;
}

/* x > 0 */
static inline vf64 v_pow_close(vf64 x, vf64 y) {
    const vf64 t = y * v_log_close(x);
    return v_exp_close(v_max_f64(v_splat_f64(-150), v_min_f64(v_splat_f64(150), t)));
}

static inline vf32 v_pow_f32(vf32 x, vf32 y) {
    const vf32 a = v_abs_f32(x), b = v_abs_f32(y);
    const vf64 r0 = v_pow_close(v_low_f64(a), v_low_f64(y)), r1 = v_pow_close(v_high_f64(a), v_high_f64(y));
    vf32 low = v_narrow_f32(r0 * (1 - 0x1p-44), r1 * (1 - 0x1p-44));
    const vf32 high = v_narrow_f32(r0 * (1 + 0x1p-44), r1 * (1 + 0x1p-44));
    const vi32 rare = ((vi32)low != (vi32)high) | (((vi32)a - 1) >= v_splat_i32(0x7f7fffff)) |
                      ((vi32)a == v_splat_i32(0)) | ((vi32)b > v_splat_i32(0x7f7fffff));
    if (v_any_i32((vi32)x < v_splat_i32(0))) {
        const vf32 magic = v_splat_f32(0x1p23f), half = b * 0.5f;
        const vi32 whole = ((b + magic) - magic == b) | (b >= magic);
        const vi32 whole_half = ((half + magic) - magic == half) | (half >= magic);
        const vi32 negative = (vi32)x < v_splat_i32(0);
        low = (vf32)((vi32)low | (negative & whole & ~whole_half & INT32_MIN));
        low = v_select_f32(negative & ~whole, v_splat_f32(__builtin_nanf("")), low);
    }
    if (__builtin_expect(v_any_i32(rare), 0)) return v_pow_rare_f32(x, y, low, rare);
    return low;
}

static inline vf64 v_pow_f64(vf64 x, vf64 y) {
    const vf64 zero = v_splat_f64(0), one = v_splat_f64(1), inf = v_splat_f64(__builtin_inf());
    const vf64 a = v_abs_f64(x), b = v_abs_f64(y);
    const vdd l = v_log_dd(a);
    const vdd t = v_exact_product(y, l.hi);
    const vi64 in_range = v_abs_f64(t.hi) < v_splat_f64(800);
    const vf64 end = v_select_f64(t.hi > zero, v_splat_f64(800), v_splat_f64(-800));
    const vf64 t_low = v_select_f64(in_range, v_fma_f64(y, l.lo, t.lo), zero);
    vf64 r = v_exp_join(v_exp_split(v_select_f64(in_range, t.hi, end), t_low));

    const vf64 magic = v_splat_f64(0x1p52), half = b * 0.5;
    const vi64 whole = ((b + magic) - magic == b) | (b >= magic);
    const vi64 whole_half = ((half + magic) - magic == half) | (half >= magic);
    const vi64 grows = (a > one) == (y > zero);
    r = v_select_f64((a == zero) | (a == inf) | (b == inf), v_select_f64(grows, inf, zero), r);
    r = v_select_f64(a == one, one, r);
    r = v_select_f64((x < zero) & ~whole & (a < inf), v_splat_f64(__builtin_nan("")), r);
    r = (vf64)((vi64)r | ((vi64)x & INT64_MIN & whole & ~whole_half));
    r = v_select_f64((x != x) | (y != y), x + y, r);
    r = v_select_f64(y == v_splat_f64(2), x * x, v_select_f64(y == one, x, r));
    return v_select_f64((y == zero) | (x == one), one, r);
}

/* Integers: wraps; to a negative power 1 / x^|y| without its fraction, so 0 but for 1 and -1, and 0 of 0. */
#define V_DEFINE_POW_INTEGER(D, T, U)                                                             \
    static inline v##D v_pow_##D(v##D x, v##D y) {                                                \
        const v##D one = v_splat_##D(1), zero = v_splat_##D(0), minus_one = v_splat_##D((T) - 1); \
        v##U base = (v##U)x, result = (v##U)one, left = (v##U)v_select_##D(y < zero, zero, y);    \
        for (; v_any_i32((vi32)left); left >>= 1, base *= base)                                   \
            result = (v##U)v_select_##D((left & 1) != 0, (v##D)(result * base), (v##D)result);    \
        const v##D unit = v_select_##D(x == minus_one, v_select_##D((y & 1) != 0, x, one), zero); \
        return v_select_##D(y < zero, v_select_##D(x == one, one, unit), (v##D)result);           \
    }
V_DEFINE_POW_INTEGER(i8, int8_t, u8)
V_DEFINE_POW_INTEGER(i16, int16_t, u16)
V_DEFINE_POW_INTEGER(i32, int32_t, u32)
V_DEFINE_POW_INTEGER(i64, int64_t, u64)
V_DEFINE_POW_INTEGER(u8, uint8_t, u8)
V_DEFINE_POW_INTEGER(u16, uint16_t, u16)
V_DEFINE_POW_INTEGER(u32, uint32_t, u32)
V_DEFINE_POW_INTEGER(u64, uint64_t, u64)

#endif
