/* SPDX-License-Identifier: MIT
 *
 * complex.c: the elementwise ops on complex64 and complex128, one line per op, in scalar code: right, with fixed bits,
 * and no promise of speed. complex64 is computed in float64 and rounded once per part, so its parts are within 1 ULP of
 * the complex128 result. The formulas are those of docs/numerics.md.
 */
#include "complex_functions.h"
#include "kernels.h"
#include "simd.h"

/* Unary: a is a z. */
#define ZBODY_positive(a) (a)
#define ZBODY_negative(a) make(-(a).re, -(a).im)
#define ZBODY_conj(a) make((a).re, -(a).im)
#define ZBODY_sign(a) sign(a)
#define ZBODY_square(a) multiply(a, a)
#define ZBODY_reciprocal(a) divide(make(1, 0), a)
#define ZBODY_round(a) make(real_round((a).re), real_round((a).im))
#define ZBODY_sqrt(a) z_sqrt(a)
#define ZBODY_exp(a) z_exp(a)
#define ZBODY_expm1(a) z_expm1(a)
#define ZBODY_log(a) z_log(a)
#define ZBODY_log1p(a) z_log1p(a)
#define ZBODY_log2(a) z_log2(a)
#define ZBODY_log10(a) z_log10(a)
#define ZBODY_sinh(a) z_sinh(a)
#define ZBODY_cosh(a) z_cosh(a)
#define ZBODY_tanh(a) z_tanh(a)
#define ZBODY_sin(a) z_sin(a)
#define ZBODY_cos(a) z_cos(a)
#define ZBODY_tan(a) z_tan(a)
#define ZBODY_asin(a) z_asin(a)
#define ZBODY_acos(a) z_acos(a)
#define ZBODY_atan(a) z_atan(a)
#define ZBODY_asinh(a) z_asinh(a)
#define ZBODY_acosh(a) z_acosh(a)
#define ZBODY_atanh(a) z_atanh(a)

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
#define ZBODY_pow(a, b) z_pow(a, b)

/* Compare. */
#define ZBODY_equal(a, b) ((a).re == (b).re && (a).im == (b).im)
#define ZBODY_not_equal(a, b) ((a).re != (b).re || (a).im != (b).im)

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
