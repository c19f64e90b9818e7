#!/bin/bash
# signaling_smoke.sh - muga-signaling alone, on the loopback of a namespace: no media process, no laboratory.
#
# 200 SIPp calls at 50/s, IPv4 and IPv6, none may fail; then what the CLI tells about them, and a clean stop.
. "$(dirname "$0")/alone_lib.sh"
open_namespace sipp jq curl
for n in 1 2 3 4; do
	ip -n "$ns" addr add "fd00::$n/128" dev lo nodad
done

# config PHONE-SIDE TRUNK-SIDE CALLER CALLEE (addresses as YAML has them)
config() {
	cat >"$dir/muga.yaml" <<-EOF
	$(config_head)
	realms:
	  access:
	    sip: [{udp: "$1:5060"}]
	    media: {device: none0, addresses: [$5], ports: 20000-29999}
	  core:
	    sip: [{udp: "$2:5060"}]
	    media: {device: none0, addresses: [$6], ports: 20000-29999}
	trunks:
	  phones: {realm: access, hosts: ["$3:5090"]}
	  carrier: {realm: core, hosts: ["$4:5080"]}
	routes:
	  - {match: {from_trunk: phones}, to: carrier}
	limits: {calls: 1000, quarantine: 1s}
	EOF
}

call_through() { # BORDER CALLER
	(cd "$dir" && ip netns exec "$ns" timeout 60 sipp -sn uac "$1:5060" -i "$2" -p 5090 -s 4930123 \
		-m 200 -r 50 -d 500 -nostdin -trace_err -error_file "$dir/uac.err") >"$dir/uac.out" 2>&1
}

ended_well() { # every call ended by BYE, both legs named
	muga show calls --ended --json | jq -e '.total == 200 and
		([.calls[] | select(.cause == "bye" and .code == 200 and .codec == "PCMU"
			and .legs[0].realm == "access" and .legs[1].realm == "core")] | length) == 200' \
		>/dev/null
}

tables_print() {
	muga show calls | grep -q 'no calls' && muga show trunks | grep -q carrier &&
		muga show ports | grep -q access && muga show flows | grep -q 'no flows' &&
		muga shmdump | grep -q 'signaling.seg' &&
		muga shmdump --json | jq -e '.signaling.writer_is_alive' >/dev/null
}

ports_come_back() { # all free once grace and quarantine are over
	wait_for 10 sh -c "'$MUGA_BUILD/tools/muga' --config '$dir/muga.yaml' show ports --json |
		jq -e 'all(.addresses[]; .used == 0 and .resting == 0)' >/dev/null"
}

no_loss() { # nothing dropped on the way between the workers, nor refused by the kernel
	[ "$(metric '.net.ring_full + .net.send_errors + .net.kernel_drops + .net.lost_owner')" = 0 ] &&
		[ "$(metric '.net.passed')" -gt 0 ]
}

transactions_are_told() { # INVITE and BYE by either leg, and the BYEs' server side lingers
	[ "$(metric '.transactions.client_started')" -ge 400 ] &&
		[ "$(metric '.transactions.server_started')" -ge 400 ] &&
		[ "$(metric '.transactions.lingering')" -gt 0 ]
}

runs_as() {
	wait_for 5 sh -c "[ \"\$(ps -o user= -p $signaling)\" = $1 ]" &&
		grep -q '^NoNewPrivs:.*1' "/proc/$signaling/status"
}

stops_cleanly() {
	stop_signaling && [ ! -e "$run/muga.sock" ]
}

drains() { # a call that lasts is hung up with BYE, then the process ends by itself
	sleep 1.5 # after a restart the ports of before rest for one quarantine
	(cd "$dir" && ip netns exec "$ns" timeout 30 sipp -sn uac "$1:5060" -i "$2" -p 5090 -s 1 -m 1 \
		-d 20000 -nostdin -trace_msg -message_file "$dir/drain.msg") >"$dir/drain.out" 2>&1 &
	local caller=$!
	wait_for 5 one_call || { kill -9 "$caller" "$signaling"; return 1; }
	muga drain >/dev/null && wait "$signaling"
	local status=$?
	kill "$caller" 2>/dev/null
	wait "$caller" 2>/dev/null
	[ $status = 0 ] && grep -q 'reason=drained' "$dir/signaling.log" && grep -q '^BYE' "$dir/drain.msg"
}

one_call() { muga show calls --json | jq -e '.total == 1 and .calls[0].state == "connected"' >/dev/null; }

round() { # NAME BORDER-A BORDER-B CALLER CALLEE MEDIA-A MEDIA-B
	local family=$1
	run=$dir/$family
	rm -f "$dir/signaling.log" # of the round before
	shift
	config "$@"
	report "$family/check" muga check "$dir/muga.yaml" >"$dir/check.out"
	tail -n 1 "$dir/check.out"
	report "$family/start" start_signaling
	report "$family/callee" start_callee "$4"
	report "$family/200 calls" call_through "$1" "$3"
	report "$family/no call is left" wait_for 5 tables_print
	report "$family/all ended by bye" ended_well
	report "$family/no message lost" no_loss
	report "$family/transactions are counted" transactions_are_told
	report "$family/ports come back" ports_come_back
	report "$family/clean stop" stops_cleanly
	report "$family/starts again as nobody" start_signaling --user nobody
	report "$family/gave up root" runs_as nobody
	report "$family/drain" drains "$1" "$3"
	kill "$callee" 2>/dev/null
	wait "$callee" 2>/dev/null
	[ $failed = 0 ] || show_logs
}

round ipv4 127.0.0.1 127.0.0.2 127.0.0.3 127.0.0.4 127.0.0.11 127.0.0.12
round ipv6 "[fd00::1]" "[fd00::2]" "[fd00::3]" "[fd00::4]" '"fd00::11"' '"fd00::12"'
exit $failed
