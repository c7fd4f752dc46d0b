/* blas.c - the product with a matrix from the left or the right, as a BLAS has it (bmm; bmv: mul.c).
 *
 * Nothing is transposed in memory. A column of a row-major matrix is a vector of stride ld, and the rows of A op(B) are
 * op(B)^T times the rows of A:
 *
 *                    vectors          length   inc, dist row-major   inc, dist column-major   matrix
 *     op(B) A        columns of A     rows     ld, 1                 1, ld                    op(B)
 *     A op(B)        rows of A        cols     1, ld                 ld, 1                    op(B)^T
 */
#include "args.h"

typedef struct kind {
    int precision, complex_w, complex_x;
} kind;

static size_t size_of(kind t) { return (t.precision ? sizeof(double) : sizeof(float)) * (t.complex_x ? 2 : 1); }

static int bmm(kind t, int layout, int side, int op, int order, int form, bfly_int rows, bfly_int cols,
               const void *alpha, const void *w, const void *a, bfly_int lda, const void *beta, void *c,
               bfly_int ldc)
{
    static const int transposed[] = {BFLY_TRANS, BFLY_NO_TRANS, BFLY_CONJ, BFLY_CONJ_TRANS};
    const int left = side == BFLY_LEFT, by_rows = layout == BFLY_ROW_MAJOR;
    const bfly_int n = left ? rows : cols, count = left ? cols : rows;
    BFLY_CHECK(1, by_rows || layout == BFLY_COL_MAJOR);
    BFLY_CHECK(2, left || side == BFLY_RIGHT);
    BFLY_CHECK(3, bfly_is_op(op));
    BFLY_CHECK(4, bfly_is_order(order));
    BFLY_CHECK(5, bfly_is_form(form));
    BFLY_CHECK(6, left ? bfly_is_power_of_two(rows) : rows >= 0);
    BFLY_CHECK(7, left ? cols >= 0 : bfly_is_power_of_two(cols));
    BFLY_CHECK(8, alpha);
    const bfly_scalar first = bfly_scalar_at(t.precision, t.complex_x, alpha);
    const int reads = count > 0 && !bfly_is_zero(first);
    const bfly_int least = by_rows ? cols : rows;
    BFLY_CHECK(9, w || !reads || n == 1);
    BFLY_CHECK(10, a || !reads);
    BFLY_CHECK(11, lda >= 1 && lda >= least);
    BFLY_CHECK(12, beta);
    BFLY_CHECK(13, c || count == 0);
    BFLY_CHECK(14, ldc >= 1 && ldc >= least);
    const int along = left == by_rows; /* the vectors' elements are ld apart */
    const bfly_vectors x = {(char *)a, along ? lda : 1, along ? 1 : lda};
    const bfly_vectors y = {c, along ? ldc : 1, along ? 1 : ldc};
    if (!bfly_fits(n, x.inc, count, x.dist, size_of(t)) || !bfly_fits(n, y.inc, count, y.dist, size_of(t)))
        return BFLY_EOVERFLOW;
    const bfly_scale scale = bfly_scale_by(first, bfly_scalar_at(t.precision, t.complex_x, beta));
    return bfly_product_run(&(bfly_product){t.precision, t.complex_w, t.complex_x,
                                            left ? op : transposed[op - BFLY_NO_TRANS], order, form, n, count, w, x, y,
                                            scale});
}

#define REAL_BMM(t, type, precision)                                                                                      \
    int bfly_##t##bmm(int layout, int side, int op, int order, int form, bfly_int rows, bfly_int cols, type alpha,        \
                      const type *w, const type *a, bfly_int lda, type beta, type *c, bfly_int ldc)                       \
    {                                                                                                                     \
        REPORT(bmm((kind){precision, 0, 0}, layout, side, op, order, form, rows, cols, &alpha, w, a, lda, &beta, c,       \
                   ldc));                                                                                                 \
    }
#define COMPLEX_BMM(t, type, wtype, precision, complex_w)                                                                 \
    int bfly_##t##bmm(int layout, int side, int op, int order, int form, bfly_int rows, bfly_int cols,                    \
                      const void *alpha, const wtype *w, const void *a, bfly_int lda, const void *beta, void *c,          \
                      bfly_int ldc)                                                                                       \
    {                                                                                                                     \
        REPORT(bmm((kind){precision, complex_w, 1}, layout, side, op, order, form, rows, cols, alpha, w, a, lda, beta, c, \
                   ldc));                                                                                                 \
    }
REAL_BMM(s, float, 0)
REAL_BMM(d, double, 1)
COMPLEX_BMM(c, float, void, 0, 1)
COMPLEX_BMM(z, double, void, 1, 1)
COMPLEX_BMM(cs, float, float, 0, 0)
COMPLEX_BMM(zd, double, double, 1, 0)
