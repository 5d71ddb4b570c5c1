"""The host's side: poll, resolve, decide, fetch, verify, install, try, commit or go back."""
