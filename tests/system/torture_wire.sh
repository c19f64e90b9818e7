#!/bin/bash
# torture_wire.sh - muga-signaling under attack over UDP: tools/sipattack against two workers.
#
# No media process, no laboratory: a namespace with one address for each role. Prints "ok NAME" and
# "not ok NAME" lines; exit 0 when all are ok, 77 where the machine cannot run it. Arguments are
# passed on: phases, --seed N, --count N, --long.

set -u
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)
MUGA_BUILD=${MUGA_BUILD:-$root/build/release}
ns=muga-torture-$$
dir=$(mktemp -d /tmp/muga-torture-XXXXXX)
signaling=

for program in python3 ip; do
	command -v "$program" >/dev/null || { echo "reason: $program is not installed"; exit 77; }
done
[ "$(id -u)" = 0 ] || { echo "reason: network namespaces need root"; exit 77; }

cleanup() {
	[ -n "$signaling" ] && kill -9 "$signaling" 2>/dev/null
	ip netns del "$ns" 2>/dev/null
	rm -rf "$dir"
}
trap cleanup EXIT
trap 'exit 1' INT TERM

ip netns add "$ns" || exit 77
ip -n "$ns" link set lo up
for n in 1 2 3 4 5 9; do
	ip -n "$ns" addr add "10.77.0.$n/32" dev lo
	ip -n "$ns" addr add "fd77::$n/128" dev lo nodad
done

cat >"$dir/muga.yaml" <<-EOT
version: 1
node: {id: torture, workers: 2, run_dir: $dir/run}
dataplane:
  hugepages: false
  devices: {none0: {kind: "null"}}
realms:
  access:
    sip: [{udp: "10.77.0.1:5060"}, {udp: "[fd77::1]:5060"}]
    media: {device: none0, addresses: [10.77.0.11, "fd77::11"], ports: 20000-24095}
  core:
    sip: [{udp: "10.77.0.2:5060"}, {udp: "[fd77::2]:5060"}]
    media: {device: none0, addresses: [10.77.0.12, "fd77::12"], ports: 20000-24095}
trunks:
  phones: {realm: access, hosts: ["10.77.0.3:5090", "[fd77::3]:5090"]}
  carrier4: {realm: core, hosts: ["10.77.0.4:5080"]}
  carrier6: {realm: core, hosts: ["[fd77::4]:5080"]}
  small: {realm: core, hosts: ["10.77.0.5:5080"], limits: {calls: 10}}
routes:
  - {match: {from_trunk: phones, to: "6*"}, to: carrier6}
  - {match: {from_trunk: phones, to: "8*"}, to: small}
  - {match: {from_trunk: phones}, to: carrier4}
limits: {calls: 1000, quarantine: 1s, ring_timeout: 4s}
EOT

# A sanitizer's quarantine would hide what is not given back.
export ASAN_OPTIONS=${ASAN_OPTIONS:-quarantine_size_mb=1}
ip netns exec "$ns" "$MUGA_BUILD/signaling/muga-signaling" --config "$dir/muga.yaml" --foreground \
	2>"$dir/signaling.log" &
signaling=$!
for _ in $(seq 200); do
	[ -S "$dir/run/muga.sock" ] && break
	sleep 0.05
done
[ -S "$dir/run/muga.sock" ] || { cat "$dir/signaling.log"; echo "not ok start"; exit 1; }

[ "${MUGA_LONG:-0}" = 1 ] && set -- --long "$@"
ip netns exec "$ns" python3 "$here/tools/sipattack/main.py" --muga "$MUGA_BUILD/tools/muga" \
	--config "$dir/muga.yaml" --pid "$signaling" --log "$dir/signaling.log" \
	--messages "$root/tests/torture/sip" "$@"
failed=$?
kill -TERM "$signaling"
wait "$signaling"
status=$?
signaling=
if [ $status = 0 ]; then
	echo "ok clean stop"
else
	echo "not ok clean stop"
	failed=1
fi
[ $failed = 0 ] || grep -v ' call_end ' "$dir/signaling.log" | tail -n 60 | cut -c1-300
exit $failed
