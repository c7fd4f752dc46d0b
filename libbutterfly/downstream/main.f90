! main.f90 - the Fortran user's program: the Hadamard matrix of 8 applied to the first unit vector gives ones.
program main
  use butterfly
  implicit none
  real :: w(2, 2, 4, 3), x(8), y(8)
  x = 0
  x(1) = 1
  call butterfly_hadamard_factors(w)
  call butterfly_multiply(w, x, y)
  print "(8f4.1)", y
  if (any(abs(y - 1) > 0)) error stop 1
end program
