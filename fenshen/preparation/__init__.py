"""From pictures and videos to a dataset: ``sources`` reads, ``planning`` shares out, ``joining`` decides."""
