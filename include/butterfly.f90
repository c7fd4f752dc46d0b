! butterfly.f90 - the Fortran face of butterfly.h: compile this file with your program and link libbutterfly.
!
! Generic names take real and complex arrays of either precision (real factors also with complex data). Arrays are
! column-major as always in Fortran and nothing is transposed: the C shapes are read from their last index to the first.
!
!     factors, untied   C (log2 n, n/2, 2, 2)   Fortran w(2, 2, n/2, log2 n)    w(c, r, i, k): row r, column c
!     factors, tied     C (n - 1, 2, 2)         Fortran w(2, 2, n - 1)          the rank of w tells which
!     vectors           C (count, n)            Fortran x(n, count) or x(n)     dim = 2: x(count, n), vectors are rows
!     permutation       0 .. n - 1              perm(n) of integer(bfly_int), 1 .. n
!
!     call butterfly_multiply(w, x, y [, op, order, alpha, beta, dim, info])           y := alpha op(B) x + beta y
!     call butterfly_gradient(w, x, gy, gw, gx [, op, order, accumulate, dim, info])   gw and gx as in bfly_?grad
!     call butterfly_permute(perm, x, y [, op, dim, info])                             y(i) = x(perm(i))
!     call butterfly_fwht(x, y [, ordering, scale, dim, info])                         y := scale H x
!     call butterfly_dense(w, a [, op, order, info])                                   a(i, j) := op(B)
!     call butterfly_fft_factors(w [, direction, order, info])
!     call butterfly_hadamard_factors(w [, order, info])
!
! A plan is a chain of factors made ready for speed; the chain keeps copies of what it is given, the plan of the chain.
! A plan must not be assigned to another; it is released with its variable.
!
!     type(butterfly_chain) :: chain                         type(butterfly_plan) :: plan
!     call chain%butterfly(w [, op, order])                  call plan%create(chain, n, type_in, type_out [, info])
!     call chain%permutation(perm [, op])                    call plan%execute(x, y [, dim, info])
!     call chain%diagonal(d [, op])                          call plan%save(path [, info])
!     call chain%real_part()                                 call plan%load(path [, info])
!
! info is the result of the C function, 0 for success; a wrong shape counts as the C argument it belongs to. Without
! info an error stops the program and tells its reason. Output arrays must not be the input arrays: what works in place
! is called by its C name, with c_loc; so is what works in memory of the caller (bfly_?mul_work and its kin). All stable
! functions of butterfly.h are declared here under their C names. Texts end with c_null_char: bfly_set_isa("avx2" //
! c_null_char); an error handler is c_funloc of a subroutine (function, result) with bind(C) and value arguments.
module butterfly
  use, intrinsic :: iso_c_binding
  implicit none
  private

  integer(c_int), parameter, public :: BFLY_ROW_MAJOR = 101, BFLY_COL_MAJOR = 102
  integer(c_int), parameter, public :: BFLY_NO_TRANS = 111, BFLY_TRANS = 112, BFLY_CONJ_TRANS = 113, BFLY_CONJ = 114
  integer(c_int), parameter, public :: BFLY_LEFT = 141, BFLY_RIGHT = 142
  integer(c_int), parameter, public :: BFLY_INCREASING = 201, BFLY_DECREASING = 202
  integer(c_int), parameter, public :: BFLY_UNTIED = 211, BFLY_TIED = 212
  integer(c_int), parameter, public :: BFLY_FORWARD = 221, BFLY_INVERSE = 222
  integer(c_int), parameter, public :: BFLY_NATURAL = 231, BFLY_PALEY = 232, BFLY_SEQUENCY = 233
  integer(c_int), parameter, public :: BFLY_ITEM_BUTTERFLY = 241, BFLY_ITEM_PERMUTATION = 242
  integer(c_int), parameter, public :: BFLY_ITEM_DIAGONAL = 243, BFLY_ITEM_REAL_PART = 244
  integer(c_int), parameter, public :: BFLY_S = iachar("s"), BFLY_D = iachar("d"), BFLY_C = iachar("c")
  integer(c_int), parameter, public :: BFLY_Z = iachar("z")
  integer(c_int), parameter, public :: BFLY_ENOMEM = 1, BFLY_EOVERFLOW = 2, BFLY_EISA = 3
  integer(c_int), parameter, public :: BFLY_EIO = 4, BFLY_EFORMAT = 5, BFLY_EVERSION = 6
  integer, parameter, public :: bfly_int = c_int64_t

  public :: butterfly_multiply, butterfly_gradient, butterfly_permute, butterfly_fwht, butterfly_dense
  public :: butterfly_fft_factors, butterfly_hadamard_factors, butterfly_message, butterfly_chain, butterfly_plan

  interface butterfly_multiply
    module procedure multiply_s, multiply_d, multiply_c, multiply_z, multiply_cs, multiply_zd
  end interface
  interface butterfly_gradient
    module procedure gradient_s, gradient_d, gradient_c, gradient_z, gradient_cs, gradient_zd
  end interface
  interface butterfly_permute
    module procedure permute_s, permute_d, permute_c, permute_z
  end interface
  interface butterfly_fwht
    module procedure fwht_s, fwht_d, fwht_c, fwht_z
  end interface
  interface butterfly_dense
    module procedure dense_s, dense_d, dense_c, dense_z
  end interface
  interface butterfly_fft_factors
    module procedure fft_factors_c, fft_factors_z
  end interface
  interface butterfly_hadamard_factors
    module procedure hadamard_factors_s, hadamard_factors_d, hadamard_factors_c, hadamard_factors_z
  end interface

  type, bind(C), public :: bfly_item
    integer(c_int) :: kind, type, op, order, form
    type(c_ptr) :: data
  end type

  ! An item with the copy of its data that it points to when the plan is made.
  type :: link
    type(bfly_item) :: item
    integer(bfly_int) :: n
    integer(c_int8_t), allocatable :: bytes(:)
  end type

  type :: butterfly_chain
    private
    type(link), allocatable :: links(:)
    integer(c_int) :: rc = 0 ! of the first wrong link
  contains
    generic :: butterfly => butterfly_s, butterfly_d, butterfly_c, butterfly_z
    generic :: diagonal => diagonal_s, diagonal_d, diagonal_c, diagonal_z
    procedure :: permutation, real_part
    procedure, private :: butterfly_s, butterfly_d, butterfly_c, butterfly_z
    procedure, private :: diagonal_s, diagonal_d, diagonal_c, diagonal_z
  end type

  type :: butterfly_plan
    private
    type(c_ptr) :: handle = c_null_ptr
  contains
    procedure :: create, info => plan_info, save => save_plan, load => load_plan
    generic :: execute => execute_ss, execute_dd, execute_cc, execute_zz, execute_sc, execute_dz, execute_cs, execute_zd
    procedure, private :: execute_ss, execute_dd, execute_cc, execute_zz
    procedure, private :: execute_sc, execute_dz, execute_cs, execute_zd
    final :: destroy_plan
  end type

  ! What bfly_plan_info tells, see butterfly.h.
  type, bind(C), public :: bfly_info
    integer(bfly_int) :: n, items
    integer(c_int) :: type_in, type_out
    integer(bfly_int) :: bytes, passes, stages, reduced_stages, fallback_stages, hadamard_stages, fft_stages
    real(c_double) :: flops, growth, error
    type(c_ptr) :: isa
  end type

  ! ---- the C functions: arrays as c_loc, scalars alpha and beta by value when real and as c_loc when complex ----

  abstract interface
    integer(c_int) function c_mul_s(op, order, form, n, count, alpha, w, x, incx, distx, beta, y, incy, disty) bind(C)
      import
      integer(c_int), value :: op, order, form
      integer(bfly_int), value :: n, count, incx, distx, incy, disty
      real(c_float), value :: alpha, beta
      type(c_ptr), value :: w, x, y
    end function
    integer(c_int) function c_mul_d(op, order, form, n, count, alpha, w, x, incx, distx, beta, y, incy, disty) bind(C)
      import
      integer(c_int), value :: op, order, form
      integer(bfly_int), value :: n, count, incx, distx, incy, disty
      real(c_double), value :: alpha, beta
      type(c_ptr), value :: w, x, y
    end function
    integer(c_int) function c_mul_c(op, order, form, n, count, alpha, w, x, incx, distx, beta, y, incy, disty) bind(C)
      import
      integer(c_int), value :: op, order, form
      integer(bfly_int), value :: n, count, incx, distx, incy, disty
      type(c_ptr), value :: alpha, beta, w, x, y
    end function
    integer(c_int) function c_mul_work_s(op, order, form, n, count, alpha, w, x, incx, distx, beta, y, incy, disty, &
                                         work, bytes) bind(C)
      import
      integer(c_int), value :: op, order, form
      integer(bfly_int), value :: n, count, incx, distx, incy, disty
      real(c_float), value :: alpha, beta
      type(c_ptr), value :: w, x, y, work
      integer(bfly_int), intent(inout) :: bytes
    end function
    integer(c_int) function c_mul_work_d(op, order, form, n, count, alpha, w, x, incx, distx, beta, y, incy, disty, &
                                         work, bytes) bind(C)
      import
      integer(c_int), value :: op, order, form
      integer(bfly_int), value :: n, count, incx, distx, incy, disty
      real(c_double), value :: alpha, beta
      type(c_ptr), value :: w, x, y, work
      integer(bfly_int), intent(inout) :: bytes
    end function
    integer(c_int) function c_mul_work_c(op, order, form, n, count, alpha, w, x, incx, distx, beta, y, incy, disty, &
                                         work, bytes) bind(C)
      import
      integer(c_int), value :: op, order, form
      integer(bfly_int), value :: n, count, incx, distx, incy, disty
      type(c_ptr), value :: alpha, beta, w, x, y, work
      integer(bfly_int), intent(inout) :: bytes
    end function
    integer(c_int) function c_grad_work(op, order, form, accumulate, n, count, w, x, incx, distx, gy, incgy, distgy, &
                                        gw, gx, incgx, distgx, work, bytes) bind(C)
      import
      integer(c_int), value :: op, order, form, accumulate
      integer(bfly_int), value :: n, count, incx, distx, incgy, distgy, incgx, distgx
      type(c_ptr), value :: w, x, gy, gw, gx, work
      integer(bfly_int), intent(inout) :: bytes
    end function
    integer(c_int) function c_fwht_s(ordering, n, count, scale, x, incx, distx, y, incy, disty) bind(C)
      import
      integer(c_int), value :: ordering
      integer(bfly_int), value :: n, count, incx, distx, incy, disty
      real(c_float), value :: scale
      type(c_ptr), value :: x, y
    end function
    integer(c_int) function c_fwht_d(ordering, n, count, scale, x, incx, distx, y, incy, disty) bind(C)
      import
      integer(c_int), value :: ordering
      integer(bfly_int), value :: n, count, incx, distx, incy, disty
      real(c_double), value :: scale
      type(c_ptr), value :: x, y
    end function
    integer(c_int) function c_bmv_s(op, order, form, n, alpha, w, x, incx, beta, y, incy) bind(C)
      import
      integer(c_int), value :: op, order, form
      integer(bfly_int), value :: n, incx, incy
      real(c_float), value :: alpha, beta
      type(c_ptr), value :: w, x, y
    end function
    integer(c_int) function c_bmv_d(op, order, form, n, alpha, w, x, incx, beta, y, incy) bind(C)
      import
      integer(c_int), value :: op, order, form
      integer(bfly_int), value :: n, incx, incy
      real(c_double), value :: alpha, beta
      type(c_ptr), value :: w, x, y
    end function
    integer(c_int) function c_bmv_c(op, order, form, n, alpha, w, x, incx, beta, y, incy) bind(C)
      import
      integer(c_int), value :: op, order, form
      integer(bfly_int), value :: n, incx, incy
      type(c_ptr), value :: alpha, beta, w, x, y
    end function
    integer(c_int) function c_bmm_s(layout, side, op, order, form, rows, cols, alpha, w, a, lda, beta, c, ldc) bind(C)
      import
      integer(c_int), value :: layout, side, op, order, form
      integer(bfly_int), value :: rows, cols, lda, ldc
      real(c_float), value :: alpha, beta
      type(c_ptr), value :: w, a, c
    end function
    integer(c_int) function c_bmm_d(layout, side, op, order, form, rows, cols, alpha, w, a, lda, beta, c, ldc) bind(C)
      import
      integer(c_int), value :: layout, side, op, order, form
      integer(bfly_int), value :: rows, cols, lda, ldc
      real(c_double), value :: alpha, beta
      type(c_ptr), value :: w, a, c
    end function
    integer(c_int) function c_bmm_c(layout, side, op, order, form, rows, cols, alpha, w, a, lda, beta, c, ldc) bind(C)
      import
      integer(c_int), value :: layout, side, op, order, form
      integer(bfly_int), value :: rows, cols, lda, ldc
      type(c_ptr), value :: alpha, beta, w, a, c
    end function
    integer(c_int) function c_grad(op, order, form, accumulate, n, count, w, x, incx, distx, gy, incgy, distgy, gw, &
                                   gx, incgx, distgx) bind(C)
      import
      integer(c_int), value :: op, order, form, accumulate
      integer(bfly_int), value :: n, count, incx, distx, incgy, distgy, incgx, distgx
      type(c_ptr), value :: w, x, gy, gw, gx
    end function
    integer(c_int) function c_perm(op, n, count, perm, x, incx, distx, y, incy, disty) bind(C)
      import
      integer(c_int), value :: op
      integer(bfly_int), value :: n, count, incx, distx, incy, disty
      type(c_ptr), value :: perm, x, y
    end function
    integer(c_int) function c_perm_grad(op, accumulate, n, count, prob, x, incx, distx, gy, incgy, distgy, gprob, &
                                        gx, incgx, distgx) bind(C)
      import
      integer(c_int), value :: op, accumulate
      integer(bfly_int), value :: n, count, incx, distx, incgy, distgy, incgx, distgx
      type(c_ptr), value :: prob, x, gy, gprob, gx
    end function
    integer(c_int) function c_dense(op, order, form, n, w, a, lda) bind(C)
      import
      integer(c_int), value :: op, order, form
      integer(bfly_int), value :: n, lda
      type(c_ptr), value :: w, a
    end function
    integer(c_int) function c_fft_factors(direction, order, form, n, w) bind(C)
      import
      integer(c_int), value :: direction, order, form
      integer(bfly_int), value :: n
      type(c_ptr), value :: w
    end function
    integer(c_int) function c_hadamard_factors(order, form, n, w) bind(C)
      import
      integer(c_int), value :: order, form
      integer(bfly_int), value :: n
      type(c_ptr), value :: w
    end function
    integer(c_int) function c_get() bind(C)
      import
    end function
    subroutine c_set(k) bind(C)
      import
      integer(c_int), value :: k
    end subroutine
    integer(c_int) function c_exchange(k) bind(C)
      import
      integer(c_int), value :: k
    end function
    type(c_ptr) function c_text() bind(C)
      import
    end function
    type(c_ptr) function c_text_of(result) bind(C)
      import
      integer(c_int), value :: result
    end function
  end interface

  ! Written out, since gfortran 12 passes value arguments by address when a type-bound procedure calls a procedure that
  ! is declared by an abstract interface.
  interface
    integer(c_int) function bfly_plan_create(type_in, type_out, n, items, item, plan) bind(C, name="bfly_plan_create")
      import
      integer(c_int), value :: type_in, type_out
      integer(bfly_int), value :: n, items
      type(c_ptr), value :: item
      type(c_ptr), intent(inout) :: plan
    end function
    integer(c_int) function bfly_plan_execute(plan, count, x, incx, distx, y, incy, disty) &
      bind(C, name="bfly_plan_execute")
      import
      integer(bfly_int), value :: count, incx, distx, incy, disty
      type(c_ptr), value :: plan, x, y
    end function
    integer(c_int) function bfly_plan_execute_work(plan, count, x, incx, distx, y, incy, disty, work, bytes) &
      bind(C, name="bfly_plan_execute_work")
      import
      integer(bfly_int), value :: count, incx, distx, incy, disty
      type(c_ptr), value :: plan, x, y, work
      integer(bfly_int), intent(inout) :: bytes
    end function
    integer(c_int) function bfly_plan_item(plan, i, item) bind(C, name="bfly_plan_item")
      import
      type(c_ptr), value :: plan
      integer(bfly_int), value :: i
      type(bfly_item), intent(inout) :: item
    end function
    integer(c_int) function bfly_set_isa(name) bind(C, name="bfly_set_isa")
      import
      character(kind=c_char), intent(in) :: name(*)
    end function
    type(c_funptr) function bfly_set_error_handler(handler) bind(C, name="bfly_set_error_handler")
      import
      type(c_funptr), value :: handler
    end function
    integer(c_int) function bfly_plan_save(plan, path) bind(C, name="bfly_plan_save")
      import
      type(c_ptr), value :: plan
      character(kind=c_char), intent(in) :: path(*)
    end function
    integer(c_int) function bfly_plan_load(path, plan) bind(C, name="bfly_plan_load")
      import
      character(kind=c_char), intent(in) :: path(*)
      type(c_ptr), intent(inout) :: plan
    end function
    integer(c_int) function bfly_plan_to_memory(plan, bytes, capacity, size) bind(C, name="bfly_plan_to_memory")
      import
      type(c_ptr), value :: plan, bytes
      integer(bfly_int), value :: capacity
      integer(bfly_int), intent(inout) :: size
    end function
    integer(c_int) function bfly_plan_from_memory(bytes, size, plan) bind(C, name="bfly_plan_from_memory")
      import
      type(c_ptr), value :: bytes
      integer(bfly_int), value :: size
      type(c_ptr), intent(inout) :: plan
    end function
    integer(c_int) function bfly_plan_info(plan, info) bind(C, name="bfly_plan_info")
      import
      type(c_ptr), value :: plan
      type(bfly_info), intent(inout) :: info
    end function
    subroutine bfly_plan_destroy(plan) bind(C, name="bfly_plan_destroy")
      import
      type(c_ptr), value :: plan
    end subroutine
  end interface
  public :: bfly_plan_create, bfly_plan_execute, bfly_plan_save, bfly_plan_load, bfly_plan_to_memory
  public :: bfly_plan_from_memory, bfly_plan_info, bfly_plan_item, bfly_plan_destroy, bfly_plan_execute_work
  public :: bfly_set_isa, bfly_set_error_handler

  procedure(c_mul_s), bind(C, name="bfly_smul"), public :: bfly_smul
  procedure(c_mul_d), bind(C, name="bfly_dmul"), public :: bfly_dmul
  procedure(c_mul_c), bind(C, name="bfly_cmul"), public :: bfly_cmul
  procedure(c_mul_c), bind(C, name="bfly_zmul"), public :: bfly_zmul
  procedure(c_mul_c), bind(C, name="bfly_csmul"), public :: bfly_csmul
  procedure(c_mul_c), bind(C, name="bfly_zdmul"), public :: bfly_zdmul
  procedure(c_grad), bind(C, name="bfly_sgrad"), public :: bfly_sgrad
  procedure(c_grad), bind(C, name="bfly_dgrad"), public :: bfly_dgrad
  procedure(c_grad), bind(C, name="bfly_cgrad"), public :: bfly_cgrad
  procedure(c_grad), bind(C, name="bfly_zgrad"), public :: bfly_zgrad
  procedure(c_grad), bind(C, name="bfly_csgrad"), public :: bfly_csgrad
  procedure(c_grad), bind(C, name="bfly_zdgrad"), public :: bfly_zdgrad
  procedure(c_mul_work_s), bind(C, name="bfly_smul_work"), public :: bfly_smul_work
  procedure(c_mul_work_d), bind(C, name="bfly_dmul_work"), public :: bfly_dmul_work
  procedure(c_mul_work_c), bind(C, name="bfly_cmul_work"), public :: bfly_cmul_work
  procedure(c_mul_work_c), bind(C, name="bfly_zmul_work"), public :: bfly_zmul_work
  procedure(c_mul_work_c), bind(C, name="bfly_csmul_work"), public :: bfly_csmul_work
  procedure(c_mul_work_c), bind(C, name="bfly_zdmul_work"), public :: bfly_zdmul_work
  procedure(c_grad_work), bind(C, name="bfly_sgrad_work"), public :: bfly_sgrad_work
  procedure(c_grad_work), bind(C, name="bfly_dgrad_work"), public :: bfly_dgrad_work
  procedure(c_grad_work), bind(C, name="bfly_cgrad_work"), public :: bfly_cgrad_work
  procedure(c_grad_work), bind(C, name="bfly_zgrad_work"), public :: bfly_zgrad_work
  procedure(c_grad_work), bind(C, name="bfly_csgrad_work"), public :: bfly_csgrad_work
  procedure(c_grad_work), bind(C, name="bfly_zdgrad_work"), public :: bfly_zdgrad_work
  procedure(c_fwht_s), bind(C, name="bfly_sfwht"), public :: bfly_sfwht
  procedure(c_fwht_d), bind(C, name="bfly_dfwht"), public :: bfly_dfwht
  procedure(c_fwht_s), bind(C, name="bfly_cfwht"), public :: bfly_cfwht
  procedure(c_fwht_d), bind(C, name="bfly_zfwht"), public :: bfly_zfwht
  procedure(c_bmv_s), bind(C, name="bfly_sbmv"), public :: bfly_sbmv
  procedure(c_bmv_d), bind(C, name="bfly_dbmv"), public :: bfly_dbmv
  procedure(c_bmv_c), bind(C, name="bfly_cbmv"), public :: bfly_cbmv
  procedure(c_bmv_c), bind(C, name="bfly_zbmv"), public :: bfly_zbmv
  procedure(c_bmv_c), bind(C, name="bfly_csbmv"), public :: bfly_csbmv
  procedure(c_bmv_c), bind(C, name="bfly_zdbmv"), public :: bfly_zdbmv
  procedure(c_bmm_s), bind(C, name="bfly_sbmm"), public :: bfly_sbmm
  procedure(c_bmm_d), bind(C, name="bfly_dbmm"), public :: bfly_dbmm
  procedure(c_bmm_c), bind(C, name="bfly_cbmm"), public :: bfly_cbmm
  procedure(c_bmm_c), bind(C, name="bfly_zbmm"), public :: bfly_zbmm
  procedure(c_bmm_c), bind(C, name="bfly_csbmm"), public :: bfly_csbmm
  procedure(c_bmm_c), bind(C, name="bfly_zdbmm"), public :: bfly_zdbmm
  procedure(c_perm), bind(C, name="bfly_sperm"), public :: bfly_sperm
  procedure(c_perm), bind(C, name="bfly_dperm"), public :: bfly_dperm
  procedure(c_perm), bind(C, name="bfly_cperm"), public :: bfly_cperm
  procedure(c_perm), bind(C, name="bfly_zperm"), public :: bfly_zperm
  procedure(c_perm), bind(C, name="bfly_srelaxed_perm"), public :: bfly_srelaxed_perm
  procedure(c_perm), bind(C, name="bfly_drelaxed_perm"), public :: bfly_drelaxed_perm
  procedure(c_perm), bind(C, name="bfly_crelaxed_perm"), public :: bfly_crelaxed_perm
  procedure(c_perm), bind(C, name="bfly_zrelaxed_perm"), public :: bfly_zrelaxed_perm
  procedure(c_perm_grad), bind(C, name="bfly_srelaxed_perm_grad"), public :: bfly_srelaxed_perm_grad
  procedure(c_perm_grad), bind(C, name="bfly_drelaxed_perm_grad"), public :: bfly_drelaxed_perm_grad
  procedure(c_perm_grad), bind(C, name="bfly_crelaxed_perm_grad"), public :: bfly_crelaxed_perm_grad
  procedure(c_perm_grad), bind(C, name="bfly_zrelaxed_perm_grad"), public :: bfly_zrelaxed_perm_grad
  procedure(c_dense), bind(C, name="bfly_sdense"), public :: bfly_sdense
  procedure(c_dense), bind(C, name="bfly_ddense"), public :: bfly_ddense
  procedure(c_dense), bind(C, name="bfly_cdense"), public :: bfly_cdense
  procedure(c_dense), bind(C, name="bfly_zdense"), public :: bfly_zdense
  procedure(c_fft_factors), bind(C, name="bfly_cfft_factors"), public :: bfly_cfft_factors
  procedure(c_fft_factors), bind(C, name="bfly_zfft_factors"), public :: bfly_zfft_factors
  procedure(c_hadamard_factors), bind(C, name="bfly_shadamard_factors"), public :: bfly_shadamard_factors
  procedure(c_hadamard_factors), bind(C, name="bfly_dhadamard_factors"), public :: bfly_dhadamard_factors
  procedure(c_hadamard_factors), bind(C, name="bfly_chadamard_factors"), public :: bfly_chadamard_factors
  procedure(c_hadamard_factors), bind(C, name="bfly_zhadamard_factors"), public :: bfly_zhadamard_factors
  procedure(c_get), bind(C, name="bfly_version"), public :: bfly_version
  procedure(c_get), bind(C, name="bfly_get_num_threads"), public :: bfly_get_num_threads
  procedure(c_set), bind(C, name="bfly_set_num_threads"), public :: bfly_set_num_threads
  procedure(c_exchange), bind(C, name="bfly_set_num_threads_local"), public :: bfly_set_num_threads_local
  procedure(c_text), bind(C, name="bfly_config"), public :: bfly_config
  procedure(c_text), bind(C, name="bfly_get_isa"), public :: bfly_get_isa
  procedure(c_text), bind(C, name="bfly_isas"), public :: bfly_isas
  procedure(c_text_of), bind(C, name="bfly_strerror"), public :: bfly_strerror

  ! What a call is about, read from the shapes of its arrays; rc: the first wrong one.
  type :: arguments
    integer(c_int) :: op = BFLY_NO_TRANS, order = BFLY_INCREASING, form = BFLY_UNTIED, accumulate = 0, rc = 0
    integer(bfly_int) :: n = 1, count = 1, inc = 1, dist = 1
  end type

  interface
    function c_strlen(text) bind(C, name="strlen") result(length)
      import
      type(c_ptr), value :: text
      integer(c_size_t) :: length
    end function
  end interface

