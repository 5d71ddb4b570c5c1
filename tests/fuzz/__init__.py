"""Foreign bytes against every parser: a sample in the suite, and as long as wanted by ``make fuzz``."""
