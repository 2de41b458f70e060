/* SPDX-License-Identifier: MIT
 *
 * exception.h: an input whose exact result is so close to halfway between two floats that the float64 value of it rounds
 * to the wrong one. csrc/tests/exhaustive.c finds them.
 */
#ifndef RTCH_EXCEPTION_H
#define RTCH_EXCEPTION_H

#include "simd.h"

/* `is` where x is `at`, else the value. */
static inline vf32 v_exception_f32(vf32 value, vf32 x, float at, float is) {
    return v_select_f32(x == v_splat_f32(at), v_splat_f32(is), value);
}

#endif
