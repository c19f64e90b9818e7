muga_fuzz(uri signaling_sip)
