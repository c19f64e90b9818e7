#!/bin/bash
# signaling_restart.sh - muga-signaling killed under load and started again, beside itself, with another
# configuration, on files of another boot and where it may not read: what it does and how it says so.
. "$(dirname "$0")/alone_lib.sh"
open_namespace sipp jq

config() { # CALLS-MAX MEDIA-ADDRESS
	cat >"$dir/muga.yaml" <<-EOT
	$(config_head)
	realms:
	  access:
	    sip: [{udp: "127.0.0.1:5060"}]
	    media: {device: none0, addresses: [$2], ports: 20000-29999}
	  core:
	    sip: [{udp: "127.0.0.2:5060"}]
	    media: {device: none0, addresses: [127.0.0.12], ports: 20000-29999}
	trunks:
	  phones: {realm: access, hosts: ["127.0.0.3:5090"]}
	  carrier: {realm: core, hosts: ["127.0.0.4:5080"]}
	routes:
	  - {match: {from_trunk: phones}, to: carrier}
	limits: {calls: $1, quarantine: 1s, orphan_timeout: 4s}
	EOT
}

# refused TEXT: a start ends with status 1 and says TEXT.
refused() {
	timeout 20 ip netns exec "$ns" "$MUGA_BUILD/signaling/muga-signaling" --config "$dir/muga.yaml" \
		--foreground 2>"$dir/refused.log"
	[ $? = 1 ] && grep -q -- "$1" "$dir/refused.log" && return 0
	cat "$dir/refused.log"
	return 1
}

used() { muga show ports --json | jq '[.addresses[].used] | add'; }
is_unused() { [ "$(used)" = 0 ]; }
seconds_since() { echo "$(($(date +%s%N) - $1))" | sed 's/......$//'; }

call_works() { # one call, set up and ended
	(cd "$dir" && timeout 10 ip netns exec "$ns" sipp -sn uac 127.0.0.1:5060 -i 127.0.0.3 -p 5094 -s 1 -m 1 -d 0 \
		-nostdin -timeout 5) >"$dir/one.out" 2>&1
}

config 1000 127.0.0.11
report "start" start_signaling
start_callee 127.0.0.4
(cd "$dir" && exec ip netns exec "$ns" sipp -sn uac 127.0.0.1:5060 -i 127.0.0.3 -p 5090 -s 1 -r 50 -m 100 -d 60000 \
	-nostdin) >"$dir/uac.out" 2>&1 &
caller=$!
sleep 2.5
report "100 calls stand" test "$(muga show calls --json | jq .total)" = 100
report "a second instance is refused" refused 'another muga-signaling holds'
report "the first one still answers" answers

kill -9 "$signaling"
wait "$signaling" 2>/dev/null
kill -9 "$caller"
before=$(used)
report "flows outlive it" test "$before" = 400
started=$(date +%s%N)
report "start after kill -9" start_signaling
report "its flows are taken over" test "$(used)" = 400
report "calls of before are no calls" test "$(muga show calls --json | jq .total)" = 0
until call_works || [ "$(seconds_since "$started")" -gt 15000 ]; do sleep 0.1; done
took=$(seconds_since "$started")
report "new calls pass again ($took ms after the start)" test "$took" -lt 6000
report "orphans are retired" wait_for 12 is_unused
took=$(seconds_since "$started")
report "not before orphan_timeout ($took ms)" test "$took" -ge 4000

# Living flows, and a configuration whose file would have to be another one.
(cd "$dir" && exec ip netns exec "$ns" sipp -sn uac 127.0.0.1:5060 -i 127.0.0.3 -p 5091 -s 1 -r 50 -m 5 -d 60000 \
	-nostdin) >"$dir/uac.out" 2>&1 &
sleep 1.5
kill -9 "$signaling"
wait "$signaling" 2>/dev/null
config 50000 127.0.0.11
report "another size is refused while calls live" refused 'segment_stale.*living calls'
config 1000 127.0.0.13
report "other addresses likewise" refused 'segment_stale.*living calls'
config 1000 127.0.0.11
report "the old configuration starts" start_signaling
report "and retires the orphans" wait_for 12 is_unused
kill -TERM "$signaling"
wait "$signaling"
config 50000 127.0.0.13
report "without flows the new one starts" start_signaling
report "and calls pass" wait_for 15 call_works
kill -9 "$signaling"
wait "$signaling" 2>/dev/null

# Files that cannot be gone on with.
head -c 8192 /dev/urandom >"$dir/run/shm/signaling.seg"
report "garbage under the name is refused" refused 'segment_failed.*damaged'
rm -f "$dir/run/shm/signaling.seg"
mkdir "$dir/run/shm/signaling.seg"
report "a directory in its place is refused" refused 'segment_failed'
rmdir "$dir/run/shm/signaling.seg"
rm -rf "$dir/run/shm"
: >"$dir/run/shm"
report "a file in place of shm_dir is refused" refused 'segment_failed.*Not a directory'
rm -f "$dir/run/shm"
report "and all is well without them" start_signaling
kill -TERM "$signaling"
wait "$signaling"
report "stops with 0" test $? = 0
report "no sanitizer report" test -z "$(grep -E 'Sanitizer|runtime error' "$dir"/*.log)"
[ $failed = 0 ] || show_logs
exit $failed
