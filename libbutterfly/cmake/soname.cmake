# What the shared library says of itself: its SONAME carries the major version, and it needs nothing but the C library and
# a runtime of OpenMP.
#
#     cmake -DREADELF=readelf -DLIBRARY=libbutterfly.so -DMAJOR=0 -P soname.cmake
cmake_minimum_required(VERSION 3.18)
execute_process(COMMAND "${READELF}" -d "${LIBRARY}" OUTPUT_VARIABLE table RESULT_VARIABLE failed)
if(failed)
  message(FATAL_ERROR "${READELF} -d ${LIBRARY} failed: ${failed}")
endif()
if(NOT table MATCHES "\\(SONAME\\)[^\n]*\\[libbutterfly\\.so\\.${MAJOR}\\]")
  message(FATAL_ERROR "the SONAME is not libbutterfly.so.${MAJOR}:\n${table}")
endif()
string(REGEX MATCHALL "\\(NEEDED\\)[^\n]*" needed "${table}")
foreach(line IN LISTS needed)
  string(REGEX REPLACE "^.*\\[(.*)\\]" "\\1" name "${line}")
  if(NOT name MATCHES "^(lib(c|m|pthread|gomp|omp|iomp5|atomic|[a-z]*san|gcc_s|dl|rt|stdc\\+\\+)|ld-linux[a-z0-9_-]*)\\.so")
    message(FATAL_ERROR "the library needs ${name}")
  endif()
  message(STATUS "needs ${name}")
endforeach()
