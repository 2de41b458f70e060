/* SPDX-License-Identifier: MIT
 *
 * dropout.c: elements kept or dropped by the random word that belongs to their position.
 *
 * A block of 64 elements takes 16 counters of Philox4x32-10, whose output is 4 words of 32 bits: element j of block b
 * has word j / 16 of counter offset + 16 b + j % 16. It is kept where that is `least` or more.
 */
#include "kernels.h"
#include "simd.h"

#define LANES ((int)(sizeof(vu32) / 4))
#define BLOCK 64

/* The upper and lower halves of the 64-bit products of every lane with m. */
static inline vu32 products(vu32 a, uint32_t m, vu32 *low) {
    const vu64 by = v_splat_u64(m), even = v_product_u64((vu64)a, by), odd = v_product_u64((vu64)a >> 32, by);
    *low = (vu32)((even & 0xffffffff) | odd << 32);
    return (vu32)(even >> 32 | (odd & ~(uint64_t)0xffffffff));
}

/* The words of a block, in the order of its elements. */
static inline void block_words(uint64_t seed, uint64_t counter, uint32_t *words) {
    static const uint32_t steps[16] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
    for (int at = 0; at < 16; at += LANES) {
        const vu32 step = *(const vu32_any *)(steps + at);
        vu32 c0 = v_splat_u32((uint32_t)counter) + step;
        vu32 c1 = v_splat_u32((uint32_t)(counter >> 32)) - (vu32)(c0 < step); /* a mask is -1 */
        vu32 c2 = v_splat_u32(0), c3 = v_splat_u32(0);
        uint32_t k0 = (uint32_t)seed, k1 = (uint32_t)(seed >> 32);
        for (int round = 0; round < 10; round++) {
            vu32 low0, low1;
            const vu32 high0 = products(c0, 0xD2511F53, &low0), high1 = products(c2, 0xCD9E8D57, &low1);
            c0 = high1 ^ c1 ^ k0, c2 = high0 ^ c3 ^ k1;
            c1 = low1, c3 = low0;
            k0 += 0x9E3779B9, k1 += 0xBB67AE85;
        }
        *(vu32_any *)(words + at) = (vu32_any)c0;
        *(vu32_any *)(words + at + 16) = (vu32_any)c1;
        *(vu32_any *)(words + at + 32) = (vu32_any)c2;
        *(vu32_any *)(words + at + 48) = (vu32_any)c3;
    }
}

/* n dense elements from the start of a block. */
#define DEFINE_DROPOUT(D, T)                                                                                  \
    static void dropout_##D(const char *x, char *out, int64_t n, uint32_t least, double scale, uint64_t seed, \
                            uint64_t counter) {                                                               \
        const T by = (T)scale;                                                                                \
        uint32_t words[BLOCK];                                                                                \
        for (int64_t i = 0; i < n; i += BLOCK, counter += BLOCK / 4) {                                        \
            const T *from = (const T *)x + i;                                                                 \
            T *to = (T *)out + i;                                                                             \
            block_words(seed, counter, words);                                                                \
            if (n - i >= BLOCK)                                                                               \
                for (int j = 0; j < BLOCK; j++) to[j] = words[j] >= least ? from[j] * by : 0;                 \
            else                                                                                              \
                for (int j = 0; j < (int)(n - i); j++) to[j] = words[j] >= least ? from[j] * by : 0;          \
        }                                                                                                     \
    }
DEFINE_DROPOUT(f32, float)
DEFINE_DROPOUT(f64, double)

void RT_FN(rt_fill_dropout)(rt_kernels *k) {
    k->dropout[RT_F32] = dropout_f32;
    k->dropout[RT_F64] = dropout_f64;
}
