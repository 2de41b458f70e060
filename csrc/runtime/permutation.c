/* SPDX-License-Identifier: MIT
 *
 * permutation.c: 0 to n - 1 sorted by (64 random bits, number), or the first k of that.
 *
 * A word holds the upper bits of a key and below them the number. Keys are spread evenly, so words are dealt out by their
 * upper bits to buckets of about 2,000, each of these by the next bits to places of one or none mostly, and then put in
 * order. Where upper bits are equal, which is rare, the keys are made again. For a few of many, only keys below a power of
 * 2 are taken, one and a half to three times k of them; where too few were, the power is doubled.
 *
 * The order is total: it does not depend on where words stood, nor on threads.
 */
#include <string.h>

#include "runtime.h"

#define BUCKET_LOG2 11
#define MOST_BUCKETS_LOG2 13
#define PLACES_LOG2 12 /* at most */
#define MOST_PIECES 64
#define MOST_MEMBERS ((int64_t)1 << 40) /* words keep 24 bits of a key or more */

typedef struct {
    uint64_t seed, offset;
    int64_t k, found, room;
    uint64_t *words, *other;
    int64_t *
        place; /* (n_pieces, n_buckets): how many words of a piece go to a bucket, then where the next one goes, then */
    int64_t *end; /* in the last piece's row, where each bucket ends */
    int64_t piece, n_pieces;
    int span, number_bits, bucket_bits; /* span: keys are below 2^span */
    int64_t *out;
} rt_permuting;

static void take_words(void *ctx, int64_t begin, int64_t end) {
    rt_permuting *p = ctx;
    uint64_t keys[RT_DRAW] __attribute__((aligned(64))), words[RT_DRAW];
    const uint64_t highest = UINT64_MAX >> (64 - p->span);
    for (; begin < end; begin += RT_DRAW) {
        const int64_t n = end - begin < RT_DRAW ? end - begin : RT_DRAW;
        rt_k.random_bits(keys, n, p->seed, p->offset + (uint64_t)begin);
        int64_t found = 0;
        for (int64_t i = 0; i < n; i++) {
            words[found] = keys[i] << (64 - p->span) >> p->number_bits << p->number_bits | (uint64_t)(begin + i);
            found += keys[i] <= highest;
        }
        if (found == 0) continue;
        const int64_t at = __atomic_fetch_add(&p->found, found, __ATOMIC_RELAXED);
        if (at + found <= p->room) memcpy(p->words + at, words, (size_t)found * sizeof(uint64_t));
    }
}

static void count_pieces(void *ctx, int64_t begin, int64_t end) {
    const rt_permuting *p = ctx;
    const int shift = 64 - p->bucket_bits;
    for (; begin < end; begin++) {
        int64_t *const count = p->place + (begin << p->bucket_bits);
        const int64_t at = begin * p->piece, left = p->found - at, last = at + (left < p->piece ? left : p->piece);
        memset(count, 0, sizeof(int64_t) << p->bucket_bits);
        for (int64_t i = at; i < last; i++) count[p->words[i] >> shift]++;
    }
}

static void deal_pieces(void *ctx, int64_t begin, int64_t end) {
    const rt_permuting *p = ctx;
    const int shift = 64 - p->bucket_bits;
    for (; begin < end; begin++) {
        int64_t *const place = p->place + (begin << p->bucket_bits);
        const int64_t at = begin * p->piece, left = p->found - at, last = at + (left < p->piece ? left : p->piece);
        for (int64_t i = at; i < last; i++) p->other[place[p->words[i] >> shift]++] = p->words[i];
    }
}

/* Words to buckets, which stand in `other`. */
static void deal(rt_permuting *p) {
    p->end = p->place;
    if (p->bucket_bits == 0) {
        uint64_t *const words = p->words;
        p->words = p->other, p->other = words;
        p->end[0] = p->found;
        return;
    }
    p->n_pieces = (p->found + p->piece - 1) / p->piece;
    p->end += (p->n_pieces - 1) << p->bucket_bits;
    rt_parallel_for(p->n_pieces, 1, count_pieces, p);
    int64_t sum = 0;
    for (int64_t b = 0; b < (int64_t)1 << p->bucket_bits; b++)
        for (int64_t i = 0; i < p->n_pieces; i++) {
            int64_t *const place = p->place + (i << p->bucket_bits) + b;
            const int64_t many = *place;
            *place = sum;
            sum += many;
        }
    rt_parallel_for(p->n_pieces, 1, deal_pieces, p);
}

