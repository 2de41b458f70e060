/* SPDX-License-Identifier: MIT
 * elementwise_float.c: the loops of bodies.h for float32 and float64. */
#include "bodies.h"
#include "kernels.h"
#include "simd.h"

#define D f32
#define T float
#define MASK i32
#define CODE RT_F32
#include "loops.h"

#define D f64
#define T double
#define MASK i64
#define CODE RT_F64
#include "loops.h"

void RT_FN(rt_fill_elementwise_float)(rt_kernels *k) {
    fill_f32(k);
    fill_f64(k);
}
