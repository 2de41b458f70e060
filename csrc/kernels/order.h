/* SPDX-License-Identifier: MIT
 *
 * order.h: maximum and minimum of two. Floating: NaN wins, and +0 is larger than -0, so the result does not depend on
 * the order of the operands.
 */
#ifndef RTCH_ORDER_H
#define RTCH_ORDER_H

#include "simd.h"

/* Where a == b, and-ing the bits of zeros gives the larger one, or-ing the smaller. a != a is NaN. */
#define RT_ORDER_FLOAT(D, MASK)                                                    \
    static inline v##D v_maximum_##D(v##D a, v##D b) {                             \
        const v##D same = (v##D)((v##MASK)a & (v##MASK)b);                         \
        return v_select_##D((a > b) | (a != a), a, v_select_##D(a == b, same, b)); \
    }                                                                              \
    static inline v##D v_minimum_##D(v##D a, v##D b) {                             \
        const v##D same = (v##D)((v##MASK)a | (v##MASK)b);                         \
        return v_select_##D((a < b) | (a != a), a, v_select_##D(a == b, same, b)); \
    }
#define RT_ORDER_INTEGER(D)                            \
    static inline v##D v_maximum_##D(v##D a, v##D b) { \
        return v_select_##D(a > b, a, b);              \
    }                                                  \
    static inline v##D v_minimum_##D(v##D a, v##D b) { \
        return v_select_##D(a < b, a, b);              \
    }
RT_ORDER_FLOAT(f32, i32)
RT_ORDER_FLOAT(f64, i64)
RT_ORDER_INTEGER(i8)
RT_ORDER_INTEGER(i16)
RT_ORDER_INTEGER(i32)
RT_ORDER_INTEGER(i64)
RT_ORDER_INTEGER(u8)
RT_ORDER_INTEGER(u16)
RT_ORDER_INTEGER(u32)
RT_ORDER_INTEGER(u64)

/* Where a or b is NaN, as a mask. */
#if defined(RT_ISA_AVX2)
#define v_unordered_f32(a, b) ((vi32)_mm256_cmp_ps((__m256)(a), (__m256)(b), _CMP_UNORD_Q))
#define v_unordered_f64(a, b) ((vi64)_mm256_cmp_pd((__m256d)(a), (__m256d)(b), _CMP_UNORD_Q))
#else
#define v_unordered_f32(a, b) ((vi32)(((a) != (a)) | ((b) != (b))))
#define v_unordered_f64(a, b) ((vi64)(((a) != (a)) | ((b) != (b))))
#endif

#endif
