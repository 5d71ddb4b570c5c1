"""What a new version of a role changes, in words: what people read before they sign, and in the log.

Pure, but for ``reading``. Two changes that differ in anything that is signed never read the same: what is not
known by name is told by its field, free text is quoted, and what is cut short carries its digest.
"""