contains

  ! The reason for an info: the text of bfly_strerror, and for an illegal argument its position.
  function butterfly_message(info) result(message)
    integer(c_int), intent(in) :: info
    character(:), allocatable :: message
    character(kind=c_char), pointer :: text(:)
    character(16) :: number
    type(c_ptr) :: p
    integer :: i
    p = bfly_strerror(info)
    call c_f_pointer(p, text, [c_strlen(p)])
    message = repeat(" ", size(text))
    do i = 1, size(text)
      message(i:i) = text(i)
    end do
    if (info < 0) then
      write (number, "(i0)") -info
      message = message // ": argument " // trim(number)
    end if
  end function

  subroutine finish(name, rc, info)
    character(*), intent(in) :: name
    integer(c_int), intent(in) :: rc
    integer(c_int), intent(out), optional :: info
    if (present(info)) then
      info = rc
    else if (rc /= 0) then
      error stop name // ": " // butterfly_message(rc)
    end if
  end subroutine

  pure integer(c_int) function either(wish, otherwise)
    integer(c_int), intent(in), optional :: wish
    integer(c_int), intent(in) :: otherwise
    either = otherwise
    if (present(wish)) either = wish
  end function

  ! n and the form from the shape of the factors; wrong: the result for a shape that is neither
  pure subroutine read_factors(a, w, wrong)
    type(arguments), intent(inout) :: a
    integer(bfly_int), intent(in) :: w(:)
    integer(c_int), intent(in) :: wrong
    integer(bfly_int) :: stages
    a%form = BFLY_UNTIED
    if (size(w) == 3) a%form = BFLY_TIED
    select case (size(w))
    case (3)
      a%n = w(3) + 1
    case (4)
      stages = w(4)
      if (stages > 62) a%rc = wrong
      a%n = 1
      if (stages >= 0 .and. stages <= 62) a%n = 2_bfly_int**stages
      if (stages > 0 .and. 2 * w(3) /= a%n) a%rc = wrong
    case default
      a%rc = wrong
      return
    end select
    if (w(1) /= 2 .or. w(2) /= 2) a%rc = wrong
  end subroutine

  ! count and strides from the shape of the vectors, which must have the length n
  pure subroutine read_vectors(a, x, wrong, dim)
    type(arguments), intent(inout) :: a
    integer(bfly_int), intent(in) :: x(:)
    integer(c_int), intent(in) :: wrong
    integer, intent(in), optional :: dim
    integer :: along
    along = 1
    if (present(dim)) along = dim
    if (size(x) < 1 .or. size(x) > 2 .or. along < 1 .or. along > size(x)) then
      a%rc = wrong
      return
    end if
    a%count = product(x) / max(1_bfly_int, x(along))
    if (x(along) /= a%n) a%rc = wrong
    a%inc = 1
    a%dist = a%n
    if (along == 2) then
      a%inc = x(1)
      a%dist = 1
    end if
    if (x(along) == 0) a%count = 0
  end subroutine

  ! Of a product: w, x and y are the arguments 7, 8 and 12 of bfly_?mul.
  pure type(arguments) function of_product(w, x, y, op, order, dim) result(a)
    integer(bfly_int), intent(in) :: w(:), x(:), y(:)
    integer(c_int), intent(in), optional :: op, order
    integer, intent(in), optional :: dim
    a%op = either(op, BFLY_NO_TRANS)
    a%order = either(order, BFLY_INCREASING)
    call read_factors(a, w, -7)
    if (a%rc == 0) call read_vectors(a, x, -8, dim)
    if (a%rc == 0) a%rc = same_shape(x, y, -12)
  end function

  ! Of a gradient: w, x, gy, gw and gx are the arguments 7, 8, 11, 14 and 15 of bfly_?grad.
  pure type(arguments) function of_gradient(w, x, gy, gw, gx, op, order, accumulate, dim) result(a)
    integer(bfly_int), intent(in) :: w(:), x(:), gy(:), gw(:), gx(:)
    integer(c_int), intent(in), optional :: op, order
    logical, intent(in), optional :: accumulate
    integer, intent(in), optional :: dim
    a%op = either(op, BFLY_NO_TRANS)
    a%order = either(order, BFLY_INCREASING)
    if (present(accumulate)) a%accumulate = merge(1_c_int, 0_c_int, accumulate)
    call read_factors(a, w, -7)
    if (a%rc == 0) call read_vectors(a, x, -8, dim)
    if (a%rc == 0) a%rc = same_shape(x, gy, -11)
    if (a%rc == 0) a%rc = same_shape(w, gw, -14)
    if (a%rc == 0) a%rc = same_shape(x, gx, -15)
  end function

  ! Of a permutation: perm, x and y are the arguments 4, 5 and 8 of bfly_?perm.
  pure type(arguments) function of_permutation(n, x, y, op, dim) result(a)
    integer(bfly_int), intent(in) :: n, x(:), y(:)
    integer(c_int), intent(in), optional :: op
    integer, intent(in), optional :: dim
    a%op = either(op, BFLY_NO_TRANS)
    a%n = n
    call read_vectors(a, x, -5, dim)
    if (a%rc == 0) a%rc = same_shape(x, y, -8)
  end function

  ! Of a Walsh-Hadamard transform: x and y are the arguments 5 and 8 of bfly_?fwht; n is what x has along dim.
  pure type(arguments) function of_fwht(x, y, dim) result(a)
    integer(bfly_int), intent(in) :: x(:), y(:)
    integer, intent(in), optional :: dim
    integer :: along
    along = 1
    if (present(dim)) along = dim
    if (along >= 1 .and. along <= size(x)) a%n = x(along)
    call read_vectors(a, x, -5, dim)
    if (a%rc == 0) a%rc = same_shape(x, y, -8)
  end function

  ! Of a dense matrix: w and a are the arguments 5 and 6 of bfly_?dense, which writes rows: hence the transpose.
  pure type(arguments) function of_dense(w, m, op, order) result(a)
    integer(bfly_int), intent(in) :: w(:), m(:)
    integer(c_int), intent(in), optional :: op, order
    a%order = either(order, BFLY_INCREASING)
    select case (either(op, BFLY_NO_TRANS))
    case (BFLY_NO_TRANS)
      a%op = BFLY_TRANS
    case (BFLY_TRANS)
      a%op = BFLY_NO_TRANS
    case (BFLY_CONJ_TRANS)
      a%op = BFLY_CONJ
    case (BFLY_CONJ)
      a%op = BFLY_CONJ_TRANS
    case default
      a%rc = -1
    end select
    if (a%rc == 0) call read_factors(a, w, -5)
    if (a%rc == 0) a%rc = same_shape([a%n, a%n], m, -6)
  end function

  ! Of factors to be written: w is the argument `wrong`.
  pure type(arguments) function of_factors(w, order, wrong) result(a)
    integer(bfly_int), intent(in) :: w(:)
    integer(c_int), intent(in), optional :: order
    integer(c_int), intent(in) :: wrong
    a%order = either(order, BFLY_INCREASING)
    call read_factors(a, w, wrong)
  end function

  pure integer(c_int) function same_shape(a, b, wrong)
    integer(bfly_int), intent(in) :: a(:), b(:)
    integer(c_int), intent(in) :: wrong
    same_shape = wrong
    if (size(a) == size(b)) then
      if (all(a == b)) same_shape = 0
    end if
  end function

  ! ---- one procedure for each type ----

  subroutine multiply_s(w, x, y, op, order, alpha, beta, dim, info)
    real(c_float), intent(in), target, contiguous :: w(..)
    real(c_float), intent(in), target, contiguous :: x(..)
    real(c_float), intent(inout), target, contiguous :: y(..)
    real(c_float), intent(in), optional :: alpha, beta
    integer(c_int), intent(in), optional :: op, order
    integer, intent(in), optional :: dim
    integer(c_int), intent(out), optional :: info
    real(c_float) :: a1, b1
    type(arguments) :: a
    a = of_product(shape(w, bfly_int), shape(x, bfly_int), shape(y, bfly_int), op, order, dim)
    a1 = 1
    b1 = 0
    if (present(alpha)) a1 = alpha
    if (present(beta)) b1 = beta
    if (a%rc == 0) a%rc = bfly_smul(a%op, a%order, a%form, a%n, a%count, a1, c_loc(w), c_loc(x), &
                                      a%inc, a%dist, b1, c_loc(y), a%inc, a%dist)
    call finish("bfly_smul", a%rc, info)
  end subroutine

  subroutine multiply_d(w, x, y, op, order, alpha, beta, dim, info)
    real(c_double), intent(in), target, contiguous :: w(..)
    real(c_double), intent(in), target, contiguous :: x(..)
    real(c_double), intent(inout), target, contiguous :: y(..)
    real(c_double), intent(in), optional :: alpha, beta
    integer(c_int), intent(in), optional :: op, order
    integer, intent(in), optional :: dim
    integer(c_int), intent(out), optional :: info
    real(c_double) :: a1, b1
    type(arguments) :: a
    a = of_product(shape(w, bfly_int), shape(x, bfly_int), shape(y, bfly_int), op, order, dim)
    a1 = 1
    b1 = 0
    if (present(alpha)) a1 = alpha
    if (present(beta)) b1 = beta
    if (a%rc == 0) a%rc = bfly_dmul(a%op, a%order, a%form, a%n, a%count, a1, c_loc(w), c_loc(x), &
                                      a%inc, a%dist, b1, c_loc(y), a%inc, a%dist)
    call finish("bfly_dmul", a%rc, info)
  end subroutine

  subroutine multiply_c(w, x, y, op, order, alpha, beta, dim, info)
    complex(c_float_complex), intent(in), target, contiguous :: w(..)
    complex(c_float_complex), intent(in), target, contiguous :: x(..)
    complex(c_float_complex), intent(inout), target, contiguous :: y(..)
    complex(c_float_complex), intent(in), optional :: alpha, beta
    integer(c_int), intent(in), optional :: op, order
    integer, intent(in), optional :: dim
    integer(c_int), intent(out), optional :: info
    complex(c_float_complex), target :: a1, b1
    type(arguments) :: a
    a = of_product(shape(w, bfly_int), shape(x, bfly_int), shape(y, bfly_int), op, order, dim)
    a1 = 1
    b1 = 0
    if (present(alpha)) a1 = alpha
    if (present(beta)) b1 = beta
    if (a%rc == 0) a%rc = bfly_cmul(a%op, a%order, a%form, a%n, a%count, c_loc(a1), c_loc(w), c_loc(x), &
                                      a%inc, a%dist, c_loc(b1), c_loc(y), a%inc, a%dist)
    call finish("bfly_cmul", a%rc, info)
  end subroutine

  subroutine multiply_z(w, x, y, op, order, alpha, beta, dim, info)
    complex(c_double_complex), intent(in), target, contiguous :: w(..)
    complex(c_double_complex), intent(in), target, contiguous :: x(..)
    complex(c_double_complex), intent(inout), target, contiguous :: y(..)
    complex(c_double_complex), intent(in), optional :: alpha, beta
    integer(c_int), intent(in), optional :: op, order
    integer, intent(in), optional :: dim
    integer(c_int), intent(out), optional :: info
    complex(c_double_complex), target :: a1, b1
    type(arguments) :: a
    a = of_product(shape(w, bfly_int), shape(x, bfly_int), shape(y, bfly_int), op, order, dim)
    a1 = 1
    b1 = 0
    if (present(alpha)) a1 = alpha
    if (present(beta)) b1 = beta
    if (a%rc == 0) a%rc = bfly_zmul(a%op, a%order, a%form, a%n, a%count, c_loc(a1), c_loc(w), c_loc(x), &
                                      a%inc, a%dist, c_loc(b1), c_loc(y), a%inc, a%dist)
    call finish("bfly_zmul", a%rc, info)
  end subroutine

  subroutine multiply_cs(w, x, y, op, order, alpha, beta, dim, info)
    real(c_float), intent(in), target, contiguous :: w(..)
    complex(c_float_complex), intent(in), target, contiguous :: x(..)
    complex(c_float_complex), intent(inout), target, contiguous :: y(..)
    complex(c_float_complex), intent(in), optional :: alpha, beta
    integer(c_int), intent(in), optional :: op, order
    integer, intent(in), optional :: dim
    integer(c_int), intent(out), optional :: info
    complex(c_float_complex), target :: a1, b1
    type(arguments) :: a
    a = of_product(shape(w, bfly_int), shape(x, bfly_int), shape(y, bfly_int), op, order, dim)
    a1 = 1
    b1 = 0
    if (present(alpha)) a1 = alpha
    if (present(beta)) b1 = beta
    if (a%rc == 0) a%rc = bfly_csmul(a%op, a%order, a%form, a%n, a%count, c_loc(a1), c_loc(w), c_loc(x), &
                                      a%inc, a%dist, c_loc(b1), c_loc(y), a%inc, a%dist)
    call finish("bfly_csmul", a%rc, info)
  end subroutine

  subroutine multiply_zd(w, x, y, op, order, alpha, beta, dim, info)
    real(c_double), intent(in), target, contiguous :: w(..)
    complex(c_double_complex), intent(in), target, contiguous :: x(..)
    complex(c_double_complex), intent(inout), target, contiguous :: y(..)
    complex(c_double_complex), intent(in), optional :: alpha, beta
    integer(c_int), intent(in), optional :: op, order
    integer, intent(in), optional :: dim
    integer(c_int), intent(out), optional :: info
    complex(c_double_complex), target :: a1, b1
    type(arguments) :: a
    a = of_product(shape(w, bfly_int), shape(x, bfly_int), shape(y, bfly_int), op, order, dim)
    a1 = 1
    b1 = 0
    if (present(alpha)) a1 = alpha
    if (present(beta)) b1 = beta
    if (a%rc == 0) a%rc = bfly_zdmul(a%op, a%order, a%form, a%n, a%count, c_loc(a1), c_loc(w), c_loc(x), &
                                      a%inc, a%dist, c_loc(b1), c_loc(y), a%inc, a%dist)
    call finish("bfly_zdmul", a%rc, info)
  end subroutine

  subroutine gradient_s(w, x, gy, gw, gx, op, order, accumulate, dim, info)
    real(c_float), intent(in), target, contiguous :: w(..)
    real(c_float), intent(in), target, contiguous :: x(..), gy(..)
    real(c_float), intent(inout), target, contiguous :: gw(..)
    real(c_float), intent(inout), target, contiguous :: gx(..)
    integer(c_int), intent(in), optional :: op, order
    logical, intent(in), optional :: accumulate
    integer, intent(in), optional :: dim
    integer(c_int), intent(out), optional :: info
    type(arguments) :: a
    a = of_gradient(shape(w, bfly_int), shape(x, bfly_int), shape(gy, bfly_int), shape(gw, bfly_int), &
                    shape(gx, bfly_int), op, order, accumulate, dim)
    if (a%rc == 0) a%rc = bfly_sgrad(a%op, a%order, a%form, a%accumulate, a%n, a%count, c_loc(w), c_loc(x), &
                                       a%inc, a%dist, c_loc(gy), a%inc, a%dist, c_loc(gw), c_loc(gx), a%inc, a%dist)
    call finish("bfly_sgrad", a%rc, info)
  end subroutine

  subroutine gradient_d(w, x, gy, gw, gx, op, order, accumulate, dim, info)
    real(c_double), intent(in), target, contiguous :: w(..)
    real(c_double), intent(in), target, contiguous :: x(..), gy(..)
    real(c_double), intent(inout), target, contiguous :: gw(..)
    real(c_double), intent(inout), target, contiguous :: gx(..)
    integer(c_int), intent(in), optional :: op, order
    logical, intent(in), optional :: accumulate
    integer, intent(in), optional :: dim
    integer(c_int), intent(out), optional :: info
    type(arguments) :: a
    a = of_gradient(shape(w, bfly_int), shape(x, bfly_int), shape(gy, bfly_int), shape(gw, bfly_int), &
                    shape(gx, bfly_int), op, order, accumulate, dim)
    if (a%rc == 0) a%rc = bfly_dgrad(a%op, a%order, a%form, a%accumulate, a%n, a%count, c_loc(w), c_loc(x), &
                                       a%inc, a%dist, c_loc(gy), a%inc, a%dist, c_loc(gw), c_loc(gx), a%inc, a%dist)
    call finish("bfly_dgrad", a%rc, info)
  end subroutine

  subroutine gradient_c(w, x, gy, gw, gx, op, order, accumulate, dim, info)
    complex(c_float_complex), intent(in), target, contiguous :: w(..)
    complex(c_float_complex), intent(in), target, contiguous :: x(..), gy(..)
    complex(c_float_complex), intent(inout), target, contiguous :: gw(..)
    complex(c_float_complex), intent(inout), target, contiguous :: gx(..)
    integer(c_int), intent(in), optional :: op, order
    logical, intent(in), optional :: accumulate
    integer, intent(in), optional :: dim
    integer(c_int), intent(out), optional :: info
    type(arguments) :: a
    a = of_gradient(shape(w, bfly_int), shape(x, bfly_int), shape(gy, bfly_int), shape(gw, bfly_int), &
                    shape(gx, bfly_int), op, order, accumulate, dim)
    if (a%rc == 0) a%rc = bfly_cgrad(a%op, a%order, a%form, a%accumulate, a%n, a%count, c_loc(w), c_loc(x), &
                                       a%inc, a%dist, c_loc(gy), a%inc, a%dist, c_loc(gw), c_loc(gx), a%inc, a%dist)
    call finish("bfly_cgrad", a%rc, info)
  end subroutine

  subroutine gradient_z(w, x, gy, gw, gx, op, order, accumulate, dim, info)
    complex(c_double_complex), intent(in), target, contiguous :: w(..)
    complex(c_double_complex), intent(in), target, contiguous :: x(..), gy(..)
    complex(c_double_complex), intent(inout), target, contiguous :: gw(..)
    complex(c_double_complex), intent(inout), target, contiguous :: gx(..)
    integer(c_int), intent(in), optional :: op, order
    logical, intent(in), optional :: accumulate
    integer, intent(in), optional :: dim
    integer(c_int), intent(out), optional :: info
    type(arguments) :: a
    a = of_gradient(shape(w, bfly_int), shape(x, bfly_int), shape(gy, bfly_int), shape(gw, bfly_int), &
                    shape(gx, bfly_int), op, order, accumulate, dim)
    if (a%rc == 0) a%rc = bfly_zgrad(a%op, a%order, a%form, a%accumulate, a%n, a%count, c_loc(w), c_loc(x), &
                                       a%inc, a%dist, c_loc(gy), a%inc, a%dist, c_loc(gw), c_loc(gx), a%inc, a%dist)
    call finish("bfly_zgrad", a%rc, info)
  end subroutine

  subroutine gradient_cs(w, x, gy, gw, gx, op, order, accumulate, dim, info)
    real(c_float), intent(in), target, contiguous :: w(..)
    complex(c_float_complex), intent(in), target, contiguous :: x(..), gy(..)
    real(c_float), intent(inout), target, contiguous :: gw(..)
    complex(c_float_complex), intent(inout), target, contiguous :: gx(..)
    integer(c_int), intent(in), optional :: op, order
    logical, intent(in), optional :: accumulate
    integer, intent(in), optional :: dim
    integer(c_int), intent(out), optional :: info
    type(arguments) :: a
    a = of_gradient(shape(w, bfly_int), shape(x, bfly_int), shape(gy, bfly_int), shape(gw, bfly_int), &
                    shape(gx, bfly_int), op, order, accumulate, dim)
    if (a%rc == 0) a%rc = bfly_csgrad(a%op, a%order, a%form, a%accumulate, a%n, a%count, c_loc(w), c_loc(x), &
                                       a%inc, a%dist, c_loc(gy), a%inc, a%dist, c_loc(gw), c_loc(gx), a%inc, a%dist)
    call finish("bfly_csgrad", a%rc, info)
  end subroutine

  subroutine gradient_zd(w, x, gy, gw, gx, op, order, accumulate, dim, info)
    real(c_double), intent(in), target, contiguous :: w(..)
    complex(c_double_complex), intent(in), target, contiguous :: x(..), gy(..)
    real(c_double), intent(inout), target, contiguous :: gw(..)
    complex(c_double_complex), intent(inout), target, contiguous :: gx(..)
    integer(c_int), intent(in), optional :: op, order
    logical, intent(in), optional :: accumulate
    integer, intent(in), optional :: dim
    integer(c_int), intent(out), optional :: info
    type(arguments) :: a
    a = of_gradient(shape(w, bfly_int), shape(x, bfly_int), shape(gy, bfly_int), shape(gw, bfly_int), &
                    shape(gx, bfly_int), op, order, accumulate, dim)
    if (a%rc == 0) a%rc = bfly_zdgrad(a%op, a%order, a%form, a%accumulate, a%n, a%count, c_loc(w), c_loc(x), &
                                       a%inc, a%dist, c_loc(gy), a%inc, a%dist, c_loc(gw), c_loc(gx), a%inc, a%dist)
    call finish("bfly_zdgrad", a%rc, info)
  end subroutine

  subroutine permute_s(perm, x, y, op, dim, info)
    integer(bfly_int), intent(in) :: perm(:)
    real(c_float), intent(in), target, contiguous :: x(..)
    real(c_float), intent(inout), target, contiguous :: y(..)
    integer(c_int), intent(in), optional :: op
    integer, intent(in), optional :: dim
    integer(c_int), intent(out), optional :: info
    integer(bfly_int), allocatable, target :: from_zero(:)
    type(arguments) :: a
    a = of_permutation(size(perm, kind=bfly_int), shape(x, bfly_int), shape(y, bfly_int), op, dim)
    allocate (from_zero(size(perm)))
    from_zero = perm - 1
    if (a%rc == 0) a%rc = bfly_sperm(a%op, a%n, a%count, c_loc(from_zero), c_loc(x), a%inc, a%dist, c_loc(y), &
                                       a%inc, a%dist)
    call finish("bfly_sperm", a%rc, info)
  end subroutine

  subroutine permute_d(perm, x, y, op, dim, info)
    integer(bfly_int), intent(in) :: perm(:)
    real(c_double), intent(in), target, contiguous :: x(..)
    real(c_double), intent(inout), target, contiguous :: y(..)
    integer(c_int), intent(in), optional :: op
    integer, intent(in), optional :: dim
    integer(c_int), intent(out), optional :: info
    integer(bfly_int), allocatable, target :: from_zero(:)
    type(arguments) :: a
    a = of_permutation(size(perm, kind=bfly_int), shape(x, bfly_int), shape(y, bfly_int), op, dim)
    allocate (from_zero(size(perm)))
    from_zero = perm - 1
    if (a%rc == 0) a%rc = bfly_dperm(a%op, a%n, a%count, c_loc(from_zero), c_loc(x), a%inc, a%dist, c_loc(y), &
                                       a%inc, a%dist)
    call finish("bfly_dperm", a%rc, info)
  end subroutine

  subroutine permute_c(perm, x, y, op, dim, info)
    integer(bfly_int), intent(in) :: perm(:)
    complex(c_float_complex), intent(in), target, contiguous :: x(..)
    complex(c_float_complex), intent(inout), target, contiguous :: y(..)
    integer(c_int), intent(in), optional :: op
    integer, intent(in), optional :: dim
    integer(c_int), intent(out), optional :: info
    integer(bfly_int), allocatable, target :: from_zero(:)
    type(arguments) :: a
    a = of_permutation(size(perm, kind=bfly_int), shape(x, bfly_int), shape(y, bfly_int), op, dim)
    allocate (from_zero(size(perm)))
    from_zero = perm - 1
    if (a%rc == 0) a%rc = bfly_cperm(a%op, a%n, a%count, c_loc(from_zero), c_loc(x), a%inc, a%dist, c_loc(y), &
                                       a%inc, a%dist)
    call finish("bfly_cperm", a%rc, info)
  end subroutine

  subroutine permute_z(perm, x, y, op, dim, info)
    integer(bfly_int), intent(in) :: perm(:)
    complex(c_double_complex), intent(in), target, contiguous :: x(..)
    complex(c_double_complex), intent(inout), target, contiguous :: y(..)
    integer(c_int), intent(in), optional :: op
    integer, intent(in), optional :: dim
    integer(c_int), intent(out), optional :: info
    integer(bfly_int), allocatable, target :: from_zero(:)
    type(arguments) :: a
    a = of_permutation(size(perm, kind=bfly_int), shape(x, bfly_int), shape(y, bfly_int), op, dim)
    allocate (from_zero(size(perm)))
    from_zero = perm - 1
    if (a%rc == 0) a%rc = bfly_zperm(a%op, a%n, a%count, c_loc(from_zero), c_loc(x), a%inc, a%dist, c_loc(y), &
                                       a%inc, a%dist)
    call finish("bfly_zperm", a%rc, info)
  end subroutine

  subroutine fwht_s(x, y, ordering, scale, dim, info)
    real(c_float), intent(in), target, contiguous :: x(..)
    real(c_float), intent(inout), target, contiguous :: y(..)
    integer(c_int), intent(in), optional :: ordering
    real(c_float), intent(in), optional :: scale
    integer, intent(in), optional :: dim
    integer(c_int), intent(out), optional :: info
    real(c_float) :: factor
    type(arguments) :: a
    a = of_fwht(shape(x, bfly_int), shape(y, bfly_int), dim)
    factor = 1
    if (present(scale)) factor = scale
    if (a%rc == 0) a%rc = bfly_sfwht(either(ordering, BFLY_NATURAL), a%n, a%count, factor, c_loc(x), a%inc, a%dist, &
                                    c_loc(y), a%inc, a%dist)
    call finish("bfly_sfwht", a%rc, info)
  end subroutine

  subroutine fwht_d(x, y, ordering, scale, dim, info)
    real(c_double), intent(in), target, contiguous :: x(..)
    real(c_double), intent(inout), target, contiguous :: y(..)
    integer(c_int), intent(in), optional :: ordering
    real(c_double), intent(in), optional :: scale
    integer, intent(in), optional :: dim
    integer(c_int), intent(out), optional :: info
    real(c_double) :: factor
    type(arguments) :: a
    a = of_fwht(shape(x, bfly_int), shape(y, bfly_int), dim)
    factor = 1
    if (present(scale)) factor = scale
    if (a%rc == 0) a%rc = bfly_dfwht(either(ordering, BFLY_NATURAL), a%n, a%count, factor, c_loc(x), a%inc, a%dist, &
                                    c_loc(y), a%inc, a%dist)
    call finish("bfly_dfwht", a%rc, info)
  end subroutine

  subroutine fwht_c(x, y, ordering, scale, dim, info)
    complex(c_float_complex), intent(in), target, contiguous :: x(..)
    complex(c_float_complex), intent(inout), target, contiguous :: y(..)
    integer(c_int), intent(in), optional :: ordering
    real(c_float), intent(in), optional :: scale
    integer, intent(in), optional :: dim
    integer(c_int), intent(out), optional :: info
    real(c_float) :: factor
    type(arguments) :: a
    a = of_fwht(shape(x, bfly_int), shape(y, bfly_int), dim)
    factor = 1
    if (present(scale)) factor = scale
    if (a%rc == 0) a%rc = bfly_cfwht(either(ordering, BFLY_NATURAL), a%n, a%count, factor, c_loc(x), a%inc, a%dist, &
                                    c_loc(y), a%inc, a%dist)
    call finish("bfly_cfwht", a%rc, info)
  end subroutine

  subroutine fwht_z(x, y, ordering, scale, dim, info)
    complex(c_double_complex), intent(in), target, contiguous :: x(..)
    complex(c_double_complex), intent(inout), target, contiguous :: y(..)
    integer(c_int), intent(in), optional :: ordering
    real(c_double), intent(in), optional :: scale
    integer, intent(in), optional :: dim
    integer(c_int), intent(out), optional :: info
    real(c_double) :: factor
    type(arguments) :: a
    a = of_fwht(shape(x, bfly_int), shape(y, bfly_int), dim)
    factor = 1
    if (present(scale)) factor = scale
    if (a%rc == 0) a%rc = bfly_zfwht(either(ordering, BFLY_NATURAL), a%n, a%count, factor, c_loc(x), a%inc, a%dist, &
                                    c_loc(y), a%inc, a%dist)
    call finish("bfly_zfwht", a%rc, info)
  end subroutine

  subroutine dense_s(w, m, op, order, info)
    real(c_float), intent(in), target, contiguous :: w(..)
    real(c_float), intent(inout), target, contiguous :: m(..)
    integer(c_int), intent(in), optional :: op, order
    integer(c_int), intent(out), optional :: info
    type(arguments) :: a
    a = of_dense(shape(w, bfly_int), shape(m, bfly_int), op, order)
    if (a%rc == 0) a%rc = bfly_sdense(a%op, a%order, a%form, a%n, c_loc(w), c_loc(m), a%n)
    call finish("bfly_sdense", a%rc, info)
  end subroutine

  subroutine dense_d(w, m, op, order, info)
    real(c_double), intent(in), target, contiguous :: w(..)
    real(c_double), intent(inout), target, contiguous :: m(..)
    integer(c_int), intent(in), optional :: op, order
    integer(c_int), intent(out), optional :: info
    type(arguments) :: a
    a = of_dense(shape(w, bfly_int), shape(m, bfly_int), op, order)
    if (a%rc == 0) a%rc = bfly_ddense(a%op, a%order, a%form, a%n, c_loc(w), c_loc(m), a%n)
    call finish("bfly_ddense", a%rc, info)
  end subroutine

  subroutine dense_c(w, m, op, order, info)
    complex(c_float_complex), intent(in), target, contiguous :: w(..)
    complex(c_float_complex), intent(inout), target, contiguous :: m(..)
    integer(c_int), intent(in), optional :: op, order
    integer(c_int), intent(out), optional :: info
    type(arguments) :: a
    a = of_dense(shape(w, bfly_int), shape(m, bfly_int), op, order)
    if (a%rc == 0) a%rc = bfly_cdense(a%op, a%order, a%form, a%n, c_loc(w), c_loc(m), a%n)
    call finish("bfly_cdense", a%rc, info)
  end subroutine

  subroutine dense_z(w, m, op, order, info)
    complex(c_double_complex), intent(in), target, contiguous :: w(..)
    complex(c_double_complex), intent(inout), target, contiguous :: m(..)
    integer(c_int), intent(in), optional :: op, order
    integer(c_int), intent(out), optional :: info
    type(arguments) :: a
    a = of_dense(shape(w, bfly_int), shape(m, bfly_int), op, order)
    if (a%rc == 0) a%rc = bfly_zdense(a%op, a%order, a%form, a%n, c_loc(w), c_loc(m), a%n)
    call finish("bfly_zdense", a%rc, info)
  end subroutine

  subroutine fft_factors_c(w, direction, order, info)
    complex(c_float_complex), intent(inout), target, contiguous :: w(..)
    integer(c_int), intent(in), optional :: direction, order
    integer(c_int), intent(out), optional :: info
    type(arguments) :: a
    a = of_factors(shape(w, bfly_int), order, -5)
    if (a%rc == 0) a%rc = bfly_cfft_factors(either(direction, BFLY_FORWARD), a%order, a%form, a%n, c_loc(w))
    call finish("bfly_cfft_factors", a%rc, info)
  end subroutine

  subroutine fft_factors_z(w, direction, order, info)
    complex(c_double_complex), intent(inout), target, contiguous :: w(..)
    integer(c_int), intent(in), optional :: direction, order
    integer(c_int), intent(out), optional :: info
    type(arguments) :: a
    a = of_factors(shape(w, bfly_int), order, -5)
    if (a%rc == 0) a%rc = bfly_zfft_factors(either(direction, BFLY_FORWARD), a%order, a%form, a%n, c_loc(w))
    call finish("bfly_zfft_factors", a%rc, info)
  end subroutine

  subroutine hadamard_factors_s(w, order, info)
    real(c_float), intent(inout), target, contiguous :: w(..)
    integer(c_int), intent(in), optional :: order
    integer(c_int), intent(out), optional :: info
    type(arguments) :: a
    a = of_factors(shape(w, bfly_int), order, -4)
    if (a%rc == 0) a%rc = bfly_shadamard_factors(a%order, a%form, a%n, c_loc(w))
    call finish("bfly_shadamard_factors", a%rc, info)
  end subroutine

  subroutine hadamard_factors_d(w, order, info)
    real(c_double), intent(inout), target, contiguous :: w(..)
    integer(c_int), intent(in), optional :: order
    integer(c_int), intent(out), optional :: info
    type(arguments) :: a
    a = of_factors(shape(w, bfly_int), order, -4)
    if (a%rc == 0) a%rc = bfly_dhadamard_factors(a%order, a%form, a%n, c_loc(w))
    call finish("bfly_dhadamard_factors", a%rc, info)
  end subroutine

  subroutine hadamard_factors_c(w, order, info)
    complex(c_float_complex), intent(inout), target, contiguous :: w(..)
    integer(c_int), intent(in), optional :: order
    integer(c_int), intent(out), optional :: info
    type(arguments) :: a
    a = of_factors(shape(w, bfly_int), order, -4)
    if (a%rc == 0) a%rc = bfly_chadamard_factors(a%order, a%form, a%n, c_loc(w))
    call finish("bfly_chadamard_factors", a%rc, info)
  end subroutine

  subroutine hadamard_factors_z(w, order, info)
    complex(c_double_complex), intent(inout), target, contiguous :: w(..)
    integer(c_int), intent(in), optional :: order
    integer(c_int), intent(out), optional :: info
    type(arguments) :: a
    a = of_factors(shape(w, bfly_int), order, -4)
    if (a%rc == 0) a%rc = bfly_zhadamard_factors(a%order, a%form, a%n, c_loc(w))
    call finish("bfly_zhadamard_factors", a%rc, info)
  end subroutine

  ! ---- chains and plans ----

  ! bytes: of the data at p; numbers: the shape of the factors, or the length of a diagonal or a permutation
  subroutine add_link(chain, kind, type, op, order, p, bytes, numbers)
    class(butterfly_chain), intent(inout) :: chain
    integer(c_int), intent(in) :: kind, type
    integer(c_int), intent(in), optional :: op, order
    type(c_ptr), intent(in) :: p
    integer(bfly_int), intent(in) :: bytes, numbers(:)
    integer(c_int8_t), pointer :: data(:)
    type(arguments) :: a
    type(link) :: new
    type(link), allocatable :: longer(:)
    integer :: i, held
    if (kind == BFLY_ITEM_BUTTERFLY) then
      call read_factors(a, numbers, -5)
    else if (size(numbers) == 1) then
      a%n = numbers(1)
    else
      a%rc = -5
    end if
    if (chain%rc == 0) chain%rc = a%rc
    new%n = a%n
    new%item = bfly_item(kind, type, either(op, BFLY_NO_TRANS), either(order, BFLY_INCREASING), a%form, c_null_ptr)
    call c_f_pointer(p, data, [bytes])
    allocate (new%bytes(bytes), source=data)
    held = 0
    if (allocated(chain%links)) held = size(chain%links)
    allocate (longer(held + 1))
    do i = 1, held ! their data move, nothing is copied
      longer(i)%item = chain%links(i)%item
      longer(i)%n = chain%links(i)%n
      call move_alloc(chain%links(i)%bytes, longer(i)%bytes)
    end do
    longer(held + 1) = new
    call move_alloc(longer, chain%links)
  end subroutine

  subroutine permutation(chain, perm, op)
    class(butterfly_chain), intent(inout) :: chain
    integer(bfly_int), intent(in) :: perm(:)
    integer(c_int), intent(in), optional :: op
    integer(bfly_int), allocatable, target :: from_zero(:)
    allocate (from_zero(size(perm)))
    from_zero = perm - 1
    call add_link(chain, BFLY_ITEM_PERMUTATION, BFLY_S, op, BFLY_INCREASING, c_loc(from_zero), &
                  8 * size(perm, kind=bfly_int), shape(perm, bfly_int))
  end subroutine

  subroutine real_part(chain)
    class(butterfly_chain), intent(inout) :: chain
    integer(c_int8_t), target :: nothing(1)
    call add_link(chain, BFLY_ITEM_REAL_PART, BFLY_S, BFLY_NO_TRANS, BFLY_INCREASING, c_loc(nothing), 0_bfly_int, &
                  [-1_bfly_int])
  end subroutine

  subroutine create(plan, chain, n, type_in, type_out, info)
    class(butterfly_plan), intent(inout) :: plan
    type(butterfly_chain), intent(in), target :: chain
    integer(bfly_int), intent(in) :: n
    integer(c_int), intent(in) :: type_in, type_out
    integer(c_int), intent(out), optional :: info
    type(bfly_item), allocatable, target :: items(:)
    type(c_ptr) :: made
    integer(c_int) :: rc
    integer :: i, links
    rc = chain%rc
    links = 0
    if (allocated(chain%links)) links = size(chain%links)
    allocate (items(links))
    do i = 1, links
      items(i) = chain%links(i)%item
      if (size(chain%links(i)%bytes) > 0) items(i)%data = c_loc(chain%links(i)%bytes)
      if (rc == 0 .and. chain%links(i)%n /= n .and. chain%links(i)%n /= -1) rc = -5
    end do
    made = c_null_ptr
    if (rc == 0) rc = bfly_plan_create(type_in, type_out, n, int(links, bfly_int), c_loc(items), made)
    if (rc == 0) call replace(plan, made)
    call finish("bfly_plan_create", rc, info)
  end subroutine

  subroutine replace(plan, made)
    class(butterfly_plan), intent(inout) :: plan
    type(c_ptr), intent(in) :: made
    call bfly_plan_destroy(plan%handle)
    plan%handle = made
  end subroutine

  subroutine destroy_plan(plan)
    type(butterfly_plan), intent(inout) :: plan
    call replace(plan, c_null_ptr)
  end subroutine

  function plan_info(plan) result(facts)
    class(butterfly_plan), intent(in) :: plan
    type(bfly_info) :: facts
    call finish("bfly_plan_info", bfly_plan_info(plan%handle, facts))
  end function

  subroutine save_plan(plan, path, info)
    class(butterfly_plan), intent(in) :: plan
    character(*), intent(in) :: path
    integer(c_int), intent(out), optional :: info
    call finish("bfly_plan_save", bfly_plan_save(plan%handle, trim(path) // c_null_char), info)
  end subroutine

  subroutine load_plan(plan, path, info)
    class(butterfly_plan), intent(inout) :: plan
    character(*), intent(in) :: path
    integer(c_int), intent(out), optional :: info
    type(c_ptr) :: made
    integer(c_int) :: rc
    made = c_null_ptr
    rc = bfly_plan_load(trim(path) // c_null_char, made)
    if (rc == 0) call replace(plan, made)
    call finish("bfly_plan_load", rc, info)
  end subroutine

  ! x and y are the arguments 3 and 6 of bfly_plan_execute
  subroutine execute(plan, type_in, type_out, x, x_shape, y, y_shape, dim, info)
    class(butterfly_plan), intent(in) :: plan
    integer(c_int), intent(in) :: type_in, type_out
    type(c_ptr), intent(in) :: x, y
    integer(bfly_int), intent(in) :: x_shape(:), y_shape(:)
    integer, intent(in), optional :: dim
    integer(c_int), intent(out), optional :: info
    type(arguments) :: a
    type(bfly_info) :: facts
    a%rc = bfly_plan_info(plan%handle, facts)
    if (a%rc == 0 .and. facts%type_in /= type_in) a%rc = -3
    if (a%rc == 0 .and. facts%type_out /= type_out) a%rc = -6
    a%n = facts%n
    if (a%rc == 0) call read_vectors(a, x_shape, -3, dim)
    if (a%rc == 0) a%rc = same_shape(x_shape, y_shape, -6)
    if (a%rc == 0) a%rc = bfly_plan_execute(plan%handle, a%count, x, a%inc, a%dist, y, a%inc, a%dist)
    call finish("bfly_plan_execute", a%rc, info)
  end subroutine

  subroutine butterfly_s(chain, w, op, order)
    class(butterfly_chain), intent(inout) :: chain
    real(c_float), intent(in), target, contiguous :: w(..)
    integer(c_int), intent(in), optional :: op, order
    call add_link(chain, BFLY_ITEM_BUTTERFLY, BFLY_S, op, order, c_loc(w), 4 * size(w, kind=bfly_int), &
                  shape(w, bfly_int))
  end subroutine

  subroutine diagonal_s(chain, d, op)
    class(butterfly_chain), intent(inout) :: chain
    real(c_float), intent(in), target, contiguous :: d(..)
    integer(c_int), intent(in), optional :: op
    call add_link(chain, BFLY_ITEM_DIAGONAL, BFLY_S, op, BFLY_INCREASING, c_loc(d), 4 * size(d, kind=bfly_int), &
                  shape(d, bfly_int))
  end subroutine

  subroutine butterfly_d(chain, w, op, order)
    class(butterfly_chain), intent(inout) :: chain
    real(c_double), intent(in), target, contiguous :: w(..)
    integer(c_int), intent(in), optional :: op, order
    call add_link(chain, BFLY_ITEM_BUTTERFLY, BFLY_D, op, order, c_loc(w), 8 * size(w, kind=bfly_int), &
                  shape(w, bfly_int))
  end subroutine

  subroutine diagonal_d(chain, d, op)
    class(butterfly_chain), intent(inout) :: chain
    real(c_double), intent(in), target, contiguous :: d(..)
    integer(c_int), intent(in), optional :: op
    call add_link(chain, BFLY_ITEM_DIAGONAL, BFLY_D, op, BFLY_INCREASING, c_loc(d), 8 * size(d, kind=bfly_int), &
                  shape(d, bfly_int))
  end subroutine

  subroutine butterfly_c(chain, w, op, order)
    class(butterfly_chain), intent(inout) :: chain
    complex(c_float_complex), intent(in), target, contiguous :: w(..)
    integer(c_int), intent(in), optional :: op, order
    call add_link(chain, BFLY_ITEM_BUTTERFLY, BFLY_C, op, order, c_loc(w), 8 * size(w, kind=bfly_int), &
                  shape(w, bfly_int))
  end subroutine

  subroutine diagonal_c(chain, d, op)
    class(butterfly_chain), intent(inout) :: chain
    complex(c_float_complex), intent(in), target, contiguous :: d(..)
    integer(c_int), intent(in), optional :: op
    call add_link(chain, BFLY_ITEM_DIAGONAL, BFLY_C, op, BFLY_INCREASING, c_loc(d), 8 * size(d, kind=bfly_int), &
                  shape(d, bfly_int))
  end subroutine

  subroutine butterfly_z(chain, w, op, order)
    class(butterfly_chain), intent(inout) :: chain
    complex(c_double_complex), intent(in), target, contiguous :: w(..)
    integer(c_int), intent(in), optional :: op, order
    call add_link(chain, BFLY_ITEM_BUTTERFLY, BFLY_Z, op, order, c_loc(w), 16 * size(w, kind=bfly_int), &
                  shape(w, bfly_int))
  end subroutine

  subroutine diagonal_z(chain, d, op)
    class(butterfly_chain), intent(inout) :: chain
    complex(c_double_complex), intent(in), target, contiguous :: d(..)
    integer(c_int), intent(in), optional :: op
    call add_link(chain, BFLY_ITEM_DIAGONAL, BFLY_Z, op, BFLY_INCREASING, c_loc(d), 16 * size(d, kind=bfly_int), &
                  shape(d, bfly_int))
  end subroutine

  subroutine execute_ss(plan, x, y, dim, info)
    class(butterfly_plan), intent(in) :: plan
    real(c_float), intent(in), target, contiguous :: x(..)
    real(c_float), intent(inout), target, contiguous :: y(..)
    integer, intent(in), optional :: dim
    integer(c_int), intent(out), optional :: info
    call execute(plan, BFLY_S, BFLY_S, c_loc(x), shape(x, bfly_int), c_loc(y), shape(y, bfly_int), dim, info)
  end subroutine

  subroutine execute_dd(plan, x, y, dim, info)
    class(butterfly_plan), intent(in) :: plan
    real(c_double), intent(in), target, contiguous :: x(..)
    real(c_double), intent(inout), target, contiguous :: y(..)
    integer, intent(in), optional :: dim
    integer(c_int), intent(out), optional :: info
    call execute(plan, BFLY_D, BFLY_D, c_loc(x), shape(x, bfly_int), c_loc(y), shape(y, bfly_int), dim, info)
  end subroutine

  subroutine execute_cc(plan, x, y, dim, info)
    class(butterfly_plan), intent(in) :: plan
    complex(c_float_complex), intent(in), target, contiguous :: x(..)
    complex(c_float_complex), intent(inout), target, contiguous :: y(..)
    integer, intent(in), optional :: dim
    integer(c_int), intent(out), optional :: info
    call execute(plan, BFLY_C, BFLY_C, c_loc(x), shape(x, bfly_int), c_loc(y), shape(y, bfly_int), dim, info)
  end subroutine

  subroutine execute_zz(plan, x, y, dim, info)
    class(butterfly_plan), intent(in) :: plan
    complex(c_double_complex), intent(in), target, contiguous :: x(..)
    complex(c_double_complex), intent(inout), target, contiguous :: y(..)
    integer, intent(in), optional :: dim
    integer(c_int), intent(out), optional :: info
    call execute(plan, BFLY_Z, BFLY_Z, c_loc(x), shape(x, bfly_int), c_loc(y), shape(y, bfly_int), dim, info)
  end subroutine

  subroutine execute_sc(plan, x, y, dim, info)
    class(butterfly_plan), intent(in) :: plan
    real(c_float), intent(in), target, contiguous :: x(..)
    complex(c_float_complex), intent(inout), target, contiguous :: y(..)
    integer, intent(in), optional :: dim
    integer(c_int), intent(out), optional :: info
    call execute(plan, BFLY_S, BFLY_C, c_loc(x), shape(x, bfly_int), c_loc(y), shape(y, bfly_int), dim, info)
  end subroutine

  subroutine execute_dz(plan, x, y, dim, info)
    class(butterfly_plan), intent(in) :: plan
    real(c_double), intent(in), target, contiguous :: x(..)
    complex(c_double_complex), intent(inout), target, contiguous :: y(..)
    integer, intent(in), optional :: dim
    integer(c_int), intent(out), optional :: info
    call execute(plan, BFLY_D, BFLY_Z, c_loc(x), shape(x, bfly_int), c_loc(y), shape(y, bfly_int), dim, info)
  end subroutine

  subroutine execute_cs(plan, x, y, dim, info)
    class(butterfly_plan), intent(in) :: plan
    complex(c_float_complex), intent(in), target, contiguous :: x(..)
    real(c_float), intent(inout), target, contiguous :: y(..)
    integer, intent(in), optional :: dim
    integer(c_int), intent(out), optional :: info
    call execute(plan, BFLY_C, BFLY_S, c_loc(x), shape(x, bfly_int), c_loc(y), shape(y, bfly_int), dim, info)
  end subroutine

  subroutine execute_zd(plan, x, y, dim, info)
    class(butterfly_plan), intent(in) :: plan
    complex(c_double_complex), intent(in), target, contiguous :: x(..)
    real(c_double), intent(inout), target, contiguous :: y(..)
    integer, intent(in), optional :: dim
    integer(c_int), intent(out), optional :: info
    call execute(plan, BFLY_Z, BFLY_D, c_loc(x), shape(x, bfly_int), c_loc(y), shape(y, bfly_int), dim, info)
  end subroutine
end module
