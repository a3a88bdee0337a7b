"""Systems that the field measures itself against, each a study of its own (issue 7, item 5)."""
