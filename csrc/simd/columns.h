/* SPDX-License-Identifier: MIT
 *
 * columns.h: a few adjacent columns of a vector's height of rows, turned in registers.
 *
 * A vector is seen as quarters of 16 bytes, which every instruction set can zip (interleave) by itself: each quarter takes
 * the rows of its own, so that nothing has to move between quarters.
 *
 *   v_load_16s(p, step)    16 bytes from p, p + step, p + 2 step ..., as many as a vector holds
 *   v_zip_lo_32 v_zip_hi_32 v_zip_lo_64 v_zip_hi_64    in each quarter, the lower or upper halves of a and b interleaved
 */
#ifndef RTCH_COLUMNS_H
#define RTCH_COLUMNS_H

#include "simd.h"

/* Rows are `stride` apart; each quarter takes as many as it has items, beginning `next` after the quarter before. out[j] has
 * element j of each row. */
static inline void v_columns_f32(const char *rows, int64_t stride, int64_t next, vf32 out[4]) {
    const vf32 r0 = v_load_16s(rows, next), r1 = v_load_16s(rows + stride, next);
    const vf32 r2 = v_load_16s(rows + 2 * stride, next), r3 = v_load_16s(rows + 3 * stride, next);
    const vf32 a = v_zip_lo_32(r0, r2), b = v_zip_lo_32(r1, r3), c = v_zip_hi_32(r0, r2), d = v_zip_hi_32(r1, r3);
    out[0] = v_zip_lo_32(a, b), out[1] = v_zip_hi_32(a, b);
    out[2] = v_zip_lo_32(c, d), out[3] = v_zip_hi_32(c, d);
}

static inline void v_columns_f64(const char *rows, int64_t stride, int64_t next, vf64 out[2]) {
    const vf64 r0 = (vf64)v_load_16s(rows, next), r1 = (vf64)v_load_16s(rows + stride, next);
    out[0] = v_zip_lo_64(r0, r1), out[1] = v_zip_hi_64(r0, r1);
}

static inline void v_columns_i64(const char *rows, int64_t stride, int64_t next, vi64 out[2]) {
    vf64 bits[2];
    v_columns_f64(rows, stride, next, bits);
    out[0] = (vi64)bits[0], out[1] = (vi64)bits[1];
}

#endif
