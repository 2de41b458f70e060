/* SPDX-License-Identifier: MIT
 *
 * kernels.h: the table of kernels that one instruction set fills and the runtime calls.
 *
 * Kernels are pure: the caller owns every buffer, nothing is allocated, no status is set. Strides are in
 * bytes.
 */
#ifndef RTCH_KERNELS_H
#define RTCH_KERNELS_H

#include "rtch.h"

/* Reductions: the fixed tree of docs/numerics.md. Changing any of these changes results. */
#define RT_SUM_LANES 32
#define RT_SUM_BLOCK 1024
/* matmul: length of one chain of fused multiply-adds. Changing it changes results. */
#define RT_MATMUL_KC 256
/* Random numbers that are made together. */
#define RT_DRAW 256

/* What a sorting network fills up n keys to: a power of two. */
static inline int64_t rt_sort_room(int64_t n) {
    int64_t room = 64;
    while (room < n) room *= 2;
    return room;
}

#define RT_MAX_OPERANDS 4

/* An elementwise loop over n elements. ptr[0] and stride[0] belong to the result, the others to the inputs. Any strides
 * are right; dense operands and repeated inputs (stride 0) are fast. */
typedef void (*rt_loop)(char *const *ptr, const int64_t *stride, int64_t n);

/* out (rows, cols) = in (rows, cols) for items of one size, at any strides; a stride of in may be 0. */
typedef void (*rt_move)(char *out, int64_t out_row, int64_t out_col, const char *in, int64_t in_row, int64_t in_col,
                        int64_t rows, int64_t cols);

/* Reduce n <= RT_SUM_BLOCK adjacent elements to one. */
typedef void (*rt_reduce_run)(const char *x, int64_t n, char *out);
/* The same for n_cols adjacent columns of n <= RT_SUM_BLOCK rows at once. scratch holds RT_SUM_LANES * n_cols
 * elements. */
typedef void (*rt_reduce_cols)(const char *x, int64_t stride_row, int64_t n, int64_t n_cols, char *out, char *scratch);
/* out[i] = combine(a[i], b[i]): joins two subtrees, a being the left one. */
typedef void (*rt_combine)(const char *a, const char *b, char *out, int64_t n);

/* Where the first extreme of n > 0 adjacent elements stands; NaN is the extreme, zeros of both signs are equal. */
typedef int64_t (*rt_position)(const char *x, int64_t n);
/* Running reductions of n > 0 elements: along n_rows rows of adjacent elements, or down n_cols adjacent columns. */
typedef void (*rt_scan_run)(const char *x, int64_t x_row, char *out, int64_t out_row, int64_t n_rows, int64_t n);
typedef void (*rt_scan_cols)(const char *x, int64_t x_row, char *out, int64_t out_row, int64_t n, int64_t n_cols);

/* Matrix products; any strides, scratch is 64-byte aligned. */
typedef struct rt_gemm {
    /* C (m, n) = A (m, k) B (k, n) */
    void (*product)(int64_t m, int64_t n, int64_t k, const char *a, int64_t a_row, int64_t a_col, const char *b,
                    int64_t b_row, int64_t b_col, char *c, int64_t c_row, int64_t c_col, char *scratch);
    /* The same with one packed block of k, added to C unless `first`. */
    void (*packed)(int64_t m, int64_t n, int64_t k, const char *a, int64_t a_row, int64_t a_col, const char *b,
                   int first, char *c, int64_t c_row, int64_t c_col, char *scratch);
    /* Packs B (k <= RT_MATMUL_KC, n) to k * n items, n rounded up to a multiple of `width`. */
    void (*pack)(int64_t n, int64_t k, const char *b, int64_t b_row, int64_t b_col, char *to);
    /* c (n) = x (k) B (k, n) */
    void (*vector)(int64_t n, int64_t k, const char *x, int64_t x_step, const char *b, int64_t b_row, int64_t b_col,
                   char *c, int64_t c_step);
    /* c (n) = sum over k of A (n, k) B (n, k), rows of both along memory */
    void (*dots)(int64_t n, int64_t k, const char *a, int64_t a_next, const char *b, int64_t b_next, char *c,
                 int64_t c_step);
    int64_t width;   /* columns of a tile */
    int64_t scratch; /* bytes that product and packed need */
} rt_gemm;

