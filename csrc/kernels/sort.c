/* SPDX-License-Identifier: MIT
 *
 * sort.c: the steps of sorting a row, and finding places in a sorted one. runtime/sort.c puts them together.
 *
 * A value becomes a signed key of 32 bits, or of 64 where it has as many, whose order is the values': an integer is
 * itself, but that the sign bit of a wide unsigned one is turned; of a negative float all bits but the sign are turned.
 * Every NaN is the largest key and both zeros are one key, so equal values have equal keys. Descending, keys are
 * complemented. A word is a key of 32 bits above the position of its value: no two are equal, and sorting words
 * sorts positions, equal values in their order.
 *
 * Keys and words are sorted by a network (sort_network.h), long rows in chunks that are then merged (sort_merge.h). Keys
 * of one or two bytes, and the positions of 64-bit values, are sorted by bytes, from the lowest up, which is stable by
 * itself.
 *
 * Sorted keys become values again. A key has lost the sign of a zero: where there were negative ones, zeros are put back
 * in the order in which the row had them.
 */
#include "kernels.h"
#include "sort_merge.h"

/* KEY(u): the key of the bits u of a value. VALUE(k): the bits of a value with the key k. */
#define SIGN32 0x80000000u
#define SIGN64 0x8000000000000000u
#define KEY_NARROW(u) ((int32_t)(u))
#define VALUE_NARROW(k) (k)
#define KEY_U32(u) ((int32_t)((u) ^ SIGN32))
#define VALUE_U32(k) ((uint32_t)(k) ^ SIGN32)
#define KEY_U64(u) ((int64_t)((u) ^ SIGN64))
#define VALUE_U64(k) ((uint64_t)(k) ^ SIGN64)
#define KEY_I64(u) ((int64_t)(u))
#define VALUE_I64(k) (k)
#define KEY_F32(u) \
    (((u) & ~SIGN32) > 0x7f800000u ? INT32_MAX : (int32_t)((u) & SIGN32 ? ((u) == SIGN32 ? 0u : (u) ^ ~SIGN32) : (u)))
#define VALUE_F32(k) ((uint32_t)(k) ^ ((k) < 0 ? ~SIGN32 : 0u))
#define KEY_F64(u)                                     \
    (((u) & ~SIGN64) > 0x7ff0000000000000u ? INT64_MAX \
                                           : (int64_t)((u) & SIGN64 ? ((u) == SIGN64 ? 0u : (u) ^ ~SIGN64) : (u)))
#define VALUE_F64(k) ((uint64_t)(k) ^ ((k) < 0 ? ~SIGN64 : 0u))
#define NO_ZEROS(u) 0
#define IS_NEGATIVE_ZERO_F32(u) ((u) == SIGN32)
#define IS_NEGATIVE_ZERO_F64(u) ((u) == SIGN64)

/* T: what the bits of a value are read as. K: int32_t or int64_t. */
#define DEFINE_SORT(D, T, K, KEY, VALUE, NEGATIVE_ZERO)                                                          \
    static int keys_##D(const char *x, int64_t n, int descending, char *keys) {                                  \
        const K turn = descending ? -1 : 0;                                                                      \
        const T *restrict from = (const T *)x;                                                                   \
        K *restrict to = (K *)keys, negative_zeros = 0;                                                          \
        for (int64_t i = 0; i < n; i++) {                                                                        \
            const T u = from[i];                                                                                 \
            negative_zeros |= NEGATIVE_ZERO(u);                                                                  \
            to[i] = KEY(u) ^ turn;                                                                               \
        }                                                                                                        \
        return negative_zeros != 0;                                                                              \
    }                                                                                                            \
    static void values_##D(const char *keys, int64_t n, int descending, char *out) {                             \
        const K turn = descending ? -1 : 0, *restrict from = (const K *)keys;                                    \
        T *restrict to = (T *)out;                                                                               \
        for (int64_t i = 0; i < n; i++) {                                                                        \
            const K k = from[i] ^ turn;                                                                          \
            to[i] = (T)VALUE(k);                                                                                 \
        }                                                                                                        \
    }                                                                                                            \
    static void search_##D(const char *sorted, int64_t stride, int64_t n, const char *x, int64_t n_x, int right, \
                           int64_t *out) {                                                                       \
        for (int64_t i = 0; i < n_x; i++) {                                                                      \
            const T v = ((const T *)x)[i];                                                                       \
            const K key = KEY(v);                                                                                \
            int64_t low = 0, high = n;                                                                           \
            while (low < high) {                                                                                 \
                const int64_t middle = low + (high - low) / 2;                                                   \
                const T u = *(const T *)(sorted + middle * stride);                                              \
                const K at = KEY(u);                                                                             \
                if (right ? at <= key : at < key) low = middle + 1;                                              \
                else high = middle;                                                                              \
            }                                                                                                    \
            out[i] = low;                                                                                        \
        }                                                                                                        \
    }
