# media_xdp.sh - muga-media on its own with ports of kind xdp: RTP both ways, IPv4 and IPv6, kill -9 and start,
# a new segment file, a clean stop.
KIND=xdp
. "$(dirname "$0")/media_steps_lib.sh"
