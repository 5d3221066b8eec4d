"""Quality of generated pictures: close to real ones, as varied, and not copied from them."""
