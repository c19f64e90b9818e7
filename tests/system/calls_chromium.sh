# calls_chromium.sh - headless Chromium calls plain RTP telephones by secure WebSocket: ICE, DTLS-SRTP, PCMA, then
# Opus with VP8 and its feedback on one port. What either side said is heard by the other; pictures arrive both ways.
# run: alone
# A browser, its codecs and a telephone's keep all processors busy; what stutters is no longer what was said.
. "$(dirname "$0")/lib.sh"
. "$here/stream_lib.sh"
need baresip chromium espeak-ng sox jq openssl node npm

# The browsers' side asks for what a browser does.
browser_profile() {
	sed -i "s|^  access:|&\n    profile: browser|" "$1"
	cat >>"$1" <<-END
	profiles:
	  browser: { sdp: { srtp: dtls, ice: lite } }
	END
}
STREAM_EDIT=browser_profile
open_streams
# From the registry, so not on machines without it.
cp -r "$here/chromium" "$LAB_DIR"
(cd "$LAB_DIR/chromium" && npm install --no-audit --no-fund --loglevel=error) >"$LAB_DIR/npm.log" 2>&1 ||
	skip "npm cannot install JsSIP"

# A telephone says everything once, when both have had time for their keys and the browser's jitter buffer for
# its size; a microphone that is a file says it again and again, within PERIOD seconds.
PERIOD=6
lab_speech "$LAB_DIR/bob.wav" en+f3 "This is a telephone without any encryption." 60
lab_speech "$LAB_DIR/page.wav" en+m3 "I speak by a microphone that does not exist." 1
sox -q "$LAB_DIR/bob.wav.padded.wav" "$LAB_DIR/bob.played.wav" pad 3 0
sox -q "$LAB_DIR/page.wav" -r 48000 "$LAB_DIR/microphone.wav" pad 0 2

# start_bob CODEC [VIDEO-CODEC]
start_bob() {
	rm -rf "$LAB_DIR/bob"
	LAB_PHONE_CODECS=$1 LAB_PHONE_ACCOUNT=${2:+;video_codecs=$2} LAB_PHONE_CONFIG="module opus.so
	module vp8.so
	module fakevideo.so
	video_source fakevideo,nil
	video_display fakevideo,nil
	video_size 320x240
	video_fps 10" lab_phone bob phone-b "$LAB_PHONE_B4" "$LAB_DIR/bob.played.wav"
	await_port phone-b "$LAB_PHONE_B4" 5060
}

# The browser trusts this certificate and no other one that its own list does not know.
spki() {
	openssl x509 -in "$TLS_DIR/muga.pem" -pubkey -noout | openssl pkey -pubin -outform der |
		openssl dgst -sha256 -binary | base64
}

# page NAME MEDIA: a call to bob, twice as long as the microphone's period; the report is $LAB_DIR/NAME.json.
page() {
	jq -n --argjson media "$2" --argjson seconds $((2 * PERIOD)) "{ url: \"wss://$LAB_MUGA_A4:8443\",
		uri: \"sip:page@example.com\", target: \"sip:bob@example.com\", media: \$media,
		seconds: \$seconds }" >"$LAB_DIR/$1.task"
	lab_exec peer-a env HOME="$LAB_DIR" node "$LAB_DIR/chromium/call.js" chromium "$LAB_DIR/$1.task" \
		"$LAB_DIR/microphone.wav" "$LAB_DIR/$1.wav" "--ignore-certificate-errors-spki-list=$(spki)" \
		>"$LAB_DIR/$1.json" 2>"$LAB_DIR/$1.log" ||
		fail "$1: $(json "$LAB_DIR/$1.json" '.error // .end')"
	lab_wait_for 10 no_calls || fail "$1: the call did not end"
	lab_stop bob
}

figure() { json "$LAB_DIR/$1.json" ".figures.$2"; }

# heard CALL WHO PLAYED RECORDED MIN: MIN per cent of it, as a jitter buffer may stretch what it plays.
heard() {
	[ -s "$4" ] || fail "$1: $2 recorded nothing"
	"$(muga_program wavmatch)" --min "$5" "$LAB_DIR/$3.wav" "$4" >"$LAB_DIR/match-$1-$2.log" 2>&1 ||
		fail "$1: what $2 heard is not what $3 said: $(head -n 1 "$LAB_DIR/match-$1-$2.log")"
}

# talked CALL KIND...: keys by DTLS, nothing lost, each side's RTCP about the other one's stream has come.
talked() {
	local call=$1 kind
	shift
	expect "$call: DTLS" "$(figure "$call" 'transports | map(.dtlsState) | unique | join(" ")')" = connected
	for kind; do
		expect "$call: $kind packets received" "$(figure "$call" "inbound.$kind.packetsReceived")" -gt 100
		expect "$call: $kind packets lost" "$(figure "$call" "inbound.$kind.packetsLost")" -eq 0
		expect "$call: $kind packets sent" "$(figure "$call" "outbound.$kind.packetsSent")" -gt 100
		expect "$call: RTCP about our $kind" "$(figure "$call" "outbound.$kind.remoteId != null")" = true
		expect "$call: RTCP of their $kind" "$(figure "$call" "inbound.$kind.remoteId != null")" = true
	done
	heard "$call" page bob "$LAB_DIR/$call.wav" 60
	heard "$call" bob page "$(lab_heard bob)" 80
}

start_bob PCMA/8000/1
page plain '["audio"]'
talked plain audio

start_bob opus/48000/2 vp8
page full '["audio", "video"]'
talked full audio video
# The browser has one port for both lines (RFC 8843), the telephone has one for each.
expect "transports of the browser" "$(figure full 'transports | length')" -eq 1
expect "pictures seen by the browser" "$(figure full inbound.video.framesDecoded)" -ge 10
grep -q 'video: receiving with resolution 320 x 240' "$LAB_DIR/bob.log" || fail "bob saw no picture"
expect "key frames asked for and seen" "$(figure full inbound.video.keyFramesDecoded)" -ge 1

for reason in no_key no_session auth replayed failed index_used; do
	expect "packets dropped as srtp_$reason" \
		"$(lab_muga show media --json | jq "[.lanes[].dropped_srtp_$reason] | add")" -eq 0
done
lab_wait_for 10 streams_gone || fail "connections left: $(net_metric stream_connections)"
lab_wait_for 10 ports_rested || fail "ports were left"
