/* SPDX-License-Identifier: MIT
 *
 * rows_turned.h: included by rows.h for the same functions of rows that are adjacent columns in memory: element i of row c
 * stands at (i, c). Sums keep RT_SUM_LANES rows of partial sums, one number for each column, in scratch memory:
 *
 *   lanes   n_sums * 32 rows        slots   n_sums rows for each subtree of blocks that waits
 *
 * Each is n_cols items wide, rounded up to whole vectors.
 */
#define TURNED RT_CAT(turned, D)
#define ROUNDS 8 /* rows of one lane that are added at once; results don't depend on it */

typedef struct {
    const char *x, *g, *mean, *scale, *w; /* the last three hold a number for each column, or for each row of memory */
    char *out;
    int64_t x_row, g_row, out_row, width;
} TURNED;

/* What element i of the columns from byte `at` on adds to each sum; may write as it goes. */
typedef void (*RT_CAT(turned_term, D))(const TURNED *r, int64_t i, int64_t at, int64_t left, V *terms);

#define EACH_COLUMN(n_cols, ...)                                   \
    {                                                              \
        int64_t at = 0;                                            \
        for (; at + L * SIZE <= (n_cols) * SIZE; at += L * SIZE) { \
            const int64_t left = L;                                \
            __VA_ARGS__                                            \
        }                                                          \
        if (at < (n_cols) * SIZE) {                                \
            const int64_t left = (n_cols) - at / SIZE;             \
            __VA_ARGS__                                            \
        }                                                          \
    }
#define WHOLE(p) (*(V_ANY *)(p)) /* in scratch memory, where rows are whole vectors */

/* Adds elements i, i + 32, ... of every column to a lane. */
static ALWAYS void RT_CAT(turned_lane, D)(const TURNED *r, int64_t i, const int rounds, int64_t n_cols,
                                          RT_CAT(turned_term, D) term, const int n_sums, char *lane) {
    EACH_COLUMN(n_cols, {
        V acc[2], t[2];
        for (int s = 0; s < n_sums; s++) acc[s] = (V)WHOLE(lane + s * r->width + at);
        for (int k = 0; k < rounds; k++) {
            term(r, i + k * RT_SUM_LANES, at, left, t);
            for (int s = 0; s < n_sums; s++) acc[s] += t[s];
        }
        for (int s = 0; s < n_sums; s++) WHOLE(lane + s * r->width + at) = (V_ANY)acc[s];
    })
}

/* a += b, both of `bytes` in whole vectors. */
static void RT_CAT(turned_join, D)(char *a, const char *b, int64_t bytes) {
    for (int64_t at = 0; at < bytes; at += L * SIZE) WHOLE(a + at) = (V_ANY)((V)WHOLE(a + at) + (V)WHOLE(b + at));
}

/* The sums of all n elements of each column, which then stand at the returned place: n_sums rows of scratch. */
static ALWAYS char *RT_CAT(turned_sums, D)(const TURNED *r, int64_t n, int64_t n_cols, RT_CAT(turned_term, D) term,
                                           const int n_sums, char *scratch) {
    const int64_t lane = n_sums * r->width;
    char *const slots = scratch + RT_SUM_LANES * lane;
    int depth = 0;
    int64_t n_blocks = 0;
    for (int64_t begin = 0; begin < n; begin += RT_SUM_BLOCK) {
        const int64_t end = n - begin < RT_SUM_BLOCK ? n : begin + RT_SUM_BLOCK;
        for (int64_t at = 0; at < RT_SUM_LANES * lane; at += L * SIZE) WHOLE(scratch + at) = (V_ANY)V_SPLAT((T)-0.0);
        int64_t i = begin;
        for (; i + ROUNDS * RT_SUM_LANES <= end; i += ROUNDS * RT_SUM_LANES)
            for (int64_t l = 0; l < RT_SUM_LANES; l++)
                RT_CAT(turned_lane, D)(r, i + l, ROUNDS, n_cols, term, n_sums, scratch + l * lane);
        for (; i < end; i++)
            RT_CAT(turned_lane, D)(r, i, 1, n_cols, term, n_sums, scratch + (i - begin) % RT_SUM_LANES * lane);
        for (int64_t half = RT_SUM_LANES / 2; half > 0; half /= 2)
            RT_CAT(turned_join, D)(scratch, scratch + half * lane, half * lane);
        memcpy(slots + depth * lane, scratch, (size_t)lane);
        depth++;
        for (int64_t b = ++n_blocks; !(b & 1); b >>= 1, depth--)
            RT_CAT(turned_join, D)(slots + (depth - 2) * lane, slots + (depth - 1) * lane, lane);
    }
    for (; depth > 1; depth--) RT_CAT(turned_join, D)(slots + (depth - 2) * lane, slots + (depth - 1) * lane, lane);
    return slots;
}

