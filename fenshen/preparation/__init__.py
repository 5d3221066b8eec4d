"""From pictures and videos to a dataset: ``sources`` lists, ``cutting`` cuts portraits, ``prepare`` joins."""
