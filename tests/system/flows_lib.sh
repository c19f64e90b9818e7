# flows_lib.sh - muga-signaling between two ends of tools/sipflow, without media. Sourced by the scenarios that run
# the scripts in flows/.
#
#   a (10.78.0.3) ── 10.78.0.1 access │ muga-signaling │ core 10.78.0.2 ── b (10.78.0.4)
#
# Muga listens by UDP and TCP on 5060, TLS on 5061, WS on 8080, WSS on 8443 on either side.
. "$(dirname "${BASH_SOURCE[0]}")/alone_lib.sh"
LAB_DIR=$dir
. "$here/stream_lib.sh"
FLOWS=$here/flows
FLOWS_PROFILES= FLOWS_CALLER=
rounds=0
A=10.78.0.3 B=10.78.0.4 MUGA_A=10.78.0.1 MUGA_B=10.78.0.2

declare -A listener_port=([udp]=5060 [tcp]=5060 [tls]=5061 [ws]=8080 [wss]=8443)

open_flows() {
	local ip
	open_namespace jq curl openssl
	for ip in $A $B $MUGA_A $MUGA_B; do
		ip -n "$ns" addr add "$ip/32" dev lo
	done
	make_ca ca
	make_certificate muga "IP:$MUGA_A,IP:$MUGA_B"
	make_certificate flow "IP:$A,IP:$B"
}

listeners() { # IP
	local tls="cert: $TLS_DIR/muga.pem, key: $TLS_DIR/muga.key, ca: $TLS_DIR/ca.pem"
	echo "{udp: \"$1:5060\"}, {tcp: \"$1:5060\"}, {tls: \"$1:5061\", $tls}, {ws: \"$1:8080\"}, {wss: \"$1:8443\", $tls}"
}

# flows_config TRANSPORT-TO-B [IP:PORT]: b, or who leads to it, is there. $FLOWS_PROFILES are profiles, one trunk to b
# for each: a called user that begins with the profile's first letter goes by it, others by the default one. a's own
# profile is $FLOWS_CALLER, if that is not empty.
flows_config() {
	local at=${2:-$B:5080} host profile
	host="sip:$at;transport=$1"
	# A folder of its own: ports that calls had before a restart rest for a while.
	run=$dir/run.$((rounds += 1))
	[ "$1" != udp ] || host=$at
	cat >"$dir/muga.yaml" <<-END
	$(config_head)
	realms:
	  access:
	    sip: [$(listeners $MUGA_A)]
	    media: {device: none0, addresses: [10.78.0.11], ports: 20000-39999}
	  core:
	    sip: [$(listeners $MUGA_B)]
	    media: {device: none0, addresses: [10.78.0.12], ports: 20000-39999}
	profiles:
	$(sed 's/^/  /' <<<"${FLOWS_PROFILES:-plain: {\}}")
	trunks:
	  phones: {realm: access, hosts: ["$A:5090"], match: {ip: $A}${FLOWS_CALLER:+, profile: $FLOWS_CALLER}}
	  carrier: {realm: core, hosts: ["$host"], match: {ip: ${at%:*}}, tls: {ca: $TLS_DIR/ca.pem}}
	$(for profile in $(profiles); do
		echo "  carrier-$profile: {realm: core, hosts: [\"$host\"], match: {ip: 10.99.${#profile}.0/24}," \
			"profile: $profile, tls: {ca: $TLS_DIR/ca.pem}}"
	done)
	routes:
	$(for profile in $(profiles); do
		echo "  - {match: {from_trunk: phones, to: \"${profile:0:1}*\"}, to: carrier-$profile}"
	done)
	  - {match: {from_trunk: phones}, to: carrier}
	limits: {calls: 4000, quarantine: 1s}
	END
	[ "$1" = tls ] || [ "$1" = wss ] || sed -i "s|, tls: {ca: $TLS_DIR/ca.pem}||" "$dir/muga.yaml"
}
profiles() { sed -n 's/^\([a-z]*\):.*/\1/p' <<<"$FLOWS_PROFILES"; }

# flow NAME TRANSPORT-A TRANSPORT-B [sipflow option...] SCRIPT...
flow() {
	flow_by "$1" "$2" "$3" "$MUGA_B" "${listener_port[$3]}" "${@:4}"
}

# The same, where b talks to somebody else: NAME TRANSPORT-A TRANSPORT-B IP PORT ...
flow_by() {
	local name=$1 a=$2 b=$3 ip=$4 port=$5
	shift 5
	"$MUGA_BUILD/tests/system/sipflow" --a "/run/netns/$ns,$a,$A,5090,$MUGA_A,${listener_port[$a]}" \
		--b "/run/netns/$ns,$b,$B,5080,$ip,$port" --ca "$TLS_DIR/ca.pem" \
		--cert "$TLS_DIR/flow.pem" --key "$TLS_DIR/flow.key" "$@" \
		>"$dir/$name.json" 2>"$dir/$name.log" && return
	cat "$dir/$name.log" "$dir/$name.json"
	return 1
}

# But calls that were given up, which wait for forks that answer late, and those that came from another worker, for
# what is repeated in them (64 T1).
only_given_up() {
	muga show calls --json >"$dir/left.json" &&
		jq -e 'all(.calls[]; .state == "cancelling" or .state == "lingering")' "$dir/left.json" >/dev/null
}
nothing_left() {
	wait_for 10 only_given_up && return
	jq -c '.calls[] | [.state, .cause, .to]' "$dir/left.json"
	return 1
}
