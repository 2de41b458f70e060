/* SPDX-License-Identifier: MIT
 *
 * rem_pio2.h: an angle less the nearest multiple of pi / 2 or of pi, for any finite float64.
 *
 * |x| < 2^30: k = round(x * 2 / pi), r = x - k (P1 + P2 + P3) after Cody and Waite. P1 is pi / 2 rounded to float64:
 * x - k P1 is below 1 and a multiple of 2^-53, so one fused multiply-add gives it exactly. The product k P2 is kept
 * with its error. P1 + P2 + P3 is pi / 2 to 2^-163; the error of r is below 2^-130, while no float64 in the range comes
 * closer than 2^-62 to a multiple of pi / 2.
 *
 * Beyond: after Payne and Hanek ("Radian reduction for trigonometric functions", 1983), in integers. Of the product of
 * the 53-bit significand with the bits of 1 / (2 pi), 192 bits behind the binary point are computed; the bits in front of
 * it are whole turns. Lane by lane, so a few tens of cycles an element.
 */
#ifndef RTCH_REM_PIO2_H
#define RTCH_REM_PIO2_H

#include "math/double_double.h"

#define RT_FAR 0x1p30

/* One over 2 pi, 64 bits a word, after a word of zeros. */
static const uint64_t rt_turn_bits[23] = {
    0,
    0x28be60db9391054a,
    0x7f09d5f47d4d3770,
    0x36d8a5664f10e410,
    0x7f9458eaf7aef158,
    0x6dc91b8e909374b8,
    0x01924bba82746487,
    0x3f877ac72c4a69cf,
    0xba208d7d4baed121,
    0x3a671c09ad17df90,
    0x4e64758e60d4ce7d,
    0x272117e2ef7e4a0e,
    0xc7fe25fff7816603,
    0xfbcbc462d6829b47,
    0xdb4d9fb3c9f2c26d,
    0xd3d18fd9a797fa8b,
    0x5d49eeb1faf97c5e,
    0xcf41ce7de294a4ba,
    0x9afed7ec47e35742,
    0x1580cc11bf1edaea,
    0xfc33ef0826bd0d87,
    0x6a78e45857b986c2,
    0x19666157c5281a10,
};

typedef struct {
    double hi, lo; /* the rest, in turns */
    int64_t n;
} rt_turns;

/* x / (2 pi) + offset 2^-64 = whole turns + n 2^-bits + hi + lo, |hi| <= 2^-(bits + 1); x >= 2^30, finite. */
static inline rt_turns rt_reduce_turns(double x, int bits, uint64_t offset) {
    uint64_t word;
    memcpy(&word, &x, 8);
    const uint64_t m = (word & 0xfffffffffffffULL) | 1ULL << 52;
    const int first = (int)(word >> 52) - 1075 + 64, shift = first & 63; /* x = m * 2^(first - 64) */
    const uint64_t *const from = rt_turn_bits + (first >> 6);
    uint64_t window[4], t[3];
    for (int i = 0; i < 4; i++) window[i] = shift ? from[i] << shift | from[i + 1] >> (64 - shift) : from[i];
    unsigned __int128 sum = (unsigned __int128)m * window[3] >> 64;
    for (int i = 2; i >= 0; i--) {
        sum += (unsigned __int128)m * window[i];
        t[i] = (uint64_t)sum;
        sum >>= 64;
    }
    t[0] += offset;
    const uint64_t n = (t[0] + (1ULL << (63 - bits))) >> (64 - bits);
    t[0] -= n << (64 - bits);
    const int negative = (int64_t)t[0] < 0;
    if (negative) {
        t[2] = -t[2];
        t[1] = ~t[1] + (t[2] == 0);
        t[0] = ~t[0] + (t[2] == 0 && t[1] == 0);
    }
    /* No float64 comes so close to a multiple of pi / 2 that 64 leading bits are zero. */
    const int zeros = __builtin_clzll(t[0] | 1);
    if (zeros) {
        t[0] = t[0] << zeros | t[1] >> (64 - zeros);
        t[1] = t[1] << zeros | t[2] >> (64 - zeros);
    }
    const uint64_t scale_bits = (uint64_t)(1023 - zeros) << 52 | (uint64_t)negative << 63;
    double scale;
    memcpy(&scale, &scale_bits, 8);
    const double hi = (double)(int64_t)(t[0] >> 11) * 0x1p-53;
    const double lo = (double)(int64_t)((t[0] & 0x7ff) << 42 | t[1] >> 22) * 0x1p-106;
    return (rt_turns){hi * scale, lo * scale, (int64_t)n};
}

typedef struct {
    vdd r;
    vi64 n;
} v_angle;

/* The lanes of x >= 2^30 that are finite: x + 2 pi offset 2^-64 = 2 pi (whole + n 2^-bits) + r. The others stay as they
 * are in `near`. */
V_RARE v_angle rt_reduce_far(vf64 x, int bits, uint64_t offset, v_angle near) {
    vf64 hi = {0}, lo = {0};
    vi64 far = {0};
    for (int i = 0; i < (int)(sizeof(vf64) / 8); i++) {
        if (!(x[i] >= RT_FAR) || x[i] - x[i] != 0) continue;
        const rt_turns t = rt_reduce_turns(x[i], bits, offset);
        hi[i] = t.hi;
        lo[i] = t.lo;
        near.n[i] = t.n;
        far[i] = -1;
    }
    const vf64 high = v_splat_f64(0x1.921fb54442d18p+2), low = v_splat_f64(0x1.1a62633145c07p-52); /* 2 pi */
    const vdd product = v_exact_product(hi, high);
    const vf64 product_low = product.lo + v_fma_f64(hi, low, lo * high);
    near.r = v_select_dd(far, v_fast_sum(product.hi, product_low), near.r);
    return near;
}

/* Any finite x >= 0 = n pi / 2 + r, r as a sum, |r| <= pi / 4 (1 + 2^-22), n modulo 4. NaN and infinity give NaN. */
static inline v_angle v_rem_pio2(vf64 x) {
    const vf64 shifter = v_splat_f64(0x1.8p52);
    const vf64 t = v_fma_f64(x, v_splat_f64(0x1.45f306dc9c883p-1), shifter);
    const vf64 k = t - shifter;
    const vf64 r1 = v_fma_f64(-k, v_splat_f64(0x1.921fb54442d18p+0), x);
    const vdd p = v_exact_product(k, v_splat_f64(0x1.1a62633145c07p-54));
    const vdd d = v_exact_sum(r1, -p.hi);
    const vf64 low = d.lo - v_fma_f64(k, v_splat_f64(-0x1.f1976b7ed8fbcp-110), p.lo);
    const v_angle near = {v_fast_sum(d.hi, low), (vi64)t};
    return __builtin_expect(v_any_i64(x >= v_splat_f64(RT_FAR)), 0) ? rt_reduce_far(x, 2, 0, near) : near;
}

#endif
