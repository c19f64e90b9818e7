muga_fuzz(dns signaling_net)
