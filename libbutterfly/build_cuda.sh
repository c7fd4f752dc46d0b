#!/bin/sh
# Compiles libbutterfly_cuda.so from src/cuda; used by CMake and by setup.py, so that there is one recipe.
#
#     sh build_cuda.sh OUT OBJECTS        OUT: the library; OBJECTS: a folder for objects and logs
#
# BUTTERFLY_CUDA=auto   compile when there is an nvcc that works; otherwise one line says why not, and the exit status
#                       is 0: nobody else needs this library. This is the default
#                1      fail when it cannot be compiled
#                0      do nothing
# BUTTERFLY_CUDA_ARCHS  "90", "80 90", ... or "all". Default: that of the GPU at hand, or else 90. PTX of the newest one
#                       is added, so that later GPUs can run it too
# NVCC, CUDA_HOME       where to look for nvcc before PATH and /usr/local/cuda; a wrapper script will do
# With nothing changed since the last time, nothing is compiled. OBJECTS/ptxas.log holds registers and spills.
set -u

out=$1
objects=$2
mode=${BUTTERFLY_CUDA:-auto}
here=$(CDPATH= cd -- "$(dirname -- "$0")" && pwd)
root=$(dirname -- "$here")

# gives up: without CUDA when that was allowed
give_up() {
    rm -f "$out"
    if [ "$mode" = 1 ]; then
        echo "error: BUTTERFLY_CUDA=1, but the CUDA library was not built: $1" >&2
        exit 1
    fi
    echo "notice: building without CUDA: $1" >&2
    exit 0
}

case $mode in
0) rm -f "$out"; exit 0 ;;
1 | auto) ;;
*) echo "error: BUTTERFLY_CUDA is '$mode': it has to be auto, 0 or 1" >&2; exit 1 ;;
esac
[ "$(uname -s)" = Linux ] || give_up "only Linux is supported"

nvcc=
for candidate in "${NVCC:-}" "${CUDA_HOME:+$CUDA_HOME/bin/nvcc}" "$(command -v nvcc || true)" /usr/local/cuda/bin/nvcc; do
    if [ -n "$candidate" ] && command -v "$candidate" >/dev/null 2>&1; then
        nvcc=$candidate
        break
    fi
done
[ -n "$nvcc" ] || give_up "no nvcc found (set NVCC or CUDA_HOME if there is one)"

# A wrapper's own folder says nothing about the toolkit: nvcc itself tells.
plan=$("$nvcc" -dryrun -c nothing.cu 2>&1) || give_up "$nvcc -dryrun failed"
top=$(printf '%s\n' "$plan" | sed -n 's/^#\$ TOP=//p')
[ -d "${top:-/none}" ] || give_up "$nvcc does not say where its toolkit is"

known=$("$nvcc" --list-gpu-code 2>/dev/null | sed -n 's/^sm_\([0-9]*\)$/\1/p' | sort -n)
archs=${BUTTERFLY_CUDA_ARCHS:-}
if [ "$archs" = all ]; then
    archs=
    for arch in 75 80 86 89 90 100 103 110 120; do
        printf '%s\n' $known | grep -qx "$arch" && archs="$archs $arch"
    done
elif [ -z "$archs" ]; then
    archs=$(nvidia-smi --query-gpu=compute_cap --format=csv,noheader 2>/dev/null | tr -d . | grep -x '[0-9]*' | sort -nu | tr '\n' ' ')
    [ -n "$archs" ] || archs=90
    for arch in $archs; do # a toolkit that does not know the GPU yet, or no longer
        printf '%s\n' $known | grep -qx "$arch" || archs=$(printf '%s\n' $known | awk '$1 <= 90' | tail -1)
    done
fi
codes=
names=
newest=
for arch in $archs; do
    codes="$codes -gencode arch=compute_$arch,code=sm_$arch"
    names="$names sm_$arch"
    newest=$arch
done
[ -n "$newest" ] || give_up "no architecture to compile for"
codes="$codes -gencode arch=compute_$newest,code=compute_$newest"
names="${names# } compute_$newest"
flags="-std=c++17 -O3 $codes -Xcompiler -fPIC,-fvisibility=hidden -DBFLY_BUILDING -DBFLY_SHARED ${BUTTERFLY_CUDA_FLAGS:-}"

mkdir -p "$objects" "$(dirname -- "$out")" || give_up "cannot write $objects"
recipe="$nvcc $top $flags"
if [ -f "$out" ] && [ "$(cat "$objects/recipe" 2>/dev/null)" = "$recipe" ] &&
    [ -z "$(find "$root/src/cuda" "$root/src/index.h" "$root/include" "$0" -newer "$out" -type f)" ]; then
    exit 0
fi
rm -f "$out" "$objects"/*.o "$objects"/*.log "$objects/recipe"

echo "compiling libbutterfly_cuda.so for $names" >&2
# the kernels first: they decide how long it takes
list=$(for file in "$root"/src/cuda/kernels_*.cu "$root"/src/cuda/*.cu; do echo "$file"; done | awk '!seen[$0]++')
jobs=$(getconf _NPROCESSORS_ONLN 2>/dev/null || echo 2)
export nvcc flags names root objects
# shellcheck disable=SC2016
printf '%s\n' "$list" | xargs -P "$jobs" -I FILE sh -c '
    name=$(basename "FILE" .cu)
    "$nvcc" $flags -DBFLY_CUDA_ARCHS="\"$names\"" -I"$root/include" -I"$root/src" -Xptxas -v -c "FILE" -o "$objects/$name.o" \
        >"$objects/$name.log" 2>&1' ||
    give_up "$nvcc failed: $(cat "$objects"/*.log | grep -m 1 -iE 'error|fatal|not found' || echo "see $objects")"
cat "$objects"/*.log >"$objects/ptxas.log"
# shellcheck disable=SC2086
"$nvcc" -shared -cudart static $codes -Xlinker --exclude-libs,ALL -Xlinker -soname,libbutterfly_cuda.so "$objects"/*.o -o "$out.new" \
    >"$objects/link.log" 2>&1 || give_up "linking failed: $(grep -m 1 -iE 'error|cannot' "$objects/link.log" || echo "see $objects")"
mv "$out.new" "$out"
printf '%s' "$recipe" >"$objects/recipe"
