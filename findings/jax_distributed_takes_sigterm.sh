#!/usr/bin/env bash
# jax.distributed.initialize replaces what a process does on SIGTERM: the signal that ends a Python program is taken by
# JAX's preemption service, and the program goes on; so does one whose own handler was installed before. With
# `jax_enable_preemption_service` off, SIGTERM does what it did. Exits non-zero if that behaviour changes.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q jax==0.10.2 jaxlib==0.10.2 numpy==2.3.4
cat > "$folder/terminated.py" <<'PYTHON'
import os
import signal
import socket
import sys
import time

import jax

with socket.socket() as free:
    free.bind(("127.0.0.1", 0))
    port = free.getsockname()[1]
own = []
if sys.argv[1] == "handler":
    signal.signal(signal.SIGTERM, lambda *_: own.append("own handler"))
if sys.argv[2] == "off":
    jax.config.update("jax_enable_preemption_service", False)
jax.distributed.initialize(f"127.0.0.1:{port}", num_processes=1, process_id=0)
os.kill(os.getpid(), signal.SIGTERM)
time.sleep(1)
print(*own, "goes on")
sys.stdout.flush()
os._exit(0)
PYTHON
run() { "$folder/venv/bin/python" "$folder/terminated.py" "$@" 2> "$folder/errors" || echo "ended with $?"; }
"$folder/venv/bin/python" -c 'import jax; print("jax", jax.__version__)'
for words in "default on" "handler on" "default off" "handler off"; do
    printf '%s: ' "SIGTERM ${words% *}, preemption service ${words#* }"
    run $words | tee "$folder/${words// /-}"
done
grep -qx 'goes on' "$folder/default-on"
grep -qx 'goes on' "$folder/handler-on"
grep -qx 'ended with 143' "$folder/default-off"
grep -qx 'own handler goes on' "$folder/handler-off"
