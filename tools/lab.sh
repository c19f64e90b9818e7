# lab.sh - a laboratory of network namespaces, for quickstart, the system tests and the benches.
# Sourced by bash. Owns the namespaces, the addresses in them and the processes started there;
# knows nothing of Muga's configuration (lab_muga.sh does).
#
#   phone-a ── nat ──┐
#   peer-a ──────────┤ inet (a bridge: the public network)
#   rogue ───────────┘        │
#                      access │ muga │ core ── phone-b
#
# Everything is IPv4 and IPv6. phone-a hides behind an address-and-port-dependent NAT, peer-a is
# a public host, rogue is a public host with no business here, phone-b stands for the core network.

# LAB_SHAPE=direct leaves phone-a, nat, rogue and the bridge out: peer-a ── muga ── phone-b, for benches.
if [ "$LAB_SHAPE" = direct ]; then
	LAB_NAMESPACES="peer-a muga phone-b"
else
	LAB_NAMESPACES="phone-a nat peer-a rogue inet muga phone-b"
fi
LAB_MUGA_A4=198.51.100.1  LAB_MUGA_A6=2001:db8:a::1
LAB_MUGA_B4=10.20.0.1     LAB_MUGA_B6=fd00:20::1
LAB_PHONE_A4=192.168.7.2  LAB_PHONE_A6=fd00:7::2
LAB_NAT_A4=198.51.100.7   LAB_NAT_A6=2001:db8:a::7
LAB_PEER_A4=198.51.100.10 LAB_PEER_A6=2001:db8:a::10
LAB_ROGUE_A4=198.51.100.66 LAB_ROGUE_A6=2001:db8:a::66
LAB_PHONE_B4=10.20.0.2    LAB_PHONE_B6=fd00:20::2

LAB_ID=${LAB_ID:-mugalab$$}
LAB_DIR=${LAB_DIR:-/tmp/$LAB_ID}

lab_ns() { echo "$LAB_ID-$1"; }

# lab_exec NAMESPACE COMMAND...: replaces nothing, the command's exit status is returned.
# The muga namespace has a mount namespace of its own, so that /sys and the BPF file system
# belong to it and outlive single processes, as on a real host.
lab_exec() {
	local ns=$1
	shift
	if [ "$ns" = muga ]; then
		nsenter --target "$(cat "$LAB_DIR/muga.holder")" --net --mount --wd="$PWD" -- "$@"
	else
		nsenter --net="/run/netns/$(lab_ns "$ns")" -- "$@"
	fi
}

# lab_start NAME NAMESPACE COMMAND...: in the background, output to $LAB_DIR/NAME.log.
lab_start() {
	local name=$1 ns=$2
	shift 2
	if [ "$ns" = muga ]; then
		set -- nsenter --target "$(cat "$LAB_DIR/muga.holder")" --net --mount \
			--wd="$PWD" -- "$@"
	else
		set -- nsenter --net="/run/netns/$(lab_ns "$ns")" -- "$@"
	fi
	"$@" </dev/null >>"$LAB_DIR/$name.log" 2>&1 &
	echo $! >"$LAB_DIR/$name.pid"
	disown $!
}

lab_pid() { cat "$LAB_DIR/$1.pid" 2>/dev/null; }

lab_is_alive() {
	local pid
	pid=$(lab_pid "$1") && [ -n "$pid" ] && [ -d "/proc/$pid" ] &&
		! grep -q '^State:	Z' "/proc/$pid/status" 2>/dev/null
}

# lab_signal NAME SIGNAL, then wait until the process is gone (at most 5 s, then KILL).
lab_stop() {
	local name=$1 signal=${2:-TERM} pid tries=0
	pid=$(lab_pid "$name") || return 0
	kill -"$signal" "$pid" 2>/dev/null
	while lab_is_alive "$name"; do
		tries=$((tries + 1))
		[ $tries -eq 100 ] && kill -KILL "$pid" 2>/dev/null
		[ $tries -gt 140 ] && break
		sleep 0.05
	done
	rm -f "$LAB_DIR/$name.pid"
}

# lab_wait_for SECONDS COMMAND...: until the command succeeds; 1 if it never did.
lab_wait_for() {
	local tries=$(($1 * 20))
	shift
	while [ $tries -gt 0 ]; do
		"$@" >/dev/null 2>&1 && return 0
		tries=$((tries - 1))
		sleep 0.05
	done
	return 1
}

lab_veth() { # NS1 IF1 NS2 IF2
	ip link add "$2" netns "$(lab_ns "$1")" type veth peer name "$4" netns "$(lab_ns "$3")"
}

# lab_host NAMESPACE INTERFACE IPV4/LEN IPV6/LEN: addresses, link up, whole checksums on the wire
# (veth hands partial ones over, which a receiver below the kernel's stack cannot use).
lab_host() {
	local n
	n=$(lab_ns "$1")
	ip -n "$n" addr add "$3" dev "$2"
	ip -n "$n" addr add "$4" dev "$2" nodad
	ip -n "$n" link set "$2" up
	[ "$1" = muga ] || ip netns exec "$n" ethtool -K "$2" tx off >/dev/null 2>&1
}

lab_sysctl() { # NAMESPACE KEY=VALUE...
	local ns=$1
	shift
	ip netns exec "$(lab_ns "$ns")" sysctl -qw "$@"
}

