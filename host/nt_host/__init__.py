"""Host tool: command line, compiler, tasks and encoders, learning loop, experiments and reports."""
