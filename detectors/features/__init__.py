"""From pictures to features: backbones and their weights, one pass over the pictures, and the store that keeps it."""
