"""ODE flows: samples by integrating a velocity from noise to data."""
