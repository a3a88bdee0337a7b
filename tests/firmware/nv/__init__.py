"""Power failures of the non-volatile store."""
