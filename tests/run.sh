#!/usr/bin/env bash
# Runs all tests. Makes what they need first: a Python environment with onnx and onnxruntime, and from it the cases of
# the onnx package, the light graphs with random weights and the outputs of onnxruntime; emulators of other machines.
# Further arguments go to `cargo test`.
set -euo pipefail
cd "$(dirname "$0")/.."

venv=.venv
if [ ! -x "$venv/bin/python" ] || ! cmp -s tests/requirements.txt "$venv/requirements.txt"; then
    echo "making a Python environment in $venv"
    rm -rf "$venv"
    python3 -m venv "$venv"
    "$venv/bin/pip" install --quiet --disable-pip-version-check -r tests/requirements.txt
    cp tests/requirements.txt "$venv/requirements.txt"
fi

# Other machines: emulators and a cross compiler; valgrind. Without them those tests skip.
if ! command -v qemu-aarch64 qemu-x86_64 aarch64-linux-gnu-gcc valgrind | awk 'END { exit NR < 4 }'; then
    packages="qemu-user gcc-aarch64-linux-gnu libc6-dev-arm64-cross valgrind"
    echo "installing $packages"
    if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null ||
        ! (apt-get update && apt-get install --yes --no-install-recommends $packages) >/dev/null 2>&1; then
        echo "skipped: they cannot be installed here, so no models on other machines or in valgrind"
    fi
fi

cases=target/oracle/onnx
if ! cmp -s tests/onnx_cases.py "$cases/onnx_cases.py" || ! cmp -s tests/requirements.txt "$cases/requirements.txt"; then
    rm -rf "$cases"
    "$venv/bin/python" tests/onnx_cases.py "$cases"
    cp tests/onnx_cases.py tests/requirements.txt "$cases"
fi

light=../shared/bench/light_random.py
if [ -f "$light" ]; then
    for ((seed = 0; seed < ${CNNC_LIGHT_SEEDS:-1}; seed++)); do
        for name in alexnet zfnet512 vgg19 inception_v1 inception_v2 resnet50 densenet121 squeezenet shufflenet; do
            out="target/oracle/light_random/$name-$seed"
            [ -f "$out/done" ] && continue
            file=$name
            [ "$name" = alexnet ] && file=bvlc_alexnet
            "$venv/bin/python" "$light" "$file" "$out" "$seed" >/dev/null
            touch "$out/done"
        done
    done
    # From here on they must be there.
    export CNNC_LIGHT_SEEDS=${CNNC_LIGHT_SEEDS:-1}
else
    echo "skipped: $light is missing, so no light graphs with random weights"
fi

export CNNC_PYTHON="$PWD/$venv/bin/python"
log=$(mktemp)
trap 'rm -f "$log"' EXIT
status=0
cargo test --workspace --no-fail-fast "$@" 2>&1 | tee "$log" || status=$?
awk '/^test result:/ { passed += $4; failed += $6 } END { print passed + 0 " passed, " failed + 0 " failed" }' "$log"
# What was left out, and how often.
{ grep -o 'skipped: .*' "$log" || true; } | sort | uniq -c
exit "$status"