static int is_before(const rt_permuting *p, uint64_t a, uint64_t b) {
    if (__builtin_expect((a ^ b) >> p->number_bits != 0, 1)) return a < b;
    const uint64_t mask = ((uint64_t)1 << p->number_bits) - 1;
    const uint64_t x = rt_philox(p->seed, p->offset + (a & mask), 0), y = rt_philox(p->seed, p->offset + (b & mask), 0);
    return x != y ? x < y : a < b;
}

static void sort_buckets(void *ctx, int64_t begin, int64_t end) {
    const rt_permuting *p = ctx;
    const uint64_t mask = ((uint64_t)1 << p->number_bits) - 1;
    uint32_t place[1 << PLACES_LOG2];
    for (; begin < end; begin++) {
        const int64_t start = begin ? p->end[begin - 1] : 0, n = p->end[begin] - start;
        if (n == 0 || start >= p->k) continue;
        int bits = 1, most = 64 - p->number_bits - p->bucket_bits;
        if (most > PLACES_LOG2) most = PLACES_LOG2;
        while (bits < most && (int64_t)1 << bits < 2 * n) bits++;
        const uint64_t *const from = p->other + start;
        uint64_t *const to = p->words + start;
        memset(place, 0, sizeof(uint32_t) << bits);
        for (int64_t i = 0; i < n; i++) place[from[i] << p->bucket_bits >> (64 - bits)]++;
        uint32_t sum = 0;
        for (int i = 0; i < 1 << bits; i++) {
            const uint32_t many = place[i];
            place[i] = sum;
            sum += many;
        }
        for (int64_t i = 0; i < n; i++) to[place[from[i] << p->bucket_bits >> (64 - bits)]++] = from[i];
        for (int64_t i = 1; i < n; i++) {
            const uint64_t word = to[i];
            int64_t j = i;
            for (; j > 0 && is_before(p, word, to[j - 1]); j--) to[j] = to[j - 1];
            to[j] = word;
        }
        for (int64_t i = 0; i < n && start + i < p->k; i++) p->out[start + i] = (int64_t)(to[i] & mask);
    }
}

/* Takes the words of k keys or more; NULL where there is no memory. */
static char *take(rt_permuting *p, int64_t n) {
    const int64_t enough = p->k + p->k / 2 + 8;
    p->span = 64;
    while (p->span > 1 && n >> (65 - p->span) >= enough) p->span--;
    const int64_t expected = n >> (64 - p->span);
    p->room = p->span == 64 ? n : expected + expected / 2 + 8;
    for (;;) {
        while (p->bucket_bits < MOST_BUCKETS_LOG2 && p->room >> (p->bucket_bits + BUCKET_LOG2) > 0) p->bucket_bits++;
        p->piece = (p->room + MOST_PIECES - 1) / MOST_PIECES;
        if (p->piece < RT_GRAIN_CHEAP) p->piece = RT_GRAIN_CHEAP;
        p->n_pieces = (p->room + p->piece - 1) / p->piece;
        char *const scratch = rt_scratch_alloc((2 * p->room + (p->n_pieces << p->bucket_bits)) * 8);
        if (!scratch) return NULL;
        p->words = (uint64_t *)scratch, p->other = p->words + p->room, p->place = (int64_t *)(p->other + p->room);
        p->found = 0;
        rt_parallel_for(n, RT_GRAIN_COSTLY, take_words, p);
        if (p->found >= p->k && p->found <= p->room) return scratch;
        rt_scratch_free(scratch);
        if (p->found > p->room) p->room = p->found;
        else p->span++, p->room = p->span == 64 ? n : 2 * p->room;
    }
}

rt_tensor *rt_random_permutation(int64_t n, int64_t k, uint64_t seed, uint64_t offset) {
    if (k < 0 || k > n || n > MOST_MEMBERS) RT_FAIL(RT_ERR_ARGUMENT);
    rt_tensor *out = rt_new(RT_I64, 1, &k);
    if (!out || k == 0) return out;
    rt_count_path(RT_FAMILY_RANDOM, RT_PATH_CONTIGUOUS);
    rt_permuting p = {.seed = seed, .offset = offset, .k = k, .out = (int64_t *)out->data};
    while ((n - 1) >> p.number_bits > 0) p.number_bits++;
    char *const scratch = take(&p, n);
    if (!scratch) {
        rt_release(out);
        RT_FAIL(RT_ERR_ALLOC);
    }
    deal(&p);
    rt_parallel_for((int64_t)1 << p.bucket_bits, 4, sort_buckets, &p);
    rt_scratch_free(scratch);
    return out;
}
