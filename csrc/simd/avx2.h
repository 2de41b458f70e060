/* SPDX-License-Identifier: MIT
 * avx2.h: AVX2 with FMA. 16 registers: a 6 x 2 tile of accumulators leaves four for operands. */
#include <immintrin.h>

#define RT_VBYTES 32
#define RT_MR 6
#define RT_NV 2

#define v_sqrt_f32(a) ((vf32)_mm256_sqrt_ps((__m256)(a)))
#define v_sqrt_f64(a) ((vf64)_mm256_sqrt_pd((__m256d)(a)))
#define v_fma_f32(a, b, c) ((vf32)_mm256_fmadd_ps((__m256)(a), (__m256)(b), (__m256)(c)))
#define v_fma_f64(a, b, c) ((vf64)_mm256_fmadd_pd((__m256d)(a), (__m256d)(b), (__m256d)(c)))
