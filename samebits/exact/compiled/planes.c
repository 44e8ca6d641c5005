/* Exact sums of products of columns: what samebits/exact/slices.py computes through BLAS, in plain C.
 *
 * A value is t + m / 2^23 + l / 2^46 times the unit of its column: slices, integers of at most 2^22 in magnitude. Three
 * slices have nine products with three others. A'A is symmetric, so the sums of six are enough: of t, m, l, t + m, t + l
 * and m + l, each with itself (Karatsuba). A plane holds one of these for all columns and ROWS rows. Its numbers are at
 * most 2^23, and a lane of a vector adds up at most ROWS / 4 products of two of them: at most 2^53, so float64 rounds
 * nothing, with fused multiplication or without, in any order. docs/exact.md has the proof.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define ROWS 512
#define COLUMN (ROWS + 8) /* numbers from a column of a plane to the next */
#define BLOCK 48          /* columns, of a plane, that stay in the cache of a core */
#define STEP 8388608.0           /* 2^23: from the unit of a slice to that of the next */
#define LIMIT 4194304.0          /* 2^22 */
#define ROUND 6755399441055744.0 /* 1.5 * 2^52: what it is added to and subtracted from becomes an integer */
#define INLINE static inline __attribute__((always_inline))

enum { FLOAT64, FLOAT32, INT64, INT32 };
enum { T, M, L, TM, TL, ML, PLANES };

typedef double v4 __attribute__((vector_size(32), aligned(8), may_alias));
typedef int64_t i4 __attribute__((vector_size(32), aligned(8), may_alias));

typedef struct {
    const char *first; /* the value in row 0 */
    int64_t step;      /* bytes to the next */
    double factor;     /* a power of two: values times it have the unit of t */
    int64_t type;
} Column;

typedef struct {
    const Column *columns; /* those with three slices come first, then those with two */
    int64_t count, two, three; /* columns; with at least two slices; with three */
} Table;

INLINE void load(const Column *c, int64_t row, int64_t n, double *x) {
    const char *from = c->first + row * c->step;
#define LOAD(TYPE)                                                                                                     \
    for (int64_t r = 0; r < n; r++) {                                                                                  \
        TYPE value;                                                                                                    \
        memcpy(&value, from + r * c->step, sizeof value);                                                              \
        x[r] = (double)value;                                                                                          \
    }
    if (c->type == FLOAT64) { LOAD(double) }
    else if (c->type == FLOAT32) { LOAD(float) }
    else if (c->type == INT64) { LOAD(int64_t) }
    else { LOAD(int32_t) }
    memset(x + n, 0, (size_t)(ROWS - n) * sizeof *x);
}

/* Cuts ROWS values; `stride` is from a plane to the next. A row in which a value does not fit gets bits in `unfit`. */
INLINE void cut(const double *x, double factor, int slices, double *plane, int64_t stride, int64_t *unfit) {
    for (int r = 0; r < ROWS; r += 4) {
        const v4 v = *(const v4 *)(x + r), s = v * factor;
        const v4 t = (s + ROUND) - ROUND, after_t = (s - t) * STEP;
        v4 m = {0, 0, 0, 0}, l = {0, 0, 0, 0};
        if (slices > 1) m = (after_t + ROUND) - ROUND;
        const v4 after_m = (after_t - m) * STEP;
        if (slices > 2) l = (after_m + ROUND) - ROUND;
        *(i4 *)(unfit + r) |= ~((t <= LIMIT) & (t >= -LIMIT) & (after_m == l) & ((s != 0) | (v == 0)));
#define PUT(AT, VALUE) *(v4 *)(plane + (AT)*stride + r) = (VALUE)
        PUT(T, t), PUT(M, m), PUT(L, l), PUT(TM, t + m), PUT(TL, t + l), PUT(ML, m + l);
    }
}

#define JOIN(A, B) A##_##B
#if defined(__clang__)
#define TURNED(V, ...) __builtin_shufflevector(V, V, __VA_ARGS__)
#else
#define TURNED(V, ...) __builtin_shuffle(V, (__typeof__(V)){__VA_ARGS__})
#endif

#define LANES 4
#define HIGH 3
#define WIDE 4
#define NAME(OF) JOIN(OF, 4)
#if defined(__x86_64__)
#define TARGET __attribute__((target("avx2,fma")))
#else
#define TARGET
#endif
#include "lanes.h"

#if defined(__x86_64__)
#define LANES 8
#define HIGH 4
#define WIDE 6
#define NAME(OF) JOIN(OF, 8)
#define TARGET __attribute__((target("avx512f,avx512dq,fma")))
#include "lanes.h"
#endif

/* How many numbers this processor multiplies and adds at a time; 0 if so few that BLAS through numpy is no slower. */
int samebits_lanes(void) {
#if defined(__x86_64__)
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq")) return 8;
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") ? 4 : 0;
#else
    return sizeof(void *) == 8 ? 4 : 0;
#endif
}

/* Adds to sums (PLANES, count, count) the products over rows start, ..., stop - 1, at most 2^16, in upper triangles, by
 * vectors of so many lanes: samebits_lanes() or fewer. left_out (stop - start): gets the rows that do not fit. Returns
 * their number, or -1 if there is no memory. */
int64_t samebits_sum(const Table *table, int64_t start, int64_t stop, int64_t *sums, int64_t *left_out, int lanes) {
#if defined(__x86_64__)
    if (lanes == 8) return sum_8(table, start, stop, sums, left_out);
#endif
    (void)lanes;
    return sum_4(table, start, stop, sums, left_out);
}
