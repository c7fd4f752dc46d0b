! test_fortran.f90 - butterfly.f90: results by the definitions, for every type, layout and shape; errors and infos.
module listener
  use, intrinsic :: iso_c_binding
  implicit none
  integer(c_int) :: told
contains
  ! an error handler: notes what it is told
  subroutine remember(function, result) bind(C)
    type(c_ptr), value :: function
    integer(c_int), value :: result
    if (c_associated(function)) told = result
  end subroutine
end module

program test_fortran
  use, intrinsic :: iso_c_binding
  use butterfly
  use listener
  implicit none
  integer, parameter :: n = 16, stages = 4, count = 3
  integer(c_int), parameter :: ops(4) = [BFLY_NO_TRANS, BFLY_TRANS, BFLY_CONJ_TRANS, BFLY_CONJ]
  integer(c_int), parameter :: orders(2) = [BFLY_INCREASING, BFLY_DECREASING]
  real(c_double), parameter :: eps = epsilon(1.0_c_double), eps4 = epsilon(1.0_c_float)
  integer :: checks = 0, failed = 0, o, r

  do o = 1, 4
    do r = 1, 2
      call test_products(ops(o), orders(r))
    end do
  end do
  call test_permutations
  call test_fwht
  call test_work
  call test_library
  call test_exact_factors
  call test_plans
  call test_errors
  write (*, "(a, i0, a, i0, a)") "fortran: ", checks, " checks, ", failed, " failed"
  if (failed > 0 .or. checks == 0) error stop 1

