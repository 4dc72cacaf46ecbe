"""Small libraries that a process is made to load first; they need no change to the daemon."""
