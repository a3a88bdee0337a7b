"""A teacher on the host, which sees every float, labels samples that nobody labelled; the chip learns from them too."""