#define X_AT(i) LOAD(r->x + (i) * r->x_row + at, left)
#define G_AT(i) LOAD(r->g + (i) * r->g_row + at, left)
#define MEAN LOAD(r->mean + at, left)
#define SCALE LOAD(r->scale + at, left)
#define STORE_AT(i, v) STORE(r->out + (i) * r->out_row + at, left, v)

static int64_t RT_CAT(turned_width, D)(int64_t n_cols) {
    return (n_cols + L - 1) / L * L * SIZE;
}

static ALWAYS void RT_CAT(turned_itself, D)(const TURNED *r, int64_t i, int64_t at, int64_t left, V *t) {
    t[0] = X_AT(i);
}

static ALWAYS void RT_CAT(turned_square, D)(const TURNED *r, int64_t i, int64_t at, int64_t left, V *t) {
    const V x = X_AT(i) - MEAN;
    t[0] = x * x;
}

static void RT_CAT(moments_turned, D)(const char *x, int64_t x_row, int64_t n, int64_t n_cols, double eps, int centered,
                                      char *mean, char *var, char *scale, char *scratch) {
    const V count = V_SPLAT((T)n);
    const TURNED r = {.x = x, .x_row = x_row, .mean = mean, .width = RT_CAT(turned_width, D)(n_cols)};
    if (centered) {
        const char *sums = RT_CAT(turned_sums, D)(&r, n, n_cols, RT_CAT(turned_itself, D), 1, scratch);
        EACH_COLUMN(n_cols, STORE(mean + at, left, (V)WHOLE(sums + at) / count);)
    } else memset(mean, 0, (size_t)(n_cols * SIZE));
    const char *sums = RT_CAT(turned_sums, D)(&r, n, n_cols, RT_CAT(turned_square, D), 1, scratch);
    EACH_COLUMN(n_cols, {
        const V v = (V)WHOLE(sums + at) / count;
        STORE(var + at, left, v);
        STORE(scale + at, left, 1 / RT_CAT(v_sqrt, D)(v + V_SPLAT((T)eps)));
    })
}

static ALWAYS void RT_CAT(standardize_rows, D)(const TURNED *r, const char *b, int64_t i, const int rounds,
                                               int64_t n_cols, const int has_w, const int has_b) {
    EACH_COLUMN(n_cols, {
        const V mean = MEAN, scale = SCALE;
        const V w = has_w ? LOAD(r->w + at, left) : mean, summand = has_b ? LOAD(b + at, left) : mean;
        for (int k = 0; k < rounds; k++) {
            const V z = (X_AT(i + k) - mean) * scale;
            STORE_AT(i + k, has_w && has_b ? V_FMA(z, w, summand) : has_w ? z * w : has_b ? z + summand : z);
        }
    })
}