/* One optimiser step on n contiguous elements, which only t points to: rtch.h has the operands and numbers. */
typedef void (*rt_step_fn)(char *const *t, int64_t n, const double *numbers, int flags);
/* Tiles of convolutions: kernels/convolution.c. Offsets are in bytes; k <= RT_MATMUL_KC. */
#define RT_CONV_ACROSS 12
#define RT_CONV_ALONG 6
typedef struct rt_conv {
    /* By height: c (rows, width) = a (k, rows)^T x, where row p of x begins at offset[p]; added to c unless `first`. */
    void (*across[RT_CONV_ACROSS + 1])(int64_t k, const char *a, const char *x, const int64_t *offset, int first,
                                       char *c, int64_t c_row);
    /* By height: c (rows, width) = x b (k, width), where element p of row i of x stands at row[i] + place[p]. */
    void (*along[RT_CONV_ALONG + 1])(int64_t k, const char *x, const int64_t *row, const int64_t *place, const char *b,
                                     int first, char *c, int64_t c_row);
    /* n elements to places a step apart, with a bias added where there is one. */
    void (*put_row)(const char *from, int64_t n, const char *bias, char *to, int64_t step);
    int64_t width, high, high_along; /* of a tile: columns, and the most rows of either kind */
} rt_conv;
/* Elements of lanes by index: kernels/lanes.c. */
#define RT_LANES_PICK 0
#define RT_LANES_PUT 1
#define RT_LANES_SUM 2
typedef struct rt_lanes {
    int64_t rows, cols, size, lane_step; /* size: of a lane; lane_step: along it */
    int64_t lane_row, lane_col, beside_row, beside_col, index_row, index_col;
} rt_lanes;
typedef int (*rt_lanes_fn)(const rt_lanes *l, char *lane, char *beside, const char *index);

/* Windows over a plane: result place o takes the places from range[2 o] to before range[2 o + 1], `spread` apart. */
typedef struct rt_windows {
    int64_t image[2], result[2], spread[2];
    const int64_t *range[2], *count[2];
    double divisor; /* of a sum; 0: the product of the two counts */
} rt_windows;

/* Pooling of one dense plane: kernels/pooling.c. */
typedef struct rt_pool {
    void (*argmax)(const char *plane, const rt_windows *w, int64_t *out); /* no window is empty */
    /* Elements at places of the plane, and sums of elements there, in order; both tell whether a place is outside. */
    int (*gather)(const char *plane, int64_t area, const int64_t *index, int64_t n, char *to);
    int (*scatter)(const char *from, const int64_t *index, int64_t n, char *plane, int64_t area);
    void (*average)(const char *plane, const rt_windows *w, char *to); /* spread is 1 */
    void (*average_grad)(const char *from, const rt_windows *w, char *plane);
} rt_pool;
/* What a row is multiplied by, or what is added to it: nothing, one number, or one for each element. */
enum { RT_FACTOR_NONE, RT_FACTOR_ONE, RT_FACTOR_EACH };

