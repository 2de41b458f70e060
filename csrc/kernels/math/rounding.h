/* SPDX-License-Identifier: MIT
 *
 * rounding.h: copysign and nextafter. The rounding functions themselves are in the headers of the instruction sets.
 */
#ifndef RTCH_ROUNDING_H
#define RTCH_ROUNDING_H

#include "simd.h"

static inline vf32 v_copysign_f32(vf32 x, vf32 y) {
    return v_with_sign_f32(v_abs_f32(x), y);
}

static inline vf64 v_copysign_f64(vf64 x, vf64 y) {
    return v_with_sign_f64(v_abs_f64(x), y);
}

/* The next number after x towards y; y where they are equal (of two zeros the second), NaN where either is. Away from
 * zero adds one to the bits, towards it takes one off; from either zero the step is to the smallest subnormal. */
#define DEFINE_NEXTAFTER(name, VF, VI, sign, select)                             \
    static inline VF name(VF x, VF y) {                                          \
        const VI bits = (VI)x, from_zero = x == (VF){0};                         \
        const VI up = x < y, outwards = ((bits >= 0) & up) | ((bits < 0) & ~up); \
        const VI stepped = bits - (outwards + outwards + 1);                     \
        const VI tiny = ((VI)y & sign) | 1;                                      \
        const VF moved = (VF)((from_zero & tiny) | (~from_zero & stepped));      \
        return select((x != x) | (y != y), x + y, select(x == y, y, moved));     \
    }
DEFINE_NEXTAFTER(v_nextafter_f32, vf32, vi32, INT32_MIN, v_select_f32)
DEFINE_NEXTAFTER(v_nextafter_f64, vf64, vi64, INT64_MIN, v_select_f64)

#endif
