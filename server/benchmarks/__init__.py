"""What `safelight bench` measures: Safelight beside the same work without it, in turns."""
