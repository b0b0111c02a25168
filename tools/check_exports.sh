#!/usr/bin/env bash
# Checks that the shared library exports laminar_* and nothing else, that each function of the public headers is exported, and that
# the Python extension exports its init function alone and needs no library beyond the C run-time: tools/check_exports.sh [build folder]
set -euo pipefail
cd "$(dirname "$0")/.."
build=${1:-build}
library=$build/liblaminar.so
failed=0
if [ ! -e "$library" ]; then
    echo "check_exports: no $library yet"
    exit 0
fi
exported=$(nm -D --defined-only "$library" | awk '{ print $3 }' | sort -u)
if strange=$(grep -v '^laminar_' <<<"$exported"); then
    echo "check_exports: exported, but not laminar_*:" $strange >&2
    failed=1
fi
declared=$(cat include/laminar/*.h | tr '\n' ' ' | grep -oE 'LAMINAR_API[^;]*' | grep -oE '\blaminar_[a-z0-9_]+ *\(' | tr -d ' (' | sort -u)
if absent=$(comm -23 <(echo "$declared") <(echo "$exported") | grep .); then
    echo "check_exports: declared in include/laminar, but not in the library:" $absent >&2
    failed=1
fi
for extension in "$build"/python/laminardb/_laminar*.so; do
    [ -e "$extension" ] || continue
    if strange=$(nm -D --defined-only "$extension" | awk '{ print $3 }' | grep -v '^PyInit_'); then
        echo "check_exports: the extension exports" $strange >&2
        failed=1
    fi
    if needed=$(objdump -p "$extension" | awk '$1 == "NEEDED" { print $2 }' | grep -vE '^(libc|libm|libpthread|libdl|librt|ld-linux.*|libgcc_s|libasan|libubsan)\.so'); then
        echo "check_exports: the extension needs" $needed >&2
        failed=1
    fi
done
[ $failed = 0 ] && echo "check_exports: $(wc -l <<<"$exported") functions exported"
exit $failed
