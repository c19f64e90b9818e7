muga_fuzz(state signaling_call)
