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
#define v_min_f32(a, b) v_select_f32((a) < (b), a, b)
#define v_min_f64(a, b) v_select_f64((a) < (b), a, b)
#define v_any_i32(mask) (vmaxvq_u32((uint32x4_t)(mask)) != 0)
#define v_product_u64(a, b) ((vu64)vmull_u32(vmovn_u64((uint64x2_t)(a)), vmovn_u64((uint64x2_t)(b))))
#define v_any_i64(mask) (vmaxvq_u32((uint32x4_t)(mask)) != 0)
#define v_max_f32(a, b) v_select_f32((a) > (b), a, b)
#define v_max_f64(a, b) v_select_f64((a) > (b), a, b)
#define v_low_f64(a) ((vf64)vcvt_f64_f32(vget_low_f32((float32x4_t)(a))))
#define v_high_f64(a) ((vf64)vcvt_high_f64_f32((float32x4_t)(a)))
#define v_narrow_f32(low, high) ((vf32)vcvt_high_f32_f64(vcvt_f32_f64((float64x2_t)(low)), (float64x2_t)(high)))
#define v_low_words(a, b) ((vi32)vuzp1q_s32((int32x4_t)(a), (int32x4_t)(b)))
#define v_floor_f32(a) ((vf32)vrndmq_f32((float32x4_t)(a)))
#define v_floor_f64(a) ((vf64)vrndmq_f64((float64x2_t)(a)))
#define v_ceil_f32(a) ((vf32)vrndpq_f32((float32x4_t)(a)))
#define v_ceil_f64(a) ((vf64)vrndpq_f64((float64x2_t)(a)))
#define v_trunc_f32(a) ((vf32)vrndq_f32((float32x4_t)(a)))
#define v_trunc_f64(a) ((vf64)vrndq_f64((float64x2_t)(a)))
#define v_round_f32(a) ((vf32)vrndnq_f32((float32x4_t)(a)))
#define v_round_f64(a) ((vf64)vrndnq_f64((float64x2_t)(a)))
#define v_min_i32(a, b) ((vi32)vminq_s32((int32x4_t)(a), (int32x4_t)(b)))
#define v_max_i32(a, b) ((vi32)vmaxq_s32((int32x4_t)(a), (int32x4_t)(b)))
#define v_min_i64(a, b) v_select_i64((a) > (b), b, a)
#define v_max_i64(a, b) v_select_i64((a) > (b), a, b)

#define v_load_16s(p, step) ((void)(step), (vf32)vld1q_f32((const float *)(p)))
#define v_zip_lo_32(a, b) ((vf32)vzip1q_f32((float32x4_t)(a), (float32x4_t)(b)))
#define v_zip_hi_32(a, b) ((vf32)vzip2q_f32((float32x4_t)(a), (float32x4_t)(b)))
#define v_zip_lo_64(a, b) ((vf64)vzip1q_f64((float64x2_t)(a), (float64x2_t)(b)))
#define v_zip_hi_64(a, b) ((vf64)vzip2q_f64((float64x2_t)(a), (float64x2_t)(b)))
