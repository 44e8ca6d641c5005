/* Exact sums of products of columns: what samebits/exact/slices.py computes through BLAS, in plain C.
 *
 * A value is t + m / 2^23 + l / 2^46 times the unit of its column: slices, integers of at most 2^22 in magnitude. Three
 * slices have nine products with three others. A'A is symmetric, so the sums of six are enough: of t, m, l, t + m, t + l
 * and m + l, each with itself (Karatsuba). A plane holds one of these for all columns and ROWS rows. Its numbers are at
 * most 2^23, and each lane of a vector adds up ROWS / 4 products of two of them: at most 2^53, so float64 rounds nothing,
 * with fused multiplication or without, in any order. docs/exact.md has the proof.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define ROWS 256
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

/* Adds to sums (., width) the products of columns a, ..., a + m - 1 with b, ..., b + n - 1 over ROWS rows. */
INLINE void tile(const double *a, const double *b, int m, int n, int64_t *sums, int64_t width) {
    v4 w[3][4] = {{{0}}};
    for (int r = 0; r < ROWS; r += 4) {
        v4 x[3];
        for (int i = 0; i < m; i++) x[i] = *(const v4 *)(a + i * (ROWS + 8) + r);
        for (int j = 0; j < n; j++) {
            const v4 y = *(const v4 *)(b + j * (ROWS + 8) + r);
            for (int i = 0; i < m; i++) w[i][j] += x[i] * y;
        }
    }
    for (int i = 0; i < m; i++)
        for (int j = 0; j < n; j++)
            for (int k = 0; k < 4; k++) sums[i * width + j] += (int64_t)w[i][j][k];
}

/* Adds the products of the first `rows` columns of a plane with the first `columns`, where the former come first. */
INLINE void products(const double *plane, int64_t rows, int64_t columns, int64_t *sums, int64_t width) {
    for (int64_t j = 0; j < columns; j += 4)
        for (int64_t i = 0; i < rows && i < j + 4; i += 3) {
            const double *a = plane + i * (ROWS + 8), *b = plane + j * (ROWS + 8);
            int64_t *at = sums + i * width + j;
            const int m = rows - i < 3 ? (int)(rows - i) : 3, n = columns - j < 4 ? (int)(columns - j) : 4;
#define CASE(A, B) case 4 * A + B: tile(a, b, A, B, at, width); break;
            switch (4 * m + n) {
                CASE(1, 1) CASE(1, 2) CASE(1, 3) CASE(1, 4) CASE(2, 1) CASE(2, 2)
                CASE(2, 3) CASE(2, 4) CASE(3, 1) CASE(3, 2) CASE(3, 3) CASE(3, 4)
            }
        }
}

INLINE int64_t sum(const Table *table, int64_t start, int64_t stop, int64_t *sums, int64_t *left_out) {
    const int64_t q = table->count, stride = q * (ROWS + 8);
    const int64_t rows[PLANES] = {q, table->two, table->three, table->two, table->three, table->three};
    const int64_t columns[PLANES] = {q, table->two, table->three, q, q, table->two};
    double *planes = malloc((size_t)(PLANES * stride) * sizeof *planes), x[ROWS];
    int64_t unfit[ROWS], count = 0;
    if (!planes) return -1;
    for (int64_t row = start; row < stop; row += ROWS) {
        const int64_t n = stop - row < ROWS ? stop - row : ROWS;
        memset(unfit, 0, sizeof unfit);
        for (int64_t c = 0; c < q; c++) {
            load(table->columns + c, row, n, x);
            const double factor = table->columns[c].factor;
            if (c < table->three) cut(x, factor, 3, planes + c * (ROWS + 8), stride, unfit);
            else if (c < table->two) cut(x, factor, 2, planes + c * (ROWS + 8), stride, unfit);
            else cut(x, factor, 1, planes + c * (ROWS + 8), stride, unfit);
        }
        for (int64_t r = 0; r < n; r++)
            if (unfit[r]) {
                left_out[count++] = row + r;
                for (int64_t k = 0; k < PLANES * q; k++) planes[k * (ROWS + 8) + r] = 0;
            }
        for (int k = 0; k < PLANES; k++) products(planes + k * stride, rows[k], columns[k], sums + k * q * q, q);
    }
    free(planes);
    return count;
}

#if defined(__x86_64__)
__attribute__((target("avx2,fma")))
#endif
static int64_t fast(const Table *table, int64_t start, int64_t stop, int64_t *sums, int64_t *left_out) {
    return sum(table, start, stop, sums, left_out);
}

/* Whether this processor multiplies and adds four numbers at a time; without, BLAS through numpy is no slower. */
int samebits_works(void) {
#if defined(__x86_64__)
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
#else
    return sizeof(void *) == 8;
#endif
}

/* Adds to sums (PLANES, count, count) the products over rows start, ..., stop - 1, at most 2^16, in upper triangles.
 * left_out (stop - start): gets the rows that do not fit. Returns their number, or -1 if there is no memory. */
int64_t samebits_sum(const Table *table, int64_t start, int64_t stop, int64_t *sums, int64_t *left_out) {
    return fast(table, start, stop, sums, left_out);
}
