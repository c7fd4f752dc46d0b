! poisson.f90 - solves -(u_xx + u_yy) = f on the unit square with u = 0 on its boundary, by sine transforms.
!
! At the cell centres x_j = (j - 1/2) / n the DST-II, S(k, j) = sin(pi k x_j), gives the coefficients of a sine series;
! there the equation is a division by pi^2 (k^2 + l^2). S is a chain around a fast Fourier transform,
!
!     S = reversal . Re . diag(exp(-i pi k / 2n)) . DFT . (odd-numbered entries, then the even ones backwards) . signs,
!
! and its transpose, the way back, is the same chain from right to left: S S^T = n/2 diag(1, ..., 1, 2).
!
!     gfortran butterfly.f90 poisson.f90 $(pkg-config --libs butterfly)
program poisson
  use butterfly
  implicit none
  integer, parameter :: dp = kind(1d0), n = 64, stages = 6
  real(dp), parameter :: pi = acos(-1.0_dp)
  type(butterfly_plan) :: forward, back
  real(dp) :: u(n, n), v(n, n), x(n), norm(n)
  integer :: k, l
  call make_transforms
  x = ([(k, k=1, n)] - 0.5_dp) / n
  do l = 1, n
    u(:, l) = -g2(x) * g(x(l)) - g(x) * g2(x(l))
  end do
  call forward%execute(u, v)        ! every column
  call forward%execute(v, u, dim=2) ! every row
  norm = n / 2
  norm(n) = n
  do l = 1, n
    u(:, l) = u(:, l) / (pi**2 * ([(k**2, k=1, n)] + l**2) * norm * norm(l))
  end do
  call back%execute(u, v)
  call back%execute(v, u, dim=2)
  do l = 1, n
    v(:, l) = abs(u(:, l) - g(x) * g(x(l)))
  end do
  print "(i0, a, i0, a, es8.1)", n, " x ", n, " points, largest error", maxval(v)
  if (.not. maxval(v) < 1e-13_dp) error stop 1

contains
  elemental real(dp) function g(t)
    real(dp), intent(in) :: t
    g = sin(pi * t) * exp(cos(pi * t))
  end function

  elemental real(dp) function g2(t) ! its second derivative
    real(dp), intent(in) :: t
    g2 = -pi**2 * g(t) * (1 + 3 * cos(pi * t) - sin(pi * t)**2)
  end function

  subroutine make_transforms
    complex(dp) :: w(2, 2, n / 2, stages)
    real(dp) :: sign(n)
    complex(dp) :: turn(n)
    integer(bfly_int) :: order(n), bits(n), i
    type(butterfly_chain) :: there, home
    bits = 0
    do i = 2, n
      bits(i) = shiftr(bits(shiftr(i - 1, 1) + 1), 1) + iand(i - 1, 1_bfly_int) * (n / 2)
    end do
    order = merge(2 * bits + 1, 2 * (n - bits), bits < n / 2) ! the DFT's bit reversal included
    sign = [((-1)**i, i=0, n - 1)]
    turn = [(exp(cmplx(0, -pi * i / (2 * n), dp)), i=0, n - 1)]
    call butterfly_fft_factors(w)
    call there%diagonal(sign)
    call there%permutation(order)
    call there%butterfly(w)
    call there%diagonal(turn)
    call there%real_part()
    call there%permutation([(i, i=n, 1, -1)])
    call forward%create(there, int(n, bfly_int), BFLY_D, BFLY_D)
    call home%permutation([(i, i=n, 1, -1)])
    call home%diagonal(turn)
    call home%butterfly(w, BFLY_TRANS)
    call home%permutation(order, BFLY_TRANS)
    call home%real_part()
    call home%diagonal(sign)
    call back%create(home, int(n, bfly_int), BFLY_D, BFLY_D)
  end subroutine
end program
