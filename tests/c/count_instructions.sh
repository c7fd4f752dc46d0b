#!/usr/bin/env bash
# Counts with callgrind what a call of bfly_?mul, or of bfly_?bmv with alpha and beta, for n = 16 and one vector executes
# outside its kernel: at most 250 instructions, and ten more where vectors, alpha and beta are complex. The kernel is the
# function mul_s or mul_d.
#
#     count_instructions.sh SMALL_CALLS
set -euo pipefail
folder="$(mktemp -d)"
trap 'rm -rf "$folder"' EXIT
failed=0
for isa in scalar sse2 avx2; do # valgrind knows no AVX-512
    for function in smul dmul cmul zmul csmul zdmul sbmv dbmv; do
        case $function in s* | c*) t=s ;; *) t=d ;; esac
        case $function in sm* | dm* | sb* | db*) most=250 ;; *) most=260 ;; esac
        BUTTERFLY_ISA=$isa valgrind --quiet --tool=callgrind --callgrind-out-file="$folder/out" \
            --toggle-collect="bfly_$function" "$1" 2>/dev/null
        # inclusive costs by function name
        read -r all kernel < <(callgrind_annotate --inclusive=yes --threshold=100 "$folder/out" | awk -v t="$t" \
            -v call="bfly_$function" '
            { cost = $1; gsub(",", "", cost) }
            $0 ~ ":" call "( |$)" { all = cost }
            $0 ~ ":mul_" t "( |$|\x27)" && kernel == "" { kernel = cost }
            END { print all + 0, kernel + 0 }')
        outside=$(((all - kernel) / 1000))
        echo "bfly_$function on $isa: $((all / 1000)) instructions a call, $outside of them outside the kernel"
        if [ "$kernel" = 0 ] || [ "$outside" -gt $most ]; then failed=1; fi
    done
done
exit $failed
