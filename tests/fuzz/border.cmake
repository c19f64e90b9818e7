muga_fuzz(border signaling_call)
