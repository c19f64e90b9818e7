# phones_tls.sh - baresip calls baresip by TLS through Muga, the caller behind a NAT: both are heard, and
# the hang-up of the called side reaches the caller by the connection that the caller made.
. "$(dirname "$0")/lib.sh"
. "$here/stream_lib.sh"
need baresip espeak-ng sox jq openssl

tls_trunk() {
	sed -i "s|core4: .*|core4:\n    realm: core\n    hosts: [ \"sip:$LAB_PHONE_B4:5061;transport=tls\" ]\
\n    tls: { ca: $TLS_DIR/ca.pem }|" "$1"
}
STREAM_EDIT=tls_trunk
open_streams
make_certificate bob "IP:$LAB_PHONE_B4"
make_certificate alice "DNS:alice.example"
for name in alice bob; do
	cat "$TLS_DIR/$name.key" "$TLS_DIR/$name.pem" >"$TLS_DIR/$name.both.pem"
done
lab_speech "$LAB_DIR/alice.wav" en+m3 "This is the caller. I speak from behind a translator of addresses." 4
lab_speech "$LAB_DIR/bob.wav" en+f3 "This is the called side. Nobody on the way has read our signaling." 4

phone() { # NAME NAMESPACE IP [URI]
	LAB_PHONE_PARAMS=";transport=tls" LAB_PHONE_CONFIG="sip_certificate $TLS_DIR/$1.both.pem
	sip_cafile $TLS_DIR/ca.pem" lab_phone "$1" "$2" "$3" "$LAB_DIR/$1.wav.padded.wav" "$4"
}
phone bob phone-b "$LAB_PHONE_B4"
await_port phone-b "$LAB_PHONE_B4" 5061
phone alice phone-a "$LAB_PHONE_A4" "sip:bob@$LAB_MUGA_A4:5061;transport=tls"
lab_wait_for 20 lab_phone_is_in_call alice || fail "the call was not answered"
sleep 5
expect "calls" "$(calls_alive)" -eq 1
expect "datagrams of SIP" "$(net_metric received)" -eq 0
expect "TLS handshakes" "$(net_metric tls_handshakes)" -eq 2

# Bob's phone ends: its BYE goes to the caller by the caller's own connection.
lab_stop bob
lab_wait_for 10 no_calls || fail "the call did not end"
grep -q 'session closed\|Call with .* terminated' "$LAB_DIR/alice.log" ||
	fail "the caller did not hear of the end"
for name in alice bob; do
	other=$([ $name = alice ] && echo bob || echo alice)
	heard=$(lab_heard $name)
	[ -n "$heard" ] || fail "$name heard nothing"
	"$(muga_program wavmatch)" --min 80 "$LAB_DIR/$other.wav" "$heard" >"$LAB_DIR/match-$name.log" 2>&1 ||
		fail "what $name heard is not what $other said"
done
