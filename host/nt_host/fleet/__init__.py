"""Many simulated chips: one small function per chip, run on all cores or on a cluster, kept chip by chip."""
