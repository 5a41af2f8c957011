#!/usr/bin/env bash
# Installs what the tests need beyond the Rust toolchain: a real MQTT broker and the openssl
# command (throw-away certificates). Debian and Ubuntu, as root.
set -euo pipefail
missing=()
for program in mosquitto openssl cc; do
  command -v "$program" >/dev/null || [ -x "/usr/sbin/$program" ] || missing+=("$program")
done
if [ ${#missing[@]} -gt 0 ]; then
  echo "installing: ${missing[*]}"
  export DEBIAN_FRONTEND=noninteractive
  apt-get update -qq
  apt-get install -y -qq --no-install-recommends "${missing[@]/#cc/gcc}"
fi
# The broker of the tests is started by the tests; a system service is not wanted.
if command -v systemctl >/dev/null; then systemctl disable --now mosquitto 2>/dev/null || true; fi
