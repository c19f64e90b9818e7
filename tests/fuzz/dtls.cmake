muga_fuzz(dtls muga_dtls)
