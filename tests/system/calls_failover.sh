# calls_failover.sh - a trunk over TCP whose first host refuses, whose second hangs: calls reach the third.
# Then its connections die, with and without a word.
. "$(dirname "$0")/lib.sh"
. "$here/stream_lib.sh"
need sipp jq kamailio

# 5999 refuses at once. 10.20.0.77 is nobody: the kernel never hears anything back.
three_hosts() {
	sed -i "s|core4: .*|core4:\n    realm: core\n    hosts: [ \"sip:$LAB_PHONE_B4:5999;transport=tcp\",\
 \"sip:10.20.0.77:5060;transport=tcp\", \"sip:$LAB_PHONE_B4:5060;transport=tcp\" ]|" "$1"
}
STREAM_EDIT=three_hosts STREAM_LIMITS='{ connect_timeout: 1s }'
open_streams
# A proxy lives on when its connections are taken from it; SIPp behind it hears every BYE.
start_kamailio callee phone-b "$LAB_PHONE_B4" 5070 "sip:$LAB_PHONE_B4:5080"
UAS_PORT=5080 start_uas

tcp_calls three "$LAB_PEER_A4" "$LAB_MUGA_A4" u1 40
expect "connections that failed" "$(net_metric stream_connect_failed)" -ge 1
expect "connections that hung" "$(net_metric stream_connect_timeout)" -ge 1
# Both workers have calls, and all of them went by one connection.
expect "messages of the third host" "$(net_metric stream_messages)" -ge 120
expect "messages to another worker's connection" "$(net_metric send_posted)" -gt 0
connected=$(($(net_metric stream_dialled) - $(net_metric stream_connect_failed) -
	$(net_metric stream_connect_timeout)))
expect "connections that stood" $connected -eq 1
slowest=$(grep -o 'setup_ms=[0-9]*' "$LAB_DIR/muga-signaling.log" | cut -d= -f2 | sort -n | tail -n 1)
expect "longest setup in ms" "$slowest" -lt 3000

# killed_calls NAME COMMAND...: 20 calls, in the middle of which COMMAND breaks the connections; each BYE
# is answered by the callee all the same, no transaction gives up.
killed_calls() {
	local name=$1 calls before gave_up
	shift
	gave_up=$(transactions_gave_up) before=$(net_metric stream_dialled)
	CALL_MS=5000 tcp_calls "$name" "$LAB_PEER_A4" "$LAB_MUGA_A4" u1 20 &
	calls=$!
	lab_wait_for 10 twenty_calls || fail "$name: the calls did not begin"
	sleep 0.5
	"$@"
	wait $calls || fail "$name: calls died with their connection"
	lab_wait_for 10 no_calls || fail "$name: calls left"
	expect "$name: connections opened since" "$(net_metric stream_dialled)" -gt "$before"
	# Two for each call: those of its first and second host.
	expect "$name: requests without an answer" "$(transactions_gave_up)" -eq $((gave_up + 40))
}
connected_calls() {
	lab_muga show calls --json | jq '[.calls[] | select(.state == "connected")] | length'
}
twenty_calls() { [ "$(connected_calls)" = 20 ]; }

kill_sockets() { lab_exec phone-b ss -K dst "$LAB_MUGA_B4" >/dev/null 2>&1; }
killed_calls killed kill_sockets

# As a host that was switched off: nobody hears of it, what is written to its connections then is not
# delivered and goes by a new one.
lose_sockets() {
	lab_exec phone-b ip link set eth0 down
	kill_sockets
	lab_exec phone-b ip link set eth0 up
}
killed_calls silent lose_sockets
expect "messages sent again" "$(net_metric stream_resent)" -gt 0
