# config_mistake.sh - a mistake in the configuration is told by file, line, column, key and what was
# expected; the daemons refuse to start on it and touch nothing.
. "$(dirname "$0")/lib.sh"
open_lab
mkdir -p "$LAB_DIR/run"

# line, column and key of a mistake made by a sed command on the good configuration
check_mistake() { # NAME SED-COMMAND TEXT-ON-THE-LINE KEY EXPECTED
	local file=$LAB_DIR/$1.yaml out=$LAB_DIR/$1.log line
	lab_config "$LAB_DIR/good.yaml"
	sed "$2" "$LAB_DIR/good.yaml" >"$file"
	line=$(grep -n -F -m1 -- "$3" "$file" | cut -d: -f1)
	"$(muga_program muga)" check "$file" >"$out" 2>&1 && fail "$1: muga check was content"
	grep -q "$1.yaml:$line:[0-9][0-9]*:" "$out" || fail "$1: no $1.yaml:$line:COLUMN in the answer"
	grep -q -F -- "$4" "$out" || fail "$1: the key $4 is not named"
	grep -q -i -- "$5" "$out" || fail "$1: it is not said that $5 was expected"
}

lab_config "$LAB_DIR/good.yaml"
"$(muga_program muga)" check "$LAB_DIR/good.yaml" >"$LAB_DIR/good.log" 2>&1 ||
	fail "the laboratory's own configuration is refused"
check_mistake ports 's/ports: .*/ports: abc/' 'ports: abc' realms.access.media.ports 'port range'
check_mistake unknown 's/latching: once/latchin: once/' latchin: latchin 'did you mean'
check_mistake later 's/^limits:/registrar: {}\nlimits:/' registrar: registrar 'not'
check_mistake realm 's/core4: { realm: core,/core4: { realm: cor,/' 'realm: cor,' trunks.core4.realm 'realm'
check_mistake kind "s/kind: $LAB_KIND/kind: magic/" 'kind: magic' kind xdp

# Neither daemon starts on it, neither leaves anything behind.
for daemon in muga-signaling muga-media; do
	before=$(find "$LAB_DIR/run" "$LAB_SHM" 2>/dev/null | sort)
	timeout 10 "$(muga_program $daemon)" --config "$LAB_DIR/ports.yaml" --foreground \
		>"$LAB_DIR/$daemon.log" 2>&1
	status=$?
	[ $status -ne 0 ] && [ $status -ne 124 ] || fail "$daemon started on a faulty configuration"
	grep -q 'ports.yaml:[0-9]*:[0-9]*:' "$LAB_DIR/$daemon.log" || fail "$daemon names no place"
	[ "$before" = "$(find "$LAB_DIR/run" "$LAB_SHM" 2>/dev/null | sort)" ] ||
		fail "$daemon left files behind"
done
