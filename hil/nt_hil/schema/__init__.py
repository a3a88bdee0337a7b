"""The message definitions of `messages.toml` and what is generated from them."""
