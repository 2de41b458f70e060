/* SPDX-License-Identifier: MIT
 * alloc.c: the caching allocator that alloc.h describes. */
#include "alloc.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../runtime/telemetry.h"
#include "../runtime/thread.h"

#if defined(_WIN32)
#include <malloc.h>
#else
#include <sys/mman.h>
#include <unistd.h>
#endif

#if defined(__SANITIZE_ADDRESS__)
#define KEEP_NOTHING 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define KEEP_NOTHING 1
#endif
#endif
#ifndef KEEP_NOTHING
#define KEEP_NOTHING 0
#endif

#define HEAD 64
#define SPARE 64
#define N_SIZES (8 * 54) /* 8 to a power of two, from 1 KiB up */

/* A free block in the shared cache: in the list of its size and in the list of all, newest first. */
typedef struct block {
    int64_t size;
    struct block *newer, *older;           /* of all */
    struct block *next_newer, *next_older; /* of its size */
} block;

_Static_assert(sizeof(rt_storage) <= HEAD && sizeof(block) <= HEAD, "a block's head has 64 bytes");

static struct {
    rt_mutex lock; /* guards what follows, up to the atomics */
    block *of_size[N_SIZES];
    block *newest, *oldest;
    int64_t cached, cache_limit;
    /* atomics */
    int64_t in_use, peak, limit; /* limit < 0: none */
} heap = {.lock = RT_MUTEX_INIT, .cache_limit = RT_ALLOC_CACHE_LIMIT, .limit = -1};

static _Thread_local int64_t refused; /* bytes of the last request that failed */

/* From the system ------------------------------------------------------------------------------------------------ */

