muga_fuzz(sip signaling_sip)