static ALWAYS void RT_CAT(standardize_turned_as, D)(const TURNED *r, const char *b, int64_t n, int64_t n_cols,
                                                    const int has_w, const int has_b) {
    int64_t i = n; /* backwards: what the pass before has read last is nearest */
    for (; i >= 4; i -= 4) RT_CAT(standardize_rows, D)(r, b, i - 4, 4, n_cols, has_w, has_b);
    for (; i > 0; i--) RT_CAT(standardize_rows, D)(r, b, i - 1, 1, n_cols, has_w, has_b);
}

static void RT_CAT(standardize_turned, D)(const char *x, int64_t x_row, const char *mean, const char *scale,
                                          const char *w, const char *b, char *out, int64_t out_row, int64_t n,
                                          int64_t n_cols) {
    const TURNED r = {.x = x, .x_row = x_row, .mean = mean, .scale = scale, .w = w, .out = out, .out_row = out_row};
    if (w && b) RT_CAT(standardize_turned_as, D)(&r, b, n, n_cols, 1, 1);
    else if (w) RT_CAT(standardize_turned_as, D)(&r, b, n, n_cols, 1, 0);
    else if (b) RT_CAT(standardize_turned_as, D)(&r, b, n, n_cols, 0, 1);
    else RT_CAT(standardize_turned_as, D)(&r, b, n, n_cols, 0, 0);
}

static ALWAYS void RT_CAT(turned_grad, D)(const TURNED *r, int64_t i, int64_t at, int64_t left, V *t) {
    const V g = G_AT(i);
    t[0] = g * ((X_AT(i) - MEAN) * SCALE);
    t[1] = g;
}

static ALWAYS void RT_CAT(standardize_grad_rows, D)(const TURNED *r, int64_t i, const int rounds, int64_t n_cols,
                                                    const char *along, const char *mean, const char *factor,
                                                    const int centered) {
    EACH_COLUMN(n_cols, {
        const V a = (V)WHOLE(along + at), m = (V)WHOLE(mean + at), f = (V)WHOLE(factor + at), x_mean = MEAN, s = SCALE;
        for (int k = 0; k < rounds; k++) {
            const V v = centered ? G_AT(i + k) - m : G_AT(i + k);
            STORE_AT(i + k, V_FMA(a, (X_AT(i + k) - x_mean) * s, v) * f);
        }
    })
}

static ALWAYS void RT_CAT(standardize_grad_turned_as, D)(const TURNED *r, int64_t n, int64_t n_cols, const int centered,
                                                         char *along_out, char *sum_out, char *scratch) {
    const V count = V_SPLAT((T)n);
    char *const along = RT_CAT(turned_sums, D)(r, n, n_cols, RT_CAT(turned_grad, D), 1 + centered, scratch);
    char *const mean = centered ? along + r->width : scratch, *const factor = scratch + r->width;
    EACH_COLUMN(n_cols, {
        const V a = (V)WHOLE(along + at), m = centered ? (V)WHOLE(mean + at) : V_SPLAT(0), s = SCALE;
        STORE(along_out + at, left, a);
        STORE(sum_out + at, left, m);
        WHOLE(along + at) = (V_ANY) - (a / count);
        WHOLE(mean + at) = (V_ANY)(m / count);
        WHOLE(factor + at) = (V_ANY)(r->w ? s * LOAD(r->w + at, left) : s);
    })
    int64_t i = 0;
    for (; i + 4 <= n; i += 4) RT_CAT(standardize_grad_rows, D)(r, i, 4, n_cols, along, mean, factor, centered);
    for (; i < n; i++) RT_CAT(standardize_grad_rows, D)(r, i, 1, n_cols, along, mean, factor, centered);
}

static void RT_CAT(standardize_grad_turned, D)(const char *g, int64_t g_row, const char *x, int64_t x_row,
                                               const char *mean, const char *scale, const char *w, int centered,
                                               char *along, char *sum, char *out, int64_t out_row, int64_t n,
                                               int64_t n_cols, char *scratch) {
    const TURNED r = {.g = g,
                      .g_row = g_row,
                      .x = x,
                      .x_row = x_row,
                      .mean = mean,
                      .scale = scale,
                      .w = w,
                      .out = out,
                      .out_row = out_row,
                      .width = RT_CAT(turned_width, D)(n_cols)};
    if (centered) RT_CAT(standardize_grad_turned_as, D)(&r, n, n_cols, 1, along, sum, scratch);
    else RT_CAT(standardize_grad_turned_as, D)(&r, n, n_cols, 0, along, sum, scratch);
}

