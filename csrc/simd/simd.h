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

typedef float vf32 __attribute__((vector_size(RT_VBYTES)));
typedef double vf64 __attribute__((vector_size(RT_VBYTES)));
typedef int32_t vi32 __attribute__((vector_size(RT_VBYTES)));
typedef int64_t vi64 __attribute__((vector_size(RT_VBYTES)));
typedef int8_t vi8 __attribute__((vector_size(RT_VBYTES)));

/* The same at any address. */
typedef float vf32_any __attribute__((vector_size(RT_VBYTES), aligned(1), may_alias));
typedef double vf64_any __attribute__((vector_size(RT_VBYTES), aligned(1), may_alias));
typedef int64_t vi64_any __attribute__((vector_size(RT_VBYTES), aligned(1), may_alias));
typedef int8_t vi8_any __attribute__((vector_size(RT_VBYTES), aligned(1), may_alias));

/* Half a vector of floats: what converts to one vector of doubles. */
typedef float vf32_half __attribute__((vector_size(RT_VBYTES / 2)));

typedef union {
    vf32 whole;
    vf32_half half[2];
} vf32_halves;

static inline vf64 v_select_f64(vi64 mask, vf64 a, vf64 b) {
    return (vf64)(((vi64)a & mask) | ((vi64)b & ~mask));
}

static inline vf32 v_select_f32(vi32 mask, vf32 a, vf32 b) {
    return (vf32)(((vi32)a & mask) | ((vi32)b & ~mask));
}

static inline vi64 v_select_i64(vi64 mask, vi64 a, vi64 b) {
    return (a & mask) | (b & ~mask);
}

static inline vf64 v_splat_f64(double x) {
    return x - (vf64){0};
}

static inline vf32 v_splat_f32(float x) {
    return x - (vf32){0};
}

static inline vi64 v_splat_i64(int64_t x) {
    return x - (vi64){0};
}

#endif
