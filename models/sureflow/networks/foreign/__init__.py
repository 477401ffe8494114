"""Networks of other packages and programs, and what their numbers mean."""