static ALWAYS void RT_CAT(turned_along, D)(const TURNED *r, int64_t i, int64_t at, int64_t left, V *t) {
    t[0] = G_AT(i) * ((X_AT(i) - MEAN) * SCALE);
}

/* mean and scale hold a number for each row of memory. */
static ALWAYS void RT_CAT(turned_across, D)(const TURNED *r, int64_t i, int64_t at, int64_t left, V *t) {
    const V mean = V_SPLAT(((const T *)r->mean)[i]), scale = V_SPLAT(((const T *)r->scale)[i]);
    t[0] = G_AT(i) * ((X_AT(i) - mean) * scale);
}

static void RT_CAT(sum_along_turned, D)(const char *g, int64_t g_row, const char *x, int64_t x_row, const char *mean,
                                        const char *scale, int across, char *out, int64_t n, int64_t n_cols,
                                        char *scratch) {
    const TURNED r = {.g = g,
                      .g_row = g_row,
                      .x = x,
                      .x_row = x_row,
                      .mean = mean,
                      .scale = scale,
                      .width = RT_CAT(turned_width, D)(n_cols)};
    const char *sums = across ? RT_CAT(turned_sums, D)(&r, n, n_cols, RT_CAT(turned_across, D), 1, scratch)
                              : RT_CAT(turned_sums, D)(&r, n, n_cols, RT_CAT(turned_along, D), 1, scratch);
    memcpy(out, sums, (size_t)(n_cols * SIZE));
}

/* Softmax and its kin. Here `mean` holds the largest element of each column, `scale` what its elements are multiplied by
 * or the logarithm of its sum. */

/* The largest element of each column; +0 if it is a zero. */
static void RT_CAT(turned_max, D)(const char *x, int64_t x_row, int64_t n, int64_t n_cols, char *max) {
    EACH_COLUMN(n_cols, {
        (void)left;
        WHOLE(max + at) = (V_ANY)V_SPLAT((T)-__builtin_inf());
    })
    int64_t i = 0;
    for (; i + 4 <= n; i += 4)
        EACH_COLUMN(n_cols, {
            V m = (V)WHOLE(max + at);
            for (int k = 0; k < 4; k++) m = V_MAX(LOAD(x + (i + k) * x_row + at, left), m);
            WHOLE(max + at) = (V_ANY)m;
        })
    for (; i < n; i++)
        EACH_COLUMN(n_cols, WHOLE(max + at) = (V_ANY)V_MAX(LOAD(x + i * x_row + at, left), (V)WHOLE(max + at));)
    EACH_COLUMN(n_cols, {
        (void)left;
        WHOLE(max + at) = (V_ANY)((V)WHOLE(max + at) + 0);
    })
}

static ALWAYS void RT_CAT(turned_exp, D)(const TURNED *r, int64_t i, int64_t at, int64_t left, V *t) {
    t[0] = EXP(X_AT(i) - MEAN);
}

static ALWAYS void RT_CAT(turned_exp_kept, D)(const TURNED *r, int64_t i, int64_t at, int64_t left, V *t) {
    t[0] = EXP(X_AT(i) - MEAN);
    STORE_AT(i, t[0]);
}