lab_nat_rules() {
	ip netns exec "$(lab_ns nat)" nft -f - <<-'END'
	table inet nat {
		chain post {
			type nat hook postrouting priority srcnat
			oifname "wan" masquerade fully-random
		}
		chain forward {
			type filter hook forward priority filter; policy drop
			ct state established,related accept
			iifname "lan" accept
		}
	}
	END
}

lab_links_direct() {
	lab_veth peer-a eth0 muga access
	lab_veth phone-b eth0 muga core
}

lab_links_full() {
	local port
	lab_veth phone-a eth0 nat lan
	lab_veth nat wan inet nat
	lab_veth peer-a eth0 inet peer
	lab_veth rogue eth0 inet rogue
	lab_veth muga access inet muga
	lab_veth phone-b eth0 muga core
	ip -n "$(lab_ns inet)" link add br0 type bridge mcast_snooping 0
	for port in nat peer rogue muga; do
		ip -n "$(lab_ns inet)" link set "$port" master br0 up
	done
	ip -n "$(lab_ns inet)" link set br0 up
}

lab_hosts_full() {
	lab_host phone-a eth0 $LAB_PHONE_A4/24 $LAB_PHONE_A6/64
	lab_host nat lan 192.168.7.1/24 fd00:7::1/64
	lab_host nat wan $LAB_NAT_A4/24 $LAB_NAT_A6/64
	lab_host rogue eth0 $LAB_ROGUE_A4/24 $LAB_ROGUE_A6/64
	ip -n "$(lab_ns phone-a)" route add default via 192.168.7.1
	ip -n "$(lab_ns phone-a)" -6 route add default via fd00:7::1
	lab_sysctl nat net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1
	lab_nat_rules
}

lab_links() {
	local host
	if [ "$LAB_SHAPE" = direct ]; then
		lab_links_direct
	else
		lab_links_full
		lab_hosts_full || return 1
	fi
	lab_host peer-a eth0 $LAB_PEER_A4/24 $LAB_PEER_A6/64
	lab_host muga access $LAB_MUGA_A4/24 $LAB_MUGA_A6/64
	lab_host muga core $LAB_MUGA_B4/24 $LAB_MUGA_B6/64
	lab_host phone-b eth0 $LAB_PHONE_B4/24 $LAB_PHONE_B6/64
	for host in $LAB_NAMESPACES; do
		ip -n "$(lab_ns "$host")" link set lo up
	done
}

# lab_holder: the process that keeps the mount namespace of `muga` with its BPF file system.
lab_holder() {
	ip netns exec "$(lab_ns muga)" unshare --mount --propagation private sh -c '
		mount -t bpf bpf /sys/fs/bpf 2>/dev/null
		exec sleep infinity' </dev/null >/dev/null 2>&1 &
	echo $! >"$LAB_DIR/muga.holder"
	disown $!
	lab_wait_for 5 lab_holder_is_ready
}

lab_holder_is_ready() {
	grep -q '^sleep' "/proc/$(cat "$LAB_DIR/muga.holder")/cmdline" 2>/dev/null
}

# lab_up: 0 or 1 with the reason on stderr. The caller traps EXIT with lab_down beforehand.
lab_up() {
	local ns
	mkdir -p "$LAB_DIR"
	for ns in $LAB_NAMESPACES; do
		ip netns add "$(lab_ns "$ns")" || return 1
		lab_sysctl "$ns" net.ipv6.conf.all.disable_ipv6=0 \
			net.ipv6.conf.default.accept_dad=0 net.ipv6.conf.all.accept_dad=0
	done
	lab_links || return 1
	lab_holder || { echo "lab: no mount namespace for muga" >&2; return 1; }
	# One exchange each way fills the neighbour tables, as on a network in use.
	[ "$LAB_SHAPE" = direct ] || lab_greet phone-a $LAB_MUGA_A4 $LAB_MUGA_A6
	lab_greet peer-a $LAB_MUGA_A4 $LAB_MUGA_A6
	lab_greet phone-b $LAB_MUGA_B4 $LAB_MUGA_B6
	lab_wait_for 5 lab_is_reachable $LAB_PEER_A4 && lab_wait_for 5 lab_is_reachable $LAB_PHONE_B4 ||
		{ echo "lab: the phones cannot reach Muga's namespace" >&2; return 1; }
}

# A datagram to the discard port; the answer (unreachable) is of no interest.
lab_greet() { # NAMESPACE ADDRESS...
	local ns=$1 address
	shift
	for address; do
		lab_exec "$ns" bash -c "echo > /dev/udp/$address/9" 2>/dev/null
	done
}

lab_is_reachable() {
	ip -n "$(lab_ns muga)" neigh show "$1" | grep -q lladdr
}

# lab_down: ends what was started here, by process id, and removes every trace. Safe to repeat.
lab_down() {
	local file name ns pid
	for file in "$LAB_DIR"/*.pid; do
		[ -e "$file" ] || continue
		name=${file##*/}
		lab_stop "${name%.pid}"
	done
	for ns in $LAB_NAMESPACES; do
		[ -e "/run/netns/$(lab_ns "$ns")" ] || continue
		for pid in $(ip netns pids "$(lab_ns "$ns")"); do
			kill -KILL "$pid" 2>/dev/null
		done
		ip netns del "$(lab_ns "$ns")" 2>/dev/null
	done
	[ -n "$LAB_KEEP" ] || rm -rf "$LAB_DIR"
}
