"""Change keys: ``rotation`` in peace, ``compromise`` after a theft, ``halves`` refuses to do it by half.

``honest`` remembers, beside what is staged, which timestamp was the last that a thief did not sign;
``online`` takes the key of timestamp and snapshot through three publications.
"""
