# cpu.sh - who used the CPU in a measurement; sourced by the benches that load a real process.
#
#   cpu_core      the core of what is measured (the last one); the generator has core 0
#   cpu_subjects  pids of what is measured, set by the bench
#   LAB_DIR       *.pid there: the laboratory's other programs
#
# Everything is what the scheduler charged to threads (/proc/PID/task/*/schedstat, ns), which is exact
# where ticks of the clock are not.
cpu_core=$(($(nproc) - 1))
cpu_softirq_pid=$(pgrep -x "ksoftirqd/$cpu_core")
cpu_subjects=

# sum of the ns on a core of the tasks whose schedstat files are given on standard input
cpu_sum() { xargs cat 2>/dev/null | awk '{ s += $1 } END { printf "%.0f", s }'; }

# ns of CPU charged to what is measured so far: all its threads, and the soft interrupts of its core
cpu_subject_ns() {
	local pid
	for pid in $cpu_subjects $cpu_softirq_pid; do
		ls "/proc/$pid"/task/*/schedstat
	done 2>/dev/null | cpu_sum
}

# ns of CPU of the laboratory's other programs and of kernel threads: the other core's soft interrupts
# are the generator's own packets
cpu_helper_ns() {
	local pid
	for pid in $(cat "$LAB_DIR"/*.pid) $(ps -o pid= --ppid 2); do
		case " $cpu_subjects $cpu_softirq_pid " in
		*" $pid "*) ;;
		*) ls "/proc/$pid"/task/*/schedstat ;;
		esac
	done 2>/dev/null | cpu_sum
}

# ns of CPU used by anybody, stolen by the host included. Where the cgroups count it, exactly; else in
# ticks of the clock, which a quota in step with them would fool.
cpu_machine_ns() {
	local stolen='$1 == "cpu" { printf "%.0f", $9 * 1e7 }' usage=/sys/fs/cgroup/cpuacct/cpuacct.usage
	if [ -f $usage ]; then
		echo $(($(cat $usage) + $(awk "$stolen" /proc/stat)))
	else
		awk '$1 == "cpu" { printf "%.0f", ($2 + $3 + $4 + $7 + $8 + $9) * 1e7 }' /proc/stat
	fi
}

# cpu_trial COMMAND...: runs the generator, its JSON report on standard output, with "subject_cpu_ns"
# and "stranger_share" added: what others used, in parts of a core, until the generator had ended.
cpu_trial() {
	local subject helpers machine
	local TIMEFORMAT='%U %S %R'
	subject=$(cpu_subject_ns) helpers=$(cpu_helper_ns) machine=$(cpu_machine_ns)
	{ time "$@" 2>>"$LAB_DIR/blast.log" >"$LAB_DIR/blast.json"; } 2>"$LAB_DIR/blast.time" || return 1
	jq -c --argjson all $(($(cpu_machine_ns) - machine)) \
		--argjson subject $(($(cpu_subject_ns) - subject)) \
		--argjson helpers $(($(cpu_helper_ns) - helpers)) \
		--argjson own "$(awk '{ printf "%.0f", ($1 + $2) * 1e9 }' "$LAB_DIR/blast.time")" \
		--argjson seconds "$(awk '{ print $3 }' "$LAB_DIR/blast.time")" '
		. + {subject_cpu_ns: $subject,
		     stranger_share: ([0, ($all - $subject - $helpers - $own) / ($seconds * 1e9)] | max)}' \
		"$LAB_DIR/blast.json"
}

# cpu_cap_open PERCENT: $cpu_subjects get that share of a core, before anybody else and no more, in slices
# short enough for their buffers; 0 = no limit. The period is not in step with the clock tick of 4 ms; a quota is 1 ms at least.
cpu_cap_open() {
	local period_us=4300 quota_us pid
	cpu_cap_dir=
	[ "$1" -gt 0 ] || return 0
	quota_us=$((period_us * $1 / 100))
	[ $quota_us -ge 1000 ] || { quota_us=1000 && period_us=$((100000 / $1)); }
	if [ -f /sys/fs/cgroup/cgroup.controllers ]; then
		cpu_cap_dir=/sys/fs/cgroup/$LAB_ID
		echo +cpu >/sys/fs/cgroup/cgroup.subtree_control && mkdir "$cpu_cap_dir" &&
			echo 10000 >"$cpu_cap_dir/cpu.weight" &&
			echo "$quota_us $period_us" >"$cpu_cap_dir/cpu.max"
	else
		cpu_cap_dir=/sys/fs/cgroup/cpu/$LAB_ID
		mkdir "$cpu_cap_dir" && echo 262144 >"$cpu_cap_dir/cpu.shares" &&
			echo $period_us >"$cpu_cap_dir/cpu.cfs_period_us" &&
			echo $quota_us >"$cpu_cap_dir/cpu.cfs_quota_us"
	fi || return 1
	for pid in $cpu_subjects; do echo "$pid" >"$cpu_cap_dir/cgroup.procs" || return 1; done
}

# After the programs in it have gone.
cpu_cap_close() {
	[ -n "${cpu_cap_dir:-}" ] && [ -d "$cpu_cap_dir" ] || return 0
	lab_wait_for 5 rmdir "$cpu_cap_dir"
}

# Where the scheduler groups tasks by session, "nice" counts among those of one session only: ours as a
# whole is put before all others until cpu_priority_close.
cpu_priority_open() {
	cpu_session_nice=$(sed -n 's/.* nice //p' "/proc/$$/autogroup" 2>/dev/null)
	[ -z "$cpu_session_nice" ] || echo -20 >"/proc/$$/autogroup"
}
cpu_priority_close() {
	[ -z "${cpu_session_nice:-}" ] || echo "$cpu_session_nice" >"/proc/$$/autogroup"
}
