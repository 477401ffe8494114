"""Networks beside a model that score finished samples, whatever made them."""
