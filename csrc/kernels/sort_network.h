/* SPDX-License-Identifier: MIT
 *
 * sort_network.h: sorts up to 2^p signed keys in vectors (Batcher, "Sorting networks and their applications", 1968: the
 * bitonic sorter, in the form whose comparisons all put the smaller key first).
 *
 *   network_<D>(keys, n, out)    n keys: a power of two, at least 64; keys is used up
 *
 * The keys lie in n / lanes rows of one vector. Key i of the sorter is lane i / rows of row i % rows, so that all but a
 * few comparisons are of whole rows; the result is turned to be row-major at the end. The sorter of a block of b keys
 * first compares key i with key b - 1 - i (a flip), then keys b / 4, b / 8, ... 1 apart. Up to three of these steps run
 * in eight registers between one load and one store.
 *
 * A sorter is not stable, so equal keys must be indistinguishable: keys alone, or with a position in their low bits.
 */
#ifndef RTCH_SORT_NETWORK_H
#define RTCH_SORT_NETWORK_H

#include "../simd/transpose.h"

/* The smaller keys of two to the first. */
#define DEFINE_ORDER(D)                              \
    static inline void order_##D(v##D *a, v##D *b) { \
        const v##D low = v_min_##D(*a, *b);          \
        *b = v_max_##D(*a, *b);                      \
        *a = low;                                    \
    }
DEFINE_ORDER(i32)
DEFINE_ORDER(i64)
#define ORDER(D, a, b) order_##D(&(a), &(b))

/* Lane i takes lane i ^ m. */
#define XOR_2(m) 0 ^ (m), 1 ^ (m)
#define XOR_4(m) XOR_2(m), 2 ^ (m), 3 ^ (m)
#define XOR_8(m) XOR_4(m), 4 ^ (m), 5 ^ (m), 6 ^ (m), 7 ^ (m)
/* Lane i of the second vector where i has the bit b, else of the first. */
#define PICK(i, b, n) ((i) & (b) ? (i) + (n) : (i))
#define PICK_2(b) PICK(0, b, 2), PICK(1, b, 2)
#define PICK_4(b) PICK(0, b, 4), PICK(1, b, 4), PICK(2, b, 4), PICK(3, b, 4)
#define PICK_8(b)                                                                                            \
    PICK(0, b, 8), PICK(1, b, 8), PICK(2, b, 8), PICK(3, b, 8), PICK(4, b, 8), PICK(5, b, 8), PICK(6, b, 8), \
        PICK(7, b, 8)

