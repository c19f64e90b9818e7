# lib.sh - what every scenario in tests/system starts with: `. "$(dirname "$0")/lib.sh"`.
#
# A scenario is a bash script of its own laboratory (tools/lab.sh). It says what it expects, and ends
#   with 0               the scenario passed
#   by `fail REASON`     it failed; the logs of every process started here are shown
#   by `skip REASON`     this machine cannot run it
# The laboratory is removed at exit in every case. Variables: MUGA_BUILD (build folder, default
# build/release), LAB_KIND (xdp or packet), LAB_ID.

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)
scenario=$(basename "$0" .sh)
MUGA_BUILD=${MUGA_BUILD:-$root/build/release}
LAB_ID=muga-$scenario-$$
. "$root/tools/lab.sh"
. "$root/tools/lab_muga.sh"

fail() {
	local log
	for log in "$LAB_DIR"/*.log; do
		[ -s "$log" ] || continue
		echo "--- ${log##*/} (last lines)"
		tail -n "${LOG_LINES:-12}" "$log" | cut -c1-300
	done
	echo "reason: $*"
	exit 1
}

skip() {
	echo "reason: $*"
	exit 77
}

cleanup() {
	lab_down
	rm -rf "$LAB_SHM"
}
trap cleanup EXIT
trap 'exit 1' INT TERM

# need PROGRAM...: skips where one is missing. Daemons and tools of Muga are never optional.
need() {
	local program
	for program; do
		command -v "$program" >/dev/null || skip "$program is not installed"
	done
}

open_lab() {
	[ "$(id -u)" = 0 ] || skip "network namespaces need root"
	lab_up || fail "the laboratory did not come up"
}

# open_lab and both daemons.
open_muga() {
	open_lab
	lab_start_muga || fail "Muga did not start"
}

expect() { # WHAT ACTUAL OPERATOR WANTED, as in test(1)
	test "$2" "$3" "$4" || fail "$1 is $2, expected $3 $4"
}

# json FILE FILTER: one value.
json() { jq -r "$2" "$1"; }

# await_port NAMESPACE IP PORT: until somebody has bound it, by UDP or TCP.
await_port() { lab_wait_for 10 has_port "$@" || fail "nobody has port $3 of $2"; }
has_port() { lab_exec "$1" ss -Hltun "src = $2 and sport = :$3" | grep -q .; }

netns() { echo "/run/netns/$(lab_ns "$1")"; }

# call_through NAME FROM-NS FROM-IP TO-NS TO-IP BORDER-IP [sipcall option...]: the report lies in
# $LAB_DIR/NAME.json afterwards, the exit status is sipcall's.
call_through() {
	local name=$1 from_ns=$2 from_ip=$3 to_ns=$4 to_ip=$5 border=$6
	shift 6
	"$(muga_program sipcall)" --from "$(netns "$from_ns"),$from_ip" --to "$(netns "$to_ns"),$to_ip" \
		--border "$border" "$@" >"$LAB_DIR/$name.json" 2>>"$LAB_DIR/$name.log"
}

# expect_clean NAME CALLS: the report shows that many calls, all good, every packet accounted for.
expect_clean() {
	local file=$LAB_DIR/$1.json
	[ -s "$file" ] || fail "$1: sipcall gave no report"
	cp "$file" "$LAB_DIR/$1.report.log"
	expect "$1: answered calls" "$(json "$file" .answered)" -eq "$2"
	expect "$1: failed calls" "$(json "$file" .failed)" -eq 0
	expect "$1: calls not ended by 200" "$(json "$file" .bye_failed)" -eq 0
	expect "$1: callees not told the end" "$(json "$file" .callee_left)" -eq 0
	expect "$1: packets sent" "$(json "$file" .sent)" -gt 0
	expect "$1: packets lost" "$(json "$file" .lost)" -eq 0
	expect "$1: packets doubled" "$(json "$file" .duplicates)" -eq 0
	expect "$1: foreign packets" "$(json "$file" .foreign)" -eq 0
}

# start_count NAME NAMESPACE: rtp-count on the namespace's interface, at work on return; its report lies in
# $LAB_DIR/NAME.log after an INT.
start_count() {
	lab_start "$1" "$2" "$(muga_program rtp-count)" eth0
	lab_wait_for 10 has_capture "$2" || fail "rtp-count did not start"
}
has_capture() { lab_exec "$1" awk 'END { exit NR < 2 }' /proc/net/packet; }

# start_capture NAME NAMESPACE INTERFACE [FILTER...]: tcpdump into $LAB_DIR/NAME.pcap, ready on return.
start_capture() {
	local name=$1 ns=$2 interface=$3
	shift 3
	need tcpdump
	lab_start "$name" "$ns" tcpdump -i "$interface" -n -U -s 0 -w "$LAB_DIR/$name.pcap" "$@"
	lab_wait_for 5 grep -q 'listening on' "$LAB_DIR/$name.log" || fail "tcpdump did not start"
}

# captured NAME [FILTER...]: number of packets.
captured() {
	local name=$1
	shift
	tcpdump -n -r "$LAB_DIR/$name.pcap" "$@" 2>/dev/null | wc -l
}

# sip_ask NAMESPACE FROM-IP TO-IP FILE [FROM-PORT]: sends the message in FILE (LF lines become CRLF), prints
# what comes back.
sip_ask() {
	sed 's/\r*$/\r/' "$4" | lab_exec "$1" nc -u -w 1 -s "$2" -p "${5:-5099}" "$3" 5060
}

# lab_muga_get PATH: what the admin interface says.
lab_muga_get() {
	lab_exec muga curl -s --unix-socket "$LAB_DIR/run/muga.sock" "http://muga$1"
}

# But those that are over and kept for what is repeated in them.
calls_alive() { lab_muga show calls --json | jq '[.calls[] | select(.state != "lingering")] | length'; }
no_calls() { [ "$(calls_alive)" = 0 ]; }

# ports_rested: no port is in use or in quarantine.
ports_rested() {
	[ "$(lab_muga show ports --json | jq '[.addresses[] | .used + .resting] | add')" = 0 ]
}
