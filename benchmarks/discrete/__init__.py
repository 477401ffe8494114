"""What families of discrete samples are worth: one part for each model that ships."""