/* The steps between lanes of a block of 2 B lanes: the flip, and the comparison of lanes B apart. */
#define DEFINE_LANES(D, LANES, B)                                                        \
    static inline void flip_lanes_##D##_##B(v##D *x, int64_t rows) {                     \
        for (int64_t r = 0; r < rows / 2; r++) {                                         \
            const v##D a = x[r], mirrored = x[rows - 1 - r];                             \
            const v##D b = RT_SHUFFLE(mirrored, mirrored, v##D, XOR_##LANES(2 * B - 1)); \
            const v##D low = v_min_##D(a, b), high = v_max_##D(a, b);                    \
            const v##D back = RT_SHUFFLE(high, low, v##D, PICK_##LANES(B));              \
            x[r] = RT_SHUFFLE(low, high, v##D, PICK_##LANES(B));                         \
            x[rows - 1 - r] = RT_SHUFFLE(back, back, v##D, XOR_##LANES(2 * B - 1));      \
        }                                                                                \
    }                                                                                    \
    static inline void across_lanes_##D##_##B(v##D *x, int64_t rows) {                   \
        for (int64_t r = 0; r < rows; r++) {                                             \
            const v##D a = x[r], b = RT_SHUFFLE(a, a, v##D, XOR_##LANES(B));             \
            const v##D low = v_min_##D(a, b), high = v_max_##D(a, b);                    \
            x[r] = RT_SHUFFLE(low, high, v##D, PICK_##LANES(B));                         \
        }                                                                                \
    }

#define DEFINE_ROWS(D)                                                                           \
    /* Blocks of 8 rows: the shortest network, of 19 comparisons (Knuth, TAOCP 3, 5.3.4). */     \
    static inline void sort_8_rows_##D(v##D *x, int64_t rows) {                                  \
        for (v##D *end = x + rows; x < end; x += 8) {                                            \
            v##D a = x[0], b = x[1], c = x[2], d = x[3], e = x[4], f = x[5], g = x[6], h = x[7]; \
            ORDER(D, a, c), ORDER(D, b, d), ORDER(D, e, g), ORDER(D, f, h);                      \
            ORDER(D, a, e), ORDER(D, b, f), ORDER(D, c, g), ORDER(D, d, h);                      \
            ORDER(D, a, b), ORDER(D, c, d), ORDER(D, e, f), ORDER(D, g, h);                      \
            ORDER(D, c, e), ORDER(D, d, f);                                                      \
            ORDER(D, b, e), ORDER(D, d, g);                                                      \
            ORDER(D, b, c), ORDER(D, d, e), ORDER(D, f, g);                                      \
            x[0] = a, x[1] = b, x[2] = c, x[3] = d, x[4] = e, x[5] = f, x[6] = g, x[7] = h;      \
        }                                                                                        \
    }                                                                                            \
    /* The flip of blocks of 8 s rows, and the comparisons 2 s and s apart. */                   \
    static inline void flip_rows_##D(v##D *x, int64_t rows, int64_t s) {                         \
        for (v##D *end = x + rows; x < end; x += 8 * s) {                                        \
            v##D *up = x, *down = x + 8 * s - 1;                                                 \
            for (int64_t r = 0; r < s; r++, up++, down--) {                                      \
                v##D a = up[0], b = up[s], c = up[2 * s], d = up[3 * s];                         \
                v##D h = down[0], g = down[-s], f = down[-2 * s], e = down[-3 * s];              \
                ORDER(D, a, h), ORDER(D, b, g), ORDER(D, c, f), ORDER(D, d, e);                  \
                ORDER(D, a, c), ORDER(D, b, d), ORDER(D, e, g), ORDER(D, f, h);                  \
                ORDER(D, a, b), ORDER(D, c, d), ORDER(D, e, f), ORDER(D, g, h);                  \
                up[0] = a, up[s] = b, up[2 * s] = c, up[3 * s] = d;                              \
                down[0] = h, down[-s] = g, down[-2 * s] = f, down[-3 * s] = e;                   \
            }                                                                                    \
        }                                                                                        \
    }                                                                                            \
    /* The comparisons of rows 4 s, 2 s and s apart; */                                          \
    static inline void merge_3_##D(v##D *x, int64_t rows, int64_t s) {                           \
        for (v##D *end = x + rows; x < end; x += 8 * s)                                          \
            for (int64_t r = 0; r < s; r++) {                                                    \
                v##D *y = x + r;                                                                 \
                v##D a = y[0], b = y[s], c = y[2 * s], d = y[3 * s];                             \
                v##D e = y[4 * s], f = y[5 * s], g = y[6 * s], h = y[7 * s];                     \
                ORDER(D, a, e), ORDER(D, b, f), ORDER(D, c, g), ORDER(D, d, h);                  \
                ORDER(D, a, c), ORDER(D, b, d), ORDER(D, e, g), ORDER(D, f, h);                  \
                ORDER(D, a, b), ORDER(D, c, d), ORDER(D, e, f), ORDER(D, g, h);                  \
                y[0] = a, y[s] = b, y[2 * s] = c, y[3 * s] = d;                                  \
                y[4 * s] = e, y[5 * s] = f, y[6 * s] = g, y[7 * s] = h;                          \
            }                                                                                    \
    }                                                                                            \
    /* 2 s and s apart; */                                                                       \
    static inline void merge_2_##D(v##D *x, int64_t rows, int64_t s) {                           \
        for (v##D *end = x + rows; x < end; x += 4 * s)                                          \
            for (int64_t r = 0; r < s; r++) {                                                    \
                v##D *y = x + r;                                                                 \
                v##D a = y[0], b = y[s], c = y[2 * s], d = y[3 * s];                             \
                ORDER(D, a, c), ORDER(D, b, d);                                                  \
                ORDER(D, a, b), ORDER(D, c, d);                                                  \
                y[0] = a, y[s] = b, y[2 * s] = c, y[3 * s] = d;                                  \
            }                                                                                    \
    }                                                                                            \
    /* s apart. */                                                                               \
    static inline void merge_1_##D(v##D *x, int64_t rows, int64_t s) {                           \
        for (v##D *end = x + rows; x < end; x += 2 * s)                                          \
            for (int64_t r = 0; r < s; r++) ORDER(D, x[r], x[r + s]);                            \
    }                                                                                            \
    /* The comparisons of rows d, d / 2, ... 1 apart. */                                         \
    static inline void merge_rows_##D(v##D *x, int64_t rows, int64_t d) {                        \
        for (; d >= 4; d >>= 3) merge_3_##D(x, rows, d / 4);                                     \
        if (d == 2) merge_2_##D(x, rows, 1);                                                     \
        if (d == 1) merge_1_##D(x, rows, 1);                                                     \
    }

