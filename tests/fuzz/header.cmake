muga_fuzz(header signaling_sip)