/* Functions of one row of n > 0 adjacent elements: kernels/rows.c. z stands for (x - mean) scale. */
typedef struct rt_row_functions {
    void (*softmax)(const char *x, char *out, int64_t n);
    void (*log_softmax)(const char *x, char *out, int64_t n);
    /* The largest element, and the logarithm of the sum of e^(x - max). */
    void (*log_sum)(const char *x, int64_t n, char *max, char *log_sum);
    void (*logsumexp)(const char *x, int64_t n, char *out);
    /* out = (g - the sum of g y) y, y being a softmax. */
    void (*softmax_grad)(const char *g, const char *y, char *out, int64_t n);
    /* out = g - the sum of g times e^y, y being the logarithm of a softmax. */
    void (*log_softmax_grad)(const char *g, const char *y, char *out, int64_t n);
    /* out = g (e^(x - max - log_sum) - [at target]) */
    void (*cross_entropy_grad)(const char *x, const char *max, const char *log_sum, const char *g, int64_t target,
                               char *out, int64_t n);
    /* Mean, variance around it, and 1 / sqrt(variance + eps); not centered: the mean is taken to be 0. */
    void (*moments)(const char *x, int64_t n, double eps, int centered, char *mean, char *var, char *scale);
    /* out = z w + b */
    void (*standardize)(const char *x, const char *mean, const char *scale, const char *w, int w_kind, const char *b,
                        int b_kind, char *out, int64_t n);
    /* The gradient of that towards x, g being that of the result; and the sums of g z and, where centered, of g, both with w
     * in them where that is one for each element. */
    void (*standardize_grad)(const char *g, const char *x, const char *mean, const char *scale, const char *w,
                             int w_kind, int centered, char *along, char *sum, char *out, int64_t n);
    /* out = g z, and the sum of that: the gradient towards w. */
    void (*along)(const char *g, const char *x, const char *mean, const char *scale, char *out, int64_t n);
    void (*sum_along)(const char *g, const char *x, const char *mean, const char *scale, char *out, int64_t n);
    /* The same for n_cols rows that are columns in memory: element i of row c is item c at i * x_row bytes. Factors, means and
     * the like are one number for each. scratch: rt_turned_room(n) rows of n_cols items, rounded up to 64 bytes each. */
    void (*softmax_turned)(const char *x, int64_t x_row, char *out, int64_t out_row, int64_t n, int64_t n_cols,
                           char *scratch);
    void (*log_softmax_turned)(const char *x, int64_t x_row, char *out, int64_t out_row, int64_t n, int64_t n_cols,
                               char *scratch);
    void (*softmax_grad_turned)(const char *g, int64_t g_row, const char *y, int64_t y_row, char *out, int64_t out_row,
                                int64_t n, int64_t n_cols, char *scratch);
    void (*log_softmax_grad_turned)(const char *g, int64_t g_row, const char *y, int64_t y_row, char *out,
                                    int64_t out_row, int64_t n, int64_t n_cols, char *scratch);
    void (*moments_turned)(const char *x, int64_t x_row, int64_t n, int64_t n_cols, double eps, int centered,
                           char *mean, char *var, char *scale, char *scratch);
    void (*standardize_turned)(const char *x, int64_t x_row, const char *mean, const char *scale, const char *w,
                               const char *b, char *out, int64_t out_row, int64_t n, int64_t n_cols);
    void (*standardize_grad_turned)(const char *g, int64_t g_row, const char *x, int64_t x_row, const char *mean,
                                    const char *scale, const char *w, int centered, char *along, char *sum, char *out,
                                    int64_t out_row, int64_t n, int64_t n_cols, char *scratch);
    /* across: mean and scale are one number for each i, not for each row. */
    void (*sum_along_turned)(const char *g, int64_t g_row, const char *x, int64_t x_row, const char *mean,
                             const char *scale, int across, char *out, int64_t n, int64_t n_cols, char *scratch);
} rt_row_functions;

/* Two sums: their lanes, and subtrees of n elements that wait; and one row more. */
static inline int64_t rt_turned_room(int64_t n) {
    int64_t rows = 2 * (RT_SUM_LANES + 2) + 1;
    for (int64_t n_blocks = n / RT_SUM_BLOCK; n_blocks > 0; n_blocks >>= 1) rows += 2;
    return rows;
}

