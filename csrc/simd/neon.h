/* SPDX-License-Identifier: MIT
 * neon.h: 64-bit Arm, whose baseline has fused multiply-add and square root. 32 registers: an 8 x 2 tile. */
#include <arm_neon.h>

#define RT_VBYTES 16
#define RT_MR 8
#define RT_NV 2

#define v_sqrt_f32(a) ((vf32)vsqrtq_f32((float32x4_t)(a)))
#define v_sqrt_f64(a) ((vf64)vsqrtq_f64((float64x2_t)(a)))
#define v_fma_f32(a, b, c) ((vf32)vfmaq_f32((float32x4_t)(c), (float32x4_t)(a), (float32x4_t)(b)))
#define v_fma_f64(a, b, c) ((vf64)vfmaq_f64((float64x2_t)(c), (float64x2_t)(a), (float64x2_t)(b)))