static void *system_alloc(int64_t size) {
#if defined(_WIN32)
    return _aligned_malloc((size_t)size, 64);
#else
    if (size < RT_ALLOC_HUGE || KEEP_NOTHING) return aligned_alloc(64, (size_t)size);
    /* Mapped with room to cut the start to a huge page's border. */
    char *raw = mmap(NULL, (size_t)(size + RT_ALLOC_HUGE), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (raw == MAP_FAILED) return NULL;
    const int64_t before = -(int64_t)(uintptr_t)raw & (RT_ALLOC_HUGE - 1);
    if (before > 0) munmap(raw, (size_t)before);
    if (before < RT_ALLOC_HUGE) munmap(raw + before + size, (size_t)(RT_ALLOC_HUGE - before));
#if defined(MADV_HUGEPAGE)
    madvise(raw + before, (size_t)size, MADV_HUGEPAGE);
#endif
    return raw + before;
#endif
}

static void system_free(void *p, int64_t size) {
#if defined(_WIN32)
    _aligned_free(p);
#else
    if (size < RT_ALLOC_HUGE || KEEP_NOTHING) free(p);
    else munmap(p, (size_t)size);
#endif
}

/* Frees a chain over `older`. */
static void free_chain(block *b) {
    while (b) {
        block *older = b->older;
        system_free(b, b->size);
        b = older;
    }
}

/* The shared cache ----------------------------------------------------------------------------------------------- */

/* The block size for so many bytes, a multiple of 64, and its place among the sizes above 1 KiB. */
static int64_t size_of(int64_t bytes, int *place) {
    if (bytes <= RT_ALLOC_SMALL) return (bytes + 63) & ~INT64_C(63);
    const int e = 63 - __builtin_clzll((uint64_t)bytes - 1); /* bytes lie in (2^e, 2^(e + 1)] */
    const int64_t step = INT64_C(1) << (e - 3), size = (bytes + step - 1) & -step;
    *place = (e - 10) * 8 + (int)((size - (INT64_C(1) << e)) / step) - 1;
    return size;
}

static void take_out(block *b, int place) {
    *(b->newer ? &b->newer->older : &heap.newest) = b->older;
    *(b->older ? &b->older->newer : &heap.oldest) = b->newer;
    *(b->next_newer ? &b->next_newer->next_older : &heap.of_size[place]) = b->next_older;
    if (b->next_older) b->next_older->next_newer = b->next_newer;
    heap.cached -= b->size;
}

/* Takes the oldest blocks out until at most `keep` bytes are cached; the chain over `older` is the caller's to free. */
static block *shrink(int64_t keep) {
    block *chain = NULL;
    while (heap.cached > keep) {
        block *b = heap.oldest;
        int place = 0;
        size_of(b->size, &place);
        take_out(b, place);
        b->older = chain;
        chain = b;
    }
    return chain;
}

static void *cache_get(int place) {
    rt_lock(&heap.lock);
    block *b = heap.of_size[place];
    if (b) take_out(b, place);
    rt_unlock(&heap.lock);
    return b;
}

static void cache_put(void *p, int64_t size, int place) {
    block *b = p, *chain = NULL;
    rt_lock(&heap.lock);
    const int kept = size <= heap.cache_limit && !KEEP_NOTHING;
    if (kept) {
        *b = (block){size, NULL, heap.newest, NULL, heap.of_size[place]};
        if (b->older) b->older->newer = b;
        else heap.oldest = b;
        if (b->next_older) b->next_older->next_newer = b;
        heap.newest = heap.of_size[place] = b;
        heap.cached += size;
        chain = shrink(heap.cache_limit);
    }
    rt_unlock(&heap.lock);
    if (!kept) system_free(p, size);
    free_chain(chain);
}

static void cache_shrink(int64_t keep) {
    rt_lock(&heap.lock);
    block *chain = shrink(keep);
    rt_unlock(&heap.lock);
    free_chain(chain);
}

/* Counting ------------------------------------------------------------------------------------------------------- */

static void raise_peak(int64_t total) {
    int64_t peak = __atomic_load_n(&heap.peak, __ATOMIC_RELAXED);
    while (total > peak &&
           !__atomic_compare_exchange_n(&heap.peak, &peak, total, 1, __ATOMIC_RELAXED, __ATOMIC_RELAXED)) {
    }
}

/* Counts n bytes as in use, which the limit may refuse. Small amounts gather in the thread while there is no limit. */
static int count_in(rt_local *l, int64_t n) {
    const int64_t limit = __atomic_load_n(&heap.limit, __ATOMIC_RELAXED);
    if (l) {
        if (limit < 0 && l->lists.in_use + n < RT_ALLOC_SLACK) {
            rt_bump(&l->lists.in_use, n);
            return 1;
        }
        n += l->lists.in_use;
    }
    const int64_t total = __atomic_add_fetch(&heap.in_use, n, __ATOMIC_RELAXED);
    if (limit >= 0 && total > limit) {
        __atomic_sub_fetch(&heap.in_use, n, __ATOMIC_RELAXED);
        return 0;
    }
    if (l) __atomic_store_n(&l->lists.in_use, 0, __ATOMIC_RELAXED);
    raise_peak(total);
    return 1;
}

static void count_out(rt_local *l, int64_t n) {
    if (l && l->lists.in_use - n > -RT_ALLOC_SLACK) rt_bump(&l->lists.in_use, -n);
    else __atomic_sub_fetch(&heap.in_use, n, __ATOMIC_RELAXED);
}

/* Blocks --------------------------------------------------------------------------------------------------------- */

static void *refuse(int64_t nbytes) {
    refused = nbytes;
    return NULL;
}

rt_storage *rt_alloc_storage(int64_t nbytes) {
    if (nbytes < 0 || nbytes > (INT64_C(1) << 62)) return refuse(nbytes);
    rt_local *l = rt_local_block();
    int place = 0, hit = 0;
    const int64_t size = size_of(HEAD + nbytes + SPARE, &place);
    if (!count_in(l, nbytes)) return refuse(nbytes);
    rt_storage *s = NULL;
    if (size <= RT_ALLOC_SMALL) {
        const int64_t i = size / 64;
        if (l && l->lists.n_blocks[i] > 0) {
            s = l->lists.blocks[i];
            l->lists.blocks[i] = *(void **)s;
            l->lists.n_blocks[i]--;
            rt_bump(&l->lists.cached, -size);
            hit = 1;
        }
    } else {
        s = cache_get(place);
        hit = s != NULL;
    }
    if (!s) {
        const int64_t limit = __atomic_load_n(&heap.limit, __ATOMIC_RELAXED);
        if (limit >= 0) { /* what is kept for reuse makes room */
            const int64_t rest = limit - __atomic_load_n(&heap.in_use, __ATOMIC_RELAXED);
            cache_shrink(rest > 0 ? rest : 0);
        }
        s = system_alloc(size);
    }
    if (!s) {
        rt_empty_cache();
        s = system_alloc(size);
    }
    if (!s) {
        count_out(l, nbytes);
        return refuse(nbytes);
    }
    if (l) {
        rt_bump(&l->counts[RT_COUNT_ALLOCATIONS], 1);
        rt_bump(&l->counts[RT_COUNT_ALLOCATED_BYTES], nbytes);
        rt_bump(&l->counts[RT_COUNT_CACHE_HITS], hit);
    }
    s->n_refs = 1;
    s->writing = 0;
    s->nbytes = nbytes;
    s->data = (char *)s + HEAD;
    s->let_go = NULL;
    return s;
}

void rt_free_storage(rt_storage *s) {
    if (s->let_go) {
        s->let_go(s->owner);
        free(s);
        return;
    }
    rt_local *l = rt_local_block();
    int place = 0;
    const int64_t size = size_of(HEAD + s->nbytes + SPARE, &place);
    count_out(l, s->nbytes);
    if (size > RT_ALLOC_SMALL) {
        cache_put(s, size, place);
        return;
    }
    const int64_t i = size / 64;
    if (!KEEP_NOTHING && l && l->lists.n_blocks[i] < RT_ALLOC_KEEP) {
        *(void **)s = l->lists.blocks[i];
        l->lists.blocks[i] = s;
        l->lists.n_blocks[i]++;
        rt_bump(&l->lists.cached, size);
        return;
    }
    system_free(s, size);
}

rt_storage *rt_foreign_storage(char *data, int64_t nbytes, void (*let_go)(void *owner), void *owner) {
    rt_storage *s = malloc(sizeof(*s));
    if (!s) return refuse((int64_t)sizeof(*s));
    *s = (rt_storage){1, 0, nbytes, data, let_go, owner};
    return s;
}

rt_tensor *rt_alloc_header(int ndim) {
    rt_local *l = rt_local_block();
    const size_t size = sizeof(rt_tensor) + 2 * sizeof(int64_t) * (size_t)ndim;
    if (size > RT_ALLOC_HEADER) return malloc(size);
    if (!l || l->lists.n_headers == 0) return malloc(RT_ALLOC_HEADER);
    rt_tensor *t = l->lists.headers;
    l->lists.headers = *(void **)t;
    l->lists.n_headers--;
    return t;
}

void rt_free_header(rt_tensor *t) {
    rt_local *l = rt_local_block();
    const size_t size = sizeof(rt_tensor) + 2 * sizeof(int64_t) * t->ndim;
    if (KEEP_NOTHING || size > RT_ALLOC_HEADER || !l || l->lists.n_headers == RT_ALLOC_KEEP) {
        free(t);
        return;
    }
    *(void **)t = l->lists.headers;
    l->lists.headers = t;
    l->lists.n_headers++;
}

void *rt_scratch_alloc(int64_t nbytes) {
    rt_storage *s = rt_alloc_storage(nbytes);
    return s ? s->data : NULL;
}

void rt_scratch_free(void *scratch) {
    if (scratch) rt_free_storage((rt_storage *)((char *)scratch - HEAD));
}

/* Gives the lists' blocks back; their owner is the calling thread. */
static void empty_lists(rt_free_lists *lists) {
    for (int i = 0; i <= RT_ALLOC_SMALL / 64; i++) {
        for (void *p = lists->blocks[i]; p;) {
            void *next = *(void **)p;
            system_free(p, i * 64);
            p = next;
        }
        lists->blocks[i] = NULL;
        lists->n_blocks[i] = 0;
    }
    for (void *p = lists->headers; p;) {
        void *next = *(void **)p;
        free(p);
        p = next;
    }
    lists->headers = NULL;
    lists->n_headers = 0;
    __atomic_store_n(&lists->cached, 0, __ATOMIC_RELAXED);
}

void rt_alloc_end_thread(rt_free_lists *lists) {
    empty_lists(lists);
    __atomic_add_fetch(&heap.in_use, lists->in_use, __ATOMIC_RELAXED);
    __atomic_store_n(&lists->in_use, 0, __ATOMIC_RELAXED); /* a snapshot may still come by */
}

/* What users see ------------------------------------------------------------------------------------------------- */

void rt_empty_cache(void) {
    cache_shrink(0);
    rt_local *l = rt_local_block();
    if (l) empty_lists(&l->lists);
}

void rt_set_memory_limit(int64_t nbytes) {
    __atomic_store_n(&heap.limit, nbytes < 0 ? -1 : nbytes, __ATOMIC_RELAXED);
}

void rt_set_cache_limit(int64_t nbytes) {
    rt_lock(&heap.lock);
    heap.cache_limit = nbytes < 0 ? 0 : nbytes;
    rt_unlock(&heap.lock);
    cache_shrink(nbytes < 0 ? 0 : nbytes);
}

typedef struct {
    int64_t in_use, cached;
} totals;

static void add_lists(const rt_local *l, void *ctx) {
    totals *sum = ctx;
    sum->in_use += __atomic_load_n(&l->lists.in_use, __ATOMIC_RELAXED);
    sum->cached += __atomic_load_n(&l->lists.cached, __ATOMIC_RELAXED);
}

static totals add_up(void) {
    totals sum = {0, 0};
    rt_each_local(add_lists, &sum);
    sum.in_use += __atomic_load_n(&heap.in_use, __ATOMIC_RELAXED);
    return sum;
}

void rt_memory_stats(int64_t *out) {
    int64_t counts[RT_N_COUNTS];
    rt_telemetry_read(counts);
    totals sum = add_up();
    raise_peak(sum.in_use);
    rt_lock(&heap.lock);
    out[0] = sum.in_use;
    out[1] = __atomic_load_n(&heap.peak, __ATOMIC_RELAXED);
    out[2] = sum.cached + heap.cached;
    out[3] = counts[RT_COUNT_ALLOCATIONS];
    out[4] = counts[RT_COUNT_CACHE_HITS];
    out[5] = __atomic_load_n(&heap.limit, __ATOMIC_RELAXED);
    out[6] = heap.cache_limit;
    rt_unlock(&heap.lock);
}

void rt_reset_peak(void) {
    __atomic_store_n(&heap.peak, add_up().in_use, __ATOMIC_RELAXED);
}

int64_t rt_refused_bytes(void) {
    return refused;
}

/* Starting ------------------------------------------------------------------------------------------------------- */

#if !defined(_WIN32)
static void before_fork(void) {
    rt_lock(&heap.lock);
}

static void after_fork(void) { /* in the parent and in the child, whose only thread holds the lock */
    rt_unlock(&heap.lock);
}

/* The memory of the machine or of the process's control group, whichever is less. */
static int64_t memory_size(void) {
    int64_t size = (int64_t)sysconf(_SC_PHYS_PAGES) * (int64_t)sysconf(_SC_PAGESIZE);
    FILE *f = fopen("/sys/fs/cgroup/memory.max", "r");
    if (f) {
        long long granted;
        if (fscanf(f, "%lld", &granted) == 1 && granted < size) size = granted; /* else "max" */
        fclose(f);
    }
    return size;
}
#endif

/* Before the pool registers its own handlers: of a fork's, the last registered runs first, and who holds the pool's lock
   may wait for this one. */
void rt_alloc_init(void) {
#if !defined(_WIN32)
    static int done;
    if (__atomic_exchange_n(&done, 1, __ATOMIC_ACQ_REL)) return;
    pthread_atfork(before_fork, after_fork, after_fork);
    const int64_t eighth = memory_size() / 8;
    if (eighth > 0 && eighth < RT_ALLOC_CACHE_LIMIT) heap.cache_limit = eighth;
#endif
}
