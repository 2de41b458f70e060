/* SPDX-License-Identifier: MIT
 *
 * complex_numbers.h: complex arithmetic in double, in scalar code with fixed bits. No step overflows or vanishes where the
 * result does not.
 */
#ifndef RTCH_COMPLEX_NUMBERS_H
#define RTCH_COMPLEX_NUMBERS_H

#include "../base/fma.h"
#include "simd.h"

#if defined(__x86_64__)
#define RT_IN_REGISTER(x) "+x"(x)
#else
#define RT_IN_REGISTER(x) "+w"(x)
#endif

typedef struct {
    double re, im;
} z;

#define Z_INFINITY __builtin_inf()
#define Z_NAN __builtin_nan("")

static inline double root(double x) {
    return __builtin_sqrt(x);
}

static inline double real_abs(double x) {
    return __builtin_fabs(x);
}

static inline double with_sign(double x, double sign) {
    return __builtin_copysign(x, sign);
}

static inline int is_infinite(double x) {
    return __builtin_isinf(x) != 0;
}

static inline z make(double re, double im) {
    return (z){re, im};
}

static inline int is_nan(z a) {
    return a.re != a.re || a.im != a.im;
}

static inline int is_inf(z a) {
    return is_infinite(a.re) || is_infinite(a.im);
}

/* x * 2^by for -2046 < by <= 2046, in two steps that are exact where the result is normal; 0 below. */
static inline double scaled(double x, int by) {
    const int half = by / 2;
    return x * rt_from_bits_f64((uint64_t)(1023 + half) << 52) * rt_from_bits_f64((uint64_t)(1023 + by - half) << 52);
}

/* The exponent of the larger part's absolute value; 0 for zero, infinities and NaN. */
static inline int exponent(z a) {
    const uint64_t re = rt_bits_f64(a.re) & INT64_MAX, im = rt_bits_f64(a.im) & INT64_MAX, most = re > im ? re : im;
    if (most >= 0x7ffULL << 52 || most == 0) return 0;
    return (int)(most >> 52) - 1023;
}

static inline z scaled_z(z a, int by) {
    return make(scaled(a.re, by), scaled(a.im, by));
}

static inline z add(z a, z b) {
    return make(a.re + b.re, a.im + b.im);
}

static inline z subtract(z a, z b) {
    return make(a.re - b.re, a.im - b.im);
}

/* Products that stay products: see the note on vfmaddsub in meson.build. */
static inline double times(double a, double b) {
    double x = a * b;
    __asm__("" : RT_IN_REGISTER(x));
    return x;
}

static inline z multiply(z a, z b) {
    return make(times(a.re, b.re) - times(a.im, b.im), times(a.re, b.im) + times(a.im, b.re));
}

/* a conj(b) / |b|^2, both scaled to about 1 by powers of two, so that nothing overflows or vanishes on the way. A zero
   divisor gives infinities and NaN as a division of each part by it. */
static inline z divide(z a, z b) {
    if (b.im == 0) return make(a.re / b.re, a.im / b.re);
    if (is_inf(b) && !is_inf(a) && !is_nan(a)) return make(0, 0);
    const int of_a = exponent(a), of_b = exponent(b), by = of_a - of_b;
    a = scaled_z(a, -of_a), b = scaled_z(b, -of_b);
    const double norm = times(b.re, b.re) + times(b.im, b.im);
    return make(scaled((times(a.re, b.re) + times(a.im, b.im)) / norm, by),
                scaled((times(a.im, b.re) - times(a.re, b.im)) / norm, by));
}

static inline double magnitude(z a) {
    if (is_inf(a)) return Z_INFINITY;
    const int by = -exponent(a);
    const z s = scaled_z(a, by);
    return scaled(root(s.re * s.re + s.im * s.im), -by);
}

static inline z sign(z a) {
    if (a.re == 0 && a.im == 0) return make(0, 0);
    const z s = scaled_z(a, -exponent(a));
    const double m = magnitude(s);
    return make(s.re / m, s.im / m);
}

/* How they lie in memory; complex64 is rounded once per part. */
#define RT_COMPLEX_MEMORY(D, T)                                \
    static inline z read_##D(const char *p) {                  \
        T parts[2];                                            \
        memcpy(parts, p, sizeof(parts));                       \
        return make((double)parts[0], (double)parts[1]);       \
    }                                                          \
    static inline void write_##D(char *p, z a) {               \
        const T parts[2] = {(T)a.re, (T)a.im};                 \
        memcpy(p, parts, sizeof(parts));                       \
    }                                                          \
    static inline void write_real_##D(char *p, double x) {     \
        const T real = (T)x;                                   \
        memcpy(p, &real, sizeof(real));                        \
    }                                                          \
    static inline z product_##D(z a, z b) {                    \
        const z exact = multiply(a, b);                        \
        return make((double)(T)exact.re, (double)(T)exact.im); \
    }
RT_COMPLEX_MEMORY(c64, float)
RT_COMPLEX_MEMORY(c128, double)

#endif
