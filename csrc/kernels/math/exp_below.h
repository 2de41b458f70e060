/* SPDX-License-Identifier: MIT
 *
 * exp_below.h: e^x for x <= 0 (right up to 40) in float32 arithmetic, within 1.01 ULP, subnormal results too: what softmax
 * and its kin are made of. One algorithm on all instruction sets:
 *
 *   x at least -110; k = round(x / ln 2); r = x - k ln 2 with ln 2 in two parts;
 *   e^r - 1 = p = r + r^2 q(r), q the polynomial of degree 4 by Horner's rule (2^-28.2 of the result);
 *   2^(k + 64) p + 2^(k + 64) as one fused multiply-add, then times 2^-64, so that a subnormal result is rounded there.
 */
#ifndef RTCH_EXP_BELOW_H
#define RTCH_EXP_BELOW_H

#include "simd.h"

static inline vf32 v_exp_below_f32(vf32 x) {
    const vf32 shifter = v_splat_f32(0x1.8p23f); /* adding it rounds to an integer that stands in the low bits */
    const vf32 y = v_max_f32(v_splat_f32(-110), x);
    const vf32 t = v_fma_f32(y, v_splat_f32(0x1.715476p+0f), shifter);
    const vf32 k = t - shifter;
    const vf32 r = v_fma_f32(k, v_splat_f32(0x1.05c610p-29f), v_fma_f32(k, v_splat_f32(-0x1.62e430p-1f), y));
    vf32 q = v_splat_f32(0x1.6ac6b2p-10f);
    q = v_fma_f32(q, r, v_splat_f32(0x1.123de0p-7f));
    q = v_fma_f32(q, r, v_splat_f32(0x1.555858p-5f));
    q = v_fma_f32(q, r, v_splat_f32(0x1.55548cp-3f));
    q = v_fma_f32(q, r, v_splat_f32(0x1.fffffcp-2f));
    const vf32 p = v_fma_f32(r * r, q, r);
    const vf32 two_k = (vf32)(((vi32)t + (127 + 64)) << 23);
    return v_fma_f32(two_k, p, two_k) * 0x1p-64f;
}

#endif
