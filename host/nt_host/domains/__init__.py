"""How many neurons share a power domain: fewer DACs against accuracy after adaptation."""
