# relays.sh - the relays that bench/relay/run compares, each with its calls set up; sourced by it.
#
#   relay_kind  what is relayed: plain, srtp (the caller's side under keys), v4v6 (the called side by IPv6),
#               overload (plain)
RELAY_SUITE=AES_CM_128_HMAC_SHA1_80

# The sink reads the packets below the stack (AF_PACKET); above it they would only draw ICMP errors. Its
# share of receiving runs on the generator's core, not on the relay's.
prepare_sinks() {
	local ns
	for ns in peer-a phone-b; do
		lab_exec $ns nft -f - <<-'END' || die "nft"
		table netdev sink {
			chain in {
				type filter hook ingress device "eth0" priority 0
				udp dport 20000-65535 drop
			}
		}
		END
		ip netns exec "$(lab_ns $ns)" sh -c 'echo 1 >/sys/class/net/eth0/queues/rx-0/rps_cpus' ||
			note "no receive packet steering: the sink's share costs the relay's core"
	done
}

# The called side: another family of addresses for v4v6.
relay_to() { [ "$relay_kind" = v4v6 ] && echo "$LAB_PHONE_B6" || echo "$LAB_PHONE_B4"; }

start_muga_relay() { # KIND OF PORT
	local options=()
	LAB_KIND=$1
	lab_config "$LAB_DIR/muga.yaml"
	sed -i "s/^dataplane:/dataplane:\n  cores: [ $cpu_core ]/" "$LAB_DIR/muga.yaml"
	case $relay_kind in
	srtp)
		sed -i "s/^limits: {/limits: { srtp_legs: $calls,/
			s/^  peer4:/&\n    profile: keys/" "$LAB_DIR/muga.yaml"
		printf 'profiles:\n  keys: { sdp: { srtp: required } }\n' >>"$LAB_DIR/muga.yaml"
		options=(--srtp "$RELAY_SUITE")
		;;
	v4v6) options=(--prefix 6) ;;
	esac
	lab_start_muga || die "Muga did not start with port kind $1"
	taskset -a -p -c 0 "$(lab_pid muga-signaling)" >/dev/null
	mkfifo "$LAB_DIR/hold"
	"$(muga_program sipcall)" --from "/run/netns/$(lab_ns peer-a),$LAB_PEER_A4" \
		--to "/run/netns/$(lab_ns phone-b),$(relay_to)" --border "$LAB_MUGA_A4" --calls "$calls" \
		--rate 250 --no-media --until-eof --flows "$LAB_DIR/flows" "${options[@]}" <"$LAB_DIR/hold" \
		>"$LAB_DIR/sipcall.log" 2>&1 &
	echo $! >"$LAB_DIR/sipcall.pid"
	disown $!
	exec 7>"$LAB_DIR/hold"
	lab_wait_for $((calls / 100 + 20)) test -s "$LAB_DIR/flows" || die "the calls do not stand"
	cpu_subjects=$(lab_pid muga-media)
}

start_rtpengine() {
	local options=()
	[ "$relay_kind" = srtp ] && options=(--srtp "$RELAY_SUITE")
	lab_start rtpengine muga taskset -c "$cpu_core" rtpengine --config-file=none --foreground --log-stderr \
		--log-level=3 --interface="access/$LAB_MUGA_A4" --interface="core/$LAB_MUGA_B4" \
		--interface="core/$LAB_MUGA_B6" \
		--listen-ng=127.0.0.1:2223 --table=-1 --num-threads=1 --port-min=20000 --port-max=29999
	lab_exec muga ip link set lo up
	sleep 1
	lab_exec muga "$MUGA_BUILD/bench/relay/ng-client" --ng 127.0.0.1,2223 --from "$LAB_PEER_A4" \
		--to "$(relay_to)" --calls "$calls" --rtp-ports 20000,20000 --flows "$LAB_DIR/flows" "${options[@]}" ||
		die "rtpengine did not take the calls"
	cpu_subjects=$(lab_pid rtpengine)
}

start_relay() { # PEER KIND
	relay_kind=$2
	rm -f "$LAB_DIR/flows" "$LAB_DIR/flows.next" "$LAB_DIR/hold"
	lab_up || die "the laboratory did not come up"
	prepare_sinks
	case $1 in
	rtpengine) start_rtpengine ;;
	*) start_muga_relay "$1" ;;
	esac
	# Neighbours of the bench on this machine shall not decide: the relay and the generator go first.
	renice -n -20 -p $(ls "/proc/$cpu_subjects/task") >/dev/null
	cpu_cap_open "$([ "$relay_kind" = overload ] && echo $OVERLOAD_SHARE || echo "$share")" || die "no CPU quota by cgroup here: run with --share 0"
	mac_a=$(ip -n "$(lab_ns muga)" -j link show access | jq -r '.[0].address')
	mac_b=$(ip -n "$(lab_ns muga)" -j link show core | jq -r '.[0].address')
}

stop_relay() {
	exec 7>&-
	lab_down
	cpu_cap_close
	rm -rf "$LAB_SHM"
}
