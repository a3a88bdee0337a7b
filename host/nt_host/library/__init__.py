"""A library of code vectors: of codes that were learned before, take those that fit the labelled samples best."""
