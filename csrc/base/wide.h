/* SPDX-License-Identifier: MIT
 *
 * wide.h: binary floating point with 128 bits, in integers, for the few results of two-input functions that float64 or
 * a sum of two float64 can't round. Truncating; a basic operation errs by under 2^-126, exp and log by under 2^-118 of
 * the result for the arguments that they take. Scalar and slow (microseconds); the same on every instruction set.
 */
#ifndef RTCH_WIDE_H
#define RTCH_WIDE_H

#include <stdint.h>
#include <string.h>

typedef unsigned __int128 rt_u128;

/* (-1)^negative m 2^(e - 127), the top bit of m set; 0 is m = 0. */
typedef struct {
    rt_u128 m;
    int64_t e;
    int negative;
} rt_wide;

static inline int rt_wide_zeros(rt_u128 m) {
    const uint64_t high = (uint64_t)(m >> 64);
    return high ? __builtin_clzll(high) : 64 + __builtin_clzll((uint64_t)m);
}

static inline rt_wide rt_wide_make(int negative, rt_u128 m, int64_t e) {
    if (m == 0) return (rt_wide){0, 0, 0};
    const int up = rt_wide_zeros(m);
    return (rt_wide){m << up, e - up, negative};
}

static inline rt_wide rt_wide_from_int(int64_t n) {
    return rt_wide_make(n < 0, n < 0 ? -(rt_u128)n : (rt_u128)n, 127);
}

/* A finite number. */
static inline rt_wide rt_wide_from(double x) {
    uint64_t u;
    memcpy(&u, &x, 8);
    const int biased = (int)(u >> 52 & 0x7ff);
    const uint64_t fraction = u & 0xfffffffffffffULL;
    return rt_wide_make((int)(u >> 63), biased ? fraction | 1ULL << 52 : fraction, (biased ? biased : 1) - 1075 + 127);
}

static inline rt_wide rt_wide_negated(rt_wide a) {
    a.negative = !a.negative && a.m != 0;
    return a;
}

static inline rt_wide rt_wide_add(rt_wide a, rt_wide b) {
    if (a.m == 0) return b;
    if (b.m == 0) return a;
    if (a.e < b.e || (a.e == b.e && a.m < b.m)) {
        const rt_wide t = a;
        a = b, b = t;
    }
    const int64_t down = a.e - b.e;
    if (a.negative == b.negative) {
        /* One bit of room for the carry. */
        const rt_u128 m = (a.m >> 1) + (down < 127 ? b.m >> 1 >> down : 0);
        return rt_wide_make(a.negative, m, a.e + 1);
    }
    return rt_wide_make(a.negative, a.m - (down < 128 ? b.m >> down : 0), a.e);
}

static inline rt_wide rt_wide_multiply(rt_wide a, rt_wide b) {
    const uint64_t a1 = (uint64_t)(a.m >> 64), a0 = (uint64_t)a.m, b1 = (uint64_t)(b.m >> 64), b0 = (uint64_t)b.m;
    const rt_u128 low = (rt_u128)a0 * b0, cross1 = (rt_u128)a1 * b0, cross2 = (rt_u128)a0 * b1;
    const rt_u128 middle = (low >> 64) + (uint64_t)cross1 + (uint64_t)cross2;
    const rt_u128 high = (rt_u128)a1 * b1 + (cross1 >> 64) + (cross2 >> 64) + (middle >> 64);
    return rt_wide_make(a.negative != b.negative, high, a.e + b.e + 1);
}

/* Long division, a bit at a time; b is not 0. */
static inline rt_wide rt_wide_divide(rt_wide a, rt_wide b) {
    rt_u128 rest = a.m, q = 0;
    if (a.m == 0) return a;
    for (int i = 0; i < 128; i++) {
        /* rest < 2 b.m; the bit that a shift pushes out counts as being above b.m. */
        const int over = i > 0 && (rest >> 127);
        if (i > 0) rest <<= 1;
        q <<= 1;
        if (over || rest >= b.m) rest -= b.m, q |= 1;
    }
    return rt_wide_make(a.negative != b.negative, q, a.e - b.e);
}

/* n is between 1 and 2^32 - 1. */
static inline rt_wide rt_wide_divide_int(rt_wide a, uint32_t n) {
    /* The digits of a.m 2^32 in base 2^32, from the top: what the fifth adds keeps the quotient's length. */
    const uint64_t digits[5] = {(uint64_t)(a.m >> 96), (uint64_t)(a.m >> 64) & 0xffffffff, (uint64_t)a.m >> 32,
                                (uint64_t)a.m & 0xffffffff, 0};
    uint64_t rest = 0;
    rt_u128 q = 0;
    for (int i = 0; i < 5; i++) {
        const uint64_t d = rest << 32 | digits[i], digit = d / n;
        rest = d % n;
        if (i == 4 && q >> 96) return rt_wide_make(a.negative, q, a.e);
        q = q << 32 | digit;
    }
    return rt_wide_make(a.negative, q, a.e - 32);
}

