# lab_muga.sh - Muga and telephones in the laboratory: configuration, daemons, baresip.
# Sourced by bash after lab.sh. MUGA_BUILD names the build folder.

LAB_PORT_MIN=${LAB_PORT_MIN:-20000}
LAB_PORT_MAX=${LAB_PORT_MAX:-29999}
LAB_KIND=${LAB_KIND:-xdp}
LAB_HUGEPAGES=${LAB_HUGEPAGES:-false}
LAB_SHM=/dev/shm/$LAB_ID

muga_program() {
	case $1 in
	muga) echo "$MUGA_BUILD/tools/muga" ;;
	muga-signaling) echo "$MUGA_BUILD/signaling/muga-signaling" ;;
	muga-media) echo "$MUGA_BUILD/media/muga-media" ;;
	wavmatch) echo "$MUGA_BUILD/tools/wavmatch/wavmatch" ;;
	sipcall | sipflow | rtp-count | rtp-spray) echo "$MUGA_BUILD/tests/system/$1" ;;
	esac
}

# lab_config FILE: access and core side, IPv4 and IPv6.
#   called user       goes to
#   bob, c<digits>    the core by IPv4
#   6<user>           the core by IPv6, the 6 removed
#   alice             the access peer, from the core only
#   anything else     nowhere (404)
lab_config() {
	cat >"$1" <<-END
	version: 1
	node:
	  id: lab
	  workers: ${LAB_WORKERS:-2}
	  run_dir: $LAB_DIR/run
	  shm_dir: $LAB_SHM
	  log: { level: ${LAB_LOG_LEVEL:-info} }
	dataplane:
	  hugepages: $LAB_HUGEPAGES
	  memory: ${LAB_MEMORY:-256MiB}
	  devices:
	    access0: { kind: $LAB_KIND, interface: access, checksum: recompute }
	    core0: { kind: $LAB_KIND, interface: core, checksum: recompute }
	realms:
	  access:
	    sip: [ { udp: "$LAB_MUGA_A4:5060" }, { udp: "[$LAB_MUGA_A6]:5060" } ]
	    media:
	      device: access0
	      addresses: [ $LAB_MUGA_A4, "$LAB_MUGA_A6" ]
	      ports: $LAB_PORT_MIN-$LAB_PORT_MAX
	      latching: ${LAB_LATCHING:-once}
	  core:
	    sip: [ { udp: "$LAB_MUGA_B4:5060" }, { udp: "[$LAB_MUGA_B6]:5060" } ]
	    trusted: true
	    media:
	      device: core0
	      addresses: [ $LAB_MUGA_B4, "$LAB_MUGA_B6" ]
	      ports: $LAB_PORT_MIN-$LAB_PORT_MAX
	      latching: strict
	trunks:
	  core4: { realm: core, hosts: [ $LAB_PHONE_B4 ] }
	  core6: { realm: core, hosts: [ "$LAB_PHONE_B6" ] }
	  peer4:
	    realm: access
	    hosts: [ $LAB_PEER_A4 ]
	    match: { ip: [ $LAB_PEER_A4/32, $LAB_NAT_A4/32, "$LAB_PEER_A6/128", "$LAB_NAT_A6/128" ] }
	routes:
	  - { match: { from_realm: access, to: bob }, to: core4 }
	  - { match: { from_realm: access, to: "c*" }, to: core4 }
	  - { match: { from_realm: access, to: "6*" }, rewrite: { strip: "6" }, to: core6 }
	  - { match: { from_realm: core, to: alice }, to: peer4 }
	limits: { calls: ${LAB_CALLS:-2000}, transactions: 16000, quarantine: ${LAB_QUARANTINE:-1s},
	  orphan_timeout: ${LAB_ORPHAN:-60s} }
	END
}

lab_start_signaling() {
	lab_start muga-signaling muga "$(muga_program muga-signaling)" \
		--config "$LAB_DIR/muga.yaml" --foreground
	lab_wait_for 10 lab_signaling_is_ready
}