#define DEFINE_WORDS(D, T, KEY)                                                                      \
    static void words_##D(const char *x, int64_t n, int64_t first, int descending, int64_t *words) { \
        const int32_t turn = descending ? -1 : 0;                                                    \
        const T *restrict from = (const T *)x;                                                       \
        for (int64_t i = 0; i < n; i++) {                                                            \
            const T u = from[i];                                                                     \
            words[i] = (int64_t)((uint64_t)(uint32_t)(KEY(u) ^ turn) << 32 | (uint64_t)(first + i)); \
        }                                                                                            \
    }
#define DEFINE_ZEROS(D, T, KEY)                                                  \
    static void zeros_##D(const char *x, int64_t n, int descending, char *out) { \
        const T *from = (const T *)x;                                            \
        T *to = (T *)out;                                                        \
        int64_t low = 0, high = n; /* the first zero among the sorted */         \
        while (low < high) {                                                     \
            const int64_t middle = low + (high - low) / 2;                       \
            const T u = to[middle];                                              \
            if (descending ? KEY(u) > 0 : KEY(u) < 0) low = middle + 1;          \
            else high = middle;                                                  \
        }                                                                        \
        for (int64_t i = 0; i < n; i++)                                          \
            if ((T)(from[i] << 1) == 0) to[low++] = from[i];                     \
    }

/* X(D, CODE, T, K, KEY, VALUE, NEGATIVE_ZERO): bool is u8. */
#define NARROW(X)                                                         \
    X(u8, RT_U8, uint8_t, int32_t, KEY_NARROW, VALUE_NARROW, NO_ZEROS)    \
    X(i8, RT_I8, int8_t, int32_t, KEY_NARROW, VALUE_NARROW, NO_ZEROS)     \
    X(u16, RT_U16, uint16_t, int32_t, KEY_NARROW, VALUE_NARROW, NO_ZEROS) \
    X(i16, RT_I16, int16_t, int32_t, KEY_NARROW, VALUE_NARROW, NO_ZEROS)  \
    X(u32, RT_U32, uint32_t, int32_t, KEY_U32, VALUE_U32, NO_ZEROS)       \
    X(i32, RT_I32, int32_t, int32_t, KEY_NARROW, VALUE_NARROW, NO_ZEROS)  \
    X(f32, RT_F32, uint32_t, int32_t, KEY_F32, VALUE_F32, IS_NEGATIVE_ZERO_F32)
#define WIDE(X)                                                     \
    X(u64, RT_U64, uint64_t, int64_t, KEY_U64, VALUE_U64, NO_ZEROS) \
    X(i64, RT_I64, int64_t, int64_t, KEY_I64, VALUE_I64, NO_ZEROS)  \
    X(f64, RT_F64, uint64_t, int64_t, KEY_F64, VALUE_F64, IS_NEGATIVE_ZERO_F64)
#define X(D, CODE, T, K, KEY, VALUE, NEGATIVE_ZERO) \
    DEFINE_SORT(D, T, K, KEY, VALUE, NEGATIVE_ZERO) \
    DEFINE_WORDS(D, T, KEY)
NARROW(X)
#undef X
#define X(D, CODE, T, K, KEY, VALUE, NEGATIVE_ZERO) DEFINE_SORT(D, T, K, KEY, VALUE, NEGATIVE_ZERO)
WIDE(X)
#undef X
DEFINE_ZEROS(f32, uint32_t, KEY_F32)
DEFINE_ZEROS(f64, uint64_t, KEY_F64)