contains

  subroutine check(good, what)
    logical, intent(in) :: good
    character(*), intent(in) :: what
    checks = checks + 1
    if (good) return
    failed = failed + 1
    write (*, "(2a)") "failed: ", what
  end subroutine

  function random(k) result(z)
    integer, intent(in) :: k
    complex(c_double) :: z(k)
    real :: u(2 * k) ! numbers that single precision holds
    call random_number(u)
    z = cmplx(2 * u(:k) - 1, 2 * u(k + 1:) - 1, c_double)
  end function

  ! op(B) by its definition: the stages one after the other
  function dense_of(w, op, order, tied) result(b)
    complex(c_double), intent(in) :: w(:, :, :, :)
    integer(c_int), intent(in) :: op, order
    logical, intent(in) :: tied
    complex(c_double) :: b(n, n), s(n, n), t(2, 2)
    integer :: k, i, p, stride
    b = 0
    do i = 1, n
      b(i, i) = 1
    end do
    do k = 1, stages
      stride = merge(2**(k - 1), n / 2**k, order == BFLY_INCREASING)
      s = 0
      do i = 0, n / 2 - 1
        p = 2 * (i - mod(i, stride)) + mod(i, stride) + 1
        if (tied) then
          t = w(:, :, stride + mod(i, stride), 1)
        else
          t = w(:, :, i + 1, k)
        end if
        s(p, p) = t(1, 1)
        s(p, p + stride) = t(2, 1)
        s(p + stride, p) = t(1, 2)
        s(p + stride, p + stride) = t(2, 2)
      end do
      b = matmul(s, b)
    end do
    if (op == BFLY_TRANS .or. op == BFLY_CONJ_TRANS) b = transpose(b)
    if (op == BFLY_CONJ .or. op == BFLY_CONJ_TRANS) b = conjg(b)
  end function

  subroutine test_products(op, order)
    integer(c_int), intent(in) :: op, order
    complex(c_double) :: w(2, 2, n / 2, stages), v(2, 2, n - 1), x(n, count), y(n, count), b(n, n), alpha, beta, m(n, n)
    complex(c_double) :: gw(2, 2, n / 2, stages), gx(n, count), gy(n, count), xt(count, n), yt(count, n)
    complex(c_double) :: big(2 * n, 2 * count), x1(n), before(n, count)
    real(c_double) :: rw(2, 2, n / 2, stages), rx(n, count), ry(n, count), rb(n, n), rgw(2, 2, n / 2, stages)
    complex(c_float) :: cw(2, 2, n / 2, stages), cx(n, count), cy(n, count), cgw(2, 2, n / 2, stages), cgx(n, count)
    real(c_float) :: sw(2, 2, n / 2, stages), sx(n, count), sy(n, count), sgw(2, 2, n / 2, stages), sgx(n, count)
    real(c_double), parameter :: near = 200 * eps, near4 = 200 * eps4
    w = reshape(random(size(w)), shape(w))
    v = reshape(random(size(v)), shape(v))
    x = reshape(random(size(x)), shape(x))
    gy = reshape(random(size(x)), shape(x))
    before = reshape(random(size(x)), shape(x))
    alpha = (0.5d0, -2)
    beta = (1, 0.25d0)
    b = dense_of(w, op, order, .false.)

    call butterfly_multiply(w, x, y, op, order)
    call check(all(abs(y - matmul(b, x)) < near), "multiply z")
    y = before
    call butterfly_multiply(w, x, y, op, order, alpha, beta)
    call check(all(abs(y - alpha * matmul(b, x) - beta * before) < 2 * near), "multiply z with alpha and beta")
    call butterfly_multiply(w, x(:, 2), x1, op, order)
    call check(all(abs(x1 - matmul(b, x(:, 2))) < near), "multiply z of one vector")
    xt = transpose(x)
    call butterfly_multiply(w, xt, yt, op, order, dim=2)
    call check(all(abs(transpose(yt) - matmul(b, x)) < near), "multiply z of rows")
    big = 7
    big(1::2, 2::2) = x ! not contiguous, neither in nor out
    call butterfly_multiply(w, big(1::2, 2::2), big(2::2, 1::2), op, order)
    call check(all(abs(big(2::2, 1::2) - matmul(b, x)) < near), "multiply z of sections")
    call check(all(abs(big(1::2, 2::2) - x) <= 0) .and. all(abs(big(1::2, 1::2) - 7) <= 0), "sections left alone")
    call butterfly_dense(w, m, op, order)
    call check(all(abs(m - b) < near), "dense z")
    m = dense_of(reshape(v, [2, 2, n - 1, 1]), op, order, .true.)
    call butterfly_multiply(v, x, y, op, order)
    call check(all(abs(y - matmul(m, x)) < near), "multiply z, tied")

    ! the gradient: <gy, op(B) x> = <gx, x>, and along the factors <gy, d op(B) x> = Re <gw, dw>, exact in one block
    call butterfly_multiply(w, x, y, op, order)
    call butterfly_gradient(w, x, gy, gw, gx, op, order)
    call check(abs(sum(conjg(gy) * y) - sum(conjg(gx) * x)) < 20 * near, "gradient z to x")
    block
      complex(c_double) :: step(2, 2, n / 2, stages), after(n, count)
      step = 0
      step(:, :, 3, 2) = reshape(random(4), [2, 2])
      call butterfly_multiply(w + step, x, after, op, order)
      call check(abs(real(sum(conjg(gy) * (after - y)) - sum(conjg(gw) * step))) < 20 * near, "gradient z to w")
      step = gw
      call butterfly_gradient(w, x, gy, gw, gx, op, order, accumulate=.true.)
      call check(all(abs(gw - 2 * step) < near), "gradient z accumulates")
    end block

    rw = real(w)
    rx = real(x)
    rb = real(dense_of(cmplx(rw, kind=c_double), op, order, .false.))
    call butterfly_multiply(rw, rx, ry, op, order)
    call check(all(abs(ry - matmul(rb, rx)) < near), "multiply d")
    call butterfly_multiply(rw, rx, ry, op, order, alpha=2.0_c_double)
    call check(all(abs(ry - 2 * matmul(rb, rx)) < near), "multiply d with alpha")
    call butterfly_multiply(rw, x, y, op, order)
    call check(all(abs(y - matmul(rb, x)) < near), "multiply zd")
    call butterfly_gradient(rw, x, gy, rgw, gx, op, order)
    call check(abs(sum(conjg(gy) * y) - sum(conjg(gx) * x)) < 20 * near, "gradient zd")

    sw = real(w, c_float)
    cw = cmplx(w, kind=c_float)
    sx = real(x, c_float)
    cx = cmplx(x, kind=c_float)
    call butterfly_multiply(sw, sx, sy, op, order)
    call check(all(abs(sy - matmul(rb, rx)) < near4), "multiply s")
    call butterfly_multiply(sw, cx, cy, op, order)
    call check(all(abs(cy - matmul(rb, x)) < near4), "multiply cs")
    call butterfly_multiply(cw, cx, cy, op, order)
    call check(all(abs(cy - matmul(b, x)) < near4), "multiply c")
    call butterfly_gradient(cw, cx, cx, cgw, cgx, op, order)
    call check(abs(sum(conjg(cx) * cy) - sum(conjg(cgx) * cx)) < 20 * near4, "gradient c")
    call butterfly_gradient(sw, cx, cx, sgw, cgx, op, order)
    call butterfly_multiply(sw, cx, cy, op, order)
    call check(abs(sum(conjg(cx) * cy) - sum(conjg(cgx) * cx)) < 20 * near4, "gradient cs")
    call butterfly_gradient(sw, sx, sx, sgw, sgx, op, order)
    call check(abs(sum(sx * sy) - sum(sgx * sx)) < 20 * near4, "gradient s")
    call butterfly_gradient(rw, rx, rx, rgw, ry, op, order)
    call check(abs(sum(rx * matmul(rb, rx)) - sum(ry * rx)) < 20 * near, "gradient d")
  end subroutine

  subroutine test_permutations
    integer(bfly_int), parameter :: perm(5) = [3, 1, 5, 2, 4]
    complex(c_double) :: z(5, 2), zy(5, 2), zb(5, 2)
    real(c_double) :: d(2, 5), dy(2, 5)
    real(c_float) :: s(5), sy(5)
    complex(c_float) :: c(5), cy(5)
    z = reshape(random(10), [5, 2])
    call butterfly_permute(perm, z, zy)
    call check(all(abs(zy - z(perm, :)) <= 0), "permute z")
    call butterfly_permute(perm, zy, zb, BFLY_TRANS)
    call check(all(abs(zb - z) <= 0), "permute z there and back")
    d = real(reshape(z, [2, 5]))
    call butterfly_permute(perm, d, dy, dim=2)
    call check(all(abs(dy - d(:, perm)) <= 0), "permute d of rows")
    s = real(z(:, 1), c_float)
    call butterfly_permute(perm, s, sy)
    call check(all(abs(sy - s(perm)) <= 0), "permute s")
    c = cmplx(z(:, 1), kind=c_float)
    call butterfly_permute(perm, c, cy)
    call check(all(abs(cy - c(perm)) <= 0), "permute c")
  end subroutine

  ! H by its definition, each ordering; there and back is n
  subroutine test_fwht
    complex(c_double) :: z(n, count), y(n, count), rows(count, n), yt(count, n)
    complex(c_float) :: c(n), cy(n)
    real(c_double) :: d(n), dy(n), h(n, n)
    real(c_float) :: s(n), sy(n)
    integer(c_int) :: info
    integer :: i, j
    do i = 1, n
      do j = 1, n
        h(i, j) = (-1)**popcnt(iand(i - 1, j - 1))
      end do
    end do
    z = reshape(random(n * count), [n, count])
    call butterfly_fwht(z, y)
    call check(all(abs(y - matmul(h, z)) < 100 * eps), "fwht z")
    rows = transpose(z)
    call butterfly_fwht(rows, yt, dim=2, scale=0.5_c_double)
    call check(all(abs(2 * yt - transpose(y)) < 100 * eps), "fwht z of rows, scaled")
    d = 0
    do i = 1, n ! row i - 1 of the sequency ordering has as many changes of sign
      d(i) = 1
      call butterfly_fwht(d, dy, BFLY_SEQUENCY)
      call check(count_changes(dy) == i - 1, "fwht d by sequency")
      d(i) = 0
    end do
    s = real(z(:, 1), c_float)
    call butterfly_fwht(s, sy, BFLY_PALEY)
    call butterfly_fwht(sy, s, BFLY_PALEY, 1.0 / n)
    call check(all(abs(s - real(z(:, 1))) < 100 * eps4), "fwht s there and back")
    c = cmplx(z(:, 1), kind=c_float)
    call butterfly_fwht(c, cy)
    call check(all(abs(cy - y(:, 1)) < 200 * eps4), "fwht c")
    call butterfly_fwht(z, y, 5_c_int, info=info)
    call check(info == -1, "info of an ordering that there is not")
    call butterfly_fwht(z(:7, 1), y(:7, 1), info=info)
    call check(info == -2, "info of a length that is no power of two")
    call butterfly_fwht(z, y(:, :2), info=info)
    call check(info == -8, "info of another shape")
    call butterfly_fwht(z, y, dim=3, info=info)
    call check(info == -5, "info of a dimension that there is not")
  end subroutine

  integer function count_changes(v)
    real(c_double), intent(in) :: v(:)
    integer :: j
    count_changes = sum([(merge(1, 0, v(j) * v(j + 1) < 0), j=1, size(v) - 1)])
  end function

  ! the functions that work in memory of the caller, by their C names
  subroutine test_work
    integer(bfly_int), parameter :: m = 128, logm = 7, k = 24
    complex(c_double), target :: w(2, 2, m / 2, logm), x(m, k), y(m, k), want(m, k), gw(2, 2, m / 2, logm)
    complex(c_double) :: want_gw(2, 2, m / 2, logm), want_gx(m, k)
    real(c_float), target :: sw(2, 2, m / 2, logm), sx(m, k), sy(m, k), swant(m, k)
    integer(c_int8_t), allocatable, target :: work(:)
    type(c_ptr) :: plan
    type(bfly_item) :: item
    type(bfly_item), target :: items(1)
    integer(bfly_int) :: bytes
    integer(c_int) :: rc
    w = reshape(random(size(w)), shape(w))
    x = reshape(random(size(x)), shape(x))
    call butterfly_multiply(w, x, want)
    bytes = -1
    rc = mul_work(m, k, c_loc(w), c_loc(x), c_loc(y), c_null_ptr, bytes)
    call check(rc == 0 .and. bytes > 0, "bytes of a product")
    allocate (work(bytes))
    rc = mul_work(m, k, c_loc(w), c_loc(x), c_loc(y), c_loc(work), bytes)
    call check(rc == 0 .and. all(abs(y - want) <= 0), "a product with work")
    bytes = bytes - 1
    rc = mul_work(m, k, c_loc(w), c_loc(x), c_loc(y), c_loc(work), bytes)
    call check(rc == BFLY_ENOMEM, "a product with too little work")
    deallocate (work)
    call butterfly_gradient(w, x, x, want_gw, want_gx)
    rc = grad_work(m, k, c_loc(w), c_loc(x), c_loc(gw), c_loc(y), c_null_ptr, bytes)
    call check(rc == 0 .and. bytes > 0, "bytes of a gradient")
    allocate (work(bytes))
    rc = grad_work(m, k, c_loc(w), c_loc(x), c_loc(gw), c_loc(y), c_loc(work), bytes)
    call check(rc == 0 .and. all(abs(gw - want_gw) <= 0) .and. all(abs(y - want_gx) <= 0), "a gradient with work")
    deallocate (work)
    sw = real(w, c_float)
    sx = real(x, c_float)
    call butterfly_multiply(sw, sx, swant)
    rc = smul_work(m, k, c_loc(sw), c_loc(sx), c_loc(sy), c_null_ptr, bytes)
    call check(rc == 0 .and. bytes >= 0, "bytes of a product s")
    allocate (work(bytes + 1))
    rc = smul_work(m, k, c_loc(sw), c_loc(sx), c_loc(sy), c_loc(work), bytes)
    call check(rc == 0 .and. all(abs(sy - swant) <= 0), "a product s with work")
    deallocate (work)

    items(1) = bfly_item(BFLY_ITEM_BUTTERFLY, BFLY_Z, BFLY_TRANS, BFLY_DECREASING, BFLY_UNTIED, c_loc(w))
    plan = c_null_ptr
    rc = bfly_plan_create(BFLY_Z, BFLY_Z, m, 1_bfly_int, c_loc(items), plan)
    call check(rc == 0, "bfly_plan_create")
    rc = bfly_plan_item(plan, 0_bfly_int, item)
    call check(rc == 0, "bfly_plan_item")
    call check(item%kind == BFLY_ITEM_BUTTERFLY .and. item%type == BFLY_Z .and. item%op == BFLY_TRANS .and. &
               item%order == BFLY_DECREASING .and. c_associated(item%data), "what bfly_plan_item tells")
    rc = bfly_plan_item(plan, 1_bfly_int, item)
    call check(rc == -2, "bfly_plan_item of an item that there is not")
    rc = bfly_plan_execute(plan, k, c_loc(x), 1_bfly_int, m, c_loc(want), 1_bfly_int, m)
    call check(rc == 0, "execute")
    rc = bfly_plan_execute_work(plan, k, c_loc(x), 1_bfly_int, m, c_loc(y), 1_bfly_int, m, c_null_ptr, bytes)
    call check(rc == 0, "bytes of an execution")
    allocate (work(bytes))
    rc = bfly_plan_execute_work(plan, k, c_loc(x), 1_bfly_int, m, c_loc(y), 1_bfly_int, m, c_loc(work), bytes)
    call check(rc == 0 .and. all(abs(y - want) <= 0), "an execution with work")
    call bfly_plan_destroy(plan)
  end subroutine

  ! a product of z with alpha = 1 and beta = 0
  integer(c_int) function mul_work(n, k, w, x, y, work, bytes)
    integer(bfly_int), intent(in) :: n, k
    type(c_ptr), intent(in) :: w, x, y, work
    integer(bfly_int), intent(inout) :: bytes
    complex(c_double), target :: one, zero
    one = 1
    zero = 0
    mul_work = bfly_zmul_work(BFLY_NO_TRANS, BFLY_INCREASING, BFLY_UNTIED, n, k, c_loc(one), w, x, 1_bfly_int, n, &
               c_loc(zero), y, 1_bfly_int, n, work, bytes)
  end function

  integer(c_int) function smul_work(n, k, w, x, y, work, bytes)
    integer(bfly_int), intent(in) :: n, k
    type(c_ptr), intent(in) :: w, x, y, work
    integer(bfly_int), intent(inout) :: bytes
    smul_work = bfly_smul_work(BFLY_NO_TRANS, BFLY_INCREASING, BFLY_UNTIED, n, k, 1.0_c_float, w, x, 1_bfly_int, n, &
               0.0_c_float, y, 1_bfly_int, n, work, bytes)
  end function

  integer(c_int) function grad_work(n, k, w, x, gw, gx, work, bytes)
    integer(bfly_int), intent(in) :: n, k
    type(c_ptr), intent(in) :: w, x, gw, gx, work
    integer(bfly_int), intent(inout) :: bytes
    grad_work = bfly_zgrad_work(BFLY_NO_TRANS, BFLY_INCREASING, BFLY_UNTIED, 0_c_int, n, k, w, x, 1_bfly_int, n, x, &
               1_bfly_int, n, gw, gx, 1_bfly_int, n, work, bytes)
  end function

  subroutine test_library
    type(c_funptr) :: old
    integer(c_int) :: info
    told = 0
    old = bfly_set_error_handler(c_funloc(remember))
    call check(.not. c_associated(old), "there was a handler")
    info = bfly_set_isa("nonsense" // c_null_char)
    call check(info == BFLY_EISA .and. told == BFLY_EISA, "the handler heard of an error")
    old = bfly_set_error_handler(c_null_funptr)
    call check(c_associated(old, c_funloc(remember)), "the old handler comes back")
    told = 0
    info = bfly_set_isa("nonsense" // c_null_char)
    call check(info == BFLY_EISA .and. told == 0, "a removed handler hears nothing")
    info = bfly_set_isa("scalar" // c_null_char)
    call check(info == 0, "bfly_set_isa(scalar)")
    info = bfly_set_isa("auto" // c_null_char)
    call check(info == 0, "bfly_set_isa(auto)")
  end subroutine

  subroutine test_exact_factors
    complex(c_double) :: w(2, 2, n / 2, stages), v(2, 2, n - 1), f(n, n), x(n), y(n), z(n)
    complex(c_float) :: c(2, 2, n / 2, stages), cx(n)
    real(c_double) :: h(2, 2, n / 2, stages), m(n, n)
    real(c_float) :: hs(2, 2, n - 1), ms(n, n)
    complex(c_double) :: hz(2, 2, n / 2, stages), mz(n, n)
    complex(c_float) :: hc(2, 2, n / 2, stages), mc(n, n)
    integer(bfly_int) :: reversal(n)
    integer :: i, j
    reversal = 1
    do i = 1, n
      do j = 0, stages - 1
        if (btest(i - 1, j)) reversal(i) = reversal(i) + 2**(stages - 1 - j)
      end do
      do j = 1, n
        f(j, i) = exp(cmplx(0, -2 * acos(-1.0_c_double) * mod((i - 1) * (j - 1), n) / n, c_double))
      end do
    end do
    x = random(n)
    call butterfly_fft_factors(w)
    call butterfly_permute(reversal, x, y)
    call butterfly_multiply(w, y, z)
    call check(all(abs(z - matmul(f, x)) < 100 * eps), "fft factors z")
    call butterfly_fft_factors(v, BFLY_INVERSE)
    call butterfly_permute(reversal, z, y)
    call butterfly_multiply(v, y, z)
    call check(all(abs(z - x) < 100 * eps), "inverse fft factors z, tied")
    call butterfly_fft_factors(c, order=BFLY_DECREASING)
    call butterfly_multiply(c, cmplx(x, kind=c_float), cx, order=BFLY_DECREASING)
    call check(all(abs(cx(reversal) - matmul(f, x)) < 200 * eps4), "fft factors c, decreasing")

    call butterfly_hadamard_factors(h)
    call butterfly_dense(h, m)
    call butterfly_hadamard_factors(hs)
    call butterfly_dense(hs, ms)
    call butterfly_hadamard_factors(hz)
    call butterfly_dense(hz, mz)
    call butterfly_hadamard_factors(hc)
    call butterfly_dense(hc, mc)
    do i = 1, n
      do j = 1, n
        call check(abs(m(i, j) - (-1)**popcnt(iand(i - 1, j - 1))) <= 0, "hadamard factors d")
      end do
    end do
    call check(all(abs(ms - m) <= 0), "hadamard factors s, tied")
    call check(all(abs(mz - m) <= 0), "hadamard factors z")
    call check(all(abs(mc - m) <= 0), "hadamard factors c")
  end subroutine

  ! chains of one of each, against the procedures one after the other
  subroutine test_plans
    complex(c_double) :: w(2, 2, n / 2, stages), v(2, 2, n - 1), d(n), x(n, count), y(n, count), z(n, count)
    complex(c_double) :: xt(count, n), yt(count, n)
    complex(c_float) :: cx(n, count), cy(n, count)
    real(c_double) :: rx(n, count), ry(n, count)
    real(c_float) :: sx(n, count), sy(n, count)
    integer(bfly_int) :: perm(n), i
    integer(c_int) :: info
    type(butterfly_chain) :: chain, real_chain, s_chain, c_chain, wrong
    type(butterfly_plan) :: plan, loaded, real_plan, to_real, none
    type(bfly_info) :: facts
    character(*), parameter :: path = "test_fortran.plan"
    w = reshape(random(size(w)), shape(w))
    v = reshape(random(size(v)), shape(v))
    d = random(n)
    x = reshape(random(size(x)), shape(x))
    perm = [(mod(5 * i + 2, int(n, bfly_int)) + 1, i=1, n)]
    call chain%butterfly(w, BFLY_TRANS, BFLY_DECREASING)
    call chain%permutation(perm)
    call chain%diagonal(d, BFLY_CONJ)
    call chain%butterfly(v)
    call plan%create(chain, int(n, bfly_int), BFLY_Z, BFLY_Z)
    call plan%execute(x, y)
    call butterfly_multiply(w, x, z, BFLY_TRANS, BFLY_DECREASING)
    z = z(perm, :)
    do i = 1, count
      z(:, i) = conjg(d) * z(:, i)
    end do
    call multiply_in_turn(v, z)
    call check(all(abs(y - z) < 2000 * eps), "plan z")
    xt = transpose(x)
    call plan%execute(xt, yt, dim=2)
    call check(all(abs(transpose(yt) - y) <= 0), "plan z on rows")
    facts = plan%info()
    call check(facts%n == n .and. facts%items == 4 .and. facts%type_in == BFLY_Z, "info of a plan")

    call plan%save(path)
    call loaded%load(path)
    call loaded%execute(x, z)
    call check(all(abs(z - y) <= 0), "plan z from a file")
    call loaded%load(path) ! over the old one
    call loaded%load("there/is/none.plan", info)
    call check(info == BFLY_EIO, "info of a file that is not there")
    call loaded%execute(x(:, 1), z(:, 1))
    call check(all(abs(z - y) <= 0), "plan z of one vector")
    open (newunit=info, file=path)
    close (info, status="delete")

    call real_chain%diagonal(real(d))
    call real_chain%butterfly(real(w))
    call real_plan%create(real_chain, int(n, bfly_int), BFLY_D, BFLY_D)
    rx = real(x)
    call real_plan%execute(rx, ry)
    do i = 1, count
      z(:, i) = real(d) * rx(:, i)
    end do
    call multiply_in_turn4(real(w), z)
    call check(all(abs(ry - z) < 2000 * eps), "plan d")
    call chain%real_part()
    call to_real%create(chain, int(n, bfly_int), BFLY_Z, BFLY_D)
    call to_real%execute(x, ry)
    call check(all(abs(ry - real(y)) < 2000 * eps), "plan from z to d")
    call real_chain%diagonal(d)
    call to_real%create(real_chain, int(n, bfly_int), BFLY_D, BFLY_Z) ! over the old one
    call to_real%execute(rx, y)
    do i = 1, count
      z(:, i) = d * z(:, i)
    end do
    call check(all(abs(y - z) < 2000 * eps), "plan from d to z")
    call to_real%execute(x, y, info=info)
    call check(info == -3, "info of another input type")
    call to_real%execute(rx, ry, info=info)
    call check(info == -6, "info of another output type")

    call s_chain%diagonal(real(d, c_float))
    call s_chain%butterfly(real(w, c_float))
    call plan%create(s_chain, int(n, bfly_int), BFLY_S, BFLY_S)
    sx = real(x, c_float)
    call plan%execute(sx, sy)
    call real_plan%execute(rx, ry)
    call check(all(abs(sy - ry) < 2000 * eps4), "plan s")
    call c_chain%butterfly(cmplx(v, kind=c_float))
    call c_chain%diagonal(cmplx(d, kind=c_float))
    call plan%create(c_chain, int(n, bfly_int), BFLY_C, BFLY_C)
    cx = cmplx(x, kind=c_float)
    call plan%execute(cx, cy)
    z = x
    call multiply_in_turn(v, z)
    do i = 1, count
      z(:, i) = d * z(:, i)
    end do
    call check(all(abs(cy - z) < 2000 * eps4), "plan c")
    call plan%create(c_chain, int(n, bfly_int), BFLY_S, BFLY_C)
    call plan%execute(sx, cy)
    y = real(x)
    call multiply_in_turn(v, y)
    do i = 1, count
      y(:, i) = d * y(:, i)
    end do
    call check(all(abs(cy - y) < 2000 * eps4), "plan from s to c")
    call c_chain%real_part()
    call plan%create(c_chain, int(n, bfly_int), BFLY_C, BFLY_S)
    call plan%execute(cx, sy)
    call check(all(abs(sy - real(z)) < 2000 * eps4), "plan from c to s")

    call wrong%diagonal(d(:5))
    call plan%create(wrong, int(n, bfly_int), BFLY_Z, BFLY_Z, info)
    call check(info == -5, "info of a diagonal of another length")
    call plan%create(chain, 12_bfly_int, BFLY_Z, BFLY_Z, info)
    call check(info < 0, "info of another n")
    call none%execute(x, y, info=info)
    call check(info == -1, "info of a plan that was not made")
    call none%save(path, info)
    call check(info == -1, "info of saving a plan that was not made")
    call plan%execute(cx, sy)
    call check(all(abs(sy - real(z)) < 2000 * eps4), "the plan after refused calls")
  end subroutine

  subroutine multiply_in_turn(v, z)
    complex(c_double), intent(in) :: v(:, :, :)
    complex(c_double), intent(inout) :: z(:, :)
    complex(c_double) :: y(size(z, 1), size(z, 2))
    call butterfly_multiply(v, z, y)
    z = y
  end subroutine

  subroutine multiply_in_turn4(w, z)
    real(c_double), intent(in) :: w(:, :, :, :)
    complex(c_double), intent(inout) :: z(:, :)
    complex(c_double) :: y(size(z, 1), size(z, 2))
    call butterfly_multiply(w, z, y)
    z = y
  end subroutine

  subroutine test_errors
    real(c_double) :: w(2, 2, 4, 3), x(8, 2), y(8, 2), empty(2, 2, 0, 0), one(1), out(1), m(8, 8)
    integer(c_int) :: info
    integer(bfly_int) :: bad(8)
    call butterfly_hadamard_factors(w)
    x = 1
    y = 5
    call butterfly_multiply(w, x, y, op=7, info=info)
    call check(info == -1, "info of a wrong op")
    call butterfly_multiply(w, x, y, order=7, info=info)
    call check(info == -2, "info of a wrong order")
    call butterfly_multiply(w(:, :, :3, :), x, y, info=info)
    call check(info == -7, "info of wrong factors")
    call butterfly_multiply(w(:, :, 1, 1), x, y, info=info)
    call check(info == -7, "info of factors of a wrong rank")
    call butterfly_multiply(w(:1, :, :, :), x, y, info=info)
    call check(info == -7, "info of factors without columns")
    call butterfly_multiply(w, x(:7, :), y, info=info)
    call check(info == -8, "info of a wrong length")
    call butterfly_multiply(w, x, y, dim=2, info=info)
    call check(info == -8, "info of a wrong dim")
    call butterfly_multiply(w, x, y, dim=3, info=info)
    call check(info == -8, "info of a dim that is none")
    call butterfly_multiply(w, x, y(:, :1), info=info)
    call check(info == -12, "info of a wrong output")
    call butterfly_gradient(w, x, x(:, :1), w, y, info=info)
    call check(info == -11, "info of a wrong gradient")
    call butterfly_gradient(w, x, x, w(:, :, :, 1), y, info=info)
    call check(info == -14, "info of a wrong gw")
    call butterfly_gradient(w, x, x, w, y(:, 1), info=info)
    call check(info == -15, "info of a wrong gx")
    bad = 3
    call butterfly_permute(bad, x, y, info=info)
    call check(info == -4, "info of a wrong permutation")
    call butterfly_permute(bad(:7), x, y, info=info)
    call check(info == -5, "info of a permutation of another length")
    m = 5
    call butterfly_dense(w, m(:, :7), info=info)
    call check(info == -6, "info of a wrong matrix")
    call butterfly_dense(w, m, op=7, info=info)
    call check(info == -1, "info of a wrong op of dense")
    call check(all(abs(y - 5) <= 0) .and. all(abs(m - 5) <= 0), "outputs of refused calls")
    call check(index(butterfly_message(-7_c_int), "argument 7") > 0, "message of an argument")
    call check(len(butterfly_message(BFLY_EOVERFLOW)) > 10, "message of an error")
    one = 3
    call butterfly_multiply(empty, one, out, info=info)
    call check(info == 0 .and. abs(out(1) - 3) <= 0, "n = 1")
    call butterfly_multiply(w, x(:, :0), y(:, :0), info=info)
    call check(info == 0, "no vector")
    call check(bfly_version() > 0, "version")
    call check(bfly_get_num_threads() >= 1, "threads")
  end subroutine
end program
