/* SPDX-License-Identifier: MIT
 *
 * sort.c: sorts one row, and finds places in a sorted one.
 *
 * A value becomes an unsigned key of its width whose order is the values': a signed integer with its sign bit turned; a
 * float with its sign bit turned, or all bits where it is negative. Every NaN is the largest key and both zeros are one
 * key, so equal values keep their order. Descending, keys are complemented: the order stays stable.
 *
 * Short rows are sorted by insertion, others by a radix sort from the lowest byte up, which is stable and skips bytes
 * that all keys share. Keys become values again; where zeros of both signs were sorted, the signs are put back in the
 * order in which the row had them.
 */
#include "kernels.h"
#include "simd.h"

#define SHORT 24
#define PLAIN(u, U) (u)
#define SIGNED(u, U) ((U)((u) ^ ((U)1 << (8 * sizeof(U) - 1))))
#define SIGN(U) ((U)((U)1 << (8 * sizeof(U) - 1)))
/* INF: the bits of infinity. */
#define FLOATING(u, U, INF)                         \
    ((U)((u) << 1) > (U)((U)(INF) << 1) ? (U) ~(U)0 \
     : (U)((u) << 1) == 0               ? SIGN(U)   \
     : (u) & SIGN(U)                    ? (U) ~(u)  \
                                        : (U)((u) | SIGN(U)))
#define FLOAT_32(u, U) FLOATING(u, U, 0x7f800000u)
#define FLOAT_64(u, U) FLOATING(u, U, 0x7ff0000000000000u)
#define FROM_PLAIN(k, U) (k)
#define FROM_SIGNED(k, U) SIGNED(k, U)
#define FROM_FLOATING(k, U) ((k) == (U) ~(U)0 ? (U)((U) ~(U)0 >> 1) : (k) & SIGN(U) ? (U)((k) ^ SIGN(U)) : (U) ~(k))
#define FROM_FLOAT_32 FROM_FLOATING
#define FROM_FLOAT_64 FROM_FLOATING

/* Radix sort of keys, and of the indices beside them where index is not NULL. Each pair of buffers is used in turn;
   gives which one holds the result. */
#define DEFINE_RADIX(U)                                                                        \
    static int radix_##U(U *keys[2], int64_t *index[2], int64_t n) {                           \
        if (n <= SHORT) {                                                                      \
            U *k = keys[0];                                                                    \
            for (int64_t i = 1; i < n; i++) {                                                  \
                const U key = k[i];                                                            \
                const int64_t from = index[0] ? index[0][i] : 0;                               \
                int64_t j = i;                                                                 \
                for (; j > 0 && k[j - 1] > key; j--) {                                         \
                    k[j] = k[j - 1];                                                           \
                    if (index[0]) index[0][j] = index[0][j - 1];                               \
                }                                                                              \
                k[j] = key;                                                                    \
                if (index[0]) index[0][j] = from;                                              \
            }                                                                                  \
            return 0;                                                                          \
        }                                                                                      \
        int64_t count[sizeof(U)][256];                                                         \
        memset(count, 0, sizeof(count));                                                       \
        for (int64_t i = 0; i < n; i++)                                                        \
            for (int d = 0; d < (int)sizeof(U); d++) count[d][keys[0][i] >> (8 * d) & 255]++;  \
        int at = 0;                                                                            \
        for (int d = 0; d < (int)sizeof(U); d++) {                                             \
            int64_t *c = count[d], sum = 0;                                                    \
            if (c[keys[at][0] >> (8 * d) & 255] == n) continue; /* all keys share this byte */ \
            for (int b = 0; b < 256; b++) {                                                    \
                const int64_t many = c[b];                                                     \
                c[b] = sum;                                                                    \
                sum += many;                                                                   \
            }                                                                                  \
            const U *from = keys[at];                                                          \
            U *to = keys[!at];                                                                 \
            if (index[0])                                                                      \
                for (int64_t i = 0; i < n; i++) {                                              \
                    const int64_t place = c[from[i] >> (8 * d) & 255]++;                       \
                    to[place] = from[i];                                                       \
                    index[!at][place] = index[at][i];                                          \
                }                                                                              \
            else                                                                               \
                for (int64_t i = 0; i < n; i++) to[c[from[i] >> (8 * d) & 255]++] = from[i];   \
            at = !at;                                                                          \
        }                                                                                      \
        return at;                                                                             \
    }
DEFINE_RADIX(uint8_t)
DEFINE_RADIX(uint16_t)
DEFINE_RADIX(uint32_t)
DEFINE_RADIX(uint64_t)

