#!/usr/bin/env bash
# Does what libbutterfly/README.md says, in a clean folder: a code block that begins with a file's name is written to it,
# bash blocks are run one after the other.
#
#     test_readme.sh ROOT BUILD        BUILD: a finished build to install, instead of the page's own first block; or -
set -euo pipefail
root="$1" build="$2"
folder="$(mktemp -d)"
trap 'rm -rf "$folder"' EXIT
cd "$folder"
ln -s "$root" butterfly
unset PKG_CONFIG_PATH LD_LIBRARY_PATH CMAKE_PREFIX_PATH

awk '
    /^```/ && !inside { inside = 1; first = 1; kind = substr($0, 4); name = ""; next }
    /^```/ { inside = 0; if (kind == "bash") close(name); next }
    !inside { next }
    first && kind == "bash" { name = sprintf("step%02d.sh", ++steps) }
    first && kind != "bash" && /^(\/\*|\/\/|!|#) [A-Za-z0-9_.]+( \*\/)?$/ { name = $2 }
    { first = 0; if (name != "") print > name }' "$root/libbutterfly/README.md"
ls

have() { command -v "$1" >/dev/null; }
step=0
for script in step*.sh; do
    step=$((step + 1))
    if [ "$step" = 1 ] && [ "$build" != - ]; then
        cmake --install "$build" --prefix "$PWD/prefix" >/dev/null
        libraries="$(dirname "$(find prefix -name 'libbutterfly.*' | head -n 1)")"
        [ -d prefix/lib ] && [ -e prefix/lib/pkgconfig ] || ln -sfn "$PWD/$libraries" prefix/lib
        continue
    fi
    printf '\n'
    cat "$script"
    if grep -q '^gfortran' "$script" && ! have gfortran; then echo "no gfortran here"; continue; fi
    if grep -q '^c++' "$script" && ! have c++; then echo "no c++ here"; continue; fi
    # shellcheck disable=SC1090
    . "./$script"
done

ones="1 1 1 1 1 1 1 1" signs="1 -1 1 -1 1 -1 1 -1"
[ "$(./hello_c)" = "$ones"$'\n'"$signs" ]
[ "$(./hello_build/hello)" = "$ones"$'\n'"$signs" ]
if have c++; then
    ./hello_cxx | grep -q "^$signs *$"
    ./hello_cxx | grep -q "argument 4 (n)"
fi
if have gfortran; then ./hello_fortran | grep -q "^ *1.0 *-1.0 *1.0 *-1.0 *1.0 *-1.0 *1.0 *-1.0 *$"; fi
[ "$step" -ge 5 ]
echo "all steps of the page work"
