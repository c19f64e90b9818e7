# calls_ws.sh - calls over WebSocket and secure WebSocket to a UDP telephone, by a client of its own kind.
. "$(dirname "$0")/lib.sh"
. "$here/stream_lib.sh"
need sipp jq openssl python3
open_streams
start_uas

ws_calls() { # NAME ws|wss PORT
	lab_exec peer-a python3 "$here/tools/wscall.py" "$2" "$LAB_MUGA_A4" "$3" c1 30 "$TLS_DIR/ca.pem" \
		>"$LAB_DIR/$1.log" 2>&1 || fail "$1: the caller gave up"
	expect "$1: good calls" "$(json "$LAB_DIR/$1.log" .good)" -eq 30
	expect "$1: pongs" "$(json "$LAB_DIR/$1.log" .pongs)" -eq 15
	expect "$1: closing handshake" "$(json "$LAB_DIR/$1.log" .is_closed)" = true
}
ws_calls plain ws 8080
ws_calls secure wss 8443
expect "connections accepted" "$(net_metric stream_accepted)" -eq 2
lab_wait_for 10 streams_gone || fail "connections left: $(net_metric stream_connections)"
expect "calls left" "$(calls_alive)" -eq 0
