"""From the drop box to numbers: what hosts said is verified, counted once, and kept as Parquet files.

``box`` lists what was dropped, ``hearing`` verifies it (pure, in several processes), ``placing`` says
which wave a host is in, ``lake`` keeps what was counted and who enrolled, ``run`` does it all once.
"""
