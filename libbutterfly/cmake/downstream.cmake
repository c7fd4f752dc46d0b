# Installs the built library in a fresh folder, then builds and runs the downstream project against it: with
# find_package, and where there is pkg-config also with its flags.
#
#     cmake -DBUILD=... -DSOURCE=libbutterfly/downstream -DWORK=... -DCC=... -DFLAGS=... -DSHARED=ON -P downstream.cmake
cmake_minimum_required(VERSION 3.18)

function(run)
  execute_process(COMMAND ${ARGN} RESULT_VARIABLE failed OUTPUT_VARIABLE out ERROR_VARIABLE out)
  if(failed)
    string(REPLACE ";" " " command "${ARGN}")
    message(FATAL_ERROR "${command}\nfailed (${failed}):\n${out}")
  endif()
  set(out "${out}" PARENT_SCOPE)
endfunction()

file(REMOVE_RECURSE "${WORK}")
run("${CMAKE_COMMAND}" --install "${BUILD}" --prefix "${WORK}/first")
# The installed tree does not know where it lies.
file(RENAME "${WORK}/first" "${WORK}/prefix")
run("${CMAKE_COMMAND}" -S "${SOURCE}" -B "${WORK}/build" "-DCMAKE_PREFIX_PATH=${WORK}/prefix"
  "-DCMAKE_C_COMPILER=${CC}" "-DCMAKE_C_FLAGS=${FLAGS}" "-DCMAKE_BUILD_TYPE=Release")
run("${CMAKE_COMMAND}" --build "${WORK}/build" --config Release)
file(GLOB programs "${WORK}/build/with_*")
list(LENGTH programs count)
if(count EQUAL 0)
  message(FATAL_ERROR "the downstream project built no program")
endif()
foreach(program IN LISTS programs)
  run("${program}")
  message(STATUS "${program}: ${out}")
endforeach()

find_program(PKG_CONFIG NAMES pkg-config pkgconf)
if(NOT PKG_CONFIG)
  message(STATUS "no pkg-config here")
  return()
endif()
file(GLOB_RECURSE pc "${WORK}/prefix/*/butterfly.pc")
get_filename_component(pc_dir "${pc}" DIRECTORY)
get_filename_component(lib_dir "${pc_dir}" DIRECTORY)
set(ENV{PKG_CONFIG_PATH} "${pc_dir}")
run("${PKG_CONFIG}" --cflags --libs butterfly)
separate_arguments(flags UNIX_COMMAND "${out} ${FLAGS}")
run("${CC}" "${SOURCE}/main.c" -o "${WORK}/with_pkg_config" ${flags} "-Wl,-rpath,${lib_dir}")
run("${WORK}/with_pkg_config")
message(STATUS "pkg-config: ${out}")
