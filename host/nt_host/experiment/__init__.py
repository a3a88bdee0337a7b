"""Named experiments: pretrain per seed, adapt per domain and seed, and a table with mean and spread."""
