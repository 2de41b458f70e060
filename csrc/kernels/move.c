/* SPDX-License-Identifier: MIT
 *
 * move.c: moves matrices of items between layouts, by the size of an item; and with it, runs a loop over operands at any
 * strides by packing them, piece by piece, into dense buffers.
 */
#include "kernels.h"
#include "simd.h"
#include "transpose.h"

typedef uint8_t item_1 __attribute__((may_alias));
typedef uint16_t item_2 __attribute__((may_alias));
typedef uint32_t item_4 __attribute__((may_alias));
typedef uint64_t item_8 __attribute__((may_alias));
typedef struct {
    uint64_t low, high;
} __attribute__((may_alias)) item_16;

/* n items at a stride each. The strides that are common have loops of their own, which the compilers vectorise. */
#define DEFINE_LINE(N)                                                                                  \
    static void line_##N(char *out, int64_t stride_out, const char *in, int64_t stride_in, int64_t n) { \
        item_##N *restrict o = (item_##N *)out;                                                         \
        const item_##N *restrict x = (const item_##N *)in;                                              \
        if (stride_out == N) {                                                                          \
            if (stride_in == 0) {                                                                       \
                const item_##N same = *x;                                                               \
                for (int64_t i = 0; i < n; i++) o[i] = same;                                            \
            } else if (stride_in == -N) {                                                               \
                for (int64_t i = 0; i < n; i++) o[i] = x[-i];                                           \
            } else if (stride_in == 2 * N) {                                                            \
                for (int64_t i = 0; i < n; i++) o[i] = x[2 * i];                                        \
            } else {                                                                                    \
                for (int64_t i = 0; i < n; i++) o[i] = *(const item_##N *)(in + i * stride_in);         \
            }                                                                                           \
        } else {                                                                                        \
            for (int64_t i = 0; i < n; i++)                                                             \
                *(item_##N *)(out + i * stride_out) = *(const item_##N *)(in + i * stride_in);          \
        }                                                                                               \
    }

/* out (rows, cols) from in (cols, rows), both dense in their last dimension. */
#define DEFINE_TURN(N)                                                                                         \
    static void turn_##N(char *out, int64_t stride_out, const char *in, int64_t stride_in, int64_t rows,       \
                         int64_t cols) {                                                                       \
        const int64_t whole_rows = rows - rows % RT_TURN_##N, whole_cols = cols - cols % RT_TURN_##N;          \
        for (int64_t c = 0; c < whole_cols; c += RT_TURN_##N)                                                  \
            for (int64_t r = 0; r < whole_rows; r += RT_TURN_##N)                                              \
                v_turn_##N(out + r * stride_out + c * N, stride_out, in + c * stride_in + r * N, stride_in);   \
        for (int64_t c = 0; c < cols; c++)                                                                     \
            for (int64_t r = c < whole_cols ? whole_rows : 0; r < rows; r++)                                   \
                *(item_##N *)(out + r * stride_out + c * N) = *(const item_##N *)(in + c * stride_in + r * N); \
    }

#define TURN(N)                                                                                         \
    if (out_col == N && in_row == N && rows > 1) return turn_##N(out, out_row, in, in_col, rows, cols); \
    if (out_row == N && in_col == N && cols > 1) return turn_##N(out, out_col, in, in_row, cols, rows);
#define NO_TURN(N)

#define DEFINE_MOVE(N, TURN_IT)                                                                                       \
    static void move_##N(char *out, int64_t out_row, int64_t out_col, const char *in, int64_t in_row, int64_t in_col, \
                         int64_t rows, int64_t cols) {                                                                \
        if (out_col == N && in_col == N) {                                                                            \
            for (int64_t r = 0; r < rows; r++) memcpy(out + r * out_row, in + r * in_row, (size_t)(cols * N));        \
            return;                                                                                                   \
        }                                                                                                             \
        TURN_IT(N)                                                                                                    \
        if (cols < rows && cols < 16) {                                                                               \
            for (int64_t c = 0; c < cols; c++) line_##N(out + c * out_col, out_row, in + c * in_col, in_row, rows);   \
            return;                                                                                                   \
        }                                                                                                             \
        for (int64_t r = 0; r < rows; r++) line_##N(out + r * out_row, out_col, in + r * in_row, in_col, cols);       \
    }

DEFINE_LINE(1)
DEFINE_LINE(2)
DEFINE_LINE(4)
DEFINE_LINE(8)
DEFINE_LINE(16)
DEFINE_TURN(1)
DEFINE_TURN(2)
DEFINE_TURN(4)
DEFINE_TURN(8)
DEFINE_MOVE(1, TURN)
DEFINE_MOVE(2, TURN)
DEFINE_MOVE(4, TURN)
DEFINE_MOVE(8, TURN)
DEFINE_MOVE(16, NO_TURN)

static const rt_move by_size[5] = {move_1, move_2, move_4, move_8, move_16};

#define DEFINE_COPY(N)                                                  \
    static void copy_##N(char *const *p, const int64_t *s, int64_t n) { \
        move_##N(p[0], 0, s[0], p[1], 0, s[1], 1, n);                   \
    }
DEFINE_COPY(1)
DEFINE_COPY(2)
DEFINE_COPY(4)
DEFINE_COPY(8)
DEFINE_COPY(16)

#define PIECE 512 /* items: the buffers of float32 stay in the first-level cache */

void RT_FN(rt_strided)(rt_loop loop, const uint8_t *size_log2, int n_operands, char *const *ptr, const int64_t *stride,
                       int64_t n) {
    _Alignas(64) char buffer[RT_MAX_OPERANDS][16 * PIECE];
    char *p[RT_MAX_OPERANDS];
    int64_t size[RT_MAX_OPERANDS];
    for (int i = 0; i < n_operands; i++) size[i] = (int64_t)1 << size_log2[i];
    for (int64_t done = 0; done < n; done += PIECE) {
        const int64_t m = n - done < PIECE ? n - done : PIECE;
        for (int i = 0; i < n_operands; i++) {
            char *const at = ptr[i] + done * stride[i];
            p[i] = stride[i] == size[i] ? at : buffer[i];
            if (i > 0 && p[i] != at && (stride[i] || done == 0)) /* a repeated element stays */
                by_size[size_log2[i]](p[i], 0, size[i], at, 0, stride[i], 1, m);
        }
        loop(p, size, m);
        if (p[0] == buffer[0]) by_size[size_log2[0]](ptr[0] + done * stride[0], 0, stride[0], p[0], 0, size[0], 1, m);
    }
}

void RT_FN(rt_fill_move)(rt_kernels *k) {
    static const rt_loop copies[5] = {copy_1, copy_2, copy_4, copy_8, copy_16};
    memcpy(k->move, by_size, sizeof(by_size));
    for (int d = 0; d < RT_N_DTYPES; d++) k->cast[d][d] = copies[rt_size_log2[d]];
}
