"""Studies: experiments that hold the tool against the paper's figures and end in tables, pictures and checks."""
