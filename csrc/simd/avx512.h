/* SPDX-License-Identifier: MIT
 * avx512.h: AVX-512 F, DQ, BW and VL. 32 registers: a 12 x 2 tile of accumulators. */
#include <immintrin.h>

#define RT_VBYTES 64
#define RT_MR 12
#define RT_NV 2

#define v_sqrt_f32(a) ((vf32)_mm512_sqrt_ps((__m512)(a)))
#define v_sqrt_f64(a) ((vf64)_mm512_sqrt_pd((__m512d)(a)))
#define v_fma_f32(a, b, c) ((vf32)_mm512_fmadd_ps((__m512)(a), (__m512)(b), (__m512)(c)))
#define v_fma_f64(a, b, c) ((vf64)_mm512_fmadd_pd((__m512d)(a), (__m512d)(b), (__m512d)(c)))
