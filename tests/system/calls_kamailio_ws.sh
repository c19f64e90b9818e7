#!/bin/bash
# calls_kamailio_ws.sh - the scripts of flows/ against Kamailio's websocket and tls modules: b is a telephone that has
# registered there by WebSocket, Muga reaches Kamailio by TLS, and then itself by WebSocket.
#
#   a ── wss ── Muga ── tls, ws, wss ── Kamailio (10.78.0.5) ── ws, wss ── b
# run: alone
. "$(dirname "$0")/flows_lib.sh"
K=10.78.0.5
FLOWS_PROFILES='digest: {headers: {challenges: true}}'
open_flows
command -v kamailio >/dev/null || { echo "reason: kamailio is not installed"; exit 77; }
[ -e /usr/lib/x86_64-linux-gnu/kamailio/modules/websocket.so ] ||
	{ echo "reason: Kamailio has no WebSocket"; exit 77; }
ip -n "$ns" addr add "$K/32" dev lo
make_certificate kamailio "IP:$K"

start_kamailio() {
	cat >"$dir/kamailio.tls" <<-END
	[server:default]
	method = TLSv1.2+
	certificate = $TLS_DIR/kamailio.pem
	private_key = $TLS_DIR/kamailio.key
	[client:default]
	method = TLSv1.2+
	ca_list = $TLS_DIR/ca.pem
	verify_certificate = yes
	END
	sed "s|@IP@|$K|g; s|@TARGET@|sip:$MUGA_B:5061;transport=tls|; s|@TLS@|$dir/kamailio.tls|" \
		"$here/kamailio/websocket.cfg" >"$dir/kamailio.cfg"
	mkdir -p "$dir/kamailio.run"
	ip netns exec "$ns" kamailio -DD -E -m 64 -M 8 -f "$dir/kamailio.cfg" -P "$dir/kamailio.run/pid" \
		-Y "$dir/kamailio.run" >"$dir/kamailio.log" 2>&1 &
	wait_for 10 listening "$K" 8080 && wait_for 10 shakes_hands 8443 && wait_for 10 shakes_hands 5061
}
# It listens before its processes are there.
shakes_hands() {
	ip netns exec "$ns" timeout 3 openssl s_client -connect "$K:$1" -CAfile "$TLS_DIR/ca.pem" </dev/null \
		>/dev/null 2>&1
}

# registered DIRECTORY FROM: the scripts there, each of them preceded by b's registration.
registered() {
	local script
	mkdir -p "$1"
	for script in "$2"/*.flow; do
		# Kamailio leads every call for b to b, also one that means to pick up another.
		[ "${script##*/}" != pickup.flow ] || continue
		{ printf 'b9 > REGISTER\n\tExpires: 600\nb9 < 200 REGISTER\n'; cat "$script"; } >"$1/${script##*/}"
	done
}

# round TRANSPORT-A TRANSPORT-TO-KAMAILIO TRANSPORT-B
round() {
	local name=$1-$2-$3
	flows_config "$2" "$K:${kamailio_port[$2]}"
	report "$name/start" start_signaling
	report "$name/flows" flow_by "$name" "$1" "$3" "$K" "${kamailio_port[$3]}" --count 2 --rate 50 --prefix p \
		"$dir/registered/"*.flow
	report "$name/digest" flow_by "$name-digest" "$1" "$3" "$K" "${kamailio_port[$3]}" --count 2 --rate 50 \
		--prefix d "$dir/registered/digest/"*.flow
	report "$name/no call is left" nothing_left
	report "$name/stop" stop_signaling
}
declare -A kamailio_port=([udp]=5060 [tls]=5061 [ws]=8080 [wss]=8443)

registered "$dir/registered" "$FLOWS"
registered "$dir/registered/digest" "$FLOWS/digest"
report "kamailio" start_kamailio
round wss tls ws
round udp ws wss
round tls wss ws
[ $failed = 0 ] || LOG_LINES=15 show_logs
exit $failed
