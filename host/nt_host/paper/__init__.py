"""The comparisons of tables 1 to 8 of Barton et al. 2022 (doi 10.3390/jlpea12040059)."""
