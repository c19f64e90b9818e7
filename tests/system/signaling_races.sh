#!/bin/bash
# signaling_races.sh - muga-signaling at 100 calls/s while everything around it changes: muga-media is killed
# and started anew, log levels switch, every table is polled, and at last all is drained.
#
# Meant for a build with ThreadSanitizer (preset tsan), and passes with any.
. "$(dirname "$0")/alone_lib.sh"
MUGA_MEDIA=${MUGA_MEDIA:-$MUGA_BUILD/media/muga-media}
SECONDS_OF_LOAD=${SECONDS_OF_LOAD:-20}
open_namespace sipp jq curl
cat >"$dir/muga.yaml" <<-EOT
version: 1
node: {id: races, workers: 2, run_dir: $dir/run}
dataplane:
  hugepages: false
  memory: 256MiB
  devices: {none0: {kind: "null"}}
realms:
  access:
    sip: [{udp: "127.0.0.1:5060"}]
    media: {device: none0, addresses: [127.0.0.11], ports: 20000-29999}
  core:
    sip: [{udp: "127.0.0.2:5060"}]
    media: {device: none0, addresses: [127.0.0.12], ports: 20000-29999}
trunks:
  phones: {realm: access, hosts: ["127.0.0.3:5090"]}
  carrier: {realm: core, hosts: ["127.0.0.4:5080"]}
routes:
  - {match: {from_trunk: phones}, to: carrier}
limits: {calls: 1000, quarantine: 1s}
EOT

logged() { [ "$(grep -c " $1 " "$dir/signaling.log")" -ge "$2" ]; }

start_media() {
	ip netns exec "$ns" "$MUGA_MEDIA" --config "$dir/muga.yaml" --foreground >>"$dir/media.log" 2>&1 &
	media=$!
}

poll_all() { # what operators look at, again and again; each answer must be JSON
	while [ ! -e "$dir/stop" ]; do
		for words in "show calls" "show calls --ended" "show trunks" "show ports" "show media" "show flows"; do
			# shellcheck disable=SC2086
			muga $words --json | jq -e . >/dev/null || echo "$words" >>"$dir/polls.failed"
		done
		curl -s --max-time 2 --unix-socket "$dir/run/muga.sock" http://x/v1/metrics |
			jq -e '.core.received' >/dev/null || echo metrics >>"$dir/polls.failed"
		muga log sip debug >/dev/null && muga log all info >/dev/null ||
			echo log >>"$dir/polls.failed"
	done
}

export TSAN_OPTIONS=${TSAN_OPTIONS:-halt_on_error=0 history_size=4}
ip netns exec "$ns" "$MUGA_BUILD/signaling/muga-signaling" --config "$dir/muga.yaml" --foreground \
	2>"$dir/signaling.log" &
signaling=$!
report "start without media" wait_for 20 test -S "$dir/run/muga.sock"
start_media
report "media's file is attached when it appears" wait_for 20 logged media_attached 1
report "media is seen to live" wait_for 20 logged media_up 1

start_callee 127.0.0.4
(cd "$dir" && exec ip netns exec "$ns" sipp -sn uac 127.0.0.1:5060 -i 127.0.0.3 -p 5090 -s 4930123 -r 100 \
	-m $((SECONDS_OF_LOAD * 100)) -d 500 -nostdin -trace_err -error_file "$dir/uac.err") >"$dir/uac.out" 2>&1 &
caller=$!
poll_all &
poller=$!

sleep 4
kill -9 "$media"
report "media's death is noticed" wait_for 10 logged media_down 1
sleep 1
start_media
report "its next life too" wait_for 20 logged media_up 2
sleep 2
kill -TERM "$media"
wait "$media" 2>/dev/null
rm -f "$dir/run/shm/media.seg"
start_media
report "another file of media is attached" wait_for 20 logged media_attached 2
wait "$caller"
report "no call failed" test $? = 0
touch "$dir/stop"
wait "$poller"
report "every poll was answered" test ! -e "$dir/polls.failed"
report "all calls are gone" wait_for 10 sh -c "'$MUGA_BUILD/tools/muga' --config '$dir/muga.yaml' \
	show calls --json | jq -e '.total == 0' >/dev/null"

(cd "$dir" && exec ip netns exec "$ns" sipp -sn uac 127.0.0.1:5060 -i 127.0.0.3 -p 5091 -s 1 -r 100 -m 800 \
	-d 20000 -nostdin) >"$dir/drain.out" 2>&1 &
caller=$!
sleep 1.5
report "drain is taken" sh -c "'$MUGA_BUILD/tools/muga' --config '$dir/muga.yaml' drain >/dev/null"
sleep 0.5
curl -s --unix-socket "$dir/run/muga.sock" http://x/v1/metrics >"$dir/metrics.json"
report "new calls are sent elsewhere" sh -c "jq -e '.core.refused_draining > 0' '$dir/metrics.json' >/dev/null"
wait "$signaling"
report "drain ends the process" test $? = 0
kill -9 "$caller" 2>/dev/null
report "no sanitizer report" test -z "$(grep -E 'Sanitizer|runtime error' "$dir/signaling.log")"
[ $failed = 0 ] || show_logs
exit $failed
