/* What planes.c does with vectors of LANES numbers, products in tiles of HIGH by WIDE columns: included once for each. */

typedef double NAME(vector) __attribute__((vector_size(8 * LANES), aligned(8), may_alias));
typedef int64_t NAME(integers) __attribute__((vector_size(8 * LANES), aligned(8), may_alias));

/* The sum of the lanes. */
INLINE int64_t NAME(total)(NAME(integers) each) {
#if LANES == 8
    each += TURNED(each, 4, 5, 6, 7, 0, 1, 2, 3);
    each += TURNED(each, 2, 3, 0, 1, 6, 7, 4, 5);
#else
    each += TURNED(each, 2, 3, 0, 1);
#endif
    return each[0] + each[1];
}

/* Adds to sums (., width) the products of HIGH columns from a on with WIDE from b on; of the first m and n of them. */
INLINE void NAME(tile)(const double *a, const double *b, int64_t m, int64_t n, int64_t *sums, int64_t width) {
    NAME(vector) w[HIGH][WIDE] = {{{0}}};
    for (int r = 0; r < ROWS; r += LANES) {
        NAME(vector) x[HIGH];
        for (int i = 0; i < HIGH; i++) x[i] = *(const NAME(vector) *)(a + i * COLUMN + r);
        for (int j = 0; j < WIDE; j++) {
            const NAME(vector) y = *(const NAME(vector) *)(b + j * COLUMN + r);
            for (int i = 0; i < HIGH; i++) w[i][j] += x[i] * y;
        }
    }
    int64_t totals[HIGH][WIDE];
#pragma GCC unroll 8
    for (int i = 0; i < HIGH; i++)
#pragma GCC unroll 8
        for (int j = 0; j < WIDE; j++) totals[i][j] = NAME(total)(__builtin_convertvector(w[i][j], NAME(integers)));
    for (int i = 0; i < HIGH && i < m; i++)
        for (int j = 0; j < WIDE && j < n; j++) sums[i * width + j] += totals[i][j];
}

/* Adds the products of the first `rows` columns of a plane with the first `columns`, where the former come first. */
INLINE void NAME(products)(const double *plane, int64_t rows, int64_t columns, int64_t *sums, int64_t width) {
    for (int64_t block = 0; block < rows; block += BLOCK)
        for (int64_t j = block / WIDE * WIDE; j < columns; j += WIDE)
            for (int64_t i = block; i < rows && i < block + BLOCK && i < j + WIDE; i += HIGH)
                NAME(tile)(plane + i * COLUMN, plane + j * COLUMN, rows - i, columns - j, sums + i * width + j, width);
}

TARGET static int64_t NAME(sum)(const Table *table, int64_t start, int64_t stop, int64_t *sums, int64_t *left_out) {
    const int64_t q = table->count, stride = (q + WIDE) * COLUMN;
    const int64_t rows[PLANES] = {q, table->two, table->three, table->two, table->three, table->three};
    const int64_t columns[PLANES] = {q, table->two, table->three, q, q, table->two};
    const size_t size = (size_t)(PLANES * stride) * sizeof(double);
    double *planes = aligned_alloc(64, size), x[ROWS];
    int64_t unfit[ROWS], count = 0;
    if (!planes) return -1;
    memset(planes, 0, size);
    for (int64_t row = start; row < stop; row += ROWS) {
        const int64_t n = stop - row < ROWS ? stop - row : ROWS;
        memset(unfit, 0, sizeof unfit);
        for (int64_t c = 0; c < q; c++) {
            load(table->columns + c, row, n, x);
            const double factor = table->columns[c].factor;
            if (c < table->three) cut(x, factor, 3, planes + c * COLUMN, stride, unfit);
            else if (c < table->two) cut(x, factor, 2, planes + c * COLUMN, stride, unfit);
            else cut(x, factor, 1, planes + c * COLUMN, stride, unfit);
        }
        for (int64_t r = 0; r < n; r++)
            if (unfit[r]) {
                left_out[count++] = row + r;
                for (int64_t k = 0; k < PLANES; k++)
                    for (int64_t c = 0; c < q; c++) planes[k * stride + c * COLUMN + r] = 0;
            }
        for (int k = 0; k < PLANES; k++) NAME(products)(planes + k * stride, rows[k], columns[k], sums + k * q * q, q);
    }
    free(planes);
    return count;
}

#undef LANES
#undef HIGH
#undef WIDE
#undef NAME
#undef TARGET