typedef struct rt_kernels {
    const char *isa;
    rt_loop loops[RT_N_OPS][RT_N_DTYPES];
    rt_loop cast[RT_N_DTYPES][RT_N_DTYPES]; /* [from][to]; the diagonal copies; NULL where there is no cast */
    rt_move move[5];                        /* by log2 of the bytes of an item */
    rt_reduce_run reduce_run[RT_N_OPS][RT_N_DTYPES];
    rt_reduce_cols reduce_cols[RT_N_OPS][RT_N_DTYPES];
    rt_combine combine[RT_N_OPS][RT_N_DTYPES];
    rt_position position[RT_N_OPS][RT_N_DTYPES];
    rt_scan_run scan_run[RT_N_OPS][RT_N_DTYPES];
    rt_scan_cols scan_cols[RT_N_OPS][RT_N_DTYPES];
    rt_gemm gemm[RT_N_DTYPES];          /* empty where there is none */
    rt_conv conv[RT_N_DTYPES];          /* empty where there is none, */
    rt_pool pool[RT_N_DTYPES];          /* likewise */
    rt_row_functions rows[RT_N_DTYPES]; /* likewise */
    rt_lanes_fn lanes[3][RT_N_DTYPES];  /* by RT_LANES_; NULL where there is no sum */
    /* n dense elements with numbers for NaN, infinity and minus infinity. */
    void (*nan_to_num[RT_N_DTYPES])(const char *x, char *out, int64_t n, const double *numbers);
    /* Sorting: kernels/sort.c. Keys of n dense items, telling whether there is a -0; and the items of keys; */
    int (*sort_keys[RT_N_DTYPES])(const char *x, int64_t n, int descending, char *keys);
    void (*sort_values[RT_N_DTYPES])(const char *keys, int64_t n, int descending, char *out);
    /* zeros with the signs that x has them with, in its order, among its sorted items; NULL where there is one zero; */
    void (*sort_zeros[RT_N_DTYPES])(const char *x, int64_t n, int descending, char *out);
    /* words of items, which stand at first and on in their row; NULL for 64-bit ones; and the positions of words. */
    void (*sort_words[RT_N_DTYPES])(const char *x, int64_t n, int64_t first, int descending, int64_t *words);
    void (*sort_positions)(const int64_t *words, int64_t n, int64_t *out);
    /* The following for keys of 32 bits, and for keys and words of 64. n keys sorted to out; both have room for
     * rt_sort_room(n), at 64-byte aligned addresses; keys is used up; */
    void (*sort[2])(char *keys, int64_t n, char *out);
    /* the n keys from at on of two sorted runs merged, which stand one after the other; all counts are multiples of 64, all
     * addresses 64-byte aligned; */
    void (*merge[2])(const char *runs, int64_t n_a, int64_t n_b, int64_t at, int64_t n, char *out);
    /* how often each value of the byte at shift, xor turn, occurs; and each key, with what stands beside it where index is
     * not NULL, moved to the next place of its byte. */
    void (*radix_count[2])(const char *keys, int64_t n, int shift, int turn, int64_t *count);
    void (*radix_move[2])(const char *keys, const int64_t *index, int64_t n, int shift, int turn, int64_t *place,
                          char *to_keys, int64_t *to_index);
    /* Where n_x dense items belong in a sorted row: before the first that is not smaller, or, right, after equal ones. */
    void (*search[RT_N_DTYPES])(const char *sorted, int64_t stride, int64_t n, const char *x, int64_t n_x, int right,
                                int64_t *out);
    rt_step_fn step[RT_N_STEPS][RT_N_DTYPES];
    /* Element i is made of number offset + i of the stream; n <= RT_DRAW. Results have room for RT_DRAW, at 64-byte
     * aligned addresses. */
    void (*random_bits)(uint64_t *out, int64_t n, uint64_t seed, uint64_t offset);
    void (*uniform)(double *out, int64_t n, uint64_t seed, uint64_t offset);
    void (*normal)(double *out, int64_t n, uint64_t seed, uint64_t offset);
    void (*normal_between)(double *out, int64_t n, uint64_t seed, uint64_t offset, double low, double width);
    /* shift + scale * x, rounded to the dtype. */
    void (*place[RT_N_DTYPES])(const double *x, char *out, int64_t n, double shift, double scale);
    /* x[i] * scale or 0, by the words of the stream from a counter on: kernels/dropout.c. */
    void (*dropout[RT_N_DTYPES])(const char *x, char *out, int64_t n, uint32_t least, double scale, uint64_t seed,
                                 uint64_t counter);
} rt_kernels;

