# record.sh - a call is recorded while two telephones talk: both legs are in the file, tshark reads it, and the
# speech of either side is found in it. A second recording of the same call is decrypted, has a name of its own
# and its files the configured mode; a disk without room is told, and costs the call nothing.
. "$(dirname "$0")/lib.sh"
need baresip espeak-ng sox jq tshark xxd
open_lab
lab_config "$LAB_DIR/muga.yaml"
cat >>"$LAB_DIR/muga.yaml" <<-END
recording: { folder: $LAB_DIR/calls, mode: "0640", free_min: 1MiB }
END
lab_start_muga || fail "Muga did not start"

lab_speech "$LAB_DIR/alice.wav" en+m3 "The boundary stone stands where two fields meet. Whoever walks from one
	field to the other passes by the stone, and the stone sees who comes." 60 || fail "no speech"
lab_speech "$LAB_DIR/bob.wav" en+f3 "Good morning, this is the core side. I hear you well, and I hope that you
	hear me too, from the first word to the very last one." 60 || fail "no speech"
lab_phone bob phone-b "$LAB_PHONE_B4" "$LAB_DIR/bob.wav.padded.wav"
lab_wait_for 10 grep -q 'baresip is ready' "$LAB_DIR/bob.log" || fail "bob's telephone did not start"
lab_phone alice phone-a "$LAB_PHONE_A4" "$LAB_DIR/alice.wav.padded.wav" "sip:bob@$LAB_MUGA_A4"
lab_wait_for 15 lab_phone_is_in_call alice || fail "alice's call was not answered"

call=$(lab_muga show calls --json | jq -r '.calls[0].token')
recordings() { lab_muga show recordings --json | jq -r "$1"; }
is_state() { [ "$(recordings ".recordings[$1].state")" = "$2" ]; }
lab_muga record start 0123456789abcdef 2>/dev/null && fail "a call that is not there is recorded"
lab_muga record start "$call" || fail "the recording was refused"
lab_wait_for 5 is_state 0 running || fail "the recording does not run"
lab_muga record start "$call" 2>/dev/null && fail "one call is recorded twice at once"
sleep 7
lab_muga record stop "$call" || fail "the recording was not stopped"
lab_wait_for 5 is_state 0 done || fail "the file was not closed"
raw=$(recordings '.recordings[0].file')

lab_muga record start "$call" --decrypted --file mine || fail "the second recording was refused"
lab_wait_for 5 is_state 0 running || fail "the second recording does not run"
sleep 2
lab_muga record stop "$call"
lab_wait_for 5 is_state 0 done || fail "the second file was not closed"
expect "packets lost on their way to the file" "$(recordings '.recordings[0].lost')" -eq 0
clear=$LAB_DIR/calls/mine.pcapng
expect "name of the second file" "$(recordings '.recordings[0].file')" = "$clear"
expect "mode of the files" "$(stat -c %a "$raw" "$clear" | sort -u)" = 640

# No room, no file; nobody hears of it.
sed -i 's/free_min: 1MiB/free_min: 1024GiB/' "$LAB_DIR/muga.yaml"
lab_stop muga-media
lab_start_media || fail "muga-media did not start again"
lab_muga record start "$call" --file third || fail "the third recording was refused"
lab_wait_for 5 is_state 0 failed || fail "a full disk is not told"
recordings '.recordings[0].reason' | grep -q 'No space' || fail "nobody says that the disk is full"
lab_muga record stop "$call"

# Both files are good to another reader, with each leg on an interface of its own.
rtp() { # FILE INTERFACE: the payload of its packets, as A-law
	tshark -r "$1" -d udp.port==1024-65535,rtp -Y "frame.interface_id == $2 && rtp.p_type == 8" \
		-T fields -e rtp.payload 2>/dev/null | xxd -r -p
}
for file in "$raw" "$clear"; do
	tshark -r "$file" >/dev/null 2>"$LAB_DIR/tshark.log" || fail "tshark does not read ${file##*/}"
	for leg in 0 1; do
		expect "RTP of leg $leg in ${file##*/}, ms" "$(($(rtp "$file" $leg | wc -c) / 8))" -gt 1500
	done
	tshark -r "$file" -Y "frame.comment contains \"call=$call leg=b\"" 2>/dev/null | grep -q . ||
		fail "packets do not carry the call's name"
done

# What was said is there to be heard.
heard() { # WHO INTERFACE
	rtp "$raw" "$2" >"$LAB_DIR/$1.al"
	sox -q -t al -r 8000 -c 1 "$LAB_DIR/$1.al" -e signed -b 16 "$LAB_DIR/$1.found.wav" || fail "no audio of $1"
	"$(muga_program wavmatch)" --min 60 "$LAB_DIR/$1.found.wav" "$LAB_DIR/$1.wav.padded.wav" ||
		fail "the recording does not have $1's speech"
}
heard alice 0
heard bob 1
expect "calls" "$(calls_alive)" -eq 1
lab_stop alice
