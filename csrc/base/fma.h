/* SPDX-License-Identifier: MIT
 *
 * fma.h: a * b + c rounded once (to nearest, ties to even), without FMA hardware and without libm.
 *
 * float: the product of two floats is exact in double; the sum is rounded to odd in double, which makes the second
 * rounding to float the right one (Boldo and Melquiond, "Emulation of FMA and correctly rounded sums", 2008).
 * double: exact integer arithmetic on a 106-bit product and a sticky bit.
 */
#ifndef RTCH_FMA_H
#define RTCH_FMA_H

#include <stdint.h>
#include <string.h>

static inline uint64_t rt_bits_f64(double x) {
    uint64_t u;
    memcpy(&u, &x, 8);
    return u;
}

static inline double rt_from_bits_f64(uint64_t u) {
    double x;
    memcpy(&x, &u, 8);
    return x;
}

static inline float rt_fma_f32(float a, float b, float c) {
    const double p = (double)a * b; /* exact: 48 bits */
    const double x = c;
    double s = p + x;
    if (s - s != 0) return (float)s; /* NaN or infinite */
    /* Two-sum: s + e == p + x exactly; no overflow is possible from floats. */
    const double t = s - p;
    const double e = (p - (s - t)) + (x - t);
    if (e != 0) {
        uint64_t u = rt_bits_f64(s);
        if (!(u & 1)) {
            /* Round to odd: step towards e. Away from zero adds one to the bits. */
            u += ((e > 0) == (s > 0)) ? 1 : (uint64_t)-1;
            s = rt_from_bits_f64(u);
        }
    }
    return (float)s;
}

typedef struct {
    uint64_t m; /* 53 bits for normal numbers */
    int e;      /* the value is m * 2^e */
    int sign;
} rt_fma_parts;

static inline rt_fma_parts rt_fma_split(double x) {
    const uint64_t u = rt_bits_f64(x);
    const int biased = (int)(u >> 52 & 0x7ff);
    const uint64_t fraction = u & 0xfffffffffffffULL;
    rt_fma_parts r = {biased ? fraction | 1ULL << 52 : fraction, (biased ? biased : 1) - 1075, (int)(u >> 63)};
    return r;
}

static inline int rt_fma_width(unsigned __int128 m) {
    const uint64_t high = (uint64_t)(m >> 64), low = (uint64_t)m;
    return high ? 128 - __builtin_clzll(high) : (low ? 64 - __builtin_clzll(low) : 0);
}

/* Shift right and keep in the lowest bit whether anything was lost. */
static inline unsigned __int128 rt_fma_shift(unsigned __int128 m, int by) {
    if (by <= 0) return m << -by;
    if (by >= 128) return m != 0;
    return m >> by | ((m & (((unsigned __int128)1 << by) - 1)) != 0);
}

static inline double rt_fma_f64(double a, double b, double c) {
    const double product = a * b;
    if (a - a != 0 || b - b != 0 || a == 0 || b == 0) return product + c;
    if (c - c != 0) return c + c; /* infinite or NaN, however large the product */
    const rt_fma_parts x = rt_fma_split(a), y = rt_fma_split(b), z = rt_fma_split(c);
    unsigned __int128 p = (unsigned __int128)x.m * y.m; /* up to 106 bits */
    int e = x.e + y.e;
    int sign = x.sign ^ y.sign;
    if (z.m != 0) {
        /* Line both up on 124 bits or fewer, the lower one with a sticky bit far below the rounding point. */
        unsigned __int128 q = z.m;
        const int p_up = 124 - rt_fma_width(p), q_up = 124 - rt_fma_width(q);
        p <<= p_up, q <<= q_up;
        const int p_e = e - p_up, q_e = z.e - q_up;
        if (p_e >= q_e) q = rt_fma_shift(q, p_e - q_e), e = p_e;
        else p = rt_fma_shift(p, q_e - p_e), e = q_e;
        if (sign == z.sign) p += q;
        else if (p > q) p -= q;
        else if (p < q) p = q - p, sign = z.sign;
        else return 0.0;
    }
    /* Round p * 2^e to 53 bits, or to fewer where the result is subnormal. */
    const int width = rt_fma_width(p);
    int drop = width - 53;
    if (e + drop < -1074) drop = -1074 - e;
    uint64_t m;
    if (drop > 0) {
        const unsigned __int128 kept = rt_fma_shift(p, drop - 2); /* two extra bits: half and sticky */
        m = (uint64_t)(kept >> 2);
        const unsigned rest = (unsigned)kept & 3;
        if (rest == 3 || (rest == 2 && (m & 1))) m++;
    } else {
        m = (uint64_t)(p << -drop);
    }
    e += drop;
    if (m >> 53) m >>= 1, e++;
    if (e > 971) return rt_from_bits_f64((uint64_t)sign << 63 | 0x7ffULL << 52);
    /* m * 2^e with e >= -1074: biased exponent e + 1075 for a normal m, 0 for a subnormal one. */
    const uint64_t biased = m >> 52 ? (uint64_t)(e + 1075) : 0;
    return rt_from_bits_f64((uint64_t)sign << 63 | biased << 52 | (m & 0xfffffffffffffULL));
}

#endif