#define RT_DECLARE_FILL(isa)                               \
    void rt_fill_elementwise_float_##isa(rt_kernels *k);   \
    void rt_fill_elementwise_integer_##isa(rt_kernels *k); \
    void rt_fill_complex_##isa(rt_kernels *k);             \
    void rt_fill_extremes_##isa(rt_kernels *k);            \
    void rt_fill_reduce_##isa(rt_kernels *k);              \
    void rt_fill_reduce_complex_##isa(rt_kernels *k);      \
    void rt_fill_scan_##isa(rt_kernels *k);                \
    void rt_fill_matmul_##isa(rt_kernels *k);              \
    void rt_fill_matvec_##isa(rt_kernels *k);              \
    void rt_fill_convolution_##isa(rt_kernels *k);         \
    void rt_fill_pooling_##isa(rt_kernels *k);             \
    void rt_fill_copy_##isa(rt_kernels *k);                \
    void rt_fill_dropout_##isa(rt_kernels *k);             \
    void rt_fill_move_##isa(rt_kernels *k);                \
    void rt_fill_optim_##isa(rt_kernels *k);               \
    void rt_fill_rows_##isa(rt_kernels *k);                \
    void rt_fill_blend_##isa(rt_kernels *k);               \
    void rt_fill_lanes_##isa(rt_kernels *k);               \
    void rt_fill_sort_##isa(rt_kernels *k);                \
    void rt_fill_random_##isa(rt_kernels *k);

RT_DECLARE_FILL(baseline)
RT_DECLARE_FILL(avx2)
RT_DECLARE_FILL(avx512)
RT_DECLARE_FILL(neon)

/* What a loop does with operands that are neither dense nor repeated: calls itself on dense copies, piece by piece. */
#define RT_DECLARE_STRIDED(isa)                                                                     \
    void rt_strided_##isa(rt_loop loop, const uint8_t *size_log2, int n_operands, char *const *ptr, \
                          const int64_t *stride, int64_t n);
RT_DECLARE_STRIDED(baseline)
RT_DECLARE_STRIDED(avx2)
RT_DECLARE_STRIDED(avx512)
RT_DECLARE_STRIDED(neon)

/* log2 of the bytes of an item. */
#define rt_log2(size) ((size) == 1 ? 0 : (size) == 2 ? 1 : (size) == 4 ? 2 : (size) == 8 ? 3 : 4)
static const uint8_t rt_size_log2[RT_N_DTYPES] = {0, 0, 1, 2, 3, 0, 1, 2, 3, 1, 1, 2, 3, 3, 4};

/* Philox4x32-10 (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", 2011); the first 64 bits of a
 * block. */
static inline uint64_t rt_philox(uint64_t key, uint64_t counter, uint64_t attempt) {
    uint32_t c0 = (uint32_t)counter, c1 = (uint32_t)(counter >> 32), c2 = (uint32_t)attempt,
             c3 = (uint32_t)(attempt >> 32), k0 = (uint32_t)key, k1 = (uint32_t)(key >> 32);
    for (int round = 0; round < 10; round++) {
        const uint64_t p0 = 0xD2511F53ULL * c0, p1 = 0xCD9E8D57ULL * c2;
        const uint32_t n0 = (uint32_t)(p1 >> 32) ^ c1 ^ k0, n2 = (uint32_t)(p0 >> 32) ^ c3 ^ k1;
        c1 = (uint32_t)p1, c3 = (uint32_t)p0, c0 = n0, c2 = n2;
        k0 += 0x9E3779B9u, k1 += 0xBB67AE85u;
    }
    return (uint64_t)c1 << 32 | c0;
}

#endif
