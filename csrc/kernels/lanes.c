/* SPDX-License-Identifier: MIT
 *
 * lanes.c: elements of lanes by index. A lane is what x has along one axis; what stands beside it (the result of a read,
 * the source of a write) and the index have one shape, walked here as rows of columns in row-major order:
 *
 *   pick      beside[r][c] = lane(r, c)[index[r][c]]
 *   put       lane(r, c)[index[r][c]] = beside[r][c]
 *   put_sum   lane(r, c)[index[r][c]] += beside[r][c]
 *
 * Lanes of different r or c may be one; the last of several writes stays, a sum is a chain in the order of the walk. An
 * index is counted from the end where it is negative; one out of range is passed over and makes the result 0.
 */
#include "kernels.h"
#include "simd.h"

typedef uint8_t lane_1 __attribute__((may_alias));
typedef uint16_t lane_2 __attribute__((may_alias));
typedef uint32_t lane_4 __attribute__((may_alias));
typedef uint64_t lane_8 __attribute__((may_alias));
typedef struct {
    uint64_t parts[2];
} __attribute__((may_alias)) lane_16;
typedef float lane_f32 __attribute__((may_alias));
typedef double lane_f64 __attribute__((may_alias));

#define PICK(T, lane, beside) (*(T *)(beside) = *(const T *)(lane))
#define PUT(T, lane, beside) (*(T *)(lane) = *(const T *)(beside))
#define SUM(T, lane, beside) (*(T *)(lane) = (T)(*(const T *)(lane) + *(const T *)(beside)))
#define SUM_PARTS(T, lane, beside) \
    (((T *)(lane))[0] += ((const T *)(beside))[0], ((T *)(lane))[1] += ((const T *)(beside))[1])

/* Columns of one row; the steps of index and beside are known to the compiler where they lie dense. */
#define COLUMNS(T, MOVE, INDEX_COL, BESIDE_COL)                                     \
    for (int64_t c = 0; c < cols; c++) {                                            \
        const int64_t i = *(const int64_t *)(index + c * INDEX_COL);                \
        const int64_t k = i < 0 ? i + size : i;                                     \
        if (__builtin_expect((uint64_t)k >= (uint64_t)size, 0)) inside = 0;         \
        else MOVE(T, lane + c * lane_col + k * lane_step, beside + c * BESIDE_COL); \
    }

/* The columns of a row; the steps of index and beside are constants where they lie dense. */
#define COLUMNS(T, MOVE, INDEX_COL, BESIDE_COL)                                     \
    for (int64_t c = 0; c < cols; c++) {                                            \
        const int64_t i = *(const int64_t *)(index + c * INDEX_COL);                \
        const int64_t k = i < 0 ? i + size : i;                                     \
        if (__builtin_expect((uint64_t)k >= (uint64_t)size, 0)) inside = 0;         \
        else MOVE(T, lane + c * lane_col + k * lane_step, beside + c * BESIDE_COL); \
    }

/* Where a row has one index, its columns are two runs. What l holds is read before: it may be what is written. */
#define DEFINE_LANES(NAME, T, SIZE, MOVE)                                                           \
    static int NAME(const rt_lanes *l, char *lane, char *beside, const char *index) {               \
        const int64_t rows = l->rows, cols = l->cols, size = l->size, lane_step = l->lane_step;     \
        const int64_t lane_row = l->lane_row, beside_row = l->beside_row, index_row = l->index_row; \
        const int64_t lane_col = l->lane_col, beside_col = l->beside_col, index_col = l->index_col; \
        int inside = 1;                                                                             \
        for (int64_t r = 0; r < rows; r++) {                                                        \
            if (index_col == 0 && lane_col == SIZE && beside_col == SIZE) {                         \
                const int64_t i = *(const int64_t *)index, k = i < 0 ? i + size : i;                \
                char *const to = lane + k * lane_step;                                              \
                if ((uint64_t)k >= (uint64_t)size) inside = 0;                                      \
                else                                                                                \
                    for (int64_t c = 0; c < cols; c++) MOVE(T, to + c * SIZE, beside + c * SIZE);   \
            } else if (index_col == 8 && beside_col == SIZE) {                                      \
                COLUMNS(T, MOVE, 8, SIZE)                                                           \
            } else {                                                                                \
                COLUMNS(T, MOVE, index_col, beside_col)                                             \
            }                                                                                       \
            lane += lane_row, beside += beside_row, index += index_row;                             \
        }                                                                                           \
        return inside;                                                                              \
    }
#define DEFINE_MOVES(N)                       \
    DEFINE_LANES(pick_##N, lane_##N, N, PICK) \
    DEFINE_LANES(put_##N, lane_##N, N, PUT)
DEFINE_MOVES(1)
DEFINE_MOVES(2)
DEFINE_MOVES(4)
DEFINE_MOVES(8)
DEFINE_MOVES(16)
/* Integers wrap whatever their sign. */
DEFINE_LANES(sum_1, lane_1, 1, SUM)
DEFINE_LANES(sum_2, lane_2, 2, SUM)
DEFINE_LANES(sum_4, lane_4, 4, SUM)
DEFINE_LANES(sum_8, lane_8, 8, SUM)
DEFINE_LANES(sum_f32, lane_f32, 4, SUM)
DEFINE_LANES(sum_f64, lane_f64, 8, SUM)
DEFINE_LANES(sum_c64, lane_f32, 8, SUM_PARTS)
DEFINE_LANES(sum_c128, lane_f64, 16, SUM_PARTS)

void RT_FN(rt_fill_lanes)(rt_kernels *k) {
    static const rt_lanes_fn picks[5] = {pick_1, pick_2, pick_4, pick_8, pick_16};
    static const rt_lanes_fn puts[5] = {put_1, put_2, put_4, put_8, put_16};
    static const rt_lanes_fn sums[RT_N_DTYPES] = {
        [RT_I8] = sum_1,    [RT_I16] = sum_2,   [RT_I32] = sum_4,   [RT_I64] = sum_8,
        [RT_U8] = sum_1,    [RT_U16] = sum_2,   [RT_U32] = sum_4,   [RT_U64] = sum_8,
        [RT_F32] = sum_f32, [RT_F64] = sum_f64, [RT_C64] = sum_c64, [RT_C128] = sum_c128,
    };
    for (int d = 0; d < RT_N_DTYPES; d++) {
        k->lanes[RT_LANES_PICK][d] = picks[rt_size_log2[d]];
        k->lanes[RT_LANES_PUT][d] = puts[rt_size_log2[d]];
        k->lanes[RT_LANES_SUM][d] = sums[d];
    }
}
