muga_fuzz(ws signaling_net)
