/* Predictions b + x'w with twice the precision: what samebits/model/prediction.py computes through numpy, in plain C.
 *
 * Each product and each sum keeps what its rounding loses (Ogita, Rump and Oishi, SIAM Journal on Scientific Computing
 * 26, 2005, doi:10.1137/030601818). The compiler must not fuse operations: -ffp-contract=off. docs/exact.md has the bound.
 */
#include <math.h>
#include <stdint.h>
#include <string.h>

#define LANES 8 /* rows at a time */
#define UNIT 0x1p-53
#define FLOOR 0x1p-1000 /* more than all products of a row lose below the range of float64 */

static inline __attribute__((always_inline)) int64_t predict(
    const char *X, int64_t row, int64_t column, int64_t n, int64_t p, const double *w, double b, double *y,
    int64_t *doubtful) {
    const double factor = 5 * ((double)p + 3) * ((double)p + 3) * UNIT * UNIT;
    int64_t count = 0;
    for (int64_t r = 0; r < n; r += LANES) {
        const int m = n - r < LANES ? (int)(n - r) : LANES;
        const char *at[LANES];
        double sum[LANES], beyond[LANES], size[LANES], x[LANES];
        for (int k = 0; k < LANES; k++) {
            at[k] = X + (r + (k < m ? k : 0)) * row;
            sum[k] = b, beyond[k] = 0, size[k] = fabs(b);
        }
        for (int64_t j = 0; j < p; j++) {
            const double v = w[j], magnitude = fabs(v);
            for (int k = 0; k < LANES; k++) memcpy(x + k, at[k] + j * column, sizeof *x);
            for (int k = 0; k < LANES; k++) {
                const double product = x[k] * v, lost = __builtin_fma(x[k], v, -product);
                const double total = sum[k] + product, of_product = total - sum[k];
                const double more = (sum[k] - (total - of_product)) + (product - of_product);
                sum[k] = total;
                beyond[k] += more + lost;
                size[k] += fabs(x[k]) * magnitude;
            }
        }
        for (int k = 0; k < m; k++) {
            const double total = sum[k] + beyond[k], of_beyond = total - sum[k];
            const double rest = (sum[k] - (total - of_beyond)) + (beyond[k] - of_beyond);
            const double error = factor * size[k] + FLOOR;
            y[r + k] = total + rest;
            if (total + (rest - error) != total + (rest + error)) doubtful[count++] = r + k; /* so are NaN and inf */
        }
    }
    return count;
}

#if defined(__x86_64__)
__attribute__((target("avx2,fma")))
#endif
static int64_t fast(const char *X, int64_t row, int64_t column, int64_t n, int64_t p, const double *w, double b, double *y,
                    int64_t *doubtful) {
    if (column == sizeof(double)) return predict(X, row, sizeof(double), n, p, w, b, y, doubtful);
    if (row == sizeof(double)) return predict(X, sizeof(double), column, n, p, w, b, y, doubtful);
    return predict(X, row, column, n, p, w, b, y, doubtful);
}

/* Whether this processor multiplies and adds several numbers in one step. */
int samebits_fuses(void) {
#if defined(__x86_64__)
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
#else
    return sizeof(void *) == 8;
#endif
}

/* Predictions y (n) of rows X (n, p), `row` bytes from one to the next, `column` from a value to the next, with w (p).
 * doubtful (n): gets the rows whose prediction may not be the nearest float64. Returns their number. */
int64_t samebits_predict(const char *X, int64_t row, int64_t column, int64_t n, int64_t p, const double *w, double b,
                         double *y, int64_t *doubtful) {
    return fast(X, row, column, n, p, w, b, y, doubtful);
}
