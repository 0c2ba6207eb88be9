#!/usr/bin/env bash
# Puts the peers of the training benchmark into a folder of their own, each in a Python environment of its own, from the package registry: PyTorch,
# onnxruntime-training 1.19.2 (the last one there is), and onnxsim, which compiles gradients into ONNX as well. What does not install is named
# and skipped. Needs a Python 3.10 to 3.12 with venv and pip, and about 6 GB for PyTorch, whose wheels for PCs bring CUDA along.
# usage: set-up-peers.sh FOLDER [NAME …]      then: npm run bench -- train --peers FOLDER
set -uo pipefail
folder=${1:-}
if [[ -z $folder || $folder == -* ]]; then
  echo "usage: set-up-peers.sh FOLDER [torch|onnxruntime-training|onnxsim …]" >&2
  exit 64
fi
shift
declare -A packages=(
  [torch]='torch numpy'
  [onnxruntime-training]='onnxruntime-training==1.19.2 onnx<1.17 numpy<2'
  [onnxsim]='onnxsim onnxruntime onnx numpy'
)
# The last onnxruntime-training has no wheels for 3.12; onnxsim wants 3.11.
declare -A pythons=([torch]='3.11 3.12 3.10' [onnxruntime-training]='3.11 3.10' [onnxsim]='3.11 3.12')

# The first Python of these versions that can make an environment.
python_of() {
  local version name
  for version in "$@"; do
    for name in "python$version" python3 "$HOME"/.pyenv/versions/"$version".*/bin/python3; do
      command -v "$name" >/dev/null 2>&1 || continue
      "$name" -c "import sys, venv, ensurepip; sys.exit('%d.%d' % sys.version_info[:2] != '$version')" 2>/dev/null && echo "$name" && return 0
    done
  done
  return 1
}

# onnxruntime-training's tools import PyTorch: the one beside it where that is of the same Python, else one of its own.
with_torch() {
  local place=$1 beside
  beside=$("$folder/torch/bin/python" -c 'import site; print(site.getsitepackages()[0])' 2>/dev/null)
  if [[ -e $folder/torch/ready && ${beside##*/lib/} == "$(cd "$place/lib" && ls -d python3*)/site-packages" ]]; then
    echo "$beside" >"$place/lib/${beside##*/lib/}/torch-beside.pth"
  else
    "$place/bin/pip" install --quiet --disable-pip-version-check torch 'numpy<2' 2>&1
  fi
}

mkdir -p "$folder" || exit 73
folder=$(cd "$folder" && pwd -P)
[[ $# -gt 0 ]] || set -- torch onnxruntime-training onnxsim
ready=0
for peer in "$@"; do
  if [[ -z ${packages[$peer]:-} ]]; then
    echo "skipped $peer: there is no such peer" >&2
    continue
  fi
  read -ra versions <<<"${pythons[$peer]}"
  read -ra wanted <<<"${packages[$peer]}"
  if ! python=$(python_of "${versions[@]}"); then
    echo "skipped $peer: no Python ${pythons[$peer]// / or } with venv is here" >&2
    continue
  fi
  place=$folder/$peer
  # A marker behind the installation, so that one which was broken off is begun again.
  if [[ ! -e $place/ready ]]; then
    rm -rf -- "$place"
    if ! log=$("$python" -m venv "$place" 2>&1 && "$place/bin/pip" install --quiet --disable-pip-version-check "${wanted[@]}" 2>&1 &&
      { [[ $peer != onnxruntime-training ]] || with_torch "$place"; }); then
      echo "skipped $peer: $(tail -n 1 <<<"$log")" >&2
      rm -rf -- "$place"
      continue
    fi
    touch "$place/ready"
  fi
  echo "set up $peer ($("$place/bin/python" --version))"
  ready=$((ready + 1))
done
[[ $ready -gt 0 ]] || exit 69
