/* SPDX-License-Identifier: MIT
 *
 * simd.h: the vector vocabulary that kernels are written in, picked by the RT_ISA_* macro of the compilation.
 *
 * Everything that GCC's vector extensions already say (+ - * / compare, convert) is used as it is. What they
 * cannot say comes from one small header per instruction set, under the same names everywhere:
 *
 *   RT_VBYTES              bytes in a vector
 *   v_sqrt_f32 v_sqrt_f64  correctly rounded square root
 *   v_fma_f32  v_fma_f64   a * b + c, rounded once; exact on every instruction set
 *   RT_MR RT_NV            rows and vectors of the matmul tile
 *
 * A kernel object is compiled once per instruction set with its own flags, so everything here is static
 * inline and every exported symbol carries the instruction set's name (RT_FN).
 */
#ifndef RTCH_SIMD_H
#define RTCH_SIMD_H

#include <stdint.h>
#include <string.h>

#define RT_CAT_(a, b) a##_##b
#define RT_CAT(a, b) RT_CAT_(a, b)

#if defined(RT_ISA_AVX512)
#define RT_ISA_NAME avx512
#include "avx512.h"
#elif defined(RT_ISA_AVX2)
#define RT_ISA_NAME avx2
#include "avx2.h"
#elif defined(RT_ISA_NEON)
#define RT_ISA_NAME neon
#include "neon.h"
#else
#define RT_ISA_NAME baseline
#include "baseline.h"
#endif

#define RT_FN(name) RT_CAT(name, RT_ISA_NAME)

/* v<dtype>: a vector at its own alignment; v<dtype>_any: at any address. */
#define RT_VECTOR(D, T)                                     \
    typedef T v##D __attribute__((vector_size(RT_VBYTES))); \
    typedef T v##D##_any __attribute__((vector_size(RT_VBYTES), aligned(1), may_alias));
RT_VECTOR(f32, float)
RT_VECTOR(f64, double)
RT_VECTOR(i8, int8_t)
RT_VECTOR(i16, int16_t)
RT_VECTOR(i32, int32_t)
RT_VECTOR(i64, int64_t)
RT_VECTOR(u8, uint8_t)
RT_VECTOR(u16, uint16_t)
RT_VECTOR(u32, uint32_t)
RT_VECTOR(u64, uint64_t)

/* Half a vector of floats: what converts to one vector of doubles. */
typedef float vf32_half __attribute__((vector_size(RT_VBYTES / 2)));

typedef union {
    vf32 whole;
    vf32_half half[2];
} vf32_halves;

/* v_splat_D(x): x in every lane. v_select_D(mask, a, b): a where the mask, which a comparison gives, is set. */
#define RT_SELECT(D, T, MASK)                                       \
    static inline v##D v_splat_##D(T x) {                           \
        return x - (v##D){0};                                       \
    }                                                               \
    static inline v##D v_select_##D(v##MASK mask, v##D a, v##D b) { \
        return (v##D)(((v##MASK)a & mask) | ((v##MASK)b & ~mask));  \
    }
RT_SELECT(f32, float, i32)
RT_SELECT(f64, double, i64)
RT_SELECT(i8, int8_t, i8)
RT_SELECT(i16, int16_t, i16)
RT_SELECT(i32, int32_t, i32)
RT_SELECT(i64, int64_t, i64)
RT_SELECT(u8, uint8_t, i8)
RT_SELECT(u16, uint16_t, i16)
RT_SELECT(u32, uint32_t, i32)
RT_SELECT(u64, uint64_t, i64)

#endif
