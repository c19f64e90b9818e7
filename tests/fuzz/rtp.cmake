muga_fuzz(rtp muga_media_lib)