static inline rt_wide rt_wide_ln2(void) {
    return (rt_wide){(rt_u128)0xb17217f7d1cf79abULL << 64 | 0xc9e3b39803f2f6afULL, -1, 0};
}

/* 2 atanh(s) = 2 (s + s^3/3 + ...) for |s| <= 1/3 */
static inline rt_wide rt_wide_atanh_twice(rt_wide s) {
    const rt_wide z = rt_wide_multiply(s, s);
    rt_wide sum = rt_wide_from_int(0);
    for (int i = 41; i >= 0; i--) {
        const rt_wide term = rt_wide_divide_int(rt_wide_from_int(1), (uint32_t)(2 * i + 1));
        sum = rt_wide_add(rt_wide_multiply(sum, z), term);
    }
    sum = rt_wide_multiply(sum, s);
    sum.e += sum.m != 0;
    return sum;
}

/* log(1 + t) for 0 <= t <= 1 */
static inline rt_wide rt_wide_log1p(rt_wide t) {
    return rt_wide_atanh_twice(rt_wide_divide(t, rt_wide_add(t, rt_wide_from_int(2))));
}

/* log x for x > 0 */
static inline rt_wide rt_wide_log(rt_wide x) {
    int64_t k = x.e;
    x.e = 0;
    if (x.m >> 64 > 0xb504f333f9de6484ULL) x.e = -1, k++; /* sqrt(2): m lies in [0.7072, 1.4143] */
    const rt_wide one = rt_wide_from_int(1);
    const rt_wide s = rt_wide_divide(rt_wide_add(x, rt_wide_negated(one)), rt_wide_add(x, one));
    return rt_wide_add(rt_wide_multiply(rt_wide_from_int(k), rt_wide_ln2()), rt_wide_atanh_twice(s));
}

/* e^x for |x| < 2^11 */
static inline rt_wide rt_wide_exp(rt_wide x) {
    /* k = x / ln 2, to the nearest or one beside it. */
    int64_t k = 0;
    if (x.m != 0 && x.e >= -2)
        k = (int64_t)((uint64_t)(x.m >> 100) * 1.4426950408889634 *
                          (x.e >= 0 ? (double)(1 << x.e) : 1.0 / (1 << -x.e)) * 0x1p-27 +
                      0.5);
    if (x.negative) k = -k;
    const rt_wide r = rt_wide_add(x, rt_wide_multiply(rt_wide_from_int(-k), rt_wide_ln2()));
    rt_wide sum = rt_wide_from_int(1);
    for (int i = 30; i >= 1; i--) {
        sum = rt_wide_divide_int(rt_wide_multiply(sum, r), (uint32_t)i);
        sum = rt_wide_add(sum, rt_wide_from_int(1));
    }
    sum.e += k;
    return sum;
}

/* Rounded to nearest, ties to even, to `digits` bits with exponents from `e_min` (below: subnormal) to `e_max`; the
 * result is a float64 in any case. */
static inline double rt_wide_round(rt_wide a, int digits, int e_min, int e_max) {
    double x = 0;
    if (a.m != 0) {
        int64_t kept = digits;
        if (a.e < e_min) kept -= e_min - a.e;
        uint64_t m = 0; /* times 2^(a.e - kept + 1) */
        if (kept > 0) {
            const int drop = 128 - (int)kept;
            const rt_u128 rest = a.m << kept, half = (rt_u128)1 << 127;
            m = (uint64_t)(a.m >> drop);
            m += rest > half || (rest == half && (m & 1));
        } else if (kept == 0) {
            m = a.m > (rt_u128)1 << 127; /* above half of the smallest number */
        } else {
            kept = 0;
        }
        /* m 2^n in two exact steps, save where it overflows */
        const int64_t n = m == 0 ? 0 : a.e - kept + 1;
        const int64_t first = n / 2;
        if (a.e > e_max) x = __builtin_inf();
        else {
            uint64_t scale1 = (uint64_t)(first + 1023) << 52, scale2 = (uint64_t)(n - first + 1023) << 52;
            double s1, s2;
            memcpy(&s1, &scale1, 8);
            memcpy(&s2, &scale2, 8);
            x = (double)m * s1 * s2;
        }
    }
    return a.negative ? -x : x;
}

static inline float rt_wide_to_f32(rt_wide a) {
    return (float)rt_wide_round(a, 24, -126, 127); /* 2^128 becomes infinite */
}

static inline double rt_wide_to_f64(rt_wide a) {
    return rt_wide_round(a, 53, -1022, 1023);
}

#endif
