# The whole C interface of libbutterfly for Cython: `from pyfly.libbutterfly cimport bfly_dmul`; see butterfly.h.
from libc.stdint cimport int64_t

cdef extern from "butterfly.h" nogil:
    ctypedef int64_t bfly_int

    int BFLY_VERSION_MAJOR, BFLY_VERSION_MINOR, BFLY_VERSION_PATCH
    int BFLY_ROW_MAJOR, BFLY_COL_MAJOR
    int BFLY_NO_TRANS, BFLY_TRANS, BFLY_CONJ_TRANS, BFLY_CONJ
    int BFLY_LEFT, BFLY_RIGHT
    int BFLY_INCREASING, BFLY_DECREASING
    int BFLY_UNTIED, BFLY_TIED
    int BFLY_FORWARD, BFLY_INVERSE
    int BFLY_NATURAL, BFLY_PALEY, BFLY_SEQUENCY
    int BFLY_ENOMEM, BFLY_EOVERFLOW, BFLY_EISA, BFLY_EIO, BFLY_EFORMAT, BFLY_EVERSION

    int bfly_smul(int op, int order, int form, bfly_int n, bfly_int count, float alpha, const float *w, const float *x,
                  bfly_int incx, bfly_int distx, float beta, float *y, bfly_int incy, bfly_int disty)
    int bfly_dmul(int op, int order, int form, bfly_int n, bfly_int count, double alpha, const double *w,
                  const double *x, bfly_int incx, bfly_int distx, double beta, double *y, bfly_int incy, bfly_int disty)
    int bfly_cmul(int op, int order, int form, bfly_int n, bfly_int count, const void *alpha, const void *w,
                  const void *x, bfly_int incx, bfly_int distx, const void *beta, void *y, bfly_int incy,
                  bfly_int disty)
    int bfly_zmul(int op, int order, int form, bfly_int n, bfly_int count, const void *alpha, const void *w,
                  const void *x, bfly_int incx, bfly_int distx, const void *beta, void *y, bfly_int incy,
                  bfly_int disty)
    int bfly_csmul(int op, int order, int form, bfly_int n, bfly_int count, const void *alpha, const float *w,
                   const void *x, bfly_int incx, bfly_int distx, const void *beta, void *y, bfly_int incy,
                   bfly_int disty)
    int bfly_zdmul(int op, int order, int form, bfly_int n, bfly_int count, const void *alpha, const double *w,
                   const void *x, bfly_int incx, bfly_int distx, const void *beta, void *y, bfly_int incy,
                   bfly_int disty)

    int bfly_sbmv(int op, int order, int form, bfly_int n, float alpha, const float *w, const float *x, bfly_int incx,
                  float beta, float *y, bfly_int incy)
    int bfly_dbmv(int op, int order, int form, bfly_int n, double alpha, const double *w, const double *x,
                  bfly_int incx, double beta, double *y, bfly_int incy)
    int bfly_cbmv(int op, int order, int form, bfly_int n, const void *alpha, const void *w, const void *x,
                  bfly_int incx, const void *beta, void *y, bfly_int incy)
    int bfly_zbmv(int op, int order, int form, bfly_int n, const void *alpha, const void *w, const void *x,
                  bfly_int incx, const void *beta, void *y, bfly_int incy)
    int bfly_csbmv(int op, int order, int form, bfly_int n, const void *alpha, const float *w, const void *x,
                   bfly_int incx, const void *beta, void *y, bfly_int incy)
    int bfly_zdbmv(int op, int order, int form, bfly_int n, const void *alpha, const double *w, const void *x,
                   bfly_int incx, const void *beta, void *y, bfly_int incy)

    int bfly_sbmm(int layout, int side, int op, int order, int form, bfly_int rows, bfly_int cols, float alpha,
                  const float *w, const float *a, bfly_int lda, float beta, float *c, bfly_int ldc)
    int bfly_dbmm(int layout, int side, int op, int order, int form, bfly_int rows, bfly_int cols, double alpha,
                  const double *w, const double *a, bfly_int lda, double beta, double *c, bfly_int ldc)
    int bfly_cbmm(int layout, int side, int op, int order, int form, bfly_int rows, bfly_int cols, const void *alpha,
                  const void *w, const void *a, bfly_int lda, const void *beta, void *c, bfly_int ldc)
    int bfly_zbmm(int layout, int side, int op, int order, int form, bfly_int rows, bfly_int cols, const void *alpha,
                  const void *w, const void *a, bfly_int lda, const void *beta, void *c, bfly_int ldc)
    int bfly_csbmm(int layout, int side, int op, int order, int form, bfly_int rows, bfly_int cols, const void *alpha,
                   const float *w, const void *a, bfly_int lda, const void *beta, void *c, bfly_int ldc)
    int bfly_zdbmm(int layout, int side, int op, int order, int form, bfly_int rows, bfly_int cols, const void *alpha,
                   const double *w, const void *a, bfly_int lda, const void *beta, void *c, bfly_int ldc)

    int bfly_sgrad(int op, int order, int form, int accumulate, bfly_int n, bfly_int count, const float *w,
                   const float *x, bfly_int incx, bfly_int distx, const float *gy, bfly_int incgy, bfly_int distgy,
                   float *gw, float *gx, bfly_int incgx, bfly_int distgx)
    int bfly_dgrad(int op, int order, int form, int accumulate, bfly_int n, bfly_int count, const double *w,
                   const double *x, bfly_int incx, bfly_int distx, const double *gy, bfly_int incgy, bfly_int distgy,
                   double *gw, double *gx, bfly_int incgx, bfly_int distgx)
    int bfly_cgrad(int op, int order, int form, int accumulate, bfly_int n, bfly_int count, const void *w,
                   const void *x, bfly_int incx, bfly_int distx, const void *gy, bfly_int incgy, bfly_int distgy,
                   void *gw, void *gx, bfly_int incgx, bfly_int distgx)
    int bfly_zgrad(int op, int order, int form, int accumulate, bfly_int n, bfly_int count, const void *w,
                   const void *x, bfly_int incx, bfly_int distx, const void *gy, bfly_int incgy, bfly_int distgy,
                   void *gw, void *gx, bfly_int incgx, bfly_int distgx)
    int bfly_csgrad(int op, int order, int form, int accumulate, bfly_int n, bfly_int count, const float *w,
                    const void *x, bfly_int incx, bfly_int distx, const void *gy, bfly_int incgy, bfly_int distgy,
                    float *gw, void *gx, bfly_int incgx, bfly_int distgx)
    int bfly_zdgrad(int op, int order, int form, int accumulate, bfly_int n, bfly_int count, const double *w,
                    const void *x, bfly_int incx, bfly_int distx, const void *gy, bfly_int incgy, bfly_int distgy,
                    double *gw, void *gx, bfly_int incgx, bfly_int distgx)

    int bfly_sperm(int op, bfly_int n, bfly_int count, const bfly_int *perm, const float *x, bfly_int incx,
                   bfly_int distx, float *y, bfly_int incy, bfly_int disty)
    int bfly_dperm(int op, bfly_int n, bfly_int count, const bfly_int *perm, const double *x, bfly_int incx,
                   bfly_int distx, double *y, bfly_int incy, bfly_int disty)
    int bfly_cperm(int op, bfly_int n, bfly_int count, const bfly_int *perm, const void *x, bfly_int incx,
                   bfly_int distx, void *y, bfly_int incy, bfly_int disty)
    int bfly_zperm(int op, bfly_int n, bfly_int count, const bfly_int *perm, const void *x, bfly_int incx,
                   bfly_int distx, void *y, bfly_int incy, bfly_int disty)

    int bfly_sfwht(int ordering, bfly_int n, bfly_int count, float scale, const float *x, bfly_int incx,
                   bfly_int distx, float *y, bfly_int incy, bfly_int disty)
    int bfly_dfwht(int ordering, bfly_int n, bfly_int count, double scale, const double *x, bfly_int incx,
                   bfly_int distx, double *y, bfly_int incy, bfly_int disty)
    int bfly_cfwht(int ordering, bfly_int n, bfly_int count, float scale, const void *x, bfly_int incx, bfly_int distx,
                   void *y, bfly_int incy, bfly_int disty)
    int bfly_zfwht(int ordering, bfly_int n, bfly_int count, double scale, const void *x, bfly_int incx,
                   bfly_int distx, void *y, bfly_int incy, bfly_int disty)

    int bfly_srelaxed_perm(int op, bfly_int n, bfly_int count, const float *prob, const float *x, bfly_int incx,
                           bfly_int distx, float *y, bfly_int incy, bfly_int disty)
    int bfly_drelaxed_perm(int op, bfly_int n, bfly_int count, const double *prob, const double *x, bfly_int incx,
                           bfly_int distx, double *y, bfly_int incy, bfly_int disty)
    int bfly_crelaxed_perm(int op, bfly_int n, bfly_int count, const float *prob, const void *x, bfly_int incx,
                           bfly_int distx, void *y, bfly_int incy, bfly_int disty)
    int bfly_zrelaxed_perm(int op, bfly_int n, bfly_int count, const double *prob, const void *x, bfly_int incx,
                           bfly_int distx, void *y, bfly_int incy, bfly_int disty)

    int bfly_srelaxed_perm_grad(int op, int accumulate, bfly_int n, bfly_int count, const float *prob, const float *x,
                                bfly_int incx, bfly_int distx, const float *gy, bfly_int incgy, bfly_int distgy,
                                float *gprob, float *gx, bfly_int incgx, bfly_int distgx)
    int bfly_drelaxed_perm_grad(int op, int accumulate, bfly_int n, bfly_int count, const double *prob,
                                const double *x, bfly_int incx, bfly_int distx, const double *gy, bfly_int incgy,
                                bfly_int distgy, double *gprob, double *gx, bfly_int incgx, bfly_int distgx)
    int bfly_crelaxed_perm_grad(int op, int accumulate, bfly_int n, bfly_int count, const float *prob, const void *x,
                                bfly_int incx, bfly_int distx, const void *gy, bfly_int incgy, bfly_int distgy,
                                float *gprob, void *gx, bfly_int incgx, bfly_int distgx)
    int bfly_zrelaxed_perm_grad(int op, int accumulate, bfly_int n, bfly_int count, const double *prob, const void *x,
                                bfly_int incx, bfly_int distx, const void *gy, bfly_int incgy, bfly_int distgy,
                                double *gprob, void *gx, bfly_int incgx, bfly_int distgx)

    int bfly_sdense(int op, int order, int form, bfly_int n, const float *w, float *a, bfly_int lda)
    int bfly_ddense(int op, int order, int form, bfly_int n, const double *w, double *a, bfly_int lda)
    int bfly_cdense(int op, int order, int form, bfly_int n, const void *w, void *a, bfly_int lda)
    int bfly_zdense(int op, int order, int form, bfly_int n, const void *w, void *a, bfly_int lda)

    int bfly_cfft_factors(int direction, int order, int form, bfly_int n, void *w)
    int bfly_zfft_factors(int direction, int order, int form, bfly_int n, void *w)

    int bfly_shadamard_factors(int order, int form, bfly_int n, float *w)
    int bfly_dhadamard_factors(int order, int form, bfly_int n, double *w)
    int bfly_chadamard_factors(int order, int form, bfly_int n, void *w)
    int bfly_zhadamard_factors(int order, int form, bfly_int n, void *w)

    int bfly_sfit(int form, bfly_int n, bfly_int perms, const float *w, const float *prob, const float *a,
                  bfly_int lda, double *f, float *gw, float *gprob)
    int bfly_dfit(int form, bfly_int n, bfly_int perms, const double *w, const double *prob, const double *a,
                  bfly_int lda, double *f, double *gw, double *gprob)
    int bfly_cfit(int form, bfly_int n, bfly_int perms, const void *w, const float *prob, const void *a, bfly_int lda,
                  double *f, void *gw, float *gprob)
    int bfly_zfit(int form, bfly_int n, bfly_int perms, const void *w, const double *prob, const void *a, bfly_int lda,
                  double *f, void *gw, double *gprob)
    int bfly_crfit(int form, bfly_int n, bfly_int perms, const void *w, const float *prob, const float *a,
                   bfly_int lda, double *f, void *gw, float *gprob)
    int bfly_zrfit(int form, bfly_int n, bfly_int perms, const void *w, const double *prob, const double *a,
                   bfly_int lda, double *f, void *gw, double *gprob)

    int bfly_speel(bfly_int count, bfly_int pairs, bfly_int columns, int groups, const bfly_int *order,
                   bfly_int orderdist, const float *x, const double *weight, float *d, float *w, double *passed,
                   double *error)
    int bfly_dpeel(bfly_int count, bfly_int pairs, bfly_int columns, int groups, const bfly_int *order,
                   bfly_int orderdist, const double *x, const double *weight, double *d, double *w, double *passed,
                   double *error)
    int bfly_cpeel(bfly_int count, bfly_int pairs, bfly_int columns, int groups, const bfly_int *order,
                   bfly_int orderdist, const void *x, const double *weight, void *d, void *w, double *passed,
                   double *error)
    int bfly_zpeel(bfly_int count, bfly_int pairs, bfly_int columns, int groups, const bfly_int *order,
                   bfly_int orderdist, const void *x, const double *weight, void *d, void *w, double *passed,
                   double *error)

    int BFLY_S, BFLY_D, BFLY_C, BFLY_Z
    int BFLY_ITEM_BUTTERFLY, BFLY_ITEM_PERMUTATION, BFLY_ITEM_DIAGONAL, BFLY_ITEM_REAL_PART
    ctypedef struct bfly_item:
        int kind, type, op, order, form
        const void *data
    ctypedef struct bfly_plan:
        pass
    ctypedef struct bfly_info:
        bfly_int n, items
        int type_in, type_out
        bfly_int bytes, passes, stages, reduced_stages, fallback_stages, hadamard_stages, fft_stages
        double flops, growth, error
        const char *isa
    int bfly_plan_create(int type_in, int type_out, bfly_int n, bfly_int items, const bfly_item *item, bfly_plan **plan)
    int bfly_plan_execute(const bfly_plan *plan, bfly_int count, const void *x, bfly_int incx, bfly_int distx, void *y,
                          bfly_int incy, bfly_int disty)
    int bfly_plan_info(const bfly_plan *plan, bfly_info *info)
    int bfly_plan_item(const bfly_plan *plan, bfly_int i, bfly_item *item)
    void bfly_plan_destroy(bfly_plan *plan)

    int bfly_smul_work(int op, int order, int form, bfly_int n, bfly_int count, float alpha, const float *w,
                       const float *x, bfly_int incx, bfly_int distx, float beta, float *y, bfly_int incy,
                       bfly_int disty, void *work, bfly_int *bytes)
    int bfly_dmul_work(int op, int order, int form, bfly_int n, bfly_int count, double alpha, const double *w,
                       const double *x, bfly_int incx, bfly_int distx, double beta, double *y, bfly_int incy,
                       bfly_int disty, void *work, bfly_int *bytes)
    int bfly_cmul_work(int op, int order, int form, bfly_int n, bfly_int count, const void *alpha, const void *w,
                       const void *x, bfly_int incx, bfly_int distx, const void *beta, void *y, bfly_int incy,
                       bfly_int disty, void *work, bfly_int *bytes)
    int bfly_zmul_work(int op, int order, int form, bfly_int n, bfly_int count, const void *alpha, const void *w,
                       const void *x, bfly_int incx, bfly_int distx, const void *beta, void *y, bfly_int incy,
                       bfly_int disty, void *work, bfly_int *bytes)
    int bfly_csmul_work(int op, int order, int form, bfly_int n, bfly_int count, const void *alpha, const float *w,
                        const void *x, bfly_int incx, bfly_int distx, const void *beta, void *y, bfly_int incy,
                        bfly_int disty, void *work, bfly_int *bytes)
    int bfly_zdmul_work(int op, int order, int form, bfly_int n, bfly_int count, const void *alpha, const double *w,
                        const void *x, bfly_int incx, bfly_int distx, const void *beta, void *y, bfly_int incy,
                        bfly_int disty, void *work, bfly_int *bytes)

    int bfly_sgrad_work(int op, int order, int form, int accumulate, bfly_int n, bfly_int count, const float *w,
                        const float *x, bfly_int incx, bfly_int distx, const float *gy, bfly_int incgy,
                        bfly_int distgy, float *gw, float *gx, bfly_int incgx, bfly_int distgx, void *work,
                        bfly_int *bytes)
    int bfly_dgrad_work(int op, int order, int form, int accumulate, bfly_int n, bfly_int count, const double *w,
                        const double *x, bfly_int incx, bfly_int distx, const double *gy, bfly_int incgy,
                        bfly_int distgy, double *gw, double *gx, bfly_int incgx, bfly_int distgx, void *work,
                        bfly_int *bytes)
    int bfly_cgrad_work(int op, int order, int form, int accumulate, bfly_int n, bfly_int count, const void *w,
                        const void *x, bfly_int incx, bfly_int distx, const void *gy, bfly_int incgy, bfly_int distgy,
                        void *gw, void *gx, bfly_int incgx, bfly_int distgx, void *work, bfly_int *bytes)
    int bfly_zgrad_work(int op, int order, int form, int accumulate, bfly_int n, bfly_int count, const void *w,
                        const void *x, bfly_int incx, bfly_int distx, const void *gy, bfly_int incgy, bfly_int distgy,
                        void *gw, void *gx, bfly_int incgx, bfly_int distgx, void *work, bfly_int *bytes)
    int bfly_csgrad_work(int op, int order, int form, int accumulate, bfly_int n, bfly_int count, const float *w,
                         const void *x, bfly_int incx, bfly_int distx, const void *gy, bfly_int incgy, bfly_int distgy,
                         float *gw, void *gx, bfly_int incgx, bfly_int distgx, void *work, bfly_int *bytes)
    int bfly_zdgrad_work(int op, int order, int form, int accumulate, bfly_int n, bfly_int count, const double *w,
                         const void *x, bfly_int incx, bfly_int distx, const void *gy, bfly_int incgy, bfly_int distgy,
                         double *gw, void *gx, bfly_int incgx, bfly_int distgx, void *work, bfly_int *bytes)

    int bfly_plan_execute_work(const bfly_plan *plan, bfly_int count, const void *x, bfly_int incx, bfly_int distx,
                               void *y, bfly_int incy, bfly_int disty, void *work, bfly_int *bytes)
    int bfly_plan_to_memory(const bfly_plan *plan, void *bytes, bfly_int capacity, bfly_int *size)
    int bfly_plan_from_memory(const void *bytes, bfly_int size, bfly_plan **plan)
    int bfly_plan_save(const bfly_plan *plan, const char *path)
    int bfly_plan_load(const char *path, bfly_plan **plan)

    ctypedef void (*bfly_error_handler)(const char *function, int result) noexcept
    int bfly_version()
    const char *bfly_config()
    const char *bfly_strerror(int result)
    bfly_error_handler bfly_set_error_handler(bfly_error_handler handler)
    int bfly_get_num_threads()
    void bfly_set_num_threads(int k)
    int bfly_set_num_threads_local(int k)
    const char *bfly_get_isa()
    int bfly_set_isa(const char *name)
    const char *bfly_isas()
