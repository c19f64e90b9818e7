# cli.sh - the command line tool against running, dead and absent daemons, and against hostile files: every
# verb's exit status, and that --json is JSON that agrees with itself from verb to verb.
. "$(dirname "$0")/lib.sh"
need jq python3 nc
CALLS=10
LAB_WORKERS=1

# verb STATUS NAME ARGUMENT...: runs muga with that exit status; output in $LAB_DIR/NAME.{out,err}.
verb() {
	local wanted=$1 name=$2 status
	shift 2
	lab_muga "$@" >"$LAB_DIR/$name.out" 2>"$LAB_DIR/$name.err" </dev/null
	status=$?
	cp "$LAB_DIR/$name.err" "$LAB_DIR/$name.log"
	expect "$name: exit status of muga $*" $status -eq "$wanted"
	if [ "$wanted" != 0 ]; then
		[ -s "$LAB_DIR/$name.err" ] || [ -s "$LAB_DIR/$name.out" ] ||
			fail "$name: muga $* fails without a word"
	fi
}

# json_verb STATUS NAME ARGUMENT...: the same with --json, whose output is one whole value.
json_verb() {
	verb "$@" --json
	python3 -m json.tool "$LAB_DIR/$2.out" >/dev/null 2>"$LAB_DIR/$2.log" ||
		fail "$2: muga ${*:3} --json printed no JSON"
}

# value NAME FILTER: from the JSON of a verb.
value() { json "$LAB_DIR/$1.out" "$2"; }

open_lab
mkdir -p "$LAB_DIR/run" "$LAB_SHM"
lab_config "$LAB_DIR/muga.yaml"

# Nothing runs and nothing ever ran.
for thing in calls trunks; do
	verb 3 down-$thing show $thing
	grep -q 'muga: no answer at .*/run/muga.sock' "$LAB_DIR/down-$thing.err" ||
		fail "it is not said where muga-signaling was looked for"
	verb 3 down-json-$thing show $thing --json
	[ ! -s "$LAB_DIR/down-json-$thing.out" ] || fail "show $thing --json prints without an answer"
done
for thing in cores flows media ports; do
	verb 1 down-$thing show $thing
	grep -q 'signaling.seg: there is none' "$LAB_DIR/down-$thing.err" || fail "show $thing: no reason"
done
json_verb 1 down-dump shmdump
json_verb 0 down-top top --interval 50
expect "calls of nobody" "$(value down-top .calls)" = null
json_verb 0 down-version version
expect "version of nobody" "$(value down-version .muga_signaling)" = null
verb 3 down-drain drain
verb 3 down-log log all debug
echo "ok absent"

# The wrong command line is told from what has failed.
for words in "" "shw" "show" "show all" "top now" "shmdump a b" "check" "--limit x show calls" "--colour"; do
	# shellcheck disable=SC2086 # words are arguments
	verb 2 usage $words
done
json_verb 0 check-good check "$LAB_DIR/muga.yaml"
expect "a good file" "$(value check-good '.is_valid, (.mistakes | length)' | xargs)" = "true 0"
sed 's/ports: .*/ports: abc/' "$LAB_DIR/muga.yaml" >"$LAB_DIR/bad.yaml"
json_verb 1 check-bad check "$LAB_DIR/bad.yaml"
expect "two bad lines" "$(value check-bad '[.mistakes[] | select(.line > 0 and .column > 0 and
	(.key | endswith(".media.ports")) and (.message | contains("port range")))] | length')" -eq 2
verb 1 check-bad-text check "$LAB_DIR/bad.yaml"
grep -q "^$LAB_DIR/bad.yaml:[0-9]*:[0-9]*: realms.access.media.ports: expected a port range" \
	"$LAB_DIR/check-bad-text.err" || fail "muga check names no place"
head -c 5000 /dev/urandom >"$LAB_DIR/noise.yaml"
json_verb 1 check-noise check "$LAB_DIR/noise.yaml"
json_verb 1 check-missing check "$LAB_DIR/missing.yaml"
echo "ok usage and check"

