"""`emogen describe`: what is wanted of a data set's images, who says it, and how an interrupted description goes on."""
