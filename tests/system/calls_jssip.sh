# calls_jssip.sh - JsSIP, a browser's telephone, calls SIPp through Muga by WebSocket and secure
# WebSocket, 20 calls at once on one connection; either side hangs up.
# run: alone
# Beside others one of 20 calls once stood half a minute after its callee should have hung up.
. "$(dirname "$0")/lib.sh"
. "$here/stream_lib.sh"
need sipp jq openssl node npm
# Of the plain listener, only pages of one site may use it.
one_site() {
	sed -i "s|{ ws: \"$LAB_MUGA_A4:8080\" }|{ ws: \"$LAB_MUGA_A4:8080\",\
 origins: [ \"https://phone.example.com\" ] }|" "$1"
}
STREAM_EDIT=one_site
open_streams
# From the registry, so not on machines without it.
cp -r "$here/jssip" "$LAB_DIR"
(cd "$LAB_DIR/jssip" && npm install --no-audit --no-fund --loglevel=error) >"$LAB_DIR/npm.log" 2>&1 ||
	skip "npm cannot install JsSIP"

CALLS=20

# browser NAME URL WHO-ENDS
browser() {
	NODE_EXTRA_CA_CERTS=$TLS_DIR/ca.pem lab_exec peer-a node "$LAB_DIR/jssip/call.js" "$2" \
		"$LAB_PEER_A4" sip:c1@example.com $CALLS "$3" >"$LAB_DIR/$1.log" 2>&1 || {
		lab_muga show calls >"$LAB_DIR/$1.calls.log"
		lab_muga_get /v1/metrics | jq -c '.net, .transactions' >"$LAB_DIR/$1.metrics.log"
		fail "$1: $(tail -n 1 "$LAB_DIR/$1.log" | cut -c1-300)"
	}
	tail -n 1 "$LAB_DIR/$1.log" >"$LAB_DIR/$1.json"
	expect "$1: connections" "$(json "$LAB_DIR/$1.json" .connected)" -eq 1
	expect "$1: calls that rang" "$(json "$LAB_DIR/$1.json" .progress)" -eq $CALLS
	expect "$1: calls answered" "$(json "$LAB_DIR/$1.json" .confirmed)" -eq $CALLS
	expect "$1: calls ended by $4 ($(json "$LAB_DIR/$1.json" '.causes | tostring'))" \
		"$(json "$LAB_DIR/$1.json" ".causes[\"$4: Terminated\"]")" -eq $CALLS
}

# start_callee SCENARIO
start_callee() {
	cp "$here/sipp/$1.xml" "$LAB_DIR"
	lab_start "$1" phone-b sipp -sf "$LAB_DIR/$1.xml" -i "$LAB_PHONE_B4" -p 5060 -m $((2 * CALLS)) \
		-mi "$LAB_PHONE_B4" -mp 30000 -nostdin -trace_err -error_file "$LAB_DIR/$1.errors.log"
	await_port phone-b "$LAB_PHONE_B4" 5060
}

# Until it has seen all its calls end, both by ws and by wss.
callee_is_done() { ! lab_is_alive "$1"; }

start_callee uas
browser ws "ws://$LAB_MUGA_A4:8080" us local
browser wss "wss://$LAB_MUGA_A4:8443" us local
lab_wait_for 10 callee_is_done uas || fail "the callee was not told that the calls are over"

# The BYE goes to a browser that nobody can dial: over its connection.
start_callee uas_bye
browser ws_theirs "ws://$LAB_MUGA_A4:8080" them remote
browser wss_theirs "wss://$LAB_MUGA_A4:8443" them remote
lab_wait_for 10 callee_is_done uas_bye || fail "the callee's BYEs were not answered"

expect "connections dialled" "$(net_metric stream_dialled)" -eq 0
lab_wait_for 10 streams_gone || fail "connections left: $(net_metric stream_connections)"
expect "calls left" "$(calls_alive)" -eq 0

# Nothing else of HTTP, no WebSocket without the subprotocol, none for another site's pages.
upgrade() { # [curl option...]: the status
	lab_exec peer-a curl -s -o /dev/null -m 5 -w '%{http_code}' "$@" "http://$LAB_MUGA_A4:8080/"
}
WEBSOCKET=(-H 'Connection: Upgrade' -H 'Upgrade: websocket' -H 'Sec-WebSocket-Version: 13'
	-H 'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==')
SIP=(-H 'Sec-WebSocket-Protocol: sip')
expect "status for an ordinary request" "$(upgrade)" -eq 426
expect "status without the subprotocol" "$(upgrade "${WEBSOCKET[@]}")" -eq 400
expect "status for another site" \
	"$(upgrade "${WEBSOCKET[@]}" "${SIP[@]}" -H 'Origin: https://elsewhere.example')" -eq 403
expect "status without an origin" "$(upgrade "${WEBSOCKET[@]}" "${SIP[@]}")" -eq 101
