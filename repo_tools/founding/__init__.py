"""Found a repository: ``plan`` says who may sign what (pure), ``steps`` make it so."""
