#!/usr/bin/env bash
# Regenerates agent/onnx/proto/onnx_pb.ts from onnx.proto. The compiler is fetched for this one use; nothing else needs it.
set -euo pipefail
cd "$(dirname "$0")/.."
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
npm install --prefix "$work" --no-save --silent @bufbuild/buf@1.75.0 @bufbuild/protoc-gen-es@2.17.0 @bufbuild/protobuf@2.17.0
cat >"$work/buf.gen.yaml" <<YAML
version: v2
inputs: [{directory: agent/onnx/proto}]
plugins: [{local: $work/node_modules/.bin/protoc-gen-es, out: agent/onnx/proto, opt: [target=ts]}]
YAML
PATH="$PWD/node_modules/.bin:$PATH" "$work/node_modules/.bin/buf" generate --template "$work/buf.gen.yaml"
