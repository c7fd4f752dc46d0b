cdef int raise_result(str function, int result) except -1
