#!/usr/bin/env bash
# Writes the table of networks into README.md and the picture of them beside this file. It measures for minutes: on a
# machine that does nothing else.
set -euo pipefail
cd "$(dirname "$0")/.."

large=(alexnet zfnet vgg11 vgg16 vgg19 nin googlenet inception-v3 inception-v4 resnet18 resnet34 resnet50 resnet101
    resnet152 preresnet50 wide-resnet50-2 resnext50-32x4d seresnet50 senet154 densenet121 densenet201 squeezenet1.0
    squeezenet1.1)
small=(lenet5 nin-cifar resnet20 resnet110 resnet1202 wrn-28-10 fractalnet)

made=$(mktemp -d)
trap 'rm -rf "$made"' EXIT
report() {
    cargo run --quiet --release -p cnnc -- report --compare --markdown --bench --seconds 3 "$@" | grep "^|"
}
report "${large[@]}" --svg "$made" >"$made/table"
report "${small[@]}" | tail -n +3 >>"$made/table"
cp "$made"/complexity.{light,dark}.svg docs

awk -v table="$made/table" '
    /^<!-- end of networks/ { skipping = 0 }
    !skipping
    /^<!-- networks/ { print ""; while ((getline line < table) > 0) print line; print ""; skipping = 1 }
' README.md >"$made/README.md"
cp "$made/README.md" README.md
