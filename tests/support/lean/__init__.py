"""What a host's module path begins with, so that extras of this environment look absent there."""