#define DEFINE_NETWORK(D, T, BYTES, LEVELS)                                                    \
    static void network_##D(T *keys, int64_t n, T *out) {                                      \
        enum { LANES = RT_VBYTES / BYTES };                                                    \
        v##D *x = (v##D *)keys;                                                                \
        const int64_t rows = n / LANES;                                                        \
        sort_8_rows_##D(x, rows);                                                              \
        for (int64_t block = 16; block <= rows; block *= 2) {                                  \
            flip_rows_##D(x, rows, block / 8);                                                 \
            merge_rows_##D(x, rows, block / 16);                                               \
        }                                                                                      \
        LEVELS(D)                                                                              \
        for (int64_t r = 0; r < rows; r += LANES)                                              \
            v_turn_##BYTES((char *)(out + r), rows * BYTES, (const char *)(x + r), RT_VBYTES); \
    }
#define LEVEL_1(D) flip_lanes_##D##_1(x, rows), merge_rows_##D(x, rows, rows / 2);
#define LEVEL_2(D) flip_lanes_##D##_2(x, rows), across_lanes_##D##_1(x, rows), merge_rows_##D(x, rows, rows / 2);
#define LEVEL_4(D)                                                                             \
    flip_lanes_##D##_4(x, rows), across_lanes_##D##_2(x, rows), across_lanes_##D##_1(x, rows), \
        merge_rows_##D(x, rows, rows / 2);
#define LEVELS_2 LEVEL_1
#define LEVELS_4(D) LEVEL_1(D) LEVEL_2(D)
#define LEVELS_8(D) LEVEL_1(D) LEVEL_2(D) LEVEL_4(D)

#if RT_VBYTES == 32
DEFINE_LANES(i32, 8, 1)
DEFINE_LANES(i32, 8, 2)
DEFINE_LANES(i32, 8, 4)
DEFINE_LANES(i64, 4, 1)
DEFINE_LANES(i64, 4, 2)
DEFINE_ROWS(i32)
DEFINE_ROWS(i64)
DEFINE_NETWORK(i32, int32_t, 4, LEVELS_8)
DEFINE_NETWORK(i64, int64_t, 8, LEVELS_4)
#else
DEFINE_LANES(i32, 4, 1)
DEFINE_LANES(i32, 4, 2)
DEFINE_LANES(i64, 2, 1)
DEFINE_ROWS(i32)
DEFINE_ROWS(i64)
DEFINE_NETWORK(i32, int32_t, 4, LEVELS_4)
DEFINE_NETWORK(i64, int64_t, 8, LEVELS_2)
#endif

#endif
