"""The texts that `handgrad new` writes: {slug}, {title} and the paths are filled in, `[fill: …]` is left."""