lab_start_muga || fail "Muga did not start"
# The calls stand until the pipe is closed, however long the verbs take.
mkfifo "$LAB_DIR/hold"
call_through talk peer-a $LAB_PEER_A4 phone-b $LAB_PHONE_B4 $LAB_MUGA_A4 --calls $CALLS --rate 20 \
	--until-eof <"$LAB_DIR/hold" &
caller=$!
exec 9>"$LAB_DIR/hold"
calls_are_up() { [ "$(lab_muga show calls --json | jq '[.calls[] | select(.codec != "" and
	.codec != null)] | length')" = $CALLS ]; }
lab_wait_for 10 calls_are_up || fail "the calls are not up"
sleep 2

# What the verbs say about the same calls agrees.
json_verb 0 calls show calls
json_verb 0 media show media
json_verb 0 flows show flows
json_verb 0 cores show cores
json_verb 0 ports show ports
json_verb 0 trunks show trunks
json_verb 0 dump shmdump
json_verb 0 top top --interval 500
json_verb 0 version version
expect "calls" "$(value calls .total)" -eq $CALLS
expect "calls listed" "$(value calls '.calls | length')" -eq $CALLS
expect "active calls of top" "$(value top .calls.active)" -eq $CALLS
expect "calls of the trunk" "$(value trunks '.trunks[] | select(.name == "core4") | .calls')" -eq $CALLS
flows=$(value flows '.flows | length')
expect "flows" "$flows" -ge $((2 * CALLS))
expect "ports in use" "$(value ports '[.addresses[].used] | add')" -eq "$flows"
expect "ports in use of top" "$(value top .ports.used)" -eq "$flows"
expect "records in the file" "$(value dump .signaling.flows_live)" -eq "$flows"
expect "bad records" "$(value dump '.signaling.flows_bad + .signaling.flows_unreadable')" -eq 0
expect "tokens of calls without media" "$(jq -n --slurpfile c "$LAB_DIR/calls.out" \
	--slurpfile m "$LAB_DIR/flows.out" \
	'([$c[0].calls[].token] - [$m[0].flows[].call]) | length')" -eq 0
expect "RTP flows that carry nothing" "$(value flows '[.flows[] | select(.kind == "rtp" and
	(.stats == null or .stats.packets == 0 or .stats.forwarded == 0))] | length')" -eq 0
expect "addresses that held no packet" "$(value media '[.addresses[] | select(.samples > 0 and .held_p50_ns <= 0)] | length')" -eq 0
expect "packets held" "$(value media '[.addresses[].samples] | add')" -gt 0
expect "lanes at work" "$(value cores '[.lanes[] | select(.busy > 0 and .burst_p99_ns > 0)] | length')" -gt 0
expect "packets forwarded" "$(value top '[.lanes[].forwarded_per_s] | add | floor')" -gt 0
expect "writers alive" "$(value dump '[.signaling, .media] | all(.writer_is_alive)')" = true
expect "version" "$(value version .muga_signaling)" = "$(value version .muga)"
json_verb 0 some-calls show calls --limit 3
expect "calls of a limit" "$(value some-calls '.is_truncated, (.calls | length)' | xargs)" = "true 3"

