/* SPDX-License-Identifier: MIT
 *
 * elementwise.c: one line per op. A body is an expression over vectors; loops.h turns it into a loop over
 * adjacent elements, over a repeated operand, and over any strides. Which dtypes an op has is the table's to
 * say.
 *
 * All results are exact or correctly rounded, save tanh in float64 (under 1 ULP; tanh.h).
 */
#include "kernels.h"
#include "simd.h"
#include "tanh.h"

/* Unary: a is a vector. */
#define BODY_negative(a) (-(a))
#define BODY_abs(a) V_SELECT((a) <= V_SPLAT(0), V_SPLAT(0) - (a), a) /* 0 - -0 is +0 */
#define BODY_relu(a) V_SELECT((a) <= V_SPLAT(0), V_SPLAT(0), a)
#define BODY_square(a) ((a) * (a))
#define BODY_sqrt(a) V_NAME(v_sqrt)(a)
#define BODY_tanh(a) V_NAME(v_tanh)(a)

/* Binary. */
#define BODY_add(a, b) ((a) + (b))
#define BODY_subtract(a, b) ((a) - (b))
#define BODY_multiply(a, b) ((a) * (b))
#define BODY_divide(a, b) ((a) / (b))

/* Compare: the result is a mask. */
#define BODY_equal(a, b) ((a) == (b))
#define BODY_not_equal(a, b) ((a) != (b))
#define BODY_less(a, b) ((a) < (b))
#define BODY_less_equal(a, b) ((a) <= (b))
#define BODY_greater(a, b) ((a) > (b))
#define BODY_greater_equal(a, b) ((a) >= (b))

/* where: plain C, as the compilers vectorise it; the items are moved as integers of their size. */
#define DEFINE_WHERE(D, T)                                                                          \
    static void where_##D(char *const *p, const int64_t *s, int64_t n) {                            \
        if (s[0] == sizeof(T) && s[1] == 1 && s[2] == sizeof(T) && s[3] == sizeof(T)) {             \
            const char *c = p[1], *a = p[2], *b = p[3];                                             \
            for (int64_t i = 0; i < n; i++) {                                                       \
                T x, y;                                                                             \
                memcpy(&x, a + i * sizeof(T), sizeof(T));                                           \
                memcpy(&y, b + i * sizeof(T), sizeof(T));                                           \
                x = c[i] ? x : y;                                                                   \
                memcpy(p[0] + i * sizeof(T), &x, sizeof(T));                                        \
            }                                                                                       \
            return;                                                                                 \
        }                                                                                           \
        for (int64_t i = 0; i < n; i++)                                                             \
            memcpy(p[0] + i * s[0], p[1][i * s[1]] ? p[2] + i * s[2] : p[3] + i * s[3], sizeof(T)); \
    }
DEFINE_WHERE(bool, uint8_t)
DEFINE_WHERE(i64, uint64_t)
DEFINE_WHERE(f32, uint32_t)
DEFINE_WHERE(f64, uint64_t)

#define D f32
#define T float
#define CODE RT_F32
#include "loops.h"

#define D f64
#define T double
#define CODE RT_F64
#include "loops.h"

#define D i64
#define T int64_t
#define CODE RT_I64
#include "loops.h"

/* bool: bytes of 0 and 1. */
typedef vi8 vbool;
typedef vi8_any vbool_any;
#define D bool
#define T int8_t
#define CODE RT_BOOL
#include "loops.h"

void RT_FN(rt_fill_elementwise)(rt_kernels *k) {
    fill_f32(k);
    fill_f64(k);
    fill_i64(k);
    fill_bool(k);
    k->loops[RT_OP_WHERE][RT_BOOL] = where_bool;
    k->loops[RT_OP_WHERE][RT_I64] = where_i64;
    k->loops[RT_OP_WHERE][RT_F32] = where_f32;
    k->loops[RT_OP_WHERE][RT_F64] = where_f64;
}
