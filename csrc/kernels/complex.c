/* SPDX-License-Identifier: MIT
 *
 * complex.c: the elementwise ops on complex64 and complex128, one line per op, in scalar code: right, with fixed bits,
 * and no promise of speed. complex64 is computed in float64 and rounded once per part, so its parts are within 1 ULP of
 * the complex128 result. The formulas are those of docs/numerics.md.
 */
#include "../base/fma.h"
#include "kernels.h"
#include "simd.h"

typedef struct {
    double re, im;
} z;

#if defined(__x86_64__)
#define RT_IN_REGISTER(x) "+x"(x)
#else
#define RT_IN_REGISTER(x) "+w"(x)
#endif

static inline double root(double x) {
    return __builtin_sqrt(x);
}

static inline z make(double re, double im) {
    return (z){re, im};
}

static inline int is_nan(z a) {
    return a.re != a.re || a.im != a.im;
}

static inline int is_inf(z a) {
    return __builtin_isinf(a.re) || __builtin_isinf(a.im);
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
    if (is_inf(a)) return __builtin_inf();
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

/* Unary: a is a z. */
#define ZBODY_positive(a) (a)
#define ZBODY_negative(a) make(-(a).re, -(a).im)
#define ZBODY_conj(a) make((a).re, -(a).im)
#define ZBODY_sign(a) sign(a)
#define ZBODY_square(a) multiply(a, a)
#define ZBODY_reciprocal(a) divide(make(1, 0), a)

/* To real. */
#define ZBODY_abs(a) magnitude(a)

/* Predicates. */
#define ZBODY_isnan(a) is_nan(a)
#define ZBODY_isinf(a) is_inf(a)
#define ZBODY_isfinite(a) (!is_nan(a) && !is_inf(a))

/* Binary. */
#define ZBODY_add(a, b) add(a, b)
#define ZBODY_subtract(a, b) subtract(a, b)
#define ZBODY_multiply(a, b) multiply(a, b)
#define ZBODY_divide(a, b) divide(a, b)

/* Compare. */
#define ZBODY_equal(a, b) ((a).re == (b).re && (a).im == (b).im)
#define ZBODY_not_equal(a, b) ((a).re != (b).re || (a).im != (b).im)

#define DEFINE_COMPLEX(D, T)                               \
    static inline z read_##D(const char *p) {              \
        T parts[2];                                        \
        memcpy(parts, p, sizeof(parts));                   \
        return make((double)parts[0], (double)parts[1]);   \
    }                                                      \
    static inline void write_##D(char *p, z a) {           \
        const T parts[2] = {(T)a.re, (T)a.im};             \
        memcpy(p, parts, sizeof(parts));                   \
    }                                                      \
    static inline void write_real_##D(char *p, double x) { \
        const T real = (T)x;                               \
        memcpy(p, &real, sizeof(real));                    \
    }
DEFINE_COMPLEX(c64, float)
DEFINE_COMPLEX(c128, double)

#define LOOP_1(D, op, STATEMENT)                                        \
    static void op##_##D(char *const *p, const int64_t *s, int64_t n) { \
        for (int64_t i = 0; i < n; i++) {                               \
            const z a = read_##D(p[1] + i * s[1]);                      \
            char *const out = p[0] + i * s[0];                          \
            STATEMENT;                                                  \
        }                                                               \
    }
#define LOOP_2(D, op, STATEMENT)                                                  \
    static void op##_##D(char *const *p, const int64_t *s, int64_t n) {           \
        for (int64_t i = 0; i < n; i++) {                                         \
            const z a = read_##D(p[1] + i * s[1]), b = read_##D(p[2] + i * s[2]); \
            char *const out = p[0] + i * s[0];                                    \
            STATEMENT;                                                            \
        }                                                                         \
    }
#define UNARY_c64(op, OP) LOOP_1(c64, op, write_c64(out, ZBODY_##op(a)))
#define UNARY_c128(op, OP) LOOP_1(c128, op, write_c128(out, ZBODY_##op(a)))
#define REAL_c64(op, OP) LOOP_1(c64, op, write_real_c64(out, ZBODY_##op(a)))
#define REAL_c128(op, OP) LOOP_1(c128, op, write_real_c128(out, ZBODY_##op(a)))
#define PREDICATE_c64(op, OP) LOOP_1(c64, op, *out = (char)(ZBODY_##op(a)))
#define PREDICATE_c128(op, OP) LOOP_1(c128, op, *out = (char)(ZBODY_##op(a)))
#define BINARY_c64(op, OP) LOOP_2(c64, op, write_c64(out, ZBODY_##op(a, b)))
#define BINARY_c128(op, OP) LOOP_2(c128, op, write_c128(out, ZBODY_##op(a, b)))
#define COMPARE_c64(op, OP) LOOP_2(c64, op, *out = (char)(ZBODY_##op(a, b)))
#define COMPARE_c128(op, OP) LOOP_2(c128, op, *out = (char)(ZBODY_##op(a, b)))
RT_UNARY_c64(UNARY_c64) RT_UNARY_c128(UNARY_c128) RT_TO_REAL_c64(REAL_c64) RT_TO_REAL_c128(REAL_c128)
    RT_PREDICATE_c64(PREDICATE_c64) RT_PREDICATE_c128(PREDICATE_c128) RT_BINARY_c64(BINARY_c64)
        RT_BINARY_c128(BINARY_c128) RT_COMPARE_c64(COMPARE_c64) RT_COMPARE_c128(COMPARE_c128)

            void RT_FN(rt_fill_complex)(rt_kernels *k) {
#define ENTER_c64(op, OP) k->loops[RT_OP_##OP][RT_C64] = op##_c64;
#define ENTER_c128(op, OP) k->loops[RT_OP_##OP][RT_C128] = op##_c128;
#define ENTER_ALL(D)                                                                                       \
    RT_UNARY_##D(ENTER_##D) RT_TO_REAL_##D(ENTER_##D) RT_PREDICATE_##D(ENTER_##D) RT_BINARY_##D(ENTER_##D) \
        RT_COMPARE_##D(ENTER_##D)
    ENTER_ALL(c64)
    ENTER_ALL(c128)
}
