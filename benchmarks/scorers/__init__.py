"""Networks that score finished samples: the critic and the circuit."""
