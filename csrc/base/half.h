/* SPDX-License-Identifier: MIT
 *
 * half.h: float16 (binary16) and bfloat16 as 16 bits, to float32 exactly and from float64 rounded once, to nearest with
 * ties to even. In integers, so that it is the same on every CPU.
 */
#ifndef RTCH_HALF_H
#define RTCH_HALF_H

#include <stdint.h>
#include <string.h>

static inline float rt_f32_of_bf16(uint16_t h) {
    const uint32_t u = (uint32_t)h << 16;
    float x;
    memcpy(&x, &u, 4);
    return x;
}

static inline float rt_f32_of_f16(uint16_t h) {
    const uint32_t sign = (uint32_t)(h & 0x8000) << 16, rest = h & 0x7fff;
    uint32_t u;
    float x;
    if (rest >= 0x7c00) u = 0x7f800000 | rest << 13; /* infinite or NaN */
    else if (rest >= 0x0400) u = (rest << 13) + ((127 - 15) << 23);
    else {
        x = (float)(int32_t)rest * 0x1p-24f; /* subnormal or zero: exact */
        memcpy(&u, &x, 4);
    }
    u |= sign;
    memcpy(&x, &u, 4);
    return x;
}

/* |x| as p fraction bits and an exponent field of e bits. */
static inline uint16_t rt_half_of_f64(double x, int p, int e) {
    uint64_t u;
    memcpy(&u, &x, 8);
    const uint16_t sign = (uint16_t)(u >> 48 & 0x8000);
    const int bias = (1 << (e - 1)) - 1;
    const uint16_t infinite = (uint16_t)(((1 << e) - 1) << p);
    u &= INT64_MAX;
    if (u > 0x7ff0000000000000ULL) return (uint16_t)(sign | infinite | 1 << (p - 1));
    int exponent = (int)(u >> 52) - 1023; /* a subnormal double is far below the smallest half */
    if (exponent > bias) return sign | infinite;
    if (exponent < -bias - p) return sign; /* under half of the smallest subnormal; the tie at half of it is below */
    uint64_t m = (u & 0xfffffffffffffULL) | 1ULL << 52;
    int drop = 52 - p;
    if (exponent < 1 - bias) drop += 1 - bias - exponent, exponent = -bias;
    const uint64_t half = 1ULL << (drop - 1), low = m & ((1ULL << drop) - 1);
    m >>= drop;
    if (low > half || (low == half && (m & 1))) m++;
    /* m holds the implicit bit where the result is normal; a carry moves into the exponent by itself. */
    const uint32_t bits = (uint32_t)m + ((uint32_t)(exponent + bias) << p) - (exponent > -bias ? 1u << p : 0);
    return (uint16_t)(sign | bits);
}

static inline uint16_t rt_f16_of_f64(double x) {
    return rt_half_of_f64(x, 10, 5);
}

static inline uint16_t rt_bf16_of_f64(double x) {
    return rt_half_of_f64(x, 7, 8);
}

/* Through a double of at most 52 bits, the last one odd where others were lost, so that it rounds as the integer. */
static inline uint16_t rt_bf16_of_u64(uint64_t x) {
    return rt_bf16_of_f64((double)(x >> 53 ? (x >> 12 | ((x & 0xfff) != 0)) << 12 : x));
}

static inline uint16_t rt_bf16_of_i64(int64_t x) {
    return x < 0 ? (uint16_t)(rt_bf16_of_u64(-(uint64_t)x) | 0x8000) : rt_bf16_of_u64((uint64_t)x);
}

#endif
