# calls_tls.sh - calls from one Kamailio to another through Muga, all by mutual TLS; then certificates
# that must not do.
#
#   SIPp (peer-a) - UDP - Kamailio - TLS - Muga - TLS - Kamailio - UDP - SIPp (phone-b)
. "$(dirname "$0")/lib.sh"
. "$here/stream_lib.sh"
need sipp jq openssl kamailio

# The called side is reached by TLS, its certificate is for sip.carrier.example.
tls_trunk() {
	sed -i "s|core4: .*|core4:\n    realm: core\n    hosts: [ \"sip:$LAB_PHONE_B4:5061;transport=tls\" ]\
\n    match: { ip: [ $LAB_PHONE_B4/32 ] }\
\n    tls: { name: ${PEER_NAME:-sip.carrier.example}, ca: $TLS_DIR/ca.pem, cert: $TLS_DIR/muga.pem,\
 key: $TLS_DIR/muga.key }|" "$1"
}

STREAM_EDIT=tls_trunk STREAM_VERIFY=require
open_streams
make_certificate carrier "DNS:sip.carrier.example,IP:$LAB_PHONE_B4"
make_certificate caller "DNS:pbx.example"
start_kamailio carrier phone-b "$LAB_PHONE_B4" 5070 "sip:$LAB_PHONE_B4:5080" carrier
start_kamailio caller peer-a "$LAB_PEER_A4" 5070 "sip:$LAB_MUGA_A4:5061;transport=tls" caller
UAS_PORT=5080 start_uas

tls_calls() { # NAME CALLS
	tcp_calls "$1" "$LAB_PEER_A4" "$LAB_PEER_A4" u1 "$2" -p 5090 -rsa "$LAB_PEER_A4:5070"
}

tls_calls first 100
expect "messages over connections" "$(net_metric stream_messages)" -ge 600
# RFC 5923: one connection carries them all, whichever worker a call is on.
expect "connections opened" "$(net_metric stream_dialled)" -eq 1
expect "TLS handshakes" "$(net_metric tls_handshakes)" -le 4
expect "datagrams" "$(net_metric received)" -eq 0

# The carrier's connections die while calls are up: they end properly over a new one.
CALL_MS=4000 tls_calls killed 20 &
calls=$!
sleep 2
lab_stop carrier
start_kamailio carrier phone-b "$LAB_PHONE_B4" 5070 "sip:$LAB_PHONE_B4:5080" carrier
wait $calls || fail "calls died with their connection"
expect "connections opened again" "$(net_metric stream_dialled)" -ge 2
expect "calls left" "$(calls_alive)" -eq 0

# A client without a certificate, and one whose certificate is of another CA.
make_ca strangers
make_certificate stranger "DNS:pbx.example" strangers
before=$(net_metric tls_failed)
for who in "" "-cert $TLS_DIR/stranger.pem -key $TLS_DIR/stranger.key"; do
	# shellcheck disable=SC2086
	sleep 1 | lab_exec peer-a openssl s_client -connect "$LAB_MUGA_A4:5061" $who \
		>"$LAB_DIR/s_client.log" 2>&1
done
expect "clients turned away" "$(net_metric tls_failed)" -eq $((before + 2))
grep -q 'reason=tls detail="peer did not return a certificate"' "$LAB_DIR/muga-signaling.log" ||
	fail "the log does not say why a client was turned away"

# A server of another name is not the carrier: 503, which a proxy passes as 500 (RFC 3261 16.7).
lab_stop carrier
start_kamailio carrier phone-b "$LAB_PHONE_B4" 5070 "sip:$LAB_PHONE_B4:5080" caller
sed "s|<recv response=\"200\" rrs=\"true\"/>|<recv response=\"500\"/>|; /<nop>/,\$d" \
	"$here/sipp/uac.xml" | sed 's|^    ACK .*|    ACK sip:c1@border SIP/2.0|' >"$LAB_DIR/refused.xml"
echo '</scenario>' >>"$LAB_DIR/refused.xml"
lab_exec peer-a sipp -sf "$LAB_DIR/refused.xml" -i "$LAB_PEER_A4" -p 5090 -s c1 -m 1 -nostdin \
	-timeout 20s -rsa "$LAB_PEER_A4:5070" "$LAB_PEER_A4:5060" >"$LAB_DIR/refused.log" 2>&1 ||
	fail "a carrier with another's certificate was not refused"
grep -q 'detail="the certificate shows another name"' "$LAB_DIR/muga-signaling.log" ||
	fail "the log does not say that the name is wrong"
