muga_fuzz(framing signaling_sip)
