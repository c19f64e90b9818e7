# The report of bench/relay/run from its lines of results: median over the rounds; ci95 of the ratio where
# there is one, else of the value (Student's t over the rounds; with one round both ends are the value).
def t: [0, 12.71, 4.30, 3.18, 2.78, 2.57, 2.45, 2.36, 2.31][length - 1] // 2.26;
def mean: add / length;
def sd: mean as $m | if length < 2 then 0 else
	(map((. - $m) * (. - $m)) | add / (length - 1) | sqrt) end;
def ci: mean as $m | (if length < 2 then 0 else t * sd / (length | sqrt) end) as $w | [$m - $w, $m + $w];
def median: sort | .[(length / 2) | floor];
def of($kind; $peer; f): [.[] | select(.kind == $kind and .peer == $peer) | f];

# A ratio where the peer's figures have one.
def figure($name; $unit; $kind; $peer; f):
	of($kind; $peer; f) as $ours | of($kind; "rtpengine"; f) as $theirs |
	if ($ours | length) == 0 then empty
	elif ($theirs | length) == 0 then
		{name: $name, value: ($ours | median), unit: $unit, ci95: ($ours | ci)}
	else {name: $name, value: ($ours | median), unit: $unit, peer: "rtpengine",
		peer_value: ($theirs | median)} +
		([$ours, $theirs] | transpose | map(select(.[0] != null and .[1] != null and .[1] > 0) |
			.[0] / .[1]) | if length == 0 then {ci95: ($ours | ci)}
			else {ratio: median, ci95: ci} end)
	end;

{name: "relay",
 valid: (all(.[]; (.limited_by_generator | not) and .stranger_share < 0.1) and
	([.[].peer] | unique | index("rtpengine") != null)),
 machine: {cpu: $cpu, kernel: $kernel, cores: $cores, load_before: $load, git: $git,
	rtpengine: $rtpengine, is_quick: $quick, core_share_percent: $share},
 notes: ($notes + (if any(.[]; .limited_by_generator) then ["the generator was the limit of: " +
	([.[] | select(.limited_by_generator) | .kind + " " + .peer] | unique | join(", "))] else [] end)
	+ (if any(.[]; .stranger_share >= 0.1) then ["other processes used up to " +
	([.[].stranger_share] | max * 100 | round | tostring) + " % of a core"] else [] end)),
 figures: [
	figure("xdp_pps"; "packets/s"; "plain"; "xdp"; .pps),
	figure("packet_pps"; "packets/s"; "plain"; "packet"; .pps),
	figure("xdp_ns_per_packet"; "ns"; "plain"; "xdp"; .ns_per_packet),
	figure("packet_ns_per_packet"; "ns"; "plain"; "packet"; .ns_per_packet),
	figure("srtp_pps"; "packets/s"; "srtp"; "xdp"; .pps),
	figure("srtp_ns_per_packet"; "ns"; "srtp"; "xdp"; .ns_per_packet),
	figure("v4v6_pps"; "packets/s"; "v4v6"; "xdp"; .pps),
	figure("v4v6_ns_per_packet"; "ns"; "v4v6"; "xdp"; .ns_per_packet),
	figure("overload_pps"; "packets/s"; "overload"; "xdp"; .pps),
	figure("overload_2x"; "of overload_pps"; "overload"; "xdp"; .arrived_2x),
	figure("overload_4x"; "of overload_pps"; "overload"; "xdp"; .arrived_4x),
	figure("flood_neighbour_loss"; "part"; "overload"; "xdp"; .neighbour_loss),
	figure("after_flood_loss"; "part"; "overload"; "xdp"; .after_flood_loss)]}
