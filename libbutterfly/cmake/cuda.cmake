# libbutterfly_cuda by build_cuda.sh, which setup.py uses too. It runs while CMake configures, since whether there is a
# target butterfly::cuda depends on what comes out; with nothing changed it takes no time.
#
# BUTTERFLY_CUDA=auto   when there is an nvcc that works     1: an error otherwise     0: never
# BUTTERFLY_CUDA_ARCHS  see build_cuda.sh
set(cuda_default auto)
if(NOT top)
  set(cuda_default 0) # a larger project does not pay for what it has not asked for
endif()
if(DEFINED ENV{BUTTERFLY_CUDA})
  set(cuda_default "$ENV{BUTTERFLY_CUDA}")
endif()
set(BUTTERFLY_CUDA "${cuda_default}" CACHE STRING "CUDA library: auto, 1 or 0")
string(TOUPPER "${BUTTERFLY_CUDA}" cuda_mode) # CMake's other words for 1 and 0
if(cuda_mode MATCHES "^(ON|TRUE|YES|Y)$")
  set(BUTTERFLY_CUDA 1)
elseif(cuda_mode MATCHES "^(OFF|FALSE|NO|N)$")
  set(BUTTERFLY_CUDA 0)
endif()
set(BUTTERFLY_CUDA_ARCHS "$ENV{BUTTERFLY_CUDA_ARCHS}" CACHE STRING "Architectures of the CUDA library, as in \"80 90\", or all")

set(cuda_library "${PROJECT_BINARY_DIR}/cuda/libbutterfly_cuda.so")
set(with_cuda OFF)
if(UNIX AND NOT BUTTERFLY_CUDA STREQUAL "0")
  file(GLOB cuda_sources CONFIGURE_DEPENDS "${root}/src/cuda/*")
  set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS
    ${cuda_sources} "${root}/include/butterfly_cuda.h" "${root}/src/index.h" "${PROJECT_SOURCE_DIR}/build_cuda.sh")
  execute_process(COMMAND ${CMAKE_COMMAND} -E env "BUTTERFLY_CUDA=${BUTTERFLY_CUDA}" "BUTTERFLY_CUDA_ARCHS=${BUTTERFLY_CUDA_ARCHS}"
      sh "${PROJECT_SOURCE_DIR}/build_cuda.sh" "${cuda_library}" "${PROJECT_BINARY_DIR}/cuda/objects"
    RESULT_VARIABLE failed)
  if(failed)
    message(FATAL_ERROR "libbutterfly: the CUDA library was asked for and cannot be built")
  endif()
  if(EXISTS "${cuda_library}")
    set(with_cuda ON)
  endif()
endif()

if(with_cuda)
  add_library(butterfly_cuda SHARED IMPORTED GLOBAL)
  set_target_properties(butterfly_cuda PROPERTIES IMPORTED_LOCATION "${cuda_library}" IMPORTED_SONAME libbutterfly_cuda.so
    INTERFACE_INCLUDE_DIRECTORIES "${root}/include")
  add_library(butterfly::cuda ALIAS butterfly_cuda)
  if(BUTTERFLY_INSTALL)
    install(PROGRAMS "${cuda_library}" DESTINATION "${CMAKE_INSTALL_LIBDIR}")
    install(FILES "${root}/include/butterfly_cuda.h" DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}")
  endif()
endif()
