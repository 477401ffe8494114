"""Networks of other packages and programs, made ready to be served."""
