muga_fuzz(sdp signaling_sip)