static void RT_CAT(softmax_turned, D)(const char *x, int64_t x_row, char *out, int64_t out_row, int64_t n,
                                      int64_t n_cols, char *scratch) {
    const int64_t width = RT_CAT(turned_width, D)(n_cols);
    const TURNED r_ = {.x = x, .x_row = x_row, .mean = scratch, .out = out, .out_row = out_row, .width = width},
                 *const r = &r_;
    RT_CAT(turned_max, D)(x, x_row, n, n_cols, scratch);
    char *const factor = RT_CAT(turned_sums, D)(r, n, n_cols, RT_CAT(turned_exp_kept, D), 1, scratch + width);
    EACH_COLUMN(n_cols, {
        (void)left;
        WHOLE(factor + at) = (V_ANY)(1 / (V)WHOLE(factor + at));
    })
    for (int64_t i = 0; i < n; i++)
        EACH_COLUMN(n_cols, STORE_AT(i, LOAD(out + i * out_row + at, left) * (V)WHOLE(factor + at));)
}

static void RT_CAT(log_softmax_turned, D)(const char *x, int64_t x_row, char *out, int64_t out_row, int64_t n,
                                          int64_t n_cols, char *scratch) {
    const int64_t width = RT_CAT(turned_width, D)(n_cols);
    const TURNED r_ = {.x = x, .x_row = x_row, .mean = scratch, .out = out, .out_row = out_row, .width = width},
                 *const r = &r_;
    RT_CAT(turned_max, D)(x, x_row, n, n_cols, scratch);
    char *const log_sum = RT_CAT(turned_sums, D)(r, n, n_cols, RT_CAT(turned_exp, D), 1, scratch + width);
    EACH_COLUMN(n_cols, {
        (void)left;
        WHOLE(log_sum + at) = (V_ANY)LOG((V)WHOLE(log_sum + at));
    })
    for (int64_t i = 0; i < n; i++) EACH_COLUMN(n_cols, STORE_AT(i, (X_AT(i) - MEAN) - (V)WHOLE(log_sum + at));)
}

static ALWAYS void RT_CAT(turned_product, D)(const TURNED *r, int64_t i, int64_t at, int64_t left, V *t) {
    t[0] = G_AT(i) * X_AT(i);
}

static void RT_CAT(softmax_grad_turned, D)(const char *g, int64_t g_row, const char *y, int64_t y_row, char *out,
                                           int64_t out_row, int64_t n, int64_t n_cols, char *scratch) {
    const int64_t width = RT_CAT(turned_width, D)(n_cols);
    const TURNED r_ = {.g = g, .g_row = g_row, .x = y, .x_row = y_row, .out = out, .out_row = out_row, .width = width},
                 *const r = &r_;
    char *const sums = RT_CAT(turned_sums, D)(r, n, n_cols, RT_CAT(turned_product, D), 1, scratch);
    for (int64_t i = 0; i < n; i++) EACH_COLUMN(n_cols, STORE_AT(i, (G_AT(i) - (V)WHOLE(sums + at)) * X_AT(i));)
}

static ALWAYS void RT_CAT(turned_g, D)(const TURNED *r, int64_t i, int64_t at, int64_t left, V *t) {
    t[0] = G_AT(i);
}

static void RT_CAT(log_softmax_grad_turned, D)(const char *g, int64_t g_row, const char *y, int64_t y_row, char *out,
                                               int64_t out_row, int64_t n, int64_t n_cols, char *scratch) {
    const int64_t width = RT_CAT(turned_width, D)(n_cols);
    const TURNED r_ = {.g = g, .g_row = g_row, .x = y, .x_row = y_row, .out = out, .out_row = out_row, .width = width},
                 *const r = &r_;
    char *const sums = RT_CAT(turned_sums, D)(r, n, n_cols, RT_CAT(turned_g, D), 1, scratch);
    for (int64_t i = 0; i < n; i++)
        EACH_COLUMN(n_cols, STORE_AT(i, V_FMA(EXP(X_AT(i)), -(V)WHOLE(sums + at), G_AT(i)));)
}

#undef TURNED
#undef ROUNDS
#undef EACH_COLUMN
#undef WHOLE
#undef X_AT
#undef G_AT
#undef MEAN
#undef SCALE
#undef STORE_AT
