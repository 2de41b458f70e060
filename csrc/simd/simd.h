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
 *   v_min_f32  v_min_f64   a < b ? a : b, so that b passes where either is NaN
 *   v_max_f32  v_max_f64   a > b ? a : b, likewise
 *   v_min_i32  v_min_i64  v_max_i32  v_max_i64   the smaller and the larger
 *   v_any_i32  v_any_i64   whether any lane of a mask is set
 *   v_floor_D v_ceil_D v_trunc_D v_round_D   to a whole float of D; round takes ties to even; a zero keeps its sign
 *   v_low_f64 v_high_f64   the lower or upper half of a vector of float32 as float64
 *   v_narrow_f32           two vectors of float64, rounded to one of float32
 *   v_low_words            the lower 32 bits of every lane of two vectors of float64, in any order
 *   v_product_u64          the products of the lower 32 bits of every lane
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

/* Clears the sign; of a zero and of a NaN too. */
static inline vf64 v_abs_f64(vf64 x) {
    return (vf64)((vi64)x & INT64_MAX);
}

static inline vf32 v_abs_f32(vf32 x) {
    return (vf32)((vi32)x & INT32_MAX);
}

/* Gives the magnitude x, whose own sign is +, the sign of y. */
static inline vf64 v_with_sign_f64(vf64 x, vf64 y) {
    return (vf64)((vi64)x | ((vi64)y & INT64_MIN));
}

static inline vf32 v_with_sign_f32(vf32 x, vf32 y) {
    return (vf32)((vi32)x | ((vi32)y & INT32_MIN));
}

/* A function for lanes that hardly ever occur: kept out of the loop that asks for it. */
#define V_RARE __attribute__((noinline, cold, unused)) static

/* Whether a float64 lies within 2^10 units of its last place of the middle between two normal float32, so that an error
 * of 2^-43 could change how it rounds; for the lanes of two vectors in the order of v_low_words. One in 2^18 does. */
static inline vi32 v_is_close_call(vf64 a, vf64 b) {
    return (v_low_words(a, b) << 3) + (1 << 13) < v_splat_i32(INT32_MIN + (1 << 14));
}

/* Defines name(x) as f of the two halves of x in float64, rounded to float32. */
#define V_DEFINE_BY_HALVES(name, f)                             \
    static inline vf32 name(vf32 x) {                           \
        return v_narrow_f32(f(v_low_f64(x)), f(v_high_f64(x))); \
    }

/* The same of two arguments. */
#define V_DEFINE_PAIR_BY_HALVES(name, f)                                                     \
    static inline vf32 name(vf32 x, vf32 y) {                                                \
        return v_narrow_f32(f(v_low_f64(x), v_low_f64(y)), f(v_high_f64(x), v_high_f64(y))); \
    }

/* V_DEFINE_BY_HALVES where f is within 2^-43. A vector with a close call, or with a lane of the mask `special` of x, is left to
 * rare(x). */
#define V_DEFINE_BY_HALVES_OR_RARE(name, f, special, rare)                                       \
    static inline vf32 name(vf32 x) {                                                            \
        const vf64 y0 = f(v_low_f64(x)), y1 = f(v_high_f64(x));                                  \
        if (__builtin_expect(v_any_i32(v_is_close_call(y0, y1) | (special)), 0)) return rare(x); \
        return v_narrow_f32(y0, y1);                                                             \
    }

#endif
