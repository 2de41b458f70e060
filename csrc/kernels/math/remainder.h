/* SPDX-License-Identifier: MIT
 *
 * remainder.h: remainder and floor_divide, as `%` and `//` of Python and of the Array API standard.
 *
 * floor_divide(x, y) is the largest number of the dtype that is whole and not above the exact quotient. It is x / y where
 * that is infinite or NaN or where x or y is 0 or infinite. So x / y is rounded down, which the sign of its exact
 * remainder tells, and then to a whole number.
 *
 * remainder(x, y) is x - y floor(x / y), rounded once; exact unless the signs differ and x is tiny against y. A zero has
 * the sign of y. An infinite y gives x, or y where the signs differ; an infinite x or y = 0 gives NaN. The truncating
 * remainder of |x| and |y| is computed exactly: a quotient below 2^24 in float32, 2^53 in float64, truncates to a whole n
 * that is right or one too large, and x - n y fits. Larger ones are first brought down by multiples of y 2^k, each with
 * such a quotient.
 *
 * Integers: Python's too; x // 0 and x % 0 are 0, and the smallest integer // -1 wraps to itself.
 */
#ifndef RTCH_REMAINDER_H
#define RTCH_REMAINDER_H

#include "simd.h"

/* x 2^k for 0 <= k < 2047, where that does not overflow. */
static inline vf64 v_scale_up(vf64 x, vi64 k) {
    const vi64 half = k >> 1;
    return x * (vf64)((half + 1023) << 52) * (vf64)((k - half + 1023) << 52);
}

/* a - y trunc(a / y) for finite a >= 0, y > 0 whose quotient is below 2^(bits of D). */
#define RT_DEFINE_MODULO(D)                                  \
    static inline v##D v_near_modulo_##D(v##D a, v##D y) {   \
        const v##D r = v_fma_##D(-v_trunc_##D(a / y), y, a); \
        return v_select_##D(r < v_splat_##D(0), r + y, r);   \
    }
RT_DEFINE_MODULO(f32)
RT_DEFINE_MODULO(f64)

/* The same for any quotient. */
V_RARE vf64 rt_far_modulo_f64(vf64 a, vf64 y) {
    for (;;) {
        const vi64 far = a / y >= v_splat_f64(0x1p53);
        if (!v_any_i64(far)) return v_near_modulo_f64(a, y);
        /* In the far lanes a is normal; y is made so to read its exponent. Where that overflows, `by` is a little larger. */
        const vi64 exponent = ((vi64)(y * 0x1p60) >> 52) - 60;
        const vi64 by = (((vi64)a >> 52) - exponent - 52) & far; /* a / (y 2^by) < 2^53 */
        a = v_select_f64(far, v_near_modulo_f64(a, v_scale_up(y, by)), a);
    }
}

V_RARE vf32 rt_far_modulo_f32(vf32 a, vf32 y) {
    return v_narrow_f32(rt_far_modulo_f64(v_low_f64(a), v_low_f64(y)), rt_far_modulo_f64(v_high_f64(a), v_high_f64(y)));
}

/* M: the integer of the same width. FAR: the first quotient that takes longer. A divisor below SMALL is multiplied by UP
 * so that the rest of the division is not lost below the subnormals. */