static void positions(const int64_t *words, int64_t n, int64_t *out) {
    for (int64_t i = 0; i < n; i++) out[i] = words[i] & UINT32_MAX;
}

#define DEFINE_KEYS(NET, K, MOST)                                     \
    static void sort_##NET(char *keys, int64_t n, char *out) {        \
        const int64_t room = rt_sort_room(n);                         \
        K *const k = (K *)keys;                                       \
        int64_t sorted = 1;                                           \
        for (int64_t i = n; i < room; i++) k[i] = MOST;               \
        while (sorted < room && k[sorted - 1] <= k[sorted]) sorted++; \
        if (sorted < room) network_##NET(k, room, (K *)out);          \
        else memcpy(out, k, (size_t)room * sizeof(K));                \
    }
DEFINE_KEYS(i32, int32_t, INT32_MAX)
DEFINE_KEYS(i64, int64_t, INT64_MAX)

/* The byte at shift of a key, its order as unsigned: turned where it holds the sign. */
#define BYTE(k, shift, turn) (((k) >> (shift) & 255) ^ (turn))
/* Four tables, so that equal neighbours do not wait for each other. */
#define DEFINE_RADIX(NET, K)                                                                                       \
    static void count_##NET(const char *keys, int64_t n, int shift, int turn, int64_t *count) {                    \
        const K *k = (const K *)keys;                                                                              \
        uint32_t part[4][256];                                                                                     \
        memset(part, 0, sizeof(part));                                                                             \
        int64_t i = 0;                                                                                             \
        for (; i + 4 <= n; i += 4)                                                                                 \
            for (int j = 0; j < 4; j++) part[j][BYTE(k[i + j], shift, turn)]++;                                    \
        for (; i < n; i++) part[0][BYTE(k[i], shift, turn)]++;                                                     \
        for (int b = 0; b < 256; b++) count[b] = (int64_t)part[0][b] + part[1][b] + part[2][b] + part[3][b];       \
    }                                                                                                              \
    static void move_##NET(const char *keys, const int64_t *index, int64_t n, int shift, int turn, int64_t *place, \
                           char *to_keys, int64_t *to_index) {                                                     \
        const K *restrict k = (const K *)keys;                                                                     \
        K *restrict to = (K *)to_keys;                                                                             \
        for (int64_t i = 0; i < n; i++) {                                                                          \
            const int64_t at = place[BYTE(k[i], shift, turn)]++;                                                   \
            to[at] = k[i];                                                                                         \
            if (index) to_index[at] = index[i];                                                                    \
        }                                                                                                          \
    }
DEFINE_RADIX(i32, int32_t)
DEFINE_RADIX(i64, int64_t)

void RT_FN(rt_fill_sort)(rt_kernels *k) {
#define X(D, CODE, T, K, KEY, VALUE, NEGATIVE_ZERO) \
    k->sort_keys[CODE] = keys_##D;                  \
    k->sort_values[CODE] = values_##D;              \
    k->search[CODE] = search_##D;
    NARROW(X)
    WIDE(X)
#undef X
#define X(D, CODE, T, K, KEY, VALUE, NEGATIVE_ZERO) k->sort_words[CODE] = words_##D;
    NARROW(X)
#undef X
    k->sort_keys[RT_BOOL] = keys_u8;
    k->sort_values[RT_BOOL] = values_u8;
    k->sort_words[RT_BOOL] = words_u8;
    k->search[RT_BOOL] = search_u8;
    k->sort_zeros[RT_F32] = zeros_f32;
    k->sort_zeros[RT_F64] = zeros_f64;
    k->sort_positions = positions;
#define ENTER(WIDE_, NET)                \
    k->sort[WIDE_] = sort_##NET;         \
    k->merge[WIDE_] = merge_##NET;       \
    k->radix_count[WIDE_] = count_##NET; \
    k->radix_move[WIDE_] = move_##NET;
    ENTER(0, i32)
    ENTER(1, i64)
}
