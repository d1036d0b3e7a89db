"""Discrete tokens of sound, as Bark is trained on them: semantic by HuBERT and a quantizer, acoustic by EnCodec."""
