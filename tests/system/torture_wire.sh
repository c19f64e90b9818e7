#!/bin/bash
# torture_wire.sh - muga-signaling under attack over UDP: tools/sipattack against two workers.
#
# A namespace with one address for each role. Arguments are passed on: phases, --seed N, --count N, --long.
# run: first
. "$(dirname "$0")/alone_lib.sh"
open_namespace python3
for n in 1 2 3 4 5 9; do
	ip -n "$ns" addr add "10.77.0.$n/32" dev lo
	ip -n "$ns" addr add "fd77::$n/128" dev lo nodad
done

cat >"$dir/muga.yaml" <<-EOT
$(config_head)
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
start_signaling || { show_logs; echo "not ok start"; exit 1; }

[ "${MUGA_LONG:-0}" = 1 ] && set -- --long "$@"
ip netns exec "$ns" python3 "$here/tools/sipattack/main.py" --muga "$MUGA_BUILD/tools/muga" \
	--config "$dir/muga.yaml" --pid "$signaling" --log "$dir/signaling.log" \
	--messages "$root/tests/torture/sip" "$@"
failed=$?
report "clean stop" stop_signaling
[ $failed = 0 ] || LOG_LINES=60 show_logs
exit $failed
