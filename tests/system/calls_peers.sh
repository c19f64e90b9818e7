# calls_peers.sh - peers that are more than an address: a trunk known by its certificate, called back by the
# connection that it opened (RFC 5923); a trunk by WebSocket, whose connection is kept and asked whether it
# lives; certificates renewed while all this goes on.
. "$(dirname "$0")/lib.sh"
. "$here/stream_lib.sh"
need sipp jq openssl python3

# Nobody listens at the carrier's 5061, and no address is the carrier's: its certificate is.
peers() {
	sed -i "s|core4: .*|core4:\n    realm: core\n    hosts: [ \"sip:$LAB_PHONE_B4:5061;transport=tls\" ]\
\n    match: { tls_san: [ sip.carrier.example ] }\
\n    tls: { name: sip.carrier.example, ca: $TLS_DIR/ca.pem, cert: $TLS_DIR/muga.pem, key: $TLS_DIR/muga.key }\
\n  web:\n    realm: core\n    hosts: [ \"sip:$LAB_PHONE_B4:8081;transport=ws\" ]\
\n    match: { ip: [ 10.20.0.99/32 ] }\
\n    connection: { path: /sip, keepalive: 1s, keep: true }|
s|{ tcp: \"$LAB_MUGA_B4:5060\" }|&, { ws: \"$LAB_MUGA_B4:8080\" }|
s|routes:|&\n  - { match: { from_realm: access, to: \"w*\" }, to: web }|" "$1"
}
STREAM_EDIT=peers STREAM_VERIFY=require
open_streams
make_certificate carrier "DNS:sip.carrier.example"
make_certificate other "DNS:other.example"

# peer NAME sippeer-argument...: in the background; what came of it is the last line of NAME.log.
peer() {
	local name=$1
	shift
	lab_start "$name" phone-b python3 "$here/tools/sippeer.py" "$@"
}
tls_peer() { # CERTIFICATE CALLS
	peer "$1" tls "$LAB_MUGA_B4" 5061 "$LAB_PHONE_B4" "$2" "$TLS_DIR/$1.pem" "$TLS_DIR/$1.key" "$TLS_DIR/ca.pem"
}
calls() { tcp_calls "$1" "$LAB_PEER_A4" "$LAB_MUGA_A4" u1 "$2" -s "$3"; }
said() { grep -q "$2" "$LAB_DIR/$1.log" 2>/dev/null; }
last() { tail -n 1 "$LAB_DIR/$1.log" | jq -r "$2"; }

# Whom the certificate does not name is a stranger here.
tls_peer other 0
lab_wait_for 10 said other '"status"' || fail "nobody answers a stranger"
expect "status of another's certificate" "$(last other .status)" -eq 403

# The carrier called us first: its connection carries all calls to it.
tls_peer carrier 20
lab_wait_for 10 said carrier '"status": 200' || fail "the carrier is not known by its certificate"
calls reused 20 c1
lab_wait_for 10 said carrier '"good"' || fail "the carrier gave up"
expect "calls by the carrier's connection" "$(last carrier .good)" -eq 20
expect "offers of ours to use it both ways" "$(last carrier .aliases)" -eq 20
expect "messages by it" "$(net_metric alias_used)" -ge 20
expect "TLS connections opened" "$(net_metric tls_handshakes)" -eq 2

# By WebSocket: there before any call, asked every second, there again when it broke.
is_dead() { [ "$(net_metric stream_closed_no_pong)" -ge 1 ]; }
peer web ws "$LAB_PHONE_B4" 8081 0
lab_wait_for 20 said web '"pings": 2' || fail "no connection is kept, or nobody asks by it"
calls web_calls 20 w1
expect "path that was asked for" "$(last web '.paths[0]')" = /sip
expect "connections to it" "$(last web '.paths | length')" -eq 1
kill -STOP "$(lab_pid web)"
lab_wait_for 20 is_dead || fail "a dead far end was not noticed"
kill -KILL "$(lab_pid web)"
sleep 0.5
peer again ws "$LAB_PHONE_B4" 8081 10
lab_wait_for 60 said again '"pings": 1' || fail "the connection was not opened again"
calls web_again 10 w1
lab_wait_for 10 said again '"good"' || fail "the web peer gave up"
expect "calls by the new connection" "$(last again .good)" -eq 10

# Renewed certificates: a mistake keeps the old ones, then new connections see the new ones.
serial() {
	lab_exec phone-b openssl s_client -connect "$LAB_MUGA_B4:5061" -cert "$TLS_DIR/carrier.pem" \
		-key "$TLS_DIR/carrier.key" </dev/null 2>/dev/null | openssl x509 -noout -serial
}
before=$(serial)
[ -n "$before" ] || fail "no certificate is shown"
cp "$TLS_DIR/muga.key" "$TLS_DIR/muga.key.good"
cp "$TLS_DIR/other.key" "$TLS_DIR/muga.key"
lab_muga reload tls >"$LAB_DIR/reload.log" 2>&1 && fail "a key that does not match was taken"
grep -q 'key values mismatch' "$LAB_DIR/reload.log" || fail "nobody says what is wrong"
expect "certificate after a mistake" "$(serial)" = "$before"
make_certificate muga "DNS:muga.example.com,IP:$LAB_MUGA_A4,IP:$LAB_MUGA_B4"
lab_muga reload tls >"$LAB_DIR/reload.log" 2>&1 || fail "renewed files were not taken"
expect "certificate after the renewal" "$(serial)" != "$before"
expect "days left" "$(lab_muga_get /v1/metrics | jq .tls.days_left)" -ge 1
expect "calls left" "$(calls_alive)" -eq 0
