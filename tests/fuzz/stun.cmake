muga_fuzz(stun muga_proto)
