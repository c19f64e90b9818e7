# calls_srtp.sh - baresip calls baresip with keys in the session description (RFC 4568): SRTP to RTP and
# back, SRTP to SRTP under other keys, offered but not demanded (RFC 8643); and with keys by DTLS (RFC 5763)
# on either leg, on both, against keys in SDP. Both sides are heard, no packet of a secure leg is in clear,
# and neither side sees a key of the other.
. "$(dirname "$0")/lib.sh"
need baresip espeak-ng sox jq tcpdump

# One pair of telephones for each kind of call, all at once, each with addresses of its own.
#   kind          what the caller does  the callee       the access side wants  the core side wants
CALLS="to_plain    srtp-mand             none             required               off
	to_secure   none                  srtp-mand        off                    required
	both        srtp-mand             srtp-mand        required               required
	offered     srtp                  srtp             optional               optional
	fallback    none                  none             optional               optional
	dtls_caller dtls_srtp             none             dtls                   off
	dtls_callee none                  dtls_srtp        off                    dtls
	dtls_both   dtls_srtp             dtls_srtp        dtls                   dtls
	dtls_sdes   dtls_srtp             srtp-mand        dtls                   required"
NET_A=${LAB_PEER_A4%.*} NET_B=${LAB_PHONE_B4%.*}

# A realm cannot know which telephone calls: callers are trunks of their own, with a profile.
secure_trunks() {
	local kind caller callee access core n=20
	while read -r kind caller callee access core; do
		n=$((n + 1))
		sed -i "s|^trunks:|&\n  a_$kind: { realm: access, profile: $access, hosts: [ $NET_A.$n ],\
 match: { ip: [ $NET_A.$n/32 ] } }\n  b_$kind: { realm: core, profile: $core, hosts: [ $NET_B.$n ] }|
			s|^routes:|&\n  - { match: { from_trunk: a_$kind }, to: b_$kind }|" "$1"
	done <<<"$CALLS"
	cat >>"$1" <<-END
	profiles:
	  required: { sdp: { srtp: required } }
	  optional: { sdp: { srtp: optional } }
	  dtls: { sdp: { srtp: dtls } }
	  "off": { sdp: { srtp: "off" } }
	END
}

open_lab
lab_config "$LAB_DIR/muga.yaml"
secure_trunks "$LAB_DIR/muga.yaml"
lab_start_muga || fail "Muga did not start"
start_capture access peer-a eth0 udp
start_capture core phone-b eth0 udp
lab_speech "$LAB_DIR/alice.wav" en+m3 "This is the caller. What I say is nobody's business but yours." 3
lab_speech "$LAB_DIR/bob.wav" en+f3 "This is the called side. I say it under another key." 3

# Media of all telephones of a side comes from its first address: their ports tell them apart.
rtp_ports() { echo "3${1}00-3${1}99"; } # LAST-NUMBER-OF-ADDRESS

phone() { # NAME NAMESPACE IP WAV ENCRYPTION [URI]
	local encryption= config="module srtp.so"
	[ "$5" = none ] || encryption=";mediaenc=$5"
	[ "$5" != dtls_srtp ] || config="module dtls_srtp.so
	rtcp_mux yes"
	lab_exec "$2" ip addr add "$3/24" dev eth0
	LAB_PHONE_CONFIG=$config LAB_PHONE_ACCOUNT=$encryption LAB_PHONE_RTP=$(rtp_ports "${3##*.}") \
		lab_phone "$1" "$2" "$3" "$LAB_DIR/$4.wav.padded.wav" "$6"
}

n=20
while read -r kind caller callee _; do
	n=$((n + 1))
	phone "bob_$kind" phone-b "$NET_B.$n" bob "$callee"
	await_port phone-b "$NET_B.$n" 5060
	phone "alice_$kind" peer-a "$NET_A.$n" alice "$caller" "sip:bob_$kind@$LAB_MUGA_A4"
done <<<"$CALLS"

# The telephones hang up where their files end.
all_have_ended() {
	[ "$(lab_muga show calls --ended --json | jq '.calls | length')" -eq "$(wc -l <<<"$CALLS")" ] && no_calls
}
while read -r kind _; do
	lab_wait_for 20 lab_phone_is_in_call "alice_$kind" || fail "$kind: the call was not answered"
done <<<"$CALLS"
lab_wait_for 30 all_have_ended || fail "the calls did not end"
lab_stop access INT
lab_stop core INT

heard() { # KIND WHO-SPOKE WHO-HEARD
	local file
	file=$(lab_heard "$3_$1")
	[ -n "$file" ] || fail "$1: $3 heard nothing"
	"$(muga_program wavmatch)" --min 80 "$LAB_DIR/$2.wav" "$file" >"$LAB_DIR/match-$1-$3.log" 2>&1 ||
		fail "$1: what $3 heard is not what $2 said"
}

# leg KIND CAPTURE NUMBER IS-SECURE: 20 ms of PCMA in clear are a datagram of 8 + 12 + 160 bytes, with a
# tag they are longer. Of either direction.
leg() {
	local direction clear more
	for direction in src dst; do
		clear=$(captured "$2" "udp $direction portrange $(rtp_ports "$3") and udp[4:2] = 180")
		more=$(captured "$2" "udp $direction portrange $(rtp_ports "$3") and udp[4:2] > 180")
		if [ "$4" = yes ]; then
			expect "$1: packets in clear, $2 $direction" "$clear" -eq 0
			expect "$1: packets with a tag, $2 $direction" "$more" -gt 100
		else
			expect "$1: packets in clear, $2 $direction" "$clear" -gt 100
			expect "$1: packets with a tag, $2 $direction" "$more" -eq 0
		fi
	done
}

n=20
while read -r kind caller callee _; do
	n=$((n + 1))
	heard "$kind" alice bob
	heard "$kind" bob alice
	leg "$kind" access $n "$([ "$caller" = none ] || echo yes)"
	leg "$kind" core $n "$([ "$callee" = none ] || echo yes)"
done <<<"$CALLS"

# Keys of one side are nobody's on the other.
keys() { tcpdump -n -A -r "$LAB_DIR/$1.pcap" port 5060 2>/dev/null | grep -o 'inline:[A-Za-z0-9+/=]*' | sort -u; }
expect "keys on the access side" "$(keys access | wc -l)" -ge 6
expect "keys on the core side" "$(keys core | wc -l)" -ge 6
expect "keys seen on both sides" "$(comm -12 <(keys access) <(keys core) | wc -l)" -eq 0
dropped() { lab_muga show media --json | jq "[.lanes[].dropped_srtp_$1] | add"; }
for reason in no_key no_session auth replayed failed index_used; do
	expect "packets dropped as srtp_$reason" "$(dropped $reason)" -eq 0
done
# Each secure telephone sends one RTCP packet before it has its key, in clear.
expect "packets dropped as srtp_refused" "$(dropped refused)" -le 12
lab_wait_for 10 ports_rested || fail "ports were left"
