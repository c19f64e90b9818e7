# media_lib.sh - muga-media alone between two namespaces: flows come from flow-inject, RTP from rtp-pair.
# Sourced by bash with KIND (xdp or packet) set. Prints `ok NAME` or `not ok NAME: REASON` for each
# expectation; `finish` exits 1 if one failed.
#
#   a (10.91.0.2, fd91::2) ── left │ muga │ right ── b (10.92.0.2, fd92::2)

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)
MUGA_BUILD=${MUGA_BUILD:-$root/build/release}
ID=ports-$$
DIR=$(mktemp -d "/tmp/$ID-XXXX")
SHM=$(mktemp -d "/dev/shm/$ID-XXXX")
LANE_CPU=${LANE_CPU:-$(($(nproc) - 1))}
failures=0
pids=()

ok() { echo "ok $1"; }
not_ok() {
	echo "not ok $1: $2"
	failures=$((failures + 1))
}
check() { # NAME ACTUAL OPERATOR WANTED
	if test "$2" "$3" "$4"; then ok "$1"; else not_ok "$1" "is $2, expected $3 $4"; fi
}

inside() { # a, b or m, COMMAND...
	local ns=$ID-$1
	shift
	nsenter --net="/run/netns/$ns" -- "$@"
}

cleanup() {
	local pid
	for pid in "${pids[@]}" "$(cat "$DIR/media.pid" 2>/dev/null)"; do
		[ -n "$pid" ] && kill -9 "$pid" 2>/dev/null
	done
	for ns in a b m; do ip netns del "$ID-$ns" 2>/dev/null; done
	rm -rf "$DIR" "$SHM"
}
trap cleanup EXIT
trap 'exit 1' INT TERM

link() { # NAMESPACE INTERFACE-IN-MUGA OWN4 OWN6 MUGA4 MUGA6
	ip -n "$ID-m" link add "$2" type veth peer name eth0 netns "$ID-$1"
	ip -n "$ID-m" addr add "$5/24" dev "$2"
	ip -n "$ID-m" addr add "$6/64" dev "$2" nodad
	ip -n "$ID-$1" addr add "$3/24" dev eth0
	ip -n "$ID-$1" addr add "$4/64" dev eth0 nodad
	ip -n "$ID-m" link set "$2" up
	ip -n "$ID-$1" link set eth0 up
}

lab_open() {
	[ "$(id -u)" = 0 ] || { echo "reason: network namespaces need root"; exit 77; }
	for ns in a b m; do
		ip netns add "$ID-$ns"
		ip -n "$ID-$ns" link set lo up
	done
	link a left 10.91.0.2 fd91::2 10.91.0.1 fd91::1
	link b right 10.92.0.2 fd92::2 10.92.0.1 fd92::1
	sed "s|@KIND@|$KIND|; s|@DIR@|$DIR|; s|@SHM@|$SHM|; s|@CPU@|$LANE_CPU|" >"$DIR/muga.yaml" <<-'YAML'
	version: 1
	node: { id: ports, run_dir: @DIR@, shm_dir: @SHM@, workers: 1 }
	dataplane:
	  cores: [@CPU@]
	  hugepages: false
	  memory: 256MiB
	  devices:
	    left:  { kind: @KIND@, interface: left }
	    right: { kind: @KIND@, interface: right }
	realms:
	  access:
	    sip: [{ udp: "10.91.0.1:5060" }]
	    media: { device: left, addresses: [10.91.0.1, "fd91::1"], ports: 20000-20511 }
	  core:
	    sip: [{ udp: "10.92.0.1:5060" }]
	    media: { device: right, addresses: [10.92.0.1, "fd92::1"], ports: 30000-30511 }
	trunks:
	  one: { realm: core, hosts: ["10.92.0.2:5060"] }
	routes: [{ to: one }]
	YAML
	sed -i "s|kind: @KIND@|kind: $KIND|" "$DIR/muga.yaml"
}

# inject NAME COUNT ADDRESS-A REMOTE-A ADDRESS-B REMOTE-B [early]: see flow_inject.c. inject_publish NAME has
# it publish, inject_ready NAME waits for that and sets $left and $right to the ports of the first pair.
inject() {
	local name=$1
	shift
	(exec nsenter --net="/run/netns/$ID-m" -- "$MUGA_BUILD/tests/system/flow-inject" \
		"$DIR/muga.yaml" "$@" >"$DIR/$name" 2>>"$DIR/inject.log" </dev/null) &
	inject_pid=$!
	pids+=("$inject_pid")
	disown "$inject_pid"
}

inject_await() { # NAME WORD
	for _ in $(seq 500); do
		grep -qs "$2" "$DIR/$1" && return 0
		sleep 0.01
	done
	not_ok inject "$(tail -1 "$DIR/inject.log")"
	finish
}

inject_ready() { # NAME
	inject_await "$1" ready
	read -r left right <<<"$(sed -n 2p "$DIR/$1")"
}

inject_publish() { # NAME
	inject_await "$1" waiting
	kill -USR1 "$inject_pid"
	inject_ready "$1"
	sleep 0.05 # between an offer and the first RTP packet lies a round trip of SIP at least
}

inject_end() {
	kill "$inject_pid"
	while is_running "$inject_pid"; do sleep 0.02; done
	rm -f "$SHM/signaling.seg"
}

media_start() { # STARTED-BEFORE: how often the log says it already
	(exec nsenter --net="/run/netns/$ID-m" -- "$MUGA_BUILD/media/muga-media" \
		--config "$DIR/muga.yaml" --foreground >>"$DIR/media.log" 2>&1 </dev/null) &
	media_pid=$!
	echo "$media_pid" >"$DIR/media.pid"
	disown "$media_pid"
	for _ in $(seq 200); do
		[ "$(grep -c ' started ' "$DIR/media.log")" -gt "${1:-0}" ] && return 0
		kill -0 "$media_pid" 2>/dev/null || break
		sleep 0.02
	done
	not_ok media_start "$(tail -3 "$DIR/media.log")"
	finish
}

# Whoever inherits a dead process may be slow to collect it: its file lock is free all the same.
is_running() { # PID
	local state
	state=$(cut -d' ' -f3 "/proc/$1/stat" 2>/dev/null)
	[ -n "$state" ] && [ "$state" != Z ]
}

media_kill() { # SIGNAL
	kill "-$1" "$media_pid"
	while is_running "$media_pid"; do sleep 0.02; done
}

# pair NAME PACKETS RATE A-OWN A-PEER B-OWN B-PEER: JSON lines into $DIR/NAME. pair_start leaves it running as
# $pair_pid, which SIGTERM ends early.
pair_start() {
	"$MUGA_BUILD/tests/system/rtp-pair" "/run/netns/$ID-a" "$4" "$5" "/run/netns/$ID-b" "$6" "$7" \
		"$2" "$3" >"$DIR/$1" &
	pair_pid=$!
	pids+=("$pair_pid")
}
pair() {
	pair_start "$@"
	wait "$pair_pid"
}

figure() { # FILE DIRECTION FIELD
	sed -n "/\"$2\"/s/.*\"$3\": \([0-9]*\).*/\1/p" "$DIR/$1"
}

finish() {
	if [ "$failures" -ne 0 ]; then
		tail -n 25 "$DIR/media.log" 2>/dev/null | cut -c1-300
		exit 1
	fi
	exit 0
}