#define RT_DEFINE_DIVISION(D, M, FAR, SMALL, UP)                                                             \
    static inline v##D v_remainder_##D(v##D x, v##D y) {                                                     \
        const v##D zero = v_splat_##D(0), one = v_splat_##D(1), a = v_abs_##D(x), b = v_abs_##D(y);          \
        const v##M usual = (a - a == zero) & (b > zero) & (b - b == zero);                                   \
        const v##D n = v_select_##D(usual, a, zero), d = v_select_##D(usual, b, one);                        \
        v##D r = v_near_modulo_##D(n, d);                                                                    \
        if (__builtin_expect(v_any_##M(n / d >= v_splat_##D(FAR)), 0)) r = rt_far_modulo_##D(n, d);          \
        const v##D whole = v_select_##D((a - a == zero) & (b > zero), a, v_splat_##D(__builtin_nan("")));    \
        r = v_select_##D(usual, r, whole);                                                                   \
        const v##M differ = (((v##M)x ^ (v##M)y) < 0) & (r > zero);                                          \
        return v_with_sign_##D(v_select_##D(differ, b - r, r), y);                                           \
    }                                                                                                        \
    static inline v##D v_floor_divide_##D(v##D x, v##D y) {                                                  \
        const v##D zero = v_splat_##D(0), one = v_splat_##D(1), q = x / y;                                   \
        const v##D up = v_select_##D(v_abs_##D(y) < v_splat_##D(SMALL), v_splat_##D(UP), one);               \
        const v##D rest = v_fma_##D(-q, y * up, x * up);                                                     \
        const v##M above = ((rest < zero) & (y > zero)) | ((rest > zero) & (y < zero)); /* q is too large */ \
        const v##M large = (v_abs_##D(q) >= one) & (q - q == zero);                                          \
        const v##M down = (v##M)q - ((((v##M)q < 0) * 2) + 1);                                               \
        const v##D lowered = v_select_##D(above & large, (v##D)down, q);                                     \
        /* Below 1 the signs decide: q may have underflowed. */                                              \
        const v##M tiny = (v_abs_##D(q) < one) & (x != zero) & (y - y == zero);                              \
        const v##D unit = v_select_##D(((v##M)x ^ (v##M)y) < 0, v_splat_##D(-1), zero);                      \
        return v_select_##D(tiny, unit, v_floor_##D(lowered));                                               \
    }
RT_DEFINE_DIVISION(f32, i32, 0x1p24f, 0x1p-100f, 0x1p60f)
RT_DEFINE_DIVISION(f64, i64, 0x1p53, 0x1p-900, 0x1p200)

/* Integers, one by one: no instruction set divides vectors of them. */
#define RT_SIGNED_FLOOR(T, x, y) ((y) == -1 ? (T)(0 - (x)) : (T)((x) / (y) - ((x) % (y) != 0 && ((x) ^ (y)) < 0)))
#define RT_SIGNED_REST(T, x, y) ((y) == -1 ? 0 : (T)((x) % (y) + ((x) % (y) != 0 && ((x) ^ (y)) < 0 ? (y) : 0)))
#define RT_UNSIGNED_FLOOR(T, x, y) ((x) / (y))
#define RT_UNSIGNED_REST(T, x, y) ((x) % (y))
#define RT_DEFINE_INTEGER_DIVISION(D, T, FLOOR, REST)            \
    static inline v##D v_floor_divide_##D(v##D x, v##D y) {      \
        for (int i = 0; i < (int)(RT_VBYTES / sizeof(T)); i++) { \
            const T a = x[i], b = y[i];                          \
            x[i] = b == 0 ? 0 : FLOOR(T, a, b);                  \
        }                                                        \
        return x;                                                \
    }                                                            \
    static inline v##D v_remainder_##D(v##D x, v##D y) {         \
        for (int i = 0; i < (int)(RT_VBYTES / sizeof(T)); i++) { \
            const T a = x[i], b = y[i];                          \
            x[i] = b == 0 ? 0 : REST(T, a, b);                   \
        }                                                        \
        return x;                                                \
    }
RT_DEFINE_INTEGER_DIVISION(i8, int8_t, RT_SIGNED_FLOOR, RT_SIGNED_REST)
RT_DEFINE_INTEGER_DIVISION(i16, int16_t, RT_SIGNED_FLOOR, RT_SIGNED_REST)
RT_DEFINE_INTEGER_DIVISION(i32, int32_t, RT_SIGNED_FLOOR, RT_SIGNED_REST)
RT_DEFINE_INTEGER_DIVISION(i64, int64_t, RT_SIGNED_FLOOR, RT_SIGNED_REST)
RT_DEFINE_INTEGER_DIVISION(u8, uint8_t, RT_UNSIGNED_FLOOR, RT_UNSIGNED_REST)
RT_DEFINE_INTEGER_DIVISION(u16, uint16_t, RT_UNSIGNED_FLOOR, RT_UNSIGNED_REST)
RT_DEFINE_INTEGER_DIVISION(u32, uint32_t, RT_UNSIGNED_FLOOR, RT_UNSIGNED_REST)
RT_DEFINE_INTEGER_DIVISION(u64, uint64_t, RT_UNSIGNED_FLOOR, RT_UNSIGNED_REST)

#endif
