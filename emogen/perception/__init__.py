"""What can be known of an image without a person: statistics of its pixels and classes of its objects."""
