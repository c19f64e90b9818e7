muga_fuzz(keepalive signaling_net)