/* IS_FLOAT: zeros of both signs are put back. */
#define DEFINE_SORT(D, U, TO, IS_FLOAT)                                                                              \
    static inline void keys_##D(const char *x, int64_t stride, int64_t n, int descending, U *restrict keys) {        \
        const U turn = descending ? (U) ~(U)0 : 0;                                                                   \
        if (stride == (int64_t)sizeof(U)) {                                                                          \
            const U *restrict from = (const U *)x;                                                                   \
            for (int64_t i = 0; i < n; i++) {                                                                        \
                const U u = from[i];                                                                                 \
                keys[i] = (U)(TO(u, U) ^ turn);                                                                      \
            }                                                                                                        \
            return;                                                                                                  \
        }                                                                                                            \
        for (int64_t i = 0; i < n; i++) {                                                                            \
            const U u = *(const U *)(x + i * stride);                                                                \
            keys[i] = (U)(TO(u, U) ^ turn);                                                                          \
        }                                                                                                            \
    }                                                                                                                \
    static void sort_##D(const char *x, int64_t stride, int64_t n, int descending, char *out, char *scratch) {       \
        U *keys[2] = {(U *)scratch, (U *)out};                                                                       \
        int64_t *none[2] = {NULL, NULL};                                                                             \
        const U turn = descending ? (U) ~(U)0 : 0;                                                                   \
        keys_##D(x, stride, n, descending, keys[0]);                                                                 \
        const U *restrict sorted = keys[radix_##U(keys, none, n)];                                                   \
        U *restrict to = (U *)out;                                                                                   \
        if (sorted == to)                                                                                            \
            for (int64_t i = 0; i < n; i++) {                                                                        \
                const U k = (U)(to[i] ^ turn);                                                                       \
                to[i] = FROM_##TO(k, U);                                                                             \
            }                                                                                                        \
        else                                                                                                         \
            for (int64_t i = 0; i < n; i++) {                                                                        \
                const U k = (U)(sorted[i] ^ turn);                                                                   \
                to[i] = FROM_##TO(k, U);                                                                             \
            }                                                                                                        \
        if (!IS_FLOAT) return;                                                                                       \
        int any = 0;                                                                                                 \
        for (int64_t i = 0; i < n; i++) any |= *(const U *)(x + i * stride) == SIGN(U);                              \
        if (!any) return;                                                                                            \
        int64_t low = 0, high = n; /* the first zero among the sorted */                                             \
        while (low < high) {                                                                                         \
            const int64_t middle = low + (high - low) / 2;                                                           \
            const U u = to[middle];                                                                                  \
            if ((U)(TO(u, U) ^ turn) < (U)(SIGN(U) ^ turn)) low = middle + 1;                                        \
            else high = middle;                                                                                      \
        }                                                                                                            \
        for (int64_t i = 0; i < n; i++) {                                                                            \
            const U u = *(const U *)(x + i * stride);                                                                \
            if ((U)(u << 1) == 0) to[low++] = u;                                                                     \
        }                                                                                                            \
    }                                                                                                                \
    static void argsort_##D(const char *x, int64_t stride, int64_t n, int descending, int64_t *out, char *scratch) { \
        int64_t *index[2] = {out, (int64_t *)scratch};                                                               \
        U *keys[2] = {(U *)(scratch + n * 8), (U *)(scratch + n * 16)};                                              \
        keys_##D(x, stride, n, descending, keys[0]);                                                                 \
        for (int64_t i = 0; i < n; i++) out[i] = i;                                                                  \
        if (radix_##U(keys, index, n)) memcpy(out, index[1], (size_t)n * 8);                                         \
    }                                                                                                                \
    static void search_##D(const char *sorted, int64_t stride, int64_t n, const char *x, int64_t n_x, int right,     \
                           int64_t *out) {                                                                           \
        for (int64_t i = 0; i < n_x; i++) {                                                                          \
            const U v = ((const U *)x)[i], key = TO(v, U);                                                           \
            int64_t low = 0, high = n;                                                                               \
            while (low < high) {                                                                                     \
                const int64_t middle = low + (high - low) / 2;                                                       \
                const U u = *(const U *)(sorted + middle * stride), at = TO(u, U);                                   \
                if (right ? at <= key : at < key) low = middle + 1;                                                  \
                else high = middle;                                                                                  \
            }                                                                                                        \
            out[i] = low;                                                                                            \
        }                                                                                                            \
    }
DEFINE_SORT(u8, uint8_t, PLAIN, 0)
DEFINE_SORT(u16, uint16_t, PLAIN, 0)
DEFINE_SORT(u32, uint32_t, PLAIN, 0)
DEFINE_SORT(u64, uint64_t, PLAIN, 0)
DEFINE_SORT(i8, uint8_t, SIGNED, 0)
DEFINE_SORT(i16, uint16_t, SIGNED, 0)
DEFINE_SORT(i32, uint32_t, SIGNED, 0)
DEFINE_SORT(i64, uint64_t, SIGNED, 0)
DEFINE_SORT(f32, uint32_t, FLOAT_32, 1)
DEFINE_SORT(f64, uint64_t, FLOAT_64, 1)

void RT_FN(rt_fill_sort)(rt_kernels *k) {
#define ENTER(D, CODE)              \
    k->sort[CODE] = sort_##D;       \
    k->argsort[CODE] = argsort_##D; \
    k->search[CODE] = search_##D;
    ENTER(u8, RT_BOOL)
    ENTER(i8, RT_I8)
    ENTER(i16, RT_I16)
    ENTER(i32, RT_I32)
    ENTER(i64, RT_I64)
    ENTER(u8, RT_U8)
    ENTER(u16, RT_U16)
    ENTER(u32, RT_U32)
    ENTER(u64, RT_U64)
    ENTER(f32, RT_F32)
    ENTER(f64, RT_F64)
}
