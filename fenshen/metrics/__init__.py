"""How good generated pictures are: near to real ones, as varied as they, and not copied from them."""
