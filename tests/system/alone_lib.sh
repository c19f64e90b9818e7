# alone_lib.sh - muga-signaling without a laboratory: one namespace with a loopback, $ns, and a folder, $dir.
# Sourced in place of lib.sh by scenarios that are a list of reports.
#
# A scenario prints "ok NAME" and "not ok NAME" lines and ends by `exit $failed`: 0 when all are ok, 77 where the
# machine cannot run it. What stands in `pids` is killed at its end. Variable: MUGA_BUILD (default build/release).

set -u
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)
MUGA_BUILD=${MUGA_BUILD:-$root/build/release}
ns=muga-$(basename "$0" .sh)-$$
dir=$(mktemp -d "/tmp/$ns-XXXXXX")
chmod 755 "$dir" # for the users that daemons become
pids=()
failed=0

cleanup() {
	# With their children: kamailio's outlive it.
	[ ${#pids[@]} -gt 0 ] && { kill -9 "${pids[@]}" $(pgrep -P "$(IFS=, && echo "${pids[*]}")")
		wait "${pids[@]}"; } 2>/dev/null
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

muga() { "$MUGA_BUILD/tools/muga" --config "$dir/muga.yaml" "$@"; }

# The last lines of every log, without those of single calls.
show_logs() {
	local log
	for log in "$dir"/*.log "$dir"/*.err "$dir"/*.out "$dir"/*.failed; do
		[ -s "$log" ] || continue
		echo "--- ${log##*/}"
		grep -av ' call_end ' "$log" | tail -n "${LOG_LINES:-40}" | cut -c1-300
	done
}
