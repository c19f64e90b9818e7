# alone_lib.sh - muga-signaling without a laboratory: one namespace with a loopback, $ns, and a folder, $dir.
# Sourced in place of lib.sh by scenarios that are a list of reports.
#
# A scenario prints "ok NAME" and "not ok NAME" lines and ends by `exit $failed`: 0 when all are ok, 77 where the
# machine cannot run it. Its background jobs and whatever runs in $ns are killed at its end. Variable: MUGA_BUILD
# (default build/release).

set -u
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)
MUGA_BUILD=${MUGA_BUILD:-$root/build/release}
scenario=$(basename "$0" .sh)
ns=muga-$scenario-$$
dir=$(mktemp -d "/tmp/$ns-XXXXXX")
chmod 755 "$dir" # for the users that daemons become
run=$dir/run # Muga's run_dir
failed=0

cleanup() {
	# By namespace as well: the children of a daemon outlive it.
	{ kill -9 $(jobs -pr) $(ip netns pids "$ns"); wait; } 2>/dev/null
	ip netns del "$ns" 2>/dev/null
	rm -rf "$dir"
}
trap cleanup EXIT
trap 'exit 1' INT TERM

# open_namespace PROGRAM...: skips the scenario where one is missing.
open_namespace() {
	local program
	for program in ip "$@"; do
		command -v "$program" >/dev/null || { echo "reason: $program is not installed"; exit 77; }
	done
	[ "$(id -u)" = 0 ] || { echo "reason: network namespaces need root"; exit 77; }
	ip netns add "$ns" || { echo "reason: no network namespaces here"; exit 77; }
	ip -n "$ns" link set lo up
}

# report NAME COMMAND...: ok when the command succeeds.
report() {
	local name=$1
	shift
	if "$@"; then
		echo "ok $name"
	else
		echo "not ok $name"
		failed=1
	fi
}

wait_for() { # SECONDS COMMAND...
	local tries=$(($1 * 20))
	shift
	until "$@"; do
		[ $((tries -= 1)) -gt 0 ] || return 1
		sleep 0.05
	done
}

listening() { ip netns exec "$ns" ss -Hltun "src = $1 and sport = :$2" | grep -q .; } # ADDRESS PORT

muga() { "$MUGA_BUILD/tools/muga" --config "$dir/muga.yaml" "$@"; }

# config_head: how muga.yaml begins, where nothing but signaling matters.
config_head() {
	cat <<-END
	version: 1
	node: {id: $scenario, workers: 2, run_dir: $run}
	dataplane:
	  hugepages: false
	  devices: {none0: {kind: "null"}}
	END
}

# start_signaling [OPTION...]: its process id in $signaling, ready on return.
start_signaling() {
	ip netns exec "$ns" "$MUGA_BUILD/signaling/muga-signaling" --config "$dir/muga.yaml" --foreground "$@" \
		2>>"$dir/signaling.log" &
	signaling=$!
	wait_for 20 answers
}
answers() { muga show calls >/dev/null 2>&1; }

stop_signaling() { kill -TERM "$signaling" && wait "$signaling"; }

# metric FILTER: of what the admin interface tells.
metric() { curl -s --unix-socket "$run/muga.sock" http://x/v1/metrics | jq "$1"; }

# start_callee ADDRESS: SIPp answers calls at its port 5080; its process id in $callee.
start_callee() {
	ip netns exec "$ns" sipp -sn uas -i "$1" -p 5080 -nostdin >"$dir/uas-$1.out" 2>&1 </dev/null &
	callee=$!
	wait_for 5 listening "$1" 5080
}

# The last lines of every log, without those of single calls.
show_logs() {
	local log
	for log in "$dir"/*.log "$dir"/*.err "$dir"/*.out "$dir"/*.failed; do
		[ -s "$log" ] || continue
		echo "--- ${log##*/}"
		grep -av ' call_end ' "$log" | tail -n "${LOG_LINES:-40}" | cut -c1-300
	done
}