# The tables have a line for each, and nothing but text.
verb 0 calls-text show calls
expect "lines of calls" "$(wc -l <"$LAB_DIR/calls-text.out")" -eq $((CALLS + 1))
verb 0 media-text show media
verb 0 cores-text show cores
verb 0 flows-text show flows
expect "lines of flows" "$(grep -c '^[0-9a-f]\{16\}[ab] ' "$LAB_DIR/flows-text.out")" -eq "$flows"
verb 0 ports-text show ports
expect "lines of addresses" "$(wc -l <"$LAB_DIR/ports-text.out")" -eq 5
verb 0 trunks-text show trunks
expect "lines of trunks" "$(wc -l <"$LAB_DIR/trunks-text.out")" -eq 4
verb 0 dump-text shmdump
grep -q "^flows_live  *$flows\$" "$LAB_DIR/dump-text.out" || fail "shmdump counts other flows"
verb 0 top-text top --count 2 --interval 100
expect "screens" "$(grep -c "^calls    $CALLS active" "$LAB_DIR/top-text.out")" -eq 2
! grep -q '[^[:print:]]' "$LAB_DIR"/*-text.out || fail "a table holds control characters"
exec 9>&-
wait $caller || fail "sipcall ended with $?"
json_verb 0 ended show calls --ended
expect "ended calls" "$(value ended '[.calls[] | select(.cause == "bye" and .code == 200 and
	all(.legs[]; .mos > 4))] | length')" -eq $CALLS
echo "ok running"

# The files outlive their writers.
lab_stop muga-media KILL
lab_stop muga-signaling KILL
verb 3 dead-calls show calls
json_verb 0 dead-media show media
json_verb 0 dead-flows show flows
json_verb 0 dead-ports show ports
json_verb 0 dead-dump shmdump
expect "writers alive" "$(value dead-dump '[.signaling, .media] | any(.writer_is_alive)')" = false
json_verb 0 dead-top top --interval 50
expect "calls of the dead" "$(value dead-top .calls)" = null
expect "lanes of the dead" "$(value dead-top '.lanes | length')" -gt 0
echo "ok dead"

# hostile NAME: the files in $LAB_DIR/NAME end no verb by a signal and spoil no JSON.
hostile() {
	local word status
	for word in "show media" "show flows" "--interval 10 show cores" "show ports" "shmdump" "top --interval 10"; do
		# shellcheck disable=SC2086 # words are arguments
		lab_muga --shm-dir "$LAB_DIR/$1" $word --json >"$LAB_DIR/$1.out" 2>"$LAB_DIR/$1.log"
		status=$?
		expect "$1: exit status of $word" $status -le 1
		[ ! -s "$LAB_DIR/$1.out" ] || python3 -m json.tool "$LAB_DIR/$1.out" >/dev/null ||
			fail "$1: $word printed no JSON"
		# shellcheck disable=SC2086
		lab_muga --shm-dir "$LAB_DIR/$1" --count 1 $word >"$LAB_DIR/$1.out" 2>&1
		expect "$1: exit status of $word as text" $? -le 1
	done
}

size=$(stat -c %s "$LAB_SHM/signaling.seg")
for name in cut-header cut-table cut-end noise-header noise-table foreign; do
	mkdir "$LAB_DIR/$name"
	cp --sparse=always "$LAB_SHM"/*.seg "$LAB_DIR/$name"
	for file in "$LAB_DIR/$name"/*.seg; do
		case $name in
		cut-header) truncate -s 60 "$file" ;;
		cut-table) truncate -s 20000 "$file" ;;
		cut-end) truncate -s $((size - 4096)) "$file" ;;
		noise-header) dd if=/dev/urandom of="$file" bs=1 seek=12 count=200 conv=notrunc ;;
		noise-table) dd if=/dev/urandom of="$file" bs=4096 seek=1 count=60 conv=notrunc ;;
		foreign) head -c 100000 /dev/urandom >"$file" ;;
		esac 2>/dev/null
	done
	hostile $name
done
mkdir "$LAB_DIR/fifo"
mkfifo "$LAB_DIR/fifo/signaling.seg" "$LAB_DIR/fifo/media.seg"
hostile fifo
echo "ok hostile files"

# What sits at the socket is not muga-signaling.
socket=$LAB_DIR/run/muga.sock
rm -f "$socket"
echo '{"calls": []}' >"$socket"
verb 3 no-socket show calls --json
rm -f "$socket"
printf 'SSH-2.0-x\r\n' | lab_exec muga timeout 10 nc -U -l -N "$socket" >/dev/null &
lab_wait_for 5 test -S "$socket" || fail "nc does not listen"
verb 3 foreign-socket show calls --json
[ ! -s "$LAB_DIR/foreign-socket.out" ] || fail "an answer was made of nothing"
wait
echo "ok hostile socket"
