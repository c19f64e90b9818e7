muga_fuzz(sequence signaling_call)