lab_start_media() {
	lab_start muga-media muga env RUNTIME_DIRECTORY="$LAB_DIR/run" "$(muga_program muga-media)" \
		--config "$LAB_DIR/muga.yaml" --foreground
	lab_wait_for 20 lab_media_is_settled
	lab_media_is_ready >/dev/null 2>&1
}

lab_signaling_is_ready() {
	lab_muga show calls --json
}

# Ready is when signaling sees the forwarder's lock and its lanes online.
lab_media_is_ready() {
	lab_is_alive muga-media && lab_muga shmdump --json | jq -e '
		.media.writer_is_alive and .media.heartbeat_age_s < 1 and any(.media.online_lanes[]; .epoch > 0)'
}

# It may also have ended: nobody needs to wait then.
lab_media_is_settled() { lab_media_is_ready || ! lab_is_alive muga-media; }

# lab_muga ARGUMENT...: the command line tool against this laboratory's Muga.
lab_muga() {
	lab_exec muga "$(muga_program muga)" --config "$LAB_DIR/muga.yaml" "$@"
}

# lab_start_muga: both daemons; 1 when one of them is not ready in time.
lab_start_muga() {
	mkdir -p "$LAB_DIR/run" "$LAB_SHM"
	[ -e "$LAB_DIR/muga.yaml" ] || lab_config "$LAB_DIR/muga.yaml"
	lab_start_signaling || { echo "muga-signaling is not ready"; return 1; }
	lab_start_media || { echo "muga-media is not ready"; return 1; }
}

# lab_phone NAME NAMESPACE IP WAV [DIAL-URI]: a baresip that plays WAV, records what it hears and answers
# by itself, or calls DIAL-URI at once. LAB_PHONE_CONFIG adds lines to its configuration,
# LAB_PHONE_PARAMS parameters to its address, LAB_PHONE_ACCOUNT to its account; LAB_PHONE_RTP are its ports.
lab_phone() {
	local name=$1 ns=$2 ip=$3 wav=$4 uri=$5 dir=$LAB_DIR/$1 listen=$3 host=$3
	case $ip in *:*) listen="[$ip]" host="[$ip]" ;; esac
	mkdir -p "$dir/heard"
	cat >"$dir/config" <<-END
	poll_method epoll
	sip_listen $listen:5060
	call_local_timeout 60
	audio_source aufile,$wav
	ausrc_srate 8000
	ausrc_channels 1
	auplay_srate 8000
	auplay_channels 1
	rtp_stats yes
	rtp_ports ${LAB_PHONE_RTP:-30000-30999}
	jitter_buffer_delay 2-10
	module_path /usr/lib/baresip/modules
	module g711.so
	module aufile.so
	module sndfile.so
	snd_path $dir/heard
	module_tmp uuid.so
	module_tmp account.so
	module_app menu.so
	$LAB_PHONE_CONFIG
	END
	echo "<sip:$name@$host$LAB_PHONE_PARAMS>;regint=0;answermode=auto;audio_codecs=${LAB_PHONE_CODECS:-PCMA/8000/1}$LAB_PHONE_ACCOUNT" >"$dir/accounts"
	: >"$dir/contacts"
	lab_start "$name" "$ns" baresip -f "$dir" ${uri:+-e "/dial $uri"}
}

# What NAME heard: the file, or nothing.
lab_heard() {
	find "$LAB_DIR/$1/heard" -name '*-dec.wav' | head -n 1
}
lab_phone_is_in_call() { grep -q 'Call established' "$LAB_DIR/$1.log"; }

# lab_speech FILE VOICE TEXT SECONDS: text to 8 kHz speech, and FILE.padded.wav with SECONDS of silence
# behind it, because baresip hangs up where its source file ends.
lab_speech() {
	espeak-ng -v "$2" -s 150 -w "$1.22k.wav" "$3" &&
		sox -q "$1.22k.wav" -r 8000 -c 1 -b 16 "$1" norm -3 pad 0.5 0 &&
		sox -q "$1" "$1.padded.wav" pad 0 "$4" && rm -f "$1.22k.wav"
}
