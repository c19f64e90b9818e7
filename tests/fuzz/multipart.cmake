muga_fuzz(multipart signaling_sip)
