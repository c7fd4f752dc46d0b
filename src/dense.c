/* dense.c - A := op(B) as a dense matrix: row i of op(B) is op(B)^T e_i, so the identity is multiplied in place. */
#include "args.h"

static int dense(int precision, int complex_w, int op, int order, int form, bfly_int n, const void *w, void *a,
                 bfly_int lda)
{
    static const int transposed[] = {BFLY_TRANS, BFLY_NO_TRANS, BFLY_CONJ, BFLY_CONJ_TRANS};
    const size_t size = (precision ? sizeof(double) : sizeof(float)) * (complex_w ? 2 : 1);
    BFLY_CHECK(1, bfly_is_op(op));
    BFLY_CHECK(2, bfly_is_order(order));
    BFLY_CHECK(3, bfly_is_form(form));
    BFLY_CHECK(4, bfly_is_power_of_two(n));
    BFLY_CHECK(5, w || n == 1);
    BFLY_CHECK(6, a);
    BFLY_CHECK(7, lda >= n);
    if (!bfly_fits(n, 1, n, lda, size)) return BFLY_EOVERFLOW;
    if (n == 1) {
        memset(a, 0, size);
        if (precision)
            *(double *)a = 1;
        else
            *(float *)a = 1;
        return 0;
    }
    return bfly_product_run(&(bfly_product){precision, complex_w, complex_w, transposed[op - BFLY_NO_TRANS], order,
                                            form, n, n, w, {NULL, 0, 0}, {a, 1, lda}, {{1, 0}, {0, 0}, 1}});
}

#define DENSE(t, type, precision, complex_w)                                                                  \
    int bfly_##t##dense(int op, int order, int form, bfly_int n, const type *w, type *a, bfly_int lda)        \
    {                                                                                                         \
        REPORT(dense(precision, complex_w, op, order, form, n, w, a, lda));                                   \
    }
DENSE(s, float, 0, 0)
DENSE(d, double, 1, 0)
DENSE(c, void, 0, 1)
DENSE(z, void, 1, 1)
